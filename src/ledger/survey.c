/*
 * The survey: three readings, each in the order of the disk.
 *
 *   domains -> which rows are of the largest domains and of the receivers asked for: `place`, an
 *              octet a row
 *   entries -> states, classes, reasons, the time of acceptance, by place and variant
 *   hits    -> what people did first, row by row, by place, device and variant
 *
 * All of it in one transaction: figures of one moment. Fresh rows have no entry; what they count
 * as is what is left.
 */
#include "internal.h"

#include "postrider/ledger/survey.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MAX 255u /* 0: rows of no domain that is asked for */
#define DOMAINS_LOOKED_AT 2000000u

struct place {
	int64_t domain; /* its number */
	int shown;      /* position in domains; -1: it is not shown */
	unsigned receiver;
	struct pr_survey_part part;
};

struct acts { /* of one row, as far as people did them */
	uint32_t row;
	bool any[PR_ENGAGEMENT_KINDS];
	int64_t first_ms[PR_ENGAGEMENT_KINDS];
	uint8_t device[PR_ENGAGEMENT_KINDS];
};

struct survey {
	pr_ledger *l;
	const struct pr_survey_options *o;
	struct pr_survey *out;
	struct place places[PLACES_MAX + 1];
	unsigned places_n;
	uint8_t *place, *variant; /* by row; variant NULL: nobody has one */
	uint64_t rows;
};

/* ---- places ---- */

static int
add_place(struct survey *x, int64_t domain, int shown, unsigned receiver, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (x->places_n == PLACES_MAX)
		return 0;
	unsigned number = ++x->places_n;
	struct place *p = &x->places[number];
	*p = (struct place){.domain = domain, .shown = shown, .receiver = receiver};
	int r = ledger_statement(x->l, ST_SURVEY_DOMAIN, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, domain);
	while ((r = pr_db_step(s, e)) == 1) {
		uint64_t row = (uint64_t)sqlite3_column_int64(s, 0);
		if (row >= 1 && row <= x->rows) {
			x->place[row] = (uint8_t)number;
			p->part.rows++;
		}
	}
	return r;
}

static unsigned
receiver_of(const struct survey *x, struct pr_str name)
{
	unsigned n = x->o->receiver ? x->o->receiver(name) : 0;
	return n < PR_SURVEY_RECEIVERS_MAX ? n : 0;
}

static int
place_largest(struct survey *x, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t numbers[PR_SURVEY_DOMAINS_MAX];
	int r = ledger_statement(x->l, ST_DOMAINS, &s, e);
	if (r < 0)
		return r;
	unsigned *n = &x->out->domains_n;
	sqlite3_bind_int64(s, 1, PR_SURVEY_DOMAINS_MAX);
	while (*n < PR_SURVEY_DOMAINS_MAX && (r = pr_db_step(s, e)) == 1) {
		struct pr_str name = pr_db_text(s, 0);
		numbers[*n] = sqlite3_column_int64(s, 1);
		pr_str_show(name, x->out->domains[*n].name, sizeof x->out->domains[*n].name);
		++*n;
	}
	sqlite3_reset(s);
	for (unsigned i = 0; i < *n && r >= 0; i++)
		r = add_place(x, numbers[i], (int)i,
		              receiver_of(x, pr_str(x->out->domains[i].name)), e);
	return r < 0 ? r : 0;
}

static bool
is_placed(const struct survey *x, int64_t domain)
{
	for (unsigned i = 1; i <= x->places_n; i++)
		if (x->places[i].domain == domain)
			return true;
	return false;
}

