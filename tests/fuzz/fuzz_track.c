/*
 * What a stranger's request holds, a line each: path, X-Forwarded-For, Accept-Language, user
 * agent, a network, a destination. Holds: what is found lies within the text, and is one of what
 * there is.
 */
#include "../../src/track/internal.h"

static struct pr_str
next_line(struct pr_str *text)
{
	const char *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct pr_str line = pr_str_n(text->p, n);
	*text = pr_str_n(text->p + n + (end != NULL), text->n - n - (end != NULL));
	return line;
}

static void
check_client(struct pr_str forwarded, const struct sockaddr *peer)
{
	struct pr_network all[2] = {{{0}, 0}, {{0}, 0}};
	const struct track_proxies proxies = {all, 2};
	unsigned char client[16];
	track_client(&proxies, peer, forwarded, client);
	PR_ASSERT(track_visitor((struct pr_hash_key){1, 2}, client) != 0);
}

static void
check_path(const char *url)
{
	struct pr_str rest;
	PR_ASSERT(track_target(url, &rest) < PR_TRACK_PATHS);
	PR_ASSERT(rest.n <= strlen(url));
}

static void
check_network(struct pr_str text)
{
	struct pr_network n;
	if (pr_network_parse(text, &n) == 0)
		PR_ASSERT(n.bits <= 128 && pr_network_has(&n, n.address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_buf lines[6] = {0};
	struct pr_address peer;
	struct pr_str text = pr_str_n((const char *)data, n);
	for (int i = 0; i < 6; i++) {
		pr_buf_add_str(&lines[i], next_line(&text));
		pr_buf_add(&lines[i], "", 0);
	}
	pr_address_parse("127.0.0.1", 1, &peer);
	check_path(lines[0].data);
	check_client(pr_buf_str(&lines[1]), (struct sockaddr *)&peer.sa);
	PR_ASSERT(track_language_asked(lines[2].data) < TRACK_LANGUAGES);
	const struct track_headers h = {lines[3].data, lines[2].data, lines[0].data, NULL, false};
	PR_ASSERT(track_evidence(&h) < 256 && track_device(lines[3].data) < PR_DEVICES);
	check_network(pr_buf_str(&lines[4]));
	struct pr_str url = pr_buf_str(&lines[5]), host = track_host_of(url);
	PR_ASSERT(host.n == 0 || (host.p >= url.p && host.p + host.n <= url.p + url.n));
	for (int i = 0; i < 6; i++)
		pr_buf_finish(&lines[i]);
	return 0;
}
