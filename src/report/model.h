/*
 * The model: every figure of a report, gathered once. The page and report.json are written from
 * it alone, so that they say the same.
 *
 * Words
 *   people    recipients of whom at least one act was not a machine's
 *   share     a part of a whole, with the interval in which it lies with 95 % certainty
 *   sent      recipients that a message was begun for: accepted, bounced, uncertain, to be retried
 *   earlier   finished campaigns of the same list and class in done/
 */
#ifndef REPORT_MODEL_H
#define REPORT_MODEL_H

#include "postrider/base/arena.h"
#include "postrider/campaign/schedule.h"
#include "postrider/ledger/survey.h"
#include "postrider/report.h"
#include "postrider/stats.h"

#define LINKS_SHOWN 100u
#define REASONS_SHOWN 12u
#define EARLIER_MAX 12u      /* campaigns that are compared with */
#define EARLIER_LOOKED 200u  /* folders that are looked at for them, the newest first */
#define EARLIER_SMALLEST 20u /* accepted messages of a campaign that says something */
#define BARS_MAX 60u

enum rate {
	RATE_ACCEPTED, /* of sent */
	RATE_BOUNCED,  /* of sent */
	RATE_OPENED,   /* people, of accepted; as all below */
	RATE_CLICKED,
	RATE_UNSUBSCRIBED,
	RATE_COMPLAINED,
	RATE_CONVERTED,
	RATES,
};
struct rate_words {
	const char *word;  /* for people: "opened" */
	const char *key;   /* in report.json */
	const char *whole; /* "of accepted" */
};
extern const struct rate_words rate_words[RATES];

struct share {
	uint64_t part, whole;
	double value, low, high; /* 0 to 1; whole 0: all 0 */
};
struct share share_of(uint64_t part, uint64_t whole);

struct spread { /* of earlier campaigns */
	unsigned n;
	double median, low, high; /* low, high: the middle half of them */
};

/* Bars of equal stretches of time, from when sending began. */
struct timeline {
	int64_t from_ms, step_ms; /* UTC */
	unsigned n;               /* 0: nothing has a time */
	uint64_t of[PR_SURVEY_SERIES][BARS_MAX], later[PR_SURVEY_SERIES];
};

struct model_link {
	uint32_t number; /* 0: links of the rows' own */
	struct pr_str url;
	struct pr_engaged n;
	struct share share; /* of accepted */
};

/* A large receiver and what it asks of senders. */
enum receiver_verdict {
	RECEIVER_FEW, /* too few messages to tell */
	RECEIVER_WELL,
	RECEIVER_ABOVE,  /* above the target */
	RECEIVER_BEYOND, /* above the limit */
	RECEIVER_SILENT, /* it reports none to senders, or has no public limit */
};
struct receiver {
	const char *name, *note;
	double target, limit; /* 0: none that is public */
	bool reports;         /* complaints, one by one */
	struct share complained;
	uint64_t unsubscribed;
	enum receiver_verdict verdict;
};
#define RECEIVERS_MAX 8u

struct model_variant {
	char name[200];
	struct pr_survey_part part;
	struct share opened, clicked, converted;
	struct pr_conversions earned;
};

/* What the variants differ in, against the fallback. Only where all recipients tried them: where
 * the better one went to the rest, its later rows are no part of the comparison. */
struct model_test {
	bool judged;
	const char *metric; /* "opens", "clicks", "conversions" */
	unsigned control;   /* position */
	double alpha;
	struct pr_stats_result result;
};

struct model {
	const struct pr_report_source *s;
	int64_t now_ms;
	const char *accepted;              /* "accepted", "accepted by relay" */
	struct pr_str subject, from, list; /* empty: not known */
	const char *class_;
	pr_zone *zone; /* NULL: UTC */
	const char *zone_name;
	uint64_t total, sent, people[PR_ENGAGEMENT_KINDS];
	struct share rates[RATES];
	struct spread earlier[RATES];
	unsigned earlier_n;
	struct pr_survey survey;
	struct timeline time;
	struct model_link *links;
	unsigned links_n;
	struct receiver receivers[RECEIVERS_MAX];
	unsigned receivers_n;
	struct model_variant *variants; /* or steps, where `steps` says so */
	unsigned variants_n;
	bool steps;
	struct model_test test;
	uint64_t chosen_by_machines; /* recipients an earlier campaign had, opened there by machines
	                                only */
	struct pr_str decision;      /* what the rest got, and why; empty: nothing was decided */
	struct pr_buf picture;       /* a document; empty: there is none, because of ... */
	unsigned shown;              /* the variant that it shows, from 1; 0: there are none */
	struct pr_error no_picture;
	struct pr_arena arena;
};

/* dir: the campaign's folder. picture: it is wanted, too. The caller finishes m in any case. */
int model_gather(const struct pr_report_source *s, pr_ledger *l, bool picture, struct model *m,
                 struct pr_error *e);
void model_finish(struct model *m);

/* ---- parts of it ---- */

/* earlier.c: fills m->earlier from the folders beside the campaign's. */
void earlier_gather(struct model *m);
struct spread spread_of(double *values, unsigned n); /* sorts them */
/* timeline.c: the stretches that show the most. unit_ms: of a step of the survey. */
void timeline_make(const struct pr_survey *s, int64_t from_ms, int64_t unit_ms,
                   struct timeline *out);
/* receivers.c */
unsigned receiver_of_domain(struct pr_str domain); /* for the survey */
void receivers_judge(struct model *m);

#endif
