/* Streams that are secured: on a real loop over loopback, against a TLS server. */
#include "suite.h"
#include "tls_peer.h"

#include "postrider/net/tls.h"

#include <malloc.h>
#include <openssl/pem.h>

/* ---- identities, made once ---- */

enum who { GOOD, OTHER, EXPIRED, EARLY, SELF, STRANGER, ADDRESS, IDENTITIES };

static struct tls_identity ca, unknown_ca, ids[IDENTITIES];
static char ca_file[] = "/tmp/test_net_tls.XXXXXX";

/* Before each test: the first makes them for all. */
static void
make_identities(void)
{
	if (ca.key)
		return;
	ca = tls_identity_make(NULL, "Test CA", NULL, -30, 30);
	unknown_ca = tls_identity_make(NULL, "Unknown CA", NULL, -30, 30);
	ids[GOOD] =
	    tls_identity_make(&ca, "mx.example", "DNS:mx.example,DNS:*.wild.example", -1, 9);
	ids[OTHER] = tls_identity_make(&ca, "x", "DNS:other.example", -1, 9);
	ids[EXPIRED] = tls_identity_make(&ca, "x", "DNS:mx.example", -9, -1);
	ids[EARLY] = tls_identity_make(&ca, "x", "DNS:mx.example", 1, 9);
	ids[SELF] = tls_identity_make(NULL, "x", "DNS:mx.example", -1, 9);
	ids[STRANGER] = tls_identity_make(&unknown_ca, "x", "DNS:mx.example", -1, 9);
	ids[ADDRESS] = tls_identity_make(&ca, "x", "IP:127.0.0.1", -1, 9);
	FILE *f = fdopen(mkstemp(ca_file), "w");
	ck_assert(f && PEM_write_X509(f, ca.certificate) == 1 && fclose(f) == 0);
}

static void
finish_identities(void)
{
	for (int i = 0; i < IDENTITIES; i++)
		tls_identity_finish(&ids[i]);
	tls_identity_finish(&ca);
	tls_identity_finish(&unknown_ca);
	unlink(ca_file);
}

/* ---- a client ---- */

enum moment { NEVER, SECURING, ON_SECURE, ON_DATA, ON_DRAIN };

struct client {
	pr_loop *loop;
	pr_tls *tls;
	pr_stream *s;
	struct pr_tls_want want;
	bool starttls;         /* secure on the first data, not on connect */
	const char *say;       /* on connect, before it is secure */
	size_t flood;          /* octets to write once it is secure */
	const char *done_when; /* heard ends so: close */
	size_t done_at;        /* so much is heard: close */
	enum moment close_at;
	struct pr_buf heard;
	size_t heap;          /* octets of it in use when all was sent */
	size_t octets, wrong; /* heard; of a flood, not in their place */
	unsigned secures, drains, closes;
	struct pr_tls_info info;
	struct pr_error why;
	const char *failure;
};

static void
close_at(struct client *c, enum moment moment)
{
	if (c->close_at == moment)
		pr_stream_close(c->s);
}

static void
secure(struct client *c)
{
	pr_stream_secure(c->s, c->tls, &c->want);
	close_at(c, SECURING);
}

static void
on_connect(void *context)
{
	struct client *c = context;
	if (!c->starttls)
		secure(c);
	if (c->say)
		pr_stream_write(c->s, c->say, strlen(c->say));
}

static void
on_secure(void *context, const struct pr_tls_info *info)
{
	struct client *c = context;
	c->secures++;
	c->info = *info;
	close_at(c, ON_SECURE);
	if (c->flood) {
		char *data = malloc(c->flood);
		memset(data, 'x', c->flood);
		pr_stream_write(c->s, data, c->flood);
		free(data);
	}
}

static void
on_data(void *context, const char *data, size_t n)
{
	struct client *c = context;
	ck_assert_uint_eq(c->closes, 0);
	if (c->starttls && !c->secures) {
		secure(c);
		return;
	}
	ck_assert_uint_eq(c->secures, 1);
	for (size_t i = 0; c->done_at && i < n; i++)
		c->wrong += data[i] != (char)('a' + (c->octets + i) % 30000 % 23);
	c->octets += n;
	if (!c->done_at)
		pr_buf_add(&c->heard, data, n);
	close_at(c, ON_DATA);
	if ((c->done_when && pr_str_ends(pr_buf_str(&c->heard), c->done_when)) ||
	    (c->done_at && c->octets >= c->done_at))
		pr_stream_close(c->s);
}

