/*
 * The folder: who follows the journal and applies it to the ledgers. What its files share:
 *
 *   fold.c          when to fold, from the loop; what was folded comes home
 *   fold_slice.c    one slice: read, applied to ledgers
 *   fold_ledgers.c  ledgers come and go
 *   fold_caps.c     what is counted of persons for caps
 *   fold_open.c     opening, closing, taking over after a restart
 *
 * The struct folder belongs to the folder lane once the loop runs.
 */
#ifndef PR_DELIVERY_FOLD_H
#define PR_DELIVERY_FOLD_H

#include "internal.h"

#define FOLD_SLICE 2048u
#define FAILED_MAX 8u

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

/* ---- fold_slice.c: on the folder lane ---- */
/* Fold one slice: 1 when there is more below limit, 0 when all is folded. */
int fold_slice(struct folder *f, uint64_t limit, struct pr_error *e);

/* ---- fold_caps.c: on the folder lane ---- */
int fold_caps_open(struct folder *f, const char *state, struct pr_error *e);
void fold_caps_close(struct folder *f);
/* After a slice: some of what is counted goes to the disk. 0 or negative. */
int fold_caps_flush(struct folder *f, struct pr_error *e);
/* What is older than oldest_ms counts no more; some of it is taken out. */
void fold_caps_sweep(struct folder *f, int64_t oldest_ms, struct pr_error *e);

#endif
