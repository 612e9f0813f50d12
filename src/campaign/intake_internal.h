/*
 * Inside intake: what its files share.
 *
 *   intake.c         the loop's side: when to look, what to tell
 *   intake_scan.c    incoming/: what is there, what is complete, what to complain about
 *   intake_take.c    one folder: claim, copy, judge, accept or reject
 *   intake_source.c  .intake of a copy; removing its source, or remembering it
 *   intake_import.c  accepted campaigns: import, and taking up again at start
 *
 * All but intake.c runs on the intake thread, which owns what stands below "the thread's".
 */
#ifndef POSTRIDER_CAMPAIGN_INTAKE_INTERNAL_H
#define POSTRIDER_CAMPAIGN_INTAKE_INTERNAL_H

#include "moves.h"
#include "postrider/base/hash.h"
#include "postrider/base/list.h"
#include "postrider/campaign/intake.h"
#include "postrider/watch.h"
#include "tree.h"

#include <stdatomic.h>

#define CLAIM_PREFIX ".claimed-"
#define SUBMIT_PREFIX ".submit-" /* what `postrider submit` still copies; see PR_REPLACE_PREFIX */
#define CLAIM_EXTRA 18           /* octets before the name in a claimed name */
#define PROBLEM_SUFFIX ".PROBLEM.txt"
#define INTAKE_FILE ".intake"
#define FOLDERS_MAX 10000 /* entries of incoming/ looked at in one round */
#define WATCHES_MAX 32    /* folders whose uploads are watched, not only looked at */

/* What intake knows of a copy it made: kept in it, as .intake. */
struct intake_record {
	char name[256]; /* of the folder as it was dropped */
	uint32_t owner, serial;
	int64_t accepted_ms;
	uint8_t content[PR_CONTENT_SIZE];
	bool imported;
	/* While the source is not dealt with: */
	char source[256]; /* its name in incoming/; "": done */
	uint64_t device, inode;
	bool keep; /* something in it could not be copied: never remove it */
};

struct waiting { /* a folder in incoming/ */
	struct pr_list link;
	char name[256];
	uint64_t device, inode;
	uint64_t signature;
	int64_t changed_ns;
	uint64_t octets;
	bool ready, manifest, partial, seen, whole, claimed, folder, closed;
	bool left;       /* behind: taken before, could not be removed, is the same */
	bool known;      /* the same, or changed since: being removed it looks like another one, and
	                  * its `.ready` may still be there. So it always settles. */
	bool unfinished; /* taken just now, not removed and not yet remembered */
	const char *beyond;
	int64_t first_ms, since_ms, retry_ms; /* monotonic: seen first, last change, not before */
	unsigned failures;
	const char *told; /* the complaint that stands beside it */
};

struct pending { /* an accepted campaign that is not imported */
	struct pr_list link;
	struct pr_taken *taken;
	struct intake_record record;
	int64_t retry_ms;
	int64_t start_ms; /* UTC: not before; 0: at once */
	unsigned failures;
};

struct withdrawn { /* asked for by the loop */
	struct pr_list link;
	char id[PR_CAMPAIGN_ID_MAX], by[200];
};

struct unfinished { /* a source that could be neither removed nor remembered yet */
	struct pr_list link;
	struct intake_record record;
	int parent;     /* i->active or i->rejected */
	char copy[256]; /* the copy's name there */
	int64_t retry_ms;
	unsigned failures;
};

/* What a round found out, for the loop. */
struct findings {
	struct pr_left_behind *left;
	size_t left_n, waiting_n;
	char *watch[WATCHES_MAX]; /* absolute paths */
	size_t watch_n;
	int64_t next_ms; /* monotonic: when to look again at the latest */
};

struct pr_intake {
	struct pr_intake_options options;
	_Atomic bool stop, hold;

