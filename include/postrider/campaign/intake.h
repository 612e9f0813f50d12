/*
 * Intake: from a folder dropped into `incoming/` to a campaign in `active/ID` whose rows
 * are in its ledger, or to `rejected/NAME/errors.txt`. formats.md, "Intake".
 *
 *   incoming/NAME -complete-> claimed -copied, compared, synced-> judged -> active/ID
 *      -recipients-> imported                                      `-> rejected/NAME
 *
 * Complete: it holds `.ready`; or it came by one rename, with its manifest and no upload under
 * way; or so, and nothing in it changed for `settle`. What keeps a folder from being taken
 * is told in `incoming/NAME.PROBLEM.txt`, beside it, which goes away with its cause.
 *
 * A campaign whose recipients follow from contacts or from other campaigns (pr_manifest_at_start)
 * is imported when its start has come: until then its copy waits in active/, and importing is told
 * with that time. A restart finds it waiting; an import that was cut off is done again.
 *
 * The blocking work (looking, copying, hashing, importing) runs on a lane of its own, one
 * campaign at a time; the owner's callbacks run on the loop. Each step can be repeated: after
 * a kill at any point the next start finds either the source in incoming/ (claimed name or
 * not) or a whole copy in active/ or rejected/, never neither, and never takes it twice.
 */
#ifndef POSTRIDER_CAMPAIGN_INTAKE_H
#define POSTRIDER_CAMPAIGN_INTAKE_H

#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"
#include "postrider/campaign/recipients.h"
#include "postrider/loop.h"
#include "postrider/statedb.h"

typedef struct pr_intake pr_intake;

#define PR_INTAKE_RESCAN_MS (5 * PR_SECOND_MS)    /* look at least so often */
#define PR_INTAKE_COMPLAIN_MS (10 * PR_MINUTE_MS) /* no manifest, or an upload stands still */
#define PR_INTAKE_CLOSED_MS PR_MINUTE_MS          /* a folder that may not be read */
#define PR_INTAKE_SAME_MS (7 * PR_DAY_MS)         /* an identical campaign is refused within */

/* A campaign on its way in or taken up again at start. */
struct pr_taken {
	char id[PR_CAMPAIGN_ID_MAX];
	char *dir;  /* absolute: SPOOL/active/ID */
	char *name; /* the manifest's, with importing; NULL: not known yet */
	uint32_t serial;
	uint32_t owner;      /* uid of who dropped it */
	int64_t accepted_ms; /* UTC */
	int64_t waits_ms; /* with importing: nothing is imported before (UTC); 0: it begins now */
	struct pr_manifest *manifest;           /* handed over with imported */
	struct pr_ledger *ledger;               /* handed over with imported; NULL on restart */
	struct pr_recipients_result recipients; /* of this import; zeroes on restart */
};

struct pr_intake_events {
	/* On the intake thread: may this be sent? Adds problems (templates). t->dir is where the
	 * campaign will be; read it through `dir`. columns NULL: the recipients could not be read
	 * (told already); t->manifest may not be sound: judge the rest. May be NULL. */
	void (*vet)(void *context, int dir, const struct pr_taken *t, const struct pr_str *columns,
	            size_t columns_n, struct pr_problems *problems);
	/* On the loop, in this order for each campaign: */
	void (*importing)(void *context, const struct pr_taken *t); /* its copy is durable */
	void (*imported)(void *context, struct pr_taken *t); /* owner takes t (pr_taken_free) */
	/* name: of the folder in rejected/. t->id is set. */
	void (*rejected)(void *context, const struct pr_taken *t, const char *name);
	/* Something holds a folder (name) or all of intake (name NULL) up: PR_ENOSPC, PR_EDENIED,
	 * PR_EIO... Told once; tried again by itself. May be NULL. */
	void (*trouble)(void *context, const char *name, const struct pr_error *e);
};

struct pr_intake_options {
	pr_loop *loop;
	const struct pr_config *config; /* spool, settle, min_free; must outlive intake */
	struct pr_statedb *statedb;     /* of the intake thread alone while it runs */
	pr_audience *audience;          /* likewise; NULL: nobody is suppressed */
	const struct pr_intake_events *events;
	void *context;
	int64_t (*utc_ms)(void); /* NULL: pr_utc_ms */
	/* For tests: called on the intake thread before each step that leaves a trace on disk. */
	void (*step)(const char *name);
};

/* The folders and locks: makes missing folders, refuses network file systems and foreign
 * locks (names the holder's pid). Keeps the locks until pr_spool_unlock. */
typedef struct pr_spool pr_spool;
int pr_spool_lock(const struct pr_config *config, pr_spool **out, struct pr_error *e);
void pr_spool_unlock(pr_spool *s); /* NULL: nothing */
/* Would pr_spool_lock succeed for who calls, were nobody else's lock in the way? Makes, locks and
 * changes nothing. */
int pr_spool_check(const struct pr_config *config, struct pr_error *e);

int pr_intake_open(const struct pr_intake_options *options, pr_intake **out, struct pr_error *e);
void pr_intake_hold(pr_intake *i, bool hold); /* no new claims (no space, draining) */
void pr_intake_rescan(pr_intake *i);          /* look now */
/* Nobody wants the campaign any more that waits for its start: it is rejected, with that as the
 * reason, unless its import has begun. */
void pr_intake_withdraw(pr_intake *i, const char *id, const char *by);
/* After a reload: settle and min_free of the new one, from the next round on. The old one must
 * live until a round has ended (or the intake is closed); the spool must be the same. */
void pr_intake_reconfigure(pr_intake *i, const struct pr_config *config);
/* Stops an import under way; it is done again at the next start. Waits for the thread; no
 * event comes after. */
void pr_intake_close(pr_intake *i);
void pr_taken_free(struct pr_taken *t);

/* For status: sources that could not be removed and are not taken again. */
struct pr_left_behind {
	char *name;
	int64_t since_ms; /* UTC */
};
size_t pr_intake_left_behind(const pr_intake *i, const struct pr_left_behind **list);
size_t pr_intake_waiting(const pr_intake *i); /* folders not complete yet, or held up */

/* ---- for the CLI ---- */
/* Hand over DIR: copied to a hidden name in incoming/, synced, renamed. name: the folder's
 * name in incoming/ (made unique). PR_EINVAL: e tells the first thing that refuses it. */
int pr_submit(const char *dir, const char *spool, char *name, size_t name_size, struct pr_error *e);
/* The same for `replace`, but it keeps a hidden name, at which intake does not look: whoever
 * reads it there removes it, and the daemon's start what was left. */
#define PR_REPLACE_PREFIX ".replace-"
int pr_submit_aside(const char *dir, const char *spool, char *name, size_t name_size,
                    struct pr_error *e);
/* What intake would say of the folder itself: links, devices, unreadable files, odd names,
 * bounds; with a manifest also unknown files, as warnings. PR_EINVAL when a problem was added;
 * other errors as e tells. */
int pr_folder_check(const char *dir, const struct pr_manifest *manifest,
                    struct pr_problems *problems, struct pr_error *e);

#endif
