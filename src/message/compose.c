/*
 * Composing: values from the row, templates rendered into the composer's buffers, then one pass
 * that writes the message from laid-out octets and encoded renderings, and one copy into a
 * block of exactly its size. Two copies of a message in all; nothing is allocated but that
 * block once the buffers have grown.
 *
 * Signatures (dkim_sign.c) are made over the whole and stand in front of it.
 *
 * Fails (PR_EINVAL) where a template fails for this row, or the message is too large.
 */
#include "internal.h"

#include "compose.h"
#include "encode.h"
#include "header.h"
#include "html_text.h"
#include "markdown.h"

#include <stdlib.h>

#define KEEP_MAX (1u << 20) /* a buffer larger than this is not kept for the next message */

struct pr_composer {
	struct pr_arena arena;
	struct pr_buf html, text, line, out, scratch, linked;
	struct pr_liquid_value *values;
	struct pr_str *fields;
	size_t values_max;
	int64_t date_second;
	char date[PR_RFC5322_SIZE];
	size_t date_n;
	struct pr_compose_failure failure;
	pr_dkim_signer *signer; /* of the content signed last: its keys and domain */
	const pr_dkim *signer_keys;
	struct pr_buf signer_domain, signatures;
};

struct job { /* one message being composed */
	struct pr_composer *c;
	const pr_content *content;
	const struct pr_wording *wording;
	const struct pr_edition *edition;
	const struct pr_row *row;
	struct pr_row_tokens tokens;
	struct pr_str mailto, leave; /* where whoever leaves writes or goes; leave empty: no page */
	int64_t utc_ms;
	struct pr_error *e;
	bool dots;
};

int
pr_composer_create(pr_composer **out)
{
	struct pr_composer *c = pr_calloc(1, sizeof *c);
	pr_arena_init(&c->arena);
	c->date_second = INT64_MIN;
	*out = c;
	return 0;
}

void
pr_composer_destroy(pr_composer *c)
{
	if (!c)
		return;
	pr_arena_finish(&c->arena);
	pr_buf_finish(&c->html);
	pr_buf_finish(&c->text);
	pr_buf_finish(&c->line);
	pr_buf_finish(&c->out);
	pr_buf_finish(&c->scratch);
	pr_buf_finish(&c->linked);
	pr_buf_finish(&c->signer_domain);
	pr_buf_finish(&c->signatures);
	pr_dkim_signer_destroy(c->signer);
	free(c->values);
	free(c->fields);
	free(c);
}

static void
begin_buffer(struct pr_buf *b)
{
	if (b->cap > KEEP_MAX)
		pr_buf_finish(b);
	pr_buf_clear(b);
}

static void
begin(struct pr_composer *c, const pr_content *content)
{
	size_t n = content->columns_n + content->aliases_n + PR_SLOTS;
	pr_arena_reset(&c->arena);
	begin_buffer(&c->html);
	begin_buffer(&c->text);
	begin_buffer(&c->out);
	begin_buffer(&c->scratch);
	if (n <= c->values_max)
		return;
	c->values = pr_realloc(c->values, n * sizeof *c->values);
	c->fields = pr_realloc(c->fields, n * sizeof *c->fields);
	c->values_max = n;
}

/* ---- values ---- */

/* In the arena. */
static struct pr_str
keep(const struct job *j, struct pr_buf *b)
{
	struct pr_str kept = pr_arena_copy(&j->c->arena, pr_buf_str(b));
	pr_buf_clear(b);
	return kept;
}

/* The mailto: of a row: its subject says whose it is, signed where there is a secret. */
static struct pr_str
unsubscribe_mailto(const struct job *j)
{
	char row[PR_ROW_TOKEN_SIZE];
	struct pr_buf *b = &j->c->line;
	pr_buf_clear(b);
	pr_buf_add_str(b, j->content->unsubscribe_uri);
	if (j->content->tokens)
		pr_track_subject(&j->tokens, b);
	else
		pr_buf_add(b, row, pr_row_token(j->content, j->row->row, row));
	return keep(j, b);
}

static struct pr_str
page(const struct job *j, bool shown, enum pr_token_kind kind, const char *path)
{
	struct pr_buf *b = &j->c->line;
	pr_buf_clear(b);
	if (shown)
		pr_track_page(&j->tokens, kind, path, b);
	return keep(j, b);
}

