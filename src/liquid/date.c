/*
 * Dates out of text, as forgiving as Ruby's Time.parse: the parts of a date are looked
 * for one after the other, wherever they stand, and what was found is blanked out.
 *
 *   time      10:20[:30[.5]] [am|pm] [zone]         20240131T102030Z, 20240131
 *   date      31 January 2024, Jan 31st 2024, Jan 2024, 2024-01-31, 31-Jan-2024,
 *             2024/01/31, 31/01/2024, 2024-01, 31st
 */
#include "date.h"

#define TEXT_MAX 128

struct parts {
	int64_t year;
	int month, day, hour, minute, second, nanos, offset;
	bool has_year, has_month, has_day, has_time, has_offset;
	bool broken; /* a number with too many digits: rather no date than another one */
	char zone[8];
};

/* Small matcher over a lower-case copy. */
struct reader {
	char text[TEXT_MAX];
	size_t n;
};

static size_t
digits(const struct reader *r, size_t at, size_t max, int *value)
{
	size_t n = 0;
	*value = 0;
	while (at + n < r->n && n < max && pr_is_digit(r->text[at + n]))
		*value = *value * 10 + (r->text[at + n++] - '0');
	return n;
}

static size_t
digit_run(const struct reader *r, size_t at)
{
	size_t n = 0;
	while (at + n < r->n && pr_is_digit(r->text[at + n]))
		n++;
	return n;
}

static bool
digit_at(const struct reader *r, size_t at)
{
	return at < r->n && pr_is_digit(r->text[at]);
}

static bool
is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static void
blank(struct reader *r, size_t from, size_t to)
{
	memset(r->text + from, ' ', to - from);
}

static size_t
spaces(const struct reader *r, size_t at)
{
	size_t n = 0;
	while (at + n < r->n && pr_is_space(r->text[at + n]))
		n++;
	return n;
}

static bool
word_at(const struct reader *r, size_t at, const char *word)
{
	size_t n = strlen(word);
	return at + n <= r->n && memcmp(r->text + at, word, n) == 0 &&
	       (at + n == r->n || !is_letter(r->text[at + n]));
}