static void
on_drain(void *context)
{
	struct client *c = context;
	ck_assert_uint_eq(c->secures, 1); /* what the handshake sends is nobody's */
	c->drains++;
	c->heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	close_at(c, ON_DRAIN);
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct client *c = context;
	c->closes++;
	c->why = *why;
	c->failure = pr_stream_tls_failure(c->s);
	pr_loop_stop(c->loop);
}

static const struct pr_stream_events events = {on_connect, on_data, on_drain, on_close, on_secure};

static pr_tls *
make_tls(void)
{
	pr_tls *tls;
	ck_assert_int_eq(pr_tls_create(&(struct pr_tls_options){ca_file}, &tls, NULL), 0);
	return tls;
}

/* One connection; c->tls is made for it where there is none. */
static void
run(struct client *c, uint16_t port)
{
	struct pr_address to;
	pr_tls *own = c->tls ? NULL : make_tls();
	if (own)
		c->tls = own;
	ck_assert_int_eq(pr_address_parse("127.0.0.1", port, &to), 0);
	ck_assert_int_eq(pr_loop_create(&c->loop, NULL), 0);
	c->s = pr_stream_connect(c->loop, &to, NULL, &events, c);
	pr_loop_run(c->loop);
	ck_assert_uint_eq(c->closes, 1);
	pr_loop_destroy(c->loop);
	pr_buf_finish(&c->heard);
	pr_tls_destroy(own);
}

static void
run_against(struct client *c, struct tls_peer *peer, const char *script, enum who who, int version)
{
	const char *const scripts[] = {script, NULL};
	tls_peer_start(peer, scripts, &ids[who], NULL, version);
	run(c, peer->port);
	tls_peer_join(peer);
}

/* ---- checks of the certificate ---- */

static const struct {
	enum who who;
	enum pr_tls_check check;
	const char *name;
	const char *failure; /* NULL: secured */
	const char *text;
} certificates[] = {
    {GOOD, PR_TLS_ANY, "mx.example", NULL, NULL},
    {OTHER, PR_TLS_ANY, "mx.example", NULL, NULL},
    {EXPIRED, PR_TLS_ANY, NULL, NULL, NULL},
    {SELF, PR_TLS_ANY, "mx.example", NULL, NULL},
    {GOOD, PR_TLS_PKIX, "mx.example", NULL, NULL},
    {GOOD, PR_TLS_PKIX, "MX.example", NULL, NULL},
    {GOOD, PR_TLS_PKIX, "a.wild.example", NULL, NULL},
    {ADDRESS, PR_TLS_PKIX, "127.0.0.1", NULL, NULL},
    {GOOD, PR_TLS_PKIX, "a.b.wild.example", "certificate-host-mismatch",
     "the certificate is for mx.example, *.wild.example, not a.b.wild.example"},
    {OTHER, PR_TLS_PKIX, "mx.example", "certificate-host-mismatch",
     "the certificate is for other.example, not mx.example"},
    {GOOD, PR_TLS_PKIX, "127.0.0.1", "certificate-host-mismatch", "not this address"},
    {EXPIRED, PR_TLS_PKIX, "mx.example", "certificate-expired", "the certificate expired on 20"},
    {EARLY, PR_TLS_PKIX, "mx.example", "validation-failure",
     "the certificate is not valid before 20"},
    {SELF, PR_TLS_PKIX, "mx.example", "certificate-not-trusted", "signed by itself"},
    {STRANGER, PR_TLS_PKIX, "mx.example", "certificate-not-trusted", "no trusted CA"},
};

