/*
 * exclude: who was sent one of some campaigns, lately or ever, and contacts of a list or segment.
 *
 * Sent is whom the message was delivered to, and who is in doubt. They are kept as sorted hashes,
 * by a key that lives as long as the import: 8 octets each (10 M: 80 MB, while it lasts), a look
 * costs some steps of a search. Two addresses share a hash once in 10^5 imports of 10 M.
 */
#include "recipients_internal.h"

#include "postrider/audience/snapshot.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SENT_MAX (1u << 26)
#define PAGE 100000u

struct exclusion {
	struct pr_hash_key key;
	uint64_t *hashes;
	size_t n, cap;
	int64_t since_ms; /* UTC: sent before that does not count */
	uint32_t after;   /* row of the ledger that is read */
	bool full;
};

static uint64_t
hash_of(const exclusion *x, struct pr_str address)
{
	char lower[400];
	size_t n = address.n < sizeof lower ? address.n : sizeof lower;
	for (size_t i = 0; i < n; i++)
		lower[i] = pr_lower(address.p[i]);
	return pr_siphash(x->key, lower, n);
}

static bool
add(exclusion *x, struct pr_str address)
{
	x->full = x->n == SENT_MAX;
	if (x->full)
		return false;
	if (x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 4096;
		x->hashes = pr_realloc(x->hashes, x->cap * sizeof *x->hashes);
	}
	x->hashes[x->n++] = hash_of(x, address);
	return true;
}

/* ---- earlier campaigns ---- */

static bool
add_sent(void *context, const struct pr_known *k)
{
	exclusion *x = context;
	x->after = k->row;
	return k->email.n == 0 || k->last_ms < x->since_ms || add(x, k->email);
}

static int
add_ledger(exclusion *x, const char *path, struct pr_error *e)
{
	static const enum pr_state sent[] = {PR_DELIVERED, PR_IN_DOUBT};
	pr_ledger *l = NULL;
	int r = pr_ledger_open(path, PR_LEDGER_READ, &l, e);
	if (r < 0) /* one that is being imported, or was damaged, has sent nothing we could know */
		return r == PR_ENOENT || r == PR_ESTATE || r == PR_ECORRUPT ? 0 : r;
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		uint32_t before = 1;
		for (x->after = 0; r == 0 && x->after != before && !x->full;) {
			before = x->after;
			r = pr_ledger_page(l, sent[i], before, PAGE, add_sent, x, e);
		}
	}
	pr_ledger_close(l);
	return r == 0 && x->full ? pr_fail(e, PR_ELIMIT, "exclude: more than %u people", SENT_MAX)
	                         : r;
}

/* Nothing was written to it since: nothing was sent. */
static bool
is_older(const char *path, int64_t since_ms)
{
	char log[4500];
	struct stat st;
	int64_t latest = 0;
	snprintf(log, sizeof log, "%s-wal", path);
	if (stat(path, &st) == 0)
		latest = (int64_t)st.st_mtim.tv_sec * 1000 + 1000;
	if (stat(log, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000 + 1000 > latest)
		latest = (int64_t)st.st_mtim.tv_sec * 1000 + 1000;
	return latest < since_ms;
}

/* By its id, a pattern of ids, or the name that ids hold: "20261201-NAME-7f3k". */
static bool
is_meant(const char *id, const struct pr_text *said)
{
	char as[PR_MANIFEST_ID_SIZE];
	if (fnmatch(said->p, id, 0) == 0)
		return true;
	pr_campaign_id(pr_text_str(said), 0, 0, as);
	size_t n = strlen(id), m = strlen(as);
	return n == m && n > 14 && memcmp(id + 9, as + 9, n - 14) == 0 && !strpbrk(said->p, "*?[");
}

static bool
is_among(const char *id, const struct pr_texts *said)
{
	for (size_t i = 0; i < said->n; i++)
		if (is_meant(id, &said->items[i]))
			return true;
	return said->n == 0;
}

static int
add_campaigns(exclusion *x, const struct pr_manifest_exclude *m,
              const struct pr_recipients_from *from, struct pr_error *e)
{
	static const char *const folders[] = {"active", "done"};
	int r = 0;
	x->since_ms = m->within_ms ? from->utc_ms - m->within_ms : INT64_MIN;
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		char path[4400];
		snprintf(path, sizeof path, "%s/%s", from->config->spool.p, folders[i]);
		DIR *dir = opendir(path);
		for (struct dirent *one; r == 0 && dir && (one = readdir(dir));) {
			snprintf(path, sizeof path, "%s/%s/%s/ledger.db", from->config->spool.p,
			         folders[i], one->d_name);
			if (one->d_name[0] != '.' && is_among(one->d_name, &m->campaigns) &&
			    !is_older(path, x->since_ms))
				r = add_ledger(x, path, e);
		}
		if (dir)
			closedir(dir);
	}
	return r;
}

