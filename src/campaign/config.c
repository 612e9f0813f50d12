/*
 * postrider.yaml to a struct, by reference; what changed between two; and what a manifest
 * asks of it. All problems are told together; one of them and there is no configuration.
 */
#include "postrider/campaign/config.h"

#include "config_internal.h"
#include "postrider/base/file.h"
#include "postrider/base/secret.h"
#include "postrider/campaign/address.h"
#include "postrider/campaign/manifest.h"
#include "postrider/campaign/timing.h"
#include "postrider/dns.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

/* "a/./b//c/" as "/folder/a/b/c": compared as text later. ".." stays: links decide what it is. */
static void
resolve(struct pr_config *c, struct pr_text *path, const char *folder)
{
	struct pr_buf b = {0};
	if (!path->p)
		return;
	for (int part = path->p[0] == '/'; part < 2; part++)
		for (const char *p = part ? path->p : folder, *end; *p; p = end) {
			end = p + strcspn(p, "/");
			if (end > p && !(end == p + 1 && *p == '.')) {
				pr_buf_addc(&b, '/');
				pr_buf_add(&b, p, (size_t)(end - p));
			}
			end += *end == '/';
		}
	if (b.len == 0)
		pr_buf_addc(&b, '/');
	path->p = pr_arena_strndup(&c->arena, b.data, b.len);
	path->n = b.len;
	pr_buf_finish(&b);
}

int
pr_config_parse(struct pr_str text, const char *file, const char *folder,
                struct pr_problems *problems, struct pr_config **out)
{
	struct pr_config *c = pr_calloc(1, sizeof *c);
	struct pr_arena arena;
	unsigned told = problems->n;
	pr_arena_init(&arena);
	int r = pr_yaml_read(text, file, &pr_config_schema, &arena, c, problems);
	c->arena = arena;
	c->refs = 1;
	c->file = pr_arena_strndup(&c->arena, file, strlen(file));
	resolve(c, &c->spool, folder);
	resolve(c, &c->state, folder);
	resolve(c, &c->socket.path, folder);
	resolve(c, &c->tls.ca_file, folder);
	resolve(c, &c->shaping, folder);
	resolve(c, &c->bounces, folder);
	resolve(c, &c->holidays, folder);
	resolve(c, &c->bounce.maildir, folder);
	resolve(c, &c->bounce.cert_file, folder);
	resolve(c, &c->bounce.key_file, folder);
	for (size_t i = 0; i < c->routes.n; i++) {
		struct pr_route *route = pr_config_routes(c) + i;
		resolve(c, &route->path, folder);
		resolve(c, &route->password_file, folder);
		resolve(c, &route->key_file, folder);
	}
	for (size_t i = 0; i < c->dkim.n; i++)
		resolve(c, &pr_config_dkim(c)[i].key_file, folder);
	for (size_t i = 0; i < c->secrets.n; i++)
		resolve(c, &pr_config_secrets(c)[i].file, folder);
	resolve(c, &c->track.events_key_file, folder);
	resolve(c, &c->track.shopify_secret_file, folder);
	resolve(c, &c->track.woocommerce_secret_file, folder);
	for (size_t i = 0; i < c->webhooks.n; i++)
		resolve(c, &pr_config_webhooks(c)[i].secret_file, folder);
	r |= pr_config_check(c, problems);
	pr_yaml_arrange(text, file, problems, told);
	if (r) {
		pr_config_unref(c);
		return PR_EINVAL;
	}
	*out = c;
	return 0;
}

int
pr_config_load(const char *path, struct pr_problems *problems, struct pr_config **out)
{
	struct pr_buf text = {0};
	struct pr_error e = {0};
	char *real = realpath(path, NULL); /* may be a link, as /etc often has */
	int r = real ? pr_file_read(AT_FDCWD, real, PR_YAML_SIZE_MAX, &text, &e)
	             : pr_fail_errno(&e, "cannot open it");
	if (r < 0)
		pr_problem_add(problems, PR_PROBLEM, path, 0, "name the file by --config FILE",
		               "%s", e.text);
	else {
		char *slash = strrchr(real, '/');
		slash[slash == real] = 0;
		r = pr_config_parse(pr_buf_str(&text), path, real, problems, out);
	}
	free(real);
	pr_buf_finish(&text);
	return r;
}

