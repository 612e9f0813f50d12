/*
 * The options of postrider.yaml. Each is described beside its default in
 * conf/postrider.yaml; a test compares the two. Options of formats that this version does
 * not have yet are rows too: they are refused by name, never ignored.
 */
#include "config_internal.h"

#include <arpa/inet.h>

#define AT(member) offsetof(struct pr_config, member)
#define LINE PR_YAML_ONE_LINE
#define NAME (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)

#define DAYS(n) ((n) * (double)PR_DAY_MS)
#define KIB 1024.0
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* "0660": three or four octal digits; read and write for the owner must be among them. */
static const char *
parse_mode(struct pr_str text, void *field)
{
	mode_t mode = 0;
	if (text.n < 3 || text.n > 4)
		return "is not a mode";
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '7')
			return "is not a mode";
		mode = mode << 3 | (mode_t)(text.p[i] - '0');
	}
	if (mode > 0777 || (mode & 0600) != 0600)
		return "does not let the daemon itself use the socket, or has special bits";
	*(mode_t *)field = mode;
	return NULL;
}

/* "127.0.0.1:9725", "[::1]:9725". */
static const char *
parse_listen(struct pr_str text, void *field)
{
	struct pr_endpoint found = {0};
	unsigned char address[16];
	uint64_t port;
	struct pr_str s = pr_str_trim(text);
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
	if (!colon)
		return "is not an address and a port";
	struct pr_str host = pr_str_n(s.p, (size_t)(colon - s.p));
	bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	if (brackets)
		host = pr_str_n(host.p + 1, host.n - 2);
	if (!pr_str_u64(pr_str_n(colon + 1, s.n - (size_t)(colon + 1 - s.p)), &port) ||
	    port > 65535 || port == 0)
		return "has no port from 1 to 65535";
	if (host.n == 0 || host.n > 63)
		return "is not an IP address and a port";
	memcpy(found.host, host.p, host.n);
	if (inet_pton(brackets ? AF_INET6 : AF_INET, found.host, address) != 1)
		return "is not an IP address and a port";
	found.port = (uint16_t)port;
	*(struct pr_endpoint *)field = found;
	return NULL;
}

static const char *
parse_rate(struct pr_str text, void *field)
{
	return pr_parse_rate(pr_str_trim(text), field) ? NULL : "is not a rate";
}

/* "7d", "2G": so long, or so much. */
static const char *
parse_keep(struct pr_str text, void *field)
{
	struct pr_keep keep = {0};
	struct pr_str s = pr_str_trim(text);
	bool long_ = pr_parse_duration(s, &keep.ms);
	if (!long_ && !pr_parse_size(s, &keep.octets))
		return "is neither a duration nor a size";
	if (long_ ? keep.ms < PR_MINUTE_MS || keep.ms > (int64_t)DAYS(365)
	          : keep.octets < (uint64_t)(64 * KIB))
		return "is less than 1m or 64K, or more than 365d";
	*(struct pr_keep *)field = keep;
	return NULL;
}

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const vias[] = {"",      "relay",    "maildir", "mx",
                                   "esmtp", "sendgrid", "mailgun", NULL};
static const char *const tls_modes[] = {"none",     "opportunistic", "required",
                                        "verified", "implicit",      NULL};
static const char *const preflights[] = {"off", "warn", "refuse", NULL};
static const char *const webhook_formats[] = {"native", "sendgrid", NULL};
static const char *const doubts[] = {"", "resend", "hold", NULL};

