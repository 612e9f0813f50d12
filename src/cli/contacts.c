/* The people known: looking, setting, deleting. Files are read in contacts_import.c. */
#include "cli.h"

#include "postrider/campaign/contact.h"

#include <errno.h>
#include <stdlib.h>

#define EXPORT_PAGE 1000

static char *
address_path(const char *address)
{
	struct pr_buf path = {0};
	pr_buf_adds(&path, "/v1/contact?address=");
	cli_path_add(&path, address);
	return path.data;
}

/* ---- show ---- */

static char *
value_text(const json_t *v)
{
	if (json_is_string(v))
		return pr_strdup(json_string_value(v));
	char *dumped = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	return dumped ? dumped : pr_strdup("");
}

static void
print_value(const char *name, const json_t *v)
{
	char *text = value_text(v);
	printf("%-20s %s\n", cli_show(name), cli_show(text));
	free(text);
}

static void
print_text(const json_t *contact, const char *key)
{
	if (json_object_get(contact, key))
		print_value(key, json_object_get(contact, key));
}

static void
print_consent(const json_t *one)
{
	char at[CLI_TEXT], until[CLI_TEXT];
	const char *text = cli_text_of(one, "text"), *end = cli_text_of(one, "until");
	printf("%-20s %s on %s, text %s, by %s%s%s\n", "consent",
	       cli_show(cli_text_of(one, "purpose")), cli_time(cli_text_of(one, "at"), at),
	       text && *text ? cli_show(text) : "unknown", cli_show(cli_text_of(one, "source")),
	       end ? ", until " : "", end ? cli_time(end, until) : "");
}

static void
print_left(const json_t *one)
{
	char at[CLI_TEXT];
	printf("%-20s %s on %s, by %s\n", "left", cli_show(cli_text_of(one, "list")),
	       cli_time(cli_text_of(one, "at"), at), cli_show(cli_text_of(one, "source")));
}

static void
print_event(const json_t *one)
{
	char at[CLI_TEXT];
	const char *item = cli_text_of(one, "item"), *amount = cli_text_of(one, "amount");
	const char *currency = cli_text_of(one, "currency");
	printf("%-20s %s %s", "event", cli_time(cli_text_of(one, "at"), at),
	       cli_show(cli_text_of(one, "name")));
	printf("%s%s", item ? " of " : "", item ? cli_show(item) : "");
	printf("%s%s", amount ? ", " : "", amount ? cli_show(amount) : "");
	printf("%s%s\n", currency ? " " : "", currency ? cli_show(currency) : "");
}

static char *
joined_lists(const json_t *contact)
{
	struct pr_buf b = {0};
	size_t i;
	const json_t *one;
	pr_buf_adds(&b, "");
	json_array_foreach(json_object_get(contact, "lists"), i, one)
	    pr_buf_addf(&b, "%s%s", i ? "," : "", json_string_value(one));
	return b.data;
}

static void
print_contact(const json_t *contact)
{
	size_t i;
	const json_t *one;
	const char *key;
	json_t *v;
	char created[CLI_TEXT], updated[CLI_TEXT], *lists = joined_lists(contact);
	print_text(contact, "email");
	print_text(contact, "timezone");
	print_text(contact, "language");
	printf("%-20s %s\n", "lists", *lists ? lists : "-");
	printf("%-20s %s, changed %s\n", "known since",
	       cli_time(cli_text_of(contact, "created"), created),
	       cli_time(cli_text_of(contact, "updated"), updated));
	json_array_foreach(json_object_get(contact, "consents"), i, one) print_consent(one);
	json_array_foreach(json_object_get(contact, "left"), i, one) print_left(one);
	json_object_foreach(json_object_get(contact, "attributes"), key, v) print_value(key, v);
	json_array_foreach(json_object_get(contact, "events"), i, one) print_event(one);
	free(lists);
}

static enum cli_exit
run_show(struct cli *c)
{
	char *path = address_path(c->arguments.words[1]);
	enum cli_exit result = cli_look(c, path, print_contact);
	free(path);
	return result;
}

/* ---- delete ---- */

static enum cli_exit
run_delete(struct cli *c)
{
	const char *address = c->arguments.words[1];
	struct pr_buf body = {0}, words = {0};
	pr_buf_adds(&body, "{\"address\":");
	pr_buf_add_json(&body, pr_str(address));
	pr_buf_addc(&body, '}');
	pr_buf_addf(&words, "%s is no contact any more", cli_show(address));
	enum cli_exit result = cli_act(c, "/v1/contacts/delete", body.data, words.data);
	pr_buf_finish(&body);
	pr_buf_finish(&words);
	return result;
}

/* ---- set ---- */

