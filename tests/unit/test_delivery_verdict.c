/* Verdicts and retry delays: what real receivers say, and what it costs row and lane. */
#include "shipped_rules.h"
#include "suite.h"

#include "postrider/delivery/verdict.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- policy ---- */

struct answer {
	enum pr_smtp_stage stage;
	const char *reply;
	enum pr_state state;
	enum pr_class class_;
	bool lane_backs_off, early_retry, suppress;
};

static const struct answer answers[] = {
    {PR_STAGE_DOT, "250 2.0.0 Ok: queued", PR_DELIVERED, PR_CLASS_DELIVERED},
    {PR_STAGE_DOT, "250 spam filter passed", PR_DELIVERED, PR_CLASS_DELIVERED},
    {PR_STAGE_RCPT, "550 5.1.1 user unknown", PR_BOUNCED, PR_CLASS_USER_UNKNOWN, .suppress = true},
    {PR_STAGE_RCPT, "450 5.1.1 user unknown", PR_DEFERRED, PR_CLASS_USER_UNKNOWN},
    {PR_STAGE_RCPT, "550 5.2.1 mailbox disabled", PR_BOUNCED, PR_CLASS_MAILBOX_DISABLED,
     .suppress = true},
    {PR_STAGE_RCPT, "550 no such user here", PR_BOUNCED, PR_CLASS_USER_UNKNOWN, .suppress = true},
    {PR_STAGE_RCPT, "550 nope", PR_BOUNCED, PR_CLASS_RECIPIENT_REFUSED},
    {PR_STAGE_RCPT, "450 4.2.0 Greylisted, see http://postgrey", PR_DEFERRED, PR_CLASS_GREYLISTED,
     .early_retry = true},
    {PR_STAGE_RCPT, "452 4.2.2 mailbox full", PR_DEFERRED, PR_CLASS_MAILBOX_FULL},
    {PR_STAGE_RCPT, "552 5.2.2 mailbox full", PR_BOUNCED, PR_CLASS_MAILBOX_FULL},
    {PR_STAGE_RCPT, "552 too many recipients", PR_DEFERRED, PR_CLASS_RATE_LIMITED,
     .lane_backs_off = true},
    {PR_STAGE_RCPT, "550 5.5.3 too much", PR_DEFERRED, PR_CLASS_RATE_LIMITED,
     .lane_backs_off = true},
    {PR_STAGE_RCPT,
     "450 4.2.1 The user you are trying to contact is receiving mail at a rate "
     "that prevents additional messages from being delivered.",
     PR_DEFERRED, PR_CLASS_RATE_LIMITED, .lane_backs_off = true},
    {PR_STAGE_DOT, "550 Ip frequency limited [x Blocked IP 192.0.2.22]", PR_DEFERRED,
     PR_CLASS_RATE_LIMITED, .lane_backs_off = true},
    {PR_STAGE_DOT, "550 Domain frequency limited", PR_DEFERRED, PR_CLASS_RATE_LIMITED,
     .lane_backs_off = true},
    {PR_STAGE_RCPT, "550 Mailbox unavailable or access denied", PR_DEFERRED,
     PR_CLASS_RECIPIENT_REFUSED},
    {PR_STAGE_DOT, "550 Mail content denied", PR_BOUNCED, PR_CLASS_SPAM_CONTENT},
    {PR_STAGE_DOT, "550 5.7.1 Message content rejected, UBE", PR_BOUNCED, PR_CLASS_SPAM_CONTENT},
    {PR_STAGE_DOT, "550 5.7.26 Unauthenticated email from x is not accepted", PR_BOUNCED,
     PR_CLASS_AUTHENTICATION, .lane_backs_off = true},
    {PR_STAGE_DOT, "421 4.7.28 unusual rate of mail", PR_DEFERRED, PR_CLASS_RATE_LIMITED,
     .lane_backs_off = true},
    {PR_STAGE_DOT,
     "550 5.7.515 Access denied, sending domain x does not meet the required "
     "authentication level.",
     PR_BOUNCED, PR_CLASS_AUTHENTICATION, .lane_backs_off = true},
    {PR_STAGE_DOT,
     "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to "
     "unexpected volume or user complaints",
     PR_DEFERRED, PR_CLASS_REPUTATION, .lane_backs_off = true},
    {PR_STAGE_DOT, "451 4.7.652 exceeded the maximum number of connections (S3115)", PR_DEFERRED,
     PR_CLASS_RATE_LIMITED, .lane_backs_off = true},
    {PR_STAGE_DOT, "552 5.3.4 message too big", PR_BOUNCED, PR_CLASS_TOO_LARGE},
    {PR_STAGE_DOT, "421 closing", PR_DEFERRED, PR_CLASS_SYSTEM, .lane_backs_off = true},
    {PR_STAGE_DOT, "451 local problem", PR_DEFERRED, PR_CLASS_SYSTEM},
    {PR_STAGE_MAIL, "451 not now", PR_DEFERRED, PR_CLASS_SYSTEM, .lane_backs_off = true},
    {PR_STAGE_MAIL, "553 5.1.8 Domain of sender address does not exist", PR_BOUNCED,
     PR_CLASS_SENDER_REJECTED, .lane_backs_off = true},
    {PR_STAGE_MAIL, "552 5.3.4 Message size exceeds fixed limit", PR_BOUNCED, PR_CLASS_TOO_LARGE},
    {PR_STAGE_DATA, "554 5.5.1 no valid recipients", PR_BOUNCED, PR_CLASS_UNDETERMINED},
    {PR_STAGE_DATA, "451 try again later", PR_DEFERRED, PR_CLASS_RATE_LIMITED,
     .lane_backs_off = true},
    {PR_STAGE_BODY, "552 5.2.3 too large", PR_BOUNCED, PR_CLASS_TOO_LARGE},
    /* nothing but an answer to the end of data can deliver */
    {PR_STAGE_DATA, "250 what?", PR_DEFERRED, PR_CLASS_DELIVERED},
};

