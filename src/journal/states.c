/*
 * The words that all rooms share, and the moves a recipient may make. The table of
 * moves is the one place: who folds, who decides and who resolves ask it.
 */
#include "postrider/journal/record.h"

#define N(table) (sizeof(table) / sizeof *(table))

static const char *const state_words[] = {
    [PR_PENDING] = "pending",   [PR_SENDING] = "sending",   [PR_DELIVERED] = "delivered",
    [PR_DEFERRED] = "deferred", [PR_BOUNCED] = "bounced",   [PR_SUPPRESSED] = "suppressed",
    [PR_SKIPPED] = "skipped",   [PR_IN_DOUBT] = "in_doubt", [PR_CANCELLED] = "cancelled",
};
_Static_assert(N(state_words) == PR_STATES, "a word for each state");

/* What the import finds (pending, skipped, suppressed) are beginnings, not moves. */
static const struct {
	uint8_t from, to;
	const char *why;
} moves[] = {
    {PR_PENDING, PR_SENDING, "granted by its lane"},
    {PR_DEFERRED, PR_SENDING, "granted again on the retry schedule"},
    {PR_IN_DOUBT, PR_SENDING, "granted again, in_doubt: resend"},

    {PR_SENDING, PR_PENDING, "withdrawn before its last octets: pause, drain, 421, lost"},
    {PR_SENDING, PR_DELIVERED, "250 to the end of data"},
    {PR_SENDING, PR_DEFERRED, "4xx to RCPT, MAIL or end of data"},
    {PR_SENDING, PR_BOUNCED, "5xx to RCPT, MAIL or end of data"},
    {PR_SENDING, PR_IN_DOUBT, "silence after the last octets; a crash with a wire mark"},
    {PR_SENDING, PR_SKIPPED, "does not render or lacks a value when composed; abort in a template"},
    {PR_SENDING, PR_SUPPRESSED, "suppressed since its grant: seen right before MAIL"},

    {PR_IN_DOUBT, PR_DELIVERED, "evidence (open, click) or postrider resolve"},
    {PR_IN_DOUBT, PR_BOUNCED, "evidence (a DSN) or postrider resolve"},

    {PR_PENDING, PR_SUPPRESSED, "unsubscribe, complaint"},
    {PR_PENDING, PR_SKIPPED, "deadline, cap"},
    {PR_PENDING, PR_CANCELLED, "operator"},
    {PR_DEFERRED, PR_SUPPRESSED, "unsubscribe, complaint"},
    {PR_DEFERRED, PR_SKIPPED, "deadline, cap"},
    {PR_DEFERRED, PR_CANCELLED, "operator"},
    {PR_DEFERRED, PR_BOUNCED, "class expired: give_up after the row was first due"},

    {PR_DELIVERED, PR_BOUNCED, "late: an authenticated DSN of failure"},
};

const char *const pr_class_words[] = {
    [PR_CLASS_NONE] = "",
    [PR_CLASS_USER_UNKNOWN] = "user_unknown",
    [PR_CLASS_USER_MOVED] = "user_moved",
    [PR_CLASS_MAILBOX_DISABLED] = "mailbox_disabled",
    [PR_CLASS_MAILBOX_FULL] = "mailbox_full",
    [PR_CLASS_DOMAIN_UNKNOWN] = "domain_unknown",
    [PR_CLASS_MAIL_REFUSED] = "mail_refused",
    [PR_CLASS_RECIPIENT_REFUSED] = "recipient_refused",
    [PR_CLASS_SENDER_REJECTED] = "sender_rejected",
    [PR_CLASS_RELAY_DENIED] = "relay_denied",
    [PR_CLASS_REPUTATION] = "reputation",
    [PR_CLASS_SPAM_CONTENT] = "spam_content",
    [PR_CLASS_CONTENT] = "content",
    [PR_CLASS_POLICY] = "policy",
    [PR_CLASS_AUTHENTICATION] = "authentication",
    [PR_CLASS_TLS] = "tls",
    [PR_CLASS_RATE_LIMITED] = "rate_limited",
    [PR_CLASS_GREYLISTED] = "greylisted",
    [PR_CLASS_TOO_LARGE] = "too_large",
    [PR_CLASS_VIRUS] = "virus",
    [PR_CLASS_PROTOCOL] = "protocol",
    [PR_CLASS_NETWORK] = "network",
    [PR_CLASS_EXPIRED] = "expired",
    [PR_CLASS_SYSTEM] = "system",
    [PR_CLASS_COMPLAINT] = "complaint",
    [PR_CLASS_AUTOREPLY] = "autoreply",
    [PR_CLASS_DELIVERED] = "delivered",
    [PR_CLASS_SUPPRESSED] = "suppressed",
    [PR_CLASS_UNDETERMINED] = "undetermined",
    [PR_CLASS_CAPPED] = "capped",
    NULL,
};
_Static_assert(N(pr_class_words) == PR_CLASSES + 1, "a word for each class");

