/*
 * What it costs to find whom an order by e-mail is credited to: milliseconds an order, one order a
 * round, over campaigns that have ended.
 *   credit_bench FOLDER CAMPAIGNS ROWS ORDERS
 * FOLDER must not exist; one row in twenty clicked, and one order in ten is of a person who did.
 */
#include "../../src/conversions/find.h"

#include "postrider/statedb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define CLICKED_MS 100000

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
add_rows(pr_ledger *l, unsigned serial, unsigned n)
{
	for (unsigned row = 1; row <= n; row++) {
		char email[64];
		struct pr_buf data = {0};
		snprintf(email, sizeof email, "user%u@example.com", serial * n + row);
		struct pr_str field = pr_str(email);
		pr_fields_pack(&data, &field, 1);
		struct pr_ledger_new new_row = {.row = row,
		                                .email = field,
		                                .domain = PR_STR("example.com"),
		                                .data = pr_buf_str(&data),
		                                .state = PR_PENDING,
		                                .reason = PR_STR("")};
		need(pr_ledger_add(l, &new_row, &e));
		pr_buf_finish(&data);
	}
	need(pr_ledger_import_done(l, &e));
	while (pr_ledger_index_slice(l, 1000, &e) == 1)
		;
}

static void
add_clicks(pr_ledger *l, unsigned serial, unsigned n)
{
	struct pr_engagement g = {
	    .kind = PR_ENGAGEMENT_CLICK, .link = 1, .detail = PR_STR("https://shop.example/")};
	struct pr_record *records = pr_calloc(n, sizeof *records);
	struct pr_buf payload = {0};
	size_t k = 0;
	pr_engagement_encode(&g, &payload);
	for (unsigned row = 20; row <= n; row += 20)
		records[k++] = (struct pr_record){.lsn = row,
		                                  .campaign = serial,
		                                  .row = row,
		                                  .type = PR_RECORD_ENGAGEMENT,
		                                  .at_ms = CLICKED_MS,
		                                  .payload = payload.data,
		                                  .payload_n = (uint16_t)payload.len};
	need(pr_ledger_fold(l, records, k, n + 1, &e));
	pr_buf_finish(&payload);
	free(records);
}

static void
make_campaign(const char *folder, pr_statedb *db, unsigned serial, unsigned rows)
{
	static const struct pr_str columns[] = {{"email", 5}};
	struct pr_ledger_identity i = {.serial = serial, .generation = 1};
	struct pr_accepted a = {.serial = serial, .name = "bench"};
	char path[400];
	pr_ledger *l;
	snprintf(i.id, sizeof i.id, "20261201-bench-%04u", serial);
	snprintf(a.id, sizeof a.id, "%s", i.id);
	snprintf(path, sizeof path, "%s/done/%s", folder, i.id);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/done/%s/ledger.db", folder, i.id);
	need(pr_statedb_put_campaign(db, &a, &e));
	need(pr_ledger_create(path, &i, columns, 1, &l, &e));
	add_rows(l, serial, rows);
	need(pr_ledger_set(l, "conversions", PR_STR("604800000 click order"), &e));
	add_clicks(l, serial, rows);
	pr_ledger_close(l);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - 3600}};
	utimensat(AT_FDCWD, path, times, 0);
}

/* Who ordered the k-th time; the campaigns are of different people. */
static bool
order(struct finder *f, const struct pr_config *config, unsigned campaigns, unsigned rows,
      unsigned k)
{
	char email[64];
	unsigned serial = k % campaigns + 1, row = k % 10 ? 1 + k % 19 : 20;
	snprintf(email, sizeof email, "user%u@example.com", serial * rows + row);
	struct pr_customer_event event = {
	    .address = pr_str(email), .name = PR_STR("order"), .at_ms = CLICKED_MS + PR_HOUR_MS};
	struct pr_event_credit credit = {0};
	struct pr_order o = {.events = &event, .n = 1, .batch = {.credits = &credit}};
	struct pr_order *orders[] = {&o};
	find_credits(f, config, orders, 1);
	return credit.serial != 0;
}

int
main(int argc, char **argv)
{
	static struct pr_config config;
	char path[300];
	pr_statedb *db;
	if (argc < 5) {
		fprintf(stderr, "usage: credit_bench FOLDER CAMPAIGNS ROWS ORDERS\n");
		return 2;
	}
	unsigned campaigns = (unsigned)atoi(argv[2]), rows = (unsigned)atoi(argv[3]);
	unsigned orders = (unsigned)atoi(argv[4]), credited = 0;
	snprintf(path, sizeof path, "%s/done", argv[1]);
	mkdir(argv[1], 0700);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/state.db", argv[1]);
	need(pr_statedb_open(path, &db, &e));
	for (unsigned i = 1; i <= campaigns; i++)
		make_campaign(argv[1], db, i, rows);
	pr_statedb_close(db);
	struct finder *f = finder_create(argv[1], path, &e);
	need(f ? 0 : -1);
	unsigned step = orders >= 10 ? orders / 10 : 1;
	int64_t began = pr_mono_us();
	for (unsigned k = 0; k < orders; k++) {
		credited += order(f, &config, campaigns, rows, k);
		if ((k + 1) % step)
			continue;
		printf("orders %u to %u: %.2f ms each, %u credited so far\n", k + 2 - step, k + 1,
		       (double)(pr_mono_us() - began) / 1000 / step, credited);
		began = pr_mono_us();
	}
	finder_destroy(f);
	return 0;
}
