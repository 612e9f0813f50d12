/*
 * What changes something: verbs on campaigns, pause and resume of all, reload, drain. Each is
 * answered when it is durable.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NOBODY UINT32_MAX /* owner of a campaign that is only in done/: for operators */

struct verb_request {
	struct pr_verb verb;
	struct request *request;
	char id[PR_CAMPAIGN_ID_MAX], by[64], domain[PR_SLICE_NAME_MAX + 1], variant[65];
	uint32_t *rows;
};

static void
on_verb_done(struct pr_verb *v, int result, const char *text)
{
	struct verb_request *r = PR_CONTAINER(v, struct verb_request, verb);
	struct pr_buf b = {0};
	if (result < 0)
		request_fail_code(r->request, result, text);
	else {
		pr_buf_addf(&b, "{\"ok\":true,\"changed\":%llu", (unsigned long long)v->changed);
		if (v->still_paused)
			pr_buf_addf(&b, ",\"still_paused\":%u", v->still_paused);
		pr_buf_addc(&b, '}');
		request_json(r->request, &b);
	}
	request_done(r->request);
	free(r->rows);
	free(r);
}

static struct verb_request *
verb_create(struct request *q, enum pr_verb_kind kind)
{
	struct verb_request *r = pr_calloc(1, sizeof *r);
	r->request = q;
	snprintf(r->by, sizeof r->by, "%s", q->peer.name);
	r->verb.kind = kind;
	r->verb.by = r->by;
	r->verb.id = r->id;
	r->verb.done = on_verb_done;
	return r;
}

static void
verb_start(struct verb_request *r)
{
	request_wait(r->request);
	pr_delivery_verb(r->request->control->options.delivery, &r->verb);
}

/* {"as": "resend" | "delivered", "rows": [1, 2]}: what is wrong, or NULL. */
static const char *
read_resolve(struct verb_request *r, const json_t *body)
{
	const char *as = json_string_value(json_object_get(body, "as"));
	const json_t *rows = json_object_get(body, "rows");
	if (!as || (strcmp(as, "resend") != 0 && strcmp(as, "delivered") != 0))
		return "the body must say {\"as\": \"resend\"} or {\"as\": \"delivered\"}";
	r->verb.delivered = strcmp(as, "delivered") == 0;
	if (!rows || json_is_null(rows))
		return NULL;
	if (!json_is_array(rows))
		return "rows must be a list of row numbers";
	r->rows = pr_calloc(json_array_size(rows) + 1, sizeof *r->rows);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_int_t n = json_integer_value(json_array_get(rows, i));
		if (n <= 0 || n > UINT32_MAX)
			return "rows must be a list of row numbers";
		r->rows[r->verb.rows_n++] = (uint32_t)n;
	}
	r->verb.rows = r->rows;
	return NULL;
}

/* {"as": "trust-ledger" | "hold-unsent"}: what is wrong, or NULL. */
static const char *
read_adopt(struct verb_request *r, const json_t *body)
{
	const char *as = json_string_value(json_object_get(body, "as"));
	if (!as || (strcmp(as, "trust-ledger") != 0 && strcmp(as, "hold-unsent") != 0))
		return "the body must say {\"as\": \"trust-ledger\"} or {\"as\": \"hold-unsent\"}";
	r->verb.trust_ledger = strcmp(as, "trust-ledger") == 0;
	return NULL;
}

/* {"domain": "example.net"} for one slice, or nothing: what is wrong, or NULL. */
static const char *
read_slice(struct verb_request *r, const json_t *body)
{
	const json_t *domain = json_object_get(body, "domain");
	const char *name = json_string_value(domain);
	if (!domain || json_is_null(domain))
		return NULL;
	if (!name || !*name || strlen(name) > PR_SLICE_NAME_MAX ||
	    strlen(name) != json_string_length(domain))
		return "domain must be a domain, or the name of a slice";
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7F)
			return "domain must be a domain, or the name of a slice";
	snprintf(r->domain, sizeof r->domain, "%s", name);
	r->verb.slice = r->domain;
	return NULL;
}

/* {"domain": ...} or {"variant": "loud"} for a part of it, or nothing. */
static const char *
read_part(struct verb_request *r, const json_t *body)
{
	const json_t *variant = json_object_get(body, "variant");
	const char *name = json_string_value(variant);
	if (!variant || json_is_null(variant))
		return read_slice(r, body);
	if (!name || !*name || strlen(name) > sizeof r->variant - 1)
		return "variant must be the name of a variant";
	if (json_object_get(body, "domain"))
		return "domain and variant cannot be said together";
	snprintf(r->variant, sizeof r->variant, "%s", name);
	r->verb.variant = r->variant;
	return NULL;
}

