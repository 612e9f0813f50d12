/*
 * What holds whatever receivers say and however time goes: a lane driven at random, held against
 * models that know nothing of how it is made.
 */
#include "shaping_world.h"

#include "postrider/base/hash.h"

#include <math.h>

#define STEPS 5000

static const char own[] =
    "default: {connections: 12, start: 3, message_rate: 200/s, connection_rate: 600/m}\n"
    "providers:\n"
    "  acme: {exchangers: [acme.example], connections: 9, start: 9, message_rate: 7/s, burst: 4,\n"
    "    provider_connections: 6, provider_message_rate: 100/m}\n"
    "rules:\n"
    "- {reply: stop, action: suspend, count: 2, within: 1m, for: 20s}\n"
    "- {reply: slow, action: throttle, factor: 0.5, count: 3, within: 1m, for: 2m}\n"
    "- {reply: crawl, action: throttle, rate: 6/m, for: 30s}\n"
    "- {reply: fewer, action: fewer_connections, for: 1m}\n"
    "- {reply: short, action: fewer_messages_per_connection, for: 1m}\n"
    "- {reply: later, action: defer, retry: 5m}\n";

static const struct {
	enum pr_class class_;
	const char *text;
} said[] = {
    {PR_CLASS_RATE_LIMITED, "421 stop"},
    {PR_CLASS_RATE_LIMITED, "450 slow"},
    {PR_CLASS_RATE_LIMITED, "421 crawl"},
    {PR_CLASS_SYSTEM, "421 fewer"},
    {PR_CLASS_SYSTEM, "451 short"},
    {PR_CLASS_POLICY, "550 later"},
    {PR_CLASS_RATE_LIMITED, "421 too fast"},
    {PR_CLASS_REPUTATION, "554 5.7.1 listed"},
    {PR_CLASS_NETWORK, ""},
    {PR_CLASS_GREYLISTED, "450 4.2.0 greylisted"},
    {PR_CLASS_USER_UNKNOWN, "550 5.1.1 who"},
    {PR_CLASS_POLICY, "451 4.7.1 policy"},
};

static uint64_t state;

static unsigned
random_below(unsigned n)
{
	state = pr_mix64(state);
	return (unsigned)(state % n);
}

/* A bucket that leaks at the rate and holds what may go at once. */
struct bucket {
	double per_ms, size, level;
	int64_t at_ms;
};

static struct bucket
bucket(struct pr_rate rate, double burst)
{
	double per_ms = (double)rate.count / rate.period_ms;
	return (struct bucket){per_ms, fmax(burst, 1 + 20 * per_ms), 0, now};
}

static void
pour(struct bucket *b, int64_t at_ms)
{
	b->level = fmax(0, b->level - (double)(at_ms - b->at_ms) * b->per_ms) + 1;
	b->at_ms = at_ms;
	ck_assert_double_le(b->level, b->size + 1e-6);
}

struct world {
	struct pr_shape lanes[3];
	struct bucket messages[3], connects[3], shared;
	int64_t halved_ms[3];
	uint64_t sent;
};

static void
world_make(struct world *w, const char *provider)
{
	world_begin(own, provider);
	const struct pr_shaping_policy *p = shape.policy;
	w->sent = 0;
	w->shared = bucket(p->provider_message_rate.rate, 1);
	for (int i = 0; i < 3; i++) {
		pr_shape_init(&w->lanes[i], shaping, p, &group, 1000);
		w->messages[i] = bucket(p->message_rate.rate, (double)p->burst.n);
		w->connects[i] = bucket(p->connection_rate.rate, (double)p->connections.n);
		w->halved_ms[i] = INT64_MIN / 2;
	}
}

static void
send_some(struct world *w, int i)
{
	struct pr_shape *s = &w->lanes[i];
	for (unsigned n = random_below(30); n > 0; n--) {
		int64_t at = pr_shape_may_send(s, now, &why);
		ck_assert(at == 0 || at > now);
		if (at) {
			ck_assert(why.limit && why.who && *why.who);
			return;
		}
		pr_shape_sent(s, now);
		pour(&w->messages[i], now);
		if (w->shared.per_ms > 0)
			pour(&w->shared, now);
		w->sent++;
	}
}

