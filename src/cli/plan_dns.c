/*
 * The mail exchangers of the largest domains, asked all at once as a route via mx would ask them,
 * on a loop of its own. What is not answered in time is not known.
 */
#include "plan.h"

#include "postrider/loop.h"

struct asking {
	pr_loop *loop;
	pr_dns *dns;
	struct pr_timer timer;
	bool late;
};

static void
on_late(struct pr_timer *t)
{
	PR_CONTAINER(t, struct asking, timer)->late = true;
}

static void
on_mx(struct pr_dns_wait *w, const struct pr_mx *mx)
{
	PR_CONTAINER(w, struct plan_domain, wait)->mx = mx;
}

/* What has come; without `temporary` only what says something. */
static size_t
count(const struct plan_rows *r, size_t n, bool temporary)
{
	size_t answered = 0;
	for (size_t i = 0; i < n; i++) {
		const struct pr_mx *mx = r->domains[i]->mx;
		answered += mx && (temporary || mx->kind != PR_MX_TEMP);
	}
	return answered;
}

static void
ask_all(struct asking *a, struct plan_rows *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct plan_domain *d = r->domains[i];
		d->wait = (struct pr_dns_wait){.done.mx = on_mx};
		d->mx = pr_dns_mx(a->dns, d->name, &d->wait);
	}
	pr_timer_init(&a->timer, a->loop, on_late);
	pr_timer_start(&a->timer, PLAN_DNS_MS);
	while (count(r, n, true) < n && !a->late)
		pr_loop_turn_wait(a->loop);
	pr_timer_stop(&a->timer);
	for (size_t i = 0; i < n; i++)
		pr_dns_forget(&r->domains[i]->wait);
}

int
plan_dns_ask(const struct pr_config *config, struct plan_rows *r, size_t *answered,
             struct pr_error *e)
{
	const char *servers[PR_DNS_SERVERS_MAX];
	struct pr_dns_options options = {0};
	struct asking a = {0};
	size_t n = r->domains_n < PLAN_ASKED_MAX ? r->domains_n : PLAN_ASKED_MAX;
	int result = pr_loop_create(&a.loop, e);
	if (result < 0)
		return result;
	pr_config_dns(config, servers, &options);
	options.loop = a.loop;
	result = pr_dns_create(&options, &a.dns, e);
	if (result == 0) {
		ask_all(&a, r, n);
		*answered = count(r, n, false);
		pr_dns_destroy(a.dns);
	}
	while (pr_loop_turn(a.loop)) /* its sockets close */
		;
	pr_loop_destroy(a.loop);
	return result;
}
