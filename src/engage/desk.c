/*
 * When to read, and who gets it.
 *
 *   idle -(LOOK_MS, something was folded)-> lane: a batch -> audience's desk: events and position
 *     ^-------- nothing in it: the position stays in memory for SAVE_OCTETS --------'
 *
 * Deliveries take a tenth of a thread at most while mail goes out: a batch that took its time is
 * followed by REST times as long a pause, as long as outcomes come. Where they lag by more than
 * DELIVERIES_HOLD the journal is not kept for them.
 *
 * Now and then what is older than retention.events goes.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

#define LOOK_MS 500
#define AGAIN_MS (5 * PR_SECOND_MS)
#define SAVE_OCTETS (32u << 20) /* a restart reads so much again, at most */
#define REST 9
#define BUSY_OUTCOMES 100u /* since the last batch: mail goes out */
#define DELIVERIES_HOLD (2ULL << 30)
#define SWEEP_FIRST_MS PR_MINUTE_MS
#define SWEEP_EVERY_MS (6 * PR_HOUR_MS)

struct stream {
	pr_engage *owner;
	struct reader *reader;
	struct pr_timer timer;
	struct read_job *read; /* NULL: none under way */
	struct pr_audience_work put;
	uint64_t position, saved;
	int64_t began_ms;  /* monotonic: the batch under way */
	uint64_t outcomes; /* when it began */
	bool troubled;
};

enum { CAME_BACK, DELIVERIES, STREAMS };

struct pr_engage {
	struct pr_engage_options options;
	const struct pr_config *config;
	pr_lane *lane;
	struct stream streams[STREAMS];
	struct pr_audience_work sweep;
	struct pr_engage_counts counts;
	bool sweeping, stopping;
	int64_t sweep_ms; /* monotonic: when next */
	int64_t contact;  /* as far as it was swept */
};

static void consider(struct stream *s);

/* ---- reading ---- */

static uint64_t
outcomes_now(const pr_engage *g)
{
	struct pr_delivery_status now;
	uint64_t n = 0;
	pr_delivery_status(g->options.delivery, &now);
	for (int i = 0; i < PR_STATES; i++)
		n += now.messages[i];
	return n;
}

/* 0: go on at once. */
static int64_t
pause_ms(const struct stream *s, int result, bool moved)
{
	if (result < 0)
		return AGAIN_MS;
	if (!moved)
		return LOOK_MS;
	bool busy = s == &s->owner->streams[DELIVERIES] &&
	            outcomes_now(s->owner) - s->outcomes >= BUSY_OUTCOMES;
	return busy ? 1 + REST * (pr_mono_ms() - s->began_ms) : 0;
}

static void
tell_trouble(struct stream *s, int result, const struct pr_error *e)
{
	if (result < 0 && result != PR_ESTATE && !s->troubled)
		PR_LOG(PR_LOG_WARNING, "engagement_waits",
		       "what recipients did does not reach contacts now: %s; tried again", e->text);
	if (result == 0 && s->read->lost)
		PR_LOG(PR_LOG_WARNING, "engagement_lost",
		       "%llu octets of the journal went before contacts could learn of them",
		       (unsigned long long)s->read->lost);
	s->troubled = result < 0;
}

static void
end_read(struct stream *s, int result, const struct pr_error *e)
{
	pr_engage *g = s->owner;
	struct read_job *j = s->read;
	bool moved = j->batch.position > s->position;
	tell_trouble(s, result, e);
	s->read = NULL;
	if (result == 0) {
		s->position = j->batch.position;
		g->counts.added += j->batch.deliveries ? 0 : j->batch.added;
		g->counts.removed += j->batch.removed;
	}
	pr_arena_finish(&j->arena);
	free(j);
	if (g->stopping)
		return;
	int64_t wait_ms = pause_ms(s, result, moved);
	if (wait_ms)
		pr_timer_start(&s->timer, wait_ms);
	else
		consider(s);
}

static int
put_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct pr_engaged_batch *b = &PR_CONTAINER(w, struct stream, put)->read->batch;
	int r = pr_engaged_put(a, b, end_mono_ms, &w->error);
	return r < 0 ? r : b->at < b->n;
}

static void
put_done(struct pr_audience_work *w, int result)
{
	struct stream *s = PR_CONTAINER(w, struct stream, put);
	if (result == 0)
		s->saved = s->read->batch.position;
	end_read(s, result, &w->error);
}

static void
read_done(struct pr_job *job)
{
	struct read_job *j = PR_CONTAINER(job, struct read_job, job);
	struct stream *s = j->stream;
	if (j->result == 0 && !s->owner->stopping &&
	    (j->batch.n || j->batch.position > s->saved + SAVE_OCTETS)) {
		s->put.step = put_step;
		s->put.done = put_done;
		pr_audience_desk_work(s->owner->options.audience, &s->put);
	} else
		end_read(s, j->result, &j->error);
}

static void
begin_read(struct stream *s, uint64_t limit)
{
	struct read_job *j = pr_calloc(1, sizeof *j);
	pr_arena_init(&j->arena);
	j->stream = s;
	j->reader = s->reader;
	j->from = s->position;
	j->limit = limit;
	j->job.work = reader_work;
	j->job.done = read_done;
	s->read = j;
	s->began_ms = pr_mono_ms();
	s->outcomes = outcomes_now(s->owner);
	pr_lane_submit(s->owner->lane, &j->job);
}

