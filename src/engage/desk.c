/*
 * When to read, and who gets it.
 *
 *   idle -(LOOK_MS, something was folded)-> lane: a batch -> audience's desk: events and position
 *     ^-------- nothing in it: the position stays in memory for SAVE_OCTETS --------'
 *
 * Now and then what is older than retention.events goes.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

#define LOOK_MS 500
#define AGAIN_MS (5 * PR_SECOND_MS)
#define SAVE_OCTETS (32u << 20) /* a restart reads so much again, at most */
#define SWEEP_FIRST_MS PR_MINUTE_MS
#define SWEEP_EVERY_MS (6 * PR_HOUR_MS)

struct pr_engage {
	struct pr_engage_options options;
	const struct pr_config *config;
	pr_lane *lane;
	struct reader *reader;
	struct pr_timer timer;
	struct read_job *read; /* NULL: none under way */
	struct pr_audience_work put, sweep;
	uint64_t position, saved;
	struct pr_engage_counts counts;
	bool sweeping, stopping, troubled;
	int64_t sweep_ms; /* monotonic: when next */
	int64_t contact;  /* as far as it was swept */
};

static void consider(pr_engage *g);

/* ---- reading ---- */

static void
end_read(pr_engage *g, int result, const struct pr_error *e)
{
	struct read_job *j = g->read;
	bool moved = j->batch.position > g->position;
	g->read = NULL;
	if (result == 0) {
		g->position = j->batch.position;
		g->counts.added += j->batch.added;
		g->counts.removed += j->batch.removed;
	} else if (result != PR_ESTATE && !g->troubled)
		PR_LOG(PR_LOG_WARNING, "engagement_waits",
		       "what recipients did does not reach contacts now: %s; tried again", e->text);
	g->troubled = result < 0;
	if (result == 0 && j->lost)
		PR_LOG(PR_LOG_WARNING, "engagement_lost",
		       "%llu octets of the journal went before contacts could learn of them",
		       (unsigned long long)j->lost);
	pr_arena_finish(&j->arena);
	free(j);
	if (g->stopping)
		return;
	if (result < 0 || !moved)
		pr_timer_start(&g->timer, result < 0 ? AGAIN_MS : LOOK_MS);
	else
		consider(g);
}

static int
put_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct pr_engaged_batch *b = &PR_CONTAINER(w, pr_engage, put)->read->batch;
	int r = pr_engaged_put(a, b, end_mono_ms, &w->error);
	return r < 0 ? r : b->at < b->n;
}

static void
put_done(struct pr_audience_work *w, int result)
{
	pr_engage *g = PR_CONTAINER(w, pr_engage, put);
	if (result == 0)
		g->saved = g->read->batch.position;
	end_read(g, result, &w->error);
}

static void
read_done(struct pr_job *job)
{
	struct read_job *j = PR_CONTAINER(job, struct read_job, job);
	pr_engage *g = j->owner;
	if (j->result == 0 && !g->stopping &&
	    (j->batch.n || j->batch.position > g->saved + SAVE_OCTETS)) {
		g->put.step = put_step;
		g->put.done = put_done;
		pr_audience_desk_work(g->options.audience, &g->put);
	} else
		end_read(g, j->result, &j->error);
}

static void
begin_read(pr_engage *g, uint64_t limit)
{
	struct read_job *j = pr_calloc(1, sizeof *j);
	pr_arena_init(&j->arena);
	j->owner = g;
	j->reader = g->reader;
	j->from = g->position;
	j->limit = limit;
	j->job.work = reader_work;
	j->job.done = read_done;
	g->read = j;
	pr_lane_submit(g->lane, &j->job);
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
consider(pr_engage *g)
{
	uint64_t limit = pr_delivery_settled(g->options.delivery);
	if (g->read || g->stopping)
		return;
	if (limit > g->position)
		begin_read(g, limit);
	else if (!pr_timer_running(&g->timer))
		pr_timer_start(&g->timer, LOOK_MS);
}

static void
on_timer(struct pr_timer *t)
{
	pr_engage *g = PR_CONTAINER(t, pr_engage, timer);
	sweep_if_time(g);
	consider(g);
}

/* ---- coming and going ---- */

/* A position beyond the journal's end is of another history. */
static int
restore(pr_engage *g, struct pr_error *e)
{
	uint64_t end = pr_journal_end(g->options.journal);
	int r = pr_engaged_position(g->reader->audience, &g->position, e);
	if (g->position > end)
		g->position = end;
	g->saved = g->position;
	return r;
}

int
pr_engage_open(const struct pr_engage_options *options, pr_engage **out, struct pr_error *e)
{
	pr_engage *g = pr_calloc(1, sizeof *g);
	struct pr_lane_options lane = {.name = "engagement", .threads = 1, .nice = 10};
	g->options = *options;
	g->config = options->config;
	g->sweep_ms = pr_mono_ms() + SWEEP_FIRST_MS;
	pr_timer_init(&g->timer, options->loop, on_timer);
	g->reader = reader_create(options, e);
	int r = g->reader ? restore(g, e) : PR_EIO;
	if (r == 0)
		r = pr_lane_create(options->loop, &lane, &g->lane, e);
	if (r < 0) {
		pr_engage_close(g);
		return r;
	}
	consider(g);
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
	pr_timer_stop(&g->timer);
	pr_lane_destroy(g->lane);
	g->lane = NULL;
}

void
pr_engage_settle(pr_engage *g)
{
	while (g->read || g->sweeping)
		pr_loop_turn(g->options.loop);
}

void
pr_engage_close(pr_engage *g)
{
	if (!g)
		return;
	PR_ASSERT(!g->read);
	if (g->lane)
		pr_lane_destroy(g->lane);
	reader_destroy(g->reader);
	free(g);
}

uint64_t
pr_engage_needs(const pr_engage *g)
{
	return g->saved;
}

void
pr_engage_counts(const pr_engage *g, struct pr_engage_counts *out)
{
	uint64_t durable = pr_journal_durable(g->options.journal);
	*out = g->counts;
	out->behind = durable > g->position ? durable - g->position : 0;
}
