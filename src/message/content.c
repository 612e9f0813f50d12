/*
 * Compiling a campaign's content. Nothing is decided per message that can be decided here; every
 * problem is told, not only the first.
 */
#include "internal.h"

#include "header.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const slot_names[PR_SLOTS] = {
    [PR_SLOT_EMAIL] = "email",
    [PR_SLOT_CAMPAIGN_NAME] = "campaign_name",
    [PR_SLOT_CAMPAIGN_ID] = "campaign_id",
    [PR_SLOT_ROW] = "row",
    [PR_SLOT_UNSUBSCRIBE] = "unsubscribe_mailto",
    [PR_SLOT_UNSUBSCRIBE_URL] = "unsubscribe_url",
    [PR_SLOT_VIEW_URL] = "view_url",
    [PR_SLOT_PREFERENCES_URL] = "preferences_url",
    [PR_SLOT_POSTAL_ADDRESS] = "postal_address",
    [PR_SLOT_LANGUAGE] = "language",
    [PR_SLOT_PREHEADER] = "postrider_preheader",
};

/* ---- names ---- */

static bool
is_name_char(char c)
{
	return pr_is_digit(c) || (pr_lower(c) >= 'a' && pr_lower(c) <= 'z') || c == '_' || c == '-';
}

/* "First name" as First_name; NULL when the column can be named as it is, or by nothing. */
static const char *
alias_of(struct pr_str column, struct pr_arena *arena)
{
	char *name = pr_arena_strndup(arena, column.p, column.n);
	bool changed = false, letters = false;
	for (size_t i = 0; i < column.n; i++) {
		letters |= pr_lower(name[i]) >= 'a' && pr_lower(name[i]) <= 'z';
		if (is_name_char(name[i]))
			continue;
		name[i] = '_';
		changed = true;
	}
	return changed && letters ? name : NULL;
}

/* The first of equal names counts: a column hides an alias, both hide a slot. */
static void
lay_names(pr_content *c, const struct pr_content_source *source)
{
	struct pr_arena *arena = &c->arena;
	size_t n = 0, room = source->columns_n * 2 + PR_SLOTS + 1;
	c->names = pr_arena_zero(arena, room * sizeof *c->names);
	c->aliases = pr_arena_zero(arena, (source->columns_n + 1) * sizeof *c->aliases);
	c->columns_n = source->columns_n;
	for (size_t i = 0; i < source->columns_n; i++) {
		struct pr_str column = pr_str_trim(source->columns[i]);
		c->names[n++] = pr_arena_strndup(arena, column.p, column.n);
	}
	for (size_t i = 0; i < source->columns_n; i++) {
		const char *alias = alias_of(pr_str_trim(source->columns[i]), arena);
		if (!alias)
			continue;
		c->aliases[c->aliases_n++] = i;
		c->names[n++] = alias;
	}
	for (size_t i = 0; i < PR_SLOTS; i++)
		c->names[n++] = slot_names[i];
}

/* ---- what names the campaign ---- */

static void
lay_token(pr_content *c, const struct pr_content_source *source)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char hash[EVP_MAX_MD_SIZE];
	struct pr_buf b = {0};
	pr_buf_addf(&b, "postrider %s", source->campaign_id); /* ids are never used again */
	if (source->proof_to)
		pr_buf_addf(&b, " proof %lld", (long long)source->proof_ms);
	int done = EVP_Digest(b.data, b.len, hash, NULL, EVP_sha256(), NULL);
	PR_ASSERT(done == 1);
	pr_buf_finish(&b);
	for (size_t i = 0; i < PR_TOKEN_SIZE - 1; i++) {
		size_t bit = i * 5;
		unsigned two = (unsigned)hash[bit / 8] << 8 | hash[bit / 8 + 1];
		c->token[i] = digits[two >> (11 - bit % 8) & 31];
	}
}

static struct pr_str
text_of(const struct pr_text *t)
{
	return t->p ? pr_text_str(t) : PR_STR("");
}

static struct pr_str
keep(pr_content *c, struct pr_buf *b)
{
	struct pr_str s = pr_arena_copy(&c->arena, pr_buf_str(b));
	pr_buf_clear(b);
	return s;
}

/* RFC 6068: what a mailto may hold of an address as it is. */
static void
add_mailto(struct pr_buf *b, struct pr_str address)
{
	for (size_t i = 0; i < address.n; i++) {
		char ch = address.p[i];
		if (is_name_char(ch) || (ch && strchr(".@+!*'", ch)))
			pr_buf_addc(b, ch);
		else
			pr_buf_addf(b, "%%%02X", (unsigned char)ch);
	}
}

