/*
 * Inside of the caps' file.
 *
 *   caps.c       what people write, and judging
 *   caps_file.c  tables, opening, one person's slots, erasing
 *   caps_fold.c  records become entries in memory
 *   caps_flush.c entries become rows of the file
 *
 * Tables
 *   facts  'folded': the journal is in the file below this; 'offset': due clock less wall clock,
 *          as of there
 *   sent   settled for good: person, second, campaign, row; nothing else, for there are many
 *   held   by campaign and row: what still may change; an index by person
 *   void   campaigns that were ended as a whole: what they hold as deferred is given back
 *
 * Entries in memory: a *table* of the latest entry of each row since the last flush, also by
 * person. While one is flushed in steps another takes what comes. What is asked is the latest of
 * the three: young, flushing, file.
 */
#ifndef AUDIENCE_CAPS_INTERNAL_H
#define AUDIENCE_CAPS_INTERNAL_H

#include "postrider/audience/caps.h"
#include "postrider/base/arena.h"
#include "postrider/base/heap.h"
#include "postrider/ledger/db.h"

#define CAPS_APPLICATION 0x50524350 /* "PRCP" */
#define CAPS_SCHEMA 1
#define CAPS_FLUSH_ENTRIES (128u << 10) /* in memory, before they are flushed */
#define CAPS_RUN 1024u                  /* entries that are sorted at once */
#define CAPS_STEP_ENTRIES 512u          /* that are written at once */
#define CAPS_LOG_PAGES 256              /* SQLite's log, before it is brought home */
/* Or once the file lags so many octets of the journal, which cannot go before; less where there is
 * nothing but the place to write. */
#define CAPS_LAG_MAX (32u << 20)
#define CAPS_LAG_EMPTY (1u << 20)

enum caps_kind { /* stored in `held` */
	         CAPS_GONE,
	         CAPS_SENT,
	         CAPS_DEFERRED,
	         CAPS_DOUBT,
};

struct caps_entry {
	uint64_t person;
	int64_t at_ms; /* due clock */
	uint32_t campaign, row;
	uint8_t kind;            /* enum caps_kind */
	bool was_held;           /* `held` may have a row of it */
	struct caps_entry *next; /* of the same person */
};

struct caps_table {
	struct pr_map by_row;        /* campaign << 32 | row -> entry */
	struct pr_map by_person;     /* person without class -> the first of its entries */
	struct caps_entry **entries; /* all of them, in sorted runs of CAPS_RUN; the last is not */
	size_t n, cap;
	struct pr_arena arena;
};

struct caps_run {
	struct pr_heap_node node; /* by the person at `at` */
	size_t at, end;           /* in `entries` */
};

struct caps_flush {
	bool is_on;
	uint64_t lsn; /* what is flushed ends here */
	int64_t offset_ms;
	struct caps_run *runs;
	struct pr_heap heap; /* of the runs that are not at their end */
	struct caps_entry *step[CAPS_STEP_ENTRIES];
	unsigned step_n; /* taken from the runs, not yet in the file */
};

enum caps_statement {
	CAPS_SENT_OF,
	CAPS_HELD_OF,
	CAPS_HELD_GET,
	CAPS_SENT_PUT,
	CAPS_HELD_PUT,
	CAPS_HELD_DROP,
	CAPS_FACT_PUT,
	CAPS_VOID_PUT,
	CAPS_VOID_HELD,
	CAPS_VOID_DROP,
	CAPS_SWEEP_TO,
	CAPS_SWEEP,
	CAPS_SWEEP_HELD,
	CAPS_N
};

struct pr_caps {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *statements[CAPS_N];
	uint64_t folded;   /* as in the file */
	uint64_t last_lsn; /* all below was given */
	int64_t offset_ms;
	bool any_held;         /* the file may have some */
	struct pr_map voided;  /* campaign -> behind its mark */
	struct pr_map granted; /* campaign << 32 | row -> person: no outcome yet */
	struct caps_table young, flushing;
	struct caps_flush flush;
	int log_pages;    /* SQLite's log has so many, as of its last commit */
	int64_t sweep_at; /* person */
	struct pr_cap_slot *slots;
	size_t slots_n, slots_cap;
};

static inline uint64_t
caps_key(uint32_t campaign, uint32_t row)
{
	return (uint64_t)campaign << 32 | row;
}

int caps_statement(pr_caps *c, enum caps_statement which, sqlite3_stmt **out, struct pr_error *e);
int caps_put_fact(pr_caps *c, const char *key, int64_t value, struct pr_error *e);

/* The latest entry in memory; NULL: none. */
const struct caps_entry *caps_find(const pr_caps *c, uint32_t campaign, uint32_t row);
/* What the file holds of it, if that still may change: 1. */
int caps_held(pr_caps *c, uint32_t campaign, uint32_t row, struct caps_entry *out,
              struct pr_error *e);
void caps_table_finish(struct caps_table *t);
struct caps_entry *caps_table_add(struct caps_table *t, uint64_t person); /* others are 0 */
void caps_flush_finish(struct caps_flush *f);
/* What is in SQLite's log is brought to its place in the file. */
int caps_bring_home(pr_caps *c, struct pr_error *e);

#endif
