/*
 * Import: the file becomes a ledger in one pass, then duplicates are taken out, then the
 * ledger's switch is thrown.
 *
 *   rows -good-> ledger, duplicates
 *        -left-> ledger (suppressed)
 *        -bad--> ledger (skipped), rejects.csv
 *   seeds -> ledger, behind the last row
 *
 * Fails whole: what was begun is removed, and the import can be done again from the start.
 * A row that is bad is no failure of the file; too many of them hold the campaign, which is
 * the caller's to do.
 */
#include "recipients_internal.h"

#include <stdio.h>

#define DUPLICATES_MEMORY (16u << 20)
#define LOOK_UP_EVERY 1024u /* rows between two looks at stop and progress */

struct import {
	const struct pr_recipients_source *source;
	struct pr_recipients_result *result;
	pr_ledger *ledger;
	duplicates *duplicates;
	struct rejects rejects;
	struct pr_audience_who who;
	struct pr_split split;
	struct pr_buf why; /* it is suppressed */
	bool checking;     /* a state of the audience is being read */
	struct row_times times;
	exclusion *excluded; /* NULL: nobody */
	struct seeds seeds;
	struct pr_error *e;
};

/* ---- duplicates ask and tell ---- */

static int
address_of(void *context, uint32_t row, struct pr_buf *out, struct pr_error *e)
{
	struct import *in = context;
	return pr_ledger_email(in->ledger, row, out, e);
}

static int
on_duplicate(void *context, uint32_t row, uint32_t first, uint64_t line, struct pr_error *e)
{
	struct import *in = context;
	struct pr_buf address = {0};
	char why[64];
	snprintf(why, sizeof why, "duplicate of row %u", (unsigned)first);
	int r = address_of(in, row, &address, e);
	if (r == 0)
		r = rejects_add(&in->rejects, row, line, pr_buf_str(&address), why, e);
	if (r == 0)
		r = pr_ledger_skip(in->ledger, row, pr_str(why), e);
	pr_buf_finish(&address);
	if (r == 0) {
		in->result->duplicates++;
		in->result->skipped++;
		in->result->pending--;
	}
	return r;
}

/* ---- rows ---- */

static int
on_columns(void *context, const struct columns *c)
{
	struct import *in = context;
	const struct pr_recipients_source *s = in->source;
	int r = row_times_begin(&in->times, s, c, in->e);
	seeds_columns(&in->seeds, c);
	return r < 0 ? r
	             : pr_ledger_create(s->ledger_path, &s->identity, c->names, c->n, &in->ledger,
	                                in->e);
}

static int
begin_checking(struct import *in)
{
	uint64_t generation;
	if (in->checking)
		return 0;
	int r = pr_audience_begin(in->source->audience, &generation, in->e);
	in->checking = r == 0;
	return r;
}

/* 1: whoever it is may not be written to; in->why says why. */
static int
is_suppressed(struct import *in, struct pr_str address)
{
	pr_audience *a = in->source->audience;
	int r = a ? begin_checking(in) : 0;
	if (!a || r < 0)
		return r;
	pr_buf_clear(&in->why);
	return pr_audience_check(a, address, &in->who, pr_utc_ms(), &in->why, in->e);
}

static void
end_checking(struct import *in)
{
	if (in->checking)
		pr_audience_end(in->source->audience);
	in->checking = false;
}

/* It is no duplicate of anything, nor anything of it. */
static int
add_suppressed(struct import *in, const struct checked_row *row, struct pr_str address)
{
	in->result->suppressed++;
	struct pr_ledger_new n = {.row = row->row,
	                          .email = address,
	                          .domain = pr_mailbox_domain(&row->mailbox),
	                          .data = row->data,
	                          .state = PR_SUPPRESSED,
	                          .class_ = PR_CLASS_SUPPRESSED,
	                          .reason = pr_buf_str(&in->why)};
	return pr_ledger_add(in->ledger, &n, in->e);
}

/* 1: a person whose data was erased: it does not come back. */
static int
is_forgotten(struct import *in, struct pr_str address)
{
	pr_audience *a = in->source->audience;
	int r = a ? begin_checking(in) : 0;
	return a && r == 0 ? pr_audience_forgotten(a, address, in->e) : r;
}

