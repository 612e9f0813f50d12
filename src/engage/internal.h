/*
 * What the files of engagement share.
 *
 *   events.c  what hits of a row come to: pure
 *   read.c    on the lane of this room: journal and ledgers become a batch
 *   desk.c    on the loop: when to read, and handing over to the audience's desk
 *
 * There are two streams over the journal: what came back is told within seconds; deliveries, which
 * are as many as messages, are told as time allows.
 */
#ifndef ENGAGE_INTERNAL_H
#define ENGAGE_INTERNAL_H

#include "postrider/audience/engaged.h"
#include "postrider/base/arena.h"
#include "postrider/engage.h"
#include "postrider/ledger/people.h"
#include "postrider/statedb.h"

/* ---- events.c ---- */

#define ENGAGE_OF_HIT 2u /* events that one hit comes to, at most */
/* As they are judged; out: ENGAGE_OF_HIT * n of them. Returns how many. */
size_t engage_events(const struct pr_hit *hits, size_t n, struct pr_engaged_event *out);
/* Does it say that the address is no good? */
bool engage_is_hard(const struct pr_outcome *o);

/* ---- read.c ---- */

#define ENGAGE_TOUCHED_MAX 512u    /* records of a batch that say something */
#define ENGAGE_LOOK_MAX (8u << 20) /* octets of journal looked at for one */

struct touched { /* a record */
	uint32_t serial, row;
	uint64_t lsn;
	int64_t at_ms;
	uint8_t outcome; /* PR_ENGAGED_BOUNCE or _SENT; PR_ENGAGED_KINDS: an engagement */
};

struct reader { /* of a stream; the lane's */
	bool deliveries;
	char *journal_dir, *spool;
	pr_statedb *statedb;
	pr_audience *audience;
	pr_cursor *cursor; /* NULL: none open */
	struct touched touched[ENGAGE_TOUCHED_MAX];
	size_t n;
};

struct read_job { /* from the loop and back */
	struct pr_job job;
	struct stream *stream; /* of the loop */
	struct reader *reader;
	uint64_t from, limit;
	/* made: */
	struct pr_arena arena; /* of the batch */
	struct pr_engaged_batch batch;
	uint64_t lost; /* octets of journal that were released before anybody read them */
	int result;
	struct pr_error error;
};
struct reader *reader_create(const struct pr_engage_options *options, bool deliveries,
                             struct pr_error *e);
void reader_destroy(struct reader *r); /* NULL: nothing */
void reader_work(struct pr_job *job, void *worker);

#endif
