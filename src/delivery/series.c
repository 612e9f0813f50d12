/*
 * Series: campaigns with a trigger, to which rows come one by one.
 *
 *   every so often, for each:
 *     look   series lane: whom does it happen to now?          (campaign/series_look.c)
 *     enter  folder lane, a few hundred at a time: into the ledger
 *     ask    folder lane: whose step is due?                   (ledger/series.c)
 *     make   series lane: is it still for them? A row each     (campaign/series_make.c)
 *     move   folder lane: rows and the next steps, in one transaction; they are due at once
 *
 * One of these is under way at a time for each series, so nothing is asked for twice. What it found
 * and did not write is lost with the process, and found again. A row once written is like any
 * other.
 *
 * It does not end by itself: a deadline ends it, or a person. While it is paused nobody enters and
 * no step is made.
 */
#include "series.h"

#include "postrider/audience/occur.h"
#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_EVENTS_MS (2 * PR_SECOND_MS) /* a look at a log */
#define LOOK_MS PR_MINUTE_MS              /* a pass over all contacts */
#define LOOK_SHARE 20                     /* and no more of the time than one in so many */
#define LOOK_MAX_MS (10 * PR_MINUTE_MS)   /* but at least so often */
#define AGAIN_MS (10 * PR_SECOND_MS)      /* after something failed */

enum watched { NOT_WATCHED, ASKED, WATCHED };

struct series {
	bool busy;
	bool failed;              /* the last round: its error is the campaign's last one */
	bool dropped;             /* the round ends as soon as it can */
	enum watched watched;     /* of an event: its coming is kept */
	int64_t look_ms, step_ms; /* wall clock: when to look, to ask, again; 0: at once */
	struct pr_series_tally tally;
	struct pr_manifest **retired; /* replaced while it was at work */
	unsigned retired_n;
};

/* ---- a round ---- */

static void on_look(struct pr_job *job);
static void on_enter(struct pr_job *job);
static void on_ask(struct pr_job *job);
static void on_make(struct pr_job *job);
static void on_move(struct pr_job *job);

static void
submit(struct series_job *j, pr_lane *lane, void (*work)(struct pr_job *, void *),
       void (*done)(struct pr_job *))
{
	j->job.work = work;
	j->job.done = done;
	pr_lane_submit(lane, &j->job);
}

static bool
may_go_on(const struct pr_campaign *c)
{
	const struct pr_delivery *d = c->delivery;
	return c->state == PR_CAMPAIGN_SENDING && c->mass == PR_STATES && !d->closing &&
	       !d->draining && !d->low_space;
}

static void
end(struct series_job *j)
{
	struct pr_campaign *c = j->campaign;
	struct series *s = c->series;
	s->busy = false;
	while (s->retired_n)
		pr_manifest_destroy(s->retired[--s->retired_n]);
	pr_config_unref(j->config);
	pr_series_found_finish(&j->found);
	pr_arena_finish(&j->arena);
	free(j);
	campaign_check_end(c);
	pump_ask(c->delivery);
}

/* Not now: what is wrong is told, and tried again. */
static void
fail(struct series_job *j)
{
	struct pr_campaign *c = j->campaign;
	struct series *s = c->series;
	campaign_note_error(c, j->error.text);
	s->failed = true;
	s->look_ms = s->step_ms = pr_utc_ms() + AGAIN_MS;
	if (j->result == PR_ECORRUPT)
		campaign_fail(c, j->error.text);
	end(j);
}

/* Whoever waits for a code is asked for again later. */
static bool
lacks_coupons(struct series_job *j)
{
	size_t waiting = 0;
	for (size_t i = 0; i < j->asked.n; i++)
		waiting += j->moves[i].waits;
	if (waiting)
		j->result = pr_fail(&j->error, PR_ELIMIT,
		                    "the codes of coupons are used up, and people wait for them: "
		                    "postrider replace with more of them behind");
	return waiting > 0;
}

/* False: the round has ended. */
static bool
goes_on(struct series_job *j)
{
	struct series *s = j->campaign->series;
	if (j->result >= 0 && s->dropped)
		s->look_ms = s->step_ms = 0;
	if (j->result < 0)
		fail(j);
	else if (s->dropped || !may_go_on(j->campaign))
		end(j);
	else
		return true;
	return false;
}

static struct series_job *
round_begin(struct pr_campaign *c, pr_lane *lane)
{
	struct series_job *j = pr_calloc(1, sizeof *j);
	j->campaign = c;
	j->manifest = c->manifest;
	j->config = pr_config_ref((struct pr_config *)c->delivery->config);
	j->reader = c->delivery->series;
	j->lane = lane;
	j->ledger = c->ledger;
	j->plan = pr_series_plan_of(c->manifest);
	j->now_ms = pr_utc_ms();
	j->begun_ms = c->started_ms;
	snprintf(j->dir, sizeof j->dir, "%s", c->dir);
	j->version = c->version;
	pr_arena_init(&j->arena);
	c->series->busy = true;
	c->series->dropped = false;
	return j;
}

