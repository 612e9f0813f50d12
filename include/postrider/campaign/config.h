/*
 * postrider.yaml, read, checked and laid down in a struct. Every option is described beside
 * its default in conf/postrider.yaml.
 *
 * Immutable once read and shared by reference: a reload reads another one, compares the two
 * and swaps them whole. Relative paths are resolved against the folder of the file.
 */
#ifndef POSTRIDER_CAMPAIGN_CONFIG_H
#define POSTRIDER_CAMPAIGN_CONFIG_H

#include "postrider/audience.h"
#include "postrider/audience/caps.h"
#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/base/yaml.h"
#include "postrider/campaign/law.h"
#include "postrider/campaign/conversions.h"
#include "postrider/campaign/schedule.h"
#include "postrider/campaign/stop_loss.h"
#include "postrider/journal/record.h"

#include <sys/types.h>

/* An address to listen on or to connect to. host: an IP address, or a host name where said. */
struct pr_endpoint {
	char host[256]; /* "127.0.0.1", "::1"; "" when not set */
	uint16_t port;
};

#define PR_CONFIG_NAMES_MAX 1000 /* routes, and brands */

enum pr_via {
	PR_VIA_UNSET,
	PR_VIA_RELAY,
	PR_VIA_MAILDIR,
	PR_VIA_MX,
	PR_VIA_ESMTP,
	PR_VIA_SENDGRID,
	PR_VIA_MAILGUN,
};
enum pr_route_tls { /* each asks for more than the one before; implicit: from the first octet */
	            PR_ROUTE_TLS_NONE,
	            PR_ROUTE_TLS_OPPORTUNISTIC, /* where it is offered, by any certificate */
	            PR_ROUTE_TLS_REQUIRED,      /* by any certificate */
	            PR_ROUTE_TLS_VERIFIED,      /* by a certificate for the host's name */
	            PR_ROUTE_TLS_IMPLICIT,      /* the same, without STARTTLS (RFC 8314) */
};
struct pr_route {
	struct pr_text name; /* first */
	int via;             /* enum pr_via */
	struct pr_text host; /* relay, esmtp: IP address or host name */
	int64_t port;
	int tls;                      /* enum pr_route_tls */
	struct pr_text tls_at;        /* where it stands; no text */
	int64_t connections;          /* at most, at once; mx: to one site by one source */
	struct pr_texts sources;      /* IP addresses, or names of `sources`; none: any address */
	struct pr_text user;          /* p NULL: no AUTH */
	struct pr_text password_file; /* absolute */
	bool auth_in_clear;
	struct pr_text path; /* maildir: absolute */
	/* sendgrid, mailgun: */
	struct pr_text key_file; /* absolute */
	struct pr_text endpoint; /* "https://host[:port][/path]" without / at its end; p NULL: the
	                          * provider's own */
	struct pr_text domain;   /* mailgun: A-labels, lower case */
};

/* A local address to send from. */
struct pr_source_address {
	struct pr_text name;     /* first */
	struct pr_text address;  /* an IP address */
	struct pr_text hostname; /* EHLO argument; p NULL: the daemon's */
	int64_t weight;
	struct pr_text warm_up; /* of the shaping file; p NULL: it is warm */
	struct pr_text since;   /* "2026-11-01": its first day */
};

struct pr_dkim_key {
	struct pr_text domain;   /* d=; A-labels, lower case */
	struct pr_text selector; /* s= */
	struct pr_text key_file; /* absolute; PEM, RSA or Ed25519 */
};

/* What tokens are signed with (message/token.h). */
struct pr_token_secret {
	struct pr_text id;   /* one letter or digit: it is in every token */
	struct pr_text file; /* absolute; its first line is the secret */
};

enum pr_preflight_mode { PR_PREFLIGHT_OFF, PR_PREFLIGHT_WARN, PR_PREFLIGHT_REFUSE };

struct pr_brand {
	struct pr_text name;                     /* first */
	struct pr_texts from_domains;            /* A-labels, lower case; empty: any */
	struct pr_text bounce_domain;            /* p NULL: the reverse-path is the From address */
	struct pr_text unsubscribe_mailto;       /* p NULL: unsubscribe@ the From domain */
	struct pr_text postal_address, language; /* p NULL: none */
	struct pr_text
	    track_url;       /* of its links and pages, without '/' at the end; p NULL: track.url */
	struct pr_texts law; /* of all its campaigns: see pr_laws_of */
	struct pr_stop_loss stop_loss; /* as it says itself */
};

/* When an address that bounces, though never hard, is given up (feedback/policy.h). */
struct pr_bounce_policy {
	int64_t soft;      /* so many in a row ... */
	int64_t campaigns; /* ... of so many campaigns ... */
	int64_t span;      /* ... over so long, ms; soft 0: never */
	int64_t full;      /* its mailbox has been full for so long, ms; 0: never */
};

