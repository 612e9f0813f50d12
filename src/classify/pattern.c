/*
 * Patterns. A file holds some hundreds, a text meets one or two of them, and there is no JIT; so
 * most are turned down before PCRE2 is asked. Whatever a pattern matches must hold its runs of
 * plain letters, and of each group of alternatives one; of those some grams (three octets) are kept
 * as what the pattern needs. A text is cut into its grams once, and only patterns whose needs are
 * met are tried. What a run is is found with care rather than wit: a pattern with alternatives at
 * its top, or with syntax that is not known here, needs nothing and is always tried.
 */
#include "internal.h"

/* ---- what a pattern needs ---- */

#define RUN_GRAMS_MAX 6
#define NEEDS_MAX 120 /* numbers */

/* Clauses, each its number of grams and then these: one of them must be there. Ended by 0. */
struct needs {
	uint16_t items[NEEDS_MAX + 1];
	size_t n;
};

struct scan {
	struct pr_str pattern;
	size_t at;
	char run[64]; /* the present run, the longest one */
	size_t run_n;
	char best[64];
	size_t best_n;
	struct needs *needs; /* where groups go; NULL: not looked at */
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
		if (c == '(' && (next == '*' || (next == '?' && !strchr(":=!|<", peek(s, 2)))))
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

static bool scan_whole(struct scan *s);

/* The gram of one alternative: the first of its longest run. False: it has none. */
static bool
add_alternative(struct needs *out, struct pr_str alternative)
{
	struct scan s = {.pattern = alternative};
	if (!scan_whole(&s) || s.best_n < 3 || out->n == NEEDS_MAX)
		return false;
	out->items[out->n++] = (uint16_t)gram_of(s.best);
	return true;
}

/* The alternatives of a group, "a|b|(c|d)" without its parentheses, as one clause. */
static void
add_group(struct needs *out, struct pr_str body)
{
	struct scan s = {.pattern = body};
	size_t clause = out->n, from = 0;
	bool good = out->n < NEEDS_MAX;
	out->n += good;
	while (good && s.at <= body.n) {
		char c = peek(&s, 0);
		if (s.at == body.n || c == '|') {
			good = add_alternative(out, pr_str_n(body.p + from, s.at - from));
			from = ++s.at;
		} else if (c == '(') {
			good = skip_group(&s);
		} else if (c == '[') {
			good = skip_class(&s);
		} else {
			s.at += c == '\\' ? 2 : 1;
		}
	}
	if (good)
		out->items[clause] = (uint16_t)(out->n - clause - 1);
	else
		out->n = clause;
}

/* A group that may be left out, or that only looks around, tells nothing. */
static bool
take_group(struct scan *s)
{
	size_t from = s->at + 1;
	bool plain = peek(s, 1) != '?';
	if (!skip_group(s))
		return false;
	char next = peek(s, 0);
	if (plain && s->needs && (!next || !strchr("?*{", next)))
		add_group(s->needs, pr_str_n(s->pattern.p + from, s->at - 1 - from));
	return true;
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
	case '(': end_run(s); return take_group(s);
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

static bool
scan_whole(struct scan *s)
{
	while (s->at < s->pattern.n)
		if (!take_next(s))
			return false;
	end_run(s);
	return true;
}

const uint16_t *
pattern_needs(struct pr_arena *arena, struct pr_str pattern)
{
	struct needs needs = {.n = 0};
	struct scan s = {.pattern = pattern, .needs = &needs};
	bool known = scan_whole(&s);
	size_t grams = s.best_n < 3 ? 0 : s.best_n - 2, step = grams / RUN_GRAMS_MAX + 1;
	for (size_t i = 0; i < grams && needs.n + 2 <= NEEDS_MAX; i += step) {
		needs.items[needs.n++] = 1;
		needs.items[needs.n++] = (uint16_t)gram_of(s.best + i);
	}
	if (!known)
		needs.n = 0;
	needs.items[needs.n++] = 0;
	size_t size = needs.n * sizeof *needs.items;
	return memcpy(pr_arena_alloc(arena, size), needs.items, size);
}

/* ---- making ---- */

void
pattern_make(struct making *m, const struct pr_text *text, struct pattern *out)
{
	char why[PR_PATTERN_WHY_MAX];
	if (text->n > PR_RULES_PATTERN_MAX) {
		classify_tell(m, text, "write a shorter one",
		              "text: a pattern of %zu octets, at most %d may be", text->n,
		              PR_RULES_PATTERN_MAX);
		return;
	}
	out->compiled = pr_pattern_compile(pr_text_str(text), why);
	if (!out->compiled)
		classify_tell(m, text, "correct the pattern; \\. is a dot, \\[ a bracket",
		              "text: %s", why);
	out->needs = pattern_needs(&m->rules->arena, pr_text_str(text));
	if (out->compiled && pr_pattern_matches_all(out->compiled))
		classify_tell(m, text, "write what the text says",
		              "text: the pattern matches every text");
}