struct pr_config *
pr_config_ref(struct pr_config *c)
{
	__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
	return c;
}

void
pr_config_unref(struct pr_config *c)
{
	if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (c->signing)
		c->end_signing(c->signing);
	if (c->tokens)
		c->end_tokens(c->tokens);
	if (c->shapes)
		c->end_shapes(c->shapes);
	if (c->rules)
		c->end_rules(c->rules);
	if (c->end_calendar)
		c->end_calendar(c->calendar);
	for (size_t i = 0; i < c->webhooks.n; i++)
		pr_secret_free(pr_config_webhooks(c)[i].secret);
	pr_secret_free(c->track.events_key);
	pr_secret_free(c->track.shopify_secret);
	pr_secret_free(c->track.woocommerce_secret);
	pr_arena_finish(&c->arena);
	free(c);
}

/* ---- asking ---- */

const struct pr_route *
pr_config_route(const struct pr_config *c, struct pr_str name)
{
	for (size_t i = 0; i < c->routes.n; i++)
		if (pr_str_eq(pr_text_str(&pr_config_routes(c)[i].name), name))
			return &pr_config_routes(c)[i];
	return NULL;
}

const struct pr_source_address *
pr_config_source(const struct pr_config *c, struct pr_str name)
{
	for (size_t i = 0; i < c->sources.n; i++)
		if (pr_str_eq(pr_text_str(&pr_config_sources(c)[i].name), name))
			return &pr_config_sources(c)[i];
	return NULL;
}

const struct pr_brand *
pr_config_brand(const struct pr_config *c, struct pr_str name)
{
	for (size_t i = 0; i < c->brands.n; i++)
		if (pr_str_eq(pr_text_str(&pr_config_brands(c)[i].name), name))
			return &pr_config_brands(c)[i];
	return NULL;
}

void
pr_config_dns(const struct pr_config *c, const char **servers, struct pr_dns_options *out)
{
	out->servers = servers;
	out->timeout_ms = c->dns.timeout;
	out->trusted = c->dns.trusted;
	for (size_t i = 0; i < c->dns.servers.n && i < PR_DNS_SERVERS_MAX; i++)
		servers[out->servers_n++] = c->dns.servers.items[i].p;
}

struct changes {
	struct pr_config_change *out;
	size_t n;
};

static void
on_change(void *context, const char *path, const struct pr_yaml_row *row)
{
	struct changes *changes = context;
	if (changes->n == PR_CONFIG_CHANGES_MAX)
		return;
	struct pr_config_change *change = &changes->out[changes->n++];
	pr_str_show(pr_str(path), change->key, sizeof change->key);
	change->restart = row->flags & PR_YAML_RESTART;
}

size_t
pr_config_diff(const struct pr_config *old, const struct pr_config *new_,
               struct pr_config_change *out)
{
	struct changes changes = {.out = out};
	pr_yaml_diff(&pr_config_schema, old, new_, on_change, &changes);
	return changes.n;
}

static void
keep(struct pr_config *c, struct pr_text *text, const struct pr_text *old)
{
	*text = *old;
	text->p = old->p ? pr_arena_strndup(&c->arena, old->p, old->n) : NULL;
}

/* The rows that are PR_YAML_RESTART; a test finds one that is missing here. */
void
pr_config_keep(struct pr_config *c, const struct pr_config *old)
{
	keep(c, &c->spool, &old->spool);
	keep(c, &c->state, &old->state);
	keep(c, &c->socket.path, &old->socket.path);
	keep(c, &c->socket.group, &old->socket.group);
	keep(c, &c->socket.operators, &old->socket.operators);
	c->socket.mode = old->socket.mode;
	c->metrics.listen = old->metrics.listen;
	c->track.listen = old->track.listen;
	c->track.connections = old->track.connections;
	c->bounce.listen = old->bounce.listen;
	keep(c, &c->bounce.cert_file, &old->bounce.cert_file);
	keep(c, &c->bounce.key_file, &old->bounce.key_file);
	keep(c, &c->tls.ca_file, &old->tls.ca_file);
	c->workers = old->workers;
}

