/*
 * Records that stand in no file: contacts as they are now (audience/snapshot.h), or what became of
 * an earlier campaign's recipients (ledger/where.h), with all columns they had there. Both look
 * like a file to whoever reads them, so that everything a file's rows are asked is asked of them.
 */
#include "recipients_internal.h"

#include "postrider/audience/snapshot.h"
#include "postrider/ledger/where.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIMIT_MS (10 * PR_MINUTE_MS)
#define LOOK_AT 100u /* rows of a campaign, to find its column of addresses */

static int
tell(struct pr_problems *problems, const struct pr_text *at, const char *key,
     const struct pr_error *e)
{
	return pr_text_problem(problems, PR_MANIFEST_FILE, at,
	                       "`postrider segment explain` tries conditions", "%s: %s", key,
	                       e->text);
}

/* ---- contacts ---- */

struct contacts {
	const struct records_reader *reader;
	int64_t *contact; /* who is being given; NULL: nobody asks */
	uint64_t row;
};

static int
on_columns(void *context, const struct pr_str *names, size_t n)
{
	struct contacts *k = context;
	struct pr_csv_record header = {.fields = names, .n = n};
	return k->reader->header(k->reader->context, &header, 0);
}

static int
on_contact(void *context, int64_t id, const struct pr_str *fields, size_t n)
{
	struct contacts *k = context;
	if (k->contact)
		*k->contact = id;
	struct pr_csv_record record = {.fields = fields, .n = n, .line = ++k->row};
	return k->reader->record(k->reader->context, &record);
}

struct pr_snapshot_ask
recipients_ask(const struct pr_recipients_from *from)
{
	return (struct pr_snapshot_ask){
	    .order = PR_SNAPSHOT_EMAIL, .now_utc_ms = from->utc_ms, .limit_ms = LIMIT_MS};
}

static struct pr_str
condition_of(const struct pr_recipients_from *from, const struct pr_text *said)
{
	return said->p ? pr_config_segment(from->config, pr_text_str(said)) : PR_STR("");
}

struct pr_snapshot_ask
recipients_ask_audience(const struct pr_manifest *m, const struct pr_recipients_from *from)
{
	const struct pr_manifest_audience *a = &m->audience;
	struct pr_snapshot_ask ask = recipients_ask(from);
	ask.condition = condition_of(from, &a->segment);
	ask.lists = a->list.items;
	ask.lists_n = a->list.n;
	ask.not_lists = a->exclude.list.items;
	ask.not_lists_n = a->exclude.list.n;
	ask.but = condition_of(from, &a->exclude.segment);
	ask.purpose = pr_text_str(&a->consent);
	ask.derived = a->columns.items;
	ask.derived_n = a->columns.n;
	ask.order = (enum pr_snapshot_order)a->order;
	return ask;
}

/* Where in the manifest it stands who is asked for. */
static const struct pr_text *
place_of_audience(const struct pr_manifest *m)
{
	const struct pr_manifest_audience *a = &m->audience;
	return a->segment.p ? &a->segment : a->list.n ? &a->list.items[0] : &m->trigger.at;
}

static int
read_contacts(const struct pr_manifest *m, const struct pr_recipients_from *from,
              const struct records_reader *reader, struct pr_problems *problems, struct pr_error *e)
{
	struct contacts k = {.reader = reader, .contact = from->contact};
	struct pr_snapshot_rows rows = {on_columns, on_contact, &k};
	struct pr_snapshot_ask ask = recipients_ask_audience(m, from);
	unsigned before = problems->problems;
	if (from->only) {
		ask.only = from->only;
		ask.only_n = from->only_n;
		ask.order = PR_SNAPSHOT_ID;
	}
	int r = pr_snapshot(from->audience, &ask, &rows, e);
	if (r == PR_EINVAL && problems->problems == before) /* else the header was no good */
		tell(problems, place_of_audience(m), "audience", e);
	return r;
}

/* ---- an earlier campaign ---- */

/* The names of its variants, as its manifest has them; *n 0: none, or it cannot be read. */
static const struct pr_str *
variants_of(struct pr_arena *arena, struct pr_manifest *m, size_t *n)
{
	*n = m && m->wordings[0].name ? m->wordings_n : 0;
	struct pr_str *names = pr_arena_zero(arena, (*n + 1) * sizeof *names);
	for (size_t i = 0; i < *n; i++)
		names[i] = pr_str(m->wordings[i].name);
	return names;
}

static struct pr_manifest *
load_manifest(const char *folder)
{
	struct pr_problems ignored = {0};
	struct pr_manifest *m = NULL;
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return NULL;
	(void)pr_manifest_load_content(dir, "", &ignored, &m);
	pr_problems_finish(&ignored);
	close(dir);
	return m;
}

struct earlier {
	struct pr_manifest *manifest; /* its own; NULL: cannot be read */
	struct pr_arena arena;
	const struct records_reader *reader;
	struct pr_str *names, *fields;
	size_t n;
	size_t left_out; /* a column that is to be made anew; SIZE_MAX: none */
	uint32_t looked, addresses[PR_CSV_COLUMNS_MAX];
	uint64_t machine;
};

static int
look_at(void *context, uint32_t row, struct pr_str email, struct pr_str data, bool machine)
{
	struct earlier *k = context;
	(void)row;
	(void)machine;
	pr_fields_unpack(data, k->fields, k->n);
	for (size_t i = 0; i < k->n; i++) {
		struct pr_mailbox b;
		k->addresses[i] += pr_mailbox_parse(k->fields[i], &b, NULL) == 0 &&
		                   pr_str_eq(pr_str_n(b.address, b.n), email);
	}
	return ++k->looked < LOOK_AT ? 0 : PR_ECANCELLED;
}

