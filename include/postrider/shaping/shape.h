/*
 * A lane's shape: may it connect, may it send, and if not: when to ask again and who says so.
 * Pure: all of it on the clock of now_ms (monotonic), wall clock only where it is kept.
 *
 * Limits, all checked before any is debited:
 *   connections          the adaptive limit; a rule's; the policy's is above both
 *   messages             of one connection: the policy's, or a rule's
 *   message_rate         the policy's, or a rule's while it is slower
 *   connection_rate      the same
 *   suspend              a rule's: neither connects nor sends
 *   provider_connections, provider_message_rate, daily: the group's
 *
 * The adaptive limit begins at the policy's `start`. When every connection it allows is open,
 * each message accepted adds 1 / (PR_SHAPE_RISE * limit): one connection more when all of them
 * have had PR_SHAPE_RISE messages. It never passes the policy's `connections`. A reply that
 * speaks of our rate or standing (4xx, or before RCPT), and a connection refused or lost, halve
 * it, once in PR_SHAPE_FALL_MS and never below 1. Greylisting and what is said of a recipient
 * never do. Latency much above what it has been only keeps it from rising.
 *
 * Rules come first: where one matches a reply, its class changes nothing. A rule acts when it
 * has matched `count` times `within` a time; every rule that matches is counted. Of two of one
 * kind in force the stricter stands, equal ones until the later end. What rules set is gone when
 * the rule is gone from the file.
 */
#ifndef POSTRIDER_SHAPING_SHAPE_H
#define POSTRIDER_SHAPING_SHAPE_H

#include "postrider/journal/record.h"
#include "postrider/shaping/gcra.h"
#include "postrider/shaping/quota.h"
#include "postrider/smtp.h"

#define PR_SHAPE_RISE 10
#define PR_SHAPE_FALL_MS (30 * PR_SECOND_MS)
/* Another lane of the provider holds what this one waits for: ask again after this. */
#define PR_SHAPE_POLL_MS 100

struct pr_shape;

/* What the lanes of one provider by one source share. Zero-initialised; the owner keeps it
 * longer than its shapes, and works `quota` (quota.h). */
struct pr_shape_group {
	struct pr_gcra messages;
	struct pr_quota quota;
	unsigned connections;
	const struct pr_shape *waiter; /* has the next connection: it was refused one */
	int64_t waited_ms;             /* when the waiter last asked */
};

/* One lane: a site by a source. Embedded in its owner; fields are the room's secret. */
struct pr_shape {
	pr_shaping *shaping;
	const struct pr_shaping_policy *policy;
	struct pr_shape_group *group;
	struct pr_shape_trouble *trouble; /* NULL: no rule has heard anything */
	struct pr_gcra messages, connects;
	double limit;      /* of connections, adaptive */
	double latency_ms; /* what it has been at its best, slowly forgotten */
	int64_t fell_ms;   /* when the limit was last halved */
	unsigned connections;
	unsigned connections_max; /* the policy's, or the route's where that is less */
};

/* policy: of shaping, which gets another reference. group: NULL where it shares nothing.
 * connections_max: the route's own limit. */
void pr_shape_init(struct pr_shape *s, pr_shaping *shaping, const struct pr_shaping_policy *policy,
                   struct pr_shape_group *group, unsigned connections_max);
void pr_shape_finish(struct pr_shape *s); /* its connections count no more in the group */
/* After a reload, or when the site has another provider: figures change at once, what rules set
 * stays where the rule is still there. The group may be another one. */
void pr_shape_configure(struct pr_shape *s, pr_shaping *shaping,
                        const struct pr_shaping_policy *policy, struct pr_shape_group *group,
                        unsigned connections_max, int64_t now_ms);

/* ---- may it go now? ---- */

/* Why not; views, until the shape is configured anew. */
struct pr_shape_why {
	const char *limit; /* "message_rate" */
	const char *who;   /* "shaping.yaml:41 google" */
};
/* 0: now. Else when to ask again, later than now_ms; INT64_MAX: when one of its connections has
 * closed, or pr_shape_connections has risen. */
