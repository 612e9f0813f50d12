/* What the files of the daemon share. */
#ifndef DAEMON_H
#define DAEMON_H

#include "postrider/campaign/config.h"
#include "postrider/control.h"
#include "postrider/delivery.h"
#include "postrider/dns.h"
#include "postrider/engage.h"
#include "postrider/feedback/desk.h"
#include "postrider/feedback/maildir.h"
#include "postrider/feedback/server.h"
#include "postrider/net/tls.h"
#include "postrider/privacy.h"
#include "postrider/statedb.h"
#include "postrider/track.h"
#include "postrider/webhooks.h"

#include <uv.h>

struct daemon {
	const char *config_path;
	struct pr_config *config;
	pr_loop *loop;
	pr_spool *spool;
	struct pr_statedb *folder_db, *intake_db, *webhooks_db,
	    *privacy_db; /* one connection a thread */
	pr_journal *journal;
	pr_dns *dns;
	pr_tls *tls;
	pr_sts *sts;
	pr_audience_desk *audience;
	pr_audience *intake_audience; /* intake's connection */
	pr_delivery *delivery;
	pr_intake *intake;
	pr_webhooks *webhooks;
	pr_conversions_desk *conversions;
	pr_engage *engage;
	pr_track *track;
	pr_privacy *privacy;
	pr_feedback_desk *feedback;
	pr_feedback_maildir *bounce_maildir;
	pr_feedback_server *bounces; /* NULL: off */
	pr_control *control;
	pr_lane *reports;      /* finished campaigns: written here, one at a time */
	struct pr_timer space; /* looks at the disk once a second */
	struct pr_timer watchdog, live, retention;
	int64_t live_after_ms; /* monotonic: no live report before */
	struct pr_timer refresh;
	struct pr_list stale; /* reports of ended campaigns: refresh.c */
	uint64_t spool_free;
	int64_t watchdog_ms;
	uv_signal_t signals[3];
	/* Replaced configurations: intake and jobs under way may still look at one. */
	struct pr_config **retired;
	unsigned retired_n;
	bool stopping;
	bool journal_full;
	int status; /* of the program */
};

/* Runs until it is told to end: the exit status of the program. */
int daemon_run(const char *config_path, struct pr_config *config);
/* ---- load.c ---- */
/* For --check, first: root becomes, for good, the user whom the spool belongs to, for root may what
 * the daemon may not. A file that is wrong is left to daemon_load to tell. */
int daemon_become(const char *path, struct pr_error *e);
int daemon_load(const char *path, struct pr_problems *problems, struct pr_config **out);

/* ---- network.c ---- */
int network_open(struct daemon *d, struct pr_error *e);
void network_restore(struct daemon *d); /* policies, from delivery's state */
void network_reload(struct daemon *d);  /* by the configuration in force */
int network_preflight(const struct pr_preflight *p, struct pr_problems *problems); /* blocks */
void network_close(struct daemon *d); /* what is asked nobody waits for any more; TLS stays */

/* ---- finish.c: the end of a campaign ---- */
/* Write results.csv, report.json, report.html; move the folder to done/; tell delivery. */
void daemon_finish_campaign(void *context, struct pr_campaign *c);

/* ---- refresh.c: reports of campaigns that have ended ---- */
void refresh_open(struct daemon *d);  /* before delivery */
void refresh_close(struct daemon *d); /* before the reports lane: writes what is old */
void daemon_answered(void *context, const char *id);

/* ---- live.c, retention.c ---- */
void live_open(struct daemon *d);
void retention_open(struct daemon *d);

/* ---- back.c: what comes back ---- */
int back_open(struct daemon *d, struct pr_error *e);
void back_reload(struct daemon *d);
void back_stop(struct daemon *d);  /* before the audience's desk */
void back_close(struct daemon *d); /* after delivery and the journal, which may answer until then */
/* For delivery, which is opened before. */
void back_bounced(void *context, const struct pr_bounced *rows, size_t n);
bool back_is_bouncing(void *context, const char *address);
uint64_t back_bounced_needs(void *context);

/* ---- signals.c ---- */
void signals_open(struct daemon *d);
void signals_close(struct daemon *d);
void daemon_stop(struct daemon *d); /* drain, then end */
int daemon_reload(void *context, struct pr_buf *answer);

#endif
