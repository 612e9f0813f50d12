/*
 * What the peer offers: the lines of its answer to EHLO (RFC 5321 section 4.1.1.1). The
 * first line is its name. Unknown keywords are passed over; a later line of the same
 * keyword adds to an earlier one.
 */
#include "session.h"

static const struct {
	const char *keyword;
	unsigned bit;
} known[] = {
    {"PIPELINING", PR_SMTP_PIPELINING}, /* RFC 2920 */
    {"8BITMIME", PR_SMTP_8BITMIME},     /* RFC 6152 */
    {"SMTPUTF8", PR_SMTP_SMTPUTF8},     /* RFC 6531 */
    {"SIZE", PR_SMTP_SIZE},             /* RFC 1870 */
    {"CHUNKING", PR_SMTP_CHUNKING},     /* RFC 3030 */
    {"STARTTLS", PR_SMTP_STARTTLS},     /* RFC 3207 */
    {"DSN", PR_SMTP_DSN},               /* RFC 3461 */
    {"LIMITS", PR_SMTP_LIMITS},         /* RFC 9422 */
};

const char *
pr_smtp_extension(unsigned i, unsigned *bit)
{
	if (i >= sizeof known / sizeof *known)
		return NULL;
	*bit = known[i].bit;
	return known[i].keyword;
}

/* Takes what is before the first octet of `ends`, and that octet, off the text. */
static struct pr_str
cut(struct pr_str *text, const char *ends)
{
	size_t n = 0;
	while (n < text->n && !strchr(ends, text->p[n]))
		n++;
	struct pr_str head = pr_str_n(text->p, n);
	n += n < text->n;
	*text = pr_str_n(text->p + n, text->n - n);
	return head;
}

/* RFC 9422. RCPTMAX is of no concern: a transaction here has one recipient. */
static void
read_limit(pr_smtp *s, struct pr_str name, struct pr_str value)
{
	uint64_t n;
	if (!pr_str_u64(value, &n) || n == 0)
		return;
	if (pr_str_eq_nocase(name, pr_str("MAILMAX")))
		s->mails_limit = n;
	else if (pr_str_eq_nocase(name, pr_str("RCPTDOMAINMAX")))
		s->domains_limit = n;
}

static void
read_limits(pr_smtp *s, struct pr_str words)
{
	while (words.n) {
		struct pr_str name = cut(&words, " ");
		struct pr_str word = cut(&name, "=");
		read_limit(s, word, name);
	}
}

/* Old peers write AUTH=LOGIN. */
static void
read_line(pr_smtp *s, struct pr_str rest)
{
	struct pr_str word = cut(&rest, " =");
	rest = pr_str_trim(rest);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (pr_str_eq_nocase(word, pr_str(known[i].keyword)))
			s->features |= known[i].bit;
	uint64_t limit;
	if (pr_str_eq_nocase(word, pr_str("SIZE")) && pr_str_u64(rest, &limit))
		s->size_limit = limit; /* 0: no limit known (RFC 1870 section 4) */
	else if (pr_str_eq_nocase(word, pr_str("AUTH")))
		s->mechanisms |= smtp_read_mechanisms(rest);
	else if (pr_str_eq_nocase(word, pr_str("LIMITS")))
		read_limits(s, rest);
}

/* What was offered before TLS says nothing about what is offered in it (RFC 3207). */
void
smtp_read_features(pr_smtp *s, struct pr_str text)
{
	s->features = PR_SMTP_ESMTP;
	s->mechanisms = 0;
	s->size_limit = s->mails_limit = s->domains_limit = 0;
	cut(&text, "\n");
	while (text.n)
		read_line(s, pr_str_trim(cut(&text, "\n")));
}
