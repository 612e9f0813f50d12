/* Variants as the ledger knows them: their names, and what their test decided. */
#include "report_internal.h"

#include "postrider/base/clock.h"
#include "postrider/campaign/recipients.h"

size_t
variant_names(pr_ledger *l, struct pr_arena *a, struct pr_str names[PR_MANIFEST_VARIANTS_MAX])
{
	struct pr_buf packed = {0};
	size_t n = 0;
	if (pr_ledger_get(l, PR_FACT_VARIANTS, &packed) == 0)
		n = pr_fields_unpack(pr_arena_copy(a, pr_buf_str(&packed)), names,
		                     PR_MANIFEST_VARIANTS_MAX);
	pr_buf_finish(&packed);
	return n < PR_MANIFEST_VARIANTS_MAX ? n : PR_MANIFEST_VARIANTS_MAX;
}

static uint64_t
number(pr_ledger *l, const char *key)
{
	struct pr_buf text = {0};
	uint64_t n = 0;
	if (pr_ledger_get(l, key, &text) < 0 || !pr_str_u64(pr_buf_str(&text), &n))
		n = 0;
	pr_buf_finish(&text);
	return n;
}

void
pr_report_decision_json(pr_ledger *l, struct pr_buf *b)
{
	struct pr_str names[PR_MANIFEST_VARIANTS_MAX];
	struct pr_buf verdict = {0};
	struct pr_arena arena;
	char at[PR_RFC3339_SIZE];
	pr_arena_init(&arena);
	size_t n = variant_names(l, &arena, names);
	uint64_t variant = number(l, "variant");
	if (variant >= 1 && variant <= n && pr_ledger_get(l, "verdict", &verdict) == 0) {
		pr_buf_adds(b, "\"decision\":{\"variant\":");
		pr_buf_add_json(b, names[variant - 1]);
		pr_buf_adds(b, ",\"verdict\":");
		pr_buf_add_json(b, pr_buf_str(&verdict));
		pr_buf_addf(b, ",\"decided\":\"%s\"}",
		            pr_format_rfc3339((int64_t)number(l, "at_test"), at));
	} else {
		pr_buf_adds(b, "\"decision\":null");
	}
	pr_buf_finish(&verdict);
	pr_arena_finish(&arena);
}
