/*
 * Contacts from a file: CSV with a header, or JSON lines.
 *
 *   file -records-> rows, checked, bad ones listed -by address-> pieces -> the daemon, one by one
 *
 * An attribute that the daemon knows has its type; one that is new has the one said by --type, or
 * the narrowest that all its values are of, which is known at the end of the file only. Doing it
 * again after a failure does no harm.
 */
#include "cli.h"

#include "postrider/campaign/contact.h"

#include <stdlib.h>

#define COLUMNS_MAX (PR_ATTRIBUTES_MAX + PR_CONTACT_ROLES)
#define ROW_MAX (32u << 10) /* octets of a contact */

struct column {
	struct pr_contact_column as;
	bool typed;     /* the type is known before */
	bool seen;      /* in any row */
	unsigned could; /* types that all values so far are of */
	enum pr_attribute_type type;
};

struct file {
	struct cli *c;
	struct cli_bad bad;
	struct cli_rows *rows;
	json_t *known; /* attributes of the daemon */
	struct column columns[COLUMNS_MAX];
	struct pr_str values[COLUMNS_MAX], fields[COLUMNS_MAX + 1];
	size_t n, email; /* columns; email: which one, SIZE_MAX: none */
	bool begun;
	struct pr_contact_reader reader;
	struct pr_arena arena; /* of one row */
	uint64_t added, updated;
};

/* ---- columns ---- */

static struct column *
find_column(struct file *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->columns[i].as.name, name) == 0)
			return &f->columns[i];
	return NULL;
}

/* As the daemon has it, or --type says. */
static void
find_type(struct file *f, struct column *column)
{
	size_t i;
	const json_t *one;
	const char *name = column->as.name, *type = NULL;
	json_array_foreach(json_object_get(f->known, "attributes"), i,
	                   one) if (strcmp(cli_text_of(one, "name"), name) == 0) type =
	    cli_text_of(one, "type");
	for (unsigned k = 0; k < f->c->arguments.given_n; k++) {
		const char *said = f->c->arguments.given[k].value, *equals = said;
		if (strcmp(f->c->arguments.given[k].option->name, "type") == 0 &&
		    (equals = strchr(said, '=')) &&
		    pr_str_eq(pr_str(name), pr_str_n(said, (size_t)(equals - said))))
			type = equals + 1;
	}
	column->typed = type && pr_attribute_type_parse(pr_str(type), &column->type);
}

/* Two heads may come to the same name: the second gets a number. */
static void
tell_apart(struct file *f, char name[PR_ATTRIBUTE_NAME_SIZE])
{
	size_t n =
	    strlen(name) < PR_ATTRIBUTE_NAME_SIZE - 5 ? strlen(name) : PR_ATTRIBUTE_NAME_SIZE - 5;
	for (unsigned i = 2; find_column(f, name); i++)
		snprintf(name + n, 5, "_%u", i % 1000);
}

static struct column *
add_column(struct file *f, const struct pr_contact_column *as)
{
	if (f->n == COLUMNS_MAX)
		return NULL;
	struct column *column = &f->columns[f->n];
	*column = (struct column){.as = *as, .could = ~0u};
	if (as->role == PR_CONTACT_ATTRIBUTE) {
		tell_apart(f, column->as.name);
		find_type(f, column);
	}
	if (as->role == PR_CONTACT_EMAIL && f->email == SIZE_MAX)
		f->email = f->n;
	f->n++;
	return column;
}

static int
read_header(struct file *f, const struct pr_csv_record *r)
{
	struct pr_contact_column as;
	for (size_t i = 0; i < r->n; i++) {
		if (!pr_contact_column_read(pr_str_trim(r->fields[i]), &as)) {
			as.role = PR_CONTACT_ATTRIBUTE; /* of other letters than a to z */
			snprintf(as.name, sizeof as.name, "column_%zu", i + 1);
		}
		add_column(f, &as);
	}
	return f->email == SIZE_MAX ? PR_ENOENT : 0;
}

/* ---- rows ---- */

static const char *
check_attribute(const struct column *column, struct pr_str value)
{
	static const char *const not_so[] = {"is too long", "is no number", "is not true or false",
	                                     "is no date: it reads 2027-01-31"};
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str canonical;
	enum pr_attribute_type type = column->typed ? column->type : PR_ATTRIBUTE_TEXT;
	return pr_attribute_read(type, value, room, &canonical) ? NULL : not_so[type];
}