/* Corpus texts are flattened to one line; "550-x" begins many of them. */
static bool
read_reply(const char *text, struct pr_reply_parser *p, struct pr_reply *out)
{
	struct pr_buf line = {0};
	size_t used;
	pr_buf_adds(&line, text);
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] == '\n' || line.data[i] == '\r')
			line.data[i] = ' ';
	if (line.len > 3 && line.data[3] == '-')
		line.data[3] = ' ';
	pr_buf_adds(&line, "\r\n");
	pr_reply_parser_init(p);
	int rc = pr_reply_feed(p, line.data, line.len, &used, out);
	pr_buf_finish(&line);
	return rc == 1;
}

START_TEST(answers_cost_the_row_and_the_lane_what_they_should)
{
	const struct answer *a = &answers[_i];
	struct pr_reply_parser p;
	struct pr_smtp_result r = {.stage = a->stage, .answered = true};
	ck_assert(read_reply(a->reply, &p, &r.reply));
	struct pr_verdict v = pr_verdict_message(rules, &r);
	ck_assert_msg(v.state == a->state && v.class_ == a->class_ &&
	                  v.lane_backs_off == a->lane_backs_off &&
	                  v.early_retry == a->early_retry && v.suppress == a->suppress,
	              "%s: %s %s%s%s", a->reply, pr_state_word(v.state), pr_class_word(v.class_),
	              v.lane_backs_off ? " lane" : "", v.early_retry ? " early" : "");
	pr_reply_parser_finish(&p);
}
END_TEST

START_TEST(what_was_not_answered_is_pending_in_doubt_or_impossible)
{
	struct pr_verdict v = pr_verdict_message(
	    rules, &(struct pr_smtp_result){.stage = PR_STAGE_DOT, .in_doubt = true});
	ck_assert(v.state == PR_IN_DOUBT && v.lane_backs_off);
	v = pr_verdict_message(rules,
	                       &(struct pr_smtp_result){.stage = PR_STAGE_MAIL, .permanent = true});
	ck_assert(v.state == PR_BOUNCED && v.class_ == PR_CLASS_PROTOCOL && !v.lane_backs_off);
	v = pr_verdict_message(
	    rules,
	    &(struct pr_smtp_result){.stage = PR_STAGE_MAIL, .permanent = true, .too_large = true});
	ck_assert(v.state == PR_BOUNCED && v.class_ == PR_CLASS_TOO_LARGE);
	v = pr_verdict_message(rules, &(struct pr_smtp_result){.stage = PR_STAGE_RCPT});
	ck_assert(v.state == PR_PENDING && v.class_ == PR_CLASS_NETWORK && !v.lane_backs_off);
}
END_TEST

