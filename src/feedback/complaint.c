/*
 * Complaints: feedback reports (RFC 5965, RFC 6591), and the form of Microsoft's JMRP, which is
 * the message alone with the recipient in a field of its own. Most leave the recipient out or
 * blacken it; it is then looked for in the message that came along.
 */
#include "internal.h"

static bool
is_shown(struct pr_str address)
{
	return memchr(address.p, '@', address.n) && !holds_nocase(address, "redacted") &&
	       !holds_nocase(address, "xxxx@");
}

static void
add_complaint(struct findings *f, struct pr_str address)
{
	struct pr_str type = f->out->feedback_type;
	struct pr_feedback_recipient *r = found_add(f, address);
	if (!r)
		return;
	r->finding = pr_rules_class(f->rules, pr_str_starts_nocase(type, "auth-failure")
	                                          ? PR_CLASS_AUTHENTICATION
	                                          : PR_CLASS_COMPLAINT);
	if (pr_str_starts_nocase(type, "not-spam"))
		r->finding.action = PR_ACTION_NONE;
}

/* Every address in a field of the returned header. */
static void
add_from_returned(struct findings *f, const char *name)
{
	struct pr_arena *arena = f->mail->arena;
	struct pr_str value = field_of(arena, f->mail->returned, name), address;
	size_t at = 0;
	while (address_next(value, &at, &address))
		if (is_shown(address))
			add_complaint(f, pr_arena_copy(arena, address));
}

static void
take_field(struct findings *f, const struct field *in)
{
	static const char *const recipients[] = {"Original-Rcpt-To", "Removal-Recipient",
	                                         "Original-Recipient", "Final-Recipient", NULL};
	for (const char *const *name = recipients; *name; name++) {
		struct pr_str address = address_of_field(in->value);
		if (pr_str_eq_nocase(in->name, pr_str(*name)) && is_shown(address))
			add_complaint(f, address);
	}
}

static struct pr_str
microsoft_recipient(const struct mail *m)
{
	return field_of(m->arena, m->returned, "X-HmXmrOriginalRecipient");
}

bool
read_complaint(struct findings *f)
{
	static const char *const returned[] = {"X-HmXmrOriginalRecipient", "X-Original-To",
	                                       "Delivered-To", "To", NULL};
	const struct mail *m = f->mail;
	struct pr_str rest = m->feedback_report;
	struct field in;
	if (!rest.n && !microsoft_recipient(m).n)
		return false;
	f->out->feedback_type =
	    rest.n ? field_of(m->arena, rest, "Feedback-Type") : PR_STR("abuse");
	while (rest.n)
		if (field_next(m->arena, &rest, &in))
			take_field(f, &in);
	for (const char *const *name = returned; *name && f->out->n == 0; name++)
		add_from_returned(f, *name);
	if (f->out->n == 0) /* somebody complains, and who it is a token may tell */
		add_complaint(f, PR_STR(""));
	return true;
}
