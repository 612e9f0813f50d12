/*
 * Addresses. One pass over the octets for the local part, one for the domain; libidn2 is
 * asked only where a domain is not ASCII.
 *
 * What a list holds and what a person types into a configuration are judged differently.
 * In a list only the case of a domain is mapped and IDNA 2008 decides the rest: full-width
 * letters and the like are what damaged exports look like. A host name of a configuration
 * gets the whole mapping of UTS 46, as in a browser.
 *
 * Fails with static text that goes into rejects.csv as it is.
 */
#include "postrider/campaign/address.h"

#include "postrider/base/error.h"

#include <idn2.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <wctype.h>

#define LOCAL_MAX 64    /* RFC 5321 section 4.5.3.1.1 */
#define ADDRESS_MAX 254 /* 4.5.3.1.3: a path of 256 octets, its brackets included */
#define HOST_MAX 253    /* 255 octets on the wire, RFC 1035 section 2.3.4 */
#define LABEL_MAX 63

static int
refuse(const char **why, const char *text)
{
	if (why)
		*why = text;
	return PR_EINVAL;
}

/* ---- blanks around an address, those of spreadsheets included ---- */

/* Code points nobody sees; as parts of an address they are damage. */
static bool
is_invisible(uint32_t c)
{
	return (c >= 0x80 && c <= 0xA0) || c == 0xAD || c == 0x1680 || c == 0x180E ||
	       (c >= 0x2000 && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
	       (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF ||
	       (c >= 0xFFF0 && c <= 0xFFFF) || c >= 0xE0000;
}

static size_t
blank_at_start(struct pr_str s)
{
	uint32_t code;
	if (s.p[0] == ' ' || s.p[0] == '\t')
		return 1;
	if (!(s.p[0] & 0x80))
		return 0;
	size_t len = pr_utf8_decode(s.p, s.n, &code);
	return len && is_invisible(code) ? len : 0;
}

static size_t
blank_at_end(struct pr_str s)
{
	size_t len = 1;
	uint32_t code;
	if (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')
		return 1;
	if (!(s.p[s.n - 1] & 0x80))
		return 0;
	while (len < 4 && len < s.n && ((unsigned char)s.p[s.n - len] & 0xC0) == 0x80)
		len++;
	if (pr_utf8_decode(s.p + s.n - len, len, &code) != len)
		return 0;
	return is_invisible(code) ? len : 0;
}

static struct pr_str
trim(struct pr_str s)
{
	size_t len;
	while (s.n && (len = blank_at_start(s)))
		s.p += len, s.n -= len;
	while (s.n && (len = blank_at_end(s)))
		s.n -= len;
	return s;
}

/* ---- domains ---- */

static inline bool
is_letter_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || pr_is_digit(c);
}

static int
check_label(const char *p, size_t n, const char **why)
{
	if (n == 0)
		return refuse(why, "a dot too many in the domain");
	if (n > LABEL_MAX)
		return refuse(why, "a part of the domain is longer than 63 characters");
	if (p[0] == '-' || p[n - 1] == '-')
		return refuse(why, "a part of the domain begins or ends with a hyphen");
	return 0;
}

/* Letters, digits, hyphens between dots (RFC 5321 section 4.1.2, Domain). */
static int
ascii_domain(struct pr_str s, char *out, const char **why)
{
	size_t label = 0;
	if (s.n == 0)
		return refuse(why, "the domain is missing");
	if (s.n > HOST_MAX)
		return refuse(why, "the domain is longer than 253 characters");
	for (size_t i = 0; i <= s.n; i++) {
		if (i == s.n || s.p[i] == '.') {
			if (check_label(s.p + label, i - label, why) < 0)
				return PR_EINVAL;
			label = i + 1;
		} else if (!is_letter_digit(s.p[i]) && s.p[i] != '-')
			return refuse(why, "the domain holds a character that no domain has");
		out[i] = i < s.n ? pr_lower(s.p[i]) : 0;
	}
	return 0;
}

static locale_t utf8_locale;

static void
make_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* The same text in lower case, by Unicode's simple mapping. */
static bool
lower_case(struct pr_str s, char *out, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t i = 0, o = 0;
	pthread_once(&once, make_locale);
	while (i < s.n) {
		uint32_t code;
		size_t len = pr_utf8_decode(s.p + i, s.n - i, &code);
		if (len == 0 || o + 5 > size)
			return false;
		if (utf8_locale)
			code = (uint32_t)towlower_l((wint_t)code, utf8_locale);
		o += pr_utf8_encode(code, out + o);
		i += len;
	}
	out[o] = 0;
	return true;
}

static int
idn_domain(struct pr_str s, int flags, char *out, const char **why)
{
	char text[1024];
	uint8_t *ascii = NULL;
	if (s.n > HOST_MAX * 3)
		return refuse(why, "the domain is longer than 253 characters");
	if (memchr(s.p, 0, s.n) || !lower_case(s, text, sizeof text))
		return refuse(why, "the domain is not valid UTF-8");
	int r = idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | flags);
	if (r != IDN2_OK)
		return refuse(why, "the domain is no valid internationalised name (IDNA 2008)");
	r = ascii_domain(pr_str((char *)ascii), out, why);
	idn2_free(ascii);
	return r;
}

static int
any_domain(struct pr_str s, int flags, char *out, const char **why)
{
	return pr_is_ascii(s.p, s.n) ? ascii_domain(s, out, why) : idn_domain(s, flags, out, why);
}

static bool
is_numeric(const char *host)
{
	return host[strspn(host, "0123456789.")] == 0;
}

void
pr_mailbox_trace(const struct pr_mailbox *m, struct pr_trace *out)
{
	char text[1400], *unicode = NULL;
	*out = (struct pr_trace){0};
	pr_trace_add(out, pr_str_n(m->address, m->n));
	const char *domain = m->address + m->local_n + 1; /* NUL-ended, as the address is */
	if (idn2_to_unicode_8z8z(domain, &unicode, 0) == IDN2_OK && strcmp(unicode, domain) != 0 &&
	    strlen(unicode) < sizeof text - sizeof m->address) {
		int n = snprintf(text, sizeof text, "%.*s@%s", m->local_n, m->address, unicode);
		pr_trace_add(out, pr_str_n(text, (size_t)n));
	}
	idn2_free(unicode);
}

bool
pr_domain_under(struct pr_str domain, struct pr_str parent)
{
	size_t n = parent.n;
	return domain.n >= n && pr_str_eq_nocase(pr_str_n(domain.p + domain.n - n, n), parent) &&
	       (domain.n == n || domain.p[domain.n - n - 1] == '.');
}

int
pr_domain_parse(struct pr_str text, char *out, const char **why)
{
	char host[HOST_MAX + 1];
	if (any_domain(trim(text), IDN2_NONTRANSITIONAL, host, why) < 0)
		return PR_EINVAL;
	if (is_numeric(host))
		return refuse(why, "a host name cannot be all digits");
	memcpy(out, host, strlen(host) + 1);
	return 0;
}

/* ---- local parts ---- */

/* atext of RFC 5322 section 3.2.3. */
static inline bool
is_atext(char c)
{
	return is_letter_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static size_t
local_character(const char *p, size_t n, const char **why)
{
	uint32_t code;
	size_t len = pr_utf8_decode(p, n, &code);
	if (len > 1 && !is_invisible(code))
		return len;
	if (len > 1)
		refuse(why, "an invisible character before the @");
	else if (len == 0)
		refuse(why, "not valid UTF-8 before the @");
	else if (p[0] == '@')
		refuse(why, "more than one @");
	else if (p[0] == ' ')
		refuse(why, "a space inside the address");
	else
		refuse(why, "a character before the @ that no address has");
	return 0;
}

static int
check_local(struct pr_str s, bool *utf8, const char **why)
{
	if (s.n == 0)
		return refuse(why, "nothing stands before the @");
	if (s.p[0] == '"')
		return refuse(why, "a quoted local part");
	if (s.n > LOCAL_MAX)
		return refuse(why, "more than 64 octets before the @");
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] == '.') {
			if (i == 0 || i + 1 == s.n || s.p[i - 1] == '.')
				return refuse(why, "a dot at the wrong place before the @");
			i++;
		} else if (is_atext(s.p[i]))
			i++;
		else {
			size_t len = local_character(s.p + i, s.n - i, why);
			if (len == 0)
				return PR_EINVAL;
			*utf8 = true;
			i += len;
		}
	}
	return 0;
}

