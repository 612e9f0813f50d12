/*
 * Named time zones out of the system's TZif files (RFC 8536): the transitions of the
 * 64-bit block, then the rule in the footer (POSIX TZ, its M form) for all later years.
 *
 * A zone is read once per process and kept: an immutable entry of a list that only
 * grows, so that renders on several threads share it without a lock. New tzdata is
 * seen after a restart. Names are checked before they become a path; a file that is
 * no TZif file is as good as none. glibc's own zone is process-wide and thus no help.
 */
#include "date.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ZONES_FOLDER "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX 64
#define ZONE_FILE_MAX 65536
#define ZONES_MAX 800 /* more than there are */

struct type {
	int32_t offset;
	char name[8];
};

/* The nth weekday of a month: POSIX Mm.w.d/time. */
struct change {
	int month, week, weekday;
	int32_t second; /* of the day, local time before the change */
};

struct zone {
	struct zone *next;
	char name[ZONE_NAME_MAX];
	int64_t *times;
	uint8_t *kinds;
	uint32_t n;
	struct type types[256];
	bool has_rule, has_summer;
	struct type standard, summer; /* of the rule */
	struct change begin, end;
};

static _Atomic(struct zone *) zones;
static atomic_uint zones_known;

static int32_t
be32(const unsigned char *p)
{
	return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static int64_t
be64(const unsigned char *p)
{
	return (int64_t)((uint64_t)(uint32_t)be32(p) << 32 | (uint32_t)be32(p + 4));
}

/* Sizes in a TZif header, in the order of RFC 8536 section 3.1. */
struct header {
	uint32_t utc, standard, leaps, times, types, chars;
};

static bool
read_header(const unsigned char *p, size_t n, struct header *h)
{
	if (n < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return false;
	*h =
	    (struct header){(uint32_t)be32(p + 20), (uint32_t)be32(p + 24), (uint32_t)be32(p + 28),
	                    (uint32_t)be32(p + 32), (uint32_t)be32(p + 36), (uint32_t)be32(p + 40)};
	return h->utc < 5000 && h->standard < 5000 && h->leaps < 5000 && h->times < 5000 &&
	       h->types > 0 && h->types <= 256 && h->chars < 5000;
}

static size_t
block_size(const struct header *h, size_t width)
{
	return h->times * (width + 1) + h->types * 6 + h->chars + h->leaps * (width + 4) +
	       h->standard + h->utc;
}

static void
copy_name(char to[8], const unsigned char *p, size_t n)
{
	size_t i = 0;
	for (; i < n && i < 7 && p[i]; i++)
		to[i] = (char)p[i];
	to[i] = 0;
}

static void
read_block(struct zone *z, const unsigned char *p, const struct header *h)
{
	const unsigned char *kinds = p + h->times * 8, *types = kinds + h->times;
	const unsigned char *names = types + h->types * 6;
	z->n = h->times;
	z->times = pr_calloc(h->times + 1, sizeof *z->times);
	z->kinds = pr_calloc(h->times + 1, 1);
	for (uint32_t i = 0; i < h->times; i++) {
		z->times[i] = be64(p + 8 * i);
		z->kinds[i] = kinds[i] < h->types ? kinds[i] : 0;
	}
	for (uint32_t i = 0; i < h->types; i++) {
		unsigned at = types[6 * i + 5];
		z->types[i].offset = be32(types + 6 * i);
		if (at < h->chars)
			copy_name(z->types[i].name, names + at, h->chars - at);
	}
}

/* The parts of a POSIX rule; each moves *p on, false where it is not understood. */
static bool
rule_name(const char **p, char name[8])
{
	const char *from = *p;
	if (*from == '<') {
		const char *close = strchr(from, '>');
		if (!close)
			return false;
		copy_name(name, (const unsigned char *)from + 1, (size_t)(close - from - 1));
		*p = close + 1;
		return true;
	}
	while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
		++*p;
	copy_name(name, (const unsigned char *)from, (size_t)(*p - from));
	return *p > from;
}

static int
rule_number(const char **p)
{
	int value = 0;
	while (pr_is_digit(**p) && value < 10000)
		value = value * 10 + *(*p)++ - '0';
	return value;
}

/* [+-]h[h][:mm[:ss]] in seconds */
static int32_t
rule_time(const char **p)
{
	int sign = **p == '-' ? -1 : 1, unit = 3600, seconds = 0;
	*p += **p == '-' || **p == '+';
	for (;; unit /= 60) {
		seconds += rule_number(p) * unit;
		if (**p != ':' || unit == 1)
			return sign * seconds;
		++*p;
	}
}

static bool
rule_change(const char **p, struct change *c)
{
	if ((*p)[0] != ',' || (*p)[1] != 'M')
		return false;
	*p += 2;
	c->month = rule_number(p);
	*p += **p == '.';
	c->week = rule_number(p);
	*p += **p == '.';
	c->weekday = rule_number(p);
	c->second = 7200;
	if (**p == '/') {
		++*p;
		c->second = rule_time(p);
	}
	return c->month >= 1 && c->month <= 12 && c->week >= 1 && c->week <= 5 && c->weekday <= 6;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3" */
static bool
read_rule(struct zone *z, const char *p)
{
	if (!rule_name(&p, z->standard.name))
		return false;
	z->standard.offset = -rule_time(&p);
	if (*p == 0)
		return true;
	if (!rule_name(&p, z->summer.name))
		return false;
	z->summer.offset = *p && *p != ',' ? -rule_time(&p) : z->standard.offset + 3600;
	z->has_summer = rule_change(&p, &z->begin) && rule_change(&p, &z->end);
	return z->has_summer;
}

static bool
read_zone_file(struct zone *z, const unsigned char *p, size_t n)
{
	struct header h;
	char rule[64];
	if (!read_header(p, n, &h) || n - 44 < block_size(&h, 4))
		return false;
	size_t skip = 44 + block_size(&h, 4);
	p += skip;
	n -= skip;
	if (!read_header(p, n, &h) || n - 44 < block_size(&h, 8))
		return false;
	read_block(z, p + 44, &h);
	p += 44 + block_size(&h, 8);
	n -= 44 + block_size(&h, 8);
	const unsigned char *eol = n > 1 && p[0] == '\n' ? memchr(p + 1, '\n', n - 1) : NULL;
	if (eol && (size_t)(eol - p) - 1 < sizeof rule) {
		size_t length = (size_t)(eol - p) - 1;
		memcpy(rule, p + 1, length);
		rule[length] = 0;
		z->has_rule = read_rule(z, rule);
	}
	return true;
}

static bool
is_zone_name(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n >= ZONE_NAME_MAX || name[0] == '/' || strstr(name, ".."))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!pr_is_digit(name[i]) &&
		    !(pr_lower(name[i]) >= 'a' && pr_lower(name[i]) <= 'z') &&
		    !strchr("/_+-", name[i]))
			return false;
	return true;
}

static void
free_zone(struct zone *z)
{
	free(z->times);
	free(z->kinds);
	free(z);
}

/* The links of zoneinfo lead within it: opened by name, read as a plain file. */
static struct zone *
load(const char *name)
{
	char path[sizeof ZONES_FOLDER + ZONE_NAME_MAX], real[4096];
	struct pr_buf b = {0};
	snprintf(path, sizeof path, ZONES_FOLDER "%s", name);
	if (!realpath(path, real) || pr_file_read(AT_FDCWD, real, ZONE_FILE_MAX, &b, NULL) < 0) {
		pr_buf_finish(&b);
		return NULL;
	}
	struct zone *z = pr_calloc(1, sizeof *z);
	snprintf(z->name, sizeof z->name, "%s", name);
	bool good = read_zone_file(z, (const unsigned char *)b.data, b.len);
	pr_buf_finish(&b);
	if (good)
		return z;
	free_zone(z);
	return NULL;
}

static const struct zone *
find_zone(const char *name)
{
	if (!name)
		return NULL;
	for (struct zone *z = atomic_load(&zones); z; z = z->next)
		if (strcmp(z->name, name) == 0)
			return z;
	if (!is_zone_name(name) || atomic_load(&zones_known) >= ZONES_MAX)
		return NULL;
	struct zone *z = load(name);
	if (!z)
		return NULL;
	z->next = atomic_load(&zones); /* two threads may add the same zone: no harm */
	while (!atomic_compare_exchange_weak(&zones, &z->next, z))
		continue;
	atomic_fetch_add(&zones_known, 1);
	return z;
}

/* UTC instant at which a change happens in a year, with `offset` in force before it. */
static int64_t
change_at(const struct change *c, int64_t year, int32_t offset)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int length = lengths[c->month - 1] + (leap && c->month == 2);
	int64_t first = lq_days(year, c->month, 1);
	int weekday = (int)(((first + 4) % 7 + 7) % 7);
	int day = (c->weekday - weekday + 7) % 7 + 7 * (c->week - 1);
	while (day >= length)
		day -= 7;
	return (first + day) * 86400 + c->second - offset;
}

