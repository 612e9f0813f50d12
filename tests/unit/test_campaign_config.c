/* postrider.yaml: what it means, what is told of bad ones, what a reload changes. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/base/log.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct pr_problems problems;
static struct pr_config *c;

static void
setup(void)
{
	problems = (struct pr_problems){0};
	c = NULL;
}

static void
teardown(void)
{
	pr_problems_finish(&problems);
	pr_config_unref(c);
}

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	for (unsigned i = 0; i < problems.n; i++) {
		const struct pr_problem *p = &problems.items[i];
		pr_buf_addf(&b, "%s%u:%u %s%s%s", i ? "\n" : "", p->line, p->column, p->what,
		            *p->remedy ? " -> " : "", p->remedy);
	}
	return b.data ? b.data : "";
}

static int
parse(const char *text)
{
	pr_problems_finish(&problems);
	pr_config_unref(c);
	c = NULL;
	return pr_config_parse(pr_str(text), "p.yaml", "/etc/postrider", &problems, &c);
}

#define LEAST "routes: {default: {via: relay, host: 127.0.0.1}}\n"

START_TEST(least_configuration_has_defaults_for_all)
{
	ck_assert_msg(parse(LEAST) == 0, "%s", told());
	ck_assert_uint_gt(c->hostname.n, 0);
	ck_assert_str_eq(c->timezone.p, "UTC");
	ck_assert_str_eq(c->spool.p, "/var/spool/postrider");
	ck_assert_str_eq(c->state.p, "/var/lib/postrider");
	ck_assert_str_eq(c->socket.path.p, "/run/postrider/postrider.sock");
	ck_assert_uint_eq(c->socket.mode, 0660);
	ck_assert_ptr_null(c->socket.group.p);
	ck_assert_str_eq(c->metrics.listen.host, "");
	ck_assert_int_eq(c->workers, 0);
	ck_assert_uint_eq(c->ready, 32u << 20);
	ck_assert_int_eq(c->max_connections, 2000);
	ck_assert_int_eq(c->log.level, PR_LOG_INFO);
	ck_assert_int_eq(c->log.format, 0);
	ck_assert_uint_eq(c->min_free, 2ull << 30);
	ck_assert_int_eq(c->settle, 15000);
	ck_assert_int_eq(c->retention.done, 90 * PR_DAY_MS);
	ck_assert_int_eq(c->retention.tokens, 400 * PR_DAY_MS);
	ck_assert_int_eq(c->in_doubt.marketing, PR_DOUBT_RESEND);
	ck_assert_int_eq(c->in_doubt.transactional, PR_DOUBT_RESEND);
	ck_assert_int_eq(c->retry.first, 20 * PR_MINUTE_MS);
	ck_assert_int_eq(c->retry.give_up, 72 * PR_HOUR_MS);
	ck_assert(c->retry.factor == 2 && c->retry.jitter == 0.1);
	const struct pr_route *r = pr_config_route(c, PR_STR("default"));
	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(r->via, PR_VIA_RELAY);
	ck_assert_int_eq(r->port, 25);
	ck_assert_int_eq(r->connections, 20);
	ck_assert_int_eq(r->tls, PR_ROUTE_TLS_NONE);
	ck_assert_ptr_null(pr_config_route(c, PR_STR("other")));
	ck_assert_ptr_null(pr_config_brand(c, PR_STR("default")));
}
END_TEST

START_TEST(values_and_relative_paths_are_read)
{
	int r =
	    parse("hostname: MTA1.B\xC3\xBC"
	          "cher.example\n"
	          "timezone: Asia/Kathmandu\n"
	          "spool: ../spool/./x//\n"
	          "state: /var/lib/a\n"
	          "socket: {path: p.sock, mode: 0600, group: g, operators: ops}\n"
	          "metrics: {listen: \"[::1]:9725\"}\n"
	          "workers: 2\n"
	          "ready: 64M\n"
	          "max_connections: 7\n"
	          "log: {level: debug, format: json}\n"
	          "min_free: 0\n"
	          "settle: 250ms\n"
	          "in_doubt: {marketing: hold}\n"
	          "retry: {first: 1s, factor: 1.5, jitter: 0, max: 3s, give_up: 10s}\n"
	          "routes:\n"
	          "  default: {via: relay, host: Relay.example, port: 2525, tls: none, "
	          "connections: 3}\n"
	          "  v6: {via: relay, host: \"::1\"}\n"
	          "  dry: {via: maildir, path: out}\n"
	          "brands:\n"
	          "  acme: {from_domains: Acme.Example, bounce_domain: b.acme.example, "
	          "unsubscribe_mailto: u@Acme.example, postal_address: \"1 Main St\", language: "
	          "en}\n");
	ck_assert_msg(r == 0, "%s", told());
	ck_assert_str_eq(c->hostname.p, "mta1.xn--bcher-kva.example");
	ck_assert_str_eq(c->spool.p, "/etc/postrider/../spool/x");
	ck_assert_str_eq(c->state.p, "/var/lib/a");
	ck_assert_str_eq(c->socket.path.p, "/etc/postrider/p.sock");
	ck_assert_uint_eq(c->socket.mode, 0600);
	ck_assert_str_eq(c->socket.operators.p, "ops");
	ck_assert_str_eq(c->metrics.listen.host, "::1");
	ck_assert_uint_eq(c->metrics.listen.port, 9725);
	ck_assert_int_eq(c->log.level, PR_LOG_DEBUG);
	ck_assert_int_eq(c->log.format, 1);
	ck_assert_int_eq(c->settle, 250);
	ck_assert_int_eq(c->in_doubt.marketing, PR_DOUBT_HOLD);
	ck_assert_int_eq(c->retry.first, 1000);
	ck_assert_str_eq(pr_config_route(c, PR_STR("default"))->host.p, "relay.example");
	ck_assert_str_eq(pr_config_route(c, PR_STR("v6"))->host.p, "::1");
	ck_assert_str_eq(pr_config_route(c, PR_STR("dry"))->path.p, "/etc/postrider/out");
	const struct pr_brand *b = pr_config_brand(c, PR_STR("acme"));
	ck_assert_str_eq(b->from_domains.items[0].p, "acme.example");
	ck_assert_str_eq(b->unsubscribe_mailto.p, "u@acme.example");
}
END_TEST

/* After LEAST, so on line 2. */
static const struct {
	const char *text, *told;
} bad[] = {
    {"spol: x", "2:1 unknown key \"spol\" -> did you mean \"spool\"?"},
    {"hostname: a_b", NULL},
    {"timezone: Mars",
     "2:11 timezone: \"Mars\" is not a time zone of the tz database -> write an IANA name like "
     "Europe/Berlin"},
    {"state: /var/spool/postrider/state",
     "2:8 state and spool lie in one another -> use two folders beside one another"},
    {"state: /var/spool/postrider",
     "2:8 state and spool lie in one another -> use two folders beside one another"},
    {"state: /var/spool/postrider2", ""},
    {"socket: {mode: rw}", "2:16 socket.mode: \"rw\" is not a mode -> write it like \"0660\""},
    {"socket: {mode: 0999}", "2:16 socket.mode: \"0999\" is not a mode -> write it like \"0660\""},
    {"socket: {mode: 4660}",
     "2:16 socket.mode: \"4660\" does not let the daemon itself use the socket, or has special "
     "bits -> write it like \"0660\""},
    {"socket: {mode: 0060}",
     "2:16 socket.mode: \"0060\" does not let the daemon itself use the socket, or has special "
     "bits -> write it like \"0660\""},
    {"metrics: {listen: 9725}", "2:19 metrics.listen: \"9725\" is not an address and a port -> "
                                "write it like \"127.0.0.1:9725\""},
    {"metrics: {listen: \"localhost:9725\"}",
     "2:20 metrics.listen: \"localhost:9725\" is not an IP address and a port -> write it like "
     "\"127.0.0.1:9725\""},
    {"metrics: {listen: \"127.0.0.1:0\"}",
     "2:20 metrics.listen: \"127.0.0.1:0\" has no port from 1 to 65535 -> write it like "
     "\"127.0.0.1:9725\""},
    {"metrics: {listen: \"::1:9725\"}",
     "2:20 metrics.listen: \"::1:9725\" is not an IP address and a port -> write it like "
     "\"127.0.0.1:9725\""},
    {"workers: 257", "2:10 workers: 257 is out of range (0 to 256) -> write a value from 0 to 256"},
    {"workers: -1", "2:10 workers: -1 is out of range (0 to 256) -> write a value from 0 to 256"},
    {"ready: 1000K",
     "2:8 ready: 1000K is out of range (1M to 64G) -> write a value from 1M to 64G"},
    {"max_connections: 0",
     "2:18 max_connections: 0 is out of range (1 to 100000) -> write a value from 1 to 100000"},
    {"log: {level: loud}", "2:14 log.level: \"loud\" is not one of error, warning, info, debug -> "
                           "write one of: error, warning, info, debug"},
    {"settle: 15", "2:9 settle: \"15\" is not a duration -> write digits and one of s, m, h, d, "
                   "like 90s or 6h"},
    {"retention: {done: 1s}",
     "2:19 retention.done: 1s is out of range (1m to 36500d) -> write a value from 1m to 36500d"},
    {"in_doubt: {marketing: ask}", "2:23 in_doubt.marketing: \"ask\" is not one of resend, hold "
                                   "-> write one of: resend, hold"},
    {"retry: {max: 1m}", "2:14 retry.max is less than retry.first -> set max to first or more"},
    {"retry: {give_up: 1m}",
     "2:18 retry.give_up is less than retry.first: nothing would be tried again -> set give_up to "
     "first or more"},
    {"brands: {a: {from_domains: [\"x y\"]}}", NULL},
    {"brands: {a: {language: x}}", "2:24 brands.a.language: \"x\" is not a language -> write a "
                                   "language tag like en, de or pt-BR"},
    {"brands: {a: {track_url: x}}",
     "2:25 brands.a.track_url: \"x\" is not the URL of a server -> write a URL like "
     "https://t.acme.example"},
    {"track: {url: \"http://t.acme.example\"}",
     "2:15 track.url: browsers and receivers warn of links in clear -> write https://; a web "
     "server in front of track.listen has the certificate"},
    {"dkim: [{domain: a.example}]", "2:8 dkim.1.selector is missing -> add selector: s1\n"
                                    "2:8 dkim.1.key_file is missing -> add key_file: "
                                    "/etc/postrider/s1.pem"},
    {"secrets: [{id: ab, file: f}, {id: a, file: f}, {id: a, file: g}]",
     "2:16 secrets.1.id: \"ab\" is not one small letter or digit -> write a letter or a digit, "
     "like "
     "a\n"
     "2:53 secrets.3.id: \"a\" is there twice -> give the new one another id"},
    {"dkim: [{domain: a.example, selector: s, key_file: k}, {domain: b.example, selector: s, "
     "key_fil: k}]",
     "2:55 dkim.2.key_file is missing -> add key_file: /etc/postrider/s1.pem\n"
     "2:88 unknown key \"key_fil\" in dkim.2 -> did you mean \"key_file\"?"},
    {"sources: {a: {address: mta}}",
     "2:24 sources.a.address: \"mta\" is not an IP address -> write an IP address of this host"},
    {"sources: {a: {address: 192.0.2.1, warm_up: moderate}}",
     "2:44 sources.a.warm_up and since belong together -> give both or none"},
    {"dns: {servers: [\"127.0.0.1:5353\"], timeout: 2s, trusted: true}", ""},
    {"webhooks: []", ""},
    {"webhooks: [{url: \"https://crm.example:8443/a%20b?key=x&y\", events: [delivered, campaign], "
     "secret_file: s, format: native, keep: 2G}]",
     ""},
    {"webhooks: {url: \"http://[::1]:80/?x\"}", ""},
    {"webhooks: [{format: sendgrid}]",
     "2:12 webhooks.1.url is missing -> add url: https://crm.example/hook"},
    {"webhooks: [{url: \"http://crm.example/hook\"}]",
     "2:19 webhooks.1.url: addresses would go in clear -> write https://"},
    {"webhooks: [{url: \"http://127.0.0.1.crm.example?x\"}]",
     "2:19 webhooks.1.url: addresses would go in clear -> write https://"},
    {"webhooks: [{url: \"https://u:p@crm.example/\"}]",
     "2:19 webhooks.1.url: this is not the URL of a server -> write a URL like "
     "https://crm.example/hook"},
    {"webhooks: [{url: \"https://crm.example/#a\"}]",
     "2:19 webhooks.1.url: this is not the URL of a server -> write a URL like "
     "https://crm.example/hook"},
    {"webhooks: [{url: \"https://crm.example/a b\"}]",
     "2:19 webhooks.1.url: this is not the URL of a server -> write a URL like "
     "https://crm.example/hook"},
    {"webhooks: [{url: \"https://a.example\"}, {url: \"https://a.example\", format: sendgrid}]",
     "2:47 webhooks.2.url: another webhook has it -> take one of them out"},
    {"webhooks: [{url: \"https://a.example\", events: [deliverd, nonsense, queued]}]",
     "2:48 webhooks.1.events: there is no event \"deliverd\" -> did you mean delivered?\n"
     "2:58 webhooks.1.events: there is no event \"nonsense\" -> write some of: sending, delivered, "
     "deferred, bounced, suppressed, skipped, in_doubt, open, click, unsubscribe, complaint, "
     "conversion, campaign\n"
     "2:68 webhooks.1.events: queued is not available yet -> take it out"},
    {"webhooks: [{url: \"https://a.example\", format: sendgrid, events: [campaign]}]",
     "2:66 webhooks.1.events: format: sendgrid has no campaign -> take it out, or use format: "
     "native"},
    {"webhooks: [{url: \"https://a.example\", keep: 10}]",
     "2:45 webhooks.1.keep: \"10\" is less than 1m or 64K, or more than 365d -> write it like 7d, "
     "or 2G"},
    {"webhooks: [{url: \"https://a.example\", keep: soon}]",
     "2:45 webhooks.1.keep: \"soon\" is neither a duration nor a size -> write it like 7d, or 2G"},
    {"shaping: shaping.yaml", ""},
};

