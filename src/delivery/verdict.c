/*
 * Verdicts: what becomes of the row, and of the lane it went by.
 *
 * The first digit of the reply decides about the row (RFC 5321 section 4.2.1): 4 again
 * later, 5 never. Three kinds of 5yz are known to pass and count as 4: a receiver that
 * is annoyed at our speed (QQ: "frequency limited", "unavailable or access denied") and
 * too many recipients (RFC 5321 section 4.5.3.1.10). An answer to MAIL is about the row,
 * too: it has been tried, and give_up must be able to end it; but it mostly speaks of the
 * sender, so the lane backs off as well. What was never answered is not the row's fault:
 * PENDING, tried again as the lane allows; in doubt when its last octets were on the way.
 */
#include "postrider/delivery/verdict.h"

/* Said about who sends, or how fast: the next row of the lane would hear the same. */
static bool
about_sender(enum pr_class c)
{
	switch (c) {
	case PR_CLASS_RATE_LIMITED:
	case PR_CLASS_REPUTATION:
	case PR_CLASS_AUTHENTICATION:
	case PR_CLASS_TLS:
	case PR_CLASS_RELAY_DENIED:
	case PR_CLASS_SENDER_REJECTED: return true;
	default: return false;
	}
}

static bool
text_holds(struct pr_str text, const char *phrase)
{
	size_t n = strlen(phrase);
	for (size_t i = 0; i + n <= text.n; i++)
		if (pr_str_eq_nocase(pr_str_n(text.p + i, n), pr_str_n(phrase, n)))
			return true;
	return false;
}

static bool
passes_in_time(const struct pr_reply *r)
{
	return (r->enhanced[1] == 5 && r->enhanced[2] == 3) ||
	       text_holds(r->text, "frequency limited") ||
	       text_holds(r->text, "unavailable or access denied") ||
	       text_holds(r->text, "too many recipients");
}

static enum pr_said_to
said_to(enum pr_smtp_stage stage)
{
	switch (stage) {
	case PR_STAGE_CONNECT:
	case PR_STAGE_BANNER:
	case PR_STAGE_EHLO:
	case PR_STAGE_TLS:
	case PR_STAGE_AUTH: return PR_SAID_TO_CONNECT;
	case PR_STAGE_MAIL: return PR_SAID_TO_MAIL;
	case PR_STAGE_RCPT: return PR_SAID_TO_RCPT;
	case PR_STAGE_DATA:
	case PR_STAGE_BODY:
	case PR_STAGE_DOT: return PR_SAID_TO_DATA;
	default: return PR_SAID_TO_UNKNOWN;
	}
}

/* A reply that is made to cost much still costs below a millisecond. */
#define LOOKED_AT_MAX 512

static struct pr_finding
judge(const pr_rules *rules, const struct pr_smtp_result *r)
{
	const uint8_t *e = r->reply.enhanced;
	struct pr_said said = {.to = said_to(r->stage),
	                       .code = r->reply.code,
	                       .status = {e[0], e[1], e[2]},
	                       .text = r->reply.text};
	if (said.text.n > LOOKED_AT_MAX)
		said.text.n = LOOKED_AT_MAX;
	return pr_classify(rules, &said);
}

static struct pr_verdict
on_answer(const pr_rules *rules, const struct pr_smtp_result *r)
{
	const struct pr_reply *reply = &r->reply;
	struct pr_finding finding = judge(rules, r);
	struct pr_verdict v = {.class_ = finding.class_};
	if (reply->code < 300 && r->stage == PR_STAGE_DOT) {
		v.state = PR_DELIVERED;
		return v;
	}
	bool again = reply->code < 500 || passes_in_time(reply);
	v.state = again ? PR_DEFERRED : PR_BOUNCED;
	v.suppress = !again && r->stage >= PR_STAGE_RCPT && finding.action == PR_ACTION_SUPPRESS;
	v.early_retry = v.class_ == PR_CLASS_GREYLISTED;
	v.lane_backs_off =
	    reply->code == 421 || about_sender(v.class_) || (r->stage == PR_STAGE_MAIL && again);
	return v;
}

struct pr_verdict
pr_verdict_message(const pr_rules *rules, const struct pr_smtp_result *r)
{
	if (r->answered)
		return on_answer(rules, r);
	if (r->in_doubt)
		return (struct pr_verdict){
		    .state = PR_IN_DOUBT, .class_ = PR_CLASS_NETWORK, .lane_backs_off = true};
	if (r->permanent)
		return (struct pr_verdict){.state = PR_BOUNCED,
		                           .class_ = r->too_large ? PR_CLASS_TOO_LARGE
		                                                  : PR_CLASS_PROTOCOL};
	/* whether the lane waits is for the end of the connection to say */
	return (struct pr_verdict){.state = PR_PENDING, .class_ = PR_CLASS_NETWORK};
}

/* A QUIT, and a peer that closes an idle connection, say nothing about how the next one
 * will fare, unless the peer says so. */
struct pr_verdict
pr_verdict_connection(const pr_rules *rules, const struct pr_smtp_result *r)
{
	struct pr_verdict v = {.state = PR_PENDING, .class_ = PR_CLASS_NONE};
	if (r->stage == PR_STAGE_QUIT)
		return v;
	if (r->answered)
		v.class_ = judge(rules, r).class_;
	else if (r->stage != PR_STAGE_IDLE)
		v.class_ = PR_CLASS_NETWORK;
	v.lane_backs_off = r->stage != PR_STAGE_IDLE || about_sender(v.class_);
	v.early_retry = v.class_ == PR_CLASS_GREYLISTED;
	return v;
}
