/*
 * Finding the MTA-STS policy of a domain (RFC 8461), and keeping it.
 *
 *   a check:  TXT of _mta-sts.DOMAIN -> its id is new, or a day has gone by -> the address of
 *             mta-sts.DOMAIN -> the fetch -> the policy
 *
 * A check is due when a domain is asked for and nothing is known, or what is known was learnt
 * some time ago. Who asks waits for it only when there is no policy yet; else he gets that one,
 * and the check goes on beside him.
 *
 * How it fails. Whatever fails, a policy that is there stays until its max_age is over: to lose
 * it is what an attacker wants (section 10.2). Without one, a failure is as no policy (section
 * 5), and the next check comes soon.
 *
 * When there are too many domains, those without a policy and asked for longest ago go first.
 */
#include "internal.h"

#include "postrider/base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define CACHE_MAX 50000
#define REFRESH_MS PR_DAY_MS
#define CHECK_MIN_S 300 /* between checks; by the TXT record's TTL */
#define CHECK_MAX_S 3600
#define RETRY_S 60        /* after a look-up that failed */
#define FETCH_RETRY_S 300 /* after a fetch that failed (section 3.3) */
#define TXT_PREFIX "_mta-sts."
#define HOST_PREFIX "mta-sts."

struct check {
	struct domain *domain;
	struct pr_dns_wait wait;
	unsigned ttl_s; /* of the TXT record */
	char id[PR_STS_ID_MAX + 1];
	struct dns_fetch fetch;
};

struct domain {
	pr_sts *sts;
	uint64_t key;
	struct pr_list link;            /* sts->with or without: in the order of use */
	struct pr_list waiting;         /* pr_dns_wait */
	struct pr_sts_policy *policy;   /* NULL: none */
	struct check *check;            /* NULL: none is on its way */
	int64_t due_ms;                 /* of the next check */
	int64_t expires_ms, fetched_ms; /* of the policy, by the loop's clock */
	char name[];
};

struct pr_sts {
	struct pr_sts_options options;
	struct dns_fetcher *fetcher;
	struct pr_hash_key hash;
	struct pr_map domains;
	struct pr_list with, without; /* a policy */
	struct pr_sts_policy *none;   /* given for all that have none */
};

static int64_t
now_ms(const pr_sts *sts)
{
	return pr_loop_now_ms(sts->options.loop);
}

/* ---- domains ---- */

static void
free_check(struct domain *d)
{
	if (!d->check)
		return;
	pr_dns_forget(&d->check->wait);
	dns_fetch_finish(&d->check->fetch);
	free(d->check);
	d->check = NULL;
}

static void
free_domain(struct domain *d)
{
	pr_map_remove(&d->sts->domains, d->key);
	pr_list_remove(&d->link);
	free_check(d);
	pr_sts_policy_unref(d->policy);
	free(d);
}

static void
save(struct domain *d)
{
	const struct pr_sts_options *o = &d->sts->options;
	struct pr_buf line = {0};
	if (!o->save)
		return;
	int64_t ahead = pr_utc_ms() - now_ms(d->sts); /* of UTC */
	if (d->policy)
		dns_sts_line(d->policy, (d->expires_ms + ahead) / 1000,
		             (d->fetched_ms + ahead) / 1000, &line);
	o->save(o->context, d->name, d->policy ? line.data : NULL);
	pr_buf_finish(&line);
}

static void
used(struct domain *d)
{
	pr_list_remove(&d->link);
	pr_list_push(d->policy ? &d->sts->with : &d->sts->without, &d->link);
}

static void
set_policy(struct domain *d, struct pr_sts_policy *policy)
{
	pr_sts_policy_unref(d->policy);
	d->policy = policy;
	used(d);
}

static bool
evict_one(struct pr_list *list)
{
	PR_LIST_EACH(link, list) {
		struct domain *d = PR_CONTAINER(link, struct domain, link);
		if (d->check)
			continue;
		if (d->policy) {
			set_policy(d, NULL);
			save(d);
		}
		free_domain(d);
		return true;
	}
	return false;
}

