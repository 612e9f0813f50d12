/*
 * From a mail to what it means: first whose it is, by tokens; then what it says, by kind.
 *
 * Tokens are looked for in the octets as they are: whatever the parts and fields are called, a
 * token is an unbroken run of letters behind a mark that we put in front of it. A few hundred runs
 * are verified at most, at 0.2 us each.
 */
#include "postrider/feedback/meaning.h"

#include "postrider/campaign/address.h"

#define RUNS_MAX 200u
#define UNSUBSCRIBE PR_STR("unsubscribe")

const char *
pr_means_word(enum pr_means m)
{
	static const char *const words[PR_MEANS_KINDS] = {"unknown", "nothing",    "bounced",
	                                                  "arrived", "complained", "left"};
	return words[m];
}

/* ---- addresses of ours ---- */

static bool
split(struct pr_str address, struct pr_str *local, struct pr_str *domain)
{
	const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
	*local = at ? pr_str_n(address.p, (size_t)(at - address.p)) : address;
	*domain = at ? pr_str_n(at + 1, address.n - local->n - 1) : PR_STR("");
	return at != NULL;
}

static bool
is_bounce_domain(const struct pr_config *c, struct pr_str domain)
{
	const struct pr_brand *b = pr_config_brands(c);
	if (c->bounce.domain.p && pr_str_eq_nocase(domain, pr_text_str(&c->bounce.domain)))
		return true;
	for (size_t i = 0; i < c->brands.n; i++)
		if (b[i].bounce_domain.p &&
		    pr_str_eq_nocase(domain, pr_text_str(&b[i].bounce_domain)))
			return true;
	return false;
}

static bool
is_text(struct pr_str address, const struct pr_text *t)
{
	return t->p && pr_str_eq_nocase(address, pr_text_str(t));
}

static bool
is_unsubscribe(const struct pr_config *c, struct pr_str address)
{
	struct pr_str local, domain;
	bool plain = split(address, &local, &domain) && pr_str_eq_nocase(local, UNSUBSCRIBE);
	for (size_t i = 0; i < c->brands.n; i++) {
		const struct pr_brand *b = pr_config_brands(c) + i;
		if (is_text(address, &b->unsubscribe_mailto))
			return true;
		for (size_t k = 0; plain && !b->unsubscribe_mailto.p && k < b->from_domains.n; k++)
			if (is_text(domain, &b->from_domains.items[k]))
				return true;
	}
	return false;
}

static bool
is_role(const struct pr_config *c, struct pr_str local, struct pr_str domain)
{
	if (pr_str_eq_nocase(local, PR_STR("postmaster")))
		return domain.n == 0 || is_bounce_domain(c, domain);
	return pr_str_eq_nocase(local, PR_STR("abuse")) && is_bounce_domain(c, domain);
}

static bool
read_return_path(const struct pr_config *c, struct pr_str address, struct pr_token *out)
{
	struct pr_str local, domain;
	return c->tokens && split(address, &local, &domain) && is_bounce_domain(c, domain) &&
	       pr_str_starts_nocase(local, "bounce+") &&
	       pr_token_read_local(c->tokens, PR_TOKEN_BOUNCE, pr_str_n(local.p + 7, local.n - 7),
	                           out) == 0;
}

bool
pr_meaning_is_ours(const struct pr_config *c, struct pr_str address)
{
	struct pr_str local, domain;
	struct pr_token token;
	split(address, &local, &domain);
	return read_return_path(c, address, &token) || is_role(c, local, domain) ||
	       is_unsubscribe(c, address) || is_text(address, &c->bounce.complaints);
}

/* ---- tokens ---- */

struct search {
	const struct pr_config *config;
	struct pr_token token; /* kind 0: none found */
	bool has_return_path, may_leave;
	bool many; /* of different rows */
	unsigned runs;
};

static void
found(struct search *s, const struct pr_token *t)
{
	if (!s->token.kind)
		s->token = *t;
	else if (s->token.campaign != t->campaign || s->token.row != t->row)
		s->many = true;
	s->has_return_path |= t->kind == PR_TOKEN_BOUNCE;
	s->may_leave |= t->kind == PR_TOKEN_UNSUBSCRIBE;
}

typedef int read_token(const pr_tokens *keys, enum pr_token_kind kind, struct pr_str text,
                       struct pr_token *out);