/* clang-format off */
static const struct pr_yaml_row socket_rows[] = {
	{.key = "path", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .fallback = "/run/postrider/postrider.sock", .offset = AT(socket.path)},
	{.key = "mode", .type = PR_YAML_PARSED, .parse = parse_mode, .size = sizeof(mode_t),
	 .flags = PR_YAML_RESTART, .fallback = "0660", .example = "\"0660\"",
	 .offset = AT(socket.mode)},
	{.key = "group", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .offset = AT(socket.group)},
	{.key = "operators", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .offset = AT(socket.operators)},
	{0},
};
static const struct pr_yaml_row metrics_rows[] = {
	{.key = "listen", .type = PR_YAML_PARSED, .parse = parse_listen,
	 .size = sizeof(struct pr_endpoint), .flags = PR_YAML_RESTART,
	 .example = "\"127.0.0.1:9725\"", .offset = AT(metrics.listen)},
	{0},
};
static const struct pr_yaml_row track_rows[] = {
	{.key = "url", .type = PR_YAML_TEXT, .flags = NAME, .example = "https://t.acme.example",
	 .offset = AT(track.url)},
	{.key = "listen", .type = PR_YAML_PARSED, .parse = parse_listen,
	 .size = sizeof(struct pr_endpoint), .flags = PR_YAML_RESTART,
	 .example = "\"127.0.0.1:8025\"", .at = AT(track.listen_at), .offset = AT(track.listen)},
	{.key = "proxies", .type = PR_YAML_LIST, .flags = LINE, .max = 1000,
	 .example = "[127.0.0.1]", .offset = AT(track.proxies)},
	{.key = "rate", .type = PR_YAML_RATE, .fallback = "100/s", .offset = AT(track.rate)},
	{.key = "connections", .type = PR_YAML_INT, .flags = PR_YAML_RESTART, .min = 10,
	 .max = 10000, .fallback = "1000", .offset = AT(track.connections)},
	{.key = "blocked", .type = PR_YAML_LIST, .flags = LINE, .max = 1000,
	 .example = "[shop.example]", .offset = AT(track.blocked)},
	{.key = "honeypot", .type = PR_YAML_BOOL, .fallback = "false",
	 .offset = AT(track.honeypot)},
	{.key = "events_key_file", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = AT(track.events_key_file)},
	{.key = "shopify_secret_file", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = AT(track.shopify_secret_file)},
	{.key = "woocommerce_secret_file", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = AT(track.woocommerce_secret_file)},
	{.key = "token_amount", .type = PR_YAML_INT, .min = 0, .max = 1e9, .fallback = "1000",
	 .offset = AT(track.token_amount)},
	{.key = "shop_hosts", .type = PR_YAML_LIST, .flags = LINE, .max = 100,
	 .example = "[shop.example]", .offset = AT(track.shop_hosts)},
	{.key = "shop_parameter", .type = PR_YAML_TEXT, .flags = NAME, .fallback = "pr_token",
	 .offset = AT(track.shop_parameter)},
	{0},
};
static const struct pr_yaml_row log_rows[] = {
	{.key = "level", .type = PR_YAML_ENUM, .words = log_levels, .fallback = "info",
	 .offset = AT(log.level)},
	{.key = "format", .type = PR_YAML_ENUM, .words = log_formats, .fallback = "text",
	 .offset = AT(log.format)},
	{0},
};
static const struct pr_yaml_row retention_rows[] = {
	{.key = "done", .type = PR_YAML_DURATION, .min = PR_MINUTE_MS, .max = DAYS(36500),
	 .fallback = "90d", .offset = AT(retention.done)},
	{.key = "rejected", .type = PR_YAML_DURATION, .min = PR_MINUTE_MS, .max = DAYS(36500),
	 .fallback = "30d", .offset = AT(retention.rejected)},
	{.key = "events", .type = PR_YAML_DURATION, .min = PR_MINUTE_MS, .max = DAYS(36500),
	 .fallback = "400d", .offset = AT(retention.events)},
	{.key = "tokens", .type = PR_YAML_DURATION, .min = PR_MINUTE_MS, .max = DAYS(36500),
	 .fallback = "400d", .offset = AT(retention.tokens)},
	{0},
};
static const struct pr_yaml_row in_doubt_rows[] = {
	{.key = "marketing", .type = PR_YAML_ENUM, .words = doubts, .fallback = "resend",
	 .offset = AT(in_doubt.marketing)},
	{.key = "transactional", .type = PR_YAML_ENUM, .words = doubts, .fallback = "resend",
	 .offset = AT(in_doubt.transactional)},
	{0},
};
static const struct pr_yaml_row retry_rows[] = {
	{.key = "first", .type = PR_YAML_DURATION, .min = 1, .max = DAYS(7), .fallback = "20m",
	 .offset = AT(retry.first)},
	{.key = "factor", .type = PR_YAML_FLOAT, .min = 1, .max = 10, .fallback = "2",
	 .offset = AT(retry.factor)},
	{.key = "jitter", .type = PR_YAML_FLOAT, .min = 0, .max = 0.5, .fallback = "0.1",
	 .offset = AT(retry.jitter)},
	{.key = "max", .type = PR_YAML_DURATION, .min = 1, .max = DAYS(7), .fallback = "6h",
	 .at = AT(retry.max_at), .offset = AT(retry.max)},
	{.key = "give_up", .type = PR_YAML_DURATION, .min = 1, .max = DAYS(30),
	 .fallback = "72h", .at = AT(retry.give_up_at), .offset = AT(retry.give_up)},
	{0},
};

