/*
 * A campaign's report. One that has ended: the file in its folder. One under way: made now, in
 * a hidden folder of its own in active/ that is removed at once (and by the next start, if it
 * comes to that), so that it can never take the place of the final one.
 *
 * Sent from its descriptor: results.csv of millions of rows is not held in memory.
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct format {
	const char *word, *file, *type;
	int (*write)(const struct pr_report_source *, pr_ledger *, int dir, struct pr_error *);
} formats[] = {
    {"html", "report.html", "text/html; charset=utf-8", pr_report_write_html},
    {"csv", "results.csv", "text/csv; charset=utf-8", pr_report_write_csv},
    {"json", "report.json", "application/json", pr_report_write_json},
};

struct report_job {
	struct pr_job job;
	struct request *request;
	struct pr_report_source source;
	const struct format *format;
	char scratch[4200]; /* "": the file in the campaign's folder */
	int result, fd;
	struct pr_error error;
};

static int
write_in(struct report_job *j, int dir)
{
	pr_ledger *l;
	int r = open_ledger(j->source.dir, &l, &j->error);
	if (r < 0)
		return r;
	r = j->format->write(&j->source, l, dir, &j->error);
	pr_ledger_close(l);
	return r;
}

static void
work_report(struct pr_job *job, void *worker)
{
	(void)worker;
	struct report_job *j = PR_CONTAINER(job, struct report_job, job);
	bool fresh = j->scratch[0] != 0;
	const char *folder = fresh ? j->scratch : j->source.dir;
	if (fresh && mkdir(folder, 0700) < 0) {
		j->result = pr_fail_errno(&j->error, "cannot make a folder in active/");
		return;
	}
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		j->result = pr_fail(&j->error, PR_ENOENT, "there is no such campaign");
	else if (fresh)
		j->result = write_in(j, dir);
	if (j->result == 0) {
		j->fd = openat(dir, j->format->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (j->fd < 0)
			j->result = pr_fail(&j->error, PR_ENOENT, "there is no report of it");
	}
	if (dir >= 0)
		close(dir);
	if (fresh)
		(void)pr_remove_tree(AT_FDCWD, j->scratch);
}

static void
answer_file(struct report_job *j)
{
	struct stat st;
	struct pr_buf none = {0};
	if (j->request->gone || fstat(j->fd, &st) < 0 ||
	    !(j->request->response = MHD_create_response_from_fd64((uint64_t)st.st_size, j->fd))) {
		close(j->fd);
		request_fail(j->request, MHD_HTTP_INTERNAL_SERVER_ERROR, "io", "cannot be read");
		return;
	}
	request_answer(j->request, MHD_HTTP_OK, j->format->type, &none);
}

static void
report_done(struct pr_job *job)
{
	struct report_job *j = PR_CONTAINER(job, struct report_job, job);
	struct request *q = j->request;
	if (j->result < 0)
		request_fail_code(q, j->result, j->error.text);
	else
		answer_file(j);
	free(j);
	request_done(q);
}

static const struct format *
find_format(struct request *q)
{
	const char *word = request_argument(q, "format");
	for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].word, word ? word : "html") == 0)
			return &formats[i];
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "format must be html, csv or json");
	return NULL;
}

void
get_report(struct request *q)
{
	char dir[4096];
	const struct format *format = find_format(q);
	if (!format || !find_folder(q, dir, sizeof dir))
		return;
	struct report_job *j = pr_calloc(1, sizeof *j);
	pr_campaign *c = pr_delivery_find(q->control->options.delivery, q->segments[2]);
	struct pr_campaign_view v = {.dir = dir};
	if (c)
		pr_campaign_view(c, &v);
	pr_report_source_init(&j->source, &v, false);
	pr_report_source_configure(&j->source, q->control->options.config);
	if (c && !v.finished_ms) {
		uint64_t random;
		pr_random(&random, sizeof random);
		snprintf(j->scratch, sizeof j->scratch, "%s/active/.%016llx.part",
		         q->control->options.config->spool.p, (unsigned long long)random);
	}
	j->format = format;
	j->request = q;
	j->fd = -1;
	j->job.work = work_report;
	j->job.done = report_done;
	request_wait(q);
	pr_lane_submit(q->control->reports, &j->job);
}
