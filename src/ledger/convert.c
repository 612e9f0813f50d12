/*
 * Conversions: folded in the transaction of their records, kept by row and key, so that the same
 * one is counted once however often it is told.
 *
 * What they add up to is carried in `converted`, by variant and currency: a total is a sum over a
 * handful of rows, however many conversions there are. A row counts among the uniques where its
 * first conversion is counted.
 */
#include "internal.h"

#include "postrider/ledger/conversions.h"

#include <stdlib.h>

/* ---- folding ---- */

struct counted { /* a row's, so far */
	uint64_t all, orders;
};

static int
count_known(pr_ledger *l, uint32_t row, struct counted *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERSIONS_COUNT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	if ((r = pr_db_step(s, e)) == 1) {
		out->all = (uint64_t)sqlite3_column_int64(s, 0);
		out->orders = (uint64_t)sqlite3_column_int64(s, 1);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}

/* 1: it is one more item of an order that is counted. */
static int
is_item(pr_ledger *l, uint32_t row, const struct pr_conversion *c, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERSION_ITEM, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	pr_db_bind_text(s, 2, c->event);
	pr_db_bind_text(s, 3, c->order);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r;
}

static int
variant_of(pr_ledger *l, uint32_t row, uint8_t *out, struct pr_error *e)
{
	struct entry entry = {0}; /* without one it has no variant */
	int r = ledger_entry_of(l, row, &entry, e);
	*out = entry.variant;
	return r < 0 ? r : 0;
}

/* 1: it is new. */
static int
insert(pr_ledger *l, const struct pr_record *rec, const struct pr_conversion *c, uint8_t variant,
       bool counts, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERSION_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, rec->row);
	sqlite3_bind_int64(s, 2, (int64_t)c->key);
	sqlite3_bind_int64(s, 3, rec->at_ms);
	pr_db_bind_text(s, 4, c->event);
	sqlite3_bind_int64(s, 5, c->amount.micros);
	pr_db_bind_text(s, 6, pr_str(c->amount.currency));
	pr_db_bind_text(s, 7, c->order);
	sqlite3_bind_int64(s, 8, c->link);
	sqlite3_bind_int(s, 9, variant);
	sqlite3_bind_int(s, 10, c->refund);
	sqlite3_bind_int(s, 11, counts);
	r = pr_db_run(s, e);
	return r < 0 ? r : sqlite3_changes(l->db) > 0;
}

static int
revenue_so_far(pr_ledger *l, uint8_t variant, const char *currency, int64_t *out,
               struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERTED_GET, &s, e);
	*out = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, variant);
	pr_db_bind_text(s, 2, pr_str(currency));
	if ((r = pr_db_step(s, e)) == 1) {
		*out = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}

static int
carry(pr_ledger *l, const struct pr_conversion *c, uint8_t variant, bool counts, bool first,
      struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t revenue;
	int r = revenue_so_far(l, variant, c->amount.currency, &revenue, e);
	if (r == 0)
		r = ledger_statement(l, ST_CONVERTED_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, variant);
	pr_db_bind_text(s, 2, pr_str(c->amount.currency));
	sqlite3_bind_int(s, 3, counts);
	sqlite3_bind_int(s, 4, counts && first);
	sqlite3_bind_int64(s, 5, pr_amount_add(revenue, c->amount.micros));
	return pr_db_run(s, e);
}

int
ledger_convert(pr_ledger *l, const struct pr_record *rec, const struct pr_engagement *g,
               uint64_t *refused, struct pr_error *e)
{
	struct pr_conversion c;
	struct counted known = {0};
	uint8_t variant;
	if (pr_row_is_seed(rec->row)) /* whoever bought by it is no customer it won */
		return 0;
	if (pr_conversion_decode(g, &c) < 0) {
		++*refused;
		return 0;
	}
	int r = count_known(l, rec->row, &known, e);
	if (r == 0 && known.all >= PR_ROW_CONVERSIONS_MAX) {
		++*refused;
		return 0;
	}
	int item = r == 0 ? is_item(l, rec->row, &c, e) : r;
	r = item < 0 ? item : variant_of(l, rec->row, &variant, e);
	bool counts = !c.refund && !item;
	if (r == 0)
		r = insert(l, rec, &c, variant, counts, e);
	return r <= 0 ? r : carry(l, &c, variant, counts, known.orders == 0, e);
}

/* ---- asking ---- */

int
pr_ledger_has_conversion(pr_ledger *l, uint32_t row, uint64_t key, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERSION_HAS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, (int64_t)key);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r;
}

static void
copy_currency(sqlite3_stmt *s, int column, char out[4])
{
	struct pr_str name = pr_db_text(s, column);
	memset(out, 0, 4);
	memcpy(out, name.p, name.n < 3 ? name.n : 3);
}

static void
add_revenue(struct pr_conversions *out, const struct pr_money *m)
{
	for (unsigned i = 0; i < out->currencies; i++)
		if (strcmp(out->revenue[i].currency, m->currency) == 0) {
			out->revenue[i].micros = pr_amount_add(out->revenue[i].micros, m->micros);
			return;
		}
	if (out->currencies < PR_CURRENCIES_MAX)
		out->revenue[out->currencies++] = *m;
	else
		out->more = true;
}

int
pr_ledger_conversions(pr_ledger *l, unsigned variant, struct pr_conversions *out,
                      struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_CONVERTED_ALL, &s, e);
	*out = (struct pr_conversions){0};
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_money m = {.micros = sqlite3_column_int64(s, 4)};
		if (variant != PR_VARIANT_ALL && (unsigned)sqlite3_column_int(s, 0) != variant)
			continue;
		copy_currency(s, 1, m.currency);
		out->total += (uint64_t)sqlite3_column_int64(s, 2);
		out->unique += (uint64_t)sqlite3_column_int64(s, 3);
		if (m.currency[0])
			add_revenue(out, &m);
	}
	return r;
}

