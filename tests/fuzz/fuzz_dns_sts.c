/* What the web and the DNS say of MTA-STS: as a policy, a TXT record and a saved line. A policy
 * that is accepted must come back from its own line as it was. */
#include "../../src/dns/internal.h"

#include <stdlib.h>

static void
there_and_back(struct pr_sts_policy *p)
{
	struct pr_buf line = {0};
	int64_t expires, fetched;
	memcpy(p->id, "x", 2);
	dns_sts_line(p, 5, 4, &line);
	struct pr_sts_policy *again = dns_sts_read_line(line.data, &expires, &fetched);
	PR_ASSERT(again && expires == 5 && fetched == 4);
	PR_ASSERT(again->n == p->n && again->mode == p->mode && again->max_age_s == p->max_age_s);
	for (size_t i = 0; i < p->n; i++) {
		PR_ASSERT(strcmp(p->mx[i], again->mx[i]) == 0);
		pr_sts_matches(p, again->mx[i]);
	}
	pr_sts_policy_unref(again);
	pr_buf_finish(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char id[PR_STS_ID_MAX + 1], *text = malloc(n + 1);
	int64_t expires, fetched;
	memcpy(text, data, n);
	struct pr_sts_policy *p = dns_sts_read(pr_str_n(text, n), NULL);
	if (p)
		there_and_back(p);
	pr_sts_policy_unref(p);
	if (pr_sts_record_parse(pr_str_n(text, n), id) == 0)
		PR_ASSERT(*id && strlen(id) <= PR_STS_ID_MAX);
	text[n] = 0;
	pr_sts_policy_unref(dns_sts_read_line(text, &expires, &fetched));
	free(text);
	return 0;
}
