/*
 * Folding: the folder lane follows the journal with a cursor and applies what is durable
 * to the ledgers, in slices of at most SLICE records, one transaction a ledger.
 *
 *   journal (durable) -cursor-> outcomes, marks, engagement -by campaign-> ledger
 *                              changes of campaigns        -> the ledger's facts
 *                              pause --all                 -> state.db
 *                              intents and outcomes of persons who are counted -> caps.db
 *
 * Campaigns that have ended learn only what came back: their ledgers are in done/ (finished.c).
 * What changed so is told to the loop (answer.c).
 *
 * The position up to which everything is folded is kept in state.db, so that a restart
 * begins to read there; each ledger also keeps its own, so reading too much twice changes
 * nothing. No room on the disk: the slice is read again later. Any other failure of one
 * ledger takes that ledger out (its campaign fails) and costs the others nothing.
 *
 * The struct folder belongs to the folder lane once the loop runs.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICE 2048u
#define FAILED_MAX 8u
#define FOLD_DELAY_MS 50
#define FOLD_EAGER_OCTETS (128u << 10)
#define RELEASE_OCTETS (16u << 20)
#define CAPS_SLICE_MS 5

struct folder {
	char *journal_dir;
	pr_cursor *cursor;
	struct pr_statedb *statedb;
	struct pr_map ledgers; /* serial -> pr_ledger */
	struct finished *finished;
	pr_caps *caps;
	struct caps_reader *caps_reader;
	struct answer *answers; /* since the last report */
	size_t answers_n, answers_cap;
	struct hard hard;        /* the same */
	struct pr_map taken_out; /* those that failed */
	struct pr_record *records;
	unsigned n;
	struct pr_arena arena; /* payloads of records */
	uint64_t position;
	struct replay_from kept;    /* as in state.db */
	uint64_t start_end;         /* behind the START record of this run */
	char boot[PR_BOOT_ID_SIZE]; /* of this run */
	bool paused_all;            /* as folded */
	uint64_t folded_records;
	/* Ledgers taken out since the last report. */
	unsigned failed_n;
	struct {
		uint32_t serial;
		struct pr_error error;
	} failed[FAILED_MAX];
};

/* ---- on the folder lane ---- */

static int
by_campaign_and_lsn(const void *a, const void *b)
{
	const struct pr_record *x = a, *y = b;
	if (x->campaign != y->campaign)
		return x->campaign < y->campaign ? -1 : 1;
	return x->lsn < y->lsn ? -1 : x->lsn > y->lsn;
}

/* Not closed before the end: jobs that were asked for earlier still come by with it. */
static void
take_out(struct folder *f, uint32_t serial, const struct pr_error *e)
{
	pr_ledger *l = pr_map_remove(&f->ledgers, serial);
	if (l)
		pr_map_put(&f->taken_out, serial, l);
	if (f->failed_n < FAILED_MAX) {
		f->failed[f->failed_n].serial = serial;
		f->failed[f->failed_n++].error = *e;
	}
}

/* What can concern a campaign that has ended. */
static bool
has_answer(const struct pr_record *records, size_t n)
{
	struct pr_outcome o;
	for (size_t i = 0; i < n; i++) {
		const struct pr_record *r = &records[i];
		if (r->type == PR_RECORD_ENGAGEMENT)
			return true;
		if (r->type == PR_RECORD_OUTCOME &&
		    pr_outcome_decode(pr_str_n(r->payload, r->payload_n), &o) == 0 &&
		    o.flags & PR_OUTCOME_LATE)
			return true;
	}
	return false;
}

static struct answer *
add_answer(struct folder *f, uint32_t serial)
{
	for (size_t i = 0; i < f->answers_n; i++)
		if (f->answers[i].serial == serial)
			return &f->answers[i];
	if (f->answers_n == f->answers_cap) {
		f->answers_cap = f->answers_cap ? f->answers_cap * 2 : 16;
		f->answers = pr_realloc(f->answers, f->answers_cap * sizeof *f->answers);
	}
	f->answers[f->answers_n] = (struct answer){.serial = serial};
	return &f->answers[f->answers_n++];
}

