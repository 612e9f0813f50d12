/*
 * `where` over a ledger: the view of a row, and the query over it (condition.h).
 *
 * A mark (cancel, deadline) counts as it does everywhere: rows that are not rewritten yet are in
 * its state.
 */
#include "internal.h"

#include "postrider/base/clock.h"
#include "postrider/ledger/where.h"

#include <stdlib.h>

enum where_function { WHERE_CLICKED_LINK };

static bool
is_text(struct pr_str s)
{
	return s.n > 0 && !memchr(s.p, 0, s.n);
}

static const struct pr_condition_function functions[] = {
    [WHERE_CLICKED_LINK] = {"clicked_link", false, is_text,
                            "say which link, as in clicked_link('/sale')"},
    {0},
};

static const char *const columns[] = {"pending",
                                      "deferred",
                                      "delivered",
                                      "bounced",
                                      "suppressed",
                                      "skipped",
                                      "in_doubt",
                                      "cancelled",
                                      "opened",
                                      "opened_by_machine",
                                      "clicked",
                                      "converted",
                                      "unsubscribed",
                                      "complained",
                                      "opens",
                                      "clicks",
                                      "variant",
                                      "email",
                                      "domain",
                                      "attempts",
                                      "code",
                                      "days_since",
                                      NULL};

#define ROW "c.\"row number\""

/* The text stands between quotation marks as it did in the condition. */
static void
write_call(void *context, const struct pr_condition_call *call, struct pr_buf *b)
{
	(void)context;
	pr_buf_addf(b,
	            "EXISTS (SELECT 1 FROM hits LEFT JOIN links ON links.link = hits.link"
	            " WHERE hits.row = " ROW " AND kind = %d AND NOT machine"
	            " AND instr(coalesce(nullif(detail, ''), url), '%.*s'))",
	            PR_ENGAGEMENT_CLICK, (int)call->text.n, call->text.p);
}

/* ---- the view ---- */

static void
add_state(struct pr_buf *b, const pr_ledger *l)
{
	enum pr_state mark = l->p.mark.state;
	if (mark == PR_STATES)
		pr_buf_addf(b, "coalesce(s.state, %d)", PR_PENDING);
	else
		pr_buf_addf(b, "iif(coalesce(s.state, %d) IN (%d, %d), %d, s.state)", PR_PENDING,
		            PR_PENDING, PR_DEFERRED, mark);
}

static void
add_states(struct pr_buf *b, const pr_ledger *l)
{
	static const struct {
		const char *name;
		enum pr_state state;
	} states[] = {{"pending", PR_PENDING},       {"deferred", PR_DEFERRED},
	              {"delivered", PR_DELIVERED},   {"bounced", PR_BOUNCED},
	              {"suppressed", PR_SUPPRESSED}, {"skipped", PR_SKIPPED},
	              {"in_doubt", PR_IN_DOUBT},     {"cancelled", PR_CANCELLED}};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		pr_buf_adds(b, ", ");
		add_state(b, l);
		pr_buf_addf(b, " = %d AS %s", states[i].state, states[i].name);
	}
}

static int
kind_of(const char *word)
{
	for (int k = 1; k < PR_ENGAGEMENT_KINDS; k++)
		if (strcmp(pr_engagement_word((enum pr_engagement_kind)k), word) == 0)
			return k;
	return -1; /* this program knows no such answers */
}

