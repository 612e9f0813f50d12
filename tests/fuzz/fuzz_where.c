/*
 * `where` over a campaign: any condition, against a ledger in which something has become of people.
 * Holds: what the check refuses is refused over the ledger, each refusal says a place within the
 * condition, counting and reading agree, and nothing is ever written.
 */
#include "postrider/ledger/where.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4u

static pr_ledger *ledger;
static char folder[] = "/tmp/postrider-fuzz-XXXXXX";
static const struct pr_str variants[] = {PR_STR("it's"), PR_STR("%s plain")};

static void
must(int r, const struct pr_error *e)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", e->text);
	abort();
}

static void
remove_ledger(void)
{
	pr_ledger_close(ledger);
	pr_remove_tree(AT_FDCWD, folder);
}

static void
add_rows(void)
{
	static const struct pr_str none = PR_STR("");
	struct pr_error e;
	struct pr_buf data = {0};
	pr_fields_pack(&data, &none, 1);
	for (uint32_t row = 1; row <= ROWS; row++) {
		char email[40];
		snprintf(email, sizeof email, "user%u@a.example", row);
		struct pr_ledger_new n = {.row = row,
		                          .email = pr_str(email),
		                          .domain = PR_STR("a.example"),
		                          .data = pr_buf_str(&data),
		                          .state = row == ROWS ? PR_SKIPPED : PR_PENDING,
		                          .reason = PR_STR("bad")};
		must(pr_ledger_add(ledger, &n, &e), &e);
	}
	pr_buf_finish(&data);
}

/* Delivered to 1 and 2; 1 has clicked, 2 was opened by a machine. */
static void
fold(void)
{
	const struct pr_engagement hits[] = {
	    {.kind = PR_ENGAGEMENT_CLICK, .detail = PR_STR("https://a.example/sale")},
	    {.kind = PR_ENGAGEMENT_OPEN, .evidence = PR_EVIDENCE_APPLE_PROXY}};
	struct pr_record records[4];
	struct pr_buf payloads[4] = {0};
	struct pr_error e;
	for (unsigned i = 0; i < 4; i++) {
		records[i] =
		    (struct pr_record){.lsn = i + 1,
		                       .campaign = 7,
		                       .row = i / 2 + 1,
		                       .type = i % 2 ? PR_RECORD_ENGAGEMENT : PR_RECORD_OUTCOME,
		                       .at_ms = 1700000000000 + i * 3600000};
		if (i % 2)
			pr_engagement_encode(&hits[i / 2], &payloads[i]);
		else
			pr_outcome_encode(
			    &(struct pr_outcome){.state = PR_DELIVERED, .code = 250, .attempts = 1},
			    &payloads[i]);
		records[i].payload = payloads[i].data;
		records[i].payload_n = (uint16_t)payloads[i].len;
	}
	must(pr_ledger_fold(ledger, records, 4, 5, &e), &e);
	for (unsigned i = 0; i < 4; i++)
		pr_buf_finish(&payloads[i]);
}

static void
make_ledger(void)
{
	static const struct pr_str columns[] = {PR_STR("email")};
	struct pr_ledger_identity identity = {.id = "20261201-test-aaaa", .serial = 7};
	char path[sizeof folder + 20];
	struct pr_error e;
	if (!mkdtemp(folder))
		abort();
	atexit(remove_ledger);
	snprintf(path, sizeof path, "%s/ledger.db", folder);
	must(pr_ledger_create(path, &identity, columns, 1, &ledger, &e), &e);
	add_rows();
	must(pr_ledger_import_done(ledger, &e), &e);
	fold();
}

struct seen {
	uint64_t rows, machine;
};

static int
see(void *context, uint32_t row, struct pr_str email, struct pr_str data, bool machine)
{
	struct seen *s = context;
	if (row < 1 || row > ROWS || email.n == 0 || data.n == 0)
		abort();
	s->rows++;
	s->machine += machine;
	return 0;
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

static void
check_unchanged(void)
{
	struct pr_counts c;
	struct pr_error e;
	must(pr_ledger_counts(ledger, &c, &e), &e);
	if (c.total != ROWS || c.of[PR_DELIVERED] != 2 || c.of[PR_SKIPPED] != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_where_ask ask = {.condition = pr_str_n((const char *)data, n),
	                           .variants = variants,
	                           .variants_n = n % 2 ? 2 : 0,
	                           .now_utc_ms = 1800000000000,
	                           .limit_ms = 100};
	struct pr_where_counts counts = {0};
	struct seen seen = {0};
	struct pr_error e;
	if (!ledger)
		make_ledger();
	int checked = pr_where_check(ask.condition, &e);
	if (checked < 0)
		check_place(&e, n);
	int counted = pr_where_count(ledger, &ask, &counts, &e);
	if (counted == PR_EINVAL)
		check_place(&e, n);
	int read = pr_where_each(ledger, &ask, see, &seen, &e);
	if (checked < 0 && (counted == 0 || read == 0))
		abort();
	if (counted == 0 && read == 0 &&
	    (counts.rows != seen.rows || counts.machine != seen.machine || counts.rows > ROWS))
		abort();
	check_unchanged();
	return 0;
}
