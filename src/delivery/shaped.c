/*
 * Lanes and their shapes, for routes via mx: shaping/ knows what a receiver is granted, a lane asks
 * it before it connects, grants or sends, and tells it what came of it. On other routes the next
 * server is the operator's own, and the route's `connections` is all there is, unless it says
 * itself for how long it wants to hear nothing (hush: Retry-After of a provider's API).
 *
 *   lane made   -> policy by the site's exchangers, or its domain -> shape; what was kept of it
 *   next row    -> shaped_room: what may go in the next moment; else the lane asks again in time
 *   on the wire -> shaped_lets_send, debited there: as the receiver counts
 *   reply       -> shaped_heard: rules, and the adaptive limit
 *
 * What lanes of a provider share is their group's (group.c).
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <limits.h>

#define HORIZON_MS 100 /* granted so long before they may go: composing, a slow sync */
#define WRITE_MS (5 * PR_SECOND_MS)
#define LATENCY_SHARE 8 /* of the average a new value is */

/* ---- a lane's shape ---- */

static const struct pr_shaping_policy *
policy_of(const struct site *s)
{
	const char *names[PR_EXCHANGERS_MAX];
	pr_shaping *shaping = s->outlet->delivery->config->shapes;
	const struct pr_shaping_policy *p =
	    s->domain ? pr_shaping_match_domain(shaping, pr_str(s->domain)) : NULL;
	for (size_t i = 0; i < s->exchangers_n; i++)
		names[i] = s->exchangers[i].name;
	return p ? p : pr_shaping_match(shaping, names, s->exchangers_n);
}

static void
key_of(const struct lane *l, struct pr_buf *key)
{
	pr_buf_addf(key, KEPT_SHAPE "%s/%s/%s", l->site->outlet->name, l->source, l->site->key);
}

static void
restore(struct lane *l)
{
	struct pr_delivery *d = l->delivery;
	struct pr_buf key = {0};
	key_of(l, &key);
	const char *text = kept_find(d, key.data);
	if (text &&
	    pr_shape_restore(&l->shape, pr_str(text), pr_loop_now_ms(d->loop), pr_utc_ms()) < 0)
		PR_LOG(PR_LOG_WARNING, "state_odd", "%s: not a lane's; it begins anew", key.data);
	pr_buf_finish(&key);
}

static void
keep(struct lane *l)
{
	struct pr_delivery *d = l->delivery;
	struct pr_buf key = {0}, text = {0};
	pr_list_remove(&l->changed);
	key_of(l, &key);
	pr_shape_save(&l->shape, pr_loop_now_ms(d->loop), pr_utc_ms(), &text);
	kept_put(d, key.data, pr_buf_str(&text), NULL);
	pr_buf_finish(&key);
	pr_buf_finish(&text);
}

void
shaped_configure(struct lane *l, unsigned connections_max)
{
	struct pr_delivery *d = l->delivery;
	pr_shaping *shaping = d->config->shapes;
	if (!l->site->outlet->mx)
		return;
	const struct pr_shaping_policy *policy = policy_of(l->site);
	struct group *g = group_of(d, l->source, policy->provider);
	if (l->group) {
		pr_shape_configure(&l->shape, shaping, policy, &g->shared, connections_max,
		                   pr_loop_now_ms(d->loop));
	} else {
		pr_shape_init(&l->shape, shaping, policy, &g->shared, connections_max);
		restore(l);
	}
	l->group = g;
}

void
shaped_end(struct lane *l)
{
	if (!l->group)
		return;
	keep(l);
	pr_shape_finish(&l->shape);
	l->group = NULL;
}

const struct pr_shaping_policy *
shaped_policy(const struct lane *l)
{
	return l->group ? l->shape.policy : NULL;
}

/* ---- may it? ---- */

/* 0: now. Else the lane asks again then, and says meanwhile what it waits for. */
static bool
lets(struct lane *l, int64_t when_ms, const struct pr_shape_why *why)
{
	l->waits_for = when_ms ? why->limit : NULL;
	if (when_ms && when_ms != INT64_MAX)
		lane_ask_at(l, when_ms);
	return when_ms == 0;
}

static bool
is_hushed(struct lane *l)
{
	static const struct pr_shape_why why = {.limit = "retry_after"};
	int64_t until = l->hush_until_ms;
	if (!until)
		return false;
	if (until <= pr_loop_now_ms(l->delivery->loop))
		l->hush_until_ms = until = 0;
	return !lets(l, until, &why);
}

bool
shaped_lets_connect(struct lane *l)
{
	struct pr_shape_why why;
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (is_hushed(l))
		return false;
	return !l->group || lets(l, pr_shape_may_connect(&l->shape, now, &why), &why);
}

bool
shaped_lets_send(struct lane *l)
{
	struct pr_shape_why why;
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (is_hushed(l))
		return false;
	return !l->group || lets(l, pr_shape_may_send(&l->shape, now, &why), &why);
}

