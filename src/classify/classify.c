/*
 * Asking the rules: a text is made into a subject (blanks and line ends as one blank, cut into
 * grams) and held against one rule after the other. And reading what was said: the code and the
 * status out of a line.
 */
#include "internal.h"

struct subject {
	const struct pr_said *said;
	char text[PR_SAID_TEXT_MAX];
	size_t n;
	struct grams grams;
	pr_matcher *matcher; /* made when the first pattern is tried */
};

static bool
ends_word(char c)
{
	return c == 0 || pr_is_space(c) || strchr("<>()[]\"',;:=", c);
}

/* An address is said to be one and no more: what it is made of ("full@", "unknown.example") means
 * nothing. The same for the anchor of a link. What of the word has come already is taken back.
 * Returns how many octets of the text to leave out. */
static size_t
leave_out(struct subject *s, size_t word, struct pr_str rest)
{
	size_t n = 0;
	if (*rest.p == '#' && (s->n - word < 4 || strncasecmp(s->text + word, "//", 2) != 0))
		return 0;
	while (n < rest.n && !ends_word(rest.p[n]))
		n++;
	if (*rest.p == '@') {
		s->n = word;
		s->text[s->n++] = '@';
	}
	return n;
}

static void
make_subject(struct subject *s, const struct pr_said *said)
{
	struct pr_str rest = said->text;
	size_t word = 0; /* where the present one began in our text */
	bool blank = true;
	s->said = said;
	s->n = 0;
	s->matcher = NULL;
	while (rest.n && s->n < sizeof s->text) {
		char c = *rest.p;
		bool space = c == 0 || pr_is_space(c);
		size_t n = c == '@' || c == '#' ? leave_out(s, word, rest) : 0;
		if (n == 0 && !(space && blank))
			s->text[s->n++] = space ? ' ' : c;
		if (ends_word(c))
			word = s->n;
		blank = space;
		n += n == 0;
		rest = pr_str_n(rest.p + n, rest.n - n);
	}
	memset(&s->grams, 0, sizeof s->grams);
	for (size_t i = 0; i + 3 <= s->n; i++) {
		unsigned gram = gram_of(s->text + i);
		s->grams.words[gram / 64] |= 1ull << gram % 64;
	}
}

static bool
holds_one(const struct grams *g, const uint16_t *grams, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (g->words[grams[i] / 64] >> grams[i] % 64 & 1)
			return true;
	return false;
}

static bool
may_match(const struct grams *g, const struct pattern *p)
{
	for (const uint16_t *clause = p->needs; *clause; clause += 1 + *clause)
		if (!holds_one(g, clause + 1, *clause))
			return false;
	return true;
}

static bool
text_fits(const struct rule *rule, struct subject *s)
{
	for (size_t i = 0; i < rule->patterns_n; i++) {
		const struct pattern *p = &rule->patterns[i];
		if (!may_match(&s->grams, p))
			continue;
		if (!s->matcher)
			s->matcher = pr_matcher_create();
		if (pr_pattern_matches(p->compiled, pr_str_n(s->text, s->n), s->matcher))
			return true;
	}
	return rule->patterns_n == 0;
}

static bool
one_fits(const struct mask *masks, size_t n, const uint16_t at[3])
{
	for (size_t i = 0; i < n; i++) {
		const uint16_t *m = masks[i].at;
		if ((m[0] == ANY || m[0] == at[0]) && (m[1] == ANY || m[1] == at[1]) &&
		    (m[2] == ANY || m[2] == at[2]))
			return true;
	}
	return n == 0;
}

static bool
fits(const struct rule *rule, struct subject *s)
{
	const struct pr_said *said = s->said;
	const uint16_t places[3] = {(uint16_t)(said->code / 100), (uint16_t)(said->code / 10 % 10),
	                            (uint16_t)(said->code % 10)};
	if (rule->codes_n && (!said->code || !one_fits(rule->codes, rule->codes_n, places)))
		return false;
	if (rule->statuses_n &&
	    (!said->status[0] || !one_fits(rule->statuses, rule->statuses_n, said->status)))
		return false;
	if (rule->commands && !(rule->commands & 1u << said->to))
		return false;
	return text_fits(rule, s);
}

