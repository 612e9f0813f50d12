/*
 * The class of a reply (formats.md, `classify`): what it says about recipient, message,
 * sender or connection.
 *
 * Three looks, the first that knows decides. An enhanced code that means one thing
 * (RFC 3463 and the IANA registry); a phrase of the text, since receivers say with 5.7.1
 * and plain 550 whatever they mean; an enhanced code of the vague kind; the reply code.
 * Phrases are lower case and looked for in their order: what is said about us (blocked,
 * unauthenticated, too fast) stands before what is said about the recipient, because a
 * recipient must never be given up for our fault.
 */
#include "postrider/delivery/verdict.h"

#include <stdio.h>

struct code_rule {
	uint16_t subject_detail; /* 1.1 is 101 */
	uint8_t first;           /* 2, 4, 5; 0: any */
	enum pr_class class_;
};

/* Means one thing wherever it is said. */
static const struct code_rule sure_codes[] = {
    {103, 0, PR_CLASS_USER_UNKNOWN},
    {106, 0, PR_CLASS_USER_MOVED},
    {102, 0, PR_CLASS_DOMAIN_UNKNOWN},
    {202, 0, PR_CLASS_MAILBOX_FULL},
    {203, 0, PR_CLASS_TOO_LARGE},
    {304, 0, PR_CLASS_TOO_LARGE},
    {407, 0, PR_CLASS_EXPIRED},
    {403, 0, PR_CLASS_NETWORK},
    {404, 0, PR_CLASS_NETWORK},
    {406, 0, PR_CLASS_NETWORK},
    {503, 0, PR_CLASS_RATE_LIMITED},
    {713, 0, PR_CLASS_MAILBOX_DISABLED},
    {720, 0, PR_CLASS_AUTHENTICATION},
    {721, 0, PR_CLASS_AUTHENTICATION},
    {722, 0, PR_CLASS_AUTHENTICATION},
    {723, 0, PR_CLASS_AUTHENTICATION},
    {724, 0, PR_CLASS_AUTHENTICATION},
    {725, 0, PR_CLASS_AUTHENTICATION},
    {726, 0, PR_CLASS_AUTHENTICATION},
    {727, 0, PR_CLASS_AUTHENTICATION},
    {728, 0, PR_CLASS_RATE_LIMITED},
    {729, 0, PR_CLASS_TLS},
    {730, 0, PR_CLASS_AUTHENTICATION},
    {731, 0, PR_CLASS_AUTHENTICATION},
    {732, 0, PR_CLASS_AUTHENTICATION},
    {740, 0, PR_CLASS_AUTHENTICATION},
    {711, 0, PR_CLASS_TLS},
    {717, 0, PR_CLASS_USER_UNKNOWN},
    {718, 0, PR_CLASS_USER_UNKNOWN},
};

/* Said for want of a better one: asked after the text. */
static const struct code_rule vague_codes[] = {
    {101, 0, PR_CLASS_USER_UNKNOWN},
    {104, 0, PR_CLASS_USER_UNKNOWN},
    {107, 0, PR_CLASS_SENDER_REJECTED},
    {108, 0, PR_CLASS_SENDER_REJECTED},
    {201, 5, PR_CLASS_MAILBOX_DISABLED},
    {201, 4, PR_CLASS_RATE_LIMITED},
    {204, 0, PR_CLASS_USER_UNKNOWN},
    {301, 0, PR_CLASS_SYSTEM},
    {302, 0, PR_CLASS_SYSTEM},
    {303, 0, PR_CLASS_SYSTEM},
    {305, 0, PR_CLASS_SYSTEM},
    {300, 0, PR_CLASS_SYSTEM},
    {401, 0, PR_CLASS_NETWORK},
    {402, 0, PR_CLASS_NETWORK},
    {405, 0, PR_CLASS_SYSTEM},
    {400, 0, PR_CLASS_NETWORK},
    {709, 0, PR_CLASS_POLICY},
    {707, 0, PR_CLASS_POLICY},
    {710, 0, PR_CLASS_TLS},
    {705, 0, PR_CLASS_TLS},
    {708, 0, PR_CLASS_AUTHENTICATION},
    {714, 0, PR_CLASS_AUTHENTICATION},
    {715, 0, PR_CLASS_RATE_LIMITED},
    {716, 0, PR_CLASS_RATE_LIMITED},
    {719, 0, PR_CLASS_USER_UNKNOWN},
    {702, 0, PR_CLASS_POLICY},
    {110, 0, PR_CLASS_MAIL_REFUSED},
};

