/*
 * Poll: a descriptor of another library on the loop (its epoll set, its socket). The
 * descriptor stays its owner's.
 */
#ifndef POSTRIDER_POLL_H
#define POSTRIDER_POLL_H

#include "postrider/loop.h"

typedef struct pr_poll pr_poll;

/* `readable` runs on the loop whenever fd is readable (level-triggered). */
int pr_poll_open(pr_loop *loop, int fd, void (*readable)(void *context), void *context,
                 pr_poll **out, struct pr_error *e);
/* Ends it; call before fd is closed. The loop frees the rest a turn later. NULL: nothing. */
void pr_poll_close(pr_poll *p);

#endif
