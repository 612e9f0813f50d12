/* What the table of `webhooks` cannot say: URLs, which events there are, that no two are one. */
#include "config_internal.h"

#include <stdio.h>

/* What events of an outcome are called is what states are; "campaign" stands for all verbs. Rows
 * are cancelled by a verb, all that are left at once. */
static const char *const words[] = {"sending",   "delivered",  "deferred", "bounced", "suppressed",
                                    "skipped",   "in_doubt",   "open",     "click",   "unsubscribe",
                                    "complaint", "conversion", "campaign", NULL};
static const char *const later[] = {"queued", NULL};

/* SendGrid's webhook has no word for these. */
#define NOT_SENDGRID                                                                               \
	(1u << PR_IN_DOUBT | PR_WEBHOOK_CAMPAIGN | PR_WEBHOOK_ENGAGED(PR_ENGAGEMENT_CONVERSION))

static bool
is_one_of(struct pr_str word, const char *const *list)
{
	while (*list && !pr_str_is(word, *list))
		list++;
	return *list != NULL;
}

static uint32_t
bit_of(struct pr_str word)
{
	enum pr_state state;
	if (!is_one_of(word, words))
		return 0;
	for (unsigned i = PR_ENGAGEMENT_OPEN; i < PR_ENGAGEMENT_KINDS; i++)
		if (pr_str_is(word, pr_engagement_word((enum pr_engagement_kind)i)))
			return PR_WEBHOOK_ENGAGED(i);
	return pr_state_parse(word, &state) ? 1u << state : PR_WEBHOOK_CAMPAIGN;
}

static int
unknown_event(struct pr_config *c, const struct pr_text *t, const char *where,
              struct pr_problems *problems)
{
	struct pr_buf remedy = {0};
	const char *near = pr_nearest(pr_text_str(t), words);
	pr_buf_adds(&remedy, near ? "did you mean " : "write some of:");
	if (near)
		pr_buf_addf(&remedy, "%s?", near);
	for (size_t i = 0; words[i] && !near; i++)
		pr_buf_addf(&remedy, "%s %s", i ? "," : "", words[i]);
	int r = pr_text_problem(problems, c->file, t, remedy.data,
	                        "%sevents: there is no event \"%s\"", where, t->p);
	pr_buf_finish(&remedy);
	return r;
}

static int
check_event(struct pr_config *c, struct pr_webhook *w, const struct pr_text *t, const char *where,
            struct pr_problems *problems)
{
	uint32_t bit = bit_of(pr_text_str(t));
	if (is_one_of(pr_text_str(t), later))
		return pr_text_problem(problems, c->file, t, "take it out",
		                       "%sevents: %s is not available yet", where, t->p);
	if (!bit)
		return unknown_event(c, t, where, problems);
	if (w->format == PR_WEBHOOK_SENDGRID && (bit & NOT_SENDGRID))
		return pr_text_problem(problems, c->file, t, "take it out, or use format: native",
		                       "%sevents: format: sendgrid has no %s", where, t->p);
	w->wanted |= bit;
	return 0;
}

static int
check_url(struct pr_config *c, const struct pr_webhook *w, const char *where,
          struct pr_problems *problems)
{
	const struct pr_text *t = &w->url;
	if (!t->p)
		return 0;
	for (const struct pr_webhook *other = pr_config_webhooks(c); other < w; other++)
		if (pr_str_eq(pr_text_str(&other->url), pr_text_str(t)))
			return pr_text_problem(problems, c->file, t, "take one of them out",
			                       "%surl: another webhook has it", where);
	switch (config_url_judge(pr_text_str(t), true)) {
	case CONFIG_URL_GOOD: return 0;
	case CONFIG_URL_IN_CLEAR:
		return pr_text_problem(problems, c->file, t, "write https://",
		                       "%surl: addresses would go in clear", where);
	case CONFIG_URL_BAD: break;
	}
	return pr_text_problem(problems, c->file, t, "write a URL like https://crm.example/hook",
	                       "%surl: this is not the URL of a server", where);
}

int
config_check_webhooks(struct pr_config *c, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < c->webhooks.n; i++) {
		struct pr_webhook *w = pr_config_webhooks(c) + i;
		char where[40];
		snprintf(where, sizeof where, "webhooks.%zu.", i + 1);
		r |= check_url(c, w, where, problems);
		for (size_t k = 0; k < w->events.n; k++)
			r |= check_event(c, w, &w->events.items[k], where, problems);
		if (w->events.n == 0)
			w->wanted = PR_WEBHOOK_ALL & ~(1u << PR_SENDING) &
			            ~(w->format == PR_WEBHOOK_SENDGRID ? NOT_SENDGRID : 0);
	}
	return r;
}