/* ---- contacts ---- */

static int
add_contact(void *context, int64_t id, const struct pr_str *fields, size_t n)
{
	(void)id;
	(void)n;
	return add(context, fields[0]) ? 0 : PR_ELIMIT;
}

static int
add_contacts(exclusion *x, const struct pr_manifest_exclude *m,
             const struct pr_recipients_from *from, struct pr_problems *problems,
             struct pr_error *e)
{
	struct pr_snapshot_rows rows = {.row = add_contact, .context = x};
	struct pr_snapshot_ask ask = recipients_ask(from);
	int r = 0;
	ask.bare = true;
	if (m->list.n) {
		ask.lists = m->list.items;
		ask.lists_n = m->list.n;
		r = pr_snapshot(from->audience, &ask, &rows, e);
		ask.lists_n = 0;
	}
	if (r == 0 && m->segment.p) {
		ask.condition = pr_config_segment(from->config, pr_text_str(&m->segment));
		r = pr_snapshot(from->audience, &ask, &rows, e);
	}
	if (r == PR_EINVAL)
		pr_text_problem(
		    problems, PR_MANIFEST_FILE, m->segment.p ? &m->segment : &m->list.items[0],
		    "`postrider segment explain` tries conditions", "exclude: %s", e->text);
	return r;
}

/* ---- all ---- */

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

int
exclusion_read(const struct pr_manifest *m, const struct pr_recipients_from *from, exclusion **out,
               struct pr_problems *problems, struct pr_error *e)
{
	const struct pr_manifest_exclude *own = &m->exclude, *of = &m->audience.exclude;
	bool contacts = own->list.n || own->segment.p;
	bool sent = own->campaigns.n || own->within_ms, also = of->campaigns.n || of->within_ms;
	int r = 0;
	*out = NULL;
	if (!contacts && !sent && !also)
		return 0;
	if (!from || !from->config || (contacts && !from->audience))
		return pr_fail(e, PR_EDENIED, "who is excluded cannot be looked up here");
	exclusion *x = pr_calloc(1, sizeof *x);
	pr_hash_key_random(&x->key);
	if (sent)
		r = add_campaigns(x, own, from, e);
	if (r == 0 && also)
		r = add_campaigns(x, of, from, e);
	if (r == 0 && contacts)
		r = add_contacts(x, own, from, problems, e);
	if (r < 0) {
		exclusion_free(x);
		return r;
	}
	if (x->n) /* else there is no array */
		qsort(x->hashes, x->n, sizeof *x->hashes, compare);
	*out = x;
	return 0;
}

bool
exclusion_has(const exclusion *x, struct pr_str address)
{
	if (!x || x->n == 0)
		return false;
	uint64_t h = hash_of(x, address);
	return bsearch(&h, x->hashes, x->n, sizeof h, compare) != NULL;
}

void
exclusion_free(exclusion *x)
{
	if (!x)
		return;
	free(x->hashes);
	free(x);
}
