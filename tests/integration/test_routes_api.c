/* The routes by a provider's API, on a real loop against scripted HTTP servers. */
#include "route_owner.h"
#include "suite.h"

#define POST "H POST /v3/mail/send HTTP/1.1\n"
#define ANSWER(status, fields) "S HTTP/1.1 " status "|" fields "Content-Length: 0|\n"

static char key_file[30];
static char endpoint[60];

static void
make_key(void)
{
	strcpy(key_file, "/tmp/postrider-key-XXXXXX");
	int fd = mkstemp(key_file);
	ck_assert_int_eq(write(fd, "SG.secret\n", 10), 10);
	close(fd);
}

static void
remove_key(void)
{
	unlink(key_file);
}

/* What was posted, each request with its head, is left in the peer. */
static void
play(struct owner *o, struct pr_route route, const char *const *scripts, struct peer *peer)
{
	static const char data[] = "From: A <s@a.example>\r\nTo: r@b.example\r\nSubject: x\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n\r\n.hi\r\n";
	peer_start(peer, scripts);
	snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", peer->port);
	route.endpoint = text(endpoint);
	route.key_file = text(key_file);
	open_route(o, &route, (struct pr_target_options){.timeout_dot_ms = 1000});
	for (unsigned i = 0; i < MESSAGES; i++) {
		o->messages[i].data = data;
		o->messages[i].size = sizeof data - 1;
	}
	run_connection(o);
}

static void
leave(struct owner *o, struct peer *peer)
{
	close_route(o);
	pthread_join(peer->thread, NULL);
	ck_assert_msg(!peer->failure[0], "%s", peer->failure);
	close(peer->listener);
	pr_buf_finish(&peer->heard), pr_buf_finish(&peer->bodies);
}

static const struct {
	const char *script, *log;
	int64_t retry_after_ms;
} answers[] = {
    {POST ANSWER("202 Accepted", "X-Message-Id: abc|") "G\n", "r1:dot:250 end:quit:0"},
    {POST "S HTTP/1.1 400 Bad Request|Content-Length: 15||{\"errors\": []}\nG\n",
     "r1:dot:554 end:quit:0"},
    {POST ANSWER("413 Too Large", "") "G\n", "r1:dot:552 end:quit:0"},
    {POST ANSWER("403 Forbidden", "") "G\n", "r1:dot:454 end:quit:0"},
    {POST ANSWER("500 Oops", "") "G\n", "r1:dot:451 end:quit:0"},
    {POST ANSWER("502 Bad Gateway", "") "G\n", "r1:dot:0? end:dot:0"},
    {POST ANSWER("401 Unauthorized", "") "G\n", "b1 end:auth:535"},
    {POST ANSWER("302 Found", "Location: /elsewhere|") "G\n", "b1 end:auth:535"},
    {POST ANSWER("429 Slow Down", "Retry-After: 7|") "G\n", "b1 end:dot:421", 7000},
    {POST ANSWER("429 Slow Down", "X-RateLimit-Reset: 30|") "G\n", "b1 end:dot:421", 30000},
    {POST ANSWER("503 Down", "Retry-After: 3|") "G\n", "b1 end:dot:421", 3000},
    {POST ANSWER("503 Down", "") "G\n", "r1:dot:451 end:quit:0"},
    /* no answer */
    {POST "D\n", "r1:dot:0? end:dot:0"},
    {POST "G\n", "r1:dot:0? end:dot:0"},
    {POST "S garbage\nG\n", "r1:dot:0? end:dot:0"},
    /* an answer that breaks off was one */
    {POST "S HTTP/1.1 202 Accepted|Content-Length: 1000||...\nD\n", "r1:dot:250 end:quit:0"},
};

START_TEST(an_answer_decides_and_its_absence_too)
{
	const char *const scripts[] = {answers[_i].script, NULL};
	struct owner o = {.n = 1, .quit_when_dry = true};
	struct peer peer;
	play(&o, (struct pr_route){.via = PR_VIA_SENDGRID}, scripts, &peer);
	ck_assert_str_eq(o.log.data, answers[_i].log);
	ck_assert_int_eq(o.retry_after_ms, answers[_i].retry_after_ms);
	leave(&o, &peer);
}
END_TEST

