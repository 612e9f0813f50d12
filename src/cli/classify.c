/*
 * `postrider classify --jsonl`: {"reply"} or {"message_b64"} a line in; what it is, whom it is
 * about and what it means, a line out, in order. A line that is no such object is answered as
 * of unknown kind; nothing stops the filter but the end of its input or of its reader.
 */
#include "cli_filters.h"

#include "postrider/feedback.h"

#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define STATUS_MAX 24

/* Any octets as a string of JSON: what is no UTF-8 becomes U+FFFD. */
static json_t *
text_of(struct pr_str s)
{
	json_t *text = json_stringn(s.p ? s.p : "", s.n);
	if (text)
		return text;
	struct pr_buf b = {0};
	pr_buf_add_json(&b, s);
	text = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	pr_buf_finish(&b);
	return text;
}

static json_t *
status_of(const uint16_t status[3])
{
	char text[STATUS_MAX] = "";
	if (status[0])
		snprintf(text, sizeof text, "%u.%u.%u", status[0], status[1], status[2]);
	return json_string(text);
}

static json_t *
recipient_of(struct pr_str address, const uint16_t status[3], const struct pr_finding *finding,
             struct pr_str diagnostic)
{
	return json_pack("{s:o,s:o,s:s,s:b,s:s,s:o}", "address", text_of(address), "status",
	                 status_of(status), "class", pr_class_word(finding->class_), "hard",
	                 finding->hard, "action", pr_action_word(finding->action), "diagnostic",
	                 text_of(diagnostic));
}

static json_t *
judge_reply(const pr_rules *rules, struct pr_str reply)
{
	struct pr_said said = pr_said_read(reply);
	struct pr_finding finding = pr_classify(rules, &said);
	return json_pack("{s:s,s:[o]}", "kind", "reply", "recipients",
	                 recipient_of(PR_STR(""), said.status, &finding, reply));
}

static json_t *
judge_mail(const pr_rules *rules, struct pr_str mail)
{
	struct pr_arena arena;
	struct pr_feedback f;
	json_t *rows = json_array(), *out;
	pr_arena_init(&arena);
	pr_feedback_read(rules, mail, &arena, &f);
	for (size_t i = 0; i < f.n; i++) {
		const struct pr_feedback_recipient *r = &f.recipients[i];
		json_array_append_new(
		    rows, recipient_of(r->address, r->status, &r->finding, r->diagnostic));
	}
	out = json_pack("{s:s,s:o}", "kind", pr_feedback_word(f.kind), "recipients", rows);
	if (f.feedback_type.n)
		json_object_set_new(out, "feedback_type", text_of(f.feedback_type));
	pr_arena_finish(&arena);
	return out;
}

/* What is no base64 is an empty mail. */
static json_t *
judge_base64(const pr_rules *rules, const char *text, size_t n)
{
	EVP_ENCODE_CTX *c = EVP_ENCODE_CTX_new();
	unsigned char *octets = pr_alloc(n / 4 * 3 + 3);
	int got = 0, more = 0;
	PR_ASSERT(c);
	EVP_DecodeInit(c);
	bool good = n <= INT_MAX &&
	            EVP_DecodeUpdate(c, octets, &got, (const unsigned char *)text, (int)n) >= 0 &&
	            EVP_DecodeFinal(c, octets + got, &more) == 1;
	json_t *out = judge_mail(
	    rules, pr_str_n((const char *)octets, good ? (size_t)got + (size_t)more : 0));
	EVP_ENCODE_CTX_free(c);
	free(octets);
	return out;
}

static json_t *
answer(const pr_rules *rules, const char *line, size_t n)
{
	json_t *in = json_loadb(line, n, JSON_ALLOW_NUL, NULL), *out;
	json_t *reply = json_object_get(in, "reply");
	json_t *mail = json_object_get(in, "message_b64");
	if (json_is_string(reply))
		out = judge_reply(rules,
		                  pr_str_n(json_string_value(reply), json_string_length(reply)));
	else if (json_is_string(mail))
		out = judge_base64(rules, json_string_value(mail), json_string_length(mail));
	else
		out = json_pack("{s:s,s:[]}", "kind", "unknown", "recipients");
	json_decref(in);
	return out;
}

int
pr_cli_classify(const pr_rules *rules, FILE *in, FILE *out)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool ok = true;
	while (ok && (n = getline(&line, &size, in)) > 0) {
		json_t *reply = answer(rules, line, (size_t)n);
		ok = json_dumpf(reply, out, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
		     putc('\n', out) != EOF;
		json_decref(reply);
	}
	free(line);
	return ok && !ferror(in) && fflush(out) == 0 ? 0 : 1;
}
