/* SPF inside the room: a record as terms, macros, and what an evaluation knows. */
#ifndef DOCTOR_SPF_H
#define DOCTOR_SPF_H

#include "postrider/doctor.h"

#define SPF_TERMS_MAX 300 /* of a record: 64 KiB of TXT could hold more, no honest one does */

enum spf_kind {
	SPF_ALL,
	SPF_IP4,
	SPF_IP6,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_INCLUDE,
	SPF_EXISTS,
	SPF_REDIRECT,
	SPF_OTHER, /* exp= and unknown modifiers: read, and left aside */
};

struct spf_address {
	bool v6;
	uint8_t octets[16];
};

struct spf_term {
	enum spf_kind kind;
	enum pr_spf_result result; /* of a match, by the qualifier */
	struct pr_str text;        /* as written */
	struct pr_str domain;      /* domain-spec; n 0: the current domain */
	struct spf_address address;
	unsigned bits4, bits6;
};

/* The terms behind "v=spf1" (section 4.6.1). PR_EINVAL: a term is wrong, its text in bad. */
int spf_parse(struct pr_str record, struct spf_term terms[SPF_TERMS_MAX], size_t *n,
              struct pr_str *bad);
/* "192.0.2.1" or "2001:db8::1"; addresses mapped into IPv6 are IPv4 (section 5). */
bool spf_address_parse(const char *text, struct spf_address *out);
bool spf_address_within(const struct spf_address *a, const struct spf_address *net, unsigned bits);

/* Section 7. What macros stand for; p is asked for only where it is used. */
struct spf_macros {
	const char *sender, *sender_domain, *helo, *domain;
	const struct spf_address *address;
	const char *(*validated)(void *context, const char *domain); /* %{p} */
	void *context;
};
bool spf_macro_valid(struct pr_str spec);
/* A valid spec, to a name of at most 253 octets: labels are cut at the left (section 7.3). */
void spf_expand(const struct spf_macros *m, struct pr_str spec, char out[PR_DNS_NAME_SIZE]);

#endif
