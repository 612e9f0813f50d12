/*
 * One request: what it asks for, what of it is recorded, the answer. Pixel and links are answered
 * at once; pages have to wait for somebody who knows the campaign (ask.c).
 */
#include "internal.h"

#include "postrider/campaign/address.h"
#include "postrider/message/link.h"

#define AWAY_MAX 256u /* asks that wait for the loop or the lane */
#define RETRY_AFTER "60"

#define CSP_PAGE                                                                                   \
	"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "     \
	"frame-ancestors 'none'"
/* What a campaign's author wrote: no scripts, no forms, no frames; nothing of this host's. */
#define CSP_MESSAGE                                                                                \
	"default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline' http: https:; " \
	"font-src http: https: data:; media-src http: https:; form-action 'none'; "                \
	"base-uri 'none'; frame-ancestors 'none'; "                                                \
	"sandbox allow-popups allow-popups-to-escape-sandbox "                                     \
	"allow-top-navigation-by-user-activation"

/* ---- who asks ---- */

static const char *
header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* There may be several: the last hop's is behind the others. */
static enum MHD_Result
add_forwarded(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct pr_buf *all = context;
	(void)kind;
	if (value && pr_str_eq_nocase(pr_str(name), PR_STR("X-Forwarded-For"))) {
		pr_buf_addc(all, ',');
		pr_buf_adds(all, value);
	}
	return MHD_YES;
}

static uint64_t
visitor_of(struct web *w, struct MHD_Connection *c)
{
	unsigned char address[16];
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	pr_buf_clear(&w->forwarded);
	if (w->proxies.n)
		MHD_get_connection_values(c, MHD_HEADER_KIND, add_forwarded, &w->forwarded);
	track_client(&w->proxies, info->client_addr, pr_buf_str(&w->forwarded), address);
	return track_visitor(w->key, address);
}

void
visit_begin(struct track_visit *v, struct web *w, struct MHD_Connection *c, const char *url,
            bool head)
{
	const struct track_headers h = {.user_agent = header(c, "User-Agent"),
	                                .accept_language = header(c, "Accept-Language"),
	                                .purpose = header(c, "Purpose"),
	                                .sec_purpose = header(c, "Sec-Purpose"),
	                                .head = head};
	*v = (struct track_visit){.web = w, .connection = c, .head = head};
	v->path = track_target(url, &v->rest);
	v->visitor = visitor_of(w, c);
	v->evidence = track_evidence(&h);
	v->device = (uint8_t)track_device(h.user_agent);
	v->language = track_language_asked(h.accept_language);
}

/* ---- answers ---- */

static void
add(struct MHD_Response *r, const char *name, const char *value)
{
	MHD_add_response_header(r, name, value);
}

static enum MHD_Result
queue_answer(struct web *w, struct MHD_Connection *c, enum pr_track_path path, unsigned status,
             struct MHD_Response *r)
{
	enum MHD_Result result = MHD_queue_response(c, status, r);
	track_count(w->track, path, status);
	MHD_destroy_response(r);
	return result;
}

static void
add_html_headers(struct MHD_Response *r, bool message)
{
	add(r, "Content-Type", "text/html; charset=utf-8");
	add(r, "Content-Security-Policy", message ? CSP_MESSAGE : CSP_PAGE);
	add(r, "X-Content-Type-Options", "nosniff");
	add(r, "Referrer-Policy", "no-referrer");
}

