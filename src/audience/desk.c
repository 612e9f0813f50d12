/*
 * The desk: the one writer of the store, on a lane of its own.
 *
 *   order -> slice: begin, entries for SLICE_MS, audit with the last, commit -> the loop is told
 *                ^------------------- more entries: behind the other orders -----'
 *
 * A slice is durable before the loop hears of it, and the loop's watcher hears of it before who
 * ordered it does: when `done` says 0, nobody can pass the last check any more who was not on the
 * wire already. When a slice fails, those before it stay; doing the whole again does no harm.
 */
#include "internal.h"

#include "postrider/base/arena.h"

#include <stdlib.h>
#include <unistd.h>

#define SLICE_MS 5
#define SLICE_ENTRIES 4096u
#define LOOK_EVERY 64u /* entries between two looks at the clock */

struct pr_audience_desk {
	pr_loop *loop;
	pr_lane *lane;
	pr_audience *store; /* the lane's */
	char *path;
	struct pr_hash_key key; /* of hashes in memory: of this run */
	void (*changed)(void *context, const uint64_t *hashes, size_t n, uint64_t generation);
	void *context;
};

uint64_t
pr_audience_desk_hash(const pr_audience_desk *d, struct pr_str address)
{
	char normal[ADDRESS_MAX + 1];
	struct pr_str key = audience_normal(address, normal);
	return pr_siphash(d->key, key.p, key.n);
}

/* ---- on the lane ---- */

/* 0: known by token, to whoever has to look again. */
static uint64_t
hash_for_watcher(const struct pr_audience_order *o, struct pr_str address, bool added)
{
	char key;
	uint64_t hash;
	bool anyone = added && pr_audience_read_token(address, &key, &hash);
	return anyone ? 0 : pr_audience_desk_hash(o->desk, address);
}

static int
apply_one(struct pr_audience_order *o, const struct pr_suppression *s)
{
	pr_audience *a = o->desk->store;
	bool added = false;
	unsigned removed = 0;
	int r = o->verb == PR_AUDIENCE_REMOVE
	            ? pr_audience_remove(a, s->address, s->scope, &removed, &o->error)
	            : pr_audience_add(a, s, &added, &o->error);
	o->changed += added + removed;
	if (o->hashes)
		o->hashes[o->at - o->slice] = hash_for_watcher(o, s->address, added);
	return r;
}

static int
write_audit(struct pr_audience_order *o)
{
	static const char *const verbs[] = {"add", "import", "remove"};
	static const struct pr_suppression many = {.scope = {"", 0}};
	const struct pr_suppression *s = o->n == 1 ? o->entries : &many;
	bool reason = o->n == 1 && o->verb != PR_AUDIENCE_REMOVE;
	struct pr_audit line = {.at_ms = pr_utc_ms(),
	                        .uid = o->uid,
	                        .by = pr_str(o->by),
	                        .verb = pr_str(verbs[o->verb]),
	                        .address = s->address,
	                        .scope = s->scope.p ? s->scope : PR_STR("every"),
	                        .reason = pr_str(reason ? pr_suppression_word(s->reason) : ""),
	                        .source = o->source,
	                        .n = o->changed};
	return pr_audience_audit(o->desk->store, &line, &o->error);
}

static int
apply_slice(struct pr_audience_order *o)
{
	int64_t end = pr_mono_ms() + SLICE_MS;
	int r = 0;
	while (r == 0 && o->at < o->n && o->at - o->slice < SLICE_ENTRIES) {
		if ((o->at - o->slice) % LOOK_EVERY == LOOK_EVERY - 1 && pr_mono_ms() >= end)
			break;
		r = apply_one(o, &o->entries[o->at]);
		o->at++;
	}
	bool nothing = o->verb == PR_AUDIENCE_REMOVE && o->changed == 0;
	return r == 0 && o->at == o->n && !nothing ? write_audit(o) : r;
}

static int
run_slice(struct pr_audience_order *o)
{
	pr_audience *a = o->desk->store;
	size_t most = o->n - o->at < SLICE_ENTRIES ? o->n - o->at : SLICE_ENTRIES;
	o->slice = o->at;
	if (o->verb != PR_AUDIENCE_REMOVE)
		o->hashes = pr_alloc((most + 1) * sizeof *o->hashes);
	int r = pr_audience_change_begin(a, &o->error);
	if (r < 0)
		return r;
	r = apply_slice(o);
	return pr_audience_change_end(a, r, &o->generation, &o->error);
}

static void
work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_audience_order *o = PR_CONTAINER(job, struct pr_audience_order, job);
	if (o->prepare && o->at == 0)
		o->result = o->prepare(o);
	if (o->result == 0)
		o->result = run_slice(o);
}

/* ---- on the loop ---- */

static void
slice_done(struct pr_job *job)
{
	struct pr_audience_order *o = PR_CONTAINER(job, struct pr_audience_order, job);
	pr_audience_desk *d = o->desk;
	if (o->result == 0 && o->hashes && d->changed)
		d->changed(d->context, o->hashes, o->at - o->slice, o->generation);
	free(o->hashes);
	o->hashes = NULL;
	if (o->result == 0 && o->at < o->n)
		pr_lane_submit(d->lane, &o->job);
	else
		o->done(o, o->result);
}

