/*
 * Files and folders that survive a power cut: write, fsync, rename, fsync the
 * folder. Paths are relative to a folder's descriptor (or AT_FDCWD).
 */
#ifndef POSTRIDER_BASE_FILE_H
#define POSTRIDER_BASE_FILE_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

#include <sys/types.h>

/* Whole file into b (appended); PR_ELIMIT when larger than max. Never follows
 * a symbolic link in the last component; refuses what is not a regular file. */
int pr_file_read(int dir, const char *path, size_t max, struct pr_buf *b, struct pr_error *e);

/* Replace path by data: temporary file, fsync, rename, fsync of its folder. */
int pr_file_replace(int dir, const char *path, const void *data, size_t n, mode_t mode,
                    struct pr_error *e);

int pr_write_all(int fd, const void *data, size_t n); /* 0 or -1 with errno; retries EINTR */
int pr_fsync_dir(int dir, const char *path);          /* 0 or -1 with errno */
int pr_mkdirs(const char *path, mode_t mode);         /* like mkdir -p; 0 or -1 with errno */
/* Remove a folder and all in it, never following links; at most 64 levels.
 * 0 or -1 with errno of the first failure (goes on with the rest). */
int pr_remove_tree(int dir, const char *path);

#endif
