/*
 * Conditions that people write over one view of rows: an expression of SQLite's language
 * (sqlite.org/lang_expr.html) that reads that view and does nothing else.
 *
 * Words
 *   dialect   what a kind of condition has beside SQLite's: functions of its own
 *   place     where something stands in the condition; the first character is 1
 *
 *   condition -rewritten, token by token-> SQL -prepared, authorised-> rows, until its time is over
 *
 * What a condition may not say (statements, SELECT, other tables, functions that are not listed)
 * is refused with its place by the rewriting; SQLite's authoriser says so once more when the
 * query is prepared. Segments (audience/segment.h) and `where` over a campaign (ledger/where.h)
 * are such.
 */
#ifndef POSTRIDER_LEDGER_CONDITION_H
#define POSTRIDER_LEDGER_CONDITION_H

#include "postrider/ledger/db.h"

#define PR_CONDITION_TEXT_MAX 4000u /* octets of a condition */
#define PR_CONDITION_PLACES 2048u   /* tokens of one */

/* ---- rewriting: pure ---- */

/* One call of a dialect's function: NAME('TEXT'[, DAYS]). */
struct pr_condition_call {
	unsigned function;  /* position in the dialect's list */
	struct pr_str text; /* as between the quotation marks: two in a row stand for one */
	uint64_t days;      /* 0: not said */
};

struct pr_condition_function {
	const char *name;
	bool days;                        /* may say how many */
	bool (*is_good)(struct pr_str s); /* whether the text can be one */
	const char *remedy;               /* what to say, where it is not */
};

struct pr_condition_dialect {
	const struct pr_condition_function *functions; /* ended by a NULL name */
	/* The SQL of a call, appended. */
	void (*write)(void *context, const struct pr_condition_call *call, struct pr_buf *sql);
	/* Each word that is no function of the dialect, as it is read; NULL: nobody asks. */
	void (*word)(void *context, struct pr_str word);
	void *context;
};

struct pr_condition_text { /* a condition as SQL */
	struct pr_buf sql;
	struct { /* where a token of the SQL stood in the condition */
		uint32_t out, in;
	} places[PR_CONDITION_PLACES];
	size_t places_n;
};

/* PR_EINVAL: e has the place. out is to be finished, whatever comes back. */
int pr_condition_rewrite(struct pr_str condition, const struct pr_condition_dialect *dialect,
                         struct pr_condition_text *out, struct pr_error *e);
void pr_condition_text_finish(struct pr_condition_text *t);

/* ---- asking ---- */

/* What a query may read, and until when. Texts are the caller's while it is asked. */
struct pr_condition_limits {
	const char *const *tables;    /* ended by NULL; the view's name, too */
	const char *const *functions; /* of the query around the condition; ended by NULL */
	const char *const *columns;   /* of the view, to name the nearest one; ended by NULL */
	int64_t limit_ms;             /* how long all of it may take */
};

struct pr_condition_query { /* the caller's; stays where it is until finished */
	sqlite3_stmt *select;
	const struct pr_condition_limits *limits;
	sqlite3 *db;
	int64_t end_mono_ms;
	bool late;
};

/* begin: where the text's SQL stands in `sql`. PR_EINVAL: the condition is wrong; e says where. */
int pr_condition_prepare(struct pr_condition_query *q, sqlite3 *db, const struct pr_buf *sql,
                         size_t begin, const struct pr_condition_text *text,
                         struct pr_str condition, const struct pr_condition_limits *limits,
                         struct pr_error *e);
/* As pr_db_step; PR_ELIMIT: its time is over. */
int pr_condition_step(struct pr_condition_query *q, struct pr_error *e);
void pr_condition_finish(struct pr_condition_query *q);

#endif
