/* Streams on a real loop over loopback. */
#include "peer.h"
#include "suite.h"

#include "postrider/net.h"

struct client {
	pr_loop *loop;
	pr_stream *s;
	struct pr_buf heard;
	unsigned connects, drains, closes;
	struct pr_error why;
	const char *say;        /* on connect */
	size_t flood;           /* octets to write on connect */
	const char *close_when; /* heard ends so */
};

static void
on_connect(void *context)
{
	struct client *c = context;
	c->connects++;
	if (c->say)
		pr_stream_write(c->s, c->say, strlen(c->say));
	if (c->flood) {
		char *data = malloc(c->flood);
		memset(data, 'x', c->flood);
		memcpy(data + c->flood - 5, "\r\n.\r\n", 5);
		pr_stream_write(c->s, data, c->flood);
		free(data);
	}
}

static void
on_data(void *context, const char *data, size_t n)
{
	struct client *c = context;
	ck_assert_uint_eq(c->closes, 0);
	pr_buf_add(&c->heard, data, n);
	if (c->close_when && pr_str_ends(pr_buf_str(&c->heard), c->close_when)) {
		pr_stream_close(c->s);
		ck_assert_uint_eq(c->closes, 0); /* never from within */
		pr_stream_close(c->s);
		pr_stream_write(c->s, "lost", 4);
	}
}

static void
on_drain(void *context)
{
	struct client *c = context;
	c->drains++;
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct client *c = context;
	c->closes++;
	c->why = *why;
	pr_loop_stop(c->loop);
}

static const struct pr_stream_events events = {on_connect, on_data, on_drain, on_close};

static void
run(struct client *c, const char *host, uint16_t port, const struct pr_address *source)
{
	struct pr_address to;
	ck_assert_int_eq(pr_address_parse(host, port, &to), 0);
	ck_assert_int_eq(pr_loop_create(&c->loop, NULL), 0);
	c->s = pr_stream_connect(c->loop, &to, source, &events, c);
	ck_assert_uint_eq(c->closes, 0);
	pr_loop_run(c->loop);
	ck_assert_uint_eq(c->closes, 1);
	pr_loop_destroy(c->loop);
	pr_buf_finish(&c->heard);
}

START_TEST(octets_go_both_ways_and_the_peers_end_is_told)
{
	static const char *const scripts[] = {"S hello\nC one\nC two\nS bye\n", NULL};
	struct peer peer;
	struct client c = {.say = "one\r\ntwo\r\n"};
	peer_start(&peer, scripts);
	run(&c, "127.0.0.1", peer.port, NULL);
	peer_join(&peer);
	ck_assert_int_eq(c.why.code, PR_ENOENT);
	ck_assert_uint_eq(c.connects, 1);
	ck_assert_uint_eq(c.drains, 1);
}
END_TEST

START_TEST(closing_from_a_callback_is_told_once_and_later)
{
	static const char *const scripts[] = {"S hello\nG\n", NULL};
	struct peer peer;
	struct client c = {.close_when = "hello\r\n"};
	peer_start(&peer, scripts);
	run(&c, "127.0.0.1", peer.port, NULL);
	peer_join(&peer);
	ck_assert_int_eq(c.why.code, 0);
}
END_TEST

START_TEST(a_reset_is_told_with_its_reason)
{
	static const char *const scripts[] = {"C one\nR\n", NULL};
	struct peer peer;
	struct client c = {.say = "one\r\n"};
	peer_start(&peer, scripts);
	run(&c, "127.0.0.1", peer.port, NULL);
	peer_join(&peer);
	ck_assert_int_eq(c.why.code, PR_ESYSTEM);
	ck_assert_ptr_nonnull(strstr(c.why.text, "reset"));
}
END_TEST

START_TEST(what_the_kernel_does_not_take_at_once_still_arrives)
{
	static const char *const scripts[] = {"B\nS thanks\nG\n", NULL};
	struct peer peer;
	struct client c = {.flood = 16 << 20, .close_when = "thanks\r\n"};
	peer_start(&peer, scripts);
	run(&c, "127.0.0.1", peer.port, NULL);
	ck_assert_uint_eq(c.drains, 1);
	peer_join(&peer);
}
END_TEST