void
pr_audience_desk_order(pr_audience_desk *d, struct pr_audience_order *o)
{
	o->desk = d;
	o->job.work = work;
	o->job.done = slice_done;
	o->changed = o->at = 0;
	o->hashes = NULL;
	o->result = 0;
	pr_lane_submit(d->lane, &o->job);
}

/* ---- other work ---- */

static void
work_slice(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_audience_work *w = PR_CONTAINER(job, struct pr_audience_work, job);
	pr_audience *a = w->desk->store;
	int r = pr_db_begin(a->db, &w->error);
	if (r == 0) {
		int more = w->step(w, a, pr_mono_ms() + SLICE_MS);
		r = pr_db_end(a->db, more < 0 ? more : 0, &w->error);
		r = r < 0 ? r : more;
	}
	w->result = r;
}

static void
work_slice_done(struct pr_job *job)
{
	struct pr_audience_work *w = PR_CONTAINER(job, struct pr_audience_work, job);
	if (w->result == 1)
		pr_lane_submit(w->desk->lane, &w->job);
	else
		w->done(w, w->result);
}

void
pr_audience_desk_work(pr_audience_desk *d, struct pr_audience_work *w)
{
	if (!d->lane) {
		w->done(w, pr_fail(&w->error, PR_ESTATE, "the daemon ends"));
		return;
	}
	w->desk = d;
	w->job.work = work_slice;
	w->job.done = work_slice_done;
	pr_lane_submit(d->lane, &w->job);
}

/* ---- an order of one, with its own memory ---- */

struct single {
	struct pr_audience_order order;
	struct pr_suppression entry;
	struct pr_arena arena;
	void (*done)(void *context, int result, const struct pr_error *e);
	void *context;
};

static void
single_done(struct pr_audience_order *o, int result)
{
	struct single *one = PR_CONTAINER(o, struct single, order);
	one->done(one->context, result, &o->error);
	pr_arena_finish(&one->arena);
	free(one);
}

static void
copy_texts(struct single *one, const struct pr_suppression *s)
{
	char scope[PR_SCOPE_SIZE];
	const char *why;
	struct pr_str none = {0}, said = s->scope;
	if (!said.p) {
		pr_scope_of(none, none, s->reason, scope, &why); /* one of ours: never refused */
		said = pr_str(scope);
	}
	one->entry = *s;
	one->entry.address = pr_arena_copy(&one->arena, s->address);
	one->entry.scope = pr_arena_copy(&one->arena, said);
	one->entry.note = pr_arena_copy(&one->arena, s->note);
	one->entry.source = pr_arena_copy(&one->arena, s->source);
}

void
pr_audience_desk_suppress(pr_audience_desk *d, const struct pr_suppression *s, const char *by,
                          void (*done)(void *, int, const struct pr_error *), void *context)
{
	if (!d->lane) {
		struct pr_error ending;
		pr_fail(&ending, PR_ESTATE, "the daemon ends");
		done(context, PR_ESTATE, &ending);
		return;
	}
	struct single *one = pr_calloc(1, sizeof *one);
	pr_arena_init(&one->arena);
	copy_texts(one, s);
	one->done = done;
	one->context = context;
	one->order = (struct pr_audience_order){.verb = PR_AUDIENCE_ADD,
	                                        .uid = (uint32_t)getuid(),
	                                        .by = by,
	                                        .source = one->entry.source,
	                                        .entries = &one->entry,
	                                        .n = 1,
	                                        .done = single_done};
	pr_audience_desk_order(d, &one->order);
}

void
pr_audience_desk_watch(pr_audience_desk *d,
                       void (*changed)(void *, const uint64_t *, size_t, uint64_t), void *context)
{
	d->changed = changed;
	d->context = context;
}

const char *
pr_audience_desk_path(const pr_audience_desk *d)
{
	return d->path;
}

void
pr_audience_desk_use(pr_audience_desk *d, const struct pr_audience_keys *keys)
{
	pr_audience_use(d->store, keys);
}

int
pr_audience_desk_open(pr_loop *loop, const char *path, pr_audience_desk **out, struct pr_error *e)
{
	pr_audience_desk *d = pr_calloc(1, sizeof *d);
	struct pr_lane_options lane = {.name = "audience", .threads = 1, .nice = 5};
	d->loop = loop;
	d->path = pr_strdup(path);
	pr_hash_key_random(&d->key);
	int r = pr_audience_open(path, PR_AUDIENCE_WRITE, &d->store, e);
	if (r == 0)
		r = pr_lane_create(loop, &lane, &d->lane, e);
	if (r < 0) {
		pr_audience_desk_close(d);
		return r;
	}
	*out = d;
	return 0;
}

void
pr_audience_desk_stop(pr_audience_desk *d)
{
	if (d->lane)
		pr_lane_destroy(d->lane);
	d->lane = NULL;
}

void
pr_audience_desk_close(pr_audience_desk *d)
{
	pr_audience_desk_stop(d);
	pr_audience_close(d->store);
	free(d->path);
	free(d);
}
