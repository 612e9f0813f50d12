/*
 * Rows: pages of a campaign's recipients, and one person's story over all campaigns. Read on the
 * reader lane with a read-only connection of its own; what the journal holds and the ledger does
 * not yet is a moment behind.
 */
#include "suppress.h"

#include "postrider/base/file.h"
#include "postrider/campaign/address.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct rows_job {
	struct pr_job job;
	struct request *request;
	char dir[4096]; /* of the campaign; of the spool for a person's story */
	enum pr_state state;
	uint32_t after;
	unsigned limit, n;
	struct pr_mailbox mailbox;
	struct pr_map own; /* hashes of the ids an owner may see; for operators empty: all */
	bool only_own;
	const char *campaign; /* the one being read, for a person's story */
	pr_ledger *ledger;    /* its */
	char *audience;       /* path; NULL: not for who asks */
	const struct pr_audience_keys *names;
	struct pr_buf out;
	int result;
	struct pr_error error;
};

void
json_text(struct pr_buf *b, const char *key, struct pr_str text)
{
	pr_buf_addf(b, ",\"%s\":", key);
	pr_buf_add_json(b, text);
}

static void
add_time(struct pr_buf *b, const char *key, int64_t utc_ms)
{
	char at[PR_RFC3339_SIZE];
	if (utc_ms)
		pr_buf_addf(b, ",\"%s\":\"%s\"", key, pr_format_rfc3339(utc_ms, at));
}

void
known_json(struct pr_buf *b, const struct pr_known *k, const char *campaign)
{
	pr_buf_addf(b, "%s{\"row\":%u", b->data[b->len - 1] == '[' ? "" : ",", k->row);
	if (pr_row_is_seed(k->row))
		pr_buf_adds(b, ",\"seed\":true");
	if (campaign)
		json_text(b, "campaign", pr_str(campaign));
	json_text(b, "email", k->email);
	json_text(b, "state", pr_str(pr_state_word(k->state)));
	json_text(b, "class", pr_str(pr_class_word(k->class_)));
	pr_buf_addf(b, ",\"code\":%u", k->code);
	if (k->enhanced[0])
		pr_buf_addf(b, ",\"enhanced\":\"%u.%u.%u\"", k->enhanced[0], k->enhanced[1],
		            k->enhanced[2]);
	json_text(b, "reply", k->reply);
	json_text(b, "mx", k->mx);
	pr_buf_addf(b, ",\"attempts\":%u,\"doubts\":%u,\"held\":%s", k->attempts, k->doubts,
	            k->flags & PR_OUTCOME_HELD ? "true" : "false");
	if (k->version)
		pr_buf_addf(b, ",\"version\":%u", k->version);
	add_time(b, "first_attempt", k->first_ms);
	add_time(b, "last_attempt", k->last_ms);
	add_time(b, "due", k->due_ms);
}

static bool
add_hit(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	struct pr_buf *b = context;
	char at[PR_RFC3339_SIZE];
	if (hit->kind == PR_ENGAGEMENT_EVIDENCE)
		return true; /* about a visitor, not done by anybody */
	pr_buf_addf(b, "%s{\"at\":\"%s\",\"type\":\"%s\",\"machine\":%s",
	            b->data[b->len - 1] == '[' ? "" : ",", pr_format_rfc3339(hit->at_ms, at),
	            pr_engagement_word((enum pr_engagement_kind)hit->kind),
	            hit->machine ? "true" : "false");
	if (hit->link)
		pr_buf_addf(b, ",\"link\":%u", hit->link);
	if (detail.n)
		json_text(b, "detail", detail);
	pr_buf_addc(b, '}');
	return true;
}

static bool
add_conversion(void *context, const struct pr_converted *c)
{
	struct pr_buf *b = context;
	char at[PR_RFC3339_SIZE], amount[PR_AMOUNT_SIZE];
	pr_buf_addf(b, "%s{\"at\":\"%s\",\"type\":\"conversion\",\"machine\":false",
	            b->data[b->len - 1] == '[' ? "" : ",", pr_format_rfc3339(c->at_ms, at));
	json_text(b, "event", c->c.event);
	if (c->c.amount.currency[0]) {
		json_text(b, "amount", pr_str(pr_amount_format(c->c.amount.micros, amount)));
		json_text(b, "currency", pr_str(c->c.amount.currency));
	}
	json_text(b, "order", c->c.order);
	if (c->c.link)
		pr_buf_addf(b, ",\"link\":%u", c->c.link);
	pr_buf_addc(b, '}');
	return true;
}