START_TEST(sendgrid_is_posted_json_with_the_key)
{
	static const char *const scripts[] = {
	    POST ANSWER("202 Accepted", "") POST ANSWER("202 Accepted", "") "G\n", NULL};
	struct owner o = {.n = 2, .quit_when_dry = true};
	struct peer peer;
	play(&o, (struct pr_route){.via = PR_VIA_SENDGRID}, scripts, &peer);
	ck_assert_str_eq(o.log.data, "r1:dot:250 r2:dot:250 end:quit:0");
	ck_assert_ptr_nonnull(strstr(o.peer, "127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(peer.bodies.data, "\r\nAuthorization: Bearer SG.secret\r\n"));
	ck_assert_ptr_nonnull(strstr(peer.bodies.data, "{\"personalizations\":[{\"to\":[{"
	                                               "\"email\":\"r@b.example\"}]}]"));
	leave(&o, &peer);
}
END_TEST

START_TEST(mailgun_is_posted_the_octets_as_they_are)
{
	static const char *const scripts[] = {
	    "H POST /v3/mg.a.example/messages.mime HTTP/1.1\n"
	    "S HTTP/1.1 200 OK|Content-Length: 12||{\"id\": \"x\"}\n"
	    "G\n",
	    NULL};
	struct owner o = {.n = 1, .quit_when_dry = true};
	struct peer peer;
	play(&o, (struct pr_route){.via = PR_VIA_MAILGUN, .domain = text("mg.a.example")}, scripts,
	     &peer);
	ck_assert_str_eq(o.log.data, "r1:dot:250 end:quit:0");
	ck_assert_ptr_nonnull(
	    strstr(peer.bodies.data, "\r\nAuthorization: Basic YXBpOlNHLnNlY3JldA==\r\n"));
	ck_assert_ptr_nonnull(strstr(peer.bodies.data, "name=\"to\"\r\n\r\nr@b.example\r\n"));
	ck_assert_ptr_nonnull(strstr(peer.bodies.data, "name=\"o:tracking\"\r\n\r\nno\r\n"));
	ck_assert_ptr_nonnull(strstr(peer.bodies.data, o.messages[0].data));
	leave(&o, &peer);
}
END_TEST

START_TEST(nobody_there_and_half_a_message_leave_no_doubt)
{
	static const char *const scripts[] = {"C POST\nD\n", NULL};
	struct owner o = {.n = 1}, big = {.n = 1};
	struct peer peer;
	peer_start(&peer, scripts);
	close(peer.listener);
	pthread_cancel(peer.thread);
	pthread_join(peer.thread, NULL);
	snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", peer.port);
	struct pr_route route = {
	    .via = PR_VIA_MAILGUN, .key_file = text(key_file), .endpoint = text(endpoint)};
	open_route(&o, &route, (struct pr_target_options){0});
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "b1 end:connect:0");
	close_route(&o);

	peer_start(&peer, scripts);
	snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", peer.port);
	route.endpoint = text(endpoint);
	open_route(&big, &route, (struct pr_target_options){0});
	for (int i = 0; i < 500000; i++)
		pr_buf_adds(&big.big, "0123456789012345678901234567890123456789\r\n");
	big.messages[0].data = big.big.data;
	big.messages[0].size = big.big.len;
	run_connection(&big);
	ck_assert_str_eq(big.log.data, "b1 end:body:0");
	pr_buf_finish(&big.big);
	leave(&big, &peer);
}
END_TEST

START_TEST(a_kept_connection_that_died_repeats_nothing)
{
	static const char *const scripts[] = {POST ANSWER("202 Accepted", "") POST "D\n", NULL};
	struct owner o = {.n = 2, .quit_when_dry = true};
	struct peer peer;
	play(&o, (struct pr_route){.via = PR_VIA_SENDGRID}, scripts, &peer);
	ck_assert_str_eq(o.log.data, "r1:dot:250 r2:dot:0? end:dot:0");
	leave(&o, &peer);
}
END_TEST

START_TEST(what_the_api_cannot_take_bounces_and_an_abort_leaves_a_doubt)
{
	static const char *const scripts[] = {POST "G\n", NULL};
	struct owner o = {.n = 1, .quit_when_dry = true}, a = {.n = 1, .abort_at = 1};
	struct peer peer;
	struct pr_route route = {.via = PR_VIA_SENDGRID,
	                         .key_file = text(key_file),
	                         .endpoint = text("http://127.0.0.1:9")};
	open_route(&o, &route, (struct pr_target_options){0});
	o.messages[0].data = "From: a@a.example\r\n\r\n";
	o.messages[0].size = strlen(o.messages[0].data);
	run_connection(&o);
	ck_assert_str_eq(o.log.data, "r1:mail:0 end:quit:0");
	close_route(&o);
	play(&a, route, scripts, &peer);
	ck_assert_str_eq(a.log.data, "r1:dot:0? end:dot:0");
	pr_loop_turn(a.loop);
	close_route(&a);
	pthread_cancel(peer.thread);
	pthread_join(peer.thread, NULL);
	close(peer.listener);
	pr_buf_finish(&peer.heard), pr_buf_finish(&peer.bodies);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {an_answer_decides_and_its_absence_too, ROWS(answers)},
	    {sendgrid_is_posted_json_with_the_key},
	    {mailgun_is_posted_the_octets_as_they_are},
	    {nobody_there_and_half_a_message_leave_no_doubt},
	    {a_kept_connection_that_died_repeats_nothing},
	    {what_the_api_cannot_take_bounces_and_an_abort_leaves_a_doubt},
	};
	return suite_run("routes_api", make_key, remove_key, tests, ROWS(tests));
}