#define ROUTE(member) offsetof(struct pr_route, member)
static const struct pr_yaml_row route_rows[] = {
	{.key = "via", .type = PR_YAML_ENUM, .flags = PR_YAML_REQUIRED, .words = vias,
	 .example = "relay", .offset = ROUTE(via)},
	{.key = "host", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(host)},
	{.key = "port", .type = PR_YAML_INT, .min = 1, .max = 65535, .fallback = "25",
	 .offset = ROUTE(port)},
	{.key = "tls", .type = PR_YAML_ENUM, .words = tls_modes, .fallback = "none",
	 .at = ROUTE(tls_at), .offset = ROUTE(tls)},
	{.key = "connections", .type = PR_YAML_INT, .min = 1, .max = 10000, .fallback = "20",
	 .offset = ROUTE(connections)},
	{.key = "path", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(path)},
	{.key = "sources", .type = PR_YAML_LIST, .flags = LINE, .max = 1000,
	 .offset = ROUTE(sources)},
	{.key = "user", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(user)},
	{.key = "password_file", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = ROUTE(password_file)},
	{.key = "auth_in_clear", .type = PR_YAML_BOOL, .fallback = "false",
	 .offset = ROUTE(auth_in_clear)},
	{.key = "key_file", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(key_file)},
	{.key = "endpoint", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(endpoint)},
	{.key = "domain", .type = PR_YAML_TEXT, .flags = NAME, .offset = ROUTE(domain)},
	{0},
};

#define SOURCE(member) offsetof(struct pr_source_address, member)
static const struct pr_yaml_row source_rows[] = {
	{.key = "address", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "192.0.2.10", .offset = SOURCE(address)},
	{.key = "hostname", .type = PR_YAML_TEXT, .flags = NAME, .offset = SOURCE(hostname)},
	{.key = "weight", .type = PR_YAML_INT, .min = 1, .max = 1000, .fallback = "1",
	 .offset = SOURCE(weight)},
	{.key = "warm_up", .type = PR_YAML_TEXT, .flags = NAME, .offset = SOURCE(warm_up)},
	{.key = "since", .type = PR_YAML_TEXT, .flags = NAME, .example = "2026-11-01",
	 .offset = SOURCE(since)},
	{0},
};

#define DKIM(member) offsetof(struct pr_dkim_key, member)
static const struct pr_yaml_row dkim_rows[] = {
	{.key = "domain", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "acme.example", .offset = DKIM(domain)},
	{.key = "selector", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "s1", .offset = DKIM(selector)},
	{.key = "key_file", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "/etc/postrider/s1.pem", .offset = DKIM(key_file)},
	{0},
};

#define SECRET(member) offsetof(struct pr_token_secret, member)
static const struct pr_yaml_row secret_rows[] = {
	{.key = "id", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED, .example = "a",
	 .offset = SECRET(id)},
	{.key = "file", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "/etc/postrider/token.key", .offset = SECRET(file)},
	{0},
};

