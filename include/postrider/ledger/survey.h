/*
 * The survey: all that a report tells of a campaign's rows, counted in one reading of its ledger.
 *
 * Words
 *   part      some of the rows: those of a domain, of a receiver (several domains), of a variant
 *   people    rows for which at least one such act was not a machine's (people.h)
 *   step      a stretch of time, counted from the survey's begin
 *   reason    why rows were left out, in words that many of them share
 *
 * Reads each entry and each hit once, in their order on the disk: about 0.5 s a million rows.
 * Needs an octet a row while it counts (two where there are variants), and what the options say.
 */
#ifndef POSTRIDER_LEDGER_SURVEY_H
#define POSTRIDER_LEDGER_SURVEY_H

#include "postrider/ledger.h"

#define PR_SURVEY_STEPS_MAX 50000u
#define PR_SURVEY_DOMAINS_MAX 20u
#define PR_SURVEY_RECEIVERS_MAX 16u
#define PR_SURVEY_VARIANTS_MAX 32u
#define PR_SURVEY_REASONS_MAX 64u
#define PR_SURVEY_TEXT_MAX 240u

enum pr_survey_series {
	PR_SURVEY_ACCEPTED, /* messages */
	PR_SURVEY_OPENED,   /* people, at their first */
	PR_SURVEY_CLICKED,
	PR_SURVEY_SERIES,
};

struct pr_survey_part {
	uint64_t rows;
	uint64_t of[PR_STATES];
	uint64_t acted[PR_ENGAGEMENT_KINDS]; /* people */
};

struct pr_survey_domain {
	char name[256];
	struct pr_survey_part part;
};

struct pr_survey_reason {
	enum pr_state state; /* PR_SKIPPED, PR_SUPPRESSED, PR_CANCELLED */
	enum pr_class class_;
	char text[PR_SURVEY_TEXT_MAX]; /* addresses masked, numbers of rows left out */
	uint64_t rows;
};

struct pr_survey_options {
	int64_t from_ms, step_ms; /* UTC; what is before is in the first step */
	unsigned steps;           /* at most PR_SURVEY_STEPS_MAX; what is behind is in the last */
	/* Which receiver a domain belongs to: 1 to PR_SURVEY_RECEIVERS_MAX - 1, 0 none of them.
	 * NULL: nobody asks. */
	unsigned (*receiver)(struct pr_str domain);
};

struct pr_survey {
	uint64_t late; /* bounced after they had been accepted */
	uint64_t classes[PR_STATES][PR_CLASSES];
	/* A reply of each class of rows that bounced, or wait for a retry; "": none. */
	char bounced[PR_CLASSES][PR_SURVEY_TEXT_MAX], deferred[PR_CLASSES][PR_SURVEY_TEXT_MAX];
	uint64_t devices[PR_ENGAGEMENT_KINDS][PR_DEVICES];      /* people, by their first */
	struct pr_survey_domain domains[PR_SURVEY_DOMAINS_MAX]; /* the largest first */
	unsigned domains_n;
	struct pr_survey_part receivers[PR_SURVEY_RECEIVERS_MAX];
	struct pr_survey_part variants[PR_SURVEY_VARIANTS_MAX + 1]; /* 0: rows without */
	unsigned variants_n; /* the highest that a row was sent with; 0: there are none */
	struct pr_survey_reason reasons[PR_SURVEY_REASONS_MAX]; /* the most frequent first */
	unsigned reasons_n;
	uint64_t reasons_more;              /* rows with reasons that found no room */
	uint32_t *series[PR_SURVEY_SERIES]; /* of options.steps each */
	unsigned steps_used;                /* 0: nothing has a time */
	struct pr_arena arena;
};

/* READ. The caller ends what it was given, also after a failure. */
int pr_ledger_survey(pr_ledger *l, const struct pr_survey_options *o, struct pr_survey *out,
                     struct pr_error *e);
void pr_survey_finish(struct pr_survey *s);

/* A reply or reason as strangers may read it: one line, of addresses only the domain, what names
 * one row ("of row 17", quoted values) replaced where `shared`, so that equal reasons are equal.
 * Cut to size - 1 octets. */
void pr_survey_mask(struct pr_str text, bool shared, char *out, size_t size);

#endif
