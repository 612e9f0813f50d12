/*
 * Plan: how a campaign would go, computed and not sent: how many when and where, and what holds
 * them up.
 *
 * Words
 *   site      domains with the same exchangers; several that are alike are told as one, `count`
 *   wave      rows of a site that may go from the same time on
 *   group     sites that share what a provider grants (shaping.h): its rates, its day
 *   receiver  what is told of: a line of the table; some sites of one group
 *   round trip  how long one message takes on one connection
 *
 * Rows flow: each site at the least rate that its connections, the shaping and the round trip
 * allow, groups and the campaign's own rate above that, in steps that grow with the time that has
 * passed (half a percent of it). A rate that several share goes to them in equal parts, what one
 * of them leaves to the others. All first attempts are taken to succeed, nothing else is sent
 * meanwhile and nothing was sent today. Pure: time comes in.
 */
#ifndef POSTRIDER_PLAN_H
#define POSTRIDER_PLAN_H

#include "postrider/campaign/schedule.h"
#include "postrider/shaping.h"

#define PR_PLAN_HORIZON_MS (400 * PR_DAY_MS) /* what is not sent by then is `left` */
#define PR_PLAN_DAYS_MAX 402

struct pr_plan_wave {
	int64_t from_ms; /* UTC; 0: as soon as the campaign may send */
	uint64_t rows;   /* of one site */
};
struct pr_plan_site {
	unsigned receiver;                /* its position */
	uint64_t count;                   /* so many sites are like this; 1 or more */
	const struct pr_plan_wave *waves; /* by from_ms */
	size_t waves_n;
};
struct pr_plan_receiver {
	unsigned group; /* its position */
};
struct pr_plan_group {
	const struct pr_shaping_policy *policy; /* NULL: nothing shapes it (a relay) */
};
/* An address to send from. */
struct pr_plan_source {
	const struct pr_warm_up *warm_up; /* NULL: it is warm */
	int64_t since;                    /* the day it began, see pr_quota_parse_day */
};

struct pr_plan_input {
	int64_t now_ms; /* UTC */
	const struct pr_timetable *timetable;
	const pr_zone *zone; /* of days of quotas */
	struct pr_rate rate; /* the campaign's; count 0: none */
	int64_t connections; /* of the route, of a site by a source; 1 or more */
	int64_t connections_all;
	double round_trip_ms; /* more than 0 */
	const struct pr_plan_source *sources;
	size_t sources_n; /* 1 or more */
	const struct pr_plan_group *groups;
	size_t groups_n;
	const struct pr_plan_receiver *receivers;
	size_t receivers_n;
	const struct pr_plan_site *sites;
	size_t sites_n;
};

/* What holds a receiver up, beside start and window. */
enum pr_plan_limit {
	PR_PLAN_NONE, /* nothing for long */
	PR_PLAN_RATE, /* the campaign's */
	PR_PLAN_CONNECTIONS_ALL,
	PR_PLAN_CONNECTIONS, /* and the round trip */
	PR_PLAN_MESSAGE_RATE,
	PR_PLAN_CONNECTION_RATE, /* and the messages of each */
	PR_PLAN_PROVIDER_CONNECTIONS,
	PR_PLAN_PROVIDER_MESSAGE_RATE,
	PR_PLAN_DAILY,
	PR_PLAN_WARM_UP,
	PR_PLAN_LIMITS
};
const char *pr_plan_limit_name(enum pr_plan_limit limit); /* "message_rate"; "" for none */

struct pr_plan_day {
	int64_t day;   /* since 1970-01-01, by the timetable's zone */
	uint64_t rows; /* about: parts of rows are rounded */
};
struct pr_plan_line {
	uint64_t rows, sent;
	uint64_t cut;                        /* by the deadline */
	uint64_t left;                       /* not within PR_PLAN_HORIZON_MS */
	int64_t begins_ms, half_ms, done_ms; /* UTC; 0: never. done: the last that is sent */
	enum pr_plan_limit limit;            /* that held it up longest while it might send */
	struct pr_plan_day *days;            /* those with rows, in order */
	size_t days_n;
};
struct pr_plan {
	struct pr_plan_line all;
	struct pr_plan_line *receivers; /* as in the input */
	size_t receivers_n;
	bool late; /* begun now it would be held: its start is too long ago */
};
/* What holds a site of this group by one source if nothing else does, and how fast that is
 * (messages a second); connections as many as it may have. */
enum pr_plan_limit pr_plan_pace(const struct pr_plan_input *in, const struct pr_plan_group *group,
                                double *rate);

void pr_plan_make(const struct pr_plan_input *in, struct pr_plan *out);
void pr_plan_finish(struct pr_plan *p);

#endif