static void
set_values(const struct job *j)
{
	const pr_content *content = j->content;
	struct pr_liquid_value *v = j->c->values;
	struct pr_str *fields = j->c->fields;
	pr_fields_unpack(j->row->data, fields, content->columns_n);
	for (size_t i = 0; i < content->columns_n; i++)
		*v++ = pr_liquid_string(fields[i]);
	for (size_t i = 0; i < content->aliases_n; i++)
		*v++ = pr_liquid_string(fields[content->aliases[i]]);
	for (size_t i = 0; i < PR_SLOTS; i++)
		v[i] = pr_liquid_string(content->fixed[i]);
	v[PR_SLOT_EMAIL] = pr_liquid_string(j->row->email);
	v[PR_SLOT_UNSUBSCRIBE] = pr_liquid_string(j->mailto);
	v[PR_SLOT_UNSUBSCRIBE_URL] = pr_liquid_string(j->leave.n ? j->leave : j->mailto);
	v[PR_SLOT_VIEW_URL] = pr_liquid_string(page(j, content->track.view, PR_TOKEN_VIEW, "v"));
	v[PR_SLOT_PREFERENCES_URL] =
	    pr_liquid_string(page(j, content->track.preferences, PR_TOKEN_PREFERENCES, "p"));
	v[PR_SLOT_ROW] = (struct pr_liquid_value){.type = PR_LIQUID_INT, .i = j->row->row};
}

static struct pr_liquid_value *
slot(const struct job *j, enum pr_slot which)
{
	return &j->c->values[j->content->columns_n + j->content->aliases_n + which];
}

static struct pr_str
slot_text(const struct job *j, enum pr_slot which)
{
	const struct pr_liquid_value *v = slot(j, which);
	return pr_str_n(v->s, v->n);
}

static const struct pr_edition *
choose_edition(const struct job *j)
{
	const pr_content *content = j->content;
	const struct pr_wording *w = j->wording;
	if (content->language_column == SIZE_MAX)
		return &w->editions[0];
	struct pr_str language = j->c->fields[content->language_column];
	return &w->editions[pr_manifest_edition_for(w->languages, w->editions_n, language)];
}

/* ---- rendering ---- */

static unsigned
column_in_file(const struct job *j, const struct pr_template *t,
               const struct pr_liquid_failure *failure)
{
	const char *file = failure->file ? failure->file : "";
	if (strcmp(file, t->source.file) == 0)
		return pr_source_column(&t->source, failure->line, failure->column);
	for (size_t i = 0; t == &j->edition->bodies->html && i < j->content->partials_n; i++)
		if (strcmp(file, j->content->partials[i].file) == 0)
			return pr_source_column(&j->content->partials[i], failure->line,
			                        failure->column);
	return failure->column;
}

static int
render(const struct job *j, const struct pr_template *t, struct pr_buf *out)
{
	const struct pr_liquid_run run = {
	    .values = j->c->values,
	    .now_utc_ms = j->utc_ms,
	    .timezone = j->content->timezone,
	    .random_seed = pr_mix64((uint64_t)j->content->serial << 32 | j->row->row),
	};
	struct pr_liquid_failure failure = {0};
	int result = pr_liquid_render(t->code, &run, &j->c->arena, out, &failure);
	if (result == 0)
		return 0;
	struct pr_compose_failure *told = &j->c->failure;
	*told = (struct pr_compose_failure){.file = failure.file ? failure.file : t->source.file,
	                                    .line = failure.line,
	                                    .column = column_in_file(j, t, &failure),
	                                    .error = failure.error};
	return pr_fail(j->e, PR_EINVAL, "%s, line %u, column %u: %s", told->file, told->line,
	               told->column, failure.error.text);
}

static int
render_preheader(const struct job *j)
{
	struct pr_buf *line = &j->c->line;
	if (!j->edition->preheader)
		return 0;
	pr_buf_clear(line);
	if (render(j, j->edition->preheader, line) < 0)
		return PR_EINVAL;
	pr_field_tidy(line);
	*slot(j, PR_SLOT_PREHEADER) =
	    pr_liquid_string(pr_arena_copy(&j->c->arena, pr_buf_str(line)));
	return 0;
}

