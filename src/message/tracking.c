/*
 * What makes an answer to a message known: tokens in its links, its pages, its pixel, its return
 * path.
 *
 *   compile   track_begin -> templates show their links (track_collect) -> track_end: the table
 *   compose   row_tokens -> pages into the values -> rendered -> links rewritten, pixel added
 *
 * The tokens of a proof name campaign 0 and row 0.
 */
#include "internal.h"

#include "href.h"
#include "markdown.h"

/* ---- compiling ---- */

static size_t
find_consent(struct pr_compile *x)
{
	const struct pr_text *wanted = &x->source->manifest->track.consent;
	return wanted->p ? pr_find_column(x, wanted, "track.consent") : SIZE_MAX;
}

static bool
follows(const struct pr_manifest *m, int wish)
{
	return wish == PR_FOLLOW_YES || (wish == PR_FOLLOW_DEFAULT && m->class_ == PR_MARKETING);
}

void
pr_track_begin(struct pr_compile *x)
{
	pr_content *c = x->c;
	const struct pr_content_source *source = x->source;
	const struct pr_manifest_track *wish = &source->manifest->track;
	c->track.consent_column = find_consent(x);
	if (!source->tokens)
		return;
	c->tokens = pr_tokens_ref(source->tokens);
	c->list = pr_token_list(c->tokens, 0, pr_text_str(&source->manifest->list));
	if (source->bounce_domain && !source->proof_to) /* a proof's mail comes back to nobody */
		c->bounce_domain = pr_arena_copy(&c->arena, pr_str(source->bounce_domain));
	if (!source->track_url)
		return;
	pr_links_init(&c->track.links, &wish->utm, pr_str(source->track_url), &c->arena);
	c->track.url = c->track.links.track_url;
	c->track.clicks = follows(source->manifest, wish->clicks);
	c->track.opens = follows(source->manifest, wish->opens);
	c->track.text = c->track.clicks && wish->text;
	c->track.honeypot = c->track.clicks && source->honeypot;
}

static bool
names(struct pr_str text, const char *variable)
{
	return memmem(text.p, text.n, variable, strlen(variable)) != NULL;
}

static void
collect_markdown(struct pr_links *links, struct pr_str text, struct pr_arena *arena)
{
	static const struct pr_markdown_page page = {.preheader = {"", 0}};
	struct pr_buf html = {0};
	pr_markdown_html(text, &page, &html);
	pr_links_collect_html(links, pr_buf_str(&html), arena);
	pr_buf_finish(&html);
}

/* A link whose text is one URL and that leads by another looks like fraud to filters. */
static bool
shows_url(struct pr_str html, size_t at)
{
	while (at < html.n && pr_is_space(html.p[at]))
		at++;
	struct pr_str shown = pr_str_n(html.p + at, html.n - at);
	return pr_str_starts_nocase(shown, "http://") || pr_str_starts_nocase(shown, "https://") ||
	       pr_str_starts_nocase(shown, "www.");
}

static void
warn_of_shown_urls(struct pr_compile *x, const struct pr_source *s)
{
	struct pr_href_scan scan = {.html = s->original};
	struct pr_href h;
	unsigned line, column;
	while (pr_href_next(&scan, &h)) {
		if (h.untracked || !shows_url(s->original, h.tag_end))
			continue;
		pr_source_place(s, h.tag_end, &line, &column);
		pr_problem_add(
		    x->problems, PR_WARNING, s->file, line,
		    "let the link say what is there, or mark it data-no-track",
		    "a link shows one URL and, followed, leads by another: filters take it "
		    "for fraud");
		return;
	}
}

void
pr_track_collect(struct pr_compile *x, const struct pr_source *s, enum pr_use use)
{
	pr_content *c = x->c;
	c->track.view |= names(s->text, "view_url");
	c->track.preferences |= names(s->text, "preferences_url");
	if (!c->track.clicks)
		return;
	switch (use) {
	case PR_USE_HTML:
		pr_links_collect_html(&c->track.links, s->text, &c->arena);
		warn_of_shown_urls(x, s);
		break;
	case PR_USE_MARKDOWN: collect_markdown(&c->track.links, s->text, &c->arena); break;
	case PR_USE_PLAIN:
	case PR_USE_DERIVED:
		if (c->track.text)
			pr_links_collect_text(&c->track.links, s->text, &c->arena);
		break;
	}
}

void
pr_track_end(struct pr_compile *x)
{
	pr_content *c = x->c;
	const struct pr_map *m = &c->track.links.by_number;
	const char *missing = c->track.view ? "view_url" : "preferences_url";
	c->track.table = pr_arena_alloc(&c->arena, (m->n + 1) * sizeof *c->track.table);
	for (size_t i = 0; i < m->cap; i++) {
		const struct pr_campaign_link *link = m->slots[i].value;
		if (link)
			c->track.table[c->track.table_n++] =
			    (struct pr_state_link){link->number, link->url};
	}
	if ((c->track.view || c->track.preferences) && !c->track.url.n)
		pr_problem_add(x->problems, PR_WARNING, PR_MANIFEST_FILE, 0,
		               "ask the operator to add `secrets` and track.url to postrider.yaml",
		               "%s is empty: there are no pages", missing);
}