static void
add_engagement(struct pr_buf *b)
{
	static const char *const words[][2] = {{"opened", "open"},
	                                       {"clicked", "click"},
	                                       {"unsubscribed", "unsubscribe"},
	                                       {"complained", "complaint"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		pr_buf_addf(b,
		            ", EXISTS (SELECT 1 FROM hits WHERE hits.row = r.row AND kind = %d"
		            " AND NOT machine) AS %s",
		            kind_of(words[i][1]), words[i][0]);
	pr_buf_adds(b, ", EXISTS (SELECT 1 FROM conversions v WHERE v.row = r.row AND v.counts)"
	               " AS converted"); /* they stand in a table of their own */
	for (int kind = PR_ENGAGEMENT_OPEN; kind <= PR_ENGAGEMENT_CLICK; kind++)
		pr_buf_addf(b,
		            ", (SELECT count(*) FROM hits WHERE hits.row = r.row AND kind = %d"
		            " AND NOT machine) AS %s",
		            kind, kind == PR_ENGAGEMENT_OPEN ? "opens" : "clicks");
	pr_buf_addf(b,
	            ", coalesce((SELECT min(machine) FROM hits WHERE hits.row = r.row"
	            " AND kind = %d), 0) AS opened_by_machine",
	            PR_ENGAGEMENT_OPEN);
}

static void
add_variant(struct pr_buf *b, const struct pr_where_ask *ask)
{
	if (ask->variants_n == 0) {
		pr_buf_adds(b, ", iif(s.variant > 0, char(96 + s.variant), NULL) AS variant");
		return;
	}
	pr_buf_adds(b, ", CASE s.variant");
	for (size_t i = 0; i < ask->variants_n; i++) {
		pr_buf_addf(b, " WHEN %zu THEN '", i + 1);
		for (size_t k = 0; k < ask->variants[i].n; k++)
			pr_buf_addf(b, ask->variants[i].p[k] == '\'' ? "''" : "%c",
			            ask->variants[i].p[k]);
		pr_buf_addc(b, '\'');
	}
	pr_buf_adds(b, " END AS variant");
}

static void
add_view(struct pr_buf *b, const pr_ledger *l, const struct pr_where_ask *ask)
{
	pr_buf_adds(b, "(SELECT r.row AS \"row number\", r.data AS \"row data\", r.email AS email,"
	               " (SELECT name FROM domains WHERE domains.id = r.domain) AS domain,"
	               " coalesce(s.attempts, 0) AS attempts, nullif(s.code, 0) AS code");
	pr_buf_addf(b, ", (%lld - nullif(s.last_ms, 0)) / 86400000 AS days_since",
	            (long long)ask->now_utc_ms);
	add_states(b, l);
	add_engagement(b);
	add_variant(b, ask);
	pr_buf_adds(b, " FROM rows r LEFT JOIN state s ON s.row = r.row"
	               " WHERE r.row < " PR_SEED_BASE_TEXT ") AS c");
}

/* ---- asking ---- */

struct where {
	struct pr_condition_text text;
	struct pr_condition_limits limits;
	struct pr_condition_query query;
};

static const struct pr_condition_dialect dialect = {functions, write_call, NULL, NULL};

static int
open_where(struct where *w, pr_ledger *l, const struct pr_where_ask *ask, const char *what,
           struct pr_error *e)
{
	static const char *const tables[] = {"rows",    "state",       "hits", "links",
	                                     "domains", "conversions", "",     "r",
	                                     "s",       "v",           "c",    NULL};
	static const char *const ours[] = {"count", "total", "max", "char", NULL};
	struct pr_buf sql = {0};
	int r = l->mode == PR_LEDGER_READ ? ledger_load_progress(l, e) : 0;
	if (r == 0)
		r = pr_condition_rewrite(ask->condition, &dialect, &w->text, e);
	if (r < 0)
		return r;
	pr_buf_addf(&sql, "SELECT %s FROM ", what);
	add_view(&sql, l, ask);
	pr_buf_adds(&sql, " WHERE (");
	size_t begin = sql.len;
	pr_buf_add_str(&sql, pr_buf_str(&w->text.sql));
	pr_buf_adds(&sql, ") AND c.email <> '' ORDER BY " ROW);
	w->limits = (struct pr_condition_limits){tables, ours, columns, ask->limit_ms};
	r = pr_condition_prepare(&w->query, l->db, &sql, begin, &w->text, ask->condition,
	                         &w->limits, e);
	pr_buf_finish(&sql);
	return r;
}

static void
close_where(struct where *w)
{
	pr_condition_finish(&w->query);
	pr_condition_text_finish(&w->text);
	free(w);
}

int
pr_where_check(struct pr_str condition, struct pr_error *e)
{
	struct pr_condition_text *t = pr_calloc(1, sizeof *t);
	int r = pr_condition_rewrite(condition, &dialect, t, e);
	pr_condition_text_finish(t);
	free(t);
	return r;
}

int
pr_where_count(pr_ledger *l, const struct pr_where_ask *ask, struct pr_where_counts *out,
               struct pr_error *e)
{
	struct where *w = pr_calloc(1, sizeof *w);
	int r = open_where(w, l, ask, "count(*), total(c.opened_by_machine)", e);
	if (r == 0)
		r = pr_condition_step(&w->query, e);
	if (r == 1)
		*out = (struct pr_where_counts){(uint64_t)sqlite3_column_int64(w->query.select, 0),
		                                (uint64_t)sqlite3_column_int64(w->query.select, 1)};
	close_where(w);
	return r < 0 ? r : 0;
}

int
pr_where_each(pr_ledger *l, const struct pr_where_ask *ask,
              int (*each)(void *, uint32_t, struct pr_str, struct pr_str, bool), void *context,
              struct pr_error *e)
{
	struct where *w = pr_calloc(1, sizeof *w);
	int r = open_where(w, l, ask, ROW ", c.email, c.\"row data\", c.opened_by_machine", e);
	sqlite3_stmt *s = w->query.select;
	while (r == 0 && (r = pr_condition_step(&w->query, e)) == 1)
		r = each(context, (uint32_t)sqlite3_column_int64(s, 0), pr_db_text(s, 1),
		         pr_db_text(s, 2), sqlite3_column_int(s, 3) != 0);
	close_where(w);
	return r;
}