START_TEST(each_fault_is_told_with_its_line_and_remedy)
{
	char text[1000];
	snprintf(text, sizeof text, LEAST "%s\n", bad[_i].text);
	bool good = bad[_i].told && !*bad[_i].told;
	ck_assert_int_eq(parse(text), good ? 0 : PR_EINVAL);
	if (bad[_i].told)
		ck_assert_msg(strcmp(told(), bad[_i].told) == 0,
		              "\n  text: %s\n  told: %s\nwanted: %s", bad[_i].text, told(),
		              bad[_i].told);
	else /* the rest of the sentence is that of the address room */
		ck_assert_msg(problems.n == 1 && strstr(told(), "is not a host name"), "%s",
		              told());
}
END_TEST

static const struct {
	const char *text, *told;
} bad_routes[] = {
    {"timezone: UTC", "1:1 routes is missing -> add routes: {default: {via: relay, host: "
                      "127.0.0.1}}"},
    {"routes: {a: {host: x}}", "1:13 routes.a.via is missing -> add via: relay"},
    {"routes: {a: {via: relay}}",
     "1:10 routes.a.host is missing -> add host: 127.0.0.1, or the relay's name"},
    {"routes: {a: {via: maildir}}",
     "1:10 routes.a.path is missing -> add path: and the folder's name"},
    {"routes: {a: {via: relay, host: x, path: y}}",
     "1:41 routes.a.path does not belong to via: relay -> take it out"},
    {"routes: {a: {via: maildir, host: x, path: y}}",
     "1:34 routes.a.host does not belong to via: maildir -> take it out"},
    {"routes: {a: {via: mx, host: h}}",
     "1:29 routes.a.host does not belong to via: mx -> take it out"},
    {"routes: {a: {via: mx, tls: implicit}}",
     "1:28 routes.a.tls: mail exchangers have no implicit TLS -> use opportunistic, required or "
     "verified"},
    {"routes: {a: {via: esmtp, host: \"::1\", tls: implicit, sources: [127.0.0.1]}}",
     "1:33 routes.a.host: via: esmtp takes no IPv6 address -> write its name, or use via: relay\n"
     "1:44 routes.a.tls: via: esmtp cannot do TLS from the first octet -> use required or "
     "verified, "
     "or via: relay\n"
     "1:64 routes.a.sources: via: esmtp cannot choose its source address -> take it out, or use "
     "via: relay"},
    {"routes: {a: {via: maildir, path: y, tls: required, sources: [127.0.0.1]}}",
     "1:42 routes.a.tls does not belong to via: maildir -> take it out\n"
     "1:62 routes.a.sources: via: maildir cannot choose its source address -> take it out, or use "
     "via: relay"},
    {"routes: {a: {via: relay, host: 192.0.2.256}}",
     "1:32 routes.a.host: \"192.0.2.256\" is not a host name: a host name cannot be all digits -> "
     "write a host name like mta1.acme.example"},
    {"routes: {a: {via: mx, sources: [192.0.2, \"1::2::3\"]}}",
     "1:33 routes.a.sources: there is no source \"192.0.2\" -> write an IP address of this host, "
     "or "
     "a name of `sources`\n"
     "1:43 routes.a.sources: there is no source \"1::2::3\" -> write an IP address of this host, "
     "or "
     "a name of `sources`"},
    {"routes: {a: {via: mx, sources: [mta]}}",
     "1:33 routes.a.sources: there is no source \"mta\" -> write an IP address of this host, or a "
     "name of `sources`"},
    {"routes: {a: {via: sendgrid}}",
     "1:10 routes.a.key_file is missing -> add key_file: and the name of a file with the API key"},
    {"routes: {a: {via: mailgun, key_file: x, endpoint: \"https://u:p@x\"}}",
     "1:10 routes.a.domain is missing -> add domain: and the sending domain as Mailgun knows it\n"
     "1:52 routes.a.endpoint: \"https://u:p@x\" is not the address of a server -> write a URL like "
     "https://api.eu.mailgun.net"},
    {"routes: {a: {via: sendgrid, key_file: x, endpoint: \"http://x.example/\"}}",
     "1:53 routes.a.endpoint: the key and the mail would go in clear -> write https://"},
    {"routes: {a: {via: sendgrid, key_file: x, endpoint: \"http://127.0.0.1.x.example\"}}",
     "1:53 routes.a.endpoint: the key and the mail would go in clear -> write https://"},
    {"routes: {a: {via: sendgrid, key_file: x, domain: d.example, host: h}}",
     "1:50 routes.a.domain does not belong to via: sendgrid -> take it out\n"
     "1:67 routes.a.host does not belong to via: sendgrid -> take it out"},
    {"routes: {a: {via: relay, host: h, user: u}}",
     "1:41 routes.a.user and password_file belong together -> give both or none\n"
     "1:41 routes.a.user: the password would go over a connection that may be in clear -> set "
     "tls: verified, or auth_in_clear: true where the way is safe"},
    {"routes: {a: {via: smtp}}", "1:19 routes.a.via: \"smtp\" is not one of relay, maildir, mx, "
                                 "esmtp, sendgrid, mailgun -> did you mean esmtp?"},
    {"routes: {a: {via: relay, host: h, port: 0}}",
     "1:41 routes.a.port: 0 is out of range (1 to 65535) -> write a value from 1 to 65535"},
    {"routes: {}", "1:9 routes: there is none -> add one, like {default: {via: relay, host: "
                   "127.0.0.1}}"},
};