static const struct {
	char name[5];
	int hours;
} zones[] = {
    {"utc", 0},  {"gmt", 0},  {"z", 0},    {"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5},
    {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}, {"cet", 1},  {"cest", 2}, {"bst", 1},
    {"eet", 2},  {"eest", 3}, {"msk", 3},  {"ist", 5},  {"jst", 9},  {"wet", 0},  {"west", 1},
};

/* A zone's name or offset at a place; returns its end, `at` when there is none. */
static size_t
read_zone(const struct reader *r, size_t at, struct parts *p)
{
	size_t i = at + spaces(r, at);
	for (unsigned z = 0; z < sizeof zones / sizeof *zones; z++)
		if (word_at(r, i, zones[z].name)) {
			p->offset = zones[z].hours * 3600 +
			            (pr_str_is(pr_str(zones[z].name), "ist") ? 1800 : 0);
			p->has_offset = true;
			size_t n = strlen(zones[z].name);
			for (size_t k = 0; k < n; k++)
				p->zone[k] = (char)(zones[z].name[k] - 32);
			if (n == 1)
				memcpy(p->zone, "UTC", 4);
			at = i + n;
			i = at;
			break;
		}
	if (i >= r->n || (r->text[i] != '+' && r->text[i] != '-'))
		return at;
	int hours, minutes = 0;
	size_t n = digits(r, i + 1, 2, &hours), end = i + 1 + n;
	if (n == 0)
		return at;
	if (end < r->n && r->text[end] == ':')
		end++;
	end += digits(r, end, 2, &minutes);
	p->offset = (hours * 3600 + minutes * 60) * (r->text[i] == '-' ? -1 : 1);
	p->has_offset = true;
	memset(p->zone, 0, sizeof p->zone);
	return end;
}

static size_t
read_fraction(const struct reader *r, size_t at, struct parts *p)
{
	size_t n =
	    at < r->n && (r->text[at] == '.' || r->text[at] == ',') ? digit_run(r, at + 1) : 0;
	int scale = 100000000;
	for (size_t i = 0; i < n && scale; i++, scale /= 10)
		p->nanos += (r->text[at + 1 + i] - '0') * scale;
	return n ? at + 1 + n : at;
}

static size_t
read_half(const struct reader *r, size_t at, struct parts *p)
{
	size_t i = at + spaces(r, at);
	if (i + 1 >= r->n || (r->text[i] != 'a' && r->text[i] != 'p'))
		return at;
	bool pm = r->text[i] == 'p', dots = r->text[i + 1] == '.';
	i += 1 + dots;
	if (i >= r->n || r->text[i] != 'm' || (i + 1 < r->n && is_letter(r->text[i + 1])))
		return at;
	p->hour = p->hour % 12 + (pm ? 12 : 0);
	return i + 1 + (i + 1 < r->n && r->text[i + 1] == '.');
}

/* hh:mm[:ss[.f]] [am|pm] [zone], or "3pm" */
static bool
find_time(struct reader *r, struct parts *p)
{
	for (size_t i = 0; i < r->n; i++) {
		if (!pr_is_digit(r->text[i]) || (i && pr_is_digit(r->text[i - 1])))
			continue;
		size_t at = i + digits(r, i, 2, &p->hour), end = at + digit_run(r, at);
		p->broken |= end > at && end < r->n && r->text[end] == ':';
		bool colon = at < r->n && r->text[at] == ':' && digits(r, at + 1, 2, &p->minute);
		if (colon) {
			at += 1 + digits(r, at + 1, 2, &p->minute);
			if (at < r->n && r->text[at] == ':')
				at += 1 + digits(r, at + 1, 2, &p->second);
			p->broken |= digit_at(r, at);
			at = read_fraction(r, at, p);
		}
		end = at < r->n && pr_is_digit(r->text[at]) ? at : read_half(r, at, p);
		if (!colon && end == at) {
			p->hour = 0;
			continue;
		}
		end = read_zone(r, end, p);
		size_t from = i && r->text[i - 1] == 't' ? i - 1 : i;
		blank(r, from, end);
		p->has_time = true;
		return true;
	}
	return false;
}

static int
month_at(const struct reader *r, size_t at, size_t *end)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	if (at + 3 > r->n || (at && is_letter(r->text[at - 1])))
		return 0;
	for (int i = 0; i < 12; i++)
		if (memcmp(r->text + at, names + (size_t)i * 3, 3) == 0) {
			*end = at + 3;
			while (*end < r->n && is_letter(r->text[*end]))
				++*end;
			return i + 1;
		}
	return 0;
}

static int64_t
full_year(int year, size_t length)
{
	return length > 2 ? year : year < 69 ? year + 2000 : year + 1900;
}

/* The number that ends before `at`, maybe with st, nd, rd, th behind it. */
static bool
day_before(const struct reader *r, size_t at, int *day)
{
	size_t i = at;
	while (i && (pr_is_space(r->text[i - 1]) || r->text[i - 1] == '-' ||
	             r->text[i - 1] == '.' || r->text[i - 1] == '/'))
		i--;
	if (i >= 3 && memcmp(r->text + i - 3, " of", 3) == 0)
		i -= 3;
	if (i >= 2 && is_letter(r->text[i - 1]) && is_letter(r->text[i - 2]) && i >= 3 &&
	    pr_is_digit(r->text[i - 3]))
		i -= 2;
	size_t end = i;
	while (i && pr_is_digit(r->text[i - 1]) && end - i < 2)
		i--;
	return end > i && digits(r, i, 2, day) && !(i && pr_is_digit(r->text[i - 1]));
}

static size_t
skip_between(const struct reader *r, size_t at)
{
	while (at < r->n && (pr_is_space(r->text[at]) || strchr(",-./'", r->text[at])))
		at++;
	return at;
}