/* NULL, or what is wrong; *where: with what. */
static const char *
check_row(struct file *f, struct pr_contact *c, struct pr_str *where)
{
	size_t octets = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct column *column = &f->columns[i];
		struct pr_str value = f->values[i];
		const char *why = NULL;
		*where = value;
		octets += value.n;
		if (value.n == 0)
			continue;
		if (column->as.role == PR_CONTACT_ATTRIBUTE)
			why = check_attribute(column, value);
		else if (pr_contact_say(&f->reader, column->as.role, value, c) < 0)
			why = f->reader.why;
		if (why)
			return why;
	}
	*where = PR_STR("");
	return c->address.n == 0 ? "has no address" : octets > ROW_MAX ? "is too long" : NULL;
}

static void
keep(struct file *f, uint64_t line, struct pr_str address)
{
	f->fields[0] = address;
	for (size_t i = 0; i < f->n; i++) {
		struct column *column = &f->columns[i];
		struct pr_str value = f->values[i];
		f->fields[i + 1] = i == f->email ? PR_STR("") : value;
		if (value.n == 0)
			continue;
		column->seen = true;
		if (column->as.role == PR_CONTACT_ATTRIBUTE && !column->typed)
			column->could &= pr_attribute_guess(value);
	}
	cli_rows_add(f->rows, line, f->fields, f->n + 1);
}

/* The row in `values`. */
static void
on_row(struct file *f, uint64_t line, const char *why)
{
	struct pr_contact c = {0};
	struct pr_str where = f->email < f->n ? f->values[f->email] : PR_STR("");
	if (!why)
		why = check_row(f, &c, &where);
	if (why)
		cli_bad_note(&f->bad, line, where, why);
	else
		keep(f, line, c.address);
	pr_arena_reset(&f->arena);
}

static int
on_record(void *context, const struct pr_csv_record *r)
{
	struct file *f = context;
	if (!f->begun) {
		f->begun = true;
		return read_header(f, r);
	}
	for (size_t i = 0; i < f->n; i++)
		f->values[i] = i < r->n ? cli_unguarded(r->fields[i]) : PR_STR("");
	on_row(f, r->line, r->bad);
	return 0;
}

/* ---- JSON lines ---- */

