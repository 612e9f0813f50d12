/*
 * A condition becomes SQL: token by token, as it stands, but for our functions, which become
 * queries of one contact's rows. Pure.
 *
 * What conditions may not say is refused here, with its place: the authoriser that SQLite asks
 * later (segment.c) knows no places, and could not tell our queries from theirs.
 */
#include "segment.h"

#include "postrider/audience/contacts.h"

#include <stdlib.h>

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
	int64_t now_ms;
	const struct segment_names *names;
	struct segment_text *out;
	struct pr_error *e;
};

static const char *const functions[] = {"in_list", "days_since", "count", "sum", NULL};

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
segment_allows(const char *function)
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

/* ---- our functions ---- */

/* 'NAME' without its quotation marks. */
static int
read_name(struct reading *r, enum segment_function f, struct pr_str *name)
{
	int result = next(r); /* the bracket */
	if (result == 0)
		result = next(r);
	if (result < 0)
		return result;
	*name = r->token.kind == STRING ? pr_str_n(r->token.text.p + 1, r->token.text.n - 2)
	                                : PR_STR("");
	if (pr_list_name_is_good(*name))
		return 0;
	return refuse(r, f == SEGMENT_IN_LIST ? "say which list, as in in_list('vip')"
	                                      : "say which event, as in days_since('order')");
}

/* ", DAYS" if it is there, and the bracket. */
static int
read_days(struct reading *r, enum segment_function f, uint64_t *days)
{
	int result = next(r);
	*days = 0;
	if (result == 0 && is_sign(r, ",") && f >= SEGMENT_COUNT) {
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

static void
write_function(struct reading *r, enum segment_function f, int64_t id, uint64_t days)
{
	struct pr_buf *b = &r->out->sql;
	long long key = (long long)id;
	if (f == SEGMENT_IN_LIST) {
		pr_buf_addf(
		    b,
		    "EXISTS (SELECT 1 FROM members WHERE list = %lld AND contact = " SEGMENT_ID ")",
		    key);
		return;
	}
	if (f == SEGMENT_DAYS_SINCE)
		pr_buf_addf(b, "((%lld - (SELECT max(at_ms)", (long long)r->now_ms);
	else
		pr_buf_adds(b, f == SEGMENT_COUNT ? "(SELECT count(*)" : "(SELECT total(amount)");
	pr_buf_addf(b, " FROM events WHERE contact = " SEGMENT_ID " AND name = %lld", key);
	if (days)
		pr_buf_addf(b, " AND at_ms > %lld",
		            (long long)(r->now_ms - (int64_t)days * PR_DAY_MS));
	pr_buf_adds(b, f == SEGMENT_DAYS_SINCE ? ")) / 86400000)" : ")");
}

static int
rewrite_function(struct reading *r, enum segment_function f)
{
	struct pr_str name;
	uint64_t days;
	int result = read_name(r, f, &name);
	if (result == 0)
		result = read_days(r, f, &days);
	if (result < 0)
		return result;
	int64_t id = r->names ? r->names->find(r->names->context, f, name) : -1;
	write_function(r, f, id, days);
	return 0;
}

/* ---- words ---- */

static int
rewrite_word(struct reading *r)
{
	static const char *const scores[] = {"recency", "frequency", "monetary", NULL};
	struct pr_str word = r->token.text;
	bool bracket = opens(r);
	if (is_among(word, forbidden))
		return refuse(r, "this word means nothing in a condition");
	if (pr_str_eq_nocase(word, PR_STR("in")) && !bracket)
		return refuse(r, "values in brackets must stand behind IN");
	for (int f = 0; bracket && functions[f]; f++)
		if (pr_str_eq_nocase(word, pr_str(functions[f])))
			return rewrite_function(r, (enum segment_function)f);
	if (bracket && !is_among(word, before_bracket) && !is_among(word, allowed))
		return refuse(r, "there is no such function");
	r->out->scores |= is_among(word, scores);
	pr_buf_add_str(&r->out->sql, word);
	return 0;
}

static int
rewrite_token(struct reading *r)
{
	struct segment_text *t = r->out;
	if (t->places_n == SEGMENT_PLACES)
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
segment_rewrite(struct pr_str condition, int64_t now_utc_ms, const struct segment_names *names,
                struct segment_text *out, struct pr_error *e)
{
	struct reading r = {
	    .in = condition, .now_ms = now_utc_ms, .names = names, .out = out, .e = e};
	int result = 0;
	if (pr_str_trim(condition).n == 0)
		return pr_fail(e, PR_EINVAL, "at 1: there is no condition");
	if (condition.n > PR_SEGMENT_TEXT_MAX)
		return pr_fail(e, PR_EINVAL, "at %u: the condition is too long",
		               PR_SEGMENT_TEXT_MAX);
	while (result == 0 && (result = next(&r)) == 0 && r.token.kind != END)
		result = rewrite_token(&r);
	if (result == 0 && r.depth > 0)
		return refuse(&r, "a ) is missing");
	return result;
}

void
segment_text_finish(struct segment_text *t)
{
	pr_buf_finish(&t->sql);
}

size_t
segment_place(const struct segment_text *t, size_t offset)
{
	size_t in = 1;
	for (size_t i = 0; i < t->places_n && t->places[i].out <= offset; i++)
		in = t->places[i].in;
	return in;
}

int
pr_segment_check(struct pr_str condition, struct pr_error *e)
{
	struct segment_text *t = pr_calloc(1, sizeof *t);
	int r = segment_rewrite(condition, 0, NULL, t, e);
	segment_text_finish(t);
	free(t);
	return r;
}
