/*
 * The names of a source: its PTR records, each looked up the other way (forward-confirmed), and
 * the EHLO name, which should be one of them and must lead to the source.
 */
#include "examination.h"

#include <string.h>

/* 1: the name leads to the address; 0: not; PR_EAGAIN. */
static int
leads_to(struct examination *x, const char *name, const char *address)
{
	struct pr_doctor_answer answer;
	enum pr_dns_type type = strchr(address, ':') ? PR_DNS_AAAA : PR_DNS_A;
	struct pr_address a, b;
	if (x->dns->look_up(x->dns->context, name, type, &answer) == PR_DNS_TEMP)
		return PR_EAGAIN;
	for (size_t i = 0; i < answer.n; i++)
		if (pr_address_parse(address, 0, &a) == 0 &&
		    pr_address_parse(answer.records[i].p, 0, &b) == 0 && a.n == b.n &&
		    memcmp(&a.sa, &b.sa, a.n) == 0)
			return 1;
	return 0;
}

/* Looks at the names: the first that leads back into confirmed (or ""), and whether the EHLO
 * name is one that does: 1, 0, or PR_EAGAIN where one that might was not told. */
static int
confirm(struct examination *x, const struct source *s, const struct pr_doctor_answer *names,
        const char **confirmed)
{
	int same = 0;
	*confirmed = "";
	for (size_t i = 0; i < names->n && same != 1; i++) {
		int back = leads_to(x, names->records[i].p, s->address);
		if (back == 1 && !**confirmed)
			*confirmed = names->records[i].p;
		if (back == 1 && pr_str_eq_nocase(names->records[i], pr_str(s->hostname)))
			same = 1;
		else if (back < 0)
			same = PR_EAGAIN;
	}
	return same;
}

static void
check_ptr(struct examination *x, const struct source *s)
{
	struct about about = {"", s->address, "ptr"};
	struct pr_address address;
	struct pr_doctor_answer names;
	char reverse[PR_DNS_NAME_SIZE];
	const char *confirmed = "";
	if (pr_address_parse(s->address, 0, &address) < 0)
		return; /* the configuration lets addresses only through */
	pr_dns_reverse((const struct sockaddr *)&address.sa, reverse);
	const char *remedy = doctor_remedy(
	    x, "let the owner of the address publish: %s. IN PTR %s.", reverse, s->hostname);
	enum pr_dns_status status = x->dns->look_up(x->dns->context, reverse, PR_DNS_PTR, &names);
	int same = status == PR_DNS_OK ? confirm(x, s, &names, &confirmed) : 0;
	if (status == PR_DNS_TEMP || same < 0)
		doctor_say(x, about, PR_DOCTOR_UNKNOWN, LATER,
		           "The name of %s cannot be looked up now.", s->address);
	else if (status != PR_DNS_OK)
		doctor_say(x, about, PR_DOCTOR_PROBLEM, remedy,
		           "%s has no name (PTR): most receivers refuse it.", s->address);
	else if (same)
		doctor_say(x, about, PR_DOCTOR_OK, "", "%s is %s, both ways.", s->address,
		           s->hostname);
	else if (*confirmed)
		doctor_say(x, about, PR_DOCTOR_WARNING, remedy,
		           "%s is %s, both ways, but greets as %s.", s->address, confirmed,
		           s->hostname);
	else
		doctor_say(x, about, PR_DOCTOR_PROBLEM, remedy,
		           "%s has the name %s, which does not lead back to it.", s->address,
		           names.records[0].p);
}

static void
check_ehlo(struct examination *x, const struct source *s)
{
	struct about about = {"", s->address, "ehlo"};
	int r = leads_to(x, s->hostname, s->address);
	if (r < 0)
		doctor_say(x, about, PR_DOCTOR_UNKNOWN, LATER,
		           "The EHLO name %s cannot be looked up now.", s->hostname);
	else if (r)
		doctor_say(x, about, PR_DOCTOR_OK, "", "The EHLO name %s leads to %s.", s->hostname,
		           s->address);
	else
		doctor_say(x, about, PR_DOCTOR_PROBLEM,
		           doctor_remedy(x, "publish: %s. IN %s %s", s->hostname,
		                         strchr(s->address, ':') ? "AAAA" : "A", s->address),
		           "The EHLO name %s does not lead to %s.", s->hostname, s->address);
}

void
doctor_check_source(struct examination *x, const struct source *s)
{
	check_ptr(x, s);
	check_ehlo(x, s);
}
