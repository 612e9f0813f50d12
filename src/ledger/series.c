/*
 * Series: who enters, whose step is due, and what comes of it.
 *
 *   look -> pr_series_enter -> waits until due -> pr_series_ask -> is it still for them? (others
 *        say) -> pr_series_move: a row, and the next step waits; or an end
 *
 * The table is looked at by the index of due times only; whoever is at an end has none.
 */
#include "series.h"

#include "postrider/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define FACT_COUPONS "series_coupons"
#define WAIT_MIN_MS PR_SECOND_MS
#define WAIT_MAX_MS (10 * PR_MINUTE_MS)
#define LOOK_AT_MAX 1000u /* of whom all may have to wait */

static const char *const end_words[PR_SERIES_ENDS] = {"under_way",  "through", "did",  "left",
                                                      "suppressed", "bounced", "gone", "cancelled"};

const char *
pr_series_end_word(enum pr_series_end end)
{
	return end < PR_SERIES_ENDS ? end_words[end] : "unknown";
}

uint64_t
pr_series_person(const pr_ledger *l, struct pr_str address)
{
	char lower[512];
	size_t n = address.n < sizeof lower ? address.n : sizeof lower;
	for (size_t i = 0; i < n; i++)
		lower[i] = pr_lower(address.p[i]);
	return pr_siphash(l->identity.address_key, lower, n);
}

/* ---- entering ---- */

static int
enter_one(pr_ledger *l, const struct pr_series_entry *n, struct pr_series_entering *in,
          struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_SERIES_ENTER, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)n->person);
	sqlite3_bind_int64(s, 2, n->occurrence);
	sqlite3_bind_int64(s, 3, n->contact);
	sqlite3_bind_int64(s, 4, in->now_ms);
	sqlite3_bind_int64(s, 5, in->step);
	sqlite3_bind_int64(s, 6, n->due_ms);
	sqlite3_bind_int64(s, 7, in->again_ms ? in->now_ms - in->again_ms : INT64_MAX);
	r = pr_db_run(s, e);
	in->entered += r == 0 && sqlite3_changes(l->db) > 0;
	return r;
}

static int
each_contact(pr_ledger *l, enum statement which, const int64_t *contacts, size_t n,
             struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = n ? ledger_statement(l, which, &s, e) : 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		sqlite3_bind_int64(s, 1, contacts[i]);
		r = pr_db_run(s, e);
	}
	return r;
}

static int
enter_all(pr_ledger *l, struct pr_series_entering *in, struct pr_error *e)
{
	char seen[24];
	int r = 0;
	for (size_t i = 0; i < in->n && r == 0; i++)
		r = enter_one(l, &in->entries[i], in, e);
	if (r == 0)
		r = each_contact(l, ST_INSIDE_ADD, in->inside, in->inside_n, e);
	if (r == 0)
		r = each_contact(l, ST_INSIDE_GONE, in->outside, in->outside_n, e);
	if (r < 0 || in->seen < 0)
		return r;
	snprintf(seen, sizeof seen, "%lld", (long long)in->seen);
	return ledger_set(l, PR_FACT_SERIES_SEEN, pr_str(seen), e);
}

int
pr_series_enter(pr_ledger *l, struct pr_series_entering *in, struct pr_error *e)
{
	in->entered = 0;
	int r = pr_db_begin(l->db, e);
	if (r == 0)
		r = pr_db_end(l->db, enter_all(l, in, e), e);
	if (r < 0)
		in->entered = 0;
	return r;
}

int
pr_series_has(pr_ledger *l, uint64_t person, int64_t occurrence, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_SERIES_HAS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)person);
	sqlite3_bind_int64(s, 2, occurrence);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r;
}

/* A fact; `otherwise`: it is not there. */
static int64_t
number_of(pr_ledger *l, const char *key, int64_t otherwise)
{
	struct pr_buf text = {0};
	int64_t n = pr_ledger_get(l, key, &text) == 0 ? strtoll(text.data, NULL, 10) : otherwise;
	pr_buf_finish(&text);
	return n;
}

int64_t
pr_series_seen(pr_ledger *l)
{
	return number_of(l, PR_FACT_SERIES_SEEN, -1);
}

uint32_t
pr_series_coupons(pr_ledger *l)
{
	return (uint32_t)number_of(l, FACT_COUPONS, 0);
}

int
pr_series_inside(pr_ledger *l, int64_t after, int64_t *out, size_t max, size_t *n,
                 struct pr_error *e)
{
	sqlite3_stmt *s;
	*n = 0;
	int r = ledger_statement(l, ST_INSIDE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, after);
	sqlite3_bind_int64(s, 2, (int64_t)max);
	while ((r = pr_db_step(s, e)) == 1)
		out[(*n)++] = sqlite3_column_int64(s, 0);
	return r;
}

/* ---- whose step is due ---- */