static const struct {
	const char *phrase; /* two with '&' between: both, in this order */
	enum pr_class class_;
} phrases[] = {
    {"greylist", PR_CLASS_GREYLISTED},
    {"graylist", PR_CLASS_GREYLISTED},
    {"grey listed", PR_CLASS_GREYLISTED},
    {"grey-list", PR_CLASS_GREYLISTED},
    {"frequency limited", PR_CLASS_RATE_LIMITED},
    {"rate limit", PR_CLASS_RATE_LIMITED},
    {"unusual rate", PR_CLASS_RATE_LIMITED},
    {"too many connections", PR_CLASS_RATE_LIMITED},
    {"too many concurrent", PR_CLASS_RATE_LIMITED},
    {"maximum number of connections", PR_CLASS_RATE_LIMITED},
    {"max concurrent connections", PR_CLASS_RATE_LIMITED},
    {"too many messages", PR_CLASS_RATE_LIMITED},
    {"messages per connection", PR_CLASS_RATE_LIMITED},
    {"max message per connection", PR_CLASS_RATE_LIMITED},
    {"too many recipients", PR_CLASS_RATE_LIMITED},
    {"trop de connexions", PR_CLASS_RATE_LIMITED},
    {"receiving mail at a rate", PR_CLASS_RATE_LIMITED},
    {"receiving mail too quickly", PR_CLASS_RATE_LIMITED},
    {"try again later from", PR_CLASS_RATE_LIMITED},
    {"throttl", PR_CLASS_RATE_LIMITED},
    {"dt:spm", PR_CLASS_SPAM_CONTENT},
    {"hl:icc", PR_CLASS_RATE_LIMITED},
    {"hl:ifc", PR_CLASS_RATE_LIMITED},
    {"hl:rep", PR_CLASS_REPUTATION},
    {"hl:ipb", PR_CLASS_REPUTATION},
    {"hl:mep", PR_CLASS_AUTHENTICATION},
    {"mi:dmc", PR_CLASS_RATE_LIMITED},
    {"mi:sfq", PR_CLASS_RATE_LIMITED},
    {"rp:drc", PR_CLASS_RATE_LIMITED},
    {"dt:rbl", PR_CLASS_REPUTATION},
    {"virus", PR_CLASS_VIRUS},
    {"malware", PR_CLASS_VIRUS},
    {"infected", PR_CLASS_VIRUS},
    {"dmarc", PR_CLASS_AUTHENTICATION},
    {"dkim", PR_CLASS_AUTHENTICATION},
    {"spf ", PR_CLASS_AUTHENTICATION},
    {"unauthenticated email", PR_CLASS_AUTHENTICATION},
    {"required authentication level", PR_CLASS_AUTHENTICATION},
    {"purported responsible address", PR_CLASS_SENDER_REJECTED},
    {"reverse dns", PR_CLASS_AUTHENTICATION},
    {"ptr record", PR_CLASS_AUTHENTICATION},
    {"name lookup failed", PR_CLASS_AUTHENTICATION},
    {"cannot find your hostname", PR_CLASS_AUTHENTICATION},
    {"authentication required", PR_CLASS_AUTHENTICATION},
    {"starttls", PR_CLASS_TLS},
    {"must use tls", PR_CLASS_TLS},
    {"relay access denied", PR_CLASS_RELAY_DENIED},
    {"relaying denied", PR_CLASS_RELAY_DENIED},
    {"unable to relay", PR_CLASS_RELAY_DENIED},
    {"not permitted to relay", PR_CLASS_RELAY_DENIED},
    {"relay not permitted", PR_CLASS_RELAY_DENIED},
    {"do not relay", PR_CLASS_RELAY_DENIED},
    {"address is not verified", PR_CLASS_RELAY_DENIED},
    {"sender address rejected", PR_CLASS_SENDER_REJECTED},
    {"domain of sender address", PR_CLASS_SENDER_REJECTED},
    {"sender rejected", PR_CLASS_SENDER_REJECTED},
    {"sender denied", PR_CLASS_SENDER_REJECTED},
    {"[tss", PR_CLASS_REPUTATION},
    {"[ipts", PR_CLASS_REPUTATION},
    {"[ts0", PR_CLASS_REPUTATION},
    {"reputation", PR_CLASS_REPUTATION},
    {"blacklist", PR_CLASS_REPUTATION},
    {"blocklist", PR_CLASS_REPUTATION},
    {"block list", PR_CLASS_REPUTATION},
    {"denylist", PR_CLASS_REPUTATION},
    {"dnsbl", PR_CLASS_REPUTATION},
    {"spamhaus", PR_CLASS_REPUTATION},
    {"spamcop", PR_CLASS_REPUTATION},
    {"barracuda", PR_CLASS_REPUTATION},
    {"/rbl", PR_CLASS_REPUTATION},
    {"blocked using", PR_CLASS_REPUTATION},
    {"client host&blocked", PR_CLASS_REPUTATION},
    {"listed at", PR_CLASS_REPUTATION},
    {"user complaints", PR_CLASS_REPUTATION},
    {"permanently deferred", PR_CLASS_REPUTATION},
    {"temporarily deferred", PR_CLASS_RATE_LIMITED},
    {"service refuse", PR_CLASS_REPUTATION},
    {"spam", PR_CLASS_SPAM_CONTENT},
    {"content rejected", PR_CLASS_SPAM_CONTENT},
    {"content denied", PR_CLASS_SPAM_CONTENT},
    {"bulk mail", PR_CLASS_SPAM_CONTENT},
    {"headers too large", PR_CLASS_CONTENT},
    {"its content", PR_CLASS_CONTENT},
    {"attachment", PR_CLASS_CONTENT},
    {"from: header", PR_CLASS_PROTOCOL},
    {"rfc 5322", PR_CLASS_PROTOCOL},
    {"rfc5322", PR_CLASS_PROTOCOL},
    {"protocol violation", PR_CLASS_POLICY},
    {"too large", PR_CLASS_TOO_LARGE},
    {"too big", PR_CLASS_TOO_LARGE},
    {"exceeds&size", PR_CLASS_TOO_LARGE},
    {"exceeds&limit", PR_CLASS_TOO_LARGE},
    {"size limit", PR_CLASS_TOO_LARGE},
    {"message size exceed", PR_CLASS_TOO_LARGE},
    {"mailbox full", PR_CLASS_MAILBOX_FULL},
    {"mailbox is full", PR_CLASS_MAILBOX_FULL},
    {"inbox is full", PR_CLASS_MAILBOX_FULL},
    {"over quota", PR_CLASS_MAILBOX_FULL},
    {"overquota", PR_CLASS_MAILBOX_FULL},
    {"quota exceeded", PR_CLASS_MAILBOX_FULL},
    {"exceeded&quota", PR_CLASS_MAILBOX_FULL},
    {"out of storage", PR_CLASS_MAILBOX_FULL},
    {"no longer on server", PR_CLASS_USER_MOVED},
    {"has moved", PR_CLASS_USER_MOVED},
    {"user not local", PR_CLASS_USER_MOVED},
    {"not our customer", PR_CLASS_USER_MOVED},
    {"not our user", PR_CLASS_USER_MOVED},
    {"no such domain", PR_CLASS_DOMAIN_UNKNOWN},
    {"host unknown", PR_CLASS_DOMAIN_UNKNOWN},
    {"unknown host", PR_CLASS_DOMAIN_UNKNOWN},
    {"domain not found", PR_CLASS_DOMAIN_UNKNOWN},
    {"domain is not reachable", PR_CLASS_DOMAIN_UNKNOWN},
    {"does not accept mail", PR_CLASS_MAIL_REFUSED},
    {"doesn't receive email", PR_CLASS_MAIL_REFUSED},
    {"null mx", PR_CLASS_MAIL_REFUSED},
    {"user unknown", PR_CLASS_USER_UNKNOWN},
    {"unknown user", PR_CLASS_USER_UNKNOWN},
    {"no such user", PR_CLASS_USER_UNKNOWN},
    {"no such recipient", PR_CLASS_USER_UNKNOWN},
    {"no such mailbox", PR_CLASS_USER_UNKNOWN},
    {"no mailbox here", PR_CLASS_USER_UNKNOWN},
    {"user not found", PR_CLASS_USER_UNKNOWN},
    {"recipient not found", PR_CLASS_USER_UNKNOWN},
    {"recipientnotfound", PR_CLASS_USER_UNKNOWN},
    {"recipnotfound", PR_CLASS_USER_UNKNOWN},
    {"mailbox not found", PR_CLASS_USER_UNKNOWN},
    {"does not exist", PR_CLASS_USER_UNKNOWN},
    {"doesn't exist", PR_CLASS_USER_UNKNOWN},
    {"user doesn't have", PR_CLASS_USER_UNKNOWN},
    {"invalid recipient", PR_CLASS_USER_UNKNOWN},
    {"invalid mailbox", PR_CLASS_USER_UNKNOWN},
    {"unknown recipient", PR_CLASS_USER_UNKNOWN},
    {"recipient unknown", PR_CLASS_USER_UNKNOWN},
    {"unrouteable address", PR_CLASS_USER_UNKNOWN},
    {"address unknown", PR_CLASS_USER_UNKNOWN},
    {"unknown address", PR_CLASS_USER_UNKNOWN},
    {"unavailable or access denied", PR_CLASS_RECIPIENT_REFUSED},
    {"recipient address rejected: access denied", PR_CLASS_USER_UNKNOWN},
    {"disabled", PR_CLASS_MAILBOX_DISABLED},
    {"inactive", PR_CLASS_MAILBOX_DISABLED},
    {"suspended", PR_CLASS_MAILBOX_DISABLED},
    {"discontinued", PR_CLASS_MAILBOX_DISABLED},
    {"account&blocked", PR_CLASS_MAILBOX_DISABLED},
    {"temporary locked", PR_CLASS_MAILBOX_DISABLED},
    {"recipient preferences", PR_CLASS_RECIPIENT_REFUSED},
    {"mailbox unavailable", PR_CLASS_USER_UNKNOWN},
    {"timed out", PR_CLASS_NETWORK},
    {"connection refused", PR_CLASS_NETWORK},
    {"policy", PR_CLASS_POLICY},
    {"policies", PR_CLASS_POLICY},
    {"client host rejected", PR_CLASS_REPUTATION},
    {"your ip", PR_CLASS_REPUTATION},
    {"blocked", PR_CLASS_REPUTATION},
    {"access denied", PR_CLASS_POLICY},
    {"recipient address rejected", PR_CLASS_RECIPIENT_REFUSED},
    {"not accepting&connections", PR_CLASS_SYSTEM},
    {"server busy", PR_CLASS_RATE_LIMITED},
    {"system&busy", PR_CLASS_SYSTEM},
    {"insufficient system storage", PR_CLASS_SYSTEM},
    {"internal error", PR_CLASS_SYSTEM},
    {"local error", PR_CLASS_SYSTEM},
    {"internal resource", PR_CLASS_SYSTEM},
    {"temporary server error", PR_CLASS_SYSTEM},
    {"try again later", PR_CLASS_RATE_LIMITED},
};