static struct domain *
domain_of(pr_sts *sts, const char *name)
{
	size_t size = strlen(name) + 1, most = sts->options.cache_max;
	uint64_t key = pr_siphash(sts->hash, name, size);
	struct domain *d;
	while ((d = pr_map_get(&sts->domains, key)) && strcmp(d->name, name) != 0)
		key = pr_mix64(key);
	if (d)
		return d;
	while (sts->domains.n >= (most ? most : CACHE_MAX))
		if (!evict_one(&sts->without) && !evict_one(&sts->with))
			break; /* all are being checked: as many as somebody asked for */
	d = pr_calloc(1, sizeof *d + size);
	d->sts = sts;
	d->key = key;
	memcpy(d->name, name, size);
	pr_list_init(&d->link);
	pr_list_init(&d->waiting);
	pr_map_put(&sts->domains, key, d);
	used(d);
	return d;
}

/* ---- a check ---- */

static const struct pr_sts_policy *
result(const struct domain *d)
{
	return pr_sts_policy_ref(d->policy ? d->policy : d->sts->none);
}

/* The check is over; those who wait are told what there is now. */
static void
end_check(struct domain *d, int64_t next_s)
{
	struct pr_list now, *link;
	free_check(d);
	d->due_ms = now_ms(d->sts) + next_s * PR_SECOND_MS;
	const struct pr_sts_policy *policy = result(d);
	pr_list_init(&now);
	pr_list_splice(&now, &d->waiting);
	while ((link = pr_list_shift(&now))) {
		struct pr_dns_wait *w = PR_CONTAINER(link, struct pr_dns_wait, link);
		w->done.policy(w, pr_sts_policy_ref(policy));
	}
	pr_sts_policy_unref(policy);
}

static int64_t
check_s(unsigned ttl_s)
{
	return ttl_s < CHECK_MIN_S ? CHECK_MIN_S : ttl_s < CHECK_MAX_S ? ttl_s : CHECK_MAX_S;
}

static void
on_fetched(struct dns_fetch *f)
{
	struct check *c = PR_CONTAINER(f, struct check, fetch);
	struct domain *d = c->domain;
	struct pr_sts_policy *p = *f->why ? NULL : dns_sts_read(pr_buf_str(&f->fetch.body), NULL);
	int64_t next_s = p ? check_s(c->ttl_s) : FETCH_RETRY_S;
	if (p) {
		memcpy(p->id, c->id, sizeof p->id);
		d->fetched_ms = now_ms(d->sts);
		d->expires_ms = d->fetched_ms + p->max_age_s * PR_SECOND_MS;
		set_policy(d, p);
		save(d);
	}
	end_check(d, next_s);
}

static char *
addresses_text(const struct pr_dns_hosts *h)
{
	struct pr_buf b = {0};
	for (size_t i = 0; i < h->n; i++) {
		const union pr_dns_address *a = &h->addresses[i];
		char text[INET6_ADDRSTRLEN];
		bool v6 = a->family == AF_INET6;
		inet_ntop(a->family, v6 ? (const void *)&a->in6.sin6_addr : &a->in.sin_addr, text,
		          sizeof text);
		pr_buf_addf(&b, v6 ? "%s[%s]" : "%s%s", i ? "," : "", text);
	}
	return b.data;
}

static void
on_host(struct pr_dns_wait *w, const struct pr_dns_hosts *h)
{
	struct check *c = PR_CONTAINER(w, struct check, wait);
	if (h->status == PR_DNS_OK) {
		c->fetch.addresses = addresses_text(h);
		dns_fetcher_submit(c->domain->sts->fetcher, &c->fetch);
	} else {
		end_check(c->domain, FETCH_RETRY_S);
	}
	pr_dns_hosts_unref(h);
}

static void
begin_fetch(struct check *c)
{
	struct domain *d = c->domain;
	c->fetch.done = on_fetched;
	snprintf(c->fetch.host, sizeof c->fetch.host, HOST_PREFIX "%.*s",
	         (int)(sizeof c->fetch.host - sizeof HOST_PREFIX), d->name);
	c->wait.done.hosts = on_host;
	const struct pr_dns_hosts *h = pr_dns_host(d->sts->options.dns, c->fetch.host, &c->wait);
	if (h)
		on_host(&c->wait, h);
}

/* The one record there may be (section 3.1): several are as none. */
static bool
find_record(const struct pr_dns_answer *a, char id[PR_STS_ID_MAX + 1])
{
	unsigned records = 0;
	bool good = false;
	for (size_t i = 0; i < a->n; i++) {
		int r = pr_sts_record_parse(a->records[i].u.txt, id);
		records += r != PR_ENOENT;
		good |= r == 0;
	}
	return records == 1 && good;
}

