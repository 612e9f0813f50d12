/*
 * Look-ups that block: pr_dns on a loop of its own, turned until the answer is there. Each
 * answer is kept as text in an arena for as long as the resolver lives.
 */
#include "postrider/doctor.h"

#include "postrider/base/clock.h"

#include <arpa/inet.h>
#include <stdlib.h>

struct pr_doctor_resolver {
	pr_loop *loop;
	pr_dns *dns;
	struct pr_arena arena;
	struct pr_dns_wait wait;
	const struct pr_dns_answer *answer;
	struct pr_timer tick; /* while there is a limit: look at it */
	int64_t until_ms;     /* monotonic; 0: no limit */
	const _Atomic bool *stop;
};

#define TICK_MS 100

static void
on_answer(struct pr_dns_wait *w, const struct pr_dns_answer *answer)
{
	PR_CONTAINER(w, struct pr_doctor_resolver, wait)->answer = answer;
}

static struct pr_str
text_of(struct pr_doctor_resolver *r, enum pr_dns_type type, const struct pr_dns_record *record)
{
	char text[INET6_ADDRSTRLEN];
	switch (type) {
	case PR_DNS_A:
		inet_ntop(AF_INET, &record->u.address.in.sin_addr, text, sizeof text);
		return pr_arena_copy(&r->arena, pr_str(text));
	case PR_DNS_AAAA:
		inet_ntop(AF_INET6, &record->u.address.in6.sin6_addr, text, sizeof text);
		return pr_arena_copy(&r->arena, pr_str(text));
	case PR_DNS_MX: return pr_arena_copy(&r->arena, pr_str(record->u.mx.name));
	case PR_DNS_TXT: return pr_arena_copy(&r->arena, record->u.txt);
	default: return pr_arena_copy(&r->arena, pr_str(record->u.name));
	}
}

static bool
is_over(const struct pr_doctor_resolver *r)
{
	return (r->until_ms && pr_mono_ms() >= r->until_ms) || (r->stop && *r->stop);
}

static enum pr_dns_status
look_up(void *context, const char *name, enum pr_dns_type type, struct pr_doctor_answer *out)
{
	struct pr_doctor_resolver *r = context;
	out->n = 0;
	if (is_over(r))
		return PR_DNS_TEMP;
	r->wait = (struct pr_dns_wait){.done.answer = on_answer};
	r->answer = pr_dns_ask(r->dns, name, type, &r->wait);
	while (!r->answer && !is_over(r))
		pr_loop_turn_wait(r->loop);
	if (!r->answer) {
		pr_dns_forget(&r->wait);
		return PR_DNS_TEMP;
	}
	enum pr_dns_status status = r->answer->status;
	for (size_t i = 0; i < r->answer->n && out->n < PR_DOCTOR_RECORDS_MAX; i++)
		out->records[out->n++] = text_of(r, type, &r->answer->records[i]);
	pr_dns_answer_unref(r->answer);
	r->answer = NULL;
	return status;
}

static void
on_tick(struct pr_timer *t)
{
	pr_timer_start(t, TICK_MS);
}

int
pr_doctor_resolver_create(const struct pr_config *config, pr_doctor_resolver **out,
                          struct pr_error *e)
{
	const char *servers[PR_DNS_SERVERS_MAX];
	struct pr_dns_options options = {0};
	if (config)
		pr_config_dns(config, servers, &options);
	struct pr_doctor_resolver *r = pr_calloc(1, sizeof *r);
	pr_arena_init(&r->arena);
	int code = pr_loop_create(&r->loop, e);
	options.loop = r->loop;
	if (code == 0) {
		pr_timer_init(&r->tick, r->loop, on_tick);
		code = pr_dns_create(&options, &r->dns, e);
	}
	if (code < 0)
		pr_doctor_resolver_destroy(r);
	else
		*out = r;
	return code;
}

struct pr_doctor_dns
pr_doctor_resolver_dns(pr_doctor_resolver *r)
{
	return (struct pr_doctor_dns){look_up, r};
}

void
pr_doctor_resolver_limit(pr_doctor_resolver *r, int64_t ms, const _Atomic bool *stop)
{
	r->until_ms = pr_mono_ms() + ms;
	r->stop = stop;
	pr_timer_start(&r->tick, TICK_MS);
}

void
pr_doctor_resolver_destroy(pr_doctor_resolver *r)
{
	if (!r)
		return;
	if (r->loop)
		pr_timer_stop(&r->tick);
	if (r->dns)
		pr_dns_destroy(r->dns);
	while (r->loop && pr_loop_turn(r->loop)) /* its sockets close */
		;
	if (r->loop)
		pr_loop_destroy(r->loop);
	pr_arena_finish(&r->arena);
	free(r);
}
