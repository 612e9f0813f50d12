/*
 * A condition becomes SQL: token by token, as it stands, but for the functions of its dialect,
 * which become what that writes. Pure.
 *
 * What conditions may not say is refused here, with its place: the authoriser that SQLite asks
 * later (condition_query.c) knows no places, and could not tell a dialect's queries from theirs.
 */
#include "condition.h"

#define DAYS_MAX 36500u

enum kind { END, WORD, QUOTED, STRING, NUMBER, SIGN };

struct token {
	enum kind kind;
	struct pr_str text;
};

struct reading {
	struct pr_str in;
	size_t at; /* behind the token */
	struct token token;
	int depth; /* of brackets */
	const struct pr_condition_dialect *dialect;
	struct pr_condition_text *out;
	struct pr_error *e;
};

/* Of SQLite; in the order of the alphabet. */
static const char *const allowed[] = {
    "abs",    "coalesce", "date",     "glob",   "ifnull", "iif",   "instr",  "julianday",
    "length", "like",     "lower",    "ltrim",  "max",    "min",   "nullif", "replace",
    "round",  "rtrim",    "strftime", "substr", "trim",   "upper", NULL};

/* Words of SQL that may stand before a bracket without being a function's name. */
static const char *const before_bracket[] = {"and",  "or", "not",  "between", "like",
                                             "glob", "is", "when", "then",    "else",
                                             "case", "in", NULL};
static const char *const forbidden[] = {"select", "with",  "values", "exists", "raise",    "over",
                                        "filter", "match", "regexp", "cast",   "distinct", NULL};

static bool
is_among(struct pr_str word, const char *const *words)
{
	for (; *words; words++)
		if (pr_str_eq_nocase(word, pr_str(*words)))
			return true;
	return false;
}

bool
condition_allows(const char *function)
{
	return is_among(pr_str(function), allowed);
}

static size_t
place(const struct reading *r)
{
	return (size_t)(r->token.text.p - r->in.p) + 1;
}

static int
refuse(struct reading *r, const char *why)
{
	return pr_fail(r->e, PR_EINVAL, "at %zu: %s", place(r), why);
}

/* ---- tokens ---- */

static bool
is_letter(char c)
{
	return (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') || c == '_';
}

/* Up to the same quotation mark; doubled it stands for itself. 0: it does not end. */
static size_t
quoted(struct pr_str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] != s.p[0])
			continue;
		if (i + 1 == s.n || s.p[i + 1] != s.p[0])
			return i + 1;
		i++;
	}
	return 0;
}

static size_t
span(struct pr_str s, enum kind kind)
{
	size_t n = 1;
	while (n < s.n && (pr_is_digit(s.p[n]) || (kind == WORD && is_letter(s.p[n])) ||
	                   (kind == NUMBER && s.p[n] == '.')))
		n++;
	return n;
}

static size_t
sign(struct pr_str s)
{
	static const char *const two[] = {"<=", ">=", "<>", "!=", "==", "||", "<<", ">>"};
	for (unsigned i = 0; i < sizeof two / sizeof *two; i++)
		if (pr_str_starts(s, two[i]))
			return 2;
	bool comment = pr_str_starts(s, "--") || pr_str_starts(s, "/*");
	return !comment && strchr("()+-*/%=<>,&|~", s.p[0]) ? 1 : 0;
}

static int
next(struct reading *r)
{
	while (r->at < r->in.n && pr_is_space(r->in.p[r->at]))
		r->at++;
	struct pr_str rest = pr_str_n(r->in.p + r->at, r->in.n - r->at);
	size_t n = 0;
	enum kind kind = END;
	r->token = (struct token){END, pr_str_n(rest.p, 0)};
	if (rest.n == 0)
		return 0;
	char c = rest.p[0];
	kind = is_letter(c)     ? WORD
	       : c == '\''      ? STRING
	       : c == '"'       ? QUOTED
	       : pr_is_digit(c) ? NUMBER
	                        : SIGN;
	n = kind == SIGN                       ? sign(rest)
	    : kind == STRING || kind == QUOTED ? quoted(rest)
	                                       : span(rest, kind);
	if (n == 0 || c == 0)
		return refuse(r, kind == SIGN ? "this sign means nothing in a condition"
		                              : "the quotation mark is never closed");
	r->token = (struct token){kind, pr_str_n(rest.p, n)};
	r->at += n;
	return 0;
}

static bool
is_sign(const struct reading *r, const char *text)
{
	return r->token.kind == SIGN && pr_str_is(r->token.text, text);
}

/* Whether a bracket follows. */
static bool
opens(const struct reading *r)
{
	size_t at = r->at;
	while (at < r->in.n && pr_is_space(r->in.p[at]))
		at++;
	return at < r->in.n && r->in.p[at] == '(';
}

