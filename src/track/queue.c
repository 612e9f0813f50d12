/*
 * From the web thread to the journal.
 *
 *   filling (web thread) -- end of its turn --> shared (locked) -- post --> taken (loop) -> journal
 *
 * One hand-off a turn, whatever it holds. What finds `shared` full is dropped and counted: the web
 * thread never waits for the loop, and the loop never has more than QUEUE_MAX to append at once.
 */
#include "internal.h"

#define QUEUE_MAX (2u << 20) /* octets */

struct entry { /* before each payload */
	struct track_row row;
	int64_t at_ms;
	uint64_t n; /* octets of the payload */
};

/* ---- on the web thread ---- */

void
track_queue_add(struct track_queue *q, struct track_row row, int64_t at_ms,
                const struct pr_engagement *g)
{
	struct entry e = {.row = row, .at_ms = at_ms};
	size_t at = q->filling.len;
	pr_buf_add(&q->filling, &e, sizeof e);
	pr_engagement_encode(g, &q->filling);
	e.n = q->filling.len - at - sizeof e;
	memcpy(q->filling.data + at, &e, sizeof e);
	q->filling_n++;
}

void
track_queue_flush(struct track_queue *q)
{
	bool post = false;
	if (q->filling_n == 0)
		return;
	pthread_mutex_lock(&q->lock);
	if (q->shared.len + q->filling.len <= QUEUE_MAX) {
		pr_buf_add_str(&q->shared, pr_buf_str(&q->filling));
		post = !q->posted;
		q->posted = true;
	} else
		q->dropped += q->filling_n;
	pthread_mutex_unlock(&q->lock);
	pr_buf_clear(&q->filling);
	q->filling_n = 0;
	if (post)
		pr_loop_post(q->track->loop, &q->post);
}

/* ---- on the loop ---- */

static void
append(struct track_queue *q, const struct entry *e, const char *payload)
{
	pr_track *t = q->track;
	struct pr_record r = {.campaign = e->row.serial,
	                      .row = e->row.row,
	                      .at_ms = e->at_ms,
	                      .type = PR_RECORD_ENGAGEMENT,
	                      .payload_n = (uint16_t)e->n,
	                      .payload = payload};
	if (t->full) {
		q->dropped++;
		return;
	}
	pr_journal_append(t->options.journal, &r);
	t->recorded++;
}

void
track_queue_take(struct track_queue *q)
{
	struct entry e;
	pthread_mutex_lock(&q->lock);
	struct pr_buf full = q->shared;
	q->shared = q->taken;
	q->posted = false;
	pthread_mutex_unlock(&q->lock);
	for (size_t at = 0; at < full.len; at += sizeof e + e.n) {
		memcpy(&e, full.data + at, sizeof e);
		append(q, &e, full.data + at + sizeof e);
	}
	pr_buf_clear(&full);
	q->taken = full;
}

static void
on_post(struct pr_post *post)
{
	track_queue_take(PR_CONTAINER(post, struct track_queue, post));
}

void
track_queue_init(struct track_queue *q, pr_track *t)
{
	q->track = t;
	q->post.run = on_post;
	pthread_mutex_init(&q->lock, NULL);
}

void
track_queue_finish(struct track_queue *q)
{
	pthread_mutex_destroy(&q->lock);
	pr_buf_finish(&q->filling);
	pr_buf_finish(&q->shared);
	pr_buf_finish(&q->taken);
}
