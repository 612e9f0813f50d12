/*
 * What customers did, from a file: CSV with a header, or JSON lines. Columns by their names, and
 * those that shops use; bad rows are listed. The same event again is counted once, so that a file
 * may be imported again.
 */
#include "cli.h"

#include "postrider/audience/track.h"
#include "postrider/base/clock.h"
#include "postrider/campaign/contact.h"

#include <stdlib.h>

enum { EMAIL, EVENT, TIME, AMOUNT, CURRENCY, ITEM, ID, FIELDS };

static const char *const names[FIELDS][6] = {
    [EMAIL] = {"email", "email_", "email_address", "e_mail", "customer_email"},
    [EVENT] = {"event", "name", "type", "event_name"},
    [TIME] = {"time", "at", "date", "timestamp", "created_at", "created_"},
    [AMOUNT] = {"amount", "total", "value_", "revenue", "price"},
    [CURRENCY] = {"currency"},
    [ITEM] = {"item", "product", "sku"},
    [ID] = {"id", "event_id", "order_id"},
};

struct file {
	struct cli *c;
	struct cli_bad bad;
	struct cli_rows *rows;
	size_t columns[FIELDS]; /* of a CSV file; SIZE_MAX: none */
	struct pr_str values[FIELDS];
	bool begun;
	struct pr_contact_reader reader;
	struct pr_arena arena;
	uint64_t added, there, made, credited;
};

/* FIELDS: of none. */
static int
field_of(struct pr_str head)
{
	char name[PR_ATTRIBUTE_NAME_SIZE];
	pr_attribute_name(pr_str_trim(head), name);
	for (int k = 0; k < FIELDS; k++)
		for (unsigned i = 0; i < 6 && names[k][i]; i++)
			if (strcmp(names[k][i], name) == 0)
				return k;
	return FIELDS;
}

/* ---- rows ---- */

static const char *
check(struct file *f, struct pr_contact *c)
{
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str amount = f->values[AMOUNT];
	int64_t at_ms;
	const char *always = cli_value(f->c, "event");
	if (f->values[EVENT].n == 0 && always)
		f->values[EVENT] = pr_str(always);
	if (pr_contact_say(&f->reader, PR_CONTACT_EMAIL, f->values[EMAIL], c) < 0)
		return f->reader.why;
	if (!pr_list_name_is_good(f->values[EVENT]))
		return "has no event, or one with other than letters, digits, '-', '_', '.'";
	if (!pr_parse_rfc3339(f->values[TIME], &at_ms))
		return "has no time that reads 2027-01-31 or 2027-01-31T18:00:00Z";
	if (amount.n && !pr_attribute_read(PR_ATTRIBUTE_NUMBER, amount, room, &amount))
		return "has an amount that is no number";
	for (int k = CURRENCY; k < FIELDS; k++)
		if (f->values[k].n > PR_EVENT_ITEM_MAX)
			return "has an item, id or currency longer than 200 octets";
	return NULL;
}

static void
on_row(struct file *f, uint64_t line, const char *why)
{
	struct pr_contact c = {0};
	struct pr_str shown = f->values[EMAIL];
	if (!why)
		why = check(f, &c);
	if (why)
		cli_bad_note(&f->bad, line, shown, why);
	else {
		f->values[EMAIL] = c.address;
		cli_rows_add(f->rows, line, f->values, FIELDS);
	}
	pr_arena_reset(&f->arena);
}

static int
on_record(void *context, const struct pr_csv_record *r)
{
	struct file *f = context;
	if (!f->begun) {
		f->begun = true;
		for (size_t i = 0; i < r->n; i++) {
			int k = field_of(r->fields[i]);
			if (k < FIELDS && f->columns[k] == SIZE_MAX)
				f->columns[k] = i;
		}
		return f->columns[EMAIL] == SIZE_MAX ? PR_ENOENT : 0;
	}
	for (int k = 0; k < FIELDS; k++) {
		size_t at = f->columns[k];
		f->values[k] = at < r->n ? cli_unguarded(r->fields[at]) : PR_STR("");
	}
	on_row(f, r->line, r->bad);
	return 0;
}

static void
on_object(void *context, uint64_t line, json_t *o)
{
	struct file *f = context;
	const char *key;
	json_t *v;
	char room[40];
	memset(f->values, 0, sizeof f->values);
	json_object_foreach(o, key, v)
	{
		int k = field_of(pr_str(key));
		if (k == FIELDS || f->values[k].n)
			continue;
		if (json_is_string(v))
			f->values[k] = pr_str_n(json_string_value(v), json_string_length(v));
		else if (json_is_number(v)) {
			snprintf(room, sizeof room, "%.15g", json_number_value(v));
			f->values[k] = pr_arena_copy(&f->arena, pr_str(room));
		}
	}
	on_row(f, line, json_is_object(o) ? NULL : "is no JSON object");
}