	/* the loop's */
	pr_lane *lane;
	struct pr_job job;
	struct pr_timer timer;
	pr_watch *watch, *watches[WATCHES_MAX];
	char *watched[WATCHES_MAX];
	size_t watches_n;
	bool running, again, closing;
	struct pr_list asked;           /* struct withdrawn, for the next round */
	const struct pr_config *config; /* of the next round */
	struct pr_left_behind *left;
	size_t left_n, waiting_n;

	/* set for each round before the thread begins */
	int64_t now_ms;

	/* the thread's */
	struct pr_statedb *statedb;
	int spool, incoming, active, done, rejected; /* descriptors */
	bool started;                                /* what was there at start is taken up */
	int trouble; /* the code last told for all of intake; 0: none */
	pr_moves *moves;
	struct pr_list waiting; /* struct waiting, in the order they came */
	struct pr_map names;    /* the same by name */
	struct pr_hash_key names_key;
	struct pr_list pending;    /* struct pending */
	struct pr_list withdrawn;  /* struct withdrawn */
	struct pr_list unfinished; /* struct unfinished */
	struct findings findings;
};

/* ---- intake.c: to the loop, from the thread ---- */
int64_t intake_utc_ms(const pr_intake *i);
void intake_step(pr_intake *i, const char *name);
void intake_tell_importing(pr_intake *i, const struct pr_taken *t);
void intake_tell_imported(pr_intake *i, struct pr_taken *t);                   /* takes t */
void intake_tell_rejected(pr_intake *i, struct pr_taken *t, const char *name); /* takes t */
void intake_tell_trouble(pr_intake *i, const char *name, const struct pr_error *e);

/* ---- intake_scan.c ---- */
void intake_scan(pr_intake *i);
struct waiting *intake_find_waiting(pr_intake *i, const char *name);
void intake_drop_waiting(pr_intake *i, struct waiting *w);
void intake_read_moves(pr_intake *i);
int64_t intake_backoff_ms(unsigned failures);

/* ---- intake_take.c ---- */
/* 0: dealt with (w is gone); 1: it is one that was left behind, its content is the same; an
 * error: w stays, and waits for what the code says. */
int intake_take(pr_intake *i, struct waiting *w, struct pr_error *e);
/* Move a copy (in active/, under this name) to rejected/ with its errors; takes t. */
int intake_reject(pr_intake *i, const char *copy, struct intake_record *record,
                  struct pr_problems *problems, struct pr_taken *t, struct pr_error *e);

/* ---- intake_source.c ---- */
int intake_record_write(int dir, const struct intake_record *r, struct pr_error *e);
int intake_record_read(int dir, struct intake_record *r, struct pr_error *e);
/* Remove the source of a copy (a name in parent) or remember it, then note that in the copy's
 * .intake. What fails is told and tried again; until then the source is not taken. */
void intake_settle_source(pr_intake *i, int parent, const char *copy, struct intake_record *r);
void intake_retry_sources(pr_intake *i);
bool intake_is_unfinished(const pr_intake *i, const struct waiting *w);
/* The claimed folder gets its name back; when that is taken meanwhile it stays claimed. */
bool intake_unclaim(pr_intake *i, const char *claimed, const char *name);
/* Is this folder one left behind, unchanged? PR_ENOENT: not so, or changed. known: it was left
 * behind once, changed or not. */
int intake_is_left(pr_intake *i, const struct waiting *w, bool *known, struct pr_error *e);

/* ---- intake_import.c ---- */
void intake_start(pr_intake *i); /* once: what is in active/ and rejected/ */
void intake_import(pr_intake *i, struct pr_taken *t, const struct intake_record *r);
void intake_retry_imports(pr_intake *i);
void intake_withdraw_all(pr_intake *i);
/* In statedb: the same content is refused from now on. Repeatable until it is imported. */
int intake_note_accepted(pr_intake *i, const struct pr_taken *t, const struct intake_record *r,
                         struct pr_error *e);

#endif
