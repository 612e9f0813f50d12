/* A store of suppressions in a folder of its own. */
#ifndef TESTS_AUDIENCE_WORLD_H
#define TESTS_AUDIENCE_WORLD_H

#include "ledger_help.h"

#include "postrider/audience.h"

#define NOW 1800000000000LL

static char store_path[100];

static inline void
make_world(void)
{
	make_folder();
	snprintf(store_path, sizeof store_path, "%s/audience.db", folder);
}

static inline pr_audience *
open_store(enum pr_audience_mode mode)
{
	struct pr_error e = {0};
	pr_audience *a = NULL;
	ok(pr_audience_open(store_path, mode, &a, &e), &e);
	return a;
}

static inline struct pr_suppression
suppression(const char *address, const char *scope, enum pr_suppression_reason reason)
{
	return (struct pr_suppression){.address = pr_str(address),
	                               .scope = pr_str(scope),
	                               .reason = reason,
	                               .note = PR_STR(""),
	                               .source = PR_STR("test"),
	                               .at_ms = NOW};
}

/* What stops it, "" when nothing does. A static buffer. */
static inline const char *
stopped(pr_audience *a, const char *address, bool transactional, const char *list, int64_t now)
{
	static struct pr_buf why;
	struct pr_error e = {0};
	struct pr_audience_who who = {.transactional = transactional};
	uint64_t generation;
	snprintf(who.list, sizeof who.list, "%s", list);
	pr_buf_clear(&why);
	pr_buf_adds(&why, "");
	ok(pr_audience_begin(a, &generation, &e), &e);
	int r = pr_audience_check(a, pr_str(address), &who, now, &why, &e);
	pr_audience_end(a);
	ck_assert_msg(r >= 0, "%s", e.text);
	ck_assert_int_eq(r, why.len > 0);
	return why.data;
}

#endif
