/*
 * The resolver: its life, and one question.
 *
 *   a question -> query -> octets -> answer, or, where CNAMEs led out of what the server told,
 *   another query for the name they led to
 *
 * An answer is secure only when each of the servers' answers was, and the servers are trusted.
 */
#include "internal.h"

#include <stdlib.h>

#define HOPS_MAX 8 /* queries for one question: a resolver that follows CNAMEs needs one */

struct question {
	struct dns_query query;
	pr_dns *dns;
	struct dns_entry *entry;
	unsigned hops;
	bool secure;
	unsigned ttl_s; /* of the CNAMEs before */
};

/* ---- one question ---- */

static void
end_question(struct question *q, struct pr_dns_answer *a)
{
	pr_dns *dns = q->dns;
	struct dns_entry *e = q->entry;
	a->secure &= q->secure && dns->options.trusted;
	if (q->ttl_s < a->ttl_s)
		a->ttl_s = q->ttl_s;
	dns->counts.failures += a->status == PR_DNS_TEMP;
	free(q);
	dns_entry_end(dns, e, a);
}

static void
on_packet(struct dns_query *query, const uint8_t *packet, size_t n, const char *why)
{
	struct question *q = PR_CONTAINER(query, struct question, query);
	bool dangling = false;
	struct pr_dns_answer *a =
	    packet ? dns_packet_read(packet, n, query->name, query->type, &dangling)
		   : dns_answer_failed(query->type, PR_DNS_TEMP, query->name, why);
	if (!dangling) {
		end_question(q, a);
		return;
	}
	if (++q->hops >= HOPS_MAX) {
		pr_dns_answer_unref(a);
		end_question(q, dns_answer_failed(query->type, PR_DNS_TEMP, q->entry->name,
		                                  "CNAMEs lead in a circle, or too far"));
		return;
	}
	q->secure &= a->secure;
	if (a->ttl_s < q->ttl_s)
		q->ttl_s = a->ttl_s;
	strcpy(query->name, a->name); /* of the same bound */
	pr_dns_answer_unref(a);
	dns_send(q->dns->transport, query);
}

void
dns_answer_begin(pr_dns *dns, struct dns_entry *e)
{
	struct question *q = pr_calloc(1, sizeof *q);
	*q = (struct question){.dns = dns, .entry = e, .secure = true, .ttl_s = UINT32_MAX};
	q->query.done = on_packet;
	q->query.type = (enum pr_dns_type)e->type;
	strcpy(q->query.name, e->name);
	e->work = q;
	dns_send(dns->transport, &q->query);
}

void
dns_answer_drop(void *work)
{
	free(work);
}

const struct pr_dns_answer *
pr_dns_ask(pr_dns *dns, const char *text, enum pr_dns_type type, struct pr_dns_wait *w)
{
	char name[PR_DNS_NAME_SIZE];
	if (!dns_name_read(text, name))
		return dns_answer_failed(type, PR_DNS_NXDOMAIN, "", "this is no domain name");
	return dns_look_up(dns, DNS_ANSWER, type, name, true, w);
}

/* ---- its life ---- */

static struct dns_hosts_file *
read_hosts(const struct pr_dns_options *o)
{
	const char *path = o->hosts_file ? o->hosts_file : "/etc/hosts";
	return *path ? dns_hosts_file_read(path) : NULL;
}

static void
set_options(pr_dns *dns, const struct pr_dns_options *o)
{
	dns->options = *o;
	dns->options.loop = dns->loop;
	dns->options.servers = NULL;
	dns->options.hosts_file = NULL;
}

int
pr_dns_create(const struct pr_dns_options *options, pr_dns **out, struct pr_error *e)
{
	struct dns_transport *transport;
	int r = dns_transport_create(options, &transport, e);
	if (r < 0)
		return r;
	pr_dns *dns = pr_calloc(1, sizeof *dns);
	dns->loop = options->loop;
	dns->transport = transport;
	set_options(dns, options);
	dns->hosts = read_hosts(options);
	dns_cache_init(dns);
	*out = dns;
	return 0;
}

int
pr_dns_configure(pr_dns *dns, const struct pr_dns_options *options, struct pr_error *e)
{
	struct pr_dns_options o = *options;
	struct dns_transport *transport;
	o.loop = dns->loop;
	int r = dns_transport_create(&o, &transport, e);
	if (r < 0)
		return r;
	dns->counts.queries += dns_sent(dns->transport);
	dns_transport_destroy(dns->transport, transport);
	dns->transport = transport;
	set_options(dns, &o);
	dns_hosts_file_free(dns->hosts);
	dns->hosts = read_hosts(&o);
	dns_cache_empty(dns);
	return 0;
}

void
pr_dns_destroy(pr_dns *dns)
{
	if (!dns)
		return;
	dns_transport_destroy(dns->transport, NULL);
	dns_cache_finish(dns);
	dns_hosts_file_free(dns->hosts);
	free(dns);
}

struct pr_dns_counts
pr_dns_counts(const pr_dns *dns)
{
	struct pr_dns_counts c = dns->counts;
	c.queries += dns_sent(dns->transport);
	c.flying = dns_flying(dns->transport);
	return c;
}
