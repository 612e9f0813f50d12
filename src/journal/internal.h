/* Inside the journal: what the loop's side (journal.c) and the thread (writer.c) share. */
#ifndef POSTRIDER_JOURNAL_INTERNAL_H
#define POSTRIDER_JOURNAL_INTERNAL_H

#include "segment.h"

#include <pthread.h>

/* A segment that is open for writing: not yet wholly durable, or not yet begun. */
struct open_segment {
	struct pr_list link;
	uint64_t base;
	int fd;
};

/* Between the loop and the thread; all under `lock`. */
struct shared {
	pthread_mutex_t lock;
	pthread_cond_t work; /* the thread waits for something to do */
	pthread_cond_t made; /* the loop waits for a segment: rare, see enter_segment */
	bool sleeping, stopping;

	uint64_t written; /* by the loop */
	uint64_t synced;  /* by the thread */

	/* By base; only the thread adds and removes, so it alone may walk without the lock. */
	struct pr_list open;
	uint64_t last_base;    /* of the newest open segment */
	uint64_t writing_base; /* of the one that the loop writes */
	bool full;             /* the last try to make one failed */
	bool retry;            /* try again, though full */
	unsigned tries;

	struct segment_list disk; /* all segments in the folder */
	uint64_t release;         /* those wholly below may go */

	bool failed;
	struct pr_error error;

	bool told; /* the post is on its way */
	uint64_t syncs, sync_us_total, sync_us_max, sync_histogram[16];
};

struct pr_journal {
	/* constant after open */
	pr_loop *loop;
	struct pr_journal_options options;
	struct pr_journal_disk disk;
	int dir;
	struct segment_head head; /* base unused */

	/* the loop's */
	struct pr_turn_hook hook;
	struct pr_timer retry;
	struct pr_list waiters; /* by lsn */
	char *buffer;           /* appended, not yet written: from `written` to `end` */
	size_t n, cap;
	uint64_t end, written, durable, boot_lsn;
	uint64_t released, held; /* as asked for; the lesser of the two may go */
	uint64_t segment_end;    /* of the segment that `end` is in */
	int fd;                  /* of the segment that `written` is in, or which it just filled */
	uint64_t fd_end;
	bool full, failed;
	uint64_t records, began; /* for the statistics; began: first lsn of this start */

	struct shared shared;
	struct pr_post post; /* thread to loop: look at shared */
	pthread_t thread;
};

/* For open.c. */
void journal_open_segment(struct pr_journal *j);
void journal_put(struct pr_journal *j, struct pr_record *r);
struct open_segment *journal_find_open(struct pr_journal *j, uint64_t base); /* locked */
void journal_on_turn_end(struct pr_turn_hook *hook);
void journal_on_tell(struct pr_post *post);
void journal_on_retry(struct pr_timer *timer);

/* The thread. */
void *journal_writer(void *journal);
/* Post to the loop that something changed. With the lock held. */
void journal_tell(struct pr_journal *j);
/* Wake the thread where it sleeps. With the lock held. */
void journal_wake(struct pr_journal *j);
/* Make segment `base` and note it. Without the lock. 0 or a PR_E code. */
int journal_make_segment(struct pr_journal *j, uint64_t base, struct pr_error *e);

#endif
