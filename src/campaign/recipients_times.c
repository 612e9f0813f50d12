/*
 * Times of rows, while they are imported: each gets its own, or none where it goes with the others;
 * what the ledger and people are told of all of them. Best hours are asked of the audience, where
 * the campaign goes by them.
 */
#include "recipients_internal.h"

#include <stdio.h>

int
row_times_begin(struct row_times *t, const struct pr_recipients_source *s, const struct columns *c,
                struct pr_error *e)
{
	struct pr_timing_source source = {.manifest = s->manifest,
	                                  .config = s->config,
	                                  .columns = c->names,
	                                  .columns_n = c->n,
	                                  .campaign_id = s->identity.id,
	                                  .serial = s->identity.serial,
	                                  .accepted_ms = s->accepted_ms};
	*t = (struct row_times){.first_ms = PR_NEVER_MS};
	int r = s->config ? pr_timing_create(&source, &t->timing, e) : 0;
	if (r < 0 || !t->timing || !s->audience || !pr_timing_wants_hours(t->timing))
		return r;
	return best_hours_create(s->audience, pr_timing_fallback(t->timing), s->accepted_ms,
	                         &t->hours, e);
}

int
row_times_of(struct row_times *t, const struct checked_row *row, int64_t *due_ms,
             const char **never, struct pr_error *e)
{
	static const char *const untimely[] = {"no time is left before the deadline",
	                                       "its start had passed"};
	struct pr_timing_row r = {.row = row->row,
	                          .data = row->data,
	                          .address = pr_str_n(row->mailbox.address, row->mailbox.n)};
	const char *name;
	int hour = -1, result = 0;
	*due_ms = 0;
	if (!t->timing)
		return 0;
	if (t->hours)
		result = best_hours_of(t->hours, pr_str_n(row->mailbox.address, row->mailbox.n),
		                       pr_timing_zone(t->timing, &r, &name), &hour, e);
	if (result < 0)
		return result;
	struct pr_first first = pr_timing_first(t->timing, &r, hour);
	if (first.due_ms == PR_NEVER_MS) {
		*never = untimely[first.passed];
		return 0;
	}
	if (first.due_ms < t->first_ms)
		t->first_ms = first.due_ms;
	if (first.due_ms > t->latest_ms)
		t->latest_ms = first.due_ms;
	*due_ms = first.due_ms;
	return 0;
}

static int
set_time(pr_ledger *l, const char *key, int64_t ms, struct pr_error *e)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", ms == PR_NEVER_MS ? 0 : (long long)ms);
	return pr_ledger_set(l, key, pr_str(text), e);
}

int
row_times_keep(const struct row_times *t, pr_ledger *l, struct pr_timing_found *found,
               struct pr_error *e)
{
	if (!t->timing)
		return 0;
	pr_timing_found(t->timing, found);
	int r =
	    pr_timing_by_variant(t->timing) ? set_time(l, PR_FACT_TESTED_MS, t->latest_ms, e) : 0;
	if (r < 0 || !pr_timing_by_recipient(t->timing))
		return r;
	r = set_time(l, PR_FACT_FIRST_MS, t->first_ms, e);
	return r < 0 ? r : set_time(l, PR_FACT_LAST_MS, found->last_deadline_ms, e);
}

void
row_times_end(struct row_times *t)
{
	best_hours_destroy(t->hours);
	pr_timing_unref(t->timing);
}

void
pr_recipients_remark(const struct pr_recipients_result *r, const struct pr_manifest *m,
                     const struct pr_config *config, struct pr_buf *out)
{
	const struct pr_schedule *s = &m->schedule;
	const char *fallback = s->fallback_timezone ? s->fallback_timezone
	                       : s->timezone        ? s->timezone
	                                            : config->timezone.p;
	uint64_t n = r->zones.without + r->zones.wrong;
	if (n)
		pr_buf_addf(out, "%llu row%s time zone: %s is used", (unsigned long long)n,
		            n == 1 ? " has no known" : "s have no known", fallback);
	if (r->zones.wrong)
		pr_buf_addf(out, " (row %u says \"%s\")", (unsigned)r->zones.wrong_row,
		            r->zones.wrong_name);
	if (r->untimely)
		pr_buf_addf(out, "%s%llu row%s no time to be sent", n ? "; " : "",
		            (unsigned long long)r->untimely, r->untimely == 1 ? " has" : "s have");
}