const struct pr_state_link *
pr_content_links(const pr_content *c, size_t *n)
{
	*n = c->track.table_n;
	return c->track.table;
}

/* ---- composing ---- */

struct pr_row_tokens
pr_row_tokens(const pr_content *c, const struct pr_row *row)
{
	struct pr_row_tokens t = {.content = c};
	if (!c->tokens || c->proof_to.n)
		return t;
	t.base = (struct pr_token){.campaign = c->serial,
	                           .row = row->row,
	                           .address = pr_token_address(c->tokens, 0, row->email),
	                           .list = c->list};
	return t;
}

static void
add_token(const struct pr_row_tokens *t, enum pr_token_kind kind, struct pr_buf *out)
{
	char text[PR_TOKEN_URL_SIZE];
	struct pr_token token = t->base;
	token.kind = kind;
	pr_buf_add(out, text, pr_token_url(t->content->tokens, &token, text));
}

void
pr_track_page(const struct pr_row_tokens *t, enum pr_token_kind kind, const char *path,
              struct pr_buf *out)
{
	struct pr_str url = t->content->track.url;
	if (url.n == 0)
		return;
	pr_buf_add_str(out, url);
	pr_buf_addc(out, '/');
	pr_buf_adds(out, path);
	pr_buf_addc(out, '/');
	add_token(t, kind, out);
}

static bool
consents(const struct pr_content *c, const struct pr_str *fields)
{
	return c->track.consent_column == SIZE_MAX || pr_says_yes(fields[c->track.consent_column]);
}

/* For scanners, which follow every link; people and their screen readers do not come upon it. */
static void
add_honeypot(const struct pr_row_tokens *t, struct pr_buf *out)
{
	const struct pr_token token = {.kind = PR_TOKEN_CLICK,
	                               .campaign = t->base.campaign,
	                               .row = t->base.row,
	                               .link = PR_LINK_HONEYPOT};
	pr_buf_adds(out, "<a href=\"");
	pr_buf_add_str(out, t->content->track.url);
	pr_buf_adds(out, "/c/");
	pr_click_write(t->content->tokens, &token, PR_STR(""), out);
	pr_buf_adds(out, "\" style=\"display:none\" tabindex=\"-1\" aria-hidden=\"true\"></a>");
}

static void
add_pixel(const struct pr_row_tokens *t, struct pr_buf *out)
{
	pr_buf_adds(out, "<img src=\"");
	pr_track_page(t, PR_TOKEN_OPEN, "o", out);
	pr_buf_adds(out,
	            ".gif\" width=\"1\" height=\"1\" alt=\"\" style=\"display:block;border:0\">");
}

void
pr_track_html(const struct pr_row_tokens *t, const struct pr_str *fields, struct pr_str html,
              struct pr_buf *out)
{
	const struct pr_tracking *track = &t->content->track;
	const struct pr_links_sender sender = {t->content->tokens, t->base};
	size_t end = html.n;
	bool pixel = track->opens && consents(t->content, fields);
	if (pixel || track->honeypot)
		end = pr_html_body_end(html);
	struct pr_str body = pr_str_n(html.p, end);
	if (track->clicks)
		pr_links_write_html(&track->links, &sender, body, out);
	else
		pr_buf_add_str(out, body);
	if (track->honeypot)
		add_honeypot(t, out);
	if (pixel)
		add_pixel(t, out);
	pr_buf_add(out, html.p + end, html.n - end);
}

void
pr_track_text(const struct pr_row_tokens *t, struct pr_str text, struct pr_buf *out)
{
	const struct pr_links_sender sender = {t->content->tokens, t->base};
	pr_links_write_text(&t->content->track.links, &sender, text, out);
}

static void
add_local(const struct pr_row_tokens *t, enum pr_token_kind kind, struct pr_buf *out)
{
	char text[PR_TOKEN_LOCAL_SIZE];
	struct pr_token token = t->base;
	token.kind = kind;
	pr_buf_add(out, text, pr_token_local(t->content->tokens, &token, text));
}

void
pr_track_subject(const struct pr_row_tokens *t, struct pr_buf *out)
{
	add_local(t, PR_TOKEN_UNSUBSCRIBE, out);
}

void
pr_track_return(const struct pr_row_tokens *t, struct pr_buf *out)
{
	pr_buf_adds(out, "bounce+");
	add_local(t, PR_TOKEN_BOUNCE, out);
}
