/*
 * DNS for sending: what a domain's mail exchangers are, where a host is, and what a TXT or TLSA
 * record says; with a cache, on the loop.
 *
 * Words
 *   answer      what one question (name, type) brought: records, or why there are none
 *   route       the mail exchangers of a domain, best first (RFC 5321 section 5.1)
 *   site        a text that domains with the same exchangers have in common
 *   wait        where somebody waits: embedded in its owner, zeroed before its first use
 *   secure      by DNSSEC: the resolver set the AD bit (RFC 4035), and it is declared trusted
 *
 * Every look-up gives its result at once, where the cache has it, or NULL; then `done` of the
 * wait is called once, later, on the loop, never from within the look-up. Either way the result
 * is a reference of its receiver's, who ends it by pr_..._unref. Results never change.
 * Equal questions of the same time are asked once. Nothing fails: what goes wrong is a result of
 * status PR_DNS_TEMP with its reason, kept for some seconds. Names are given as A-labels; letter
 * case and a final dot do not matter. Search lists (resolv.conf) are never applied.
 *
 * All calls on the loop's thread.
 */
#ifndef POSTRIDER_DNS_H
#define POSTRIDER_DNS_H

#include "postrider/base/error.h"
#include "postrider/base/str.h"
#include "postrider/loop.h"
#include "postrider/net.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- the resolver ---- */

typedef struct pr_dns pr_dns;

#define PR_DNS_SERVERS_MAX 8
#define PR_DNS_NAME_SIZE 256 /* of a name as text, with its NUL */

struct pr_dns_options {
	pr_loop *loop;
	const char *const *servers; /* "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:53" */
	size_t servers_n;           /* 0: those of /etc/resolv.conf */
	int64_t timeout_ms;         /* per question, from the moment it is sent; 0: 5 s */
	bool trusted;               /* the servers' AD bit is believed: DANE needs it */
	size_t cache_max;           /* results kept; 0: 50,000 */
	unsigned queries_max;       /* in flight at once, the rest waits its turn; 0: 250 */
	const char *hosts_file;     /* for pr_dns_host; NULL: /etc/hosts; "": none */
};

/* PR_EINVAL: a server that is no address; PR_ESYSTEM. */
int pr_dns_create(const struct pr_dns_options *options, pr_dns **out, struct pr_error *e);
/* Those who wait are dropped without a call. Not from within a `done`. */
void pr_dns_destroy(pr_dns *dns);
/* Other servers, time-out, trust, bounds; options->loop stays as it was. The cache is emptied,
 * the hosts file read again, what is in flight is asked again. On an error all is as before. Not
 * from within a `done`. */
int pr_dns_configure(pr_dns *dns, const struct pr_dns_options *options, struct pr_error *e);

struct pr_dns_counts {     /* since pr_dns_create, but for `kept` and `flying` */
	uint64_t asked;    /* look-ups */
	uint64_t hits;     /* of them at once from the cache */
	uint64_t joined;   /* of them with one that was on its way */
	uint64_t queries;  /* sent */
	uint64_t failures; /* queries without a usable answer: time-outs, SERVFAIL ... */
	size_t kept;       /* results in the cache now */
	unsigned flying;   /* queries in flight now */
};
struct pr_dns_counts pr_dns_counts(const pr_dns *dns);

/* ---- waiting ---- */

struct pr_dns_answer;
struct pr_dns_hosts;
struct pr_mx;
struct pr_sts_policy;

struct pr_dns_wait {
	union { /* by the look-up it is given to; the result is the receiver's to unref */
		void (*answer)(struct pr_dns_wait *w, const struct pr_dns_answer *answer);
		void (*hosts)(struct pr_dns_wait *w, const struct pr_dns_hosts *hosts);
		void (*mx)(struct pr_dns_wait *w, const struct pr_mx *mx);
		void (*policy)(struct pr_dns_wait *w, const struct pr_sts_policy *policy);
	} done;
	struct pr_list link; /* the room's; next NULL or itself: nobody waits here */
};
/* `done` will not be called. The look-up goes on for the cache. No-op where nobody waits. */
void pr_dns_forget(struct pr_dns_wait *w);

/* ---- one question ---- */