unsigned
pr_series_next(const struct pr_series_plan *p, unsigned step)
{
	for (unsigned next = step + 1; next <= p->n; next++)
		if (!p->skip[next - 1])
			return next;
	return 0;
}

static int
set_due(pr_ledger *l, const struct pr_series_due *d, int64_t due_ms, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_SERIES_DUE_SET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)d->person);
	sqlite3_bind_int64(s, 2, d->occurrence);
	sqlite3_bind_int64(s, 3, due_ms);
	return pr_db_run(s, e);
}

static int
end_one(pr_ledger *l, const struct pr_series_due *d, enum pr_series_end end,
        struct pr_series_tally *t, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_SERIES_END, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)d->person);
	sqlite3_bind_int64(s, 2, d->occurrence);
	sqlite3_bind_int(s, 3, end);
	r = pr_db_run(s, e);
	t->of[end] += r == 0 && sqlite3_changes(l->db) > 0;
	return r;
}

/* A twentieth of the pause between two messages: nobody notices, and few are looked at twice. */
static int64_t
wait_of(const struct pr_series_plan *p, unsigned step)
{
	int64_t wait = p->after_ms[step - 1] / 20;
	return wait < WAIT_MIN_MS ? WAIT_MIN_MS : wait > WAIT_MAX_MS ? WAIT_MAX_MS : wait;
}

struct looking {
	pr_ledger *l;
	const struct pr_series_plan *plan;
	struct pr_series_asked *asked;
	int64_t now_ms;
};

/* By what became of the message before. */
static int
look_back(struct looking *k, const struct pr_series_due *d, uint32_t row, struct pr_error *e)
{
	struct pr_series_asked *a = k->asked;
	struct entry before = {0};
	int r = row ? ledger_entry_of(k->l, row, &before, e) : 0;
	if (r < 0)
		return r;
	enum pr_state state = row ? ledger_effective(&k->l->p.mark, r ? before.state : PR_STATES)
	                          : PR_SKIPPED; /* there was none */
	int64_t due_ms = before.last_ms + k->plan->after_ms[d->step - 1];
	switch (state) {
	case PR_DELIVERED:
		if (due_ms > k->now_ms)
			return set_due(k->l, d, due_ms, e);
		break;
	case PR_SKIPPED: break;
	case PR_BOUNCED: return end_one(k->l, d, PR_SERIES_BOUNCED, &a->ended, e);
	case PR_SUPPRESSED: return end_one(k->l, d, PR_SERIES_SUPPRESSED, &a->ended, e);
	case PR_CANCELLED: return end_one(k->l, d, PR_SERIES_CANCELLED, &a->ended, e);
	default: return set_due(k->l, d, k->now_ms + wait_of(k->plan, d->step), e);
	}
	a->due[a->n++] = *d;
	return 0;
}

/* The rows of one look are read before any of them is changed. */
static size_t
read_due(pr_ledger *l, const struct pr_series_plan *p, int64_t now_ms, size_t max,
         struct pr_series_due *due, uint32_t *rows, struct pr_error *e, int *result)
{
	sqlite3_stmt *s;
	size_t n = 0;
	int r = ledger_statement(l, ST_SERIES_DUE, &s, e);
	if (r == 0) {
		sqlite3_bind_int64(s, 1, now_ms);
		sqlite3_bind_int64(s, 2, (int64_t)max);
	}
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		unsigned step = (unsigned)sqlite3_column_int64(s, 4);
		due[n] = (struct pr_series_due){.person = (uint64_t)sqlite3_column_int64(s, 0),
		                                .occurrence = sqlite3_column_int64(s, 1),
		                                .contact = sqlite3_column_int64(s, 2),
		                                .entered_ms = sqlite3_column_int64(s, 3),
		                                .step = step < 1 || step > p->n ? p->n : step,
		                                .coupon = (uint32_t)sqlite3_column_int64(s, 6)};
		rows[n++] = (uint32_t)sqlite3_column_int64(s, 5);
		r = 0;
	}
	*result = r;
	return n;
}

static int
next_due(pr_ledger *l, int64_t now_ms, int64_t *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_SERIES_NEXT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, now_ms);
	if ((r = pr_db_step(s, e)) == 1)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_series_ask(pr_ledger *l, const struct pr_series_plan *p, int64_t now_ms,
              struct pr_series_asked *a, struct pr_error *e)
{
	struct pr_series_due due[LOOK_AT_MAX];
	uint32_t rows[LOOK_AT_MAX];
	struct looking k = {l, p, a, now_ms};
	size_t max = a->max < LOOK_AT_MAX ? a->max : LOOK_AT_MAX;
	a->n = 0;
	a->next_ms = 0;
	a->ended = (struct pr_series_tally){0};
	int r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	size_t n = read_due(l, p, now_ms, max, due, rows, e, &r);
	for (size_t i = 0; i < n && r == 0; i++)
		r = look_back(&k, &due[i], rows[i], e);
	a->more = n == max;
	if (r == 0)
		r = next_due(l, now_ms, &a->next_ms, e);
	return pr_db_end(l->db, r, e);
}

