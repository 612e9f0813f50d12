/*
 * One reading of the journal as events, for a page or for the next piece of a stream: on the
 * reader lane, from a place to what is durable.
 *
 * Addresses are told to operators, and to owners of their own campaigns; everybody else sees rows.
 */
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>

#define BUFFER_MAX (1u << 20)

/* ---- on the reader lane ---- */

/* Operators all; an owner what is about his own campaigns. */
static bool
may_see(void *context, const struct pr_event_campaign *c)
{
	const struct request *q = context;
	return q->peer.is_operator || (c && may_see_rows(q, c->owner));
}

/* The shelf does not change while readers are at work. */
static bool
find_shelved(void *context, uint32_t serial, struct pr_event_campaign *out)
{
	const struct request *q = context;
	PR_LIST_EACH(link, &q->control->shelf) {
		const struct shelved *s = PR_CONTAINER(link, struct shelved, link);
		if (s->serial != serial)
			continue;
		memcpy(out->id, s->id, sizeof out->id);
		out->owner = s->owner;
		return true;
	}
	return false;
}

static void
add_event(struct reading *g, struct pr_event *event)
{
	struct pr_buf *b = &g->out;
	pr_events_name(g->events, event);
	if (g->stream)
		pr_buf_addf(b, "id: %llu\ndata: ", (unsigned long long)event->id);
	else if (g->n)
		pr_buf_addc(b, ',');
	pr_event_json(event, b);
	if (g->stream)
		pr_buf_adds(b, "\n\n");
	g->n++;
}

static void
read_journal(struct reading *g)
{
	struct pr_event event;
	int got = 0;
	while (g->n < g->max && g->out.len < BUFFER_MAX &&
	       (got = pr_events_next(g->events, g->limit, &event, &g->error)) > 0) {
		if (event.id <= g->after && g->seen)
			continue;
		g->last = event.id;
		g->moved = true;
		if (event.type.n && (!event.live || g->stream))
			add_event(g, &event);
	}
	if (got < 0)
		g->result = got;
}

void
reading_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct reading *g = PR_CONTAINER(job, struct reading, job);
	uint64_t from;
	g->last = g->after;
	g->result = pr_events_begin(g->events, g->after, &from, &g->error);
	if (g->result == 0)
		read_journal(g);
	pr_events_end(g->events);
}

/* ---- on the loop ---- */

struct reading *
reading_create(struct request *q, uint64_t after, bool seen, unsigned max)
{
	struct pr_control *c = q->control;
	struct reading *g = pr_calloc(1, sizeof *g);
	struct pr_buf done = {0};
	pr_buf_addf(&done, "%s/done", c->options.config->spool.p);
	struct pr_events_source source = {.journal_dir = c->options.journal_dir,
	                                  .done_dir = done.data,
	                                  .context = q,
	                                  .find = find_shelved,
	                                  .may_see = may_see};
	g->request = q;
	g->events = pr_events_create(&source, c->options.delivery);
	g->after = after;
	g->seen = seen;
	g->limit = pr_journal_durable(c->options.journal);
	g->max = max;
	pr_buf_finish(&done);
	return g;
}

void
reading_free(struct reading *g)
{
	pr_events_destroy(g->events);
	pr_buf_finish(&g->out);
	free(g);
}
