/*
 * Segments: the files of the journal.
 *
 *   name    16 hex digits of the first lsn, ".journal"
 *   header  one page of SEGMENT_HEADER octets, see segment.c
 *   data    records; the octet at lsn L is at SEGMENT_HEADER + L - first lsn
 *
 * A segment is whole from its birth (allocated, header written, both synced, its
 * name synced in the folder) and *begun* when its first record is there: a PAD with
 * the lsn below which all was durable at that time. It ends at its capacity or,
 * where a start of the daemon followed, where the file was cut.
 */
#ifndef POSTRIDER_JOURNAL_SEGMENT_H
#define POSTRIDER_JOURNAL_SEGMENT_H

#include "postrider/journal.h"

#define SEGMENT_HEADER 4096
#define SEGMENT_DEFAULT ((size_t)32 << 20)
/* The least that holds the opening, a START and the largest record. */
#define SEGMENT_MIN ((size_t)SEGMENT_HEADER + 4096)
#define SEGMENT_MAX ((size_t)1 << 40)
/* The stream's first lsn. 0 means "from the beginning" wherever an lsn is asked for. */
#define LSN_FIRST 4096u
#define LSN_MAX (UINT64_MAX / 4)
#define SEGMENT_NAME 32 /* octets for a name */
#define OPENING_SIZE (PR_RECORD_HEADER + 8)

struct segment_head {
	uint64_t base;     /* first lsn */
	uint64_t capacity; /* octets of data at most */
	uint64_t salt;
	char boot_id[PR_BOOT_ID + 1];
};

struct segment_list {
	uint64_t *bases; /* ascending */
	size_t n, cap;
};

char *segment_name(uint64_t base, char *out); /* SEGMENT_NAME octets */
/* All segments of a folder by name; 0 or a PR_E code. */
int segment_list_read(int dir, struct segment_list *out, struct pr_error *e);
void segment_list_add(struct segment_list *l, uint64_t base); /* above all others */
void segment_list_drop_first(struct segment_list *l);
void segment_list_finish(struct segment_list *l);

/* Make a segment and return its descriptor, or a PR_E code (nothing is left then). */
int segment_create(int dir, const struct segment_head *head, const struct pr_journal_disk *disk,
                   struct pr_error *e);

enum segment_state {
	SEGMENT_GONE,   /* no such file */
	SEGMENT_UNBORN, /* no header, or not of this journal: never held a record */
	SEGMENT_BLANK,  /* header, but no record */
	SEGMENT_BEGUN,
};
/*
 * Open for reading. 0 and *state; *fd is -1 unless BLANK or BEGUN. *durable (BEGUN) is
 * what its opening says. *garbage (UNBORN): there is something in it that is not zero.
 */
struct segment_look {
	enum segment_state state;
	struct segment_head head;
	int fd;
	uint64_t durable;
	bool garbage;
};
int segment_look(int dir, uint64_t base, struct segment_look *out, struct pr_error *e);

/* Exactly n octets unless the file ends: their number, or -1 with errno. */
ssize_t segment_pread(int fd, void *to, size_t n, uint64_t offset);
/* All of it; 0 or -1 with errno. */
int segment_pwrite(const struct pr_journal_disk *disk, int fd, const void *data, size_t n,
                   uint64_t offset);

#endif
