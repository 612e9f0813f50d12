/*
 * Delivery reports (RFC 3464, RFC 6533): blocks of fields, one about the message, one about each
 * recipient. Read loosely: some put the blocks into the text, leave out the empty lines between
 * them or put one too many; so a recipient goes on until a field says that another one begins.
 */
#include "internal.h"

struct row {
	struct pr_str original, final, action, status, diagnostic;
};

/* The name we wrote to, where it is told; what it became on the way otherwise. */
static struct pr_str
address_of_row(const struct row *w)
{
	struct pr_str original = address_of_field(w->original);
	if (w->original.n && memchr(original.p, '@', original.n))
		return original;
	return address_of_field(w->final.n ? w->final : w->original);
}

/* "5.1.1 (bad destination mailbox address)" */
static void
take_status(struct pr_feedback_recipient *r, struct pr_str value)
{
	size_t n = 0;
	while (n < value.n && (pr_is_digit(value.p[n]) || value.p[n] == '.'))
		n++;
	pr_status_read(pr_str_n(value.p, n), r->status);
}

struct pr_str
diagnostic_of(struct pr_arena *arena, struct pr_str value)
{
	static const char *const types[] = {"smtp;", "x-postfix;", "lmtp;", "smtp :", NULL};
	for (const char *const *t = types; *t; t++)
		if (pr_str_starts_nocase(value, *t)) {
			size_t n = strlen(*t);
			value = pr_str_n(value.p + n, value.n - n);
			break;
		}
	return text_one_line(arena, value, PR_FEEDBACK_DIAGNOSTIC_MAX);
}

static bool
is_word(struct pr_str action, const char *word)
{
	return pr_str_starts_nocase(pr_str_trim(action), word);
}

/* Not the class that a text would have: it came through, or may yet. */
static void
judge_action(struct findings *f, struct pr_feedback_recipient *r, struct pr_str action)
{
	r->failed = !is_word(action, "delayed");
	if (is_word(action, "delivered") || is_word(action, "relayed") ||
	    is_word(action, "expanded")) {
		r->failed = false;
		r->finding =
		    (struct pr_finding){.class_ = PR_CLASS_DELIVERED, .action = PR_ACTION_NONE};
		return;
	}
	found_judge(f, r, notice_around(f->mail, r->address));
}

static void
end_row(struct findings *f, struct row *w)
{
	struct pr_feedback_recipient *r;
	struct pr_str address = address_of_row(w);
	if ((w->original.n || w->final.n) && address.n && (r = found_add(f, address))) {
		take_status(r, w->status);
		r->diagnostic = diagnostic_of(f->mail->arena, w->diagnostic);
		judge_action(f, r, w->action);
	}
	*w = (struct row){0};
}

/* "dns; mx1.example.com" */
static struct pr_str
host_of(struct pr_str value)
{
	const char *semicolon = value.n ? memchr(value.p, ';', value.n) : NULL;
	if (semicolon)
		value = pr_str_n(semicolon + 1, value.n - (size_t)(semicolon + 1 - value.p));
	return pr_str_trim(value);
}

static void
take_field(struct findings *f, struct row *w, const struct field *in)
{
	const struct {
		const char *name;
		struct pr_str *to;
	} known[] = {
	    {"Original-Recipient", &w->original},
	    {"Final-Recipient", &w->final},
	    {"Action", &w->action},
	    {"Status", &w->status},
	    {"Diagnostic-Code", &w->diagnostic},
	};
	if (pr_str_eq_nocase(in->name, PR_STR("Original-Envelope-Id")) && !f->out->envelope_id.n)
		f->out->envelope_id = in->value;
	if (pr_str_eq_nocase(in->name, PR_STR("Reporting-MTA")) && !f->out->reporter.n)
		f->out->reporter = host_of(in->value);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!pr_str_eq_nocase(in->name, pr_str(known[i].name)))
			continue;
		if (known[i].to->n && i < 2)
			end_row(f, w);
		if (!known[i].to->n)
			*known[i].to = in->value;
	}
}

bool
read_status_report(struct findings *f)
{
	const struct mail *m = f->mail;
	struct pr_str rest = m->status_report.n ? m->status_report : m->notice;
	struct row w = {0};
	struct field in;
	size_t before = f->out->n;
	while (rest.n) {
		if (field_next(m->arena, &rest, &in))
			take_field(f, &w, &in);
		else if (w.original.n || w.final.n)
			end_row(f, &w);
	}
	end_row(f, &w);
	return f->out->n > before;
}
