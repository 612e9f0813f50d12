/* Numbers, durations and times as people read them. All write into the caller's CLI_TEXT. */
#include "cli.h"

#include "postrider/base/clock.h"

#include <time.h>

char *
cli_number(uint64_t n, char *out)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
	return out;
}

char *
cli_duration(int64_t ms, char *out)
{
	long long s = (ms < 0 ? 0 : ms + 500) / 1000;
	if (s < 60)
		snprintf(out, CLI_TEXT, "%llds", s);
	else if (s < 3600)
		snprintf(out, CLI_TEXT, "%lldm %02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, CLI_TEXT, "%lldh %02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, CLI_TEXT, "%lldd %02lldh", s / 86400, s / 3600 % 24);
	return out;
}

char *
cli_octets(uint64_t n, char *out)
{
	static const char *const units[] = {"octets", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)n;
	unsigned unit = 0;
	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(out, CLI_TEXT, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return out;
}

bool
cli_parse_time(const char *text, int64_t *utc_ms)
{
	struct tm tm = {0};
	int ms = 0, end = 0;
	if (!text ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
	           &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms, &end) != 7 ||
	    strcmp(text + end, "Z") != 0)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*utc_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return true;
}

char *
cli_time(const char *rfc3339, char *out)
{
	int64_t at;
	struct tm tm;
	snprintf(out, CLI_TEXT, "-");
	if (cli_parse_time(rfc3339, &at)) {
		time_t seconds = (time_t)(at / 1000);
		if (localtime_r(&seconds, &tm))
			strftime(out, CLI_TEXT, "%Y-%m-%d %H:%M:%S %Z", &tm);
	}
	return out;
}

/* All and nothing are said only of all and nothing: 9,999 of 10,000 is no 100.0 %. */
char *
cli_percent(uint64_t part, uint64_t whole, char *out)
{
	double share = whole ? 100 * (double)part / (double)whole : 0;
	if (part && share < 0.1)
		snprintf(out, CLI_TEXT, "<0.1 %%");
	else if (part < whole && share > 99.9)
		snprintf(out, CLI_TEXT, "99.9 %%");
	else
		snprintf(out, CLI_TEXT, "%.1f %%", share);
	return out;
}

char *
cli_bar(uint64_t part, uint64_t whole, unsigned width, char *out)
{
	unsigned inner = width > 2 ? (width < 200 ? width : 200) - 2 : 0;
	unsigned full = whole ? (unsigned)((double)inner * (double)part / (double)whole) : 0;
	if (full > inner || (whole && part >= whole))
		full = inner;
	else if (full == inner && full > 0)
		full--; /* not before all is done */
	out[0] = '[';
	memset(out + 1, '#', full);
	memset(out + 1 + full, '-', inner - full);
	out[1 + inner] = ']';
	out[2 + inner] = 0;
	return out;
}

const char *
cli_show(const char *text)
{
	static char ring[8][1024]; /* the longest detail of an event fits */
	static unsigned next;
	char *out = ring[next++ % 8];
	return pr_str_show(pr_str(text ? text : ""), out, sizeof ring[0]);
}

static unsigned
columns_of(uint32_t code)
{
	static const struct {
		uint32_t from, to;
		unsigned columns;
	} ranges[] = {
	    /* East Asian wide ones and combining marks, roughly (UAX 11) */
	    {0x300, 0x36F, 0},   {0x1100, 0x115F, 2}, {0x200B, 0x200F, 0},   {0x2E80, 0xA4CF, 2},
	    {0xAC00, 0xD7A3, 2}, {0xF900, 0xFAFF, 2}, {0xFE00, 0xFE0F, 0},   {0xFE30, 0xFE6F, 2},
	    {0xFF00, 0xFF60, 2}, {0xFFE0, 0xFFE6, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
	};
	for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (code >= ranges[i].from && code <= ranges[i].to)
			return ranges[i].columns;
	return 1;
}

unsigned
cli_width(const char *text)
{
	unsigned width = 0;
	size_t n = strlen(text), at = 0;
	while (at < n) {
		uint32_t code = '?';
		size_t step = pr_utf8_decode(text + at, n - at, &code);
		width += columns_of(code);
		at += step ? step : 1;
	}
	return width;
}
