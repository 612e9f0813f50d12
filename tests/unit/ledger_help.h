/* Ledgers for tests: made in a folder of their own, fed with outcomes by number. */
#ifndef TESTS_LEDGER_HELP_H
#define TESTS_LEDGER_HELP_H

#include "postrider/base/file.h"
#include "postrider/ledger.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SERIAL 7

static char folder[64], ledger_path[80];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/postrider-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(ledger_path, sizeof ledger_path, "%s/ledger.db", folder);
}

static void
remove_folder(void)
{
	pr_remove_tree(AT_FDCWD, folder);
}

static inline void
ok(int r, const struct pr_error *e)
{
	ck_assert_msg(r == 0, "%d: %s", r, e->text);
}

static inline struct pr_ledger_identity
identity(void)
{
	struct pr_ledger_identity i = {.id = "20261201-test-aaaa",
	                               .serial = SERIAL,
	                               .state_id = {1, 2, 3},
	                               .generation = 1,
	                               .address_key = {11, 22}};
	return i;
}

/* n rows user1@d1.example ...; every tenth skipped; `domains` of them. */
static inline pr_ledger *
make_ledger(unsigned n, unsigned domains)
{
	static const struct pr_str columns[] = {{"email", 5}, {"name", 4}};
	struct pr_ledger_identity i = identity();
	struct pr_error e = {0};
	pr_ledger *l;
	ok(pr_ledger_create(ledger_path, &i, columns, 2, &l, &e), &e);
	for (unsigned row = 1; row <= n; row++) {
		char email[64], domain[40];
		struct pr_buf data = {0};
		snprintf(domain, sizeof domain, "d%u.example", row % domains);
		snprintf(email, sizeof email, "user%u@%s", row, domain);
		struct pr_str fields[] = {pr_str(email), pr_str("Ann")};
		pr_fields_pack(&data, fields, 2);
		bool skipped = row % 10 == 0;
		struct pr_ledger_new new_row = {.row = row,
		                                .email = pr_str(email),
		                                .domain = pr_str(domain),
		                                .data = pr_buf_str(&data),
		                                .state = skipped ? PR_SKIPPED : PR_PENDING,
		                                .reason = skipped ? PR_STR("bad") : PR_STR("")};
		ok(pr_ledger_add(l, &new_row, &e), &e);
		pr_buf_finish(&data);
	}
	ok(pr_ledger_import_done(l, &e), &e);
	return l;
}

static inline pr_ledger *
reopen(pr_ledger *l)
{
	struct pr_error e = {0};
	pr_ledger_close(l);
	ok(pr_ledger_open(ledger_path, PR_LEDGER_FOLD, &l, &e), &e);
	return l;
}

/* Records with their payloads. */
struct script {
	struct pr_record *records;
	struct pr_buf *payloads;
	size_t n, cap;
};

static inline void
script_add(struct script *s, struct pr_record r, struct pr_buf payload)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->records = pr_realloc(s->records, s->cap * sizeof *s->records);
		s->payloads = pr_realloc(s->payloads, s->cap * sizeof *s->payloads);
	}
	r.payload = payload.data;
	r.payload_n = (uint16_t)payload.len;
	s->payloads[s->n] = payload;
	s->records[s->n++] = r;
}

static inline void
script_outcome(struct script *s, uint64_t lsn, uint32_t row, struct pr_outcome o)
{
	struct pr_buf payload = {0};
	pr_outcome_encode(&o, &payload);
	script_add(s,
	           (struct pr_record){.lsn = lsn,
	                              .campaign = SERIAL,
	                              .row = row,
	                              .type = PR_RECORD_OUTCOME,
	                              .at_ms = 1000 + (int64_t)lsn},
	           payload);
}

static inline void
script_engagement(struct script *s, uint64_t lsn, uint32_t row, struct pr_engagement g)
{
	struct pr_buf payload = {0};
	pr_engagement_encode(&g, &payload);
	script_add(s,
	           (struct pr_record){.lsn = lsn,
	                              .campaign = SERIAL,
	                              .row = row,
	                              .type = PR_RECORD_ENGAGEMENT,
	                              .at_ms = 1000 + (int64_t)lsn},
	           payload);
}

static inline void
script_mass(struct script *s, uint64_t lsn, enum pr_state state)
{
	struct pr_buf payload = {0};
	pr_change_encode(&(struct pr_change){.state = (uint8_t)state,
	                                     .verb = PR_STR("cancel"),
	                                     .by = PR_STR("ann"),
	                                     .detail = PR_STR("no stock")},
	                 &payload);
	script_add(s,
	           (struct pr_record){
		       .lsn = lsn, .campaign = SERIAL, .type = PR_RECORD_MASS, .at_ms = 1000},
	           payload);
}

static inline void
script_finish(struct script *s)
{
	for (size_t i = 0; i < s->n; i++)
		pr_buf_finish(&s->payloads[i]);
	free(s->records);
	free(s->payloads);
	*s = (struct script){0};
}

static inline void
fold_script(pr_ledger *l, struct script *s, uint64_t lsn)
{
	struct pr_error e = {0};
	ok(pr_ledger_fold(l, s->records, s->n, lsn, &e), &e);
}

/* One outcome, one fold. */
static inline void
fold_one(pr_ledger *l, uint32_t row, struct pr_outcome o)
{
	struct script s = {0};
	uint64_t lsn = pr_ledger_folded(l) + 1;
	script_outcome(&s, lsn, row, o);
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
}

static inline struct pr_counts
counts_of(pr_ledger *l)
{
	struct pr_counts c;
	struct pr_error e = {0};
	uint64_t sum = 0;
	ok(pr_ledger_counts(l, &c, &e), &e);
	for (int i = 0; i < PR_STATES; i++)
		sum += c.of[i];
	ck_assert_uint_eq(sum, c.total); /* always */
	return c;
}

struct known { /* of pr_known, with its own memory */
	enum pr_state state;
	unsigned attempts, doubts, code, version;
	int64_t due_ms, last_ms;
	char reply[80], email[80];
};
static inline bool
keep_known(void *context, const struct pr_known *k)
{
	struct known *out = context;
	*out = (struct known){.state = k->state,
	                      .attempts = k->attempts,
	                      .doubts = k->doubts,
	                      .code = k->code,
	                      .version = k->version,
	                      .due_ms = k->due_ms,
	                      .last_ms = k->last_ms};
	snprintf(out->reply, sizeof out->reply, "%.*s", (int)k->reply.n, k->reply.p);
	snprintf(out->email, sizeof out->email, "%.*s", (int)k->email.n, k->email.p);
	return false;
}
static inline struct known
known(pr_ledger *l, uint32_t row)
{
	struct known k = {.state = PR_STATES};
	struct pr_error e = {0};
	ok(pr_ledger_page(l, PR_STATES, row - 1, 1, keep_known, &k, &e), &e);
	return k;
}

static inline void
index_all(pr_ledger *l)
{
	struct pr_error e = {0};
	int r;
	while ((r = pr_ledger_index_slice(l, 1, &e)) == 1)
		;
	ok(r, &e);
}

#endif
