/* Targets and connections of any kind: what is the same for all, then the kind's own. */
#include "internal.h"

#include "postrider/base/secret.h"
#include "postrider/shaping.h"

#include <stdlib.h>
#include <unistd.h>

static const struct pr_route_ops *
ops_of(const struct pr_route *route)
{
	switch (route->via) {
	case PR_VIA_RELAY: return &route_relay;
	case PR_VIA_MAILDIR: return &route_maildir;
	case PR_VIA_MX: return &route_mx;
	case PR_VIA_ESMTP: return &route_esmtp;
	case PR_VIA_SENDGRID: return &route_sendgrid;
	case PR_VIA_MAILGUN: return &route_mailgun;
	default: return NULL;
	}
}

static struct pr_str
where_of(const struct pr_route *route)
{
	switch (route->via) {
	case PR_VIA_MAILDIR: return pr_text_str(&route->path);
	case PR_VIA_SENDGRID:
	case PR_VIA_MAILGUN: return pr_text_str(&route->endpoint);
	default: return pr_text_str(&route->host);
	}
}

static const char *
user_of(const struct pr_route *route)
{
	return route->user.p ? route->user.p : route->domain.p;
}

static void
free_target(struct pr_route_target *t)
{
	free(t->where);
	free(t->user);
	pr_secret_free(t->password);
	free(t->tls_failures);
	free((char *)t->options.hostname);
	free(t);
}

static const char *
secret_file_of(const struct pr_route *route)
{
	return route->password_file.p ? route->password_file.p : route->key_file.p;
}

int
pr_route_secret_check(const struct pr_config *config, const struct pr_route *route,
                      struct pr_problems *problems)
{
	struct pr_secret_fault fault;
	const char *file = secret_file_of(route);
	char *secret = file ? pr_secret_read(file, geteuid(), &fault) : NULL;
	if (!file || secret) {
		pr_secret_free(secret);
		return 0;
	}
	const struct pr_text *at =
	    route->password_file.p ? &route->password_file : &route->key_file;
	return pr_text_problem(problems, config->file, at, fault.remedy, "%s", fault.error.text);
}

/* Whose the files are was judged with the configuration. */
static int
read_credentials(struct pr_route_target *t, const struct pr_route *route, struct pr_error *e)
{
	struct pr_secret_fault fault;
	const char *user = user_of(route), *file = secret_file_of(route);
	if (!file)
		return 0;
	t->user = user ? pr_strdup(user) : NULL;
	t->password = pr_secret_read(file, PR_SECRET_ANYBODY, &fault);
	return t->password ? 0 : pr_fail(e, PR_EINVAL, "%s: %s", fault.error.text, fault.remedy);
}

int
pr_target_source(struct pr_target_options *o, const struct pr_config *config, const char *source)
{
	const struct pr_source_address *s = pr_config_source(config, pr_str(source));
	int rc = pr_address_parse(s ? s->address.p : source, 0, &o->source);
	if (rc == 0 && s && s->hostname.p)
		o->hostname = s->hostname.p;
	return rc;
}

void
pr_target_shape(struct pr_target_options *o, const struct pr_shaping_policy *policy)
{
	static const enum pr_route_tls least[] = {
	    [PR_SHAPING_TLS_UNSET] = PR_ROUTE_TLS_NONE,
	    [PR_SHAPING_TLS_NONE] = PR_ROUTE_TLS_NONE,
	    [PR_SHAPING_TLS_OPPORTUNISTIC] = PR_ROUTE_TLS_OPPORTUNISTIC,
	    [PR_SHAPING_TLS_REQUIRED] = PR_ROUTE_TLS_REQUIRED,
	    [PR_SHAPING_TLS_VERIFIED] = PR_ROUTE_TLS_VERIFIED,
	};
	o->no_chunking = policy->chunking == PR_SHAPING_OFF;
	if (!o->tls)
		return;
	o->tls_least = (int)least[policy->tls];
	o->no_opportunistic = policy->tls == PR_SHAPING_TLS_NONE;
}

