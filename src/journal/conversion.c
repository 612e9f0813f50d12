/* The detail of a conversion: "EVENT MICROS CURRENCY ORDER", MICROS and CURRENCY "-" where there is
 * no amount; the order's id is the rest of the line and may be empty. */
#include "postrider/journal/conversion.h"

#include <stdlib.h>

#define REFUND 1 /* in `evidence`, which says nothing else of this kind */

static struct pr_str
take_word(struct pr_str *rest)
{
	const char *end = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
	struct pr_str word = pr_str_n(rest->p, end ? (size_t)(end - rest->p) : rest->n);
	size_t n = word.n + (end != NULL);
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return word;
}

void
pr_conversion_encode(const struct pr_conversion *c, struct pr_buf *payload)
{
	struct pr_buf detail = {0};
	size_t event_n =
	    c->event.n < PR_CONVERSION_EVENT_MAX ? c->event.n : PR_CONVERSION_EVENT_MAX;
	size_t order_n =
	    c->order.n < PR_CONVERSION_ORDER_MAX ? c->order.n : PR_CONVERSION_ORDER_MAX;
	pr_buf_add(&detail, c->event.p, event_n);
	if (c->amount.currency[0])
		pr_buf_addf(&detail, " %lld %s ", (long long)c->amount.micros, c->amount.currency);
	else
		pr_buf_adds(&detail, " - - ");
	pr_buf_add(&detail, c->order.p, order_n);
	const struct pr_engagement g = {.kind = PR_ENGAGEMENT_CONVERSION,
	                                .evidence = c->refund ? REFUND : 0,
	                                .link = c->link,
	                                .visitor = c->key,
	                                .detail = pr_buf_str(&detail)};
	pr_engagement_encode(&g, payload);
	pr_buf_finish(&detail);
}

/* As encode writes it, no further than that: the digits of an int64. */
static bool
read_micros(struct pr_str s, int64_t *out)
{
	uint64_t n;
	bool minus = s.n && s.p[0] == '-';
	if (minus)
		s = pr_str_n(s.p + 1, s.n - 1);
	if (!pr_str_u64(s, &n) || n > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

int
pr_conversion_decode(const struct pr_engagement *g, struct pr_conversion *c)
{
	struct pr_str rest = g->detail;
	struct pr_conversion n = {
	    .key = g->visitor, .link = g->link, .refund = g->evidence & REFUND};
	n.event = take_word(&rest);
	struct pr_str micros = take_word(&rest), currency = take_word(&rest);
	n.order = rest;
	if (g->kind != PR_ENGAGEMENT_CONVERSION || n.event.n == 0 ||
	    n.event.n > PR_CONVERSION_EVENT_MAX || n.order.n > PR_CONVERSION_ORDER_MAX)
		return PR_ECORRUPT;
	bool none = pr_str_is(micros, "-") && pr_str_is(currency, "-");
	if (!none && (!read_micros(micros, &n.amount.micros) ||
	              !pr_currency_parse(currency, n.amount.currency)))
		return PR_ECORRUPT;
	*c = n;
	return 0;
}
