/*
 * Touches of people, over the ledgers of all campaigns.
 *
 *   tokens     the row itself, whatever else there is, if its campaign touched it within the window
 *   addresses  each ledger that may hold a touch, once for all events of a round
 *
 * A ledger may hold a touch when its campaign was accepted before the event, and it was written
 * since the window began: who clicked within it was folded then. That is told by the times of its
 * files, so campaigns of long ago cost a look at their folder. The newest LEDGERS_MAX are looked
 * at.
 *
 * Of ledgers at rest, as most are, it is learned who has a touch at all, a few ledgers a round;
 * then they are opened for those only (touched.h).
 *
 * An address is looked for as it is told and in lower case: ledgers keep what their files say.
 */
#include "find.h"

#include "touched.h"

#include "postrider/statedb.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define LEDGERS_MAX 1000u
#define WINDOW_MAX (90 * PR_DAY_MS)
#define HITS_MAX 200u
#define REST_MS (10 * PR_MINUTE_MS) /* since it was written, before it is read for all */
#define LEARN_MAX 2u                /* ledgers a round */

struct campaign { /* a folder with a ledger */
	char dir[4400];
	int64_t written_ms;
	struct ledger_mark mark;
};

struct finder {
	char *spool;
	pr_statedb *statedb;
	struct touched *touched;
	unsigned learned;  /* in this round */
	int64_t listed_ms; /* wall clock: before the campaigns were listed */
	struct campaign *campaigns;
	size_t n, cap;
};

/* What was found for one event so far. */
struct asked {
	struct pr_customer_event *event;
	const struct pr_token *token; /* NULL: none */
	struct pr_event_credit *credit;
	struct pr_arena *arena;
	struct pr_touch touch; /* kind UNSAID: none */
	bool fixed;            /* by its token */
};

struct finder *
finder_create(const char *spool, const char *state_path, struct pr_error *e)
{
	struct finder *f = pr_calloc(1, sizeof *f);
	f->spool = pr_strdup(spool);
	f->touched = touched_create();
	if (pr_statedb_open(state_path, &f->statedb, e) < 0) {
		finder_destroy(f);
		return NULL;
	}
	return f;
}

void
finder_destroy(struct finder *f)
{
	if (!f)
		return;
	pr_statedb_close(f->statedb);
	touched_destroy(f->touched);
	free(f->campaigns);
	free(f->spool);
	free(f);
}

/* ---- which ledgers ---- */

static bool
look_at(const char *dir, const char *file, struct stat *st)
{
	char path[4500];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	return stat(path, st) == 0;
}

static int64_t
written_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static void
add_campaign(struct finder *f, const char *parent, const char *name, int64_t since_ms)
{
	struct campaign c;
	struct stat ledger, log;
	if (snprintf(c.dir, sizeof c.dir, "%s/%s/%s", f->spool, parent, name) >= (int)sizeof c.dir)
		return;
	bool logged = look_at(c.dir, "ledger.db-wal", &log);
	if (!look_at(c.dir, "ledger.db", &ledger)) /* importing, or no campaign */
		return;
	c.written_ms = written_ms(&ledger);
	if (logged && written_ms(&log) > c.written_ms)
		c.written_ms = written_ms(&log);
	if (c.written_ms < since_ms)
		return;
	c.mark = ledger_mark_of(&ledger, logged ? &log : NULL);
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 16;
		f->campaigns = pr_realloc(f->campaigns, f->cap * sizeof *f->campaigns);
	}
	f->campaigns[f->n++] = c;
}

static int
newest_first(const void *a, const void *b)
{
	const struct campaign *x = a, *y = b;
	return x->written_ms > y->written_ms ? -1 : x->written_ms < y->written_ms;
}

static void
list_campaigns(struct finder *f, int64_t since_ms)
{
	/* One that moves meanwhile is seen at least once; twice does no harm. */
	static const char *const parents[] = {"active", "done"};
	char path[4200];
	f->n = f->learned = 0;
	f->listed_ms = pr_utc_ms();
	touched_round(f->touched);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", f->spool, parents[i]);
		DIR *d = opendir(path);
		for (struct dirent *entry; d && (entry = readdir(d));)
			if (entry->d_name[0] != '.')
				add_campaign(f, parents[i], entry->d_name, since_ms);
		if (d)
			closedir(d);
	}
	if (f->n)
		qsort(f->campaigns, f->n, sizeof *f->campaigns, newest_first);
	f->n = f->n < LEDGERS_MAX ? f->n : LEDGERS_MAX;
}

