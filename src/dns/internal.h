/*
 * Inside the room of DNS. From the ground up:
 *
 *   name.c       names as text: which are names, which of hosts
 *   packet.c     a server's octets to an answer (glibc's ns_initparse); pure
 *   transport.c  questions out, octets in: c-ares on the loop
 *   hostsfile.c  /etc/hosts as a table
 *   cache.c      entries: results kept, and look-ups on their way with those who wait
 *   dns.c        the resolver: create, configure, one question
 *   host.c       A and AAAA together
 *   mx.c site.c  the route of a domain
 *   sts_*.c      MTA-STS
 */
#ifndef POSTRIDER_DNS_INTERNAL_H
#define POSTRIDER_DNS_INTERNAL_H

#include "postrider/base/buf.h"
#include "postrider/base/hash.h"
#include "postrider/dns.h"
#include "postrider/net/fetch.h"

/* ---- name.c ---- */

/* Lower case, without the final dot, into out; false: no domain name (RFC 1035 section 2.3.4:
 * labels of 1 to 63 printable octets, 253 in all). "." stays. */
bool dns_name_read(const char *text, char out[PR_DNS_NAME_SIZE]);
/* A name as dns_name_read leaves it: what hinders it from being a mail exchanger, a part of a
 * sentence; NULL: nothing. */
const char *dns_host_fault(const char *name);
/* "192.0.2.1", "::1" or "[::1]". */
bool dns_address_read(const char *text, union pr_dns_address *out);
bool dns_is_localhost(const char *name);

/* ---- results: one block each ---- */

/* Lays a copy of text behind a result: *at moves on. */
const char *dns_lay(char **at, const char *text);
struct pr_dns_answer *dns_answer_failed(enum pr_dns_type type, enum pr_dns_status status,
                                        const char *name, const char *why);

/* ---- packet.c ---- */

/* The octets a server sent for (name, type), name as dns_name_read leaves it. Never fails: what
 * is wrong with them is an answer of PR_DNS_TEMP. The CNAMEs in it are followed; *dangling: they
 * led to a name of which the answer says nothing, so that one is to be asked for. `secure` is the
 * AD bit. */
struct pr_dns_answer *dns_packet_read(const uint8_t *packet, size_t n, const char *name,
                                      enum pr_dns_type type, bool *dangling);

/* ---- transport.c ---- */

struct dns_query {
	struct pr_list link; /* waiting for its turn; the transport's */
	/* Exactly once unless dropped: octets, or NULL and why. Never from dns_send. */
	void (*done)(struct dns_query *q, const uint8_t *packet, size_t n, const char *why);
	enum pr_dns_type type;
	char name[PR_DNS_NAME_SIZE];
};
struct dns_transport;
int dns_transport_create(const struct pr_dns_options *o, struct dns_transport **out,
                         struct pr_error *e);
/* The queries it has move on to `heir`, to be asked again; NULL: they are dropped. */
void dns_transport_destroy(struct dns_transport *t, struct dns_transport *heir);
void dns_send(struct dns_transport *t, struct dns_query *q); /* name and type set */
unsigned dns_flying(const struct dns_transport *t);
uint64_t dns_sent(const struct dns_transport *t);

/* ---- hostsfile.c ---- */

struct dns_hosts_file;
struct dns_hosts_file *dns_hosts_file_read(const char *path); /* NULL: none, or empty */
void dns_hosts_file_free(struct dns_hosts_file *f);
/* Up to max addresses of a name; how many. */
size_t dns_hosts_file_find(const struct dns_hosts_file *f, const char *name,
                           union pr_dns_address *out, size_t max);

/* ---- cache.c ---- */

enum dns_kind { DNS_ANSWER, DNS_HOSTS, DNS_MX };

#define DNS_TTL_MIN_S 30
#define DNS_TTL_MAX_S 86400
#define DNS_TTL_NEGATIVE_MAX_S 3600
#define DNS_TTL_TEMP_S 10

enum dns_state { DNS_FLYING, DNS_ENDED, DNS_KEPT };

/* Something looked up. */
struct dns_entry {
	uint64_t key;
	struct pr_list link;    /* ended: to be told; kept: in the order of use */
	struct pr_list waiting; /* pr_dns_wait */
	void *result;           /* struct pr_dns_answer, pr_dns_hosts, pr_mx; NULL: flying */
	void *work;             /* its look-up while it is flying */
	int64_t due_ms;         /* the result is forgotten then */
	uint8_t state;          /* enum dns_state */
	uint8_t kind;           /* enum dns_kind */
	uint8_t type;           /* of a DNS_ANSWER */
	bool keep;              /* somebody outside asked: the cache holds the result */
	char name[];
};

