/*
 * On the lane: the journal says which rows have something new, their ledgers say what that is.
 *
 * Bounded by records that say something and by octets looked at, so that a batch is small, and
 * whoever waits for the lane at the end of the daemon does not wait long. A ledger that cannot be
 * read is passed over, but for reasons that pass.
 */
#include "internal.h"

#include "postrider/base/log.h"
#include "postrider/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROW_HITS_MAX 200u /* a ledger keeps no more */

/* ---- the journal ---- */

static uint8_t
outcome_kind(const struct reader *r, const struct pr_outcome *o)
{
	if (r->deliveries)
		return o->state == PR_DELIVERED ? PR_ENGAGED_SENT : PR_ENGAGED_KINDS;
	return engage_is_hard(o) ? PR_ENGAGED_BOUNCE : PR_ENGAGED_KINDS;
}

static void
note(struct reader *r, const struct pr_record *record)
{
	struct pr_str payload = pr_str_n(record->payload, record->payload_n);
	struct pr_outcome o;
	struct pr_engagement g;
	bool engaged = false;
	uint8_t outcome = PR_ENGAGED_KINDS;
	if (record->type == PR_RECORD_OUTCOME && pr_outcome_decode(payload, &o) == 0)
		outcome = outcome_kind(r, &o);
	else if (record->type == PR_RECORD_ENGAGEMENT && pr_engagement_decode(payload, &g) == 0)
		engaged = !r->deliveries && g.kind != PR_ENGAGEMENT_CONVERSION;
	bool person = record->row && !pr_row_is_seed(record->row);
	if (record->campaign && person && (outcome != PR_ENGAGED_KINDS || engaged))
		r->touched[r->n++] = (struct touched){record->campaign, record->row, record->lsn,
		                                      record->at_ms, outcome};
}

/* What was released is lost to us; the journal holds back for us while there is room. */
static int
place_cursor(struct reader *r, struct read_job *j)
{
	if (r->cursor && pr_cursor_lsn(r->cursor) == j->from)
		return 0;
	pr_cursor_close(r->cursor);
	r->cursor = NULL;
	int result = pr_cursor_open(r->journal_dir, j->from, &r->cursor, &j->error);
	if (result == PR_ENOENT && r->cursor) {
		j->lost = j->from ? pr_cursor_lsn(r->cursor) - j->from : 0;
		return 0;
	}
	return result;
}

static int
read_journal(struct reader *r, struct read_job *j)
{
	struct pr_record record;
	int got = place_cursor(r, j);
	if (got < 0)
		return got;
	uint64_t end = j->from + j->lost + ENGAGE_LOOK_MAX;
	r->n = 0;
	while (r->n < ENGAGE_TOUCHED_MAX && pr_cursor_lsn(r->cursor) < end &&
	       (got = pr_cursor_next(r->cursor, j->limit, &record, &j->error)) > 0)
		note(r, &record);
	if (got < 0) {
		pr_cursor_close(r->cursor);
		r->cursor = NULL;
		r->n = 0;
		return got == PR_ENOENT ? 0
		                        : got; /* released meanwhile: the next one begins later */
	}
	j->batch.position = pr_cursor_lsn(r->cursor);
	return 0;
}

/* ---- ledgers ---- */

static int
compare(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;
	if (x->serial != y->serial)
		return x->serial < y->serial ? -1 : 1;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return (x->lsn > y->lsn) - (x->lsn < y->lsn);
}

/* A folder moves once, from active/ to done/. PR_ENOENT: it is gone. */
static int
open_ledger(const struct reader *r, const char *id, pr_ledger **out, struct pr_error *e)
{
	static const char *const places[] = {"active", "done"};
	char path[4400];
	int result = PR_ENOENT;
	for (unsigned i = 0; i < 2 && result == PR_ENOENT; i++) {
		snprintf(path, sizeof path, "%s/%s/%s/ledger.db", r->spool, places[i], id);
		if (access(path, F_OK) == 0)
			result = pr_ledger_open(path, PR_LEDGER_READ, out, e);
	}
	return result;
}

struct row_hits {
	struct pr_hit of[ROW_HITS_MAX];
	size_t n;
};

static bool
add_hit(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	struct row_hits *w = context;
	(void)detail;
	w->of[w->n++] = *hit;
	return w->n < ROW_HITS_MAX;
}

