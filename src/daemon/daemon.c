/*
 * The daemon's life: opening in order, callbacks between the rooms, closing backwards.
 * A room that fails to open closes what was opened before it.
 */
#include "daemon.h"

#include "postrider/base/file.h"
#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <systemd/sd-daemon.h>

/* What is in flight may take so long to end; folding may take 5 s more (delivery/drain.c), and
 * the whole less than 30 s. */
#define DRAIN_MS (24 * PR_SECOND_MS)

/* ---- what the journal tells ---- */

static void
on_durable(void *context, uint64_t lsn)
{
	struct daemon *d = context;
	if (d->delivery)
		pr_delivery_on_durable(d->delivery, lsn);
	if (d->webhooks)
		pr_webhooks_on_durable(d->webhooks);
}

/* Readers may lag, as long as there is room for it: none of them stops the sending. */
static void
hold_journal(struct daemon *d)
{
	bool room = !d->journal_full && d->spool_free >= d->config->min_free;
	uint64_t least = d->webhooks ? pr_webhooks_needs(d->webhooks) : UINT64_MAX;
	if (d->engage && pr_engage_needs(d->engage) < least)
		least = pr_engage_needs(d->engage);
	pr_journal_hold(d->journal, room ? least : UINT64_MAX);
}

static void
on_space(void *context, bool full)
{
	struct daemon *d = context;
	PR_LOG(full ? PR_LOG_ERROR : PR_LOG_INFO, "journal_space",
	       full ? "no room for the journal: nothing new is sent"
	            : "the journal has room again");
	if (d->delivery)
		pr_delivery_on_space(d->delivery, full);
	if (d->track)
		pr_track_on_space(d->track, full);
	d->journal_full = full;
	hold_journal(d);
}

/* The disk failed: what we believe may not be what is stored. End at once, without
 * goodbyes; the next start recovers from disk. */
static void
on_fatal(void *context, const struct pr_error *e)
{
	(void)context;
	PR_LOG(PR_LOG_ERROR, "disk_failed", "%s; ending, the next start recovers", e->text);
	sd_notifyf(0, "STATUS=disk failed: %s", e->text);
	_exit(1);
}

/* ---- what intake tells ---- */

static void
on_vet(void *context, int dir, const struct pr_taken *t, const struct pr_str *columns,
       size_t columns_n, struct pr_problems *problems)
{
	struct daemon *d = context;
	pr_delivery_vet(d->delivery, dir, t, columns, columns_n, problems);
}

static void
on_importing(void *context, const struct pr_taken *t)
{
	struct daemon *d = context;
	pr_log(PR_LOG_INFO, &(struct pr_log_about){.event = "importing", .campaign = t->id},
	       t->waits_ms ? "campaign taken; its recipients are chosen at its start"
	                   : "campaign taken");
	pr_delivery_importing(d->delivery, t);
}

static void
on_imported(void *context, struct pr_taken *t)
{
	struct daemon *d = context;
	if (t->ledger) /* else by an earlier run */
		pr_log(PR_LOG_INFO, &(struct pr_log_about){.event = "imported", .campaign = t->id},
		       "%llu rows, %llu of them skipped, %llu suppressed, %llu had been "
		       "opened by machines only",
		       (unsigned long long)t->recipients.rows,
		       (unsigned long long)t->recipients.skipped,
		       (unsigned long long)t->recipients.suppressed,
		       (unsigned long long)t->recipients.machine);
	struct pr_buf remark = {0};
	if (t->ledger)
		pr_recipients_remark(&t->recipients, t->manifest, d->config, &remark);
	if (remark.len)
		pr_log(PR_LOG_WARNING,
		       &(struct pr_log_about){.event = "rows_untimely", .campaign = t->id}, "%s",
		       remark.data);
	pr_buf_finish(&remark);
	pr_delivery_imported(d->delivery, t);
}

static void
on_rejected(void *context, const struct pr_taken *t, const char *name)
{
	struct daemon *d = context;
	pr_log(PR_LOG_WARNING, &(struct pr_log_about){.event = "rejected", .campaign = t->id},
	       "see rejected/%s/errors.txt", name);
	pr_delivery_rejected(d->delivery, t);
}

static void
on_trouble(void *context, const char *name, const struct pr_error *e)
{
	(void)context;
	PR_LOG(PR_LOG_WARNING, "intake_trouble", "%s%s%s; tried again by itself", name ? name : "",
	       name ? ": " : "", e->text);
}