START_TEST(certificates_are_checked_as_wanted)
{
	enum pr_tls_check check = certificates[_i].check;
	const char *name = certificates[_i].name, *failure = certificates[_i].failure;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (int v = 0; v < ROWS(versions); v++) {
		struct tls_peer peer;
		struct client c = {.want = {.name = name, .check = check},
		                   .done_when = "hello\r\n"};
		run_against(&c, &peer, "Tge", certificates[_i].who, versions[v]);
		if (failure) {
			ck_assert_int_eq(c.why.code, PR_ETLS);
			ck_assert_uint_eq(c.secures, 0);
			ck_assert_str_eq(c.failure, failure);
			ck_assert_msg(strstr(c.why.text, certificates[_i].text) != NULL, "%s",
			              c.why.text);
			ck_assert(peer.alert[0] || v == 1); /* 1.3: it is not read before data */
			continue;
		}
		ck_assert_msg(c.why.code == 0, "%s", c.why.text);
		ck_assert_uint_eq(c.secures, 1);
		ck_assert_ptr_null(c.failure);
		ck_assert_str_eq(c.info.protocol, v ? "TLSv1.3" : "TLSv1.2");
		ck_assert_int_eq(c.info.verified, check != PR_TLS_ANY);
		ck_assert(!c.info.resumed && !c.info.dane);
		ck_assert_str_eq(peer.sni, name && strcmp(name, "127.0.0.1") ? name : "");
		ck_assert_uint_eq(peer.goodbyes, 1);
	}
}
END_TEST

/* ---- DANE ---- */

enum holds { CERTIFICATE, KEY, SHA256_OF, SHA512_OF, NONSENSE };

static struct pr_tlsa
make_record(uint8_t usage, uint8_t selector, uint8_t matching, X509 *x, uint8_t *room)
{
	uint8_t *end = room;
	unsigned n = selector ? (unsigned)i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &end)
	                      : (unsigned)i2d_X509(x, &end);
	if (matching) {
		uint8_t digest[EVP_MAX_MD_SIZE];
		EVP_Digest(room, n, digest, &n, matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
		memcpy(room, digest, n);
	}
	return (struct pr_tlsa){usage, selector, matching, room, n};
}

static const struct {
	enum who who;
	uint8_t usage, selector, matching;
	const struct tls_identity *of;
	const char *name;
	const char *failure; /* NULL: secured */
} records[] = {
    {GOOD, 3, 1, 1, &ids[GOOD], "mx.example", NULL},
    {GOOD, 3, 0, 2, &ids[GOOD], "mx.example", NULL},
    {GOOD, 3, 1, 0, &ids[GOOD], "mx.example", NULL},
    {SELF, 3, 1, 1, &ids[SELF], "mx.example", NULL},
    {EXPIRED, 3, 1, 1, &ids[EXPIRED], "mx.example", NULL},
    {OTHER, 3, 1, 1, &ids[OTHER], "mx.example", NULL},
    {GOOD, 3, 1, 1, &ids[OTHER], "mx.example", "validation-failure"},
    {GOOD, 2, 0, 1, &ca, "mx.example", NULL},
    {STRANGER, 2, 1, 2, &unknown_ca, "mx.example", NULL},
    {GOOD, 2, 0, 1, &unknown_ca, "mx.example", "validation-failure"},
    {OTHER, 2, 0, 1, &ca, "mx.example", "certificate-host-mismatch"},
    {EXPIRED, 2, 0, 1, &ca, "mx.example", "certificate-expired"},
    {GOOD, 1, 1, 1, &ids[GOOD], "mx.example", "tlsa-invalid"},
    {GOOD, 3, 1, 9, &ids[GOOD], "mx.example", "tlsa-invalid"},
};

START_TEST(tlsa_records_decide)
{
	static const char *const scripts[] = {"Tge", NULL};
	uint8_t room[2][2048];
	struct tls_peer peer;
	const struct tls_identity *issuer = records[_i].who == STRANGER ? &unknown_ca : &ca;
	struct pr_tlsa two[2] = {make_record(3, 1, 1, ca.certificate, room[0]), /* fits nobody */
	                         make_record(records[_i].usage, records[_i].selector,
	                                     records[_i].matching, records[_i].of->certificate,
	                                     room[1])};
	bool usable = pr_tlsa_usable(&two[1]);
	ck_assert_int_eq(usable,
	                 !records[_i].failure || strcmp(records[_i].failure, "tlsa-invalid"));
	struct client c = {
	    .want = {.name = records[_i].name, .check = PR_TLS_DANE, .tlsa = two, .tlsa_n = 2},
	    .done_when = "hello\r\n"};
	if (!usable)
		c.want.tlsa++, c.want.tlsa_n--;
	tls_peer_start(&peer, scripts, &ids[records[_i].who], issuer, 0);
	run(&c, peer.port);
	tls_peer_join(&peer);
	if (records[_i].failure)
		ck_assert_str_eq(c.failure, records[_i].failure);
	else
		ck_assert_msg(c.why.code == 0 && c.info.dane && c.info.verified, "%s", c.why.text);
}
END_TEST

