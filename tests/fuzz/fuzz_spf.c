/*
 * SPF records: the input's lines are the answers of a name server, one after the other, whatever
 * is asked for; the first octet chooses the client's address. Holds: an evaluation ends, after a
 * bounded number of look-ups.
 */
#include "postrider/doctor.h"

#define LOOKUPS_MAX 400 /* 10 terms of at most 10 MX or PTR names, and %{p} */

struct answers {
	const char *next, *end;
	unsigned lookups;
	struct pr_arena arena;
};

static enum pr_dns_status
look_up(void *context, const char *name, enum pr_dns_type type, struct pr_doctor_answer *out)
{
	struct answers *a = context;
	PR_ASSERT(strlen(name) < PR_DNS_NAME_SIZE);
	PR_ASSERT(++a->lookups < LOOKUPS_MAX);
	out->n = 0;
	if (a->next == a->end)
		return PR_DNS_NXDOMAIN;
	size_t left = (size_t)(a->end - a->next);
	const char *end = memchr(a->next, '\n', left);
	struct pr_str line = pr_str_n(a->next, end ? (size_t)(end - a->next) : left);
	a->next = end ? end + 1 : a->end;
	if (pr_str_is(line, "!"))
		return PR_DNS_TEMP;
	/* A line of '|' is several records. As the contract has it, a NUL is behind each, and names
	 * are no longer than names are. */
	size_t max = type == PR_DNS_TXT ? line.n : PR_DNS_NAME_SIZE - 1;
	for (size_t from = 0; from <= line.n && out->n < PR_DOCTOR_RECORDS_MAX;) {
		size_t to = from;
		while (to < line.n && line.p[to] != '|')
			to++;
		size_t n = to - from < max ? to - from : max;
		out->records[out->n++] = pr_arena_copy(&a->arena, pr_str_n(line.p + from, n));
		from = to + 1;
	}
	return PR_DNS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const addresses[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"};
	char why[200];
	if (n < 1)
		return 0;
	struct answers a = {(const char *)data + 1, (const char *)data + n, 0};
	struct pr_doctor_dns dns = {look_up, &a};
	struct pr_spf_query q = {.address = addresses[data[0] % 3], .domain = "x.test"};
	pr_arena_init(&a.arena);
	enum pr_spf_result result = pr_spf_check(&dns, &q, why);
	PR_ASSERT(pr_spf_word(result) && strlen(why) < sizeof why);
	pr_arena_finish(&a.arena);
	return 0;
}
