/*
 * A lane's shape across a restart, as JSON:
 *
 *   {"v":1, "limit":2.5, "fell":UTC,
 *    "set":[[kind, rule, set at, lifts at, n, rate count, rate period], ...],
 *    "heard":[[rule, [UTC, ...]], ...]}
 *
 * Rules go by their id, times by the wall clock, which may have jumped meanwhile: nothing lasts
 * longer than its rule's `for`, and what was heard in the future was not heard.
 */
#include "internal.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define VERSION 1

/* From one clock to the other. */
struct clocks {
	int64_t now_ms, utc_ms;
};

static json_int_t
to_utc(const struct clocks *c, int64_t mono_ms)
{
	return mono_ms - c->now_ms + c->utc_ms;
}

/* ---- saving ---- */

static void
save_settings(struct pr_shape *s, const struct clocks *c, json_t *out)
{
	json_t *list = json_array();
	for (int kind = 0; kind < KINDS; kind++) {
		const struct setting *set = shape_setting(s, (enum kind)kind, c->now_ms);
		if (set)
			json_array_append_new(
			    list, json_pack("[iIIIiII]", kind, (json_int_t)set->rule->id,
			                    to_utc(c, set->set_ms), to_utc(c, set->lifts_ms),
			                    (int)set->n, (json_int_t)set->rate.count,
			                    (json_int_t)set->rate.period_ms));
	}
	if (json_array_size(list))
		json_object_set(out, "set", list);
	json_decref(list);
}

/* What of a rule's count still counts; NULL: nothing. */
static json_t *
pack_heard(const struct heard *h, const struct clocks *c)
{
	json_t *times = json_array();
	for (unsigned k = 0; k < h->n; k++)
		if (h->at_ms[k] > c->now_ms - h->rule->within_ms)
			json_array_append_new(times, json_integer(to_utc(c, h->at_ms[k])));
	if (json_array_size(times))
		return json_pack("[Io]", (json_int_t)h->rule->id, times);
	json_decref(times);
	return NULL;
}

static void
save_heard(const struct pr_shape *s, const struct clocks *c, json_t *out)
{
	json_t *list = json_array();
	for (int i = 0; i < HEARD_MAX; i++) {
		const struct heard *h = &s->trouble->heard[i];
		json_t *packed = h->rule ? pack_heard(h, c) : NULL;
		if (packed)
			json_array_append_new(list, packed);
	}
	if (json_array_size(list))
		json_object_set(out, "heard", list);
	json_decref(list);
}

size_t
pr_shape_save(struct pr_shape *s, int64_t now_ms, int64_t utc_ms, struct pr_buf *out)
{
	struct clocks c = {now_ms, utc_ms};
	json_t *root = json_object();
	size_t before = out->len;
	if (s->limit != shape_start(s))
		json_object_set_new(root, "limit", json_real(s->limit));
	if (now_ms - s->fell_ms < PR_SHAPE_FALL_MS)
		json_object_set_new(root, "fell", json_integer(to_utc(&c, s->fell_ms)));
	if (s->trouble) {
		save_settings(s, &c, root);
		save_heard(s, &c, root);
	}
	if (json_object_size(root)) {
		json_object_set_new(root, "v", json_integer(VERSION));
		char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
		PR_ASSERT(text && strlen(text) <= PR_SHAPE_TEXT_MAX);
		pr_buf_adds(out, text);
		free(text);
	}
	json_decref(root);
	return out->len - before;
}

/* ---- restoring ---- */

/* What a text holds, before the shape takes it over. */
struct kept {
	struct pr_shape *s;
	struct clocks c;
	double limit;
	int64_t fell_ms;
	struct pr_shape_trouble *trouble;
};

/* A time of the wall clock on the other. False: it is none; no arithmetic before that is known. */
static bool
from_utc(const struct clocks *c, json_int_t utc_ms, int64_t *mono_ms)
{
	if (utc_ms < 0 || utc_ms > INT64_MAX / 4)
		return false;
	*mono_ms = utc_ms - c->utc_ms + c->now_ms;
	return true;
}

static bool
rule_sets(const struct rule *r, json_int_t kind)
{
	switch (r->action) {
	case ACTION_THROTTLE:
		return kind == (r->connection_rate.count ? SET_CONNECTION_RATE : SET_MESSAGE_RATE);
	case ACTION_SUSPEND: return kind == SET_SUSPEND;
	case ACTION_FEWER_CONNECTIONS: return kind == SET_CONNECTIONS;
	case ACTION_FEWER_MESSAGES: return kind == SET_MESSAGES;
	default: return false;
	}
}