START_TEST(records_that_cannot_be_right_are_not_usable)
{
	static const uint8_t data[64] = {0x30, 3, 2, 1, 1};
	static const struct pr_tlsa bad[] = {
	    {0, 1, 1, data, 32}, {1, 1, 1, data, 32}, {4, 1, 1, data, 32}, {3, 2, 1, data, 32},
	    {3, 1, 1, data, 31}, {3, 1, 1, data, 64}, {3, 1, 2, data, 32}, {3, 1, 3, data, 32},
	    {3, 0, 0, data, 5},  {3, 1, 0, data, 5},  {3, 1, 0, data, 0},  {2, 0, 1, data, 0},
	};
	for (int i = 0; i < ROWS(bad); i++)
		ck_assert_msg(!pr_tlsa_usable(&bad[i]), "row %d", i);
	ck_assert(pr_tlsa_usable(&(struct pr_tlsa){3, 1, 1, data, 32}));
	ck_assert(pr_tlsa_usable(&(struct pr_tlsa){2, 0, 2, data, 64}));
}
END_TEST

/* ---- peers that misbehave ---- */

static const struct {
	const char *script;
	int version;
	bool starttls;
	const char *text;
} faults[] = {
    {"hp", 0, false, "the peer does not speak TLS"},
    {"h", 0, false, "cut off: closed by the peer"},
    {"hr", 0, false, "cut off: connection reset"},
    {"T", TLS1_1_VERSION, false, "no shared protocol"},
    {"phx", 0, true, "the peer does not speak TLS"}, /* words behind the 220, in the clear */
};

START_TEST(a_handshake_that_fails_says_why)
{
	struct tls_peer peer;
	struct client c = {.starttls = faults[_i].starttls};
	c.say = c.starttls ? NULL : "waits for the handshake";
	run_against(&c, &peer, faults[_i].script, GOOD, faults[_i].version);
	ck_assert_int_eq(c.why.code, PR_ETLS);
	ck_assert_msg(strstr(c.why.text, faults[_i].text) != NULL, "%s", c.why.text);
	ck_assert_str_eq(c.failure, "validation-failure");
	ck_assert_uint_eq(c.secures + c.drains, 0);
}
END_TEST

START_TEST(a_record_that_is_not_sound_ends_the_stream)
{
	struct tls_peer peer;
	struct client c = {0};
	run_against(&c, &peer, "Tbs", GOOD, TLS1_3_VERSION);
	ck_assert_uint_eq(c.secures, 1);
	ck_assert_int_eq(c.why.code, PR_ETLS);
}
END_TEST

START_TEST(the_peers_end_after_the_handshake_is_no_failure_of_tls)
{
	static const char *const scripts[] = {"Tg", "Tgc", NULL};
	for (int i = 0; scripts[i]; i++) {
		struct tls_peer peer;
		struct client c = {0};
		run_against(&c, &peer, scripts[i], GOOD, 0);
		ck_assert_uint_eq(c.secures, 1);
		ck_assert_uint_eq(c.octets, 7);
		ck_assert_int_eq(c.why.code, PR_ENOENT);
		ck_assert_ptr_null(c.failure);
	}
}
END_TEST

START_TEST(a_name_that_cannot_be_sent_is_told_later)
{
	char name[400] = "";
	struct tls_peer peer;
	struct client c = {.want = {.name = name}};
	memset(name, 'x', sizeof name - 1);
	run_against(&c, &peer, "s", GOOD, 0);
	ck_assert_int_eq(c.why.code, PR_ETLS);
	ck_assert_ptr_nonnull(strstr(c.why.text, "no name for TLS"));
}
END_TEST

/* ---- data and ends ---- */

START_TEST(what_is_written_before_the_handshake_waits_for_it)
{
	struct tls_peer peer;
	struct client c = {.say = "one\r\ntwo\r\n", .done_when = "two\r\n"};
	run_against(&c, &peer, "Te", GOOD, 0);
	ck_assert_int_eq(c.why.code, 0);
	ck_assert_uint_eq(c.octets, 10);
	ck_assert_uint_eq(c.drains, 1);
	ck_assert_uint_eq(peer.goodbyes, 1);
}
END_TEST

