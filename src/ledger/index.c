/*
 * The indexes that sending does not wait for: rows by keyed hash of their address, rows by
 * domain. Built in slices between folds:
 *
 *   scan the rows into two sorters -> fill addresses in order -> fill by_domain in order
 *
 * An index filled in order is written once, front to back; filled as the rows come it
 * would cost a page at random for each. Slices are not synced, for they can be done again:
 * after a restart the scan begins anew, and filling goes on behind the last pair that is
 * there.
 */
#include "internal.h"

#include "postrider/base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SORT_MEMORY (4u << 20) /* each; small runs keep a slice short */
#define CLOCK_EVERY 64u        /* rows between two looks at the clock */

enum phase { SCAN, ADDRESSES, BY_DOMAIN };

struct index_work {
	int dir; /* the ledger's folder: runs of the sorters go there */
	enum phase phase;
	int64_t row; /* last one scanned */
	struct pr_sorter *addresses, *domains;
	int64_t last[2]; /* the last pair that is in the table */
	bool behind;     /* none is: every pair is new */
};

void
ledger_index_free(struct index_work *w)
{
	if (!w)
		return;
	pr_sorter_destroy(w->addresses);
	pr_sorter_destroy(w->domains);
	close(w->dir);
	free(w);
}

static int
begin(pr_ledger *l, struct pr_error *e)
{
	char folder[4096];
	const char *slash = strrchr(l->path, '/');
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - l->path) + 1 : 1,
	         slash ? l->path : ".");
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return pr_fail_errno(e, "cannot open %s", folder);
	l->index = pr_calloc(1, sizeof *l->index);
	l->index->dir = dir;
	l->index->addresses = pr_sorter_create(dir, SORT_MEMORY);
	l->index->domains = pr_sorter_create(dir, SORT_MEMORY);
	return 0;
}

/* ---- phase 1 ---- */

/* SQLite orders hashes as signed numbers, the sorter as unsigned ones. */
static uint64_t
signed_order(uint64_t hash)
{
	return hash ^ (UINT64_C(1) << 63);
}

static int
scan_row(pr_ledger *l, sqlite3_stmt *s, struct pr_error *e)
{
	struct index_work *w = l->index;
	uint64_t domain = (uint64_t)sqlite3_column_int64(s, 1);
	w->row = sqlite3_column_int64(s, 0);
	if (domain == 0)
		return 0; /* no address */
	struct pr_str email = pr_db_text(s, 2);
	uint64_t hash = pr_siphash(l->identity.address_key, email.p, email.n);
	int r = pr_sorter_add(w->addresses, signed_order(hash), (uint64_t)w->row, e);
	if (r == 0)
		r = pr_sorter_add(w->domains, domain, (uint64_t)w->row, e);
	return r;
}

/* 1: time is up; 0: all scanned. */
static int
scan(pr_ledger *l, int64_t end_us, struct pr_error *e)
{
	sqlite3_stmt *s;
	unsigned n = 0;
	int r = ledger_statement(l, ST_INDEX_SCAN, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, l->index->row);
	while ((r = pr_db_step(s, e)) == 1) {
		if ((r = scan_row(l, s, e)) < 0)
			break;
		r = 1;
		if (++n % CLOCK_EVERY == 0 && pr_mono_us() >= end_us)
			break;
	}
	sqlite3_reset(s);
	return r;
}

/* ---- phases 2 and 3 ---- */

static int
enter(pr_ledger *l, enum phase phase, struct pr_error *e)
{
	struct index_work *w = l->index;
	sqlite3_stmt *s;
	int r =
	    ledger_statement(l, phase == ADDRESSES ? ST_ADDRESS_LAST : ST_BY_DOMAIN_LAST, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	w->phase = phase;
	w->behind = r == 0;
	if (r == 1) {
		w->last[0] = sqlite3_column_int64(s, 0);
		w->last[1] = sqlite3_column_int64(s, 1);
		sqlite3_reset(s);
	}
	return 0;
}

static bool
is_new(struct index_work *w, int64_t key, int64_t row)
{
	w->behind = w->behind || key > w->last[0] || (key == w->last[0] && row > w->last[1]);
	return w->behind;
}

/* 1: time is up; 0: all pairs are in. */
static int
fill(pr_ledger *l, int64_t end_us, struct pr_error *e)
{
	struct index_work *w = l->index;
	bool addresses = w->phase == ADDRESSES;
	struct pr_sorter_item item;
	sqlite3_stmt *s;
	unsigned n = 0;
	int r = ledger_statement(l, addresses ? ST_ADDRESS_ADD : ST_BY_DOMAIN_ADD, &s, e);
	if (r < 0)
		return r;
	while ((r = pr_sorter_next(addresses ? w->addresses : w->domains, &item, e)) == 1) {
		int64_t key = (int64_t)(addresses ? signed_order(item.key) : item.key);
		if (is_new(w, key, (int64_t)item.value)) {
			sqlite3_bind_int64(s, 1, key);
			sqlite3_bind_int64(s, 2, (int64_t)item.value);
			if ((r = pr_db_run(s, e)) < 0)
				return r;
		}
		if (++n % CLOCK_EVERY == 0 && pr_mono_us() >= end_us)
			return 1;
	}
	return r;
}

/* ---- slices ---- */

static int
fill_slice(pr_ledger *l, int64_t end_us, struct pr_error *e)
{
	int r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	int more = fill(l, end_us, e);
	if (more == 0 && l->index->phase == BY_DOMAIN)
		more = ledger_set(l, "indexed", PR_STR("1"), e);
	r = pr_db_end(l->db, more < 0 ? more : 0, e);
	return r < 0 ? r : more;
}

static int
slice(pr_ledger *l, int64_t end_us, struct pr_error *e)
{
	struct index_work *w = l->index;
	int r = w->phase == SCAN ? scan(l, end_us, e) : fill_slice(l, end_us, e);
	if (r != 0)
		return r;
	if (w->phase == BY_DOMAIN) {
		l->indexed = true;
		return 0;
	}
	if (w->phase == ADDRESSES) {
		pr_sorter_destroy(w->addresses); /* its memory goes back now */
		w->addresses = NULL;
	}
	r = enter(l, w->phase == SCAN ? ADDRESSES : BY_DOMAIN, e);
	return r < 0 ? r : 1;
}

int
pr_ledger_index_slice(pr_ledger *l, int64_t slice_ms, struct pr_error *e)
{
	int64_t end_us = pr_mono_us() + slice_ms * 1000;
	PR_ASSERT(l->mode == PR_LEDGER_FOLD && !l->importing);
	if (l->indexed)
		return 0;
	int r = l->index ? 0 : begin(l, e);
	if (r == 0)
		r = ledger_synchronous(l, false, e);
	if (r < 0)
		return r;
	r = slice(l, end_us, e);
	int back = ledger_synchronous(l, true, NULL);
	PR_ASSERT(back == 0); /* a connection outside a transaction takes it */
	if (r <= 0) {         /* done; or failed: the next call begins anew behind what is there */
		ledger_index_free(l->index);
		l->index = NULL;
	}
	return r;
}