static const char *const campaign_words[] = {
    [PR_CAMPAIGN_IMPORTING] = "importing", [PR_CAMPAIGN_HELD] = "held",
    [PR_CAMPAIGN_SCHEDULED] = "scheduled", [PR_CAMPAIGN_SENDING] = "sending",
    [PR_CAMPAIGN_PAUSED] = "paused",       [PR_CAMPAIGN_FINISHED] = "finished",
    [PR_CAMPAIGN_CANCELLED] = "cancelled", [PR_CAMPAIGN_FAILED] = "failed",
};
_Static_assert(N(campaign_words) == PR_CAMPAIGN_STATES, "a word for each state");

static const char *const reason_words[] = {
    [PR_REASON_NONE] = "",
    [PR_REASON_APPROVAL] = "approval",
    [PR_REASON_PREFLIGHT] = "preflight",
    [PR_REASON_REJECTS] = "rejects",
    [PR_REASON_RESTORED] = "restored",
    [PR_REASON_LATE] = "late",
    [PR_REASON_DISK] = "disk",
    [PR_REASON_STOP_LOSS] = "stop_loss",
    [PR_REASON_OPERATOR] = "operator",
};
_Static_assert(N(reason_words) == PR_REASONS, "a word for each reason");

const char *
pr_state_word(enum pr_state s)
{
	return (unsigned)s < PR_STATES ? state_words[s] : "";
}

bool
pr_state_parse(struct pr_str word, enum pr_state *out)
{
	for (unsigned i = 0; i < PR_STATES; i++)
		if (pr_str_is(word, state_words[i])) {
			*out = (enum pr_state)i;
			return true;
		}
	return false;
}

bool
pr_state_may_move(enum pr_state from, enum pr_state to)
{
	for (unsigned i = 0; i < N(moves); i++)
		if (moves[i].from == from && moves[i].to == to)
			return true;
	return false;
}

const char *
pr_class_word(enum pr_class c)
{
	return (unsigned)c < PR_CLASSES ? pr_class_words[c] : "";
}

const char *
pr_campaign_state_word(enum pr_campaign_state s)
{
	return (unsigned)s < PR_CAMPAIGN_STATES ? campaign_words[s] : "";
}

static const char *const engagement_words[PR_ENGAGEMENT_KINDS] = {
    [PR_ENGAGEMENT_OPEN] = "open",
    [PR_ENGAGEMENT_CLICK] = "click",
    [PR_ENGAGEMENT_UNSUBSCRIBE] = "unsubscribe",
    [PR_ENGAGEMENT_COMPLAINT] = "complaint",
    [PR_ENGAGEMENT_CONVERSION] = "conversion",
};

const char *
pr_engagement_word(enum pr_engagement_kind k)
{
	return (unsigned)k < PR_ENGAGEMENT_KINDS && engagement_words[k] ? engagement_words[k] : "";
}

const char *
pr_reason_word(enum pr_reason r)
{
	return (unsigned)r < PR_REASONS ? reason_words[r] : "";
}
