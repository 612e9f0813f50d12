/*
 * Suppressions from a file: CSV with a header, or an address a line.
 *
 *   file -records-> rows, bad ones listed -sorted by address-> pieces -> the daemon, one by one
 *
 * Sorted, because the daemon keeps them by address: pieces in that order cost it no more than
 * their octets, in any other order a page each. Doing it again after a failure does no harm:
 * what is there already stays as it is.
 */
#include "cli.h"

#include "postrider/base/arena.h"
#include "postrider/base/clock.h"
#include "postrider/campaign/address.h"
#include "postrider/campaign/csv.h"

#include <stdlib.h>

#define PIECE_ROWS 10000u
#define PIECE_OCTETS (900u << 10) /* the daemon takes 1 MiB */
#define EXTRA_MAX 4000u           /* of a row, as JSON */

enum column { ADDRESS, LIST, CLASS, SCOPE, REASON, NOTE, SOURCE, AT, UNTIL, COLUMNS };
static const char *const names[COLUMNS] = {"address", "list",   "class", "scope", "reason",
                                           "note",    "source", "at",    "until"};

struct file {
	struct cli *c;
	const char *name;
	struct pr_arena arena;
	/* Each the address, NUL, and what else is said of it as JSON, NUL. */
	char **rows;
	size_t n, room;
	size_t columns[COLUMNS]; /* where each is; SIZE_MAX: nowhere */
	bool begun;
	struct cli_bad bad;
	struct pr_buf extra;
};

/* ---- columns ---- */

/* How the address is called in other programs' files. */
static bool
names_addresses(struct pr_str head)
{
	static const char *const others[] = {"email",     "e-mail",        "mail", "email address",
	                                     "recipient", "email_address", NULL};
	for (unsigned i = 0; others[i]; i++)
		if (pr_str_eq_nocase(head, pr_str(others[i])))
			return true;
	return false;
}

static void
read_header(struct file *f, const struct pr_csv_record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct pr_str head = pr_str_trim(r->fields[i]);
		for (int k = 0; k < COLUMNS; k++)
			if (f->columns[k] == SIZE_MAX && pr_str_eq_nocase(head, pr_str(names[k])))
				f->columns[k] = i;
		if (f->columns[ADDRESS] == SIZE_MAX && names_addresses(head))
			f->columns[ADDRESS] = i;
	}
}

/* A file without header begins with an address. False: it has one. */
static bool
begins_with_address(struct file *f, const struct pr_csv_record *r)
{
	struct pr_mailbox m;
	for (size_t i = 0; i < r->n; i++)
		if (pr_mailbox_parse(r->fields[i], &m, NULL) == 0) {
			f->columns[ADDRESS] = i;
			return true;
		}
	return false;
}

/* ---- rows ---- */

static struct pr_str
field(const struct file *f, const struct pr_csv_record *r, enum column k)
{
	size_t at = f->columns[k];
	return at < r->n ? pr_str_trim(r->fields[at]) : PR_STR("");
}

static void
say(struct file *f, const char *key, struct pr_str text)
{
	if (text.n == 0)
		return;
	pr_buf_addf(&f->extra, ",\"%s\":", key);
	pr_buf_add_json(&f->extra, text);
}

/* NULL, or what is wrong. Scope as export writes it: "list NAME", or a class. */
static const char *
read_extra(struct file *f, const struct pr_csv_record *r)
{
	struct pr_str list = field(f, r, LIST), class_ = field(f, r, CLASS);
	struct pr_str scope = field(f, r, SCOPE), at = field(f, r, AT), until = field(f, r, UNTIL);
	int64_t when;
	pr_buf_clear(&f->extra);
	if (pr_str_starts(scope, "list "))
		list = pr_str_n(scope.p + 5, scope.n - 5);
	else if (scope.n)
		class_ = scope;
	if (list.n && class_.n)
		return "it has a list and a class";
	if (class_.n && !pr_str_is(class_, "all") && !pr_str_is(class_, "marketing") &&
	    !pr_str_is(class_, "transactional"))
		return "the class must be marketing, transactional or all";
	if ((at.n && !pr_parse_rfc3339(at, &when)) || (until.n && !pr_parse_rfc3339(until, &when)))
		return "a time must read 2027-01-31 or 2027-01-31T18:00:00Z";
	say(f, "list", list);
	say(f, "class", class_);
	say(f, "reason", field(f, r, REASON));
	say(f, "note", field(f, r, NOTE));
	say(f, "source", field(f, r, SOURCE));
	say(f, "at", at);
	say(f, "until", until);
	return f->extra.len > EXTRA_MAX ? "its note is too long" : NULL;
}

static void
keep(struct file *f, const struct pr_mailbox *m)
{
	size_t extra = f->extra.len;
	char *row = pr_arena_alloc(&f->arena, m->n + extra + 2u);
	memcpy(row, m->address, m->n);
	row[m->n] = 0;
	if (extra)
		memcpy(row + m->n + 1, f->extra.data, extra);
	row[m->n + 1 + extra] = 0;
	if (f->n == f->room) {
		f->room = f->room ? f->room * 2 : 4096;
		f->rows = pr_realloc(f->rows, f->room * sizeof *f->rows);
	}
	f->rows[f->n++] = row;
}

