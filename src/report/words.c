/* Figures, states and classes as people read them. */
#include "report_internal.h"

#include <stdio.h>

char *
show_grouped(uint64_t n, char *out)
{
	char digits[24], *p = out;
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = 0;
	return out;
}

/* Two digits that count at least where it is small, and never 100 % of less than all, or 0 % of
 * something. */
char *
show_percent(double share, char *out)
{
	double p = 100 * share;
	int digits = p >= 1 ? 1 : p >= 0.1 ? 2 : 3;
	if (p <= 0 || p >= 100)
		snprintf(out, PERCENT_SIZE, "%d\xC2\xA0%%", p <= 0 ? 0 : 100);
	else if (p < 0.001)
		snprintf(out, PERCENT_SIZE, "<0.001\xC2\xA0%%");
	else if (p > 99.94)
		snprintf(out, PERCENT_SIZE, ">99.9\xC2\xA0%%");
	else
		snprintf(out, PERCENT_SIZE, "%.*f\xC2\xA0%%", digits, p);
	return out;
}

const char *
class_for_people(enum pr_class c)
{
	static const char *const words[PR_CLASSES] = {
	    [PR_CLASS_NONE] = "no reason given",
	    [PR_CLASS_USER_UNKNOWN] = "no such mailbox",
	    [PR_CLASS_USER_MOVED] = "the person has moved",
	    [PR_CLASS_MAILBOX_DISABLED] = "mailbox disabled",
	    [PR_CLASS_MAILBOX_FULL] = "mailbox full",
	    [PR_CLASS_DOMAIN_UNKNOWN] = "no such domain",
	    [PR_CLASS_MAIL_REFUSED] = "the domain takes no mail",
	    [PR_CLASS_RECIPIENT_REFUSED] = "recipient refused",
	    [PR_CLASS_SENDER_REJECTED] = "sender refused",
	    [PR_CLASS_RELAY_DENIED] = "relaying denied",
	    [PR_CLASS_REPUTATION] = "sender's reputation",
	    [PR_CLASS_SPAM_CONTENT] = "taken for spam",
	    [PR_CLASS_CONTENT] = "content refused",
	    [PR_CLASS_POLICY] = "receiver's policy",
	    [PR_CLASS_AUTHENTICATION] = "authentication failed",
	    [PR_CLASS_TLS] = "encryption failed",
	    [PR_CLASS_RATE_LIMITED] = "too much at once",
	    [PR_CLASS_GREYLISTED] = "greylisted",
	    [PR_CLASS_TOO_LARGE] = "message too large",
	    [PR_CLASS_VIRUS] = "taken for a virus",
	    [PR_CLASS_PROTOCOL] = "trouble in the protocol",
	    [PR_CLASS_NETWORK] = "server not reached",
	    [PR_CLASS_EXPIRED] = "retries ran out",
	    [PR_CLASS_SYSTEM] = "trouble at the receiver",
	    [PR_CLASS_COMPLAINT] = "complaint",
	    [PR_CLASS_AUTOREPLY] = "automatic reply",
	    [PR_CLASS_DELIVERED] = "accepted",
	    [PR_CLASS_SUPPRESSED] = "suppressed by the receiver",
	    [PR_CLASS_UNDETERMINED] = "other reasons",
	    [PR_CLASS_CAPPED] = "frequency cap",
	};
	return c < PR_CLASSES ? words[c] : words[PR_CLASS_UNDETERMINED];
}

const char *
campaign_state_for_people(enum pr_campaign_state s)
{
	static const char *const words[PR_CAMPAIGN_STATES] = {
	    [PR_CAMPAIGN_IMPORTING] = "reading its recipients",
	    [PR_CAMPAIGN_HELD] = "held",
	    [PR_CAMPAIGN_SCHEDULED] = "waits for its time",
	    [PR_CAMPAIGN_SENDING] = "sending",
	    [PR_CAMPAIGN_PAUSED] = "paused",
	    [PR_CAMPAIGN_FINISHED] = "finished",
	    [PR_CAMPAIGN_CANCELLED] = "cancelled",
	    [PR_CAMPAIGN_FAILED] = "failed",
	};
	return s < PR_CAMPAIGN_STATES ? words[s] : "";
}

const char *
reason_for_people(enum pr_reason r)
{
	static const char *const words[PR_REASONS] = {
	    [PR_REASON_NONE] = "",
	    [PR_REASON_APPROVAL] = "waits for approval",
	    [PR_REASON_PREFLIGHT] = "receivers would not believe the sender",
	    [PR_REASON_REJECTS] = "too many bad rows",
	    [PR_REASON_RESTORED] = "restored from a backup",
	    [PR_REASON_LATE] = "could not begin in time",
	    [PR_REASON_DISK] = "the disk is nearly full",
	    [PR_REASON_STOP_LOSS] = "too much went wrong",
	    [PR_REASON_OPERATOR] = "by an operator",
	};
	return r < PR_REASONS && words[r] ? words[r] : pr_reason_word(r);
}
