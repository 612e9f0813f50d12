/*
 * What became of each variant's rows. Looks at all of them and at all that came back: for a
 * reader's connection, now and then.
 */
#include "internal.h"

#include "postrider/ledger/conversions.h"

static const char states[] = "SELECT variant, state, count(*) FROM state WHERE attempts > 0"
			     " AND row < " PR_SEED_BASE_TEXT " GROUP BY 1, 2";
static const char people[] = "SELECT s.variant, h.kind, count(*) FROM (SELECT DISTINCT row, kind"
			     " FROM hits WHERE machine = 0 AND row < " PR_SEED_BASE_TEXT
			     ") h CROSS JOIN state s ON s.row = h.row"
			     " GROUP BY 1, 2";

struct counting {
	struct pr_variant_counts *of;
	size_t n;
};

static struct pr_variant_counts *
variant_at(const struct counting *c, sqlite3_stmt *s)
{
	sqlite3_int64 variant = sqlite3_column_int64(s, 0); /* NULL of old ledgers: 0 */
	return variant >= 0 && (size_t)variant < c->n ? &c->of[variant] : NULL;
}

static void
count_state(const struct counting *c, sqlite3_stmt *s)
{
	struct pr_variant_counts *v = variant_at(c, s);
	uint64_t n = (uint64_t)sqlite3_column_int64(s, 2);
	if (!v)
		return;
	v->tried += n;
	switch ((enum pr_state)sqlite3_column_int(s, 1)) {
	case PR_DELIVERED: v->delivered += n; break;
	case PR_BOUNCED: v->bounced += n; break;
	default: break;
	}
}

static void
count_people(const struct counting *c, sqlite3_stmt *s)
{
	struct pr_variant_counts *v = variant_at(c, s);
	int kind = sqlite3_column_int(s, 1);
	if (v && kind > 0 && kind < PR_ENGAGEMENT_KINDS)
		v->people[kind] += (uint64_t)sqlite3_column_int64(s, 2);
}

static int
walk(pr_ledger *l, const char *sql, const struct counting *c,
     void (*each)(const struct counting *c, sqlite3_stmt *s), struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = pr_db_prepare(l->db, sql, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1)
		each(c, s);
	sqlite3_finalize(s);
	return r;
}

int
pr_ledger_parked(pr_ledger *l, uint64_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = pr_db_prepare(
	    l->db, "SELECT count(*) FROM state INDEXED BY state_due WHERE due_ms = ?", &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, PR_LEDGER_PARKED_MS);
	if ((r = pr_db_step(s, e)) == 1)
		*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return r < 0 ? r : 0;
}

/* Conversions come row by row. */
struct buying {
	struct pr_variant_counts *of;
	size_t n;
	uint32_t row; /* whose money this is; 0: nobody's yet */
	uint8_t variant;
	bool bought; /* not only given back */
	int64_t micros;
	char currency[sizeof(((struct pr_money *)0)->currency)];
};

static void
count_row(struct buying *b)
{
	double money = (double)b->micros / 1e6;
	if (b->row && b->variant < b->n) {
		b->of[b->variant].people[PR_ENGAGEMENT_CONVERSION] += b->bought;
		b->of[b->variant].revenue += money;
		b->of[b->variant].revenue2 += money * money;
	}
	b->micros = 0;
	b->bought = false;
}

static bool
count_conversion(void *context, const struct pr_converted *c)
{
	struct buying *b = context;
	const struct pr_money *amount = &c->c.amount;
	if (c->row != b->row)
		count_row(b);
	b->row = c->row;
	b->variant = c->variant;
	b->bought |= !c->c.refund;
	if (amount->currency[0] && !b->currency[0])
		memcpy(b->currency, amount->currency, sizeof b->currency);
	if (amount->currency[0] && strcmp(amount->currency, b->currency) == 0)
		b->micros += amount->micros;
	return true;
}

static int
count_buyers(pr_ledger *l, const struct counting *c, struct pr_error *e)
{
	struct buying b = {.of = c->of, .n = c->n};
	int r = pr_ledger_each_conversion(l, 0, count_conversion, &b, e);
	count_row(&b);
	return r;
}

int
pr_ledger_variants(pr_ledger *l, struct pr_variant_counts *of, size_t n, struct pr_error *e)
{
	struct counting c = {of, n};
	memset(of, 0, n * sizeof *of);
	int r = walk(l, states, &c, count_state, e);
	if (r == 0)
		r = walk(l, people, &c, count_people, e);
	return r < 0 ? r : count_buyers(l, &c, e);
}