/* 31 January 2024 · Jan 31, 2024 · Jan 2024 · 31-Jan-24 */
static bool
find_named(struct reader *r, struct parts *p)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t end;
		int value, month = month_at(r, i, &end);
		if (!month)
			continue;
		p->month = month;
		p->has_month = true;
		p->has_day = day_before(r, i, &p->day);
		size_t at = skip_between(r, end), n = digit_run(r, at);
		if (n && n <= 2 && !p->has_day) {
			digits(r, at, 2, &p->day);
			p->has_day = true;
			at += n;
			if (at + 1 < r->n && is_letter(r->text[at]) && is_letter(r->text[at + 1]))
				at += 2;
			at = skip_between(r, at);
			n = digit_run(r, at);
		}
		if (n && n <= 4) {
			digits(r, at, 4, &value);
			p->year = full_year(value, n);
			p->has_year = true;
		}
		return true;
	}
	return false;
}

/* Three numbers with - / . between them. */
static bool
find_numbers(struct reader *r, struct parts *p)
{
	for (size_t i = 0; i < r->n; i++) {
		int a, b, c = 0;
		size_t na = digit_run(r, i), nb, nc = 0, at = i + na;
		p->broken |= na > 4 && at < r->n && r->text[at] == '-' && digit_at(r, at + 1);
		if (!na || at >= r->n || !strchr("-/.", r->text[at]) || na > 4) {
			i = at > i ? at : i;
			continue;
		}
		char between = r->text[at];
		nb = digits(r, at + 1, 2, &b);
		if (!nb)
			continue;
		digits(r, i, 4, &a);
		at += 1 + nb;
		p->broken |= digit_at(r, at);
		if (at < r->n && r->text[at] == between)
			nc = digits(r, at + 1, 4, &c);
		p->broken |= nc && digit_at(r, at + 1 + nc);
		bool year_first = na > 2 || (nc && nc <= 2 && between != '.');
		p->has_month = true;
		p->month = b;
		p->has_year = year_first || nc > 0;
		p->has_day = !year_first || nc > 0;
		p->year = year_first ? full_year(a, na) : full_year(c, nc);
		p->day = year_first ? c : a;
		if (!year_first && !nc) { /* 10/31: month and day */
			p->month = a;
			p->day = b;
		}
		return true;
	}
	return false;
}

static int
part(const struct reader *r, size_t at, size_t n)
{
	int value;
	digits(r, at, n, &value);
	return value;
}

/* 20240131, 20240131T102030Z */
static bool
find_compact(struct reader *r, struct parts *p)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t n = digit_run(r, i);
		if (n != 8 && n != 14 && n != 12) {
			i += n;
			continue;
		}
		p->year = part(r, i, 4);
		p->month = part(r, i + 4, 2);
		p->day = part(r, i + 6, 2);
		p->has_year = p->has_month = p->has_day = true;
		size_t t = i + 8;
		size_t clock = t < r->n && r->text[t] == 't' ? digit_run(r, t + 1) : n - 8;
		t += t < r->n && r->text[t] == 't';
		if (clock >= 4) {
			p->hour = part(r, t, 2);
			p->minute = part(r, t + 2, 2);
			p->second = clock >= 6 ? part(r, t + 4, 2) : 0;
			p->has_time = true;
			read_zone(r, t + clock, p);
		}
		return true;
	}
	return false;
}

/* "the 5th", "friday", "2024" */
static bool
find_rest(struct reader *r, struct parts *p, const struct lq_time *now)
{
	static const char names[] = "sunmontuewedthufrisat";
	struct lq_civil c = lq_civil_of(now);
	for (size_t i = 0; i < r->n; i++) {
		size_t n = digit_run(r, i);
		if (n == 1 || n == 2) {
			p->day = part(r, i, 2);
			p->has_day = true;
			return true;
		}
		i += n;
		for (int d = 0; d < 7 && i + 3 <= r->n && (!i || !is_letter(r->text[i - 1])); d++)
			if (memcmp(r->text + i, names + (size_t)d * 3, 3) == 0) {
				p->year = c.year;
				p->month = c.month;
				p->day = c.day - c.weekday + d;
				p->has_year = p->has_month = p->has_day = true;
				return true;
			}
	}
	return false;
}

