/*
 * What shops tell of customers: any body, by each of the readers (the first octet chooses). Holds:
 * what was taken is whole, bounded, and one line where it goes into one.
 */
#include "postrider/audience/contacts.h"
#include "postrider/audience/track.h"
#include "postrider/conversions/payload.h"

#include <stdlib.h>

static void
check_line(struct pr_str s)
{
	if (s.n > PR_EVENT_ITEM_MAX || memchr(s.p ? s.p : "", '\n', s.n))
		abort();
}

static void
check(const struct pr_told *t)
{
	int64_t micros;
	char currency[4];
	if (t->ignored)
		return;
	if (!pr_list_name_is_good(t->name) || (!t->has_who && t->token.n == 0))
		abort();
	if (t->amount.n && (!pr_amount_parse(t->amount, &micros) || micros < 0))
		abort();
	if (t->currency.n && !pr_currency_parse(t->currency, currency))
		abort();
	check_line(t->id);
	check_line(t->item);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	struct pr_arena a;
	struct pr_told t = {0};
	const char *why;
	if (n == 0)
		return 0;
	struct pr_str body = pr_str_n((const char *)data + 1, n - 1);
	pr_arena_init(&a);
	switch (data[0] % 4) {
	case 0: why = pr_told_json(&a, body, &t); break;
	case 1: why = pr_told_form(&a, body, &t); break;
	case 2: why = pr_told_shopify(&a, NULL, "pr_token", body, &t); break;
	default: why = pr_told_woocommerce(&a, NULL, "pr_token", body, &t); break;
	}
	if (!why)
		check(&t);
	pr_arena_finish(&a);
	return 0;
}
