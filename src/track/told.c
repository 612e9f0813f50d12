/*
 * POST /e: what customers did, told by shops.
 *
 *   who tells   with our key or a signature by it: of anybody, anything
 *               with a shop's signature: an order of anybody
 *               with nothing but a token: of its own row only, of now, with an id, no refunds, no
 * more than track.token_amount, TOKEN_TIMES at once and one of them again each TOKEN_EVERY
 *
 * A token stands in the address of a page, where its person, and whoever looks over their shoulder,
 * can read it: what is told with it alone may flatter a campaign a little, never much, and says
 * nothing of anybody else. Answered when it is durable; 503 where that cannot be.
 */
#include "internal.h"

#include "postrider/conversions/sign.h"

#include <stdlib.h>

#define TOKEN_TIMES 20
#define FUTURE_MS PR_DAY_MS

static const struct pr_rate token_rate = {TOKEN_TIMES, 86400000};

static enum MHD_Result
answer(struct track_visit *v, unsigned status, const char *error)
{
	struct track_answer a = {.status = status, .json = true};
	pr_buf_adds(&a.body, "{\"error\":");
	pr_buf_add_json(&a.body, pr_str(error));
	pr_buf_addc(&a.body, '}');
	return visit_answer(v->web, v->connection, v->path, &a);
}

static const char *
header(const struct track_visit *v, const char *name)
{
	return MHD_lookup_connection_value(v->connection, MHD_HEADER_KIND, name);
}

/* ---- reading ---- */

static struct track_told *
told_create(struct track_ask *a)
{
	struct track_told *t = pr_calloc(1, sizeof *t);
	pr_arena_init(&t->arena);
	t->ask = a;
	a->told = t;
	return t;
}

void
told_free(struct track_told *t)
{
	if (!t)
		return;
	pr_arena_finish(&t->arena);
	free(t);
}

static const char *
read_own(struct track_visit *v, struct track_told *t, struct pr_str body)
{
	const char *type = header(v, "Content-Type");
	if ((type && strcasestr(type, "json")) || pr_str_starts(pr_str_trim(body), "{"))
		return pr_told_json(&t->arena, body, &t->told);
	return pr_told_form(&t->arena, body, &t->told);
}

/* 0: *why tells what is wrong with the body, or NULL; else a status, and *why for whom it is. */
static unsigned
read_shop(struct track_visit *v, struct track_told *t, struct pr_str body, const char **why)
{
	const struct pr_config *c = v->web->config;
	const char *parameter = c->track.shop_parameter.p;
	bool shopify = pr_str_is(v->rest, "shopify");
	const char *secret = shopify ? c->track.shopify_secret : c->track.woocommerce_secret;
	const char *signature =
	    header(v, shopify ? "X-Shopify-Hmac-Sha256" : "X-WC-Webhook-Signature");
	*why = "there is nothing here, or postrider.yaml has no secret of this shop";
	if (!secret || (!shopify && !pr_str_is(v->rest, "woocommerce")))
		return MHD_HTTP_NOT_FOUND;
	bool ping = !shopify && pr_str_starts(body, "webhook_id="); /* which is not signed */
	*why = "the signature is not the shop's";
	if (!ping && !pr_signed_base64(secret, signature, body))
		return MHD_HTTP_UNAUTHORIZED;
	t->keyed = true;
	*why = shopify ? pr_told_shopify(&t->arena, header(v, "X-Shopify-Topic"), parameter, body,
	                                 &t->told)
	               : pr_told_woocommerce(&t->arena, header(v, "X-WC-Webhook-Topic"), parameter,
	                                     body, &t->told);
	return 0;
}

/* ---- what a token alone may say ---- */

static const char *
token_says_too_much(const struct pr_config *c, const struct pr_told *t)
{
	int64_t micros = 0;
	if (t->has_who)
		return "an email needs the key: Authorization: Bearer KEY, or a signature";
	if (t->has_time || pr_str_is(t->name, PR_EVENT_REFUND))
		return "times and refunds need the key";
	if (t->id.n == 0)
		return "without the key an id is needed, so that it counts once";
	if (t->amount.n && pr_amount_parse(t->amount, &micros) &&
	    micros > c->track.token_amount * PR_MICROS)
		return "the amount is more than a token alone may say (track.token_amount)";
	return NULL;
}

static bool
token_is_fast(struct track_visit *v, const struct pr_token *t)
{
	struct web *w = v->web;
	uint64_t who = pr_mix64((uint64_t)t->campaign << 32 | t->row) | 1;
	return !track_rate_take_burst(w->tellers, token_rate, PR_DAY_MS * 1000, who, w->now_us);
}

/* ---- on its way ---- */

static enum MHD_Result
done_at_once(struct track_visit *v)
{
	struct track_answer a = {.status = MHD_HTTP_OK, .json = true};
	pr_buf_adds(&a.body, "{\"ok\":true,\"ignored\":true}");
	return visit_answer(v->web, v->connection, v->path, &a);
}

