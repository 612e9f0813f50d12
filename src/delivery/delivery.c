/*
 * Delivery: the room's contract, and what happens once a second.
 *
 * Everything is driven by the pump, a hook at the end of each turn that was asked for:
 * grant what may go, open the connections that are needed. Whatever changes something
 * asks the pump; nobody calls it.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- meters ---- */

static void
meter_turn(struct meter *m, int64_t now_ms)
{
	int64_t second = now_ms / 1000;
	if (!m->since_ms)
		*m = (struct meter){.second = second, .since_ms = now_ms};
	if (second - m->second > RATE_SECONDS)
		memset(m->counts, 0, sizeof m->counts), m->second = second;
	while (m->second < second)
		m->counts[++m->second % (RATE_SECONDS + 1)] = 0;
}

void
meter_add(struct meter *m, int64_t now_ms)
{
	meter_turn(m, now_ms);
	m->counts[m->second % (RATE_SECONDS + 1)]++;
}

double
meter_rate(struct meter *m, int64_t now_ms)
{
	meter_turn(m, now_ms);
	uint64_t sum = 0;
	for (int i = 0; i <= RATE_SECONDS; i++)
		sum += m->counts[i];
	/* The running second counts for the part of it that has passed. */
	double span = RATE_SECONDS + (double)(now_ms % 1000) / 1000;
	double known = (double)(now_ms - m->since_ms) / 1000;
	if (known < span)
		span = known < 0.2 ? 0.2 : known;
	return (double)sum / span;
}

/* What it does now: the last whole second or the running one, whichever was faster. */
double
meter_recent(struct meter *m, int64_t now_ms)
{
	meter_turn(m, now_ms);
	double part = (double)(now_ms % 1000) / 1000;
	double before = m->counts[(m->second + RATE_SECONDS) % (RATE_SECONDS + 1)];
	double running = m->counts[m->second % (RATE_SECONDS + 1)] / (part < 0.2 ? 0.2 : part);
	return running > before ? running : before;
}

bool
meter_is_ripe(struct meter *m, int64_t now_ms)
{
	meter_turn(m, now_ms);
	return m->counts[(m->second + RATE_SECONDS - 1) % (RATE_SECONDS + 1)] > 0;
}

/* ---- the due clock ---- */

int64_t
due_now(const struct pr_delivery *d)
{
	return pr_mono_ms() + d->due_offset_ms;
}

void
pump_ask(struct pr_delivery *d)
{
	pr_turn_ask(&d->pump);
}

static void
on_pump(struct pr_turn_hook *hook)
{
	struct pr_delivery *d = PR_CONTAINER(hook, struct pr_delivery, pump);
	PR_LIST_EACH(link, &d->campaigns)
		slices_act(PR_CONTAINER(link, struct pr_campaign, link));
	grant_pump(d);
}

static void
on_pace(struct pr_timer *t)
{
	pump_ask(PR_CONTAINER(t, struct pr_delivery, pace));
}

static void
ask_all(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns)
		refill_ask(PR_CONTAINER(link, struct pr_campaign, link));
}

static void
on_read_again(struct pr_timer *t)
{
	ask_all(PR_CONTAINER(t, struct pr_delivery, read_again));
}

static void
on_due(struct pr_timer *t)
{
	ask_all(PR_CONTAINER(t, struct pr_delivery, due));
}

static void
on_fold_timer(struct pr_timer *t)
{
	struct pr_delivery *d = PR_CONTAINER(t, struct pr_delivery, fold_timer);
	if (!d->fold_running)
		fold_start(d);
}

/* Once a second: gates of campaigns (also after a jump of the clock), rows that have become
 * due, work on ledgers that waits; the clock is kept now and then. */
static void
on_second(struct pr_timer *t)
{
	struct pr_delivery *d = PR_CONTAINER(t, struct pr_delivery, second);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->closed)
			continue;
		campaign_gate(c);
		campaign_ledger_work(c);
		timed_second(c);
		slices_second(c);
		variants_second(c);
		series_second(c);
		campaign_check_end(c);
		campaign_report_again(c);
		refill_ask(c);
		PR_LIST_EACH(of, &c->flows)
			flow_update(PR_CONTAINER(of, struct flow, link));
	}
	sites_tidy(d);
	shaped_second(d);
	if (pr_loop_now_ms(d->loop) - d->clock_saved_ms >= 10 * PR_SECOND_MS) {
		d->clock_saved_ms = pr_loop_now_ms(d->loop);
		d->save_asked = true;
		if (!d->fold_running)
			fold_start(d);
	}
	pump_ask(d);
	pr_timer_start(t, PR_SECOND_MS);
}

