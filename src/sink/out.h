/*
 * The replies of a connection on their way out, in order, each held back until
 * it is due. Replies due at the same time leave together: a flight of pipelined
 * commands costs one latency and one write.
 */
#ifndef POSTRIDER_SINK_OUT_H
#define POSTRIDER_SINK_OUT_H

#include "postrider/base/buf.h"

#define SINK_NEVER INT64_MAX /* a due time that does not come */

struct sink_out {
	struct pr_buf data; /* octets not yet sent begin at `sent` */
	size_t sent;
	struct sink_hold {
		int64_t due_us;   /* not before */
		size_t n;         /* octets */
		uint32_t slow;    /* octets a second; 0: all at once */
		int64_t since_us; /* slow: when its first octet left */
		size_t given;     /* slow: octets that have left */
		bool close;       /* close the connection here (n is 0) */
	} * holds;
	size_t first, n, cap; /* holds[first .. first + n) wait */
};

void sink_out_finish(struct sink_out *o);
void sink_out_add(struct sink_out *o, struct pr_str octets, int64_t due_us, uint32_t slow);
void sink_out_close(struct sink_out *o, int64_t due_us); /* after all before it */

/* What may be sent now. Valid until the next call that adds or sends. */
struct pr_str sink_out_ready(struct sink_out *o, int64_t now_us);
void sink_out_sent(struct sink_out *o, size_t n);               /* of what sink_out_ready gave */
bool sink_out_closes(const struct sink_out *o, int64_t now_us); /* all sent, now close */
int64_t sink_out_due(const struct sink_out *o); /* when there is more to do, SINK_NEVER */

static inline bool
sink_out_empty(const struct sink_out *o)
{
	return o->n == 0;
}

static inline size_t
sink_out_waiting(const struct sink_out *o) /* octets */
{
	return o->data.len - o->sent;
}

#endif
