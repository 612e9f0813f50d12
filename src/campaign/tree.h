/*
 * A folder that somebody else owns and may change at any moment: read as a list, told apart
 * from its later states, copied.
 *
 * Words
 *   tree       the list of what is in the folder, sorted by path
 *   signature  a number over path, device, inode, size, mtime, ctime and owner of all entries;
 *              equal signatures: nothing was written, added, removed or replaced in between
 *   content    SHA-256 over names and octets of the files: the same wherever the folder lies
 *
 * Nothing here follows a symbolic link, waits for a fifo or leaves the folder.
 */
#ifndef POSTRIDER_CAMPAIGN_TREE_H
#define POSTRIDER_CAMPAIGN_TREE_H

#include "postrider/base/arena.h"
#include "postrider/base/problem.h"
#include "postrider/base/error.h"

#include <stdatomic.h>
#include <sys/stat.h>

#define PR_TREE_FILES_MAX 10000u /* entries of one folder, all levels */
#define PR_TREE_DEPTH_MAX 8u
#define PR_TREE_OCTETS_MAX (64ull << 30)
#define PR_TREE_PATH_MAX 1000u
#define PR_TREE_CONTENT_SIZE 32 /* as PR_CONTENT_SIZE of statedb.h */

enum pr_tree_kind { PR_TREE_FILE, PR_TREE_FOLDER, PR_TREE_LINK, PR_TREE_SPECIAL };

struct pr_tree_entry {
	const char *path; /* as on disk, relative, components joined by '/' */
	const char *name; /* its last component */
	enum pr_tree_kind kind;
	bool debris; /* it, or a folder it is in */
	bool closed; /* a folder that cannot be read */
	struct stat st;
};

struct pr_tree {
	struct pr_tree_entry *entries;
	size_t n, cap;
	uint64_t octets; /* of the files that are not debris */
	uint64_t signature;
	int64_t changed_ns; /* UTC: the newest ctime in it, its own included */
	struct stat st;     /* of the folder itself */
	bool ready;         /* .ready is there */
	bool manifest;      /* campaign.yaml is there, in whatever case */
	bool partial;       /* an upload is under way, by its names */
	const char *beyond; /* which bound it broke (static text); NULL: none */
	struct pr_arena arena;
};

/* PR_ENOENT: gone, or no folder; PR_EDENIED: may not be read. Always finish. */
int pr_tree_read(int parent, const char *name, struct pr_tree *t, struct pr_error *e);
void pr_tree_finish(struct pr_tree *t);

/* What refuses a folder whatever its manifest says: links, devices, names, bounds. */
void pr_tree_problems(const struct pr_tree *t, struct pr_problems *problems);

struct pr_copy {
	_Atomic bool *stop; /* PR_ECANCELLED when it becomes true; may be NULL */
	mode_t file_mode, folder_mode;
	struct pr_problems *problems; /* what could not be read */
	bool incomplete;              /* out: some file could not be read */
};
/* Copy the regular files that are no debris from the tree (read from src) into dst, an empty
 * folder, under their normal names; each file and folder is synced. PR_EAGAIN: the source
 * changed; PR_ENOSPC; else as pr_fail_errno. */
int pr_tree_copy(const struct pr_tree *t, int src, int dst, struct pr_copy *copy,
                 struct pr_error *e);

/* Modes for all in a copy of ours, whatever the umask was; group: whose it shall be, (gid_t)-1:
 * as it is. */
void pr_tree_open_up(int dir, mode_t file_mode, mode_t folder_mode, gid_t group);

/* The content of a folder by its files for which `counts` is true (NULL: all but debris and what
 * the daemon writes). What cannot be read counts by its size and time. PR_ECANCELLED by stop. */
int pr_tree_content(const struct pr_tree *t, int dir, _Atomic bool *stop,
                    bool (*counts)(void *context, const struct pr_tree_entry *entry), void *context,
                    unsigned char out[PR_TREE_CONTENT_SIZE], struct pr_error *e);

#endif
