/*
 * The inside of a ledger. Private to ledger/.
 *
 * Tables
 *   progress  one row: how far it is folded, what the entries add up to, the mark
 *   meta      facts by key; identity and columns among them
 *   domains   numbers of domains
 *   rows      what came from the file, never changed after import
 *   state     an entry for every row that is no longer fresh
 *   hits      what came back about rows, beside each other by row
 *   engaged   what the hits add up to, by kind, and by link for clicks
 *   links     where a link that was followed leads
 *   conversions  what people bought after it, by row and key; converted: what they add up to
 *   series    who is under way in a series, or was; inside: contacts in its trigger's segment
 *   addresses keyed hash -> row; by_domain: domain -> row; both filled after import, in
 *             order, so that a full table costs no more than its octets
 * Indexes of `state` are partial: the common row, delivered, is in none of them.
 */
#ifndef POSTRIDER_LEDGER_INTERNAL_H
#define POSTRIDER_LEDGER_INTERNAL_H

#include "postrider/ledger/db.h"

#include "postrider/ledger.h"
#include "postrider/ledger/sorter.h"

#define LEDGER_APPLICATION 0x50524C47 /* "PRLG" */

/* Bits of state.flags that are not of pr_outcome. */
#define FLAG_BY_MARK 0x100 /* rewritten by a mark; an outcome of a row in flight overrules it */

enum statement {
	ST_PROGRESS_GET,
	ST_PROGRESS_SET,
	ST_META_GET,
	ST_META_SET,
	ST_DOMAIN_ADD,
	ST_DOMAIN_FIND,
	ST_ROW_ADD,
	ST_ROW_DOMAIN,
	ST_ENTRY_ADD,
	ST_ENTRY_GET,
	ST_ENTRY_SET,
	ST_ENTRIES_FROM,
	ST_FRESH_ROWS,
	ST_FRESH_DOMAIN,
	ST_DUE,
	ST_DUE_DOMAIN,
	ST_DUE_NEXT,
	ST_DUE_NEXT_DOMAIN,
	ST_PUT_OFF,
	ST_UNPARK,
	ST_ROW,
	ST_EMAIL,
	ST_MASS,
	ST_PAGE_ANY,
	ST_PAGE_STATE,
	ST_PAGE_DELIVERED,
	ST_KNOWN,
	ST_FIND,
	ST_INDEX_SCAN,
	ST_ADDRESS_ADD,
	ST_ADDRESS_LAST,
	ST_BY_DOMAIN_ADD,
	ST_BY_DOMAIN_LAST,
	ST_CLASS_COUNT,
	ST_DOMAINS,
	ST_HITS_GET,
	ST_HIT_ADD,
	ST_HIT_JUDGE,
	ST_ENGAGED_ADD,
	ST_ENGAGED_ALL,
	ST_ENGAGED_LINKS,
	ST_LINK_ADD,
	ST_EMAILS,
	ST_EMAILS_ENGAGED,
	ST_CONVERSION_ADD,
	ST_CONVERSION_HAS,
	ST_CONVERSION_ITEM,
	ST_CONVERSIONS,
	ST_CONVERSIONS_COUNT,
	ST_CONVERTED_GET,
	ST_CONVERTED_ADD,
	ST_CONVERTED_ALL,
	ST_CONVERTED_LINKS,
	ST_CONVERTED_HOURS,
	ST_CONVERSIONS_ERASE,
	ST_ROW_ERASE,
	ST_ENTRY_ERASE,
	ST_HITS_ERASE,
	ST_ADDRESS_ERASE,
	ST_DOMAIN_NEW,
	ST_SERIES_ENTER,
	ST_SERIES_HAS,
	ST_SERIES_DUE,
	ST_SERIES_NEXT,
	ST_SERIES_DUE_SET,
	ST_SERIES_END,
	ST_SERIES_STEP,
	ST_SERIES_TALLY,
	ST_SERIES_ERASE,
	ST_INSIDE,
	ST_INSIDE_ADD,
	ST_INSIDE_GONE,
	ST_SURVEY_NAMES,
	ST_SURVEY_DOMAIN,
	ST_SURVEY_ENTRIES,
	ST_SURVEY_HITS,
	ST_N
};

/* What the entries in `state` add up to: kept with each transaction, never counted anew. */
struct tally {
	uint64_t rows;          /* in the file */
	uint64_t of[PR_STATES]; /* entries; fresh rows have none */
	uint64_t attempts, doubted, held;
	uint64_t capped; /* a fact of meta: older ledgers have no column for it */
};