static void
on_withdraw(void *context, const char *id, const char *by)
{
	struct daemon *d = context;
	pr_intake_withdraw(d->intake, id, by);
}

static const struct pr_intake_events intake_events = {.vet = on_vet,
                                                      .importing = on_importing,
                                                      .imported = on_imported,
                                                      .rejected = on_rejected,
                                                      .trouble = on_trouble};

/* ---- timers ---- */

static uint64_t
free_octets(const char *path)
{
	struct statvfs s;
	return statvfs(path, &s) < 0 ? 0 : (uint64_t)s.f_bavail * s.f_frsize;
}

static void
on_space_timer(struct pr_timer *t)
{
	struct daemon *d = PR_CONTAINER(t, struct daemon, space);
	uint64_t spool = free_octets(d->config->spool.p), state = free_octets(d->config->state.p);
	d->spool_free = spool < state ? spool : state;
	pr_intake_hold(d->intake,
	               d->stopping || (d->config->min_free && d->spool_free < d->config->min_free));
	pr_delivery_space(d->delivery, d->spool_free);
	hold_journal(d);
	pr_timer_start(t, PR_SECOND_MS);
}

static void
on_watchdog(struct pr_timer *t)
{
	struct daemon *d = PR_CONTAINER(t, struct daemon, watchdog);
	struct pr_delivery_status s;
	pr_delivery_status(d->delivery, &s);
	sd_notifyf(0, "WATCHDOG=1\nSTATUS=%u sending, %.0f messages/s, %u connections%s",
	           s.campaigns[PR_CAMPAIGN_SENDING], s.rate, s.connections_open,
	           s.paused_all                    ? ", all paused"
	           : s.low_space || s.journal_full ? ", disk full"
	                                           : "");
	pr_timer_start(t, d->watchdog_ms);
}

static void
start_watchdog(struct daemon *d)
{
	uint64_t us = 0;
	d->watchdog_ms = 10 * PR_SECOND_MS;
	if (sd_watchdog_enabled(0, &us) > 0)
		d->watchdog_ms = (int64_t)(us / 2000);
	pr_timer_init(&d->watchdog, d->loop, on_watchdog);
	pr_timer_start(&d->watchdog, 0);
}

/* ---- ending ---- */

static void
on_drained(void *context)
{
	struct daemon *d = context;
	pr_loop_stop(d->loop);
}

void
daemon_stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	sd_notify(0, "STOPPING=1");
	PR_LOG(PR_LOG_INFO, "draining", "no new messages; what is in flight ends");
	pr_intake_hold(d->intake, true);
	pr_delivery_drain(d->delivery, DRAIN_MS);
}

static void
drain_asked(void *context)
{
	daemon_stop(context);
}

static uint64_t
spool_free(void *context)
{
	return ((struct daemon *)context)->spool_free;
}

/* ---- opening ---- */

static int
open_state(struct daemon *d, struct pr_error *e)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/state.db", d->config->state.p);
	int r = pr_spool_lock(d->config, &d->spool, e);
	if (r == 0)
		r = pr_statedb_open(path, &d->folder_db, e);
	if (r == 0)
		r = pr_statedb_open(path, &d->intake_db, e);
	if (r == 0)
		r = pr_statedb_open(path, &d->webhooks_db, e);
	if (r == 0)
		r = pr_statedb_open(path, &d->privacy_db, e);
	return r;
}

static int
open_journal(struct daemon *d, char *dir, size_t size, struct pr_error *e)
{
	snprintf(dir, size, "%s/journal", d->config->state.p);
	struct pr_journal_options o = {.dir = dir,
	                               .floor = pr_delivery_floor(d->config),
	                               .context = d,
	                               .on_durable = on_durable,
	                               .on_space = on_space,
	                               .on_failure = on_fatal};
	bool same_boot; /* recovery reads it from the journal, start by start */
	return pr_journal_open(d->loop, &o, &same_boot, &d->journal, e);
}

static int
open_audience(struct daemon *d, struct pr_error *e)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/audience.db", d->config->state.p);
	int r = pr_audience_desk_open(d->loop, path, &d->audience, e);
	if (r == 0)
		r = pr_audience_open(path, PR_AUDIENCE_READ, &d->intake_audience, e);
	if (r == 0)
		pr_audience_use(d->intake_audience, &d->config->names);
	return r;
}

