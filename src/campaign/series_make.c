/*
 * Whose step is due: is it still for them? Then it becomes a row, of what is known of them now.
 *
 *   no contact any more, or another person's by now   gone
 *   not in the audience, or without consent           left
 *   did what the series was about                     did
 *   not in the segment any more, or in that of exit   left
 *   a required value is missing                       a row that is skipped; the series goes on
 *   the codes of `coupons` are used up                nothing: they wait
 *
 * Rows are read as those of any campaign from contacts (recipients_rows.c), laid down in the
 * columns that the ledger was made with.
 */
#include "recipients_internal.h"

#include "postrider/audience/occur.h"
#include "series.h"

#include <stdlib.h>

/* ---- groups of contacts ---- */

static struct pr_recipients_from
from_of(const struct pr_series_source *s)
{
	return (struct pr_recipients_from){
	    .audience = s->audience, .config = s->config, .utc_ms = s->now_ms};
}

struct pr_snapshot_ask
series_ask(const struct pr_series_source *s, enum series_group group, struct pr_buf *room)
{
	const struct pr_manifest *m = s->manifest;
	const struct pr_manifest_trigger *t = &m->trigger;
	struct pr_recipients_from from = from_of(s);
	bool audience = group == SERIES_AUDIENCE || group == SERIES_BOTH;
	struct pr_snapshot_ask ask =
	    audience ? recipients_ask_audience(m, &from) : recipients_ask(&from);
	struct pr_str segment = pr_config_segment(s->config, pr_text_str(&t->segment));
	ask.order = PR_SNAPSHOT_ID;
	ask.bare = true;
	if (group == SERIES_EXIT)
		ask.condition = pr_config_segment(s->config, pr_text_str(&t->exit.when));
	else if (group == SERIES_SEGMENT || (group == SERIES_BOTH && !ask.condition.n))
		ask.condition = segment;
	else if (group == SERIES_BOTH) {
		pr_buf_addf(room, "(%.*s) AND (%.*s)", (int)ask.condition.n, ask.condition.p,
		            (int)segment.n, segment.p);
		ask.condition = pr_buf_str(room);
	}
	return ask;
}

/* The places of contacts in a list, by id: what comes by in the order of ids finds its own. */
struct places {
	struct place {
		int64_t id;
		size_t at;
	} * of;
	size_t n, next;
};

static int
compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

static struct places
places_of(const int64_t *contacts, size_t n)
{
	struct places p = {.of = pr_alloc((n ? n : 1) * sizeof *p.of), .n = n};
	for (size_t i = 0; i < n; i++)
		p.of[i] = (struct place){contacts[i], i};
	qsort(p.of, n, sizeof *p.of, compare);
	return p;
}

/* The next place of this contact, which may have several; false: no more. */
static bool
next_place(struct places *p, int64_t id, size_t *at)
{
	while (p->next < p->n && p->of[p->next].id < id)
		p->next++;
	if (p->next == p->n || p->of[p->next].id != id)
		return false;
	*at = p->of[p->next++].at;
	return true;
}

struct marking {
	struct places places;
	bool *in;
};

static int
mark(void *context, int64_t id, const struct pr_str *fields, size_t n)
{
	struct marking *k = context;
	size_t at;
	(void)fields;
	(void)n;
	while (next_place(&k->places, id, &at))
		k->in[at] = true;
	return 0;
}

int
series_members(const struct pr_series_source *s, enum series_group group, const int64_t *contacts,
               size_t n, bool *in, struct pr_error *e)
{
	struct marking k = {.places = places_of(contacts, n), .in = in};
	struct pr_snapshot_rows rows = {.row = mark, .context = &k};
	struct pr_buf room = {0};
	struct pr_snapshot_ask ask = series_ask(s, group, &room);
	ask.only = contacts;
	ask.only_n = n;
	int r = n ? pr_snapshot(s->audience, &ask, &rows, e) : 0;
	pr_buf_finish(&room);
	free(k.places.of);
	return r;
}

/* ---- rows ---- */

struct make {
	const struct pr_series_source *s;
	const struct pr_series_due *due;
	size_t n;
	int64_t contacts[PR_SERIES_MAKE_MAX];
	struct places places;
	int64_t contact; /* whose row comes by */
	struct pr_arena *arena;
	struct pr_series_move *moves;
	struct pr_str *columns; /* of the ledger */
	size_t *from;           /* where each of them is in what is read; SIZE_MAX: nowhere */
	size_t columns_n;
	struct pr_str fields[PR_CSV_COLUMNS_MAX], kept[PR_CSV_COLUMNS_MAX];
	struct pr_buf data;
	struct pr_error *e;
};