int
engagement_json(struct pr_buf *b, pr_ledger *l, uint32_t row, struct pr_error *e)
{
	pr_buf_adds(b, ",\"engagement\":[");
	int r = pr_ledger_hits(l, row, add_hit, b, e);
	if (r == 0)
		r = pr_ledger_each_conversion(l, row, add_conversion, b, e);
	pr_buf_addc(b, ']');
	return r;
}

static bool
add_known(void *context, const struct pr_known *k)
{
	struct rows_job *j = context;
	known_json(&j->out, k, NULL);
	pr_buf_addc(&j->out, '}');
	j->after = k->row;
	j->n++;
	return true;
}

int
open_ledger(const char *dir, pr_ledger **out, struct pr_error *e)
{
	char path[5000];
	snprintf(path, sizeof path, "%s/ledger.db", dir);
	int r = pr_ledger_open(path, PR_LEDGER_READ, out, e);
	return r == PR_ENOENT ? pr_fail(e, r, "there is no such campaign") : r;
}

static void
rows_done(struct pr_job *job)
{
	struct rows_job *j = PR_CONTAINER(job, struct rows_job, job);
	struct request *q = j->request;
	if (j->result < 0)
		request_fail_code(q, j->result, j->error.text);
	else
		request_json(q, &j->out);
	request_done(q);
	pr_buf_finish(&j->out);
	pr_map_finish(&j->own);
	free(j->audience);
	free(j);
}

static void
work_rows(struct pr_job *job, void *worker)
{
	(void)worker;
	struct rows_job *j = PR_CONTAINER(job, struct rows_job, job);
	pr_ledger *l;
	pr_buf_adds(&j->out, "{\"recipients\":[");
	j->result = open_ledger(j->dir, &l, &j->error);
	if (j->result < 0)
		return;
	j->result = pr_ledger_page(l, j->state, j->after, j->limit, add_known, j, &j->error);
	pr_ledger_close(l);
	if (j->n == j->limit)
		pr_buf_addf(&j->out, "],\"next\":%u}", j->after);
	else
		pr_buf_adds(&j->out, "],\"next\":null}");
}

static struct rows_job *
job_create(struct request *q, void (*work)(struct pr_job *, void *))
{
	struct rows_job *j = pr_calloc(1, sizeof *j);
	j->request = q;
	j->job.work = work;
	j->job.done = rows_done;
	j->state = PR_STATES;
	return j;
}

static void
start(struct rows_job *j)
{
	request_wait(j->request);
	pr_lane_submit(j->request->control->readers, &j->job);
}

bool
find_folder(struct request *q, char *dir, size_t size)
{
	struct pr_campaign_view v = {.owner = (uint32_t)-1};
	const char *id = q->segments[2];
	pr_campaign *c = pr_delivery_find(q->control->options.delivery, id);
	const struct shelved *s = c ? NULL : shelf_find(q->control, id);
	if (c)
		pr_campaign_view(c, &v);
	else if (s)
		v.owner = s->owner;
	if (c && v.state == PR_CAMPAIGN_IMPORTING && may_see_rows(q, v.owner)) {
		request_fail(q, MHD_HTTP_CONFLICT, "state",
		             "the campaign's recipients are still being read");
		return false;
	}
	if (!may_see_rows(q, v.owner)) {
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied",
		             "only operators and the campaign's owner see recipients");
		return false;
	}
	if (c)
		snprintf(dir, size, "%s", v.dir);
	else if (id_is_sound(id))
		snprintf(dir, size, "%s/done/%s", q->control->options.config->spool.p, id);
	else {
		request_fail(q, MHD_HTTP_NOT_FOUND, "not_found", "there is no such campaign");
		return false;
	}
	return true;
}

bool
read_number(struct request *q, const char *name, uint64_t least, uint64_t most, uint64_t *out)
{
	const char *text = request_argument(q, name);
	if (!text || (pr_str_u64(pr_str(text), out) && *out >= least && *out <= most))
		return true;
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "%s must be a number from %llu to %llu",
	             name, (unsigned long long)least, (unsigned long long)most);
	return false;
}

void
get_rows(struct request *q)
{
	char dir[4096];
	uint64_t after = 0, limit = PAGE_DEFAULT;
	enum pr_state state = PR_STATES;
	const char *word = request_argument(q, "state");
	if (!find_folder(q, dir, sizeof dir) || !read_number(q, "after", 0, UINT32_MAX, &after) ||
	    !read_number(q, "limit", 1, PAGE_MAX, &limit))
		return;
	if (word && !pr_state_parse(pr_str(word), &state)) {
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "there is no such state");
		return;
	}
	struct rows_job *j = job_create(q, work_rows);
	memcpy(j->dir, dir, sizeof j->dir);
	j->state = state;
	j->after = (uint32_t)after;
	j->limit = (unsigned)limit;
	start(j);
}