struct mark { /* of the first mass mark; state PR_STATES: none */
	enum pr_state state;
	uint64_t lsn;
	uint32_t row; /* entries up to here are rewritten; UINT32_MAX: all */
	char reason[256];
};

struct progress { /* the row of the table; changed in memory only after its commit */
	uint64_t folded;
	struct tally tally;
	struct mark mark;
	uint32_t first_fresh; /* all rows below have entries */
	uint64_t refused;     /* outcomes that no legal move leads to: left out */
};

/* Numbers of domains during import: the most frequent are in memory, the rest in an index. */
struct domain_cache;
struct index_work;

struct pr_ledger {
	sqlite3 *db;
	char *path;
	enum pr_ledger_mode mode;
	struct pr_ledger_identity identity;
	struct progress p;
	sqlite3_stmt *statements[ST_N];
	struct pr_map handed;         /* due rows the loop holds */
	struct domain_cache *domains; /* while importing */
	struct index_work *index;     /* while indexing */
	bool importing, indexed;
	bool names_indexed; /* so are the names of domains */
	uint32_t arrived[PR_LEDGER_ARRIVED_MAX];
	unsigned arrived_n;
};

/* A statement of the list, prepared at its first use; reset. */
int ledger_statement(pr_ledger *l, enum statement which, sqlite3_stmt **out, struct pr_error *e);
int ledger_load_progress(pr_ledger *l, struct pr_error *e);
int ledger_save_progress(pr_ledger *l, const struct progress *p, struct pr_error *e);
int ledger_set(pr_ledger *l, const char *key, struct pr_str value, struct pr_error *e);
/* PRAGMA synchronous: FULL where durable, NORMAL where only order matters. */
int ledger_synchronous(pr_ledger *l, bool full, struct pr_error *e);
int ledger_save_identity(pr_ledger *l, struct pr_error *e);
void ledger_domains_free(struct domain_cache *c);
void ledger_index_free(struct index_work *w);
extern const char ledger_schema[];
/* Made when the rows are in: a million rows with times of their own, each entered where it
 * belongs, took 4 s more than sorting them once. */
extern const char ledger_state_indexes[];

/* What a row counts as, the mark considered; entry PR_STATES: it has none. */
enum pr_state ledger_effective(const struct mark *mark, enum pr_state entry);

/* create.c: what came of a row, without an entry and indexes. */
int ledger_add_row(pr_ledger *l, const struct pr_ledger_new *n, uint32_t domain,
                   struct pr_error *e);

/* One entry of `state`. */
struct entry {
	uint32_t row;
	uint8_t state, class_;
	uint16_t code, attempts, doubts, version;
	uint8_t variant;
	uint32_t enhanced; /* a << 16 | b << 8 | c */
	uint32_t flags;
	int64_t first_ms, last_ms, due_ms; /* due 0: never */
	uint32_t domain;                   /* 0: look it up, where it is needed */
	struct pr_str reply, mx;
};
/* Columns of ST_ENTRY_GET and of the queries that begin alike, from `at`. */
void ledger_read_entry(sqlite3_stmt *s, int at, struct entry *out);
/* 1 and the entry of a row, without its texts; 0: it has none. */
int ledger_entry_of(pr_ledger *l, uint32_t row, struct entry *out, struct pr_error *e);
/* Write an entry (old: what was there, NULL: nothing known) and carry the change in t. */
int ledger_put_entry(pr_ledger *l, const struct entry *n, struct tally *t, struct pr_error *e);
int ledger_replace_entry(pr_ledger *l, const struct entry *old, const struct entry *n,
                         struct tally *t, struct pr_error *e);

/* Records of one kind, in order of rows: keys are row << 32 | position in records. */
struct ledger_batch {
	const struct pr_record *records;
	uint64_t *keys;
	size_t n;
};
/* engage.c: within the transaction of a fold, after its outcomes. Adds what it left out. */
int ledger_engage(pr_ledger *l, const struct ledger_batch *b, uint64_t *refused,
                  struct pr_error *e);

/* convert.c: one record, within the same transaction. */
int ledger_convert(pr_ledger *l, const struct pr_record *rec, const struct pr_engagement *g,
                   uint64_t *refused, struct pr_error *e);

/* For tests: migrations other than the program's. */
int ledger_open_migrating(const char *path, enum pr_ledger_mode mode, int schema,
                          const struct pr_db_migration *migrations, pr_ledger **out,
                          struct pr_error *e);

#endif
