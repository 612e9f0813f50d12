/*
 * Conversations that others wrote down (the shared corpus, smtp.jsonl): servers with faults
 * played step by step against a session. What is held against the script is the truth of
 * the one message: told as taken when the script takes it, in doubt when the script leaves
 * it open, refused or returned otherwise.
 */
#include "corpus.h"
#include "smtp_talk.h"
#include "suite.h"

enum truth { TRUTH_NOT, TRUTH_TAKEN, TRUTH_REFUSED, TRUTH_OPEN };

/* Only what a client with one message and without AUTH or TLS would meet. */
static bool
fits(json_t *steps)
{
	static const char *const words[] = {"EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT", "RSET"};
	unsigned recipients = 0;
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step)
	{
		const char *op = corpus_text(step, "op"), *prefix = corpus_text(step, "prefix");
		bool known = strcmp(op, "expect") != 0;
		for (size_t k = 0; k < sizeof words / sizeof *words; k++)
			known = known || strncasecmp(prefix, words[k], 4) == 0;
		if (!known || strcmp(op, "starttls") == 0 || strcmp(op, "other") == 0 ||
		    strcmp(op, "read_bytes") == 0)
			return false;
		recipients += strncasecmp(prefix, "RCPT", 4) == 0;
	}
	return recipients <= 1;
}

static void
play_send(struct talk *t, json_t *step)
{
	struct pr_buf b = {0};
	const char *eol = corpus_text(step, "eol");
	pr_buf_adds(&b, corpus_text(step, "data"));
	pr_buf_adds(&b, strcmp(eol, "lf") == 0     ? "\n"
	                : strcmp(eol, "cr") == 0   ? "\r"
	                : strcmp(eol, "none") == 0 ? ""
	                                           : "\r\n");
	talk_hear(t, b.data, b.len);
	pr_buf_finish(&b);
}

/* Take a line, or a body, from what was said. False: that is not what came. */
static bool
play_expect(struct talk *t, const char *end, const char *prefix)
{
	char *at = t->said.len ? strstr(t->said.data, end) : NULL;
	if (!at)
		return false;
	bool same = strncasecmp(t->said.data, prefix, strlen(prefix)) == 0;
	pr_buf_consume(&t->said, (size_t)(at - t->said.data) + strlen(end));
	return same;
}

/* Plays until the client leaves the script, or the script the client. */
static enum truth
play(struct talk *t, json_t *steps)
{
	enum truth truth = TRUTH_NOT;
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step)
	{
		const char *op = corpus_text(step, "op"), *data = corpus_text(step, "data");
		if (!t->s || strcmp(op, "close") == 0)
			break;
		if (strcmp(op, "send") == 0) {
			if (truth == TRUTH_OPEN && (!data[0] || data[3] != '-'))
				truth = data[0] == '2'                     ? TRUTH_TAKEN
				        : data[0] == '4' || data[0] == '5' ? TRUTH_REFUSED
				                                           : TRUTH_OPEN;
			play_send(t, step);
		} else if (strcmp(op, "expect_data") == 0) {
			if (!play_expect(t, "\r\n.\r\n", "Subject"))
				break;
			truth = TRUTH_OPEN;
		} else if (strcmp(op, "expect") == 0) {
			const char *prefix = corpus_text(step, "prefix");
			if (t->s && strncasecmp(prefix, "QUIT", 4) == 0)
				pr_smtp_quit(t->s, t->now);
			if (!play_expect(t, "\r\n", prefix))
				break;
		}
	}
	talk_lose(t);
	return truth;
}

static void
check_one(json_t *j)
{
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true}, 1);
	enum truth truth = play(&t, json_object_get(j, "steps"));
	bool taken = strstr(t.log.data, "r1:dot:2"), doubt = strstr(t.log.data, "doubt");
	/* a server may close while the body is still on its way to it: that is a doubt, too */
	bool may_doubt = truth == TRUTH_OPEN || (truth == TRUTH_NOT && t.wired[0]);
	ck_assert_msg(taken == (truth == TRUTH_TAKEN) && doubt == may_doubt &&
	                  (t.fate[0] || !t.taken),
	              "%s: %d, log %s", corpus_text(j, "id"), truth, t.log.data);
	talk_finish(&t);
}

/* The octets that curl's own tests expect on the wire for a message. */
static void
check_upload(json_t *j, const char *message, const char *upload)
{
	struct talk t;
	talk_begin(&t, &(struct pr_smtp_options){.hostname = "me.example"}, 1);
	t.messages[0].data = message;
	t.messages[0].size = strlen(message);
	t.messages[0].dots = true;
	talk_hear(&t, "220 mx\r\n", 8);
	talk_hear(&t, "250-mx\r\n250 PIPELINING\r\n", 24);
	pr_buf_clear(&t.said);
	talk_hear(&t, "250 a\r\n250 b\r\n354 go\r\n", 22);
	ck_assert_msg(strcmp(t.said.data, upload) == 0, "%s: %s", corpus_text(j, "id"),
	              t.said.data);
	talk_finish(&t);
}

static unsigned conversations, uploads;

static void
try_conversation(json_t *j)
{
	if (strcmp(corpus_text(j, "source"), "exim") != 0 ||
	    strcmp(corpus_text(j, "protocol"), "smtp") != 0 || !fits(json_object_get(j, "steps")))
		return;
	check_one(j);
	conversations++;
}

static void
try_upload(json_t *j)
{
	const char *message = corpus_text(json_object_get(j, "inputs"), "stdin");
	const char *upload = corpus_text(j, "expect_upload");
	if (strcmp(corpus_text(j, "source"), "curl") != 0 || !*message || !*upload)
		return;
	check_upload(j, message, upload);
	uploads++;
}

START_TEST(recorded_conversations_end_in_what_they_say)
{
	if (corpus_each("smtp.jsonl", try_conversation))
		ck_assert_uint_gt(conversations, 40);
}
END_TEST

START_TEST(messages_are_on_the_wire_as_curl_expects_them)
{
	if (corpus_each("smtp.jsonl", try_upload))
		ck_assert_uint_gt(uploads, 10);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {recorded_conversations_end_in_what_they_say},
	    {messages_are_on_the_wire_as_curl_expects_them},
	};
	return suite_run("smtp_corpus", NULL, NULL, tests, ROWS(tests));
}
