/*
 * What is known: counts, pages of rows, rows of an address.
 *
 * The mark is considered in every answer, so a mass change shows at once and in full,
 * whether its entries are rewritten already or not.
 */
#include "internal.h"

int
pr_ledger_counts(pr_ledger *l, struct pr_counts *out, struct pr_error *e)
{
	/* The folder has them in memory; a reader asks what was last committed. */
	int r = l->mode == PR_LEDGER_READ ? ledger_load_progress(l, e) : 0;
	if (r < 0)
		return r;
	const struct tally *t = &l->p.tally;
	uint64_t entries = 0;
	*out = (struct pr_counts){.total = t->rows,
	                          .attempts = t->attempts,
	                          .in_doubt_ever = t->doubted,
	                          .needs_decision = t->held,
	                          .capped = t->capped};
	for (int i = 0; i < PR_STATES; i++) {
		entries += t->of[i];
		out->of[ledger_effective(&l->p.mark, (enum pr_state)i)] += t->of[i];
	}
	out->of[ledger_effective(&l->p.mark, PR_STATES)] += t->rows - entries;
	return 0;
}

static bool
count_seed(void *context, const struct pr_known *k)
{
	struct pr_counts *n = context;
	n->total++;
	n->of[k->state]++;
	n->attempts += k->attempts;
	n->in_doubt_ever += k->doubts > 0;
	n->capped += k->state == PR_SKIPPED && k->class_ == PR_CLASS_CAPPED;
	n->needs_decision += k->state == PR_IN_DOUBT && k->due_ms == 0;
	return true;
}

int
pr_ledger_seed_counts(pr_ledger *l, struct pr_counts *out, struct pr_error *e)
{
	*out = (struct pr_counts){0};
	return pr_ledger_page(l, PR_STATES, PR_SEED_BASE, UINT32_MAX, count_seed, out, e);
}

/* ---- rows ---- */

/* The row a KNOWN or PAGE statement stands on. */
static void
read_known(const struct mark *mark, sqlite3_stmt *s, struct pr_known *k)
{
	struct entry n;
	enum pr_state entry = PR_STATES;
	ledger_read_entry(s, 2, &n);
	if (sqlite3_column_type(s, 2) != SQLITE_NULL)
		entry = (enum pr_state)n.state;
	*k = (struct pr_known){.row = (uint32_t)sqlite3_column_int64(s, 0),
	                       .email = pr_db_text(s, 1),
	                       .state = ledger_effective(mark, entry),
	                       .class_ = (enum pr_class)n.class_,
	                       .code = n.code,
	                       .attempts = n.attempts,
	                       .doubts = n.doubts,
	                       .version = pr_version_sent(n.attempts, n.version),
	                       .variant = n.attempts ? n.variant : 0,
	                       .enhanced = {(uint8_t)(n.enhanced >> 16), (uint8_t)(n.enhanced >> 8),
	                                    (uint8_t)n.enhanced},
	                       .flags = (uint8_t)n.flags,
	                       .first_ms = n.first_ms,
	                       .last_ms = n.last_ms,
	                       .due_ms = n.due_ms == PR_LEDGER_PARKED_MS ? 0 : n.due_ms,
	                       .reply = n.reply,
	                       .mx = n.mx};
	if (k->state != entry && k->state != PR_PENDING) { /* the mark's doing */
		k->due_ms = 0;
		if (k->reply.n == 0)
			k->reply = pr_str(mark->reason);
	}
}

/* Entries alone answer where fresh rows do not count as the state and no mark adds to it. */
static enum statement
page_statement(const struct mark *mark, enum pr_state state)
{
	if (state == PR_STATES || state == PR_PENDING || state == mark->state)
		return ST_PAGE_ANY;
	return state == PR_DELIVERED ? ST_PAGE_DELIVERED : ST_PAGE_STATE;
}

int
pr_ledger_page(pr_ledger *l, enum pr_state state, uint32_t after, unsigned limit,
               bool (*each)(void *context, const struct pr_known *k), void *context,
               struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_known k;
	int r = l->mode == PR_LEDGER_READ ? ledger_load_progress(l, e) : 0;
	enum statement which = page_statement(&l->p.mark, state);
	if (r == 0)
		r = ledger_statement(l, which, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after);
	sqlite3_bind_int64(s, 3, after < PR_SEED_BASE ? PR_SEED_BASE : UINT32_MAX);
	if (which != ST_PAGE_ANY)
		sqlite3_bind_int(s, 2, (int)state);
	while (limit > 0 && (r = pr_db_step(s, e)) == 1) {
		read_known(&l->p.mark, s, &k);
		if (state != PR_STATES && k.state != state)
			continue;
		limit--;
		if (!each(context, &k))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_ledger_email(pr_ledger *l, uint32_t row, struct pr_buf *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_EMAIL, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	if ((r = pr_db_step(s, e)) <= 0)
		return r < 0 ? r : pr_fail(e, PR_ENOENT, "there is no row %u", (unsigned)row);
	pr_buf_add_str(out, pr_db_text(s, 0));
	sqlite3_reset(s);
	return 0;
}

/* Shows the row where its address is that one: equal hashes prove nothing. */
static int
show_if_same(pr_ledger *l, uint32_t row, struct pr_str address, bool *more,
             bool (*each)(void *context, const struct pr_known *k), void *context,
             struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_known k;
	int r = ledger_statement(l, ST_KNOWN, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	if ((r = pr_db_step(s, e)) <= 0)
		return r;
	read_known(&l->p.mark, s, &k);
	if (pr_str_eq(k.email, address))
		*more = each(context, &k);
	sqlite3_reset(s);
	return 0;
}

int
pr_ledger_find(pr_ledger *l, struct pr_str address,
               bool (*each)(void *context, const struct pr_known *k), void *context,
               struct pr_error *e)
{
	sqlite3_stmt *s;
	bool more = true;
	struct pr_buf fact = {0};
	if (!l->indexed) /* a reader may have been opened before the index was complete */
		l->indexed = pr_ledger_get(l, "indexed", &fact) == 0;
	pr_buf_finish(&fact);
	if (!l->indexed)
		return pr_fail(e, PR_EAGAIN, "%s: its address index is not complete yet", l->path);
	int r = l->mode == PR_LEDGER_READ ? ledger_load_progress(l, e) : 0;
	if (r == 0)
		r = ledger_statement(l, ST_FIND, &s, e);
	if (r < 0)
		return r;
	uint64_t hash = pr_siphash(l->identity.address_key, address.p, address.n);
	sqlite3_bind_int64(s, 1, (int64_t)hash);
	while (more && (r = pr_db_step(s, e)) == 1) {
		uint32_t row = (uint32_t)sqlite3_column_int64(s, 0);
		if ((r = show_if_same(l, row, address, &more, each, context, e)) < 0)
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}
