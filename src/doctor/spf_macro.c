/*
 * Macros of SPF (RFC 7208 section 7): "%{ir}.%{v}._spf.%{d2}". A spec is checked when its record
 * is parsed, so that expanding cannot fail; a part that is too long for a name is cut.
 */
#include "spf.h"

#include <arpa/inet.h>
#include <stdio.h>

#define LABELS_MAX 128
#define DELIMITERS ".-+,/_="

struct macro {
	char letter;
	bool reverse, escape;
	unsigned keep; /* parts from the right; 0: all */
	char delimiters[8];
};

/* "%{...}" at the start of s: its length, or 0 when it is none. */
static size_t
read_macro(struct pr_str s, struct macro *m)
{
	size_t i = 3, delimiters = 0;
	*m = (struct macro){0};
	if (s.n < 4 || s.p[1] != '{')
		return 0;
	m->letter = pr_lower(s.p[2]);
	m->escape = m->letter != s.p[2];
	if (!strchr("slodipvh", m->letter)) /* c, r, t are for explanations only */
		return 0;
	bool digits = i < s.n && pr_is_digit(s.p[i]);
	for (; i < s.n && pr_is_digit(s.p[i]); i++)
		if (m->keep < LABELS_MAX)
			m->keep = m->keep * 10 + (unsigned)(s.p[i] - '0');
	if (digits && m->keep == 0)
		return 0;
	if (i < s.n && pr_lower(s.p[i]) == 'r')
		m->reverse = i++ > 0;
	for (; i < s.n && s.p[i] && strchr(DELIMITERS, s.p[i]); i++)
		if (delimiters < sizeof m->delimiters - 1 && !strchr(m->delimiters, s.p[i]))
			m->delimiters[delimiters++] = s.p[i];
	if (!delimiters)
		m->delimiters[0] = '.';
	return i < s.n && s.p[i] == '}' ? i + 1 : 0;
}

/* The length of what begins at a '%', or 0. */
static size_t
macro_length(struct pr_str s, struct macro *m)
{
	if (s.n > 1 && s.p[1] && strchr("%_-", s.p[1]))
		return 2;
	return read_macro(s, m);
}

bool
spf_macro_valid(struct pr_str s)
{
	struct macro m;
	while (s.n) {
		size_t n = 1;
		if (s.p[0] == '%')
			n = macro_length(s, &m);
		else if (s.p[0] < 0x21 || s.p[0] > 0x7e)
			return false;
		if (n == 0)
			return false;
		s = pr_str_n(s.p + n, s.n - n);
	}
	return true;
}

/* %{i}: the dotted address, of IPv6 its nibbles. */
static void
dotted(const struct spf_address *a, char *out, size_t size)
{
	if (!a->v6) {
		inet_ntop(AF_INET, a->octets, out, (socklen_t)size);
		return;
	}
	for (size_t i = 0; i < 32; i++) {
		unsigned nibble = i % 2 ? a->octets[i / 2] & 15u : a->octets[i / 2] >> 4;
		out[i * 2] = "0123456789abcdef"[nibble];
		out[i * 2 + 1] = i < 31 ? '.' : 0;
	}
}

static void
value_of(const struct spf_macros *m, char letter, struct pr_buf *out)
{
	char address[80];
	switch (letter) {
	case 's': pr_buf_addf(out, "%s@%s", m->sender, m->sender_domain); break;
	case 'l': pr_buf_adds(out, m->sender); break;
	case 'o': pr_buf_adds(out, m->sender_domain); break;
	case 'd': pr_buf_adds(out, m->domain); break;
	case 'h': pr_buf_adds(out, m->helo); break;
	case 'v': pr_buf_adds(out, m->address->v6 ? "ip6" : "in-addr"); break;
	case 'p': pr_buf_adds(out, m->validated(m->context, m->domain)); break;
	default: dotted(m->address, address, sizeof address); pr_buf_adds(out, address);
	}
}

static void
add_escaped(struct pr_buf *out, struct pr_str s, bool escape)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (pr_lower((char)c) >= 'a' && pr_lower((char)c) <= 'z') ||
		             pr_is_digit((char)c) || (c && strchr("-._~", c));
		if (!escape || plain)
			pr_buf_addc(out, (char)c);
		else
			pr_buf_addf(out, "%%%02X", c);
	}
}

/* Split at the delimiters, turned round, the right-most parts, joined by dots. */
static void
transform(struct pr_str value, const struct macro *m, struct pr_buf *out)
{
	struct pr_str parts[LABELS_MAX];
	size_t n = 0, from = 0;
	for (size_t i = 0; i <= value.n && n < LABELS_MAX; i++) {
		if (i < value.n && !(value.p[i] && strchr(m->delimiters, value.p[i])))
			continue;
		parts[n++] = pr_str_n(value.p + from, i - from);
		from = i + 1;
	}
	size_t keep = m->keep && m->keep < n ? m->keep : n;
	for (size_t i = n - keep; i < n; i++) {
		if (i > n - keep)
			pr_buf_addc(out, '.');
		add_escaped(out, parts[m->reverse ? n - 1 - i : i], m->escape);
	}
}

/* "%%", "%_", "%-" */
static void
add_literal(struct pr_buf *out, char c)
{
	pr_buf_adds(out, c == '%' ? "%" : c == '_' ? " " : "%20");
}

static void
cut_left(struct pr_str s, char out[PR_DNS_NAME_SIZE])
{
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	while (s.n > 253) {
		const char *dot = memchr(s.p, '.', s.n);
		size_t n = dot ? (size_t)(dot + 1 - s.p) : s.n;
		s = pr_str_n(s.p + n, s.n - n);
	}
	memcpy(out, s.p, s.n);
	out[s.n] = 0;
}

void
spf_expand(const struct spf_macros *m, struct pr_str s, char out[PR_DNS_NAME_SIZE])
{
	struct pr_buf text = {0}, value = {0};
	struct macro macro;
	while (s.n) {
		size_t n = 1;
		if (s.p[0] != '%') {
			pr_buf_addc(&text, s.p[0]);
		} else if ((n = macro_length(s, &macro)) == 2) {
			add_literal(&text, s.p[1]);
		} else {
			PR_ASSERT(n > 0); /* spf_macro_valid */
			pr_buf_clear(&value);
			value_of(m, macro.letter, &value);
			transform(pr_buf_str(&value), &macro, &text);
		}
		s = pr_str_n(s.p + n, s.n - n);
	}
	cut_left(pr_buf_str(&text), out);
	pr_buf_finish(&text);
	pr_buf_finish(&value);
}
