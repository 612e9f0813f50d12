/*
 * The ledger: what is known of each row of one campaign (SQLite, `ledger.db` in the
 * campaign's folder), written by import, then folded from the journal; and the state
 * database of the daemon (`state.db`).
 *
 * Words
 *   row     a recipient, known by its number in the file (first data row = 1)
 *   fold    apply the journal's outcomes; repeatable: values are absolute and each
 *           database keeps the lsn up to which it is folded, in the same transaction
 *   fresh   a row nobody has tried: it has no entry in `state` (that keeps import and
 *           folding append-only); read in file order by a cursor
 *   due     a row with a time: deferred, withdrawn, in doubt and to be resent
 *   handed  a due row that a batch carried to the loop; it is not read again before an
 *           outcome of it was folded, or the loop gave it back
 *   mark    a mass change (cancel, deadline): all fresh, pending and deferred rows are in the
 *           mark's state from the moment it is folded, whether rewritten already or not
 *   batch   rows handed to the loop, with their own memory, freed whole
 *
 * A pr_ledger belongs to one thread at a time (the folder lane). Readers open their
 * own, read-only. Nothing here runs on the loop's thread, except pr_batch_* and pr_fields_*.
 */
#ifndef POSTRIDER_LEDGER_H
#define POSTRIDER_LEDGER_H

#include "postrider/base/arena.h"
#include "postrider/base/hash.h"
#include "postrider/base/trace.h"
#include "postrider/journal/record.h"
#include "postrider/ledger/people.h"

#define PR_LEDGER_SCHEMA 5
#define PR_CAMPAIGN_ID_MAX 100

typedef struct pr_ledger pr_ledger;

/* ---- fields of a row: packed octets, decoded by the composer ---- */
void pr_fields_pack(struct pr_buf *to, const struct pr_str *fields, size_t n);
/* Up to max views into data; returns how many there are; missing ones are empty. */
size_t pr_fields_unpack(struct pr_str data, struct pr_str *fields, size_t max);

/* ---- identity, set at creation ---- */
struct pr_ledger_identity {
	char id[PR_CAMPAIGN_ID_MAX]; /* "20261201-spring-sale-7f3k" */
	uint32_t serial;             /* number of the campaign in the journal; never used again */
	uint8_t state_id[16];        /* identity of the state folder that made it */
	uint64_t generation;         /* also in state.db: they disagree after a restored backup */
	struct pr_hash_key address_key; /* keys the address index */
};

/* ---- import: a new ledger, filled in file order ---- */
int pr_ledger_create(const char *path, const struct pr_ledger_identity *identity,
                     const struct pr_str *columns, size_t columns_n, pr_ledger **out,
                     struct pr_error *e);
/* Remove a ledger and what SQLite left beside it; nothing there is fine. */
void pr_ledger_remove(const char *path);
struct pr_ledger_new {
	uint32_t row; /* the next: 1, 2, ...; or that of a seed: pending, it has a time */
	struct pr_str email;
	struct pr_str domain; /* of the address as sent: A-label, lower case */
	struct pr_str data;   /* packed fields */
	uint8_t state;        /* PR_PENDING, or PR_SKIPPED, PR_SUPPRESSED with a reason */
	uint8_t class_;       /* enum pr_class */
	struct pr_str reason;
	/* Of a pending one: UTC of its own time, PR_LEDGER_PARKED_MS: it waits for
	 * pr_ledger_unpark; 0: with the others, in file order. */
	int64_t due_ms;
};
/* One recipient. */
int pr_ledger_add(pr_ledger *l, const struct pr_ledger_new *n, struct pr_error *e);
/* Make a row that was added `skipped` (a duplicate found after the fact). */
int pr_ledger_skip(pr_ledger *l, uint32_t row, struct pr_str reason, struct pr_error *e);
/* The rows are complete and durable: sending may begin. */
int pr_ledger_import_done(pr_ledger *l, struct pr_error *e);
/* Address and domain indexes, built after sending may begin, in slices of at most
 * slice_ms: 1 when there is more to do, 0 done. */
