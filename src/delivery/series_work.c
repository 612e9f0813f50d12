/*
 * Series, off the loop: looking at contacts and making rows of them on a lane of their own, with
 * connections that read; writing on the folder lane, a slice at a time.
 */
#include "series.h"

#include "postrider/campaign/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLICE 200u /* people written at once */

/* ---- the series lane's connection ---- */

void
series_open(struct pr_delivery *d)
{
	if (!d->options.audience)
		return;
	struct series_reader *r = d->series = pr_calloc(1, sizeof *r);
	pr_list_init(&r->watches);
	r->path = pr_audience_desk_path(d->options.audience);
}

void
series_close(struct pr_delivery *d)
{
	struct series_reader *r = d->series;
	if (!r)
		return;
	if (r->lane)
		pr_lane_destroy(r->lane);
	series_unwatch(r);
	pr_audience_close(r->audience);
	pr_coupons_free(r->coupons);
	free(r);
	d->series = NULL;
}

int
series_lane(struct pr_delivery *d, pr_lane **out, struct pr_error *e)
{
	struct pr_lane_options o = {.name = "series", .threads = 1, .nice = 5};
	if (!d->series)
		return pr_fail(e, PR_ESTATE, "nobody knows contacts here");
	int r = d->series->lane ? 0 : pr_lane_create(d->loop, &o, &d->series->lane, e);
	if (r == 0)
		*out = d->series->lane;
	return r;
}

static int
begin_work(struct series_job *j, pr_ledger **l, struct pr_series_source *s)
{
	struct series_reader *r = j->reader;
	char path[4200];
	snprintf(path, sizeof path, "%s/ledger.db", j->dir);
	int result =
	    r->audience ? 0 : pr_audience_open(r->path, PR_AUDIENCE_READ, &r->audience, &j->error);
	if (result == 0)
		result = pr_ledger_open(path, PR_LEDGER_READ, l, &j->error);
	*s = (struct pr_series_source){.manifest = j->manifest,
	                               .config = j->config,
	                               .audience = r->audience,
	                               .ledger = *l,
	                               .begun_ms = j->begun_ms,
	                               .now_ms = j->now_ms};
	return result;
}

/* The codes of the version in force. */
int
series_read_coupons(const struct pr_manifest *m, const char *dir, unsigned version,
                    pr_coupons **out, struct pr_error *e)
{
	struct pr_problems problems = {0};
	int campaign = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int folder = campaign < 0 ? -1 : pr_version_open(campaign, version);
	int r = folder < 0 ? pr_fail_errno(e, "cannot open %s", dir)
	                   : pr_coupons_read(&m->coupons, folder, out, &problems, e);
	if (r == PR_EINVAL)
		pr_fail(e, r, "%s: %s", m->coupons.file.p,
		        problems.n ? problems.items[0].what : "cannot be read any more");
	pr_problems_finish(&problems);
	if (folder >= 0)
		close(folder);
	if (campaign >= 0)
		close(campaign);
	return r;
}

static int
find_coupons(struct series_job *j, struct pr_series_source *s)
{
	struct series_reader *r = j->reader;
	struct pr_ledger_identity id;
	if (!j->manifest->coupons.file.p)
		return 0;
	pr_ledger_identity(s->ledger, &id);
	if (!r->coupons || r->serial != id.serial || r->version != j->version) {
		pr_coupons_free(r->coupons);
		r->coupons = NULL;
		r->serial = id.serial;
		r->version = j->version;
		int result =
		    series_read_coupons(j->manifest, j->dir, j->version, &r->coupons, &j->error);
		if (result < 0)
			return result;
	}
	s->coupons = r->coupons;
	return 0;
}

void
work_series_look(struct pr_job *job, void *worker)
{
	(void)worker;
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	int64_t begun = pr_mono_ms();
	struct pr_series_source s;
	pr_ledger *l = NULL;
	j->result = begin_work(j, &l, &s);
	if (j->result == 0)
		j->result = pr_series_look(&s, &j->found, &j->error);
	pr_ledger_close(l);
	j->took_ms = pr_mono_ms() - begun;
}

void
work_series_make(struct pr_job *job, void *worker)
{
	(void)worker;
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	struct pr_series_source s;
	pr_ledger *l = NULL;
	j->result = begin_work(j, &l, &s);
	if (j->result == 0)
		j->result = find_coupons(j, &s);
	if (j->result == 0)
		j->result = pr_series_make(&s, j->due, j->asked.n, &j->arena, j->moves, &j->error);
	pr_ledger_close(l);
}

/* ---- on the folder lane ---- */

static size_t
part(size_t n, size_t at)
{
	return n <= at ? 0 : n - at < SLICE ? n - at : SLICE;
}

bool
series_is_entered(const struct series_job *j)
{
	const struct pr_series_found *f = &j->found;
	return j->at >= f->n && j->at >= f->inside_n && j->at >= f->outside_n;
}

/* Where it has seen to is written with the last slice. */
void
work_series_enter(struct pr_job *job, void *worker)
{
	(void)worker;
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	const struct pr_series_found *f = &j->found;
	size_t at = j->at;
	struct pr_series_entering in = {.entries = f->n ? f->entries + at : NULL,
	                                .n = part(f->n, at),
	                                .inside = f->inside_n ? f->inside + at : NULL,
	                                .inside_n = part(f->inside_n, at),
	                                .outside = f->outside_n ? f->outside + at : NULL,
	                                .outside_n = part(f->outside_n, at),
	                                .seen = -1,
	                                .step = pr_series_next(&j->plan, 0),
	                                .now_ms = j->now_ms,
	                                .again_ms = j->manifest->trigger.again_ms};
	j->at += SLICE;
	if (series_is_entered(j))
		in.seen = f->seen;
	j->result = pr_series_enter(j->ledger, &in, &j->error);
	j->entered = in.entered;
}

void
work_series_ask(struct pr_job *job, void *worker)
{
	(void)worker;
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	j->asked.due = j->due;
	j->asked.max = PR_SERIES_MAKE_MAX;
	j->result = pr_series_ask(j->ledger, &j->plan, j->now_ms, &j->asked, &j->error);
}

void
work_series_move(struct pr_job *job, void *worker)
{
	(void)worker;
	struct series_job *j = PR_CONTAINER(job, struct series_job, job);
	size_t n = part(j->asked.n, j->at);
	for (size_t i = j->at; i < j->at + n; i++)
		if (j->moves[i].row.due_ms)
			j->moves[i].row.due_ms = j->due_ms;
	j->result = pr_series_move(j->ledger, &j->plan, j->moves + j->at, n, j->now_ms,
	                           j->manifest->steps.n > 0, &j->moved, &j->error);
	j->at += n;
}
