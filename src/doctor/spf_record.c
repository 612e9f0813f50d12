/*
 * An SPF record, from its text to terms (RFC 7208 sections 4.6.1, 5, 6, 12). All of it is read
 * before any of it is evaluated: one wrong term spoils the record, wherever it stands.
 */
#include "spf.h"

#include <arpa/inet.h>

bool
spf_address_parse(const char *text, struct spf_address *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	*out = (struct spf_address){0};
	if (inet_pton(AF_INET, text, out->octets) == 1)
		return true;
	if (inet_pton(AF_INET6, text, out->octets) != 1)
		return false;
	out->v6 = memcmp(out->octets, mapped, sizeof mapped) != 0;
	if (!out->v6) {
		memmove(out->octets, out->octets + 12, 4);
		memset(out->octets + 4, 0, 12);
	}
	return true;
}

bool
spf_address_within(const struct spf_address *a, const struct spf_address *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	if (a->v6 != net->v6 || memcmp(a->octets, net->octets, whole) != 0)
		return false;
	return rest == 0 || (a->octets[whole] ^ net->octets[whole]) >> (8 - rest) == 0;
}

/* Digits at the end of s behind `slashes` slashes: taken off s. false: they are no prefix
 * length. Without such an end s stays as it is. */
static bool
take_bits(struct pr_str *s, unsigned slashes, unsigned max, unsigned *bits)
{
	uint64_t value;
	size_t at = s->n;
	while (at && pr_is_digit(s->p[at - 1]))
		at--;
	if (at < slashes || at == s->n || s->p[at - 1] != '/')
		return true;
	if (slashes == 2 && s->p[at - 2] != '/')
		return true;
	struct pr_str digits = pr_str_n(s->p + at, s->n - at);
	if ((digits.n > 1 && digits.p[0] == '0') || !pr_str_u64(digits, &value) || value > max)
		return false;
	*bits = (unsigned)value;
	s->n = at - slashes;
	return true;
}

/* Ends in a macro or in ".toplabel": letters, digits, hyphens, not digits alone. */
static bool
domain_spec(struct pr_str s)
{
	bool letter = false;
	if (!s.n || !spf_macro_valid(s))
		return false;
	if (s.p[s.n - 1] == '}')
		return true;
	if (s.n > 1 && s.p[s.n - 2] == '%') /* "%%", "%_", "%-" are macros to expand, too */
		return true;
	if (s.p[s.n - 1] == '.')
		s.n--;
	const char *dot = s.n ? memrchr(s.p, '.', s.n) : NULL;
	if (!dot)
		return false;
	const char *end = s.p + s.n;
	for (const char *p = dot + 1; p < end; p++) {
		bool alpha = pr_lower(*p) >= 'a' && pr_lower(*p) <= 'z';
		letter |= alpha || *p == '-';
		if (!alpha && !pr_is_digit(*p) && *p != '-')
			return false;
	}
	return letter && dot[1] != '-' && end[-1] != '-';
}

/* ":192.0.2.0/24" */
static bool
read_network(struct pr_str rest, struct spf_term *t)
{
	char text[64];
	unsigned *bits = t->kind == SPF_IP6 ? &t->bits6 : &t->bits4;
	bool v6 = t->kind == SPF_IP6;
	if (rest.n < 2 || rest.p[0] != ':' || !take_bits(&rest, 1, *bits, bits))
		return false;
	if (rest.n < 2 || rest.n > sizeof text)
		return false;
	memcpy(text, rest.p + 1, rest.n - 1);
	text[rest.n - 1] = 0;
	t->address.v6 = v6;
	return !memchr(text, 0, rest.n - 1) &&
	       inet_pton(v6 ? AF_INET6 : AF_INET, text, t->address.octets) == 1;
}

/* [":" domain-spec] and for a and mx [dual-cidr-length] */
static bool
read_target(struct pr_str rest, struct spf_term *t)
{
	bool needed = t->kind == SPF_INCLUDE || t->kind == SPF_EXISTS;
	if (t->kind == SPF_A || t->kind == SPF_MX)
		if (!take_bits(&rest, 2, 128, &t->bits6) || !take_bits(&rest, 1, 32, &t->bits4))
			return false;
	if (!rest.n)
		return !needed;
	t->domain = pr_str_n(rest.p + 1, rest.n - 1);
	return rest.p[0] == ':' && domain_spec(t->domain);
}

