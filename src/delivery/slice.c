/*
 * Slices: what of a campaign goes to one receiver, judged and paused alone (stop_loss).
 *
 *   answer -> its slice counts -> judge.c: it fails too much -> at the end of the turn: paused
 *   paused -> rows in memory go back, ready messages are withdrawn, its rows are passed over:
 *               fresh ones  their domain is *behind* from the first one on, and parked: nothing
 *                           reads it (behind.c)
 *               due ones    their time in the ledger becomes PR_LEDGER_PARKED_MS (due.c)
 *   resumed -> parked domains are read by their index, parked rows are due again
 *
 * A slice has a name: the receiver's. Via mx that is its provider by shaping, or the key of its
 * site, known once the domain is looked up; on other routes the provider that shaping gives the
 * domain, or the domain. A person may pause any domain by its own name: then that is a slice, too.
 *
 * A pause is a change of the campaign: its record says which slice and why, the ledger keeps the
 * paused ones as the fact "slices", a restart takes them from there. Counts begin anew with a
 * restart and with a resume: only rows first tried since then count.
 */
#include "internal.h"

#include "postrider/base/log.h"
#include "postrider/campaign/address.h"
#include "postrider/delivery/leave.h"

#include <stdio.h>
#include <stdlib.h>

#define SLICES_MAX 200000u /* names, and domains that have one: what goes beyond is not judged */
#define PAUSED_MAX 1000u

struct slice {
	struct pr_list link;   /* campaign->slices */
	struct pr_list paused; /* campaign->paused */
	struct slice *chained; /* of the same hash */
	struct pr_tried n;     /* attempts and deferred: as of its pause */
	struct pr_recent recent;
	int64_t since_ms;     /* due clock: it begins to count */
	enum pr_cause cause;  /* NONE: it goes on */
	enum pr_cause passed; /* to be paused for that at the end of the turn */
	double share;         /* the limit it passed */
	int64_t paused_ms;    /* UTC */
	char by[64];
	char name[];
};

/* ---- names ---- */

static uint64_t
hash_of(const struct pr_campaign *c, struct pr_str name)
{
	return pr_siphash(c->delivery->key_of_groups, name.p, name.n);
}

static struct slice *
find(const struct pr_campaign *c, struct pr_str name)
{
	struct slice *s = pr_map_get(&c->slices_by_name, hash_of(c, name));
	while (s && !pr_str_is(name, s->name))
		s = s->chained;
	return s;
}

/* NULL: there are too many. */
static struct slice *
get(struct pr_campaign *c, struct pr_str name)
{
	struct slice *s = find(c, name);
	if (s || c->slices_by_name.n >= SLICES_MAX)
		return s;
	s = pr_calloc(1, sizeof *s + name.n + 1);
	memcpy(s->name, name.p, name.n);
	s->since_ms = due_now(c->delivery);
	pr_list_init(&s->paused);
	pr_list_push(&c->slices, &s->link);
	s->chained = pr_map_put(&c->slices_by_name, hash_of(c, name), s);
	return s;
}

static struct pr_str
domain_in(struct pr_str address)
{
	const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
	return at ? pr_str_n(at + 1, (size_t)(address.p + address.n - at - 1)) : address;
}

static struct slice *
lead(struct pr_campaign *c, struct pr_str domain, struct pr_str receiver)
{
	struct slice *s = get(c, receiver);
	if (s && c->slice_of_domain.n < SLICES_MAX)
		pr_map_put(&c->slice_of_domain, hash_of(c, domain), s);
	return s;
}

static const char *
provider_of(const struct site *s)
{
	PR_LIST_EACH(link, &s->lanes) {
		const struct lane *l = PR_CONTAINER(link, struct lane, of_site);
		if (l->group)
			return l->shape.policy->provider;
	}
	return "";
}

void
slice_of_site(struct pr_campaign *c, const char *domain, const struct site *site)
{
	const char *provider = provider_of(site);
	lead(c, pr_str(domain), pr_str(*provider ? provider : site->key));
}