int pr_ledger_index_slice(pr_ledger *l, int64_t slice_ms, struct pr_error *e);

/* ---- opening ---- */
enum pr_ledger_mode { PR_LEDGER_FOLD, PR_LEDGER_READ };
/* PR_EVERSION names the version of a newer schema; an older one is migrated after a copy
 * (`ledger.db.vN`) is kept (FOLD only). */
int pr_ledger_open(const char *path, enum pr_ledger_mode mode, pr_ledger **out, struct pr_error *e);
void pr_ledger_close(pr_ledger *l);
void pr_ledger_identity(const pr_ledger *l, struct pr_ledger_identity *out);
size_t pr_ledger_columns(pr_ledger *l, struct pr_arena *a, struct pr_str **names);

/* ---- folding ---- */
uint64_t pr_ledger_folded(const pr_ledger *l); /* durable: all below is in the database */
/* Outcomes, mass marks and engagement of this campaign in journal order, up to `lsn`; one
 * transaction, rows sorted inside. Durable on return. */
int pr_ledger_fold(pr_ledger *l, const struct pr_record *records, size_t n, uint64_t lsn,
                   struct pr_error *e);
/* Rows in doubt that somebody has answered to since this was asked last, at most
 * PR_LEDGER_ARRIVED_MAX: their messages have arrived. How many. */
#define PR_LEDGER_ARRIVED_MAX 64u
unsigned pr_ledger_arrived(pr_ledger *l, uint32_t rows[PR_LEDGER_ARRIVED_MAX]);
/* Rewrite rows after a mass mark (cancel, deadline), at most slice_ms at a time: 1 more to do,
 * 0 done. Tidies the entries that retries left; fresh rows stay without entries, so this is
 * short also on 10 M rows. */
int pr_ledger_mass_slice(pr_ledger *l, int64_t slice_ms, struct pr_error *e);
/* State of the mark in force; PR_STATES: none. */
enum pr_state pr_ledger_mass(const pr_ledger *l);

/* ---- refill ---- */
struct pr_row {
	uint32_t row;
	uint32_t domain;   /* number of the domain within the ledger */
	uint16_t attempts; /* so far */
	uint16_t doubts;
	uint16_t version;    /* of the content it was last sent with, as in pr_outcome */
	uint8_t variant;     /* of that; 0: none, or it was never sent */
	uint8_t state;       /* PR_PENDING, PR_DEFERRED or PR_IN_DOUBT */
	int64_t first_ms;    /* UTC, 0: never tried */
	struct pr_str email; /* as sent in RCPT: A-label domain */
	struct pr_str data;  /* packed fields */
	/* The ledger leaves these alone: what whoever read the row found out about its address. */
	const char *suppressed;    /* why it may not be written to; NULL: it may */
	int64_t from_ms, until_ms; /* UTC, when it may go; 0: whenever its campaign may */
	uint64_t stamp;            /* as of this generation of the audience */
	const char *capped;        /* the cap it is over; NULL: none */
	int64_t wait_ms;           /* over one for a while: looked at again then; 0: it is not */
	uint32_t room;             /* so many messages its person may still get */
	uint64_t folded;           /* ... as of this place of the journal */
};
struct pr_batch {
	unsigned refs;     /* the loop's; pr_batch_unref frees at 0 */
	unsigned n, taken; /* rows, and how many the loop has handed on */
	struct pr_arena arena;
	struct pr_row *rows;
	uint32_t next_row;   /* cursor after this batch (fresh) */
	bool end;            /* fresh: no more rows behind; due: no more are due now */
	int64_t next_due_ms; /* due: UTC of the earliest later one, 0: none */
	uint64_t stamp;      /* of its rows; the ledger leaves it 0 */
	uint64_t folded;     /* the same */
};
void pr_batch_unref(struct pr_batch *b);
/* Up to max rows or octets of fresh rows with number >= from. domain 0: of all; else
 * PR_EAGAIN until the domain index is complete. A batch may be short of rows, even empty,
 * without `end`: one call looks at a bounded number of rows. Do not step back to rows read
 * before while outcomes of them are not folded: they would be read again. */
