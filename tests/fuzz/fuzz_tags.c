/*
 * Tag lists, and the DKIM and DMARC records made of them. Holds: names are words and found
 * again, no value has space around it, a key fits.
 */
#include "postrider/doctor.h"

static void
check_tags(struct pr_str text)
{
	struct pr_tags tags;
	char name[300];
	if (pr_tags_parse(text, &tags) < 0)
		return;
	PR_ASSERT(tags.n > 0 && tags.n <= PR_TAGS_MAX);
	for (size_t i = 0; i < tags.n; i++) {
		struct pr_str tag = tags.items[i].name, value = tags.items[i].value;
		PR_ASSERT(tag.n > 0 && tag.p >= text.p && value.p + value.n <= text.p + text.n);
		PR_ASSERT(pr_str_eq(pr_str_trim(value), value));
		if (tag.n >= sizeof name)
			continue;
		memcpy(name, tag.p, tag.n);
		name[tag.n] = 0;
		PR_ASSERT(pr_tags_get(&tags, name).p == value.p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_str text = pr_str_n((const char *)data, n);
	static struct pr_dkim_record key;
	struct pr_dmarc_record policy;
	struct pr_error e;
	check_tags(text);
	if (pr_dkim_record_parse(text, &key, &e) == 0) {
		PR_ASSERT(key.n <= PR_DKIM_KEY_MAX && key.revoked == (key.n == 0));
		PR_ASSERT(!key.ed25519 || key.revoked || key.n == 32);
	}
	if (pr_dmarc_record_parse(text, &policy) == 0)
		PR_ASSERT(policy.np <= PR_DMARC_REJECT && strchr("ynu", policy.psd));
	return 0;
}