/* NULL: not known (yet). */
static struct slice *
slice_of(struct pr_campaign *c, struct pr_str domain)
{
	struct slice *s = pr_map_get(&c->slice_of_domain, hash_of(c, domain));
	if (s || !c->outlet || c->outlet->mx)
		return s;
	const struct pr_shaping_policy *policy =
	    pr_shaping_match_domain(c->delivery->config->shapes, domain);
	return lead(c, domain, policy ? pr_str(policy->provider) : domain);
}

struct pr_str
slice_receiver(const struct send *s)
{
	struct pr_str domain = domain_in(pr_str(s->envelope.to));
	const struct slice *of = slice_of(s->campaign, domain);
	return of ? pr_str(of->name) : domain;
}

/* ---- counting ---- */

static void
judge(struct pr_campaign *c, struct slice *s)
{
	pr_recent_read(&s->recent, &s->n);
	enum pr_cause cause = pr_judge(&c->stop_loss, &s->n);
	if (!cause || s->cause || s->passed)
		return;
	s->passed = cause;
	c->slice_passed = true;
	pump_ask(c->delivery);
}

void
slice_count(const struct send *send, const struct pr_outcome *o)
{
	struct pr_campaign *c = send->campaign;
	struct slice *s = NULL;
	if (pr_stop_loss_judges(&c->stop_loss) && send->message && !pr_row_is_seed(send->number))
		s = slice_of(c, domain_in(pr_str(send->envelope.to)));
	if (!s || s->cause)
		return;
	bool since = send->attempts == 0 || send->first_ms >= s->since_ms;
	s->n.tried += send->attempts == 0;
	s->n.bounced += since && o->state == PR_BOUNCED && o->class_ != PR_CLASS_EXPIRED;
	bool deferred = o->state == PR_DEFERRED || o->class_ == PR_CLASS_EXPIRED;
	pr_recent_add(&s->recent, c->stop_loss.window_ms, due_now(c->delivery), deferred);
	judge(c, s);
}

/* Reports may come twice. */
void
slice_complained(struct pr_delivery *d, const struct pr_leaving *l)
{
	struct pr_campaign *c = pr_map_get(&d->by_serial, l->serial);
	if (!c || c->closed || !l->first_ms || pr_row_is_seed(l->row) ||
	    !pr_stop_loss_judges(&c->stop_loss) || pr_map_put(&c->complained, l->row, c))
		return;
	struct slice *s = slice_of(c, domain_in(pr_str(l->who)));
	if (!s || s->cause || l->first_ms < s->since_ms)
		return;
	s->n.complained++;
	judge(c, s);
}

/* ---- paused ones ---- */

bool
slice_stops(struct pr_campaign *c, struct pr_str address)
{
	struct pr_str domain = domain_in(address);
	if (pr_list_empty(&c->paused))
		return false;
	const struct slice *s = find(c, domain);
	if (s && s->cause)
		return true;
	s = slice_of(c, domain);
	return s && s->cause;
}

bool
slice_stops_send(const struct send *s)
{
	return s->message && slice_stops(s->campaign, pr_str(s->envelope.to));
}

static void
withdraw(struct pr_campaign *c)
{
	PR_LIST_EACH(link, &c->flows) {
		struct flow *f = PR_CONTAINER(link, struct flow, link);
		f->sends++; /* stays while we look */
		PR_LIST_EACH(of, &f->site->lanes)
			lane_withdraw_stopped(PR_CONTAINER(of, struct lane, of_site));
		f->sends--;
		flow_update(f);
	}
}

static void
set_paused(struct pr_campaign *c, struct slice *s, enum pr_cause cause, const char *by)
{
	s->cause = cause;
	s->passed = PR_CAUSE_NONE;
	snprintf(s->by, sizeof s->by, "%s", by);
	pr_list_push(&c->paused, &s->paused);
	c->paused_n++;
}

