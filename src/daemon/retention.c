/*
 * Retention: finished campaigns go after retention.done, refused ones after
 * retention.rejected, looked for once an hour on the reports lane. A finished folder is as old
 * as its report.json, a refused one as its errors.txt; a folder without that file is left
 * alone: it is none of ours. Links of mail sent before retention.tokens lead nowhere any more.
 */
#include "daemon.h"

#include "postrider/base/file.h"
#include "postrider/base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define EVERY_MS PR_HOUR_MS

struct retention_job {
	struct pr_job job;
	char spool[4096], state_db[4200];
	int64_t done_ms, rejected_ms, tokens_ms, now_ms;
	unsigned removed;
	int links; /* how dropping them went */
	struct pr_error error;
};

static bool
is_old(int dir, const char *name, const char *file, int64_t before_ms)
{
	char path[600];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", name, file);
	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (int64_t)st.st_mtime * 1000 < before_ms;
}

static unsigned
sweep(const char *spool, const char *folder, const char *file, int64_t before_ms)
{
	char path[4200];
	unsigned removed = 0;
	snprintf(path, sizeof path, "%s/%s", spool, folder);
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.' && is_old(dirfd(d), entry->d_name, file, before_ms))
			removed += pr_remove_tree(dirfd(d), entry->d_name) == 0;
	if (d)
		closedir(d);
	return removed;
}

static void
drop_links(struct retention_job *j)
{
	pr_statedb *db;
	j->links = pr_statedb_open(j->state_db, &db, &j->error);
	if (j->links < 0)
		return;
	j->links = pr_statedb_drop_links(db, j->now_ms - j->tokens_ms, &j->error);
	pr_statedb_close(db);
}

static void
work_retention(struct pr_job *job, void *worker)
{
	(void)worker;
	struct retention_job *j = PR_CONTAINER(job, struct retention_job, job);
	j->removed = sweep(j->spool, "done", "report.json", j->now_ms - j->done_ms) +
	             sweep(j->spool, "rejected", "errors.txt", j->now_ms - j->rejected_ms);
	drop_links(j);
}

static void
retention_done(struct pr_job *job)
{
	struct retention_job *j = PR_CONTAINER(job, struct retention_job, job);
	if (j->removed)
		PR_LOG(PR_LOG_INFO, "retention", "%u old folders removed", j->removed);
	if (j->links < 0)
		PR_LOG(PR_LOG_WARNING, "retention", "%s; tried again", j->error.text);
	free(j);
}

static void
on_retention(struct pr_timer *t)
{
	struct daemon *d = PR_CONTAINER(t, struct daemon, retention);
	struct retention_job *j = pr_calloc(1, sizeof *j);
	snprintf(j->spool, sizeof j->spool, "%s", d->config->spool.p);
	j->done_ms = d->config->retention.done;
	j->rejected_ms = d->config->retention.rejected;
	j->tokens_ms = d->config->retention.tokens;
	snprintf(j->state_db, sizeof j->state_db, "%s/state.db", d->config->state.p);
	j->now_ms = pr_utc_ms();
	j->job.work = work_retention;
	j->job.done = retention_done;
	pr_lane_submit(d->reports, &j->job);
	pr_timer_start(t, EVERY_MS);
}

void
retention_open(struct daemon *d)
{
	pr_timer_init(&d->retention, d->loop, on_retention);
	pr_timer_start(&d->retention, PR_MINUTE_MS);
}