START_TEST(ends_of_connections_never_cost_a_row)
{
	static const struct {
		enum pr_smtp_stage stage;
		const char *reply;
		enum pr_class class_;
		bool backs_off;
	} ends[] = {
	    {PR_STAGE_CONNECT, NULL, PR_CLASS_NETWORK, true},
	    {PR_STAGE_BANNER, NULL, PR_CLASS_NETWORK, true},
	    {PR_STAGE_BANNER, "554 5.7.1 blocked using zen.spamhaus.org", PR_CLASS_REPUTATION,
	     true},
	    {PR_STAGE_BANNER, "421 HL:ICC", PR_CLASS_RATE_LIMITED, true},
	    {PR_STAGE_EHLO, "550 who are you?", PR_CLASS_RECIPIENT_REFUSED, true},
	    {PR_STAGE_RCPT, "421 4.7.0 too many messages", PR_CLASS_RATE_LIMITED, true},
	    {PR_STAGE_DOT, NULL, PR_CLASS_NETWORK, true},
	    {PR_STAGE_IDLE, NULL, PR_CLASS_NONE, false},
	    {PR_STAGE_IDLE, "421 4.4.2 idle timeout", PR_CLASS_NETWORK, false},
	    {PR_STAGE_IDLE, "421 too many connections", PR_CLASS_RATE_LIMITED, true},
	    {PR_STAGE_QUIT, "221 bye", PR_CLASS_NONE, false},
	    {PR_STAGE_QUIT, NULL, PR_CLASS_NONE, false},
	};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct pr_reply_parser p = {0};
		struct pr_smtp_result r = {.stage = ends[i].stage, .answered = ends[i].reply};
		if (ends[i].reply)
			ck_assert(read_reply(ends[i].reply, &p, &r.reply));
		struct pr_verdict v = pr_verdict_connection(rules, &r);
		ck_assert_msg(v.state == PR_PENDING && v.class_ == ends[i].class_ &&
		                  v.lane_backs_off == ends[i].backs_off,
		              "%zu: %s %d", i, pr_class_word(v.class_), v.lane_backs_off);
		pr_reply_parser_finish(&p);
	}
}
END_TEST

/* ---- retry ---- */

START_TEST(retries_grow_to_their_maximum_and_keep_their_jitter)
{
	struct pr_retry retry = {.first_ms = 1200000, .max_ms = 21600000, .factor = 2};
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 1, 7), 1200000);
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 0, 7), 1200000);
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 2, 7), 2400000);
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 5, 7), 19200000);
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 6, 7), 21600000);
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 4000000000u, 7), 21600000);
	retry.jitter = 0.1;
	int64_t least = INT64_MAX, most = 0, sum = 0;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		int64_t d = pr_retry_delay_ms(&retry, 1, seed);
		ck_assert_int_eq(d, pr_retry_delay_ms(&retry, 1, seed));
		least = d < least ? d : least;
		most = d > most ? d : most;
		sum += d;
	}
	ck_assert(least >= 1080000 && least < 1082000);
	ck_assert(most <= 1320000 && most > 1318000);
	ck_assert(llabs(sum / 1000 - 1200000) < 10000);
	ck_assert_int_ne(pr_retry_delay_ms(&retry, 6, 1), pr_retry_delay_ms(&retry, 7, 1));
	retry = (struct pr_retry){0};
	ck_assert_int_eq(pr_retry_delay_ms(&retry, 3, 1), 1);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {answers_cost_the_row_and_the_lane_what_they_should, ROWS(answers)},
	    {what_was_not_answered_is_pending_in_doubt_or_impossible},
	    {ends_of_connections_never_cost_a_row},
	    {retries_grow_to_their_maximum_and_keep_their_jitter},
	};
	return suite_run("delivery_verdict", rules_setup, rules_teardown, tests, ROWS(tests));
}
