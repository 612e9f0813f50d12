/* Routes on a real loop: relay against scripted peers, maildir against the disk. */
#include "route_owner.h"
#include "suite.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <fcntl.h>

static void
play_route(struct owner *o, struct pr_route route, const char *script,
           struct pr_target_options options, const char *log)
{
	const char *scripts[] = {script, NULL};
	struct peer peer;
	peer_start(&peer, scripts);
	route.port = peer.port;
	open_route(o, &route, options);
	run_connection(o);
	ck_assert_str_eq(o->log.data, log);
	close_route(o);
	peer_join(&peer);
}

static void
play(struct owner *o, const char *host, const char *script, struct pr_target_options options,
     const char *log)
{
	play_route(o, (struct pr_route){.via = PR_VIA_RELAY, .host = text(host)}, script, options,
	           log);
}

#define OPENING "S 220 mx\nC EHLO me.example\nS 250-mx|250 PIPELINING\n"
#define ENVELOPE "C MAIL FROM:<s@a.example>\nC RCPT TO:<r@b.example>\nC DATA\n"

START_TEST(messages_follow_one_another_on_one_connection)
{
	struct owner o = {.n = 3, .quit_when_dry = true};
	play(&o, "127.0.0.1",
	     OPENING ENVELOPE "S 250 a|250 b|354 go\nB\n" ENVELOPE
	                      "S 250 taken|250 a|550 no|554 none\nC RSET\n" ENVELOPE
	                      "S 250 r|250 a|250 b|354 go\nB\nS 250 taken\nC QUIT\nS 221 bye\nG\n",
	     (struct pr_target_options){0}, "r1:dot:250 r2:rcpt:550 r3:dot:250 end:quit:221");
	ck_assert_str_eq(o.peer, "127.0.0.1");
}
END_TEST

START_TEST(a_name_leads_to_an_address_that_answers)
{
	/* where localhost is ::1 first, that is refused and the next one tried */
	struct owner o = {.n = 1, .quit_when_dry = true};
	play(&o, "localhost", OPENING ENVELOPE "S 250 a|250 b|354 go\nB\nS 250 taken\nC QUIT\nG\n",
	     (struct pr_target_options){.messages_max = 1, .timeout_command_ms = 100},
	     "r1:dot:250 end:quit:0");
	ck_assert_str_eq(o.peer, "localhost[127.0.0.1]");
}
END_TEST

START_TEST(a_peer_that_is_silent_is_left_in_time)
{
	struct owner o = {.n = 2};
	play(&o, "127.0.0.1", OPENING ENVELOPE "S 250 a|250 b|354 go\nB\nC MAIL\nG\n",
	     (struct pr_target_options){.timeout_dot_ms = 30}, "r1:dot:0? b2 end:dot:0");
	ck_assert_str_eq(o.why, "timed out");
}
END_TEST

START_TEST(a_peer_that_resets_leaves_the_row_tried_in_vain)
{
	struct owner o = {.n = 1};
	play(&o, "127.0.0.1", OPENING "C MAIL\nR\n", (struct pr_target_options){0},
	     "r1:mail:0 end:mail:0");
	ck_assert(strncmp(o.why, "connection lost: ", 17) == 0);
}
END_TEST

START_TEST(an_idle_connection_says_goodbye)
{
	struct owner o = {.n = 0};
	play(&o, "127.0.0.1", OPENING "C QUIT\nS 221 bye\nG\n",
	     (struct pr_target_options){.idle_ms = 20}, "end:quit:221");
}
END_TEST

START_TEST(aborted_from_within_the_wire_mark_everything_is_told_once)
{
	struct owner o = {.n = 2, .abort_at = 1};
	play(&o, "127.0.0.1", OPENING ENVELOPE "S 250 a|250 b|354 go\nG\n",
	     (struct pr_target_options){0}, "r1:dot:0? end:body:0");
	ck_assert_str_eq(o.why, "told to");
}
END_TEST

START_TEST(large_messages_leave_in_parts_and_arrive_whole)
{
	static const char *const scripts[] = {
	    OPENING ENVELOPE "S 250 a|250 b|354 go\nB\nS 250 taken\nC QUIT\nS 221 bye\nG\n", NULL};
	struct owner o = {.n = 1, .quit_when_dry = true};
	struct peer peer;
	peer_start(&peer, scripts);
	struct pr_route route = {.via = PR_VIA_RELAY, .host = text("127.0.0.1"), .port = peer.port};
	open_route(&o, &route, (struct pr_target_options){0});
	while (o.big.len < 5 << 20)
		pr_buf_adds(&o.big,
		            "0123456789012345678901234567890123456789012345678901234567890\r\n");
	o.messages[0].data = o.big.data;
	o.messages[0].size = o.big.len;
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:250 end:quit:221");
	pthread_join(peer.thread, NULL);
	ck_assert_msg(!peer.failure[0], "%s", peer.failure);
	ck_assert_uint_eq(peer.bodies.len, o.big.len + 3);
	ck_assert_mem_eq(peer.bodies.data, o.big.data, o.big.len);
	close(peer.listener);
	pr_buf_finish(&peer.heard), pr_buf_finish(&peer.bodies);
	close_route(&o);
}
END_TEST