unsigned
shaped_room(struct lane *l)
{
	struct pr_shape_why why;
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (is_hushed(l))
		return 0;
	if (!l->group)
		return UINT_MAX;
	group_claim(l->group);
	unsigned room = pr_shape_room(&l->shape, now, now + HORIZON_MS);
	l->shut_until_ms = 0;
	if (room > 0)
		return room;
	int64_t when = pr_shape_may_send(&l->shape, now, &why);
	if (when > now + HORIZON_MS)
		when -= HORIZON_MS;
	lets(l, when, &why);
	l->shut_until_ms = when;
	return 0;
}

unsigned
shaped_connections(struct lane *l)
{
	if (!l->group)
		return l->connections_max;
	return pr_shape_connections(&l->shape, pr_loop_now_ms(l->delivery->loop));
}

unsigned
shaped_messages(struct lane *l)
{
	return l->group ? pr_shape_messages(&l->shape, pr_loop_now_ms(l->delivery->loop)) : 0;
}

/* ---- what happens ---- */

void
shaped_connected(struct lane *l)
{
	if (l->group)
		pr_shape_connected(&l->shape, pr_loop_now_ms(l->delivery->loop));
}

void
shaped_closed(struct lane *l)
{
	if (l->group)
		pr_shape_closed(&l->shape);
}

void
shaped_sent(struct lane *l)
{
	if (l->group)
		pr_shape_sent(&l->shape, pr_loop_now_ms(l->delivery->loop));
}

void
shaped_accepted(struct lane *l, int64_t wired_ms)
{
	if (!l->group)
		return;
	double took = (double)(pr_loop_now_ms(l->delivery->loop) - wired_ms);
	l->latency_ms += l->latency_ms > 0 ? (took - l->latency_ms) / LATENCY_SHARE : took;
	pr_shape_accepted(&l->shape, l->latency_ms);
}

static void
tell(const struct lane *l, const struct pr_smtp_result *r, const struct pr_shape_done *done)
{
	char text[160], until[PR_RFC3339_SIZE] = "it goes well again";
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	struct pr_log_about about = {.event = "shaping",
	                             .route = l->site->outlet->name,
	                             .site = l->site->key,
	                             .code = r->answered ? r->reply.code : 0};
	if (done->lifts_ms)
		pr_format_rfc3339(pr_utc_ms() + done->lifts_ms - now, until);
	pr_str_show(r->answered ? r->reply.text : pr_str(r->why ? r->why : ""), text, sizeof text);
	pr_log(PR_LOG_INFO, &about, "%s until %s by %s: %s",
	       done->actions & PR_SHAPE_SUSPENDED ? "suspended" : "slower", until,
	       done->who ? done->who : "adaptive", text);
}

/* What is ready for a lane that is suspended is for others, or waits as a row. Connections too many
 * leave when the lane is looked at: this may be called from within one of them. */
static void
obey(struct lane *l, const struct pr_smtp_result *r, const struct pr_shape_done *done)
{
	if (done->actions & ~(unsigned)PR_SHAPE_DEFER)
		tell(l, r, done);
	if (done->actions & PR_SHAPE_SUSPENDED)
		lane_withdraw(l, NULL);
	site_ask(l->site);
}

static struct pr_shape_done
hush(struct lane *l, const struct pr_smtp_result *r)
{
	int64_t until = pr_loop_now_ms(l->delivery->loop) + r->retry_after_ms;
	struct pr_shape_done done = {
	    .actions = PR_SHAPE_SUSPENDED, .matched = true, .who = "Retry-After"};
	if (l->hush_until_ms < until)
		l->hush_until_ms = until;
	lane_keep_wait(l);
	done.lifts_ms = l->hush_until_ms;
	obey(l, r, &done);
	return done;
}

struct pr_shape_done
shaped_heard(struct lane *l, const struct pr_smtp_result *r, enum pr_class class_)
{
	if (r->retry_after_ms)
		return hush(l, r);
	if (!l->group)
		return (struct pr_shape_done){0};
	struct pr_shape_reply reply = {.stage = r->stage, .class_ = class_};
	if (r->answered) {
		reply.code = r->reply.code;
		memcpy(reply.enhanced, r->reply.enhanced, sizeof reply.enhanced);
		reply.text = r->reply.text;
	}
	struct pr_shape_done done =
	    pr_shape_heard(&l->shape, pr_loop_now_ms(l->delivery->loop), &reply);
	if ((done.matched || done.actions) && pr_list_empty(&l->changed))
		pr_list_push(&l->delivery->changed_lanes, &l->changed);
	obey(l, r, &done);
	return done;
}

/* ---- of all lanes ---- */

void
shaped_second(struct pr_delivery *d)
{
	int64_t now = pr_loop_now_ms(d->loop);
	groups_second(d);
	if (now - d->kept_ms < WRITE_MS)
		return;
	d->kept_ms = now;
	PR_LIST_EACH(link, &d->changed_lanes)
		keep(PR_CONTAINER(link, struct lane, changed));
	kept_write(d);
}
