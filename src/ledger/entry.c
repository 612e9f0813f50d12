/*
 * Entries of `state`: reading, writing, and what they add up to.
 *
 * Most outcomes are the first of their row, so an insert is tried and only where it finds
 * an entry the old one is read: the tally needs it.
 */
#include "internal.h"

enum pr_state
ledger_effective(const struct mark *mark, enum pr_state entry)
{
	bool unsent = entry == PR_STATES || entry == PR_PENDING || entry == PR_DEFERRED;
	if (unsent && mark->state != PR_STATES)
		return mark->state;
	return entry == PR_STATES ? PR_PENDING : entry;
}

void
ledger_read_entry(sqlite3_stmt *s, int at, struct entry *out)
{
	uint8_t state = (uint8_t)sqlite3_column_int(s, at);
	uint8_t class_ = (uint8_t)sqlite3_column_int(s, at + 1);
	out->state = state < PR_STATES ? state : PR_PENDING;
	out->class_ = class_ < PR_CLASSES ? class_ : PR_CLASS_UNDETERMINED;
	out->code = (uint16_t)sqlite3_column_int(s, at + 2);
	out->enhanced = (uint32_t)sqlite3_column_int64(s, at + 3);
	out->flags = (uint32_t)sqlite3_column_int64(s, at + 4);
	out->attempts = (uint16_t)sqlite3_column_int(s, at + 5);
	out->doubts = (uint16_t)sqlite3_column_int(s, at + 6);
	out->first_ms = sqlite3_column_int64(s, at + 7);
	out->last_ms = sqlite3_column_int64(s, at + 8);
	out->due_ms = sqlite3_column_int64(s, at + 9);
	out->domain = 0;
	out->reply = pr_db_text(s, at + 10);
	out->mx = pr_db_text(s, at + 11);
	out->version = (uint16_t)sqlite3_column_int(s, at + 12);
	out->variant = (uint8_t)sqlite3_column_int(s, at + 13);
}

int
ledger_entry_of(pr_ledger *l, uint32_t row, struct entry *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ENTRY_GET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	if ((r = pr_db_step(s, e)) == 1) {
		ledger_read_entry(s, 0, out);
		out->row = row;
		out->reply = out->mx = PR_STR(""); /* they end with the statement */
	}
	sqlite3_reset(s);
	return r;
}

/* sign 1 adds the entry, -1 takes it away. Seeds are in no tally. */
static void
count(struct tally *t, const struct entry *n, int64_t sign)
{
	if (pr_row_is_seed(n->row))
		return;
	t->of[n->state] += (uint64_t)sign;
	t->attempts += (uint64_t)(sign * n->attempts);
	if (n->state == PR_SKIPPED && n->class_ == PR_CLASS_CAPPED)
		t->capped += (uint64_t)sign;
	if (n->doubts)
		t->doubted += (uint64_t)sign;
	if (n->state == PR_IN_DOUBT && n->due_ms == 0)
		t->held += (uint64_t)sign;
}

/* Rows that wait are found by their domain as well. */
static int
domain_of(pr_ledger *l, uint32_t row, int64_t *domain, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ROW_DOMAIN, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	if ((r = pr_db_step(s, e)) == 1) {
		*domain = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}

static int
bind_entry(pr_ledger *l, sqlite3_stmt *s, const struct entry *n, struct pr_error *e)
{
	int64_t domain = n->domain;
	int r = n->due_ms && !domain ? domain_of(l, n->row, &domain, e) : 0;
	sqlite3_bind_int64(s, 1, n->row);
	sqlite3_bind_int(s, 2, n->state);
	sqlite3_bind_int(s, 3, n->class_);
	sqlite3_bind_int(s, 4, n->code);
	sqlite3_bind_int64(s, 5, n->enhanced);
	sqlite3_bind_int64(s, 6, n->flags);
	sqlite3_bind_int(s, 7, n->attempts);
	sqlite3_bind_int(s, 8, n->doubts);
	sqlite3_bind_int64(s, 9, n->first_ms);
	sqlite3_bind_int64(s, 10, n->last_ms);
	if (n->due_ms) {
		sqlite3_bind_int64(s, 11, n->due_ms);
		sqlite3_bind_int64(s, 12, domain);
	} else {
		sqlite3_bind_null(s, 11);
		sqlite3_bind_null(s, 12);
	}
	pr_db_bind_text(s, 13, n->reply);
	pr_db_bind_text(s, 14, n->mx);
	sqlite3_bind_int(s, 15, n->version);
	sqlite3_bind_int(s, 16, n->variant);
	return r;
}

int
ledger_replace_entry(pr_ledger *l, const struct entry *old, const struct entry *n, struct tally *t,
                     struct pr_error *e)
{
	sqlite3_stmt *s;
	struct entry before = *old;
	int r = ledger_statement(l, ST_ENTRY_SET, &s, e);
	if (r == 0)
		r = bind_entry(l, s, n, e);
	if (r == 0)
		r = pr_db_run(s, e);
	if (r < 0)
		return r;
	before.row = n->row;
	count(t, &before, -1);
	count(t, n, 1);
	return 0;
}

int
ledger_put_entry(pr_ledger *l, const struct entry *n, struct tally *t, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ENTRY_ADD, &s, e);
	if (r == 0)
		r = bind_entry(l, s, n, e);
	if (r == 0)
		r = pr_db_run(s, e);
	if (r < 0 || sqlite3_changes(l->db) == 0)
		return r < 0 ? r : PR_EEXIST;
	count(t, n, 1);
	return 0;
}
