/*
 * The journal on the loop: append, write at the turn's end, tell what became durable.
 *
 *   append   encodes straight into the buffer; segments are only arithmetic here
 *   flush    (PR_TURN_JOURNAL) pwrites the buffer: one call a turn, one more where a
 *            segment ends; then the thread (writer.c) has something to sync
 *   on_tell  posted by the thread: durable, full, failed
 *
 * Segments of one start follow each other without gaps, all of one capacity, so the
 * thread makes them ahead. A record never crosses a segment's end: the rest is a PAD
 * (or zeroes, where not even a PAD fits), and the next segment opens with a PAD that
 * says what is durable, which recovery starts from (recover.c).
 *
 * How it fails. A failed write or sync: on_failure once, from then on appends only
 * count, nothing is written and nothing becomes durable. A burst larger than what is
 * ready waits for the thread to make segments; where there is no room even for that
 * the reserve is used up and this, too, is a failure.
 */
#include "internal.h"

#include "wire.h"

#include <stdlib.h>

#define BUFFER_LEAST ((size_t)256 << 10)
#define BUFFER_KEPT ((size_t)4 << 20) /* after a burst the rest is given back */
#define RETRY_MS 1000

/* ---- failing ---- */

static void
fail(pr_journal *j, const struct pr_error *error)
{
	if (j->failed)
		return;
	j->failed = true;
	j->n = 0;
	pr_timer_stop(&j->retry);
	pthread_mutex_lock(&j->shared.lock);
	j->shared.failed = true;
	pthread_mutex_unlock(&j->shared.lock);
	if (j->options.on_failure)
		j->options.on_failure(j->options.context, error);
}

/* ---- append ---- */

static char *
reserve(pr_journal *j, size_t size)
{
	if (j->cap - j->n < size) {
		size_t cap = j->cap ? j->cap * 2 : BUFFER_LEAST;
		j->buffer = pr_realloc(j->buffer, cap);
		j->cap = cap;
	}
	char *p = j->buffer + j->n;
	j->n += size;
	return p;
}

void
journal_put(pr_journal *j, struct pr_record *r)
{
	size_t size = pr_record_size(r->payload_n);
	r->lsn = j->end;
	j->end += size;
	if (!j->failed)
		pr_record_write(reserve(j, size), r, j->head.salt);
}

static void
put_pad(pr_journal *j, const char *payload, size_t n)
{
	struct pr_record pad = {
	    .type = PR_RECORD_PAD, .payload = payload, .payload_n = (uint16_t)n};
	journal_put(j, &pad);
}

void
journal_open_segment(pr_journal *j)
{
	char durable[8];
	put64(durable, j->durable);
	j->segment_end = j->end + j->head.capacity;
	put_pad(j, durable, sizeof durable);
}

/* Less than a record of the largest size is left in this segment: fill it. */
static void
end_segment(pr_journal *j)
{
	static const char zeroes[PR_PAYLOAD_MAX];
	size_t left = (size_t)(j->segment_end - j->end);
	if (left >= PR_RECORD_HEADER)
		put_pad(j, zeroes, left - PR_RECORD_HEADER);
	else if (left) {
		j->end += left;
		if (!j->failed)
			memset(reserve(j, left), 0, left);
	}
}

uint64_t
pr_journal_append(pr_journal *j, struct pr_record *r)
{
	if (j->segment_end - j->end < pr_record_size(r->payload_n)) {
		end_segment(j);
		journal_open_segment(j);
	}
	journal_put(j, r);
	j->records++;
	pr_turn_ask(&j->hook);
	return r->lsn;
}

/* ---- write ---- */

struct open_segment *
journal_find_open(pr_journal *j, uint64_t base)
{
	PR_LIST_EACH(link, &j->shared.open) {
		struct open_segment *s = PR_CONTAINER(link, struct open_segment, link);
		if (s->base == base)
			return s;
	}
	return NULL;
}

/* The segment that begins at `written`. Mostly it is there; after a burst the thread
 * has to make it, and where it could not, it tries once more. With the lock held. */
static struct open_segment *
await_segment(pr_journal *j)
{
	struct shared *s = &j->shared;
	unsigned tries = s->tries;
	struct open_segment *found;
	while (!(found = journal_find_open(j, j->written)) && !s->failed) {
		if (s->full && s->tries != tries)
			return NULL;
		s->retry = s->full;
		journal_wake(j);
		pthread_cond_wait(&s->made, &s->lock);
	}
	return found;
}

static int
enter_segment(pr_journal *j)
{
	struct pr_error error;
	pthread_mutex_lock(&j->shared.lock);
	j->shared.written = j->written;
	j->shared.writing_base = j->written;
	struct open_segment *s = await_segment(j);
	if (s) {
		j->fd = s->fd;
		j->fd_end = s->base + j->head.capacity;
	} else if (j->shared.failed)
		error = j->shared.error;
	else
		pr_fail(&error, PR_ENOSPC, "no room for the journal, and its reserve is used up");
	journal_wake(j);
	pthread_mutex_unlock(&j->shared.lock);
	if (s)
		return 0;
	fail(j, &error);
	return error.code;
}

static int
write_piece(pr_journal *j, const char *from, size_t n)
{
	struct pr_error error;
	uint64_t base = j->fd_end - j->head.capacity;
	if (segment_pwrite(&j->disk, j->fd, from, n, SEGMENT_HEADER + (j->written - base)) == 0) {
		j->written += n;
		return 0;
	}
	char name[SEGMENT_NAME];
	int r = pr_fail_errno(&error, "cannot write the journal's segment %s",
	                      segment_name(base, name));
	fail(j, &error);
	return r;
}