static pr_ledger *
open_in(const char *dir)
{
	char path[4500];
	struct pr_error e;
	pr_ledger *l;
	snprintf(path, sizeof path, "%s/ledger.db", dir);
	return pr_ledger_open(path, PR_LEDGER_READ, &l, &e) == 0 ? l : NULL;
}

/* By the serial of a token; NULL: gone. */
static pr_ledger *
open_serial(struct finder *f, uint32_t serial)
{
	char dir[4400];
	struct pr_error e;
	struct pr_accepted a;
	pr_ledger *l = NULL;
	static const char *const parents[] = {"active", "done", "active"};
	if (pr_statedb_campaign(f->statedb, serial, &a, &e) < 0)
		return NULL;
	for (unsigned i = 0; i < 3 && !l; i++) {
		snprintf(dir, sizeof dir, "%s/%s/%s", f->spool, parents[i], a.id);
		l = open_in(dir);
	}
	return l;
}

/* ---- touches of a row ---- */

struct row_hits {
	struct pr_hit hits[HITS_MAX];
	size_t n;
};

static bool
take_hit(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	struct row_hits *w = context;
	(void)detail;
	w->hits[w->n++] = *hit;
	return w->n < HITS_MAX;
}

struct looking { /* in one ledger */
	pr_ledger *ledger;
	uint32_t serial;
	struct pr_conversion_rule rule;
	bool own_rule;       /* the ledger's, not of a configuration that may change */
	struct asked *asked; /* the one at hand */
	struct row_hits w;
};

static void
begin_looking(struct looking *k, pr_ledger *l, const struct pr_config *config)
{
	struct pr_buf text = {0};
	struct pr_ledger_identity id;
	pr_ledger_identity(l, &id);
	k->ledger = l;
	k->serial = id.serial;
	k->own_rule = pr_ledger_get(l, "conversions", &text) == 0 &&
	              pr_conversion_rule_read(pr_buf_str(&text), &k->rule);
	if (!k->own_rule)
		pr_conversion_rule_of(NULL, config, &k->rule);
	pr_buf_finish(&text);
}

/* Whether the row's touch is later than what there was. */
static bool
look_at_row(void *context, const struct pr_known *known)
{
	struct looking *k = context;
	struct asked *a = k->asked;
	struct pr_error e;
	struct pr_touch t;
	int64_t delivered = known->state == PR_DELIVERED ? known->last_ms : 0;
	bool by_token = a->token && a->token->campaign == k->serial && a->token->row == known->row;
	k->w.n = 0;
	if (pr_ledger_hits(k->ledger, known->row, take_hit, &k->w, &e) < 0 ||
	    !pr_touch_find(&k->rule, k->w.hits, k->w.n, delivered, a->event->at_ms, by_token, &t))
		return true;
	if (a->touch.kind != PR_TOUCH_UNSAID && a->touch.at_ms >= t.at_ms)
		return true;
	a->touch = t;
	a->credit->serial = k->serial;
	a->credit->row = known->row;
	a->credit->link = t.link;
	return true;
}

/* ---- by token ---- */

/* The row's address becomes that of an event that has none. */
static void
take_address(struct asked *a, pr_ledger *l)
{
	struct pr_buf email = {0};
	struct pr_error e;
	if (a->event->address.n == 0 && pr_ledger_email(l, a->token->row, &email, &e) == 0)
		a->event->address = pr_arena_copy(a->arena, pr_buf_str(&email));
	pr_buf_finish(&email);
}

static void
find_by_token(struct finder *f, const struct pr_config *config, struct asked *a)
{
	struct pr_error e;
	struct looking *k;
	pr_ledger *l = open_serial(f, a->token->campaign);
	if (!l)
		return;
	take_address(a, l);
	k = pr_calloc(1, sizeof *k);
	begin_looking(k, l, config);
	k->asked = a;
	bool won = a->event->address.n && !pr_row_is_seed(a->token->row); /* not one of ours */
	if (won && pr_conversion_counts(&k->rule, a->event->name))
		(void)pr_ledger_page(l, PR_STATES, a->token->row - 1, 1, look_at_row, k, &e);
	a->fixed = a->touch.kind != PR_TOUCH_UNSAID;
	free(k);
	pr_ledger_close(l);
}