static void
ask(struct series_job *j)
{
	j->at = 0;
	submit(j, j->campaign->delivery->folder_lane, work_series_ask, on_ask);
}

static void
enter(struct series_job *j)
{
	submit(j, j->campaign->delivery->folder_lane, work_series_enter, on_enter);
}

static int64_t
look_again_ms(const struct series_job *j)
{
	int64_t least = j->manifest->trigger.kind == PR_TRIGGER_EVENT ? LOOK_EVENTS_MS : LOOK_MS;
	int64_t fair = j->took_ms * LOOK_SHARE;
	fair = fair > LOOK_MAX_MS ? LOOK_MAX_MS : fair;
	return j->found.more ? 0 : j->now_ms + (fair > least ? fair : least);
}

static void
on_look(struct pr_job *job)
{
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	if (!goes_on(j))
		return;
	const struct pr_series_found *f = &j->found;
	j->campaign->series->look_ms = look_again_ms(j);
	if (f->n || f->inside_n || f->outside_n || f->seen >= 0)
		enter(j);
	else
		ask(j);
}

static void
on_enter(struct pr_job *job)
{
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	struct series *s = j->campaign->series;
	if (j->result == 0)
		s->tally.of[PR_SERIES_UNDER_WAY] += j->entered;
	if (!goes_on(j))
		return;
	if (series_is_entered(j))
		ask(j);
	else
		enter(j);
}

static void
add_ended(struct series *s, const struct pr_series_tally *ended)
{
	for (int i = PR_SERIES_UNDER_WAY + 1; i < PR_SERIES_ENDS; i++) {
		s->tally.of[i] += ended->of[i];
		s->tally.of[PR_SERIES_UNDER_WAY] -= ended->of[i];
	}
}

/* A whole round was well: an attribute came, there are codes again. */
static void
note_well(struct pr_campaign *c)
{
	if (!c->series->failed)
		return;
	c->series->failed = false;
	free(c->last_error);
	c->last_error = NULL;
}

static void
on_ask(struct pr_job *job)
{
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	struct series *s = j->campaign->series;
	if (j->result == 0)
		add_ended(s, &j->asked.ended);
	if (!goes_on(j))
		return;
	if (j->asked.n) {
		submit(j, j->lane, work_series_make, on_make);
	} else if (j->asked.more) {
		ask(j);
	} else {
		s->step_ms = j->asked.next_ms ? j->asked.next_ms : INT64_MAX;
		note_well(j->campaign);
		end(j);
	}
}

static void
move(struct series_job *j)
{
	j->due_ms = campaign_now(j->campaign);
	submit(j, j->campaign->delivery->folder_lane, work_series_move, on_move);
}

static void
on_make(struct pr_job *job)
{
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	j->at = 0;
	if (goes_on(j))
		move(j);
}

/* Rows have come. A mark that was made meanwhile is over them too. */
static void
take_rows(struct pr_campaign *c, const struct pr_series_moved *m)
{
	enum pr_state as = c->mass == PR_STATES ? PR_PENDING : c->mass;
	c->counts.total += m->pending + m->skipped;
	c->counts.of[as] += m->pending;
	c->counts.of[PR_SKIPPED] += m->skipped;
	c->untried += as == PR_PENDING ? m->pending : 0;
	if (m->pending)
		refill_note_due(c, campaign_now(c));
}

/* Of the moves that are written by now. */
static void
note_coupons(struct series *s, const struct series_job *j)
{
	for (size_t i = 0; i < j->at; i++)
		if (!j->moves[i].waits && j->moves[i].of.coupon > s->tally.coupons)
			s->tally.coupons = j->moves[i].of.coupon;
}

static void
on_move(struct pr_job *job)
{
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	struct pr_campaign *c = j->campaign;
	if (j->result == 0) {
		add_ended(c->series, &j->moved.ended);
		note_coupons(c->series, j);
		take_rows(c, &j->moved);
	}
	if (!goes_on(j))
		return;
	refill_ask(c);
	if (j->at < j->asked.n) {
		move(j);
		return;
	}
	if (lacks_coupons(j)) {
		fail(j);
		return;
	}
	pr_arena_finish(&j->arena);
	pr_arena_init(&j->arena);
	ask(j);
}

/* ---- the log of what comes ---- */

struct watch {
	struct pr_audience_work work;
	struct pr_list link;
	struct pr_delivery *delivery; /* NULL: it is gone */
	uint32_t serial;
	char name[PR_AUDIENCE_LIST_MAX + 1];
};

