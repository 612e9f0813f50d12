/*
 * Storms of "unknown user" at a receiver (classify/storm.h): what it says then is not believed.
 *
 *   answer -> its receiver's counts -> a storm blows: the row has bounced, but its address is not
 *             given up for it; it counts as a bounce that may pass (classify/policy.h)
 *
 * A receiver is what slices go by: the provider by shaping, the exchangers, or the domain. What is
 * usual there is kept in state.db. The unknown users before a storm is noticed were believed.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

#define RECEIVERS_MAX 20000u
#define KEEP_MS (10 * PR_MINUTE_MS)
#define KEEP_LEAST 200.0 /* tries: less is not worth keeping */

struct receiver {
	struct pr_storm storm;
	bool blows;
	int64_t since_ms; /* UTC: it blows, or blew last */
	int64_t kept_ms;
	char name[];
};

static void
storm_key(struct pr_buf *key, struct pr_str name)
{
	pr_buf_adds(key, KEPT_STORM);
	pr_buf_add_str(key, name);
}

static struct receiver *
make(struct pr_delivery *d, struct pr_str name, int64_t now)
{
	struct pr_buf key = {0};
	struct receiver *r = pr_calloc(1, sizeof *r + name.n + 1);
	memcpy(r->name, name.p, name.n);
	r->kept_ms = now;
	storm_key(&key, name);
	const char *kept = kept_find(d, key.data);
	if (kept)
		pr_storm_read(pr_str(kept), now, &r->storm);
	pr_buf_finish(&key);
	return r;
}

/* NULL: there are too many, or two with one hash. */
static struct receiver *
receiver_of(const struct send *s, int64_t now)
{
	struct pr_delivery *d = s->campaign->delivery;
	struct pr_str name = slice_receiver(s);
	uint64_t hash = pr_siphash(d->key_of_groups, name.p, name.n);
	struct receiver *r = pr_map_get(&d->receivers, hash);
	if (r)
		return pr_str_is(name, r->name) ? r : NULL;
	if (d->receivers.n >= RECEIVERS_MAX)
		return NULL;
	r = make(d, name, now);
	pr_map_put(&d->receivers, hash, r);
	return r;
}

static void
keep(struct pr_delivery *d, struct receiver *r, int64_t now)
{
	struct pr_buf key = {0}, text = {0};
	if (r->storm.tried < KEEP_LEAST || now - r->kept_ms < KEEP_MS)
		return;
	r->kept_ms = now;
	storm_key(&key, pr_str(r->name));
	pr_storm_write(&r->storm, &text);
	kept_put(d, key.data, pr_buf_str(&text), NULL);
	pr_buf_finish(&key);
	pr_buf_finish(&text);
}

static void
tell(struct receiver *r, bool blows)
{
	if (r->blows == blows)
		return;
	r->blows = blows;
	r->since_ms = pr_utc_ms();
	PR_LOG(blows ? PR_LOG_WARNING : PR_LOG_INFO, "unknown_user_storm",
	       blows
	           ? "%s calls far more users unknown than usual: it is not believed, they are not "
	             "suppressed"
	           : "%s is believed again about unknown users",
	       r->name);
}

void
storm_judge(const struct send *s, struct pr_verdict *v)
{
	struct pr_delivery *d = s->campaign->delivery;
	bool unknown = v->state == PR_BOUNCED && v->suppress && v->class_ == PR_CLASS_USER_UNKNOWN;
	int64_t now = due_now(d);
	struct receiver *r =
	    s->message && (unknown || v->state == PR_DELIVERED) ? receiver_of(s, now) : NULL;
	if (!r)
		return;
	pr_storm_count(&r->storm, unknown, now);
	tell(r, pr_storm_blows(&r->storm, now));
	keep(d, r, now);
	if (unknown && r->blows)
		v->suppress = false;
}

void
pr_delivery_each_storm(pr_delivery *d,
                       void (*each)(void *context, const char *receiver, int64_t since_ms),
                       void *context)
{
	int64_t now = due_now(d);
	for (size_t i = 0; i < d->receivers.cap; i++) {
		struct receiver *r = d->receivers.slots[i].value;
		if (!r || !r->blows)
			continue;
		tell(r, pr_storm_blows(&r->storm, now)); /* nobody asked it for a while */
		if (r->blows)
			each(context, r->name, r->since_ms);
	}
}

void
storms_close(struct pr_delivery *d)
{
	for (size_t i = 0; i < d->receivers.cap; i++)
		free(d->receivers.slots[i].value);
	pr_map_finish(&d->receivers);
}
