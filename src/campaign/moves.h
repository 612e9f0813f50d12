/*
 * Which folders came into a folder whole, by a rename: they need not settle. The kernel says
 * it (inotify, IN_MOVED_TO); libuv's fs events tell a rename from a mkdir apart no more.
 */
#ifndef POSTRIDER_CAMPAIGN_MOVES_H
#define POSTRIDER_CAMPAIGN_MOVES_H

#include <stdbool.h>

typedef struct pr_moves pr_moves;

/* NULL where the system gives no more watches: then everything settles. */
pr_moves *pr_moves_open(const char *folder);
void pr_moves_close(pr_moves *m); /* NULL: nothing */
/* What happened since the last call, in order: `each` with the name of a folder and whether it
 * came whole; false: it was made here, left or was removed. name NULL: events were lost. */
void pr_moves_read(pr_moves *m, void (*each)(void *context, const char *name, bool whole),
                   void *context);

#endif
