/*
 * Protecting Liquid code from an HTML parser: one pass over the template with two things in
 * hand, where the HTML tokenizer would stand, and where the next code begins. Declines
 * (PR_EUNAVAILABLE) rather than guesses: the caller then has a slower way.
 */
#include "marks.h"

#include <stdlib.h>

enum place { IN_TEXT, IN_TAG, IN_QUOTES, IN_COMMENT, IN_RAW };

struct protector {
	const char *p, *end;
	struct pr_buf *out;
	struct pr_marks *marks;
	struct pr_error *e;
	enum place place;
	char quote;        /* IN_QUOTES */
	struct pr_str tag; /* IN_TAG, IN_QUOTES: name of the start tag; IN_RAW: what ends it */
	bool blank_in_tag; /* its name is complete */
	int open;          /* blocks opened and not yet closed in this tag */
	bool skip_blanks;  /* after a -%} */
};

void
pr_marks_finish(struct pr_marks *m)
{
	free(m->items);
	*m = (struct pr_marks){0};
}

static int
decline(struct protector *x, const char *why)
{
	return pr_fail(x->e, PR_EUNAVAILABLE, "%s", why);
}

/* ---- the code ---- */

static struct pr_str
first_word(struct pr_str code)
{
	size_t n = 0;
	code = pr_str_trim(code);
	while (n < code.n &&
	       (code.p[n] == '_' || (pr_lower(code.p[n]) >= 'a' && pr_lower(code.p[n]) <= 'z')))
		n++;
	return pr_str_n(code.p, n);
}

static bool
is_one_of(struct pr_str word, const char *const *words)
{
	for (; *words; words++)
		if (pr_str_is(word, *words))
			return true;
	return false;
}

/* +1 opens a block that only chooses or repeats, -1 closes one, 0 parts one; 2: none of these. */
static int
flow_of(struct pr_str word)
{
	static const char *const opens[] = {"if", "unless", "case", "for", NULL};
	static const char *const closes[] = {"endif", "endunless", "endcase", "endfor", NULL};
	static const char *const parts[] = {"else", "elsif", "when", "break", "continue", NULL};
	return is_one_of(word, opens)    ? 1
	       : is_one_of(word, closes) ? -1
	       : is_one_of(word, parts)  ? 0
	                                 : 2;
}

/* Values that are HTML themselves read differently in text: these filters make or keep them. */
static bool
makes_html(struct pr_str code)
{
	static const char *const filters[] = {"raw", "escape", "escape_once", "newline_to_br",
	                                      NULL};
	for (size_t i = 0; i < code.n; i++)
		if (code.p[i] == '|' &&
		    is_one_of(first_word(pr_str_n(code.p + i + 1, code.n - i - 1)), filters))
			return true;
	return false;
}

static const char *
find_close(const char *p, const char *end, char a)
{
	for (; p + 1 < end; p++)
		if (p[0] == a && p[1] == '}')
			return p;
	return NULL;
}

static int
add_mark(struct protector *x, const struct pr_mark *mark)
{
	struct pr_marks *m = x->marks;
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 32;
		m->items = pr_realloc(m->items, m->cap * sizeof *m->items);
	}
	m->items[m->n] = *mark;
	bool text = mark->place == PR_MARK_TEXT;
	pr_buf_addf(x->out, "%s" PR_MARK_OPEN "%zu" PR_MARK_CLOSE "%s", text ? "<!--" : "", m->n,
	            text ? "-->" : "");
	m->n++;
	return 0;
}

/* Code inside a start tag: in a value it becomes part of it; elsewhere it may go only where
 * nothing of the text depends on it. */