static const struct pr_yaml_row dns_rows[] = {
	{.key = "servers", .type = PR_YAML_LIST, .flags = LINE, .max = 8,
	 .offset = AT(dns.servers)},
	{.key = "timeout", .type = PR_YAML_DURATION, .min = 100, .max = PR_MINUTE_MS,
	 .fallback = "5s", .offset = AT(dns.timeout)},
	{.key = "trusted", .type = PR_YAML_BOOL, .fallback = "false", .offset = AT(dns.trusted)},
	{0},
};
static const struct pr_yaml_row tls_rows[] = {
	{.key = "ca_file", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART, .offset = AT(tls.ca_file)},
	{.key = "mta_sts", .type = PR_YAML_BOOL, .fallback = "true", .offset = AT(tls.mta_sts)},
	{0},
};

static const struct pr_yaml_row bounce_tls_rows[] = {
	{.key = "cert_file", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .offset = AT(bounce.cert_file)},
	{.key = "key_file", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .offset = AT(bounce.key_file)},
	{0},
};
static const struct pr_yaml_schema bounce_tls_schema = {.rows = bounce_tls_rows};
static const struct pr_yaml_row bounce_rows[] = {
	{.key = "listen", .type = PR_YAML_PARSED, .parse = parse_listen,
	 .size = sizeof(struct pr_endpoint), .flags = PR_YAML_RESTART,
	 .example = "\"127.0.0.1:2525\"", .offset = AT(bounce.listen)},
	{.key = "domain", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(bounce.domain)},
	{.key = "complaints", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = AT(bounce.complaints)},
	{.key = "maildir", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(bounce.maildir)},
	{.key = "size", .type = PR_YAML_SIZE, .min = 64 * KIB, .max = 64 * MIB, .fallback = "4M",
	 .offset = AT(bounce.size)},
	{.key = "rate", .type = PR_YAML_PARSED, .parse = parse_rate,
	 .size = sizeof(struct pr_rate), .fallback = "200/s", .example = "200/s",
	 .offset = AT(bounce.rate)},
	{.key = "peer_rate", .type = PR_YAML_PARSED, .parse = parse_rate,
	 .size = sizeof(struct pr_rate), .fallback = "50/s", .example = "50/s",
	 .offset = AT(bounce.peer_rate)},
	{.key = "connections", .type = PR_YAML_INT, .min = 1, .max = 10000, .fallback = "100",
	 .offset = AT(bounce.connections)},
	{.key = "tls", .type = PR_YAML_SECTION, .schema = &bounce_tls_schema},
	{0},
};
static const struct pr_yaml_row policy_rows[] = {
	{.key = "soft", .type = PR_YAML_INT, .min = 0, .max = 1000, .fallback = "5",
	 .offset = AT(policy.soft)},
	{.key = "campaigns", .type = PR_YAML_INT, .min = 1, .max = 1000, .fallback = "3",
	 .offset = AT(policy.campaigns)},
	{.key = "span", .type = PR_YAML_DURATION, .min = 0, .max = DAYS(3650), .fallback = "15d",
	 .offset = AT(policy.span)},
	{.key = "full", .type = PR_YAML_DURATION, .min = 0, .max = DAYS(3650), .fallback = "30d",
	 .offset = AT(policy.full)},
	{0},
};

#define BRAND(member) offsetof(struct pr_brand, member)
static const struct pr_yaml_row brand_rows[] = {
	{.key = "from_domains", .type = PR_YAML_LIST, .flags = LINE,
	 .offset = BRAND(from_domains)},
	{.key = "bounce_domain", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = BRAND(bounce_domain)},
	{.key = "unsubscribe_mailto", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = BRAND(unsubscribe_mailto)},
	{.key = "postal_address", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY,
	 .offset = BRAND(postal_address)},
	{.key = "language", .type = PR_YAML_TEXT, .flags = NAME, .offset = BRAND(language)},
	{.key = "track_url", .type = PR_YAML_TEXT, .flags = NAME, .example = "https://t.acme.example",
	 .offset = BRAND(track_url)},
	{.key = "law", .type = PR_YAML_LIST, .flags = LINE, .max = 4, .offset = BRAND(law)},
	{.key = "stop_loss", .type = PR_YAML_SECTION, .schema = &pr_stop_loss_schema,
	 .offset = BRAND(stop_loss)},
	{0},
};