static const char *
known_type(const json_t *known, const char *name)
{
	size_t i;
	const json_t *one;
	json_array_foreach(json_object_get(known, "attributes"), i,
	                   one) if (strcmp(cli_text_of(one, "name"), name) ==
	                            0) return cli_text_of(one, "type");
	return NULL;
}

/* A new attribute is of the narrowest type that the value is of. */
static const char *
guessed_type(const char *value)
{
	unsigned could = pr_attribute_guess(pr_str(value));
	unsigned type = PR_ATTRIBUTE_TYPES - 1;
	while (!(could & 1u << type))
		type--;
	return pr_attribute_word((enum pr_attribute_type)type);
}

static enum cli_exit
add_setting(struct cli *c, const json_t *known, const char *word, struct pr_buf *columns,
            struct pr_buf *row)
{
	struct pr_contact_column as;
	const char *equals = strchr(word, '=');
	struct pr_str name = pr_str_n(word, equals ? (size_t)(equals - word) : 0);
	if (!pr_contact_column_read(name, &as) || as.role == PR_CONTACT_EMAIL)
		return cli_usage(c, "`set ADDRESS` needs NAME=VALUE, not %s", cli_show(word));
	const char *type = known_type(known, as.name);
	if (as.role == PR_CONTACT_ATTRIBUTE)
		pr_buf_addf(columns, ",{\"name\":\"%s\",\"type\":\"%s\"}", as.name,
		            type ? type : guessed_type(equals + 1));
	else
		pr_buf_addf(columns, ",\"%s\"", as.name);
	pr_buf_addc(row, ',');
	pr_buf_add_json(row, pr_str(equals + 1));
	return CLI_DONE;
}

static enum cli_exit
run_set(struct cli *c)
{
	struct pr_buf body = {0}, row = {0}, words = {0};
	const char *address = c->arguments.words[1];
	json_t *known = cli_get(c, "/v1/contacts/attributes");
	enum cli_exit result = known ? CLI_DONE : CLI_FAILED;
	pr_buf_adds(&body, "{\"exact\":true,\"columns\":[\"email\"");
	pr_buf_add_json(&row, pr_str(address));
	for (unsigned i = 2; i < c->arguments.n && result == CLI_DONE; i++)
		result = add_setting(c, known, c->arguments.words[i], &body, &row);
	if (result == CLI_DONE) {
		pr_buf_addf(&body, "],\"rows\":[[%s]]}", row.data);
		pr_buf_addf(&words, "%s is set", cli_show(address));
		result = cli_act(c, "/v1/contacts", body.data, words.data);
	}
	json_decref(known);
	pr_buf_finish(&body);
	pr_buf_finish(&row);
	pr_buf_finish(&words);
	return result;
}

/* ---- export ---- */

struct exporting {
	struct cli *c;
	FILE *to;
	json_t *attributes;
	bool csv;
	struct pr_buf line;
};

static const char *const consent_keys[] = {"purpose", "text", "at", "source", "until"};
#define CONSENT_KEYS (sizeof consent_keys / sizeof *consent_keys)

static void
add_cell(struct exporting *x, const char *text)
{
	if (x->line.len)
		pr_buf_addc(&x->line, ',');
	pr_buf_add_csv(&x->line, pr_str(text ? text : ""));
}

static void
end_line(struct exporting *x)
{
	pr_buf_adds(&x->line, "\r\n");
	fwrite(x->line.data, 1, x->line.len, x->to);
	pr_buf_clear(&x->line);
}

static void
add_consent(struct exporting *x, const json_t *consent)
{
	for (unsigned i = 0; i < CONSENT_KEYS; i++)
		add_cell(x, cli_text_of(consent, consent_keys[i]));
}

static void
write_csv(struct exporting *x, const json_t *contact)
{
	size_t i;
	const json_t *one, *consents = json_object_get(contact, "consents");
	char *lists = joined_lists(contact);
	add_cell(x, cli_text_of(contact, "email"));
	add_cell(x, cli_text_of(contact, "timezone"));
	add_cell(x, cli_text_of(contact, "language"));
	add_cell(x, lists);
	add_consent(x, json_array_get(consents, 0));
	json_array_foreach(x->attributes, i, one)
	{
		const json_t *v = json_object_get(json_object_get(contact, "attributes"),
		                                  cli_text_of(one, "name"));
		char *text = v ? value_text(v) : NULL;
		add_cell(x, text);
		free(text);
	}
	end_line(x);
	for (i = 1; i < json_array_size(consents); i++) { /* import adds them up */
		add_cell(x, cli_text_of(contact, "email"));
		pr_buf_adds(&x->line, ",,,");
		add_consent(x, json_array_get(consents, i));
		end_line(x);
	}
	free(lists);
}