static void
say_paused(struct pr_campaign *c, const struct slice *s, const char *verb)
{
	struct pr_buf detail = {0};
	struct pr_log_about about = {.event = verb, .campaign = c->id, .by = s->by};
	pr_buf_addf(&detail, "%s: ", s->name);
	pr_judge_words(s->cause, s->share, &s->n, &detail);
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, verb, s->by,
	                detail.data);
	pr_log(s->cause == PR_CAUSE_OPERATOR ? PR_LOG_INFO : PR_LOG_WARNING, &about,
	       "paused for this campaign: %s", detail.data);
	pr_buf_finish(&detail);
}

static void
pause_slice(struct pr_campaign *c, struct slice *s, enum pr_cause cause, const char *by)
{
	set_paused(c, s, cause, by);
	s->share = pr_judge_share(cause, &c->stop_loss);
	if (cause == PR_CAUSE_OPERATOR)
		s->n = (struct pr_tried){0};
	say_paused(c, s, cause == PR_CAUSE_OPERATOR ? PR_PAUSE_SLICE_VERB : PR_STOP_LOSS_VERB);
	s->paused_ms = c->recorded_ms;
	refill_drop(c);
	withdraw(c);
}

void
slices_act(struct pr_campaign *c)
{
	if (!c->slice_passed)
		return;
	c->slice_passed = false;
	PR_LIST_EACH(link, &c->slices) {
		struct slice *s = PR_CONTAINER(link, struct slice, link);
		if (s->passed && c->state == PR_CAMPAIGN_SENDING && c->paused_n < PAUSED_MAX)
			pause_slice(c, s, s->passed, "postriderd");
		s->passed = PR_CAUSE_NONE;
	}
}

/* ---- resumed ones ---- */

static void
forget_pause(struct pr_campaign *c, struct slice *s)
{
	pr_list_remove(&s->paused);
	c->paused_n--;
	s->cause = PR_CAUSE_NONE;
	s->n = (struct pr_tried){0};
	s->recent = (struct pr_recent){{0}};
	s->since_ms = due_now(c->delivery);
}

static void
resume_slice(struct pr_campaign *c, struct slice *s, const char *by)
{
	struct pr_log_about about = {.event = PR_RESUME_SLICE_VERB, .campaign = c->id, .by = by};
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, PR_RESUME_SLICE_VERB,
	                by, s->name);
	pr_log(PR_LOG_INFO, &about, "%s goes on for this campaign", s->name);
	forget_pause(c, s);
	c->unpark = true;
	dispatch_unpark(c); /* those of a slice that is still paused are parked again */
	slices_unpark(c);
}

void
slices_resume(struct pr_campaign *c, const char *by)
{
	PR_LIST_EACH(link, &c->paused)
		resume_slice(c, PR_CONTAINER(link, struct slice, paused), by);
}

/* ---- rows parked in the ledger are due again ---- */

struct unpark_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	pr_ledger *ledger;
	int64_t due_ms;
	uint64_t max; /* how many more, at most */
	int result;
	struct pr_error error;
};

#define UNPARK_ROWS 500u /* at a time: other campaigns want to be folded, too */

static void
work_unpark(struct pr_job *job, void *worker)
{
	(void)worker;
	struct unpark_job *j = PR_CONTAINER(job, struct unpark_job, job);
	unsigned n = j->max < UNPARK_ROWS ? (unsigned)j->max : UNPARK_ROWS;
	j->result = pr_ledger_unpark(j->ledger, j->due_ms, n, &j->error);
	j->max -= n;
}

static void
unpark_done(struct pr_job *job)
{
	struct unpark_job *j = PR_CONTAINER(job, struct unpark_job, job);
	struct pr_campaign *c = j->campaign;
	refill_note_due(c, j->due_ms);
	if (j->result > 0 && j->max > 0) {
		pr_lane_submit(c->delivery->folder_lane, &j->job);
		return;
	}
	c->reads--;
	if (j->result == PR_ENOSPC)
		c->unpark = true; /* asked for again each second */
	else if (j->result < 0)
		campaign_fail(c, j->error.text);
	free(j);
	refill_ask(c);
	campaign_check_end(c);
}