static int
render_html(const struct job *j)
{
	const struct pr_bodies *b = j->edition->bodies;
	struct pr_buf *html = &j->c->html, *markdown = &j->c->scratch;
	if (render_preheader(j) < 0)
		return PR_EINVAL;
	if (!b->markdown)
		return render(j, &b->html, html);
	if (render(j, &b->html, markdown) < 0)
		return PR_EINVAL;
	const struct pr_markdown_page page = {.language = j->edition->language,
	                                      .preheader = slot_text(j, PR_SLOT_PREHEADER)};
	pr_markdown_html(pr_buf_str(markdown), &page, html);
	return 0;
}

static int
render_text(const struct job *j)
{
	const struct pr_bodies *b = j->edition->bodies;
	struct pr_buf *text = &j->c->text;
	switch (b->text_kind) {
	case PR_TEXT_NONE: return 0;
	case PR_TEXT_FILE: return render(j, &b->text, text);
	case PR_TEXT_DERIVED:
		if (render(j, &b->text, text) < 0)
			return PR_EINVAL;
		break;
	case PR_TEXT_FROM_HTML:
		if (pr_html_text(pr_buf_str(&j->c->html), text, j->e) < 0)
			return PR_EINVAL;
		break;
	}
	pr_text_tidy(text);
	return 0;
}

static int
render_bodies(const struct job *j)
{
	if (j->edition->bodies->html.code && render_html(j) < 0)
		return PR_EINVAL;
	return render_text(j);
}

/* ---- writing ---- */

/* Whom it goes to: of a proof not the row. */
static struct pr_str
recipient(const struct job *j)
{
	return j->content->proof_to.n ? j->content->proof_to : j->row->email;
}

static int
add_rendered_field(const struct job *j, const char *name, struct pr_str prefix,
                   const struct pr_template *t, bool empty)
{
	struct pr_buf *line = &j->c->line;
	pr_buf_clear(line);
	pr_buf_add_str(line, prefix);
	if (render(j, t, line) < 0)
		return PR_EINVAL;
	pr_field_tidy(line);
	if (line->len || empty)
		pr_field_text(&j->c->out, name, pr_buf_str(line));
	return 0;
}

static void
add_date(const struct job *j)
{
	struct pr_composer *c = j->c;
	if (j->utc_ms / 1000 != c->date_second) {
		c->date_second = j->utc_ms / 1000;
		c->date_n = pr_format_rfc5322(j->utc_ms, c->date);
	}
	pr_buf_add_str(&c->out, PR_STR("Date: "));
	pr_buf_add(&c->out, c->date, c->date_n);
	pr_buf_add(&c->out, "\r\n", 2);
}

