/*
 * SendGrid: POST /v3/mail/send, JSON. It composes anew what we have composed: the finished octets
 * are read by GMime and taken apart. Its tracking is off. Header fields that it refuses or writes
 * itself stay behind, also our signature; the rest, List-Unsubscribe and its Post among them, goes
 * through. custom_args.message_id comes back with its events.
 */
#include "api.h"

#include <gmime/gmime.h>
#include <jansson.h>
#include <pthread.h>

#define PARTS_MAX 1000
#define DEPTH_MAX 20

struct letter {
	json_t *content[4]; /* by kind_of: the order SendGrid wants */
	json_t *attachments;
	unsigned parts;
};

/* Any octets as a string of JSON; "" for NULL. */
static json_t *
text_of(const char *s)
{
	char *valid = g_utf8_make_valid(s ? s : "", -1);
	json_t *out = json_string(valid);
	g_free(valid);
	return out;
}

/* ---- header fields ---- */

static bool
passes(const char *name)
{
	static const char *const kept_back[] = {
	    "To",          "Cc",       "Bcc",  "From",         "Sender",
	    "Subject",     "Reply-To", "Date", "MIME-Version", "DKIM-Signature",
	    "Return-Path", "Received", NULL};
	for (const char *const *p = kept_back; *p; p++)
		if (g_ascii_strcasecmp(name, *p) == 0)
			return false;
	return g_ascii_strncasecmp(name, "Content-", 8) != 0 &&
	       g_ascii_strncasecmp(name, "x-sg-", 5) != 0;
}

/* A name twice: the first counts. */
static json_t *
headers_of(GMimeMessage *message)
{
	GMimeHeaderList *list = g_mime_object_get_header_list(GMIME_OBJECT(message));
	json_t *out = json_object();
	for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
		GMimeHeader *h = g_mime_header_list_get_header_at(list, i);
		const char *name = g_mime_header_get_name(h);
		if (passes(name) && !json_object_get(out, name))
			json_object_set_new(out, name, text_of(g_mime_header_get_value(h)));
	}
	return out;
}

/* Mailboxes as [{email, name}]. */
static json_t *
addresses_of(GMimeMessage *message, GMimeAddressType type)
{
	InternetAddressList *list = g_mime_message_get_addresses(message, type);
	json_t *out = json_array();
	for (int i = 0; list && i < internet_address_list_length(list); i++) {
		InternetAddress *a = internet_address_list_get_address(list, i);
		if (!INTERNET_ADDRESS_IS_MAILBOX(a))
			continue;
		json_t *one = json_object();
		const char *name = internet_address_get_name(a);
		json_object_set_new(
		    one, "email",
		    text_of(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a))));
		if (name && *name)
			json_object_set_new(one, "name", text_of(name));
		json_array_append_new(out, one);
	}
	return out;
}

/* Who gets it is the envelope's to say; a name is the To field's, where that speaks of him. */
static json_t *
recipient_of(GMimeMessage *message, const char *to)
{
	json_t *named = addresses_of(message, GMIME_ADDRESS_TYPE_TO), *out = json_object();
	json_t *name = json_object_get(json_array_get(named, 0), "name");
	const char *email = json_string_value(json_object_get(json_array_get(named, 0), "email"));
	json_object_set_new(out, "email", text_of(to));
	if (name && email && g_ascii_strcasecmp(email, to) == 0)
		json_object_set(out, "name", name);
	json_decref(named);
	return out;
}

/* ---- parts ---- */

static int
kind_of(GMimeContentType *type)
{
	static const char *const kinds[] = {"plain", "x-amp-html", "html", "calendar"};
	for (int i = 0; i < 4; i++)
		if (g_mime_content_type_is_type(type, "text", kinds[i]))
			return i;
	return -1;
}

static char *
decoded(GMimePart *part, size_t *n)
{
	GMimeStream *stream = g_mime_stream_mem_new();
	GMimeDataWrapper *content = g_mime_part_get_content(part);
	if (content)
		g_mime_data_wrapper_write_to_stream(content, stream);
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	char *base64 = g_base64_encode(bytes->data, bytes->len);
	*n = bytes->len;
	g_object_unref(stream);
	return base64;
}

static void
attach(struct letter *l, GMimePart *part, const char *type)
{
	const char *name = g_mime_part_get_filename(part);
	const char *id = g_mime_object_get_content_id(GMIME_OBJECT(part));
	const char *how = g_mime_object_get_disposition(GMIME_OBJECT(part));
	json_t *a = json_object();
	size_t n;
	char *base64 = decoded(part, &n);
	bool inline_ = id && (!how || g_ascii_strcasecmp(how, "inline") == 0);
	json_object_set_new(a, "content", json_string(base64));
	json_object_set_new(a, "type", text_of(type));
	json_object_set_new(a, "filename", text_of(name && *name ? name : "attachment"));
	json_object_set_new(a, "disposition", json_string(inline_ ? "inline" : "attachment"));
	if (inline_)
		json_object_set_new(a, "content_id", text_of(id));
	if (n > 0)
		json_array_append(l->attachments, a);
	json_decref(a);
	g_free(base64);
}

static void
add_text(struct letter *l, int kind, GMimeTextPart *part, const char *type)
{
	char *text = g_mime_text_part_get_text(part);
	if (text && *text) { /* SendGrid refuses an empty one */
		l->content[kind] = json_object();
		json_object_set_new(l->content[kind], "type", json_string(type));
		json_object_set_new(l->content[kind], "value", text_of(text));
	}
	g_free(text);
}

