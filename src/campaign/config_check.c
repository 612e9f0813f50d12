/*
 * What the tables of postrider.yaml cannot say: host names and time zones, what a kind of
 * route needs, times that must not contradict one another, folders that must differ.
 */
#include "config_internal.h"

#include "manifest_internal.h"
#include "postrider/audience/segment.h"
#include "postrider/campaign/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)0)->sun_path - 1)

struct check {
	struct pr_config *c;
	struct pr_problems *problems;
	bool failed;
};

static void __attribute__((format(printf, 4, 5)))
tell(struct check *k, const struct pr_text *at, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_text_problem(k->problems, k->c->file, at, remedy, "%s", what.data);
	pr_buf_finish(&what);
	k->failed = true;
}

/* ---- names ---- */

/* A host name to A-labels; where: "brands.acme.". */
static void
check_domain(struct check *k, struct pr_text *t, const char *where, const char *key)
{
	char out[256];
	const char *why = "";
	if (!t->p)
		return;
	if (pr_domain_parse(pr_text_str(t), out, &why) < 0) {
		tell(k, t, "write a host name like mta1.acme.example",
		     "%s%s: \"%s\" is not a host name: %s", where, key, t->p, why);
		return;
	}
	t->n = strlen(out);
	t->p = pr_arena_strndup(&k->c->arena, out, t->n);
}

static void
check_hostname(struct check *k)
{
	char name[256] = {0}, parsed[256];
	struct pr_text *t = &k->c->hostname;
	if (t->p) {
		check_domain(k, t, "", "hostname");
		return;
	}
	const char *why;
	if (gethostname(name, sizeof name - 1) < 0 ||
	    pr_domain_parse(pr_str(name), parsed, &why) < 0)
		strcpy(parsed, "localhost");
	t->n = strlen(parsed);
	t->p = pr_arena_strndup(&k->c->arena, parsed, t->n);
}

static void
check_timezone(struct check *k)
{
	pr_zone *zone;
	if (pr_zone_open(k->c->timezone.p, &zone, NULL) == 0)
		pr_zone_unref(zone);
	else
		tell(k, &k->c->timezone, "write an IANA name like Europe/Berlin",
		     "timezone: \"%s\" is not a time zone of the tz database", k->c->timezone.p);
}

/* ---- routes ---- */

/* An address, not a host name; as net.h takes it. */
static bool
is_address(const struct pr_text *t)
{
	unsigned char out[16];
	return inet_pton(AF_INET, t->p, out) == 1 || inet_pton(AF_INET6, t->p, out) == 1;
}

/* What each kind of route needs and takes, beside port and connections. */
enum { NEEDS = 1, MAY, NEVER };
#define KINDS (PR_VIA_MAILGUN + 1)
/* clang-format off */
static const struct {
	const char *key;
	size_t offset;
	uint8_t kinds[KINDS]; /* by enum pr_via */
	const char *remedy;
} route_texts[] = {
#define ROUTE(member) offsetof(struct pr_route, member)
	/* key, where                           -  relay  maildir mx     esmtp  sendgrid mailgun */
	{"host", ROUTE(host),                   {0, NEEDS, NEVER, NEVER, NEEDS, NEVER, NEVER},
	 "add host: 127.0.0.1, or the relay's name"},
	{"path", ROUTE(path),                   {0, NEVER, NEEDS, NEVER, NEVER, NEVER, NEVER},
	 "add path: and the folder's name"},
	{"user", ROUTE(user),                   {0, MAY,   NEVER, NEVER, MAY,   NEVER, NEVER}, ""},
	{"password_file", ROUTE(password_file), {0, MAY,   NEVER, NEVER, MAY,   NEVER, NEVER}, ""},
	{"key_file", ROUTE(key_file),           {0, NEVER, NEVER, NEVER, NEVER, NEEDS, NEEDS},
	 "add key_file: and the name of a file with the API key"},
	{"endpoint", ROUTE(endpoint),           {0, NEVER, NEVER, NEVER, NEVER, MAY,   MAY}, ""},
	{"domain", ROUTE(domain),               {0, NEVER, NEVER, NEVER, NEVER, NEVER, NEEDS},
	 "add domain: and the sending domain as Mailgun knows it"},
};
/* clang-format on */

