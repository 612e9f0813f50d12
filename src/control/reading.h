/* One reading of the journal as events: for pages and streams. */
#ifndef CONTROL_READING_H
#define CONTROL_READING_H

#include "internal.h"
#include "postrider/events.h"

/* Made on the loop, done on the reader lane by reading_work, freed on the loop. */
struct reading {
	struct pr_job job;
	struct request *request;
	struct stream *stream; /* NULL: a page */
	pr_events *events;
	uint64_t after, limit; /* from the record at `after` ... */
	bool seen;             /* ... or from the one that follows it */
	unsigned max, n;
	struct pr_buf out;
	uint64_t last; /* id of the last record read, or `after` */
	bool moved;    /* one was read */
	int result;
	struct pr_error error;
};

/* From the record at `after`, or when that was seen from the next, at most `max` events. */
struct reading *reading_create(struct request *q, uint64_t after, bool seen, unsigned max);
void reading_work(struct pr_job *job, void *worker);
void reading_free(struct reading *g);

#endif
