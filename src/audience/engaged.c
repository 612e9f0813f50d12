/*
 * Engagement of contacts. A row of a campaign is made to be here as it is told: what is missing is
 * put, what is gone is taken away, and what is derived of its contact is made anew if anything
 * changed. So a batch that was cut short by a crash is simply put again.
 */
#include "internal.h"

#include "postrider/audience/engaged.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_SIZE 21
#define SWEEP_CONTACTS 200 /* between two looks at the clock */

static const char *const names[PR_ENGAGED_KINDS] = {"open",      "click",  "unsubscribe",
                                                    "complaint", "bounce", "sent"};

/* ---- one event ---- */

static enum audience_statement
statement_of(const struct pr_engaged_event *ev)
{
	if (ev->kind == PR_ENGAGED_SENT)
		return AU_SENT_PUT;
	return ev->gone ? AU_EVENT_REMOVE : AU_EVENT_PUT;
}

/* Of many messages the latest: a row for each contact, not for each message. */
static int
remove_earlier(pr_audience *a, int64_t contact, int64_t name, int64_t at_ms, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_SENT_EARLIER, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, name);
	sqlite3_bind_int64(s, 3, at_ms);
	return pr_db_run(s, e);
}

static int
put_or_remove(pr_audience *a, int64_t contact, const struct pr_engaged_row *row,
              const struct pr_engaged_event *ev, struct pr_error *e)
{
	char id[ID_SIZE];
	int64_t name;
	sqlite3_stmt *s;
	int r = audience_event_name(a, pr_str(names[ev->kind]), &name, e);
	if (r == 0)
		r = audience_statement(a, statement_of(ev), &s, e);
	if (r < 0)
		return r == PR_ELIMIT ? 0 : r; /* names that people gave have taken all the room */
	snprintf(id, sizeof id, "%llu", (unsigned long long)ev->lsn);
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, name);
	sqlite3_bind_int64(s, 3, ev->at_ms);
	pr_db_bind_text(s, 4, pr_str(id));
	pr_db_bind_text(s, 5, row->campaign);
	if (statement_of(ev) == AU_EVENT_PUT) {
		sqlite3_bind_null(s, 6);
		sqlite3_bind_null(s, 7);
	}
	r = pr_db_run(s, e);
	int changed = r < 0 ? 0 : sqlite3_changes(a->db);
	if (changed && ev->kind == PR_ENGAGED_SENT) /* sets off no series: those send, too */
		r = remove_earlier(a, contact, name, ev->at_ms, e);
	else if (changed && !ev->gone)
		r = audience_arrive(a, contact, name, ev->at_ms, e);
	return r < 0 ? r : changed;
}

static bool
has_implied(const struct pr_engaged_row *row)
{
	for (size_t i = 0; i < row->n; i++)
		if (row->events[i].implied && !row->events[i].gone)
			return true;
	return false;
}

static int
put_row(pr_audience *a, struct pr_engaged_batch *b, const struct pr_engaged_row *row,
        struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	int64_t contact = 0;
	uint64_t before = b->added + b->removed;
	struct pr_str normal = audience_normal(row->address, room);
	int r = audience_id_of(a, AU_CONTACT_ID, normal, &contact, e);
	if (r <= 0)
		return r;
	int untracked = has_implied(row) ? audience_untracked(a, normal, e) : 0;
	if (untracked < 0)
		return untracked;
	for (size_t i = 0; i < row->n; i++) {
		const struct pr_engaged_event *ev = &row->events[i];
		if (untracked && ev->implied)
			continue;
		if ((r = put_or_remove(a, contact, row, ev, e)) < 0)
			return r;
		*(ev->gone ? &b->removed : &b->added) += (unsigned)r;
	}
	bool changed = b->added + b->removed > before;
	return changed && !b->deliveries ? audience_derive(a, contact, e) : 0;
}

/* ---- the positions ---- */

static struct pr_str
position_key(bool deliveries)
{
	return pr_str(deliveries ? "engaged/sent" : "engaged");
}

static int
keep_position(pr_audience *a, const struct pr_engaged_batch *b, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ENGAGED_KEEP, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, position_key(b->deliveries));
	sqlite3_bind_int64(s, 2, (int64_t)b->position);
	return pr_db_run(s, e);
}

int
pr_engaged_position(pr_audience *a, bool deliveries, uint64_t *lsn, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ENGAGED_POSITION, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, position_key(deliveries));
	if ((r = pr_db_step(s, e)) < 0)
		return r;
	*lsn = r == 1 ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return 0;
}

int
pr_engaged_put(pr_audience *a, struct pr_engaged_batch *b, int64_t end_mono_ms, struct pr_error *e)
{
	size_t first = b->at;
	int r = audience_load_totals(a, e);
	while (r == 0 && b->at < b->n) {
		if (b->at > first && pr_mono_ms() >= end_mono_ms)
			return 0;
		r = put_row(a, b, &b->rows[b->at], e);
		b->at++;
	}
	if (r == 0)
		r = audience_drop_arrivals(a, b->added, e);
	return r == 0 ? keep_position(a, b, e) : r;
}

/* ---- whom there is ---- */

static int
last_contact(pr_audience *a, int64_t *id, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CONTACT_LAST, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	*id = sqlite3_column_int64(s, 0); /* of NULL: 0 */
	sqlite3_reset(s);
	return 0;
}

int
pr_engaged_anybody(pr_audience *a, bool *out, struct pr_error *e)
{
	int64_t last = 0;
	int r = last_contact(a, &last, e);
	*out = last > 0;
	return r;
}

/* Of the contacts from `first` on, fewer than the next SWEEP_CONTACTS: those who have old events.
 */
static int
find_old(pr_audience *a, int64_t first, int64_t before_ms, int64_t ids[SWEEP_CONTACTS], size_t *n,
         struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ENGAGED_OLD, &s, e);
	*n = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_int64(s, 2, first + SWEEP_CONTACTS);
	sqlite3_bind_int64(s, 3, before_ms);
	while (*n < SWEEP_CONTACTS && (r = pr_db_step(s, e)) == 1)
		ids[(*n)++] = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

static int
drop_old(pr_audience *a, int64_t contact, int64_t before_ms, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ENGAGED_DROP, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	sqlite3_bind_int64(s, 2, before_ms);
	r = pr_db_run(s, e);
	return r < 0 ? r : audience_derive(a, contact, e);
}

int
pr_engaged_sweep(pr_audience *a, int64_t before_ms, int64_t *contact, int64_t end_mono_ms,
                 struct pr_error *e)
{
	int64_t last = 0, ids[SWEEP_CONTACTS];
	int r = last_contact(a, &last, e);
	while (r == 0 && *contact <= last && pr_mono_ms() < end_mono_ms) {
		size_t n = 0;
		r = find_old(a, *contact, before_ms, ids, &n, e);
		for (size_t i = 0; r == 0 && i < n; i++)
			r = drop_old(a, ids[i], before_ms, e);
		*contact += SWEEP_CONTACTS;
	}
	if (r == 0 && *contact > last)
		*contact = 0;
	return r;
}
