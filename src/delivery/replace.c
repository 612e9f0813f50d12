/*
 * Replace: corrected content for all that is unsent.
 *
 *   verb -> copied, checked and compiled on the versions lane (campaign/version.c)
 *        -> on the loop: a record of the journal, then in force -> answered when that is durable
 *
 * Nothing of it is sent before it is durable: an intent that names the new version stands
 * behind its record in the journal, and no message is ready before its intent is durable.
 *
 * What becomes of rows at that moment:
 *   not granted           they are composed with the new content when their turn comes
 *   composing             come back and are withdrawn (grant.c), also where composing failed
 *   ready                 withdrawn here
 *   given to a connection end with the content they have; one that comes back unsent is
 *                         withdrawn (lane.c)
 *
 * Killed before its record is durable the campaign has its old version, and what was copied is
 * swept at the next start; killed after it, the new one.
 */
#include "series.h"

#include "postrider/base/log.h"
#include "postrider/campaign/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct replace_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	struct pr_verb *verb;
	struct pr_config *config;
	char dir[4096]; /* of the campaign */
	int campaign_folder;
	unsigned version;
	struct pr_manifest *manifest;
	pr_content *content;
	int result;
	struct pr_error error;
	const char *refused; /* it was good, and came too late */
};

/* ---- on the versions lane ---- */

/* People under way know their codes by their places. */
static void
check_coupons(struct replace_job *j, int dir, const struct pr_manifest *m, pr_ledger *l,
              struct pr_problems *problems)
{
	const struct pr_manifest *now = j->campaign->manifest;
	pr_coupons *before = NULL, *after = NULL;
	if (!pr_manifest_is_series(now) || !now->coupons.file.p || !m->coupons.file.p)
		return;
	int r = series_read_coupons(now, j->dir, j->version - 1, &before, &j->error);
	if (r < 0)
		j->result = r;
	else if (pr_coupons_read(&m->coupons, dir, &after, problems, NULL) == 0)
		pr_series_coupons_follow(before, after, pr_series_coupons(l), &m->coupons.file,
		                         problems);
	pr_coupons_free(before);
	pr_coupons_free(after);
}

static void
vet(void *context, int dir, const struct pr_manifest *m, struct pr_problems *problems)
{
	struct replace_job *j = context;
	struct pr_content_source source = pr_content_source_of(m, j->config);
	struct pr_ledger_identity identity;
	char path[4200];
	pr_ledger *l; /* the campaign's own is the folder lane's */
	snprintf(path, sizeof path, "%s/ledger.db", j->dir);
	j->result = pr_ledger_open(path, PR_LEDGER_READ, &l, &j->error);
	if (j->result < 0) {
		pr_problem_add(problems, PR_PROBLEM, "", 0, "try again later",
		               "the campaign's ledger cannot be read: %s", j->error.text);
		return;
	}
	pr_ledger_identity(l, &identity);
	source.dir = dir;
	source.campaign_id = identity.id;
	source.serial = identity.serial;
	if (content_compile(&source, j->campaign_folder, j->version, l, problems, &j->content) == 0)
		j->result = content_keep_links(j->config, identity.serial, j->content, &j->error);
	if (j->result < 0)
		pr_problem_add(problems, PR_PROBLEM, "", 0, "try again later",
		               "its links cannot be kept: %s", j->error.text);
	check_coupons(j, dir, m, l, problems);
	pr_ledger_close(l);
}

static void
work_replace(struct pr_job *job, void *worker)
{
	(void)worker;
	struct replace_job *j = PR_CONTAINER(job, struct replace_job, job);
	struct pr_version_source source = {.folder = j->verb->folder,
	                                   .version = j->version,
	                                   .now = j->campaign->manifest,
	                                   .config = j->config,
	                                   .vet = vet,
	                                   .context = j};
	source.campaign = j->campaign_folder = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (source.campaign < 0) {
		j->result = pr_fail_errno(&j->error, "cannot open %s", j->dir);
		return;
	}
	struct pr_error e = {0};
	int r = pr_version_take(&source, j->verb->problems, &j->manifest, &e);
	if (j->result == 0) {
		j->result = r;
		j->error = e;
	}
	close(source.campaign);
}

static void
work_undo(struct pr_job *job, void *worker)
{
	(void)worker;
	struct replace_job *j = PR_CONTAINER(job, struct replace_job, job);
	int campaign = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (campaign < 0)
		return;
	pr_version_sweep(campaign, j->version - 1);
	close(campaign);
}

/* ---- on the loop ---- */