static bool
has_control(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
			return true;
	return false;
}

int
pr_mailbox_parse(struct pr_str text, struct pr_mailbox *out, const char **why)
{
	char domain[HOST_MAX + 1];
	bool utf8 = false;
	text = trim(text);
	if (text.n == 0)
		return refuse(why, "the address is missing");
	if (has_control(text))
		return refuse(why, "a line break or control character in the address");
	const char *at = memrchr(text.p, '@', text.n);
	if (!at)
		return refuse(why, "no @ in the address");
	struct pr_str local = pr_str_n(text.p, (size_t)(at - text.p));
	struct pr_str host = pr_str_n(at + 1, text.n - local.n - 1);
	if (host.n && host.p[0] == '[')
		return refuse(why, "an address literal instead of a domain");
	if (check_local(local, &utf8, why) < 0 || any_domain(host, IDN2_NO_TR46, domain, why) < 0)
		return PR_EINVAL;
	size_t n = strlen(domain);
	if (!memchr(domain, '.', n))
		return refuse(why, "the domain has no dot");
	if (local.n + 1 + n > ADDRESS_MAX)
		return refuse(why, "the address is longer than 254 octets");
	memcpy(out->address, local.p, local.n);
	out->address[local.n] = '@';
	memcpy(out->address + local.n + 1, domain, n + 1);
	out->local_n = (uint16_t)local.n;
	out->n = (uint16_t)(local.n + 1 + n);
	out->smtputf8 = utf8;
	return 0;
}

