/*
 * The doctor: would receivers believe mail from this domain and these addresses? SPF, DKIM,
 * DMARC, the return path and the names of the sources, looked up as a receiver would.
 *
 * Words
 *   look-up   one DNS question, answered before the call returns
 *   subject   a From domain with the domain of its return path
 *   finding   what one check found, in a sentence, and what to publish
 *
 * The evaluators are pure over the look-up function. pr_doctor_resolver is one on pr_dns with a
 * loop of its own; it blocks, so it is for programs without a loop and for threads of a lane.
 */
#ifndef POSTRIDER_DOCTOR_H
#define POSTRIDER_DOCTOR_H

#include "postrider/base/arena.h"
#include "postrider/base/buf.h"
#include "postrider/campaign/config.h"
#include "postrider/dns.h"

/* ---- look-ups ---- */

#define PR_DOCTOR_RECORDS_MAX 64 /* of an answer; more are left out */

/* Records as text: that of TXT; addresses by inet_ntop; names of MX (best first) and PTR in
 * lower case without a final dot, "." for the root. Views that last as long as the context. */
struct pr_doctor_answer {
	size_t n;
	struct pr_str records[PR_DOCTOR_RECORDS_MAX];
};

struct pr_doctor_dns {
	/* out is written whatever the status: no records where it is not PR_DNS_OK. */
	enum pr_dns_status (*look_up)(void *context, const char *name, enum pr_dns_type type,
	                              struct pr_doctor_answer *out);
	void *context;
};

/* The servers and the time-out of the configuration; NULL: those of the system. */
typedef struct pr_doctor_resolver pr_doctor_resolver;
int pr_doctor_resolver_create(const struct pr_config *config, pr_doctor_resolver **out,
                              struct pr_error *e);
struct pr_doctor_dns pr_doctor_resolver_dns(pr_doctor_resolver *r);
/* From now on: what is not answered after so many ms, or once *stop is set by whomever, is
 * PR_DNS_TEMP. stop may be NULL. */
void pr_doctor_resolver_limit(pr_doctor_resolver *r, int64_t ms, const _Atomic bool *stop);
void pr_doctor_resolver_destroy(pr_doctor_resolver *r); /* NULL: nothing */

/* ---- tag lists: "v=DKIM1; k=rsa; p=..." (RFC 6376 section 3.2) ---- */

#define PR_TAGS_MAX 64

struct pr_tags {
	size_t n;
	struct {
		struct pr_str name, value; /* without white space around; views */
	} items[PR_TAGS_MAX];
};
/* PR_EINVAL: no tag list, or a name twice; PR_ELIMIT. */
int pr_tags_parse(struct pr_str text, struct pr_tags *out);
/* The value; p NULL where there is no such tag. */
struct pr_str pr_tags_get(const struct pr_tags *tags, const char *name);

/* ---- SPF (RFC 7208) ---- */

enum pr_spf_result {
	PR_SPF_NONE,
	PR_SPF_NEUTRAL,
	PR_SPF_PASS,
	PR_SPF_FAIL,
	PR_SPF_SOFTFAIL,
	PR_SPF_TEMPERROR,
	PR_SPF_PERMERROR,
};
const char *pr_spf_word(enum pr_spf_result result); /* "pass" */

struct pr_spf_query {
	const char *address; /* "192.0.2.1", "2001:db8::1": of the client */
	const char *sender;  /* local part of MAIL FROM; NULL: postmaster (section 4.3) */
	const char *domain;  /* of MAIL FROM */
	const char *helo;    /* NULL: the domain */
};
/* check_host() of section 4. why: a sentence, or "" where the result says all. PR_SPF_PERMERROR
 * for an address that is none. */
enum pr_spf_result pr_spf_check(const struct pr_doctor_dns *dns, const struct pr_spf_query *query,
                                char why[200]);

/* ---- DKIM (RFC 6376 section 3.6.1, RFC 8463) ---- */

#define PR_DKIM_KEY_MAX 2048u /* octets of a public key */

struct pr_dkim_record {
	bool ed25519; /* k=; else RSA */
	bool revoked; /* p= is empty */
	bool testing; /* t=y */
	bool exact;   /* t=s: subdomains may not use it */
	bool email;   /* s= allows it for mail */
	bool sha256;  /* h= allows sha256 */
	size_t n;
	uint8_t key[PR_DKIM_KEY_MAX]; /* p=, decoded */
};
/* PR_EINVAL and what is wrong with it. */
int pr_dkim_record_parse(struct pr_str txt, struct pr_dkim_record *out, struct pr_error *e);

