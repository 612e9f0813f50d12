/*
 * Engagement: what came back about rows, folded in the same transaction as outcomes.
 *
 *   records of a row -> its hits, the old ones with them -> judged anew (people.h)
 *     -> new ones inserted, changed minds updated -> the difference carried in the totals
 *
 * Hits of a row lie side by side (row, lsn), so a row costs one descent however many it has.
 * A row keeps HITS_MAX of them: who reloads a picture all day is not worth the disk. What is
 * beyond that is left out, and counted among what was refused.
 */
#include "internal.h"

#include "postrider/ledger/people.h"

#include <stdlib.h>

#define HITS_MAX 200u

struct row_hits { /* of one row, in order of lsn */
	struct pr_hit hits[HITS_MAX];
	uint64_t lsns[HITS_MAX];
	struct pr_str details[HITS_MAX]; /* of the new ones */
	bool was_machine[HITS_MAX];      /* as the known ones were judged until now */
	size_t known, n;                 /* in the table; with the new ones */
};

enum when { BEFORE, NOW };

/* ---- what hits add up to ---- */

/* Of all hits of a kind, or of clicks on one link (PR_LINK_ALL: any). */
static struct pr_engaged
add_up(const struct row_hits *w, enum when when, uint8_t kind, uint32_t link)
{
	struct pr_engaged sum = {0};
	bool people = false;
	for (size_t i = 0; i < (when == BEFORE ? w->known : w->n); i++) {
		const struct pr_hit *h = &w->hits[i];
		if (h->kind != kind || (link != PR_LINK_ALL && h->link != link))
			continue;
		sum.total++;
		people |= !(when == BEFORE ? w->was_machine[i] : h->machine);
	}
	sum.unique = sum.total > 0;
	sum.machine = sum.unique && !people;
	return sum;
}

static int
change_total(pr_ledger *l, const struct row_hits *w, uint8_t kind, uint32_t link,
             struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_engaged was = add_up(w, BEFORE, kind, link), is = add_up(w, NOW, kind, link);
	int64_t total = (int64_t)(is.total - was.total);
	int64_t unique = (int64_t)(is.unique - was.unique);
	int64_t machine = (int64_t)(is.machine - was.machine);
	if (!total && !unique && !machine)
		return 0;
	int r = ledger_statement(l, ST_ENGAGED_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, kind);
	sqlite3_bind_int64(s, 2, link);
	sqlite3_bind_int64(s, 3, total);
	sqlite3_bind_int64(s, 4, unique);
	sqlite3_bind_int64(s, 5, machine);
	return pr_db_run(s, e);
}

/* Each link once, at its first click. */
static bool
is_first_on_link(const struct row_hits *w, size_t i)
{
	if (w->hits[i].kind != PR_ENGAGEMENT_CLICK)
		return false;
	for (size_t k = 0; k < i; k++)
		if (w->hits[k].kind == PR_ENGAGEMENT_CLICK && w->hits[k].link == w->hits[i].link)
			return false;
	return true;
}

static int
change_totals(pr_ledger *l, uint32_t row, const struct row_hits *w, struct pr_error *e)
{
	int r = 0;
	if (pr_row_is_seed(row))
		return 0;
	for (uint8_t kind = PR_ENGAGEMENT_OPEN; kind < PR_ENGAGEMENT_EVIDENCE && r == 0; kind++)
		r = change_total(l, w, kind, PR_LINK_ALL, e);
	for (size_t i = 0; i < w->n && r == 0; i++)
		if (is_first_on_link(w, i))
			r = change_total(l, w, PR_ENGAGEMENT_CLICK, w->hits[i].link, e);
	return r;
}

/* ---- one row ---- */

static void
read_hit(sqlite3_stmt *s, int at, struct pr_hit *out)
{
	*out = (struct pr_hit){.at_ms = sqlite3_column_int64(s, at),
	                       .kind = (uint8_t)sqlite3_column_int(s, at + 1),
	                       .device = (uint8_t)sqlite3_column_int(s, at + 2),
	                       .evidence = (uint16_t)sqlite3_column_int(s, at + 3),
	                       .link = (uint32_t)sqlite3_column_int64(s, at + 4),
	                       .visitor = (uint64_t)sqlite3_column_int64(s, at + 5),
	                       .machine = sqlite3_column_int(s, at + 6) != 0};
}

