/*
 * A server's octets to an answer, by glibc's ns_initparse and ns_parserr, which check every
 * count, length and compression pointer against the octets there are.
 *
 *   header and question -> CNAMEs from the name asked for -> records of its last name -> or,
 *   without any, the SOA of the authority section for how long that is so
 *
 * Records of other names and types are passed over: nobody asked for them. Whatever does not
 * hold together is an answer of PR_DNS_TEMP; nothing of it is used then.
 */
#include "internal.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

#define CNAMES_MAX 10
#define TXT_MAX 16384u /* octets of a TXT record, joined; the rest is left out */

struct reading {
	ns_msg msg;
	enum pr_dns_type type;
	char name[PR_DNS_NAME_SIZE]; /* whose records we look for */
	uint32_t ttl_s;
	size_t n;
	struct pr_dns_record records[PR_DNS_RECORDS_MAX];
	struct pr_buf text; /* what they point to, for now by offset + 1 */
	const char *why;
};

static struct pr_dns_answer *
make_answer(enum pr_dns_type type, enum pr_dns_status status, size_t n, size_t text,
            const char *name, const char *why, char **at)
{
	size_t size = sizeof(struct pr_dns_answer) + n * sizeof(struct pr_dns_record);
	struct pr_dns_answer *a = pr_alloc(size + text + strlen(name) + strlen(why) + 2);
	*a = (struct pr_dns_answer){.refs = 1, .status = status, .type = type, .n = n};
	*at = (char *)a + size;
	a->name = dns_lay(at, name);
	a->why = dns_lay(at, why);
	return a;
}

struct pr_dns_answer *
dns_answer_failed(enum pr_dns_type type, enum pr_dns_status status, const char *name,
                  const char *why)
{
	char *at;
	return make_answer(type, status, 0, 0, name, why, &at);
}

/* Offsets stand for pointers until the text is complete and lies where it stays. */
static const char *
as_offset(size_t at)
{
	return (const char *)(uintptr_t)(at + 1);
}

static const char *
keep_text(struct reading *r, const void *p, size_t n)
{
	size_t at = r->text.len;
	pr_buf_add(&r->text, p, n);
	pr_buf_addc(&r->text, 0);
	return as_offset(at);
}

/* A name within record data. What is no name as we write them is kept as "?": it names no host. */
static bool
read_name(struct reading *r, const uint8_t *p, const char **out)
{
	char raw[NS_MAXDNAME], name[PR_DNS_NAME_SIZE];
	if (ns_name_uncompress(ns_msg_base(r->msg), ns_msg_end(r->msg), p, raw, sizeof raw) < 0)
		return false;
	if (!*raw)
		strcpy(raw, ".");
	if (!dns_name_read(raw, name))
		strcpy(name, "?");
	*out = keep_text(r, name, strlen(name));
	return true;
}

static bool
read_txt(struct reading *r, const uint8_t *p, size_t n, struct pr_str *out)
{
	size_t at = r->text.len;
	while (n) {
		size_t piece = *p++;
		if (piece > --n)
			return false;
		if (r->text.len - at + piece <= TXT_MAX)
			pr_buf_add(&r->text, p, piece);
		p += piece;
		n -= piece;
	}
	out->n = r->text.len - at;
	out->p = as_offset(at);
	pr_buf_addc(&r->text, 0);
	return true;
}

static void
read_address(const uint8_t *p, size_t n, union pr_dns_address *out)
{
	memset(out, 0, sizeof *out);
	out->family = n == 4 ? AF_INET : AF_INET6;
	memcpy(n == 4 ? (void *)&out->in.sin_addr : (void *)&out->in6.sin6_addr, p, n);
}

static bool
read_record(struct reading *r, const uint8_t *p, size_t n, struct pr_dns_record *out)
{
	switch (r->type) {
	case PR_DNS_A:
	case PR_DNS_AAAA:
		if (n != (r->type == PR_DNS_A ? 4 : 16))
			return false;
		read_address(p, n, &out->u.address);
		return true;
	case PR_DNS_CNAME:
	case PR_DNS_PTR: return read_name(r, p, &out->u.name);
	case PR_DNS_MX:
		if (n < 3)
			return false;
		out->u.mx.preference = ns_get16(p);
		return read_name(r, p + 2, &out->u.mx.name);
	case PR_DNS_TXT: return read_txt(r, p, n, &out->u.txt);
	case PR_DNS_TLSA:
		if (n < 3)
			return false;
		out->u.tlsa.usage = p[0];
		out->u.tlsa.selector = p[1];
		out->u.tlsa.matching = p[2];
		out->u.tlsa.data = pr_str_n(keep_text(r, p + 3, n - 3), n - 3);
		return true;
	}
	return false;
}

static void
lower_ttl(struct reading *r, uint32_t ttl_s)
{
	if (ttl_s > INT32_MAX) /* RFC 2181 section 8 */
		ttl_s = 0;
	if (ttl_s < r->ttl_s)
		r->ttl_s = ttl_s;
}

/* The next record of a section, of class IN; false: `why` says whether there are no more. */
static bool
parse(struct reading *r, ns_sect section, int i, ns_rr *rr)
{
	if (i >= ns_msg_count(r->msg, section))
		return false;
	if (ns_parserr(&r->msg, section, i, rr) < 0) {
		r->why = "the name server's answer is malformed";
		return false;
	}
	return true;
}

static bool
is_ours(const struct reading *r, ns_rr *rr, int type)
{
	char name[PR_DNS_NAME_SIZE];
	return (int)ns_rr_type(*rr) == type && ns_rr_class(*rr) == ns_c_in &&
	       dns_name_read(*ns_rr_name(*rr) ? ns_rr_name(*rr) : ".", name) &&
	       strcmp(name, r->name) == 0;
}

