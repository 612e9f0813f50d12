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
	/* a chunk's size is that of another message */
	size_t n = strncmp(prefix, "BDAT", 4) == 0 ? 4 : strlen(prefix);
	bool same = strncasecmp(t->said.data, prefix, n) == 0;
	pr_buf_consume(&t->said, (size_t)(at - t->said.data) + strlen(end));
	return same;
}

/* A script at its way through a session. */
struct play {
	struct talk t;
	enum truth truth;
	unsigned asked, answered; /* the banner is asked for by connecting */
	unsigned message_at;      /* what `asked` was when the message was whole; 0: it is not */
};

/* What the script says about the message, if this is the answer to it. */
static void
note_answer(struct play *p, const char *line)
{
	if (line[0] && line[3] == '-')
		return;
	if (++p->answered == p->message_at && p->truth == TRUTH_OPEN)
		p->truth = line[0] == '2'                     ? TRUTH_TAKEN
		           : line[0] == '4' || line[0] == '5' ? TRUTH_REFUSED
		                                              : TRUTH_OPEN;
}

/* The octets behind a BDAT command are this message's, not those of the script's. */
static bool
take_message(struct play *p, bool by_data)
{
	struct talk *t = &p->t;
	if (by_data && !play_expect(t, "\r\n.\r\n", "Subject"))
		return false;
	if (!by_data) {
		if (t->said.len < t->messages[0].size)
			return false;
		pr_buf_consume(&t->said, t->messages[0].size);
	}
	p->truth = TRUTH_OPEN;
	p->message_at = p->asked;
	return true;
}

static void
hear_from(struct play *p, json_t *step)
{
	note_answer(p, corpus_text(step, "data"));
	play_send(&p->t, step);
	if (p->t.s)
		pr_smtp_secured(p->t.s, p->t.now); /* a handshake succeeds at once */
}

static bool
expect_line(struct play *p, const char *prefix)
{
	if (strncasecmp(prefix, "QUIT", 4) == 0)
		pr_smtp_quit(p->t.s, p->t.now);
	if (!p->t.said.len && strncasecmp(prefix, "QUIT", 4) == 0)
		return true; /* some wait for a QUIT behind the message: here it comes later */
	if (!play_expect(&p->t, "\r\n", prefix))
		return false;
	p->asked++;
	return strncasecmp(prefix, "BDAT", 4) != 0 || take_message(p, false);
}

/* False: the client left the script, or the script the client. */
static bool
play_step(struct play *p, json_t *step)
{
	const char *op = corpus_text(step, "op");
	if (!p->t.s || strcmp(op, "close") == 0 || strcmp(op, "other") == 0)
		return false;
	if (strcmp(op, "send") == 0) {
		hear_from(p, step);
		return true;
	}
	if (strcmp(op, "expect") == 0)
		return expect_line(p, corpus_text(step, "prefix"));
	if (strcmp(op, "expect_data") != 0)
		return true; /* sleep, read_bytes, expect_eof */
	p->asked++;
	return take_message(p, true);
}

/* Every feature there is, and the names and passwords that the scripts' answers are of. */
static struct pr_smtp_options
all_on(json_t *steps)
{
	struct pr_smtp_options o = {.hostname = "me.example",
	                            .lookahead = true,
	                            .chunking = true,
	                            .dsn = true,
	                            .starttls = PR_SMTP_MAY_TLS,
	                            .auth_in_clear = true};
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step)
	{
		const char *prefix = corpus_text(step, "prefix");
		bool cram = strncmp(prefix, "AUTH CRAM", 9) == 0;
		if (strncmp(prefix, "AUTH", 4) == 0) {
			o.user = cram ? "tim" : "userx";
			o.password = cram ? "tanstaaftanstaaf" : "secret";
		}
	}
	return o;
}

static void
play(struct play *p, json_t *steps, const struct pr_smtp_options *options)
{
	*p = (struct play){.asked = 1};
	talk_begin(&p->t, options, 1);
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step) if (!play_step(p, step)) break;
	talk_lose(&p->t);
}

/* What is told is what the script did. A message that was under way may be told as in doubt;
 * one that the script had whole and did not answer must be, unless its envelope was refused. */
static void
hold_against_the_script(struct play *p, json_t *j)
{
	struct talk *t = &p->t;
	bool taken = strstr(t->log.data, "r1:dot:2"), doubt = strstr(t->log.data, "doubt");
	bool may_doubt = p->truth == TRUTH_OPEN || (p->truth == TRUTH_NOT && t->wired[0]);
	bool must_doubt = may_doubt && !t->chunked[0];
	ck_assert_msg(taken == (p->truth == TRUTH_TAKEN) && (!doubt || may_doubt) &&
	                  (doubt || !must_doubt) && (t->fate[0] || !t->taken),
	              "%s: %d, log %s", corpus_text(j, "id"), p->truth, t->log.data);
}