/* ---- ways out ---- */

static struct outlet *
find_outlet(struct pr_delivery *d, struct pr_str name)
{
	PR_LIST_EACH(link, &d->outlets) {
		struct outlet *o = PR_CONTAINER(link, struct outlet, link);
		if (!o->superseded && pr_str_is(name, o->name))
			return o;
	}
	return NULL;
}

struct outlet *
outlet_of_route(struct pr_delivery *d, const struct pr_manifest *m)
{
	return find_outlet(d, pr_text_str(&m->route));
}

static void
make_outlets(struct pr_delivery *d)
{
	const struct pr_route *routes = pr_config_routes(d->config);
	PR_LIST_EACH(link, &d->outlets)
		PR_CONTAINER(link, struct outlet, link)->gone = true;
	for (size_t i = 0; i < d->config->routes.n; i++) {
		struct outlet *o = find_outlet(d, pr_text_str(&routes[i].name));
		if (o && o->mx != (routes[i].via == PR_VIA_MX)) {
			o->superseded = true;
			o = NULL;
		}
		if (o)
			outlet_configure(o, &routes[i]);
		else
			outlet_create(d, &routes[i]);
	}
	PR_LIST_EACH(link, &d->outlets) {
		struct outlet *o = PR_CONTAINER(link, struct outlet, link);
		if (o->gone)
			outlet_take_away(o);
	}
}

/* After max_connections was lowered: the lane that has most gives first. */
static void
shrink_lanes(struct pr_delivery *d)
{
	for (;;) {
		unsigned all = 0, most = 0;
		struct lane *largest = NULL;
		PR_LIST_EACH(link, &d->lanes) {
			struct lane *l = PR_CONTAINER(link, struct lane, link);
			unsigned n = lane_staying(l);
			all += n;
			if (n > most) {
				most = n;
				largest = l;
			}
		}
		if (all <= (unsigned)d->config->max_connections)
			return;
		lane_shrink(largest, most - 1);
	}
}

/* ---- open, close ---- */

static void *
enter_composer(void *context)
{
	(void)context;
	pr_composer *c = NULL;
	int r = pr_composer_create(&c);
	PR_ASSERT(r == 0);
	return c;
}

static void
leave_composer(void *worker)
{
	pr_composer_destroy(worker);
}

static int
make_threads(struct pr_delivery *d, struct pr_error *e)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct pr_lane_options composers = {.name = "composer",
	                                    .nice = 2,
	                                    .enter = enter_composer,
	                                    .leave = leave_composer,
	                                    .threads = d->config->workers
	                                                   ? (unsigned)d->config->workers
	                                                   : (unsigned)(cores > 0 ? cores : 1)};
	struct pr_lane_options folder = {.name = "folder", .threads = 1};
	struct pr_lane_options versions = {.name = "versions", .threads = 1, .nice = 5};
	int r = pr_lane_create(d->loop, &composers, &d->composers, e);
	if (r == 0)
		r = pr_lane_create(d->loop, &folder, &d->folder_lane, e);
	if (r == 0)
		r = pr_lane_create(d->loop, &versions, &d->versions_lane, e);
	return r < 0 ? r : preflight_open(d, e);
}

int
pr_delivery_open(const struct pr_delivery_options *options, pr_delivery **out, struct pr_error *e)
{
	struct pr_delivery *d = pr_calloc(1, sizeof *d);
	d->options = *options;
	d->loop = options->loop;
	d->config = options->config;
	d->journal = options->journal;
	d->average_size = 8192;
	pr_list_init(&d->campaigns);
	pr_list_init(&d->outlets);
	pr_list_init(&d->lanes);
	pr_list_init(&d->wanting);
	pr_list_init(&d->idle_sites);
	pr_list_init(&d->idle_conns);
	pr_list_init(&d->changed_lanes);
	pr_list_init(&d->groups);
	pr_list_init(&d->tallies);
	pr_list_init(&d->reopen_later);
	pr_list_init(&d->open);
	pr_list_init(&d->undurable);
	pthread_mutex_init(&d->vet_lock, NULL);
	pr_turn_hook_init(&d->pump, d->loop, PR_TURN_WORK, on_pump);
	pr_timer_init(&d->pace, d->loop, on_pace);
	pr_timer_init(&d->read_again, d->loop, on_read_again);
	pr_timer_init(&d->due, d->loop, on_due);
	pr_timer_init(&d->second, d->loop, on_second);
	pr_timer_init(&d->fold_timer, d->loop, on_fold_timer);
	drain_init(d);
	late_init(d);
	caps_open(d);
	series_open(d);
	int r = groups_open(d, e);
	if (r == 0)
		r = kept_open(d, e);
	if (r == 0)
		make_outlets(d);
	if (r == 0)
		r = make_threads(d, e);
	if (r == 0)
		r = suppress_open(d, e);
	if (r == 0)
		r = recover_run(d, e);
	if (r < 0) {
		pr_delivery_close(d);
		return r;
	}
	pr_timer_start(&d->second, 1);
	*out = d;
	return 0;
}