/* n 0: none, and *bad where it is no value of ours. */
static struct pr_str
text_of(struct file *f, const json_t *v, bool *bad)
{
	struct pr_buf b = {0};
	size_t i;
	const json_t *one;
	if (json_is_string(v))
		return pr_str_n(json_string_value(v), json_string_length(v));
	if (json_is_boolean(v))
		return json_is_true(v) ? PR_STR("true") : PR_STR("false");
	if (json_is_integer(v))
		pr_buf_addf(&b, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		pr_buf_addf(&b, "%.15g", json_real_value(v));
	else if (json_is_array(v)) {
		json_array_foreach(v, i, one)
		{
			*bad |= !json_is_string(one);
			pr_buf_addf(&b, "%s%s", i ? "," : "", *bad ? "" : json_string_value(one));
		}
	} else
		*bad |= !json_is_null(v);
	struct pr_str text = pr_arena_copy(&f->arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return text;
}

static const char *
set_value(struct file *f, const char *prefix, const char *key, const json_t *v)
{
	struct pr_contact_column as;
	char head[PR_ATTRIBUTE_NAME_SIZE * 2];
	bool bad = false;
	snprintf(head, sizeof head, "%s%s", prefix, key);
	if (!pr_contact_column_read(pr_str(head), &as))
		return "a key has no letter of a to z in it";
	struct column *column = find_column(f, as.name);
	if (!column && !(column = add_column(f, &as)))
		return "there are too many keys";
	f->values[column - f->columns] = text_of(f, v, &bad);
	return bad ? "a value is no text, number or boolean" : NULL;
}

static const char *
set_values(struct file *f, const char *prefix, const json_t *o)
{
	const char *key, *why = NULL;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		if (why)
			break;
		if (strcmp(key, "attributes") == 0 && json_is_object(v))
			why = set_values(f, "", v);
		else if (strcmp(key, "consents") != 0)
			why = set_value(f, prefix, key, v);
	}
	return why;
}

/* Of several consents each after the first is a row of its own, with the address alone. */
static void
on_consents(struct file *f, uint64_t line, const char *email, const json_t *consents)
{
	size_t i;
	const json_t *one;
	json_array_foreach(consents, i, one)
	{
		if (i == 0)
			continue;
		memset(f->values, 0, sizeof f->values);
		f->values[f->email] = pr_str(email);
		on_row(f, line, set_values(f, "consent_", one));
	}
}

static void
on_object(void *context, uint64_t line, json_t *o)
{
	struct file *f = context;
	const json_t *consents = json_object_get(o, "consents");
	memset(f->values, 0, sizeof f->values);
	const char *why = json_is_object(o) ? set_values(f, "", o) : "is no JSON object";
	if (!why && json_array_size(consents))
		why = set_values(f, "consent_", json_array_get(consents, 0));
	struct pr_str email = f->email < f->n ? f->values[f->email] : PR_STR("");
	on_row(f, line, why);
	if (!why && json_array_size(consents) > 1 && email.n)
		on_consents(f, line, email.p, consents);
}

static enum cli_exit
read_file(struct file *f)
{
	if (cli_is_json_lines(f->bad.file))
		return cli_read_json_lines(f->bad.file, on_object, f);
	return cli_read_csv(f->bad.file, on_record, f, "no column is called Email");
}

/* ---- types ---- */

static void
choose_types(struct file *f)
{
	static const enum pr_attribute_type narrow[] = {PR_ATTRIBUTE_BOOLEAN, PR_ATTRIBUTE_NUMBER,
	                                                PR_ATTRIBUTE_DATE, PR_ATTRIBUTE_TEXT};
	for (size_t i = 0; i < f->n; i++) {
		struct column *column = &f->columns[i];
		unsigned k = 0;
		while (!(column->could & 1u << narrow[k]))
			k++;
		if (!column->typed)
			column->type = narrow[k];
	}
}

/* Every --type names a column and a type. */
static enum cli_exit
check_types(struct file *f)
{
	char name[PR_ATTRIBUTE_NAME_SIZE];
	for (unsigned k = 0; k < f->c->arguments.given_n; k++) {
		enum pr_attribute_type type;
		const char *said = f->c->arguments.given[k].value;
		const char *equals = said ? strchr(said, '=') : NULL;
		if (strcmp(f->c->arguments.given[k].option->name, "type") != 0)
			continue;
		if (!equals || !pr_attribute_type_parse(pr_str(equals + 1), &type))
			return cli_usage(f->c, "--type %s: say NAME=text, number, boolean or date",
			                 cli_show(said));
		snprintf(name, sizeof name, "%.*s", (int)(equals - said), said);
		if (!find_column(f, name))
			return cli_usage(f->c, "--type %s: no column comes to this name",
			                 cli_show(said));
	}
	return CLI_DONE;
}

/* An attribute that no row has is not made. */
static bool
is_sent(const struct file *f, size_t i)
{
	const struct column *column = &f->columns[i];
	return column->seen && i != f->email && column->as.role != PR_CONTACT_LEFT;
}

/* ---- to the daemon ---- */

static void
begin_piece(void *context, struct pr_buf *body)
{
	const struct file *f = context;
	struct pr_buf source = {0};
	const char *slash = strrchr(f->bad.file, '/'), *list = cli_value(f->c, "list");
	pr_buf_addf(&source, "import %s", slash ? slash + 1 : f->bad.file);
	pr_buf_adds(body, "{\"source\":");
	pr_buf_add_json(body, pr_buf_str(&source));
	pr_buf_finish(&source);
	if (list) {
		pr_buf_adds(body, ",\"list\":");
		pr_buf_add_json(body, pr_str(list));
	}
	pr_buf_adds(body, ",\"columns\":[\"email\"");
	for (size_t i = 0; i < f->n; i++) {
		const struct column *column = &f->columns[i];
		if (!is_sent(f, i))
			continue;
		pr_buf_addf(body,
		            column->as.role == PR_CONTACT_ATTRIBUTE
		                ? ",{\"name\":\"%s\",\"type\":\"%s\"}"
		                : ",\"%s\"",
		            column->as.name, pr_attribute_word(column->type));
	}
	pr_buf_adds(body, "],\"rows\":[");
}

static void
add_row(void *context, struct pr_buf *body, const struct cli_row *row)
{
	const struct file *f = context;
	pr_buf_adds(body, body->data[body->len - 1] == '[' ? "[" : ",[");
	pr_buf_add_json(body, row->fields[0]);
	for (size_t i = 0; i + 1 < row->n; i++) {
		if (!is_sent(f, i))
			continue;
		pr_buf_addc(body, ',');
		pr_buf_add_json(body, row->fields[i + 1]);
	}
	pr_buf_addc(body, ']');
}

static void
note_answer(void *context, const json_t *answer, const uint64_t *lines, size_t n)
{
	struct file *f = context;
	f->added += cli_number_of(answer, "added");
	f->updated += cli_number_of(answer, "updated");
	cli_bad_forgotten(&f->bad, answer, lines, n);
}

static enum cli_exit
send_all(struct file *f)
{
	struct cli_pieces pieces = {.c = f->c,
	                            .path = "/v1/contacts",
	                            .begin = begin_piece,
	                            .add = add_row,
	                            .answered = note_answer,
	                            .context = f};
	enum cli_exit result = cli_rows_send(f->rows, &pieces);
	if (result != CLI_DONE && f->added + f->updated)
		cli_fail("%llu were imported before; import the file again to go on",
		         (unsigned long long)(f->added + f->updated));
	return result;
}

/* ---- telling ---- */

static json_t *
columns_json(const struct file *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->n; i++)
		if (is_sent(f, i) && f->columns[i].as.role == PR_CONTACT_ATTRIBUTE)
			json_array_append_new(
			    list, json_pack("{s:s,s:s}", "name", f->columns[i].as.name, "type",
			                    pr_attribute_word(f->columns[i].type)));
	return list;
}

