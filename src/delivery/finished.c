/*
 * Answers outlive campaigns: for weeks people open, click and leave, and mail comes back. What
 * the journal says of a campaign that is under way no more is folded into its ledger in done/.
 *
 *   under way: fold.h has its ledger -> ending: what comes is kept back in memory, for its folder
 *   moves and its report is being written -> in done/: its ledger is opened when something comes,
 *   a few stay open
 *
 * What is kept back is durable in the journal, and a restart begins to read there. A folder that
 * is gone, or came from a backup, learns nothing more.
 *
 * All of it belongs to the folder lane.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define OPEN_MAX 16u
#define BACK_MAX 100000u /* records kept back */

struct open_ledger {
	uint32_t serial; /* 0: free */
	uint64_t used;
	pr_ledger *ledger;
	char id[PR_CAMPAIGN_ID_MAX];
};

struct finished {
	char *spool;
	struct pr_statedb *statedb;
	struct open_ledger open[OPEN_MAX];
	uint64_t uses;
	struct pr_map gone;   /* serials without a ledger that may be written to */
	struct pr_map ending; /* serials */
	struct pr_record *back;
	size_t back_n, back_cap;
};

static char here; /* in maps that are sets */

struct finished *
finished_create(const char *spool, struct pr_statedb *statedb)
{
	struct finished *f = pr_calloc(1, sizeof *f);
	f->spool = pr_strdup(spool);
	f->statedb = statedb;
	return f;
}

static void
close_one(struct open_ledger *o)
{
	pr_ledger_close(o->ledger);
	*o = (struct open_ledger){0};
}

void
finished_destroy(struct finished *f)
{
	for (unsigned i = 0; i < OPEN_MAX; i++)
		close_one(&f->open[i]);
	for (size_t i = 0; i < f->back_n; i++)
		free((char *)f->back[i].payload);
	free(f->back);
	pr_map_finish(&f->gone);
	pr_map_finish(&f->ending);
	free(f->spool);
	free(f);
}

/* ---- ledgers in done/ ---- */

static struct open_ledger *
find_open(struct finished *f, uint32_t serial)
{
	for (unsigned i = 0; i < OPEN_MAX; i++)
		if (f->open[i].serial == serial)
			return &f->open[i];
	return NULL;
}

void
finished_close(struct finished *f, uint32_t serial)
{
	struct open_ledger *o = find_open(f, serial);
	if (o)
		close_one(o);
	pr_map_remove(&f->gone, serial); /* it may come back */
}

static struct open_ledger *
free_place(struct finished *f)
{
	struct open_ledger *oldest = &f->open[0];
	for (unsigned i = 0; i < OPEN_MAX; i++)
		if (f->open[i].used < oldest->used)
			oldest = &f->open[i];
	if (oldest->ledger)
		close_one(oldest);
	return oldest;
}

static int
open_own(struct finished *f, uint32_t serial, struct open_ledger *o, struct pr_error *e)
{
	char path[4400];
	bool restored = false;
	struct pr_accepted a;
	int r = pr_statedb_campaign(f->statedb, serial, &a, e);
	if (r < 0)
		return r;
	snprintf(o->id, sizeof o->id, "%s", a.id);
	snprintf(path, sizeof path, "%s/done/%s/ledger.db", f->spool, a.id);
	r = pr_ledger_open(path, PR_LEDGER_FOLD, &o->ledger, e);
	if (r == 0)
		r = pr_statedb_check_ledger(f->statedb, o->ledger, &restored, e);
	if (r == 0 && restored)
		r = pr_fail(e, PR_ENOENT, "%s comes from a backup or another daemon", path);
	if (r < 0 && o->ledger)
		pr_ledger_close(o->ledger);
	return r;
}

/* PR_ENOENT: there is none; PR_ENOSPC: try again; the rest is told once. */
int
finished_ledger(struct finished *f, uint32_t serial, pr_ledger **ledger, const char **id,
                struct pr_error *e)
{
	struct open_ledger *o = find_open(f, serial), opened = {.serial = serial};
	if (!o) {
		if (pr_map_get(&f->gone, serial))
			return pr_fail(e, PR_ENOENT, "campaign %u has no ledger", serial);
		int r = open_own(f, serial, &opened, e);
		if (r < 0 && r != PR_ENOSPC)
			pr_map_put(&f->gone, serial, &here);
		if (r < 0)
			return r;
		o = free_place(f);
		*o = opened;
	}
	o->used = ++f->uses;
	*ledger = o->ledger;
	*id = o->id;
	return 0;
}

/* ---- campaigns that are ending ---- */

void
finished_begin(struct finished *f, uint32_t serial)
{
	pr_map_put(&f->ending, serial, &here);
}

bool
finished_is_ending(const struct finished *f, uint32_t serial)
{
	return pr_map_get(&f->ending, serial) != NULL;
}

void
finished_keep_back(struct finished *f, const struct pr_record *records, size_t n)
{
	while (f->back_n + n > f->back_cap) {
		f->back_cap = f->back_cap ? f->back_cap * 2 : 256;
		f->back = pr_realloc(f->back, f->back_cap * sizeof *f->back);
	}
	for (size_t i = 0; i < n; i++) {
		struct pr_record *r = &f->back[f->back_n++];
		*r = records[i];
		r->payload = pr_strndup(r->payload_n ? r->payload : "", r->payload_n);
	}
}

bool
finished_is_full(const struct finished *f)
{
	return f->back_n >= BACK_MAX;
}

uint64_t
finished_needs(const struct finished *f)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < f->back_n; i++)
		least = f->back[i].lsn < least ? f->back[i].lsn : least;
	return least;
}

void
finished_end(struct finished *f, uint32_t serial)
{
	pr_map_remove(&f->ending, serial);
}

size_t
finished_next(const struct finished *f, struct pr_record **out)
{
	size_t n = 0, first = 0;
	while (first < f->back_n && finished_is_ending(f, f->back[first].campaign))
		first++;
	if (first == f->back_n)
		return 0;
	*out = pr_alloc((f->back_n - first) * sizeof **out);
	for (size_t i = first; i < f->back_n; i++)
		if (f->back[i].campaign == f->back[first].campaign)
			(*out)[n++] = f->back[i];
	return n;
}

/* serial 0: of any campaign. */
static void
drop(struct finished *f, uint32_t serial, uint64_t from_lsn)
{
	size_t kept = 0;
	for (size_t i = 0; i < f->back_n; i++) {
		const struct pr_record *r = &f->back[i];
		if ((serial == 0 || r->campaign == serial) && r->lsn >= from_lsn)
			free((char *)r->payload);
		else
			f->back[kept++] = *r;
	}
	f->back_n = kept;
}

void
finished_drop(struct finished *f, uint32_t serial)
{
	drop(f, serial, 0);
}

void
finished_undo(struct finished *f, uint64_t lsn)
{
	drop(f, 0, lsn);
}