/* ---- functions of the dialect ---- */

/* 'TEXT' without its quotation marks. */
static int
read_text(struct reading *r, const struct pr_condition_function *f, struct pr_str *text)
{
	int result = next(r); /* the bracket */
	if (result == 0)
		result = next(r);
	if (result < 0)
		return result;
	*text = r->token.kind == STRING ? pr_str_n(r->token.text.p + 1, r->token.text.n - 2)
	                                : PR_STR("");
	return f->is_good(*text) ? 0 : refuse(r, f->remedy);
}

/* ", DAYS" if it is there, and the bracket. */
static int
read_days(struct reading *r, const struct pr_condition_function *f, uint64_t *days)
{
	int result = next(r);
	*days = 0;
	if (result == 0 && is_sign(r, ",") && f->days) {
		result = next(r);
		if (result == 0 && (r->token.kind != NUMBER || !pr_str_u64(r->token.text, days) ||
		                    *days == 0 || *days > DAYS_MAX))
			return refuse(r, "say how many days, as in count('click', 90)");
		if (result == 0)
			result = next(r);
	}
	if (result == 0 && !is_sign(r, ")"))
		return refuse(r, "a ) must stand here");
	return result;
}

static int
rewrite_function(struct reading *r, unsigned function)
{
	const struct pr_condition_function *f = &r->dialect->functions[function];
	struct pr_condition_call call = {.function = function};
	int result = read_text(r, f, &call.text);
	if (result == 0)
		result = read_days(r, f, &call.days);
	if (result == 0)
		r->dialect->write(r->dialect->context, &call, &r->out->sql);
	return result;
}

/* ---- words ---- */

static int
rewrite_word(struct reading *r)
{
	const struct pr_condition_function *own = r->dialect->functions;
	struct pr_str word = r->token.text;
	bool bracket = opens(r);
	if (is_among(word, forbidden))
		return refuse(r, "this word means nothing in a condition");
	if (pr_str_eq_nocase(word, PR_STR("in")) && !bracket)
		return refuse(r, "values in brackets must stand behind IN");
	for (unsigned f = 0; bracket && own[f].name; f++)
		if (pr_str_eq_nocase(word, pr_str(own[f].name)))
			return rewrite_function(r, f);
	if (bracket && !is_among(word, before_bracket) && !is_among(word, allowed))
		return refuse(r, "there is no such function");
	if (r->dialect->word)
		r->dialect->word(r->dialect->context, word);
	pr_buf_add_str(&r->out->sql, word);
	return 0;
}

static int
rewrite_token(struct reading *r)
{
	struct pr_condition_text *t = r->out;
	if (t->places_n == PR_CONDITION_PLACES)
		return refuse(r, "the condition is too long");
	pr_buf_addc(&t->sql, ' ');
	t->places[t->places_n].out = (uint32_t)t->sql.len;
	t->places[t->places_n++].in = (uint32_t)place(r);
	r->depth += is_sign(r, "(") - is_sign(r, ")");
	if (r->depth < 0)
		return refuse(r, "no ( belongs to this )");
	if (r->token.kind == WORD)
		return rewrite_word(r);
	if (r->token.kind == NUMBER && r->at < r->in.n && is_letter(r->in.p[r->at]))
		return refuse(r, "a number ends with a letter");
	pr_buf_add_str(&t->sql, r->token.text);
	return 0;
}

int
pr_condition_rewrite(struct pr_str condition, const struct pr_condition_dialect *dialect,
                     struct pr_condition_text *out, struct pr_error *e)
{
	struct reading r = {.in = condition, .dialect = dialect, .out = out, .e = e};
	int result = 0;
	if (pr_str_trim(condition).n == 0)
		return pr_fail(e, PR_EINVAL, "at 1: there is no condition");
	if (condition.n > PR_CONDITION_TEXT_MAX)
		return pr_fail(e, PR_EINVAL, "at %u: the condition is too long",
		               PR_CONDITION_TEXT_MAX);
	while (result == 0 && (result = next(&r)) == 0 && r.token.kind != END)
		result = rewrite_token(&r);
	if (result == 0 && r.depth > 0)
		return refuse(&r, "a ) is missing");
	return result;
}

void
pr_condition_text_finish(struct pr_condition_text *t)
{
	pr_buf_finish(&t->sql);
}

size_t
condition_place(const struct pr_condition_text *t, size_t offset)
{
	size_t in = 1;
	for (size_t i = 0; i < t->places_n && t->places[i].out <= offset; i++)
		in = t->places[i].in;
	return in;
}