static int
open_delivery(struct daemon *d, const char *journal_dir, struct pr_error *e)
{
	struct pr_delivery_options o = {.loop = d->loop,
	                                .config = d->config,
	                                .journal = d->journal,
	                                .statedb = d->folder_db,
	                                .journal_dir = journal_dir,
	                                .audience = d->audience,
	                                .dns = d->dns,
	                                .tls = d->tls,
	                                .sts = d->sts,
	                                .preflight = network_preflight,
	                                .context = d,
	                                .on_fatal = on_fatal,
	                                .on_drained = on_drained,
	                                .on_withdraw = on_withdraw,
	                                .on_finished = daemon_finish_campaign,
	                                .on_answered = daemon_answered,
	                                .on_bounced = back_bounced,
	                                .bounced_needs = back_bounced_needs,
	                                .is_bouncing = back_is_bouncing};
	return pr_delivery_open(&o, &d->delivery, e);
}

static int
open_intake(struct daemon *d, struct pr_error *e)
{
	struct pr_intake_options o = {.loop = d->loop,
	                              .config = d->config,
	                              .statedb = d->intake_db,
	                              .audience = d->intake_audience,
	                              .events = &intake_events,
	                              .context = d};
	return pr_intake_open(&o, &d->intake, e);
}

static int
open_webhooks(struct daemon *d, const char *journal_dir, struct pr_error *e)
{
	struct pr_webhooks_options o = {.loop = d->loop,
	                                .config = d->config,
	                                .delivery = d->delivery,
	                                .journal = d->journal,
	                                .journal_dir = journal_dir,
	                                .statedb = d->webhooks_db};
	int r = pr_webhooks_open(&o, &d->webhooks, e);
	if (r == 0)
		pr_journal_hold(d->journal, pr_webhooks_needs(d->webhooks));
	return r;
}

static int
open_engage(struct daemon *d, const char *journal_dir, struct pr_error *e)
{
	struct pr_engage_options o = {.loop = d->loop,
	                              .config = d->config,
	                              .delivery = d->delivery,
	                              .journal = d->journal,
	                              .journal_dir = journal_dir,
	                              .audience = d->audience};
	return pr_engage_open(&o, &d->engage, e);
}

static int
open_conversions(struct daemon *d, struct pr_error *e)
{
	char state[4096];
	struct pr_conversions_options o = {.loop = d->loop,
	                                   .config = d->config,
	                                   .delivery = d->delivery,
	                                   .journal = d->journal,
	                                   .audience = d->audience,
	                                   .state_path = state};
	snprintf(state, sizeof state, "%s/state.db", d->config->state.p);
	return pr_conversions_open(&o, &d->conversions, e);
}

static int
open_track(struct daemon *d, struct pr_error *e)
{
	char state[4096], audience[4096];
	struct pr_track_options o = {.loop = d->loop,
	                             .config = d->config,
	                             .delivery = d->delivery,
	                             .journal = d->journal,
	                             .conversions = d->conversions,
	                             .state_path = state,
	                             .audience_path = audience};
	snprintf(state, sizeof state, "%s/state.db", d->config->state.p);
	snprintf(audience, sizeof audience, "%s/audience.db", d->config->state.p);
	return pr_track_open(&o, &d->track, e);
}

static int
open_privacy(struct daemon *d, const char *journal_dir, struct pr_error *e)
{
	struct pr_privacy_options o = {.loop = d->loop,
	                               .config = d->config,
	                               .delivery = d->delivery,
	                               .journal = d->journal,
	                               .journal_dir = journal_dir,
	                               .audience = d->audience,
	                               .statedb = d->privacy_db};
	return pr_privacy_open(&o, &d->privacy, e);
}

static int
open_control(struct daemon *d, const char *journal_dir, struct pr_error *e)
{
	struct pr_control_options o = {.loop = d->loop,
	                               .config = d->config,
	                               .delivery = d->delivery,
	                               .journal = d->journal,
	                               .journal_dir = journal_dir,
	                               .intake = d->intake,
	                               .audience = d->audience,
	                               .webhooks = d->webhooks,
	                               .track = d->track,
	                               .conversions = d->conversions,
	                               .engage = d->engage,
	                               .privacy = d->privacy,
	                               .feedback = d->feedback,
	                               .version = POSTRIDER_VERSION,
	                               .context = d,
	                               .reload = daemon_reload,
	                               .drain = drain_asked,
	                               .spool_free = spool_free};
	return pr_control_open(&o, &d->control, e);
}

