/*
 * Patterns. A file holds some hundreds, a text meets one or two of them, and there is no JIT (the
 * service forbids memory that is writable and executable); so most are turned down before PCRE2
 * is asked. Each pattern holds some run of plain letters that whatever it matches must hold,
 * too; of that run some grams (three octets) are kept. A text is cut into its grams once, and
 * only patterns whose grams are all there are tried. What a run is is found with care rather
 * than wit: a pattern with an alternative at its top, or with syntax that is not known here, has
 * none and is always tried.
 */
#include "internal.h"

/* ---- what a pattern needs ---- */

struct scan {
	struct pr_str pattern;
	size_t at;
	char run[64]; /* the present run, the longest one */
	size_t run_n;
	char best[64];
	size_t best_n;
};

static void
end_run(struct scan *s)
{
	if (s->run_n > s->best_n) {
		memcpy(s->best, s->run, s->run_n);
		s->best_n = s->run_n;
	}
	s->run_n = 0;
}

static void
add_to_run(struct scan *s, char c)
{
	if (s->run_n == sizeof s->run)
		end_run(s);
	s->run[s->run_n++] = c;
}

static char
peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->pattern.n ? s->pattern.p[s->at + ahead] : 0;
}

/* At '[': to behind the class. False: not plain enough. */
static bool
skip_class(struct scan *s)
{
	s->at += peek(s, 1) == '^' ? 2 : 1;
	if (peek(s, 0) == ']')
		s->at++;
	for (; s->at < s->pattern.n; s->at++) {
		if (peek(s, 0) == '[')
			return false;
		if (peek(s, 0) == '\\')
			s->at++;
		else if (peek(s, 0) == ']')
			return s->at++, true;
	}
	return false;
}

/* At '(': to behind the group. Only groups that change nothing outside of themselves. */
static bool
skip_group(struct scan *s)
{
	unsigned depth = 0;
	while (s->at < s->pattern.n) {
		char c = peek(s, 0), next = peek(s, 1);
		if (c == '(' && (next == '*' || (next == '?' && !strchr(":=!|", peek(s, 2)))))
			return false;
		if (c == '[') {
			if (!skip_class(s))
				return false;
			continue;
		}
		if (c == '\\' && next == 'Q')
			return false;
		depth += c == '(';
		depth -= c == ')';
		s->at += c == '\\' ? 2 : 1;
		if (depth == 0)
			return true;
	}
	return false;
}

/* At '\': a letter stands for a class or a place, anything else for itself. */
static bool
take_escape(struct scan *s)
{
	char c = peek(s, 1);
	s->at += 2;
	if (!c || pr_is_digit(c))
		return false;
	if (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') {
		end_run(s);
		return strchr("bBdDsSwWAzZhHR", c) != NULL;
	}
	add_to_run(s, c);
	return true;
}

/* At a quantifier: the octet before it may be left out. */
static void
take_quantifier(struct scan *s)
{
	char c = peek(s, 0);
	if (c != '+' && s->run_n)
		s->run_n--;
	end_run(s);
	s->at++;
	while (c == '{' && s->at < s->pattern.n && s->pattern.p[s->at - 1] != '}')
		s->at++;
}

static bool
take_next(struct scan *s)
{
	char c = peek(s, 0);
	switch (c) {
	case '|':
	case ')':
	case 0: return false;
	case '\\': return take_escape(s);
	case '[': end_run(s); return skip_class(s);
	case '(': end_run(s); return skip_group(s);
	case '?':
	case '*':
	case '+':
	case '{': take_quantifier(s); return true;
	case '.':
	case '^':
	case '$': end_run(s); break;
	default: add_to_run(s, c);
	}
	s->at++;
	return true;
}

uint8_t
pattern_needs(struct pr_str pattern, uint16_t *needs)
{
	struct scan s = {.pattern = pattern};
	uint8_t n = 0;
	while (s.at < pattern.n)
		if (!take_next(&s))
			return 0;
	end_run(&s);
	size_t grams = s.best_n < 3 ? 0 : s.best_n - 2;
	size_t step = grams / GRAMS_NEEDED_MAX + 1;
	for (size_t i = 0; i < grams; i += step)
		needs[n++] = (uint16_t)gram_of(s.best + i);
	return n;
}

/* ---- making, matching ---- */

static pcre2_code *
compile(struct making *m, const struct pr_text *text)
{
	int error = 0;
	size_t at = 0;
	PCRE2_UCHAR8 why[120] = "";
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR8)text->p, text->n,
	                  PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_UTF, &error, &at, NULL);
	if (code)
		return code;
	pcre2_get_error_message(error, why, sizeof why);
	classify_tell(m, text, "correct the pattern; \\. is a dot, \\[ a bracket",
	              "text: at its character %zu: %s", at + 1, (const char *)why);
	return NULL;
}

bool
pattern_matches(const pr_rules *r, const struct pattern *p, struct pr_str text,
                pcre2_match_data *data)
{
	return pcre2_match(p->code, (PCRE2_SPTR8)text.p, text.n, 0, 0, data, r->limits) >= 0;
}

/* A pattern that nothing already answers matches whatever is said. */
static bool
matches_nothing(const pr_rules *r, const struct pattern *p)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	PR_ASSERT(data);
	bool found = pattern_matches(r, p, PR_STR(""), data);
	pcre2_match_data_free(data);
	return found;
}

void
pattern_make(struct making *m, const struct pr_text *text, struct pattern *out)
{
	if (text->n > PR_RULES_PATTERN_MAX) {
		classify_tell(m, text, "write a shorter one",
		              "text: a pattern of %zu octets, at most %d may be", text->n,
		              PR_RULES_PATTERN_MAX);
		return;
	}
	out->code = compile(m, text);
	out->needs_n = pattern_needs(pr_text_str(text), out->needs);
	if (out->code && matches_nothing(m->rules, out))
		classify_tell(m, text, "write what the text says",
		              "text: the pattern matches every text");
}