static bool
for_now(const struct pr_said *said)
{
	return said->code ? said->code / 100 == 4 : said->status[0] == 4;
}

struct pr_finding
pr_rules_class(const pr_rules *rules, enum pr_class class_)
{
	return rules->classes[class_];
}

struct pr_finding
pr_classify(const pr_rules *rules, const struct pr_said *said)
{
	struct subject s;
	struct pr_finding found = rules->classes[PR_CLASS_UNDETERMINED];
	make_subject(&s, said);
	for (size_t i = 0; i < rules->rules_n; i++)
		if (fits(&rules->rules[i], &s)) {
			found = rules->rules[i].finding;
			break;
		}
	pr_matcher_destroy(s.matcher);
	if (for_now(said)) {
		found.hard = false;
		if (found.action == PR_ACTION_SUPPRESS)
			found.action = PR_ACTION_RETRY;
	}
	return found;
}

/* ---- what was said ---- */

/* A number of at most `digits` digits from `at` on; its end, or 0. */
static size_t
number(struct pr_str s, size_t at, size_t digits, uint16_t *out)
{
	unsigned n = 0;
	size_t i = at;
	for (; i < s.n && i < at + digits && pr_is_digit(s.p[i]); i++)
		n = n * 10 + (unsigned)(s.p[i] - '0');
	*out = (uint16_t)n;
	return i > at && !(i < s.n && pr_is_digit(s.p[i])) ? i : 0;
}

/* A status that begins at `at`; where it ends, or 0. No IP address is one. */
static size_t
status_at(struct pr_str s, size_t at, uint16_t out[3])
{
	uint16_t found[3];
	size_t end = at;
	for (int i = 0; i < 3; i++) {
		if (i > 0 && (end >= s.n || s.p[end++] != '.'))
			return 0;
		end = number(s, end, i ? 3 : 1, &found[i]);
		if (!end)
			return 0;
	}
	bool goes_on = end + 1 < s.n && s.p[end] == '.' && pr_is_digit(s.p[end + 1]);
	if (goes_on || (found[0] != 2 && found[0] != 4 && found[0] != 5) || found[1] > 7)
		return 0;
	memcpy(out, found, sizeof found);
	return end;
}

bool
pr_status_read(struct pr_str text, uint16_t out[3])
{
	uint16_t found[3];
	if (text.n == 0 || status_at(text, 0, found) != text.n)
		return false;
	memcpy(out, found, sizeof found);
	return true;
}

/* Before a number stands nothing that makes it part of a word, a name or another number. */
static bool
may_begin(struct pr_str s, size_t at)
{
	return at == 0 || pr_is_space(s.p[at - 1]) || strchr("#(<[\"':;,=>", s.p[at - 1]) ||
	       (s.p[at - 1] == '-' && at >= 4 && pr_is_digit(s.p[at - 2]));
}

/* A code of success only in front: elsewhere it is a number of something. */
static bool
code_at(struct pr_str s, size_t at, int *out)
{
	uint16_t n;
	size_t end = number(s, at, 3, &n);
	if (end != at + 3 || n < (at ? 400 : 200) || n > 599 || (n > 299 && n < 400) ||
	    n % 100 > 59)
		return false;
	if (end < s.n && !pr_is_space(s.p[end]) && !strchr("-:;,#<)", s.p[end]))
		return false;
	*out = n;
	return true;
}

/* A code of success counts unless something is refused behind it. */
struct pr_said
pr_said_read(struct pr_str text)
{
	struct pr_said said = {.text = text, .at = text.n};
	int success = 0, code;
	for (size_t i = 0; i < text.n && i < PR_SAID_TEXT_MAX; i++) {
		if (!pr_is_digit(text.p[i]) || !may_begin(text, i))
			continue;
		if (!said.status[0] && status_at(text, i, said.status))
			said.at = i < said.at ? i : said.at;
		else if (!said.code && code_at(text, i, &code)) {
			*(code < 300 ? &success : &said.code) = code;
			said.at = i < said.at ? i : said.at;
		}
	}
	if (!said.code && said.status[0] != 4 && said.status[0] != 5)
		said.code = success;
	return said;
}