void
slices_unpark(struct pr_campaign *c)
{
	if (!c->unpark || !c->ledger)
		return;
	c->unpark = false;
	slices_unpark_some(c, UINT64_MAX);
}

void
slices_unpark_some(struct pr_campaign *c, uint64_t max)
{
	struct unpark_job *j = pr_calloc(1, sizeof *j);
	j->job.work = work_unpark;
	j->job.done = unpark_done;
	j->campaign = c;
	j->ledger = c->ledger;
	j->due_ms = campaign_now(c);
	j->max = max;
	c->reads++;
	pr_lane_submit(c->delivery->folder_lane, &j->job);
}

/* ---- nothing else is left ---- */

static bool
has_rows_elsewhere(const struct pr_campaign *c)
{
	if (c->sends || !c->fresh_end || c->fresh || c->due || c->fresh_running || c->due_running ||
	    c->lookups_n || c->reads || c->unknown_first || c->unpark ||
	    c->next_due_ms != INT64_MAX)
		return true;
	PR_LIST_EACH(link, &c->flows) {
		const struct flow *f = PR_CONTAINER(link, struct flow, link);
		if (f->rows_n || f->behind_first)
			return true;
	}
	return false;
}

void
slices_second(struct pr_campaign *c)
{
	slices_unpark(c);
	if (c->paused_n && !variants_wait(c) && campaign_may_send(c) && !has_rows_elsewhere(c) &&
	    !campaign_settled(c))
		campaign_move(c, PR_CAMPAIGN_PAUSED, PR_REASON_STOP_LOSS, "pause", "postriderd",
		              "what is left is of paused slices");
}

/* ---- what people ask ---- */

#define NAME_SIZE 256
/* A domain as it stands in addresses; what is none is a name as it is. */
static struct pr_str
name_of(const char *given, char domain[NAME_SIZE])
{
	const char *why;
	return pr_str(pr_domain_parse(pr_str(given), domain, &why) == 0 ? domain : given);
}

static struct slice *
paused_by_name(struct pr_campaign *c, struct pr_str name)
{
	struct slice *s = find(c, name);
	if (!s || !s->cause)
		s = pr_map_get(&c->slice_of_domain, hash_of(c, name));
	return s && s->cause ? s : NULL;
}

const char *
slice_pause(struct pr_campaign *c, const char *name, const char *by)
{
	char domain[NAME_SIZE];
	struct pr_str named = name_of(name, domain);
	if (paused_by_name(c, named))
		return "that is paused already";
	struct slice *s = c->paused_n < PAUSED_MAX ? get(c, named) : NULL;
	if (!s)
		return "too much is paused one by one: pause the campaign";
	pause_slice(c, s, PR_CAUSE_OPERATOR, by);
	return NULL;
}

const char *
slice_resume(struct pr_campaign *c, const char *name, const char *by)
{
	char domain[NAME_SIZE];
	struct slice *s = paused_by_name(c, name_of(name, domain));
	if (!s)
		return "that is not paused: `postrider campaign ID` names what is";
	resume_slice(c, s, by);
	return NULL;
}

void
pr_campaign_each_slice(const pr_campaign *c,
                       void (*each)(void *context, const struct pr_slice_view *v), void *context)
{
	PR_LIST_EACH(link, &c->paused) {
		const struct slice *s = PR_CONTAINER(link, struct slice, paused);
		each(context, &(struct pr_slice_view){.name = s->name,
		                                      .by = s->by,
		                                      .cause = s->cause,
		                                      .paused_ms = s->paused_ms,
		                                      .n = s->n});
	}
}

/* ---- the fact: a line "NAME\tMS\tBY\tWORDS" for each that is paused ---- */

static struct pr_str
next_line(struct pr_str *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct pr_str line = pr_str_n(rest->p, n);
	n += end != NULL;
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return line;
}