#define WEBHOOK(member) offsetof(struct pr_webhook, member)
static const struct pr_yaml_row webhook_rows[] = {
	{.key = "url", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_REQUIRED,
	 .example = "https://crm.example/hook", .offset = WEBHOOK(url)},
	{.key = "events", .type = PR_YAML_LIST, .flags = LINE, .max = 32,
	 .offset = WEBHOOK(events)},
	{.key = "secret_file", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = WEBHOOK(secret_file)},
	{.key = "format", .type = PR_YAML_ENUM, .words = webhook_formats, .fallback = "native",
	 .offset = WEBHOOK(format)},
	{.key = "keep", .type = PR_YAML_PARSED, .parse = parse_keep, .size = sizeof(struct pr_keep),
	 .fallback = "7d", .example = "7d, or 2G", .offset = WEBHOOK(keep)},
	{0},
};

/* Sections keep their members at offsets of the whole: their own offset is 0. */
#define IN_PLACE(rows_) {.rows = rows_}
static const struct pr_yaml_schema socket_schema = IN_PLACE(socket_rows);
static const struct pr_yaml_schema metrics_schema = IN_PLACE(metrics_rows);
static const struct pr_yaml_schema track_schema = IN_PLACE(track_rows);
static const struct pr_yaml_schema log_schema = IN_PLACE(log_rows);
static const struct pr_yaml_schema retention_schema = IN_PLACE(retention_rows);
static const struct pr_yaml_schema in_doubt_schema = IN_PLACE(in_doubt_rows);
static const struct pr_yaml_schema retry_schema = IN_PLACE(retry_rows);
static const struct pr_yaml_schema route_schema = {
	.rows = route_rows, .size = sizeof(struct pr_route), .name_offset = ROUTE(name),
};
static const struct pr_yaml_schema source_schema = {
	.rows = source_rows, .size = sizeof(struct pr_source_address), .name_offset = SOURCE(name),
};
static const struct pr_yaml_schema dkim_schema = {
	.rows = dkim_rows, .size = sizeof(struct pr_dkim_key),
};
static const struct pr_yaml_schema secret_schema = {
	.rows = secret_rows, .size = sizeof(struct pr_token_secret),
};
static const struct pr_yaml_schema dns_schema = IN_PLACE(dns_rows);
static const struct pr_yaml_schema tls_schema = IN_PLACE(tls_rows);
static const struct pr_yaml_schema bounce_schema = IN_PLACE(bounce_rows);
static const struct pr_yaml_schema policy_schema = IN_PLACE(policy_rows);
static const struct pr_yaml_schema brand_schema = {
	.rows = brand_rows, .size = sizeof(struct pr_brand), .name_offset = BRAND(name),
};
static const struct pr_yaml_schema webhook_schema = {
	.rows = webhook_rows, .size = sizeof(struct pr_webhook),
};