static int
add_forgotten(struct import *in, const struct checked_row *row)
{
	in->result->suppressed++;
	in->result->forgotten++;
	struct pr_ledger_new n = {.row = row->row,
	                          .domain = pr_mailbox_domain(&row->mailbox),
	                          .state = PR_SUPPRESSED,
	                          .class_ = PR_CLASS_SUPPRESSED,
	                          .reason = PR_STR("forgotten")};
	return pr_ledger_add(in->ledger, &n, in->e);
}

/* It was good, but this campaign is not for it. */
static int
skip_good(struct import *in, const struct checked_row *row, struct pr_str address, const char *why,
          uint64_t *counter)
{
	struct pr_ledger_new n = {.row = row->row,
	                          .email = address,
	                          .domain = pr_mailbox_domain(&row->mailbox),
	                          .data = row->data,
	                          .state = PR_SKIPPED,
	                          .reason = pr_str(why)};
	in->result->skipped++;
	++*counter;
	return pr_ledger_add(in->ledger, &n, in->e);
}

static int
add_untimely(struct import *in, const struct checked_row *row, struct pr_str address,
             const char *why)
{
	int r = skip_good(in, row, address, why, &in->result->untimely);
	return r < 0 ? r : rejects_add(&in->rejects, row->row, row->line, address, why, in->e);
}

static int
add_good(struct import *in, const struct checked_row *row)
{
	struct pr_str address = pr_str_n(row->mailbox.address, row->mailbox.n);
	if (exclusion_has(in->excluded, address))
		return skip_good(in, row, address, "left out by exclude", &in->result->excluded);
	int r = is_suppressed(in, address);
	if (r != 0)
		return r < 0 ? r : add_suppressed(in, row, address);
	enum pr_group group = pr_split_group(&in->split, address);
	if (group == PR_GROUP_HOLDOUT)
		return skip_good(in, row, address, "hold-out group", &in->result->held_out);
	int64_t due_ms;
	const char *why = NULL;
	r = row_times_of(&in->times, row, &due_ms, &why, in->e);
	if (r < 0)
		return r;
	if (why)
		return add_untimely(in, row, address, why);
	struct pr_ledger_new n = {.row = row->row,
	                          .email = address,
	                          .domain = pr_mailbox_domain(&row->mailbox),
	                          .data = row->data,
	                          .state = PR_PENDING,
	                          .due_ms = group == PR_GROUP_REST ? PR_LEDGER_PARKED_MS : due_ms};
	r = pr_ledger_add(in->ledger, &n, in->e);
	in->result->pending++;
	seeds_note(&in->seeds, row);
	return r < 0 ? r : duplicates_add(in->duplicates, address, row->row, row->line, in->e);
}

static bool
has_mailbox(const struct checked_row *row)
{
	return row->fault == ROW_GOOD || row->fault == ROW_MISSING || row->fault == ROW_NO_CONSENT;
}

static void
count_fault(struct pr_recipients_result *result, enum row_fault fault)
{
	result->skipped++;
	if (fault == ROW_BAD_ADDRESS)
		result->bad_addresses++;
	else if (fault == ROW_MISSING)
		result->missing_required++;
	else if (fault == ROW_NO_CONSENT)
		result->without_consent++;
	else
		result->ragged++;
}

static int
add_bad(struct import *in, const struct checked_row *row)
{
	char shown[255]; /* what stood there, safe to show */
	bool known = has_mailbox(row);
	struct pr_ledger_new n = {
	    .row = row->row, .data = row->data, .state = PR_SKIPPED, .reason = pr_str(row->why)};
	n.email = known ? pr_str_n(row->mailbox.address, row->mailbox.n)
	                : pr_str(pr_str_show(row->value, shown, sizeof shown));
	if (known)
		n.domain = pr_mailbox_domain(&row->mailbox);
	count_fault(in->result, row->fault);
	int r = pr_ledger_add(in->ledger, &n, in->e);
	return r < 0 ? r
	             : rejects_add(&in->rejects, row->row, row->line, row->value, row->why, in->e);
}

