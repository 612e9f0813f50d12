/*
 * Texts as typed values. The type is the row's; what YAML would make of the text does not
 * matter. One function a type fills the field or tells what is wrong and how to write it.
 */
#include "yaml_internal.h"

#include "postrider/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_NAME_MAX 255

struct value {
	struct pr_yaml_reader *r;
	const struct pr_yaml_row *row;
	struct pr_text at;
	struct pr_str text;
	char shown[80]; /* the text, safe and short, for messages */
};

static bool __attribute__((format(printf, 3, 4)))
wrong(struct value *v, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_yaml_problem(v->r, v->at.line, v->at.column, remedy, "%s: %s", v->r->path.data,
	                what.data);
	pr_buf_finish(&what);
	return false;
}

/* ---- bounds ---- */

static char *
show_number(const struct pr_yaml_row *row, double x, char *out, size_t size)
{
	static const struct {
		double unit;
		const char *word;
	} times[] = {{PR_DAY_MS, "d"},
	             {PR_HOUR_MS, "h"},
	             {PR_MINUTE_MS, "m"},
	             {PR_SECOND_MS, "s"},
	             {1, "ms"}},
	  sizes[] = {{1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}, {1, ""}};
	unsigned i = 0;
	if (row->type == PR_YAML_PERCENT)
		snprintf(out, size, "%g%%", x * 100);
	else if (row->type != PR_YAML_DURATION && row->type != PR_YAML_SIZE)
		snprintf(out, size, "%.15g", x);
	else if (x == 0)
		snprintf(out, size, row->type == PR_YAML_SIZE ? "0" : "0s");
	else if (row->type == PR_YAML_SIZE) {
		while (fmod(x, sizes[i].unit) != 0)
			i++;
		snprintf(out, size, "%.0f%s", x / sizes[i].unit, sizes[i].word);
	} else {
		while (fmod(x, times[i].unit) != 0)
			i++;
		snprintf(out, size, "%.0f%s", x / times[i].unit, times[i].word);
	}
	return out;
}

static bool
in_range(struct value *v, double x)
{
	char low[40], high[40];
	double min = v->row->min, max = v->row->max > min ? v->row->max : INFINITY;
	if (x >= min && x <= max)
		return true;
	show_number(v->row, min, low, sizeof low);
	char remedy[120];
	snprintf(remedy, sizeof remedy, "write %s or more", low);
	if (isinf(max))
		return wrong(v, remedy, "%s is out of range (at least %s)", v->shown, low);
	show_number(v->row, max, high, sizeof high);
	snprintf(remedy, sizeof remedy, "write a value from %s to %s", low, high);
	return wrong(v, remedy, "%s is out of range (%s to %s)", v->shown, low, high);
}

/* ---- types ---- */

static bool
read_bool(struct value *v, void *field)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
	for (unsigned i = 0; i < 6; i++)
		if (pr_str_eq_nocase(v->text, pr_str(words[i]))) {
			*(bool *)field = i % 2;
			return true;
		}
	return wrong(v, "write true or false", "\"%s\" is neither true nor false", v->shown);
}

static bool
read_int(struct value *v, void *field)
{
	bool negative = v->text.n > 1 && v->text.p[0] == '-';
	uint64_t number;
	if (!pr_str_u64(pr_str_n(v->text.p + negative, v->text.n - negative), &number))
		return wrong(v, "write it in digits", "\"%s\" is not a whole number", v->shown);
	double x = negative ? -(double)number : (double)number;
	if (!in_range(v, number > 1ull << 53 ? copysign(INFINITY, x) : x))
		return false;
	*(int64_t *)field = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

/* Digits with at most one point: no signs, exponents, "inf" or locale. */
static bool
parse_decimal(struct pr_str s, double *out)
{
	char copy[32];
	unsigned points = 0, digits = 0;
	if (s.n == 0 || s.n >= sizeof copy)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '.' && !pr_is_digit(s.p[i]))
			return false;
		points += s.p[i] == '.';
		digits += s.p[i] != '.';
		copy[i] = s.p[i];
	}
	copy[s.n] = 0;
	const char *point = strchr(copy, '.');
	uint64_t whole = 0, part = 0;
	size_t whole_n = point ? (size_t)(point - copy) : s.n;
	size_t part_n = point ? s.n - whole_n - 1 : 0;
	if (points > 1 || !digits || part_n > 9 ||
	    (whole_n && !pr_str_u64(pr_str_n(copy, whole_n), &whole)))
		return false;
	if (part_n && !pr_str_u64(pr_str_n(point + 1, part_n), &part))
		return false;
	*out = (double)whole + (double)part / pow(10, (double)part_n);
	return true;
}