static void
free_sends(struct pr_delivery *d)
{
	while (d->free_sends) {
		struct send *s = d->free_sends;
		d->free_sends = (struct send *)(void *)s->link.next;
		free(s);
	}
}

/* Last: jobs that ended meanwhile may have started some. */
static void
stop_timers(struct pr_delivery *d)
{
	pr_timer_stop(&d->pace);
	pr_timer_stop(&d->read_again);
	pr_timer_stop(&d->due);
	pr_timer_stop(&d->second);
	pr_timer_stop(&d->fold_timer);
	pr_timer_stop(&d->drain_timer);
}

void
pr_delivery_close(pr_delivery *d)
{
	d->draining = d->closing = true;
	reopen_give_up(d);
	late_give_up(d);
	preflight_close(d);
	series_close(d);
	if (d->versions_lane)
		pr_lane_destroy(d->versions_lane);
	if (d->composers)
		pr_lane_destroy(d->composers);
	PR_LIST_EACH(link, &d->lanes)
		lane_abort(PR_CONTAINER(link, struct lane, link), "the daemon ends");
	if (d->folder_lane)
		pr_lane_destroy(d->folder_lane);
	while (!pr_list_empty(&d->open))
		send_free(PR_CONTAINER(d->open.next, struct send, order));
	PR_LIST_EACH(link, &d->campaigns)
		campaign_destroy(PR_CONTAINER(link, struct pr_campaign, link));
	PR_LIST_EACH(link, &d->outlets)
		outlet_destroy(PR_CONTAINER(link, struct outlet, link));
	kept_close(d);
	groups_close(d);
	stop_timers(d);
	if (d->folder)
		fold_close(d);
	suppress_close(d);
	caps_close(d);
	storms_close(d);
	free_sends(d);
	pr_map_finish(&d->by_serial);
	pr_buf_finish(&d->scratch);
	pr_turn_hook_finish(&d->pump);
	pthread_mutex_destroy(&d->vet_lock);
	free(d);
}

/* ---- from outside ---- */

void
pr_delivery_on_durable(pr_delivery *d, uint64_t lsn)
{
	grant_durable(d, lsn);
	fold_ask(d);
	pump_ask(d);
}

void
pr_delivery_on_space(pr_delivery *d, bool full)
{
	d->journal_full = full;
	pump_ask(d);
}

void
pr_delivery_space(pr_delivery *d, uint64_t free_octets)
{
	bool low = d->config->min_free && free_octets < d->config->min_free / 2;
	if (low == d->low_space)
		return;
	d->low_space = low;
	PR_LOG(low ? PR_LOG_WARNING : PR_LOG_INFO, "disk_space",
	       low ? "sending pauses: less than half of min_free is left" : "sending goes on");
	if (low)
		PR_LIST_EACH(link, &d->lanes)
			lane_withdraw(PR_CONTAINER(link, struct lane, link), NULL);
	pump_ask(d);
}

void
pr_delivery_reload(pr_delivery *d, const struct pr_config *config)
{
	pthread_mutex_lock(&d->vet_lock);
	d->config = config;
	pthread_mutex_unlock(&d->vet_lock);
	groups_reload(d);
	suppress_reload(d);
	make_outlets(d);
	shrink_lanes(d);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (c->manifest && !c->closed)
			campaign_configure(c);
	}
	caps_configure(d, true);
	pump_ask(d);
}

void
pr_delivery_vet(pr_delivery *d, int dir, const struct pr_taken *t, const struct pr_str *columns,
                size_t columns_n, struct pr_problems *problems)
{
	pthread_mutex_lock(&d->vet_lock);
	struct pr_config *config = pr_config_ref((struct pr_config *)d->config);
	pthread_mutex_unlock(&d->vet_lock);
	struct pr_content_source s = pr_content_source_of(t->manifest, config);
	s.dir = dir;
	s.columns = columns;
	s.columns_n = columns_n;
	s.campaign_id = t->id;
	s.serial = t->serial;
	pr_content *content;
	if (pr_content_compile(&s, problems, &content) == 0)
		pr_content_unref(content);
	pr_config_unref(config);
}

