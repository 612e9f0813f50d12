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