enum MHD_Result
visit_answer(struct web *w, struct MHD_Connection *c, enum pr_track_path path,
             struct track_answer *a)
{
	struct MHD_Response *r =
	    MHD_create_response_from_buffer(a->body.len, a->body.data, MHD_RESPMEM_MUST_COPY);
	pr_buf_finish(&a->body);
	if (!r)
		return MHD_NO;
	if (a->json) {
		add(r, "Content-Type", "application/json");
		add(r, "Access-Control-Allow-Origin", "*"); /* a shop's page, with its token */
	}
	if (a->html)
		add_html_headers(r, a->message);
	if (a->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		add(r, "Retry-After", RETRY_AFTER);
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		add(r, "Allow", "GET, HEAD, POST");
	add(r, "Cache-Control", "no-store, private");
	add(r, "X-Robots-Tag", "noindex");
	return queue_answer(w, c, path, a->status, r);
}

void
visit_page_answer(struct track_answer *a, unsigned status, enum track_page page,
                  enum track_language l)
{
	a->status = status;
	a->html = true;
	track_add_page(&a->body, page, l, NULL, false);
}

enum MHD_Result
visit_page(struct track_visit *v, unsigned status, enum track_page page)
{
	struct track_answer a = {0};
	visit_page_answer(&a, status, page, v->language);
	return visit_answer(v->web, v->connection, v->path, &a);
}

static enum MHD_Result
not_found(struct track_visit *v)
{
	return visit_page(v, MHD_HTTP_NOT_FOUND, TRACK_PAGE_NOT_FOUND);
}

/* ---- what is recorded ---- */

/* Proxies of mail services act for everybody, and say who they are. */
static bool
is_crowd(struct track_visit *v, struct track_row row)
{
	struct web *w = v->web;
	const struct track_row *earlier;
	size_t n;
	if (v->evidence & (PR_EVIDENCE_APPLE_PROXY | PR_EVIDENCE_GOOGLE_PROXY))
		return false;
	bool many = track_crowd_add(w->crowd, v->visitor, row, (uint32_t)(w->now_us / 1000000),
	                            &earlier, &n);
	const struct pr_engagement g = {.kind = PR_ENGAGEMENT_EVIDENCE,
	                                .evidence = PR_EVIDENCE_MANY,
	                                .visitor = v->visitor,
	                                .detail = PR_STR("")};
	for (size_t i = 0; i < n; i++)
		track_queue_add(&w->track->queue, earlier[i], w->utc_ms, &g);
	return many;
}

/* A HEAD counts as nothing; it tells something of whoever made it. */
static void
record(struct track_visit *v, const struct pr_token *t, enum pr_engagement_kind kind,
       struct pr_str detail)
{
	struct track_row row = {t->campaign, t->row};
	struct pr_engagement g = {.kind = (uint8_t)(v->head ? PR_ENGAGEMENT_EVIDENCE : kind),
	                          .device = v->device,
	                          .evidence = v->evidence,
	                          .link = t->link,
	                          .visitor = v->visitor,
	                          .detail = detail};
	if (row.row == 0) /* a proof's */
		return;
	if (is_crowd(v, row))
		g.evidence |= PR_EVIDENCE_MANY;
	track_queue_add(&v->web->track->queue, row, v->web->utc_ms, &g);
}

/* ---- pixel ---- */

static enum MHD_Result
get_pixel(struct track_visit *v, bool fast)
{
	struct web *w = v->web;
	struct pr_token t;
	const pr_tokens *keys = w->config->tokens;
	bool wanted = fast || (v->evidence & (PR_EVIDENCE_APPLE_PROXY | PR_EVIDENCE_GOOGLE_PROXY));
	if (keys && wanted && pr_token_read_url(keys, PR_TOKEN_OPEN, v->rest, &t) == 0 &&
	    !track_untracked_has(w->untracked, t.key, t.address))
		record(v, &t, PR_ENGAGEMENT_OPEN, PR_STR(""));
	track_count(w->track, PR_TRACK_OPEN, MHD_HTTP_OK);
	return MHD_queue_response(v->connection, MHD_HTTP_OK, w->gif);
}

/* ---- links ---- */

static bool
is_under(struct pr_str host, const struct pr_texts *hosts)
{
	for (size_t i = 0; i < hosts->n; i++)
		if (pr_domain_under(host, pr_text_str(&hosts->items[i])))
			return true;
	return false;
}

static enum MHD_Result
redirect(struct track_visit *v, struct pr_str url) /* ended by NUL */
{
	struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!r)
		return MHD_NO;
	add(r, "Location", url.p);
	add(r, "Cache-Control", "no-store, private");
	add(r, "Referrer-Policy", "no-referrer-when-downgrade");
	add(r, "X-Robots-Tag", "noindex");
	return queue_answer(v->web, v->connection, v->path, MHD_HTTP_FOUND, r);
}

