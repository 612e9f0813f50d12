/*
 * Rows behind those of the import: a series gets them one by one. They are in both indexes from
 * the beginning, and have an entry: they are due, never fresh.
 *
 * The numbers of domains are looked up on disk, by an index that a ledger gets with its first row
 * of this kind.
 */
#include "series.h"

static int
find_domain(pr_ledger *l, struct pr_str name, uint32_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = 0;
	if (!l->names_indexed)
		r = pr_db_exec(l->db, "CREATE INDEX IF NOT EXISTS domains_name ON domains (name)",
		               e);
	l->names_indexed = r == 0;
	if (r < 0 || (r = ledger_statement(l, ST_DOMAIN_FIND, &s, e)) < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	if ((r = pr_db_step(s, e)) == 1)
		*out = (uint32_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r;
}

static int
domain_number(pr_ledger *l, struct pr_str name, uint32_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	*out = 0;
	if (name.n == 0)
		return 0;
	int r = find_domain(l, name, out, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if ((r = ledger_statement(l, ST_DOMAIN_NEW, &s, e)) < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	r = pr_db_run(s, e);
	*out = (uint32_t)sqlite3_last_insert_rowid(l->db);
	return r;
}

static int
add_pair(pr_ledger *l, enum statement which, int64_t key, uint32_t row, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, which, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, key);
	sqlite3_bind_int64(s, 2, row);
	return pr_db_run(s, e);
}

static int
add_row(pr_ledger *l, const struct pr_ledger_new *n, uint32_t domain, struct pr_error *e)
{
	int r = ledger_add_row(l, n, domain, e);
	if (r < 0 || domain == 0)
		return r;
	uint64_t hash = pr_siphash(l->identity.address_key, n->email.p, n->email.n);
	r = add_pair(l, ST_ADDRESS_ADD, (int64_t)hash, n->row, e);
	return r < 0 ? r : add_pair(l, ST_BY_DOMAIN_ADD, domain, n->row, e);
}

int
ledger_append(pr_ledger *l, struct progress *p, const struct pr_ledger_new *n, uint8_t variant,
              struct pr_error *e)
{
	uint32_t domain;
	struct pr_ledger_new row = *n;
	row.row = (uint32_t)p->tally.rows + 1;
	if (p->tally.rows >= PR_SEED_BASE - 1)
		return pr_fail(e, PR_ELIMIT, "%s: there are more rows than can be numbered",
		               l->path);
	int r = domain_number(l, n->domain, &domain, e);
	if (r == 0)
		r = add_row(l, &row, domain, e);
	if (r < 0)
		return r;
	struct entry entry = {.row = row.row,
	                      .state = n->state,
	                      .class_ = n->class_,
	                      .due_ms = n->state == PR_PENDING ? n->due_ms : 0,
	                      .domain = domain,
	                      .variant = variant,
	                      .reply = n->reason};
	p->tally.rows++;
	if (p->first_fresh == row.row)
		p->first_fresh++;
	return ledger_put_entry(l, &entry, &p->tally, e);
}