static int
on_row(void *context, const struct checked_row *row)
{
	struct import *in = context;
	const struct pr_recipients_source *s = in->source;
	if (row->row % LOOK_UP_EVERY == 0) {
		end_checking(in);
		if (s->progress)
			atomic_store_explicit(s->progress, row->row, memory_order_relaxed);
		if (s->stop && atomic_load_explicit(s->stop, memory_order_relaxed))
			return pr_fail(in->e, PR_ECANCELLED, "the import was stopped");
	}
	int r =
	    has_mailbox(row) ? is_forgotten(in, pr_str_n(row->mailbox.address, row->mailbox.n)) : 0;
	if (r != 0)
		return r < 0 ? r : add_forgotten(in, row);
	return row->fault == ROW_GOOD ? add_good(in, row) : add_bad(in, row);
}

/* ---- seeds ---- */

static int
stops_seed(void *context, struct pr_str address, struct pr_str *why)
{
	struct import *in = context;
	int r = is_forgotten(in, address);
	*why = PR_STR("forgotten");
	if (r == 0) {
		r = is_suppressed(in, address);
		*why = pr_buf_str(&in->why);
	}
	return r;
}

/* ---- the whole ---- */

/* Duplicates, rows without consent, those without a time and those left out are no sign of a
 * damaged file: they do not count. */
static uint64_t
bad_rows(const struct pr_recipients_result *r)
{
	return r->skipped - r->duplicates - r->without_consent - r->held_out - r->untimely -
	       r->excluded;
}

void
pr_recipients_judge(const struct pr_manifest_recipients *m, uint64_t bad,
                    struct pr_recipients_result *result)
{
	result->too_many_rejects =
	    bad > m->rejects_free && (double)bad > m->max_rejects * (double)result->rows;
	result->count_differs = m->expect_rows >= 0 && result->rows != (uint64_t)m->expect_rows;
}

static int
set_fact(struct import *in, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return pr_ledger_set(in->ledger, key, pr_str(text), in->e);
}

/* Readers of the ledger know its variants, or steps, by name. */
static int
keep_variants(struct import *in)
{
	const struct pr_manifest *m = in->source->manifest;
	struct pr_buf packed = {0};
	struct pr_str names[PR_MANIFEST_VARIANTS_MAX];
	size_t n = m->wordings_n && m->wordings[0].name ? m->wordings_n : 0;
	for (size_t i = 0; i < n; i++)
		names[i] = pr_str(m->wordings[i].name);
	pr_fields_pack(&packed, names, n);
	int r = n ? pr_ledger_set(in->ledger, PR_FACT_VARIANTS, pr_buf_str(&packed), in->e) : 0;
	pr_buf_finish(&packed);
	return r;
}

static int
import(struct import *in, struct pr_problems *problems)
{
	const struct pr_recipients_source *s = in->source;
	struct rows_reader reader = {on_columns, on_row, in};
	uint32_t rows = 0;
	uint64_t forgets = 0;
	struct pr_recipients_noted noted = {0};
	int r = s->audience ? pr_audience_forgets(s->audience, &forgets, in->e) : 0;
	if (r == 0)
		r = exclusion_read(s->manifest, s->from, &in->excluded, problems, in->e);
	if (r == 0)
		r = recipients_rows(s->manifest, s->dir, s->from, &noted, &reader, &rows, problems,
		                    in->e);
	in->result->machine = noted.machine;
	in->result->rows = rows;
	if (s->progress)
		atomic_store_explicit(s->progress, rows, memory_order_relaxed);
	if (r == 0)
		r = duplicates_tell(in->duplicates, in->e);
	duplicates_destroy(in->duplicates); /* its memory goes back before sending begins */
	in->duplicates = NULL;
	if (r == 0)
		r = rejects_done(&in->rejects, in->e);
	struct seeds_asked asked = {stops_seed, in};
	if (r == 0)
		r = seeds_add(&in->seeds, s->manifest, in->ledger, &asked, &in->result->seeds,
		              in->e);
	if (r == 0)
		r = set_fact(in, PR_FACT_FORGETS, forgets);
	if (r == 0)
		r = keep_variants(in);
	if (r == 0)
		r = set_fact(in, PR_FACT_BAD, bad_rows(in->result));
	if (r == 0 && in->result->machine)
		r = set_fact(in, PR_FACT_MACHINE, in->result->machine);
	if (r == 0 && in->result->forgotten)
		r = set_fact(in, PR_FACT_FORGOTTEN, in->result->forgotten);
	if (r == 0 && s->config)
		r = pr_conversions_keep(in->ledger, s->manifest, s->config, in->e);
	if (r == 0)
		r = row_times_keep(&in->times, in->ledger, &in->result->zones, in->e);
	if (r == 0)
		r = pr_ledger_import_done(in->ledger, in->e);
	pr_recipients_judge(&s->manifest->recipients, bad_rows(in->result), in->result);
	return r;
}