START_TEST(a_stream_is_secured_in_the_middle)
{
	struct tls_peer peer;
	struct client c = {.starttls = true, .done_when = "hello\r\n"};
	run_against(&c, &peer, "pTge", GOOD, 0);
	ck_assert_int_eq(c.why.code, 0);
	ck_assert_uint_eq(c.secures, 1);
	ck_assert_uint_eq(c.octets, 7);
}
END_TEST

START_TEST(much_goes_out_and_drains_once)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	for (int v = 0; v < ROWS(versions); v++) {
		struct tls_peer peer;
		struct client c = {.flood = TLS_PEER_FLOOD, .done_when = "thanks\r\n"};
		size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
		run_against(&c, &peer, "Td", GOOD, versions[v]);
		ck_assert_int_eq(c.why.code, 0);
		ck_assert_uint_eq(c.drains, 1);
		ck_assert_uint_lt(c.heap, before + c.flood / 4); /* and is no more held */
	}
}
END_TEST

START_TEST(much_comes_in_whole_and_in_order)
{
	struct tls_peer peer;
	struct client c = {.done_at = TLS_PEER_FLOOD};
	run_against(&c, &peer, "Tf", GOOD, 0);
	ck_assert_int_eq(c.why.code, 0);
	ck_assert_uint_eq(c.octets, TLS_PEER_FLOOD);
	ck_assert_uint_eq(c.wrong, 0);
}
END_TEST

START_TEST(new_keys_are_taken_on_the_way)
{
	struct tls_peer peer;
	struct client c = {.say = "after\r\n", .done_when = "hello\r\nafter\r\n"};
	run_against(&c, &peer, "Tkge", GOOD, TLS1_3_VERSION);
	ck_assert_int_eq(c.why.code, 0);
}
END_TEST

static const struct {
	enum moment moment;
	const char *script;
} moments[] = {{SECURING, "s"}, {ON_SECURE, "Tge"}, {ON_DATA, "Tge"}, {ON_DRAIN, "Tge"}};

START_TEST(closing_is_allowed_at_any_moment)
{
	struct tls_peer peer;
	struct client c = {.close_at = moments[_i].moment, .say = "x", .flood = 100};
	if (c.close_at == ON_DATA)
		c.flood = 0;
	run_against(&c, &peer, moments[_i].script, GOOD, 0);
	ck_assert_int_eq(c.why.code, 0);
	ck_assert_uint_eq(c.secures, c.close_at != SECURING);
	ck_assert_ptr_null(c.failure);
}
END_TEST

struct patience {
	struct pr_timer timer;
	struct client *c;
};

static void
close_now(struct pr_timer *timer)
{
	struct client *c = PR_CONTAINER(timer, struct patience, timer)->c;
	ck_assert_uint_eq(c->closes + c->secures, 0);
	pr_stream_close(c->s);
}

START_TEST(a_handshake_that_stalls_is_the_owners_to_end)
{
	static const char *const scripts[] = {"hs", NULL};
	struct tls_peer peer;
	struct pr_address to;
	struct client c = {.tls = make_tls()};
	struct patience patience = {.c = &c};
	tls_peer_start(&peer, scripts, &ids[GOOD], NULL, 0);
	ck_assert_int_eq(pr_address_parse("127.0.0.1", peer.port, &to), 0);
	ck_assert_int_eq(pr_loop_create(&c.loop, NULL), 0);
	c.s = pr_stream_connect(c.loop, &to, NULL, &events, &c);
	pr_timer_init(&patience.timer, c.loop, close_now);
	pr_timer_start(&patience.timer, 20);
	pr_loop_run(c.loop);
	ck_assert_int_eq(c.why.code, 0);
	tls_peer_join(&peer);
	pr_loop_destroy(c.loop);
	pr_tls_destroy(c.tls);
}
END_TEST

/* ---- resumption ---- */

static void
run_again(pr_tls *tls, struct tls_peer *peer, const struct pr_tls_want *want, bool resumed)
{
	struct client c = {.tls = tls, .want = *want, .done_when = "hello\r\n"};
	run(&c, peer->port);
	ck_assert_msg(c.why.code == 0, "%s", c.why.text);
	ck_assert_int_eq(c.info.resumed, resumed);
	ck_assert_int_eq(c.info.verified, want->check != PR_TLS_ANY);
}