/* RFC 2369, and RFC 8058 where there is a page that takes the POST. */
static void
add_unsubscribe(const struct job *j)
{
	struct pr_buf *out = &j->c->out;
	pr_buf_add_str(out, PR_STR("List-Unsubscribe: <"));
	if (j->leave.n) {
		pr_buf_add_str(out, j->leave);
		pr_buf_add_str(out, PR_STR(">,\r\n <"));
	}
	pr_buf_add_str(out, j->mailto);
	pr_buf_add_str(out, PR_STR(">\r\n"));
	if (j->leave.n)
		pr_buf_add_str(out,
		               PR_STR("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}

static int
add_header(const struct job *j)
{
	const pr_content *content = j->content;
	struct pr_buf *out = &j->c->out;
	add_date(j);
	pr_buf_add_str(out, j->wording->head);
	pr_field_mailbox(out, "To", PR_STR(""), recipient(j));
	pr_buf_add_str(out, content->after_to);
	struct pr_str prefix = content->proof_to.n ? PR_STR("[Proof] ") : PR_STR("");
	if (add_rendered_field(j, "Subject", prefix, j->edition->subject, true) < 0)
		return PR_EINVAL;
	pr_buf_add_str(out, PR_STR("Message-ID: "));
	pr_message_id(content, j->row->row, out);
	pr_buf_add(out, "\r\n", 2);
	pr_buf_add_str(out, content->lists);
	if (content->unsubscribe)
		add_unsubscribe(j);
	pr_buf_add_str(out, j->edition->version);
	for (size_t i = 0; i < content->headers_n; i++)
		if (add_rendered_field(j, content->headers[i].name, PR_STR(""),
		                       content->headers[i].value, false) < 0)
			return PR_EINVAL;
	return 0;
}

static void
add_part_header(struct pr_buf *out, const char *type, enum pr_encoding encoding)
{
	pr_buf_add_str(out, PR_STR("Content-Type: text/"));
	pr_buf_adds(out, type);
	pr_buf_add_str(out, PR_STR("; charset=utf-8\r\nContent-Transfer-Encoding: "));
	pr_buf_adds(out, pr_encoding_name(encoding));
	pr_buf_add_str(out, PR_STR("\r\n\r\n"));
}

static void
add_body(struct job *j, const char *type, struct pr_str body)
{
	struct pr_buf *out = &j->c->out;
	size_t was = out->len;
	enum pr_encoding encoding = pr_encoding_choose(body);
	add_part_header(out, type, encoding);
	if (encoding == PR_ENCODING_BASE64) {
		pr_encode_base64_text(out, body, &j->c->scratch);
		return;
	}
	if (encoding == PR_ENCODING_7BIT) {
		if (pr_encode_7bit(out, body, &j->dots))
			return;
		out->len = was;
		add_part_header(out, type, PR_ENCODING_QP);
	}
	pr_encode_qp(out, body);
}

/* As they leave, with links and pixel. */
static struct pr_str
html_body(const struct job *j)
{
	const struct pr_tracking *track = &j->content->track;
	struct pr_buf *linked = &j->c->linked;
	if (!track->clicks && !track->opens)
		return pr_buf_str(&j->c->html);
	begin_buffer(linked);
	pr_track_html(&j->tokens, j->c->fields, pr_buf_str(&j->c->html), linked);
	return pr_buf_str(linked);
}

static struct pr_str
text_body(const struct job *j)
{
	struct pr_buf *linked = &j->c->linked;
	if (!j->content->track.text)
		return pr_buf_str(&j->c->text);
	begin_buffer(linked);
	pr_track_text(&j->tokens, pr_buf_str(&j->c->text), linked);
	return pr_buf_str(linked);
}

static int
write_message(struct job *j)
{
	const struct pr_bodies *b = j->edition->bodies;
	struct pr_buf *out = &j->c->out;
	size_t size_max = j->content->size_max;
	if (add_header(j) < 0)
		return PR_EINVAL;
	pr_buf_add_str(out, b->open);
	if (b->text_kind != PR_TEXT_NONE)
		add_body(j, "plain", text_body(j));
	pr_buf_add_str(out, b->middle);
	if (b->html.code)
		add_body(j, "html", html_body(j));
	if (out->len + b->tail.n <= size_max)
		return 0;
	pr_fail(&j->c->failure.error, PR_ELIMIT, "the message is larger than %zu octets",
	        size_max); /* the same for all rows: check counts what is the same */
	return pr_fail(j->e, PR_EINVAL, "the message has %zu octets, more than %zu",
	               out->len + b->tail.n, size_max);
}

/* ---- signatures ---- */

/* Campaigns of one domain share it. */
static void
choose_signer(struct pr_composer *c, const pr_content *content)
{
	if (c->signer && c->signer_keys == content->dkim &&
	    pr_str_eq(pr_buf_str(&c->signer_domain), content->dkim_domain))
		return;
	pr_dkim_signer_destroy(c->signer);
	c->signer = pr_dkim_signer_create(content->dkim, content->dkim_domain);
	c->signer_keys = content->dkim;
	pr_buf_clear(&c->signer_domain);
	pr_buf_add_str(&c->signer_domain, content->dkim_domain);
}

static int
sign(struct job *j)
{
	struct pr_composer *c = j->c;
	begin_buffer(&c->signatures);
	if (!j->content->dkim)
		return 0;
	choose_signer(c, j->content);
	return pr_dkim_sign(c->signer, pr_buf_str(&c->out), j->edition->bodies->tail, j->utc_ms,
	                    &c->signatures, j->e);
}

/* ---- the block ---- */

static char *
copy(char *to, struct pr_str s)
{
	memcpy(to, s.p, s.n);
	to[s.n] = 0;
	return to + s.n + 1;
}

/* VERP: what comes back to it names campaign and row. */
static struct pr_str
reverse_path(const struct job *j)
{
	const pr_content *content = j->content;
	struct pr_buf *b = &j->c->scratch;
	if (!content->bounce_domain.n)
		return content->reverse_path;
	begin_buffer(b);
	pr_track_return(&j->tokens, b);
	pr_buf_addc(b, '@');
	pr_buf_add_str(b, content->bounce_domain);
	return pr_buf_str(b);
}

static struct pr_message *
make_message(const struct job *j)
{
	const pr_content *content = j->content;
	struct pr_str from = reverse_path(j), to = recipient(j);
	struct pr_str signatures = pr_buf_str(&j->c->signatures);
	size_t envelope = from.n + 1 + to.n + 1, size = signatures.n + j->c->out.len;
	struct pr_message *m = pr_alloc(sizeof *m + envelope + size);
	*m = (struct pr_message){.size = size,
	                         .tail = j->edition->bodies->tail,
	                         .dots = j->dots,
	                         .from = (char *)(m + 1)};
	m->to = copy(m->from, from);
	m->data = copy(m->to, to);
	m->smtputf8 = content->smtputf8 || !pr_is_ascii(to.p, to.n);
	memcpy(m->data, signatures.p, signatures.n);
	memcpy(m->data + signatures.n, j->c->out.data, j->c->out.len);
	return m;
}

void
pr_message_add(const struct pr_message *m, struct pr_buf *out)
{
	pr_buf_add(out, m->data, m->size);
	pr_buf_add_str(out, m->tail);
}

void
pr_message_destroy(struct pr_message *m)
{
	free(m);
}

/* The import has checked addresses; a ledger may still be damaged, and this one goes into the
 * header and the envelope. */
static bool
is_address(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		if (ch <= ' ' || ch == 0x7F || ch == '<' || ch == '>')
			return false;
	}
	return s.n > 2 && s.n <= 320 && memchr(s.p, '@', s.n);
}

static void
prepare(struct job *j)
{
	begin(j->c, j->content);
	j->tokens = pr_row_tokens(j->content, j->row);
	j->mailto = unsubscribe_mailto(j);
	j->leave = page(j, j->content->track.url.n > 0, PR_TOKEN_UNSUBSCRIBE, "u");
	set_values(j);
	j->edition = choose_edition(j);
	if (j->edition->language)
		*slot(j, PR_SLOT_LANGUAGE) = pr_liquid_string(pr_str(j->edition->language));
}

static int
compose(struct job *j, struct pr_message **out)
{
	if (!is_address(j->row->email))
		return pr_fail(j->e, PR_EINVAL, "row %u has no valid address", j->row->row);
	prepare(j);
	if (render_bodies(j) < 0 || write_message(j) < 0 || sign(j) < 0)
		return PR_EINVAL;
	*out = make_message(j);
	return 0;
}

static const struct pr_wording *
wording_of(const pr_content *content, unsigned variant)
{
	bool there = variant >= 1 && variant <= content->wordings_n;
	return &content->wordings[there ? variant - 1 : 0];
}

int
pr_compose(pr_composer *c, const pr_content *content, const struct pr_row *row, unsigned variant,
           int64_t utc_ms, struct pr_message **out, struct pr_error *e)
{
	struct pr_error own;
	struct job j = {.c = c, .content = content, .row = row, .utc_ms = utc_ms};
	j.wording = wording_of(content, variant);
	j.e = e ? e : &own;
	c->failure = (struct pr_compose_failure){0};
	int result = compose(&j, out);
	if (result < 0 && !c->failure.error.code)
		c->failure.error = *j.e;
	return result;
}

int
pr_compose_html(pr_composer *c, const pr_content *content, const struct pr_row *row,
                unsigned variant, int64_t utc_ms, struct pr_buf *out, struct pr_error *e)
{
	struct job j = {.c = c, .content = content, .row = row, .utc_ms = utc_ms, .e = e};
	j.wording = wording_of(content, variant);
	prepare(&j);
	if (!j.edition->bodies->html.code)
		return pr_fail(e, PR_EUNAVAILABLE, "the message has no HTML");
	int r = render_html(&j);
	if (r == 0)
		pr_buf_add_str(out, pr_buf_str(&c->html));
	return r;
}

const struct pr_compose_failure *
pr_composer_failure(const pr_composer *c)
{
	return &c->failure;
}