static bool
read_mechanism(struct pr_str s, struct spf_term *t)
{
	static const char *const names[] = {"all", "ip4", "ip6",     "a",
	                                    "mx",  "ptr", "include", "exists"};
	static const char qualifiers[] = "+-~?";
	static const enum pr_spf_result results[] = {PR_SPF_PASS, PR_SPF_FAIL, PR_SPF_SOFTFAIL,
	                                             PR_SPF_NEUTRAL};
	const char *q = s.p[0] ? strchr(qualifiers, s.p[0]) : NULL;
	t->result = q ? results[q - qualifiers] : PR_SPF_PASS;
	if (q)
		s = pr_str_n(s.p + 1, s.n - 1);
	size_t n = 0;
	while (n < s.n && s.p[n] != ':' && s.p[n] != '/')
		n++;
	for (int kind = SPF_ALL; kind <= SPF_EXISTS; kind++) {
		if (!pr_str_eq_nocase(pr_str_n(s.p, n), pr_str(names[kind])))
			continue;
		struct pr_str rest = pr_str_n(s.p + n, s.n - n);
		t->kind = (enum spf_kind)kind;
		if (kind == SPF_ALL)
			return rest.n == 0;
		return kind <= SPF_IP6 ? read_network(rest, t) : read_target(rest, t);
	}
	return false;
}

/* name "=" ...; the length of the name, 0: it is no modifier. */
static size_t
modifier_name(struct pr_str s)
{
	size_t i = 0;
	for (; i < s.n && s.p[i] != '='; i++) {
		char c = pr_lower(s.p[i]);
		bool alpha = c >= 'a' && c <= 'z';
		if (!alpha && (i == 0 || !(pr_is_digit(c) || (c && strchr("-_.", c)))))
			return 0;
	}
	return i < s.n ? i : 0;
}

static bool
read_modifier(struct pr_str s, size_t name_n, struct spf_term *t, unsigned *seen)
{
	struct pr_str name = pr_str_n(s.p, name_n);
	bool redirect = pr_str_eq_nocase(name, PR_STR("redirect"));
	bool exp = pr_str_eq_nocase(name, PR_STR("exp"));
	unsigned bit = redirect ? 1u : exp ? 2u : 0u;
	t->domain = pr_str_n(s.p + name_n + 1, s.n - name_n - 1);
	t->kind = redirect ? SPF_REDIRECT : SPF_OTHER;
	if (*seen & bit) /* at most once each (section 6) */
		return false;
	*seen |= bit;
	if (redirect || exp)
		return domain_spec(t->domain);
	/* An unknown one may hold any macros, those of explanations too: only octets matter. */
	for (size_t i = 0; i < t->domain.n; i++)
		if (t->domain.p[i] < 0x21 || t->domain.p[i] > 0x7e)
			return false;
	return true;
}

static bool
read_term(struct pr_str s, struct spf_term *t, unsigned *seen)
{
	size_t name_n = modifier_name(s);
	*t = (struct spf_term){.text = s, .bits4 = 32, .bits6 = 128};
	return name_n ? read_modifier(s, name_n, t, seen) : read_mechanism(s, t);
}

int
spf_parse(struct pr_str record, struct spf_term terms[SPF_TERMS_MAX], size_t *n, struct pr_str *bad)
{
	unsigned seen = 0;
	size_t count = 0;
	for (size_t i = sizeof "v=spf1" - 1, end; i < record.n; i = end) {
		while (i < record.n && record.p[i] == ' ')
			i++;
		for (end = i; end < record.n && record.p[end] != ' ';)
			end++;
		*bad = pr_str_n(record.p + i, end - i);
		if (end == i)
			break;
		if (count == SPF_TERMS_MAX || !read_term(*bad, &terms[count++], &seen))
			return PR_EINVAL;
	}
	*n = count;
	return 0;
}
