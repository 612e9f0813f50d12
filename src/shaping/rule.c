/*
 * Rules: patterns of replies, compiled, and what each does. Patterns are the operator's, replies
 * are strangers': a match that would cost much is none (PCRE2's limits), and there is no JIT,
 * since the service forbids memory that is writable and executable.
 */
#include "internal.h"

#include <stdio.h>

#define MATCH_STEPS_MAX 10000
#define MATCH_DEPTH_MAX 250
#define MATCH_HEAP_MAX_KIB 256

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

static pcre2_code *
compile(struct making *m, struct pr_str pattern)
{
	int error = 0;
	size_t at = 0;
	PCRE2_UCHAR8 why[120] = "";
	pcre2_code *code =
	    pcre2_compile((PCRE2_SPTR8)pattern.p, pattern.n,
	                  PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_UTF, &error, &at, NULL);
	if (code)
		return code;
	pcre2_get_error_message(error, why, sizeof why);
	shaping_tell(m->k, &m->e->reply, "correct the pattern; \\. is a dot, \\[ a bracket",
	             "%sreply: at its character %zu: %s", m->where, at + 1, (const char *)why);
	return NULL;
}

/* A pattern that nothing already answers matches whatever is said. */
static bool
matches_nothing(struct check *k, const struct rule *r)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	PR_ASSERT(data);
	bool found = rule_matches(k->s, r, &(struct subject){.n = 0}, data);
	pcre2_match_data_free(data);
	return found;
}

static void
compile_pattern(struct making *m, struct rule *r)
{
	struct pr_str pattern = pr_text_str(&m->e->reply);
	if (pattern.n > PR_SHAPING_PATTERN_MAX) {
		shaping_tell(m->k, &m->e->reply, "write a shorter one",
		             "%sreply: a pattern of %zu octets, at most %d may be", m->where,
		             pattern.n, PR_SHAPING_PATTERN_MAX);
		return;
	}
	r->pattern = pattern.p;
	r->code = pattern.n ? compile(m, pattern) : NULL;
	if (r->code && matches_nothing(m->k, r))
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

static pcre2_match_context *
make_limits(void)
{
	pcre2_match_context *c = pcre2_match_context_create(NULL);
	PR_ASSERT(c);
	pcre2_set_match_limit(c, MATCH_STEPS_MAX);
	pcre2_set_depth_limit(c, MATCH_DEPTH_MAX);
	pcre2_set_heap_limit(c, MATCH_HEAP_MAX_KIB);
	return c;
}

void
shaping_make_rules(struct check *k)
{
	struct pr_shaping *s = k->s;
	const struct rule_entry *entries = s->file.rules.items;
	size_t n = s->file.rules.n;
	s->limits = make_limits();
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

bool
rule_matches(const struct pr_shaping *s, const struct rule *r, const struct subject *subject,
             pcre2_match_data *data)
{
	return pcre2_match(r->code, (PCRE2_SPTR8)subject->text, subject->n, 0, 0, data,
	                   s->limits) >= 0;
}
