/* Lines, fields, charsets: the small things that reading a mail is made of. */
#include "internal.h"

#include <gmime/gmime.h>

/* ---- lines and fields ---- */

bool
line_next(struct pr_str *rest, struct pr_str *line)
{
	if (rest->n == 0)
		return false;
	const char *end = memchr(rest->p, '\n', rest->n);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	*line = pr_str_n(rest->p, n);
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	n += end != NULL;
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return true;
}

static size_t
name_length(struct pr_str line)
{
	size_t n = 0;
	while (n < line.n && line.p[n] > ' ' && line.p[n] < 127 && line.p[n] != ':')
		n++;
	return n < line.n && line.p[n] == ':' && n < 80 ? n : 0;
}

bool
is_field_line(struct pr_str line)
{
	return name_length(line) > 0;
}

static bool
goes_on(struct pr_str rest)
{
	return rest.n > 1 && (rest.p[0] == ' ' || rest.p[0] == '\t') &&
	       pr_str_trim(pr_str_n(rest.p, rest.n < 200 ? rest.n : 200)).n > 0;
}

/* The lines that go on with a value, joined to it by a blank. */
static struct pr_str
unfold(struct pr_arena *arena, struct pr_str first, struct pr_str *rest)
{
	struct pr_buf b = {0};
	struct pr_str line;
	if (!goes_on(*rest))
		return first;
	pr_buf_add_str(&b, first);
	while (goes_on(*rest) && line_next(rest, &line)) {
		pr_buf_addc(&b, ' ');
		pr_buf_add_str(&b, pr_str_trim(line));
	}
	struct pr_str whole = pr_arena_copy(arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return whole;
}

bool
field_next(struct pr_arena *arena, struct pr_str *rest, struct field *out)
{
	struct pr_str line;
	while (line_next(rest, &line)) {
		if (pr_str_trim(line).n == 0)
			return false;
		size_t n = name_length(line);
		if (n == 0)
			continue;
		out->name = pr_str_n(line.p, n);
		out->value = pr_str_trim(pr_str_n(line.p + n + 1, line.n - n - 1));
		out->value = unfold(arena, out->value, rest);
		return true;
	}
	return false;
}

struct pr_str
field_of(struct pr_arena *arena, struct pr_str block, const char *name)
{
	struct field f;
	for (unsigned i = 0; i < FIELDS_MAX && field_next(arena, &block, &f); i++)
		if (pr_str_eq_nocase(f.name, pr_str(name)))
			return f.value;
	return PR_STR("");
}

/* ---- charsets ---- */

static struct pr_str
keep(struct pr_arena *arena, char *text, size_t n)
{
	struct pr_str kept = pr_arena_copy(arena, pr_str_n(text, n));
	g_free(text);
	return kept;
}

static char *
convert(struct pr_str octets, const char *charset, size_t *n)
{
	gsize written = 0;
	const char *name = g_mime_charset_iconv_name(charset);
	char *out = g_convert_with_fallback(octets.p, (gssize)octets.n, "UTF-8",
	                                    name ? name : charset, "?", NULL, &written, NULL);
	*n = written;
	return out;
}

/* What was not said, or said wrongly: ISO-2022-JP shows by its escapes; else Windows-1252. */
struct pr_str
text_decode(struct pr_arena *arena, struct pr_str octets, const char *charset, size_t max)
{
	size_t n = 0;
	char *out = NULL;
	octets.n = octets.n < max ? octets.n : max;
	if (octets.n == 0)
		return PR_STR("");
	if (memmem(octets.p, octets.n, "\033$", 2))
		out = convert(octets, "iso-2022-jp", &n);
	if (!out && pr_utf8_valid(octets.p, octets.n, NULL))
		return pr_arena_copy(arena, octets);
	if (!out && charset)
		out = convert(octets, charset, &n);
	if (!out)
		out = convert(octets, "windows-1252", &n);
	if (!out) {
		out = g_utf8_make_valid(octets.p, (gssize)octets.n);
		n = strlen(out);
	}
	return keep(arena, out, n);
}

struct pr_str
text_decode_field(struct pr_arena *arena, struct pr_str value)
{
	struct pr_str valid = text_decode(arena, value, NULL, NOTICE_MAX);
	char *out = g_mime_utils_header_decode_text(NULL, valid.p);
	return out ? keep(arena, out, strlen(out)) : valid;
}

/* ---- shapes ---- */

static char
entity(struct pr_str *rest)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {
	    {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#64;", '@'}, {"&nbsp;", ' '}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (pr_str_starts_nocase(*rest, known[i].name)) {
			size_t n = strlen(known[i].name);
			*rest = pr_str_n(rest->p + n, rest->n - n);
			return known[i].c;
		}
	*rest = pr_str_n(rest->p + 1, rest->n - 1);
	return '&';
}

static struct pr_str
behind_tag(struct pr_str rest)
{
	const char *end;
	if (pr_str_starts_nocase(rest, "<style"))
		end = memmem(rest.p, rest.n, "</", 2);
	else
		end = memchr(rest.p, '>', rest.n);
	size_t n = end && end > rest.p ? (size_t)(end - rest.p) + (*end == '>') : rest.n;
	return pr_str_n(rest.p + n, rest.n - n);
}

static bool
breaks_line(struct pr_str tag)
{
	static const char *const tags[] = {"<br", "<p",  "</p", "<div", "</div",
	                                   "<tr", "<li", "<h",  "<td",  NULL};
	for (const char *const *t = tags; *t; t++)
		if (pr_str_starts_nocase(tag, *t))
			return true;
	return false;
}

#define TAG_MAX 2000u

/* A tag begins with a letter or '/': "<a@b.example>" without its entities stays. */
static bool
is_tag(struct pr_str rest)
{
	const char *end = memchr(rest.p, '>', rest.n < TAG_MAX ? rest.n : TAG_MAX);
	char c = rest.n > 1 ? pr_lower(rest.p[1]) : 0;
	bool named = (c >= 'a' && c <= 'z') || c == '/' || c == '!';
	return named && end &&
	       !memchr(rest.p, '@', (size_t)(end - rest.p) < 70 ? (size_t)(end - rest.p) : 5);
}

struct pr_str
text_of_html(struct pr_arena *arena, struct pr_str html)
{
	struct pr_buf b = {0};
	while (html.n) {
		if (*html.p == '<' && is_tag(html)) {
			pr_buf_addc(&b, breaks_line(html) ? '\n' : ' ');
			html = behind_tag(html);
		} else if (*html.p == '&') {
			pr_buf_addc(&b, entity(&html));
		} else {
			pr_buf_addc(&b, *html.p);
			html = pr_str_n(html.p + 1, html.n - 1);
		}
	}
	struct pr_str text = pr_arena_copy(arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return text;
}

struct pr_str
text_one_line(struct pr_arena *arena, struct pr_str text, size_t max)
{
	char *out = pr_arena_alloc(arena, max + 1);
	size_t n = 0;
	bool blank = true;
	for (size_t i = 0; i < text.n && n < max; i++) {
		bool space = (uint8_t)text.p[i] <= ' ' || text.p[i] == 127;
		if (!(space && blank))
			out[n++] = space ? ' ' : text.p[i];
		blank = space;
	}
	while (n > 0 && !pr_utf8_valid(out, n, NULL))
		n--;
	out[n] = 0;
	return pr_str_trim(pr_str_n(out, n));
}

bool
holds_nocase(struct pr_str text, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= text.n; i++)
		if (pr_lower(text.p[i]) == word[0] && strncasecmp(text.p + i, word, n) == 0)
			return true;
	return false;
}

bool
holds_any_nocase(struct pr_str text, const char *const *words)
{
	for (; *words; words++)
		if (holds_nocase(text, *words))
			return true;
	return false;
}