START_TEST(routes_need_what_their_kind_needs)
{
	ck_assert_int_eq(parse(bad_routes[_i].text), PR_EINVAL);
	ck_assert_msg(strcmp(told(), bad_routes[_i].told) == 0, "\n  told: %s\nwanted: %s", told(),
	              bad_routes[_i].told);
}
END_TEST

START_TEST(socket_path_must_fit_an_address)
{
	char text[300];
	snprintf(text, sizeof text, LEAST "socket: {path: /%0120d}", 1);
	ck_assert_int_eq(parse(text), PR_EINVAL);
	ck_assert_str_eq(told(),
	                 "2:16 socket.path is longer than 107 octets -> choose a shorter one");
}
END_TEST

START_TEST(webhook_says_what_it_wants_and_how_much_is_kept)
{
	ck_assert_msg(parse(LEAST "webhooks:\n"
	                          "- {url: \"https://a.example\"}\n"
	                          "- {url: \"https://b.example\", format: sendgrid, keep: 2G}\n"
	                          "- {url: \"https://c.example\", events: [sending, bounced], "
	                          "secret_file: hook}\n") == 0,
	              "%s", told());
	const struct pr_webhook *w = pr_config_webhooks(c);
	ck_assert_uint_eq(c->webhooks.n, 3);
	ck_assert(!(w[0].wanted & 1u << PR_SENDING) && (w[0].wanted & 1u << PR_IN_DOUBT) &&
	          (w[0].wanted & PR_WEBHOOK_CAMPAIGN));
	ck_assert_int_eq(w[0].keep.ms, 7 * PR_DAY_MS);
	ck_assert(w[1].wanted & 1u << PR_SKIPPED);
	ck_assert(!(w[1].wanted & (1u << PR_IN_DOUBT | PR_WEBHOOK_CAMPAIGN)));
	ck_assert_uint_eq(w[1].keep.octets, 2ull << 30);
	ck_assert_int_eq(w[1].keep.ms, 0);
	ck_assert_uint_eq(w[2].wanted, 1u << PR_SENDING | 1u << PR_BOUNCED);
	ck_assert_str_eq(w[2].secret_file.p, "/etc/postrider/hook");
}
END_TEST