/* ---- one person's story ---- */

static bool
add_story(void *context, const struct pr_known *k)
{
	struct rows_job *j = context;
	struct pr_error e;
	known_json(&j->out, k, j->campaign);
	(void)engagement_json(&j->out, j->ledger, k->row, &e); /* what can be read of it */
	pr_buf_addc(&j->out, '}');
	return true;
}

static void
find_in(struct rows_job *j, const char *folder)
{
	char path[4200];
	struct pr_error e;
	snprintf(path, sizeof path, "%s/%s", j->dir, folder);
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		char dir[4500];
		pr_ledger *l;
		if (!id_is_sound(entry->d_name) ||
		    (j->only_own && !pr_map_get(&j->own, hash_id(entry->d_name))))
			continue;
		snprintf(dir, sizeof dir, "%s/%s", path, entry->d_name);
		if (open_ledger(dir, &l, &e) < 0)
			continue;
		j->campaign = entry->d_name;
		j->ledger = l;
		pr_ledger_find(l, pr_str_n(j->mailbox.address, j->mailbox.n), add_story, j, &e);
		pr_ledger_close(l);
	}
	if (d)
		closedir(d);
}

static bool
add_closed(void *context, const struct pr_suppression *s)
{
	struct rows_job *j = context;
	if (j->out.data[j->out.len - 1] != '[')
		pr_buf_addc(&j->out, ',');
	suppression_json(&j->out, s, pr_utc_ms());
	return true;
}

/* What mail is closed to this person. */
static void
add_suppressions(struct rows_job *j)
{
	pr_audience *a;
	struct pr_str address = pr_str_n(j->mailbox.address, j->mailbox.n);
	pr_buf_adds(&j->out, ",\"suppressions\":[");
	j->result = pr_audience_open(j->audience, PR_AUDIENCE_READ, &a, &j->error);
	if (j->result < 0)
		return;
	pr_audience_use(a, j->names);
	j->result = pr_audience_of(a, address, add_closed, j, &j->error);
	pr_audience_close(a);
	pr_buf_addc(&j->out, ']');
}

static void
work_person(struct pr_job *job, void *worker)
{
	(void)worker;
	struct rows_job *j = PR_CONTAINER(job, struct rows_job, job);
	pr_buf_adds(&j->out, "{\"address\":");
	pr_buf_add_json(&j->out, pr_str_n(j->mailbox.address, j->mailbox.n));
	pr_buf_adds(&j->out, ",\"campaigns\":[");
	find_in(j, "active");
	find_in(j, "done");
	pr_buf_addc(&j->out, ']');
	if (j->audience)
		add_suppressions(j);
	pr_buf_addc(&j->out, '}');
}

/* The campaigns of who asks; false: there are none. */
static bool
find_own(struct request *q, struct pr_map *own)
{
	static char here;
	pr_delivery *d = q->control->options.delivery;
	bool any = false;
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		struct pr_campaign_view v;
		pr_campaign_view(c, &v);
		if (!may_see_rows(q, v.owner))
			continue;
		pr_map_put(own, hash_id(v.id), &here);
		any = true;
	}
	PR_LIST_EACH(link, &q->control->shelf) {
		const struct shelved *s = PR_CONTAINER(link, struct shelved, link);
		if (!may_see_rows(q, s->owner))
			continue;
		pr_map_put(own, hash_id(s->id), &here);
		any = true;
	}
	return any;
}

/* Operators over all campaigns, owners over their own. */
void
get_recipient(struct request *q)
{
	const char *why, *address = request_argument(q, "address");
	struct pr_mailbox m;
	struct pr_map own = {0};
	if (!q->peer.is_operator && !find_own(q, &own)) {
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied",
		             "only operators and owners of campaigns see recipients");
		return;
	}
	if (!address || pr_mailbox_parse(pr_str(address), &m, &why) < 0) {
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "address: %s",
		             address ? why : "say whose story");
		pr_map_finish(&own);
		return;
	}
	struct rows_job *j = job_create(q, work_person);
	snprintf(j->dir, sizeof j->dir, "%s", q->control->options.config->spool.p);
	j->mailbox = m;
	j->own = own;
	j->only_own = !q->peer.is_operator;
	if (q->peer.is_operator)
		j->audience = pr_strdup(pr_audience_desk_path(q->control->options.audience));
	j->names = &q->control->options.config->names;
	start(j);
}
