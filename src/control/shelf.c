/*
 * The shelf: campaigns that earlier runs finished, known by done/ID/report.json; one that is asked
 * for, by its ledger as well. Who owns them is read once, at the start; their objects on the reader
 * lane. A report that cannot be read is left out.
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REPORT_MAX (4u << 20)
#define LIST_MAX 1000

struct shelf_job {
	struct pr_job job;
	struct request *request;
	char *done; /* SPOOL/done */
	char id[PR_CAMPAIGN_ID_MAX];
	struct pr_map known; /* hashes of ids delivery has told already */
	struct pr_buf out;
	bool list, found;
};

bool
id_is_sound(const char *id)
{
	size_t n = strlen(id);
	if (n == 0 || n > 255 || id[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (id[i] == '/' || (unsigned char)id[i] < 0x20 || id[i] == 0x7F)
			return false;
	return true;
}

uint64_t
hash_id(const char *id)
{
	return pr_siphash((struct pr_hash_key){1, 2}, id, strlen(id));
}

static json_t *
read_report(const char *done, const char *id)
{
	char path[4400];
	struct pr_buf text = {0};
	json_t *report = NULL;
	snprintf(path, sizeof path, "%s/%s/report.json", done, id);
	if (pr_file_read(AT_FDCWD, path, REPORT_MAX, &text, NULL) == 0)
		report = json_loadb(text.data, text.len, 0, NULL);
	pr_buf_finish(&text);
	return report;
}

/* ---- known at the start ---- */

static void
shelve(struct pr_control *c, const char *id, json_t *report)
{
	const json_t *campaign = json_object_get(report, "campaign");
	size_t n = strlen(id);
	if (!campaign || n >= PR_CAMPAIGN_ID_MAX)
		return;
	struct shelved *s = pr_calloc(1, sizeof *s);
	memcpy(s->id, id, n); /* the rest of it is 0 */
	s->serial = (uint32_t)json_integer_value(json_object_get(report, "serial"));
	const json_t *owner = json_object_get(campaign, "owner");
	s->owner = owner ? (uint32_t)json_integer_value(owner) : (uint32_t)-1;
	pr_list_push(&c->shelf, &s->link);
}

void
shelf_open(struct pr_control *c)
{
	char done[4200];
	pr_list_init(&c->shelf);
	snprintf(done, sizeof done, "%s/done", c->options.config->spool.p);
	DIR *d = opendir(done);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		json_t *report =
		    id_is_sound(entry->d_name) ? read_report(done, entry->d_name) : NULL;
		shelve(c, entry->d_name, report);
		json_decref(report);
	}
	if (d)
		closedir(d);
}

void
shelf_close(struct pr_control *c)
{
	while (!pr_list_empty(&c->shelf))
		free(PR_CONTAINER(pr_list_shift(&c->shelf), struct shelved, link));
}

const struct shelved *
shelf_find(const struct pr_control *c, const char *id)
{
	PR_LIST_EACH(link, &c->shelf) {
		const struct shelved *s = PR_CONTAINER(link, struct shelved, link);
		if (strcmp(s->id, id) == 0)
			return s;
	}
	return NULL;
}

/* ---- their objects ---- */

/* What only those may see who see rows: an error may quote an address. */
static void
veil(const struct request *q, json_t *campaign)
{
	const json_t *owner = json_object_get(campaign, "owner");
	if (!may_see_rows(q, owner ? (uint32_t)json_integer_value(owner) : (uint32_t)-1))
		json_object_set_new(campaign, "last_error", json_null());
}

/* What changes after the end, as its ledger has it: the report may be some seconds old, or more
 * after a kill. */
static void
take_counts(json_t *campaign, const char *done, const char *id)
{
	static const char *const keys[] = {
	    "counts",         "opens",       "clicks",  "unsubscribes", "complaints",
	    "needs_decision", "conversions", "revenue", "cost",         "roi",
	    "roi_leaves_out", "seeds",       "capped"};
	char dir[4400];
	struct pr_error e;
	struct pr_buf b = {0};
	pr_ledger *l;
	struct pr_campaign_view v = {.id = "", .name = ""};
	snprintf(dir, sizeof dir, "%s/%s", done, id);
	if (open_ledger(dir, &l, &e) < 0)
		return;
	if (pr_ledger_counts(l, &v.counts, &e) == 0 &&
	    pr_ledger_seed_counts(l, &v.seeds, &e) == 0 &&
	    pr_ledger_engagements(l, &v.engaged, &e) == 0 &&
	    pr_ledger_earned(l, &v.earned, &e) == 0)
		pr_report_campaign_json(&v, &b);
	pr_ledger_close(l);
	json_t *now = b.len ? json_loadb(b.data, b.len, 0, NULL) : NULL;
	for (size_t i = 0; now && i < sizeof keys / sizeof *keys; i++)
		json_object_set(campaign, keys[i], json_object_get(now, keys[i]));
	json_decref(now);
	pr_buf_finish(&b);
}

static bool
add_one(struct shelf_job *j, const char *id)
{
	json_t *report = read_report(j->done, id);
	json_t *campaign = json_object_get(report, "campaign");
	if (campaign) {
		veil(j->request, campaign);
		if (!j->list) {
			take_counts(campaign, j->done, id);
			json_object_set(campaign, "slices", json_object_get(report, "slices"));
			json_object_set(campaign, "history", json_object_get(report, "history"));
			json_object_set(campaign, "decision", json_object_get(report, "decision"));
		}
	}
	char *dump = campaign ? json_dumps(campaign, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	if (dump) {
		if (j->list && j->out.data[j->out.len - 1] != '[')
			pr_buf_addc(&j->out, ',');
		pr_buf_adds(&j->out, dump);
	}
	bool found = dump != NULL;
	free(dump);
	json_decref(report);
	return found;
}

static void
work_shelf(struct pr_job *job, void *worker)
{
	(void)worker;
	struct shelf_job *j = PR_CONTAINER(job, struct shelf_job, job);
	if (!j->list) {
		j->found = add_one(j, j->id);
		return;
	}
	DIR *d = opendir(j->done);
	unsigned n = 0;
	for (struct dirent *entry; d && n < LIST_MAX && (entry = readdir(d));)
		if (id_is_sound(entry->d_name) && !pr_map_get(&j->known, hash_id(entry->d_name)))
			n += add_one(j, entry->d_name);
	if (d)
		closedir(d);
}

static void
shelf_done(struct pr_job *job)
{
	struct shelf_job *j = PR_CONTAINER(job, struct shelf_job, job);
	struct request *q = j->request;
	if (j->list)
		pr_buf_adds(&j->out, "]}");
	if (j->list || j->found)
		request_json(q, &j->out);
	else
		request_fail(q, MHD_HTTP_NOT_FOUND, "not_found", "there is no campaign %s", j->id);
	request_done(q);
	pr_buf_finish(&j->out);
	pr_map_finish(&j->known);
	free(j->done);
	free(j);
}

static struct shelf_job *
shelf_create(struct request *q)
{
	struct shelf_job *j = pr_calloc(1, sizeof *j);
	struct pr_buf path = {0};
	pr_buf_addf(&path, "%s/done", q->control->options.config->spool.p);
	j->done = path.data;
	j->request = q;
	j->job.work = work_shelf;
	j->job.done = shelf_done;
	return j;
}

void
shelf_get(struct request *q, const char *id)
{
	if (!id_is_sound(id) || strlen(id) >= PR_CAMPAIGN_ID_MAX) {
		request_fail(q, MHD_HTTP_NOT_FOUND, "not_found", "there is no such campaign");
		return;
	}
	struct shelf_job *j = shelf_create(q);
	snprintf(j->id, sizeof j->id, "%s", id);
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}

void
shelf_list(struct request *q, struct pr_buf *begun)
{
	static char here;
	struct shelf_job *j = shelf_create(q);
	pr_delivery *d = q->control->options.delivery;
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		struct pr_campaign_view v;
		pr_campaign_view(c, &v);
		pr_map_put(&j->known, hash_id(v.id), &here);
	}
	j->list = true;
	j->out = *begun;
	*begun = (struct pr_buf){0};
	request_wait(q);
	pr_lane_submit(q->control->readers, &j->job);
}
