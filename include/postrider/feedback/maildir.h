/*
 * A maildir that another server puts mail into: what is in new/ is taken, one after the other, and
 * moved to cur/ as seen once what it means is durable. What cannot be taken now stays and is tried
 * again. Envelopes are not known there: tokens are found in the fields (meaning.h).
 */
#ifndef POSTRIDER_FEEDBACK_MAILDIR_H
#define POSTRIDER_FEEDBACK_MAILDIR_H

#include "postrider/feedback/desk.h"

typedef struct pr_feedback_maildir pr_feedback_maildir;

/* Looks at bounce.maildir, if there is one, every few seconds. The desk outlives it. */
pr_feedback_maildir *pr_feedback_maildir_open(pr_loop *loop, const struct pr_config *config,
                                              pr_feedback_desk *desk);
void pr_feedback_maildir_reload(pr_feedback_maildir *m, const struct pr_config *config);
void pr_feedback_maildir_stop(pr_feedback_maildir *m);  /* before the desk stops; NULL: nothing */
void pr_feedback_maildir_close(pr_feedback_maildir *m); /* after it has; NULL: nothing */

#endif