START_TEST(nobody_there_ends_at_connect_and_later_is_tried_again)
{
	uint16_t port;
	int fd = peer_bind(&port);
	struct pr_route route = {.via = PR_VIA_RELAY, .host = text("localhost"), .port = port};
	struct owner o = {.n = 1};
	open_route(&o, &route, (struct pr_target_options){0});
	run_connection(&o);
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "end:connect:0 end:connect:0");
	ck_assert_msg(strncmp(o.why, "cannot connect: ", 16) == 0, "%s", o.why);
	close_route(&o);
	close(fd);
}
END_TEST

START_TEST(a_name_that_does_not_exist_ends_at_connect)
{
	struct pr_route route = {
	    .via = PR_VIA_RELAY, .host = text("no-such-host.invalid"), .port = 25};
	struct owner o = {.n = 1};
	open_route(&o, &route, (struct pr_target_options){0});
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "end:connect:0");
	ck_assert_msg(strncmp(o.why, "cannot look up the host: ", 25) == 0, "%s", o.why);
	close_route(&o);
}
END_TEST

/* As after a first try whose look-ups are still in the cache. */
START_TEST(an_exchanger_that_is_known_to_be_nowhere_ends_at_connect_not_before_open_returns)
{
	struct pr_route route = {.via = PR_VIA_MX, .port = 25};
	struct pr_exchanger nowhere = {.name = "no..host"};
	struct pr_target_options options = {0};
	struct owner o = {.n = 1};
	ck_assert_int_eq(pr_loop_create(&o.loop, NULL), 0);
	ck_assert_int_eq(
	    pr_dns_create(&(struct pr_dns_options){.loop = o.loop}, &options.dns, NULL), 0);
	open_route(&o, &route, options);
	pr_target_lead(o.target, &nowhere, 1);
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "end:connect:0");
	ck_assert_str_eq(o.why, "no mail exchanger has an address");
	o.c = pr_connection_open(o.target, &events, &o);
	pr_connection_quit(o.c);
	o.c = pr_connection_open(o.target, &events, &o);
	pr_connection_abort(o.c, "told to");
	pr_loop_turn(o.loop);
	pr_loop_turn(o.loop);
	ck_assert_str_eq(o.log.data, "end:connect:0 end:quit:0 end:connect:0");
	pr_dns_destroy(options.dns);
	close_route(&o);
}
END_TEST

START_TEST(quit_and_abort_before_there_is_a_connection)
{
	struct pr_route route = {.via = PR_VIA_RELAY, .host = text("localhost"), .port = 9};
	struct owner o = {.n = 1};
	open_route(&o, &route, (struct pr_target_options){0});
	o.c = pr_connection_open(o.target, &events, &o);
	pr_connection_quit(o.c);
	ck_assert_str_eq(o.log.data, "end:quit:0");
	o.c = pr_connection_open(o.target, &events, &o);
	pr_connection_abort(o.c, "told to");
	ck_assert_str_eq(o.log.data, "end:quit:0 end:connect:0");
	pr_loop_turn(o.loop); /* this one only takes back the stop */
	pr_loop_turn(o.loop);
	close_route(&o);
}
END_TEST

START_TEST(what_a_route_cannot_do_is_refused_by_name)
{
	pr_loop *loop;
	struct pr_route_target *t;
	struct pr_error e;
	struct pr_route route = {
	    .via = PR_VIA_RELAY, .host = text("x"), .port = 25, .tls = PR_ROUTE_TLS_VERIFIED};
	ck_assert_int_eq(pr_loop_create(&loop, NULL), 0);
	struct pr_target_options options = {.hostname = "me.example"};
	ck_assert_int_eq(pr_target_open(loop, &route, &options, &t, &e), PR_EINVAL);
	route = (struct pr_route){.via = PR_VIA_UNSET};
	ck_assert_int_eq(pr_target_open(loop, &route, &options, &t, &e), PR_EUNAVAILABLE);
	route = (struct pr_route){.via = PR_VIA_RELAY, .host = text(""), .port = 25};
	ck_assert_int_eq(pr_target_open(loop, &route, &options, &t, &e), PR_EINVAL);
	route = (struct pr_route){.via = PR_VIA_MAILDIR, .path = text("/proc/nowhere")};
	ck_assert_int_lt(pr_target_open(loop, &route, &options, &t, &e), 0);
	pr_loop_destroy(loop);
}
END_TEST