enum pr_dns_type { /* the numbers of the protocol */
	           PR_DNS_A = 1,
	           PR_DNS_CNAME = 5,
	           PR_DNS_PTR = 12,
	           PR_DNS_MX = 15,
	           PR_DNS_TXT = 16,
	           PR_DNS_AAAA = 28,
	           PR_DNS_TLSA = 52,
};

enum pr_dns_status {
	PR_DNS_OK,       /* at least one record */
	PR_DNS_NODATA,   /* the name exists, or may exist, without a record of this type */
	PR_DNS_NXDOMAIN, /* the name does not exist; also: it cannot, as it is no domain name */
	PR_DNS_TEMP, /* not known now: time-out, SERVFAIL (bogus DNSSEC, too), REFUSED, absurd */
};

union pr_dns_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct pr_dns_record {
	union {
		union pr_dns_address address; /* A, AAAA; port 0 */
		struct {
			const char *name; /* lower case, no final dot; "." for the root */
			unsigned preference;
		} mx;
		const char *name;  /* CNAME, PTR */
		struct pr_str txt; /* all its strings joined, as they are */
		struct {
			uint8_t usage, selector, matching;
			struct pr_str data;
		} tlsa;
	} u;
};
#define PR_DNS_RECORDS_MAX 128 /* of an answer; more are left out */

struct pr_dns_answer {
	unsigned refs; /* the room's */
	enum pr_dns_status status;
	enum pr_dns_type type;
	bool secure;
	unsigned ttl_s;   /* as the servers said, before the cache's bounds */
	const char *name; /* whose records these are: the last of the CNAMEs */
	const char *why;  /* a sentence where status is PR_DNS_TEMP; else "" */
	size_t n;
	struct pr_dns_record records[];
};

const struct pr_dns_answer *pr_dns_ask(pr_dns *dns, const char *name, enum pr_dns_type type,
                                       struct pr_dns_wait *w);
void pr_dns_answer_unref(const struct pr_dns_answer *a); /* NULL: nothing */

/* The name to ask PR_DNS_PTR for: "1.2.0.192.in-addr.arpa" (RFC 1035 section 3.5, RFC 3596). */
void pr_dns_reverse(const struct sockaddr *address, char out[PR_DNS_NAME_SIZE]);

/* ---- where a host is ---- */

#define PR_DNS_ADDRESSES_MAX 16

struct pr_dns_hosts {
	unsigned refs;             /* the room's */
	enum pr_dns_status status; /* PR_DNS_OK: at least one address */
	bool secure;               /* all of the addresses (RFC 7672 section 2.2.2) */
	unsigned ttl_s;
	const char *name; /* the last of the CNAMEs: the first candidate for TLSA */
	const char *why;
	size_t n;
	union pr_dns_address addresses[]; /* families in turns, IPv4 first */
};

/* A and AAAA together. Names of the hosts file and "localhost" are taken from there, address
 * texts ("192.0.2.1", "::1", "[::1]") as they are; both at once. One of the two look-ups may
 * have failed where the other brought addresses; the result is kept for short then. */
const struct pr_dns_hosts *pr_dns_host(pr_dns *dns, const char *name, struct pr_dns_wait *w);
void pr_dns_hosts_unref(const struct pr_dns_hosts *h);
/* An address with its port, to connect to. */
void pr_dns_address_at(const union pr_dns_address *a, uint16_t port, struct pr_address *out);

/* ---- the route of a domain ---- */

#define PR_MX_EXCHANGERS_MAX 32 /* exchangers of a domain: the best are kept */
#define PR_MX_SITE_SIZE 200     /* of a site's text, with its NUL */

enum pr_mx_kind {
	PR_MX_OK,        /* at least one exchanger */
	PR_MX_NULL,      /* the domain takes no mail (RFC 7505) */
	PR_MX_NO_DOMAIN, /* it does not exist */
	PR_MX_NO_HOST,   /* it has neither MX nor address; or all its MX name no usable host */
	PR_MX_TEMP,      /* not known now */
};

struct pr_mx_exchanger {
	const char *name; /* A-labels, lower case, no final dot; of a literal its address */
	unsigned preference;
};