static struct pr_money
read_money(pr_ledger *l, const char *fact)
{
	struct pr_buf b = {0};
	struct pr_money m = {0};
	if (pr_ledger_get(l, fact, &b) == 0 && !pr_money_parse(pr_buf_str(&b), &m))
		m = (struct pr_money){0};
	pr_buf_finish(&b);
	return m;
}

int
pr_ledger_earned(pr_ledger *l, struct pr_earned *out, struct pr_error *e)
{
	struct pr_money each = read_money(l, "cost_per_message");
	*out = (struct pr_earned){.cost = read_money(l, "cost"), .cost_each_micros = each.micros};
	if (!out->cost.currency[0])
		memcpy(out->cost.currency, each.currency, sizeof each.currency);
	return pr_ledger_conversions(l, PR_VARIANT_ALL, &out->n, e);
}

bool
pr_earned_cost(const struct pr_earned *r, uint64_t delivered, struct pr_money *out)
{
	int64_t each;
	if (!r->cost.currency[0])
		return false;
	if (delivered > INT64_MAX ||
	    __builtin_mul_overflow(r->cost_each_micros, (int64_t)delivered, &each))
		each = INT64_MAX;
	*out = r->cost;
	out->micros = pr_amount_add(r->cost.micros, each);
	return true;
}

bool
pr_earned_roi(const struct pr_earned *r, uint64_t delivered, double *out, bool *other)
{
	struct pr_money cost;
	double revenue = 0;
	bool rest = r->n.more;
	for (unsigned i = 0; i < r->n.currencies; i++)
		if (strcmp(r->n.revenue[i].currency, r->cost.currency) == 0)
			revenue = (double)r->n.revenue[i].micros;
		else
			rest = true;
	if (other)
		*other = rest;
	if (!pr_earned_cost(r, delivered, &cost) || cost.micros <= 0)
		return false;
	*out = (revenue - (double)cost.micros) / (double)cost.micros;
	return true;
}

/* ---- line by line ---- */

/* Of a statement whose lines are: what, currency, conversions, micros. */
static int
begin_tally(pr_ledger *l, enum statement which, unsigned limit, sqlite3_stmt **s,
            struct pr_error *e)
{
	int r = ledger_statement(l, which, s, e);
	if (r == 0)
		sqlite3_bind_int64(*s, 1, limit);
	return r;
}

/* 1: a line, and what its revenue is. */
static int
next_tally(sqlite3_stmt *s, struct pr_money *revenue, struct pr_error *e)
{
	int r = pr_db_step(s, e);
	if (r != 1)
		return r;
	*revenue = (struct pr_money){.micros = sqlite3_column_int64(s, 3)};
	copy_currency(s, 1, revenue->currency);
	return 1;
}

static int
end_lines(sqlite3_stmt *s, int r)
{
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_ledger_tally_converted(pr_ledger *l, unsigned limit,
                          bool (*each)(void *context, uint32_t link, struct pr_str url,
                                       uint64_t conversions, const struct pr_money *revenue),
                          void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_money m;
	int r = begin_tally(l, ST_CONVERTED_LINKS, limit, &s, e);
	if (r < 0)
		return r;
	while ((r = next_tally(s, &m, e)) == 1)
		if (!each(context, (uint32_t)sqlite3_column_int64(s, 0), pr_db_text(s, 4),
		          (uint64_t)sqlite3_column_int64(s, 2), &m))
			break;
	return end_lines(s, r);
}

int
pr_ledger_conversion_hours(pr_ledger *l, unsigned limit,
                           bool (*each)(void *context, int64_t hour_ms, uint64_t conversions,
                                        const struct pr_money *revenue),
                           void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_money m;
	int r = begin_tally(l, ST_CONVERTED_HOURS, limit, &s, e);
	if (r < 0)
		return r;
	while ((r = next_tally(s, &m, e)) == 1)
		if (!each(context, sqlite3_column_int64(s, 0) * 3600000,
		          (uint64_t)sqlite3_column_int64(s, 2), &m))
			break;
	return end_lines(s, r);
}

static void
read_converted(sqlite3_stmt *s, struct pr_converted *out)
{
	*out = (struct pr_converted){.row = (uint32_t)sqlite3_column_int64(s, 0),
	                             .at_ms = sqlite3_column_int64(s, 2),
	                             .variant = (uint8_t)sqlite3_column_int(s, 8)};
	out->c = (struct pr_conversion){.key = (uint64_t)sqlite3_column_int64(s, 1),
	                                .event = pr_db_text(s, 3),
	                                .amount.micros = sqlite3_column_int64(s, 4),
	                                .order = pr_db_text(s, 6),
	                                .link = (uint32_t)sqlite3_column_int64(s, 7),
	                                .refund = sqlite3_column_int(s, 9) != 0};
	copy_currency(s, 5, out->c.amount.currency);
}

int
pr_ledger_each_conversion(pr_ledger *l, uint32_t row,
                          bool (*each)(void *context, const struct pr_converted *c), void *context,
                          struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_converted c;
	int r = ledger_statement(l, ST_CONVERSIONS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, row ? row : UINT32_MAX);
	while ((r = pr_db_step(s, e)) == 1) {
		read_converted(s, &c);
		if (!each(context, &c))
			break;
	}
	return end_lines(s, r);
}
