/*
 * The dialect of segments: what a condition may ask of a contact's lists and events. Each function
 * becomes a query of one contact's rows. Pure.
 */
#include "segment.h"

#include "postrider/audience/contacts.h"

#include <stdlib.h>

static const struct pr_condition_function functions[] = {
    [SEGMENT_IN_LIST] = {"in_list", false, pr_list_name_is_good,
                         "say which list, as in in_list('vip')"},
    [SEGMENT_DAYS_SINCE] = {"days_since", false, pr_list_name_is_good,
                            "say which event, as in days_since('order')"},
    [SEGMENT_COUNT] = {"count", true, pr_list_name_is_good,
                       "say which event, as in count('click', 90)"},
    [SEGMENT_SUM] = {"sum", true, pr_list_name_is_good, "say which event, as in sum('order', 365)"},
    {0},
};

struct writing {
	int64_t now_ms;
	const struct segment_names *names;
	bool scores;
};

static void
write_call(void *context, const struct pr_condition_call *call, struct pr_buf *b)
{
	const struct writing *w = context;
	enum segment_function f = (enum segment_function)call->function;
	long long now = (long long)w->now_ms;
	long long key = w->names ? w->names->find(w->names->context, f, call->text) : -1;
	if (f == SEGMENT_IN_LIST) {
		pr_buf_addf(
		    b,
		    "EXISTS (SELECT 1 FROM members WHERE list = %lld AND contact = " SEGMENT_ID ")",
		    key);
		return;
	}
	if (f == SEGMENT_DAYS_SINCE)
		pr_buf_addf(b, "((%lld - (SELECT max(at_ms)", now);
	else
		pr_buf_adds(b, f == SEGMENT_COUNT ? "(SELECT count(*)" : "(SELECT total(amount)");
	pr_buf_addf(b, " FROM events WHERE contact = " SEGMENT_ID " AND name = %lld", key);
	if (call->days)
		pr_buf_addf(b, " AND at_ms > %lld", now - (long long)call->days * PR_DAY_MS);
	pr_buf_adds(b, f == SEGMENT_DAYS_SINCE ? ")) / 86400000)" : ")");
}

static void
note_word(void *context, struct pr_str word)
{
	static const char *const scores[] = {"recency", "frequency", "monetary"};
	struct writing *w = context;
	for (unsigned i = 0; i < sizeof scores / sizeof *scores; i++)
		w->scores |= pr_str_eq_nocase(word, pr_str(scores[i]));
}

int
segment_rewrite(struct pr_str condition, int64_t now_utc_ms, const struct segment_names *names,
                struct pr_condition_text *out, bool *scores, struct pr_error *e)
{
	struct writing w = {now_utc_ms, names, false};
	struct pr_condition_dialect dialect = {functions, write_call, note_word, &w};
	int r = pr_condition_rewrite(condition, &dialect, out, e);
	*scores |= w.scores;
	return r;
}

int
pr_segment_check(struct pr_str condition, struct pr_error *e)
{
	struct pr_condition_text *t = pr_calloc(1, sizeof *t);
	bool scores = false;
	int r = segment_rewrite(condition, 0, NULL, t, &scores, e);
	pr_condition_text_finish(t);
	free(t);
	return r;
}