static const struct type *
by_rule(const struct zone *z, int64_t t)
{
	struct lq_time utc = {.seconds = t};
	if (!z->has_summer)
		return &z->standard;
	int64_t year = lq_civil_of(&utc).year;
	int64_t begin = change_at(&z->begin, year, z->standard.offset);
	int64_t end = change_at(&z->end, year, z->summer.offset);
	bool summer = begin < end ? t >= begin && t < end : t >= begin || t < end;
	return summer ? &z->summer : &z->standard;
}

static const struct type *
type_at(const struct zone *z, int64_t t)
{
	uint32_t low = 0, high = z->n;
	if (z->has_rule && (z->n == 0 || t >= z->times[z->n - 1]))
		return by_rule(z, t);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (z->times[middle] <= t)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &z->types[z->kinds[low - 1]] : &z->types[0];
}

bool
lq_zone_apply(const char *name, struct lq_time *t)
{
	const struct zone *z = find_zone(name);
	const struct type *type = z ? type_at(z, t->seconds) : NULL;
	t->offset = type ? type->offset : 0;
	memcpy(t->zone, type ? type->name : "UTC\0\0\0\0", sizeof t->zone);
	return z != NULL;
}

bool
lq_zone_from_local(const char *name, int64_t local, struct lq_time *t)
{
	t->seconds = local;
	bool known = lq_zone_apply(name, t); /* off by the offset; right on the second try */
	t->seconds = local - t->offset;
	lq_zone_apply(name, t);
	t->seconds = local - t->offset;
	lq_zone_apply(name, t);
	return known;
}