/* Those of one row, of n records of it. */
static int
read_row(struct read_job *j, pr_ledger *l, struct pr_str campaign, const struct touched *t,
         size_t n)
{
	struct row_hits hits;
	struct pr_buf email = {0};
	struct pr_engaged_row *row = (struct pr_engaged_row *)&j->batch.rows[j->batch.n];
	int r = pr_ledger_email(l, t->row, &email, &j->error);
	hits.n = 0;
	if (r == 0 && !j->batch.deliveries)
		r = pr_ledger_hits(l, t->row, add_hit, &hits, &j->error);
	if (r == 0 && email.len) {
		struct pr_engaged_event *events =
		    pr_arena_alloc(&j->arena, (ENGAGE_OF_HIT * hits.n + n) * sizeof *events);
		size_t made = engage_events(hits.of, hits.n, events);
		for (size_t i = 0; i < n; i++)
			if (t[i].outcome != PR_ENGAGED_KINDS)
				events[made++] = (struct pr_engaged_event){
				    t[i].outcome, false, false, t[i].at_ms, t[i].lsn};
		*row = (struct pr_engaged_row){pr_arena_copy(&j->arena, pr_buf_str(&email)),
		                               campaign, events, made};
		j->batch.n += made > 0;
	}
	pr_buf_finish(&email);
	return r == PR_ENOENT ? 0 : r;
}

static int
read_rows(struct read_job *j, pr_ledger *l, struct pr_str campaign, const struct touched *t,
          size_t n)
{
	int r = 0;
	for (size_t i = 0, run; i < n && r == 0; i += run) {
		for (run = 1; i + run < n && t[i + run].row == t[i].row;)
			run++;
		r = read_row(j, l, campaign, t + i, run);
	}
	return r;
}

static int
read_campaign(struct reader *r, struct read_job *j, const struct touched *t, size_t n)
{
	struct pr_accepted a;
	pr_ledger *l = NULL;
	size_t before = j->batch.n;
	int result = pr_statedb_campaign(r->statedb, t->serial, &a, &j->error);
	if (result == 0)
		result = open_ledger(r, a.id, &l, &j->error);
	if (result == 0)
		result = read_rows(j, l, pr_arena_copy(&j->arena, pr_str(a.id)), t, n);
	pr_ledger_close(l);
	if (result == PR_ECORRUPT || result == PR_EVERSION) {
		pr_log(PR_LOG_WARNING,
		       &(struct pr_log_about){.event = "engagement_lost", .campaign = a.id},
		       "what its recipients did does not reach contacts: %s", j->error.text);
		j->batch.n = before;
	}
	return result == PR_ENOENT || result == PR_ECORRUPT || result == PR_EVERSION ? 0 : result;
}

static int
read_ledgers(struct reader *r, struct read_job *j)
{
	int result = 0;
	qsort(r->touched, r->n, sizeof *r->touched, compare);
	j->batch.rows = pr_arena_alloc(&j->arena, (r->n + 1) * sizeof *j->batch.rows);
	for (size_t i = 0, run; i < r->n && result == 0; i += run) {
		const struct touched *t = &r->touched[i];
		for (run = 1; i + run < r->n && t[run].serial == t->serial;)
			run++;
		result = read_campaign(r, j, t, run);
	}
	return result;
}

void
reader_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct read_job *j = PR_CONTAINER(job, struct read_job, job);
	struct reader *r = j->reader;
	bool anybody;
	j->batch.deliveries = r->deliveries;
	j->batch.position = j->limit;
	j->result = pr_engaged_anybody(r->audience, &anybody, &j->error);
	if (j->result < 0 || !anybody)
		return;
	j->batch.position = j->from;
	j->result = read_journal(r, j);
	if (j->result == 0)
		j->result = read_ledgers(r, j);
}

/* ---- coming and going ---- */

struct reader *
reader_create(const struct pr_engage_options *options, bool deliveries, struct pr_error *e)
{
	struct reader *r = pr_calloc(1, sizeof *r);
	char path[4400];
	r->deliveries = deliveries;
	r->journal_dir = pr_strdup(options->journal_dir);
	r->spool = pr_strdup(options->config->spool.p);
	snprintf(path, sizeof path, "%s/state.db", options->config->state.p);
	int result = pr_statedb_open(path, &r->statedb, e);
	if (result == 0)
		result = pr_audience_open(pr_audience_desk_path(options->audience),
		                          PR_AUDIENCE_READ, &r->audience, e);
	if (result == 0)
		return r;
	reader_destroy(r);
	return NULL;
}

void
reader_destroy(struct reader *r)
{
	if (!r)
		return;
	pr_cursor_close(r->cursor);
	pr_audience_close(r->audience);
	pr_statedb_close(r->statedb);
	free(r->journal_dir);
	free(r->spool);
	free(r);
}