int pr_ledger_refill_fresh(pr_ledger *l, uint32_t domain, uint32_t from, unsigned max,
                           size_t octets_max, struct pr_batch **out, struct pr_error *e);
/* Up to max rows whose time has come, earliest first, and marks them handed. */
int pr_ledger_refill_due(pr_ledger *l, uint32_t domain, int64_t now_utc_ms, unsigned max,
                         struct pr_batch **out, struct pr_error *e);
/* The loop dropped a due row without an outcome: it may be read again. */
void pr_ledger_give_back(pr_ledger *l, uint32_t row);
/* The loop has no use for these handed rows now: each is due at its own time, and may be read again
 * then. The journal knows nothing of it: after a crash they are due as before. Only for rows whose
 * last outcome is folded, as that of a handed one is until the loop appends another. Fresh rows
 * that were read are no longer fresh then. */
struct pr_put_off {
	uint32_t row;
	int64_t due_utc_ms;
};
int pr_ledger_put_off(pr_ledger *l, const struct pr_put_off *rows, size_t n, struct pr_error *e);
/* A time that never comes: rows put off to it are parked. */
#define PR_LEDGER_PARKED_MS (1ll << 50)
/* Parked rows are due then, at most max of them: 1 when there may be more, 0 done. */
int pr_ledger_unpark(pr_ledger *l, int64_t due_utc_ms, unsigned max, struct pr_error *e);
/* First row that is fresh: where the cursor stands after a restart; UINT32_MAX: none. */
uint32_t pr_ledger_first_fresh(pr_ledger *l);

/* ---- what is known ---- */
struct pr_counts {
	uint64_t total;
	uint64_t of[PR_STATES];
	uint64_t attempts, in_doubt_ever, needs_decision;
	uint64_t capped; /* of the skipped: over a frequency cap */
};
int pr_ledger_counts(pr_ledger *l, struct pr_counts *out, struct pr_error *e);
/* The same of seeds, which are in no other figure. Looks at each of them: they are few. */
int pr_ledger_seed_counts(pr_ledger *l, struct pr_counts *out, struct pr_error *e);

struct pr_known { /* all that is known of a row: a line of results.csv */
	uint32_t row;
	struct pr_str email;
	enum pr_state state;
	enum pr_class class_;
	uint16_t code, attempts, doubts;
	uint16_t version; /* of the content it was last sent with; 0: it never was */
	uint8_t variant;  /* of that; 0: none */
	uint8_t enhanced[3], flags;
	int64_t first_ms, last_ms, due_ms;
	struct pr_str reply, mx;
};
/* Rows with number > after, in order, at most limit; state PR_STATES: any. `each` returns
 * false to stop. Views until it returns. Seeds from PR_SEED_BASE on, and only then. */
int pr_ledger_page(pr_ledger *l, enum pr_state state, uint32_t after, unsigned limit,
                   bool (*each)(void *context, const struct pr_known *k), void *context,
                   struct pr_error *e);
int pr_ledger_row(pr_ledger *l, uint32_t row, struct pr_batch **out, struct pr_error *e);
/* The address of a row, appended; also while importing. PR_ENOENT. */
int pr_ledger_email(pr_ledger *l, uint32_t row, struct pr_buf *out, struct pr_error *e);
/* Rows of an address (as pr_mailbox_parse gives it), by the index. Seeds are in none. */
int pr_ledger_find(pr_ledger *l, struct pr_str address,
                   bool (*each)(void *context, const struct pr_known *k), void *context,
                   struct pr_error *e);