START_TEST(the_last_words_of_a_peer_that_hung_up_are_heard)
{
	static const char *const scripts[] = {"S 421 enough\nD\n", NULL};
	struct peer peer;
	struct client c = {.flood = 1 << 20};
	struct pr_address to;
	peer_start(&peer, scripts);
	ck_assert_int_eq(pr_address_parse("127.0.0.1", peer.port, &to), 0);
	ck_assert_int_eq(pr_loop_create(&c.loop, NULL), 0);
	c.s = pr_stream_connect(c.loop, &to, NULL, &events, &c);
	pthread_join(peer.thread, NULL); /* it has spoken and closed before we look */
	pr_loop_run(c.loop);
	ck_assert(pr_str_is(pr_buf_str(&c.heard), "421 enough\r\n"));
	pr_loop_destroy(c.loop);
	pr_buf_finish(&c.heard);
	close(peer.listener);
}
END_TEST

START_TEST(a_refused_connection_is_told_later)
{
	uint16_t port;
	int fd = peer_bind(&port); /* bound, not listening */
	struct client c = {0};
	run(&c, "127.0.0.1", port, NULL);
	ck_assert_int_eq(c.why.code, PR_ESYSTEM);
	ck_assert_ptr_nonnull(strstr(c.why.text, "refused"));
	ck_assert_uint_eq(c.connects, 0);
	close(fd);
}
END_TEST

START_TEST(a_source_that_is_not_ours_is_told_later)
{
	struct pr_address source;
	struct client c = {0};
	ck_assert_int_eq(pr_address_parse("192.0.2.1", 0, &source), 0);
	run(&c, "127.0.0.1", 9, &source);
	ck_assert_int_eq(c.why.code, PR_ESYSTEM);
}
END_TEST

START_TEST(connections_leave_from_their_source)
{
	static const char *const scripts[] = {"S hi\nG\n", NULL};
	struct peer peer;
	struct pr_address source;
	struct client c = {.close_when = "hi\r\n"};
	ck_assert_int_eq(pr_address_parse("127.0.0.2", 0, &source), 0);
	peer_start(&peer, scripts);
	run(&c, "127.0.0.1", peer.port, &source);
	peer_join(&peer);
	ck_assert_int_eq(c.why.code, 0);
}
END_TEST

START_TEST(addresses_are_numbers)
{
	struct pr_address a;
	ck_assert_int_eq(pr_address_parse("192.0.2.7", 25, &a), 0);
	struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
	ck_assert_uint_eq(ntohl(in->sin_addr.s_addr), 0xC0000207);
	ck_assert_uint_eq(ntohs(in->sin_port), 25);
	ck_assert_int_eq(pr_address_parse("::1", 2525, &a), 0);
	ck_assert_int_eq(pr_address_parse("[2001:db8::7]", 2525, &a), 0);
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.sa;
	ck_assert_int_eq(in6->sin6_family, AF_INET6);
	ck_assert_uint_eq(ntohs(in6->sin6_port), 2525);
	ck_assert(in6->sin6_addr.s6_addr[0] == 0x20 && in6->sin6_addr.s6_addr[15] == 7);
	static const char *const bad[] = {"",
	                                  "localhost",
	                                  "1.2.3",
	                                  "[::1",
	                                  "::1]",
	                                  "[]",
	                                  "192.0.2.7:25",
	                                  "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(pr_address_parse(bad[i], 25, &a), PR_EINVAL);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {octets_go_both_ways_and_the_peers_end_is_told},
	    {closing_from_a_callback_is_told_once_and_later},
	    {a_reset_is_told_with_its_reason},
	    {what_the_kernel_does_not_take_at_once_still_arrives},
	    {the_last_words_of_a_peer_that_hung_up_are_heard},
	    {a_refused_connection_is_told_later},
	    {a_source_that_is_not_ours_is_told_later},
	    {connections_leave_from_their_source},
	    {addresses_are_numbers},
	};
	return suite_run("net_stream", NULL, NULL, tests, ROWS(tests));
}
