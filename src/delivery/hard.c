/*
 * Rows that say something about their addresses: told with them, which the journal does not have
 * and the ledger does. Noted on the folder lane when they are folded, told on the loop.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TELLING (PR_OUTCOME_SUPPRESS | PR_OUTCOME_SOFT | PR_OUTCOME_ENDS)

static bool
is_telling(const struct pr_record *r, struct pr_outcome *o)
{
	return r->type == PR_RECORD_OUTCOME &&
	       pr_outcome_decode(pr_str_n(r->payload, r->payload_n), o) == 0 && o->flags & TELLING;
}

static void
add(struct hard *h, const struct pr_record *r, const struct pr_outcome *o, struct pr_str address)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 16;
		h->rows = pr_realloc(h->rows, h->cap * sizeof *h->rows);
	}
	struct pr_bounced *b = &h->rows[h->n++];
	*b = (struct pr_bounced){.lsn = r->lsn,
	                         .campaign = r->campaign,
	                         .row = r->row,
	                         .at_ms = r->at_ms,
	                         .class_ = o->class_,
	                         .hard = o->flags & PR_OUTCOME_SUPPRESS,
	                         .soft = o->flags & PR_OUTCOME_SOFT,
	                         .ends = o->flags & PR_OUTCOME_ENDS};
	snprintf(b->address, sizeof b->address, "%.*s", (int)address.n, address.p);
}

int
hard_note(struct hard *h, pr_ledger *l, const struct pr_record *records, size_t n,
          struct pr_error *e)
{
	struct pr_buf address = {0};
	struct pr_outcome o;
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (!is_telling(&records[i], &o))
			continue;
		pr_buf_clear(&address);
		r = pr_ledger_email(l, records[i].row, &address, e);
		if (r == 0)
			add(h, &records[i], &o, pr_buf_str(&address));
		else if (r == PR_ENOENT)
			r = 0;
	}
	pr_buf_finish(&address);
	return r;
}

void
hard_tell(struct pr_delivery *d, struct hard *h)
{
	if (h->n && d->options.on_bounced)
		d->options.on_bounced(d->options.context, h->rows, h->n);
	free(h->rows);
	*h = (struct hard){0};
}
