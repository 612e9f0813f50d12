/*
 * What is counted of persons for frequency caps, folded from the journal like the ledgers: its
 * store follows the cursor (fold_slice.c), is written in slices of time, and is asked for the
 * rows of a batch.
 *
 * All of it is on the folder lane.
 */
#include "fold.h"

#include <stdio.h>

#define CAPS_SLICE_MS 5

int
fold_caps_open(struct folder *f, const char *state, struct pr_error *e)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/caps.db", state);
	int r = pr_caps_open(path, true, &f->caps, e);
	if (r == 0)
		f->caps_reader = caps_reader_create(f->caps);
	return r;
}

void
fold_caps_close(struct folder *f)
{
	caps_reader_destroy(f->caps_reader);
	pr_caps_close(f->caps);
}

int
fold_caps_flush(struct folder *f, struct pr_error *e)
{
	int r = pr_caps_flush(f->caps, f->position, false, pr_mono_ms() + CAPS_SLICE_MS, e);
	return r < 0 ? r : 0;
}

int
work_fold_caps(struct folder *f, const struct caps_ask *ask, pr_ledger *l, struct pr_batch *b,
               struct pr_error *e)
{
	return work_caps(f->caps_reader, ask, l, b, f->position, e);
}

int
work_fold_uncount(struct folder *f, uint64_t person, struct pr_error *e)
{
	return pr_caps_forget(f->caps, person, e);
}

/* What stays is swept another time. */
void
fold_caps_sweep(struct folder *f, int64_t oldest_ms, struct pr_error *e)
{
	(void)pr_caps_sweep(f->caps, oldest_ms, pr_mono_ms() + CAPS_SLICE_MS, e);
}