static int
code_in_tag(struct protector *x, struct pr_mark *mark, int flow)
{
	bool link =
	    pr_str_eq_nocase(x->tag, PR_STR("a")) || pr_str_eq_nocase(x->tag, PR_STR("img"));
	char before = x->out->len ? x->out->data[x->out->len - 1] : 0;
	if (!mark->output && flow == 2)
		return decline(x, "a tag that sets something stands inside an HTML tag");
	x->open += mark->output ? 0 : flow;
	if (x->open < 0)
		return decline(x, "a block closes inside an HTML tag it did not open in");
	bool after_mark =
	    x->out->len > 4 && memcmp(x->out->data + x->out->len - 4, PR_MARK_CLOSE, 4) == 0;
	if (x->place == IN_QUOTES || before == '=' || after_mark) {
		mark->place = PR_MARK_VALUE;
		return add_mark(x, mark);
	}
	if (link || !x->blank_in_tag)
		return decline(x, "code decides on the name or attributes of an HTML tag");
	return 0;
}

static int
place_code(struct protector *x, struct pr_mark *mark, int flow)
{
	switch (x->place) {
	case IN_TAG:
	case IN_QUOTES: return code_in_tag(x, mark, flow);
	case IN_TEXT: mark->place = PR_MARK_TEXT; return add_mark(x, mark);
	case IN_COMMENT:
	case IN_RAW: break;
	}
	mark->place = PR_MARK_HIDDEN;
	return mark->output ? 0 : add_mark(x, mark);
}

/* Drops all up to the end tag of a comment. */
static int
skip_comment(struct protector *x, struct pr_str word)
{
	while ((x->p = memmem(x->p, (size_t)(x->end - x->p), "{%", 2))) {
		const char *close = find_close(x->p + 2, x->end, '%');
		struct pr_str code = pr_str_n(x->p + 2, close ? (size_t)(close - x->p - 2) : 0);
		if (!close)
			break;
		while (code.n && (*code.p == '-' || pr_is_space(*code.p)))
			code.p++, code.n--;
		x->p = close + 2;
		if (pr_str_starts(code, "end") &&
		    pr_str_eq(first_word(pr_str_n(code.p + 3, code.n - 3)), word))
			return 0;
	}
	return decline(x, "a comment is never closed");
}

static void
trim_before(struct protector *x)
{
	struct pr_buf *out = x->out;
	while (x->place == IN_TEXT && out->len && pr_is_space(out->data[out->len - 1]))
		out->len--;
}

static int
take_code(struct protector *x)
{
	static const char *const refused[] = {"raw", "autoescape", "capture", "tablerow", NULL};
	bool output = x->p[1] == '{';
	const char *close = find_close(x->p + 2, x->end, output ? '}' : '%');
	if (!close)
		return decline(x, "code is never closed");
	struct pr_str code = pr_str_n(x->p + 2, (size_t)(close - x->p - 2));
	x->p = close + 2;
	if (code.n && code.p[0] == '-') {
		code.p++, code.n--;
		trim_before(x);
	}
	if (code.n && code.p[code.n - 1] == '-') {
		code.n--;
		x->skip_blanks = x->place == IN_TEXT;
	}
	struct pr_str word = first_word(code);
	if (output ? makes_html(code) : is_one_of(word, refused) || makes_html(code))
		return decline(x, "values are HTML themselves");
	if (!output && (pr_str_is(word, "comment") || pr_str_is(word, "doc")))
		return skip_comment(x, word);
	int flow = output ? 2 : flow_of(word);
	struct pr_mark mark = {.code = code, .output = output, .flow = flow != 2};
	return place_code(x, &mark, flow);
}

/* ---- the markup ---- */

static bool
is_letter(char c)
{
	return pr_lower(c) >= 'a' && pr_lower(c) <= 'z';
}

static void
begin_markup(struct protector *x)
{
	const char *p = x->p;
	size_t left = (size_t)(x->end - p);
	if (left >= 4 && memcmp(p, "<!--", 4) == 0) {
		x->place = IN_COMMENT;
		return;
	}
	if (left < 2 || !(is_letter(p[1]) || p[1] == '/' || p[1] == '!' || p[1] == '?'))
		return;
	size_t n = 1;
	while (n < left && (is_letter(p[n]) || pr_is_digit(p[n])))
		n++;
	x->place = IN_TAG;
	x->tag = pr_str_n(p + 1, n - 1);
	x->blank_in_tag = false;
	x->open = 0;
}