static void
give_up(struct import *in)
{
	pr_ledger_close(in->ledger);
	pr_ledger_remove(in->source->ledger_path);
}

int
pr_recipients_import(const struct pr_recipients_source *source, struct pr_recipients_result *result,
                     pr_ledger **ledger, struct pr_problems *problems, struct pr_error *e)
{
	struct pr_error own = {0};
	struct import in = {.source = source,
	                    .result = result,
	                    .e = e ? e : &own,
	                    .rejects = {.dir = source->dir, .fd = -1}};
	struct duplicates_options o = {.dir = source->dir,
	                               .memory = DUPLICATES_MEMORY,
	                               .key = source->identity.address_key,
	                               .hash_bits = 64,
	                               .address = address_of,
	                               .duplicate = on_duplicate,
	                               .context = &in};
	*result = (struct pr_recipients_result){0};
	pr_ledger_remove(source->ledger_path);
	in.who = pr_manifest_who(source->manifest);
	pr_split_init(&in.split, source->manifest, source->identity.id);
	in.duplicates = duplicates_create(&o);
	int r = import(&in, problems);
	end_checking(&in);
	pr_buf_finish(&in.why);
	rejects_finish(&in.rejects);
	row_times_end(&in.times);
	exclusion_free(in.excluded);
	seeds_finish(&in.seeds);
	if (r < 0)
		give_up(&in);
	else
		*ledger = in.ledger;
	if (r == PR_EINVAL)
		pr_fail(e, r, "the recipients cannot be read as it is said");
	return r;
}

/* ---- reading without a ledger ---- */

struct reading {
	const struct pr_recipients_reader *reader;
	bool stopped;
};

static int
show_header(void *context, const struct columns *c)
{
	struct reading *r = context;
	if (!r->reader->header || r->reader->header(r->reader->context, c->names, c->n))
		return 0;
	r->stopped = true;
	return PR_ECANCELLED;
}

static int
show_row(void *context, const struct checked_row *row)
{
	struct reading *r = context;
	struct pr_row shown = {.row = row->row,
	                       .data = row->data,
	                       .state = row->fault == ROW_GOOD ? PR_PENDING : PR_SKIPPED,
	                       .email = has_mailbox(row)
	                                    ? pr_str_n(row->mailbox.address, row->mailbox.n)
	                                    : row->value};
	if (r->reader->each(r->reader->context, &shown, row->line,
	                    row->fault == ROW_GOOD ? NULL : row->why))
		return 0;
	r->stopped = true;
	return PR_ECANCELLED;
}

int
pr_recipients_read(const struct pr_manifest *manifest, int dir,
                   const struct pr_recipients_reader *reader, struct pr_problems *problems,
                   struct pr_error *e)
{
	struct reading r = {.reader = reader};
	struct rows_reader rows_reader = {show_header, show_row, &r};
	uint32_t rows;
	if (!manifest->recipients.file.p && !pr_manifest_by_audience(manifest) &&
	    !pr_manifest_by_campaign(manifest)) /* told with the manifest */
		return PR_EINVAL;
	int result = recipients_rows(manifest, dir, reader->from, reader->noted, &rows_reader,
	                             &rows, problems, e);
	return r.stopped ? 0 : result;
}
