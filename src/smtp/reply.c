/*
 * Replies: octets in, whole replies out (RFC 5321 section 4.2, RFC 2034, RFC 3463).
 *
 * A line is "250 text" or, with more to come, "250-text". A line that is whole in the
 * octets at hand is read where it lies; a torn one is gathered in `line` first.
 * Forgiven: bare LF, more than one CR before it, no text, no blank after the code of an
 * empty line, differing codes of one class (the last counts). Refused with PR_EINVAL,
 * after which the parser is of no more use: anything else that begins a line, classes
 * that differ within one reply (it would be accepted and refused at once), lines and
 * replies without end. Control octets in the text become '?': it goes to logs and files.
 */
#include "postrider/smtp.h"

void
pr_reply_parser_init(struct pr_reply_parser *p)
{
	*p = (struct pr_reply_parser){0};
}

void
pr_reply_parser_finish(struct pr_reply_parser *p)
{
	pr_buf_finish(&p->line);
	pr_buf_finish(&p->text);
}

/* Up to three digits of an enhanced code; 0 when there are none. More than fits an octet
 * (RFC 3463 allows 999, nobody uses them) is cut. */
static size_t
read_number(struct pr_str s, uint8_t *out)
{
	unsigned v = 0;
	size_t n = 0;
	while (n < s.n && n < 3 && pr_is_digit(s.p[n]))
		v = v * 10 + (unsigned)(s.p[n++] - '0');
	*out = (uint8_t)(v > 255 ? 255 : v);
	return n;
}

/* "5.1.1" and the blank after it: how many octets they take, 0 when they are not there. */
static size_t
read_enhanced(struct pr_str s, uint8_t out[3])
{
	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5') || s.p[1] != '.')
		return 0;
	uint8_t subject, detail;
	size_t at = 2, n = read_number(pr_str_n(s.p + at, s.n - at), &subject);
	at += n;
	if (n == 0 || at >= s.n || s.p[at] != '.')
		return 0;
	at++;
	n = read_number(pr_str_n(s.p + at, s.n - at), &detail);
	at += n;
	if (n == 0 || (at < s.n && s.p[at] != ' ' && s.p[at] != '\t'))
		return 0;
	out[0] = (uint8_t)(s.p[0] - '0');
	out[1] = subject;
	out[2] = detail;
	return at < s.n ? at + 1 : at;
}

static void
add_text(struct pr_reply_parser *p, struct pr_str s)
{
	if (p->lines > 1 && p->text.len < PR_REPLY_TEXT_MAX)
		pr_buf_addc(&p->text, '\n');
	size_t room = PR_REPLY_TEXT_MAX - p->text.len, at = p->text.len;
	pr_buf_add(&p->text, s.p, s.n < room ? s.n : room);
	for (; at < p->text.len; at++) {
		unsigned char c = (unsigned char)p->text.data[at];
		if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F)
			p->text.data[at] = '?';
	}
}

/* The code at the begin of a line, 0 when it is none. */
static int
read_code(struct pr_str line)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !pr_is_digit(line.p[1]) ||
	    !pr_is_digit(line.p[2]))
		return 0;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-' && line.p[3] != '\t')
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/* One line without its end. 1: it was the last of its reply; 0: more follow. */
static int
take_line(struct pr_reply_parser *p, struct pr_str line)
{
	while (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	int code = read_code(line);
	if (code == 0 || p->lines == PR_REPLY_LINES_MAX)
		return PR_EINVAL;
	if (p->lines == 0) {
		pr_buf_clear(&p->text);
		memset(p->enhanced, 0, sizeof p->enhanced);
	} else if (code / 100 != p->code / 100) {
		return PR_EINVAL;
	}
	p->code = code;
	p->lines++;
	bool last = line.n == 3 || line.p[3] != '-';
	struct pr_str text = line.n > 4 ? pr_str_n(line.p + 4, line.n - 4) : pr_str_n("", 0);
	uint8_t enhanced[3];
	size_t skip = read_enhanced(text, enhanced);
	if (skip && p->enhanced[0] == 0)
		memcpy(p->enhanced, enhanced, sizeof enhanced);
	add_text(p, pr_str_n(text.p + skip, text.n - skip));
	return last;
}

int
pr_reply_feed(struct pr_reply_parser *p, const char *data, size_t n, size_t *used,
              struct pr_reply *out)
{
	size_t at = 0;
	while (at < n) {
		const char *end = memchr(data + at, '\n', n - at);
		size_t len = end ? (size_t)(end - (data + at)) : n - at;
		if (p->line.len + len > PR_REPLY_LINE_MAX)
			return PR_EINVAL;
		struct pr_str line = pr_str_n(data + at, len);
		if (!end || p->line.len) {
			pr_buf_add(&p->line, line.p, line.n);
			line = pr_buf_str(&p->line);
		}
		at += len + (end != NULL);
		if (!end)
			break;
		int last = take_line(p, line);
		pr_buf_clear(&p->line);
		if (last < 0)
			return last;
		if (last) {
			*out = (struct pr_reply){.code = p->code, .text = pr_buf_str(&p->text)};
			memcpy(out->enhanced, p->enhanced, sizeof out->enhanced);
			p->lines = 0;
			*used = at;
			return 1;
		}
	}
	*used = at;
	return 0;
}