/* ---- a manifest's wishes ---- */

/* One of the names that `array` (of items of `size` that begin with their name) has. */
static int
no_such(const struct pr_text *wanted, const char *kind, const struct pr_yaml_array *array,
        size_t size, struct pr_problems *problems)
{
	const char *names[PR_CONFIG_NAMES_MAX + 1];
	struct pr_buf remedy = {0};
	size_t n = 0;
	for (; n < array->n && n < PR_CONFIG_NAMES_MAX; n++)
		names[n] =
		    ((const struct pr_text *)(const void *)((const char *)array->items + n * size))
			->p;
	names[n] = NULL;
	const char *near = pr_nearest(pr_text_str(wanted), names);
	if (near)
		pr_buf_addf(&remedy, "did you mean %s?", near);
	else
		pr_buf_addf(&remedy, n ? "postrider.yaml has:"
		                       : "ask the operator to add it to postrider.yaml");
	for (size_t i = 0; i < n && !near; i++)
		pr_buf_addf(&remedy, " %s", names[i]);
	pr_text_problem(problems, PR_MANIFEST_FILE, wanted, remedy.data,
	                "%s: postrider.yaml has no %s \"%s\"", kind, kind, wanted->p);
	pr_buf_finish(&remedy);
	return PR_EINVAL;
}

static int
check_from(const struct pr_manifest *m, const struct pr_brand *b, struct pr_problems *problems)
{
	struct pr_buf remedy = {0};
	struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
	pr_buf_adds(&remedy, "use one of:");
	for (size_t i = 0; i < b->from_domains.n; i++) {
		if (pr_str_eq_nocase(domain, pr_text_str(&b->from_domains.items[i])))
			domain.n = 0;
		pr_buf_addf(&remedy, " %s", b->from_domains.items[i].p);
	}
	int r = 0;
	if (b->from_domains.n && domain.n)
		r = pr_text_problem(problems, PR_MANIFEST_FILE, &m->from.text, remedy.data,
		                    "from: the brand %s does not send from %.*s", b->name.p,
		                    (int)domain.n, domain.p);
	pr_buf_finish(&remedy);
	return r;
}

/* With the zone known: is there any time between start and deadline in which it may send? */
static int
check_times(const struct pr_manifest *m, const struct pr_config *config,
            struct pr_problems *problems)
{
	struct pr_timetable t;
	int r = 0;
	if (!m->schedule.start.set ||
	    pr_timetable_init(&m->schedule, config->timezone.p, &t, NULL) < 0)
		return 0;
	if (t.start_ms >= t.deadline_ms)
		r = pr_text_problem(problems, PR_MANIFEST_FILE, &m->deadline_at,
		                    "set a later deadline",
		                    "schedule.deadline is not after schedule.start");
	else if (t.begin_ms >= t.deadline_ms && !m->schedule.by_recipient)
		r = pr_text_problem(problems, PR_MANIFEST_FILE, &m->deadline_at,
		                    "set a later deadline or another window",
		                    "schedule.window does not open between start and deadline");
	pr_timetable_finish(&t);
	return r;
}

/* By its own exchangers nobody else signs; where keys are configured, to have none for this domain
 * is most likely an oversight. Providers sign, and a relay without any keys here may. */
static void
warn_unsigned(const struct pr_manifest *m, const struct pr_config *config,
              struct pr_problems *problems)
{
	const struct pr_route *route = pr_config_route(config, pr_text_str(&m->route));
	struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
	bool ours =
	    route &&
	    (route->via == PR_VIA_MX ||
	     (config->dkim.n > 0 && (route->via == PR_VIA_RELAY || route->via == PR_VIA_ESMTP)));
	for (size_t i = 0; ours && i < config->dkim.n; i++)
		if (pr_domain_under(domain, pr_text_str(&pr_config_dkim(config)[i].domain)))
			return;
	if (ours)
		pr_problem_add(problems, PR_WARNING, PR_MANIFEST_FILE, m->from.text.line,
		               "add a key for it to `dkim` in postrider.yaml",
		               "from: no key signs for %.*s: large receivers refuse unsigned mail",
		               (int)domain.n, domain.p);
}

