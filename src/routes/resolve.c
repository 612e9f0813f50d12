/*
 * A host's addresses. Numbers are read at once; names go to getaddrinfo (which knows
 * /etc/hosts and all the system is told to ask) on a lane of one thread, one look-up at a
 * time for all who wait. Addresses are kept until none of them answers; should the next
 * look-up fail, the old ones are tried again.
 */
#include "internal.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

/* On the lane's thread. */
static void
work_look_up(struct pr_job *job, void *worker)
{
	struct resolver *r = PR_CONTAINER(job, struct resolver, job);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char port[8];
	(void)worker;
	snprintf(port, sizeof port, "%u", r->port);
	r->found_n = 0;
	int rc = getaddrinfo(r->host, port, &hints, &found);
	if (rc != 0) {
		snprintf(r->failure, sizeof r->failure, "cannot look up the host: %s",
		         gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = found; a && r->found_n < ADDRESSES_MAX; a = a->ai_next) {
		struct pr_address *to = &r->found[r->found_n];
		if (a->ai_addrlen > sizeof to->sa)
			continue;
		memcpy(&to->sa, a->ai_addr, a->ai_addrlen);
		to->n = a->ai_addrlen;
		r->found_n++;
	}
	freeaddrinfo(found);
	if (r->found_n == 0)
		snprintf(r->failure, sizeof r->failure, "the host has no address");
}

static void
done_look_up(struct pr_job *job)
{
	struct resolver *r = PR_CONTAINER(job, struct resolver, job);
	r->running = false;
	if (r->found_n) {
		memcpy(r->addresses, r->found, sizeof r->found);
		r->n = r->found_n;
		r->best = 0;
		r->stale = false;
	}
	struct pr_list now, *link;
	pr_list_init(&now);
	pr_list_splice(&now, &r->waiting);
	while ((link = pr_list_shift(&now))) {
		struct resolve_wait *w = PR_CONTAINER(link, struct resolve_wait, link);
		w->done(w, r->n ? NULL : r->failure);
	}
}

int
resolver_start(struct resolver *r, pr_loop *loop, const char *host, uint16_t port,
               struct pr_error *e)
{
	r->loop = loop;
	r->host = host;
	r->port = port;
	r->job = (struct pr_job){.work = work_look_up, .done = done_look_up};
	pr_list_init(&r->waiting);
	if (pr_address_parse(host, port, &r->addresses[0]) == 0) {
		r->n = 1;
		r->numeric = true;
		return 0;
	}
	if (!*host)
		return pr_fail(e, PR_EINVAL, "the route has no host");
	return pr_lane_create(loop, &(struct pr_lane_options){.name = "resolve", .threads = 1},
	                      &r->lane, e);
}

void
resolver_stop(struct resolver *r)
{
	if (r->lane)
		pr_lane_destroy(r->lane);
	PR_ASSERT(pr_list_empty(&r->waiting));
}

bool
resolver_ask(struct resolver *r, struct resolve_wait *w)
{
	if (r->numeric || (r->n && !r->stale))
		return true;
	pr_list_push(&r->waiting, &w->link);
	if (!r->running) {
		r->running = true;
		pr_lane_submit(r->lane, &r->job);
	}
	return false;
}

void
resolver_forget(struct resolve_wait *w)
{
	if (w->link.next)
		pr_list_remove(&w->link);
}