/* The column that was the address: what it holds is what was written to. */
static size_t
address_of(const struct earlier *k)
{
	size_t best = 0;
	for (size_t i = 1; i < k->n; i++)
		if (k->addresses[i] > k->addresses[best])
			best = i;
	return best;
}

static int
give(struct earlier *k, const struct pr_str *fields, uint64_t line, size_t address)
{
	struct pr_str kept[PR_CSV_COLUMNS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < k->n; i++)
		if (i != k->left_out)
			kept[n++] = fields[i];
	struct pr_csv_record record = {.fields = kept, .n = n, .line = line};
	if (line)
		return k->reader->record(k->reader->context, &record);
	return k->reader->header(k->reader->context, &record, address - (k->left_out < address));
}

static int
on_row(void *context, uint32_t row, struct pr_str email, struct pr_str data, bool machine)
{
	struct earlier *k = context;
	(void)email;
	for (size_t i = 0; i < k->n; i++)
		k->fields[i] = PR_STR("");
	pr_fields_unpack(data, k->fields, k->n);
	k->machine += machine;
	return give(k, k->fields, row, 0);
}

/* Codes of coupons are for one campaign. */
static void
leave_out(struct earlier *k, const struct pr_manifest *m)
{
	k->left_out = SIZE_MAX;
	for (size_t i = 0; m->coupons.file.p && i < k->n; i++)
		if (pr_str_is(k->names[i], "coupon"))
			k->left_out = i;
}

static int
read_rows(struct earlier *k, pr_ledger *l, const struct pr_manifest *m, int64_t utc_ms,
          struct pr_error *e)
{
	struct pr_where_ask all = {
	    .condition = PR_STR("1"), .now_utc_ms = utc_ms, .limit_ms = LIMIT_MS};
	struct pr_where_ask ask = all;
	ask.variants = variants_of(&k->arena, k->manifest, &ask.variants_n);
	ask.condition =
	    m->recipients.where.p ? pr_text_str(&m->recipients.where) : PR_STR("not skipped");
	leave_out(k, m);
	int r = pr_where_each(l, &all, look_at, k, e);
	if (r == 0 || r == PR_ECANCELLED)
		r = give(k, k->names, 0, address_of(k));
	return r == 0 ? pr_where_each(l, &ask, on_row, k, e) : r;
}

static int
open_earlier(struct earlier *k, const struct pr_text *id, const struct pr_config *config,
             pr_ledger **out, struct pr_problems *problems, struct pr_error *e)
{
	static const char *const folders[] = {"active", "done"};
	char path[4400];
	int r = PR_ENOENT;
	bool name = !strchr(id->p, '/') && id->p[0] != '.' && id->n < PR_CAMPAIGN_ID_MAX;
	for (unsigned i = 0; name && r == PR_ENOENT && i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s/%s/ledger.db", config->spool.p, folders[i],
		         id->p);
		r = pr_ledger_open(path, PR_LEDGER_READ, out, e);
		*strrchr(path, '/') = 0;
		if (r == 0)
			k->manifest = load_manifest(path);
	}
	if (r == PR_ENOENT || r == PR_ESTATE)
		r = pr_text_problem(problems, PR_MANIFEST_FILE, id,
		                    "name one by its id: `postrider status` shows them",
		                    r == PR_ENOENT
		                        ? "recipients.campaign: there is no campaign %s any more"
		                        : "recipients.campaign: %s has no recipients yet",
		                    id->p);
	return r;
}

static int
read_earlier(const struct pr_manifest *m, const struct pr_recipients_from *from,
             const struct records_reader *reader, struct pr_recipients_noted *noted,
             struct pr_problems *problems, struct pr_error *e)
{
	const struct pr_manifest_recipients *f = &m->recipients;
	pr_ledger *l = NULL;
	unsigned before = problems->problems;
	struct earlier *k = pr_calloc(1, sizeof *k);
	int r = open_earlier(k, &f->campaign, from->config, &l, problems, e);
	if (r < 0) {
		free(k);
		return r;
	}
	k->reader = reader;
	pr_arena_init(&k->arena);
	k->n = pr_ledger_columns(l, &k->arena, &k->names);
	k->n = k->n > PR_CSV_COLUMNS_MAX ? PR_CSV_COLUMNS_MAX : k->n;
	k->fields = pr_arena_zero(&k->arena, (k->n + 1) * sizeof *k->fields);
	r = read_rows(k, l, m, from->utc_ms, e);
	if (r == PR_EINVAL && problems->problems == before)
		tell(problems, f->where.p ? &f->where : &f->campaign, "recipients.where", e);
	if (noted)
		noted->machine = k->machine;
	pr_manifest_destroy(k->manifest);
	pr_arena_finish(&k->arena);
	free(k);
	pr_ledger_close(l);
	return r;
}

int
recipients_from(const struct pr_manifest *m, const struct pr_recipients_from *from,
                const struct records_reader *reader, struct pr_recipients_noted *noted,
                struct pr_problems *problems, struct pr_error *e)
{
	if (!from || !from->config || (pr_manifest_by_audience(m) && !from->audience))
		return pr_fail(e, PR_EDENIED,
		               "who is in it cannot be looked up here: postriderd and its "
		               "operators may");
	if (pr_manifest_by_audience(m))
		return read_contacts(m, from, reader, problems, e);
	return read_earlier(m, from, reader, noted, problems, e);
}
