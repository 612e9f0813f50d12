/*
 * A person is forgotten: their rows keep number, state and counts, and nothing else.
 *
 *   found   by reading, without a transaction: folding goes on meanwhile
 *   erased  by keys, in one transaction: short, however large the ledger is
 *
 * Other rows may name the address (a column "recommended by"), and so may replies, links and the
 * campaign's history: there it is overwritten.
 */
#include "series.h"

#include <stdlib.h>

struct keys {
	int64_t *v;
	size_t n, cap;
};

static void
keys_add(struct keys *k, int64_t key)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 16;
		k->v = pr_realloc(k->v, k->cap * sizeof *k->v);
	}
	k->v[k->n++] = key;
}

/* ---- found ---- */

int
pr_ledger_emails(pr_ledger *l, bool (*each)(void *context, uint32_t row, struct pr_str email),
                 void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_EMAILS, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1)
		if (!each(context, (uint32_t)sqlite3_column_int64(s, 0), pr_db_text(s, 1)))
			break;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_ledger_rows_of(pr_ledger *l, const struct pr_trace *t, uint32_t **rows, size_t *n,
                  struct pr_error *e)
{
	sqlite3_stmt *s;
	size_t found = 0, cap = 0;
	uint32_t *list = NULL;
	int r = ledger_statement(l, ST_EMAILS, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_str email = pr_db_text(s, 1);
		bool bad = sqlite3_column_int64(s, 2) == 0; /* it holds whatever stood there */
		if (!(bad ? pr_trace_is_in(t, email) : pr_trace_is(t, email)))
			continue;
		if (found == cap) {
			cap = cap ? 2 * cap : 16;
			list = pr_realloc(list, cap * sizeof *list);
		}
		list[found++] = (uint32_t)sqlite3_column_int64(s, 0);
	}
	if (r < 0) {
		free(list);
		return r;
	}
	*rows = list;
	*n = found;
	return 0;
}

/* Where else it may stand: which keys hold it, and how a key is rewritten. */
static const struct {
	const char *find, *mask;
} places[] = {
    {"SELECT row FROM rows WHERE holds_packed(data) OR holds(email)",
     "UPDATE rows SET data = masked_packed(data), email = masked(email) WHERE row = ?"},
    {"SELECT row FROM state WHERE holds(reply)",
     "UPDATE state SET reply = masked(reply) WHERE row = ?"},
    {"SELECT DISTINCT row FROM hits WHERE holds(detail)",
     "UPDATE hits SET detail = masked(detail) WHERE row = ?"},
    {"SELECT link FROM links WHERE holds(url)",
     "UPDATE links SET url = masked(url) WHERE link = ?"},
    {"SELECT one FROM progress WHERE holds(mark_reason)",
     "UPDATE progress SET mark_reason = masked(mark_reason) WHERE one = ?"},
};
#define PLACES (sizeof places / sizeof *places)

static int
find_keys(pr_ledger *l, const char *sql, struct keys *out, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = pr_db_prepare(l->db, sql, &s, e);
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		keys_add(out, sqlite3_column_int64(s, 0));
		r = 0;
	}
	sqlite3_finalize(s);
	return r;
}

/* ---- erased ---- */

static int
mask_keys(pr_ledger *l, const char *sql, const struct keys *keys, struct pr_error *e)
{
	sqlite3_stmt *s = NULL;
	int r = keys->n ? pr_db_prepare(l->db, sql, &s, e) : 0;
	for (size_t i = 0; i < keys->n && r == 0; i++) {
		sqlite3_bind_int64(s, 1, keys->v[i]);
		r = pr_db_run(s, e);
	}
	sqlite3_finalize(s);
	return r;
}

static int
erase_address(pr_ledger *l, uint32_t row, struct pr_error *e)
{
	struct pr_buf email = {0};
	sqlite3_stmt *s;
	int r = pr_ledger_email(l, row, &email, e);
	uint64_t hash = pr_siphash(l->identity.address_key, email.data, email.len);
	pr_buf_finish(&email);
	if (r == 0)
		r = ledger_statement(l, ST_ADDRESS_ERASE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)hash);
	sqlite3_bind_int64(s, 2, row);
	return pr_db_run(s, e);
}

static int
erase_row(pr_ledger *l, uint32_t row, struct pr_error *e)
{
	static const enum statement of_row[] = {ST_ROW_ERASE, ST_ENTRY_ERASE, ST_HITS_ERASE,
	                                        ST_CONVERSIONS_ERASE};
	sqlite3_stmt *s;
	int r = erase_address(l, row, e);
	for (unsigned i = 0; i < sizeof of_row / sizeof *of_row && r == 0; i++)
		if ((r = ledger_statement(l, of_row[i], &s, e)) == 0) {
			sqlite3_bind_int64(s, 1, row);
			r = pr_db_run(s, e);
		}
	return r;
}

/* Seeds show the fields of a row: what its person is, they show no more. */
static int
erase_seeds(pr_ledger *l, const uint32_t *rows, size_t n, struct pr_error *e)
{
	struct pr_buf shown = {0};
	uint64_t row = 0;
	int r = 0;
	if (pr_ledger_get(l, PR_FACT_SEED_ROW, &shown) == 0)
		pr_str_u64(pr_buf_str(&shown), &row);
	pr_buf_finish(&shown);
	for (size_t i = 0; i < n && r == 0; i++)
		if (rows[i] == row)
			r = pr_db_exec(
			    l->db, "UPDATE rows SET data = x'' WHERE row > " PR_SEED_BASE_TEXT, e);
	return r;
}

static int
erase_all(pr_ledger *l, const struct pr_trace *t, const uint32_t *rows, size_t n,
          const struct keys *keys, struct pr_error *e)
{
	int r = 0;
	for (unsigned i = 0; i < t->n && r == 0; i++)
		r = ledger_erase_series(l, pr_str_n(t->forms[i].text, t->forms[i].n), e);
	for (size_t i = 0; i < n && r == 0; i++)
		r = erase_row(l, rows[i], e);
	if (r == 0)
		r = erase_seeds(l, rows, n, e);
	for (unsigned i = 0; i < PLACES && r == 0; i++)
		r = mask_keys(l, places[i].mask, &keys[i], e);
	return r < 0 ? r
	             : pr_db_exec(l->db, "UPDATE meta SET value = masked(value) WHERE holds(value)",
	                          e);
}

int
pr_ledger_erase(pr_ledger *l, const struct pr_trace *t, const uint32_t *rows, size_t n,
                struct pr_error *e)
{
	struct keys keys[PLACES] = {{0}};
	PR_ASSERT(l->mode == PR_LEDGER_FOLD && !l->importing);
	int r = pr_db_traces(l->db, t, e);
	for (unsigned i = 0; i < PLACES && r == 0; i++)
		r = find_keys(l, places[i].find, &keys[i], e);
	if (r == 0)
		r = pr_db_begin(l->db, e);
	if (r == 0)
		r = pr_db_end(l->db, erase_all(l, t, rows, n, keys, e), e);
	for (unsigned i = 0; i < PLACES; i++)
		free(keys[i].v);
	return r;
}

int
pr_ledger_scour(pr_ledger *l, const struct pr_trace *t, struct pr_error *e)
{
	return pr_db_scour(l->db, t, e);
}
