/*
 * The header row: which columns there are, which one is the address, whether what the
 * manifest asks for is there. Everything wrong is told at once, with the header shown.
 */
#include "recipients_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Names that mean the address, without blanks, - and _; a lower tier only where no higher one
 * is there ("address" beside "email" is a street). */
static const char *const address_names[][8] = {
    {"email"},
    {"emailaddress", "mail", "mailaddress", "emailadresse", "mailadresse", "recipient"},
    {"address"},
};
#define TIERS (sizeof address_names / sizeof *address_names)

struct header {
	struct columns *c;
	const struct pr_csv_record *record;
	const struct pr_manifest *m;
	size_t contents; /* the field that holds addresses further down; SIZE_MAX: not one alone */
	struct pr_problems *problems;
	const char *file;
};

static struct pr_str
show(struct pr_str s, char *out, size_t size)
{
	return pr_str(pr_str_show(s, out, size));
}

static void
tell(const struct header *h, const char *remedy, const char *what, struct pr_str name)
{
	char shown[80], header[300];
	struct pr_buf all = {0};
	for (size_t i = 0; i < h->record->n; i++) {
		pr_buf_adds(&all, i ? ", " : "");
		pr_buf_add_str(&all, pr_str_trim(h->record->fields[i]));
	}
	pr_str_show(pr_buf_str(&all), header, sizeof header);
	pr_buf_finish(&all);
	show(name, shown, sizeof shown);
	struct pr_problem *p = pr_problem_add(h->problems, PR_PROBLEM, h->file,
	                                      (unsigned)h->record->line, remedy, what, shown);
	if (p && !p->excerpt)
		p->excerpt = pr_strdup(header);
}

/* ---- names ---- */

static size_t
find_column(const struct columns *c, struct pr_str name)
{
	for (size_t i = 0; i < c->n; i++)
		if (pr_str_eq(c->names[i], name))
			return i;
	return SIZE_MAX;
}

static void
keep_names(const struct header *h)
{
	struct columns *c = h->c;
	size_t unnamed = 0;
	c->header_n = h->record->n;
	c->names = pr_arena_alloc(&c->arena, (h->record->n + 2) * sizeof *c->names);
	c->from = pr_arena_alloc(&c->arena, (h->record->n + 1) * sizeof *c->from);
	for (size_t i = 0; i < h->record->n; i++) {
		struct pr_str name = pr_str_trim(h->record->fields[i]);
		if (name.n == 0) {
			unnamed++;
			continue;
		}
		if (find_column(c, name) != SIZE_MAX)
			tell(h, "give each column a name of its own",
			     "two columns are named \"%s\"", name);
		c->names[c->n] = pr_arena_copy(&c->arena, name);
		c->from[c->n++] = i;
	}
	if (unnamed)
		pr_problem_add(h->problems, PR_WARNING, h->file, (unsigned)h->record->line,
		               "name it in the first row if templates need it",
		               unnamed == 1 ? "a column has no name and is left out"
		                            : "%zu columns have no name and are left out",
		               unnamed);
}

/* ---- the address ---- */

static bool
means_address(struct pr_str name, size_t tier)
{
	char plain[32];
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < sizeof plain - 1; i++)
		if (!strchr(" -_.", name.p[i]))
			plain[n++] = pr_lower(name.p[i]);
	plain[n] = 0;
	for (size_t i = 0; address_names[tier][i]; i++)
		if (strcmp(plain, address_names[tier][i]) == 0)
			return true;
	return false;
}

static void
find_field(struct columns *c, size_t field)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->from[i] == field)
			c->email = i;
}

static void
find_named(const struct header *h, struct pr_str wanted)
{
	struct columns *c = h->c;
	size_t found = 0;
	c->email = find_column(c, pr_str_trim(wanted));
	if (c->email != SIZE_MAX)
		return;
	for (size_t i = 0; i < c->n; i++)
		if (pr_str_eq_nocase(c->names[i], pr_str_trim(wanted))) {
			c->email = i;
			found++;
		}
	if (found != 1)
		tell(h,
		     "name the column of the address as the first row of the file does: "
		     "recipients: {email: \"...\"} in campaign.yaml",
		     found ? "several columns are named like \"%s\"" : "there is no column \"%s\"",
		     wanted);
}

/* By the names, else by what the rows hold. Names of the last tier say so little that the
 * rows are believed before them. */
