/*
 * Mailgun: POST /v3/DOMAIN/messages.mime, a form with the recipient and the message as it was
 * composed: its signatures stay good. Mailgun's own tracking is off. The user of the basic
 * authentication is "api".
 */
#include "api.h"

static void
path(struct pr_buf *url, const char *domain)
{
	pr_buf_addf(url, "/v3/%s/messages.mime", domain);
}

static void
add_field(curl_mime *form, const char *name, const char *value)
{
	curl_mimepart *part = curl_mime_addpart(form);
	curl_mime_name(part, name);
	curl_mime_data(part, value, CURL_ZERO_TERMINATED);
}

static void
fill(struct api_request *r, CURL *curl)
{
	r->form = curl_mime_init(curl);
	add_field(r->form, "to", r->to);
	add_field(r->form, "o:tracking", "no");
	curl_mimepart *part = curl_mime_addpart(r->form);
	curl_mime_name(part, "message");
	curl_mime_filename(part, "message.mime");
	curl_mime_type(part, "message/rfc822");
	curl_mime_data_cb(part, (curl_off_t)r->octets.len, api_give, api_rewind, NULL, r);
	r->source = &r->octets;
	curl_easy_setopt(curl, CURLOPT_MIMEPOST, r->form);
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(curl, CURLOPT_USERNAME, "api");
	curl_easy_setopt(curl, CURLOPT_PASSWORD, r->key);
}

const struct api_provider api_mailgun = {
    .endpoint = "https://api.mailgun.net", .path = path, .fill = fill};
