/*
 * The whole: a mail is taken apart, and each kind of reader looks whether it is its own; the
 * plainest first. A complaint is told by its part; a delivery report by its fields, wherever they
 * stand; an autoreply by what it says of itself; what is left may be a bounce of the old kind.
 */
#include "internal.h"

const char *
pr_feedback_word(enum pr_feedback_kind k)
{
	static const char *const words[] = {"unknown", "dsn", "arf", "autoreply"};
	return words[k];
}

struct pr_feedback_recipient *
found_add(struct findings *f, struct pr_str address)
{
	struct pr_feedback *out = f->out;
	for (size_t i = 0; i < out->n; i++)
		if (pr_str_eq_nocase(out->recipients[i].address, address))
			return NULL;
	if (out->n == PR_FEEDBACK_RECIPIENTS_MAX)
		return NULL;
	struct pr_feedback_recipient *r = &out->recipients[out->n++];
	*r = (struct pr_feedback_recipient){.address = address, .diagnostic = PR_STR("")};
	return r;
}

/* x.0.0 and x.y.0 say little (RFC 3463 section 3.1), and x.4.7 only that time is over. */
static bool
says_little(const uint16_t status[3])
{
	return status[0] == 0 || status[2] == 0 || (status[1] == 4 && status[2] == 7);
}

static void
take_codes(struct pr_feedback_recipient *r, const struct pr_said *said)
{
	if (said->status[0] && !says_little(said->status) && says_little(r->status))
		memcpy(r->status, said->status, sizeof r->status);
	if (!r->status[0])
		memcpy(r->status, said->status, sizeof r->status);
	if (said->code && !r->code)
		r->code = said->code;
}

static struct pr_finding
judge_by(struct findings *f, const struct pr_feedback_recipient *r, enum pr_said_to to,
         struct pr_str text)
{
	struct pr_said said = {.to = to, .code = r->code, .text = text};
	memcpy(said.status, r->status, sizeof said.status);
	return pr_classify(f->rules, &said);
}

/* What waits costs nobody anything. */
static void
judge_delay(struct pr_feedback_recipient *r)
{
	r->finding.hard = false;
	r->finding.action = PR_ACTION_NONE;
	if (!r->finding.by_text)
		r->finding.class_ = PR_CLASS_EXPIRED;
}

void
found_judge(struct findings *f, struct pr_feedback_recipient *r, struct pr_str context)
{
	struct pr_said said = pr_said_read(r->diagnostic), around = pr_said_read(context);
	enum pr_said_to to = command_of(context);
	take_codes(r, &said);
	if (says_little(r->status))
		take_codes(r, &around);
	r->finding = judge_by(f, r, to, r->diagnostic);
	if (!r->finding.by_text && (!r->diagnostic.n || says_little(r->status))) {
		struct pr_finding second = judge_by(f, r, to, context);
		if (second.by_text || r->finding.class_ == PR_CLASS_UNDETERMINED)
			r->finding = second;
	}
	if (!r->failed)
		judge_delay(r);
}

static enum pr_feedback_kind
read_any(struct findings *f)
{
	if (read_complaint(f))
		return PR_FEEDBACK_ARF;
	if (read_status_report(f))
		return PR_FEEDBACK_DSN;
	if (read_ses(f))
		return f->out->kind;
	if (read_autoreply(f))
		return PR_FEEDBACK_AUTOREPLY;
	return read_notice(f) ? PR_FEEDBACK_DSN : PR_FEEDBACK_UNKNOWN;
}

void
pr_feedback_read(const pr_rules *rules, struct pr_str mail, struct pr_arena *arena,
                 struct pr_feedback *out)
{
	struct mail m = {.arena = arena};
	struct findings f = {.rules = rules, .mail = &m, .out = out};
	*out =
	    (struct pr_feedback){.recipients = pr_arena_alloc(arena, PR_FEEDBACK_RECIPIENTS_MAX *
	                                                                 sizeof *out->recipients)};
	mail_read(&m, mail);
	out->kind = read_any(&f);
	out->returned = m.returned;
}

struct pr_str
pr_feedback_returned(const struct pr_feedback *f, const char *name, struct pr_arena *arena)
{
	return field_of(arena, f->returned, name);
}
