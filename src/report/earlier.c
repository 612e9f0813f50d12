/*
 * The sender's own earlier campaigns: report.json of the newest folders in done/, as far as they
 * are of the same list and class and large enough to say something. What cannot be read is passed
 * over: a report never fails because of another one.
 */
#include "model.h"
#include "report_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct folders { /* names, the newest last to go */
	char *names[EARLIER_LOOKED];
	unsigned n;
};

/* Ids begin with the day: the largest names are the newest. */
static void
keep_newest(struct folders *f, const char *name)
{
	unsigned at = f->n;
	while (at > 0 && strcmp(f->names[at - 1], name) < 0)
		at--;
	if (at == EARLIER_LOOKED)
		return;
	if (f->n == EARLIER_LOOKED)
		free(f->names[--f->n]);
	memmove(&f->names[at + 1], &f->names[at], (f->n - at) * sizeof *f->names);
	f->names[at] = pr_strdup(name);
	f->n++;
}

static json_t *
read_report(int done, const char *name)
{
	char path[300];
	struct pr_buf text = {0};
	struct pr_error e;
	json_t *report = NULL;
	if (snprintf(path, sizeof path, "%s/report.json", name) < (int)sizeof path &&
	    pr_file_read(done, path, REPORT_SIZE_MAX, &text, &e) == 0)
		report = json_loadb(text.data, text.len, 0, NULL);
	pr_buf_finish(&text);
	return report;
}

static bool
is_text(const json_t *o, const char *key, struct pr_str wanted)
{
	const char *text = json_string_value(json_object_get(o, key));
	return pr_str_eq(pr_str(text ? text : ""), wanted);
}

static uint64_t
number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : 0;
}

static uint64_t
people(const json_t *campaign, const char *key)
{
	const json_t *o = json_object_get(campaign, key);
	uint64_t unique = number(o, "unique"), machine = number(o, "machine");
	return unique > machine ? unique - machine : 0;
}

/* false: it says nothing about this one. */
static bool
read_rates(const struct model *m, const json_t *report, double rates[RATES])
{
	const json_t *campaign = json_object_get(report, "campaign");
	const json_t *counts = json_object_get(campaign, "counts");
	uint64_t accepted = number(counts, "delivered"), bounced = number(counts, "bounced");
	uint64_t sent =
	    accepted + bounced + number(counts, "in_doubt") + number(counts, "deferred");
	if (!json_is_true(json_object_get(report, "final")) || accepted < EARLIER_SMALLEST ||
	    is_text(campaign, "id", pr_str(m->s->view.id)) || !is_text(report, "list", m->list) ||
	    !is_text(report, "class", pr_str(m->class_)))
		return false;
	rates[RATE_ACCEPTED] = (double)accepted / (double)sent;
	rates[RATE_BOUNCED] = (double)bounced / (double)sent;
	rates[RATE_OPENED] = (double)people(campaign, "opens") / (double)accepted;
	rates[RATE_CLICKED] = (double)people(campaign, "clicks") / (double)accepted;
	rates[RATE_UNSUBSCRIBED] = (double)people(campaign, "unsubscribes") / (double)accepted;
	rates[RATE_COMPLAINED] = (double)people(campaign, "complaints") / (double)accepted;
	rates[RATE_CONVERTED] = (double)people(campaign, "conversions") / (double)accepted;
	return true;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Between the values beside it. */
static double
quantile(const double *sorted, unsigned n, double q)
{
	double at = q * (n - 1);
	unsigned below = (unsigned)at;
	double above = below + 1 < n ? sorted[below + 1] : sorted[below];
	return sorted[below] + (above - sorted[below]) * (at - below);
}

struct spread
spread_of(double *values, unsigned n)
{
	if (n == 0)
		return (struct spread){0};
	qsort(values, n, sizeof *values, compare);
	return (struct spread){.n = n,
	                       .median = quantile(values, n, 0.5),
	                       .low = quantile(values, n, 0.25),
	                       .high = quantile(values, n, 0.75)};
}

static void
list_folders(int done, struct folders *f)
{
	int again = openat(done, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			keep_newest(f, entry->d_name);
	if (d)
		closedir(d);
	else if (again >= 0)
		close(again);
}

void
earlier_gather(struct model *m)
{
	char path[4300];
	double values[RATES][EARLIER_MAX], rates[RATES];
	struct folders folders = {.n = 0};
	snprintf(path, sizeof path, "%s/../../done", m->s->dir); /* from active/ID, and done/ID */
	int done = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (done < 0)
		return;
	list_folders(done, &folders);
	for (unsigned i = 0; i < folders.n; i++) {
		json_t *report =
		    m->earlier_n < EARLIER_MAX ? read_report(done, folders.names[i]) : NULL;
		if (report && read_rates(m, report, rates)) {
			for (unsigned k = 0; k < RATES; k++)
				values[k][m->earlier_n] = rates[k];
			m->earlier_n++;
		}
		json_decref(report);
		free(folders.names[i]);
	}
	for (unsigned k = 0; k < RATES; k++)
		m->earlier[k] = spread_of(values[k], m->earlier_n);
	close(done);
}