START_TEST(reload_names_what_changed_and_what_needs_a_restart)
{
	struct pr_config_change changes[PR_CONFIG_CHANGES_MAX];
	ck_assert_int_eq(parse(LEAST "spool: /a\nready: 32M\nmetrics: {listen: \"127.0.0.1:1\"}"),
	                 0);
	struct pr_config *old = pr_config_ref(c);
	ck_assert_int_eq(parse("# other\nroutes:\n  default: {via: relay, host: 127.0.0.2}\n"
	                       "  b: {via: relay, host: h}\nspool: /b\nready: 64M\n"
	                       "metrics: {listen: \"127.0.0.1:2\"}\nretry: {jitter: 0.2}"),
	                 0);
	size_t n = pr_config_diff(old, c, changes);
	static const struct pr_config_change wanted[] = {
	    {"spool", true},         {"metrics.listen", true},       {"ready", false},
	    {"retry.jitter", false}, {"routes.default.host", false}, {"routes.b", false}};
	ck_assert_uint_eq(n, sizeof wanted / sizeof *wanted);
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(changes[i].key, wanted[i].key);
		ck_assert_int_eq(changes[i].restart, wanted[i].restart);
	}
	ck_assert_uint_eq(pr_config_diff(c, c, changes), 0);
	pr_config_unref(old);
}
END_TEST