static void
tell_json(const struct file *f, uint64_t good, bool dry)
{
	json_t *o =
	    json_pack("{s:I,s:I,s:I,s:I,s:I,s:b,s:o,s:o}", "rows", (json_int_t)(good + f->bad.n),
	              "good", (json_int_t)good, "added", (json_int_t)f->added, "updated",
	              (json_int_t)f->updated, "bad_rows", (json_int_t)f->bad.n, "dry_run", dry,
	              "attributes", columns_json(f), "bad", cli_bad_json(&f->bad));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void
tell_attributes(const struct file *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_sent(f, i) && f->columns[i].as.role == PR_CONTACT_ATTRIBUTE)
			printf("  %-30s %s\n", f->columns[i].as.name,
			       pr_attribute_word(f->columns[i].type));
}

static void
tell(const struct file *f, uint64_t good, bool dry)
{
	char rows[CLI_TEXT], bad[CLI_TEXT], added[CLI_TEXT], updated[CLI_TEXT];
	cli_bad_tell(&f->bad);
	cli_number(good, rows);
	cli_number(f->bad.n, bad);
	if (!dry) {
		printf("%s contacts are new, %s were there; %s bad rows\n",
		       cli_number(f->added, added), cli_number(f->updated, updated), bad);
		return;
	}
	printf("%s good rows, %s bad; nothing was changed. Attributes:\n", rows, bad);
	tell_attributes(f);
}

static enum cli_exit
import(struct file *f, bool dry)
{
	enum cli_exit result = read_file(f);
	if (result == CLI_DONE)
		result = check_types(f);
	choose_types(f);
	if (result == CLI_DONE && !dry)
		result = send_all(f);
	if (result != CLI_DONE)
		return result;
	uint64_t good = dry ? cli_rows_count(f->rows) : f->added + f->updated;
	if (f->c->arguments.json)
		tell_json(f, good, dry);
	else
		tell(f, good, dry);
	return good ? CLI_DONE
	            : cli_fail("%s holds no contact that can be used", cli_show(f->bad.file));
}

enum cli_exit
cli_run_contacts_import(struct cli *c)
{
	struct file *f = pr_calloc(1, sizeof *f);
	f->c = c;
	f->bad = (struct cli_bad){.file = c->arguments.words[1], .quiet = c->arguments.json};
	f->email = SIZE_MAX;
	f->reader.arena = &f->arena;
	pr_arena_init(&f->arena);
	f->rows = cli_rows_create();
	f->known = cli_get(c, "/v1/contacts/attributes");
	enum cli_exit result = f->known ? import(f, cli_given(c, "dry-run")) : CLI_FAILED;
	cli_rows_destroy(f->rows);
	json_decref(f->known);
	json_decref(f->bad.list);
	pr_contact_reader_finish(&f->reader);
	pr_arena_finish(&f->arena);
	free(f);
	return result;
}
