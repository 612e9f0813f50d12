/*
 * The recipients of a plan: how many of each domain, from when on. Neither addresses nor fields
 * are kept, but a hash of each address, to count duplicates once.
 */
#include "plan.h"

#include "postrider/campaign/recipients.h"

#include <stdlib.h>

#define SEEN_MAX 20000000u /* beyond it duplicates are not found */

static bool
seen_before(struct plan_rows *r, struct pr_str email)
{
	if (r->seen.n >= SEEN_MAX)
		return false;
	return pr_map_put(&r->seen, pr_siphash(r->key, email.p, email.n), r) != NULL;
}

static struct plan_domain *
domain_make(struct plan_rows *r, struct pr_str name)
{
	struct plan_domain *d = pr_arena_zero(&r->arena, sizeof *d);
	d->name = pr_arena_copy(&r->arena, name).p;
	if (r->domains_n == r->domains_cap) {
		r->domains_cap = r->domains_cap ? 2 * r->domains_cap : 64;
		r->domains = pr_realloc(r->domains, r->domains_cap * sizeof *r->domains);
	}
	r->domains[r->domains_n++] = d;
	return d;
}

static struct plan_domain *
domain_of(struct plan_rows *r, struct pr_str name)
{
	uint64_t hash = pr_siphash(r->key, name.p, name.n);
	struct plan_domain *d = pr_map_get(&r->by_name, hash);
	if (d)
		return d;
	if (r->domains_n >= PLAN_DOMAINS_MAX)
		name = PR_STR("");
	hash = pr_siphash(r->key, name.p, name.n);
	d = pr_map_get(&r->by_name, hash);
	if (d)
		return d;
	d = domain_make(r, name);
	pr_map_put(&r->by_name, hash, d);
	return d;
}

void
plan_domain_add(struct plan_domain *d, int64_t from_ms, uint64_t rows)
{
	size_t at = d->waves_n;
	if (rows == 0)
		return;
	d->rows += rows;
	while (at > 0 && d->waves[at - 1].from_ms > from_ms)
		at--;
	if (at > 0 && d->waves[at - 1].from_ms == from_ms) {
		d->waves[at - 1].rows += rows;
		return;
	}
	if (d->waves_n == d->waves_cap) {
		d->waves_cap = d->waves_cap ? 2 * d->waves_cap : 1;
		d->waves = pr_realloc(d->waves, d->waves_cap * sizeof *d->waves);
	}
	memmove(d->waves + at + 1, d->waves + at, (d->waves_n - at) * sizeof *d->waves);
	d->waves[at] = (struct pr_plan_wave){from_ms, rows};
	d->waves_n++;
}

/* By the minute: jitter would make each row a wave of its own. */
static int64_t
first_of(struct plan_rows *r, const struct pr_row *row)
{
	struct pr_timing_row at = {.row = row->row, .data = row->data, .address = row->email};
	if (!r->timing)
		return 0;
	int64_t ms = pr_timing_first(r->timing, &at, -1).due_ms;
	return ms == PR_NEVER_MS ? ms : ms - ms % PR_MINUTE_MS;
}

static bool
on_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct plan_rows *r = context;
	struct pr_str email = row->email;
	(void)line;
	r->rows++;
	if (bad) {
		r->bad++;
		return true;
	}
	if (seen_before(r, email)) {
		r->duplicates++;
		return true;
	}
	int64_t first_ms = first_of(r, row);
	if (first_ms == PR_NEVER_MS) {
		r->untimely++;
		return true;
	}
	const char *sign = memrchr(email.p, '@', email.n);
	const char *domain = sign ? sign + 1 : email.p;
	r->good++;
	plan_domain_add(domain_of(r, pr_str_n(domain, (size_t)(email.p + email.n - domain))),
	                first_ms, 1);
	return true;
}

static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct plan_rows *r = context;
	struct pr_timing_source source = {.manifest = r->manifest,
	                                  .config = r->config,
	                                  .campaign_id = r->manifest->name.p,
	                                  .columns = columns,
	                                  .columns_n = n,
	                                  .accepted_ms = r->now_ms};
	return pr_timing_create(&source, &r->timing, NULL) == 0;
}

static int
by_rows(const void *a, const void *b)
{
	const struct plan_domain *x = *(struct plan_domain *const *)a;
	const struct plan_domain *y = *(struct plan_domain *const *)b;
	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
plan_rows_read(struct plan_rows *r, struct cli_folder *f, struct pr_error *e)
{
	struct pr_recipients_reader reader = {on_header, on_row, r};
	pr_hash_key_random(&r->key);
	r->manifest = f->manifest;
	int result = pr_recipients_read(f->manifest, f->dir, &reader, &f->problems, e);
	pr_map_finish(&r->seen);
	r->seen = (struct pr_map){0};
	if (r->domains_n)
		qsort(r->domains, r->domains_n, sizeof *r->domains, by_rows);
	return result;
}

void
plan_rows_finish(struct plan_rows *r)
{
	for (size_t i = 0; i < r->domains_n; i++) {
		free(r->domains[i]->waves);
		if (r->domains[i]->mx)
			pr_mx_unref(r->domains[i]->mx);
	}
	free(r->domains);
	pr_timing_unref(r->timing);
	pr_map_finish(&r->by_name);
	pr_map_finish(&r->seen);
	pr_arena_finish(&r->arena);
}
