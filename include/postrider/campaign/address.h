/*
 * Addresses as the envelope takes them: RFC 5321 section 4.1.2 with the sizes of 4.5.3.1,
 * RFC 6531 (SMTPUTF8), IDN domains to A-labels by libidn2 (IDNA 2008, UTS 46 mapping).
 * Policy beyond syntax: one-label domains, address literals and quoted local parts are
 * refused for recipients (they are typing errors in real lists).
 */
#ifndef POSTRIDER_CAMPAIGN_ADDRESS_H
#define POSTRIDER_CAMPAIGN_ADDRESS_H

#include "postrider/base/str.h"
#include "postrider/base/trace.h"

struct pr_mailbox {
	char address[330]; /* local@domain, domain as A-labels in lower case: what RCPT gets */
	uint16_t n, local_n;
	bool smtputf8; /* the local part is not ASCII */
};
/* Surrounding white space is allowed and dropped. 0, or PR_EINVAL and *why (static text). */
int pr_mailbox_parse(struct pr_str text, struct pr_mailbox *out, const char **why);
static inline struct pr_str
pr_mailbox_domain(const struct pr_mailbox *m)
{
	return pr_str_n(m->address + m->local_n + 1, (size_t)(m->n - m->local_n - 1));
}
/* The ways the address may be written: with its domain as A-labels, and in Unicode. */
void pr_mailbox_trace(const struct pr_mailbox *m, struct pr_trace *out);
/* A host name (LDH labels, RFC 1123), IDN to A-labels; out holds 256. */
int pr_domain_parse(struct pr_str text, char *out, const char **why);
/* Whether a domain is the other one or below it; any case. */
bool pr_domain_under(struct pr_str domain, struct pr_str parent);
/* "Name <a@b>" or "a@b" (RFC 5322 section 3.4, one mailbox). name: decoded view, may be empty. */
int pr_mailbox_parse_header(struct pr_str text, struct pr_str *name, struct pr_mailbox *out,
                            const char **why);

#endif