static void
make_order(struct track_visit *v, struct track_told *t)
{
	const struct pr_told *told = &t->told;
	t->event = (struct pr_customer_event){
	    .address = told->has_who ? pr_str_n(told->who.address, told->who.n) : PR_STR(""),
	    .name = told->name,
	    .item = told->item,
	    .id = told->id,
	    .amount = told->amount,
	    .currency = told->currency,
	    .at_ms = told->has_time ? told->at_ms : v->web->utc_ms};
	t->order = (struct pr_order){.events = &t->event, .n = 1, .tokens = &t->token};
}

static enum MHD_Result
send_order(struct track_visit *v, struct track_ask *a, struct track_told *t)
{
	const struct pr_told *told = &t->told;
	const pr_tokens *keys = v->web->config->tokens;
	bool known = told->token.n && keys &&
	             pr_token_read_url(keys, PR_TOKEN_EVENT, told->token, &t->token) == 0;
	if (!known)
		t->token = (struct pr_token){0};
	if (!known && !told->has_who)
		return answer(v, MHD_HTTP_FORBIDDEN, "the token is none of ours");
	if (known && t->token.row == 0) /* a proof's */
		return done_at_once(v);
	if (!t->keyed && token_is_fast(v, &t->token))
		return answer(v, MHD_HTTP_TOO_MANY_REQUESTS, "too much with one token");
	if (told->has_time && told->at_ms > v->web->utc_ms + FUTURE_MS)
		return answer(v, MHD_HTTP_BAD_REQUEST, "time: it lies in the future");
	if (visit_is_crowded(v))
		return answer(v, MHD_HTTP_SERVICE_UNAVAILABLE, "later, please");
	make_order(v, t);
	a->path = v->path;
	ask_send(a);
	return MHD_YES;
}

/* Who has the key may be as fast as it likes; everybody else, also who has a wrong one, may not. */
static bool
has_key(struct track_visit *v, struct pr_str body, bool *wrong)
{
	const char *key = v->web->config->track.events_key;
	const char *bearer = header(v, "Authorization"),
		   *signed_ = header(v, "Postrider-Signature");
	bool good =
	    pr_bears(key, bearer) || pr_signed_timed(key, signed_, body, v->web->utc_ms / 1000);
	*wrong = !good && (bearer || signed_);
	return good;
}

enum MHD_Result
visit_told(struct track_visit *v, struct track_ask *a)
{
	const char *why = NULL;
	bool wrong = false;
	struct pr_str body = pr_buf_str(&a->body);
	struct track_told *t = told_create(a);
	if (a->body_full)
		return answer(v, MHD_HTTP_CONTENT_TOO_LARGE, "more than an event");
	if (v->rest.n) {
		unsigned status = read_shop(v, t, body, &why);
		if (status && !visit_is_fast_enough(v))
			return answer(v, MHD_HTTP_TOO_MANY_REQUESTS, "too fast");
		if (status)
			return answer(v, status, why);
	} else {
		t->keyed = has_key(v, body, &wrong);
		if (!t->keyed && !visit_is_fast_enough(v))
			return answer(v, MHD_HTTP_TOO_MANY_REQUESTS, "too fast");
		if (wrong)
			return answer(v, MHD_HTTP_UNAUTHORIZED, "the key or signature is not ours");
		why = read_own(v, t, body);
	}
	if (why)
		return answer(v, MHD_HTTP_BAD_REQUEST, why);
	if (t->told.ignored)
		return done_at_once(v);
	if (!t->keyed && (why = token_says_too_much(v->web->config, &t->told)))
		return answer(v, MHD_HTTP_FORBIDDEN, why);
	return send_order(v, a, t);
}

/* ---- on the loop ---- */

static void
on_ordered(struct pr_order *o, int result, const struct pr_error *e)
{
	struct track_told *t = PR_CONTAINER(o, struct track_told, order);
	struct track_answer *a = &t->ask->answer;
	(void)e; /* nothing of it is the teller's business but that it may be told again */
	a->json = true;
	a->status = result == 0           ? MHD_HTTP_OK
	            : result == PR_ENOENT ? MHD_HTTP_NOT_FOUND
	            : result == PR_ELIMIT ? MHD_HTTP_BAD_REQUEST
	                                  : MHD_HTTP_SERVICE_UNAVAILABLE;
	if (result == PR_ENOENT)
		pr_buf_adds(&a->body, "{\"error\":\"the token's campaign is gone\"}");
	else if (result == PR_ELIMIT)
		pr_buf_adds(&a->body, "{\"error\":\"there are too many names of events\"}");
	else if (result < 0)
		pr_buf_adds(&a->body, "{\"error\":\"later, please\"}");
	else if (t->keyed)
		pr_buf_addf(&a->body, "{\"ok\":true,\"new\":%s,\"credited\":%s}",
		            o->added ? "true" : "false", o->credited ? "true" : "false");
	else
		pr_buf_adds(&a->body, "{\"ok\":true}");
	ask_go_home(t->ask);
}

void
told_order(struct track_ask *a)
{
	struct track_told *t = a->told;
	t->order.done = on_ordered;
	pr_conversions_order(a->track->options.conversions, &t->order);
}
