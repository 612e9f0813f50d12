/*
 * Inside privacy.
 *
 *   privacy.c  the loop's side: orders, one step after the other
 *   erase.c    a pass over all that is kept: on the lane
 *   folder.c   one campaign's folder
 *   records.c  the journal
 *   text.c     files of text: what names the address is overwritten or taken out
 *   sweep.c    who came back with a folder?
 */
#ifndef PRIVACY_INTERNAL_H
#define PRIVACY_INTERNAL_H

#include "postrider/privacy.h"

#define NOTE_PREFIX "forget/" /* facts of state.db: this and the address; by whom */

/* What a pass erases, and what it finds. */
struct pass {
	const char *spool, *state, *journal_dir;
	struct pr_trace trace;
	uint64_t forgets;   /* as of this order */
	uint64_t durable;   /* of the journal: all that concerns the person is below */
	struct pr_map rows; /* serial << 32 | row: the person's; values mean nothing */
	uint64_t rows_n, campaigns_n;
	bool again;              /* something was in use: another pass may do better */
	struct pr_buf did, left; /* sentences */
};
void pass_finish(struct pass *p);
void pass_did(struct pass *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pass_left(struct pass *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Rows of a ledger are the person's. */
void pass_note_rows(struct pass *p, uint32_t serial, const uint32_t *rows, size_t n);

/* All of it. Negative: e tells; what was erased stays so. */
int work_erase(struct pass *p, const char *audience_path, struct pr_error *e);

/* A campaign's folder, parent/name, in active/ or done/. */
void folder_erase(struct pass *p, const char *parent, const char *name);

/* Every regular file below dir/path but those whose names begin with "."; path_of is for people. */
void each_file(const char *root, const char *below,
               void (*each)(void *context, int dir, const char *name, const char *path_of),
               void *context);

/* The records below p->durable. */
int records_erase(struct pass *p, struct pr_error *e);

/* ---- text.c ---- */
enum text_way {
	TEXT_MASK,    /* the address is overwritten */
	TEXT_RECORDS, /* CSV: a record that names it goes */
	TEXT_CELLS,   /* CSV: cells of a record that names it are emptied */
};
/* cells: bit n for cell n, from 0. The file is replaced when something changed: 1; 0: nothing did.
 */
int text_erase(const struct pr_trace *t, int dir, const char *name, enum text_way way,
               uint32_t cells, struct pr_error *e);

/* ---- sweep.c ---- */
struct sweep {
	const char *spool, *audience_path;
	struct pr_mailbox *found;
	size_t found_n;
	int result;
	struct pr_error error;
};
#define SWEEP_MAX 1000u /* people at once; the next start finds the others */
void work_sweep(struct sweep *s);

#endif
