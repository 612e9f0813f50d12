/*
 * Watch a folder: told soon after something in it was made, removed, renamed or written.
 *
 * A hint and no more: events are merged, may be lost (the kernel's queue is bounded, network
 * file systems tell nothing) and say nothing of folders below. Who needs certainty looks
 * again from time to time. By libuv's fs events.
 */
#ifndef POSTRIDER_WATCH_H
#define POSTRIDER_WATCH_H

#include "postrider/loop.h"

typedef struct pr_watch pr_watch;

/* `changed` runs on the loop, at least once after any change made after this returned 0.
 * PR_ENOENT, PR_EDENIED, or PR_ELIMIT when the system gives no more watches. */
int pr_watch_open(pr_loop *loop, const char *path, void (*changed)(void *context), void *context,
                  pr_watch **out, struct pr_error *e);
/* Ends it; `changed` is not called any more. The loop frees the rest a turn later. NULL: nothing.
 */
void pr_watch_close(pr_watch *w);

#endif
