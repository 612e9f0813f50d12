/*
 * Rules: patterns of replies, compiled, and what each does.
 */
#include "internal.h"

#include <stdio.h>

/* ---- reading ---- */

struct making {
	struct check *k;
	const struct rule_entry *e;
	char where[32]; /* "rules.3." */
};

/* Keys beside the pattern, by action: bit 1 << enum action where it may stand. */
static void
check_keys(struct making *m)
{
	const struct rule_entry *e = m->e;
	const unsigned throttle = 1u << ACTION_THROTTLE, defer = 1u << ACTION_DEFER,
		       fewer = 1u << ACTION_FEWER_CONNECTIONS | 1u << ACTION_FEWER_MESSAGES;
	const struct {
		const char *key;
		const struct pr_text *at;
		unsigned actions;
	} keys[] = {
	    {"rate", &e->rate_at, throttle},
	    {"connection_rate", &e->connection_rate_at, throttle},
	    {"factor", &e->factor_at, throttle},
	    {"to", &e->to_at, fewer},
	    {"retry", &e->retry_at, defer},
	    {"for", &e->for_at, ~defer},
	    {"count", &e->count_at, ~defer},
	    {"within", &e->within_at, ~defer},
	};
	for (size_t i = 0; e->action && i < sizeof keys / sizeof *keys; i++)
		if (keys[i].at->line && !(keys[i].actions & 1u << e->action))
			shaping_tell(m->k, keys[i].at, "take it out",
			             "%s%s does not belong to action: %s", m->where, keys[i].key,
			             shaping_action_words[e->action]);
}

static void
check_action(struct making *m)
{
	const struct rule_entry *e = m->e;
	int ways = !!e->rate_at.line + !!e->connection_rate_at.line + !!e->factor_at.line;
	check_keys(m);
	if (e->action == ACTION_THROTTLE && ways != 1)
		shaping_tell(m->k, &e->action_at, "write for example rate: 10/m",
		             "%saction: throttle takes one of rate, connection_rate and factor",
		             m->where);
	if (e->action && e->action != ACTION_DEFER && !e->for_at.line)
		shaping_tell(m->k, &e->action_at, "add how long, like for: 1h", "%sfor is missing",
		             m->where);
}

static const struct pr_shaping_policy *
find_provider(struct making *m)
{
	const struct pr_text *name = &m->e->provider;
	const struct pr_shaping_policy *p =
	    name->p ? pr_shaping_policy(m->k->s, pr_text_str(name)) : NULL;
	if (name->p && !p)
		shaping_tell(m->k, name, "write one of providers, or take the key out for all",
		             "%sprovider: there is no provider \"%s\"", m->where, name->p);
	return p;
}

static void
compile_pattern(struct making *m, struct rule *r)
{
	struct pr_str pattern = pr_text_str(&m->e->reply);
	char why[PR_PATTERN_WHY_MAX];
	if (pattern.n > PR_SHAPING_PATTERN_MAX) {
		shaping_tell(m->k, &m->e->reply, "write a shorter one",
		             "%sreply: a pattern of %zu octets, at most %d may be", m->where,
		             pattern.n, PR_SHAPING_PATTERN_MAX);
		return;
	}
	r->pattern = pattern.p;
	r->compiled = pattern.n ? pr_pattern_compile(pattern, why) : NULL;
	if (pattern.n && !r->compiled)
		shaping_tell(m->k, &m->e->reply, "correct the pattern; \\. is a dot, \\[ a bracket",
		             "%sreply: %s", m->where, why);
	if (r->compiled && pr_pattern_matches_all(r->compiled))
		shaping_tell(m->k, &m->e->reply, "write what the reply says",
		             "%sreply: the pattern matches every reply", m->where);
}

static uint32_t
id_of(const struct rule_entry *e)
{
	struct pr_buf b = {0};
	pr_buf_addf(&b, "%s\n%s\n%d %u/%u %u/%u %g %lld", e->provider.p ? e->provider.p : "",
	            e->reply.p ? e->reply.p : "", e->action, e->rate.count, e->rate.period_ms,
	            e->connection_rate.count, e->connection_rate.period_ms, e->factor,
	            (long long)e->to);
	uint32_t id = (uint32_t)shaping_hash(pr_buf_str(&b));
	pr_buf_finish(&b);
	return id;
}

static void
make_rule(struct making *m, struct rule *r)
{
	const struct rule_entry *e = m->e;
	*r = (struct rule){.policy = find_provider(m),
	                   .id = id_of(e),
	                   .action = (enum action)e->action,
	                   .rate = e->rate,
	                   .connection_rate = e->connection_rate,
	                   .factor = e->factor,
	                   .to = (unsigned)e->to,
	                   .count = (unsigned)e->count,
	                   .within_ms = e->within,
	                   .for_ms = e->for_,
	                   .retry_ms = e->retry};
	r->who = shaping_who(m->k->s, &e->reply, e->provider.p ? e->provider.p : "default");
	check_action(m);
	compile_pattern(m, r);
}

void
shaping_make_rules(struct check *k)
{
	struct pr_shaping *s = k->s;
	const struct rule_entry *entries = s->file.rules.items;
	size_t n = s->file.rules.n;
	s->rules = pr_arena_zero(&s->arena, (n + 1) * sizeof *s->rules);
	for (; s->rules_n < n; s->rules_n++) {
		struct making m = {.k = k, .e = &entries[s->rules_n]};
		snprintf(m.where, sizeof m.where, "rules.%zu.", s->rules_n + 1);
		make_rule(&m, &s->rules[s->rules_n]);
	}
}

/* ---- matching ---- */

void
shaping_subject(const struct pr_shape_reply *reply, struct subject *out)
{
	const uint8_t *e = reply->enhanced;
	char *p = out->text;
	size_t n = (size_t)snprintf(p, sizeof out->text, "%d ", reply->code);
	if (e[0])
		n += (size_t)snprintf(p + n, sizeof out->text - n, "%u.%u.%u ", e[0], e[1], e[2]);
	size_t room = sizeof out->text - n;
	size_t take = reply->text.n < room ? reply->text.n : room;
	for (size_t i = 0; i < take; i++)
		p[n + i] = reply->text.p[i] == '\n' ? ' ' : reply->text.p[i];
	out->n = n + take;
}