static void
connect_some(struct world *w, int i)
{
	struct pr_shape *s = &w->lanes[i];
	for (unsigned n = random_below(12); n > 0; n--) {
		int64_t at = pr_shape_may_connect(s, now, &why);
		ck_assert(at == 0 || at > now);
		if (at)
			return;
		pr_shape_connected(s, now);
		pour(&w->connects[i], now);
		ck_assert_uint_le(s->connections, pr_shape_connections(s, now));
		if (s->policy->provider_connections.n)
			ck_assert_uint_le(group.connections,
			                  (unsigned)s->policy->provider_connections.n);
	}
}

static void
hear_something(struct world *w, int i)
{
	unsigned n = random_below(ROWS(said));
	struct pr_shape *s = &w->lanes[i];
	double before = s->limit;
	struct pr_shape_done done = world_tell(s, (enum pr_smtp_stage)random_below(PR_STAGE_RSET),
	                                       said[n].class_, said[n].text);
	bool halved = done.actions & PR_SHAPE_HALVED;
	ck_assert(halved == (s->limit < before));
	ck_assert(done.lifts_ms == 0 || (done.lifts_ms > now && done.lifts_ms <= now + 2 * MINUTE));
	if (!halved)
		return;
	ck_assert_int_ge(now - w->halved_ms[i], PR_SHAPE_FALL_MS);
	w->halved_ms[i] = now;
}

static void
check_limit(const struct pr_shape *s)
{
	ck_assert_double_ge(s->limit, 1);
	ck_assert_double_le(s->limit, (double)s->policy->connections.n);
	ck_assert_uint_ge(s->connections_max, 1);
}

/* A copy of it, saved and restored on another clock, is as good. */
static void
keep(struct world *w, int i)
{
	struct pr_buf saved = {0};
	struct pr_shape copy;
	pr_shape_init(&copy, shaping, w->lanes[i].policy, NULL, 1000);
	size_t n = pr_shape_save(&w->lanes[i], now, 1795000000000 + now, &saved);
	ck_assert_uint_le(n, PR_SHAPE_TEXT_MAX);
	if (n)
		ck_assert_int_eq(
		    pr_shape_restore(&copy, pr_buf_str(&saved), 77, 1795000000000 + now), 0);
	ck_assert_uint_eq(pr_shape_connections(&copy, 77), pr_shape_connections(&w->lanes[i], now));
	ck_assert_uint_eq(pr_shape_messages(&copy, 77), pr_shape_messages(&w->lanes[i], now));
	pr_shape_finish(&copy);
	pr_buf_finish(&saved);
}

static void
step(struct world *w)
{
	int i = (int)random_below(3);
	now += random_below(20) ? random_below(40) : random_below(30000);
	switch (random_below(16)) {
	case 0: hear_something(w, i); break;
	case 1: keep(w, i); break;
	case 2:
	case 3:
	case 4: connect_some(w, i); break;
	case 5:
		while (w->lanes[i].connections && random_below(3))
			pr_shape_closed(&w->lanes[i]);
		break;
	case 6:
	case 7: pr_shape_accepted(&w->lanes[i], random_below(500)); break;
	default: send_some(w, i);
	}
	check_limit(&w->lanes[i]);
}

START_TEST(limits_hold_whatever_happens)
{
	struct world w;
	state = (uint64_t)_i + 1;
	now = 1000 * HOUR;
	world_make(&w, _i % 2 ? "acme" : "");
	for (int i = 0; i < STEPS; i++)
		step(&w);
	ck_assert_uint_gt(w.sent, 200);
	for (int i = 0; i < 3; i++)
		pr_shape_finish(&w.lanes[i]);
	ck_assert_uint_eq(group.connections, 0);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {{limits_hold_whatever_happens, 40}};
	return suite_run("shaping_random", NULL, world_end, tests, ROWS(tests));
}
