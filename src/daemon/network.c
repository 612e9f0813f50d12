/*
 * What delivery needs of the network: the resolver, TLS, and the doctor's look at a sender, which
 * has a resolver of its own. They follow the configuration; whom to trust (tls.ca_file) is read at
 * the start only.
 */
#include "daemon.h"

#include "postrider/base/log.h"
#include "postrider/doctor.h"

int
network_open(struct daemon *d, struct pr_error *e)
{
	const char *servers[PR_DNS_SERVERS_MAX];
	struct pr_dns_options dns = {.loop = d->loop};
	struct pr_tls_options tls = {.ca_file = d->config->tls.ca_file.p};
	pr_config_dns(d->config, servers, &dns);
	int r = pr_dns_create(&dns, &d->dns, e);
	if (r == 0)
		r = pr_tls_create(&tls, &d->tls, e);
	struct pr_sts_options sts = {
	    .dns = d->dns, .loop = d->loop, .ca_file = d->config->tls.ca_file.p};
	return r < 0 ? r : pr_sts_create(&sts, &d->sts, e);
}

void
network_reload(struct daemon *d)
{
	struct pr_error e;
	const char *servers[PR_DNS_SERVERS_MAX];
	struct pr_dns_options dns = {.loop = d->loop};
	pr_config_dns(d->config, servers, &dns);
	if (pr_dns_configure(d->dns, &dns, &e) < 0)
		PR_LOG(PR_LOG_ERROR, "dns_unusable", "%s; the resolver stays as it was", e.text);
}

int
network_preflight(const struct pr_preflight *p, struct pr_problems *problems)
{
	struct pr_doctor_question question = {p->config, p->from_domain, p->brand, p->route};
	return pr_doctor_campaign(&question, p->stop, problems);
}

void
network_close(struct daemon *d)
{
	if (d->sts)
		pr_sts_destroy(d->sts);
	if (d->dns)
		pr_dns_destroy(d->dns);
	d->dns = NULL;
}