static const struct pr_yaml_row rows[] = {
	{.key = "hostname", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(hostname)},
	{.key = "timezone", .type = PR_YAML_TEXT, .flags = NAME, .fallback = "UTC",
	 .offset = AT(timezone)},
	{.key = "quiet", .type = PR_YAML_PARSED, .parse = pr_quiet_parse,
	 .size = sizeof(struct pr_quiet), .example = "\"21:00-08:00\"", .offset = AT(quiet)},
	{.key = "holidays", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(holidays)},
	{.key = "spool", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .fallback = "/var/spool/postrider", .offset = AT(spool)},
	{.key = "state", .type = PR_YAML_TEXT, .flags = NAME | PR_YAML_RESTART,
	 .fallback = "/var/lib/postrider", .offset = AT(state)},
	{.key = "socket", .type = PR_YAML_SECTION, .schema = &socket_schema},
	{.key = "metrics", .type = PR_YAML_SECTION, .schema = &metrics_schema},
	{.key = "workers", .type = PR_YAML_INT, .flags = PR_YAML_RESTART, .min = 0, .max = 256,
	 .fallback = "0", .offset = AT(workers)},
	{.key = "ready", .type = PR_YAML_SIZE, .min = MIB, .max = 64 * GIB, .fallback = "32M",
	 .offset = AT(ready)},
	{.key = "max_connections", .type = PR_YAML_INT, .min = 1, .max = 100000,
	 .fallback = "2000", .offset = AT(max_connections)},
	{.key = "log", .type = PR_YAML_SECTION, .schema = &log_schema},
	{.key = "min_free", .type = PR_YAML_SIZE, .fallback = "2G", .offset = AT(min_free)},
	{.key = "settle", .type = PR_YAML_DURATION, .min = 0, .max = PR_DAY_MS, .fallback = "15s",
	 .offset = AT(settle)},
	{.key = "keep_source", .type = PR_YAML_BOOL, .fallback = "false",
	 .offset = AT(keep_source)},
	{.key = "retention", .type = PR_YAML_SECTION, .schema = &retention_schema},
	{.key = "in_doubt", .type = PR_YAML_SECTION, .schema = &in_doubt_schema},
	{.key = "retry", .type = PR_YAML_SECTION, .schema = &retry_schema},
	{.key = "routes", .type = PR_YAML_NAMED, .flags = PR_YAML_REQUIRED,
	 .schema = &route_schema, .example = "{default: {via: relay, host: 127.0.0.1}}",
	 .offset = AT(routes)},
	{.key = "sources", .type = PR_YAML_NAMED, .schema = &source_schema,
	 .offset = AT(sources)},
	{.key = "brands", .type = PR_YAML_NAMED, .schema = &brand_schema, .offset = AT(brands)},
	{.key = "segments", .type = PR_YAML_PAIRS, .flags = LINE, .max = 1000,
	 .offset = AT(segments)},
	{.key = "dns", .type = PR_YAML_SECTION, .schema = &dns_schema},
	{.key = "tls", .type = PR_YAML_SECTION, .schema = &tls_schema},
	{.key = "dkim", .type = PR_YAML_SECTIONS, .schema = &dkim_schema, .max = 1000,
	 .offset = AT(dkim)},
	{.key = "shaping", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(shaping)},
	{.key = "preflight", .type = PR_YAML_ENUM, .words = preflights, .fallback = "warn",
	 .offset = AT(preflight)},
	{.key = "stop_loss", .type = PR_YAML_SECTION, .schema = &pr_stop_loss_schema,
	 .offset = AT(stop_loss)},
	{.key = "caps", .type = PR_YAML_SECTIONS, .schema = &pr_cap_schema, .max = PR_CAPS_MAX,
	 .offset = AT(caps)},
	{.key = "secrets", .type = PR_YAML_SECTIONS, .schema = &secret_schema, .max = 36,
	 .offset = AT(secrets)},
	{.key = "track", .type = PR_YAML_SECTION, .schema = &track_schema},
	{.key = "conversions", .type = PR_YAML_SECTION, .schema = &pr_conversion_schema,
	 .offset = AT(conversions)},
	{.key = "bounce", .type = PR_YAML_SECTION, .schema = &bounce_schema},
	{.key = "bounces", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(bounces)},
	{.key = "policy", .type = PR_YAML_SECTION, .schema = &policy_schema},
	{.key = "webhooks", .type = PR_YAML_SECTIONS, .schema = &webhook_schema,
	 .max = PR_WEBHOOKS_MAX, .offset = AT(webhooks)},
	{0},
};
/* clang-format on */

const struct pr_yaml_schema pr_config_schema = {.rows = rows, .size = sizeof(struct pr_config)};