/* ---- mailboxes of a header ---- */

static int
display_name(struct pr_str s, struct pr_str *name, const char **why)
{
	s = pr_str_trim(s);
	if (s.n && s.p[0] == '"') {
		if (s.n < 2 || s.p[s.n - 1] != '"')
			return refuse(why, "a quotation mark of the name is not closed");
		s = pr_str_trim(pr_str_n(s.p + 1, s.n - 2));
		if (memchr(s.p, '\\', s.n))
			return refuse(
			    why, "a backslash in the name: write the name without quotation marks");
	}
	if (has_control(s))
		return refuse(why, "a line break or control character in the name");
	if (!pr_utf8_valid(s.p, s.n, NULL))
		return refuse(why, "the name is not valid UTF-8");
	if (memchr(s.p, '<', s.n) || memchr(s.p, '>', s.n))
		return refuse(why, "more than one address");
	*name = s;
	return 0;
}

int
pr_mailbox_parse_header(struct pr_str text, struct pr_str *name, struct pr_mailbox *out,
                        const char **why)
{
	struct pr_str shown = {text.p, 0};
	text = pr_str_trim(text);
	if (text.n && text.p[text.n - 1] == '>') {
		const char *open = memrchr(text.p, '<', text.n);
		if (!open)
			return refuse(why, "a > without its <");
		size_t before = (size_t)(open - text.p);
		if (display_name(pr_str_n(text.p, before), &shown, why) < 0)
			return PR_EINVAL;
		text = pr_str_n(open + 1, text.n - before - 2);
	}
	if (memchr(text.p, '<', text.n) || memchr(text.p, '>', text.n))
		return refuse(why, "text after the address: write Name <address>");
	int r = pr_mailbox_parse(text, out, why);
	if (r == 0)
		*name = shown;
	return r;
}