static int
write_buffer(pr_journal *j)
{
	const char *from = j->buffer;
	while (j->written < j->end) {
		int r = j->written == j->fd_end ? enter_segment(j) : 0;
		uint64_t until = j->end < j->fd_end ? j->end : j->fd_end;
		size_t n = (size_t)(until - j->written);
		if (r == 0)
			r = write_piece(j, from, n);
		if (r < 0)
			return r;
		from += n;
	}
	j->n = 0;
	if (j->cap > BUFFER_KEPT) {
		free(j->buffer);
		j->buffer = NULL;
		j->cap = 0;
	}
	return 0;
}

int
pr_journal_flush(pr_journal *j)
{
	if (j->failed)
		return PR_EIO;
	if (j->written == j->end)
		return 0;
	int r = write_buffer(j);
	if (r < 0)
		return r;
	pthread_mutex_lock(&j->shared.lock);
	j->shared.written = j->written;
	journal_wake(j);
	pthread_mutex_unlock(&j->shared.lock);
	return 0;
}

void
journal_on_turn_end(struct pr_turn_hook *hook)
{
	pr_journal_flush(PR_CONTAINER(hook, pr_journal, hook));
}

/* ---- what the thread tells ---- */

static void
run_waiters(pr_journal *j)
{
	while (!pr_list_empty(&j->waiters)) {
		struct pr_journal_waiter *w =
		    PR_CONTAINER(j->waiters.next, struct pr_journal_waiter, link);
		if (w->lsn > j->durable)
			return;
		pr_list_remove(&w->link);
		w->durable(w); /* may free w, and wait again */
	}
}

static void
on_space(pr_journal *j, bool full)
{
	j->full = full;
	if (full)
		pr_timer_start(&j->retry, RETRY_MS);
	else
		pr_timer_stop(&j->retry);
	if (j->options.on_space)
		j->options.on_space(j->options.context, full);
}

void
journal_on_tell(struct pr_post *post)
{
	pr_journal *j = PR_CONTAINER(post, pr_journal, post);
	pthread_mutex_lock(&j->shared.lock);
	uint64_t durable = j->shared.synced;
	bool full = j->shared.full, failed = j->shared.failed;
	struct pr_error error = j->shared.error;
	j->shared.told = false;
	pthread_mutex_unlock(&j->shared.lock);
	if (durable > j->durable) {
		j->durable = durable;
		if (j->options.on_durable)
			j->options.on_durable(j->options.context, durable);
	}
	run_waiters(j);
	if (failed)
		fail(j, &error);
	else if (full != j->full)
		on_space(j, full);
}

void
journal_on_retry(struct pr_timer *timer)
{
	pr_journal *j = PR_CONTAINER(timer, pr_journal, retry);
	pthread_mutex_lock(&j->shared.lock);
	j->shared.retry = true;
	journal_wake(j);
	pthread_mutex_unlock(&j->shared.lock);
	pr_timer_start(&j->retry, RETRY_MS);
}

void
pr_journal_wait(pr_journal *j, struct pr_journal_waiter *w)
{
	w->lsn = j->end;
	pr_list_push(&j->waiters, &w->link);
	if (w->lsn > j->durable)
		return;
	/* All is durable already: still not from within this call. */
	pthread_mutex_lock(&j->shared.lock);
	journal_tell(j);
	pthread_mutex_unlock(&j->shared.lock);
}

/* ---- looking ---- */

uint64_t
pr_journal_end(const pr_journal *j)
{
	return j->end;
}

uint64_t
pr_journal_written(const pr_journal *j)
{
	return j->written;
}

uint64_t
pr_journal_boot_lsn(const pr_journal *j)
{
	return j->boot_lsn;
}

uint64_t
pr_journal_durable(const pr_journal *j)
{
	return j->durable;
}

static void
release_to(pr_journal *j, uint64_t lsn)
{
	pthread_mutex_lock(&j->shared.lock);
	if (lsn > j->shared.release) {
		j->shared.release = lsn;
		journal_wake(j);
	}
	pthread_mutex_unlock(&j->shared.lock);
}

void
pr_journal_release(pr_journal *j, uint64_t lsn, uint64_t keep)
{
	uint64_t kept_from = j->end > keep ? j->end - keep : 0;
	lsn = lsn < j->durable ? lsn : j->durable;
	lsn = lsn < kept_from ? lsn : kept_from;
	if (lsn > j->released)
		j->released = lsn;
	release_to(j, j->released < j->held ? j->released : j->held);
}

void
pr_journal_hold(pr_journal *j, uint64_t lsn)
{
	j->held = lsn;
	release_to(j, j->released < lsn ? j->released : lsn);
}

void
pr_journal_stats(const pr_journal *j, struct pr_journal_stats *out)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)&j->shared.lock;
	const struct shared *s = &j->shared;
	*out = (struct pr_journal_stats){.records = j->records, .octets = j->end - j->began};
	pthread_mutex_lock(lock);
	out->syncs = s->syncs;
	out->sync_us_total = s->sync_us_total;
	out->sync_us_max = s->sync_us_max;
	memcpy(out->sync_histogram, s->sync_histogram, sizeof out->sync_histogram);
	pthread_mutex_unlock(lock);
}