static int
open_all(struct daemon *d, struct pr_error *e)
{
	char journal_dir[4096];
	struct pr_lane_options reports = {.name = "reports", .threads = 1, .nice = 5};
	int r = open_state(d, e);
	if (r == 0)
		r = pr_loop_create(&d->loop, e);
	if (r == 0)
		r = network_open(d, e);
	if (r == 0)
		r = open_journal(d, journal_dir, sizeof journal_dir, e);
	if (r == 0)
		r = pr_lane_create(d->loop, &reports, &d->reports, e);
	if (r == 0)
		refresh_open(d);
	if (r == 0)
		r = open_audience(d, e);
	if (r == 0)
		r = open_delivery(d, journal_dir, e);
	if (r == 0)
		r = back_open(d, e);
	if (r == 0)
		network_restore(d);
	if (r == 0)
		r = open_intake(d, e);
	if (r == 0)
		r = open_webhooks(d, journal_dir, e);
	if (r == 0)
		r = open_conversions(d, e);
	if (r == 0)
		r = open_engage(d, journal_dir, e);
	if (r == 0)
		r = open_track(d, e);
	if (r == 0)
		r = open_privacy(d, journal_dir, e);
	if (r == 0)
		r = open_control(d, journal_dir, e);
	return r;
}

static void
close_all(struct daemon *d)
{
	if (d->track)
		pr_track_stop(d->track);
	if (d->conversions)
		pr_conversions_stop(d->conversions);
	if (d->engage)
		pr_engage_stop(d->engage);
	if (d->privacy)
		pr_privacy_stop(d->privacy); /* while all that it asks is there */
	back_stop(d);
	if (d->audience)
		pr_audience_desk_stop(d->audience); /* who ordered something is answered */
	if (d->conversions)
		pr_conversions_settle(d->conversions);
	if (d->engage)
		pr_engage_settle(d->engage);
	if (d->control)
		pr_control_close(d->control);
	if (d->webhooks)
		pr_webhooks_close(d->webhooks);
	d->webhooks = NULL;
	if (d->intake)
		pr_intake_close(d->intake);
	if (d->reports) {
		refresh_close(d);
		pr_lane_destroy(d->reports);
		d->reports = NULL;
	}
	if (d->delivery)
		pr_delivery_close(d->delivery);
	d->delivery = NULL;
	if (d->privacy)
		pr_privacy_close(d->privacy); /* nobody answers it any more */
	if (d->audience)
		pr_audience_desk_close(d->audience);
	pr_audience_close(d->intake_audience);
	if (d->journal)
		pr_journal_close(d->journal);
	pr_conversions_close(d->conversions);
	pr_engage_close(d->engage);
	if (d->track)
		pr_track_close(d->track);
	network_close(d);
	if (d->loop) {
		back_close(d);
		for (int i = 0; i < 3; i++) /* handles that were closed go in later turns */
			pr_loop_turn(d->loop);
		pr_loop_destroy(d->loop);
	}
	pr_tls_destroy(d->tls); /* after the last stream */
	pr_statedb_close(d->privacy_db);
	pr_statedb_close(d->webhooks_db);
	pr_statedb_close(d->intake_db);
	pr_statedb_close(d->folder_db);
	if (d->spool)
		pr_spool_unlock(d->spool);
}

int
daemon_run(const char *config_path, struct pr_config *config)
{
	struct daemon d = {.config_path = config_path, .config = pr_config_ref(config)};
	struct pr_error e = {0};
	umask(027);
	if (open_all(&d, &e) < 0) {
		PR_LOG(PR_LOG_ERROR, "start_failed", "%s", e.text);
		d.status = 1;
	} else {
		signals_open(&d);
		pr_timer_init(&d.space, d.loop, on_space_timer);
		pr_timer_start(&d.space, 0);
		start_watchdog(&d);
		live_open(&d);
		retention_open(&d);
		sd_notify(0, "READY=1");
		PR_LOG(PR_LOG_INFO, "started", "postriderd %s", POSTRIDER_VERSION);
		pr_loop_run(d.loop);
		pr_timer_stop(&d.space);
		pr_timer_stop(&d.watchdog);
		pr_timer_stop(&d.live);
		pr_timer_stop(&d.retention);
		signals_close(&d);
		PR_LOG(PR_LOG_INFO, "stopped", "everything that was in flight is recorded");
	}
	close_all(&d);
	for (unsigned i = 0; i < d.retired_n; i++)
		pr_config_unref(d.retired[i]);
	free(d.retired);
	pr_config_unref(d.config);
	return d.status;
}