/* What came back: people and machines (people.h). */
struct pr_engaged {
	uint64_t total;   /* times */
	uint64_t unique;  /* recipients */
	uint64_t machine; /* of these: all that happened was a machine's doing */
};
struct pr_engagements {
	struct pr_engaged of[PR_ENGAGEMENT_KINDS];
};
int pr_ledger_engagements(pr_ledger *l, struct pr_engagements *out, struct pr_error *e);
/* Clicks by link, those that most recipients followed first. Link 0: the rows' own links, whose
 * url is empty here. */
#define PR_LINK_ALL UINT32_MAX
int pr_ledger_tally_links(pr_ledger *l, unsigned limit,
                          bool (*each)(void *context, uint32_t link, struct pr_str url,
                                       const struct pr_engaged *n),
                          void *context, struct pr_error *e);
/* By variant; [0] is of rows without one. Looks at every row that was tried. */
struct pr_variant_counts {
	uint64_t tried, delivered, bounced;
	uint64_t people[PR_ENGAGEMENT_KINDS]; /* recipients who did so, machines left out */
	/* Over rows: what each brought, less refunds, and the squares; in the currency of the first
	 * conversion, other ones are left out. */
	double revenue, revenue2;
};
int pr_ledger_variants(pr_ledger *l, struct pr_variant_counts *of, size_t n, struct pr_error *e);
int pr_ledger_parked(pr_ledger *l, uint64_t *out, struct pr_error *e); /* how many rows are */
/* All that is kept of a row, in the order of its coming; detail: that of struct pr_engagement, but
 * empty for clicks on links of the campaign. `each` returns false to stop. */
int pr_ledger_hits(pr_ledger *l, uint32_t row,
                   bool (*each)(void *context, const struct pr_hit *hit, struct pr_str detail),
                   void *context, struct pr_error *e);
/* The address of each row with a click, or an opening where `opens`, people's or machines'; in no
 * order. Looks at all hits. `each` returns false to stop. */
int pr_ledger_emails_engaged(pr_ledger *l, bool opens,
                             bool (*each)(void *context, struct pr_str email), void *context,
                             struct pr_error *e);

/* ---- a person is forgotten ---- */
/* Every row with its address, in order; `each` returns false to stop. Looks at all of them. */
int pr_ledger_emails(pr_ledger *l, bool (*each)(void *context, uint32_t row, struct pr_str email),
                     void *context, struct pr_error *e);
/* Rows that are the person's, in any letter case, and bad rows that name it. Looks at all of them;
 * the rows are the caller's to free. */
int pr_ledger_rows_of(pr_ledger *l, const struct pr_trace *t, uint32_t **rows, size_t *n,
                      struct pr_error *e);
/*
 * These rows stay as numbers with their state, all else of them goes: address, fields, replies,
 * what was followed. Where other rows and the campaign's own facts name the address, it is
 * overwritten. The counts stay what they were. Durable on return. FOLD; a second connection beside
 * the one that folds will do: the rows must be folded and no more on their way.
 */
int pr_ledger_erase(pr_ledger *l, const struct pr_trace *t, const uint32_t *rows, size_t n,
                    struct pr_error *e);
/* Nothing of it is left in the log of writes or in free pages: 0; PR_EAGAIN: others are reading,
 * again later. */
int pr_ledger_scour(pr_ledger *l, const struct pr_trace *t, struct pr_error *e);

#define PR_FACT_SEED_ROW "seed_row" /* whose fields seeds show; none: of nobody */

/* Small facts of a campaign, text by key ("started_ms", "state"...): survive with the folder. */
int pr_ledger_set(pr_ledger *l, const char *key, struct pr_str value, struct pr_error *e);
int pr_ledger_get(pr_ledger *l, const char *key, struct pr_buf *value); /* PR_ENOENT */

#endif