/* id: of a campaign that has ended; else NULL. */
static int
note_answer(struct folder *f, pr_ledger *l, uint32_t serial, const char *id, struct pr_error *e)
{
	struct answer *a = add_answer(f, serial);
	uint32_t arrived[PR_LEDGER_ARRIVED_MAX];
	unsigned n = pr_ledger_arrived(l, arrived);
	for (unsigned i = 0; i < n && a->arrived_n < PR_LEDGER_ARRIVED_MAX; i++)
		a->arrived[a->arrived_n++] = arrived[i];
	snprintf(a->id, sizeof a->id, "%s", id ? id : "");
	int r = pr_ledger_counts(l, &a->counts, e);
	if (r == 0)
		r = pr_ledger_seed_counts(l, &a->seeds, e);
	if (r == 0)
		r = pr_ledger_engagements(l, &a->engaged, e);
	return r < 0 ? r : pr_ledger_earned(l, &a->earned, e);
}

static int
fold_finished(struct folder *f, const struct pr_record *records, size_t n, uint64_t lsn,
              struct pr_error *e)
{
	pr_ledger *l;
	const char *id;
	int r = finished_ledger(f->finished, records->campaign, &l, &id, e);
	if (r == PR_ENOENT)
		return 0;
	if (r == 0)
		r = pr_ledger_fold(l, records, n, lsn, e);
	if (r == 0)
		r = hard_note(&f->hard, l, records, n, e);
	return r < 0 ? r : note_answer(f, l, records->campaign, id, e);
}

static int
fold_records(struct folder *f, pr_ledger *l, const struct pr_record *records, size_t n,
             uint64_t lsn, struct pr_error *e)
{
	for (size_t i = 0; i < n; i++)
		if (records[i].type == PR_RECORD_CAMPAIGN) {
			int r = work_fold_change(l, &records[i], e);
			if (r < 0)
				return r;
		}
	int r = pr_ledger_fold(l, records, n, lsn, e);
	if (r == 0)
		r = hard_note(&f->hard, l, records, n, e);
	if (r < 0 || !has_answer(records, n))
		return r;
	return note_answer(f, l, records->campaign, NULL, e);
}

static int
fold_campaign(struct folder *f, const struct pr_record *records, size_t n, uint64_t lsn,
              struct pr_error *e)
{
	uint32_t serial = records->campaign;
	pr_ledger *l = pr_map_get(&f->ledgers, serial);
	if (l)
		return fold_records(f, l, records, n, lsn, e);
	if (pr_map_get(&f->taken_out, serial) || !has_answer(records, n))
		return 0;
	if (!finished_is_ending(f->finished, serial))
		return fold_finished(f, records, n, lsn, e);
	finished_keep_back(f->finished, records, n);
	return 0;
}

static int
fold_global(struct folder *f, const struct pr_record *r, struct pr_error *e)
{
	struct pr_change c;
	if (r->type != PR_RECORD_GLOBAL ||
	    pr_change_decode(pr_str_n(r->payload, r->payload_n), &c) < 0)
		return 0;
	f->paused_all = c.paused_all;
	return pr_statedb_set_folded(f->statedb, f->kept.lsn, f->paused_all, e);
}

static bool
is_folded(const struct pr_record *r)
{
	return r->type == PR_RECORD_OUTCOME || r->type == PR_RECORD_ENGAGEMENT ||
	       r->type == PR_RECORD_MASS || r->type == PR_RECORD_CAMPAIGN ||
	       r->type == PR_RECORD_GLOBAL;
}

/* Read one slice into f->records. 1: there may be more, 0: the limit was reached. */
static int
read_slice(struct folder *f, uint64_t limit, struct pr_error *e)
{
	struct pr_record r;
	int got = 1;
	f->n = 0;
	pr_arena_reset(&f->arena);
	for (unsigned seen = 0; f->n < SLICE && seen < 8 * SLICE; seen++) {
		got = pr_cursor_next(f->cursor, limit, &r, e);
		if (got <= 0)
			break;
		int result = pr_caps_fold(f->caps, &r, e);
		if (result < 0)
			return result;
		if (!is_folded(&r))
			continue;
		if (r.payload_n)
			r.payload = pr_arena_strndup(&f->arena, r.payload, r.payload_n);
		f->records[f->n++] = r;
	}
	return got;
}