/* ---- what is old ---- */

static int
sweep_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	pr_engage *g = PR_CONTAINER(w, pr_engage, sweep);
	int64_t before_ms = pr_utc_ms() - g->config->retention.events;
	int r = pr_engaged_sweep(a, before_ms, &g->contact, end_mono_ms, &w->error);
	return r < 0 ? r : g->contact != 0;
}

static void
sweep_done(struct pr_audience_work *w, int result)
{
	pr_engage *g = PR_CONTAINER(w, pr_engage, sweep);
	g->sweeping = false;
	g->contact = 0;
	if (result < 0 && result != PR_ESTATE)
		PR_LOG(PR_LOG_WARNING, "retention", "%s; tried again", w->error.text);
}

static void
sweep_if_time(pr_engage *g)
{
	int64_t now = pr_mono_ms();
	if (g->sweeping || now < g->sweep_ms)
		return;
	g->sweep_ms = now + SWEEP_EVERY_MS;
	g->sweeping = true;
	g->sweep.step = sweep_step;
	g->sweep.done = sweep_done;
	pr_audience_desk_work(g->options.audience, &g->sweep);
}

/* ---- what is there to do ---- */

static void
consider(struct stream *s)
{
	uint64_t limit = pr_delivery_settled(s->owner->options.delivery);
	if (s->read || s->owner->stopping)
		return;
	if (limit > s->position)
		begin_read(s, limit);
	else if (!pr_timer_running(&s->timer))
		pr_timer_start(&s->timer, LOOK_MS);
}

static void
on_timer(struct pr_timer *t)
{
	struct stream *s = PR_CONTAINER(t, struct stream, timer);
	sweep_if_time(s->owner);
	consider(s);
}

/* ---- coming and going ---- */

/* A position beyond the journal's end is of another history. */
static int
open_stream(pr_engage *g, unsigned which, struct pr_error *e)
{
	struct stream *s = &g->streams[which];
	uint64_t end = pr_journal_end(g->options.journal);
	s->owner = g;
	pr_timer_init(&s->timer, g->options.loop, on_timer);
	s->reader = reader_create(&g->options, which == DELIVERIES, e);
	if (!s->reader)
		return PR_EIO;
	int r = pr_engaged_position(s->reader->audience, which == DELIVERIES, &s->position, e);
	if (s->position > end)
		s->position = end;
	s->saved = s->position;
	return r;
}

int
pr_engage_open(const struct pr_engage_options *options, pr_engage **out, struct pr_error *e)
{
	pr_engage *g = pr_calloc(1, sizeof *g);
	struct pr_lane_options lane = {.name = "engagement", .threads = 1, .nice = 10};
	int r = 0;
	g->options = *options;
	g->config = options->config;
	g->sweep_ms = pr_mono_ms() + SWEEP_FIRST_MS;
	for (unsigned i = 0; i < STREAMS && r == 0; i++)
		r = open_stream(g, i, e);
	if (r == 0)
		r = pr_lane_create(options->loop, &lane, &g->lane, e);
	if (r < 0) {
		pr_engage_close(g);
		return r;
	}
	for (unsigned i = 0; i < STREAMS; i++)
		consider(&g->streams[i]);
	*out = g;
	return 0;
}

void
pr_engage_reload(pr_engage *g, const struct pr_config *config)
{
	g->config = config;
}

void
pr_engage_stop(pr_engage *g)
{
	g->stopping = true;
	for (unsigned i = 0; i < STREAMS; i++)
		pr_timer_stop(&g->streams[i].timer);
	pr_lane_destroy(g->lane);
	g->lane = NULL;
}

void
pr_engage_settle(pr_engage *g)
{
	while (g->streams[CAME_BACK].read || g->streams[DELIVERIES].read || g->sweeping)
		pr_loop_turn(g->options.loop);
}

void
pr_engage_close(pr_engage *g)
{
	if (!g)
		return;
	if (g->lane)
		pr_lane_destroy(g->lane);
	for (unsigned i = 0; i < STREAMS; i++) {
		PR_ASSERT(!g->streams[i].read);
		reader_destroy(g->streams[i].reader);
	}
	free(g);
}

uint64_t
pr_engage_needs(const pr_engage *g)
{
	uint64_t end = pr_journal_end(g->options.journal);
	uint64_t least = g->streams[CAME_BACK].saved, late = g->streams[DELIVERIES].saved;
	return late < least && end - late <= DELIVERIES_HOLD ? late : least;
}

static uint64_t
behind(const pr_engage *g, unsigned which)
{
	uint64_t durable = pr_journal_durable(g->options.journal);
	uint64_t position = g->streams[which].position;
	return durable > position ? durable - position : 0;
}

void
pr_engage_counts(const pr_engage *g, struct pr_engage_counts *out)
{
	*out = g->counts;
	out->behind = behind(g, CAME_BACK);
	out->deliveries_behind = behind(g, DELIVERIES);
}
