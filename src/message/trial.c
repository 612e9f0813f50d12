/*
 * Trials: a campaign composed from its folder, without a daemon, for `postrider preview` and
 * `postrider check`. The recipients file is streamed; its header compiles the content, its rows
 * are composed one by one.
 */
#include "postrider/message.h"

#include "postrider/base/hash.h"
#include "postrider/campaign/recipients.h"

#include <stdio.h>
#include <stdlib.h>

#define ERRORS_MAX 100         /* distinct ones kept */
#define ADDRESSES_MAX 4000000u /* remembered to find duplicates; beyond, import finds them */

struct row_error {
	char *text;
	uint64_t rows, first_row, first_line;
	bool recipient; /* of the recipients file, not of a template */
	struct row_error *next;
};

struct trial {
	const struct pr_trial *trial;
	struct pr_problems *problems;
	struct pr_error *e;
	pr_content *content;
	pr_composer *composer;
	bool compiled; /* tried to */
	int result;
	/* preview */
	uint32_t row;
	struct pr_str email;
	struct pr_buf *out;
	bool found;
	/* check */
	struct pr_trial_counts counts;
	struct pr_map addresses; /* keyed hashes of those seen */
	struct pr_hash_key key;
	struct row_error *errors, **last;
	unsigned errors_n;
};

static void
compile(struct trial *t, const struct pr_str *columns, size_t n)
{
	const struct pr_content_source source = {
	    .manifest = t->trial->manifest,
	    .dir = t->trial->dir,
	    .columns = columns,
	    .columns_n = n,
	    .campaign_id = t->trial->campaign_id,
	    .hostname = t->trial->hostname,
	    .timezone = t->trial->timezone,
	};
	t->compiled = true;
	t->result = pr_content_compile(&source, t->problems, &t->content);
}

/* Rows are read also when they cannot be composed: the file may have problems of its own. */
static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct trial *t = context;
	compile(t, columns, n);
	return t->result == 0 || !t->out;
}

static int
read_rows(struct trial *t, bool (*each)(void *, const struct pr_row *, uint64_t, const char *))
{
	struct pr_recipients_reader reader = {.header = on_header, .each = each, .context = t};
	pr_composer_create(&t->composer);
	int result =
	    pr_recipients_read(t->trial->manifest, t->trial->dir, &reader, t->problems, t->e);
	if (!t->compiled)
		compile(t, NULL, 0);
	pr_composer_destroy(t->composer);
	if (t->content)
		pr_content_unref(t->content);
	return t->result < 0 ? t->result : result;
}

/* ---- preview ---- */

static bool
preview_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct trial *t = context;
	struct pr_message *m;
	bool wanted = t->row       ? row->row == t->row
	              : t->email.n ? pr_str_eq_nocase(row->email, t->email)
	                           : !bad;
	if (!wanted)
		return true;
	t->found = true;
	if (bad) {
		t->result = pr_fail(t->e, PR_EINVAL, "row %u (line %llu) is not sent: %s", row->row,
		                    (unsigned long long)line, bad);
		return false;
	}
	t->result = pr_compose(t->composer, t->content, row, t->trial->utc_ms, &m, t->e);
	if (t->result == 0) {
		pr_buf_add(t->out, m->data, m->size);
		pr_message_destroy(m);
	}
	return false;
}

int
pr_message_preview(const struct pr_trial *trial, uint32_t row, struct pr_str email,
                   struct pr_buf *out, struct pr_problems *problems, struct pr_error *e)
{
	struct trial t = {.trial = trial,
	                  .problems = problems,
	                  .e = e,
	                  .row = row,
	                  .email = pr_str_trim(email),
	                  .out = out};
	char shown[200];
	int result = read_rows(&t, preview_row);
	if (result < 0 || t.found)
		return result;
	if (row)
		return pr_fail(e, PR_ENOENT, "there is no row %u", row);
	return pr_fail(e, PR_ENOENT, "no row has the address %s",
	               pr_str_show(email, shown, sizeof shown));
}

/* ---- check ---- */

static void
note_error(struct trial *t, const char *text, bool recipient, uint64_t row, uint64_t line)
{
	struct row_error *found = t->errors;
	while (found && (found->recipient != recipient || strcmp(found->text, text) != 0))
		found = found->next;
	if (!found && t->errors_n == ERRORS_MAX)
		return;
	if (!found) {
		found = pr_calloc(1, sizeof *found);
		found->text = pr_strdup(text);
		found->recipient = recipient;
		found->first_row = row;
		found->first_line = line;
		*t->last = found;
		t->last = &found->next;
		t->errors_n++;
	}
	found->rows++;
}

static bool
is_duplicate(struct trial *t, struct pr_str email)
{
	static char seen;
	if (t->addresses.n >= ADDRESSES_MAX)
		return false;
	return pr_map_put(&t->addresses, pr_siphash(t->key, email.p, email.n), &seen) != NULL;
}

static bool
check_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct trial *t = context;
	struct pr_message *m;
	struct pr_error e;
	t->counts.rows++;
	if (bad) {
		t->counts.bad++;
		note_error(t, bad, true, row->row, line);
	} else if (is_duplicate(t, row->email)) {
		t->counts.duplicates++;
		note_error(t, "the address was there before", true, row->row, line);
	} else if (!t->content || !t->trial->manifest->sound) {
		return true;
	} else if (pr_compose(t->composer, t->content, row, t->trial->utc_ms, &m, &e) < 0) {
		t->counts.failed++;
		note_error(t, e.text, false, row->row, line);
	} else {
		t->counts.good++;
		if (m->size > t->counts.octets_max)
			t->counts.octets_max = m->size;
		pr_message_destroy(m);
	}
	return true;
}

static void
tell_errors(struct trial *t, enum pr_severity severity)
{
	const char *file = t->trial->manifest->recipients.file.p;
	while (t->errors) {
		struct row_error *error = t->errors;
		t->errors = error->next;
		if (error->rows == 1)
			pr_problem_add(t->problems, severity, file, (unsigned)error->first_line,
			               NULL, "row %llu is not sent: %s",
			               (unsigned long long)error->first_row, error->text);
		else
			pr_problem_add(t->problems, severity, file, (unsigned)error->first_line,
			               NULL, "%llu rows are not sent, the first is row %llu: %s",
			               (unsigned long long)error->rows,
			               (unsigned long long)error->first_row, error->text);
		free(error->text);
		free(error);
	}
}

int
pr_message_check(const struct pr_trial *trial, struct pr_trial_counts *counts,
                 struct pr_problems *problems, struct pr_error *e)
{
	struct trial t = {.trial = trial, .problems = problems, .e = e};
	t.last = &t.errors;
	pr_hash_key_random(&t.key);
	int result = read_rows(&t, check_row);
	bool none = result == 0 && trial->manifest->sound && t.counts.rows && !t.counts.good;
	tell_errors(&t, none ? PR_PROBLEM : PR_WARNING);
	pr_map_finish(&t.addresses);
	*counts = t.counts;
	return none ? pr_fail(e, PR_EINVAL, "no row can be sent") : result;
}