struct pr_dkim_public {
	bool ed25519;
	int bits;
	size_t n;
	uint8_t
	    key[PR_DKIM_KEY_MAX]; /* as it is published: SubjectPublicKeyInfo, or the bare key */
};
/* The public half of a private key's PEM file. */
int pr_dkim_public_read(const char *path, struct pr_dkim_public *out, struct pr_error *e);
/* The record to publish: "v=DKIM1; k=rsa; p=MIIB...". Appended. */
void pr_dkim_public_record(const struct pr_dkim_public *key, struct pr_buf *out);
/* Whether the record publishes this key, in either form of an RSA key that verifiers take. */
bool pr_dkim_same(const struct pr_dkim_record *record, const struct pr_dkim_public *key);

/* ---- DMARC (RFC 9989) ---- */

#define PR_DMARC_QUERIES_MAX 8 /* of a tree walk (section 4.10) */

enum pr_dmarc_policy { PR_DMARC_NONE, PR_DMARC_QUARANTINE, PR_DMARC_REJECT };

struct pr_dmarc_record {
	enum pr_dmarc_policy p, sp, np; /* sp: left out, p; np: left out, sp */
	char psd;                       /* 'y', 'n', 'u' */
	bool testing;                   /* t=y */
	bool strict_dkim, strict_spf;   /* adkim=s, aspf=s */
	bool reports;                   /* rua= is there */
};
/* PR_ENOENT: no DMARC record at all; PR_EINVAL: one that receivers leave aside. */
int pr_dmarc_record_parse(struct pr_str txt, struct pr_dmarc_record *out);

struct pr_dmarc_walk {
	unsigned queries;
	struct pr_dmarc_record record; /* the policy for the domain it began at */
	char at[PR_DNS_NAME_SIZE];     /* where the record is; "": there is none */
	char organization[PR_DNS_NAME_SIZE];
};
/* The walk up from a domain. PR_EAGAIN: a name server failed. */
int pr_dmarc_find(const struct pr_doctor_dns *dns, const char *domain, struct pr_dmarc_walk *out);
/* Whether an authenticated domain is aligned with the From domain (section 4.10.2): 1, 0, or
 * PR_EAGAIN. from: the walk from the From domain. */
int pr_dmarc_aligned(const struct pr_doctor_dns *dns, const char *from_domain,
                     const struct pr_dmarc_walk *from, const char *domain, bool strict);

/* ---- the checks ---- */

enum pr_doctor_result {
	PR_DOCTOR_OK,
	PR_DOCTOR_WARNING,
	PR_DOCTOR_UNKNOWN, /* a name server did not say: it may pass, or may not */
	PR_DOCTOR_PROBLEM,
};
const char *pr_doctor_word(enum pr_doctor_result result); /* "ok" "warning" "unknown" "problem" */

struct pr_doctor_finding {
	const char *domain; /* "": it is about the source alone */
	const char *source; /* an IP address; "": it is about the domain alone */
	const char *check;  /* "spf" "dkim" "dmarc" "return-path" "ptr" "ehlo" "sources" */
	enum pr_doctor_result result;
	const char *text;   /* a sentence */
	const char *remedy; /* what to do, with the record to publish; "" */
};

#define PR_DOCTOR_FINDINGS_MAX 5000 /* more are counted, not kept */

struct pr_doctor_report { /* zeroed, then pr_doctor_check, pr_doctor_report_finish */
	struct pr_arena arena;
	struct pr_doctor_finding *items;
	size_t n, room;
	unsigned problems, unknowns, warnings;
};
void pr_doctor_report_finish(struct pr_doctor_report *report);

struct pr_doctor_question {
	const struct pr_config *config; /* NULL: none; domain is needed then */
	const char *domain;             /* A-labels; NULL: all From domains of the configuration */
	const struct pr_brand *brand; /* whose return path; NULL: those of the configuration, with a
	                               * route that of the From address itself */
	const struct pr_route *route; /* whose sources; NULL: all of the configuration */
};
/* PR_EINVAL: no domain to look at. What is wrong in the DNS is a finding. */
int pr_doctor_check(const struct pr_doctor_dns *dns, const struct pr_doctor_question *question,
                    struct pr_doctor_report *report, struct pr_error *e);

/* What the preflight of a campaign asks: what is not ok is added, what is not known as a warning.
 * Blocks for look-ups, at most PR_DOCTOR_CAMPAIGN_MS or until *stop: not on the loop's thread. The
 * configuration must stay. PR_EINVAL when there is a PR_PROBLEM; PR_EAGAIN when there is none, but
 * something could not be looked up. */
#define PR_DOCTOR_CAMPAIGN_MS 20000
int pr_doctor_campaign(const struct pr_doctor_question *question, const _Atomic bool *stop,
                       struct pr_problems *problems);

#endif
