/*
 *   timer -> lane: a file of new/, read -> the desk ... done -> lane: moved to cur/ -> the next one
 *
 * How it fails: what cannot be read or moved is told and waits, longer than usual.
 */
#include "postrider/feedback/maildir.h"

#include "desk_internal.h"

#include "postrider/base/file.h"
#include "postrider/base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_MS (3 * PR_SECOND_MS)
#define FAILED_MS PR_MINUTE_MS

struct pr_feedback_maildir {
	pr_feedback_desk *desk;
	const struct pr_config *config;
	struct pr_timer timer;
	struct pr_job job;
	bool busy, stopped;
	char path[4096]; /* of the maildir */
	char name[256];  /* of the file; "": there is none */
	struct pr_buf octets;
	struct pr_feedback_mail mail;
	int result;
	struct pr_error error;
};

/* ---- on the desk's lane ---- */

/* Its begin, where it is longer than what is looked at. */
static int
read_file(struct pr_feedback_maildir *m, int dir)
{
	int fd = openat(dir, m->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	pr_buf_grow(&m->octets, PR_FEEDBACK_SIZE_MAX);
	while (n > 0 && m->octets.len < PR_FEEDBACK_SIZE_MAX) {
		n = read(fd, m->octets.data + m->octets.len, PR_FEEDBACK_SIZE_MAX - m->octets.len);
		m->octets.len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		pr_fail_errno(&m->error, "cannot read %s/new/%s", m->path, m->name);
	if (fd >= 0)
		close(fd);
	return n < 0 ? PR_ESYSTEM : 0;
}

static int
read_one(struct pr_feedback_maildir *m, int dir)
{
	DIR *d = fdopendir(dir);
	struct dirent *entry;
	PR_ASSERT(d != NULL); /* out of memory */
	while (!m->name[0] && (entry = readdir(d)))
		if (entry->d_name[0] != '.' &&
		    (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN))
			snprintf(m->name, sizeof m->name, "%s", entry->d_name);
	int r = m->name[0] ? read_file(m, dir) : 0;
	closedir(d);
	return r;
}

static void
work_read(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_feedback_maildir *m = PR_CONTAINER(job, struct pr_feedback_maildir, job);
	char path[4200];
	snprintf(path, sizeof path, "%s/new", m->path);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	m->result =
	    dir < 0 ? pr_fail_errno(&m->error, "cannot look into %s", path) : read_one(m, dir);
}

static void
work_move(struct pr_job *job, void *worker)
{
	(void)worker;
	struct pr_feedback_maildir *m = PR_CONTAINER(job, struct pr_feedback_maildir, job);
	char from[4400], to[4420];
	snprintf(from, sizeof from, "%s/new/%s", m->path, m->name);
	snprintf(to, sizeof to, "%s/cur/%s%s", m->path, m->name,
	         strstr(m->name, ":2,") ? "" : ":2,S");
	m->result = rename(from, to) < 0 || pr_fsync_dir(AT_FDCWD, m->path) < 0
	                ? pr_fail_errno(&m->error, "cannot move %s", from)
	                : 0;
}

/* ---- on the loop ---- */

static void look(struct pr_feedback_maildir *m);

static void
wait(struct pr_feedback_maildir *m, int64_t ms)
{
	m->busy = false;
	if (!m->stopped)
		pr_timer_start(&m->timer, ms);
}

static void
fail(struct pr_feedback_maildir *m)
{
	PR_LOG(PR_LOG_WARNING, "maildir_failed", "bounce.maildir: %s", m->error.text);
	wait(m, FAILED_MS);
}

static void
submit(struct pr_feedback_maildir *m, void (*work)(struct pr_job *, void *),
       void (*done)(struct pr_job *))
{
	if (m->stopped) {
		m->busy = false;
		return;
	}
	m->busy = true;
	m->job.work = work;
	m->job.done = done;
	pr_lane_submit(m->desk->lane, &m->job);
}

static void
moved(struct pr_job *job)
{
	struct pr_feedback_maildir *m = PR_CONTAINER(job, struct pr_feedback_maildir, job);
	if (m->result < 0)
		fail(m);
	else
		look(m);
}

static void
on_acted(struct pr_feedback_mail *mail, int result, const struct pr_error *e)
{
	struct pr_feedback_maildir *m = PR_CONTAINER(mail, struct pr_feedback_maildir, mail);
	(void)e; /* the desk has told it */
	if (result < 0)
		wait(m, LOOK_MS);
	else
		submit(m, work_move, moved);
}

static void
was_read(struct pr_job *job)
{
	struct pr_feedback_maildir *m = PR_CONTAINER(job, struct pr_feedback_maildir, job);
	if (m->result < 0)
		fail(m);
	else if (!m->name[0] || m->stopped)
		wait(m, LOOK_MS);
	else {
		m->mail =
		    (struct pr_feedback_mail){.octets = pr_buf_str(&m->octets), .done = on_acted};
		pr_feedback_take(m->desk, &m->mail);
	}
}

static void
look(struct pr_feedback_maildir *m)
{
	if (!m->config->bounce.maildir.p) {
		wait(m, LOOK_MS);
		return;
	}
	snprintf(m->path, sizeof m->path, "%s", m->config->bounce.maildir.p);
	m->name[0] = 0;
	pr_buf_empty(&m->octets);
	submit(m, work_read, was_read);
}

static void
on_timer(struct pr_timer *t)
{
	look(PR_CONTAINER(t, struct pr_feedback_maildir, timer));
}

pr_feedback_maildir *
pr_feedback_maildir_open(pr_loop *loop, const struct pr_config *config, pr_feedback_desk *desk)
{
	pr_feedback_maildir *m = pr_calloc(1, sizeof *m);
	m->desk = desk;
	m->config = config;
	pr_timer_init(&m->timer, loop, on_timer);
	pr_timer_start(&m->timer, LOOK_MS);
	return m;
}

void
pr_feedback_maildir_reload(pr_feedback_maildir *m, const struct pr_config *config)
{
	m->config = config;
}

void
pr_feedback_maildir_stop(pr_feedback_maildir *m)
{
	if (!m)
		return;
	m->stopped = true;
	pr_timer_stop(&m->timer);
}

void
pr_feedback_maildir_close(pr_feedback_maildir *m)
{
	if (!m)
		return;
	pr_buf_finish(&m->octets);
	free(m);
}
