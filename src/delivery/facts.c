/*
 * What the changes of a campaign leave in its ledger, so that a restart and a report know them: its
 * state, since when, by whom, its version, its paused slices, its history. On the folder lane.
 */
#include "internal.h"

#include <stdio.h>

static void
set_number(pr_ledger *l, const char *key, int64_t value, struct pr_error *e)
{
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)value);
	pr_ledger_set(l, key, pr_str(text), e);
}

/* One line of the campaign's history; the lsn keeps a second folding from adding it twice. */
static int
add_history(pr_ledger *l, const struct pr_record *r, const struct pr_change *c, struct pr_error *e)
{
	struct pr_buf history = {0};
	char at[PR_RFC3339_SIZE], mark[40];
	pr_ledger_get(l, "history", &history);
	snprintf(mark, sizeof mark, "{\"id\":%llu,", (unsigned long long)r->lsn);
	int result = 0;
	if (!history.data || !strstr(history.data, mark)) {
		pr_buf_addf(&history, "%s\"at\":\"%s\",\"verb\":", mark,
		            pr_format_rfc3339(r->at_ms, at));
		pr_buf_add_json(&history, c->verb);
		pr_buf_addf(&history, ",\"state\":\"%s\",\"by\":",
		            pr_campaign_state_word((enum pr_campaign_state)c->state));
		pr_buf_add_json(&history, c->by);
		pr_buf_adds(&history, ",\"detail\":");
		pr_buf_add_json(&history, c->detail);
		pr_buf_adds(&history, "}\n");
		result = pr_ledger_set(l, "history", pr_buf_str(&history), e);
	}
	pr_buf_finish(&history);
	return result;
}

/* The version that a change put in force; 0: it is about something else. */
static unsigned
replaced_by(const struct pr_change *c)
{
	uint64_t n;
	size_t skip = strlen(PR_REPLACE_DETAIL);
	if (!pr_str_is(c->verb, PR_REPLACE_VERB) || !pr_str_starts(c->detail, PR_REPLACE_DETAIL) ||
	    !pr_str_u64(pr_str_n(c->detail.p + skip, c->detail.n - skip), &n) || n > UINT16_MAX)
		return 0;
	return (unsigned)n;
}

static void
fold_slices(pr_ledger *l, const struct pr_change *c, int64_t at_ms, struct pr_error *e)
{
	struct pr_buf before = {0}, after = {0};
	pr_ledger_get(l, PR_SLICES_FACT, &before);
	if (slices_fold(pr_buf_str(&before), c, at_ms, &after))
		pr_ledger_set(l, PR_SLICES_FACT, pr_buf_str(&after), e);
	pr_buf_finish(&before);
	pr_buf_finish(&after);
}

int
work_fold_change(pr_ledger *l, const struct pr_record *r, struct pr_error *e)
{
	struct pr_change c;
	char key[64];
	if (pr_change_decode(pr_str_n(r->payload, r->payload_n), &c) < 0)
		return pr_fail(e, PR_ECORRUPT, "a record at %llu does not hold together",
		               (unsigned long long)r->lsn);
	set_number(l, "state", c.state, e);
	set_number(l, "reason", c.reason, e);
	pr_ledger_set(l, "by", c.by, e);
	snprintf(key, sizeof key, "at_%.*s", (int)(c.verb.n < 40 ? c.verb.n : 40), c.verb.p);
	set_number(l, key, r->at_ms, e);
	fold_slices(l, &c, r->at_ms, e);
	variants_fold(l, &c, e);
	unsigned version = replaced_by(&c);
	if (version)
		set_number(l, "version", version, e);
	return add_history(l, r, &c, e);
}
