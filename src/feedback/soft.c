/*
 * Addresses that bounce, though never hard.
 *
 *   delivery tells of rows -> queue -> desk of the audience: counts, by hash of the address
 *                                   -> given up: to those that are suppressed (bounced.c)
 *
 * Which addresses have a count the loop knows by heart, by their hashes: delivery asks for each
 * message that arrives, and marks the few that end one. Until a count is durable a restart reads
 * its record again, and a record counts once.
 */
#include "desk_internal.h"

#include "postrider/classify/policy.h"

#include <stdlib.h>

struct event {
	struct pr_list link;
	struct pr_bounced row;
	uint64_t key;
	bool gives_up;
};

static char here; /* in the map, which is a set */

/* ---- on the desk's lane ---- */

static int
count(pr_feedback_desk *d, pr_audience *a, struct event *v)
{
	struct pr_buf text = {0};
	struct pr_soft soft = {0};
	int r = pr_audience_recall(a, v->key, &text, &d->work.error);
	if (r == 0)
		pr_soft_read(pr_buf_str(&text), &soft);
	if (r == 0 || r == PR_ENOENT) {
		pr_soft_bounce(&soft, (enum pr_class)v->row.class_, v->row.campaign, v->row.at_ms,
		               v->row.lsn);
		v->gives_up = pr_soft_gives_up(&soft, &d->policy);
		pr_buf_clear(&text);
		pr_soft_write(&soft, &text);
		r = pr_audience_remember(a, v->key, pr_buf_str(&text), &d->work.error);
	}
	pr_buf_finish(&text);
	return r;
}

static int
step(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms)
{
	pr_feedback_desk *d = PR_CONTAINER(w, struct pr_feedback_desk, work);
	int r = 0;
	while (r == 0 && d->at != &d->counting && pr_mono_ms() < end_mono_ms) {
		struct event *v = PR_CONTAINER(d->at, struct event, link);
		d->at = d->at->next;
		r = v->row.ends ? pr_audience_remember(a, v->key, (struct pr_str){0}, &w->error)
		                : count(d, a, v);
	}
	return r < 0 ? r : d->at != &d->counting;
}

/* ---- on the loop ---- */

static void start(pr_feedback_desk *d);

static void
counted(pr_feedback_desk *d, struct event *v)
{
	if (v->row.ends)
		pr_map_remove(&d->bouncing, v->key);
	else
		pr_map_put(&d->bouncing, v->key, &here);
	if (v->gives_up)
		bounced_add(d, &v->row);
	free(v);
}

static void
on_counted(struct pr_audience_work *w, int result)
{
	pr_feedback_desk *d = PR_CONTAINER(w, struct pr_feedback_desk, work);
	if (result < 0) {
		bounced_again(d, &w->error);
		return;
	}
	while (!pr_list_empty(&d->counting))
		counted(d, PR_CONTAINER(pr_list_shift(&d->counting), struct event, link));
	start(d);
}

/* The whole again where it failed: what was counted does not count twice. */
static void
start(pr_feedback_desk *d)
{
	if (pr_list_empty(&d->counting))
		pr_list_splice(&d->counting, &d->uncounted);
	if (pr_list_empty(&d->counting) || d->stopped)
		return;
	d->at = d->counting.next;
	d->policy = d->options.config->policy;
	d->work.step = step;
	d->work.done = on_counted;
	pr_audience_desk_work(d->options.audience, &d->work);
}

void
soft_again(pr_feedback_desk *d)
{
	if (!pr_list_empty(&d->counting))
		start(d);
}

void
soft_add(pr_feedback_desk *d, const struct pr_bounced *row)
{
	struct event *v = pr_calloc(1, sizeof *v);
	v->row = *row;
	v->key = pr_audience_key(d->keys, pr_str(row->address));
	pr_list_push(&d->uncounted, &v->link);
}

void
soft_start(pr_feedback_desk *d)
{
	if (pr_list_empty(&d->counting))
		start(d);
}

bool
pr_feedback_is_bouncing(pr_feedback_desk *d, const char *address)
{
	return d->bouncing.n && pr_map_get(&d->bouncing, pr_audience_key(d->keys, pr_str(address)));
}

static uint64_t
least(const struct pr_list *events, uint64_t lsn)
{
	for (const struct pr_list *link = events->next; link != events; link = link->next) {
		const struct event *v =
		    (const void *)((const char *)link - offsetof(struct event, link));
		if (v->row.lsn < lsn)
			lsn = v->row.lsn;
	}
	return lsn;
}

uint64_t
soft_needs(const pr_feedback_desk *d)
{
	return least(&d->uncounted, least(&d->counting, UINT64_MAX));
}

/* ---- open, close ---- */

static void
take_key(void *context, uint64_t key)
{
	pr_feedback_desk *d = context;
	pr_map_put(&d->bouncing, key, &here);
}

int
soft_open(pr_feedback_desk *d, struct pr_error *e)
{
	pr_list_init(&d->uncounted);
	pr_list_init(&d->counting);
	int r = pr_audience_open(pr_audience_desk_path(d->options.audience), PR_AUDIENCE_READ,
	                         &d->keys, e);
	return r < 0 ? r : pr_audience_each_key(d->keys, take_key, d, e);
}

void
soft_close(pr_feedback_desk *d)
{
	struct pr_list *link;
	while ((link = pr_list_shift(&d->counting)) || (link = pr_list_shift(&d->uncounted)))
		free(PR_CONTAINER(link, struct event, link));
	pr_map_finish(&d->bouncing);
	pr_audience_close(d->keys);
}
