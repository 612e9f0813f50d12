/* An order for the desk of the audience, as it came by HTTP. */
#ifndef CONTROL_SUPPRESS_H
#define CONTROL_SUPPRESS_H

#include "internal.h"

struct suppress_request {
	struct pr_audience_order order;
	struct request *request;
	char by[64], source[96];
	struct pr_buf text; /* import: the body as it came, read on the desk's lane */
	json_t *body;
	struct pr_arena arena; /* of what was read */
};

/* The one suppression of the body. remove: its address, and its scope if it says one. */
int suppress_read(struct suppress_request *s, bool remove);
/* All of an import, from `text`. */
int suppress_read_import(struct pr_audience_order *o);

/* As an object; now_ms: UTC, tells whether it has ended. */
void suppression_json(struct pr_buf *b, const struct pr_suppression *s, int64_t now_ms);
/* A line of the audit, likewise. */
void audit_json(struct pr_buf *b, const struct pr_audit *line);
/* False: it was answered. */
bool is_for_operators(struct request *q);

#endif
