/* `conversions` and `cost`: what the keys mean, and what the ledger keeps of them. */
#include "postrider/campaign/conversions.h"

#include "postrider/audience/contacts.h"
#include "postrider/base/buf.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"
#include "postrider/ledger.h"

#include <stdio.h>

#define WINDOW_DEFAULT (7 * PR_DAY_MS)
#define AT(member) offsetof(struct pr_conversion_keys, member)

static const char *const words[] = {"", "click", "open", "delivery", NULL};

/* clang-format off */
static const struct pr_yaml_row rows[] = {
	{.key = "window", .type = PR_YAML_DURATION, .min = PR_MINUTE_MS, .max = 90.0 * PR_DAY_MS,
	 .example = "7d", .offset = AT(window_ms)},
	{.key = "events", .type = PR_YAML_LIST, .flags = PR_YAML_ONE_LINE,
	 .max = PR_CONVERSION_EVENTS_MAX, .example = "[order]", .offset = AT(events)},
	{.key = "after", .type = PR_YAML_ENUM, .words = words, .example = "click",
	 .offset = AT(after)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_conversion_schema = {.rows = rows,
                                                    .size = sizeof(struct pr_conversion_keys)};

const char *
pr_cost_parse(struct pr_str text, void *field)
{
	struct pr_money m;
	if (!pr_money_parse(text, &m))
		return "is not an amount and a currency";
	if (m.micros < 0)
		return "is less than nothing";
	*(struct pr_money *)field = m;
	return NULL;
}

int
pr_conversion_keys_check(const struct pr_conversion_keys *k, const char *file,
                         struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < k->events.n; i++) {
		const struct pr_text *t = &k->events.items[i];
		if (t->p && !pr_list_name_is_good(pr_text_str(t)))
			r = pr_text_problem(
			    problems, file, t, "use letters, digits, '-', '_' or '.', at most 64",
			    "conversions.events: \"%s\" is no name of an event", t->p);
	}
	return r;
}

/* ---- what holds ---- */

static void
add_event(struct pr_conversion_rule *r, struct pr_str name)
{
	if (r->events_n < PR_CONVERSION_EVENTS_MAX && pr_list_name_is_good(name))
		snprintf(r->events[r->events_n++], sizeof r->events[0], "%.*s", (int)name.n,
		         name.p);
}

/* Where the nearer one says nothing. */
static void
add(struct pr_conversion_rule *r, const struct pr_conversion_keys *k)
{
	r->window_ms = r->window_ms ? r->window_ms : k->window_ms;
	r->after = r->after ? r->after : (enum pr_touch_kind)k->after;
	for (size_t i = 0, had = r->events_n; i < k->events.n && had == 0; i++)
		add_event(r, pr_text_str(&k->events.items[i]));
}

void
pr_conversion_rule_of(const struct pr_manifest *m, const struct pr_config *config,
                      struct pr_conversion_rule *out)
{
	static const struct pr_conversion_keys last = {.window_ms = WINDOW_DEFAULT,
	                                               .after = PR_TOUCH_CLICK};
	*out = (struct pr_conversion_rule){0};
	if (m)
		add(out, &m->conversions);
	add(out, &config->conversions);
	add(out, &last);
	if (out->events_n == 0)
		add_event(out, PR_STR("order"));
}

bool
pr_conversion_counts(const struct pr_conversion_rule *r, struct pr_str event)
{
	for (unsigned i = 0; i < r->events_n; i++)
		if (pr_str_is(event, r->events[i]))
			return true;
	return false;
}

/* ---- as a line ---- */

void
pr_conversion_rule_text(const struct pr_conversion_rule *r, struct pr_buf *out)
{
	pr_buf_addf(out, "%lld %s ", (long long)r->window_ms, words[r->after]);
	for (unsigned i = 0; i < r->events_n; i++)
		pr_buf_addf(out, "%s%s", i ? "," : "", r->events[i]);
}

static struct pr_str
take_until(struct pr_str *rest, char end)
{
	const char *at = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct pr_str piece = pr_str_n(rest->p, at ? (size_t)(at - rest->p) : rest->n);
	size_t n = piece.n + (at != NULL);
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return piece;
}

bool
pr_conversion_rule_read(struct pr_str text, struct pr_conversion_rule *out)
{
	struct pr_conversion_rule r = {0};
	uint64_t window;
	struct pr_str number = take_until(&text, ' '), after = take_until(&text, ' ');
	if (!pr_str_u64(number, &window) || window == 0 || window > (uint64_t)(3650 * PR_DAY_MS))
		return false;
	r.window_ms = (int64_t)window;
	for (int i = PR_TOUCH_CLICK; i < PR_TOUCHES; i++)
		if (pr_str_is(after, words[i]))
			r.after = (enum pr_touch_kind)i;
	while (text.n)
		add_event(&r, take_until(&text, ','));
	if (r.after == PR_TOUCH_UNSAID || r.events_n == 0)
		return false;
	*out = r;
	return true;
}

/* ---- in the ledger ---- */

static int
keep_money(pr_ledger *l, const char *key, const struct pr_money *m, struct pr_error *e)
{
	char amount[PR_AMOUNT_SIZE], text[40];
	if (!m->currency[0])
		return 0;
	snprintf(text, sizeof text, "%s %s", pr_amount_format(m->micros, amount), m->currency);
	return pr_ledger_set(l, key, pr_str(text), e);
}

int
pr_conversions_keep(pr_ledger *l, const struct pr_manifest *m, const struct pr_config *config,
                    struct pr_error *e)
{
	struct pr_conversion_rule rule;
	struct pr_buf text = {0};
	pr_conversion_rule_of(m, config, &rule);
	pr_conversion_rule_text(&rule, &text);
	int r = pr_ledger_set(l, "conversions", pr_buf_str(&text), e);
	pr_buf_finish(&text);
	if (r == 0)
		r = keep_money(l, "cost", &m->cost, e);
	return r < 0 ? r : keep_money(l, "cost_per_message", &m->cost_per_message, e);
}