static void
lay_addresses(pr_content *c, const struct pr_content_source *source, struct pr_buf *b)
{
	const struct pr_mailbox *from = &source->manifest->from.mailbox;
	struct pr_str domain = pr_mailbox_domain(from);
	const char *host = source->hostname;
	pr_buf_add_str(b, host && strchr(host, '.') ? pr_str(host) : domain);
	c->id_domain = keep(c, b);
	if (source->bounce_domain)
		pr_buf_addf(b, "bounce@%s", source->bounce_domain);
	else
		pr_buf_add(b, from->address, from->n);
	c->reverse_path = keep(c, b);
	c->proof_to = pr_arena_copy(&c->arena, pr_str(source->proof_to ? source->proof_to : ""));
	c->smtputf8 = !pr_is_ascii(c->reverse_path.p, c->reverse_path.n);
	pr_buf_adds(b, "mailto:");
	if (source->unsubscribe_mailto)
		add_mailto(b, pr_str(source->unsubscribe_mailto));
	else
		pr_buf_addf(b, "unsubscribe@%.*s", (int)domain.n, domain.p);
	pr_buf_adds(b, "?subject=unsubscribe%20");
	c->unsubscribe_uri = keep(c, b);
	c->unsubscribe = source->manifest->class_ == PR_MARKETING;
}

static void
lay_fixed(pr_content *c, const struct pr_content_source *source)
{
	const struct pr_manifest *m = source->manifest;
	struct pr_str id = pr_str(source->campaign_id);
	c->fixed[PR_SLOT_CAMPAIGN_NAME] = pr_arena_copy(&c->arena, text_of(&m->name));
	c->fixed[PR_SLOT_CAMPAIGN_ID] = pr_arena_copy(&c->arena, id);
	struct pr_str postal =
	    m->postal_address.p ? pr_text_str(&m->postal_address) : pr_str(source->postal_address);
	c->fixed[PR_SLOT_POSTAL_ADDRESS] = pr_arena_copy(&c->arena, postal);
	if (source->timezone)
		c->timezone =
		    pr_arena_strndup(&c->arena, source->timezone, strlen(source->timezone));
}

/* ---- headers ---- */

static void
lay_fields(pr_content *c, const struct pr_manifest *m, struct pr_buf *b)
{
	const struct pr_mailbox *reply = &m->reply_to.mailbox;
	struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
	if (m->reply_to.text.p) {
		pr_field_mailbox(b, "Reply-To", m->reply_to.name,
		                 pr_str_n(reply->address, reply->n));
		c->smtputf8 |= reply->smtputf8;
	}
	c->after_to = keep(c, b);
	if (m->list.p)
		pr_buf_addf(b, "List-Id: <%s.%.*s>\r\n", m->list.p, (int)domain.n, domain.p);
	c->lists = keep(c, b);
}

/* A template of the manifest; NULL where the text was left out. One that several editions share
 * is compiled, and told of, once. */
static const struct pr_template *
compile_line(struct pr_compile *x, const struct pr_text *text)
{
	pr_content *c = x->c;
	if (!text->p)
		return NULL;
	for (size_t i = 0; i < c->lines_n; i++)
		if (c->lines[i].from == text->p)
			return &c->lines[i].t;
	struct pr_line *line = &c->lines[c->lines_n++];
	line->from = text->p;
	pr_source_init(&line->t.source, PR_MANIFEST_FILE,
	               pr_arena_copy(&c->arena, pr_text_str(text)), text->line, text->column);
	if (pr_template_translate(x, &line->t.source) == 0)
		pr_template_compile(x, &line->t, PR_USE_PLAIN, x->problems);
	return &line->t;
}

static void
compile_headers(struct pr_compile *x)
{
	pr_content *c = x->c;
	const struct pr_manifest *m = x->source->manifest;
	c->headers = pr_arena_zero(&c->arena, (m->headers.n + 1) * sizeof *c->headers);
	for (size_t i = 0; i < m->headers.n; i++) {
		const struct pr_pair *pair = &m->headers.items[i];
		struct pr_content_header *h = &c->headers[c->headers_n];
		if (!pr_field_name_valid(text_of(&pair->name)))
			continue; /* the manifest has told */
		h->name = pr_arena_strndup(&c->arena, pair->name.p, pair->name.n);
		h->value = compile_line(x, &pair->value);
		c->headers_n += h->value != NULL;
	}
}

/* ---- editions ---- */

static struct pr_bodies *
bodies_of(pr_content *c, const struct pr_manifest_edition *e)
{
	struct pr_str html = pr_text_str(&e->html), text = pr_text_str(&e->text);
	for (size_t i = 0; i < c->bodies_n; i++)
		if (pr_str_eq(c->bodies[i].html_file, html) &&
		    pr_str_eq(c->bodies[i].text_file, text))
			return &c->bodies[i];
	struct pr_bodies *b = &c->bodies[c->bodies_n++];
	b->html_file = pr_arena_copy(&c->arena, html);
	b->text_file = pr_arena_copy(&c->arena, text);
	return b;
}