/* To the name that a CNAME of r->name leads to; false: there is none. */
static bool
follow_one(struct reading *r)
{
	ns_rr rr;
	char raw[NS_MAXDNAME];
	for (int i = 0; parse(r, ns_s_an, i, &rr); i++) {
		if (!is_ours(r, &rr, ns_t_cname))
			continue;
		if (ns_name_uncompress(ns_msg_base(r->msg), ns_msg_end(r->msg), ns_rr_rdata(rr),
		                       raw, sizeof raw) < 0 ||
		    !dns_name_read(raw, r->name)) {
			r->why = "a CNAME leads to no name";
			return false;
		}
		lower_ttl(r, ns_rr_ttl(rr));
		return true;
	}
	return false;
}

static unsigned
follow(struct reading *r)
{
	unsigned hops = 0;
	if (r->type == PR_DNS_CNAME)
		return 0;
	while (!r->why && follow_one(r))
		if (++hops > CNAMES_MAX)
			r->why = "CNAMEs lead in a circle, or too far";
	return hops;
}

static void
read_records(struct reading *r)
{
	ns_rr rr;
	for (int i = 0; r->n < PR_DNS_RECORDS_MAX && parse(r, ns_s_an, i, &rr); i++) {
		if (!is_ours(r, &rr, (int)r->type))
			continue;
		if (!read_record(r, ns_rr_rdata(rr), ns_rr_rdlen(rr), &r->records[r->n])) {
			r->why = "a record in the name server's answer is malformed";
			return;
		}
		lower_ttl(r, ns_rr_ttl(rr));
		r->n++;
	}
}

/* How long there is nothing (RFC 2308 section 5): false where no SOA says so. */
static bool
read_soa(struct reading *r)
{
	ns_rr rr;
	for (int i = 0; parse(r, ns_s_ns, i, &rr); i++) {
		if (ns_rr_type(rr) != ns_t_soa || ns_rr_rdlen(rr) < 22)
			continue;
		lower_ttl(r, ns_rr_ttl(rr));
		lower_ttl(r, (uint32_t)ns_get32(ns_rr_rdata(rr) + ns_rr_rdlen(rr) - 4));
		return true;
	}
	return false;
}

static const char *
is_the_question(struct reading *r)
{
	ns_rr rr;
	if (!ns_msg_getflag(r->msg, ns_f_qr) || ns_msg_count(r->msg, ns_s_qd) != 1 ||
	    ns_parserr(&r->msg, ns_s_qd, 0, &rr) < 0 || !is_ours(r, &rr, (int)r->type))
		return "the name server answered another question";
	return ns_msg_getflag(r->msg, ns_f_tc) ? "the name server's answer is cut off" : NULL;
}

static const char *
rcode_fault(int rcode)
{
	switch (rcode) {
	case ns_r_noerror:
	case ns_r_nxdomain: return NULL;
	case ns_r_servfail: return "the name server failed (SERVFAIL)";
	case ns_r_refused: return "the name server refused (REFUSED)";
	default: return "the name server answered with an error";
	}
}

static void
settle_text(struct pr_dns_record *record, enum pr_dns_type type, const char *base)
{
	const char **p = type == PR_DNS_MX     ? &record->u.mx.name
	                 : type == PR_DNS_TXT  ? &record->u.txt.p
	                 : type == PR_DNS_TLSA ? &record->u.tlsa.data.p
	                                       : &record->u.name;
	*p = base + (uintptr_t)*p - 1;
}

static struct pr_dns_answer *
finish_reading(struct reading *r, enum pr_dns_status status)
{
	char *at;
	struct pr_dns_answer *a =
	    make_answer(r->type, status, r->n, r->text.len, r->name, r->why ? r->why : "", &at);
	if (r->n)
		memcpy(a->records, r->records, r->n * sizeof *r->records);
	if (r->text.len)
		memcpy(at, r->text.data, r->text.len);
	if (r->type != PR_DNS_A && r->type != PR_DNS_AAAA)
		for (size_t i = 0; i < r->n; i++)
			settle_text(&a->records[i], r->type, at);
	a->ttl_s = r->ttl_s == UINT32_MAX ? 0 : r->ttl_s;
	a->secure = !r->why && ns_msg_getflag(r->msg, ns_f_ad);
	pr_buf_finish(&r->text);
	return a;
}

struct pr_dns_answer *
dns_packet_read(const uint8_t *packet, size_t n, const char *name, enum pr_dns_type type,
                bool *dangling)
{
	struct reading r = {.type = type, .ttl_s = UINT32_MAX};
	*dangling = false;
	snprintf(r.name, sizeof r.name, "%s", name);
	if (n > UINT16_MAX || ns_initparse(packet, (int)n, &r.msg) < 0)
		return dns_answer_failed(type, PR_DNS_TEMP, name,
		                         "the name server's answer is malformed");
	int rcode = ns_msg_getflag(r.msg, ns_f_rcode);
	r.why = rcode_fault(rcode);
	if (!r.why)
		r.why = is_the_question(&r);
	unsigned hops = r.why ? 0 : follow(&r);
	if (!r.why)
		read_records(&r);
	bool soa = !r.why && r.n == 0 && read_soa(&r);
	if (r.why) {
		r.n = 0;
		return finish_reading(&r, PR_DNS_TEMP);
	}
	*dangling = r.n == 0 && hops && !soa && rcode == ns_r_noerror;
	return finish_reading(&r, r.n                      ? PR_DNS_OK
	                          : rcode == ns_r_nxdomain ? PR_DNS_NXDOMAIN
	                                                   : PR_DNS_NODATA);
}