int
pr_target_open(pr_loop *loop, const struct pr_route *route, const struct pr_target_options *options,
               struct pr_route_target **out, struct pr_error *e)
{
	const struct pr_route_ops *ops = ops_of(route);
	if (!ops)
		return pr_fail(e, PR_EUNAVAILABLE, "this kind of route is not available yet");
	if (!options->tls && route->tls > PR_ROUTE_TLS_OPPORTUNISTIC)
		return pr_fail(e, PR_EINVAL, "the route asks for TLS, and there is none");
	struct pr_route_target *t = pr_calloc(1, ops->target_size);
	struct pr_str where = where_of(route);
	t->ops = ops;
	t->loop = loop;
	t->where = pr_strndup(where.p, where.n);
	t->port = (uint16_t)route->port;
	t->options = *options;
	t->options.hostname = pr_strdup(options->hostname ? options->hostname : "");
	t->tls = route->tls;
	t->most = (unsigned)route->connections;
	t->auth_in_clear = route->auth_in_clear;
	int rc = read_credentials(t, route, e);
	if (rc == 0)
		rc = ops->start(t, e);
	if (rc < 0)
		free_target(t);
	else
		*out = t;
	return rc;
}

void
pr_target_close(struct pr_route_target *t)
{
	if (!t)
		return;
	PR_ASSERT(t->connections == 0);
	t->ops->stop(t);
	free_target(t);
}

static bool
differs(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0);
}

/* The file may have got another first line: keys are rotated. */
static bool
secret_differs(const struct pr_route_target *t, const struct pr_route *route)
{
	const char *file = secret_file_of(route);
	char *now = file ? pr_secret_read(file, PR_SECRET_ANYBODY, NULL) : NULL;
	bool other = differs(t->password, now);
	pr_secret_free(now);
	return other;
}

bool
pr_target_differs(const struct pr_route_target *t, const struct pr_route *route,
                  const struct pr_target_options *options)
{
	struct pr_target_options a = t->options, b = *options;
	const char *hostname = b.hostname ? b.hostname : "";
	if (t->ops != ops_of(route) || !pr_str_eq(pr_str(t->where), where_of(route)) ||
	    t->port != (uint16_t)route->port || strcmp(a.hostname, hostname) != 0 ||
	    t->tls != route->tls || t->auth_in_clear != route->auth_in_clear ||
	    (t->ops == &route_esmtp && t->most != (unsigned)route->connections) ||
	    differs(t->user, user_of(route)) || secret_differs(t, route))
		return true;
	if (a.source.n != b.source.n || memcmp(&a.source.sa, &b.source.sa, a.source.n) != 0 ||
	    a.tls_least != b.tls_least || a.no_opportunistic != b.no_opportunistic ||
	    a.tls != b.tls || a.dns != b.dns)
		return true;
	return a.idle_ms != b.idle_ms || a.connect_timeout_ms != b.connect_timeout_ms ||
	       a.timeout_banner_ms != b.timeout_banner_ms ||
	       a.timeout_command_ms != b.timeout_command_ms ||
	       a.timeout_data_ms != b.timeout_data_ms || a.timeout_block_ms != b.timeout_block_ms ||
	       a.timeout_dot_ms != b.timeout_dot_ms;
}

unsigned
pr_target_offers(const struct pr_route_target *t)
{
	return t->offers;
}

void
pr_target_forgo(struct pr_route_target *t, bool chunking, bool lookahead)
{
	t->options.no_chunking |= chunking;
	t->options.no_lookahead |= lookahead;
}

void
pr_target_limit(struct pr_route_target *t, unsigned messages_max)
{
	t->options.messages_max = messages_max;
}

pr_connection *
pr_connection_open(struct pr_route_target *t, const struct pr_connection_events *events,
                   void *context)
{
	pr_connection *c = t->ops->create(t);
	c->target = t;
	c->events = *events;
	c->context = context;
	t->connections++;
	t->ops->begin(c);
	return c;
}

void
route_ended(pr_connection *c, const struct pr_smtp_result *r)
{
	c->target->connections--; /* the owner may close the target from within ended */
	c->events.ended(c->context, r);
}

void
pr_connection_wake(pr_connection *c)
{
	c->target->ops->wake(c);
}

void
pr_connection_quit(pr_connection *c)
{
	c->target->ops->quit(c);
}

void
pr_connection_abort(pr_connection *c, const char *why)
{
	c->target->ops->abort(c, why);
}

unsigned
pr_connection_accepted(const pr_connection *c)
{
	return c->target->ops->accepted(c);
}

const char *
pr_connection_peer(const pr_connection *c)
{
	return c->peer;
}
