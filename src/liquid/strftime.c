/*
 * Ruby's strftime: %[flags][width][:]conversion, flags - 0 ^ # _. A conversion that does
 * not exist is copied as it stands.
 */
#include "date.h"
#include "locale.h"

#include <stdio.h>

struct spec {
	char pad; /* '0', ' ', 0 for the default, '-' for none */
	bool upper, swap;
	bool plain; /* none of all this */
	int width;  /* 0: the default */
	int colons;
	char conversion;
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Howard Hinnant's algorithms for the proleptic Gregorian calendar. */
int64_t
lq_days(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = floor_div(year, 400), yoe = year - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct lq_civil
lq_civil_of(const struct lq_time *t)
{
	int64_t local = t->seconds + t->offset, day = floor_div(local, 86400);
	int64_t z = day + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int rest = (int)(local - day * 86400);
	struct lq_civil c = {.year = yoe + era * 400,
	                     .hour = rest / 3600,
	                     .minute = rest / 60 % 60,
	                     .second = rest % 60};
	c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c.year += c.month <= 2;
	c.weekday = (int)(((day + 4) % 7 + 7) % 7);
	bool leap = c.year % 4 == 0 && (c.year % 100 != 0 || c.year % 400 == 0);
	c.yearday = (int)(c.month <= 2 ? doy - 306 : doy + 59 + leap); /* doy: since March 1st */
	return c;
}

/* ISO 8601 week and its year. */
static int
iso_week(const struct lq_civil *c, int64_t *year)
{
	int weekday = (c->weekday + 6) % 7; /* Monday 0 */
	int64_t thursday = lq_days(c->year, c->month, c->day) - weekday + 3;
	struct lq_time t = {.seconds = thursday * 86400};
	struct lq_civil d = lq_civil_of(&t);
	*year = d.year;
	return d.yearday / 7 + 1;
}

static void
add_padded(struct lq_builder *b, struct pr_str text, const struct spec *s, char pad, int width)
{
	if (s->width)
		width = s->width;
	if (s->pad)
		pad = s->pad;
	bool negative = pad == '0' && text.n && text.p[0] == '-';
	if (negative) {
		lq_build_add(b, "-", 1);
		text.p++;
		text.n--;
		width--;
	}
	for (int i = (int)text.n; s->pad != '-' && i < width; i++)
		lq_build_add(b, &pad, 1);
	lq_build_str(b, text);
}

static void
add_number(struct lq_builder *b, int64_t x, const struct spec *s, char pad, int width)
{
	char text[LQ_FLOAT_SIZE];
	if (s->plain && width == 2 && x >= 0 && x < 100) {
		lq_build_addc(b, (char)(x < 10 ? pad : '0' + x / 10));
		lq_build_addc(b, (char)('0' + x % 10));
		return;
	}
	size_t n = lq_int_text(x, text);
	add_padded(b, (struct pr_str){text, n}, s, pad, width);
}

static void
add_word(struct lq_builder *b, const char *name, const struct spec *s)
{
	struct pr_str word = pr_str(name);
	struct lq_builder upper;
	lq_value v;
	if (s->upper || s->swap) {
		lq_build(&upper, b->m, word.n + 8);
		lq_convert_case(&upper, word, LQ_UPPER);
		if (!lq_build_end(&upper, &v)) {
			b->failed = true;
			return;
		}
		word = lq_str(&v);
	}
	add_padded(b, word, s, ' ', 0);
}

static void
add_half(struct lq_builder *b, const struct lq_time *t, const struct lq_civil *c,
         const struct spec *s, bool lower)
{
	bool pm = c->hour >= 12;
	const char *word = lower != s->swap && !s->upper ? (pm ? "pm" : "am") : (pm ? "PM" : "AM");
	if (t->locale)
		word = pm ? t->locale->pm : t->locale->am;
	add_padded(b, pr_str(word), s, ' ', 0);
}

/* +hhmm, %:z +hh:mm, %::z +hh:mm:ss */
static void
add_offset(struct lq_builder *b, const struct lq_time *t, const struct spec *s)
{
	char text[24];
	int o = t->offset < 0 ? -t->offset : t->offset;
	int h = o / 3600, min = o / 60 % 60, sec = o % 60;
	char sign = t->offset < 0 ? '-' : '+';
	if (s->colons == 0)
		snprintf(text, sizeof text, "%c%02d%02d", sign, h, min);
	else if (s->colons == 1)
		snprintf(text, sizeof text, "%c%02d:%02d", sign, h, min);
	else
		snprintf(text, sizeof text, "%c%02d:%02d:%02d", sign, h, min, sec);
	lq_build_str(b, pr_str(text));
}

static void
add_fraction(struct lq_builder *b, const struct lq_time *t, const struct spec *s)
{
	char text[16], zero = '0';
	int width = s->width ? s->width : s->conversion == 'L' ? 3 : 9;
	snprintf(text, sizeof text, "%09d", t->nanos);
	for (int i = 0; i < width && !b->failed; i++)
		lq_build_add(b, i < 9 ? &text[i] : &zero, 1);
}

static void
add_nested(struct lq_builder *b, const struct lq_time *t, const struct spec *s, const char *format,
           unsigned depth)
{
	struct lq_builder inner;
	lq_value v;
	lq_build(&inner, b->m, 40);
	lq_time_format(&inner, t, pr_str(format), depth + 1);
	if (!lq_build_end(&inner, &v)) {
		b->failed = true;
		return;
	}
	for (uint32_t i = 0; s->upper && i < v.n; i++)
		if (inner.data[i] >= 'a' && inner.data[i] <= 'z')
			inner.data[i] = (char)(inner.data[i] - 32);
	add_padded(b, lq_str(&v), s, ' ', 0);
}

static const char *
composite(char c)
{
	switch (c) {
	case 'c': return "%a %b %e %H:%M:%S %Y";
	case 'D':
	case 'x': return "%m/%d/%y";
	case 'F': return "%Y-%m-%d";
	case 'r': return "%I:%M:%S %p";
	case 'R': return "%H:%M";
	case 'T':
	case 'X': return "%H:%M:%S";
	case 'v': return "%e-%^b-%Y";
	case '+': return "%a %b %e %H:%M:%S %Z %Y";
	default: return NULL;
	}
}

/* Week, and year, that begin with a Monday. */
static void
add_iso_part(struct lq_builder *b, const struct lq_civil *c, const struct spec *s)
{
	int64_t year;
	int week = iso_week(c, &year);
	if (s->conversion == 'V')
		add_number(b, week, s, '0', 2);
	else if (s->conversion == 'G')
		add_number(b, year, s, '0', 4);
	else
		add_number(b, year - floor_div(year, 100) * 100, s, '0', 2);
}

static bool
add_date_part(struct lq_builder *b, const struct lq_locale *l, const struct lq_civil *c,
              const struct spec *s)
{
	switch (s->conversion) {
	case 'Y': add_number(b, c->year, s, '0', c->year < 0 ? 5 : 4); return true;
	case 'C': add_number(b, floor_div(c->year, 100), s, '0', 2); return true;
	case 'y': add_number(b, c->year - floor_div(c->year, 100) * 100, s, '0', 2); return true;
	case 'm': add_number(b, c->month, s, '0', 2); return true;
	case 'B': add_word(b, l->months[c->month - 1], s); return true;
	case 'b':
	case 'h': add_word(b, l->months_short[c->month - 1], s); return true;
	case 'd': add_number(b, c->day, s, '0', 2); return true;
	case 'e': add_number(b, c->day, s, ' ', 2); return true;
	case 'j': add_number(b, c->yearday + 1, s, '0', 3); return true;
	case 'A': add_word(b, l->days[c->weekday], s); return true;
	case 'a': add_word(b, l->days_short[c->weekday], s); return true;
	case 'u': add_number(b, c->weekday ? c->weekday : 7, s, '0', 1); return true;
	case 'w': add_number(b, c->weekday, s, '0', 1); return true;
	case 'G':
	case 'g':
	case 'V': add_iso_part(b, c, s); return true;
	case 'U': add_number(b, (c->yearday + 7 - c->weekday) / 7, s, '0', 2); return true;
	case 'W':
		add_number(b, (c->yearday + 7 - (c->weekday + 6) % 7) / 7, s, '0', 2);
		return true;
	default: return false;
	}
}

static bool
add_time_part(struct lq_builder *b, const struct lq_time *t, const struct lq_civil *c,
              const struct spec *s)
{
	int hour12 = c->hour % 12 ? c->hour % 12 : 12;
	switch (s->conversion) {
	case 'H': add_number(b, c->hour, s, '0', 2); return true;
	case 'k': add_number(b, c->hour, s, ' ', 2); return true;
	case 'I': add_number(b, hour12, s, '0', 2); return true;
	case 'l': add_number(b, hour12, s, ' ', 2); return true;
	case 'P': add_half(b, t, c, s, true); return true;
	case 'p': add_half(b, t, c, s, false); return true;
	case 'M': add_number(b, c->minute, s, '0', 2); return true;
	case 'S': add_number(b, c->second, s, '0', 2); return true;
	case 'L':
	case 'N': add_fraction(b, t, s); return true;
	case 'z': add_offset(b, t, s); return true;
	case 'Z': add_padded(b, pr_str(t->zone), s, ' ', 0); return true;
	case 's': add_number(b, t->seconds, s, '0', 1); return true;
	case 'n': lq_build_add(b, "\n", 1); return true;
	case 't': lq_build_add(b, "\t", 1); return true;
	case '%': lq_build_add(b, "%", 1); return true;
	default: return false;
	}
}

/* Reads a specification behind a %; returns the octets it takes, 0 when it is none. */
static size_t
read_spec(struct pr_str f, struct spec *s)
{
	size_t i = 0;
	*s = (struct spec){0};
	char letter = f.n ? pr_lower(f.p[0]) : 0;
	if (letter >= 'a' && letter <= 'z' && f.p[0] != 'E' && f.p[0] != 'O') { /* nearly always */
		s->plain = true;
		s->conversion = f.p[0];
		return 1;
	}
	for (; i < f.n && strchr("-0^#_", f.p[i] ? f.p[i] : 'x'); i++) {
		if (f.p[i] == '^')
			s->upper = true;
		else if (f.p[i] == '#')
			s->swap = true;
		else
			s->pad = f.p[i] == '_' ? ' ' : f.p[i];
	}
	for (; i < f.n && pr_is_digit(f.p[i]); i++)
		if (s->width < 1000)
			s->width = s->width * 10 + f.p[i] - '0';
	for (; i < f.n && f.p[i] == ':'; i++)
		s->colons++;
	if (i < f.n && (f.p[i] == 'E' || f.p[i] == 'O'))
		i++;
	if (i == f.n || s->width >= 1000)
		return 0;
	s->conversion = f.p[i];
	return s->colons && s->conversion != 'z' ? 0 : i + 1;
}

void
lq_time_format(struct lq_builder *b, const struct lq_time *t, struct pr_str f, unsigned depth)
{
	const struct lq_locale *l = t->locale ? t->locale : lq_locales;
	struct lq_civil c = lq_civil_of(t);
	struct spec s;
	for (size_t i = 0; i < f.n && !b->failed;) {
		if (f.p[i] != '%') {
			size_t from = i;
			while (i < f.n && f.p[i] != '%')
				i++;
			lq_build_add(b, f.p + from, i - from);
			continue;
		}
		size_t n = read_spec((struct pr_str){f.p + i + 1, f.n - i - 1}, &s);
		const char *more = n && depth < 3 ? composite(s.conversion) : NULL;
		if (more)
			add_nested(b, t, &s, more, depth);
		else if (!n || (!add_date_part(b, l, &c, &s) && !add_time_part(b, t, &c, &s)))
			lq_build_add(b, f.p + i, n + 1);
		i += n + 1;
	}
}