static const char *const keys_of_part[] = {"domain", "variant", NULL};
static const char *const keys_of_variant[] = {"variant", NULL};
static const char *const keys_of_resolve[] = {"as", "rows", NULL};
static const char *const keys_of_adopt[] = {"as", NULL};

static const struct {
	const char *word;
	enum pr_verb_kind kind;
	const char *const *keys; /* of its body; NULL: none */
	const char *(*read)(struct verb_request *r, const json_t *body);
} verbs[] = {
    {"pause", PR_VERB_PAUSE, keys_of_part, read_part},
    {"resume", PR_VERB_RESUME, keys_of_part, read_part},
    {"cancel", PR_VERB_CANCEL, keys_of_variant, read_part},
    {"approve", PR_VERB_APPROVE, NULL, NULL},
    {"resolve", PR_VERB_RESOLVE, keys_of_resolve, read_resolve},
    {"adopt", PR_VERB_ADOPT, keys_of_adopt, read_adopt},
};

static unsigned
index_of(const char *word)
{
	unsigned i = 0;
	while (strcmp(verbs[i].word, word) != 0)
		i++; /* the table of paths lets no other word in */
	return i;
}

static void
start_verb_on(struct request *q, unsigned verb, const char *id)
{
	json_t *body;
	if (!request_body(q, verbs[verb].keys, &body))
		return;
	struct verb_request *r = verb_create(q, verbs[verb].kind);
	snprintf(r->id, sizeof r->id, "%s", id);
	const char *wrong = verbs[verb].read ? verbs[verb].read(r, body) : NULL;
	json_decref(body);
	if (!wrong) {
		verb_start(r);
		return;
	}
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "%s", wrong);
	free(r->rows);
	free(r);
}

bool
find_target(struct request *q, bool ended, char id[PR_CAMPAIGN_ID_MAX])
{
	struct pr_campaign_view v = {.id = q->segments[2], .owner = NOBODY};
	pr_campaign *c = pr_delivery_find(q->control->options.delivery, q->segments[2]);
	const struct shelved *s = c ? NULL : shelf_find(q->control, q->segments[2]);
	if (s)
		v.owner = s->owner;
	if (c)
		pr_campaign_view(c, &v);
	if (s && !ended)
		request_fail_code(q, PR_ESTATE, "the campaign has ended");
	else if (!c && !ended)
		request_fail(q, MHD_HTTP_NOT_FOUND, "not_found",
		             "there is no campaign %s under way", q->segments[2]);
	else if (!may_act(q, v.owner))
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied",
		             "only operators and the campaign's owner may do this");
	else {
		snprintf(id, PR_CAMPAIGN_ID_MAX, "%s", v.id);
		return true;
	}
	return false;
}

void
post_verb(struct request *q)
{
	char id[PR_CAMPAIGN_ID_MAX];
	unsigned verb = index_of(q->segments[3]);
	if (find_target(q, verbs[verb].kind == PR_VERB_RESOLVE, id))
		start_verb_on(q, verb, id);
}

/* What concerns everybody: for operators, and it says nothing more. False: it was answered. */
static bool
may_all(struct request *q)
{
	json_t *none;
	if (!q->peer.is_operator) {
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "only operators may do this");
		return false;
	}
	bool good = request_body(q, NULL, &none);
	json_decref(none);
	return good;
}

void
post_all(struct request *q)
{
	if (may_all(q))
		verb_start(verb_create(q, strcmp(q->segments[1], "pause") == 0
		                              ? PR_VERB_PAUSE_ALL
		                              : PR_VERB_RESUME_ALL));
}

/* {"errors": [...]}, with `error` put before it, as every refusal has. */
static void
refuse_reload(struct request *q, struct pr_buf *errors)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "{\"error\":{\"code\":\"invalid\",\"message\":"
	                "\"the configuration has errors: nothing was changed\"}");
	if (errors->len > 2) {
		pr_buf_addc(&b, ',');
		pr_buf_add(&b, errors->data + 1, errors->len - 1);
	} else
		pr_buf_addc(&b, '}');
	pr_buf_addc(&b, '\n');
	pr_buf_finish(errors);
	request_answer(q, MHD_HTTP_BAD_REQUEST, "application/json", &b);
}

void
post_reload(struct request *q)
{
	struct pr_buf b = {0};
	if (!may_all(q))
		return;
	int r = q->control->options.reload(q->control->options.context, &b);
	if (r < 0)
		refuse_reload(q, &b);
	else
		request_json(q, &b);
}

void
post_drain(struct request *q)
{
	struct pr_buf b = {0};
	if (!may_all(q))
		return;
	q->control->options.drain(q->control->options.context);
	pr_buf_adds(&b, "{\"ok\":true}");
	request_json(q, &b);
}
