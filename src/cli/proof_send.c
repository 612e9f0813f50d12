/*
 * How proofs leave: by a route, on a loop of our own, step by step.
 *
 *   via mx: the exchangers of the address [-> its MTA-STS policy] -> what shaping says of them
 *   a source of the route -> one connection takes them all
 *                         -> it took none: the next source
 *
 * What a connection took and did not answer has failed: nothing is tried twice.
 */
#include "proof.h"

#include "postrider/loop.h"
#include "postrider/shaping.h"

struct sending {
	struct proofs *proofs;
	const struct pr_config *config; /* NULL: none */
	const struct pr_route *route;
	pr_loop *loop;
	pr_dns *dns; /* via mx, as sts */
	pr_sts *sts;
	pr_tls *tls;
	struct pr_dns_wait wait;
	const struct pr_mx *mx;             /* NULL: not known yet */
	const struct pr_sts_policy *policy; /* NULL: the same, or not asked for */
	struct pr_exchanger exchangers[PR_EXCHANGERS_MAX];
	size_t exchangers_n;
	pr_shaping *shaping;
	const struct pr_shaping_policy *shape; /* of the receiver; NULL: not via mx */
	pr_connection *connection;
	unsigned taken;
	bool last, ended; /* last: no source is left but the one at hand */
};

/* ---- what became of them ---- */

static void
say(struct proof *p, const struct pr_smtp_result *r)
{
	char text[PR_REPLY_TEXT_MAX + 1];
	if (p->done)
		return;
	p->done = true;
	p->accepted = r->answered && r->stage == PR_STAGE_DOT && r->reply.code / 100 == 2;
	const uint8_t *x = r->reply.enhanced;
	if (!r->answered)
		snprintf(p->said, sizeof p->said, "%s%s", r->why ? r->why : "not sent",
		         r->in_doubt ? " (it may have arrived)" : "");
	else if (x[0])
		snprintf(p->said, sizeof p->said, "%d %u.%u.%u %s", r->reply.code, x[0], x[1], x[2],
		         pr_str_show(r->reply.text, text, sizeof text));
	else
		snprintf(p->said, sizeof p->said, "%d %s", r->reply.code,
		         pr_str_show(r->reply.text, text, sizeof text));
}

static void
say_all(struct proofs *p, const struct pr_smtp_result *r)
{
	for (unsigned i = 0; i < p->n; i++)
		say(&p->items[i], r);
}

/* ---- the connection ---- */

static struct pr_envelope *
on_next(void *context)
{
	struct sending *s = context;
	if (s->taken < s->proofs->n)
		return &s->proofs->items[s->taken++].envelope;
	pr_connection_quit(s->connection);
	return NULL;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	(void)context, (void)m;
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	(void)context;
	say(PR_CONTAINER(m, struct proof, envelope), r);
}

/* What ended the connection is told of it: see on_ended. */
static void
on_returned(void *context, struct pr_envelope *m)
{
	(void)context, (void)m;
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct sending *s = context;
	if (s->taken || s->last)
		say_all(s->proofs, r);
	s->ended = true;
	pr_loop_stop(s->loop);
}

static const struct pr_connection_events events = {on_next, on_wire, on_result, on_returned,
                                                   on_ended};

/* source: NULL, the system chooses. */
static int
send_from(struct sending *s, const char *source, struct pr_error *e)
{
	const struct pr_config *c = s->config;
	const char *hostname = c && c->hostname.p ? c->hostname.p : "localhost";
	struct pr_target_options options = {.hostname = hostname, .dns = s->dns, .tls = s->tls};
	struct pr_route_target *target;
	if (s->shape)
		pr_target_shape(&options, s->shape);
	if (source && pr_target_source(&options, c, source) < 0)
		return pr_fail(e, PR_EINVAL, "the route's source %s is no address", source);
	int rc = pr_target_open(s->loop, s->route, &options, &target, e);
	if (rc < 0)
		return rc;
	if (s->mx)
		pr_target_lead(target, s->exchangers, s->exchangers_n);
	s->ended = false;
	s->connection = pr_connection_open(target, &events, s);
	while (!s->ended)
		pr_loop_run(s->loop);
	pr_loop_turn(s->loop);
	pr_target_close(target);
	return 0;
}

