/* Sessions to resume with: what is kept, for how long, and for whom. */
#include "suite.h"
#include "../../src/net/tls_cache.h"

#include <stdio.h>

#define NOW 1000000

static struct tls_cache cache;
static SSL_CTX *context;
static SSL *ssl;

static void
begin(void)
{
	context = SSL_CTX_new(TLS_client_method());
	ssl = SSL_new(context);
	tls_cache_init(&cache);
}

static void
finish(void)
{
	tls_cache_finish(&cache);
	ck_assert_uint_eq(cache.sessions, 0);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static void
put(const char *peer, int version, const char *id, const char *ticket_for)
{
	static const unsigned char secret[32] = "secret";
	struct tls_key key;
	const unsigned char cipher[2] = {version == TLS1_3_VERSION ? 0x13 : 0xC0,
	                                 version == TLS1_3_VERSION ? 0x01 : 0x2F};
	SSL_SESSION *session = SSL_SESSION_new();
	tls_key_of(&(struct pr_tls_want){.session = peer}, &key);
	SSL_SESSION_set_protocol_version(session, version);
	SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, cipher));
	SSL_SESSION_set1_master_key(session, secret, sizeof secret);
	SSL_SESSION_set1_id(session, (const unsigned char *)id, (unsigned)strlen(id));
	SSL_SESSION_set_time(session, NOW);
	SSL_SESSION_set_timeout(session, 100);
	if (ticket_for)
		SSL_SESSION_set1_ticket_appdata(session, ticket_for, strlen(ticket_for));
	tls_cache_put(&cache, &key, session);
	SSL_SESSION_free(session);
}

/* The id of the session that is given; NULL: none. */
static const char *
take(const char *peer, int64_t now_s)
{
	static char text[33];
	struct tls_key key;
	unsigned n;
	tls_key_of(&(struct pr_tls_want){.session = peer}, &key);
	SSL_SESSION *session = tls_cache_take(&cache, &key, now_s);
	if (!session)
		return NULL;
	const unsigned char *id = SSL_SESSION_get_id(session, &n);
	snprintf(text, sizeof text, "%.*s", (int)n, id);
	SSL_SESSION_free(session);
	return text;
}

START_TEST(a_ticket_of_tls_1_3_is_given_once_and_the_latest_first)
{
	put("a", TLS1_3_VERSION, "1", NULL);
	put("a", TLS1_3_VERSION, "2", NULL);
	ck_assert_str_eq(take("a", NOW), "2");
	ck_assert_str_eq(take("a", NOW), "1");
	ck_assert_ptr_null(take("a", NOW));
}
END_TEST

START_TEST(the_latest_session_of_tls_1_2_is_given_again_and_again)
{
	put("a", TLS1_3_VERSION, "0", NULL);
	put("a", TLS1_2_VERSION, "1", NULL);
	put("a", TLS1_2_VERSION, "2", NULL);
	ck_assert_uint_eq(cache.sessions, 1);
	ck_assert_str_eq(take("a", NOW), "2");
	ck_assert_str_eq(take("a", NOW), "2");
	put("a", TLS1_3_VERSION, "3", NULL); /* the peer has learnt: the old one goes */
	ck_assert_str_eq(take("a", NOW), "3");
	ck_assert_ptr_null(take("a", NOW));
}
END_TEST

START_TEST(sessions_are_given_to_their_peer_until_they_expire)
{
	struct tls_key key;
	put("a", TLS1_2_VERSION, "1", NULL);
	ck_assert_ptr_null(take("b", NOW));
	ck_assert_str_eq(take("a", NOW + 99), "1");
	ck_assert_ptr_null(take("a", NOW + 100));
	ck_assert_uint_eq(cache.sessions, 0);
	put("a", TLS1_2_VERSION, "1", NULL);
	tls_key_of(&(struct pr_tls_want){.session = "a"}, &key);
	tls_cache_forget(&cache, &key);
	ck_assert_ptr_null(take("a", NOW));
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
	char name[32], large[PR_TLS_SESSION_SIZE];
	memset(large, 'x', sizeof large);
	large[sizeof large - 1] = 0;
	put("a", TLS1_3_VERSION, "1", large);
	ck_assert_uint_eq(cache.sessions, 0);
	for (int i = 0; i < 2 * PR_TLS_SESSIONS_PEER; i++) {
		snprintf(name, sizeof name, "%d", i);
		put("a", TLS1_3_VERSION, name, NULL);
	}
	ck_assert_uint_eq(cache.sessions, PR_TLS_SESSIONS_PEER);
	for (int i = 0; i < PR_TLS_SESSIONS_MAX; i++) {
		snprintf(name, sizeof name, "peer %d", i);
		put(name, TLS1_2_VERSION, "x", NULL);
		ck_assert_ptr_nonnull(take("peer 0", NOW)); /* in use: is not the first to go */
	}
	ck_assert_uint_le(cache.sessions, PR_TLS_SESSIONS_MAX);
	ck_assert_uint_gt(cache.sessions, PR_TLS_SESSIONS_MAX - PR_TLS_SESSIONS_PEER);
	ck_assert_ptr_null(take("a", NOW));
	put("one more", TLS1_2_VERSION, "x", NULL);
	ck_assert_ptr_nonnull(take("peer 0", NOW));
}
END_TEST

START_TEST(keys_differ_where_anything_differs)
{
	static const uint8_t data[2][32] = {{1}, {2}};
	const struct pr_tlsa one = {3, 1, 1, data[0], 32}, two = {3, 1, 1, data[1], 32},
			     three = {3, 0, 1, data[0], 32};
	const struct pr_tls_want wants[] = {
	    {.session = "s"},
	    {.session = "t"},
	    {.session = "s", .name = "n"},
	    {.session = "s", .name = ""},
	    {.session = "sn", .name = ""},
	    {.session = "s", .check = PR_TLS_PKIX},
	    {.session = "s", .check = PR_TLS_DANE},
	    {.session = "s", .check = PR_TLS_DANE, .tlsa = &one, .tlsa_n = 1},
	    {.session = "s", .check = PR_TLS_DANE, .tlsa = &two, .tlsa_n = 1},
	    {.session = "s", .check = PR_TLS_DANE, .tlsa = &three, .tlsa_n = 1},
	};
	struct tls_key keys[ROWS(wants)];
	for (int i = 0; i < ROWS(wants); i++) {
		tls_key_of(&wants[i], &keys[i]);
		for (int j = 0; j < i; j++)
			ck_assert_msg(memcmp(&keys[i], &keys[j], sizeof keys[i]), "%d %d", i, j);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_ticket_of_tls_1_3_is_given_once_and_the_latest_first},
	    {the_latest_session_of_tls_1_2_is_given_again_and_again},
	    {sessions_are_given_to_their_peer_until_they_expire},
	    {what_is_kept_is_bounded},
	    {keys_differ_where_anything_differs},
	};
	return suite_run("net_tls_cache", begin, finish, tests, ROWS(tests));
}
