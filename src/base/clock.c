/* Clocks, and durations, sizes and rates as people write them. */
#include "postrider/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
pr_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
pr_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
pr_utc_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

char *
pr_format_rfc3339(int64_t utc_ms, char *out)
{
	int64_t s = utc_ms / 1000, ms = utc_ms % 1000;
	if (ms < 0)
		ms += 1000, s--;
	time_t t = (time_t)s;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || tm.tm_year < 0 || tm.tm_year > 8099)
		t = 0, gmtime_r(&t, &tm);
	snprintf(out, PR_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	         (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)(tm.tm_mon + 1) % 100u,
	         (unsigned)tm.tm_mday % 100u, (unsigned)tm.tm_hour % 100u,
	         (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u, (unsigned)ms % 1000u);
	return out;
}

/* ---- RFC 3339, read ---- */

struct scan {
	struct pr_str left;
	bool good;
};

/* As many digits; 0 where they are not there. */
static int
digits(struct scan *s, unsigned n)
{
	int value = 0;
	for (unsigned i = 0; i < n && s->good; i++) {
		s->good = s->left.n > 0 && pr_is_digit(*s->left.p);
		if (!s->good)
			return 0;
		value = value * 10 + (*s->left.p - '0');
		s->left = pr_str_n(s->left.p + 1, s->left.n - 1);
	}
	return value;
}

/* One of these characters; 0 and nothing taken where none is there. */
static char
one_of(struct scan *s, const char *which)
{
	char c = s->left.n ? *s->left.p : 0;
	if (!c || !strchr(which, c))
		return 0;
	s->left = pr_str_n(s->left.p + 1, s->left.n - 1);
	return c;
}

static int
fraction_ms(struct scan *s)
{
	int ms = 0, unit = 100;
	if (!one_of(s, "."))
		return 0;
	ms += digits(s, 1) * unit;
	while (s->good && s->left.n && pr_is_digit(*s->left.p))
		ms += digits(s, 1) * (unit /= 10);
	return ms;
}

static void
scan_clock(struct scan *s, struct tm *tm, int *ms, int *east_minutes)
{
	tm->tm_hour = digits(s, 2);
	s->good &= one_of(s, ":") != 0;
	tm->tm_min = digits(s, 2);
	if (one_of(s, ":"))
		tm->tm_sec = digits(s, 2);
	*ms = fraction_ms(s);
	char sign = one_of(s, "Zz+-");
	if (sign == '+' || sign == '-') {
		int hours = digits(s, 2);
		s->good &= one_of(s, ":") != 0;
		int minutes = digits(s, 2);
		s->good &= hours < 24 && minutes < 60;
		*east_minutes = (sign == '+' ? 1 : -1) * (hours * 60 + minutes);
	}
}

bool
pr_parse_rfc3339(struct pr_str text, int64_t *utc_ms)
{
	struct scan s = {pr_str_trim(text), true};
	struct tm tm = {0}, asked;
	int ms = 0, east_minutes = 0;
	tm.tm_year = digits(&s, 4) - 1900;
	s.good &= one_of(&s, "-") != 0;
	tm.tm_mon = digits(&s, 2) - 1;
	s.good &= one_of(&s, "-") != 0;
	tm.tm_mday = digits(&s, 2);
	if (one_of(&s, "Tt "))
		scan_clock(&s, &tm, &ms, &east_minutes);
	if (!s.good || s.left.n || tm.tm_year < 70)
		return false;
	asked = tm;
	int64_t at = (int64_t)timegm(&tm) * 1000; /* carries the 30th of February on */
	if (asked.tm_mon != tm.tm_mon || asked.tm_mday != tm.tm_mday ||
	    asked.tm_hour != tm.tm_hour || asked.tm_min != tm.tm_min || asked.tm_sec != tm.tm_sec)
		return false;
	*utc_ms = at + ms - east_minutes * PR_MINUTE_MS;
	return true;
}

/* Digits, then the unit: what is left of s after them. */
static bool
split_number(struct pr_str s, uint64_t *number, struct pr_str *unit)
{
	size_t n = 0;
	while (n < s.n && pr_is_digit(s.p[n]))
		n++;
	*unit = pr_str_n(s.p + n, s.n - n);
	return pr_str_u64(pr_str_n(s.p, n), number);
}

bool
pr_parse_duration(struct pr_str s, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},
	             {"s", PR_SECOND_MS},
	             {"m", PR_MINUTE_MS},
	             {"h", PR_HOUR_MS},
	             {"d", PR_DAY_MS}};
	uint64_t number;
	struct pr_str unit;
	if (!split_number(s, &number, &unit) || number > INT_MAX)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (pr_str_is(unit, units[i].unit)) {
			*ms = (int64_t)number * units[i].ms;
			return true;
		}
	return false;
}

bool
pr_parse_size(struct pr_str s, uint64_t *octets)
{
	uint64_t number;
	struct pr_str unit;
	if (!split_number(s, &number, &unit) || number > UINT64_MAX >> 30 || unit.n > 1)
		return false;

	if (unit.n && !strchr("KMG", unit.p[0]))
		return false;
	*octets = number << (unit.n ? (unit.p[0] == 'K' ? 10 : unit.p[0] == 'M' ? 20 : 30) : 0);
	return true;
}

bool
pr_parse_rate(struct pr_str s, struct pr_rate *out)
{
	uint64_t number;
	struct pr_str unit;
	if (!split_number(s, &number, &unit) || number == 0 || number > 1000000000u ||
	    unit.n != 2 || unit.p[0] != '/')
		return false;
	int64_t period = unit.p[1] == 's'   ? PR_SECOND_MS
	                 : unit.p[1] == 'm' ? PR_MINUTE_MS
	                 : unit.p[1] == 'h' ? PR_HOUR_MS
	                 : unit.p[1] == 'd' ? PR_DAY_MS
	                                    : 0;
	if (!period)
		return false;
	*out = (struct pr_rate){(uint32_t)number, (uint32_t)period};
	return true;
}