static void
lay_edition(struct pr_compile *x, struct pr_edition *e, const struct pr_manifest_edition *m,
            struct pr_buf *b)
{
	pr_content *c = x->c;
	struct pr_bodies *bodies = bodies_of(c, m);
	e->subject = compile_line(x, &m->subject);
	e->preheader = compile_line(x, &m->preheader);
	e->bodies = bodies;
	bodies->preheader |= e->preheader != NULL;
	const char *language = m->language ? m->language : x->source->language;
	if (language)
		e->language = pr_arena_strndup(&c->arena, language, strlen(language));
	pr_buf_adds(b, "MIME-Version: 1.0\r\n");
	if (language)
		pr_field_text(b, "Content-Language", pr_str(language));
	e->version = keep(c, b);
}

size_t
pr_find_column(struct pr_compile *x, const struct pr_text *wanted, const char *key)
{
	const struct pr_content_source *source = x->source;
	char shown[80], remedy[200];
	for (size_t i = 0; i < source->columns_n; i++)
		if (pr_str_eq(pr_str_trim(source->columns[i]), pr_str_trim(pr_text_str(wanted))))
			return i;
	if (!source->columns)
		return SIZE_MAX;
	const char *near = pr_nearest(pr_text_str(wanted), x->c->names);
	snprintf(remedy, sizeof remedy, near ? "did you mean %.100s?" : "name one of the columns",
	         near);
	pr_text_problem(x->problems, PR_MANIFEST_FILE, wanted, remedy,
	                "%s: the recipients have no column \"%s\"", key,
	                pr_str_show(pr_text_str(wanted), shown, sizeof shown));
	return SIZE_MAX;
}

static void
lay_wording(struct pr_compile *x, struct pr_wording *w, const struct pr_manifest_wording *m,
            struct pr_buf *b)
{
	pr_content *c = x->c;
	const struct pr_mailbox *from = &m->from->mailbox;
	pr_field_mailbox(b, "From", m->from->name, pr_str_n(from->address, from->n));
	w->head = keep(c, b);
	c->smtputf8 |= !pr_is_ascii(from->address, from->n);
	w->editions_n = m->editions_n;
	w->editions = pr_arena_zero(&c->arena, m->editions_n * sizeof *w->editions);
	w->languages = pr_arena_zero(&c->arena, m->editions_n * sizeof *w->languages);
	for (size_t i = 0; i < m->editions_n; i++) {
		lay_edition(x, &w->editions[i], &m->editions[i], b);
		w->languages[i] = w->editions[i].language;
	}
}

static void
lay_wordings(struct pr_compile *x, struct pr_buf *b)
{
	pr_content *c = x->c;
	const struct pr_manifest *m = x->source->manifest;
	size_t n = 0;
	for (size_t i = 0; i < m->wordings_n; i++)
		n += m->wordings[i].editions_n;
	c->language_column = m->language.column.p
	                         ? pr_find_column(x, &m->language.column, "language.column")
	                         : SIZE_MAX;
	c->bodies = pr_arena_zero(&c->arena, n * sizeof *c->bodies);
	c->lines = pr_arena_zero(&c->arena, (2 * n + m->headers.n) * sizeof *c->lines);
	c->wordings = pr_arena_zero(&c->arena, m->wordings_n * sizeof *c->wordings);
	c->wordings_n = m->wordings_n;
	for (size_t i = 0; i < m->wordings_n; i++)
		lay_wording(x, &c->wordings[i], &m->wordings[i], b);
}

static int
compile_bodies(struct pr_compile *x)
{
	int result = 0;
	for (size_t i = 0; i < x->c->bodies_n; i++) {
		x->bodies = &x->c->bodies[i];
		if (pr_content_compile_bodies(x) < 0 || pr_content_lay_parts(x) < 0)
			result = PR_EINVAL;
	}
	return result;
}

static void
keep_partials(struct pr_compile *x)
{
	pr_content *c = x->c;
	c->partials = pr_arena_zero(&c->arena, (x->partials_n + 1) * sizeof *c->partials);
	for (size_t i = 0; i < x->partials_n; i++)
		c->partials[i] = x->partials[i].html;
	c->partials_n = x->partials_n;
}

static void
tell_unused_images(struct pr_compile *x)
{
	char shown[260], path[300];
	bool html = false;
	for (size_t i = 0; i < x->c->bodies_n; i++)
		html |= x->c->bodies[i].html_file.n > 0;
	for (size_t i = 0; html && i < x->images.n; i++) {
		const struct pr_image *image = &x->images.items[i];
		if (image->ever)
			continue;
		snprintf(path, sizeof path, "images/%s",
		         pr_str_show(pr_str(image->name), shown, sizeof shown));
		pr_problem_add(x->problems, PR_WARNING, path, 0, "name it as cid:FILE in the HTML",
		               "left out: no body names this image");
	}
}

