/* Links of HTML; see href.h. */
#include "href.h"

#include "postrider/campaign/address.h"
#include "postrider/message/link.h"

/* ---- tags ---- */

/* Elements whose content is text up to their end tag. */
static const char *const texts[] = {"script", "style",    "title",   "textarea",
                                    "xmp",    "noframes", "noembed", NULL};

static const char *
find(const char *p, const char *end, char c)
{
	return p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
}

static bool
is_letter(char c)
{
	return pr_lower(c) >= 'a' && pr_lower(c) <= 'z';
}

/* The name of a tag, or of an end tag behind its '/'. */
static struct pr_str
name_at(const char *p, const char *end)
{
	const char *begin = p;
	while (p < end && !pr_is_space(*p) && *p != '/' && *p != '>')
		p++;
	return pr_str_n(begin, (size_t)(p - begin));
}

/* Behind "-->". */
static const char *
skip_comment(const char *p, const char *end)
{
	while ((p = find(p, end, '-')) != NULL) {
		if (end - p >= 3 && p[1] == '-' && p[2] == '>')
			return p + 3;
		p++;
	}
	return end;
}

/* Behind the '>' that ends the tag, outside of quotes. */
static const char *
skip_tag(const char *p, const char *end)
{
	const char *close;
	while ((close = find(p, end, '>')) != NULL) {
		const char *quote = find(p, close, '"'),
			   *other = find(p, quote ? quote : close, '\'');
		if (other)
			quote = other;
		if (!quote)
			return close + 1;
		p = find(quote + 1, end, *quote);
		if (!p)
			return end;
		p++;
	}
	return end;
}

/* Behind the end tag of an element that holds text. */
static const char *
skip_text(const char *p, const char *end, struct pr_str name)
{
	while ((p = find(p, end, '<')) != NULL) {
		p++;
		if (p < end && *p == '/' && pr_str_eq_nocase(name_at(p + 1, end), name))
			return skip_tag(p, end);
	}
	return end;
}

/* ---- attributes ---- */

struct attribute {
	struct pr_str name, value;
};

static const char *
read_value(const char *p, const char *end, struct pr_str *value)
{
	const char *close;
	if (p < end && (*p == '"' || *p == '\'')) {
		close = find(p + 1, end, *p);
		if (!close)
			close = end;
		*value = pr_str_n(p + 1, (size_t)(close - p) - 1);
		return close < end ? close + 1 : end;
	}
	for (close = p; close < end && !pr_is_space(*close) && *close != '>';)
		close++;
	*value = pr_str_n(p, (size_t)(close - p));
	return close;
}

/* NULL: the tag ends. */
static const char *
read_attribute(const char *p, const char *end, struct attribute *out)
{
	while (p < end && (pr_is_space(*p) || *p == '/'))
		p++;
	if (p == end || *p == '>')
		return NULL;
	const char *name = p++;
	while (p < end && !pr_is_space(*p) && !strchr("/>=", *p))
		p++;
	*out = (struct attribute){pr_str_n(name, (size_t)(p - name)), {"", 0}};
	const char *equals = p;
	while (equals < end && pr_is_space(*equals))
		equals++;
	if (equals == end || *equals != '=')
		return p;
	for (p = equals + 1; p < end && pr_is_space(*p);)
		p++;
	return read_value(p, end, &out->value);
}

/* p: behind the name of the tag. */
static bool
read_link(const char *p, const char *end, struct pr_href *out)
{
	struct attribute a;
	bool found = false;
	*out = (struct pr_href){0};
	while ((p = read_attribute(p, end, &a)) != NULL) {
		if (!found && pr_str_eq_nocase(a.name, PR_STR("href"))) {
			out->value = a.value;
			found = true;
		} else if (pr_str_eq_nocase(a.name, PR_STR("data-no-track")) ||
		           (pr_str_eq_nocase(a.name, PR_STR("clicktracking")) &&
		            pr_str_eq_nocase(pr_str_trim(a.value), PR_STR("off"))))
			out->untracked = true;
	}
	return found;
}

/* ---- scanning ---- */

static bool
holds_text(struct pr_str name)
{
	for (size_t i = 0; texts[i]; i++)
		if (pr_str_eq_nocase(name, pr_str(texts[i])))
			return true;
	return false;
}

/* What stands behind '<' at p, to where reading goes on. name: of the tag, empty for other things.
 */
static const char *
skip_markup(const char *p, const char *end, struct pr_str name)
{
	if (name.n == 0) /* an end tag has nothing to read; the rest is text */
		return end - p >= 3 && memcmp(p, "!--", 3) == 0 ? skip_comment(p + 3, end) : p;
	p = skip_tag(p + name.n, end);
	return name.n > 2 && holds_text(name) ? skip_text(p, end, name) : p;
}

bool
pr_href_next(struct pr_href_scan *scan, struct pr_href *out)
{
	const char *begin = scan->html.p, *end = begin + scan->html.n, *p = begin + scan->at;
	while ((p = find(p, end, '<')) != NULL) {
		const char *tag = ++p;
		struct pr_str name = {tag, 0};
		if (p < end && is_letter(*p))
			name = name_at(p, end);
		p = skip_markup(tag, end, name);
		if (!pr_str_eq_nocase(name, PR_STR("a")) && !pr_str_eq_nocase(name, PR_STR("area")))
			continue;
		if (!read_link(tag + name.n, p, out))
			continue;
		out->tag_end = scan->at = (size_t)(p - begin);
		return true;
	}
	scan->at = scan->html.n;
	return false;
}