struct pr_mx {
	unsigned refs; /* the room's */
	enum pr_mx_kind kind;
	bool implicit; /* no MX: the domain's own addresses (RFC 5321 section 5.1) */
	bool literal;  /* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3) */
	bool secure;   /* the MX records, or, implicit, that there are none and the addresses */
	unsigned ttl_s;
	/* The host names factored label by label: "(alt1|alt2)?.gmail-smtp-in.l.google.com";
	 * implicit: the domain; a literal: "[192.0.2.1]". Equal for equal sets of hosts, stable
	 * over time. Where factoring does not tell the set, or is too long, it ends by "~" and a
	 * hash. "" unless kind is PR_MX_OK. */
	const char *site;
	const char *why; /* kind not PR_MX_OK: a sentence; PR_MX_OK: what was left out, or "" */
	size_t n;
	struct pr_mx_exchanger exchangers[]; /* by preference, then by name */
};

const struct pr_mx *pr_dns_mx(pr_dns *dns, const char *domain, struct pr_dns_wait *w);
void pr_mx_unref(const struct pr_mx *mx);

/* The site of a set of host names, as above: for sets pruned by a policy. Pure. */
void pr_mx_site(const char *const *names, size_t n, char out[PR_MX_SITE_SIZE]);

/* ---- MTA-STS (RFC 8461) ---- */

#define PR_STS_ID_MAX 32
#define PR_STS_MX_MAX 64               /* patterns of a policy */
#define PR_STS_TEXT_MAX (64u << 10)    /* octets of a policy (section 3.3) */
#define PR_STS_MAX_AGE_MAX_S 31557600u /* about a year (section 3.2) */

enum pr_sts_mode { PR_STS_NONE, PR_STS_TESTING, PR_STS_ENFORCE };

struct pr_sts_policy {
	unsigned refs;         /* the room's */
	enum pr_sts_mode mode; /* PR_STS_NONE also: the domain has no policy */
	unsigned max_age_s;
	char id[PR_STS_ID_MAX + 1]; /* of the TXT record it came with; "" before that is known */
	size_t n;
	const char *mx[]; /* "mail.example.com", "*.example.net"; lower case */
};

/* The TXT record's id into out; PR_ENOENT where it is no MTA-STS record at all, PR_EINVAL where
 * it is a wrong one. */
int pr_sts_record_parse(struct pr_str txt, char out[PR_STS_ID_MAX + 1]);
/* The policy's text. PR_EINVAL and the reason. */
int pr_sts_policy_parse(struct pr_str text, const struct pr_sts_policy **out, struct pr_error *e);
/* Whether a host is one the policy names; "*" stands for one label, the first. */
bool pr_sts_matches(const struct pr_sts_policy *policy, const char *host);
const struct pr_sts_policy *pr_sts_policy_ref(const struct pr_sts_policy *p);
void pr_sts_policy_unref(const struct pr_sts_policy *p);

/* Finding: TXT of _mta-sts.DOMAIN by the resolver, the policy from
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt on a thread of its own (libcurl: PKIX, no
 * redirects, 64 KB, 60 s). A policy is kept for its max_age whatever fails meanwhile, and is
 * fetched again when its id changes, and daily. While that goes on the kept one is given. */
typedef struct pr_sts pr_sts;

struct pr_sts_options {
	pr_dns *dns; /* outlives it */
	pr_loop *loop;
	int64_t timeout_ms;     /* of a fetch; 0: 60 s */
	size_t cache_max;       /* domains kept, those without a policy too; 0: 50,000 */
	const char *connect_to; /* tests: "127.0.0.1:8443" instead of port 443 of the host */
	const char *ca_file;    /* tests: the authorities to trust; NULL: the system's */
	/* A policy came, changed (a line, without its end), or left (line NULL): for keeping it
	 * over a restart. May be NULL. */
	void (*save)(void *context, const char *domain, const char *line);
	void *context;
};
int pr_sts_create(const struct pr_sts_options *options, pr_sts **out, struct pr_error *e);
/* Waits for a fetch's present step, not for its end. Who waits is dropped without a call. Not
 * from within a `done`. */
void pr_sts_destroy(pr_sts *sts);
/* A line that `save` got, at start. PR_EINVAL: it is none; PR_ENOENT: its time is over. */
int pr_sts_restore(pr_sts *sts, const char *domain, const char *line);
const struct pr_sts_policy *pr_sts_find(pr_sts *sts, const char *domain, struct pr_dns_wait *w);

#endif