/* ---- esmtp: libesmtp against the same peers; it has no pipelining ---- */

static void
play_esmtp(struct owner *o, const char *script, const char *log)
{
	play_route(o, (struct pr_route){.via = PR_VIA_ESMTP, .host = text("127.0.0.1")}, script,
	           (struct pr_target_options){.timeout_command_ms = 2000,
	                                      .timeout_dot_ms = 1000,
	                                      .timeout_banner_ms = 2000},
	           log);
}

#define TO_MAIL "S 220 mx\nC EHLO me.example\nS 250 mx\nC MAIL FROM:<s@a.example>\n"
#define TO_RCPT TO_MAIL "S 250 a\nC RCPT TO:<r@b.example>\n"
#define TO_BODY TO_RCPT "S 250 b\nC DATA\nS 354 go\nB\n"

START_TEST(libesmtp_is_told_by_the_answer_that_decided)
{
	static const struct {
		const char *script, *log;
	} rows[] = {
	    {TO_BODY "S 250 2.0.0 taken\nC QUIT\nS 221 bye\nG\n", "r1:dot:250 end:quit:0"},
	    {TO_BODY "S 451-4.3.0 later|451 4.3.0 on\nC QUIT\nS 221 bye\nG\n",
	     "r1:dot:451 end:quit:0"},
	    {TO_BODY "S 554 spam\nC QUIT\nS 221 bye\nG\n", "r1:dot:554 end:quit:0"},
	    {TO_RCPT "S 550 nobody\nG\n", "r1:rcpt:550 end:quit:0"},
	    {TO_RCPT "S 250 b\nC DATA\nS 451 not now\nC QUIT\nS 221 bye\nG\n",
	     "r1:data:451 end:quit:0"},
	    {TO_MAIL "S 421 busy\nC QUIT\nS 221 bye\nG\n", "r1:mail:421 end:quit:0"},
	    {TO_BODY "D\n", "r1:dot:0? end:dot:0"},
	    {TO_BODY "G\n", "r1:dot:0? end:dot:0"},
	    {TO_RCPT "D\n", "r1:data:0 end:data:0"},
	    {TO_MAIL "D\n", "b1 end:mail:0"},
	    {"S 554 go away\nC QUIT\nS 221 bye\nG\n", "b1 end:banner:554"},
	    {"D\n", "b1 end:connect:0"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct owner o = {.n = 1, .quit_when_dry = true};
		play_esmtp(&o, rows[i].script, rows[i].log);
	}
}
END_TEST

START_TEST(libesmtp_sends_the_octets_as_they_are)
{
	static const char data[] = "Date: Mon, 1 Jun 2026 00:00:00 +0000\r\nFrom: a@a.example\r\n"
				   "To: r@b.example\r\nSubject: =?utf-8?Q?x?=\r\n =?utf-8?Q?y?=\r\n"
				   "Message-ID: <1@a.example>\r\nx-ODD :  kept\r\n\r\n"
				   ".dot\r\n..\r\nlast  \r\n",
			  stuffed[] = "\r\n\r\n..dot\r\n...\r\nlast  \r\nTail: no\r\n.\r\n";
	static const char *const scripts[] = {TO_BODY "S 250 taken\nC QUIT\nS 221 bye\nG\n", NULL};
	struct owner o = {.n = 1, .quit_when_dry = true};
	struct peer peer;
	peer_start(&peer, scripts);
	struct pr_route route = {.via = PR_VIA_ESMTP, .host = text("127.0.0.1"), .port = peer.port};
	open_route(&o, &route, (struct pr_target_options){0});
	o.messages[0].data = data;
	o.messages[0].size = sizeof data - 1;
	o.messages[0].tail = "Tail: no\r\n";
	o.messages[0].tail_n = 10;
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:250 end:quit:0");
	pthread_join(peer.thread, NULL);
	ck_assert_msg(!peer.failure[0], "%s", peer.failure);
	size_t head = (size_t)(strstr(data, "\r\n\r\n") - data);
	ck_assert_uint_eq(peer.bodies.len, head + sizeof stuffed - 1);
	ck_assert_mem_eq(peer.bodies.data, data, head);
	ck_assert_mem_eq(peer.bodies.data + head, stuffed, sizeof stuffed - 1);
	close(peer.listener);
	pr_buf_finish(&peer.heard), pr_buf_finish(&peer.bodies);
	close_route(&o);
}
END_TEST

START_TEST(libesmtp_aborted_is_in_doubt_and_what_it_cannot_do_is_refused)
{
	pr_loop *loop;
	struct pr_route_target *t;
	struct pr_error e;
	struct owner o = {.n = 1, .abort_at = 1};
	struct pr_route route = {.via = PR_VIA_ESMTP, .host = text("127.0.0.1"), .port = 9};
	open_route(&o, &route, (struct pr_target_options){0});
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:0? end:dot:0");
	close_route(&o);
	struct owner u = {.n = 1, .quit_when_dry = true};
	open_route(&u, &route, (struct pr_target_options){0});
	u.messages[0].smtputf8 = true;
	run_connection(&u);
	ck_assert_str_eq(u.log.data, "r1:mail:0 end:quit:0");
	close_route(&u);
	struct pr_target_options options = {.hostname = "me.example"};
	ck_assert_int_eq(pr_loop_create(&loop, NULL), 0);
	route.host = text("::1");
	ck_assert_int_eq(pr_target_open(loop, &route, &options, &t, &e), PR_EINVAL);
	route.host = text("x");
	options.tls_least = PR_ROUTE_TLS_IMPLICIT;
	ck_assert_int_eq(pr_target_open(loop, &route, &options, &t, &e), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "via: relay"));
	pr_loop_destroy(loop);
}
END_TEST

