/*
 * Events of customers: by contact, name and time, so that what is asked of one contact lies
 * together; and what is derived from them.
 *
 * A batch comes in the order of addresses. The derived row of a contact is made anew from all its
 * events once for the run of events it has in a slice, whatever came in which order: nothing can
 * drift.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/occur.h"
#include "postrider/audience/track.h"

#include <math.h>

#define NAMES_KNOWN 16u
#define LOOK_EVERY 32u      /* events between two looks at the clock */
#define HALF_LIFE_DAYS 30.0 /* of engagement */

/* The first names are made with the file, in this order (store.c). */
enum event_name { ORDER = 1, OPEN, CLICK, VISIT, REVIEW, SIGNUP };

static double
points_of(int64_t name)
{
	switch (name) {
	case ORDER: return 10;
	case REVIEW:
	case SIGNUP: return 5;
	case OPEN: return 1;
	default: return 3; /* clicks, visits, and what a shop has names for */
	}
}

/* ---- what is derived ---- */

static void
count_order(struct pr_derived *d, int64_t at_ms, double amount)
{
	d->revenue += amount;
	if (d->orders && at_ms == d->last_order_ms)
		return; /* another item of it */
	d->gap_ms = d->orders ? at_ms - d->last_order_ms : 0;
	if (d->orders++ == 0)
		d->first_order_ms = at_ms;
	d->last_order_ms = at_ms;
}

/* Both as of the later of the two times. */
static void
engage(struct pr_derived *d, int64_t at_ms, double points)
{
	double days = (double)(at_ms - d->engaged_ms) / (double)PR_DAY_MS;
	double fade = exp2(-fabs(days) / HALF_LIFE_DAYS);
	if (d->engagement == 0 || days >= 0) {
		d->engagement = points + d->engagement * fade;
		d->engaged_ms = at_ms;
	} else
		d->engagement += points * fade;
}

/* From all its events, which come by name and time. */
static int
derive(pr_audience *a, int64_t contact, struct pr_derived *d, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_EVENTS_OF, &s, e);
	if (r < 0)
		return r;
	*d = (struct pr_derived){0};
	sqlite3_bind_int64(s, 1, contact);
	while ((r = pr_db_step(s, e)) == 1) {
		int64_t name = sqlite3_column_int64(s, 0), at_ms = sqlite3_column_int64(s, 1);
		if (name == ORDER)
			count_order(d, at_ms, sqlite3_column_double(s, 2));
		engage(d, at_ms, points_of(name));
	}
	return r;
}

int
audience_derive(pr_audience *a, int64_t contact, struct pr_error *e)
{
	struct pr_derived d;
	sqlite3_stmt *s;
	int r = derive(a, contact, &d, e);
	if (r == 0)
		r = audience_statement(a, AU_DERIVED_PUT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, (int64_t)d.orders);
	sqlite3_bind_double(s, 3, d.revenue);
	sqlite3_bind_int64(s, 4, d.first_order_ms);
	sqlite3_bind_int64(s, 5, d.last_order_ms);
	sqlite3_bind_int64(s, 6, d.gap_ms);
	sqlite3_bind_double(s, 7, d.engagement);
	sqlite3_bind_int64(s, 8, d.engaged_ms);
	return pr_db_run(s, e);
}

int
pr_derived_of(pr_audience *a, int64_t contact, struct pr_derived *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_DERIVED_OF, &s, e);
	if (r < 0)
		return r;
	*out = (struct pr_derived){0};
	sqlite3_bind_int64(s, 1, contact);
	r = pr_db_step(s, e);
	if (r == 1)
		*out = (struct pr_derived){.orders = (uint64_t)sqlite3_column_int64(s, 0),
		                           .revenue = sqlite3_column_double(s, 1),
		                           .first_order_ms = sqlite3_column_int64(s, 2),
		                           .last_order_ms = sqlite3_column_int64(s, 3),
		                           .gap_ms = sqlite3_column_int64(s, 4),
		                           .engagement = sqlite3_column_double(s, 5),
		                           .engaged_ms = sqlite3_column_int64(s, 6)};
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* ---- putting ---- */