int64_t pr_shape_may_connect(struct pr_shape *s, int64_t now_ms, struct pr_shape_why *why);
void pr_shape_connected(struct pr_shape *s, int64_t now_ms); /* one is being opened: debits */
void pr_shape_closed(struct pr_shape *s);                    /* it is gone, however it ended */
/* The same for a message. INT64_MAX does not come. Where the day's claim is used up (and only a
 * claim is missing) it is asked again after PR_SHAPE_POLL_MS. */
int64_t pr_shape_may_send(struct pr_shape *s, int64_t now_ms, struct pr_shape_why *why);
/* How many might be sent until then, as things are: what is worth preparing. */
unsigned pr_shape_room(struct pr_shape *s, int64_t now_ms, int64_t until_ms);
void pr_shape_sent(struct pr_shape *s, int64_t now_ms); /* granted: debits */

/* Connections it may have at once now, 0 while it is suspended: a lane that has more closes
 * some. */
unsigned pr_shape_connections(struct pr_shape *s, int64_t now_ms);
/* Messages of a connection that is opened now; at least 1. */
unsigned pr_shape_messages(struct pr_shape *s, int64_t now_ms);

/* ---- what receivers say ---- */

/* A message was accepted. latency_ms: the lane's average of the time from its last octets to the
 * answer, as the caller keeps it; 0: not known. */
void pr_shape_accepted(struct pr_shape *s, double latency_ms);

/* What a reply is. enhanced {0}: none. code 0: not answered (lost, refused, timed out). */
struct pr_shape_reply {
	enum pr_smtp_stage stage;
	int code;
	uint8_t enhanced[3];
	struct pr_str text;   /* at most PR_SHAPING_REPLY_MAX octets of it are looked at */
	enum pr_class class_; /* the verdict's */
};
enum {
	PR_SHAPE_SUSPENDED = 1,
	PR_SHAPE_THROTTLED = 2,         /* messages or connections a time */
	PR_SHAPE_FEWER_CONNECTIONS = 4, /* by a rule */
	PR_SHAPE_FEWER_MESSAGES = 8,    /* per connection */
	PR_SHAPE_DEFER = 16,            /* the row is deferred, not bounced; the lane is well */
	PR_SHAPE_HALVED = 32,           /* the adaptive limit, by the reply's class */
};
struct pr_shape_done {
	unsigned actions;  /* PR_SHAPE_... now; 0: nothing */
	bool matched;      /* some rule knows the reply: back off for no other reason */
	int64_t lifts_ms;  /* when the last of it lifts; 0: nothing that lifts */
	int64_t retry_ms;  /* DEFER: after how long the row is tried again; 0: as usual */
	const char *who;   /* the rule: that which acted, else that which matched; NULL: none */
	const char *reply; /* its pattern; NULL: none */
};
/* Anything but an acceptance; also what ended a connection. */
struct pr_shape_done pr_shape_heard(struct pr_shape *s, int64_t now_ms,
                                    const struct pr_shape_reply *reply);

/* ---- for people ---- */

struct pr_shape_limit {
	const char *name; /* "message_rate" */
	char value[24];   /* "5", "10/m"; "" for suspend */
	const char *who;  /* "shaping.yaml:41 google", "adaptive" */
	int64_t lifts_ms; /* 0: stays */
};
/* Each limit in force, in the order of the list above; of two for one thing the one that binds. */
void pr_shape_limits(struct pr_shape *s, int64_t now_ms,
                     void (*each)(void *context, const struct pr_shape_limit *limit),
                     void *context);

/* ---- across a restart ---- */

#define PR_SHAPE_TEXT_MAX 8192
/* What must survive (limit, what rules set, what they counted), as JSON, times by the wall clock;
 * utc_ms is the same instant as now_ms. Appended to out: at most PR_SHAPE_TEXT_MAX octets; 0:
 * there is nothing to keep. Returns how many. */
size_t pr_shape_save(struct pr_shape *s, int64_t now_ms, int64_t utc_ms, struct pr_buf *out);
/* Into a shape just made. Rules that are gone and times that cannot be (later than the rule's
 * `for`, counted in the future) are dropped or brought back: clocks jump. PR_EINVAL: not such a
 * text; the shape is as it was. */
int pr_shape_restore(struct pr_shape *s, struct pr_str saved, int64_t now_ms, int64_t utc_ms);

#endif