/* Attributes may have come since the ledger was made: what it has no column for is left out. */
static int
on_columns(void *context, const struct columns *c)
{
	struct make *k = context;
	k->columns_n = pr_ledger_columns(k->s->ledger, k->arena, &k->columns);
	k->from = pr_arena_alloc(k->arena, (k->columns_n + 1) * sizeof *k->from);
	for (size_t i = 0; i < k->columns_n; i++) {
		k->from[i] = SIZE_MAX;
		for (size_t j = 0; j < c->n; j++)
			if (pr_str_eq(k->columns[i], c->names[j]))
				k->from[i] = j;
	}
	return 0;
}

static struct pr_str
lay_down(struct make *k, struct pr_str data)
{
	size_t n = pr_fields_unpack(data, k->fields, PR_CSV_COLUMNS_MAX);
	size_t most = k->columns_n < PR_CSV_COLUMNS_MAX ? k->columns_n : PR_CSV_COLUMNS_MAX;
	for (size_t i = 0; i < most; i++)
		k->kept[i] = k->from[i] < n ? k->fields[k->from[i]] : PR_STR("");
	pr_buf_clear(&k->data);
	pr_fields_pack(&k->data, k->kept, most);
	return pr_arena_copy(k->arena, pr_buf_str(&k->data));
}

static void
make_row(struct make *k, const struct checked_row *row, struct pr_series_move *m)
{
	struct pr_arena *a = k->arena;
	bool good = row->fault == ROW_GOOD;
	m->end = PR_SERIES_UNDER_WAY;
	m->row = (struct pr_ledger_new){.state = good ? PR_PENDING : PR_SKIPPED,
	                                .due_ms = good ? k->s->now_ms : 0};
	m->row.email = pr_arena_copy(a, pr_str_n(row->mailbox.address, row->mailbox.n));
	m->row.domain = pr_arena_copy(a, pr_mailbox_domain(&row->mailbox));
	m->row.data = lay_down(k, row->data);
	m->row.reason = pr_arena_copy(a, good ? PR_STR("") : pr_str(row->why));
}

static int
on_row(void *context, const struct checked_row *row)
{
	struct make *k = context;
	size_t at;
	bool known = row->fault == ROW_GOOD || row->fault == ROW_MISSING;
	struct pr_str address = pr_str_n(row->mailbox.address, row->mailbox.n);
	while (next_place(&k->places, k->contact, &at)) {
		struct pr_series_move *m = &k->moves[at];
		if (row->fault == ROW_NO_CONSENT)
			m->end = PR_SERIES_LEFT;
		else if (known && pr_series_person(k->s->ledger, address) == m->of.person)
			make_row(k, row, m);
		else
			m->end = PR_SERIES_GONE; /* numbers of contacts are given anew */
	}
	return 0;
}

static int
read_rows(struct make *k)
{
	struct pr_recipients_from from = from_of(k->s);
	struct rows_reader reader = {on_columns, on_row, k};
	struct pr_problems problems = {0};
	uint32_t rows;
	from.only = k->contacts;
	from.only_n = k->n;
	from.contact = &k->contact;
	int r = recipients_rows(k->s->manifest, -1, &from, NULL, &reader, &rows, &problems, k->e);
	if (r == PR_EINVAL && problems.n)
		pr_fail(k->e, r, "%s", problems.items[0].what);
	pr_problems_finish(&problems);
	return r;
}

/* ---- coupons ---- */

static void
lay_in(struct make *k, struct pr_series_move *m, size_t column, struct pr_str code)
{
	size_t n = pr_fields_unpack(m->row.data, k->kept, PR_CSV_COLUMNS_MAX);
	if (column >= n)
		return;
	k->kept[column] = code;
	pr_buf_clear(&k->data);
	pr_fields_pack(&k->data, k->kept, n);
	m->row.data = pr_arena_copy(k->arena, pr_buf_str(&k->data));
}

static void
give_coupons(struct make *k)
{
	size_t column = 0;
	uint32_t given = pr_series_coupons(k->s->ledger);
	while (column < k->columns_n && !pr_str_is(k->columns[column], PR_COUPON_COLUMN))
		column++;
	for (size_t i = 0; i < k->n; i++) {
		struct pr_series_move *m = &k->moves[i];
		if (m->end != PR_SERIES_UNDER_WAY || m->row.state != PR_PENDING)
			continue;
		uint32_t place = m->of.coupon ? m->of.coupon : given + 1;
		struct pr_str code = pr_coupons_at(k->s->coupons, place - 1);
		m->waits = code.n == 0;
		if (m->waits)
			continue;
		given = place > given ? place : given;
		m->of.coupon = place;
		lay_in(k, m, column, code);
	}
}