static int
read_known(pr_ledger *l, uint32_t row, struct row_hits *w, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_HITS_GET, &s, e);
	w->known = w->n = 0;
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	while (w->known < HITS_MAX && (r = pr_db_step(s, e)) == 1) {
		w->lsns[w->known] = (uint64_t)sqlite3_column_int64(s, 0);
		read_hit(s, 1, &w->hits[w->known++]);
	}
	sqlite3_reset(s);
	w->n = w->known;
	return r < 0 ? r : 0;
}

/* false: there is no room for it. */
static bool
add_new(struct row_hits *w, const struct pr_record *r, const struct pr_engagement *g)
{
	if (w->n == HITS_MAX)
		return false;
	w->lsns[w->n] = r->lsn;
	w->details[w->n] = g->detail;
	w->hits[w->n++] = (struct pr_hit){.at_ms = r->at_ms,
	                                  .kind = g->kind,
	                                  .device = g->device,
	                                  .evidence = g->evidence,
	                                  .link = g->link,
	                                  .visitor = g->visitor};
	return true;
}

/* Where a link of the campaign leads is kept once. */
static int
keep_link(pr_ledger *l, uint32_t link, struct pr_str *url, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_LINK_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, link);
	pr_db_bind_text(s, 2, *url);
	*url = PR_STR("");
	return pr_db_run(s, e);
}

static int
insert_hit(pr_ledger *l, uint32_t row, const struct row_hits *w, size_t i, struct pr_error *e)
{
	sqlite3_stmt *s;
	const struct pr_hit *h = &w->hits[i];
	struct pr_str detail = w->details[i];
	int r = ledger_statement(l, ST_HIT_ADD, &s, e);
	if (r == 0 && h->kind == PR_ENGAGEMENT_CLICK && h->link)
		r = keep_link(l, h->link, &detail, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, (int64_t)w->lsns[i]);
	sqlite3_bind_int64(s, 3, h->at_ms);
	sqlite3_bind_int(s, 4, h->kind);
	sqlite3_bind_int(s, 5, h->device);
	sqlite3_bind_int(s, 6, h->evidence);
	sqlite3_bind_int64(s, 7, h->link);
	sqlite3_bind_int64(s, 8, (int64_t)h->visitor);
	sqlite3_bind_int(s, 9, h->machine);
	pr_db_bind_text(s, 10, detail);
	return pr_db_run(s, e);
}

static int
update_hit(pr_ledger *l, uint32_t row, const struct row_hits *w, size_t i, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_HIT_JUDGE, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	sqlite3_bind_int64(s, 2, (int64_t)w->lsns[i]);
	sqlite3_bind_int(s, 3, w->hits[i].machine);
	return pr_db_run(s, e);
}

static int
write_hits(pr_ledger *l, uint32_t row, const struct row_hits *w, struct pr_error *e)
{
	int r = 0;
	for (size_t i = 0; i < w->n && r == 0; i++)
		if (i >= w->known)
			r = insert_hit(l, row, w, i, e);
		else if (w->was_machine[i] != w->hits[i].machine)
			r = update_hit(l, row, w, i, e);
	return r;
}

/* When the row was accepted (0: it was not, as far as is known), and whether it is in doubt. */
static int
look_at_row(pr_ledger *l, uint32_t row, int64_t *delivered_ms, bool *doubtful, struct pr_error *e)
{
	struct entry entry;
	int r = ledger_entry_of(l, row, &entry, e);
	*delivered_ms = 0;
	*doubtful = false;
	if (r == 1) {
		*doubtful = entry.state == PR_IN_DOUBT;
		if (entry.state == PR_DELIVERED || entry.state == PR_BOUNCED)
			*delivered_ms = entry.last_ms;
	}
	return r < 0 ? r : 0;
}

/* Whoever opens a message has got it. */
static void
note_arrival(pr_ledger *l, uint32_t row, const struct row_hits *w)
{
	bool acted = false;
	for (size_t i = w->known; i < w->n; i++)
		acted |= w->hits[i].kind != PR_ENGAGEMENT_EVIDENCE;
	if (acted && l->arrived_n < PR_LEDGER_ARRIVED_MAX)
		l->arrived[l->arrived_n++] = row;
}