struct pr_dns {
	pr_loop *loop;
	struct pr_dns_options options; /* the numbers; its texts are not kept */
	struct dns_transport *transport;
	struct dns_hosts_file *hosts;
	struct pr_hash_key hash;
	struct pr_map entries;    /* all, by key */
	struct pr_list lru;       /* the kept, least used first */
	struct pr_list ended;     /* those whose waits are to be told */
	struct pr_turn_hook tell; /* ... at the end of the turn */
	struct pr_dns_counts counts;
};

void dns_cache_init(pr_dns *dns);
void dns_cache_finish(pr_dns *dns); /* the transport is gone: nothing ends any more */
void dns_cache_empty(pr_dns *dns);  /* of what is kept, and what was learnt up to now */
/* The look-up of all kinds: the result with a reference, or NULL and `w` waits. The name is as
 * dns_name_read leaves it. `keep`: see the entry. */
const void *dns_look_up(pr_dns *dns, enum dns_kind kind, enum pr_dns_type type, const char *name,
                        bool keep, struct pr_dns_wait *w);
/* The look-up came to its end, its work is freed; the result is the entry's now. */
void dns_entry_end(pr_dns *dns, struct dns_entry *e, void *result);

/* dns.c, host.c, mx.c: begin the look-up of a new entry; it may end at once. */
void dns_answer_begin(pr_dns *dns, struct dns_entry *e);
void dns_hosts_begin(pr_dns *dns, struct dns_entry *e);
void dns_mx_begin(pr_dns *dns, struct dns_entry *e);
/* Free the work of a look-up that will not end. */
void dns_answer_drop(void *work);
void dns_hosts_drop(void *work);
void dns_mx_drop(void *work);
/* pr_dns_host for a look-up that is a part of another. */
const struct pr_dns_hosts *dns_host_part(pr_dns *dns, const char *name, bool keep,
                                         struct pr_dns_wait *w);

/* ---- mx.c, host.c: the pure parts ---- */

/* NULL: the domain has no MX; its addresses are to be asked for. */
struct pr_mx *dns_mx_compose(const struct pr_dns_answer *answer);
struct pr_mx *dns_mx_implicit(const char *domain, const struct pr_dns_answer *none,
                              const struct pr_dns_hosts *hosts);
struct pr_mx *dns_mx_none(enum pr_mx_kind kind, unsigned ttl_s, const char *why);
struct pr_mx *dns_mx_literal(const char *domain); /* NULL: it is none */
struct pr_dns_hosts *dns_hosts_compose(const struct pr_dns_answer *a,
                                       const struct pr_dns_answer *aaaa);

/* ---- sts_policy.c ---- */

/* As pr_sts_policy_parse; one block, not yet given away. NULL: e says why. */
struct pr_sts_policy *dns_sts_read(struct pr_str text, struct pr_error *e);
/* "1 ID MODE MAX_AGE EXPIRES FETCHED MX...", the instants in UTC seconds; of one line. */
void dns_sts_line(const struct pr_sts_policy *p, int64_t expires_utc_s, int64_t fetched_utc_s,
                  struct pr_buf *out);
struct pr_sts_policy *dns_sts_read_line(const char *line, int64_t *expires_utc_s,
                                        int64_t *fetched_utc_s); /* NULL: it is none */

/* ---- sts_fetch.c ---- */

struct dns_fetcher;
struct dns_fetch {
	void (*done)(struct dns_fetch *f);
	char host[PR_DNS_NAME_SIZE];
	char *addresses; /* "192.0.2.1,[2001:db8::1]"; freed by the fetcher */
	/* What came of it: fetch.body is the policy's text, or: */
	char why[200]; /* "": it came */
	/* The fetcher's: */
	struct dns_fetcher *fetcher;
	struct pr_fetch fetch;
	struct curl_slist *resolve, *connect_to;
};
int dns_fetcher_create(const struct pr_sts_options *o, struct dns_fetcher **out,
                       struct pr_error *e);
/* What was submitted and did not come home fails now: its done is called. */
void dns_fetcher_destroy(struct dns_fetcher *f);
void dns_fetcher_submit(struct dns_fetcher *f, struct dns_fetch *fetch);
void dns_fetch_finish(struct dns_fetch *fetch);

#endif