/* Is there any time outside of the quiet hours, and are the days of all countries known? */
static int
check_quiet(const struct pr_manifest *m, const struct pr_config *config,
            struct pr_problems *problems)
{
	struct pr_window left;
	char shown[40];
	int r = 0;
	if (!pr_window_without(&m->schedule.window, pr_quiet_of(m, config), &left)) {
		pr_problem_add(problems, PR_PROBLEM, PR_MANIFEST_FILE, m->window_at.line,
		               "shorten the quiet hours, or say `quiet: none`",
		               "schedule: nothing of the window lies outside the quiet hours%s",
		               m->schedule.quiet.set ? "" : " of postrider.yaml");
		r = PR_EINVAL;
	}
	for (size_t i = 0; i < m->schedule.holidays.n; i++) {
		const struct pr_text *code = &m->schedule.holidays.items[i];
		if (!pr_holidays_of(config->calendar, pr_text_str(code)))
			r = pr_text_problem(
			    problems, PR_MANIFEST_FILE, code,
			    config->holidays.p
				? "ask the operator to add its days to the file of `holidays`"
				: "ask the operator to name a file by `holidays` in postrider.yaml",
			    "schedule.holidays: the days of \"%s\" are not known",
			    pr_str_show(pr_text_str(code), shown, sizeof shown));
	}
	return r;
}

/* What the manifest asks for in so many words needs secrets to sign with, and a place. */
static int
check_track(const struct pr_manifest *m, const struct pr_config *config,
            const struct pr_brand *brand, struct pr_problems *problems)
{
	const struct pr_manifest_track *t = &m->track;
	bool asked = t->opens == PR_FOLLOW_YES || t->clicks == PR_FOLLOW_YES;
	bool placed = config->track.url.p || (brand && brand->track_url.p);
	if (asked && config->secrets.n == 0)
		return pr_text_problem(problems, PR_MANIFEST_FILE, &m->track_at,
		                       "ask the operator to add `secrets` to postrider.yaml",
		                       "track: postrider.yaml has no secret to sign links with");
	if (asked && !placed)
		return pr_text_problem(
		    problems, PR_MANIFEST_FILE, &m->track_at,
		    "ask the operator to add track.url, or track_url to the brand",
		    "track: postrider.yaml does not say where links lead (track.url)");
	return 0;
}

int
pr_manifest_check(const struct pr_manifest *m, const struct pr_config *config,
                  struct pr_problems *problems)
{
	int r = 0;
	const struct pr_brand *brand = NULL;
	if (!pr_config_route(config, pr_text_str(&m->route)))
		r = no_such(&m->route, "route", &config->routes, sizeof(struct pr_route), problems);
	if (m->brand.p && !(brand = pr_config_brand(config, pr_text_str(&m->brand))))
		r = no_such(&m->brand, "brand", &config->brands, sizeof(struct pr_brand), problems);
	if (brand && m->from.text.p && check_from(m, brand, problems) < 0)
		r = PR_EINVAL;
	if (check_track(m, config, brand, problems) < 0)
		r = PR_EINVAL;
	if (m->from.text.p)
		warn_unsigned(m, config, problems);
	if (check_times(m, config, problems) < 0)
		r = PR_EINVAL;
	if (check_quiet(m, config, problems) < 0)
		r = PR_EINVAL;
	return r;
}

struct pr_str
pr_config_segment(const struct pr_config *c, struct pr_str said)
{
	for (size_t i = 0; i < c->segments.n; i++)
		if (pr_str_eq(pr_text_str(&c->segments.items[i].name), said))
			return pr_text_str(&c->segments.items[i].value);
	return said;
}