START_TEST(what_needs_a_restart_is_kept_until_then)
{
	static struct pr_config_change changes[PR_CONFIG_CHANGES_MAX];
	ck_assert_int_eq(parse(LEAST "spool: /a\nsocket: {operators: ops}\nready: 16M\n"), 0);
	struct pr_config *old = pr_config_ref(c);
	ck_assert_int_eq(parse(LEAST "spool: /b\nstate: /c\nworkers: 3\nready: 64M\n"
	                             "socket: {path: /d, mode: \"0600\", group: g}\n"
	                             "metrics: {listen: \"127.0.0.1:2\"}\n"),
	                 0);
	unsigned wanted = 0;
	for (size_t i = pr_config_diff(old, c, changes); i-- > 0;)
		wanted += changes[i].restart;
	ck_assert_uint_eq(wanted, 8); /* one more? then it is to be kept as well */
	pr_config_keep(c, old);
	ck_assert_uint_eq(pr_config_diff(old, c, changes), 1);
	ck_assert_str_eq(changes[0].key, "ready");
	pr_config_unref(old);
	ck_assert_str_eq(c->spool.p, "/a");
	ck_assert_str_eq(c->socket.operators.p, "ops");
	ck_assert_ptr_null(c->socket.group.p);
}
END_TEST