/* Behind the other parameters, before the fragment: so that the shop knows who came, and can tell
 * what came of it (told.c). */
static void
add_token(const struct track_visit *v, const struct pr_token *t, struct pr_buf *location)
{
	const struct pr_config *c = v->web->config;
	const struct pr_token event = {
	    .kind = PR_TOKEN_EVENT, .campaign = t->campaign, .row = t->row};
	char token[PR_TOKEN_URL_SIZE];
	pr_token_url(c->tokens, &event, token);
	const char *fragment = memchr(location->data, '#', location->len);
	struct pr_buf rest = {0};
	if (fragment) {
		pr_buf_adds(&rest, fragment);
		location->len = (size_t)(fragment - location->data);
		location->data[location->len] = 0;
	}
	pr_buf_addf(location, "%c%s=%s", strchr(location->data, '?') ? '&' : '?',
	            c->track.shop_parameter.p, token);
	pr_buf_add_str(location, pr_buf_str(&rest));
	pr_buf_finish(&rest);
}

static enum MHD_Result
follow(struct track_visit *v, const struct pr_token *t, struct pr_str url)
{
	if (!pr_link_is_sound(url))
		return not_found(v);
	if (is_under(track_host_of(url), &v->web->config->track.blocked))
		return visit_page(v, MHD_HTTP_GONE, TRACK_PAGE_GONE);
	record(v, t, PR_ENGAGEMENT_CLICK, url);
	pr_buf_clear(&v->web->location);
	pr_buf_add_str(&v->web->location, url);
	if (t->row && is_under(track_host_of(url), &v->web->config->track.shop_hosts))
		add_token(v, t, &v->web->location);
	return redirect(v, pr_buf_str(&v->web->location));
}

/* A link that nobody can see: it leads nowhere. */
static enum MHD_Result
get_honeypot(struct track_visit *v, struct pr_token *t)
{
	v->evidence |= PR_EVIDENCE_HONEYPOT;
	if (v->web->config->track.honeypot)
		record(v, t, PR_ENGAGEMENT_EVIDENCE, PR_STR(""));
	return not_found(v);
}

static enum MHD_Result
get_link(struct track_visit *v)
{
	struct web *w = v->web;
	struct pr_token t;
	struct pr_str url;
	struct pr_error e;
	pr_buf_clear(&w->destination);
	if (!w->config->tokens ||
	    pr_click_read(w->config->tokens, v->rest, &t, &w->destination) < 0)
		return not_found(v);
	if (t.link == PR_LINK_HONEYPOT)
		return get_honeypot(v, &t);
	int r = 0;
	if (t.link)
		r = track_link(w->links, t.campaign, t.link, &url, &e);
	else
		url = pr_buf_str(&w->destination);
	if (r < 0 && r != PR_ENOENT)
		return visit_page(v, MHD_HTTP_SERVICE_UNAVAILABLE, TRACK_PAGE_LATER);
	return r < 0 ? not_found(v) : follow(v, &t, url);
}

bool
visit_is_crowded(const struct track_visit *v)
{
	return v->web->away >= AWAY_MAX;
}

/* ---- pages ---- */

static bool
read_token(struct track_visit *v, struct pr_token *t)
{
	static const enum pr_token_kind kinds[PR_TRACK_PATHS] = {
	    [PR_TRACK_UNSUBSCRIBE] = PR_TOKEN_UNSUBSCRIBE,
	    [PR_TRACK_VIEW] = PR_TOKEN_VIEW,
	    [PR_TRACK_PREFERENCES] = PR_TOKEN_PREFERENCES};
	const pr_tokens *keys = v->web->config->tokens;
	return kinds[v->path] && keys && pr_token_read_url(keys, kinds[v->path], v->rest, t) == 0;
}