static enum pr_class
by_enhanced(const uint8_t e[3], const struct code_rule *rules, size_t n)
{
	unsigned key = e[1] * 100u + e[2];
	if (e[0] == 0 || e[2] > 99)
		return PR_CLASS_NONE;
	for (size_t i = 0; i < n; i++)
		if (rules[i].subject_detail == key && (!rules[i].first || rules[i].first == e[0]))
			return rules[i].class_;
	return PR_CLASS_NONE;
}

static bool
holds(const char *text, const char *phrase)
{
	char first[64];
	const char *and = strchr(phrase, '&');
	if (!and)
		return strstr(text, phrase) != NULL;
	snprintf(first, sizeof first, "%.*s", (int)(and-phrase), phrase);
	const char *at = strstr(text, first);
	return at && strstr(at + strlen(first), and+1);
}

static enum pr_class
by_text(struct pr_str text)
{
	char lower[PR_REPLY_TEXT_MAX + 1];
	size_t n = text.n < PR_REPLY_TEXT_MAX ? text.n : PR_REPLY_TEXT_MAX;
	for (size_t i = 0; i < n; i++)
		lower[i] = text.p[i] == '\n' || !text.p[i] ? ' ' : pr_lower(text.p[i]);
	lower[n] = 0;
	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		if (holds(lower, phrases[i].phrase))
			return phrases[i].class_;
	return PR_CLASS_NONE;
}

