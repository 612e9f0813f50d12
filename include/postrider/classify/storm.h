/*
 * Storms of "unknown user": a receiver whose directory has failed says of everybody that they are
 * not there. Who believed it would give up a whole audience in minutes.
 *
 *   share of unknown users among those tried, in the last minutes, against that of the last days
 *
 * Both are counts that fade: by a time constant of ten minutes, and of seven days. A receiver that
 * is not known well is taken to have PR_STORM_USUAL of them. Nothing is learnt while a storm blows.
 * Pure.
 */
#ifndef POSTRIDER_CLASSIFY_STORM_H
#define POSTRIDER_CLASSIFY_STORM_H

#include "postrider/base/buf.h"

#define PR_STORM_LEAST 20     /* unknown users in the last minutes: fewer are no storm */
#define PR_STORM_TIMES 5.0    /* as many as usual */
#define PR_STORM_SHARE 0.2    /* and at least this share of those tried */
#define PR_STORM_USUAL 0.02   /* where nothing is known */
#define PR_STORM_KNOWN 1000.0 /* tries that weigh as much as PR_STORM_USUAL */

struct pr_storm {                      /* of one receiver; zeroes: new */
	double tried, unknown;         /* in the last days */
	double tried_now, unknown_now; /* in the last minutes */
	int64_t at_ms;                 /* as of then */
};

/* An address was accepted or refused for good; now_ms never goes back. */
void pr_storm_count(struct pr_storm *s, bool unknown, int64_t now_ms);
/* Does it blow? What the receiver says of unknown users is then not to be believed. */
bool pr_storm_blows(const struct pr_storm *s, int64_t now_ms);

/* What is kept across a restart: the last days. read: false, and *s as new, for anything else. */
void pr_storm_write(const struct pr_storm *s, struct pr_buf *out);
bool pr_storm_read(struct pr_str text, int64_t now_ms, struct pr_storm *s);

#endif