static bool
read_float(struct value *v, void *field)
{
	double x;
	if (!parse_decimal(v->text, &x))
		return wrong(v, "write it like 0.5", "\"%s\" is not a number", v->shown);
	if (!in_range(v, x))
		return false;
	*(double *)field = x;
	return true;
}

bool
pr_parse_percent(struct pr_str s, double *share)
{
	s = pr_str_trim(s);
	if (!pr_str_ends(s, "%") || !parse_decimal(pr_str_trim(pr_str_n(s.p, s.n - 1)), share))
		return false;
	*share /= 100;
	return true;
}

static bool
read_percent(struct value *v, void *field)
{
	double x;
	if (!pr_parse_percent(v->text, &x))
		return wrong(v, "write it with its sign, like 5%", "\"%s\" is not a percentage",
		             v->shown);
	if (!in_range(v, x))
		return false;
	*(double *)field = x;
	return true;
}

static bool
read_size(struct value *v, void *field)
{
	uint64_t size;
	if (!pr_parse_size(v->text, &size))
		return wrong(v, "write digits and K, M or G, like 32M", "\"%s\" is not a size",
		             v->shown);
	if (!in_range(v, (double)size))
		return false;
	*(uint64_t *)field = size;
	return true;
}

static bool
read_duration(struct value *v, void *field)
{
	int64_t ms;
	if (!pr_parse_duration(v->text, &ms))
		return wrong(v, "write digits and one of s, m, h, d, like 90s or 6h",
		             "\"%s\" is not a duration", v->shown);
	if (!in_range(v, (double)ms))
		return false;
	*(int64_t *)field = ms;
	return true;
}

static bool
read_rate(struct value *v, void *field)
{
	struct pr_rate rate;
	if (!pr_parse_rate(v->text, &rate))
		return wrong(v, "write a number from 1 and the time, like 100/s or 5000/h",
		             "\"%s\" is not a rate", v->shown);
	*(struct pr_rate *)field = rate;
	return true;
}

