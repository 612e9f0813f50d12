/*
 * Attributes: names, types, values. Pure.
 *
 * Dates are read in one order only: 01/02/2027 means two days, and which one only the sender
 * knows. What else looks like one stays text.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"

#include <stdio.h>

#define DIGITS_MAX 15u /* of a number: what a double holds exactly */

static const char *const words[PR_ATTRIBUTE_TYPES] = {"text", "number", "boolean", "date"};

/* What every contact has: columns of the view that segments are written over. */
static const char *const taken[] = {
    "email",          "lists",         "timezone",        "language",     "created",
    "updated",        "recency",       "frequency",       "monetary",     "stage",
    "value",          "engagement",    "consent_purpose", "consent_text", "consent_at",
    "consent_source", "consent_until",
};

const char *
pr_attribute_word(enum pr_attribute_type type)
{
	return (unsigned)type < PR_ATTRIBUTE_TYPES ? words[type] : words[PR_ATTRIBUTE_TEXT];
}

bool
pr_attribute_type_parse(struct pr_str word, enum pr_attribute_type *out)
{
	for (int i = 0; i < PR_ATTRIBUTE_TYPES; i++)
		if (pr_str_is(word, words[i])) {
			*out = (enum pr_attribute_type)i;
			return true;
		}
	return false;
}

/* ---- names ---- */

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || pr_is_digit(c);
}

static bool
is_taken(const char *name)
{
	bool found = false;
	for (unsigned i = 0; !found && i < sizeof taken / sizeof *taken; i++)
		found = strcmp(name, taken[i]) == 0;
	return found;
}

bool
pr_attribute_name(struct pr_str head, char out[PR_ATTRIBUTE_NAME_SIZE])
{
	size_t n = 0;
	for (size_t i = 0; i < head.n && n < PR_ATTRIBUTE_NAME_SIZE - 3; i++) {
		char c = pr_lower(head.p[i]);
		if (n == 0 && pr_is_digit(c))
			out[n++] = '_';
		if (is_word(c))
			out[n++] = c;
		else if (n > 0 && out[n - 1] != '_')
			out[n++] = '_';
	}
	while (n > 0 && out[n - 1] == '_')
		n--;
	out[n] = 0;
	if (is_taken(out))
		memcpy(out + n, "_", 2);
	return n > 0;
}

bool
pr_attribute_name_is_good(struct pr_str name)
{
	char plain[PR_ATTRIBUTE_NAME_SIZE];
	if (name.n == 0 || name.n >= sizeof plain || pr_is_digit(name.p[0]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_word(name.p[i]) && name.p[i] != '_')
			return false;
	snprintf(plain, sizeof plain, "%.*s", (int)name.n, name.p);
	return !is_taken(plain);
}

/* ---- values ---- */

static size_t
count_digits(struct pr_str s, size_t at)
{
	size_t n = at;
	while (n < s.n && pr_is_digit(s.p[n]))
		n++;
	return n - at;
}

/* "-12.5": a sign, digits, a point and digits. */
static bool
is_number(struct pr_str s)
{
	size_t at = s.n > 0 && s.p[0] == '-', whole = count_digits(s, at), part = 0;
	at += whole;
	if (at + 1 < s.n && s.p[at] == '.') {
		part = count_digits(s, at + 1);
		at += 1 + part;
	}
	return whole > 0 && at == s.n && whole + part <= DIGITS_MAX;
}

static bool
leads_with_zero(struct pr_str s)
{
	size_t at = s.n > 0 && s.p[0] == '-';
	return s.n > at + 1 && s.p[at] == '0' && pr_is_digit(s.p[at + 1]);
}

static unsigned
number_at(struct pr_str s, size_t at, size_t n)
{
	unsigned v = 0;
	for (size_t i = at; i < at + n; i++)
		v = v * 10 + (unsigned)(s.p[i] - '0');
	return v;
}

/* 1990-05-01; birthdays lie before 1970. */
static bool
is_day(struct pr_str s)
{
	static const unsigned char lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (s.n != 10 || count_digits(s, 0) != 4 || s.p[4] != '-' || count_digits(s, 5) != 2 ||
	    s.p[7] != '-' || count_digits(s, 8) != 2)
		return false;
	unsigned year = number_at(s, 0, 4), month = number_at(s, 5, 2), day = number_at(s, 8, 2);
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1] &&
	       (month != 2 || day < 29 || leap);
}

static bool
read_date(struct pr_str text, char room[PR_ATTRIBUTE_ROOM], struct pr_str *out)
{
	int64_t utc_ms;
	*out = text;
	if (is_day(text))
		return true;
	if (!pr_parse_rfc3339(text, &utc_ms))
		return false;
	pr_format_rfc3339(utc_ms, room);
	memcpy(room + 19, "Z", 2); /* seconds are enough */
	*out = pr_str_n(room, 20);
	return true;
}

static bool
is_one_of(struct pr_str text, const char *a, const char *b, const char *c)
{
	return pr_str_eq_nocase(text, pr_str(a)) || pr_str_eq_nocase(text, pr_str(b)) ||
	       pr_str_is(text, c);
}

bool
pr_attribute_read(enum pr_attribute_type type, struct pr_str text, char room[PR_ATTRIBUTE_ROOM],
                  struct pr_str *out)
{
	bool yes = is_one_of(text, "true", "yes", "1");
	if (text.n > PR_ATTRIBUTE_TEXT_MAX)
		return false;
	if (type == PR_ATTRIBUTE_DATE)
		return read_date(text, room, out);
	*out = type != PR_ATTRIBUTE_BOOLEAN ? text : yes ? PR_STR("1") : PR_STR("0");
	if (type == PR_ATTRIBUTE_NUMBER)
		return is_number(text);
	return type == PR_ATTRIBUTE_TEXT || yes || is_one_of(text, "false", "no", "0");
}

unsigned
pr_attribute_guess(struct pr_str text)
{
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str value;
	unsigned types = 1u << PR_ATTRIBUTE_TEXT;
	if (is_number(text))
		return leads_with_zero(text) ? types : types | 1u << PR_ATTRIBUTE_NUMBER;
	for (unsigned t = PR_ATTRIBUTE_BOOLEAN; t < PR_ATTRIBUTE_TYPES; t++)
		if (pr_attribute_read((enum pr_attribute_type)t, text, room, &value))
			types |= 1u << t;
	return types;
}
