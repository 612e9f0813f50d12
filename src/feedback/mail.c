/*
 * A mail, taken apart by GMime: texts become the notice, reports are kept as they are, and of
 * what is returned the header is kept. Old bounces return the message in the text itself, behind
 * a line of dashes or nothing at all: the notice ends where a block of mail header begins.
 *
 * Bounded: size, depth and number of parts, octets of each kind. A mail within the mail is not
 * entered, but for a report that somebody forwarded.
 */
#include "internal.h"

#include <gmime/gmime.h>
#include <pthread.h>

#define PARTS_MAX 200
#define DEPTH_MAX 20

struct taking {
	struct mail *mail;
	struct pr_buf texts, html, reports;
	unsigned parts;
	GMimeMessage *inner; /* the first mail within, not owned */
};

static struct pr_str
content_of(struct taking *t, GMimePart *part, const char *charset)
{
	GMimeStream *stream = g_mime_stream_mem_new();
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	if (content)
		g_mime_data_wrapper_write_to_stream(content, stream);
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	struct pr_str text = text_decode(
	    t->mail->arena, pr_str_n((const char *)bytes->data, bytes->len), charset, NOTICE_MAX);
	g_object_unref(stream);
	return text;
}

static void
add_text(struct pr_buf *b, struct pr_str text)
{
	if (b->len >= NOTICE_MAX)
		return;
	if (b->len)
		pr_buf_adds(b, "\n\n");
	pr_buf_add_str(b, text);
}

static struct pr_str
header_of(struct mail *m, GMimeObject *object)
{
	char *text = g_mime_object_get_headers(object, NULL);
	struct pr_str block =
	    text_decode(m->arena, text ? pr_str(text) : PR_STR(""), NULL, HEADERS_MAX);
	g_free(text);
	return block;
}

static void
take_part(struct taking *t, GMimePart *part)
{
	struct mail *m = t->mail;
	GMimeContentType *type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	const char *charset = g_mime_content_type_get_parameter(type, "charset");
	struct pr_str text;
	if (g_mime_content_type_is_type(type, "application", "*") ||
	    g_mime_content_type_is_type(type, "image", "*"))
		return;
	text = content_of(t, part, charset);
	if (g_mime_content_type_is_type(type, "message", "delivery-status") ||
	    g_mime_content_type_is_type(type, "message", "global-delivery-status"))
		add_text(&t->reports, text);
	else if (g_mime_content_type_is_type(type, "message", "feedback-report"))
		m->feedback_report = m->feedback_report.n ? m->feedback_report : text;
	else if (g_mime_content_type_is_type(type, "text", "rfc822-headers") ||
	         g_mime_content_type_is_type(type, "message", "*"))
		m->returned = m->returned.n ? m->returned : text;
	else if (g_mime_content_type_is_type(type, "text", "html"))
		add_text(&t->html, text_of_html(m->arena, text));
	else
		add_text(&t->texts, text);
}

static void
take_message(struct taking *t, GMimeMessagePart *part)
{
	GMimeMessage *inner = g_mime_message_part_get_message(part);
	if (!inner || t->inner)
		return;
	t->inner = inner;
	if (!t->mail->returned.n)
		t->mail->returned = header_of(t->mail, GMIME_OBJECT(inner));
}

static void
take(struct taking *t, GMimeObject *object, unsigned depth)
{
	if (!object || depth > DEPTH_MAX || ++t->parts > PARTS_MAX)
		return;
	if (GMIME_IS_MESSAGE_PART(object))
		take_message(t, GMIME_MESSAGE_PART(object));
	else if (GMIME_IS_PART(object))
		take_part(t, GMIME_PART(object));
	if (!GMIME_IS_MULTIPART(object))
		return;
	GMimeMultipart *multipart = GMIME_MULTIPART(object);
	int n = g_mime_multipart_get_count(multipart);
	const char *prologue = g_mime_multipart_get_prologue(multipart);
	if (n == 0 && prologue) /* its boundary never came */
		add_text(&t->texts,
		         text_decode(t->mail->arena, pr_str(prologue), NULL, NOTICE_MAX));
	for (int i = 0; i < n; i++)
		take(t, g_mime_multipart_get_part(multipart, i), depth + 1);
}

/* ---- where a text returns the message ---- */

/* Fields that begin a returned header, or stand in it early. */
static bool
begins_header(struct pr_str line)
{
	static const char *const names[] = {"Received",
	                                    "Return-Path",
	                                    "Message-ID",
	                                    "DKIM-Signature",
	                                    "Delivered-To",
	                                    "MIME-Version",
	                                    "From",
	                                    "Date",
	                                    "X-",
	                                    "Subject",
	                                    "To",
	                                    "Reply-To",
	                                    "Sender",
	                                    "Content-Type",
	                                    "DomainKey-Signature",
	                                    "Authentication-Results",
	                                    "ARC-Seal",
	                                    NULL};
	if (!is_field_line(line))
		return false;
	for (const char *const *n = names; *n; n++)
		if (pr_str_starts_nocase(line, *n))
			return true;
	return false;
}