static int
apply_slice(struct folder *f, uint64_t lsn, struct pr_error *e)
{
	qsort(f->records, f->n, sizeof *f->records, by_campaign_and_lsn);
	for (unsigned i = 0, run; i < f->n; i += run) {
		const struct pr_record *first = &f->records[i];
		for (run = 1; i + run < f->n && f->records[i + run].campaign == first->campaign;)
			run++;
		int r = 0;
		if (first->campaign == 0)
			for (unsigned k = 0; k < run && r == 0; k++)
				r = fold_global(f, first + k, e);
		else
			r = fold_campaign(f, first, run, lsn, e);
		if (r == PR_ENOSPC || (r < 0 && first->campaign == 0))
			return r;
		if (r < 0)
			take_out(f, first->campaign, e);
	}
	return 0;
}

/* What came while folders moved: before anything newer of the same campaigns. */
static int
fold_kept_back(struct folder *f, struct pr_error *e)
{
	struct pr_record *records;
	int r = 0;
	for (size_t n; r == 0 && (n = finished_next(f->finished, &records)) > 0;) {
		uint32_t serial = records->campaign;
		r = fold_finished(f, records, n, f->position, e);
		free(records);
		if (r < 0 && r != PR_ENOSPC) {
			take_out(f, serial, e);
			r = 0;
		}
		if (r == 0)
			finished_drop(f->finished, serial);
	}
	return r;
}

static int
flush_caps(struct folder *f, struct pr_error *e)
{
	int r = pr_caps_flush(f->caps, f->position, false, pr_mono_ms() + CAPS_SLICE_MS, e);
	return r < 0 ? r : 0;
}

int
work_fold_caps(struct folder *f, const struct caps_ask *ask, pr_ledger *l, struct pr_batch *b,
               struct pr_error *e)
{
	return work_caps(f->caps_reader, ask, l, b, f->position, e);
}

int
work_fold_uncount(struct folder *f, uint64_t person, struct pr_error *e)
{
	return pr_caps_forget(f->caps, person, e);
}

/* Fold one slice: 1 when there is more below limit, 0 when all is folded. */
static int
fold_slice(struct folder *f, uint64_t limit, struct pr_error *e)
{
	int r = fold_kept_back(f, e);
	if (r < 0)
		return r;
	int more = read_slice(f, limit, e);
	uint64_t lsn = pr_cursor_lsn(f->cursor);
	r = more < 0 ? more : apply_slice(f, lsn, e);
	if (r < 0) { /* read it again when there is room */
		finished_undo(f->finished, f->position);
		pr_cursor_close(f->cursor);
		f->cursor = NULL;
		int again = pr_cursor_open(f->journal_dir, f->position, &f->cursor, e);
		return again < 0 ? again : r;
	}
	f->position = lsn;
	for (unsigned i = 0; i < f->n; i++)
		f->folded_records += f->records[i].type == PR_RECORD_OUTCOME;
	r = flush_caps(f, e);
	return r < 0 ? r : more;
}

int
work_fold_to(struct folder *f, uint64_t lsn, struct pr_error *e)
{
	int r = 1;
	while (f->position < lsn && r > 0)
		r = fold_slice(f, lsn, e);
	return r < 0 ? r : 0;
}

int
work_fold_ledger(struct folder *f, uint32_t serial, pr_ledger **ledger, char id[PR_CAMPAIGN_ID_MAX],
                 struct pr_error *e)
{
	struct pr_ledger_identity identity;
	const char *of;
	pr_ledger *l = pr_map_get(&f->ledgers, serial);
	if (!l && finished_is_ending(f->finished, serial))
		return pr_fail(e, PR_EAGAIN, "the campaign's folder is moving");
	int r = l ? 0 : finished_ledger(f->finished, serial, &l, &of, e);
	if (r < 0)
		return r;
	pr_ledger_identity(l, &identity);
	memcpy(id, identity.id, PR_CAMPAIGN_ID_MAX);
	*ledger = l;
	return 0;
}

/* ---- the job ---- */

