/* The owner of a connection of some route, which logs what it is told. */
#ifndef TESTS_ROUTE_OWNER_H
#define TESTS_ROUTE_OWNER_H

#include "peer.h"

#include "postrider/routes.h"

#define MESSAGES 4

/* The owner of one connection. Its log is that of the session tests, less the marks. */
struct owner {
	pr_loop *loop;
	struct pr_route_target *target;
	pr_connection *c;
	struct pr_envelope messages[MESSAGES];
	unsigned n, taken, wired, ends;
	struct pr_buf log, big;
	char why[300], peer[320];
	unsigned abort_at; /* abort from within the wire mark of this message */
	bool quit_when_dry;
	int64_t retry_after_ms; /* as it ended */
};

static void
owner_log(struct owner *o, const char *format, int i, const struct pr_smtp_result *r)
{
	if (o->log.len)
		pr_buf_addc(&o->log, ' ');
	pr_buf_addf(&o->log, format, i);
	if (r)
		pr_buf_addf(&o->log, ":%s:%d", pr_smtp_stage_word(r->stage), r->reply.code);
	if (r && r->in_doubt)
		pr_buf_adds(&o->log, "?");
}

static struct pr_envelope *
on_next(void *context)
{
	struct owner *o = context;
	if (o->taken == o->n && o->quit_when_dry)
		pr_connection_quit(o->c);
	return o->taken < o->n ? &o->messages[o->taken++] : NULL;
}

static void
on_wire(void *context, struct pr_envelope *m)
{
	struct owner *o = context;
	(void)m;
	if (++o->wired == o->abort_at)
		pr_connection_abort(o->c, "told to");
}

static void
on_result(void *context, struct pr_envelope *m, const struct pr_smtp_result *r)
{
	struct owner *o = context;
	owner_log(o, "r%d", (int)(m - o->messages) + 1, r);
}

static void
on_returned(void *context, struct pr_envelope *m)
{
	struct owner *o = context;
	owner_log(o, "b%d", (int)(m - o->messages) + 1, NULL);
}

static void
on_ended(void *context, const struct pr_smtp_result *r)
{
	struct owner *o = context;
	owner_log(o, "end", 0, r);
	snprintf(o->why, sizeof o->why, "%s", r->why ? r->why : "");
	snprintf(o->peer, sizeof o->peer, "%s", pr_connection_peer(o->c));
	o->retry_after_ms = r->retry_after_ms;
	o->ends++;
	o->c = NULL;
	pr_loop_stop(o->loop);
}

static const struct pr_connection_events events = {on_next, on_wire, on_result, on_returned,
                                                   on_ended};

static struct pr_text
text(const char *s)
{
	return (struct pr_text){.p = s, .n = strlen(s)};
}

static void
open_route(struct owner *o, const struct pr_route *route, struct pr_target_options options)
{
	static const char data[] = "Subject: x\r\n\r\n.hi\r\n";
	options.hostname = "me.example";
	for (unsigned i = 0; i < MESSAGES; i++)
		o->messages[i] = (struct pr_envelope){.from = "s@a.example",
		                                      .to = "r@b.example",
		                                      .data = data,
		                                      .size = sizeof data - 1,
		                                      .dots = true};
	if (!o->loop)
		ck_assert_int_eq(pr_loop_create(&o->loop, NULL), 0);
	ck_assert_int_eq(pr_target_open(o->loop, route, &options, &o->target, NULL), 0);
	ck_assert(!pr_target_differs(o->target, route, &options));
}

static void
run_connection(struct owner *o)
{
	unsigned ends = o->ends;
	o->c = pr_connection_open(o->target, &events, o);
	ck_assert_uint_eq(o->ends, ends);
	pr_loop_run(o->loop);
	ck_assert_uint_eq(o->ends, ends + 1);
	pr_loop_turn(o->loop);
}

static void
close_route(struct owner *o)
{
	pr_target_close(o->target);
	pr_loop_destroy(o->loop);
	pr_buf_finish(&o->log);
	pr_buf_finish(&o->big);
}

#endif