static int
watch_step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	struct watch *k = PR_CONTAINER(w, struct watch, work);
	(void)end_mono_ms;
	return pr_occur_watch(a, pr_str(k->name), &w->error);
}

static void
watch_done(struct pr_audience_work *w, int result)
{
	struct watch *k = PR_CONTAINER(w, struct watch, work);
	struct pr_campaign *c = k->delivery ? pr_map_get(&k->delivery->by_serial, k->serial) : NULL;
	if (c && c->series) {
		c->series->watched = result == 0 ? WATCHED : NOT_WATCHED;
		if (result < 0 && result != PR_ESTATE)
			campaign_note_error(c, w->error.text);
	}
	pr_list_remove(&k->link);
	free(k);
}

void
series_unwatch(struct series_reader *r)
{
	while (!pr_list_empty(&r->watches)) {
		struct watch *k = PR_CONTAINER(r->watches.next, struct watch, link);
		pr_list_remove(&k->link);
		k->delivery = NULL;
	}
}

/* True: what comes is kept, and can be looked at. */
static bool
is_watched(struct pr_campaign *c)
{
	struct series *s = c->series;
	bool of_event = c->manifest->trigger.kind == PR_TRIGGER_EVENT;
	if (!of_event || s->watched == WATCHED || !c->delivery->series)
		return true;
	if (s->watched == ASKED)
		return false;
	struct watch *k = pr_calloc(1, sizeof *k);
	k->work.step = watch_step;
	k->work.done = watch_done;
	k->delivery = c->delivery;
	k->serial = c->serial;
	snprintf(k->name, sizeof k->name, "%s", c->manifest->trigger.event.p);
	s->watched = ASKED;
	pr_list_push(&c->delivery->series->watches, &k->link);
	pr_audience_desk_work(c->delivery->options.audience, &k->work);
	return false;
}

/* ---- from the campaign ---- */

/* What comes is kept from now on, so that nothing is missed when it begins. */
void
series_adopt(struct pr_campaign *c)
{
	if (c->series || !pr_manifest_is_series(c->manifest))
		return;
	c->series = pr_calloc(1, sizeof *c->series);
	is_watched(c);
}

int
series_restore(struct pr_campaign *c, struct pr_error *e)
{
	return c->series ? pr_series_tally(c->ledger, &c->series->tally, e) : 0;
}

void
series_forget(struct pr_campaign *c)
{
	struct series *s = c->series;
	if (!s)
		return;
	PR_ASSERT(!s->busy);
	free(s->retired);
	free(s);
	c->series = NULL;
}

void
series_retire(struct pr_campaign *c, struct pr_manifest *m)
{
	struct series *s = c->series;
	if (!s || !s->busy) {
		pr_manifest_destroy(m);
		return;
	}
	s->retired = pr_realloc(s->retired, (s->retired_n + 1) * sizeof *s->retired);
	s->retired[s->retired_n++] = m;
	s->look_ms = s->step_ms = 0; /* by what it says now */
}

bool
series_runs_on(const struct pr_campaign *c)
{
	return c->series && c->mass == PR_STATES && c->state != PR_CAMPAIGN_CANCELLED;
}

bool
series_is_busy(const struct pr_campaign *c)
{
	return c->series && c->series->busy;
}

void
series_drop(struct pr_campaign *c)
{
	if (c->series)
		c->series->dropped = c->series->busy;
}

void
series_count(struct pr_campaign *c, const struct pr_series_tally *t)
{
	if (c->series)
		c->series->tally = *t;
}

bool
series_tally(const struct pr_campaign *c, struct pr_series_tally *out)
{
	if (!c->series)
		return false;
	*out = c->series->tally;
	if (c->mass != PR_STATES) /* it has ended for them */
		pr_series_cancel(out);
	return true;
}

void
series_second(struct pr_campaign *c)
{
	struct series *s = c->series;
	int64_t now = pr_utc_ms();
	struct pr_error e = {0};
	pr_lane *lane;
	if (!s || s->busy || !c->ledger || !c->manifest || c->restored || !c->started_ms ||
	    !c->indexed || !may_go_on(c) || !is_watched(c))
		return;
	if (s->look_ms > now + PR_DAY_MS) /* the clock was put back */
		s->look_ms = 0;
	if (now < s->look_ms && now < s->step_ms)
		return;
	if (series_lane(c->delivery, &lane, &e) < 0) {
		campaign_note_error(c, e.text);
		return;
	}
	struct series_job *j = round_begin(c, lane);
	if (now >= s->look_ms)
		submit(j, j->lane, work_series_look, on_look);
	else
		ask(j);
}
