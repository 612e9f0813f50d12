/*
 * Between the files of the feedback desk.
 *
 *   desk.c     acts on a mail
 *   review.c     mails for somebody to look at
 *   bounced.c  addresses that are given up; soft.c counts those that may be
 *   server.c   the bounce server; maildir.c a folder that is watched (both only bring mails)
 */
#ifndef FEEDBACK_DESK_INTERNAL_H
#define FEEDBACK_DESK_INTERNAL_H

#include "postrider/feedback/desk.h"

/* ---- review.c: a maildir of its own, bounded; on one thread at a time ---- */
struct review;
int review_open(const char *state, struct review **out, struct pr_error *e);
void review_close(struct review *k); /* NULL: nothing */
/* Durable on return. The oldest goes where there are too many. */
int review_add(struct review *k, struct pr_str mail, struct pr_error *e);

struct pr_feedback_desk {
	struct pr_feedback_desk_options options;
	pr_lane *lane;
	struct review *review; /* the lane's */
	struct pr_feedback_totals totals;
	bool stopped;
	struct pr_list bounced; /* addresses to be suppressed: bounced.c */
	unsigned ordered;       /* of these */
	struct pr_timer again;
	/* soft.c */
	struct pr_list uncounted, counting;
	struct pr_list *at; /* of counting: the next one */
	struct pr_audience_work work;
	struct pr_bounce_policy policy; /* of the work */
	pr_audience *keys;              /* the loop's, for hashes */
	struct pr_map bouncing;         /* those that are counted */
};

/* ---- bounced.c ---- */
void bounced_open(pr_feedback_desk *d);
void bounced_stop(pr_feedback_desk *d);
void bounced_close(pr_feedback_desk *d);
void bounced_add(pr_feedback_desk *d, const struct pr_bounced *row); /* to be suppressed */
void bounced_again(pr_feedback_desk *d, const struct pr_error *e);   /* later: it failed */

/* ---- soft.c ---- */
int soft_open(pr_feedback_desk *d, struct pr_error *e);
void soft_close(pr_feedback_desk *d);
void soft_add(pr_feedback_desk *d, const struct pr_bounced *row);
void soft_start(pr_feedback_desk *d); /* to count those */
void soft_again(pr_feedback_desk *d); /* what failed */
uint64_t soft_needs(const pr_feedback_desk *d);

#endif
