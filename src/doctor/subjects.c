/*
 * Whom to look at: the From domains of brands and keys, each with its return path, and the
 * addresses that mail leaves from. Nobody twice.
 */
#include "examination.h"

#include <string.h>

static void
add_subject(struct examination *x, const char *domain, const char *bounce)
{
	if (!bounce)
		bounce = domain;
	for (size_t i = 0; i < x->subjects_n; i++)
		if (strcmp(x->subjects[i].domain, domain) == 0 &&
		    strcmp(x->subjects[i].bounce, bounce) == 0)
			return;
	if (x->subjects_n < SUBJECTS_MAX)
		x->subjects[x->subjects_n++] = (struct subject){domain, bounce};
}

static bool
has_subject(const struct examination *x, const char *domain)
{
	for (size_t i = 0; i < x->subjects_n; i++)
		if (strcmp(x->subjects[i].domain, domain) == 0)
			return true;
	return false;
}

/* Those of the brand, or of the brands; `only` (may be NULL) leaves out all other domains. */
static void
add_brands(struct examination *x, const char *only)
{
	for (size_t i = 0; i < x->config->brands.n; i++) {
		const struct pr_brand *b = &pr_config_brands(x->config)[i];
		for (size_t j = 0; j < b->from_domains.n; j++)
			if (!only || strcmp(only, b->from_domains.items[j].p) == 0)
				add_subject(x, b->from_domains.items[j].p, b->bounce_domain.p);
	}
}

static void
add_keys(struct examination *x)
{
	for (size_t i = 0; i < x->config->dkim.n; i++)
		if (!has_subject(x, pr_config_dkim(x->config)[i].domain.p))
			add_subject(x, pr_config_dkim(x->config)[i].domain.p, NULL);
}

static void
add_source(struct examination *x, const char *address, const char *hostname)
{
	for (size_t i = 0; i < x->sources_n; i++)
		if (strcmp(x->sources[i].address, address) == 0)
			return;
	if (x->sources_n < SOURCES_MAX)
		x->sources[x->sources_n++] =
		    (struct source){address, hostname ? hostname : x->config->hostname.p};
}

/* By the name of one of the list, or by its address alone. */
static void
add_route_sources(struct examination *x, const struct pr_route *r)
{
	for (size_t i = 0; i < r->sources.n; i++) {
		const struct pr_text *word = &r->sources.items[i];
		const struct pr_source_address *s = pr_config_source(x->config, pr_text_str(word));
		add_source(x, s ? s->address.p : word->p, s ? s->hostname.p : NULL);
	}
}

/* Of the list, and those that routes name. */
static void
add_sources(struct examination *x)
{
	for (size_t i = 0; i < x->config->sources.n; i++) {
		const struct pr_source_address *s = &pr_config_sources(x->config)[i];
		add_source(x, s->address.p, s->hostname.p);
	}
	for (size_t i = 0; i < x->config->routes.n; i++)
		add_route_sources(x, &pr_config_routes(x->config)[i]);
}

void
doctor_collect(struct examination *x, const struct pr_doctor_question *q)
{
	x->subjects = pr_arena_alloc(&x->report->arena, SUBJECTS_MAX * sizeof *x->subjects);
	x->sources = pr_arena_alloc(&x->report->arena, SOURCES_MAX * sizeof *x->sources);
	if (q->domain && (q->brand || q->route))
		add_subject(x, q->domain, q->brand ? q->brand->bounce_domain.p : NULL);
	else if (x->config)
		add_brands(x, q->domain);
	if (q->domain && !x->subjects_n)
		add_subject(x, q->domain, NULL);
	if (x->config && !q->domain)
		add_keys(x);
	if (x->config && q->route)
		add_route_sources(x, q->route);
	else if (x->config)
		add_sources(x);
}
