/*
 * Tracking: the pages that a mail's links, its pixel and its headers lead to, over HTTP on
 * `track.listen`, on a thread of their own.
 *
 *   GET /o/TOKEN.gif   the pixel: always answered with the image
 *   GET /c/TOKEN       a link: to where the campaign leads it, and nowhere else
 *   GET /u/TOKEN       asks whether to unsubscribe; POST does it (RFC 8058)
 *   GET /p/TOKEN       preferences: this list, all of this sender, opens; POST changes them
 *   GET /v/TOKEN       the message in the browser
 *   POST /e            what a customer did, told by a shop (told.c); /e/shopify, /e/woocommerce
 *
 * Words
 *   visit      one request
 *   visitor    who made it: a hash of its address by a key that lives a day, in memory only. No
 *              address is stored or logged
 *   evidence   what speaks for a machine (journal/record.h). Nothing is decided here
 *
 * What a visit tells goes to the loop through a queue that is bounded: when it is full, pixel and
 * links still answer, and what is not recorded is counted. GET and HEAD never change anything;
 * what changes something is answered when it is durable. Everybody is untrusted: headers, bodies,
 * connections, time and rate are bounded.
 */
#ifndef POSTRIDER_TRACK_H
#define POSTRIDER_TRACK_H

#include "postrider/campaign/config.h"
#include "postrider/conversions.h"
#include "postrider/delivery.h"

typedef struct pr_track pr_track;

struct pr_track_options {
	pr_loop *loop;
	const struct pr_config *config; /* lives as long as the room, as those of reloads do */
	pr_delivery *delivery;
	pr_journal *journal;
	pr_conversions_desk *conversions;       /* where events go */
	const char *state_path, *audience_path; /* state.db, audience.db */
};

/* Without `track.listen` nothing listens, and that is no error. */
int pr_track_open(const struct pr_track_options *options, pr_track **out, struct pr_error *e);
/* Keys, links and limits of this configuration from now on; listen and connections of the old. */
void pr_track_reload(pr_track *t, const struct pr_config *config);
void pr_track_on_space(pr_track *t, bool full); /* of the journal: nothing is recorded while full */
/* Nobody is answered any more; what was seen is in the journal. Before the desk is stopped. */
void pr_track_stop(pr_track *t);
void pr_track_close(pr_track *t); /* after the journal: nothing is under way */

/* ---- looking ---- */

enum pr_track_path {
	PR_TRACK_OPEN,
	PR_TRACK_CLICK,
	PR_TRACK_UNSUBSCRIBE,
	PR_TRACK_VIEW,
	PR_TRACK_PREFERENCES,
	PR_TRACK_EVENTS,
	PR_TRACK_OTHER,
	PR_TRACK_PATHS
};
const char *pr_track_path_word(enum pr_track_path p); /* "o", "c", ...; "other" */

struct pr_track_counts { /* since the start; on the loop */
	bool listening;
	uint64_t recorded; /* events in the journal */
	uint64_t dropped;  /* events that found no room */
};
void pr_track_counts(const pr_track *t, struct pr_track_counts *out);
/* Answers by path and status, those that there were. */
void pr_track_each_answer(const pr_track *t,
                          void (*each)(void *context, enum pr_track_path path, unsigned status,
                                       uint64_t n),
                          void *context);

#endif
