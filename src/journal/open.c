/*
 * Opening and closing the journal: the folder and its lock, the boot, recovery
 * (recover.c), the first segment of this start with START in it, the thread.
 *
 * How it fails: whatever fails here ends the opening with an error; what was made until
 * then is closed, and the files are such that the next opening finds the same end.
 */
#include "internal.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"
#include "postrider/base/hash.h"
#include "recover.h"
#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int
os_fallocate(int fd, off_t size)
{
	return posix_fallocate(fd, 0, size);
}

static const struct pr_journal_disk os_disk = {os_fallocate, pwrite, fdatasync};

static int
open_folder(pr_journal *j, struct pr_error *e)
{
	const char *dir = j->options.dir;
	if (pr_mkdirs(dir, 0750) < 0)
		return pr_fail_errno(e, "cannot make the journal's folder %s", dir);
	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0 || pr_fsync_dir(j->dir, "..") < 0)
		return pr_fail_errno(e, "cannot open the journal's folder %s", dir);
	if (flock(j->dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
		           ? pr_fail(e, PR_ESTATE, "another daemon uses the journal in %s", dir)
		           : pr_fail_errno(e, "cannot lock the journal's folder %s", dir);
	return 0;
}

static int
read_boot_id(const char *given, char *out, struct pr_error *e)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	struct pr_buf b = {0};
	int r = given ? 0 : pr_file_read(AT_FDCWD, path, 64, &b, e);
	struct pr_str id = pr_str_trim(given ? pr_str(given) : pr_buf_str(&b));
	if (r == 0 && id.n != PR_BOOT_ID)
		r = pr_fail(e, PR_ESYSTEM, "%s does not hold a boot id", path);
	if (r == 0)
		memcpy(out, id.p, PR_BOOT_ID);
	pr_buf_finish(&b);
	return r;
}

static void
append_start(pr_journal *j)
{
	struct pr_record start = {.type = PR_RECORD_START,
	                          .at_ms = pr_utc_ms(),
	                          .payload = j->head.boot_id,
	                          .payload_n = PR_BOOT_ID};
	journal_open_segment(j);
	journal_put(j, &start);
	j->records++;
}

/* The first segment of this start, with START in it, durable. */
static int
begin(pr_journal *j, uint64_t base, struct pr_error *e)
{
	struct shared *s = &j->shared;
	j->began = j->end = j->written = j->durable = s->synced = s->writing_base = base;
	int r = journal_make_segment(j, base, e);
	if (r < 0)
		return r;
	struct open_segment *first = journal_find_open(j, base);
	append_start(j);
	if (segment_pwrite(&j->disk, first->fd, j->buffer, j->n, SEGMENT_HEADER) < 0 ||
	    j->disk.sync(first->fd) < 0)
		return pr_fail_errno(e, "cannot write the journal in %s", j->options.dir);
	j->fd = first->fd;
	j->fd_end = base + j->head.capacity;
	j->written = j->durable = s->written = s->synced = j->end;
	j->n = 0;
	return 0;
}

static int
start(pr_journal *j, bool *same_boot, struct pr_error *e)
{
	struct recovered found;
	int r = open_folder(j, e);
	if (r == 0)
		r = journal_rewrite_again(j->dir, e);
	if (r == 0)
		r = read_boot_id(j->options.boot_id, j->head.boot_id, e);
	if (r == 0)
		r = journal_recover(j->dir, j->head.boot_id, &found, e);
	if (r < 0)
		return r;
	j->shared.disk = found.segments;
	uint64_t floor = (j->options.floor + 7) & ~(uint64_t)7;
	r = begin(j, found.end > floor ? found.end : floor, e);
	if (r == 0)
		r = pr_thread_start(&j->thread, "journal", 0, journal_writer, j, e);
	if (r < 0)
		return r;
	*same_boot = !found.any || found.boot_lsn;
	j->boot_lsn = found.boot_lsn ? found.boot_lsn : j->began;
	return 0;
}

static pr_journal *
allocate(pr_loop *loop, const struct pr_journal_options *o)
{
	pr_journal *j = pr_calloc(1, sizeof *j);
	j->held = UINT64_MAX;
	size_t size = o->segment_size ? o->segment_size : SEGMENT_DEFAULT;
	j->loop = loop;
	j->options = *o;
	j->disk = o->disk ? *o->disk : os_disk;
	j->dir = -1;
	j->head.capacity = (size - SEGMENT_HEADER) & ~(uint64_t)7;
	pr_random(&j->head.salt, sizeof j->head.salt);
	pr_turn_hook_init(&j->hook, loop, PR_TURN_JOURNAL, journal_on_turn_end);
	pr_timer_init(&j->retry, loop, journal_on_retry);
	pr_list_init(&j->waiters);
	pr_list_init(&j->shared.open);
	j->post.run = journal_on_tell;
	pthread_mutex_init(&j->shared.lock, NULL);
	pthread_cond_init(&j->shared.work, NULL);
	pthread_cond_init(&j->shared.made, NULL);
	return j;
}

static void
dispose(pr_journal *j)
{
	struct pr_list *link;
	while ((link = pr_list_shift(&j->shared.open))) {
		struct open_segment *s = PR_CONTAINER(link, struct open_segment, link);
		close(s->fd);
		free(s);
	}
	if (j->dir >= 0)
		close(j->dir);
	pr_timer_stop(&j->retry);
	pr_turn_hook_finish(&j->hook);
	segment_list_finish(&j->shared.disk);
	pthread_cond_destroy(&j->shared.made);
	pthread_cond_destroy(&j->shared.work);
	pthread_mutex_destroy(&j->shared.lock);
	free(j->buffer);
	free(j);
}

int
pr_journal_open(pr_loop *loop, const struct pr_journal_options *options, bool *same_boot,
                pr_journal **out, struct pr_error *e)
{
	size_t size = options->segment_size;
	if (size && (size < SEGMENT_MIN || size > SEGMENT_MAX))
		return pr_fail(e, PR_EINVAL, "a segment of the journal has %zu octets or more",
		               SEGMENT_MIN);
	if (options->floor > LSN_MAX)
		return pr_fail(e, PR_ECORRUPT, "the lsn %llu is not of any journal",
		               (unsigned long long)options->floor);
	pr_journal *j = allocate(loop, options);
	int r = start(j, same_boot, e);
	if (r < 0) {
		dispose(j);
		return r;
	}
	*out = j;
	return 0;
}

void
pr_journal_close(pr_journal *j)
{
	if (!j)
		return;
	pr_journal_flush(j);
	pthread_mutex_lock(&j->shared.lock);
	j->shared.stopping = true;
	journal_wake(j);
	pthread_mutex_unlock(&j->shared.lock);
	pthread_join(j->thread, NULL);
	pr_loop_run_posts(j->loop); /* the thread's last word, and nothing of it behind us */
	dispose(j);
}