START_TEST(files_are_found_through_links_and_told_when_missing)
{
	char folder[] = "/tmp/postrider-config-XXXXXX", path[100], link[100];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/real.yaml", folder);
	snprintf(link, sizeof link, "%s/postrider.yaml", folder);
	ck_assert_int_eq(pr_config_load(path, &problems, &c), PR_ENOENT);
	ck_assert_uint_eq(problems.problems, 1);
	FILE *f = fopen(path, "w");
	fputs(LEAST "spool: s\n", f);
	fclose(f);
	ck_assert_int_eq(symlink("real.yaml", link), 0);
	ck_assert_int_eq(pr_config_load(link, &problems, &c), 0);
	ck_assert(pr_str_starts(pr_text_str(&c->spool), folder));
	ck_assert(pr_str_ends(pr_text_str(&c->spool), "/s"));
	unlink(link);
	unlink(path);
	rmdir(folder);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {least_configuration_has_defaults_for_all},
	    {what_needs_a_restart_is_kept_until_then},
	    {values_and_relative_paths_are_read},
	    {each_fault_is_told_with_its_line_and_remedy, ROWS(bad)},
	    {routes_need_what_their_kind_needs, ROWS(bad_routes)},
	    {socket_path_must_fit_an_address},
	    {webhook_says_what_it_wants_and_how_much_is_kept},
	    {reload_names_what_changed_and_what_needs_a_restart},
	    {files_are_found_through_links_and_told_when_missing},
	};
	return suite_run("campaign_config", setup, teardown, tests, ROWS(tests));
}
