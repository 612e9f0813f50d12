/*
 * Replies held back: one buffer of octets and a queue of holds over it. A hold
 * behind one that is not due waits too, so replies never overtake each other.
 */
#include "sink/out.h"

#include "postrider/base/error.h"

#include <stdlib.h>

void
sink_out_finish(struct sink_out *o)
{
	pr_buf_finish(&o->data);
	free(o->holds);
	*o = (struct sink_out){0};
}

static struct sink_hold *
last(struct sink_out *o)
{
	return o->n ? &o->holds[o->first + o->n - 1] : NULL;
}

static void
push(struct sink_out *o, struct sink_hold hold)
{
	if (o->first + o->n == o->cap && o->first > 0) {
		memmove(o->holds, o->holds + o->first, o->n * sizeof *o->holds);
		o->first = 0;
	}
	if (o->first + o->n == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 4;
		o->holds = pr_realloc(o->holds, o->cap * sizeof *o->holds);
	}
	o->holds[o->first + o->n++] = hold;
}

void
sink_out_add(struct sink_out *o, struct pr_str octets, int64_t due_us, uint32_t slow)
{
	struct sink_hold *l = last(o);
	if (octets.n == 0)
		return;
	pr_buf_add_str(&o->data, octets);
	if (l && !l->close && l->due_us == due_us && !l->slow && !slow)
		l->n += octets.n;
	else
		push(o, (struct sink_hold){.due_us = due_us, .n = octets.n, .slow = slow});
}

void
sink_out_close(struct sink_out *o, int64_t due_us)
{
	push(o, (struct sink_hold){.due_us = due_us, .close = true});
}

/* Octets of a slow hold that its rate allows by now. */
static size_t
allowed(struct sink_hold *h, int64_t now_us)
{
	if (!h->since_us)
		h->since_us = now_us;
	size_t total = (size_t)((now_us - h->since_us) * h->slow / 1000000) + 1;
	size_t more = total > h->given ? total - h->given : 0;
	return more < h->n ? more : h->n;
}

struct pr_str
sink_out_ready(struct sink_out *o, int64_t now_us)
{
	size_t ready = 0;
	for (size_t i = o->first; i < o->first + o->n; i++) {
		struct sink_hold *h = &o->holds[i];
		if (h->close || h->due_us > now_us)
			break;
		if (h->slow) {
			if (i == o->first)
				ready = allowed(h, now_us);
			break;
		}
		ready += h->n;
	}
	return pr_str_n(o->data.data + o->sent, ready);
}

void
sink_out_sent(struct sink_out *o, size_t n)
{
	o->sent += n;
	while (n > 0) {
		struct sink_hold *h = &o->holds[o->first];
		PR_ASSERT(o->n > 0 && !h->close);
		size_t part = n < h->n ? n : h->n;
		h->n -= part;
		h->given += part;
		n -= part;
		if (h->n > 0)
			break;
		o->first++;
		o->n--;
	}
	if (o->n == 0)
		o->first = 0;
	if (o->sent == o->data.len) {
		pr_buf_clear(&o->data);
		o->sent = 0;
	}
}

bool
sink_out_closes(const struct sink_out *o, int64_t now_us)
{
	return o->n && o->holds[o->first].close && o->holds[o->first].due_us <= now_us;
}

int64_t
sink_out_due(const struct sink_out *o)
{
	if (o->n == 0)
		return SINK_NEVER;
	const struct sink_hold *h = &o->holds[o->first];
	if (h->slow && h->since_us)
		return h->since_us + ((int64_t)h->given * 1000000 + h->slow - 1) / h->slow;
	return h->due_us;
}