/* ---- by address ---- */

static void
find_address(struct looking *k, struct asked *a)
{
	char lower[400];
	struct pr_error e;
	struct pr_str address = a->event->address;
	bool other = false;
	k->asked = a;
	if (pr_ledger_find(k->ledger, address, look_at_row, k, &e) < 0 || address.n > sizeof lower)
		return;
	for (size_t i = 0; i < address.n; i++) {
		lower[i] = pr_lower(address.p[i]);
		other |= lower[i] != address.p[i];
	}
	if (other)
		(void)pr_ledger_find(k->ledger, pr_str_n(lower, address.n), look_at_row, k, &e);
}

static int64_t
accepted_ms(struct finder *f, uint32_t serial)
{
	struct pr_accepted a;
	struct pr_error e;
	return pr_statedb_campaign(f->statedb, serial, &a, &e) < 0 ? 0 : a.accepted_ms;
}

static bool
is_open(const struct asked *a)
{
	return !a->fixed && a->event->address.n;
}

static bool
may_hold_any(struct finder *f, const struct campaign *c, const struct asked *all, size_t n)
{
	if (!touched_knows(f->touched, &c->mark))
		return true;
	for (size_t i = 0; i < n; i++)
		if (is_open(&all[i]) &&
		    touched_may_hold(f->touched, &c->mark, all[i].event->address))
			return true;
	return false;
}

static void
learn(struct finder *f, const struct campaign *c, const struct looking *k)
{
	if (!k->own_rule || f->learned >= LEARN_MAX || touched_knows(f->touched, &c->mark) ||
	    c->written_ms > f->listed_ms - REST_MS)
		return;
	touched_learn(f->touched, &c->mark, k->ledger, k->rule.after);
	f->learned++;
}

static void
look_in(struct finder *f, const struct pr_config *config, const struct campaign *c,
        struct asked *all, size_t n)
{
	pr_ledger *l = may_hold_any(f, c, all, n) ? open_in(c->dir) : NULL;
	if (!l)
		return;
	struct looking *k = pr_calloc(1, sizeof *k);
	begin_looking(k, l, config);
	int64_t accepted = accepted_ms(f, k->serial);
	for (size_t i = 0; i < n; i++) {
		const struct pr_customer_event *v = all[i].event;
		if (is_open(&all[i]) && v->at_ms + PR_TOUCH_SLACK_MS >= accepted &&
		    v->at_ms - k->rule.window_ms <= c->written_ms &&
		    pr_conversion_counts(&k->rule, v->name))
			find_address(k, &all[i]);
	}
	learn(f, c, k);
	free(k);
	pr_ledger_close(l);
}

/* ---- a round ---- */

static size_t
gather(struct pr_order *const *orders, size_t n, struct asked **out)
{
	size_t count = 0, k = 0;
	for (size_t i = 0; i < n; i++)
		count += orders[i]->n;
	struct asked *all = pr_calloc(count + 1, sizeof *all);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < orders[i]->n; j++, k++) {
			struct pr_order *o = orders[i];
			bool has = o->tokens && o->tokens[j].campaign;
			all[k] = (struct asked){.event = &o->events[j],
			                        .token = has ? &o->tokens[j] : NULL,
			                        .credit = &o->batch.credits[j],
			                        .arena = &o->arena};
		}
	*out = all;
	return count;
}

static bool
has_address(const struct pr_order *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->events[i].address.n == 0)
			return false;
	return true;
}

void
find_credits(struct finder *f, const struct pr_config *config, struct pr_order *const *orders,
             size_t n)
{
	struct asked *all;
	size_t count = gather(orders, n, &all);
	int64_t first = INT64_MAX;
	for (size_t i = 0; i < count; i++) {
		if (all[i].token)
			find_by_token(f, config, &all[i]);
		if (!all[i].fixed && all[i].event->address.n && all[i].event->at_ms < first)
			first = all[i].event->at_ms;
	}
	if (first != INT64_MAX) {
		list_campaigns(f, first - WINDOW_MAX);
		for (size_t i = 0; i < f->n; i++)
			look_in(f, config, &f->campaigns[i], all, count);
	}
	for (size_t i = 0; i < n; i++)
		if (!has_address(orders[i]))
			orders[i]->result = PR_ENOENT;
	free(all);
}
