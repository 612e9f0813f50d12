/*
 * What delivery needs of the network: the resolver, TLS, and the doctor's look at a sender, which
 * has a resolver of its own. They follow the configuration; whom to trust (tls.ca_file) is read at
 * the start only.
 */
#include "daemon.h"

#include "postrider/base/log.h"
#include "postrider/doctor.h"

static void
save_policy(void *context, const char *domain, const char *line)
{
	struct daemon *d = context;
	if (d->delivery)
		pr_delivery_keep_policy(d->delivery, domain, line);
}

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
	struct pr_sts_options sts = {.dns = d->dns,
	                             .loop = d->loop,
	                             .ca_file = d->config->tls.ca_file.p,
	                             .save = save_policy,
	                             .context = d};
	return r < 0 ? r : pr_sts_create(&sts, &d->sts, e);
}

static void
restore_policy(void *context, const char *domain, const char *line)
{
	struct daemon *d = context;
	if (pr_sts_restore(d->sts, domain, line) < 0) /* its time is over */
		pr_delivery_keep_policy(d->delivery, domain, NULL);
}

void
network_restore(struct daemon *d)
{
	pr_delivery_each_policy(d->delivery, restore_policy, d);
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