int
pr_series_coupons_follow(const pr_coupons *before, const pr_coupons *now, size_t given,
                         const struct pr_text *at, struct pr_problems *problems)
{
	for (size_t i = 0; i < given; i++)
		if (!pr_str_eq(pr_coupons_at(before, i), pr_coupons_at(now, i)))
			return pr_text_problem(
			    problems, PR_MANIFEST_FILE, at,
			    "leave the codes in their order, and add others behind",
			    "coupons: code %zu is another one, and %zu are given "
			    "away",
			    i + 1, given);
	return 0;
}

/* ---- who is through with it ---- */

/* From when on what they did counts. */
static int64_t
since_of(const struct make *k, const struct pr_series_due *d)
{
	bool of_event = k->s->manifest->trigger.kind == PR_TRIGGER_EVENT;
	return of_event ? d->occurrence : d->entered_ms;
}

static int
did(struct make *k, const struct pr_series_due *d, struct pr_error *e)
{
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	int r = t->kind == PR_TRIGGER_ABSENCE
	            ? pr_occur_since(k->s->audience, d->contact, pr_text_str(&t->absence),
	                             d->occurrence, e)
	            : 0;
	for (size_t i = 0; i < t->exit.event.n && r == 0; i++)
		r = pr_occur_since(k->s->audience, d->contact, pr_text_str(&t->exit.event.items[i]),
		                   since_of(k, d), e);
	return r;
}

static int
end_who_did(struct make *k)
{
	for (size_t i = 0; i < k->n; i++) {
		struct pr_series_move *m = &k->moves[i];
		int r = m->end == PR_SERIES_UNDER_WAY ? did(k, &m->of, k->e) : 0;
		if (r < 0)
			return r;
		if (r)
			m->end = PR_SERIES_DID;
	}
	return 0;
}

/* whose: those who are in the group, or those who are not. */
static int
end_by(struct make *k, enum series_group group, bool whose, enum pr_series_end was,
       enum pr_series_end end)
{
	bool in[PR_SERIES_MAKE_MAX] = {false};
	int r = series_members(k->s, group, k->contacts, k->n, in, k->e);
	for (size_t i = 0; i < k->n && r == 0; i++)
		if (k->moves[i].end == was && in[i] == whose)
			k->moves[i].end = end;
	return r;
}

static int
end_all(struct make *k)
{
	const struct pr_manifest_trigger *t = &k->s->manifest->trigger;
	/* Whoever did not come by is in the audience no more, or no contact. */
	int r = end_by(k, SERIES_ALL, false, PR_SERIES_LEFT, PR_SERIES_GONE);
	if (r == 0)
		r = end_who_did(k);
	if (r == 0 && t->kind == PR_TRIGGER_SEGMENT && !t->exit.stay)
		r = end_by(k, SERIES_SEGMENT, false, PR_SERIES_UNDER_WAY, PR_SERIES_LEFT);
	if (r == 0 && t->exit.when.p)
		r = end_by(k, SERIES_EXIT, true, PR_SERIES_UNDER_WAY, PR_SERIES_LEFT);
	return r;
}

int
pr_series_make(const struct pr_series_source *s, const struct pr_series_due *due, size_t n,
               struct pr_arena *arena, struct pr_series_move *moves, struct pr_error *e)
{
	PR_ASSERT(n <= PR_SERIES_MAKE_MAX);
	struct make *k = pr_calloc(1, sizeof *k);
	*k = (struct make){.s = s, .due = due, .n = n, .arena = arena, .moves = moves, .e = e};
	for (size_t i = 0; i < n; i++) {
		moves[i] = (struct pr_series_move){.of = due[i], .end = PR_SERIES_LEFT};
		k->contacts[i] = due[i].contact;
	}
	k->places = places_of(k->contacts, n);
	int r = n ? read_rows(k) : 0;
	if (r == 0 && n)
		r = end_all(k);
	if (r == 0 && n && s->coupons)
		give_coupons(k);
	free(k->places.of);
	pr_buf_finish(&k->data);
	free(k);
	return r;
}

struct pr_series_plan
pr_series_plan_of(const struct pr_manifest *m)
{
	struct pr_series_plan p = {.n = pr_manifest_steps(m)};
	for (unsigned i = 1; i <= m->steps.n; i++) {
		p.after_ms[i - 1] = pr_manifest_step(m, i)->after_ms;
		p.skip[i - 1] = pr_manifest_step(m, i)->skip;
	}
	return p;
}