size_t
pr_html_body_end(struct pr_str html)
{
	static const char tag[] = "</body";
	size_t n = sizeof tag - 1;
	for (size_t at = html.n >= n ? html.n - n + 1 : 0; at-- > 0;)
		if (html.p[at] == '<' && pr_str_eq_nocase(pr_str_n(html.p + at, n), pr_str(tag)))
			return at;
	return html.n;
}

/* ---- URLs ---- */

/* Others are left to browsers, and the link with them. */
static const struct {
	const char *name;
	char octet;
} entities[] = {{"amp;", '&'},   {"AMP;", '&'}, {"quot;", '"'},
                {"apos;", '\''}, {"lt;", '<'},  {"gt;", '>'}};

static void
add_utf8(struct pr_buf *b, uint32_t c)
{
	if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
		c = 0xFFFD;
	if (c < 0x80)
		pr_buf_addc(b, (char)c);
	else if (c < 0x800) {
		pr_buf_addc(b, (char)(0xC0 | c >> 6));
		pr_buf_addc(b, (char)(0x80 | (c & 63)));
	} else {
		if (c < 0x10000)
			pr_buf_addc(b, (char)(0xE0 | c >> 12));
		else {
			pr_buf_addc(b, (char)(0xF0 | c >> 18));
			pr_buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		}
		pr_buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		pr_buf_addc(b, (char)(0x80 | (c & 63)));
	}
}

static int
digit_of(char c, unsigned base)
{
	int d = pr_is_digit(c) ? c - '0' : is_letter(c) ? pr_lower(c) - 'a' + 10 : 99;
	return d < (int)base ? d : -1;
}

/* "&#38;" and "&#x26;", at s.p[0] == '&'; how many octets of s it takes, 0: none. */
static size_t
decode_number(struct pr_str s, struct pr_buf *out)
{
	size_t at = 2;
	unsigned base = 10;
	uint32_t c = 0;
	if (s.n > 2 && pr_lower(s.p[2]) == 'x') {
		base = 16;
		at = 3;
	}
	size_t digits = at;
	for (; at < s.n && digit_of(s.p[at], base) >= 0; at++)
		if (c <= 0x10FFFF)
			c = c * base + (uint32_t)digit_of(s.p[at], base);
	if (at == digits)
		return 0;
	add_utf8(out, c);
	return at < s.n && s.p[at] == ';' ? at + 1 : at;
}

/* The same of names. */
static size_t
decode_name(struct pr_str s, struct pr_buf *out)
{
	for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
		size_t n = strlen(entities[i].name);
		if (s.n > n && memcmp(s.p + 1, entities[i].name, n) == 0) {
			pr_buf_addc(out, entities[i].octet);
			return n + 1;
		}
	}
	return 0;
}

/* A name that ends with ';' and is none of ours: only a browser knows. */
static bool
is_other_name(struct pr_str s)
{
	size_t n = 1;
	while (n < s.n && (is_letter(s.p[n]) || pr_is_digit(s.p[n])))
		n++;
	return n > 1 && n < s.n && s.p[n] == ';';
}

/* false: not to be told here. */
static bool
decode(struct pr_str value, struct pr_buf *out)
{
	for (size_t i = 0; i < value.n;) {
		struct pr_str left = pr_str_n(value.p + i, value.n - i);
		size_t n = 0;
		if (value.p[i] == '&')
			n = left.n > 1 && left.p[1] == '#' ? decode_number(left, out)
			                                   : decode_name(left, out);
		if (value.p[i] == '&' && n == 0 && is_other_name(left))
			return false;
		if (n == 0 && !strchr("\t\r\n", value.p[i]))
			pr_buf_addc(out, value.p[i]);
		i += n ? n : 1;
	}
	return true;
}

static size_t
host_end(struct pr_str url, size_t at)
{
	while (at < url.n && !strchr("/?#", url.p[at]))
		at++;
	return at;
}

/* RFC 3986 section 2.1; what is encoded already stays. */
static void
add_escaped(struct pr_buf *out, struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c > '~' || strchr("\"<>^`{|}", (char)c))
			pr_buf_addf(out, "%%%02X", c);
		else
			pr_buf_addc(out, (char)c);
	}
}

static bool
add_url(struct pr_str url, struct pr_buf *out)
{
	size_t scheme = pr_str_starts_nocase(url, "https://")  ? 8
	                : pr_str_starts_nocase(url, "http://") ? 7
	                                                       : 0;
	size_t end = host_end(url, scheme), was = out->len;
	char ascii[256];
	const char *why;
	struct pr_str host = pr_str_n(url.p + scheme, end - scheme);
	if (!scheme || memchr(url.p, '\\', url.n)) /* browsers read it as '/' */
		return false;
	if (!pr_is_ascii(host.p, host.n)) {
		if (pr_domain_parse(host, ascii, &why) < 0)
			return false;
		host = pr_str(ascii);
	}
	pr_buf_add(out, url.p, scheme);
	pr_buf_add_str(out, host);
	add_escaped(out, pr_str_n(url.p + end, url.n - end));
	if (pr_link_is_sound(pr_str_n(out->data + was, out->len - was)))
		return true;
	out->data[out->len = was] = 0;
	return false;
}

bool
pr_href_url(struct pr_str value, struct pr_buf *out)
{
	struct pr_buf url = {0};
	bool good = decode(pr_str_trim(value), &url) && add_url(pr_buf_str(&url), out);
	pr_buf_finish(&url);
	return good;
}