struct fold_job {
	struct pr_job job;
	struct pr_delivery *delivery;
	struct folder *folder;
	uint64_t limit;
	bool save;        /* keep where a restart begins, and the clock, in state.db */
	uint64_t needed;  /* where it begins; 0: as before */
	int64_t clock[2]; /* due clock, wall clock */
	int result;
	uint64_t position, records;
	uint64_t caps_need;
	int64_t caps_oldest_ms;
	struct answer *answers; /* the job's */
	size_t answers_n;
	struct hard hard; /* likewise */
	unsigned failed_n;
	struct {
		uint32_t serial;
		struct pr_error error;
	} failed[FAILED_MAX];
	struct pr_error error;
};

static int
save_position(struct folder *f, const struct fold_job *j, struct pr_error *e)
{
	char text[128];
	if (j->needed)
		f->kept.lsn = j->needed;
	if (j->needed >= f->start_end)
		memcpy(f->kept.boot, f->boot, sizeof f->boot);
	snprintf(text, sizeof text, "%llu %s", (unsigned long long)f->kept.lsn, f->kept.boot);
	int r = pr_statedb_set(f->statedb, "replay", pr_str(text), e);
	if (r < 0)
		return r;
	clock_text(j->clock[0], j->clock[1], text, sizeof text);
	return pr_statedb_set(f->statedb, "clock", pr_str(text), e);
}

static void
work_fold(struct pr_job *job, void *worker)
{
	(void)worker;
	struct fold_job *j = PR_CONTAINER(job, struct fold_job, job);
	struct folder *f = j->folder;
	j->result = finished_is_full(f->finished) ? 0 : fold_slice(f, j->limit, &j->error);
	if (j->needed > finished_needs(f->finished))
		j->needed = finished_needs(f->finished);
	if (j->result < 0 || !j->save || save_position(f, j, &j->error) < 0)
		j->needed = 0;
	if (j->result >= 0 && j->save)
		(void)pr_caps_sweep(f->caps, j->caps_oldest_ms, pr_mono_ms() + CAPS_SLICE_MS,
		                    &j->error); /* what stays is swept another time */
	j->caps_need = pr_caps_needs(f->caps);
	j->position = f->position;
	j->records = f->folded_records;
	j->failed_n = f->failed_n;
	memcpy(j->failed, f->failed, sizeof j->failed);
	f->failed_n = 0;
	j->answers = f->answers;
	j->answers_n = f->answers_n;
	f->answers = NULL;
	f->answers_n = f->answers_cap = 0;
	j->hard = f->hard;
	f->hard = (struct hard){0};
}

static void
check_ends(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		suppress_folded(c);
		campaign_check_end(c);
	}
}

static void
tell_failures(struct pr_delivery *d, const struct fold_job *j)
{
	for (unsigned i = 0; i < j->failed_n; i++) {
		struct pr_campaign *c = pr_map_get(&d->by_serial, j->failed[i].serial);
		if (c && !c->closed) {
			c->ledger = NULL;
			campaign_fail(c, j->failed[i].error.text);
		} else
			PR_LOG(PR_LOG_ERROR, "answers_lost", "of a campaign that has ended: %s",
			       j->failed[i].error.text);
	}
}

static void
fold_done(struct pr_job *job)
{
	struct fold_job *j = PR_CONTAINER(job, struct fold_job, job);
	struct pr_delivery *d = j->delivery;
	d->fold_running = false;
	d->folded = j->position;
	d->fold_records = j->records;
	d->caps_need = j->caps_need;
	tell_failures(d, j);
	for (size_t i = 0; i < j->answers_n; i++)
		answer_apply(d, &j->answers[i]);
	free(j->answers);
	hard_tell(d, &j->hard);
	if (j->needed) {
		d->released_at = j->needed;
		pr_journal_release(d->journal, j->needed, EVENTS_KEEP);
	}
	if (j->result < 0 && j->result != PR_ENOSPC)
		d->options.on_fatal(d->options.context, &j->error);
	else if (j->result < 0)
		pr_timer_start(&d->fold_timer, PR_SECOND_MS);
	else if (j->result > 0)
		fold_start(d);
	else
		fold_ask(d);
	check_ends(d);
	free(j);
}