static int
on_row(struct file *f, const struct pr_csv_record *r)
{
	struct pr_mailbox m;
	const char *why = r->bad;
	struct pr_str value = field(f, r, ADDRESS);
	if (!why && pr_mailbox_parse(cli_unguarded(value), &m, &why) == 0)
		why = read_extra(f, r);
	if (why)
		cli_bad_note(&f->bad, r->line, value, why);
	else
		keep(f, &m);
	return 0;
}

static int
on_record(void *context, const struct pr_csv_record *r)
{
	struct file *f = context;
	if (f->begun)
		return on_row(f, r);
	f->begun = true;
	if (begins_with_address(f, r))
		return on_row(f, r);
	read_header(f, r);
	return f->columns[ADDRESS] == SIZE_MAX ? PR_ENOENT : 0;
}

/* ---- to the daemon ---- */

static int
by_address(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
begin_piece(const struct file *f, struct pr_buf *body)
{
	static const char *const options[] = {"list", "class", "reason", "until", NULL};
	struct pr_buf source = {0};
	const char *slash = strrchr(f->name, '/');
	pr_buf_addf(&source, "import %s", slash ? slash + 1 : f->name);
	pr_buf_adds(body, "{\"source\":");
	pr_buf_add_json(body, pr_buf_str(&source));
	for (unsigned i = 0; options[i]; i++) {
		const char *value = cli_value(f->c, options[i]);
		if (!value)
			continue;
		pr_buf_addf(body, ",\"%s\":", options[i]);
		pr_buf_add_json(body, pr_str(value));
	}
	pr_buf_adds(body, ",\"rows\":[");
	pr_buf_finish(&source);
}

static void
add_row(struct pr_buf *body, const char *row)
{
	const char *extra = row + strlen(row) + 1;
	if (body->data[body->len - 1] != '[')
		pr_buf_addc(body, ',');
	if (*extra)
		pr_buf_adds(body, "{\"address\":");
	pr_buf_add_json(body, pr_str(row));
	if (*extra)
		pr_buf_addf(body, "%s}", extra);
}

/* The rows from `at` that fit; *next: the first that did not. */
static enum cli_exit
send_piece(struct file *f, size_t at, size_t *next, uint64_t *changed)
{
	struct pr_buf body = {0};
	struct cli_reply reply;
	begin_piece(f, &body);
	size_t end = at;
	while (end < f->n && end - at < PIECE_ROWS && body.len < PIECE_OCTETS)
		add_row(&body, f->rows[end++]);
	pr_buf_adds(&body, "]}");
	enum cli_exit result = cli_call(f->c, "/v1/suppressions/import", body.data, &reply);
	pr_buf_finish(&body);
	if (result != CLI_DONE)
		return result;
	json_t *answer = json_loadb(reply.body.data, reply.body.len, 0, NULL);
	*changed += cli_number_of(answer, "changed");
	*next = end;
	json_decref(answer);
	pr_buf_finish(&reply.body);
	return CLI_DONE;
}

static enum cli_exit
send_all(struct file *f, uint64_t *changed)
{
	enum cli_exit result = CLI_DONE;
	if (f->n)
		qsort(f->rows, f->n, sizeof *f->rows, by_address);
	for (size_t at = 0; at < f->n && result == CLI_DONE;)
		result = send_piece(f, at, &at, changed);
	if (result != CLI_DONE && *changed)
		cli_fail("%llu were imported before; import the file again to go on",
		         (unsigned long long)*changed);
	return result;
}

static void
tell(const struct file *f, bool dry, uint64_t changed)
{
	char rows[CLI_TEXT], bad[CLI_TEXT], number[CLI_TEXT];
	if (f->c->arguments.json) {
		json_t *o =
		    json_pack("{s:I,s:I,s:I,s:I,s:b,s:o}", "rows", (json_int_t)(f->n + f->bad.n),
		              "good", (json_int_t)f->n, "changed", (json_int_t)changed, "bad_rows",
		              (json_int_t)f->bad.n, "dry_run", dry, "bad", cli_bad_json(&f->bad));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
		return;
	}
	cli_bad_tell(&f->bad);
	cli_number(f->n, rows);
	cli_number(f->bad.n, bad);
	if (dry)
		printf("%s good rows, %s bad; nothing was changed\n", rows, bad);
	else
		printf("%s good rows, %s of them new; %s bad\n", rows, cli_number(changed, number),
		       bad);
}

enum cli_exit
cli_run_suppress_import(struct cli *c)
{
	const char *name = c->arguments.words[1];
	struct file f = {.c = c, .name = name, .bad = {.file = name, .quiet = c->arguments.json}};
	bool dry = cli_given(c, "dry-run");
	uint64_t changed = 0;
	pr_arena_init(&f.arena);
	for (int k = 0; k < COLUMNS; k++)
		f.columns[k] = SIZE_MAX;
	enum cli_exit result = cli_read_csv(name, on_record, &f,
	                                    "no column is called address or email, and the first "
	                                    "line holds no address");
	if (result == CLI_DONE && !dry)
		result = send_all(&f, &changed);
	if (result == CLI_DONE) {
		tell(&f, dry, changed);
		if (f.n == 0)
			result = cli_fail("%s holds no address that can be used", cli_show(f.name));
	}
	free(f.rows);
	json_decref(f.bad.list);
	pr_buf_finish(&f.extra);
	pr_arena_finish(&f.arena);
	return result;
}