enum pr_webhook_format { PR_WEBHOOK_NATIVE, PR_WEBHOOK_SENDGRID };
/* What a webhook wants is a set of 1u << enum pr_state (PR_SENDING: a message was granted), and: */
#define PR_WEBHOOK_CAMPAIGN (1u << PR_STATES) /* verbs on a campaign or on all */
#define PR_WEBHOOK_ENGAGED(kind) (PR_WEBHOOK_CAMPAIGN << (kind))
#define PR_WEBHOOK_ALL                                                                             \
	((PR_WEBHOOK_ENGAGED(PR_ENGAGEMENT_KINDS) - 1) &                                           \
	 ~PR_WEBHOOK_ENGAGED(PR_ENGAGEMENT_EVIDENCE))
#define PR_WEBHOOKS_MAX 32

struct pr_keep { /* one of the two is 0 */
	int64_t ms;
	uint64_t octets;
};
struct pr_webhook {
	struct pr_text url;         /* "https://host[:port][/path][?query]" */
	struct pr_texts events;     /* n 0: all but sending */
	uint32_t wanted;            /* what they say, as a set */
	struct pr_text secret_file; /* absolute; p NULL: not signed */
	char *secret;               /* its first line, once the daemon has read it; or NULL */
	int format;                 /* enum pr_webhook_format */
	struct pr_keep keep;        /* of the journal, for one that does not take its events */
};

struct pr_config {
	struct pr_text hostname;     /* left out: the system's; A-labels */
	struct pr_text timezone;     /* IANA name */
	struct pr_quiet quiet;       /* of marketing, where the campaign says nothing else */
	struct pr_text holidays;     /* absolute; p NULL: none */
	struct pr_text spool, state; /* absolute */
	struct {
		struct pr_text path; /* absolute */
		mode_t mode;
		struct pr_text group, operators; /* names of groups; p NULL: none */
	} socket;
	struct {
		struct pr_endpoint listen; /* host "": off */
	} metrics;
	struct {
		struct pr_text url;        /* as brand.track_url; p NULL: none */
		struct pr_endpoint listen; /* host "": off */
		struct pr_text listen_at;  /* where it stands; no text */
		struct pr_texts proxies;   /* networks whose X-Forwarded-For is believed */
		struct pr_rate rate;       /* of requests of one visitor */
		int64_t connections;
		struct pr_texts blocked; /* hosts that no link leads to; A-labels, lower case */
		bool honeypot;
		/* Who may tell of customers' events. Files: absolute, p NULL: nobody; their first
		 * lines, once the daemon has read them, or NULL. */
		struct pr_text events_key_file, shopify_secret_file, woocommerce_secret_file;
		char *events_key, *shopify_secret, *woocommerce_secret;
		int64_t token_amount;          /* the most that a token alone may say, in units */
		struct pr_texts shop_hosts;    /* whose links get a token; A-labels, lower case */
		struct pr_text shop_parameter; /* by this name */
	} track;
	struct pr_conversion_keys conversions; /* of campaigns that say nothing else */
	int64_t workers;                       /* 0: one per core */
	uint64_t ready;                        /* octets */
	int64_t max_connections;
	struct {
		int level;  /* enum pr_log_level */
		int format; /* 0 text, 1 json */
	} log;
	uint64_t min_free; /* octets; 0: do not watch */
	int64_t settle;    /* ms */
	bool keep_source;  /* the recipients file, when it was imported */
	struct {
		int64_t done, rejected, events, tokens; /* ms */
	} retention;
	struct {
		int marketing, transactional; /* enum pr_manifest_in_doubt: resend or hold */
	} in_doubt;
	struct {
		int64_t first, max, give_up; /* ms */
		double factor, jitter;
		struct pr_text max_at, give_up_at; /* where they stand; no text */
	} retry;
	struct pr_yaml_array routes;  /* struct pr_route; see pr_config_route */
	struct pr_yaml_array sources; /* struct pr_source_address */
	struct pr_yaml_array dkim;    /* struct pr_dkim_key */
	struct {
		struct pr_texts servers; /* "127.0.0.1:5353"; n 0: the system's */
		int64_t timeout;         /* ms */
		bool trusted;            /* its AD bit is believed */
	} dns;
	struct {
		struct pr_text ca_file; /* absolute; p NULL: the system's */
		bool mta_sts;
	} tls;
	struct pr_yaml_array secrets; /* struct pr_token_secret; the first one signs */
	struct {
		struct pr_endpoint listen; /* host "": off */
		struct pr_text domain; /* of return paths where no brand has one; p NULL: none */
		struct pr_text complaints;      /* where feedback loops send to; p NULL: nowhere */
		struct pr_text maildir;         /* absolute; p NULL: none is watched */
		uint64_t size;                  /* octets of a mail */
		struct pr_rate rate, peer_rate; /* mails, of all and of one peer */
		int64_t connections;
		struct pr_text cert_file, key_file; /* absolute; p NULL: no STARTTLS */
	} bounce;
	struct pr_text bounces; /* rules, absolute; p NULL: what is built in */
	struct pr_bounce_policy policy;
	struct pr_text shaping;        /* absolute; p NULL: what is built in */
	struct pr_stop_loss stop_loss; /* for those that say nothing else */
	int preflight;                 /* enum pr_preflight_mode */
	struct pr_yaml_array brands;   /* struct pr_brand */
	struct pr_yaml_array caps;     /* struct pr_cap, see audience/caps.h: for all campaigns */
	struct pr_pairs segments;      /* names and conditions, see audience/segment.h */
	struct pr_yaml_array webhooks; /* struct pr_webhook */
	/* What message/dkim.h made of `dkim` before others share the configuration, and how it
	 * ends; NULL: nothing is signed. */
	struct pr_dkim *signing;
	void (*end_signing)(struct pr_dkim *signing);
	/* The same by message/token.h of `secrets`, and how the audience asks them. */
	struct pr_tokens *tokens;
	void (*end_tokens)(struct pr_tokens *tokens);
	struct pr_audience_keys names;
	/* The same by shaping.h of `shaping` and the sources' warm-ups. */
	struct pr_shaping *shapes;
	void (*end_shapes)(struct pr_shaping *shapes);
	/* The same: what replies mean (classify.h). */
	struct pr_rules *rules;
	void (*end_rules)(struct pr_rules *rules);
	/* The same: days of countries (campaign/holidays.h). */
	struct pr_holidays *calendar;
	void (*end_calendar)(struct pr_holidays *calendar);
	const char *file; /* as given */
	unsigned refs;
	struct pr_arena arena; /* owns all of the above */
};

