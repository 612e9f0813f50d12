/*
 * What lanes have learnt and used up, and policies that receivers have published, across restarts:
 * texts by key. All of them are in memory, a lane that comes again finds its own; those that
 * changed are written to state.db by a job, all in one transaction.
 *
 *   kept_put -> changed -> job on the folder lane -> durable -> its quota is told
 *
 * Only what is not as everywhere has a text: a lane whose receiver has never complained has none.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define KEPT_MAX 100000u /* more sites in trouble than that begin anew */
#define POLICY "sts/"    /* and the domain; these know themselves when they end */
#define FORGET_MS (PR_SHAPING_FOR_MAX_MS + PR_DAY_MS)

struct kept {
	struct pr_list changed; /* keeping->changed */
	char *key;
	char *text; /* behind the time in UTC it is of; NULL: forgotten */
	struct group *group;
};

struct keeping {
	struct pr_map by_key; /* hash -> struct kept */
	struct pr_hash_key hash_key;
	struct pr_list changed;
	bool writing;
};

struct keep_job {
	struct pr_job job;
	struct pr_delivery *delivery;
	size_t n;
	struct kept **items;
	struct pr_fact *facts;
	struct pr_arena arena; /* copies of texts */
	int result;
	struct pr_error error;
};

static struct kept *
find(struct keeping *k, const char *key, uint64_t *hash)
{
	*hash = pr_siphash(k->hash_key, key, strlen(key));
	return pr_map_get(&k->by_key, *hash);
}

/* Quotas have room in any case: there are as many as the configuration has it. */
static struct kept *
find_or_make(struct keeping *k, const char *key)
{
	uint64_t hash;
	struct kept *item = find(k, key, &hash);
	if (item)
		return strcmp(item->key, key) == 0 ? item : NULL;
	if (k->by_key.n >= KEPT_MAX && !pr_str_starts(pr_str(key), KEPT_QUOTA))
		return NULL;
	item = pr_calloc(1, sizeof *item);
	item->key = pr_strdup(key);
	pr_list_init(&item->changed);
	pr_map_put(&k->by_key, hash, item);
	return item;
}

const char *
kept_find(struct pr_delivery *d, const char *key)
{
	uint64_t hash;
	const struct kept *item = find(d->keeping, key, &hash);
	if (!item || !item->text || strcmp(item->key, key) != 0)
		return NULL;
	return strchr(item->text, ' ') + 1;
}

bool
kept_put(struct pr_delivery *d, const char *key, struct pr_str text, struct group *group)
{
	struct pr_buf b = {0};
	const char *had = kept_find(d, key);
	if (had ? pr_str_is(text, had) : text.n == 0)
		return true;
	struct kept *item = find_or_make(d->keeping, key);
	if (!item)
		return false;
	free(item->text);
	item->text = NULL;
	if (text.n) {
		pr_buf_addf(&b, "%lld ", (long long)pr_utc_ms());
		pr_buf_add_str(&b, text);
		item->text = pr_strndup(b.data, b.len);
		pr_buf_finish(&b);
	}
	item->group = group;
	if (pr_list_empty(&item->changed))
		pr_list_push(&d->keeping->changed, &item->changed);
	return true;
}

/* ---- writing ---- */

/* Of all that changed. Copies: the loop goes on changing them. */
static void
collect(struct keep_job *j, struct keeping *k)
{
	pr_arena_init(&j->arena);
	PR_LIST_EACH(link, &k->changed)
		j->n++;
	j->items = pr_arena_alloc(&j->arena, (j->n + 1) * sizeof *j->items);
	j->facts = pr_arena_alloc(&j->arena, (j->n + 1) * sizeof *j->facts);
	for (size_t i = 0; i < j->n; i++) {
		struct kept *item = PR_CONTAINER(pr_list_shift(&k->changed), struct kept, changed);
		size_t n = item->text ? strlen(item->text) : 0;
		j->items[i] = item;
		j->facts[i].key = item->key;
		j->facts[i].value =
		    pr_str_n(item->text ? pr_arena_strndup(&j->arena, item->text, n) : NULL, n);
	}
}

static void
work_write(struct pr_job *job, void *worker)
{
	(void)worker;
	struct keep_job *j = PR_CONTAINER(job, struct keep_job, job);
	j->result = pr_statedb_set_all(j->delivery->options.statedb, j->facts, j->n, &j->error);
}

static void
drop(struct keeping *k, struct kept *item)
{
	pr_map_remove(&k->by_key, pr_siphash(k->hash_key, item->key, strlen(item->key)));
	free(item->key);
	free(item);
}

