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
};

static void
read_line(pr_smtp *s, struct pr_str line)
{
	const char *blank = memchr(line.p, ' ', line.n);
	struct pr_str word = blank ? pr_str_n(line.p, (size_t)(blank - line.p)) : line;
	struct pr_str rest = pr_str_trim(pr_str_n(line.p + word.n, line.n - word.n));
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!pr_str_eq_nocase(word, pr_str(known[i].keyword)))
			continue;
		s->features |= known[i].bit;
		uint64_t limit;
		if (known[i].bit == PR_SMTP_SIZE && pr_str_u64(rest, &limit))
			s->size_limit = limit; /* 0: no limit known (RFC 1870 section 4) */
	}
}

void
smtp_read_features(pr_smtp *s, struct pr_str text)
{
	bool first = true;
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		if (!first)
			read_line(s, pr_str_trim(pr_str_n(text.p, n)));
		first = false;
		n += end != NULL;
		text = pr_str_n(text.p + n, text.n - n);
	}
}