static inline struct pr_route *
pr_config_routes(const struct pr_config *c)
{
	return c->routes.items;
}
static inline struct pr_source_address *
pr_config_sources(const struct pr_config *c)
{
	return c->sources.items;
}
static inline struct pr_token_secret *
pr_config_secrets(const struct pr_config *c)
{
	return c->secrets.items;
}
static inline struct pr_dkim_key *
pr_config_dkim(const struct pr_config *c)
{
	return c->dkim.items;
}
static inline struct pr_brand *
pr_config_brands(const struct pr_config *c)
{
	return c->brands.items;
}
static inline struct pr_webhook *
pr_config_webhooks(const struct pr_config *c)
{
	return c->webhooks.items;
}
const struct pr_route *pr_config_route(const struct pr_config *c, struct pr_str name);
const struct pr_source_address *pr_config_source(const struct pr_config *c, struct pr_str name);
const struct pr_brand *pr_config_brand(const struct pr_config *c, struct pr_str name);
/* What it says of the resolver (dns.h), but for the loop. servers holds PR_DNS_SERVERS_MAX, views
 * of the configuration; out refers to it. */
struct pr_dns_options;
void pr_config_dns(const struct pr_config *c, const char **servers, struct pr_dns_options *out);

/* Read the file. PR_EINVAL: problems told. Looks at nothing else of the system, but the host's
 * name where the file gives none. */
int pr_config_load(const char *path, struct pr_problems *problems, struct pr_config **out);
/* The same from its text; folder: what relative paths are relative to (absolute). */
int pr_config_parse(struct pr_str text, const char *file, const char *folder,
                    struct pr_problems *problems, struct pr_config **out);
struct pr_config *pr_config_ref(struct pr_config *c);
void pr_config_unref(struct pr_config *c); /* atomic; NULL: nothing */

/* What a reload changes: dotted keys ("routes.default.host", "ready"). */
/* What is meant by a segment: the condition of that name, else the condition itself. */
struct pr_str pr_config_segment(const struct pr_config *c, struct pr_str said);

struct pr_config_change {
	char key[120];
	bool restart; /* takes effect at the next start only */
};
#define PR_CONFIG_CHANGES_MAX 200
/* Writes at most PR_CONFIG_CHANGES_MAX changes, in the order of the file; returns how many. */
size_t pr_config_diff(const struct pr_config *old, const struct pr_config *new_,
                      struct pr_config_change *out);

/* What needs a restart, back to as it was: for a configuration that comes into force by a reload,
 * before others share it. */
void pr_config_keep(struct pr_config *c, const struct pr_config *old);

extern const struct pr_yaml_schema pr_config_schema; /* for the check of conf/ */

#endif
