/* Reading the records of one segment in chunks: for recovery and for cursors. */
#ifndef POSTRIDER_JOURNAL_READER_H
#define POSTRIDER_JOURNAL_READER_H

#include "segment.h"

struct reader {
	int fd; /* -1: no segment */
	struct segment_head head;
	uint64_t end; /* lsn at the end of the file's data */

	char *chunk;
	uint64_t chunk_lsn;
	size_t chunk_n;
};

/* Takes fd of a look; what it read before is closed. 0 or a PR_E code. */
int reader_enter(struct reader *r, const struct segment_look *look, struct pr_error *e);
void reader_finish(struct reader *r);
/* The next reads come from the file again, whose length is asked again too. */
int reader_refresh(struct reader *r, struct pr_error *e);
/* The record at lsn (within the segment): its size, 0 where there is none, or a PR_E
 * code. *out views the chunk: valid until the next call. */
int reader_record(struct reader *r, uint64_t lsn, struct pr_record *out, struct pr_error *e);
/* Whether no further record fits behind lsn: the stream goes on in the next segment. */
bool reader_at_end(const struct reader *r, uint64_t lsn);
/* Whether the file was cut: a start of the daemon followed. */
bool reader_was_cut(const struct reader *r);
/* Whether the stream goes on from here (at lsn, the end) in that begun segment. */
bool reader_continues_in(const struct reader *r, uint64_t lsn, const struct segment_head *next);

#endif
