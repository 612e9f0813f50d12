/* The inside of segments: a condition over the view of a contact. Private to audience/. */
#ifndef AUDIENCE_SEGMENT_H
#define AUDIENCE_SEGMENT_H

#include "internal.h"

#include "postrider/audience/segment.h"
#include "postrider/ledger/condition.h"

#define SEGMENT_ID "c.\"contact id\""

enum segment_function { SEGMENT_IN_LIST, SEGMENT_DAYS_SINCE, SEGMENT_COUNT, SEGMENT_SUM };

/* What the store knows of a name that stands in a function; -1: nothing. */
struct segment_names {
	int64_t (*find)(void *context, enum segment_function f, struct pr_str name);
	void *context;
};

/* The condition as SQL over the view c. PR_EINVAL: e has the place. names NULL: nothing is looked
 * up. scores: set where recency, frequency or monetary are asked for. */
int segment_rewrite(struct pr_str condition, int64_t now_utc_ms, const struct segment_names *names,
                    struct pr_condition_text *out, bool *scores, struct pr_error *e);

struct segment_bounds { /* between fifths */
	double of[4];
};

struct segment {
	pr_audience *a;
	const struct pr_segment_ask *ask;
	struct pr_condition_text text;
	bool scores; /* some condition of the query asks for them; see segment_rewrite */
	struct segment_bounds last, orders, revenue;
	struct pr_attribute *attributes;
	size_t attributes_n;
	const char **columns; /* of the view */
	struct pr_condition_limits limits;
	struct pr_condition_query query;
};

/* What a contact has in the view beside its attributes; ended by NULL. */
extern const char *const segment_own_columns[];

/* The ask lives as long as it. */
struct segment *segment_query_create(pr_audience *a, const struct pr_segment_ask *ask);
void segment_query_destroy(struct segment *g);
/* Names in functions, as the store knows them. */
struct segment_names segment_names_of(struct segment *g);
/* `what` of the contacts that are in it, and what follows: SQL. Both may name the view c. */
int segment_query_open(struct segment *g, struct pr_str what, struct pr_str behind,
                       struct pr_error *e);
int segment_query_step(struct segment *g, struct pr_error *e); /* as pr_condition_step */

#endif