static void
find_likely(const struct header *h)
{
	struct columns *c = h->c;
	size_t found = 0, tiers = TIERS - (h->contents != SIZE_MAX);
	for (size_t tier = 0; tier < tiers && !found; tier++)
		for (size_t i = 0; i < c->n; i++)
			if (means_address(c->names[i], tier)) {
				c->email = i;
				found++;
			}
	if (found == 1)
		return;
	for (size_t i = 0; !found && i < c->n; i++)
		if (pr_mailbox_parse(c->names[i], &(struct pr_mailbox){0}, NULL) == 0) {
			tell(h, "add a first row with the names of the columns: email, ...",
			     "the first row holds the address \"%s\" where names should be",
			     c->names[i]);
			return;
		}
	for (size_t i = 0; !found && i < c->n; i++)
		if (c->from[i] == h->contents) {
			c->email = i;
			return;
		}
	tell(h,
	     "name it \"email\", or say which it is: recipients: {email: \"...\"} in campaign.yaml",
	     found ? "several columns could be the address" : "no column is the address",
	     PR_STR(""));
}

/* ---- what the manifest asks for ---- */

static void
find_required(const struct header *h)
{
	const struct pr_texts *wanted = &h->m->required;
	struct columns *c = h->c;
	char shown[80], all[300];
	struct pr_buf names = {0};
	c->required = pr_arena_alloc(&c->arena, (wanted->n + 1) * sizeof *c->required);
	for (size_t i = 0; i < c->n; i++)
		pr_buf_addf(&names, "%s%.*s", i ? ", " : "", (int)c->names[i].n, c->names[i].p);
	pr_str_show(pr_buf_str(&names), all, sizeof all);
	pr_buf_finish(&names);
	for (size_t i = 0; i < wanted->n; i++) {
		struct pr_str name = pr_str_trim(pr_text_str(&wanted->items[i]));
		size_t at = find_column(c, name);
		if (at != SIZE_MAX) {
			c->required[c->required_n++] = at;
			continue;
		}
		char remedy[400];
		snprintf(remedy, sizeof remedy, "the columns are: %s", all);
		pr_problem_add(h->problems, PR_PROBLEM, PR_MANIFEST_FILE, wanted->items[i].line,
		               remedy, "required: the recipients have no column \"%s\"",
		               pr_str_show(name, shown, sizeof shown));
	}
}

/* The last of all: what stands before it has its place in the record. */
static void
add_coupons(const struct header *h)
{
	struct columns *c = h->c;
	struct pr_str name = PR_STR(PR_COUPON_COLUMN);
	if (!h->m->coupons.file.p)
		return;
	if (find_column(c, name) != SIZE_MAX)
		tell(h, "give it another name: templates know the codes of `coupons` by this one",
		     "the recipients have a column \"%s\" of their own", name);
	c->coupons = true;
	c->names[c->n++] = name;
}

/* SIZE_MAX: the manifest names none, or one that is not there, which is told. */
static size_t
find_key(const struct header *h, const struct pr_text *wanted, const char *key)
{
	char shown[80];
	size_t at = wanted->p ? find_column(h->c, pr_str_trim(pr_text_str(wanted))) : SIZE_MAX;
	if (wanted->p && at == SIZE_MAX)
		pr_text_problem(h->problems, PR_MANIFEST_FILE, wanted, "name one of the columns",
		                "%s: the recipients have no column \"%s\"", key,
		                pr_str_show(pr_text_str(wanted), shown, sizeof shown));
	return at;
}

/* The columns that times by the recipient need. */
static void
check_timing(const struct header *h)
{
	const struct pr_schedule *s = &h->m->schedule;
	if (s->by_recipient && !pr_timing_has_column(h->c->names, h->c->n, PR_TIMING_ZONE))
		tell(h, "add a column named timezone with names like Europe/Berlin",
		     "schedule.timezone is `recipient`, and no column is the time zone",
		     PR_STR(""));
	if (s->holidays.n > 1 && !pr_timing_has_column(h->c->names, h->c->n, PR_TIMING_COUNTRY))
		tell(h, "add a column named country with codes like DE, or keep one country only",
		     "schedule.holidays names several countries, and no column is the country",
		     PR_STR(""));
}

int
recipients_columns(struct columns *c, const struct pr_csv_record *record,
                   const struct pr_manifest *m, const struct columns_hints *hints,
                   struct pr_problems *problems)
{
	struct header h = {c, record, m, hints->contents, problems, hints->file};
	unsigned before = problems->problems;
	*c = (struct columns){.email = SIZE_MAX};
	pr_arena_init(&c->arena);
	if (record->bad)
		tell(&h,
		     strstr(record->bad, "columns") ? "leave out what no template needs"
		                                    : "correct the first row",
		     record->bad, PR_STR(""));
	keep_names(&h);
	if (hints->address != SIZE_MAX)
		find_field(c, hints->address);
	else if (m->recipients.email.p)
		find_named(&h, pr_text_str(&m->recipients.email));
	else
		find_likely(&h);
	find_required(&h);
	check_timing(&h);
	c->consent = find_key(&h, &m->consent.column, "consent.column");
	c->expires = find_key(&h, &m->consent.expires, "consent.expires");
	add_coupons(&h);
	return problems->problems > before ? PR_EINVAL : 0;
}

void
recipients_columns_finish(struct columns *c)
{
	pr_arena_finish(&c->arena);
}
