/*
 * Transfer encodings. A composer spends much of its time here, so text moves in runs: eight
 * octets are judged at once, clean runs are copied, and only what stands between them is looked
 * at octet by octet. Nothing here fails; 7bit may decline.
 */
#include "encode.h"

#include "postrider/base/error.h"

#define LINE_MAX_7BIT 998 /* RFC 5322 section 2.1.1, without CRLF */
#define QP_FULL 75        /* octets before a soft break's '=' */
#define BASE64_LINE 57    /* octets that make a line of 76 */

#define EACH(octet) (0x0101010101010101u * (octet))
#define HIGH EACH(0x80u)

static inline uint64_t
load(const char *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return x;
}

const char *
pr_encoding_name(enum pr_encoding e)
{
	static const char *const names[] = {"7bit", "quoted-printable", "base64"};
	return names[e];
}

static size_t
count_high(struct pr_str s)
{
	size_t n = 0, i = 0;
	for (; i + 8 <= s.n; i += 8) /* the product's highest octet is the sum of all */
		n += (((load(s.p + i) & HIGH) >> 7) * EACH(1)) >> 56;
	for (; i < s.n; i++)
		n += (unsigned char)s.p[i] >> 7;
	return n;
}

static bool
is_ascii(struct pr_str s)
{
	size_t i = 0;
	for (; i + 32 <= s.n; i += 32) {
		const char *p = s.p + i;
		if ((load(p) | load(p + 8) | load(p + 16) | load(p + 24)) & HIGH)
			return false;
	}
	return pr_is_ascii(s.p + i, s.n - i);
}

/*
 * Quoted-printable keeps Latin text readable and costs two octets for each one beyond ASCII;
 * base64 costs a third of all. From a quarter beyond ASCII on (Cyrillic, Chinese) base64 is
 * clearly smaller.
 */
enum pr_encoding
pr_encoding_choose(struct pr_str text)
{
	if (is_ascii(text))
		return PR_ENCODING_7BIT;
	return count_high(text) > text.n / 4 ? PR_ENCODING_BASE64 : PR_ENCODING_QP;
}

/* ---- 7bit ---- */

static bool
line_may_stay(const char *p, size_t n)
{
	if (n > LINE_MAX_7BIT)
		return false;
	if (n >= 4 && p[0] == '-' && memcmp(p, "--=_", 4) == 0)
		return false;
	return !(n >= 5 && p[0] == 'F' && memcmp(p, "From ", 5) == 0);
}

bool
pr_encode_7bit(struct pr_buf *out, struct pr_str text, bool *dots)
{
	size_t was = out->len;
	bool seen_dot = false;
	const char *p = text.p, *end = text.p + text.n;
	if (!is_ascii(text) || (text.n && memchr(p, 0, text.n)))
		return false;
	bool returns = text.n && memchr(p, '\r', text.n);
	pr_buf_grow(out, text.n * 2 + 2); /* at worst all are line ends */
	char *o = out->data + was;
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((eol ? eol : end) - p);
		if (returns && n && eol && p[n - 1] == '\r')
			n--;
		if (!line_may_stay(p, n) || (returns && memchr(p, '\r', n))) {
			out->data[was] = 0;
			return false;
		}
		seen_dot |= n && *p == '.';
		memcpy(o, p, n);
		o[n] = '\r';
		o[n + 1] = '\n';
		o += n + 2;
		p = eol ? eol + 1 : end;
	}
	out->len = (size_t)(o - out->data);
	out->data[out->len] = 0;
	*dots |= seen_dot;
	return true;
}

/* ---- quoted-printable ---- */

static inline bool
qp_clean(unsigned char c)
{
	return (c >= ' ' && c <= '~' && c != '=') || c == '\t';
}

/* The high bit of each octet of x that is below ' ', above '~' or '='. The lowest one set is
 * exact; those above it may be false alarms (a borrow went through). */
static inline uint64_t
qp_suspects(uint64_t x)
{
	uint64_t equals = x ^ EACH('=');
	return ((x - EACH(' ')) | (x + EACH(1)) | x | (equals - EACH(1))) & HIGH;
}

static size_t
qp_run(const char *p, size_t n)
{
	size_t i = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (i + 8 <= n) {
		uint64_t bad = qp_suspects(load(p + i));
		if (!bad) {
			i += 8;
			continue;
		}
		i += (size_t)__builtin_ctzll(bad) / 8;
		if (!qp_clean((unsigned char)p[i]))
			return i;
		i++;
	}
#endif
	while (i < n && qp_clean((unsigned char)p[i]))
		i++;
	return i;
}

static inline char *
qp_octet(char *o, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	o[0] = '=';
	o[1] = hex[c >> 4];
	o[2] = hex[c & 15];
	return o + 3;
}