/* Whether text is one of the words in list, separated by spaces. */
static bool
is_later(const char *list, struct pr_str text)
{
	while (list && *list) {
		size_t n = strcspn(list, " ");
		if (pr_str_eq(text, pr_str_n(list, n)))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

static bool
read_enum(struct value *v, void *field)
{
	struct pr_buf known = {0}, remedy = {0};
	for (int i = 0; v->row->words[i]; i++) {
		if (!*v->row->words[i])
			continue;
		if (pr_str_is(v->text, v->row->words[i])) {
			pr_buf_finish(&known);
			*(int *)field = i;
			return true;
		}
		pr_buf_addf(&known, "%s%s", known.len ? ", " : "", v->row->words[i]);
	}
	const char *near = pr_nearest(v->text, v->row->words);
	if (near)
		pr_buf_addf(&remedy, "did you mean %s?", near);
	else
		pr_buf_addf(&remedy, "write one of: %s", known.data);
	if (is_later(v->row->later, v->text))
		wrong(v, remedy.data, "%s is not available yet", v->shown);
	else
		wrong(v, remedy.data, "\"%s\" is not one of %s", v->shown, known.data);
	pr_buf_finish(&known);
	pr_buf_finish(&remedy);
	return false;
}

static bool
read_parsed(struct value *v, void *field)
{
	char remedy[200];
	const char *why = v->row->parse(pr_text_str(&v->at), field);
	if (!why)
		return true;
	if (v->row->example)
		snprintf(remedy, sizeof remedy, "write it like %s", v->row->example);
	return wrong(v, v->row->example ? remedy : NULL, "\"%s\" %s", v->shown, why);
}

static bool
read_text(struct value *v, void *field)
{
	if (!pr_yaml_check_text(v->r, v->row->flags, &v->at))
		return false;
	*(struct pr_text *)field = v->at;
	return true;
}

bool
pr_yaml_value(struct pr_yaml_reader *r, const struct pr_yaml_row *row, struct pr_text at,
              void *field)
{
	static bool (*const readers[])(struct value *, void *) = {
	    [PR_YAML_TEXT] = read_text, [PR_YAML_BOOL] = read_bool,
	    [PR_YAML_INT] = read_int,   [PR_YAML_FLOAT] = read_float,
	    [PR_YAML_SIZE] = read_size, [PR_YAML_DURATION] = read_duration,
	    [PR_YAML_RATE] = read_rate, [PR_YAML_PERCENT] = read_percent,
	    [PR_YAML_ENUM] = read_enum, [PR_YAML_PARSED] = read_parsed,
	};
	PR_ASSERT(row->type < sizeof readers / sizeof *readers && readers[row->type]);
	struct value v = {.r = r, .row = row, .at = at};
	v.text = pr_str_trim(pr_text_str(&at));
	pr_str_show(v.text, v.shown, sizeof v.shown);
	return readers[row->type](&v, field);
}

/* ---- texts ---- */

static void
trim(struct pr_text *t, struct pr_arena *arena)
{
	struct pr_str s = pr_str_trim(pr_text_str(t));
	if (s.n == t->n)
		return;
	t->column += t->column ? (unsigned)(s.p - t->p) : 0;
	t->p = pr_arena_strndup(arena, s.p, s.n);
	t->n = s.n;
}

/* What keeps a text from being one line of a header or a name; NULL: nothing. */
static const char *
not_one_line(struct pr_str s)
{
	for (size_t i = 0, len; i < s.n; i += len) {
		uint32_t code;
		len = pr_utf8_decode(s.p + i, s.n - i, &code);
		if (!len)
			return "is not valid UTF-8";
		if (code == '\n' || code == '\r' || code == 0x2028 || code == 0x2029 ||
		    code == 0x85)
			return "has a line break inside";
		if ((code < 0x20 && code != '\t') || code == 0x7F || (code >= 0x80 && code < 0xA0))
			return "has a control character inside";
	}
	return NULL;
}

static const char *
not_a_file_name(struct pr_str s)
{
	if (memchr(s.p, '/', s.n) || memchr(s.p, '\\', s.n))
		return "is a path; files lie in the campaign's folder itself";
	if (s.n && s.p[0] == '.')
		return "begins with a dot; such files are not looked at";
	return s.n > FILE_NAME_MAX ? "is too long for a file's name" : NULL;
}

bool
pr_yaml_check_text(struct pr_yaml_reader *r, unsigned flags, struct pr_text *t)
{
	char shown[80];
	const char *why = NULL, *remedy = NULL;
	if (flags & (PR_YAML_ONE_LINE | PR_YAML_FILE)) {
		trim(t, r->arena);
		why = not_one_line(pr_text_str(t));
		remedy = "write it on one line";
	}
	if (!why && flags & PR_YAML_FILE) {
		why = not_a_file_name(pr_text_str(t));
		remedy = "write the file's name alone";
	}
	if (!why && flags & (PR_YAML_NOT_EMPTY | PR_YAML_FILE | PR_YAML_REQUIRED) &&
	    pr_str_trim(pr_text_str(t)).n == 0) {
		pr_yaml_problem(r, t->line, t->column,
		                flags & PR_YAML_REQUIRED ? "write it behind the key"
		                                         : "write it, or take the key out",
		                "%s is empty", r->path.data);
		return false;
	}
	if (!why)
		return true;
	pr_yaml_problem(r, t->line, t->column, remedy, "%s: \"%s\" %s", r->path.data,
	                pr_str_show(pr_text_str(t), shown, sizeof shown), why);
	return false;
}
