/*
 * Check: a campaign composed from its folder, every row, without a daemon and without sending.
 *
 *   recipients file --reader--> bad rows and duplicates are noted here, in the file's order
 *                       \-----> pool composes the others, results come back in that order too
 *
 * Then everything is told: each distinct failure once, at its place in the template, with the
 * line as the file has it.
 */
#include "check_distinct.h"
#include "check_seen.h"
#include "trial.h"

#include "postrider/campaign/recipients.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct check {
	const struct pr_trial *trial;
	struct pr_problems *problems;
	struct pr_error *e;
	pr_content *content;
	struct pool *pool;
	bool compiled, composing; /* it was tried; rows are composed */
	int result;
	struct pr_trial_counts counts;
	struct seen seen;
	struct distinct recipients; /* refused as recipients */
	struct distinct failed, aborted;
};

/* ---- rows ---- */

static void
merge(void *context, const struct composed *c)
{
	struct check *k = context;
	k->counts.good += c->good;
	if (c->octets_max > k->counts.octets_max)
		k->counts.octets_max = c->octets_max;
	for (unsigned i = 0; i < c->failing_n; i++) {
		bool aborted = c->failing[i].code == PR_ECANCELLED;
		k->counts.aborted += aborted;
		k->counts.failed += !aborted;
		distinct_add(aborted ? &k->aborted : &k->failed, &c->failing[i]);
	}
}

/* Rows are read also when they cannot be composed: the file may have problems of its own. */
static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct check *k = context;
	k->compiled = true;
	k->result = pr_trial_compile(k->trial, columns, n, k->problems, &k->content);
	if (k->result < 0 || !k->trial->manifest->sound)
		return true;
	struct pool_options o = {.content = k->content,
	                         .variants = (unsigned)k->trial->manifest->wordings_n,
	                         .utc_ms = k->trial->utc_ms,
	                         .threads = k->trial->threads,
	                         .merge = merge,
	                         .context = k};
	k->result = pool_create(&o, &k->pool, k->e);
	k->composing = k->result == 0;
	return k->composing;
}

static void
refuse(struct check *k, const struct pr_row *row, uint64_t line, const char *why)
{
	struct failing f = {.text = why, .row = row->row, .row_line = line};
	distinct_add(&k->recipients, &f);
}

static bool
on_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct check *k = context;
	if (k->trial->stop && atomic_load_explicit(k->trial->stop, memory_order_relaxed)) {
		k->result = pr_fail(k->e, PR_ECANCELLED, "stopped after %llu rows",
		                    (unsigned long long)k->counts.rows);
		return false;
	}
	k->counts.rows++;
	if (bad) {
		k->counts.bad++;
		refuse(k, row, line, bad);
	} else if (seen_before(&k->seen, row->email)) {
		k->counts.duplicates++;
		refuse(k, row, line, "the address was there before");
	} else if (k->composing)
		pool_add(k->pool, row, line);
	return true;
}

/* ---- telling ---- */

static char *
reach_of(const struct distinct_one *one, const char *recipients)
{
	const struct failing *f = &one->first;
	struct pr_buf b = {0};
	if (one->rows > 1)
		pr_buf_addf(&b, "%llu rows are not sent, the first is ",
		            (unsigned long long)one->rows);
	pr_buf_addf(&b, "row %u", (unsigned)f->row);
	if (f->file)
		pr_buf_addf(&b, recipients ? " (line %llu of %s)" : "",
		            (unsigned long long)f->row_line, recipients);
	if (one->rows == 1)
		pr_buf_adds(&b, " is not sent");
	return b.data;
}

static void
tell_one(struct check *k, const struct distinct_one *one, enum pr_severity severity)
{
	const char *recipients = k->trial->manifest->recipients.file.p;
	const struct failing *f = &one->first;
	const char *aborted = severity == PR_NOTE ? "aborted by the template: " : "";
	struct pr_problem *p = pr_problem_add(k->problems, severity, f->file ? f->file : recipients,
	                                      f->file ? f->line : (unsigned)f->row_line, NULL,
	                                      "%s%s", aborted, f->text);
	if (!p)
		return;
	p->rows = one->rows;
	p->first_row = f->row;
	p->reach = reach_of(one, recipients);
	p->column = f->column;
}

/* The manifest's texts are compiled without the line around them. */
static void
add_excerpts(struct check *k)
{
	for (unsigned i = 0; i < k->problems->n; i++)
		if (!k->problems->items[i].excerpt)
			pr_trial_add_excerpt(k->trial, &k->problems->items[i]);
}

static void
tell(struct check *k, struct distinct *d, enum pr_severity severity, const char *kind)
{
	distinct_sort(d);
	for (unsigned i = 0; i < d->n; i++)
		tell_one(k, &d->items[i], severity);
	struct pr_problem *p =
	    d->more ? pr_problem_add(k->problems, severity, NULL, 0, NULL,
	                             "%s%llu more distinct %s: %llu rows are not sent",
	                             d->more_cut ? "at least " : "", (unsigned long long)d->more,
	                             kind, (unsigned long long)d->more_rows)
		    : NULL;
	if (p)
		p->rows = d->more_rows;
}

/* ---- the whole ---- */

static int
read_rows(struct check *k)
{
	struct pr_recipients_noted noted = {0};
	struct pr_recipients_reader reader = {.header = on_header,
	                                      .each = on_row,
	                                      .context = k,
	                                      .from = k->trial->from,
	                                      .noted = &noted};
	int r = pr_recipients_read(k->trial->manifest, k->trial->dir, &reader, k->problems, k->e);
	k->counts.machine = noted.machine;
	pool_destroy(k->pool);
	if (!k->compiled) /* the file has no header: templates are looked at all the same */
		k->result = pr_trial_compile(k->trial, NULL, 0, k->problems, &k->content);
	return k->result < 0 ? k->result : r;
}

int
pr_message_check(const struct pr_trial *trial, struct pr_trial_counts *counts,
                 struct pr_problems *problems, struct pr_error *e)
{
	struct check *k = pr_calloc(1, sizeof *k);
	*k = (struct check){.trial = trial, .problems = problems, .e = e};
	seen_init(&k->seen);
	distinct_init(&k->recipients);
	distinct_init(&k->failed);
	distinct_init(&k->aborted);
	int r = read_rows(k);
	bool none = r == 0 && k->composing && k->counts.rows && !k->counts.good;
	enum pr_severity severity = none ? PR_PROBLEM : PR_WARNING;
	tell(k, &k->failed, severity, "errors of templates");
	tell(k, &k->aborted, PR_NOTE, "reasons to leave rows out");
	tell(k, &k->recipients, severity, "faults of rows");
	add_excerpts(k);
	k->counts.duplicates_cut = k->seen.n == SEEN_MAX;
	*counts = k->counts;
	if (k->content)
		pr_content_unref(k->content);
	distinct_finish(&k->aborted);
	distinct_finish(&k->failed);
	distinct_finish(&k->recipients);
	seen_finish(&k->seen);
	free(k);
	return none ? pr_fail(e, PR_EINVAL, "no row can be sent") : r;
}
