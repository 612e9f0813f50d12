/*
 * The journal: the durable sequence of everything that happened, one append-only
 * stream in preallocated segment files. The truth; SQLite is folded from it.
 *
 * Words
 *   lsn      log sequence number: a position in the stream; unique, growing.
 *   append   copy a record into memory; the turn's end pwrites it (hook of phase
 *            PR_TURN_JOURNAL), so it survives kill -9 before any octet that
 *            depends on it leaves by a socket (phase PR_TURN_NET).
 *   sync     fdatasync on the journal's own thread, back to back while there is
 *            something to sync; one serves the whole group.
 *   durable  what a finished sync covers: survives a power cut.
 *   cursor   a reader's place; folding, events and webhooks are cursors.
 *
 * How it fails. No room for the next segment: PR_ENOSPC is told to the owner
 * (on_space), and appends go on into the *reserve*, a preallocated segment kept
 * for what is in flight; grants stop. A failed pwrite or fdatasync (EIO): on_failure, once; nothing
 * is durable after it; the owner ends the program and the next start recovers from disk.
 */
#ifndef POSTRIDER_JOURNAL_H
#define POSTRIDER_JOURNAL_H

#include "postrider/journal/record.h"
#include "postrider/loop.h"

#include <sys/types.h>

typedef struct pr_journal pr_journal;

#define PR_BOOT_ID 36 /* octets of /proc/sys/kernel/random/boot_id */

/* The system calls that fail when disks do; tests put others in their place. */
struct pr_journal_disk {
	int (*fallocate)(int fd, off_t size); /* 0 or an errno, as posix_fallocate */
	ssize_t (*pwrite)(int fd, const void *data, size_t n, off_t offset);
	int (*sync)(int fd); /* fdatasync */
};

struct pr_journal_options {
	const char *dir;     /* made when missing */
	size_t segment_size; /* 0: 32 MiB; tests use small ones, at least 8 KiB */
	uint64_t floor;      /* new lsns are at least this: what any database has folded */
	const char *boot_id; /* tests; NULL: the kernel's */
	const struct pr_journal_disk *disk; /* tests; NULL: the kernel's */
	void *context;
	void (*on_durable)(void *context, uint64_t lsn); /* all below lsn is durable */
	void (*on_space)(void *context, bool full);      /* full, or room again */
	/* Before any NET hook of the turn: the owner ends the program here, so that nothing
	 * leaves that depends on what was not written. */
	void (*on_failure)(void *context, const struct pr_error *error);
};

/*
 * Open for append: finds the end (stops at the first record that does not hold
 * together), makes all below durable, cuts and removes what lies behind it (never on a
 * read error), begins a new segment there. PR_ESTATE: another journal is open there;
 * PR_ECORRUPT: what must be there is not; PR_ENOSPC, PR_EIO.
 * *same_boot: whether the last start (if any) was under the running kernel; a first
 * start: true. See also pr_journal_boot_lsn.
 * Appends the START record of this start and syncs it before returning.
 */
int pr_journal_open(pr_loop *loop, const struct pr_journal_options *options, bool *same_boot,
                    pr_journal **out, struct pr_error *e);
/* Writes and syncs all that was appended (the last on_durable and waiters run within),
 * ends the thread. */
void pr_journal_close(pr_journal *j);

/* Records below were written before the machine last booted, by any number of starts
 * ago: what the disk lacked then is lost. An intent below this without an outcome is in
 * doubt, also when the start that found so was itself killed before it could say so. */
uint64_t pr_journal_boot_lsn(const pr_journal *j);

/* Append; sets r->lsn; returns it. at_ms is the caller's, payload_n at most PR_PAYLOAD_MAX.
 * Never blocks on the disk. */
uint64_t pr_journal_append(pr_journal *j, struct pr_record *r);
uint64_t pr_journal_end(const pr_journal *j);     /* lsn of the next record */
uint64_t pr_journal_written(const pr_journal *j); /* pwritten below this */
uint64_t pr_journal_durable(const pr_journal *j); /* durable below this */
/* pwrite now what was appended (also done by the turn hook). 0, or negative: then
 * on_failure was called. */
int pr_journal_flush(pr_journal *j);
/* Call back on the loop when everything appended until now is durable. Embedded. */
struct pr_journal_waiter {
	struct pr_list link;
	uint64_t lsn; /* durable when pr_journal_durable() >= lsn */
	void (*durable)(struct pr_journal_waiter *w);
};
void pr_journal_wait(pr_journal *j, struct pr_journal_waiter *w);

/* Segments wholly below lsn may be removed, except the newest `keep` octets kept for
 * events. Called with the least lsn that any database or open intent still needs. */
void pr_journal_release(pr_journal *j, uint64_t lsn, uint64_t keep);
/* What was released and lies at lsn or above stays until this is called with more; UINT64_MAX, as
 * at first: nothing is held. For readers that may lag far behind. */
void pr_journal_hold(pr_journal *j, uint64_t lsn);

struct pr_journal_stats {
	uint64_t records, octets, syncs;
	uint64_t sync_us_total, sync_us_max;
	uint64_t sync_histogram[16]; /* count of syncs no longer than 64 us << i */
};
void pr_journal_stats(const pr_journal *j, struct pr_journal_stats *out);

/* ---- reading: any thread, its own descriptors; needs only the folder ---- */
typedef struct pr_cursor pr_cursor;
/* Starts at the first record at or after lsn (PR_ENOENT when that was released: then
 * begin is *out's lsn). */
int pr_cursor_open(const char *dir, uint64_t lsn, pr_cursor **out, struct pr_error *e);
/* Next record below `limit`: pr_journal_durable, or up to pr_journal_written; UINT64_MAX
 * where no journal is open there. Below a limit that is known a record that does not hold
 * together is PR_ECORRUPT, never an end; PR_ENOENT: released in the meantime.
 * 1: *out is set (views until the next call); 0: none now, may be called again later;
 * negative: an error. */
int pr_cursor_next(pr_cursor *c, uint64_t limit, struct pr_record *out, struct pr_error *e);
uint64_t pr_cursor_lsn(const pr_cursor *c); /* of the record that comes next */
void pr_cursor_close(pr_cursor *c);

/*
 * Overwriting what durable records say of a person who is to be forgotten: the one exception to
 * "append only". `mask` gets each record below limit (pr_journal_durable) with a copy of its
 * payload that it may change, never in length, and says whether it did. Such a record is written
 * over with a new checksum; lsn, row and time stay. What is written over is noted beside the
 * segments first, so that a crash in between leaves no damage: the next start writes it again. Any
 * thread, one at a time; readers may go on. *n: how many were overwritten.
 */
int pr_journal_rewrite(const char *dir, uint64_t limit,
                       bool (*mask)(void *context, const struct pr_record *r, char *payload),
                       void *context, unsigned *n, struct pr_error *e);

#endif
