/* The links of a campaign; see links.h. */
#include "links.h"

#include "href.h"

#define NUMBER_MAX 0xFFFFFFF0u /* numbers above have meanings of their own */

static const struct pr_hash_key key = {0x706F737472696465, 0x6C696E6B73}; /* for good */

static uint64_t
hash(struct pr_str s)
{
	return pr_siphash(key, s.p, s.n);
}

/* ---- UTM parameters ---- */

/* RFC 3986: what a value of a query may hold as it is. */
static void
add_encoded(struct pr_buf *b, struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool plain = pr_is_digit(c) || (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') ||
		             (c && strchr("-._~", c));
		if (plain)
			pr_buf_addc(b, c);
		else
			pr_buf_addf(b, "%%%02X", (unsigned char)c);
	}
}

static void
init_utm(struct pr_links *links, const char *name, const struct pr_text *value,
         struct pr_arena *arena)
{
	struct pr_buf pair = {0};
	if (!value->p)
		return;
	pr_buf_addf(&pair, "%s=", name);
	size_t n = pair.len;
	add_encoded(&pair, pr_text_str(value));
	struct pr_str all = pr_arena_copy(arena, pr_buf_str(&pair));
	links->utm[links->utm_n].name = pr_str_n(all.p, n);
	links->utm[links->utm_n++].pair = all;
	pr_buf_finish(&pair);
}

void
pr_links_init(struct pr_links *links, const struct pr_manifest_utm *utm, struct pr_str track_url,
              struct pr_arena *arena)
{
	*links = (struct pr_links){.track_url = pr_arena_copy(arena, track_url)};
	init_utm(links, "utm_source", &utm->source, arena);
	init_utm(links, "utm_medium", &utm->medium, arena);
	init_utm(links, "utm_campaign", &utm->campaign, arena);
	init_utm(links, "utm_content", &utm->content, arena);
	init_utm(links, "utm_term", &utm->term, arena);
}

void
pr_links_finish(struct pr_links *links)
{
	pr_map_finish(&links->by_text);
	pr_map_finish(&links->by_number);
}

/* name: with its '='. */
static bool
has_parameter(struct pr_str query, struct pr_str name)
{
	for (size_t at = 0; at < query.n;) {
		if (query.n - at >= name.n && memcmp(query.p + at, name.p, name.n) == 0)
			return true;
		const char *next = memchr(query.p + at, '&', query.n - at);
		at = next ? (size_t)(next - query.p) + 1 : query.n;
	}
	return false;
}

/* Appends url, which is sound, with what it lacks before its fragment. */
static void
add_with_utm(const struct pr_links *links, struct pr_str url, struct pr_buf *out)
{
	const char *fragment = memchr(url.p, '#', url.n);
	size_t n = fragment ? (size_t)(fragment - url.p) : url.n;
	const char *mark = memchr(url.p, '?', n);
	struct pr_str query = {"", 0};
	if (mark)
		query = pr_str_n(mark + 1, n - (size_t)(mark + 1 - url.p));
	char joint = mark ? '&' : '?';
	pr_buf_add(out, url.p, n);
	if (mark && (query.n == 0 || query.p[query.n - 1] == '&'))
		joint = 0; /* there is one already */
	for (size_t i = 0; i < links->utm_n; i++) {
		if (has_parameter(query, links->utm[i].name))
			continue;
		if (joint)
			pr_buf_addc(out, joint);
		pr_buf_add_str(out, links->utm[i].pair);
		joint = '&';
	}
	pr_buf_add(out, url.p + n, url.n - n);
}

/* Where a link leads: sound and with its parameters. false: it stays as it is. */
static bool
destination_of(const struct pr_links *links, struct pr_str text, struct pr_buf *out)
{
	struct pr_buf url = {0};
	size_t was = out->len;
	bool good = pr_href_url(text, &url) &&
	            !pr_str_starts(pr_buf_str(&url), links->track_url.p); /* our own pages */
	if (good)
		add_with_utm(links, pr_buf_str(&url), out);
	pr_buf_finish(&url);
	if (good && out->len - was > PR_LINK_MAX) {
		out->data[out->len = was] = 0;
		good = false;
	}
	return good;
}

/* ---- the table ---- */

static bool
has_code(struct pr_str text)
{
	return memmem(text.p, text.n, "{{", 2) || memmem(text.p, text.n, "{%", 2) ||
	       memmem(text.p, text.n, "%7B%", 4); /* of Markdown */
}

static uint32_t
number_of(struct pr_str url)
{
	return 1 + (uint32_t)(hash(url) % (NUMBER_MAX - 1));
}

uint32_t
pr_links_number(const struct pr_links *links, struct pr_str text, struct pr_buf *url)
{
	size_t was = url->len;
	if (!destination_of(links, text, url))
		return 0;
	return number_of(pr_str_n(url->data + was, url->len - was));
}