static int
place_receivers(struct survey *x, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = x->o->receiver ? ledger_statement(x->l, ST_SURVEY_NAMES, &s, e) : 0;
	if (r < 0 || !x->o->receiver)
		return r;
	unsigned looked = 0;
	while (looked++ < DOMAINS_LOOKED_AT && (r = pr_db_step(s, e)) == 1) {
		int64_t number = sqlite3_column_int64(s, 0);
		unsigned receiver = receiver_of(x, pr_db_text(s, 1));
		if (receiver && !is_placed(x, number) &&
		    (r = add_place(x, number, -1, receiver, e)) < 0)
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* ---- times ---- */

static void
count_time(struct survey *x, enum pr_survey_series which, int64_t at_ms)
{
	const struct pr_survey_options *o = x->o;
	if (o->steps == 0 || at_ms <= 0)
		return;
	int64_t at = at_ms < o->from_ms ? 0 : (at_ms - o->from_ms) / o->step_ms;
	unsigned step = at < o->steps ? (unsigned)at : o->steps - 1;
	x->out->series[which][step]++;
	if (step >= x->out->steps_used)
		x->out->steps_used = step + 1;
}

/* ---- reasons and examples ---- */

static void
count_reason(struct survey *x, enum pr_state state, enum pr_class class_, struct pr_str text,
             uint64_t rows)
{
	struct pr_survey *out = x->out;
	char masked[PR_SURVEY_TEXT_MAX];
	pr_survey_mask(text, true, masked, sizeof masked);
	for (unsigned i = 0; i < out->reasons_n; i++) {
		struct pr_survey_reason *r = &out->reasons[i];
		if (r->state == state && r->class_ == class_ && strcmp(r->text, masked) == 0) {
			r->rows += rows;
			return;
		}
	}
	if (out->reasons_n == PR_SURVEY_REASONS_MAX) {
		out->reasons_more += rows;
		return;
	}
	struct pr_survey_reason *r = &out->reasons[out->reasons_n++];
	*r = (struct pr_survey_reason){.state = state, .class_ = class_, .rows = rows};
	memcpy(r->text, masked, sizeof masked);
}

static int
compare_reasons(const void *a, const void *b)
{
	const struct pr_survey_reason *x = a, *y = b;
	if (x->rows != y->rows)
		return x->rows < y->rows ? 1 : -1;
	return strcmp(x->text, y->text);
}

/* "550 5.1.1 no such user": as the server said it. */
static void
keep_example(char *example, sqlite3_stmt *s)
{
	struct pr_buf text = {0};
	int code = sqlite3_column_int(s, 7);
	unsigned enhanced = (unsigned)sqlite3_column_int64(s, 8);
	if (*example)
		return;
	if (code)
		pr_buf_addf(&text, "%d ", code);
	if (enhanced >> 16)
		pr_buf_addf(&text, "%u.%u.%u ", enhanced >> 16 & 255, enhanced >> 8 & 255,
		            enhanced & 255);
	pr_buf_add_str(&text, pr_db_text(s, 5));
	pr_survey_mask(pr_str_trim(pr_buf_str(&text)), false, example, PR_SURVEY_TEXT_MAX);
	pr_buf_finish(&text);
}

/* ---- entries ---- */

/* Most campaigns have no variants, and need no memory for them. */
static void
count_variant(struct survey *x, uint64_t row, unsigned variant, enum pr_state state)
{
	if (variant > PR_SURVEY_VARIANTS_MAX)
		variant = 0;
	if (variant && !x->variant)
		x->variant = pr_calloc(x->rows + 1, 1);
	if (variant)
		x->variant[row] = (uint8_t)variant;
	if (variant > x->out->variants_n)
		x->out->variants_n = variant;
	x->out->variants[variant].of[state]++;
}

/* Columns of ST_SURVEY_ENTRIES: row, state, class, flags, last_ms, reply, variant, code,
 * enhanced. The reply is looked at only where it is told. */
static void
count_entry(struct survey *x, sqlite3_stmt *s)
{
	struct pr_survey *out = x->out;
	uint64_t row = (uint64_t)sqlite3_column_int64(s, 0);
	unsigned state = (unsigned)sqlite3_column_int(s, 1);
	unsigned class_ = (unsigned)sqlite3_column_int(s, 2);
	if (row < 1 || row > x->rows || state >= PR_STATES)
		return;
	if (class_ >= PR_CLASSES)
		class_ = PR_CLASS_UNDETERMINED;
	enum pr_state is = ledger_effective(&x->l->p.mark, (enum pr_state)state);
	bool marked = is != (enum pr_state)state;
	out->classes[is][class_]++;
	x->places[x->place[row]].part.of[is]++;
	count_variant(x, row, (unsigned)sqlite3_column_int(s, 6), is);
	switch (is) {
	case PR_DELIVERED: count_time(x, PR_SURVEY_ACCEPTED, sqlite3_column_int64(s, 4)); break;
	case PR_BOUNCED:
		out->late += (sqlite3_column_int(s, 3) & PR_OUTCOME_LATE) != 0;
		keep_example(out->bounced[class_], s);
		break;
	case PR_DEFERRED: keep_example(out->deferred[class_], s); break;
	case PR_SKIPPED:
	case PR_SUPPRESSED:
	case PR_CANCELLED:
		count_reason(x, is, (enum pr_class)class_,
		             marked ? pr_str(x->l->p.mark.reason) : pr_db_text(s, 5), 1);
		break;
	default: break;
	}
}

static int
count_entries(struct survey *x, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(x->l, ST_SURVEY_ENTRIES, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1)
		count_entry(x, s);
	return r;
}

/* Rows without an entry: what is left of each part. */
static void
count_fresh(struct survey *x)
{
	const struct tally *t = &x->l->p.tally;
	enum pr_state fresh = ledger_effective(&x->l->p.mark, PR_STATES);
	uint64_t entries = 0;
	for (int i = 0; i < PR_STATES; i++)
		entries += t->of[i];
	if (fresh != PR_PENDING && t->rows > entries)
		count_reason(x, fresh, PR_CLASS_NONE, pr_str(x->l->p.mark.reason),
		             t->rows - entries);
	for (unsigned i = 1; i <= x->places_n; i++) {
		struct pr_survey_part *p = &x->places[i].part;
		uint64_t known = 0;
		for (int k = 0; k < PR_STATES; k++)
			known += p->of[k];
		p->of[fresh] += p->rows > known ? p->rows - known : 0;
	}
}

/* ---- hits ---- */

static void
end_row(struct survey *x, const struct acts *a)
{
	struct pr_survey *out = x->out;
	struct pr_survey_part *place = &x->places[x->place[a->row]].part;
	for (unsigned k = 0; k < PR_ENGAGEMENT_KINDS; k++) {
		if (!a->any[k])
			continue;
		place->acted[k]++;
		out->variants[x->variant ? x->variant[a->row] : 0].acted[k]++;
		out->devices[k][a->device[k]]++;
	}
	if (a->any[PR_ENGAGEMENT_OPEN])
		count_time(x, PR_SURVEY_OPENED, a->first_ms[PR_ENGAGEMENT_OPEN]);
	if (a->any[PR_ENGAGEMENT_CLICK])
		count_time(x, PR_SURVEY_CLICKED, a->first_ms[PR_ENGAGEMENT_CLICK]);
}

/* Columns of ST_SURVEY_HITS: row, kind, at_ms, device, machine. The device of a row is the first
 * that is known: proxies hide it. */
static void
add_hit(struct acts *a, sqlite3_stmt *s)
{
	unsigned kind = (unsigned)sqlite3_column_int(s, 1);
	unsigned device = (unsigned)sqlite3_column_int(s, 3);
	int64_t at_ms = sqlite3_column_int64(s, 2);
	if (kind >= PR_ENGAGEMENT_KINDS || kind == PR_ENGAGEMENT_EVIDENCE ||
	    sqlite3_column_int(s, 4))
		return;
	if (!a->any[kind] || at_ms < a->first_ms[kind])
		a->first_ms[kind] = at_ms;
	a->any[kind] = true;
	if (a->device[kind] == PR_DEVICE_UNKNOWN && device < PR_DEVICES)
		a->device[kind] = (uint8_t)device;
}

static int
count_hits(struct survey *x, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct acts a = {0};
	int r = ledger_statement(x->l, ST_SURVEY_HITS, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1) {
		uint64_t row = (uint64_t)sqlite3_column_int64(s, 0);
		if (row < 1 || row > x->rows)
			continue;
		if (row != a.row) {
			if (a.row)
				end_row(x, &a);
			a = (struct acts){.row = (uint32_t)row};
		}
		add_hit(&a, s);
	}
	if (r == 0 && a.row)
		end_row(x, &a);
	return r;
}

/* ---- the whole ---- */

static void
add_part(struct pr_survey_part *to, const struct pr_survey_part *p)
{
	to->rows += p->rows;
	for (int i = 0; i < PR_STATES; i++)
		to->of[i] += p->of[i];
	for (int i = 0; i < PR_ENGAGEMENT_KINDS; i++)
		to->acted[i] += p->acted[i];
}

static void
hand_out(struct survey *x)
{
	struct pr_survey *out = x->out;
	for (unsigned i = 1; i <= x->places_n; i++) {
		const struct place *p = &x->places[i];
		if (p->shown >= 0)
			out->domains[p->shown].part = p->part;
		if (p->receiver)
			add_part(&out->receivers[p->receiver], &p->part);
	}
	for (unsigned v = 0; v <= out->variants_n; v++)
		for (int i = 0; i < PR_STATES; i++)
			out->variants[v].rows += out->variants[v].of[i];
	qsort(out->reasons, out->reasons_n, sizeof *out->reasons, compare_reasons);
}

static int
survey(struct survey *x, struct pr_error *e)
{
	int r = ledger_load_progress(x->l, e);
	if (r < 0)
		return r;
	x->rows = x->l->p.tally.rows;
	x->place = pr_calloc(x->rows + 1, 1);
	r = place_largest(x, e);
	if (r == 0)
		r = place_receivers(x, e);
	if (r == 0)
		r = count_entries(x, e);
	if (r == 0)
		count_fresh(x);
	if (r == 0)
		r = count_hits(x, e);
	if (r == 0)
		hand_out(x);
	free(x->place);
	free(x->variant);
	return r;
}

int
pr_ledger_survey(pr_ledger *l, const struct pr_survey_options *o, struct pr_survey *out,
                 struct pr_error *e)
{
	PR_ASSERT(l->mode == PR_LEDGER_READ);
	PR_ASSERT(o->steps <= PR_SURVEY_STEPS_MAX && (o->steps == 0 || o->step_ms > 0));
	*out = (struct pr_survey){0};
	pr_arena_init(&out->arena);
	for (unsigned i = 0; i < PR_SURVEY_SERIES; i++)
		out->series[i] =
		    pr_arena_zero(&out->arena, (o->steps + 1) * sizeof *out->series[i]);
	struct survey *x = pr_calloc(1, sizeof *x);
	x->l = l;
	x->o = o;
	x->out = out;
	int r = pr_db_exec(l->db, "BEGIN", e);
	if (r == 0) {
		r = survey(x, e);
		(void)pr_db_exec(l->db, "COMMIT", NULL); /* of a reading: it cannot fail */
	}
	free(x);
	return r;
}

void
pr_survey_finish(struct pr_survey *s)
{
	pr_arena_finish(&s->arena);
}
