/*
 * Segments: any condition, against a store with contacts. Holds: what the check refuses the store
 * refuses, each refusal says a place within the condition, and nothing is ever written.
 */
#include "postrider/audience/segment.h"

#include "postrider/audience/contacts.h"

#include <stdlib.h>
#include <string.h>

static pr_audience *store;

static void
make_store(void)
{
	static const struct pr_attribute points = {"points", PR_ATTRIBUTE_NUMBER};
	struct pr_str value = PR_STR("5");
	struct pr_contact c = {.address = PR_STR("ann@a.example"), .values = &value};
	bool forgotten = false;
	struct pr_contact_batch b = {.attributes = &points,
	                             .attributes_n = 1,
	                             .contacts = &c,
	                             .n = 1,
	                             .list = PR_STR("vip"),
	                             .forgotten = &forgotten};
	struct pr_error e;
	uint64_t generation;
	if (pr_audience_open(":memory:", PR_AUDIENCE_WRITE, &store, &e) < 0 ||
	    pr_audience_change_begin(store, &e) < 0)
		abort();
	int r = pr_contacts_put(store, &b, INT64_MAX, &e);
	if (pr_audience_change_end(store, r, &generation, &e) < 0)
		abort();
}

static void
check_place(const struct pr_error *e, size_t n)
{
	char *end;
	if (strncmp(e->text, "at ", 3) != 0)
		abort();
	unsigned long place = strtoul(e->text + 3, &end, 10);
	if (*end != ':' || place < 1 || (place > n + 1 && place != PR_CONDITION_TEXT_MAX))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_segment_ask ask = {pr_str_n((const char *)data, n), 1800000000000, 100};
	struct pr_error e;
	uint64_t count = 0, contacts = 0;
	if (!store)
		make_store();
	int checked = pr_segment_check(ask.condition, &e);
	if (checked < 0)
		check_place(&e, n);
	int r = pr_segment_count(store, &ask, &count, &e);
	if (checked < 0 && r == 0)
		abort();
	if (r == PR_EINVAL)
		check_place(&e, n);
	if (pr_contact_count(store, &contacts, &e) < 0 || contacts != 1 || count > 1)
		abort();
	return 0;
}