static const char *const via_words[KINDS] = {"",      "relay",    "maildir", "mx",
                                             "esmtp", "sendgrid", "mailgun"};

static void
check_route_texts(struct check *k, const struct pr_route *r, const char *where)
{
	for (size_t i = 0; i < sizeof route_texts / sizeof *route_texts; i++) {
		const struct pr_text *t = (const void *)((const char *)r + route_texts[i].offset);
		int kind = route_texts[i].kinds[r->via];
		if (kind == NEEDS && !t->p)
			tell(k, &r->name, route_texts[i].remedy, "%s%s is missing", where,
			     route_texts[i].key);
		if (kind == NEVER && t->p)
			tell(k, t, "take it out", "%s%s does not belong to via: %s", where,
			     route_texts[i].key, via_words[r->via]);
	}
}

static void
check_endpoint(struct check *k, struct pr_text *t, const char *where)
{
	struct pr_str url = pr_text_str(t);
	if (!t->p)
		return;
	while (url.n > 0 && url.p[url.n - 1] == '/')
		url.n--;
	enum config_url judged = config_url_judge(url, false);
	if (judged == CONFIG_URL_BAD)
		tell(k, t, "write a URL like https://api.eu.mailgun.net",
		     "%sendpoint: \"%s\" is not the address of a server", where, t->p);
	if (judged == CONFIG_URL_IN_CLEAR)
		tell(k, t, "write https://", "%sendpoint: the key and the mail would go in clear",
		     where);
	t->n = url.n;
	t->p = pr_arena_strndup(&k->c->arena, url.p, url.n);
}

/* What libraries or the way itself cannot do. */
static void
check_route_limits(struct check *k, const struct pr_route *r, const char *where)
{
	bool smtp = r->via == PR_VIA_RELAY || r->via == PR_VIA_MX, esmtp = r->via == PR_VIA_ESMTP;
	const char *via = via_words[r->via];
	if (r->sources.n && !smtp)
		tell(k, &r->sources.items[0], "take it out, or use via: relay",
		     "%ssources: via: %s cannot choose its source address", where, via);
	if (r->tls != PR_ROUTE_TLS_NONE && !smtp && !esmtp)
		tell(k, &r->tls_at, "take it out", "%stls does not belong to via: %s", where, via);
	if (r->tls == PR_ROUTE_TLS_IMPLICIT && esmtp)
		tell(k, &r->tls_at, "use required or verified, or via: relay",
		     "%stls: via: esmtp cannot do TLS from the first octet", where);
	if (r->tls == PR_ROUTE_TLS_IMPLICIT && r->via == PR_VIA_MX)
		tell(k, &r->tls_at, "use opportunistic, required or verified",
		     "%stls: mail exchangers have no implicit TLS", where);
	if (esmtp && r->host.p && strchr(r->host.p, ':'))
		tell(k, &r->host, "write its name, or use via: relay",
		     "%shost: via: esmtp takes no IPv6 address", where);
}

static void
check_source_name(struct check *k, const struct pr_text *t, const char *where)
{
	if (!is_address(t) && !pr_config_source(k->c, pr_text_str(t)))
		tell(k, t, "write an IP address of this host, or a name of `sources`",
		     "%ssources: there is no source \"%s\"", where, t->p);
}

static void
check_route(struct check *k, struct pr_route *r)
{
	char where[120], name[80];
	snprintf(where, sizeof where, "routes.%s.",
	         pr_str_show(pr_text_str(&r->name), name, sizeof name));
	check_route_texts(k, r, where);
	if (r->host.p && !is_address(&r->host))
		check_domain(k, &r->host, where, "host");
	check_endpoint(k, &r->endpoint, where);
	check_domain(k, &r->domain, where, "domain");
	if (!r->user.p != !r->password_file.p)
		tell(k, r->user.p ? &r->user : &r->password_file, "give both or none",
		     "%suser and password_file belong together", where);
	if (r->user.p && r->tls < PR_ROUTE_TLS_REQUIRED && !r->auth_in_clear)
		tell(k, &r->user, "set tls: verified, or auth_in_clear: true where the way is safe",
		     "%suser: the password would go over a connection that may be in clear", where);
	check_route_limits(k, r, where);
	for (size_t i = 0; i < r->sources.n; i++)
		check_source_name(k, &r->sources.items[i], where);
}