/* Two links with one number are as good as none: the second is carried whole. */
static void
add_link(struct pr_links *links, struct pr_str text, struct pr_str url, struct pr_arena *arena)
{
	uint32_t number = number_of(url);
	const struct pr_campaign_link *other = pr_map_get(&links->by_number, number);
	if (other && !pr_str_eq(other->url, url))
		return;
	struct pr_campaign_link *link = pr_arena_alloc(arena, sizeof *link);
	link->number = number;
	link->text = pr_arena_copy(arena, text);
	link->url = other ? other->url : pr_arena_copy(arena, url);
	pr_map_put(&links->by_text, hash(text), link);
	if (!other)
		pr_map_put(&links->by_number, number, link);
}

static void
collect(struct pr_links *links, struct pr_str text, struct pr_arena *arena)
{
	struct pr_buf url = {0};
	if (!has_code(text) && !pr_map_get(&links->by_text, hash(text)) &&
	    destination_of(links, text, &url))
		add_link(links, text, pr_buf_str(&url), arena);
	pr_buf_finish(&url);
}

void
pr_links_collect_html(struct pr_links *links, struct pr_str html, struct pr_arena *arena)
{
	struct pr_href_scan scan = {.html = html};
	struct pr_href h;
	while (pr_href_next(&scan, &h))
		if (!h.untracked)
			collect(links, h.value, arena);
}

/* ---- writing ---- */

/* Appends where the link of this text leads now; false: nowhere else. */
static bool
write_link(const struct pr_links *links, const struct pr_links_sender *s, struct pr_str text,
           struct pr_buf *out)
{
	struct pr_token t = {
	    .kind = PR_TOKEN_CLICK, .campaign = s->token.campaign, .row = s->token.row};
	struct pr_buf url = {0};
	const struct pr_campaign_link *link = pr_map_get(&links->by_text, hash(text));
	bool known = link && pr_str_eq(link->text, text) && t.campaign;
	if (!known && !destination_of(links, text, &url))
		return false;
	t.link = known ? link->number : 0;
	pr_buf_add_str(out, links->track_url);
	pr_buf_add_str(out, PR_STR("/c/"));
	pr_click_write(s->keys, &t, pr_buf_str(&url), out);
	pr_buf_finish(&url);
	return true;
}

void
pr_links_write_html(const struct pr_links *links, const struct pr_links_sender *s,
                    struct pr_str html, struct pr_buf *out)
{
	struct pr_href_scan scan = {.html = html};
	struct pr_href h;
	size_t from = 0;
	while (pr_href_next(&scan, &h)) {
		size_t at = (size_t)(h.value.p - html.p), was = out->len;
		if (h.untracked || h.value.n == 0)
			continue;
		pr_buf_add(out, html.p + from, at - from);
		if (write_link(links, s, h.value, out))
			from = at + h.value.n;
		else
			out->len = was; /* it comes with what follows */
	}
	pr_buf_add(out, html.p + from, html.n - from);
}

/* ---- plain text ---- */

/* The next bare URL from *at on: until white space or what encloses it, without the punctuation of
 * its sentence. */
static bool
next_url(struct pr_str text, size_t *at, struct pr_str *out)
{
	const char *end = text.p + text.n, *p = text.p + *at;
	while ((p = memmem(p, (size_t)(end - p), "http", 4)) != NULL) {
		struct pr_str left = pr_str_n(p, (size_t)(end - p));
		size_t n = 0;
		if (!pr_str_starts(left, "https://") && !pr_str_starts(left, "http://")) {
			p += 4;
			continue;
		}
		while (n < left.n && left.p[n] > ' ' && left.p[n] != 0x7F &&
		       !strchr("<>\"", left.p[n]))
			n++;
		while (n > 8 &&
		       (strchr(".,;:!?'", p[n - 1]) || (p[n - 1] == ')' && !memchr(p, '(', n))))
			n--;
		*out = pr_str_n(p, n);
		*at = (size_t)(p - text.p) + n;
		return true;
	}
	return false;
}

void
pr_links_collect_text(struct pr_links *links, struct pr_str text, struct pr_arena *arena)
{
	struct pr_str url;
	for (size_t at = 0; next_url(text, &at, &url);)
		collect(links, url, arena);
}

void
pr_links_write_text(const struct pr_links *links, const struct pr_links_sender *s,
                    struct pr_str text, struct pr_buf *out)
{
	struct pr_str url;
	size_t from = 0;
	for (size_t at = 0; next_url(text, &at, &url);) {
		size_t begin = (size_t)(url.p - text.p), was = out->len;
		pr_buf_add(out, text.p + from, begin - from);
		if (write_link(links, s, url, out))
			from = begin + url.n;
		else
			out->len = was;
	}
	pr_buf_add(out, text.p + from, text.n - from);
}