static int
end_markup(struct protector *x)
{
	static const char *const raw[] = {"style",  "script",  "title",    "textarea", "xmp",
	                                  "iframe", "noembed", "noframes", NULL};
	x->place = IN_TEXT;
	if (x->open != 0)
		return decline(x, "a block opens inside an HTML tag and does not close there");
	for (size_t i = 0; raw[i]; i++)
		if (pr_str_eq_nocase(x->tag, pr_str(raw[i])))
			x->place = IN_RAW;
	return 0;
}

static bool
ends_raw(const struct protector *x)
{
	size_t left = (size_t)(x->end - x->p);
	return left > x->tag.n + 2 && x->p[0] == '<' && x->p[1] == '/' &&
	       pr_str_eq_nocase(pr_str_n(x->p + 2, x->tag.n), x->tag);
}

/* Follows the HTML tokenizer over one octet. */
static int
take_octet(struct protector *x)
{
	char c = *x->p;
	switch (x->place) {
	case IN_TEXT:
		if (c == '<')
			begin_markup(x);
		break;
	case IN_TAG:
		x->blank_in_tag |= pr_is_space(c);
		if (c == '"' || c == '\'') {
			x->place = IN_QUOTES;
			x->quote = c;
		} else if (c == '>' && end_markup(x) < 0) {
			return PR_EUNAVAILABLE;
		}
		break;
	case IN_QUOTES:
		if (c == x->quote)
			x->place = IN_TAG;
		break;
	case IN_COMMENT:
		if (c == '>' && x->p[-1] == '-' && x->p[-2] == '-')
			x->place = IN_TEXT;
		break;
	case IN_RAW:
		if (ends_raw(x)) {
			x->place = IN_TAG;
			x->tag.n = 0;
		}
		break;
	}
	pr_buf_addc(x->out, c);
	x->p++;
	return 0;
}

int
pr_marks_protect(struct pr_str html, struct pr_marks *m, struct pr_buf *out, struct pr_error *e)
{
	struct protector x = {.p = html.p, .end = html.p + html.n, .out = out, .marks = m, .e = e};
	if (html.n && memmem(html.p, html.n, PR_MARK_OPEN, 3))
		return decline(&x, "the template holds private characters of plane 16");
	while (x.p < x.end) {
		if (x.skip_blanks && x.place == IN_TEXT && pr_is_space(*x.p)) {
			x.p++;
			continue;
		}
		x.skip_blanks = false;
		bool code = x.p + 1 < x.end && x.p[0] == '{' && (x.p[1] == '{' || x.p[1] == '%');
		int result = code ? take_code(&x) : take_octet(&x);
		if (result < 0)
			return result;
	}
	return 0;
}

long
pr_marks_read(const struct pr_marks *m, const char *p, size_t n, size_t *len)
{
	size_t i = 4, number = 0;
	if (!m || n < 9 || memcmp(p, PR_MARK_OPEN, 4) != 0)
		return -1;
	while (i < n && i < 13 && pr_is_digit(p[i]))
		number = number * 10 + (size_t)(p[i++] - '0');
	if (i == 4 || n - i < 4 || memcmp(p + i, PR_MARK_CLOSE, 4) != 0 || number >= m->n)
		return -1;
	*len = i + 4;
	return (long)number;
}

void
pr_mark_write(const struct pr_mark *mark, struct pr_buf *out)
{
	pr_buf_adds(out, mark->output ? "{{ " : "{% ");
	pr_buf_add_str(out, pr_str_trim(mark->code));
	pr_buf_adds(out, mark->output ? " }}" : " %}");
}
