/* Tokens: what is signed is read, and nothing else is. */
#include "suite.h"

#include "postrider/message/token.h"

#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static const char *const secrets[] = {"the first secret, which signs", "an older one, still good"};
static pr_tokens *keys, *old, *strange;

static void
setup(void)
{
	static const char *const other[] = {"another installation's secret"};
	keys = pr_tokens_create("ab", secrets);
	old = pr_tokens_create("b", secrets + 1);
	strange = pr_tokens_create("a", other);
}

static void
teardown(void)
{
	pr_tokens_unref(keys), pr_tokens_unref(old), pr_tokens_unref(strange);
}

static const struct pr_token cases[] = {
    {PR_TOKEN_OPEN, 'a', 1, 1, 0, 0, 0},
    {PR_TOKEN_CLICK, 'a', 300, 70000, 12, 0, 0},
    {PR_TOKEN_CLICK, 'a', UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, 0},
    {PR_TOKEN_VIEW, 'a', 127, 128, 0, 0, 0},
    {PR_TOKEN_UNSUBSCRIBE, 'a', 9, 5, 0, 0x123456789abcdef0, 0xfedcba98},
    {PR_TOKEN_BOUNCE, 'a', 20000, 3000000, 0, 1, 0},
    {PR_TOKEN_PREFERENCES, 'a', UINT32_MAX, UINT32_MAX, 0, UINT64_MAX, UINT32_MAX},
};

static void
check_same(const struct pr_token *t, const struct pr_token *wanted)
{
	ck_assert_int_eq(t->kind, wanted->kind);
	ck_assert_int_eq(t->key, wanted->key);
	ck_assert_uint_eq(t->campaign, wanted->campaign);
	ck_assert_uint_eq(t->row, wanted->row);
	ck_assert_uint_eq(t->link, wanted->link);
	ck_assert_uint_eq(t->address, wanted->address);
	ck_assert_uint_eq(t->list, wanted->list);
}

START_TEST(what_is_written_is_read_back)
{
	struct pr_token t;
	char url[PR_TOKEN_URL_SIZE], local[PR_TOKEN_LOCAL_SIZE];
	const struct pr_token *c = &cases[_i];
	size_t n = pr_token_url(keys, c, url);
	ck_assert_uint_eq(n, strlen(url));
	ck_assert_uint_eq(strspn(url, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                              "0123456789-_"),
	                  n);
	ck_assert_int_eq(pr_token_read_url(keys, c->kind, pr_str(url), &t), 0);
	check_same(&t, c);
	n = pr_token_local(keys, c, local);
	ck_assert_uint_le(n, 58);
	for (size_t i = 0; i < n; i += 3) /* mail servers change case */
		local[i] = (char)(local[i] >= 'a' ? local[i] - 32 : local[i]);
	ck_assert_int_eq(pr_token_read_local(keys, c->kind, pr_str(local), &t), 0);
	check_same(&t, c);
	for (int kind = 1; kind < PR_TOKEN_KINDS; kind++)
		if (kind != (int)c->kind)
			ck_assert_int_eq(pr_token_read_url(keys, kind, pr_str(url), &t),
			                 PR_EDENIED);
	ck_assert_int_eq(pr_token_read_url(strange, c->kind, pr_str(url), &t), PR_EDENIED);
	ck_assert_int_eq(pr_token_read_url(old, c->kind, pr_str(url), &t), PR_EDENIED);
}
END_TEST

/* The same by OpenSSL's own HMAC: others may make and read them. */
START_TEST(it_is_the_octets_that_the_header_says)
{
	struct pr_token t = {.kind = PR_TOKEN_CLICK, .campaign = 300, .row = 5, .link = 2};
	const unsigned char octets[] = {0x12, 'a', 0xac, 0x02, 5, 2};
	unsigned char mac[32], all[30];
	char url[PR_TOKEN_URL_SIZE], wanted[60];
	HMAC(EVP_sha256(), secrets[0], (int)strlen(secrets[0]), octets, sizeof octets, mac, NULL);
	memcpy(all, octets, sizeof octets);
	memcpy(all + sizeof octets, mac, 12);
	EVP_EncodeBlock((unsigned char *)wanted, all, sizeof octets + 12);
	for (char *p = wanted; *p; p++)
		*p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
	pr_token_url(keys, &t, url);
	ck_assert_str_eq(url, wanted); /* 18 octets: no padding */
}
END_TEST

START_TEST(an_older_key_verifies_and_hashes_by_its_id)
{
	struct pr_token t = {.kind = PR_TOKEN_UNSUBSCRIBE, .campaign = 1, .row = 2}, seen;
	char url[PR_TOKEN_URL_SIZE];
	t.address = pr_token_address(old, 0, pr_str("Ann@B.example"));
	t.list = pr_token_list(old, 0, pr_str("news"));
	pr_token_url(old, &t, url);
	ck_assert_int_eq(pr_token_read_url(keys, t.kind, pr_str(url), &seen), 0);
	ck_assert_int_eq(seen.key, 'b');
	ck_assert_uint_eq(seen.address, pr_token_address(keys, 'b', pr_str("ann@b.example")));
	ck_assert_uint_ne(seen.address, pr_token_address(keys, 'a', pr_str("ann@b.example")));
	ck_assert_uint_eq(seen.list, pr_token_list(keys, 'b', pr_str("news")));
	ck_assert_uint_eq(pr_token_list(keys, 0, pr_str("")), 0);
	ck_assert_uint_eq(pr_token_address(keys, 'z', pr_str("ann@b.example")), 0);
}
END_TEST

/* 100,000 that are forged, cut, lengthened or of another's key: none is taken. */
START_TEST(nothing_else_is_taken)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_";
	uint64_t seed = 42;
	for (unsigned i = 0; i < 100000; i++) {
		char url[PR_TOKEN_URL_SIZE + 8], good[PR_TOKEN_URL_SIZE];
		struct pr_token t = cases[i % (sizeof cases / sizeof *cases)], seen;
		t.row = i + 1;
		size_t n = pr_token_url(i % 5 == 4 ? strange : keys, &t, good);
		memcpy(url, good, n + 1);
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned r = (unsigned)(seed >> 33), at = r % n;
		if (i % 5 == 0) /* another character */
			url[at] =
			    alphabet[(strchr(alphabet, url[at]) - alphabet + 1 + r / n % 63) % 64];
		else if (i % 5 == 1)
			url[at] = 0;
		else if (i % 5 == 2)
			strcpy(url + n, &"AAAA_-a"[r % 7]);
		else if (i % 5 == 3)
			url[at] = (char)(r >> 8);
		if (strcmp(url, good) == 0 && i % 5 != 4)
			continue;
		ck_assert_msg(pr_token_read_url(keys, t.kind, pr_str(url), &seen) < 0, "%s", url);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {what_is_written_is_read_back, ROWS(cases)},
	    {it_is_the_octets_that_the_header_says},
	    {an_older_key_verifies_and_hashes_by_its_id},
	    {nothing_else_is_taken},
	};
	return suite_run("message_token", setup, teardown, tests, ROWS(tests));
}