/* ---- what there is to see ---- */

pr_campaign *
pr_delivery_find(pr_delivery *d, const char *id)
{
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

pr_campaign *
pr_delivery_next(pr_delivery *d, pr_campaign *after)
{
	struct pr_list *link = after ? after->link.next : d->campaigns.next;
	return link == &d->campaigns ? NULL : PR_CONTAINER(link, struct pr_campaign, link);
}

static int64_t
eta(const struct pr_campaign *c, double rate)
{
	uint64_t left = c->counts.of[PR_PENDING] + c->counts.of[PR_SENDING];
	if (c->state != PR_CAMPAIGN_SENDING || left == 0 || rate < 0.01)
		return 0;
	return pr_utc_ms() + (int64_t)((double)left * 1000 / rate);
}

/* One that sends, but not everywhere, says why. */
static enum pr_reason
reason_of(const struct pr_campaign *c)
{
	return c->state == PR_CAMPAIGN_SENDING && c->paused_n ? PR_REASON_STOP_LOSS : c->reason;
}

void
pr_campaign_view(const pr_campaign *c, struct pr_campaign_view *out)
{
	int64_t now = pr_loop_now_ms(c->delivery->loop);
	double rate = meter_rate((struct meter *)&c->meter, now);
	*out = (struct pr_campaign_view){.id = c->id,
	                                 .name = c->name,
	                                 .dir = c->dir,
	                                 .by = c->by,
	                                 .route = c->outlet ? c->outlet->name : "",
	                                 .serial = c->serial,
	                                 .owner = c->owner,
	                                 .state = c->state,
	                                 .reason = reason_of(c),
	                                 .paused_slices = c->paused_n,
	                                 .priority = c->priority,
	                                 .counts = c->counts,
	                                 .seeds = c->seeds,
	                                 .engaged = c->engaged,
	                                 .earned = c->earned,
	                                 .rate = rate,
	                                 .eta_ms = eta(c, rate),
	                                 .next_ms = timed_next(c),
	                                 .accepted_ms = c->accepted_ms,
	                                 .start_ms =
	                                     c->has_timetable ? c->timetable.start_ms : c->waits_ms,
	                                 .started_ms = c->started_ms,
	                                 .first_pass_ms = c->first_pass_ms,
	                                 .finished_ms = c->closed ? c->finished_ms : 0,
	                                 .import_rows = c->import_rows,
	                                 .indexed_ms = c->indexed_ms,
	                                 .last_error = c->last_error,
	                                 .version = c->version,
	                                 .content = c->content};
	out->is_series = series_tally(c, &out->series);
}

uint64_t
pr_delivery_folded(const pr_delivery *d)
{
	return d->folded;
}

uint64_t
pr_delivery_settled(const pr_delivery *d)
{
	return d->folded < d->kept_back ? d->folded : d->kept_back;
}

static void
add_connections(struct pr_delivery *d, struct pr_delivery_status *out)
{
	PR_LIST_EACH(link, &d->lanes) {
		struct lane *l = PR_CONTAINER(link, struct lane, link);
		out->connections_open += l->conns_n;
		out->connections_busy += l->busy_n;
		out->connections_idle += l->live_n - l->busy_n;
	}
}

void
pr_delivery_status(pr_delivery *d, struct pr_delivery_status *out)
{
	int64_t oldest = 0;
	*out = (struct pr_delivery_status){.paused_all = d->paused_all,
	                                   .draining = d->draining,
	                                   .journal_full = d->journal_full,
	                                   .low_space = d->low_space,
	                                   .in_doubt_total = d->in_doubt_total,
	                                   .ready_messages = d->ready_messages,
	                                   .ready_octets = d->ready_octets,
	                                   .rate = meter_rate(&d->meter, pr_loop_now_ms(d->loop)),
	                                   .fold_lag = pr_journal_end(d->journal) - d->folded,
	                                   .fold_lag_records = d->outcome_records - d->fold_records,
	                                   .clock_jump_ms = pr_utc_ms() - due_now(d)};
	memcpy(out->messages, d->messages, sizeof out->messages);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		out->campaigns[c->state]++;
		out->paused_slices += c->closed ? 0 : c->paused_n;
		for (int i = 0; i < PR_STATES; i++)
			out->recipients[i] += c->counts.of[i];
		if (campaign_may_send(c) && campaign_now(c) - c->next_due_ms > oldest)
			oldest = campaign_now(c) - c->next_due_ms;
	}
	out->oldest_due_ms = oldest;
	add_connections(d, out);
}
