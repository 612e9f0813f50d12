/*
 * The journal's thread: keeps segments ready, syncs, removes what was released. It
 * looks at what is to do, does one thing without the lock, and looks again; so syncs
 * follow each other back to back as long as there is something to sync, and one covers
 * all that was written until it began.
 *
 * Segments: two more than the one being written are kept ready. The second is the
 * reserve: where it cannot be made, the journal is full and says so while a whole
 * segment is still there for what is in flight.
 *
 * How it fails. No room: `full`, tried again when the loop's timer asks for it or when
 * segments were released. A failed sync: `failed`, for good. It is never tried again:
 * after a failed fsync the kernel may have dropped the pages and call the next one a
 * success.
 */
#include "internal.h"

#include "postrider/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define AHEAD 2

void
journal_tell(struct pr_journal *j)
{
	if (j->shared.told)
		return;
	j->shared.told = true;
	pr_loop_post(j->loop, &j->post);
}

void
journal_wake(struct pr_journal *j)
{
	if (j->shared.sleeping)
		pthread_cond_signal(&j->shared.work);
}

static void
fail_locked(struct pr_journal *j, const struct pr_error *error)
{
	if (j->shared.failed)
		return;
	j->shared.failed = true;
	j->shared.error = *error;
	journal_tell(j);
}

/* ---- segments ---- */

int
journal_make_segment(struct pr_journal *j, uint64_t base, struct pr_error *e)
{
	struct segment_head head = j->head;
	head.base = base;
	int fd = segment_create(j->dir, &head, &j->disk, e);
	if (fd < 0)
		return fd;
	struct open_segment *s = pr_alloc(sizeof *s);
	*s = (struct open_segment){.base = base, .fd = fd};
	pthread_mutex_lock(&j->shared.lock);
	pr_list_push(&j->shared.open, &s->link);
	j->shared.last_base = base;
	segment_list_add(&j->shared.disk, base);
	pthread_mutex_unlock(&j->shared.lock);
	return 0;
}

static bool
wants_segment(const struct pr_journal *j)
{
	const struct shared *s = &j->shared;
	return s->last_base < s->writing_base + AHEAD * j->head.capacity && (!s->full || s->retry);
}

static void
make_segment(struct pr_journal *j)
{
	struct shared *s = &j->shared;
	struct pr_error error;
	uint64_t base = s->last_base + j->head.capacity;
	s->retry = false;
	pthread_mutex_unlock(&s->lock);
	int r = journal_make_segment(j, base, &error);
	pthread_mutex_lock(&s->lock);
	/* Too many descriptors, a quota, a limit of file size: like a full disk they hold up
	 * what is new, and may pass. */
	if (r == PR_EIO)
		fail_locked(j, &error);
	if (s->full != (r < 0)) {
		s->full = r < 0;
		journal_tell(j);
	}
	s->tries++;
	pthread_cond_broadcast(&s->made);
}

/* ---- release ---- */

static bool
wants_release(const struct pr_journal *j)
{
	const struct shared *s = &j->shared;
	return s->disk.n > 1 && s->disk.bases[1] <= s->release;
}

static void
release(struct pr_journal *j)
{
	struct shared *s = &j->shared;
	char name[SEGMENT_NAME];
	while (wants_release(j)) {
		segment_name(s->disk.bases[0], name);
		segment_list_drop_first(&s->disk);
		pthread_mutex_unlock(&s->lock);
		/* A file that stays is found again by the next start: nothing is lost by it. */
		(void)unlinkat(j->dir, name, 0);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	(void)fsync(j->dir);
	pthread_mutex_lock(&s->lock);
	s->retry = s->full;
}

/* ---- sync ---- */

static int
sync_below(struct pr_journal *j, uint64_t lsn, struct pr_error *e)
{
	PR_LIST_EACH(link, &j->shared.open) {
		struct open_segment *s = PR_CONTAINER(link, struct open_segment, link);
		if (s->base >= lsn)
			break;
		if (j->disk.sync(s->fd) < 0) {
			char name[SEGMENT_NAME];
			pr_fail_errno(e, "cannot sync the journal's segment %s",
			              segment_name(s->base, name));
			return e->code = PR_EIO;
		}
	}
	return 0;
}

static void
close_below(struct pr_journal *j, uint64_t lsn)
{
	PR_LIST_EACH(link, &j->shared.open) {
		struct open_segment *s = PR_CONTAINER(link, struct open_segment, link);
		if (s->base + j->head.capacity > lsn)
			break;
		pr_list_remove(&s->link);
		close(s->fd);
		free(s);
	}
}

static void
count_sync(struct shared *s, int64_t took_us)
{
	uint64_t us = took_us > 0 ? (uint64_t)took_us : 0;
	unsigned i = 0;
	while (i < 15 && us > (uint64_t)64 << i)
		i++;
	s->sync_histogram[i]++;
	s->syncs++;
	s->sync_us_total += us;
	if (us > s->sync_us_max)
		s->sync_us_max = us;
}

static void
sync_written(struct pr_journal *j)
{
	struct shared *s = &j->shared;
	struct pr_error error;
	uint64_t lsn = s->written;
	pthread_mutex_unlock(&s->lock);
	int64_t began = pr_mono_us();
	int r = sync_below(j, lsn, &error);
	int64_t took = pr_mono_us() - began;
	pthread_mutex_lock(&s->lock);
	if (r < 0) {
		fail_locked(j, &error);
		pthread_cond_broadcast(&s->made);
		return;
	}
	count_sync(s, took);
	s->synced = lsn;
	close_below(j, lsn);
	journal_tell(j);
}

/* One thing that is to do; false when there is none. With the lock held. */
static bool
do_one(struct pr_journal *j)
{
	struct shared *s = &j->shared;
	if (s->failed)
		return false;
	if (wants_segment(j) && !s->stopping)
		make_segment(j);
	else if (wants_release(j))
		release(j);
	else if (s->written > s->synced)
		sync_written(j);
	else
		return false;
	return true;
}

void *
journal_writer(void *journal)
{
	struct pr_journal *j = journal;
	struct shared *s = &j->shared;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		if (do_one(j))
			continue;
		if (s->stopping)
			break;
		s->sleeping = true;
		pthread_cond_wait(&s->work, &s->lock);
		s->sleeping = false;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