/* ---- maildir ---- */

static unsigned
count_files(const char *path, struct pr_buf *last)
{
	unsigned n = 0;
	DIR *dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	for (struct dirent *d; (d = readdir(dir));)
		if (d->d_name[0] != '.') {
			n++;
			pr_buf_clear(last);
			ck_assert_int_eq(pr_file_read(dirfd(dir), d->d_name, 10000, last, NULL), 0);
		}
	closedir(dir);
	return n;
}

START_TEST(maildir_makes_a_file_of_each_message)
{
	char folder[] = "/tmp/postrider-routes-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/out/box", folder);
	struct pr_route route = {.via = PR_VIA_MAILDIR, .path = text(path)};
	struct owner o = {.n = 3, .quit_when_dry = true};
	struct pr_buf last = {0};
	open_route(&o, &route, (struct pr_target_options){0});
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:250 r2:dot:250 r3:dot:250 end:quit:0");
	close_route(&o);
	snprintf(path, sizeof path, "%s/out/box/new", folder);
	ck_assert_uint_eq(count_files(path, &last), 3);
	ck_assert_str_eq(last.data, "Return-Path: <s@a.example>\r\nDelivered-To: r@b.example\r\n"
	                            "Subject: x\r\n\r\n.hi\r\n");
	snprintf(path, sizeof path, "%s/out/box/tmp", folder);
	ck_assert_uint_eq(count_files(path, &last), 0);
	pr_buf_finish(&last);
	pr_remove_tree(AT_FDCWD, folder);
}
END_TEST

START_TEST(maildir_that_cannot_write_defers_and_an_abort_leaves_a_doubt)
{
	char folder[] = "/tmp/postrider-routes-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(folder));
	struct pr_route route = {.via = PR_VIA_MAILDIR, .path = text(folder)};
	struct owner o = {.n = 1, .quit_when_dry = true};
	open_route(&o, &route, (struct pr_target_options){0});
	pr_remove_tree(AT_FDCWD, folder);
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:452 end:quit:0");
	pr_buf_clear(&o.log);
	o.taken = o.wired = 0;
	o.abort_at = 1;
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:dot:0? end:dot:0");
	close_route(&o);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {messages_follow_one_another_on_one_connection},
	    {a_name_leads_to_an_address_that_answers},
	    {a_peer_that_is_silent_is_left_in_time},
	    {a_peer_that_resets_leaves_the_row_tried_in_vain},
	    {an_idle_connection_says_goodbye},
	    {aborted_from_within_the_wire_mark_everything_is_told_once},
	    {large_messages_leave_in_parts_and_arrive_whole},
	    {nobody_there_ends_at_connect_and_later_is_tried_again},
	    {a_name_that_does_not_exist_ends_at_connect},
	    {an_exchanger_that_is_known_to_be_nowhere_ends_at_connect_not_before_open_returns},
	    {quit_and_abort_before_there_is_a_connection},
	    {what_a_route_cannot_do_is_refused_by_name},
	    {libesmtp_is_told_by_the_answer_that_decided},
	    {libesmtp_sends_the_octets_as_they_are},
	    {libesmtp_aborted_is_in_doubt_and_what_it_cannot_do_is_refused},
	    {maildir_makes_a_file_of_each_message},
	    {maildir_that_cannot_write_defers_and_an_abort_leaves_a_doubt},
	};
	return suite_run("routes", NULL, NULL, tests, ROWS(tests));
}
