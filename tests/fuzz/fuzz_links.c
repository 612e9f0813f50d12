/*
 * Links: any octets as a rendered HTML body, and as plain text. Holds: links lie within the text,
 * behind one another; what is taken for a URL, and what a rewritten link carries, is one that a
 * browser may be sent to.
 */
#include "../../src/message/href.h"
#include "../../src/message/links.h"

#include <stdlib.h>

#define TRACK "https://t.acme.example"

static pr_tokens *keys;

static void
check_clicks(struct pr_str out)
{
	struct pr_href_scan scan = {.html = out};
	struct pr_href h;
	struct pr_buf url = {0};
	struct pr_token t;
	while (pr_href_next(&scan, &h)) {
		if (h.untracked || !pr_str_starts(h.value, TRACK "/c/"))
			continue;
		struct pr_str text =
		    pr_str_n(h.value.p + strlen(TRACK "/c/"), h.value.n - strlen(TRACK "/c/"));
		pr_buf_clear(&url);
		if (pr_click_read(keys, text, &t, &url) == 0 && t.link == 0)
			PR_ASSERT(pr_link_is_sound(pr_buf_str(&url)));
	}
	pr_buf_finish(&url);
}

static void
check_urls(struct pr_str html)
{
	struct pr_href_scan scan = {.html = html};
	struct pr_href h;
	struct pr_buf url = {0};
	size_t last = 0;
	while (pr_href_next(&scan, &h)) {
		PR_ASSERT(scan.at > last && scan.at <= html.n);
		PR_ASSERT(h.value.n == 0 ||
		          (h.value.p >= html.p && h.value.p + h.value.n <= html.p + html.n));
		last = scan.at;
		pr_buf_clear(&url);
		if (pr_href_url(h.value, &url))
			PR_ASSERT(pr_link_is_sound(pr_buf_str(&url)));
	}
	PR_ASSERT(pr_html_body_end(html) <= html.n);
	pr_buf_finish(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *const secret[] = {"a secret that the fuzzer knows"};
	struct pr_str html = pr_str_n((const char *)data, n);
	struct pr_manifest_utm utm = {.source = {"n&w", 3, 1, 1}};
	struct pr_links links;
	struct pr_arena arena;
	struct pr_buf out = {0}, plain = {0};
	if (!keys)
		keys = pr_tokens_create("a", secret);
	pr_arena_init(&arena);
	pr_links_init(&links, &utm, PR_STR(TRACK), &arena);
	if (n % 2) /* else all of them are from data */
		pr_links_collect_html(&links, html, &arena);
	const struct pr_links_sender sender = {keys, {.campaign = 7, .row = 1}};
	check_urls(html);
	pr_links_write_html(&links, &sender, html, &out);
	check_clicks(pr_buf_str(&out));
	pr_links_collect_text(&links, html, &arena);
	pr_links_write_text(&links, &sender, html, &plain);
	pr_buf_finish(&out);
	pr_buf_finish(&plain);
	pr_links_finish(&links);
	pr_arena_finish(&arena);
	return 0;
}