static void
check_source(struct check *k, struct pr_source_address *s)
{
	char where[120], name[80];
	snprintf(where, sizeof where, "sources.%s.",
	         pr_str_show(pr_text_str(&s->name), name, sizeof name));
	if (s->address.p && !is_address(&s->address))
		tell(k, &s->address, "write an IP address of this host",
		     "%saddress: \"%s\" is not an IP address", where, s->address.p);
	check_domain(k, &s->hostname, where, "hostname");
	if (!s->warm_up.p != !s->since.p)
		tell(k, s->since.p ? &s->since : &s->warm_up, "give both or none",
		     "%swarm_up and since belong together", where);
}

static void
check_dkim(struct check *k, struct pr_dkim_key *d, size_t number)
{
	char where[60];
	snprintf(where, sizeof where, "dkim.%zu.", number);
	check_domain(k, &d->domain, where, "domain");
	check_domain(k, &d->selector, where, "selector");
}

/* Two of one id could not both verify. */
static void
check_secret(struct check *k, size_t number)
{
	const struct pr_token_secret *all = pr_config_secrets(k->c), *s = all + number;
	const char *id = s->id.p ? s->id.p : "a";
	if (id[1] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789", *id))
		tell(k, &s->id, "write a letter or a digit, like a",
		     "secrets.%zu.id: \"%s\" is not one small letter or digit", number + 1, id);
	for (size_t i = 0; i < number; i++)
		if (s->id.p && all[i].id.p && strcmp(s->id.p, all[i].id.p) == 0)
			tell(k, &s->id, "give the new one another id",
			     "secrets.%zu.id: \"%s\" is there twice", number + 1, id);
}

/* ---- brands ---- */

static void
check_mailbox(struct check *k, struct pr_text *t, const char *where)
{
	struct pr_mailbox mailbox;
	const char *why = "";
	if (t->p && pr_mailbox_parse(pr_text_str(t), &mailbox, &why) < 0)
		tell(k, t, "write an address like unsubscribe@acme.example",
		     "%s: \"%s\" is not an address: %s", where, t->p, why);
	else if (t->p) {
		t->n = mailbox.n;
		t->p = pr_arena_strndup(&k->c->arena, mailbox.address, mailbox.n);
	}
}

/* Where links and pages are: it stands in mails for years. */
static void
check_track_url(struct check *k, struct pr_text *t, const char *where)
{
	if (!t->p)
		return;
	switch (config_url_judge(pr_text_str(t), false)) {
	case CONFIG_URL_GOOD: break;
	case CONFIG_URL_IN_CLEAR:
		tell(k, t,
		     "write https://; a web server in front of track.listen has the certificate",
		     "%s: browsers and receivers warn of links in clear", where);
		break;
	case CONFIG_URL_BAD:
		tell(k, t, "write a URL like https://t.acme.example",
		     "%s: \"%s\" is not the URL of a"
		     " server",
		     where, t->p);
	}
	while (t->n && t->p[t->n - 1] == '/')
		t->p = pr_arena_strndup(&k->c->arena, t->p, --t->n);
}

static void
check_brand(struct check *k, struct pr_brand *b)
{
	char where[120], name[80], sub[160];
	snprintf(where, sizeof where, "brands.%s.",
	         pr_str_show(pr_text_str(&b->name), name, sizeof name));
	for (size_t i = 0; i < b->from_domains.n; i++)
		check_domain(k, &b->from_domains.items[i], where, "from_domains");
	check_domain(k, &b->bounce_domain, where, "bounce_domain");
	snprintf(sub, sizeof sub, "%sunsubscribe_mailto", where);
	check_mailbox(k, &b->unsubscribe_mailto, sub);
	snprintf(sub, sizeof sub, "%strack_url", where);
	check_track_url(k, &b->track_url, sub);
	snprintf(sub, sizeof sub, "%slaw", where);
	if (pr_law_check(&b->law, k->c->file, sub, k->problems) < 0)
		k->failed = true;
	if (b->language.p && !pr_is_language(pr_text_str(&b->language)))
		tell(k, &b->language, "write a language tag like en, de or pt-BR",
		     "%slanguage: \"%s\" is not a language", where, b->language.p);
}

/* ---- what comes back ---- */

/* Without a secret nobody could tell what is ours from what is forged. */
static void
check_bounce(struct check *k)
{
	struct pr_config *c = k->c;
	const struct pr_text *cert = &c->bounce.cert_file, *key = &c->bounce.key_file;
	check_domain(k, &c->bounce.domain, "bounce.", "domain");
	check_mailbox(k, &c->bounce.complaints, "bounce.complaints");
	if ((c->bounce.listen.host[0] || c->bounce.maildir.p) && !c->secrets.n)
		tell(k, &c->bounce.domain, "add secrets: [{id: a, file: /etc/postrider/token.key}]",
		     "bounce needs `secrets`: return paths are signed by them");
	if (!cert->p != !key->p)
		tell(k, cert->p ? cert : key, "give both or none",
		     "bounce.tls: cert_file and key_file belong together");
}

/* ---- segments ---- */

/* Columns are looked up when it is asked for: attributes come and go. */
static void
check_segment(struct check *k, const struct pr_pair *segment)
{
	struct pr_error e = {0};
	if (pr_segment_check(pr_text_str(&segment->value), &e) < 0)
		tell(k, &segment->value,
		     "`postrider segment --help` tells what a condition may say", "segments.%s: %s",
		     segment->name.p, e.text);
}

/* ---- what must not contradict ---- */

static void
check_retry(struct check *k)
{
	if (k->c->retry.max < k->c->retry.first)
		tell(k, &k->c->retry.max_at, "set max to first or more",
		     "retry.max is less than retry.first");
	if (k->c->retry.give_up < k->c->retry.first)
		tell(k, &k->c->retry.give_up_at, "set give_up to first or more",
		     "retry.give_up is less than retry.first: nothing would be tried again");
}

static bool
lies_in(struct pr_str path, struct pr_str folder)
{
	return path.n >= folder.n && memcmp(path.p, folder.p, folder.n) == 0 &&
	       (path.n == folder.n || path.p[folder.n] == '/');
}

static void
check_folders(struct check *k)
{
	struct pr_str spool = pr_text_str(&k->c->spool), state = pr_text_str(&k->c->state);
	if (lies_in(spool, state) || lies_in(state, spool))
		tell(k, &k->c->state, "use two folders beside one another",
		     "state and spool lie in one another");
	if (k->c->socket.path.n > SOCKET_PATH_MAX)
		tell(k, &k->c->socket.path, "choose a shorter one",
		     "socket.path is longer than %zu octets", SOCKET_PATH_MAX);
}

int
pr_config_check(struct pr_config *c, struct pr_problems *problems)
{
	struct check k = {.c = c, .problems = problems};
	check_hostname(&k);
	check_timezone(&k);
	for (size_t i = 0; i < c->routes.n; i++)
		check_route(&k, pr_config_routes(c) + i);
	for (size_t i = 0; i < c->sources.n; i++)
		check_source(&k, pr_config_sources(c) + i);
	for (size_t i = 0; i < c->dkim.n; i++)
		check_dkim(&k, pr_config_dkim(c) + i, i + 1);
	for (size_t i = 0; i < c->secrets.n; i++)
		check_secret(&k, i);
	for (size_t i = 0; i < c->brands.n; i++)
		check_brand(&k, pr_config_brands(c) + i);
	for (size_t i = 0; i < c->segments.n; i++)
		check_segment(&k, &c->segments.items[i]);
	check_track_url(&k, &c->track.url, "track.url");
	if (config_check_track(c, problems) < 0)
		k.failed = true;
	if (config_check_webhooks(c, problems) < 0)
		k.failed = true;
	check_bounce(&k);
	check_retry(&k);
	check_folders(&k);
	return k.failed ? PR_EINVAL : 0;
}
