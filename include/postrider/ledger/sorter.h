/*
 * Sorting more than memory holds: pairs of 64-bit numbers go in, and come out ordered by
 * key; equal keys in the order in which they went in. Runs that fill the memory are sorted
 * (radix) and written to a file without a name, then merged.
 *
 * One thread at a time. Errors: PR_ENOSPC, PR_EIO.
 */
#ifndef POSTRIDER_LEDGER_SORTER_H
#define POSTRIDER_LEDGER_SORTER_H

#include "postrider/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pr_sorter pr_sorter;

struct pr_sorter_item {
	uint64_t key, value;
};

/* dir: an open folder (or AT_FDCWD) on whose disk runs go. memory: octets for items, all in
 * all; at least 64 KiB. */
pr_sorter *pr_sorter_create(int dir, size_t memory);
void pr_sorter_destroy(pr_sorter *s); /* NULL: nothing */
int pr_sorter_add(pr_sorter *s, uint64_t key, uint64_t value, struct pr_error *e);
/* 1: *out is set; 0: no more. The first call ends adding. */
int pr_sorter_next(pr_sorter *s, struct pr_sorter_item *out, struct pr_error *e);

#endif
