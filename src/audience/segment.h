/* The inside of segments: a condition becomes SQL. Private to audience/. */
#ifndef AUDIENCE_SEGMENT_H
#define AUDIENCE_SEGMENT_H

#include "internal.h"

#include "postrider/audience/segment.h"

#define SEGMENT_PLACES 2048u /* tokens of a condition */
#define SEGMENT_ID "c.\"contact id\""

enum segment_function { SEGMENT_IN_LIST, SEGMENT_DAYS_SINCE, SEGMENT_COUNT, SEGMENT_SUM };

/* What the store knows of a name that stands in a function; -1: nothing. */
struct segment_names {
	int64_t (*find)(void *context, enum segment_function f, struct pr_str name);
	void *context;
};

/* A condition as SQL over the view c. */
struct segment_text {
	struct pr_buf sql;
	bool scores; /* recency, frequency or monetary are asked for */
	struct {     /* where a token of the SQL stood in the condition */
		uint32_t out, in;
	} places[SEGMENT_PLACES];
	size_t places_n;
};

/* PR_EINVAL: e has the place. names NULL: nothing is looked up. */
int segment_rewrite(struct pr_str condition, int64_t now_utc_ms, const struct segment_names *names,
                    struct segment_text *out, struct pr_error *e);
void segment_text_finish(struct segment_text *t);
/* The place in the condition, from 1, of an offset in `sql`. */
size_t segment_place(const struct segment_text *t, size_t offset);
bool segment_allows(const char *function); /* of SQLite, that conditions may call */

#endif