/* ---- to the daemon ---- */

static void
begin_piece(void *context, struct pr_buf *body)
{
	const struct file *f = context;
	struct pr_buf source = {0};
	const char *slash = strrchr(f->bad.file, '/');
	pr_buf_addf(&source, "track %s", slash ? slash + 1 : f->bad.file);
	pr_buf_adds(body, "{\"source\":");
	pr_buf_add_json(body, pr_buf_str(&source));
	pr_buf_adds(body, ",\"rows\":[");
	pr_buf_finish(&source);
}

static void
add_row(void *context, struct pr_buf *body, const struct cli_row *row)
{
	(void)context;
	pr_buf_adds(body, body->data[body->len - 1] == '[' ? "[" : ",[");
	for (size_t i = 0; i < row->n; i++) {
		if (i)
			pr_buf_addc(body, ',');
		pr_buf_add_json(body, row->fields[i]);
	}
	pr_buf_addc(body, ']');
}

static void
note_answer(void *context, const json_t *answer, const uint64_t *lines, size_t n)
{
	struct file *f = context;
	f->added += cli_number_of(answer, "added");
	f->there += cli_number_of(answer, "there");
	f->made += cli_number_of(answer, "contacts");
	f->credited += cli_number_of(answer, "credited");
	cli_bad_forgotten(&f->bad, answer, lines, n);
}

static void
tell(const struct file *f, uint64_t good, bool dry)
{
	char one[CLI_TEXT], two[CLI_TEXT], three[CLI_TEXT], four[CLI_TEXT], five[CLI_TEXT];
	cli_bad_tell(&f->bad);
	if (f->c->arguments.json) {
		json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:o}", "good", (json_int_t)good,
		                      "added", (json_int_t)f->added, "there", (json_int_t)f->there,
		                      "contacts", (json_int_t)f->made, "credited",
		                      (json_int_t)f->credited, "bad_rows", (json_int_t)f->bad.n,
		                      "dry_run", dry, "bad", cli_bad_json(&f->bad));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	} else if (dry)
		printf("%s good rows, %s bad; nothing was changed\n", cli_number(good, one),
		       cli_number(f->bad.n, two));
	else
		printf("%s events are new, %s were there; %s are credited to campaigns; "
		       "%s contacts are new; %s bad rows\n",
		       cli_number(f->added, one), cli_number(f->there, two),
		       cli_number(f->credited, five), cli_number(f->made, three),
		       cli_number(f->bad.n, four));
}

static enum cli_exit
import(struct file *f)
{
	struct cli_pieces pieces = {.c = f->c,
	                            .path = "/v1/track",
	                            .begin = begin_piece,
	                            .add = add_row,
	                            .answered = note_answer,
	                            .context = f};
	bool dry = cli_given(f->c, "dry-run");
	enum cli_exit result =
	    cli_is_json_lines(f->bad.file)
		? cli_read_json_lines(f->bad.file, on_object, f)
		: cli_read_csv(f->bad.file, on_record, f, "no column is called email");
	if (result == CLI_DONE && !dry)
		result = cli_rows_send(f->rows, &pieces);
	if (result != CLI_DONE)
		return result;
	uint64_t good = cli_rows_count(f->rows);
	tell(f, good, dry);
	return good ? CLI_DONE
	            : cli_fail("%s holds no event that can be used", cli_show(f->bad.file));
}

static enum cli_exit
run_import(struct cli *c)
{
	struct file f = {.c = c,
	                 .bad = {.file = c->arguments.words[1], .quiet = c->arguments.json}};
	f.reader.arena = &f.arena;
	pr_arena_init(&f.arena);
	f.rows = cli_rows_create();
	for (int k = 0; k < FIELDS; k++)
		f.columns[k] = SIZE_MAX;
	enum cli_exit result = import(&f);
	cli_rows_destroy(f.rows);
	json_decref(f.bad.list);
	pr_contact_reader_finish(&f.reader);
	pr_arena_finish(&f.arena);
	return result;
}

enum cli_exit
cli_run_track(struct cli *c)
{
	static const struct cli_sub subs[] = {{"import", run_import, 2, 2, {"event", "dry-run"}},
	                                      {0}};
	return cli_run_sub(c, subs);
}