static enum MHD_Result
send_away(struct track_visit *v, struct track_ask *a, const struct pr_token *t)
{
	a->path = v->path;
	a->token = *t;
	a->language = v->language;
	a->config = v->web->config;
	ask_send(a);
	return MHD_YES;
}

static enum MHD_Result
get_page(struct track_visit *v, void **slot)
{
	struct pr_token t;
	if (!read_token(v, &t))
		return not_found(v);
	if (v->web->away >= AWAY_MAX)
		return visit_page(v, MHD_HTTP_SERVICE_UNAVAILABLE, TRACK_PAGE_LATER);
	struct track_ask *a = ask_create(v->web, v->connection);
	*slot = a;
	return send_away(v, a, &t);
}

bool
visit_is_fast_enough(struct track_visit *v)
{
	struct web *w = v->web;
	return track_rate_take(w->rates, w->config->track.rate, v->visitor, w->now_us);
}

enum MHD_Result
visit_get(struct track_visit *v, void **slot)
{
	bool fast = visit_is_fast_enough(v);
	if (v->path == PR_TRACK_EVENTS)
		return visit_refuse_method(v);
	if (v->path == PR_TRACK_OPEN)
		return get_pixel(v, fast);
	if (!fast)
		return visit_page(v, MHD_HTTP_TOO_MANY_REQUESTS, TRACK_PAGE_TOO_FAST);
	return v->path == PR_TRACK_CLICK ? get_link(v) : get_page(v, slot);
}

/* ---- POST ---- */

static unsigned
says_here(enum pr_track_path path, unsigned says)
{
	return says &
	       (path == PR_TRACK_UNSUBSCRIBE ? TRACK_SAYS_ONE_CLICK | TRACK_SAYS_LEAVE
	                                     : TRACK_SAYS_LIST | TRACK_SAYS_ALL | TRACK_SAYS_OPENS);
}

enum MHD_Result
visit_post(struct track_visit *v, struct track_ask *a)
{
	struct pr_token t;
	bool known = v->path == PR_TRACK_UNSUBSCRIBE || v->path == PR_TRACK_PREFERENCES;
	/* Of a form of preferences in which nothing is ticked a browser sends nothing. */
	bool empty = v->path == PR_TRACK_PREFERENCES && a->form.received == 0;
	if (v->path == PR_TRACK_EVENTS)
		return visit_told(v, a);
	if (!known)
		return visit_refuse_method(v);
	if (a->form.received > TRACK_BODY_MAX)
		return visit_page(v, MHD_HTTP_CONTENT_TOO_LARGE, TRACK_PAGE_BAD);
	if (!visit_is_fast_enough(v))
		return visit_page(v, MHD_HTTP_TOO_MANY_REQUESTS, TRACK_PAGE_TOO_FAST);
	if (!read_token(v, &t))
		return not_found(v);
	a->says = says_here(v->path, track_form_end(&a->form));
	if (!a->says && !empty)
		return visit_page(v, MHD_HTTP_BAD_REQUEST, TRACK_PAGE_BAD);
	if (v->web->away >= AWAY_MAX)
		return visit_page(v, MHD_HTTP_SERVICE_UNAVAILABLE, TRACK_PAGE_LATER);
	a->leaving.how = (struct pr_engagement){
	    .device = v->device, .evidence = v->evidence, .visitor = v->visitor};
	return send_away(v, a, &t);
}

enum MHD_Result
visit_refuse_method(struct track_visit *v)
{
	struct track_answer a = {.status = MHD_HTTP_METHOD_NOT_ALLOWED};
	return visit_answer(v->web, v->connection, v->path, &a);
}