static inline char *
soft_break(char *o)
{
	memcpy(o, "=\r\n", 3);
	return o + 3;
}

/* True when the octet at the start of an output line must be written as =XX: a dot would need
 * stuffing, and mailbox files take "From " for a new message. */
static inline bool
bad_start(const char *p, size_t n)
{
	return *p == '.' || (*p == 'F' && n >= 5 && memcmp(p, "From ", 5) == 0);
}

/* One line of text, without its line end. */
static char *
qp_line(char *o, const char *p, size_t n)
{
	size_t column = 0;
	bool blank_end = n && (p[n - 1] == ' ' || p[n - 1] == '\t'); /* would get lost */
	n -= blank_end;
	while (n) {
		size_t room = QP_FULL - column, run = 0;
		bool start = column == 0 && bad_start(p, n);
		if (!start)
			run = qp_run(p, n < room ? n : room);
		memcpy(o, p, run);
		o += run, p += run, n -= run, column += run;
		if (n == 0)
			break;
		if (run == room && n == 1 && !blank_end && qp_clean((unsigned char)*p)) {
			*o++ = *p; /* the 76th and last needs no soft break */
			return o;
		}
		if (run == room || column + 3 > QP_FULL) {
			o = soft_break(o);
			column = 0;
			continue;
		}
		o = qp_octet(o, (unsigned char)*p);
		p++, n--, column += 3;
	}
	if (blank_end && column + 3 > QP_FULL + 1)
		o = soft_break(o);
	return blank_end ? qp_octet(o, (unsigned char)*p) : o;
}

static size_t
line_length(const char *p, const char *end, const char **next)
{
	const char *eol = memchr(p, '\n', (size_t)(end - p));
	size_t n = (size_t)((eol ? eol : end) - p);
	*next = eol ? eol + 1 : end;
	if (n && p[n - 1] == '\r')
		n--;
	return n;
}

/* At worst each octet is three and a soft break comes after 24 of them. */
static inline size_t
qp_bound(size_t n)
{
	return n * 3 + n / 24 * 3 + 8;
}

void
pr_encode_qp(struct pr_buf *out, struct pr_str text)
{
	const char *p = text.p, *end = text.p + text.n;
	bool returns = text.n && memchr(p, '\r', text.n);
	while (p < end) {
		const char *next;
		size_t n = line_length(p, end, &next);
		if (out->cap - out->len < qp_bound(n))
			pr_buf_grow(out, qp_bound(n) + text.n);
		char *o = out->data + out->len;
		const char *from = p, *stop = p + n, *lone;
		while (returns && n && (lone = memchr(from, '\r', (size_t)(stop - from)))) {
			o = qp_line(o, from, (size_t)(lone - from));
			*o++ = '\r', *o++ = '\n';
			from = lone + 1;
		}
		o = qp_line(o, from, (size_t)(stop - from));
		*o++ = '\r', *o++ = '\n';
		out->len = (size_t)(o - out->data);
		p = next;
	}
	if (out->data)
		out->data[out->len] = 0;
}

/* ---- base64 ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
pr_base64_run(char *o, const unsigned char *p, size_t n)
{
	for (; n >= 3; n -= 3, p += 3, o += 4) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		o[0] = base64_digits[v >> 18];
		o[1] = base64_digits[v >> 12 & 63];
		o[2] = base64_digits[v >> 6 & 63];
		o[3] = base64_digits[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
		*o++ = base64_digits[v >> 18];
		*o++ = base64_digits[v >> 12 & 63];
		*o++ = n > 1 ? base64_digits[v >> 6 & 63] : '=';
		*o++ = '=';
	}
	return o;
}

void
pr_encode_base64(struct pr_buf *out, const void *data, size_t n)
{
	const unsigned char *p = data;
	pr_buf_grow(out, (n + 2) / 3 * 4 + (n / BASE64_LINE + 1) * 2);
	char *o = out->data + out->len;
	while (n) {
		size_t line = n < BASE64_LINE ? n : BASE64_LINE;
		o = pr_base64_run(o, p, line);
		*o++ = '\r', *o++ = '\n';
		p += line, n -= line;
	}
	out->len = (size_t)(o - out->data);
	out->data[out->len] = 0;
}

void
pr_encode_base64_text(struct pr_buf *out, struct pr_str text, struct pr_buf *scratch)
{
	const char *p = text.p, *end = text.p + text.n;
	pr_buf_clear(scratch);
	pr_buf_grow(scratch, text.n + text.n / 16 + 2);
	while (p < end) {
		const char *from = p;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		pr_buf_add(scratch, from, (size_t)(p - from));
		pr_buf_add(scratch, "\r\n", 2);
		if (p < end)
			p += p + 1 < end && p[0] == '\r' && p[1] == '\n' ? 2 : 1;
	}
	pr_encode_base64(out, scratch->data, scratch->len);
}