/* ---- a step is made ---- */

static int
take_step(pr_ledger *l, const struct pr_series_plan *p, const struct pr_series_move *m,
          uint32_t row, int64_t now_ms, struct pr_series_moved *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	unsigned next = pr_series_next(p, m->of.step);
	int r = ledger_statement(l, ST_SERIES_STEP, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)m->of.person);
	sqlite3_bind_int64(s, 2, m->of.occurrence);
	sqlite3_bind_int64(s, 3, next);
	if (next)
		sqlite3_bind_int64(s, 4, now_ms + p->after_ms[next - 1]);
	else
		sqlite3_bind_null(s, 4);
	sqlite3_bind_int64(s, 5, row);
	sqlite3_bind_int(s, 6, next ? PR_SERIES_UNDER_WAY : PR_SERIES_THROUGH);
	sqlite3_bind_int64(s, 7, m->of.coupon);
	r = pr_db_run(s, e);
	if (r < 0)
		return r;
	bool there = sqlite3_changes(l->db) > 0;
	out->ended.of[PR_SERIES_THROUGH] += there && !next;
	return there;
}

static int
move_one(pr_ledger *l, const struct pr_series_plan *p, struct progress *at,
         struct pr_series_move *m, int64_t now_ms, bool variants, struct pr_series_moved *out,
         struct pr_error *e)
{
	if (m->waits)
		return 0;
	if (m->end != PR_SERIES_UNDER_WAY)
		return end_one(l, &m->of, m->end, &out->ended, e);
	int r = take_step(l, p, m, (uint32_t)at->tally.rows + 1, now_ms, out, e);
	if (r <= 0)
		return r;
	r = ledger_append(l, at, &m->row, variants ? (uint8_t)m->of.step : 0, e);
	out->pending += r == 0 && m->row.state == PR_PENDING;
	out->skipped += r == 0 && m->row.state != PR_PENDING;
	return r;
}

/* A code that was looked out for somebody is not given to anybody else, whatever came of it. */
static int
keep_coupons(pr_ledger *l, const struct pr_series_move *moves, size_t n, struct pr_error *e)
{
	uint32_t before = pr_series_coupons(l), last = before;
	char text[12];
	for (size_t i = 0; i < n; i++)
		if (!moves[i].waits && moves[i].of.coupon > last)
			last = moves[i].of.coupon;
	if (last == before)
		return 0;
	snprintf(text, sizeof text, "%u", (unsigned)last);
	return ledger_set(l, FACT_COUPONS, pr_str(text), e);
}

int
pr_series_move(pr_ledger *l, const struct pr_series_plan *p, struct pr_series_move *moves, size_t n,
               int64_t now_ms, bool variants, struct pr_series_moved *out, struct pr_error *e)
{
	struct progress at = l->p;
	*out = (struct pr_series_moved){0};
	if (l->p.mark.state != PR_STATES || n == 0)
		return 0;
	int r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = move_one(l, p, &at, &moves[i], now_ms, variants, out, e);
	if (r == 0)
		r = keep_coupons(l, moves, n, e);
	if (r == 0)
		r = ledger_save_progress(l, &at, e);
	r = pr_db_end(l->db, r, e);
	if (r == 0) {
		l->p = at;
	} else {
		*out = (struct pr_series_moved){0};
		l->names_indexed = false; /* it may have been made just now */
	}
	return r;
}

/* ---- what is known ---- */

void
pr_series_cancel(struct pr_series_tally *t)
{
	t->of[PR_SERIES_CANCELLED] += t->of[PR_SERIES_UNDER_WAY];
	t->of[PR_SERIES_UNDER_WAY] = 0;
}

int
pr_series_tally(pr_ledger *l, struct pr_series_tally *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	*out = (struct pr_series_tally){0};
	int r = ledger_statement(l, ST_SERIES_TALLY, &s, e);
	while (r == 0 && (r = pr_db_step(s, e)) == 1) {
		int end = sqlite3_column_int(s, 0);
		if (end >= 0 && end < PR_SERIES_ENDS)
			out->of[end] += (uint64_t)sqlite3_column_int64(s, 1);
		r = 0;
	}
	out->coupons = pr_series_coupons(l);
	if (l->p.mark.state != PR_STATES)
		pr_series_cancel(out);
	return r;
}

int
ledger_erase_series(pr_ledger *l, struct pr_str address, struct pr_error *e)
{
	sqlite3_stmt *s;
	uint64_t nobody;
	int r = ledger_statement(l, ST_SERIES_ERASE, &s, e);
	if (r < 0)
		return r;
	pr_random(&nobody, sizeof nobody);
	sqlite3_bind_int64(s, 1, (int64_t)pr_series_person(l, address));
	sqlite3_bind_int64(s, 2, (int64_t)nobody);
	return pr_db_run(s, e);
}
