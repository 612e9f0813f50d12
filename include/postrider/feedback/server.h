/*
 * The bounce server: SMTP on the loop (smtp/receive.h) for return paths, complaints and mail to
 * the unsubscribe addresses. What it answers 250 is durable.
 */
#ifndef POSTRIDER_FEEDBACK_SERVER_H
#define POSTRIDER_FEEDBACK_SERVER_H

#include "postrider/feedback/desk.h"

typedef struct pr_feedback_server pr_feedback_server;

/* Listens at bounce.listen. PR_EEXIST and others: it cannot. */
int pr_feedback_server_open(pr_loop *loop, const struct pr_config *config, pr_feedback_desk *desk,
                            pr_feedback_server **out, struct pr_error *e);
void pr_feedback_server_reload(pr_feedback_server *s, const struct pr_config *config);
/* Nobody new, and who is there is hung up on; a mail under way is not answered, so its sender keeps
 * it. NULL: nothing. */
void pr_feedback_server_stop(pr_feedback_server *s);
void pr_feedback_server_close(pr_feedback_server *s); /* NULL: nothing. Stopped and a few turns of
                                                       * the loop ago; before the desk */

struct pr_feedback_server_totals {
	unsigned open;
	uint64_t connections, busy, refused, mails;
};
void pr_feedback_server_totals(const pr_feedback_server *s, struct pr_feedback_server_totals *out);

#endif