static bool
is_about(struct pr_str line, struct pr_str name)
{
	return line.n > name.n && line.p[name.n] == '\t' && memcmp(line.p, name.p, name.n) == 0;
}

/* "NAME: WORDS" of a pause; the name alone of a resume. */
static struct pr_str
name_in(struct pr_str detail)
{
	for (size_t i = 0; i + 1 < detail.n; i++)
		if (detail.p[i] == ':' && detail.p[i + 1] == ' ')
			return pr_str_n(detail.p, i);
	return detail;
}

bool
slices_fold(struct pr_str before, const struct pr_change *c, int64_t at_ms, struct pr_buf *after)
{
	bool resumed = pr_str_is(c->verb, PR_RESUME_SLICE_VERB);
	struct pr_str name = name_in(c->detail), rest = before;
	if (!resumed && !pr_str_is(c->verb, PR_STOP_LOSS_VERB) &&
	    !pr_str_is(c->verb, PR_PAUSE_SLICE_VERB))
		return false;
	while (rest.n) {
		struct pr_str line = next_line(&rest);
		if (!is_about(line, name)) {
			pr_buf_add_str(after, line);
			pr_buf_addc(after, '\n');
		}
	}
	if (!resumed && name.n + 2 < c->detail.n) {
		pr_buf_add_str(after, name);
		pr_buf_addf(after, "\t%lld\t", (long long)at_ms);
		pr_buf_add_str(after, c->by);
		pr_buf_addc(after, '\t');
		pr_buf_add_str(after, pr_str_n(c->detail.p + name.n + 2, c->detail.n - name.n - 2));
		pr_buf_addc(after, '\n');
	}
	return true;
}

/* Splits the line (which it changes) at its tabs. */
static bool
read_line(char *line, struct pr_slice_view *v)
{
	char *at = strchr(line, '\t');
	char *by = at ? strchr(at + 1, '\t') : NULL;
	char *words = by ? strchr(by + 1, '\t') : NULL;
	if (!words)
		return false;
	*at = *by = *words = 0;
	*v = (struct pr_slice_view){
	    .name = line, .by = by + 1, .paused_ms = strtoll(at + 1, NULL, 10)};
	v->cause = pr_judge_read(words + 1, &v->n);
	return v->cause != PR_CAUSE_NONE;
}

void
pr_slices_each_kept(pr_ledger *l, void (*each)(void *context, const struct pr_slice_view *v),
                    void *context)
{
	struct pr_buf text = {0};
	if (pr_ledger_get(l, PR_SLICES_FACT, &text) == 0) {
		struct pr_str rest = pr_buf_str(&text);
		while (rest.n) {
			struct pr_slice_view v;
			struct pr_str line = next_line(&rest);
			char *copy = pr_strndup(line.p, line.n);
			if (read_line(copy, &v))
				each(context, &v);
			free(copy);
		}
	}
	pr_buf_finish(&text);
}

static void
restore(void *context, const struct pr_slice_view *v)
{
	struct pr_campaign *c = context;
	struct slice *s = get(c, pr_str(v->name));
	if (!s || s->cause)
		return;
	s->n = v->n;
	s->paused_ms = v->paused_ms;
	set_paused(c, s, v->cause, v->by);
}

void
slices_restore(struct pr_campaign *c)
{
	PR_LIST_EACH(link, &c->paused)
		forget_pause(c, PR_CONTAINER(link, struct slice, paused));
	pr_slices_each_kept(c->ledger, restore, c);
	c->unpark = true; /* a crash may have kept a resume from it */
}

void
slices_free(struct pr_campaign *c)
{
	struct pr_list *link;
	while ((link = pr_list_shift(&c->slices)))
		free(PR_CONTAINER(link, struct slice, link));
	pr_map_finish(&c->slices_by_name);
	pr_map_finish(&c->slice_of_domain);
	pr_map_finish(&c->complained);
}
