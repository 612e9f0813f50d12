/*
 * Of each ledger a sorted list of hashes of addresses. Two addresses may share one: then the
 * ledger is opened in vain. One that is not there has no touch, for sure.
 *
 * Why not keep ledgers open: whoever moves, scours or removes a campaign's folder would have a
 * stranger in it. Here nothing is held; what was written since has another mark and is not known.
 */
#include "touched.h"

#include "postrider/base/hash.h"

#include <stdlib.h>

#define LEDGERS_MAX 2000u
#define HASHES_MAX (4u << 20) /* of all: 16 MB */
#define OF_ONE_MAX (1u << 20)
#define ADDRESS_MAX 400u

struct ledger {
	struct ledger_mark mark;
	uint32_t *hashes;
	size_t n;
	uint64_t round; /* that asked last */
};

struct touched {
	struct pr_hash_key key;
	struct ledger of[LEDGERS_MAX];
	size_t n, hashes;
	struct pr_map by_file; /* -> of */
	uint64_t round;
};

static int64_t
ns_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

struct ledger_mark
ledger_mark_of(const struct stat *ledger, const struct stat *log)
{
	struct ledger_mark m = {.device = ledger->st_dev,
	                        .inode = ledger->st_ino,
	                        .octets = ledger->st_size,
	                        .written_ns = ns_of(ledger)};
	if (log && log->st_size) { /* each reader makes an empty one */
		m.log_octets = log->st_size;
		m.log_written_ns = ns_of(log);
	}
	return m;
}

static bool
is_same(const struct ledger_mark *a, const struct ledger_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->octets == b->octets &&
	       a->written_ns == b->written_ns && a->log_octets == b->log_octets &&
	       a->log_written_ns == b->log_written_ns;
}

static uint64_t
file_key(const struct ledger_mark *m)
{
	return pr_mix64(m->device) ^ m->inode;
}

struct touched *
touched_create(void)
{
	struct touched *t = pr_calloc(1, sizeof *t);
	pr_hash_key_random(&t->key);
	return t;
}

void
touched_destroy(struct touched *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->of[i].hashes);
	pr_map_finish(&t->by_file);
	free(t);
}

void
touched_round(struct touched *t)
{
	t->round++;
}

/* ---- asking ---- */

static struct ledger *
find(struct touched *t, const struct ledger_mark *m)
{
	struct ledger *l = pr_map_get(&t->by_file, file_key(m));
	return l && is_same(&l->mark, m) ? l : NULL;
}

bool
touched_knows(struct touched *t, const struct ledger_mark *m)
{
	struct ledger *l = find(t, m);
	if (l)
		l->round = t->round;
	return l;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* False: it is longer than any. */
static bool
hash(const struct touched *t, struct pr_str address, uint32_t *out)
{
	char lower[ADDRESS_MAX];
	if (address.n > sizeof lower)
		return false;
	for (size_t i = 0; i < address.n; i++)
		lower[i] = pr_lower(address.p[i]);
	*out = (uint32_t)pr_siphash(t->key, lower, address.n);
	return true;
}

bool
touched_may_hold(struct touched *t, const struct ledger_mark *m, struct pr_str address)
{
	uint32_t h;
	const struct ledger *l = find(t, m);
	return !l || !hash(t, address, &h) ||
	       (l->n && bsearch(&h, l->hashes, l->n, sizeof h, by_number));
}

/* ---- learning ---- */

struct learning {
	const struct touched *touched;
	uint32_t *hashes;
	size_t n, cap;
	bool failed;
};

static bool
add_address(void *context, struct pr_str address)
{
	struct learning *g = context;
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 256;
		g->hashes = pr_realloc(g->hashes, g->cap * sizeof *g->hashes);
	}
	g->failed = g->n == OF_ONE_MAX || !hash(g->touched, address, &g->hashes[g->n]);
	g->n++;
	return !g->failed;
}

static void
drop(struct touched *t, struct ledger *l)
{
	pr_map_remove(&t->by_file, file_key(&l->mark));
	t->hashes -= l->n;
	free(l->hashes);
	struct ledger *last = &t->of[--t->n];
	if (l == last)
		return;
	*l = *last;
	pr_map_put(&t->by_file, file_key(&l->mark), l);
}

static bool
has_room(const struct touched *t, size_t n)
{
	return t->n < LEDGERS_MAX && t->hashes + n <= HASHES_MAX;
}

static bool
make_room(struct touched *t, size_t n)
{
	if (has_room(t, n))
		return true;
	for (size_t i = t->n; i-- > 0;)
		if (t->of[i].round + 1 < t->round)
			drop(t, &t->of[i]);
	return has_room(t, n);
}

static void
keep(struct touched *t, const struct ledger_mark *m, struct learning *g)
{
	struct ledger *old = pr_map_get(&t->by_file, file_key(m));
	if (old)
		drop(t, old);
	if (!make_room(t, g->n)) {
		free(g->hashes);
		return;
	}
	if (g->n)
		qsort(g->hashes, g->n, sizeof *g->hashes, by_number);
	struct ledger *l = &t->of[t->n++];
	*l = (struct ledger){*m, g->hashes, g->n, t->round};
	t->hashes += g->n;
	pr_map_put(&t->by_file, file_key(m), l);
}

void
touched_learn(struct touched *t, const struct ledger_mark *m, pr_ledger *l,
              enum pr_touch_kind after)
{
	struct learning g = {.touched = t};
	struct pr_error e;
	if (after != PR_TOUCH_CLICK && after != PR_TOUCH_OPEN)
		return;
	int r = pr_ledger_emails_engaged(l, after == PR_TOUCH_OPEN, add_address, &g, &e);
	if (r == 0 && !g.failed)
		keep(t, m, &g);
	else
		free(g.hashes);
}
