/* Zones and instants for tests, written as people read them. */
#ifndef TIME_HELP_H
#define TIME_HELP_H

#include "suite.h"

#include "postrider/base/clock.h"
#include "postrider/campaign/schedule.h"

#include <time.h>

static inline pr_zone *
zone(const char *name)
{
	pr_zone *z = NULL;
	struct pr_error e = {0};
	ck_assert_msg(pr_zone_open(name, &z, &e) == 0, "%s", e.text);
	return z;
}

/* "2026-03-29T01:00" UTC in ms. */
static inline int64_t
utc(const char *text)
{
	struct tm tm = {0};
	ck_assert_ptr_nonnull(strptime(text, "%Y-%m-%dT%H:%M", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

/* Two so that one call may compare two instants. */
static inline const char *
show(int64_t ms)
{
	static char out[2][PR_RFC3339_SIZE];
	static unsigned turn;
	return ms == INT64_MAX ? "never" : pr_format_rfc3339(ms, out[turn++ % 2]);
}

#define ck_instant_eq(got, wanted)                                                                 \
	do {                                                                                       \
		int64_t g_ = (got), w_ = (wanted);                                                 \
		ck_assert_msg(g_ == w_, "got %s, wanted %s", show(g_), show(w_));                  \
	} while (0)

#endif