static bool
is_of_token(char c)
{
	return pr_is_digit(c) || (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') || c == '-' || c == '_';
}

/* What stands behind each `mark`. */
static void
search_for(struct search *s, struct pr_str text, struct pr_str mark, enum pr_token_kind kind,
           read_token *read)
{
	while (text.n > mark.n && s->runs < RUNS_MAX) {
		const char *p = memmem(text.p, text.n, mark.p, mark.n);
		struct pr_token t;
		if (!p)
			return;
		text = pr_str_n(p + mark.n, text.n - (size_t)(p - text.p) - mark.n);
		size_t n = 0;
		while (n < text.n && n < PR_TOKEN_LOCAL_SIZE && is_of_token(text.p[n]))
			n++;
		s->runs++;
		if (read(s->config->tokens, kind, pr_str_n(text.p, n), &t) == 0)
			found(s, &t);
	}
}

static void
search_mail(struct search *s, struct pr_str mail)
{
	static const char *const subjects[] = {"unsubscribe ", "unsubscribe%20", "unsubscribe_",
	                                       "Unsubscribe "};
	search_for(s, mail, PR_STR("bounce+"), PR_TOKEN_BOUNCE, pr_token_read_local);
	search_for(s, mail, PR_STR("/u/"), PR_TOKEN_UNSUBSCRIBE, pr_token_read_url);
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
		search_for(s, mail, pr_str(subjects[i]), PR_TOKEN_UNSUBSCRIBE, pr_token_read_local);
}

/* Whom the envelope names counts for more than what stands in the mail, which may be anything. */
static struct search
search(const struct pr_config *c, struct pr_str mail, const struct pr_str *to, size_t n)
{
	struct search s = {.config = c};
	struct pr_token t;
	for (size_t i = 0; i < n; i++)
		if (read_return_path(c, to[i], &t))
			found(&s, &t);
	if (!s.token.kind && c->tokens)
		search_mail(&s, mail);
	return s;
}

/* ---- what it says ---- */

static void
review(struct pr_meaning *m, const char *why)
{
	m->means = PR_MEANS_UNKNOWN;
	m->why = why;
}

/* Which of those it reports is ours: the one that we wrote to, or the only one. Mail to one address
 * may be forwarded to many: that one of them failed does not mean that all did. */
static const struct pr_feedback_recipient *
choose(const struct pr_config *c, const struct pr_feedback *f, const struct pr_token *t)
{
	bool all = true;
	for (size_t i = 0; i < f->n; i++) {
		if (t->address &&
		    pr_token_address(c->tokens, t->key, f->recipients[i].address) == t->address)
			return &f->recipients[i];
		all &= f->recipients[i].failed;
	}
	return f->n == 1 || (f->n && all) ? &f->recipients[0] : NULL;
}

/* Other tokens of the message are not enough: whoever gets it forwarded has those, but the return
 * path stays with the servers. */
static void
read_report(const struct search *s, const struct pr_feedback *f, struct pr_meaning *m)
{
	const struct pr_feedback_recipient *r = choose(s->config, f, &m->token);
	if (!r || !s->has_return_path) {
		review(m, r ? "it does not come to a return path of ours"
		            : "it reports several recipients, and none is known");
		return;
	}
	m->recipient = *r;
	m->reporter = f->reporter;
	m->means = r->failed ? PR_MEANS_BOUNCED : PR_MEANS_ARRIVED;
}

/* Nobody complains; whose it is does not matter. */
static bool
asks_for_nothing(const struct pr_feedback *f)
{
	return f->kind == PR_FEEDBACK_AUTOREPLY ||
	       (f->kind == PR_FEEDBACK_ARF &&
	        (pr_str_eq_nocase(f->feedback_type, PR_STR("not-spam")) ||
	         pr_str_eq_nocase(f->feedback_type, PR_STR("auth-failure"))));
}

static void
read_complaint(const struct pr_feedback *f, struct pr_meaning *m)
{
	m->feedback_type = f->feedback_type;
	m->means =
	    pr_str_starts_nocase(f->feedback_type, "opt-out") ? PR_MEANS_LEFT : PR_MEANS_COMPLAINED;
}

static bool
is_for_unsubscribing(const struct pr_config *c, const struct pr_str *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_unsubscribe(c, to[i]))
			return true;
	return false;
}

/* A person wrote it: by the address, or by the subject that List-Unsubscribe gives. */
static void
read_letter(const struct search *s, const struct pr_str *to, size_t n, struct pr_meaning *m)
{
	if (!s->may_leave || (n && !is_for_unsubscribing(s->config, to, n))) {
		review(m, "it is no report");
		return;
	}
	m->means = PR_MEANS_LEFT;
	m->feedback_type = PR_STR("mail");
}

void
pr_meaning_read(const struct pr_config *config, struct pr_str mail, const struct pr_str *to,
                size_t n, struct pr_arena *arena, struct pr_meaning *out)
{
	struct pr_feedback f;
	struct search s = search(config, mail, to, n);
	pr_feedback_read(config->rules, mail, arena, &f);
	*out = (struct pr_meaning){.kind = f.kind, .why = "", .token = s.token};
	if (asks_for_nothing(&f))
		out->means = PR_MEANS_NOTHING;
	else if (s.many)
		review(out, "it names more than one of our messages");
	else if (!s.token.kind)
		review(out, "it names none of our messages");
	else if (f.kind == PR_FEEDBACK_DSN)
		read_report(&s, &f, out);
	else if (f.kind == PR_FEEDBACK_ARF)
		read_complaint(&f, out);
	else
		read_letter(&s, to, n, out);
}
