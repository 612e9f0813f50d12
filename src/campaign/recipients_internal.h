/*
 * Between the parts of reading recipients. Private to campaign/.
 *
 *   csv -record-> rows (which columns? is it good?) -checked row-> import: ledger, rejects
 *                                                              \-> duplicates
 */
#ifndef POSTRIDER_CAMPAIGN_RECIPIENTS_INTERNAL_H
#define POSTRIDER_CAMPAIGN_RECIPIENTS_INTERNAL_H

#include "best_hours.h"
#include "postrider/campaign/csv.h"
#include "postrider/campaign/recipients.h"
#include "postrider/campaign/split.h"
#include "postrider/ledger/sorter.h"

/* ---- columns: what the header row says ---- */

struct columns {
	struct pr_arena arena;
	struct pr_str *names; /* of columns with a name: the template variables */
	size_t *from;         /* where each of them is in a record */
	size_t n, header_n;   /* kept; in the file, those without a name included */
	size_t email;         /* position among names */
	size_t *required;     /* positions among names */
	size_t required_n;
	size_t consent, expires; /* the same; SIZE_MAX: nobody is asked */
	bool coupons;            /* the last name is that of the codes, and stands in no record */
};

/* contents: the field that holds addresses in the first rows, SIZE_MAX when none or several do;
 * for headers that do not tell. PR_EINVAL: problems told. */
struct columns_hints {
	size_t address;  /* the field that is the address, whatever its name; SIZE_MAX: find it */
	size_t contents; /* as above */
	const char *file;
};
int recipients_columns(struct columns *c, const struct pr_csv_record *header,
                       const struct pr_manifest *m, const struct columns_hints *hints,
                       struct pr_problems *problems);
void recipients_columns_finish(struct columns *c);

/* ---- rows: records judged ---- */

enum row_fault { ROW_GOOD, ROW_BROKEN, ROW_RAGGED, ROW_BAD_ADDRESS, ROW_MISSING, ROW_NO_CONSENT };

struct checked_row {
	uint32_t row;
	uint64_t line;
	enum row_fault fault;
	const char *why;           /* of the fault */
	struct pr_str value;       /* the address as written */
	struct pr_mailbox mailbox; /* of good rows, of ROW_MISSING and ROW_NO_CONSENT */
	struct pr_str data;        /* packed fields, for the ledger; empty when broken or ragged */
};

/* Both are given; 0, or a negative code that ends reading. Views until they return. */
struct rows_reader {
	int (*header)(void *context, const struct columns *columns);
	int (*row)(void *context, const struct checked_row *row);
	void *context;
};

/* Opens the file of the manifest in dir and reads it. Rows are counted in *rows. */
int recipients_rows(const struct pr_manifest *m, int dir, const struct pr_recipients_from *from,
                    struct pr_recipients_noted *noted, const struct rows_reader *reader,
                    uint32_t *rows, struct pr_problems *problems, struct pr_error *e);

/* ---- times of rows ---- */

struct row_times {
	pr_timing *timing; /* NULL: no row has a time of its own */
	best_hours *hours; /* NULL: nobody goes by the best */
	int64_t first_ms;  /* the earliest of all; 0: at once */
	int64_t latest_ms;
};
int row_times_begin(struct row_times *t, const struct pr_recipients_source *s,
                    const struct columns *c, struct pr_error *e);
/* due_ms as in pr_ledger_new; *never is set where it gets none: why. */
int row_times_of(struct row_times *t, const struct checked_row *row, int64_t *due_ms,
                 const char **never, struct pr_error *e);
int row_times_keep(const struct row_times *t, pr_ledger *l, struct pr_timing_found *found,
                   struct pr_error *e); /* as facts of the ledger */
void row_times_end(struct row_times *t);

/* ---- from: records that stand in no file ---- */

/* Both get records as a file's are, the header first; 0, or a negative code that ends it. */
struct records_reader {
	int (*header)(void *context, const struct pr_csv_record *record, size_t address);
	int (*record)(void *context, const struct pr_csv_record *record);
	void *context;
};
/* Contacts, or an earlier campaign's rows. PR_EINVAL: problems told. */
int recipients_from(const struct pr_manifest *m, const struct pr_recipients_from *from,
                    const struct records_reader *reader, struct pr_recipients_noted *noted,
                    struct pr_problems *problems, struct pr_error *e);
struct pr_snapshot_ask;
/* As of `from`, with nothing asked for yet. */
struct pr_snapshot_ask recipients_ask(const struct pr_recipients_from *from);
/* Whom `audience` names. Views of the manifest and the configuration. */
struct pr_snapshot_ask recipients_ask_audience(const struct pr_manifest *m,
                                               const struct pr_recipients_from *from);

/* ---- exclude ---- */

typedef struct exclusion exclusion; /* addresses, as 8 octets each */

/* *out NULL: nobody is excluded. PR_EINVAL: problems told. */
int exclusion_read(const struct pr_manifest *m, const struct pr_recipients_from *from,
                   exclusion **out, struct pr_problems *problems, struct pr_error *e);
bool exclusion_has(const exclusion *x, struct pr_str address);
void exclusion_free(exclusion *x); /* NULL: nothing */

/* ---- seeds ---- */

struct seeds { /* whose fields they show */
	struct pr_buf data;
	uint32_t row; /* 0: there is no good one */
	size_t columns_n, email;
	bool coupons;
};
void seeds_columns(struct seeds *s, const struct columns *c);
void seeds_note(struct seeds *s, const struct checked_row *row); /* a good one; the first counts */
/* 1: nobody may write to the address, and why; a view until it is called again. */
struct seeds_asked {
	int (*stops)(void *context, struct pr_str address, struct pr_str *why);
	void *context;
};
/* Behind the last row. Adds them to counts. */
int seeds_add(const struct seeds *s, const struct pr_manifest *m, pr_ledger *l,
              const struct seeds_asked *asked, struct pr_counts *counts, struct pr_error *e);
void seeds_finish(struct seeds *s);

/* ---- rejects.csv ---- */

struct rejects {
	int dir, fd; /* fd -1: nothing rejected so far */
	struct pr_buf text;
};

int rejects_add(struct rejects *r, uint32_t row, uint64_t line, struct pr_str value,
                const char *why, struct pr_error *e);
int rejects_done(struct rejects *r, struct pr_error *e); /* durable; without rejects: no file */
void rejects_finish(struct rejects *r);                  /* gives up what is not done */

/* ---- duplicates ---- */

typedef struct duplicates duplicates;

struct duplicates_options {
	int dir;       /* scratch */
	size_t memory; /* octets */
	struct pr_hash_key key;
	unsigned hash_bits; /* 64; tests use few, so that hashes collide */
	/* The address of a row: writes it to out. */
	int (*address)(void *context, uint32_t row, struct pr_buf *out, struct pr_error *e);
	/* A row whose address stood in `first` before it; in order of rows. */
	int (*duplicate)(void *context, uint32_t row, uint32_t first, uint64_t line,
	                 struct pr_error *e);
	void *context;
};
duplicates *duplicates_create(const struct duplicates_options *options);
void duplicates_destroy(duplicates *d); /* NULL: nothing */
int duplicates_add(duplicates *d, struct pr_str address, uint32_t row, uint64_t line,
                   struct pr_error *e);
/* After the last row: tells all duplicates. */
int duplicates_tell(duplicates *d, struct pr_error *e);

#endif
