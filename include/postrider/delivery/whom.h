/*
 * Whom a row was for: what the folder of its campaign, under way or finished, tells of it.
 */
#ifndef POSTRIDER_DELIVERY_WHOM_H
#define POSTRIDER_DELIVERY_WHOM_H

#include "postrider/audience.h"
#include "postrider/campaign/config.h"
#include "postrider/statedb.h"

struct pr_whom {
	char dir[4096];                  /* of the campaign */
	char address[400];               /* as in the envelope */
	int64_t first_ms;                /* when it was first tried, by the due clock; 0: not yet */
	struct pr_audience_who campaign; /* its class and list */
	char language[36];               /* of what the row got: "pt-BR"; "": not said */
	char sender[256];                /* the name in From, else its domain; UTF-8, one line */
};

/* Any thread but the loop's; db is that thread's own. PR_ENOENT: no such campaign or row, or its
 * folder is gone; else why that cannot be read. */
int pr_whom_find(struct pr_whom *out, pr_statedb *db, const struct pr_config *config,
                 uint32_t serial, uint32_t row, struct pr_error *e);

#endif