static void
written(struct keep_job *j)
{
	struct keeping *k = j->delivery->keeping;
	for (size_t i = 0; i < j->n; i++) {
		struct kept *item = j->items[i];
		if (j->result < 0 && pr_list_empty(&item->changed))
			pr_list_push(&k->changed, &item->changed); /* once more, later */
		if (j->result == 0 && item->group && j->facts[i].value.p)
			group_durable(item->group, strchr(j->facts[i].value.p, ' ') + 1);
		if (j->result == 0 && !item->text && pr_list_empty(&item->changed))
			drop(k, item); /* forgotten, on the disk, too */
	}
	if (j->result < 0)
		PR_LOG(PR_LOG_ERROR, "state_unwritten", "%s", j->error.text);
	pr_arena_finish(&j->arena);
	free(j);
}

static void
write_done(struct pr_job *job)
{
	struct keep_job *j = PR_CONTAINER(job, struct keep_job, job);
	struct pr_delivery *d = j->delivery;
	bool again = j->result == 0;
	d->keeping->writing = false;
	written(j);
	if (again)
		kept_write(d);
}

static struct keep_job *
job_create(struct pr_delivery *d)
{
	struct keep_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_write;
	j->job.done = write_done;
	j->delivery = d;
	collect(j, d->keeping);
	return j;
}

void
kept_write(struct pr_delivery *d)
{
	struct keeping *k = d->keeping;
	if (k->writing || d->closing || pr_list_empty(&k->changed))
		return; /* kept_close writes what is left */
	k->writing = true;
	pr_lane_submit(d->folder_lane, &job_create(d)->job);
}

/* ---- coming and going ---- */

static bool
on_fact(void *context, struct pr_str key, struct pr_str value)
{
	struct pr_delivery *d = context;
	const char *space = value.n ? memchr(value.p, ' ', value.n) : NULL;
	char *name = pr_strndup(key.p, key.n);
	uint64_t at;
	struct kept *item = find_or_make(d->keeping, name);
	free(name);
	if (!item)
		return false;
	if (space && pr_str_u64(pr_str_n(value.p, (size_t)(space - value.p)), &at) &&
	    (pr_str_starts(key, POLICY) || (int64_t)at > pr_utc_ms() - FORGET_MS))
		item->text = pr_strndup(value.p, value.n);
	else /* of a site that has long been silent */
		pr_list_push(&d->keeping->changed, &item->changed);
	return true;
}

int
kept_open(struct pr_delivery *d, struct pr_error *e)
{
	struct pr_statedb *db = d->options.statedb;
	d->keeping = pr_calloc(1, sizeof *d->keeping);
	pr_list_init(&d->keeping->changed);
	pr_hash_key_random(&d->keeping->hash_key);
	int r = pr_statedb_each_fact(db, KEPT_QUOTA, on_fact, d, e);
	if (r == 0)
		r = pr_statedb_each_fact(db, KEPT_SHAPE, on_fact, d, e);
	if (r == 0)
		r = pr_statedb_each_fact(db, KEPT_WAIT, on_fact, d, e);
	if (r == 0)
		r = pr_statedb_each_fact(db, KEPT_STORM, on_fact, d, e);
	return r < 0 ? r : pr_statedb_each_fact(db, POLICY, on_fact, d, e);
}

/* ---- policies ---- */

void
pr_delivery_keep_policy(pr_delivery *d, const char *domain, const char *line)
{
	struct pr_buf key = {0};
	pr_buf_addf(&key, POLICY "%s", domain);
	kept_put(d, key.data, pr_str(line ? line : ""), NULL);
	pr_buf_finish(&key);
}

void
pr_delivery_each_policy(pr_delivery *d,
                        void (*each)(void *context, const char *domain, const char *line),
                        void *context)
{
	const struct pr_map *m = &d->keeping->by_key;
	for (size_t i = 0; i < m->cap; i++) {
		const struct kept *item = m->slots[i].value;
		if (item && item->text && pr_str_starts(pr_str(item->key), POLICY))
			each(context, item->key + strlen(POLICY), strchr(item->text, ' ') + 1);
	}
}

/* The folder lane has ended: what is left is written here. */
void
kept_close(struct pr_delivery *d)
{
	struct keeping *k = d->keeping;
	if (!k)
		return;
	if (!pr_list_empty(&k->changed)) {
		struct keep_job *j = job_create(d);
		work_write(&j->job, NULL);
		written(j);
	}
	for (size_t i = 0; i < k->by_key.cap; i++) {
		struct kept *item = k->by_key.slots[i].value;
		if (!item)
			continue;
		free(item->key);
		free(item->text);
		free(item);
	}
	pr_map_finish(&k->by_key);
	free(k);
	d->keeping = NULL;
}