/* What the rule says itself is not believed from elsewhere. False: it cannot be. */
static bool
take_value(const struct rule *r, json_int_t n, json_int_t count, json_int_t period_ms,
           struct setting *set)
{
	set->n = r->to;
	set->rate = r->connection_rate.count ? r->connection_rate : r->rate;
	if (r->action == ACTION_THROTTLE && r->factor > 0) {
		if (count < 1 || count > UINT32_MAX || period_ms < 1 || period_ms > UINT32_MAX ||
		    period_ms / count > PR_HOUR_MS)
			return false;
		set->rate = (struct pr_rate){(uint32_t)count, (uint32_t)period_ms};
	} else if (r->action != ACTION_THROTTLE && r->action != ACTION_SUSPEND && r->to == 0) {
		if (n < 1 || n > UINT16_MAX)
			return false;
		set->n = (unsigned)n;
	}
	return true;
}

/* False: the text is none of ours. What is ours but holds no more is left out. */
static bool
restore_setting(struct kept *k, json_t *entry)
{
	json_int_t kind, id, set_at, lifts_at, n, count, period_ms;
	struct setting set;
	if (json_unpack(entry, "[IIIIIII!]", &kind, &id, &set_at, &lifts_at, &n, &count,
	                &period_ms) < 0)
		return false;
	set.rule = shape_rule(k->s, id);
	if (!set.rule || !rule_sets(set.rule, kind) ||
	    !take_value(set.rule, n, count, period_ms, &set) ||
	    !from_utc(&k->c, set_at, &set.set_ms) || !from_utc(&k->c, lifts_at, &set.lifts_ms))
		return true;
	int64_t now_ms = k->c.now_ms, latest_ms = now_ms + set.rule->for_ms;
	if (set.set_ms > now_ms)
		set.set_ms = now_ms;
	if (set.lifts_ms > latest_ms)
		set.lifts_ms = latest_ms;
	if (set.lifts_ms > now_ms)
		k->trouble->set[kind] = set;
	return true;
}

/* Times that can be, in their order, and fewer than would have been enough. */
static bool
restore_count(struct kept *k, struct heard *h, json_t *entry)
{
	json_int_t id;
	json_t *times;
	if (json_unpack(entry, "[Io!]", &id, &times) < 0 || !json_is_array(times) ||
	    json_array_size(times) > PR_SHAPING_COUNT_MAX)
		return false;
	const struct rule *r = shape_rule(k->s, id);
	for (size_t i = 0; i < json_array_size(times); i++) {
		int64_t at_ms, last_ms = h->n ? h->at_ms[h->n - 1] : INT64_MIN;
		json_t *time = json_array_get(times, i);
		if (!json_is_integer(time))
			return false;
		if (r && h->n + 1 < r->count && from_utc(&k->c, json_integer_value(time), &at_ms) &&
		    at_ms >= last_ms && at_ms <= k->c.now_ms && at_ms > k->c.now_ms - r->within_ms)
			h->at_ms[h->n++] = at_ms;
	}
	h->rule = h->n ? r : NULL;
	return true;
}

static bool
restore_lists(struct kept *k, json_t *settings, json_t *heard)
{
	size_t settings_n = json_array_size(settings), heard_n = json_array_size(heard);
	bool ours = settings_n <= KINDS && heard_n <= HEARD_MAX;
	for (size_t i = 0; ours && i < settings_n; i++)
		ours = restore_setting(k, json_array_get(settings, i));
	for (size_t i = 0; ours && i < heard_n; i++)
		ours = restore_count(k, &k->trouble->heard[i], json_array_get(heard, i));
	return ours;
}

static bool
restore_root(struct kept *k, json_t *root)
{
	int version = 0;
	json_int_t fell = -1;
	json_t *limit = NULL, *settings = NULL, *heard = NULL;
	if (json_unpack(root, "{s:i,s?o,s?I,s?o,s?o!}", "v", &version, "limit", &limit, "fell",
	                &fell, "set", &settings, "heard", &heard) < 0 ||
	    version != VERSION || (limit && !json_is_number(limit)) ||
	    (settings && !json_is_array(settings)) || (heard && !json_is_array(heard)))
		return false;
	if (limit)
		k->limit = fmin(fmax(json_number_value(limit), 1), k->s->connections_max);
	int64_t fell_ms;
	if (from_utc(&k->c, fell, &fell_ms) && fell_ms <= k->c.now_ms)
		k->fell_ms = fell_ms;
	return restore_lists(k, settings, heard);
}

int
pr_shape_restore(struct pr_shape *s, struct pr_str saved, int64_t now_ms, int64_t utc_ms)
{
	struct kept k = {.s = s, .c = {now_ms, utc_ms}, .limit = s->limit, .fell_ms = s->fell_ms};
	json_t *root = saved.n <= PR_SHAPE_TEXT_MAX
	                   ? json_loadb(saved.p, saved.n, JSON_REJECT_DUPLICATES, NULL)
	                   : NULL;
	k.trouble = pr_calloc(1, sizeof *k.trouble);
	bool ours = root && restore_root(&k, root);
	json_decref(root);
	if (!ours) {
		free(k.trouble);
		return PR_EINVAL;
	}
	free(s->trouble);
	s->trouble = k.trouble;
	s->limit = k.limit;
	s->fell_ms = k.fell_ms;
	shape_tune(s, now_ms);
	return 0;
}
