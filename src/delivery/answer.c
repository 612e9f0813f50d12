/*
 * What came back, as the loop learns of it once it is folded: counts to show, reports of ended
 * campaigns to write anew, and rows in doubt whose messages have arrived after all.
 */
#include "internal.h"

#include <stdlib.h>

struct arrival {
	struct pr_verb verb;
	char id[PR_CAMPAIGN_ID_MAX];
	uint32_t rows[PR_LEDGER_ARRIVED_MAX];
};

/* Refused only where there is nothing to resolve any more. */
static void
arrival_done(struct pr_verb *v, int result, const char *text)
{
	(void)result;
	(void)text;
	free(PR_CONTAINER(v, struct arrival, verb));
}

static void
resolve_arrived(struct pr_delivery *d, const char *id, const struct answer *a)
{
	struct arrival *v = pr_calloc(1, sizeof *v);
	memcpy(v->id, id, strlen(id) + 1);
	memcpy(v->rows, a->arrived, sizeof v->rows);
	v->verb = (struct pr_verb){.kind = PR_VERB_RESOLVE,
	                           .id = v->id,
	                           .by = "postriderd",
	                           .delivered = true,
	                           .rows = v->rows,
	                           .rows_n = a->arrived_n,
	                           .why = "somebody has opened it, or answered to it",
	                           .done = arrival_done};
	pr_delivery_verb(d, &v->verb);
}

void
answer_apply(struct pr_delivery *d, const struct answer *a)
{
	struct pr_campaign *c = pr_map_get(&d->by_serial, a->serial);
	if (c) {
		c->engaged = a->engaged;
		c->earned = a->earned;
	}
	if (c && c->closed) {
		c->counts = a->counts;
		c->seeds = a->seeds;
	}
	if (a->id[0] && d->options.on_answered)
		d->options.on_answered(d->options.context, a->id);
	if (a->arrived_n && (c || a->id[0]))
		resolve_arrived(d, c ? c->id : a->id, a);
}
