/*
 * Shaping: what a receiver is granted, and why. This header: the file (shaping.yaml), and the
 * figures that hold for a receiver. shaping/shape.h: the state of a lane. shaping/quota.h: how
 * many a day. Pure: no loop, no clock, no file but the one given.
 *
 * Words
 *   provider  receivers that are one to us, told by their exchangers (google, microsoft)
 *   policy    the figures that hold for a receiver: its provider's, the default's for the rest
 *   figure    one of them, and who set it: "shaping.yaml:41 google", or "default"
 *   rule      a pattern of replies, and what is done after how many of them
 *   warm-up   how many messages a new source may send on its first, second, ... day
 *
 * A shaping file is read whole and never changes: a reload reads another one. Policies, rules,
 * warm-ups and all texts in them live as long as the pr_shaping they are from; who keeps one
 * keeps a reference.
 */
#ifndef POSTRIDER_SHAPING_H
#define POSTRIDER_SHAPING_H

#include "postrider/base/clock.h"
#include "postrider/base/yaml.h"

#define PR_SHAPING_PROVIDERS_MAX 1000
#define PR_SHAPING_RULES_MAX 1000
#define PR_SHAPING_PATTERN_MAX 1024           /* octets */
#define PR_SHAPING_REPLY_MAX 512              /* octets of a reply that patterns see */
#define PR_SHAPING_COUNT_MAX 16               /* of a rule: `count` */
#define PR_SHAPING_FOR_MAX_MS (7 * PR_DAY_MS) /* of a rule: `for`, `within` */
#define PR_WARM_UP_DAYS_MAX 366

typedef struct pr_shaping pr_shaping;

/* Read a file; NULL: the one this version carries (conf/shaping.yaml). PR_EINVAL: told, with
 * line and remedy, all of it. *out has one reference. */
int pr_shaping_load(const char *path, struct pr_problems *problems, pr_shaping **out);
/* The same from its text; `file` is its name as the user knows it, its last part stands in
 * `who`. */
int pr_shaping_parse(struct pr_str text, const char *file, struct pr_problems *problems,
                     pr_shaping **out);
/* The file that a configuration names, into config->shapes; its sources' warm-ups are checked by
 * it. PR_EINVAL: told. Before others share the configuration. */
struct pr_config;
int pr_shaping_configure(struct pr_config *config, struct pr_problems *problems);
pr_shaping *pr_shaping_ref(pr_shaping *s);
void pr_shaping_unref(pr_shaping *s); /* atomic; NULL: nothing */

/* ---- policies ---- */

struct pr_figure {
	int64_t n;       /* 0: not limited (not said) */
	const char *who; /* "" where n is 0 */
};
struct pr_rate_figure {
	struct pr_rate rate; /* count 0: not limited */
	const char *who;
};

/* As in config.h's enum pr_route_tls, shifted: it is asked for when it is more than the route
 * itself asks for. */
enum pr_shaping_tls {
	PR_SHAPING_TLS_UNSET,
	PR_SHAPING_TLS_NONE, /* the receiver's TLS is broken: even where the route is opportunistic
	                      */
	PR_SHAPING_TLS_OPPORTUNISTIC,
	PR_SHAPING_TLS_REQUIRED,
	PR_SHAPING_TLS_VERIFIED,
};
enum pr_shaping_switch {
	PR_SHAPING_UNSET,
	PR_SHAPING_OFF,
	PR_SHAPING_ON,
};

/* Unless said otherwise a figure is for one site by one source: for a lane. */
struct pr_shaping_policy {
	const char *provider; /* "google"; "" for a receiver without: the label of metrics is then
	                       * "other" */
	struct pr_figure connections; /* at once; at least 1 */
	struct pr_figure start;       /* where the adaptive limit of connections begins */
	struct pr_figure messages;    /* a connection */
	struct pr_rate_figure message_rate, connection_rate;
	struct pr_figure burst; /* messages that may go at once after idleness; at least 1 */
	/* For all sites of the provider together, by one source. */
	struct pr_figure provider_connections;
	struct pr_rate_figure provider_message_rate;
	struct pr_figure daily; /* messages a day */
	enum pr_shaping_tls tls;
	const char *tls_who;
	enum pr_shaping_switch chunking; /* BDAT: off where it is known to stall */
	const char *chunking_who;
};

/* What holds for a site, from the names of all its exchangers (any case, a dot at the end is
 * allowed). A provider it is only when every name is in one of its `exchangers`: such a name or
 * one below it, the longest known decides. Never NULL. Its cost does not depend on the number of
 * providers. */
const struct pr_shaping_policy *pr_shaping_match(const pr_shaping *s, const char *const names[],
                                                 size_t n);
/* What holds for a domain that some provider's `domains` names (that domain alone, not those
 * below it): it has a site of its own then. NULL: none does. */
const struct pr_shaping_policy *pr_shaping_match_domain(const pr_shaping *s, struct pr_str domain);

/* For receivers without a provider. */
const struct pr_shaping_policy *pr_shaping_default(const pr_shaping *s);
/* By a provider's name ("": the default); NULL: there is none. For what outlives a reload. */
const struct pr_shaping_policy *pr_shaping_policy(const pr_shaping *s, struct pr_str provider);

/* ---- warm-ups ---- */

struct pr_warm_up {
	const char *name;    /* "moderate" */
	const char *who;     /* "shaping.yaml:310 moderate" */
	const int64_t *days; /* messages on day 1, 2, ... */
	size_t days_n;
	int64_t doubles; /* after them twice as many every so many days; 0: no limit any more */
};
/* NULL: there is none of this name. */
const struct pr_warm_up *pr_shaping_warm_up(const pr_shaping *s, struct pr_str name);
/* Messages on a day from 0 (its first); 0 before it; INT64_MAX: no limit any more. */
int64_t pr_warm_up_allows(const struct pr_warm_up *w, int64_t day);

extern const struct pr_yaml_schema pr_shaping_schema; /* for the check of conf/ */

#endif