/* ---- the whole ---- */

struct pr_content_source
pr_content_source_of(const struct pr_manifest *m, const struct pr_config *config)
{
	const struct pr_brand *b =
	    config && m->brand.p ? pr_config_brand(config, pr_text_str(&m->brand)) : NULL;
	struct pr_content_source s = {.manifest = m,
	                              .dir = -1,
	                              .hostname = config ? config->hostname.p : NULL,
	                              .timezone = config ? config->timezone.p : NULL,
	                              .dkim = config ? config->signing : NULL,
	                              .bounce_domain = config ? config->bounce.domain.p : NULL,
	                              .tokens = config ? config->tokens : NULL,
	                              .track_url = config ? config->track.url.p : NULL,
	                              .honeypot = config && config->track.honeypot};
	if (m->schedule.timezone)
		s.timezone = m->schedule.timezone;
	if (b) {
		s.unsubscribe_mailto = b->unsubscribe_mailto.p;
		if (b->bounce_domain.p)
			s.bounce_domain = b->bounce_domain.p;
		if (b->track_url.p)
			s.track_url = b->track_url.p;
		s.postal_address = b->postal_address.p;
		s.language = b->language.p;
		s.laws = pr_laws_of(&b->law);
	}
	return s;
}

static void
lay_signing(pr_content *c, const struct pr_content_source *source)
{
	struct pr_str domain = pr_mailbox_domain(&source->manifest->from.mailbox);
	if (!pr_dkim_signs(source->dkim, domain))
		return;
	c->dkim = pr_dkim_ref(source->dkim);
	c->dkim_domain = pr_arena_copy(&c->arena, domain);
}

static int
compile(struct pr_compile *x)
{
	pr_content *c = x->c;
	struct pr_buf b = {0};
	lay_names(c, x->source);
	lay_token(c, x->source);
	lay_addresses(c, x->source, &b);
	lay_fixed(c, x->source);
	lay_signing(c, x->source);
	pr_track_begin(x);
	lay_fields(c, x->source->manifest, &b);
	pr_buf_addf(&b, "@%s.%.*s", c->token, (int)c->id_domain.n, c->id_domain.p);
	struct pr_str suffix = keep(c, &b);
	pr_images_list(&x->images, x->source->dir, suffix.p, &c->arena, x->problems);
	pr_partials_read(x);
	lay_wordings(x, &b);
	compile_headers(x);
	int result = compile_bodies(x);
	pr_track_end(x);
	pr_law_keep(x);
	keep_partials(x);
	tell_unused_images(x);
	pr_buf_finish(&b);
	return result;
}

int
pr_content_compile(const struct pr_content_source *source, struct pr_problems *problems,
                   pr_content **out)
{
	pr_content *c = pr_calloc(1, sizeof *c);
	struct pr_compile x = {.source = source, .problems = problems, .c = c};
	unsigned before = problems->problems;
	atomic_init(&c->refs, 1);
	pr_arena_init(&c->arena);
	c->serial = source->serial;
	int result = compile(&x);
	if (result < 0 || problems->problems > before) {
		pr_content_unref(c);
		return PR_EINVAL;
	}
	*out = c;
	return 0;
}

void
pr_content_ref(pr_content *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void
pr_content_unref(pr_content *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < c->lines_n; i++)
		pr_liquid_destroy(c->lines[i].t.code);
	for (size_t i = 0; i < c->bodies_n; i++) {
		pr_liquid_destroy(c->bodies[i].html.code);
		pr_liquid_destroy(c->bodies[i].text.code);
	}
	pr_dkim_unref(c->dkim);
	pr_tokens_unref(c->tokens);
	pr_links_finish(&c->track.links);
	pr_arena_finish(&c->arena);
	free(c);
}

size_t
pr_row_token(const pr_content *c, uint32_t row, char *out)
{
	char digits[10];
	size_t n = 0, at = sizeof digits;
	do
		digits[--at] = (char)('0' + row % 10);
	while (row /= 10);
	for (; at < sizeof digits; at++)
		out[n++] = digits[at];
	out[n++] = '.';
	memcpy(out + n, c->token, PR_TOKEN_SIZE);
	return n + PR_TOKEN_SIZE - 1;
}

void
pr_message_id(const pr_content *c, uint32_t row, struct pr_buf *out)
{
	char token[PR_ROW_TOKEN_SIZE];
	size_t n = pr_row_token(c, row, token);
	pr_buf_addc(out, '<');
	pr_buf_add(out, token, n);
	pr_buf_addc(out, '@');
	pr_buf_add_str(out, c->id_domain);
	pr_buf_addc(out, '>');
}