static int
engage_row(pr_ledger *l, uint32_t row, bool images, struct row_hits *w, struct pr_error *e)
{
	int64_t delivered_ms;
	bool doubtful;
	int r = look_at_row(l, row, &delivered_ms, &doubtful, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->known; i++)
		w->was_machine[i] = w->hits[i].machine;
	pr_people_judge(w->hits, w->n, delivered_ms, images);
	if (doubtful)
		note_arrival(l, row, w);
	r = write_hits(l, row, w, e);
	return r < 0 ? r : change_totals(l, row, w, e);
}

/* ---- a batch ---- */

/* Conversions are kept apart (convert.c): no number of hits crowds them out. */
static int
take_record(pr_ledger *l, struct row_hits *w, const struct pr_record *r, uint64_t *refused,
            struct pr_error *e)
{
	struct pr_engagement g;
	if (pr_engagement_decode(pr_str_n(r->payload, r->payload_n), &g) < 0)
		++*refused;
	else if (g.kind == PR_ENGAGEMENT_CONVERSION)
		return ledger_convert(l, r, &g, refused, e);
	else
		*refused += !add_new(w, r, &g);
	return 0;
}

int
ledger_engage(pr_ledger *l, const struct ledger_batch *b, uint64_t *refused, struct pr_error *e)
{
	struct pr_engagements so_far;
	struct row_hits *w = NULL;
	int r = b->n ? pr_ledger_engagements(l, &so_far, e) : 0;
	if (r == 0 && b->n)
		w = pr_alloc(sizeof *w);
	for (size_t at = 0; r == 0 && at < b->n;) {
		uint32_t row = (uint32_t)(b->keys[at] >> 32);
		r = read_known(l, row, w, e);
		for (; r == 0 && at < b->n && (uint32_t)(b->keys[at] >> 32) == row; at++)
			r = take_record(l, w, &b->records[(uint32_t)b->keys[at]], refused, e);
		if (r == 0 && w->n > w->known)
			r = engage_row(l, row, so_far.of[PR_ENGAGEMENT_OPEN].total > 0, w, e);
	}
	free(w);
	return r;
}

/* ---- asking ---- */

int
pr_ledger_engagements(pr_ledger *l, struct pr_engagements *out, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ENGAGED_ALL, &s, e);
	*out = (struct pr_engagements){0};
	if (r < 0)
		return r;
	while ((r = pr_db_step(s, e)) == 1) {
		unsigned kind = (unsigned)sqlite3_column_int(s, 0);
		if (kind < PR_ENGAGEMENT_KINDS)
			out->of[kind] = (struct pr_engaged){(uint64_t)sqlite3_column_int64(s, 1),
			                                    (uint64_t)sqlite3_column_int64(s, 2),
			                                    (uint64_t)sqlite3_column_int64(s, 3)};
	}
	return r;
}

int
pr_ledger_tally_links(pr_ledger *l, unsigned limit,
                      bool (*each)(void *context, uint32_t link, struct pr_str url,
                                   const struct pr_engaged *n),
                      void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ENGAGED_LINKS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, limit);
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_engaged n = {(uint64_t)sqlite3_column_int64(s, 1),
		                       (uint64_t)sqlite3_column_int64(s, 2),
		                       (uint64_t)sqlite3_column_int64(s, 3)};
		if (!each(context, (uint32_t)sqlite3_column_int64(s, 0), pr_db_text(s, 4), &n))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_ledger_hits(pr_ledger *l, uint32_t row,
               bool (*each)(void *context, const struct pr_hit *hit, struct pr_str detail),
               void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	struct pr_hit hit;
	int r = ledger_statement(l, ST_HITS_GET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, row);
	while ((r = pr_db_step(s, e)) == 1) {
		read_hit(s, 1, &hit);
		hit.lsn = (uint64_t)sqlite3_column_int64(s, 0);
		if (!each(context, &hit, pr_db_text(s, 8)))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_ledger_emails_engaged(pr_ledger *l, bool opens, bool (*each)(void *context, struct pr_str email),
                         void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_EMAILS_ENGAGED, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int(s, 1, PR_ENGAGEMENT_CLICK);
	sqlite3_bind_int(s, 2, opens ? PR_ENGAGEMENT_OPEN : PR_ENGAGEMENT_CLICK);
	while ((r = pr_db_step(s, e)) == 1)
		if (!each(context, pr_db_text(s, 0)))
			break;
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}
