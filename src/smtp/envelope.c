/*
 * An envelope as commands (RFC 5321 sections 4.1.1.2 and 4.1.1.3), and what cannot become
 * one: addresses that would break out of their brackets, and messages that the peer does
 * not take. Those end here, without a word to the peer.
 */
#include "session.h"

/* RFC 5321 section 4.5.3.1: a local part of 64, an at sign, a domain of 255. */
#define ADDRESS_MAX 320

static const char *
unfit_address(const char *address)
{
	size_t n = 0;
	for (; address[n]; n++) {
		unsigned char c = (unsigned char)address[n];
		if (c < 0x20 || c == 0x7F || c == '<' || c == '>')
			return "an address holds an octet that no command may carry";
	}
	return n > ADDRESS_MAX ? "an address is longer than 320 octets" : NULL;
}

static bool
needs_smtputf8(const struct pr_envelope *m)
{
	return m->smtputf8 || !pr_is_ascii(m->from, strlen(m->from)) ||
	       !pr_is_ascii(m->to, strlen(m->to));
}

const char *
smtp_unfit(const pr_smtp *s, const struct pr_envelope *m, bool *too_large)
{
	*too_large = false;
	if (!m->to[0])
		return "the recipient's address is empty";
	const char *why = unfit_address(m->to);
	if (!why)
		why = unfit_address(m->from);
	if (why)
		return why;
	if (s->size_limit && pr_envelope_octets(m) > s->size_limit) {
		*too_large = true;
		return "the message is larger than the peer takes";
	}
	if (m->eight_bit && !(s->features & PR_SMTP_8BITMIME))
		return "the peer does not offer 8BITMIME";
	if (needs_smtputf8(m) && !(s->features & PR_SMTP_SMTPUTF8))
		return "the peer does not offer SMTPUTF8";
	return NULL;
}

static void
add_number(struct pr_buf *b, size_t v)
{
	char digits[20];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	pr_buf_add(b, digits + at, sizeof digits - at);
}

/* A failure report without the message, and nothing else (RFC 3461). */
static bool
wants_dsn(const pr_smtp *s)
{
	return s->options.dsn && s->features & PR_SMTP_DSN;
}

void
smtp_add_mail(pr_smtp *s, const struct pr_envelope *m)
{
	pr_buf_adds(&s->out, "MAIL FROM:<");
	pr_buf_adds(&s->out, m->from);
	pr_buf_addc(&s->out, '>');
	if (s->features & PR_SMTP_SIZE) {
		pr_buf_adds(&s->out, " SIZE=");
		add_number(&s->out, pr_envelope_octets(m));
	}
	if (m->eight_bit)
		pr_buf_adds(&s->out, " BODY=8BITMIME");
	if (needs_smtputf8(m))
		pr_buf_adds(&s->out, " SMTPUTF8");
	if (wants_dsn(s))
		pr_buf_adds(&s->out, " RET=HDRS");
	pr_buf_adds(&s->out, "\r\n");
}

void
smtp_add_rcpt(pr_smtp *s, const struct pr_envelope *m)
{
	pr_buf_adds(&s->out, "RCPT TO:<");
	pr_buf_adds(&s->out, m->to);
	pr_buf_addc(&s->out, '>');
	if (wants_dsn(s))
		pr_buf_adds(&s->out, " NOTIFY=FAILURE");
	pr_buf_adds(&s->out, "\r\n");
}

/* All of it is one chunk, the last (RFC 3030 section 2). */
void
smtp_add_bdat(pr_smtp *s, const struct pr_envelope *m)
{
	pr_buf_adds(&s->out, "BDAT ");
	add_number(&s->out, pr_envelope_octets(m));
	pr_buf_adds(&s->out, " LAST\r\n");
}

/* RFC 9422 section 4.3. Beyond DOMAINS_MAX the peer's limit is not used up to its end. */
bool
smtp_admit_domain(pr_smtp *s, const struct pr_envelope *m)
{
	if (!s->domains_limit)
		return true;
	const char *at = strrchr(m->to, '@');
	const char *domain = at ? at + 1 : "";
	for (unsigned i = 0; i < s->domains_n; i++)
		if (pr_str_eq_nocase(pr_str(s->domains[i]), pr_str(domain)))
			return true;
	if (s->domains_n == s->domains_limit || s->domains_n == DOMAINS_MAX)
		return false;
	s->domains[s->domains_n++] = pr_strdup(domain);
	return true;
}
