/*
 * Sources: the files of a campaign that hold templates, read, checked, and edited before they
 * are compiled (a preheader goes in, references to images get their ids), without the places
 * named in messages losing their truth.
 */
#ifndef POSTRIDER_MESSAGE_SOURCE_H
#define POSTRIDER_MESSAGE_SOURCE_H

#include "postrider/base/arena.h"
#include "postrider/base/buf.h"
#include "postrider/base/problem.h"

#define PR_BODY_SIZE_MAX (4u << 20)

struct pr_edit {               /* on one line of the edited text */
	unsigned line, column; /* of its first octet, from 1 */
	size_t octets, instead_of;
	struct pr_edit *next; /* in the order of the text */
};

struct pr_source {
	const char *file;   /* as users know it: "body.html" */
	struct pr_str text; /* as it is compiled */
	struct pr_str original;
	struct pr_edit *edits, **last_edit;
	unsigned first_line;           /* of the file where text begins */
	unsigned indent;               /* octets before it on that line */
	const struct pr_source *under; /* what `original` was edited from; NULL: it is the file's */
};

/* Text that stands within a file, at line and column (from 1; 0: unknown). */
void pr_source_init(struct pr_source *s, const char *file, struct pr_str text, unsigned line,
                    unsigned column);
/* Read a file: valid UTF-8, a byte order mark dropped, at most PR_BODY_SIZE_MAX. `shown` is its
 * name in messages. Problems are told: PR_EINVAL. */
int pr_source_read(struct pr_source *s, int dir, const char *path, const char *shown,
                   struct pr_arena *arena, struct pr_problems *problems);

/* The next edit of an edited text being written into out: `n` octets that were just added
 * stand for instead_of octets of the original. */
void pr_source_edited(struct pr_source *s, struct pr_arena *arena, const struct pr_buf *out,
                      size_t n, size_t instead_of);
/* Insert text (one line) into the edited text at an offset of it. */
void pr_source_insert(struct pr_source *s, struct pr_arena *arena, size_t at, struct pr_str text);
/* The edited text becomes the original of further edits. */
void pr_source_over(struct pr_source *s, struct pr_arena *arena);
/* Where an offset of `original` is in the file. */
void pr_source_place(const struct pr_source *s, size_t at, unsigned *line, unsigned *column);
/* Where a column of the compiled text is in the file. `line` counts as in messages. */
unsigned pr_source_column(const struct pr_source *s, unsigned line, unsigned column);
/* A line of a text (from 1), without its end, as an excerpt: the caller's to free. */
char *pr_source_line(struct pr_str text, unsigned line);
/* Rewrites the problems from number `from` on that are about this source: columns, excerpts. */
void pr_source_fix_problems(const struct pr_source *s, struct pr_problems *problems, unsigned from);

/* The names of the plain files in a folder within dir, sorted, debris left out; ended by NULL.
 * No such folder: an empty list. Links and folders in it are warned of. */
const char **pr_folder_list(int dir, const char *folder, struct pr_arena *arena,
                            struct pr_problems *problems, size_t *n);
/* dir's subfolder, never through a link; -1 when it is not there. */
int pr_folder_open(int dir, const char *folder);

#endif
