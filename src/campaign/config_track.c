/* What the table of `track` cannot say: networks and hosts; and that tokens need a secret. */
#include "config_internal.h"

#include "postrider/campaign/address.h"
#include "postrider/net.h"

static int
check_proxy(struct pr_config *c, const struct pr_text *t, struct pr_problems *problems)
{
	struct pr_network n;
	if (!t->p || pr_network_parse(pr_text_str(t), &n) == 0)
		return 0;
	return pr_text_problem(problems, c->file, t, "write it like 127.0.0.1 or 10.0.0.0/8",
	                       "track.proxies: \"%s\" is not an IP address or network", t->p);
}

static int
check_host(struct pr_config *c, const char *key, struct pr_text *t, struct pr_problems *problems)
{
	char out[256];
	const char *why = "";
	if (!t->p)
		return 0;
	if (pr_domain_parse(pr_text_str(t), out, &why) < 0)
		return pr_text_problem(problems, c->file, t, "write a host name like shop.example",
		                       "track.%s: \"%s\" is not a host name: %s", key, t->p, why);
	t->n = strlen(out);
	t->p = pr_arena_strndup(&c->arena, out, t->n);
	return 0;
}

/* It goes into URLs as it is. */
static int
check_parameter(struct pr_config *c, struct pr_problems *problems)
{
	const struct pr_text *t = &c->track.shop_parameter;
	for (size_t i = 0; i < t->n; i++) {
		char l = pr_lower(t->p[i]);
		if ((l < 'a' || l > 'z') && !pr_is_digit(l) && l != '_' && l != '-')
			return pr_text_problem(problems, c->file, t,
			                       "use letters, digits, '_' or '-'",
			                       "track.shop_parameter: \"%s\" is no name of a "
			                       "parameter",
			                       t->p);
	}
	return 0;
}

int
config_check_track(struct pr_config *c, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < c->track.proxies.n; i++)
		r |= check_proxy(c, &c->track.proxies.items[i], problems);
	for (size_t i = 0; i < c->track.blocked.n; i++)
		r |= check_host(c, "blocked", &c->track.blocked.items[i], problems);
	for (size_t i = 0; i < c->track.shop_hosts.n; i++)
		r |= check_host(c, "shop_hosts", &c->track.shop_hosts.items[i], problems);
	r |= check_parameter(c, problems);
	r |= pr_conversion_keys_check(&c->conversions, c->file, problems);
	if (c->track.listen.host[0] && c->secrets.n == 0)
		r |=
		    pr_text_problem(problems, c->file, &c->track.listen_at,
		                    "add a key to `secrets`: openssl rand -base64 32",
		                    "track.listen needs `secrets`: without a key no token is ours");
	return r < 0 ? PR_EINVAL : 0;
}