static void
on_txt(struct pr_dns_wait *w, const struct pr_dns_answer *a)
{
	struct check *c = PR_CONTAINER(w, struct check, wait);
	struct domain *d = c->domain;
	bool found = a->status == PR_DNS_OK && find_record(a, c->id);
	bool failed = a->status == PR_DNS_TEMP;
	c->ttl_s = a->ttl_s;
	pr_dns_answer_unref(a);
	if (failed)
		end_check(d, RETRY_S);
	else if (found && (!d->policy || strcmp(d->policy->id, c->id) != 0 ||
	                   now_ms(d->sts) - d->fetched_ms >= REFRESH_MS))
		begin_fetch(c);
	else
		end_check(d, check_s(c->ttl_s));
}

static void
begin_check(struct domain *d)
{
	char name[PR_DNS_NAME_SIZE + sizeof TXT_PREFIX];
	struct check *c = pr_calloc(1, sizeof *c);
	c->domain = d;
	c->wait.done.answer = on_txt;
	d->check = c;
	snprintf(name, sizeof name, TXT_PREFIX "%s", d->name);
	const struct pr_dns_answer *a = pr_dns_ask(d->sts->options.dns, name, PR_DNS_TXT, &c->wait);
	if (a)
		on_txt(&c->wait, a);
}

const struct pr_sts_policy *
pr_sts_find(pr_sts *sts, const char *text, struct pr_dns_wait *w)
{
	char name[PR_DNS_NAME_SIZE];
	if (!dns_name_read(text, name) || dns_host_fault(name))
		return pr_sts_policy_ref(sts->none);
	struct domain *d = domain_of(sts, name);
	if (d->policy && d->expires_ms <= now_ms(sts)) {
		set_policy(d, NULL);
		save(d);
	}
	used(d);
	if (!d->check && d->due_ms <= now_ms(sts))
		begin_check(d);
	if (d->policy || !d->check)
		return result(d);
	pr_list_push(&d->waiting, &w->link);
	return NULL;
}

/* ---- its life ---- */

int
pr_sts_restore(pr_sts *sts, const char *text, const char *line)
{
	char name[PR_DNS_NAME_SIZE];
	int64_t expires_s, fetched_s, utc = pr_utc_ms(), now = now_ms(sts);
	struct pr_sts_policy *p = dns_sts_read_line(line, &expires_s, &fetched_s);
	if (!p)
		return PR_EINVAL;
	int64_t left = expires_s * PR_SECOND_MS - utc, age = utc - fetched_s * PR_SECOND_MS;
	if (left <= 0 || !dns_name_read(text, name)) {
		pr_sts_policy_unref(p);
		return left <= 0 ? PR_ENOENT : PR_EINVAL;
	}
	if (left > p->max_age_s * PR_SECOND_MS) /* the clock was wrong */
		left = p->max_age_s * PR_SECOND_MS;
	struct domain *d = domain_of(sts, name);
	d->expires_ms = now + left;
	d->fetched_ms = now - (age > 0 ? age : 0);
	set_policy(d, p);
	return 0;
}

int
pr_sts_create(const struct pr_sts_options *options, pr_sts **out, struct pr_error *e)
{
	pr_sts *sts = pr_calloc(1, sizeof *sts);
	int r = dns_fetcher_create(options, &sts->fetcher, e);
	if (r < 0) {
		free(sts);
		return r;
	}
	sts->options = *options;
	sts->options.connect_to = sts->options.ca_file = NULL; /* the fetcher has copies */
	pr_hash_key_random(&sts->hash);
	pr_list_init(&sts->with);
	pr_list_init(&sts->without);
	sts->none = pr_calloc(1, sizeof *sts->none);
	sts->none->refs = 1;
	*out = sts;
	return 0;
}

static void
drop_waits(struct pr_list *list)
{
	PR_LIST_EACH(link, list) {
		struct domain *d = PR_CONTAINER(link, struct domain, link);
		while (pr_list_shift(&d->waiting))
			;
	}
}

static void
free_domains(struct pr_list *list)
{
	while (!pr_list_empty(list))
		free_domain(PR_CONTAINER(list->next, struct domain, link));
}

void
pr_sts_destroy(pr_sts *sts)
{
	if (!sts)
		return;
	drop_waits(&sts->with);
	drop_waits(&sts->without);
	dns_fetcher_destroy(sts->fetcher); /* what it has already is saved on the way */
	free_domains(&sts->with);
	free_domains(&sts->without);
	pr_map_finish(&sts->domains);
	pr_sts_policy_unref(sts->none);
	free(sts);
}