static int
send_by_sources(struct sending *s, struct pr_error *e)
{
	const struct pr_texts *sources = &s->route->sources;
	int rc = 0;
	s->last = sources->n == 0;
	if (s->last)
		return send_from(s, NULL, e);
	for (size_t i = 0; rc == 0 && !s->taken && i < sources->n; i++) {
		s->last = i + 1 == sources->n;
		rc = send_from(s, sources->items[i].p, e);
	}
	return rc;
}

/* ---- where to, via mx ---- */

static void
on_mx(struct pr_dns_wait *w, const struct pr_mx *mx)
{
	PR_CONTAINER(w, struct sending, wait)->mx = mx;
}

static void
on_policy(struct pr_dns_wait *w, const struct pr_sts_policy *policy)
{
	PR_CONTAINER(w, struct sending, wait)->policy = policy;
}

static void
find_policy(struct sending *s, const char *domain)
{
	s->wait.done.policy = on_policy;
	s->policy = pr_sts_find(s->sts, domain, &s->wait);
	while (!s->policy)
		pr_loop_turn_wait(s->loop);
}

/* False: there is no way there; said of all. */
static bool
find_exchangers(struct sending *s)
{
	const char *domain = pr_mailbox_domain(&s->proofs->to).p; /* to the address's end */
	struct pr_smtp_result nowhere = {.stage = PR_STAGE_CONNECT};
	s->wait.done.mx = on_mx;
	s->mx = pr_dns_mx(s->dns, domain, &s->wait);
	while (!s->mx)
		pr_loop_turn_wait(s->loop);
	nowhere.why = s->mx->why;
	if (s->mx->kind == PR_MX_OK) {
		if (s->config->tls.mta_sts)
			find_policy(s, domain);
		s->exchangers_n = pr_exchangers_of(s->mx, s->policy, s->exchangers);
		nowhere.why = "the domain's MTA-STS policy names none of its exchangers";
	}
	if (s->exchangers_n == 0)
		say_all(s->proofs, &nowhere);
	return s->exchangers_n > 0;
}

static int
find_shape(struct sending *s, struct pr_error *e)
{
	const char *names[PR_EXCHANGERS_MAX];
	struct pr_problems problems = {0};
	int rc = pr_shaping_load(s->config->shaping.p, &problems, &s->shaping);
	if (rc < 0)
		pr_fail(e, rc, "shaping cannot be used (postriderd --check tells more): %s",
		        problems.n ? problems.items[0].what : "");
	pr_problems_finish(&problems);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < s->exchangers_n; i++)
		names[i] = s->exchangers[i].name;
	s->shape = pr_shaping_match_domain(s->shaping, pr_mailbox_domain(&s->proofs->to));
	if (!s->shape)
		s->shape = pr_shaping_match(s->shaping, names, s->exchangers_n);
	return 0;
}

static int
send_by_mx(struct sending *s, struct pr_error *e)
{
	const char *servers[PR_DNS_SERVERS_MAX];
	struct pr_dns_options options = {.loop = s->loop};
	pr_config_dns(s->config, servers, &options);
	int rc = pr_dns_create(&options, &s->dns, e);
	struct pr_sts_options sts = {
	    .dns = s->dns, .loop = s->loop, .ca_file = s->config->tls.ca_file.p};
	if (rc == 0)
		rc = pr_sts_create(&sts, &s->sts, e);
	if (rc < 0 || !find_exchangers(s))
		return rc;
	rc = find_shape(s, e);
	return rc < 0 ? rc : send_by_sources(s, e);
}

/* ---- all of it ---- */

static void
finish(struct sending *s)
{
	pr_sts_policy_unref(s->policy);
	pr_mx_unref(s->mx);
	pr_shaping_unref(s->shaping);
	if (s->sts)
		pr_sts_destroy(s->sts);
	if (s->dns)
		pr_dns_destroy(s->dns);
	while (s->loop && pr_loop_turn(s->loop)) /* sockets close */
		;
	if (s->loop)
		pr_loop_destroy(s->loop);
	pr_tls_destroy(s->tls);
}

int
proofs_send(struct proofs *p, const struct pr_config *config, const struct pr_route *route,
            struct pr_error *e)
{
	struct sending s = {.proofs = p, .config = config, .route = route};
	struct pr_tls_options tls = {.ca_file = config ? config->tls.ca_file.p : NULL};
	int rc = pr_tls_create(&tls, &s.tls, e);
	if (rc == 0)
		rc = pr_loop_create(&s.loop, e);
	if (rc == 0)
		rc = route->via == PR_VIA_MX ? send_by_mx(&s, e) : send_by_sources(&s, e);
	finish(&s);
	return rc;
}