static uint64_t
fold_needed(const struct pr_delivery *d)
{
	uint64_t needed = d->folded;
	uint64_t bounced =
	    d->options.bounced_needs ? d->options.bounced_needs(d->options.context) : UINT64_MAX;
	if (bounced < needed)
		needed = bounced;
	if (d->caps_need < needed)
		needed = d->caps_need;
	if (pr_list_empty(&d->open))
		return needed;
	uint64_t oldest = PR_CONTAINER(d->open.next, struct send, order)->lsn;
	return oldest < needed ? oldest : needed;
}

/* Where a restart must begin to read moves on in two steps. Intents of rows that are not
 * open now may be forgotten only when their outcomes are durable; the same holds for intents
 * that were written again. So what is needed now counts once all of now is durable. */
static void
advance_needed(struct pr_delivery *d)
{
	if (d->needed_next && pr_journal_durable(d->journal) >= d->needed_when) {
		d->needed = d->needed_next;
		d->needed_next = 0;
	}
	if (!d->needed_next) {
		d->needed_next = fold_needed(d);
		d->needed_when = pr_journal_end(d->journal);
	}
}

/* An old intent is written again, or its wire mark, which says the same and more, so that
 * the segment it stands in can go. */
static void
refresh_old(struct pr_delivery *d)
{
	while (!pr_list_empty(&d->open)) {
		struct send *s = PR_CONTAINER(d->open.next, struct send, order);
		if (!s->durable || s->lsn + REFRESH_OCTETS > pr_journal_end(d->journal))
			return;
		s->lsn = send_record(s, s->wired ? PR_RECORD_WIRE : PR_RECORD_INTENT);
		pr_list_remove(&s->order);
		pr_list_push(&d->open, &s->order);
	}
}