START_TEST(sessions_are_resumed_under_the_same_check_only)
{
	static const char *const scripts[] = {"Tge", "Tge", "Tge", "Tge",
	                                      "Tge", "Tge", "Tge", NULL};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	const struct pr_tls_want any = {.name = "mx.example", .session = "mx:25"},
				 checked = {"mx.example", .check = PR_TLS_PKIX, .session = "mx:25"},
				 never = {.name = "mx.example"},
				 elsewhere = {.name = "mx.example", .session = "mx:465"};
	for (int v = 0; v < ROWS(versions); v++) {
		struct tls_peer peer;
		pr_tls *tls = make_tls();
		tls_peer_start(&peer, scripts, &ids[GOOD], NULL, versions[v]);
		run_again(tls, &peer, &any, false);
		run_again(tls, &peer, &any, true);
		run_again(tls, &peer, &checked, false);
		run_again(tls, &peer, &checked, true);
		run_again(tls, &peer, &never, false);
		run_again(tls, &peer, &elsewhere, false);
		run_again(tls, &peer, &any, true);
		tls_peer_join(&peer);
		ck_assert_uint_eq(peer.resumed, 3);
		pr_tls_destroy(tls);
	}
}
END_TEST

START_TEST(a_session_made_with_any_certificate_proves_nothing)
{
	static const char *const scripts[] = {"Tge", "T", NULL};
	struct tls_peer peer;
	pr_tls *tls = make_tls();
	struct client c = {.tls = tls,
	                   .want = {"mx.example", .check = PR_TLS_PKIX, .session = "k"}};
	tls_peer_start(&peer, scripts, &ids[SELF], NULL, 0);
	run_again(tls, &peer, &(struct pr_tls_want){.name = "mx.example", .session = "k"}, false);
	run(&c, peer.port);
	tls_peer_join(&peer);
	ck_assert_str_eq(c.failure, "certificate-not-trusted");
	pr_tls_destroy(tls);
}
END_TEST

START_TEST(a_handshake_that_failed_leaves_no_session)
{
	static const char *const scripts[] = {"Tge", "h", "Tge", NULL};
	struct tls_peer peer;
	pr_tls *tls = make_tls();
	const struct pr_tls_want want = {.name = "mx.example", .session = "k"};
	struct client c = {.tls = tls, .want = want};
	tls_peer_start(&peer, scripts, &ids[GOOD], NULL, TLS1_2_VERSION);
	run_again(tls, &peer, &want, false);
	run(&c, peer.port);
	ck_assert_int_eq(c.why.code, PR_ETLS);
	run_again(tls, &peer, &want, false);
	tls_peer_join(&peer);
	pr_tls_destroy(tls);
}
END_TEST

START_TEST(trusted_cas_that_cannot_be_read_are_told)
{
	struct pr_error e = {0};
	pr_tls *tls = NULL;
	ck_assert_int_eq(pr_tls_create(&(struct pr_tls_options){"/nonexistent"}, &tls, &e),
	                 PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent"));
	ck_assert_int_eq(pr_tls_create(&(struct pr_tls_options){"/dev/null"}, &tls, &e), PR_EINVAL);
	ck_assert_int_eq(pr_tls_create(&(struct pr_tls_options){NULL}, &tls, &e), 0);
	pr_tls_destroy(tls);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {certificates_are_checked_as_wanted, ROWS(certificates)},
	    {tlsa_records_decide, ROWS(records)},
	    {records_that_cannot_be_right_are_not_usable},
	    {a_handshake_that_fails_says_why, ROWS(faults)},
	    {a_record_that_is_not_sound_ends_the_stream},
	    {the_peers_end_after_the_handshake_is_no_failure_of_tls},
	    {a_name_that_cannot_be_sent_is_told_later},
	    {what_is_written_before_the_handshake_waits_for_it},
	    {a_stream_is_secured_in_the_middle},
	    {much_goes_out_and_drains_once},
	    {much_comes_in_whole_and_in_order},
	    {new_keys_are_taken_on_the_way},
	    {closing_is_allowed_at_any_moment, ROWS(moments)},
	    {a_handshake_that_stalls_is_the_owners_to_end},
	    {sessions_are_resumed_under_the_same_check_only},
	    {a_session_made_with_any_certificate_proves_nothing},
	    {a_handshake_that_failed_leaves_no_session},
	    {trusted_cas_that_cannot_be_read_are_told},
	};
	int failed = suite_run("net_tls", make_identities, NULL, tests, ROWS(tests));
	finish_identities();
	return failed;
}
