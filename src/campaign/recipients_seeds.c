/*
 * Seeds: internal copies, as the recipients get them.
 *
 *   first good row -> its fields are kept -> behind the last row: one row a seed and variant
 *
 * They stand behind PR_SEED_BASE, so that every room knows them by their numbers, and are due at
 * once: they go when the campaign begins, not when its last row has gone. Their address stands
 * where the recipient's own stood; a code of `coupons` is nobody's to use up, so they show a word.
 */
#include "recipients_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define CODE "SEED"
#define AT_ONCE 1 /* UTC: has passed, and is a time */

void
seeds_columns(struct seeds *s, const struct columns *c)
{
	s->columns_n = c->n;
	s->email = c->email;
	s->coupons = c->coupons;
}

void
seeds_note(struct seeds *s, const struct checked_row *row)
{
	if (s->row)
		return;
	s->row = row->row;
	pr_buf_add_str(&s->data, row->data);
}

/* Fields that are not there are empty: templates have their defaults. */
static void
pack(const struct seeds *s, struct pr_str address, struct pr_buf *out)
{
	struct pr_str *fields = pr_calloc(s->columns_n + 1, sizeof *fields);
	pr_fields_unpack(pr_buf_str(&s->data), fields, s->columns_n);
	fields[s->email] = address;
	if (s->coupons)
		fields[s->columns_n - 1] = PR_STR(CODE);
	pr_buf_clear(out);
	pr_fields_pack(out, fields, s->columns_n);
	free(fields);
}

static int
add_rows(pr_ledger *l, struct pr_ledger_new *n, unsigned rows, struct pr_counts *counts,
         struct pr_error *e)
{
	int r = 0;
	for (unsigned i = 0; i < rows && r == 0; i++, n->row++)
		if ((r = pr_ledger_add(l, n, e)) == 0) {
			counts->total++;
			counts->of[n->state]++;
		}
	return r;
}

static int
keep_source(const struct seeds *s, pr_ledger *l, struct pr_error *e)
{
	char text[12];
	snprintf(text, sizeof text, "%u", (unsigned)s->row);
	return s->row ? pr_ledger_set(l, PR_FACT_SEED_ROW, pr_str(text), e) : 0;
}

int
seeds_add(const struct seeds *s, const struct pr_manifest *m, pr_ledger *l,
          const struct seeds_asked *asked, struct pr_counts *counts, struct pr_error *e)
{
	struct pr_buf data = {0};
	struct pr_mailbox box;
	unsigned rows = m->variants.n ? (unsigned)m->variants.n : 1;
	uint32_t next = PR_SEED_BASE + 1;
	int r = m->seeds.n ? keep_source(s, l, e) : 0;
	for (size_t i = 0; i < m->seeds.n && r == 0; i++, next += rows) {
		struct pr_str why = {0};
		if (pr_mailbox_parse(pr_text_str(&m->seeds.items[i]), &box, NULL) < 0)
			continue; /* told with the manifest, which is not sound then */
		struct pr_str address = pr_str_n(box.address, box.n);
		pack(s, address, &data);
		struct pr_ledger_new n = {.row = next,
		                          .email = address,
		                          .domain = pr_mailbox_domain(&box),
		                          .data = pr_buf_str(&data),
		                          .state = PR_PENDING,
		                          .due_ms = AT_ONCE};
		if ((r = asked->stops(asked->context, address, &why)) < 0)
			break;
		if (r > 0) {
			n.state = PR_SUPPRESSED;
			n.class_ = PR_CLASS_SUPPRESSED;
			n.reason = why;
		}
		r = add_rows(l, &n, rows, counts, e);
	}
	pr_buf_finish(&data);
	return r;
}

void
seeds_finish(struct seeds *s)
{
	pr_buf_finish(&s->data);
}
