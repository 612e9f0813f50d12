/*
 * Sites: what lanes there are, and why one is slow. Counts only, so everybody may read; but
 * what a receiver said may quote an address, and only operators get its words.
 *
 * Those that fail come first, then those that have something to send.
 */
#include "internal.h"

#include "postrider/smtp.h"

#include <stdio.h>
#include <stdlib.h>

enum rank { RANK_FAILING, RANK_BUSY, RANK_OTHER, RANKS };

/* One look at all lanes, of which there may be very many: the first of each rank are kept. */
struct listing {
	const char *site; /* only those whose key holds it; NULL: all */
	uint64_t limit;
	struct pr_lane_view *found[RANKS];
	size_t n[RANKS];
	bool more; /* than the limit, of one rank */
};

static void
add_word(struct pr_buf *b, const char *before, const char *key, const char *text)
{
	pr_buf_addf(b, "%s\"%s\":", before, key);
	pr_buf_add_json(b, pr_str(text));
}

static void
add_offers(struct pr_buf *b, unsigned offers)
{
	const char *word, *comma = "";
	unsigned bit;
	pr_buf_adds(b, ",\"offers\":[");
	for (unsigned i = 0; (word = pr_smtp_extension(i, &bit)); i++) {
		if (!(offers & bit))
			continue;
		pr_buf_addf(b, "%s\"%s\"", comma, word);
		comma = ",";
	}
	pr_buf_addc(b, ']');
}

/* Of failures those types that occurred. */
static void
add_tls(struct pr_buf *b, const struct pr_routes_tls_counts *n)
{
	const char *comma = "";
	pr_buf_addf(b, ",\"tls\":{\"successes\":%llu,\"failures\":{",
	            (unsigned long long)n->successes);
	for (unsigned i = 0; i < PR_ROUTES_TLS_TYPES; i++) {
		if (!n->failures[i])
			continue;
		pr_buf_addf(b, "%s\"%s\":%llu", comma, pr_routes_tls_type(i),
		            (unsigned long long)n->failures[i]);
		comma = ",";
	}
	pr_buf_adds(b, "}}");
}

static void
on_limit(void *context, const struct pr_lane_limit *l)
{
	struct pr_buf *b = context;
	uint64_t n;
	add_word(b, b->data[b->len - 1] == '[' ? "{" : ",{", "what", l->what);
	if (pr_str_u64(pr_str(l->value), &n))
		pr_buf_addf(b, ",\"value\":%s", l->value);
	else if (*l->value)
		add_word(b, ",", "value", l->value);
	add_word(b, ",", "by", l->by);
	if (l->lifts_ms)
		pr_buf_addf(b, ",\"lifts_s\":%.3f", (double)l->lifts_ms / PR_SECOND_MS);
	pr_buf_addc(b, '}');
}

static void
add_lane(const struct request *q, struct pr_buf *b, const struct pr_lane_view *v)
{
	char code[16];
	snprintf(code, sizeof code, "%u", v->last_code);
	bool hide = v->last_code && !q->peer.is_operator;
	pr_buf_adds(b, b->data[b->len - 1] == '[' ? "{" : ",{");
	add_word(b, "", "route", v->route);
	add_word(b, ",", "site", v->site);
	add_word(b, ",", "source", v->source);
	add_word(b, ",", "provider", v->provider);
	pr_buf_addf(b,
	            ",\"connections\":%u,\"connections_max\":%u,\"busy\":%u,\"ready\":%u,"
	            "\"waiting\":%u,\"queued\":%u,\"rate\":%.2f,\"waits_s\":%.3f,\"failures\":%u",
	            v->connections, v->connections_max, v->busy, v->ready, v->waiting, v->queued,
	            v->rate, (double)v->retry_ms / PR_SECOND_MS, v->failures);
	add_word(b, ",", "last_reply", hide ? code : v->last_reply);
	add_word(b, ",", "limited_by", v->limited_by);
	add_offers(b, v->offers);
	add_tls(b, &v->tls);
	pr_buf_adds(b, ",\"limits\":[");
	pr_lane_limits(v, on_limit, b);
	pr_buf_adds(b, "]}");
}

static enum rank
rank_of(const struct pr_lane_view *v)
{
	if (v->failures)
		return RANK_FAILING;
	return v->busy || v->waiting || v->queued ? RANK_BUSY : RANK_OTHER;
}

static bool
on_lane(void *context, const struct pr_lane_view *v)
{
	struct listing *g = context;
	if (g->site && !strstr(v->site, g->site))
		return true;
	enum rank rank = rank_of(v);
	if (g->n[rank] < g->limit)
		g->found[rank][g->n[rank]++] = *v;
	else
		g->more = true;
	return true;
}

static void
add_lanes(const struct request *q, struct pr_buf *b, const struct listing *g)
{
	uint64_t n = 0;
	pr_buf_adds(b, "{\"sites\":[");
	for (int rank = 0; rank < RANKS; rank++)
		for (size_t i = 0; i < g->n[rank] && n < g->limit; i++, n++)
			add_lane(q, b, &g->found[rank][i]);
	bool more = g->more || g->n[RANK_FAILING] + g->n[RANK_BUSY] + g->n[RANK_OTHER] > n;
	pr_buf_addf(b, "],\"more\":%s}", more ? "true" : "false");
}

void
get_sites(struct request *q)
{
	struct pr_buf b = {0};
	struct listing g = {.site = request_argument(q, "site"), .limit = PAGE_MAX};
	if (!read_number(q, "limit", 1, PAGE_MAX, &g.limit))
		return;
	for (int rank = 0; rank < RANKS; rank++)
		g.found[rank] = pr_calloc(g.limit, sizeof *g.found[rank]);
	pr_delivery_each_lane(q->control->options.delivery, on_lane, &g);
	add_lanes(q, &b, &g);
	for (int rank = 0; rank < RANKS; rank++)
		free(g.found[rank]);
	request_json(q, &b);
}