static bool
valid(const struct parts *p)
{
	return !p->broken && (!p->has_month || (p->month >= 1 && p->month <= 12)) &&
	       (!p->has_day || (p->day <= 31 && p->day >= -6)) && p->hour <= 24 &&
	       p->minute <= 59 && p->second <= 60;
}

/* What is not given comes from `now`. */
static void
compose(const struct parts *p, const struct lq_time *now, const char *zone, struct lq_time *t)
{
	bool whole = p->has_year && p->has_month && p->has_day;
	struct lq_civil c = whole ? (struct lq_civil){0} : lq_civil_of(now);
	int64_t year = p->has_year ? p->year : c.year;
	int month = p->has_month ? p->month : p->has_year ? 1 : c.month;
	int day = p->has_day ? p->day : p->has_year || p->has_month ? 1 : c.day;
	int64_t local =
	    lq_days(year, month, day) * 86400 + p->hour * 3600 + p->minute * 60 + p->second;
	*t = (struct lq_time){.nanos = p->nanos};
	if (p->has_offset) {
		t->seconds = local - p->offset;
		t->offset = p->offset;
		memcpy(t->zone, p->zone, sizeof t->zone);
	} else {
		lq_zone_from_local(zone, local, t);
	}
}

/* Two digits; what is more than 99 where there are none. */
static int
two_digits(const char *p)
{
	unsigned tens = (unsigned)p[0] - '0', ones = (unsigned)p[1] - '0';
	return tens < 10 && ones < 10 ? (int)(tens * 10 + ones) : 100;
}

/* hh:mm[:ss] of what stands behind the date; returns its octets, 0 when it is none. */
static size_t
read_clock(struct pr_str s, struct parts *p)
{
	bool seconds = s.n >= 8 && s.p[5] == ':';
	if (s.n < 5 || s.p[2] != ':')
		return 0;
	p->hour = two_digits(s.p);
	p->minute = two_digits(s.p + 3);
	p->second = seconds ? two_digits(s.p + 6) : 0;
	p->has_time = true;
	return p->hour > 99 || p->minute > 99 || p->second > 99 ? 0 : seconds ? 8 : 5;
}

/* What machines write, at once: 2024-01-31, 2024-01-31T10:20:30Z, 2024-01-31 10:20. All
 * else is left to those who search. */
static bool
read_iso(struct pr_str s, struct parts *p)
{
	size_t n = 10;
	if (s.n < n || s.p[4] != '-' || s.p[7] != '-')
		return false;
	int century = two_digits(s.p), year = two_digits(s.p + 2);
	p->year = century * 100 + year;
	p->month = two_digits(s.p + 5);
	p->day = two_digits(s.p + 8);
	p->has_year = p->has_month = p->has_day = true;
	if (century > 99 || year > 99 || p->month > 99 || p->day > 99)
		return false;
	if (s.n > n && (s.p[n] == 'T' || s.p[n] == ' ')) {
		size_t clock = read_clock((struct pr_str){s.p + n + 1, s.n - n - 1}, p);
		n += clock ? clock + 1 : 0;
	}
	if (p->has_time && s.n == n + 1 && s.p[n] == 'Z') {
		memcpy(p->zone, "UTC", 4);
		p->has_offset = true;
		n++;
	}
	return s.n == n;
}

bool
lq_time_parse_iso(struct pr_str s, const char *zone, struct lq_time *t)
{
	struct parts p = {0};
	if (!read_iso(s, &p) || !valid(&p))
		return false;
	compose(&p, NULL, zone, t);
	return true;
}

bool
lq_time_parse(struct pr_str s, const struct lq_time *now, const char *zone, struct lq_time *t)
{
	struct reader r = {.n = s.n < TEXT_MAX ? s.n : TEXT_MAX};
	struct parts p = {0};
	for (size_t i = 0; i < r.n; i++)
		r.text[i] = pr_lower(s.p[i]);
	bool found = find_compact(&r, &p);
	if (!found) {
		bool time = find_time(&r, &p);
		found =
		    find_named(&r, &p) || find_numbers(&r, &p) || time || find_rest(&r, &p, now);
	}
	if (!found || !valid(&p))
		return false;
	compose(&p, now, zone, t);
	return true;
}