static void
check_one(json_t *j, const struct pr_smtp_options *options)
{
	struct play p;
	play(&p, json_object_get(j, "steps"), options);
	hold_against_the_script(&p, j);
	talk_finish(&p.t);
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

static bool
is_conversation(json_t *j)
{
	return strcmp(corpus_text(j, "source"), "exim") == 0 &&
	       strcmp(corpus_text(j, "protocol"), "smtp") == 0;
}

static void
try_conversation(json_t *j)
{
	if (!is_conversation(j))
		return;
	struct pr_smtp_options options = all_on(json_object_get(j, "steps"));
	check_one(j, &(struct pr_smtp_options){.hostname = "me.example", .lookahead = true});
	check_one(j, &options);
	conversations++;
}

/* ---- outcomes ---- */

static struct {
	unsigned all, silent, many, elsewhere, right, counted;
} outcomes;

/* What became of the one recipient there is: the first result of its address is of this
 * block. NULL: there is none, or there are several. */
static const char *
outcome_of(json_t *j, bool *several)
{
	json_t *runs = json_object_get(j, "outcome"), *results;
	const char *address, *first = NULL, *outcome = NULL;
	*several = json_array_size(runs) > 1;
	json_object_foreach(json_array_get(runs, 0), address, results)
	{
		size_t n = strlen(address);
		if (address[n - 1] == ':') /* the bounce of a deferred one */
			continue;
		*several = *several || first;
		first = address;
		outcome = corpus_text(json_array_get(results, 0), "result");
	}
	return outcome;
}

static unsigned
count_expected(json_t *steps, const char *command)
{
	unsigned n = 0;
	size_t i;
	json_t *step;
	json_array_foreach(steps, i, step) n +=
	    strncasecmp(corpus_text(step, "prefix"), command, 4) == 0;
	return n;
}

/* As a queue would take it: without an answer, later again. */
static const char *
told(const struct talk *t)
{
	int code = 0;
	const char *result = strstr(t->log.data, "r1:");
	if (result)
		sscanf(result, "r1:%*[a-z]:%d", &code);
	return code >= 500 ? "failed" : code >= 200 && code < 300 ? "delivered" : "deferred";
}

/* Where another client is meant: one that gives up AUTH and sends all the same (3401#8), one
 * that bounces by a rule of its own what was accepted (3412#1), one that speaks before the
 * banner (4052, X_PIPE_CONNECT). */
static bool
is_of_another_client(const char *id)
{
	static const char *const ids[] = {"exim/3401#8", "exim/3412#1", "exim/4052#3",
	                                  "exim/4052#6"};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (strcmp(id, ids[i]) == 0)
			return true;
	return false;
}

static void
try_outcome(json_t *j)
{
	bool several;
	json_t *steps = json_object_get(j, "steps");
	if (!is_conversation(j))
		return;
	outcomes.all++;
	const char *outcome = outcome_of(j, &several);
	if (!outcome) {
		outcomes.silent++;
	} else if (several || count_expected(steps, "RCPT") > 1 ||
	           count_expected(steps, "MAIL") > 1) {
		outcomes.many++;
	} else if (is_of_another_client(corpus_text(j, "id"))) {
		outcomes.elsewhere++;
	} else {
		struct pr_smtp_options options = all_on(steps);
		struct play p;
		play(&p, steps, &options);
		bool right = strcmp(told(&p.t), outcome) == 0;
		if (!right)
			printf("%s: %s, not %s: %s\n", corpus_text(j, "id"), told(&p.t), outcome,
			       p.t.log.data);
		outcomes.right += right;
		outcomes.counted++;
		talk_finish(&p.t);
	}
}

START_TEST(outcomes_are_those_that_were_written_down)
{
	if (!corpus_each("smtp.jsonl", try_outcome))
		return;
	printf("smtp.jsonl: %u of %u outcomes; of %u conversations %u name none, %u are of several "
	       "messages or recipients, %u are of a client that does otherwise\n",
	       outcomes.right, outcomes.counted, outcomes.all, outcomes.silent, outcomes.many,
	       outcomes.elsewhere);
	ck_assert_uint_gt(outcomes.counted, 20);
	ck_assert_uint_ge(outcomes.right * 100, outcomes.counted * 97);
}
END_TEST
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
		ck_assert_uint_gt(conversations, 150);
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
	    {outcomes_are_those_that_were_written_down},
	    {messages_are_on_the_wire_as_curl_expects_them},
	};
	return suite_run("smtp_corpus", NULL, NULL, tests, ROWS(tests));
}