/* Rows that the new content reaches: not sent, and not with a connection. */
static uint64_t
count_unsent(const struct pr_campaign *c)
{
	uint64_t n = c->counts.of[PR_PENDING] + c->counts.of[PR_DEFERRED];
	PR_LIST_EACH(link, &c->delivery->open) {
		const struct send *s = PR_CONTAINER(link, struct send, order);
		n += s->campaign == c && !s->flying;
	}
	return n;
}

static void
put_in_force(struct replace_job *j)
{
	struct pr_campaign *c = j->campaign;
	char detail[40];
	snprintf(detail, sizeof detail, PR_REPLACE_DETAIL "%u", j->version);
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, PR_REPLACE_VERB,
	                j->verb->by, detail);
	pr_content_unref(c->content);
	series_retire(c, c->manifest);
	c->version = (uint16_t)j->version;
	c->content = j->content;
	c->manifest = j->manifest;
	preflight_anew(c); /* its sender may be another one */
	pr_gcra_change(&c->gcra, c->manifest->rate, pr_mono_us());
	j->content = NULL;
	j->manifest = NULL;
	free(c->by);
	c->by = pr_strdup(j->verb->by);
	flows_withdraw(c);
	struct pr_log_about about = {
	    .event = PR_REPLACE_VERB, .campaign = c->id, .by = j->verb->by};
	pr_log(PR_LOG_INFO, &about, "version %u of its content is in force", j->version);
}

/* It may have ended meanwhile, by a verb or by its deadline. */
static const char *
refuse(const struct pr_campaign *c)
{
	if (c->state == PR_CAMPAIGN_IMPORTING)
		return "the campaign is still importing; replace when that is done";
	if (c->state == PR_CAMPAIGN_CANCELLED || c->state == PR_CAMPAIGN_FINISHED || c->finishing)
		return "the campaign has ended";
	if (c->restored)
		return "the campaign comes from a backup or another daemon: adopt it first";
	if (c->state == PR_CAMPAIGN_FAILED || !c->ledger || !c->content)
		return "the campaign cannot be sent; see last_error";
	return c->mass != PR_STATES ? "the campaign sends nothing any more" : NULL;
}

static void
answer(struct replace_job *j)
{
	struct pr_campaign *c = j->campaign;
	struct pr_verb *v = j->verb;
	if (j->result < 0)
		v->done(v, j->result,
		        v->problems->problems ? "the folder has errors: nothing was changed"
		                              : j->error.text);
	else if (j->refused)
		v->done(v, PR_ESTATE, j->refused);
	else {
		v->changed = count_unsent(c);
		v->version = j->version;
		put_in_force(j);
		verb_wait_durable(c->delivery, v);
	}
}

static void
end(struct replace_job *j)
{
	struct pr_campaign *c = j->campaign;
	c->replacing = false;
	answer(j);
	pr_manifest_destroy(j->manifest);
	if (j->content)
		pr_content_unref(j->content);
	pr_config_unref(j->config);
	free(j);
	pump_ask(c->delivery);
	campaign_check_end(c);
}

static void
undo_done(struct pr_job *job)
{
	end(PR_CONTAINER(job, struct replace_job, job));
}

/* The campaign does not end before this returned: its folder would leave with a version that
 * nobody knows of. */
static void
replace_done(struct pr_job *job)
{
	struct replace_job *j = PR_CONTAINER(job, struct replace_job, job);
	struct pr_delivery *d = j->campaign->delivery;
	if (j->result == 0)
		j->refused = d->closing ? "the daemon ends" : refuse(j->campaign);
	if (!j->refused) {
		end(j);
		return;
	}
	j->job.work = work_undo;
	j->job.done = undo_done;
	pr_lane_submit(d->versions_lane, &j->job);
}

const char *
replace_start(struct pr_campaign *c, struct pr_verb *v)
{
	struct pr_delivery *d = c->delivery;
	const char *refused = refuse(c);
	if (refused)
		return refused;
	if (c->replacing)
		return "another replacement is being read; try again when it is done";
	if (c->version >= PR_VERSION_MAX)
		return "the campaign was replaced too often";
	struct replace_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_replace;
	j->job.done = replace_done;
	j->campaign = c;
	j->verb = v;
	j->config = pr_config_ref((struct pr_config *)d->config);
	j->version = c->version + 1u;
	snprintf(j->dir, sizeof j->dir, "%s", c->dir);
	c->replacing = true;
	pr_lane_submit(d->versions_lane, &j->job);
	return NULL;
}
