/* What a plan warns of, and what it rests on. */
#include "plan.h"

typedef void each_fn(void *context, const char *text);

static void
tell(each_fn *each, void *context, struct pr_buf *b)
{
	each(context, b->data);
	pr_buf_clear(b);
}

static void
warn_deadline(const struct planned *p, each_fn *each, void *context, struct pr_buf *b)
{
	char rows[CLI_TEXT], at[CLI_TEXT];
	const struct pr_plan_line *all = &p->plan.all;
	if (all->cut) {
		pr_buf_addf(
		    b, "%s recipients get nothing: the deadline, %s, comes before their turn",
		    cli_number(all->cut, rows), plan_clock(p, p->timetable.deadline_ms, at));
		tell(each, context, b);
	}
	if (all->left) {
		pr_buf_addf(b, "%s recipients do not get it within %lld days",
		            cli_number(all->left, rows), PR_PLAN_HORIZON_MS / PR_DAY_MS);
		tell(each, context, b);
	}
}

static void
warn_days(const struct planned *p, each_fn *each, void *context, struct pr_buf *b)
{
	char rows[CLI_TEXT], day[CLI_TEXT];
	const struct pr_plan_line *all = &p->plan.all;
	bool warms = false, counted = false;
	for (size_t i = 0; i < p->sites.receivers_n; i++) {
		warms |= p->plan.receivers[i].limit == PR_PLAN_WARM_UP;
		counted |= p->plan.receivers[i].limit == PR_PLAN_DAILY;
	}
	if (all->days_n < 2)
		return;
	if (warms || counted) {
		pr_buf_addf(b, "%s takes %zu days, the last is %s",
		            warms ? "the warm-up of a source" : "what a receiver grants a day",
		            all->days_n, plan_day(all->days[all->days_n - 1].day, day));
		tell(each, context, b);
	}
	if (p->timetable.window.n && !warms && !counted) {
		uint64_t later = all->sent - all->days[0].rows;
		pr_buf_addf(b, "the window is too short: %s recipients get it on a later day",
		            cli_number(later, rows));
		tell(each, context, b);
	}
}

void
plan_warn(const struct planned *p, each_fn *each, void *context)
{
	struct pr_buf b = {0};
	char rows[CLI_TEXT];
	warn_deadline(p, each, context, &b);
	warn_days(p, each, context, &b);
	if (p->plan.late) {
		pr_buf_adds(&b, "its start is so long ago that it would be held until it is "
		                "approved (schedule.late)");
		tell(each, context, &b);
	}
	if (p->manifest->hold) {
		pr_buf_adds(&b, "it would be held until it is approved (hold)");
		tell(each, context, &b);
	}
	if (p->rows.untimely) {
		pr_buf_addf(
		    &b,
		    "%s recipients get nothing: where they are its start has passed, or its "
		    "deadline comes before",
		    cli_number(p->rows.untimely, rows));
		tell(each, context, &b);
	}
	if (p->sites.nowhere) {
		pr_buf_addf(&b, "%s recipients are at domains that take no mail: they would bounce",
		            cli_number(p->sites.nowhere, rows));
		tell(each, context, &b);
	}
	pr_buf_finish(&b);
}

/* Connections take turns as they come: measured, one receiver may have all of it for a while. */
static bool
shares_rate(const struct planned *p)
{
	bool rate = false;
	for (size_t i = 0; i < p->sites.receivers_n; i++)
		rate |= p->plan.receivers[i].limit == PR_PLAN_RATE;
	return rate && p->sites.receivers_n > 1;
}

static void
assume_dns(const struct planned *p, struct pr_buf *b)
{
	char asked[CLI_TEXT], domains[CLI_TEXT];
	if (!p->asked)
		pr_buf_adds(b, "the DNS was not asked: who is one to us (google, outlook) is not "
		               "known, each domain counts for itself");
	else
		pr_buf_addf(b,
		            "the DNS answered for %s of %s domains; each of the others counts for "
		            "itself",
		            cli_number(p->answered, asked), cli_number(p->rows.domains_n, domains));
}

void
plan_assume(const struct planned *p, each_fn *each, void *context)
{
	struct pr_buf b = {0};
	char rows[CLI_TEXT];
	pr_buf_addf(
	    &b,
	    "a message takes a round trip of %.4g ms on its connection (--round-trip); half of it "
	    "where CHUNKING is offered",
	    p->input.round_trip_ms);
	tell(each, context, &b);
	if (p->shaping) {
		assume_dns(p, &b);
		tell(each, context, &b);
	}
	if (shares_rate(p)) {
		pr_buf_adds(
		    &b, "receivers get equal parts of the campaign's rate: when all of them are "
			"done is sure, which one is first is not");
		tell(each, context, &b);
	}
	if (p->rows.timing) {
		pr_buf_adds(&b,
		            "rows begin at their own times by their clocks, and once begun go on "
		            "when a window of theirs has ended; best hours are not known here");
		tell(each, context, &b);
	}
	pr_buf_adds(&b,
	            "every message is taken at once, and nothing else is sent meanwhile, or was "
	            "today");
	tell(each, context, &b);
	if (p->manifest->variants.n && p->manifest->test.share < 1) {
		pr_buf_addf(&b, "the rest gets the winner %s after the test began",
		            cli_duration(p->manifest->test.wait_ms, rows));
		tell(each, context, &b);
	}
	if (p->manifest->test.holdout > 0) {
		pr_buf_addf(&b, "%.3g %% are held out and get nothing",
		            100 * p->manifest->test.holdout);
		tell(each, context, &b);
	}
	pr_buf_addf(&b, "of %s rows: ", cli_number(p->rows.rows, rows));
	pr_buf_addf(&b, "%s bad, ", cli_number(p->rows.bad, rows));
	pr_buf_addf(&b, "%s duplicate%s; suppressions were not asked",
	            cli_number(p->rows.duplicates, rows), p->rows.duplicates == 1 ? "" : "s");
	tell(each, context, &b);
	pr_buf_finish(&b);
}