/* A name of events: its text is the batch's. */
struct known {
	struct pr_str name;
	int64_t id;
	bool watched; /* its coming is kept */
};

struct putting {
	pr_audience *a;
	struct pr_event_batch *b;
	struct pr_str address; /* of the contact at hand, as the batch has it */
	int64_t contact;       /* 0: none, or a forgotten one */
	bool touched;          /* it has got an event */
	struct known *name;    /* of the event at hand */
	struct known known[NAMES_KNOWN];
	unsigned known_n;
};

static int
make_name(pr_audience *a, struct pr_str name, struct pr_error *e)
{
	sqlite3_stmt *s;
	if (!pr_list_name_is_good(name))
		return pr_fail(e, PR_EINVAL, "no event may be called so");
	int r = audience_statement(a, AU_EVENT_NAME_ADD, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	sqlite3_bind_int64(s, 2, PR_EVENT_NAMES_MAX);
	r = pr_db_run(s, e);
	if (r == 0 && sqlite3_changes(a->db) == 0)
		r = pr_fail(e, PR_ELIMIT, "there are at most %u names of events",
		            PR_EVENT_NAMES_MAX);
	return r;
}

int
audience_event_name(pr_audience *a, struct pr_str name, int64_t *id, struct pr_error *e)
{
	int r = audience_id_of(a, AU_EVENT_NAME, name, id, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = make_name(a, name, e);
	*id = sqlite3_last_insert_rowid(a->db);
	return r;
}

static int
learn_name(struct putting *p, struct pr_str name, struct known *k, struct pr_error *e)
{
	sqlite3_stmt *s;
	*k = (struct known){.name = name};
	int r = audience_event_name(p->a, name, &k->id, e);
	if (r == 0)
		r = audience_statement(p->a, AU_WATCHED, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, k->id);
	r = pr_db_step(s, e);
	k->watched = r == 1;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

/* Most shops have a handful of names, which take turns: those that came are kept, the last place is
 * used anew. */
static int
find_name(struct putting *p, struct pr_str name, struct pr_error *e)
{
	for (unsigned i = 0; i < p->known_n; i++)
		if (pr_str_eq(name, p->known[i].name)) {
			p->name = &p->known[i];
			return 0;
		}
	p->name = &p->known[p->known_n < NAMES_KNOWN ? p->known_n : NAMES_KNOWN - 1];
	int r = learn_name(p, name, p->name, e);
	if (r == 0 && p->known_n < NAMES_KNOWN)
		p->known_n++;
	return r;
}

static int
make_contact(struct putting *p, struct pr_str normal, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(p->a, AU_CONTACT_MAKE, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, normal);
	sqlite3_bind_int64(s, 2, pr_utc_ms());
	r = pr_db_run(s, e);
	p->contact = sqlite3_last_insert_rowid(p->a->db);
	p->b->made += r == 0;
	return r;
}

static int
end_contact(struct putting *p, struct pr_error *e)
{
	int r = p->touched ? audience_derive(p->a, p->contact, e) : 0;
	p->touched = false;
	return r;
}

/* The contact of the next event becomes that at hand. */
static int
begin_contact(struct putting *p, struct pr_str address, struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	if (p->address.p && pr_str_eq(p->address, address))
		return 0;
	int r = end_contact(p, e);
	struct pr_str normal = audience_normal(address, room);
	p->address = address;
	p->contact = 0;
	if (r == 0)
		r = pr_audience_forgotten(p->a, address, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = audience_id_of(p->a, AU_CONTACT_ID, normal, &p->contact, e);
	return r == 0 ? make_contact(p, normal, e) : r < 0 ? r : 0;
}

/* 1: the contact has an event of that name, id and item, of whatever time. */
static int
is_there(struct putting *p, const struct pr_customer_event *v, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(p->a, AU_EVENT_THERE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, p->contact);
	sqlite3_bind_int64(s, 2, p->name->id);
	pr_db_bind_text(s, 3, v->id);
	pr_db_bind_text(s, 4, v->item);
	r = pr_db_step(s, e);
	sqlite3_reset(s);
	return r;
}

static int
credit(struct putting *p, const struct pr_customer_event *v, bool added, struct pr_error *e)
{
	struct pr_event_credit *all = p->b->credits;
	return all ? audience_credit(p->a, p->contact, v, added, &all[p->b->at], e) : 0;
}

static int
put_event(struct putting *p, const struct pr_customer_event *v, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = find_name(p, v->name, e), there = 0;
	if (r == 0 && v->id.n)
		there = r = is_there(p, v, e);
	if (r < 0)
		return r;
	if (there) {
		p->b->there++;
		return credit(p, v, false, e);
	}
	if ((r = audience_statement(p->a, AU_EVENT_PUT, &s, e)) < 0)
		return r;
	sqlite3_bind_int64(s, 1, p->contact);
	sqlite3_bind_int64(s, 2, p->name->id);
	sqlite3_bind_int64(s, 3, v->at_ms);
	pr_db_bind_text(s, 4, v->id);
	pr_db_bind_text(s, 5, v->item);
	audience_bind(s, 6, v->amount);
	audience_bind(s, 7, v->currency);
	r = pr_db_run(s, e);
	bool added = r == 0 && sqlite3_changes(p->a->db) > 0;
	p->b->added += added;
	p->b->there += r == 0 && !added;
	p->touched |= added;
	if (added && p->name->watched)
		r = audience_arrive(p->a, p->contact, p->name->id, v->at_ms, e);
	return r < 0 ? r : credit(p, v, added, e);
}

static int
put_next(struct putting *p, struct pr_error *e)
{
	struct pr_event_batch *b = p->b;
	const struct pr_customer_event *v = &b->events[b->at];
	int r = begin_contact(p, v->address, e);
	if (r == 0 && p->contact == 0)
		b->forgotten[b->at] = true;
	else if (r == 0)
		r = put_event(p, v, e);
	if (b->credits && (r < 0 || p->contact == 0))
		b->credits[b->at] = (struct pr_event_credit){0};
	b->at++;
	return r;
}

int
pr_events_put(pr_audience *a, struct pr_event_batch *b, int64_t end_mono_ms, struct pr_error *e)
{
	struct putting p = {.a = a, .b = b};
	size_t first = b->at;
	int r = audience_load_totals(a, e);
	while (r == 0 && b->at < b->n) {
		if (b->at > first && (b->at - first) % LOOK_EVERY == 0 &&
		    pr_mono_ms() >= end_mono_ms)
			break;
		r = put_next(&p, e);
	}
	if (r == 0)
		r = end_contact(&p, e);
	return r == 0 ? audience_drop_arrivals(a, b->at - first, e) : r;
}

static int
tell_events(sqlite3_stmt *s, bool (*each)(void *context, const struct pr_customer_event *ev),
            void *context, struct pr_error *e)
{
	int r;
	while ((r = pr_db_step(s, e)) == 1) {
		const struct pr_customer_event ev = {.name = pr_db_text(s, 0),
		                                     .at_ms = sqlite3_column_int64(s, 1),
		                                     .id = pr_db_text(s, 2),
		                                     .item = pr_db_text(s, 3),
		                                     .amount = pr_db_text(s, 4),
		                                     .currency = pr_db_text(s, 5)};
		if (!each(context, &ev))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_events_of(pr_audience *a, int64_t contact,
             bool (*each)(void *context, const struct pr_customer_event *ev), void *context,
             struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_EVENTS_TOLD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	return tell_events(s, each, context, e);
}

int
pr_events_latest(pr_audience *a, int64_t contact, unsigned limit,
                 bool (*each)(void *context, const struct pr_customer_event *ev), void *context,
                 struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_EVENTS_LATEST, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, limit);
	return tell_events(s, each, context, e);
}
