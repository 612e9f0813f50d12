/*
 * `postrider plan DIR`: how many would go when and where to, what holds them up, and when it would
 * be done. Nothing is sent; only the DNS is asked, where the route goes by mail exchangers. Needs
 * no daemon, but the configuration.
 */
#include "plan.h"

#include "postrider/shaping/quota.h"

#include <stdlib.h>

#define ROUND_TRIP_MAX_MS (10 * PR_MINUTE_MS)

/* A message on a connection, where nothing better is known: a distance on the internet, or in a
 * house; libesmtp waits for each command's answer; a provider's API for its work. */
static double
usual_round_trip_ms(int via)
{
	switch ((enum pr_via)via) {
	case PR_VIA_MX: return 50;
	case PR_VIA_ESMTP: return 20;
	case PR_VIA_SENDGRID:
	case PR_VIA_MAILGUN: return 200;
	case PR_VIA_MAILDIR: return 1;
	case PR_VIA_RELAY:
	case PR_VIA_UNSET: break;
	}
	return 5;
}

/* ---- what was asked ---- */

static enum cli_exit
read_options(struct cli *c, struct pr_plan_input *in)
{
	const char *at = cli_value(c, "at"), *round_trip = cli_value(c, "round-trip");
	int64_t ms;
	in->now_ms = pr_utc_ms();
	if (at && !pr_parse_rfc3339(pr_str(at), &in->now_ms))
		return cli_usage(c, "--at %s: write a time like 2026-12-01T08:00Z", cli_show(at));
	if (!round_trip)
		return CLI_DONE;
	if (!pr_parse_duration(pr_str(round_trip), &ms) || ms < 1 || ms > ROUND_TRIP_MAX_MS)
		return cli_usage(c, "--round-trip %s: write a time like 50ms, 1ms to 10m",
		                 cli_show(round_trip));
	in->round_trip_ms = (double)ms;
	return CLI_DONE;
}

/* ---- what is given ---- */

static void
add_source(struct planned *p, struct pr_str name)
{
	const struct pr_source_address *s = pr_config_source(p->config, name);
	struct pr_plan_source *source = &p->sources[p->input.sources_n++];
	int64_t since;
	if (s && s->warm_up.p && pr_quota_parse_day(pr_text_str(&s->since), &since))
		*source = (struct pr_plan_source){
		    pr_shaping_warm_up(p->shaping, pr_text_str(&s->warm_up)), since};
}

/* A route without exchangers has one lane (delivery/site.c). */
static void
read_sources(struct planned *p)
{
	const struct pr_texts *sources = &p->route->sources;
	p->sources = pr_calloc(sources->n + 1, sizeof *p->sources);
	for (size_t i = 0; p->shaping && i < sources->n; i++)
		add_source(p, pr_text_str(&sources->items[i]));
	if (!p->input.sources_n)
		p->input.sources_n = 1;
}

static int
read_times(struct planned *p, struct pr_error *e)
{
	int r = pr_timetable_init(&p->manifest->schedule, p->config->timezone.p, &p->timetable, e);
	return r < 0 ? r : pr_zone_open(p->config->timezone.p, &p->zone, e);
}

/* The campaign's own start, window and deadline hold for nobody: rows have theirs. */
static void
leave_to_rows(struct pr_timetable *t)
{
	t->start_ms = t->begin_ms = 0;
	t->deadline_ms = INT64_MAX;
	t->window.n = 0;
}

static int
read_all(struct cli *c, struct planned *p, struct cli_folder *f, struct pr_error *e)
{
	p->manifest = f->manifest;
	p->config = cli_config(c, true);
	if (pr_manifest_is_series(p->manifest))
		return pr_fail(e, PR_ESTATE,
		               "a series goes to people one by one, when its trigger happens to "
		               "them; its report tells how many");
	int r = pr_manifest_check(p->manifest, p->config, &f->problems);
	p->route = pr_config_route(p->config, pr_text_str(&p->manifest->route));
	if (r < 0 || !p->route)
		return PR_EINVAL;
	if (p->route->via == PR_VIA_MX)
		r = pr_shaping_load(p->config->shaping.p, &f->problems, &p->shaping);
	if (r == 0)
		r = read_times(p, e);
	p->rows.config = p->config;
	p->rows.now_ms = p->input.now_ms;
	if (r == 0)
		r = plan_rows_read(&p->rows, f, e);
	if (r == 0 && p->rows.timing && pr_timing_by_recipient(p->rows.timing))
		leave_to_rows(&p->timetable);
	if (r == 0)
		read_sources(p);
	return r;
}

/* ---- the plan ---- */

static int
ask_dns(struct cli *c, struct planned *p, struct pr_error *e)
{
	if (!p->shaping || cli_given(c, "no-dns"))
		return 0;
	p->asked = true;
	return plan_dns_ask(p->config, &p->rows, &p->answered, e);
}

static void
make(struct planned *p)
{
	struct pr_plan_input *in = &p->input;
	const struct plan_sites *s = &p->sites;
	const char *name = p->route->host.p ? p->route->host.p : p->route->name.p;
	plan_split(p);
	plan_sites_make(&p->sites, &p->rows, p->shaping, name);
	if (in->round_trip_ms <= 0)
		in->round_trip_ms = usual_round_trip_ms(p->route->via);
	in->timetable = &p->timetable;
	in->zone = p->zone;
	in->rate = p->manifest->rate;
	in->connections = p->route->connections;
	in->connections_all = p->config->max_connections;
	in->sources = p->sources;
	in->groups = s->groups;
	in->groups_n = s->groups_n;
	in->receivers = s->receivers;
	in->receivers_n = s->receivers_n;
	in->sites = s->sites;
	in->sites_n = s->sites_n;
	pr_plan_make(in, &p->plan);
}

static void
planned_finish(struct planned *p)
{
	pr_plan_finish(&p->plan);
	plan_sites_finish(&p->sites);
	plan_rows_finish(&p->rows);
	free(p->sources);
	pr_shaping_unref(p->shaping);
	pr_zone_unref(p->zone);
	pr_timetable_finish(&p->timetable);
}

static enum cli_exit
refuse(const struct cli *c, const struct cli_folder *f, const struct pr_error *e)
{
	struct pr_buf text = {0};
	pr_problems_text(&f->problems, &text);
	fputs(text.data ? text.data : "", stderr);
	pr_buf_finish(&text);
	return cli_fail("%s cannot be planned: %s", cli_show(c->arguments.words[0]),
	                e->code ? e->text : "correct the errors (postrider check shows all)");
}

static enum cli_exit
plan_folder(struct cli *c, struct planned *p, struct cli_folder *f)
{
	struct pr_error e = {0};
	if (!f->manifest || !f->manifest->sound || read_all(c, p, f, &e) < 0 ||
	    ask_dns(c, p, &e) < 0)
		return refuse(c, f, &e);
	make(p);
	if (c->arguments.json)
		plan_json(p);
	else
		plan_show(p);
	return ferror(stdout) ? CLI_FAILED : CLI_DONE;
}

enum cli_exit
cli_run_plan(struct cli *c)
{
	struct cli_folder f;
	struct planned p = {0};
	enum cli_exit result = read_options(c, &p.input);
	if (result != CLI_DONE)
		return result;
	if (!cli_config(c, true) || cli_folder_open(&f, c->arguments.words[0]) != CLI_DONE)
		return CLI_FAILED;
	pr_arena_init(&p.rows.arena);
	result = plan_folder(c, &p, &f);
	planned_finish(&p);
	cli_folder_close(&f);
	return result;
}
