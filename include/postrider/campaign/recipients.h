/*
 * Recipients: the CSV file of a campaign, read in one streaming pass into its ledger.
 *
 * Encodings and delimiters as in formats.md. Bad rows go to rejects.csv (row, line,
 * value, reason) and into the ledger as `skipped`; duplicates (domain case-folded, local
 * part exact) are found without holding all addresses in memory: 64-bit keyed hashes
 * sorted on disk, equal hashes compared by the addresses themselves; the first row wins.
 * Duplicates are skipped and listed too, but do not count towards max_rejects.
 */
#ifndef POSTRIDER_CAMPAIGN_RECIPIENTS_H
#define POSTRIDER_CAMPAIGN_RECIPIENTS_H

#include "postrider/audience.h"
#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"
#include "postrider/campaign/timing.h"
#include "postrider/ledger.h"

#include <stdatomic.h>

/* Where rows come from that stand in no file of the folder: contacts, earlier campaigns. */
struct pr_recipients_from {
	pr_audience *audience;          /* of this thread; NULL: nobody knows contacts here */
	const struct pr_config *config; /* the spool, and named segments */
	int64_t utc_ms;                 /* as of when */
	const int64_t *only;            /* ids of contacts: nobody else; NULL: everybody */
	size_t only_n;
	int64_t *contact; /* made: whose row is being given; NULL: nobody asks */
};
/* The earlier campaign whose rows these are, and how many of them were opened by machines only:
 * they count as not opened. */
struct pr_recipients_noted {
	uint64_t machine;
};

struct pr_recipients_source {
	const struct pr_manifest *manifest;
	int dir;                 /* the campaign's folder, open: recipients, rejects.csv, scratch */
	const char *ledger_path; /* made here; an unfinished one is removed first */
	struct pr_ledger_identity identity;
	const struct pr_recipients_from *from; /* NULL: files only */
	const struct pr_config *config;        /* NULL: rows have no times of their own */
	int64_t accepted_ms;                   /* UTC: what has passed has passed then */
	pr_audience *audience;      /* of this thread: who is in it is `suppressed`; NULL: nobody */
	_Atomic bool *stop;         /* set by others to give up: PR_ECANCELLED; may be NULL */
	_Atomic uint64_t *progress; /* rows read so far; may be NULL */
};
struct pr_recipients_result {
	uint64_t rows; /* data rows in the file */
	uint64_t pending, skipped, suppressed;
	uint64_t forgotten; /* of the suppressed: people whose data was erased; see below */
	uint64_t duplicates, bad_addresses, ragged, missing_required, without_consent;
	uint64_t held_out; /* of the skipped: the group that gets nothing */
	uint64_t untimely; /* skipped: their start had passed, or their deadline comes before */
	struct pr_timing_found zones;
	uint64_t excluded;      /* by exclude */
	uint64_t machine;       /* from an earlier campaign: opened there, but only by machines */
	struct pr_counts seeds; /* in none of the numbers above */
	bool too_many_rejects;  /* more than max_rejects: the campaign is held */
	bool count_differs;     /* expect_rows named another number: held */
};
/* The whole import: reads, checks, writes the ledger up to pr_ledger_import_done. The ledger
 * is left open for indexing. Problems that refuse the file whole (encoding, no address
 * column, no rows) go to `problems` with line and remedy: PR_EINVAL. */
int pr_recipients_import(const struct pr_recipients_source *source,
                         struct pr_recipients_result *result, pr_ledger **ledger,
                         struct pr_problems *problems, struct pr_error *e);

/* Facts of a ledger whose import has ended, in numbers: */
#define PR_FACT_BAD "bad_rows"               /* those that max_rejects is about */
#define PR_FACT_MACHINE "opened_by_machines" /* `machine` above; where there were such */
/* Whether a campaign is held for what its import found: at the import, and again after a restart.
 * Sets too_many_rejects and count_differs, by rows and `bad`. */
void pr_recipients_judge(const struct pr_manifest_recipients *m, uint64_t bad,
                         struct pr_recipients_result *result);

#define PR_FACT_VARIANTS "variants" /* of the ledger: names of the variants, packed fields */

/* Rows of forgotten people are numbers without address and fields. The file still holds them: it is
 * to be removed when it is not needed any more. Facts of such a ledger: */
#define PR_FACT_FORGOTTEN "forgotten" /* how many it met */
#define PR_FACT_FORGETS "forgets"     /* pr_audience_forgets, as of which it holds nobody of them */

/* Facts of a ledger whose campaign goes by its recipients' clocks: when the first row may go (0: at
 * once), and the last deadline (0: none). */
#define PR_FACT_FIRST_MS "first_ms"
#define PR_FACT_LAST_MS "last_ms"
/* Where variants have starts of their own: when the last row of all goes first. */
#define PR_FACT_TESTED_MS "tested_ms"
/* What the import has to say of its rows' times, in one line; empty: nothing. */
void pr_recipients_remark(const struct pr_recipients_result *r, const struct pr_manifest *m,
                          const struct pr_config *config, struct pr_buf *out);

/* Read without a ledger, for check and preview: `each` gets every row (good or bad, with the
 * reason when bad); returns false to stop. Columns come first by `header`. */
struct pr_recipients_reader {
	bool (*header)(void *context, const struct pr_str *columns, size_t n);
	bool (*each)(void *context, const struct pr_row *row, uint64_t line, const char *bad);
	void *context;
	const struct pr_recipients_from *from; /* NULL: files only */
	struct pr_recipients_noted *noted;     /* made; NULL: nobody asks */
};
int pr_recipients_read(const struct pr_manifest *manifest, int dir,
                       const struct pr_recipients_reader *reader, struct pr_problems *problems,
                       struct pr_error *e);

#endif