void
fold_start(struct pr_delivery *d)
{
	struct fold_job *j = pr_calloc(1, sizeof *j);
	refresh_old(d);
	j->job.work = work_fold;
	j->job.done = fold_done;
	j->delivery = d;
	j->folder = d->folder;
	j->limit = pr_journal_durable(d->journal);
	advance_needed(d);
	j->save = d->save_asked || d->needed > d->released_at + RELEASE_OCTETS;
	j->needed = d->needed;
	if (j->save)
		d->save_asked = false;
	j->caps_oldest_ms = caps_oldest_ms(d);
	j->clock[0] = due_now(d);
	j->clock[1] = pr_utc_ms();
	d->fold_running = true;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
fold_ask(struct pr_delivery *d)
{
	uint64_t durable = pr_journal_durable(d->journal);
	if (d->fold_running || durable <= d->folded)
		return;
	if (durable - d->folded >= FOLD_EAGER_OCTETS) {
		pr_timer_stop(&d->fold_timer);
		fold_start(d);
	} else if (!pr_timer_running(&d->fold_timer))
		pr_timer_start(&d->fold_timer, FOLD_DELAY_MS);
}

/* ---- coming and going of ledgers ---- */

struct attach_job {
	struct pr_job job;
	struct folder *folder;
	struct pr_campaign *campaign; /* detach: told when it is closed */
	uint32_t serial;
	pr_ledger *ledger; /* NULL: detach */
};

void
work_fold_attach(struct folder *f, uint32_t serial, pr_ledger *l)
{
	pr_map_put(&f->ledgers, serial, l);
}

static void
work_attach(struct pr_job *job, void *worker)
{
	(void)worker;
	struct attach_job *j = PR_CONTAINER(job, struct attach_job, job);
	if (j->ledger) {
		work_fold_attach(j->folder, j->serial, j->ledger);
		return;
	}
	pr_ledger *l = pr_map_remove(&j->folder->ledgers, j->serial);
	if (l)
		pr_ledger_close(l);
	finished_begin(j->folder->finished, j->serial);
}

static void
attach_done(struct pr_job *job)
{
	struct attach_job *j = PR_CONTAINER(job, struct attach_job, job);
	if (j->campaign)
		campaign_detached(j->campaign);
	free(j);
}

static void
attach(struct pr_delivery *d, uint32_t serial, pr_ledger *l, struct pr_campaign *c)
{
	struct attach_job *j = pr_calloc(1, sizeof *j);
	*j = (struct attach_job){.folder = d->folder, .campaign = c, .serial = serial, .ledger = l};
	j->job.work = work_attach;
	j->job.done = attach_done;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
fold_attach(struct pr_delivery *d, uint32_t serial, pr_ledger *l)
{
	attach(d, serial, l, NULL);
}

void
fold_detach(struct pr_delivery *d, struct pr_campaign *c)
{
	c->ledger = NULL;
	attach(d, c->serial, NULL, c);
}

struct ended_job {
	struct pr_job job;
	struct folder *folder;
	uint32_t serial;
};

static void
work_ended(struct pr_job *job, void *worker)
{
	(void)worker;
	struct ended_job *j = PR_CONTAINER(job, struct ended_job, job);
	finished_end(j->folder->finished, j->serial);
}

static void
ended_done(struct pr_job *job)
{
	free(PR_CONTAINER(job, struct ended_job, job));
}

void
fold_ended(struct pr_delivery *d, const struct pr_campaign *c)
{
	struct ended_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_ended;
	j->job.done = ended_done;
	j->folder = d->folder;
	j->serial = c->serial;
	pr_lane_submit(d->folder_lane, &j->job);
}

void
work_fold_leave(struct folder *f, uint32_t serial)
{
	finished_close(f->finished, serial);
}

/* ---- open, close ---- */

void
fold_adopt(struct pr_delivery *d, uint32_t serial, pr_ledger *l)
{
	work_fold_attach(d->folder, serial, l);
}

int
fold_recovered(struct pr_delivery *d, struct pr_error *e)
{
	struct folder *f = d->folder;
	for (unsigned i = 0; i < f->failed_n; i++) {
		struct pr_campaign *c = pr_map_get(&d->by_serial, f->failed[i].serial);
		if (c) {
			c->ledger = NULL;
			campaign_note_error(c, f->failed[i].error.text);
		}
	}
	f->failed_n = 0;
	d->folded = d->released_at = f->position;
	d->outcome_records = d->fold_records = f->folded_records;
	d->paused_all = f->paused_all;
	d->caps_need = pr_caps_needs(f->caps);
	return pr_statedb_set_folded(f->statedb, f->kept.lsn, f->paused_all, e);
}

int
fold_open(struct pr_delivery *d, const struct replay_from *from, struct pr_error *e)
{
	struct folder *f = pr_calloc(1, sizeof *f);
	f->journal_dir = pr_strdup(d->options.journal_dir);
	f->statedb = d->options.statedb;
	f->finished = finished_create(d->config->spool.p, f->statedb);
	f->records = pr_alloc(SLICE * sizeof *f->records);
	f->kept = *from;
	f->position = from->lsn;
	f->start_end = pr_journal_end(d->journal);
	read_boot_id(f->boot);
	char caps[4200];
	pr_arena_init(&f->arena);
	d->folder = f;
	snprintf(caps, sizeof caps, "%s/caps.db", d->config->state.p);
	int r = pr_caps_open(caps, true, &f->caps, e);
	if (r < 0)
		return r;
	f->caps_reader = caps_reader_create(f->caps);
	r = pr_statedb_paused_all(f->statedb, &f->paused_all, e);
	if (r == 0)
		r = pr_cursor_open(f->journal_dir, from->lsn, &f->cursor, e);
	if (r == PR_ENOENT && f->cursor)
		r = 0; /* older segments were released: what is there is all that is needed */
	return r;
}

static void
close_ledgers(struct pr_map *ledgers)
{
	for (size_t i = 0; i < ledgers->cap; i++)
		if (ledgers->slots[i].value)
			pr_ledger_close(ledgers->slots[i].value);
	pr_map_finish(ledgers);
}

void
fold_close(struct pr_delivery *d)
{
	struct folder *f = d->folder;
	close_ledgers(&f->ledgers);
	close_ledgers(&f->taken_out);
	finished_destroy(f->finished);
	if (f->cursor)
		pr_cursor_close(f->cursor);
	caps_reader_destroy(f->caps_reader);
	pr_caps_close(f->caps);
	free(f->answers);
	free(f->hard.rows);
	pr_arena_finish(&f->arena);
	free(f->records);
	free(f->journal_dir);
	free(f);
	d->folder = NULL;
}
