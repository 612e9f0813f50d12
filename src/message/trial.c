/*
 * Preview: one message composed from a campaign's folder, without a daemon. The recipients file
 * is streamed until the row is found; its header compiles the content.
 */
#include "trial.h"

#include "source.h"

#include "postrider/base/file.h"
#include "postrider/campaign/recipients.h"

struct preview {
	const struct pr_trial *trial;
	struct pr_problems *problems;
	struct pr_error *e;
	pr_content *content;
	pr_composer *composer;
	bool compiled; /* tried to */
	int result;
	uint32_t row;
	struct pr_str email;
	struct pr_message *message; /* NULL: not made */
	uint32_t made;              /* its row */
	bool found;
};

int
pr_trial_compile(const struct pr_trial *trial, const struct pr_str *columns, size_t n,
                 struct pr_problems *problems, pr_content **out)
{
	struct pr_content_source source = pr_content_source_of(trial->manifest, trial->config);
	source.dir = trial->dir;
	source.columns = columns;
	source.columns_n = n;
	source.campaign_id = trial->campaign_id;
	source.proof_to = trial->proof_to;
	source.proof_ms = trial->utc_ms;
	return pr_content_compile(&source, problems, out);
}

const char *
pr_trial_words(const struct pr_compose_failure *failure)
{
	static const char prefix[] = "Liquid error (";
	const char *text = failure->error.text;
	const char *behind =
	    strncmp(text, prefix, sizeof prefix - 1) == 0 ? strstr(text, "): ") : NULL;
	return behind ? behind + 3 : text;
}

void
pr_trial_add_excerpt(const struct pr_trial *trial, struct pr_problem *p)
{
	struct pr_buf text = {0};
	struct pr_error e;
	if (!p->line || !p->column)
		return;
	if (pr_file_read(trial->dir, p->file, PR_BODY_SIZE_MAX, &text, &e) == 0) {
		struct pr_str s = pr_buf_str(&text);
		size_t mark = pr_str_starts(s, "\xEF\xBB\xBF") ? 3 : 0;
		p->excerpt = pr_source_line(pr_str_n(s.p + mark, s.n - mark), p->line);
	}
	pr_buf_finish(&text);
}

static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct preview *t = context;
	t->result = pr_trial_compile(t->trial, columns, n, t->problems, &t->content);
	return t->result == 0;
}

/* A failure that has a place is a problem of its own; others are in e alone. */
static int
tell_failure(struct preview *t, const struct pr_row *row, uint64_t line)
{
	const struct pr_compose_failure *f = pr_composer_failure(t->composer);
	bool aborted = f->error.code == PR_ECANCELLED;
	if (!f->file)
		return pr_fail(t->e, PR_EINVAL, "row %u (line %llu) is not sent: %s", row->row,
		               (unsigned long long)line, f->error.text);
	struct pr_problem *p =
	    pr_problem_add(t->problems, aborted ? PR_NOTE : PR_PROBLEM, f->file, f->line, NULL,
	                   "%s%s", aborted ? "aborted by the template: " : "", pr_trial_words(f));
	if (p) {
		p->column = f->column;
		pr_trial_add_excerpt(t->trial, p);
	}
	return pr_fail(t->e, PR_EINVAL, "row %u (line %llu) is not sent", row->row,
	               (unsigned long long)line);
}

static bool
on_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct preview *t = context;
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
	t->result = pr_compose(t->composer, t->content, row, t->trial->variant, t->trial->utc_ms,
	                       &t->message, t->e);
	t->made = row->row;
	if (t->result < 0)
		t->result = tell_failure(t, row, line);
	return false;
}

static int
find_row(struct preview *t)
{
	struct pr_recipients_reader reader = {
	    .header = on_header, .each = on_row, .context = t, .from = t->trial->from};
	pr_composer_create(&t->composer);
	int result =
	    pr_recipients_read(t->trial->manifest, t->trial->dir, &reader, t->problems, t->e);
	pr_composer_destroy(t->composer);
	return t->result < 0 ? t->result : result;
}

static void
finish(struct preview *t)
{
	if (t->message)
		pr_message_destroy(t->message);
	if (t->content)
		pr_content_unref(t->content);
}

/* PR_EINVAL, PR_ENOENT: nothing is left to finish. */
static int
make(struct preview *t)
{
	char shown[200];
	int result = find_row(t);
	if (result == 0 && !t->found)
		result = t->row ? pr_fail(t->e, PR_ENOENT, "there is no row %u", t->row)
		                : pr_fail(t->e, PR_ENOENT, "no row has the address %s",
		                          pr_str_show(t->email, shown, sizeof shown));
	if (result < 0)
		finish(t);
	return result;
}

int
pr_message_preview(const struct pr_trial *trial, uint32_t row, struct pr_str email,
                   struct pr_buf *out, struct pr_problems *problems, struct pr_error *e)
{
	struct preview t = {
	    .trial = trial, .problems = problems, .e = e, .row = row, .email = pr_str_trim(email)};
	int result = make(&t);
	if (result < 0)
		return result;
	pr_message_add(t.message, out);
	finish(&t);
	return 0;
}

int
pr_message_trial(const struct pr_trial *trial, uint32_t row, struct pr_trial_message *out,
                 struct pr_problems *problems, struct pr_error *e)
{
	struct preview t = {.trial = trial, .problems = problems, .e = e, .row = row};
	int result = make(&t);
	if (result == 0)
		*out = (struct pr_trial_message){t.made, t.message, t.content};
	return result;
}

void
pr_trial_message_finish(struct pr_trial_message *m)
{
	pr_message_destroy(m->message);
	pr_content_unref(m->content);
}