/* RFC 5321 section 4.2.3, RFC 7504. */
static enum pr_class
by_code(int code)
{
	switch (code) {
	case 421: return PR_CLASS_SYSTEM;
	case 450: return PR_CLASS_RECIPIENT_REFUSED;
	case 451:
	case 452: return PR_CLASS_SYSTEM;
	case 500:
	case 501:
	case 502:
	case 503:
	case 504:
	case 555: return PR_CLASS_PROTOCOL;
	case 521:
	case 556: return PR_CLASS_MAIL_REFUSED;
	case 530:
	case 535: return PR_CLASS_AUTHENTICATION;
	case 550:
	case 553: return PR_CLASS_RECIPIENT_REFUSED;
	case 551: return PR_CLASS_USER_MOVED;
	case 552: return PR_CLASS_MAILBOX_FULL;
	default: return PR_CLASS_UNDETERMINED;
	}
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum pr_class
pr_classify_reply(int code, const uint8_t enhanced[3], struct pr_str text)
{
	if (code >= 200 && code < 300)
		return PR_CLASS_DELIVERED;
	enum pr_class c = by_enhanced(enhanced, sure_codes, COUNT(sure_codes));
	if (c == PR_CLASS_NONE)
		c = by_text(text);
	if (c == PR_CLASS_NONE)
		c = by_enhanced(enhanced, vague_codes, COUNT(vague_codes));
	return c == PR_CLASS_NONE ? by_code(code) : c;
}