/* Three fields of a header, folded ones counted once, with nothing else between. */
static bool
is_returned_header(struct pr_str rest)
{
	struct pr_str line;
	unsigned fields = 0;
	for (unsigned lines = 0; lines < 30 && fields < 3 && line_next(&rest, &line); lines++) {
		if (lines > 0 && line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
			continue;
		if (!begins_header(line))
			return false;
		fields++;
	}
	return fields == 3;
}

static void
split_notice(struct mail *m, struct pr_str text)
{
	struct pr_str rest = text, before = text, line;
	m->notice = text;
	while (line_next(&rest, &line)) {
		if (begins_header(line) && is_returned_header(before)) {
			m->notice = pr_str_n(text.p, (size_t)(line.p - text.p));
			if (!m->returned.n)
				m->returned = before;
			return;
		}
		before = rest;
	}
}

/* ---- the whole ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static GMimeMessage *
parse(struct pr_str octets)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(octets.p, octets.n);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	g_mime_parser_set_persist_stream(parser, FALSE);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	g_object_unref(parser);
	g_object_unref(stream);
	return message;
}

/* Line ends of an old Macintosh become LF; what a mailbox puts in front is passed over. */
static struct pr_str
prepared(struct pr_arena *arena, struct pr_str octets)
{
	struct pr_str line, rest;
	octets.n = octets.n < PR_FEEDBACK_SIZE_MAX ? octets.n : PR_FEEDBACK_SIZE_MAX;
	if (octets.n && !memchr(octets.p, '\n', octets.n) && memchr(octets.p, '\r', octets.n)) {
		char *copy = pr_arena_strndup(arena, octets.p, octets.n);
		for (size_t i = 0; i < octets.n; i++)
			copy[i] = copy[i] == '\r' ? '\n' : copy[i];
		octets.p = copy;
	}
	for (rest = octets; line_next(&rest, &line); octets = rest)
		if (pr_str_trim(line).n && !pr_str_starts(line, "From ") &&
		    !pr_str_starts(line, ">From "))
			break;
	return octets;
}

static void
take_apart(struct taking *t, GMimeMessage *message)
{
	struct mail *m = t->mail;
	t->inner = NULL;
	m->header = header_of(m, GMIME_OBJECT(message));
	take(t, g_mime_message_get_mime_part(message), 0);
	m->status_report = pr_arena_copy(m->arena, pr_buf_str(&t->reports));
}

/* A report that was forwarded as a whole is read as if it had come by itself. */
static void
enter_forwarded(struct taking *t)
{
	struct mail *m = t->mail;
	GMimeObject *root = t->inner ? g_mime_message_get_mime_part(t->inner) : NULL;
	GMimeContentType *type = root ? g_mime_object_get_content_type(root) : NULL;
	if (m->status_report.n || m->feedback_report.n || !type ||
	    !g_mime_content_type_is_type(type, "multipart", "report"))
		return;
	m->returned = PR_STR("");
	pr_buf_clear(&t->texts);
	pr_buf_clear(&t->html);
	take_apart(t, t->inner);
}

static void
read_octets(struct mail *m, struct pr_str octets)
{
	struct taking t = {.mail = m};
	GMimeMessage *message = parse(prepared(m->arena, octets));
	if (!message)
		return;
	take_apart(&t, message);
	enter_forwarded(&t);
	g_object_unref(message);
	struct pr_buf *texts = pr_str_trim(pr_buf_str(&t.texts)).n ? &t.texts : &t.html;
	split_notice(m, pr_arena_copy(m->arena, pr_buf_str(texts)));
	pr_buf_finish(&t.texts);
	pr_buf_finish(&t.reports);
	pr_buf_finish(&t.html);
}

/* Or somebody forwarded it in the text. */
static bool
returns_report(const struct mail *m)
{
	return !m->status_report.n && !m->feedback_report.n &&
	       pr_str_starts_nocase(field_of(m->arena, m->returned, "Content-Type"),
	                            "multipart/report");
}

void
mail_read(struct mail *m, struct pr_str octets)
{
	pthread_once(&once, g_mime_init);
	read_octets(m, octets);
	if (returns_report(m)) {
		struct pr_str inner = m->returned;
		*m = (struct mail){.arena = m->arena};
		read_octets(m, inner);
	}
}
