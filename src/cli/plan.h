/*
 * The parts of `postrider plan`.
 *
 *   plan.c        the command: opens folder and configuration, and goes through the rest
 *   plan_rows.c   recipients -> how many of each domain, from when on
 *   plan_dns.c    the largest domains -> their mail exchangers
 *   plan_sites.c  domains -> sites, groups and receivers of postrider/plan.h
 *   plan_show.c   the plan as text, plan_json.c as JSON; plan_warn.c what to look out for
 *   plan_test.c   variants: their times, and what their test can find
 */
#ifndef POSTRIDER_CLI_PLAN_H
#define POSTRIDER_CLI_PLAN_H

#include "trial.h"

#include "postrider/base/hash.h"
#include "postrider/campaign/timing.h"
#include "postrider/dns.h"
#include "postrider/plan.h"

/* ---- plan_rows.c ---- */
#define PLAN_DOMAINS_MAX 500000u /* the rows of further ones count as one domain's */

struct plan_domain {
	const char *name; /* A-labels, lower case */
	uint64_t rows;
	struct pr_plan_wave *waves; /* by from_ms */
	size_t waves_n, waves_cap;
	const struct pr_mx *mx; /* NULL: not asked, or not answered in time */
	struct pr_dns_wait wait;
};
struct plan_rows {
	const struct pr_config *config; /* the caller's, as now_ms */
	const struct pr_manifest *manifest;
	int64_t now_ms;
	pr_timing *timing; /* NULL: rows have no times of their own */
	uint64_t rows, good, bad, duplicates;
	uint64_t untimely;            /* their start has passed, or their deadline comes before */
	struct plan_domain **domains; /* the largest first */
	size_t domains_n, domains_cap;
	struct pr_map by_name;
	struct pr_map seen; /* addresses */
	struct pr_hash_key key;
	struct pr_arena arena;
};
/* Its arena is begun by the caller. PR_EINVAL: told. */
int plan_rows_read(struct plan_rows *r, struct cli_folder *f, struct pr_error *e);
/* So many may go from then on. */
void plan_domain_add(struct plan_domain *d, int64_t from_ms, uint64_t rows);
void plan_rows_finish(struct plan_rows *r);

/* ---- plan_dns.c ---- */
#define PLAN_ASKED_MAX 2000u /* domains, the largest */
#define PLAN_DNS_MS (20 * PR_SECOND_MS)
/* How many were answered. */
int plan_dns_ask(const struct pr_config *config, struct plan_rows *r, size_t *answered,
                 struct pr_error *e);

/* ---- plan_sites.c ---- */
#define PLAN_LARGE_MAX 10u    /* receivers without a provider that have a line of their own */
#define PLAN_LARGE_SHARE 0.01 /* of all rows, at least */

struct plan_sites { /* zeroes to begin with */
	struct pr_plan_group *groups;
	struct pr_plan_receiver *receivers;
	char **names;   /* of receivers */
	uint64_t *rows; /* of receivers */
	struct pr_plan_site *sites;
	size_t groups_n, receivers_n, sites_n;
	uint64_t nowhere; /* rows of domains that take no mail */
};
/* shaping NULL: all go to one receiver of this name. */
void plan_sites_make(struct plan_sites *s, const struct plan_rows *r, const pr_shaping *shaping,
                     const char *relay);
void plan_sites_finish(struct plan_sites *s);

/* ---- all of it ---- */
struct planned {
	const struct pr_manifest *manifest;
	const struct pr_config *config;
	const struct pr_route *route;
	struct pr_timetable timetable;
	pr_zone *zone;       /* of the configuration */
	pr_shaping *shaping; /* NULL: the route is not shaped */
	struct pr_plan_source *sources;
	struct plan_rows rows;
	struct plan_sites sites;
	struct pr_plan_input input;
	struct pr_plan plan;
	bool asked; /* the DNS */
	size_t answered;
};

/* ---- plan_test.c ---- */
/* Rows by the times of their variants: the winner's wait, who is held out gets nothing. */
void plan_split(struct planned *p);
/* What a test of variants can find, in a sentence without its end; nothing where there is none. */
void plan_test(const struct planned *p, struct pr_buf *out);

/* ---- plan_show.c ---- */
char *plan_clock(const struct planned *p, int64_t utc_ms, char *out); /* CLI_TEXT; "-" for 0 */
char *plan_day(int64_t day, char *out);                               /* CLI_TEXT */
/* "message_rate 100/s (shaping.yaml:41 google)" */
void plan_limit(const struct planned *p, size_t receiver, struct pr_buf *out);
void plan_show(const struct planned *p);
/* ---- plan_json.c ---- */
void plan_json(const struct planned *p);
/* ---- plan_warn.c ---- */
void plan_warn(const struct planned *p, void (*each)(void *context, const char *text),
               void *context);
/* What the figures rest on: a text for each. */
void plan_assume(const struct planned *p, void (*each)(void *context, const char *text),
                 void *context);

#endif
