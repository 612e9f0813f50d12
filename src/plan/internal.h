/*
 * The rooms of the simulation.
 *
 *   pace.c   how fast a site may go, and why not faster
 *   share.c  what several want of one thing
 *   plan.c   the steps
 *   line.c   what is told of them
 */
#ifndef POSTRIDER_PLAN_INTERNAL_H
#define POSTRIDER_PLAN_INTERNAL_H

#include "postrider/plan.h"

#define PLAN_LITTLE 1e-6 /* rows: less than that is nothing, doubles being what they are */

/* A limit and how fast it is: messages a ms. */
struct pace {
	double per_ms; /* INFINITY: none */
	enum pr_plan_limit limit;
};
/* Of a site by one source that has been sending for so long: connections are found out by and by.
 * for_ms < 0: for ever. */
struct pace plan_pace_site(const struct pr_plan_input *in, const struct pr_shaping_policy *policy,
                           double for_ms);
struct pace plan_pace_group(const struct pr_plan_input *in,
                            const struct pr_shaping_policy *policy); /* the same, of one source */
struct pace plan_pace_all(const struct pr_plan_input *in);

/* n that want so much each, `count` of each, get `there` in equal parts, none more than it wants:
 * what the largest get. INFINITY: all get what they want. */
struct want {
	double rows; /* of one */
	double count;
};
double plan_share(const struct want *wants, size_t n, double there);

/* ---- line.c ---- */
struct telling { /* of one line */
	struct pr_plan_line *line;
	double rows, sent;
	double held_ms[PR_PLAN_LIMITS];
	double of_day; /* of the last of line->days: parts of a row are kept */
};
void plan_tell_sent(struct telling *t, double rows, int64_t day, double from_ms, double until_ms);
void plan_tell_finish(struct telling *t, bool over);

#endif
