/*
 * Tokens: the first octet says of which kind, the rest is one as it came. Holds: what is taken is
 * exactly what signing its parts gives, so there is one form of each.
 */
#include "postrider/message/link.h"

static void
check_local(const pr_tokens *keys, enum pr_token_kind kind, struct pr_str text)
{
	char again[PR_TOKEN_LOCAL_SIZE];
	struct pr_token t;
	if (pr_token_read_local(keys, kind, text, &t) < 0)
		return;
	pr_token_local(keys, &t, again);
	PR_ASSERT(pr_str_eq_nocase(pr_str(again), text));
}

/* A click leads only where a browser may be sent. */
static void
check_click(const pr_tokens *keys, struct pr_str text)
{
	struct pr_buf url = {0};
	struct pr_token t;
	if (pr_click_read(keys, text, &t, &url) == 0)
		PR_ASSERT(t.link ? url.len == 0 : pr_link_is_sound(pr_buf_str(&url)));
	else
		PR_ASSERT(url.len == 0);
	pr_buf_finish(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static pr_tokens *keys;
	const char *const secret[] = {"a secret that the fuzzer knows"};
	char again[PR_TOKEN_URL_SIZE];
	struct pr_token t;
	if (!keys)
		keys = pr_tokens_create("a", secret);
	if (n < 1)
		return 0;
	enum pr_token_kind kind = 1 + data[0] % (PR_TOKEN_KINDS - 1);
	struct pr_str text = pr_str_n((const char *)data + 1, n - 1);
	if (pr_token_read_url(keys, kind, text, &t) == 0) {
		pr_token_url(keys, &t, again);
		PR_ASSERT(pr_str_is(text, again));
	}
	check_local(keys, kind, text);
	check_click(keys, text);
	t = (struct pr_token){.kind = kind, .campaign = (uint32_t)n, .row = data[0]};
	size_t made = pr_token_url(keys, &t, again);
	PR_ASSERT(pr_token_read_url(keys, kind, pr_str_n(again, made), &t) == 0);
	return 0;
}
