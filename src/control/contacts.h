/* What is said of contacts by HTTP, on its way to the desk. */
#ifndef CONTROL_CONTACTS_H
#define CONTROL_CONTACTS_H

#include "internal.h"

#include "postrider/campaign/contact.h"

struct contacts_request {
	struct pr_audience_work work;
	struct pr_job job; /* reads the body, on the reader lane */
	struct request *request;
	struct pr_contact_batch batch;
	struct pr_audit audit; /* the line that tells of it */
	char by[64], source[96];
	struct pr_buf text; /* the body as it came */
	json_t *body;
	struct pr_arena arena; /* of what was read */
	struct pr_str address; /* to be deleted */
	bool found;
	int result;
	struct pr_error error;
};

/* Appends ,"contact":{...} or null, and "customer_events":[...]: for export. */
int contact_export(pr_audience *a, struct pr_str address, struct pr_buf *out, struct pr_error *e);
bool contacts_allowed(struct request *q); /* false when it was answered */
/* ,"forgotten":[the rows that were left out, the first is 1] */
void add_forgotten(struct pr_buf *b, const bool *forgotten, size_t n);
/* The batch, from `text`. PR_EINVAL: `error` names row and column. */
int contacts_read(struct contacts_request *s);

#endif