static void
write_json(struct exporting *x, json_t *contact)
{
	json_object_del(contact, "created");
	json_object_del(contact, "updated");
	json_dumpf(contact, x->to, JSON_COMPACT | JSON_REAL_PRECISION(15));
	fputc('\n', x->to);
}

static void
write_header(struct exporting *x)
{
	size_t i;
	const json_t *one;
	pr_buf_adds(&x->line, "email,timezone,language,lists");
	for (i = 0; i < CONSENT_KEYS; i++)
		pr_buf_addf(&x->line, ",consent_%s", consent_keys[i]);
	json_array_foreach(x->attributes, i, one) add_cell(x, cli_text_of(one, "name"));
	end_line(x);
}

/* Page by page: what changes meanwhile is in it or not. */
static enum cli_exit
export_pages(struct exporting *x)
{
	const char *list = cli_value(x->c, "list"), *segment = cli_value(x->c, "segment");
	char *after = pr_strdup("");
	enum cli_exit result = CLI_DONE;
	while (after && result == CLI_DONE) {
		struct pr_buf path = {0};
		size_t i;
		json_t *one;
		pr_buf_addf(&path, "/v1/contacts?limit=%d&list=", EXPORT_PAGE);
		cli_path_add(&path, list ? list : "");
		pr_buf_adds(&path, segment ? "&segment=" : "");
		cli_path_add(&path, segment ? segment : "");
		pr_buf_adds(&path, "&after=");
		cli_path_add(&path, after);
		json_t *answer = cli_get(x->c, path.data);
		json_array_foreach(json_object_get(answer, "contacts"), i, one) if (x->csv)
		    write_csv(x, one);
		else write_json(x, one);
		const char *next = answer ? cli_text_of(answer, "next") : NULL;
		free(after);
		after = next ? pr_strdup(next) : NULL;
		result = answer ? CLI_DONE : CLI_FAILED;
		json_decref(answer);
		pr_buf_finish(&path);
	}
	free(after);
	return result;
}

static enum cli_exit
export_to(struct exporting *x)
{
	const char *out = cli_value(x->c, "out");
	x->to = out ? fopen(out, "wxe") : stdout;
	if (!x->to)
		return cli_fail_errno("cannot write %s", cli_show(out));
	if (x->csv)
		write_header(x);
	enum cli_exit result = export_pages(x);
	if ((out ? fclose(x->to) : fflush(x->to)) != 0 && result == CLI_DONE)
		result = cli_fail_errno("cannot write %s", out ? cli_show(out) : "it");
	return result;
}

static enum cli_exit
run_export(struct cli *c)
{
	struct exporting x = {.c = c};
	const char *format = cli_value(c, "format");
	x.csv = format ? strcmp(format, "csv") == 0 : !c->arguments.json;
	if (format && !x.csv && strcmp(format, "jsonl") != 0)
		return cli_usage(c, "--format is csv or jsonl");
	json_t *known = cli_get(c, "/v1/contacts/attributes");
	x.attributes = json_object_get(known, "attributes");
	enum cli_exit result = known ? export_to(&x) : CLI_FAILED;
	json_decref(known);
	pr_buf_finish(&x.line);
	return result;
}

/* ---- list ---- */

static void
print_known(const json_t *answer)
{
	size_t i;
	const json_t *one;
	char number[CLI_TEXT];
	printf("%s contacts\n", cli_number(cli_number_of(answer, "total"), number));
	json_array_foreach(json_object_get(answer, "lists"), i, one)
	    printf("  list %-25s %s\n", cli_show(cli_text_of(one, "name")),
	           cli_number(cli_number_of(one, "contacts"), number));
	json_array_foreach(json_object_get(answer, "attributes"), i, one)
	    printf("  %-30s %s\n", cli_show(cli_text_of(one, "name")), cli_text_of(one, "type"));
}

static enum cli_exit
run_known(struct cli *c)
{
	return cli_look(c, "/v1/contacts/attributes", print_known);
}

enum cli_exit
cli_run_contacts(struct cli *c)
{
	static const struct cli_sub subs[] = {
	    {"import", cli_run_contacts_import, 2, 2, {"list", "type", "dry-run"}},
	    {"export", run_export, 1, 1, {"list", "segment", "format", "out"}},
	    {"show", run_show, 2, 2, {0}},
	    {"set", run_set, 3, CLI_WORDS_MAX, {0}},
	    {"delete", run_delete, 2, 2, {0}},
	    {"known", run_known, 1, 1, {0}},
	    {0}};
	return cli_run_sub(c, subs);
}