/* The first text of each kind is the letter; all else is attached. */
static void
add_leaf(struct letter *l, GMimePart *part)
{
	static const char *const types[] = {"text/plain", "text/x-amp-html", "text/html",
	                                    "text/calendar"};
	GMimeContentType *content_type = g_mime_object_get_content_type(GMIME_OBJECT(part));
	const char *how = g_mime_object_get_disposition(GMIME_OBJECT(part));
	int kind = GMIME_IS_TEXT_PART(part) ? kind_of(content_type) : -1;
	bool attached = how && g_ascii_strcasecmp(how, "attachment") == 0;
	if (kind >= 0 && !attached && !l->content[kind]) {
		add_text(l, kind, GMIME_TEXT_PART(part), types[kind]);
		return;
	}
	char *type = g_mime_content_type_get_mime_type(content_type);
	attach(l, part, type);
	g_free(type);
}

/* Why not; NULL: all went in. */
static const char *
add_part(struct letter *l, GMimeObject *part, unsigned depth)
{
	const char *why = NULL;
	if (depth > DEPTH_MAX || ++l->parts > PARTS_MAX)
		return "the message has too many parts for SendGrid's API";
	if (GMIME_IS_PART(part))
		add_leaf(l, GMIME_PART(part));
	else if (!GMIME_IS_MULTIPART(part))
		return "SendGrid's API takes no message within a message";
	for (int i = 0; GMIME_IS_MULTIPART(part) && !why &&
	                i < g_mime_multipart_get_count(GMIME_MULTIPART(part));
	     i++)
		why = add_part(l, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), depth + 1);
	return why;
}

/* ---- the whole ---- */

static json_t *
tracking_off(void)
{
	return json_pack("{s:{s:b,s:b},s:{s:b},s:{s:b}}", "click_tracking", "enable", 0,
	                 "enable_text", 0, "open_tracking", "enable", 0, "subscription_tracking",
	                 "enable", 0);
}

static void
set_who(json_t *j, GMimeMessage *message, const char *to)
{
	json_t *from = addresses_of(message, GMIME_ADDRESS_TYPE_FROM);
	json_t *reply = addresses_of(message, GMIME_ADDRESS_TYPE_REPLY_TO);
	json_object_set_new(j, "personalizations",
	                    json_pack("[{s:[o]}]", "to", recipient_of(message, to)));
	if (json_array_size(from) > 0)
		json_object_set(j, "from", json_array_get(from, 0));
	if (json_array_size(reply) == 1)
		json_object_set(j, "reply_to", json_array_get(reply, 0));
	else if (json_array_size(reply) > 1)
		json_object_set(j, "reply_to_list", reply);
	json_decref(from);
	json_decref(reply);
}

static const char *
set_parts(json_t *j, GMimeMessage *message)
{
	struct letter l = {.attachments = json_array()};
	json_t *content = json_array();
	GMimeObject *body = g_mime_message_get_mime_part(message);
	const char *why = body ? add_part(&l, body, 0) : NULL;
	for (int i = 0; i < 4; i++)
		if (l.content[i])
			json_array_append_new(content, l.content[i]);
	if (!why && json_array_size(content) == 0)
		why = "SendGrid's API wants a text, and the message has none";
	json_object_set_new(j, "content", content);
	if (json_array_size(l.attachments) > 0)
		json_object_set(j, "attachments", l.attachments);
	json_decref(l.attachments);
	return why;
}

static int
on_json(const char *text, size_t n, void *context)
{
	pr_buf_add(context, text, n);
	return 0;
}

static const char *
write_message(const char *to, GMimeMessage *message, struct pr_buf *json)
{
	json_t *j = json_object();
	const char *id = g_mime_message_get_message_id(message);
	set_who(j, message, to);
	json_object_set_new(j, "subject", text_of(g_mime_message_get_subject(message)));
	const char *why = set_parts(j, message);
	json_object_set_new(j, "headers", headers_of(message));
	if (id)
		json_object_set_new(j, "custom_args",
		                    json_pack("{s:o}", "message_id", text_of(id)));
	json_object_set_new(j, "tracking_settings", tracking_off());
	if (!why)
		json_dump_callback(j, on_json, json, JSON_COMPACT);
	json_decref(j);
	return why;
}

const char *
sendgrid_write(const char *to, struct pr_str octets, struct pr_buf *json)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, g_mime_init);
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(octets.p, octets.n);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	const char *why = message ? write_message(to, message, json) : "the message cannot be read";
	if (message)
		g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	return why;
}

static void
path(struct pr_buf *url, const char *domain)
{
	(void)domain;
	pr_buf_adds(url, "/v3/mail/send");
}

static void
fill(struct api_request *r, CURL *curl)
{
	r->unfit = sendgrid_write(r->to, pr_buf_str(&r->octets), &r->json);
	r->source = &r->json;
	r->headers = curl_slist_append(r->headers, "Content-Type: application/json");
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->json.len);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, api_give);
	curl_easy_setopt(curl, CURLOPT_READDATA, r);
	curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, api_rewind);
	curl_easy_setopt(curl, CURLOPT_SEEKDATA, r);
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
	curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, r->key);
}

const struct api_provider api_sendgrid = {
    .endpoint = "https://api.sendgrid.com", .path = path, .fill = fill};
