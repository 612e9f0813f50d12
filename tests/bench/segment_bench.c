/*
 * Segments over many contacts and events: seconds to put them, with all that is derived, and to
 * count conditions.
 *   segment_bench PATH.db CONTACTS EVENTS-OF-EACH
 * PATH.db is made, and left.
 */
#include "../../src/audience/internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/segment.h"
#include "postrider/audience/track.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 2000u
#define NOW 1800000000000LL

static const struct pr_attribute attributes[] = {{"points", PR_ATTRIBUTE_NUMBER},
                                                 {"city", PR_ATTRIBUTE_TEXT}};
static char addresses[BATCH][40], texts[BATCH][2][16];
static bool forgotten[BATCH];
static struct pr_error e;

static void
need(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", e.text);
	exit(1);
}

static void
name_contacts(unsigned first)
{
	for (unsigned i = 0; i < BATCH; i++)
		snprintf(addresses[i], sizeof addresses[i], "someone.%08u@shop.example", first + i);
}

static void
put_contacts(pr_audience *a, unsigned first)
{
	static struct pr_contact contacts[BATCH];
	static struct pr_str values[BATCH][2];
	name_contacts(first);
	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(texts[i][0], sizeof texts[i][0], "%u", (first + i) % 1000);
		snprintf(texts[i][1], sizeof texts[i][1], "city%u", (first + i) % 100);
		values[i][0] = pr_str(texts[i][0]);
		values[i][1] = pr_str(texts[i][1]);
		contacts[i].address = pr_str(addresses[i]);
		contacts[i].values = values[i];
	}
	struct pr_contact_batch b = {.attributes = attributes,
	                             .attributes_n = 2,
	                             .contacts = contacts,
	                             .n = BATCH,
	                             .list = first % 10000 ? PR_STR("all") : PR_STR("vip"),
	                             .forgotten = forgotten};
	need(pr_db_begin(a->db, &e));
	need(pr_db_end(a->db, pr_contacts_put(a, &b, INT64_MAX, &e), &e));
}

/* Of three years, a fifth of them orders. */
static struct pr_customer_event
any_event(const char *address, uint64_t chance)
{
	static const char *const names[] = {"order", "click", "visit", "open", "visit"};
	unsigned name = (unsigned)(chance / 1000 % 5);
	int64_t age_ms = (int64_t)(chance % 1000) * PR_DAY_MS + (int64_t)(chance >> 40) % PR_DAY_MS;
	return (struct pr_customer_event){.address = pr_str(address),
	                                  .name = pr_str(names[name]),
	                                  .amount = name ? PR_STR("") : PR_STR("19.90"),
	                                  .at_ms = NOW - age_ms};
}

static void
put_events(pr_audience *a, unsigned first, unsigned each)
{
	static struct pr_customer_event events[BATCH];
	size_t n = 0;
	name_contacts(first);
	need(pr_db_begin(a->db, &e));
	for (uint64_t i = 0; i < (uint64_t)BATCH * each; i++) {
		events[n++] = any_event(addresses[i / each], pr_mix64((uint64_t)first * each + i));
		if (n < BATCH)
			continue;
		struct pr_event_batch b = {.events = events, .n = n, .forgotten = forgotten};
		need(pr_events_put(a, &b, INT64_MAX, &e));
		n = 0;
	}
	need(pr_db_end(a->db, 0, &e));
}

static void
put_all(const char *path, unsigned n, unsigned each)
{
	pr_audience *a;
	need(pr_audience_open(path, PR_AUDIENCE_WRITE, &a, &e));
	int64_t began = pr_mono_ms();
	for (unsigned i = 0; i + BATCH <= n; i += BATCH)
		put_contacts(a, i);
	int64_t middle = pr_mono_ms();
	for (unsigned i = 0; i + BATCH <= n; i += BATCH)
		put_events(a, i, each);
	printf("%6.2f s  %u contacts\n", (double)(middle - began) / 1000, n);
	printf("%6.2f s  %u events of each, and what is derived\n",
	       (double)(pr_mono_ms() - middle) / 1000, each);
	pr_audience_close(a);
}

static void
count(const char *path, const char *condition)
{
	struct pr_segment_ask ask = {pr_str(condition), NOW, 60000};
	pr_audience *a;
	uint64_t n;
	need(pr_audience_open(path, PR_AUDIENCE_READ, &a, &e));
	int64_t began = pr_mono_ms();
	need(pr_segment_count(a, &ask, &n, &e));
	printf("%6.2f s  %8llu are  %s\n", (double)(pr_mono_ms() - began) / 1000,
	       (unsigned long long)n, condition);
	pr_audience_close(a);
}

int
main(int argc, char **argv)
{
	static const char *const conditions[] = {
	    "points > 500 AND city = 'city7'",
	    "recency >= 4 AND stage = 'active' AND value > 50",
	    "frequency = 5 AND monetary >= 4 AND engagement > 3",
	    "days_since('order') > 180",
	    "count('click', 90) > 0 AND in_list('vip')",
	    "sum('order', 365) > 60",
	};
	unsigned n = argc > 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	unsigned each = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	if (n < BATCH || each == 0) {
		fprintf(stderr, "usage: segment_bench PATH.db CONTACTS EVENTS-OF-EACH\n");
		return 2;
	}
	put_all(argv[1], n, each);
	for (unsigned i = 0; i < sizeof conditions / sizeof *conditions; i++)
		count(argv[1], conditions[i]);
	return 0;
}
