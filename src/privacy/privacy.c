/*
 * Orders, one after the other:
 *
 *   note (lane: state.db) -> close (the audience's desk) -> pass -> erase the note (lane) -> done
 *
 * and a pass:
 *
 *   rounds of series that may have found the person are dropped (delivery)
 *   -> wait while a campaign is importing: its rows are nobody's yet
 *   -> find (lane): the person's rows in ledgers of campaigns under way
 *   -> settle (delivery), campaign by campaign; a message that is on its way is waited for
 *   -> what frequency caps count goes (delivery)
 *   -> erase (lane): all that is kept
 *   -> something was in use? another pass, PASSES_MAX at most
 *
 * Whatever ends in between, the note is there: the next start begins with it. Each step may be done
 * again.
 *
 * How it fails. No room, or a database that is damaged: the order stays noted, who waits is told
 * why, and the next start tries again. A file that cannot be written is told, and costs the others
 * nothing.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS PR_SECOND_MS
#define PASSES_MAX 5u

const char *const pr_privacy_out_of_reach[] = {
    "messages that were sent, and what receivers keep of them",
    "what webhooks were told, reports and exports that were downloaded",
    "backups, snapshots and copies of spool and state; what comes back from one is erased by the "
    "next start",
    "the system's log, where replies of receivers and addresses may stand", NULL};

struct found { /* a campaign under way */
	char id[PR_CAMPAIGN_ID_MAX];
	char *ledger; /* path */
	uint32_t serial;
	uint32_t *rows;
	size_t n;
};

struct pr_privacy {
	struct pr_privacy_options options;
	pr_lane *lane;
	struct pr_timer timer;
	char *spool, *state, *journal_dir, *audience_path;
	struct pr_list orders; /* struct pr_forget_order: waiting */
	struct pr_forget_order *current;
	struct pr_audience_order closing;
	struct pr_suppression entry;
	struct pass pass;
	unsigned passes;
	struct found *found;
	size_t found_n, at;
	struct pr_delivery_forgetting forgetting;
	struct pr_delivery_rounds rounds;
	struct pr_delivery_uncount uncount;
	struct pr_job job;
	int result;
	struct pr_error error;
	struct pr_job sweep_job;
	struct sweep sweep;
	bool stopping;
};

/* An order of an earlier start, or of a sweep: nobody waits for it. */
struct own_order {
	struct pr_forget_order order;
	char by[64];
};

static void begin_next(pr_privacy *p);
static void begin_pass(pr_privacy *p);

static void
submit(pr_privacy *p, void (*work)(struct pr_job *, void *), void (*done)(struct pr_job *))
{
	p->job.work = work;
	p->job.done = done;
	p->result = 0;
	pr_lane_submit(p->lane, &p->job);
}

static void
later(pr_privacy *p, void (*fire)(struct pr_timer *))
{
	if (p->stopping)
		return;
	p->timer.fire = fire;
	pr_timer_start(&p->timer, AGAIN_MS);
}

/* ---- the note ---- */

static void
note_key(const struct pr_forget_order *o, struct pr_buf *out)
{
	pr_buf_addf(out, "%s%.*s", NOTE_PREFIX, (int)o->who.n, o->who.address);
}

static void
work_note(struct pr_job *job, void *worker)
{
	(void)worker;
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	struct pr_buf key = {0}, value = {0};
	note_key(p->current, &key);
	pr_buf_addf(&value, "%u %s", p->current->uid, p->current->by);
	p->result = pr_statedb_set(p->options.statedb, key.data, pr_buf_str(&value), &p->error);
	pr_buf_finish(&key);
	pr_buf_finish(&value);
}

static void
work_end(struct pr_job *job, void *worker)
{
	(void)worker;
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	struct pr_buf key = {0};
	note_key(p->current, &key);
	struct pr_fact gone = {.key = key.data, .value = {NULL, 0}};
	p->result = pr_statedb_set_all(p->options.statedb, &gone, 1, &p->error);
	pr_buf_finish(&key);
	if (p->result < 0)
		return;
	p->result = pr_statedb_scour(p->options.statedb, &p->pass.trace, &p->error);
	if (p->result < 0) /* the order is done all the same */
		pass_left(&p->pass, "%s: its log may hold the address until the next start",
		          p->error.text);
	p->result = 0;
}

/* ---- the end of an order ---- */

static void
free_found(pr_privacy *p)
{
	for (size_t i = 0; i < p->found_n; i++) {
		free(p->found[i].rows);
		free(p->found[i].ledger);
	}
	free(p->found);
	p->found = NULL;
	p->found_n = p->at = 0;
}

/* The log does not name who is forgotten. */
static void
tell(const pr_privacy *p, int result, const char *text)
{
	struct pr_log_about about = {.event = "forget", .by = p->current->by};
	if (result < 0)
		pr_log(PR_LOG_ERROR, &about, "%s; the next start tries again", text);
	else
		pr_log(PR_LOG_INFO, &about, "somebody is forgotten: %llu rows in %llu campaigns",
		       (unsigned long long)p->pass.rows_n, (unsigned long long)p->pass.campaigns_n);
}

static void
finish(pr_privacy *p, int result, const char *text)
{
	struct pr_forget_order *o = p->current;
	tell(p, result, text);
	free_found(p);
	o->did = pr_buf_str(&p->pass.did);
	o->left = pr_buf_str(&p->pass.left);
	o->rows = p->pass.rows_n;
	o->campaigns = p->pass.campaigns_n;
	p->current = NULL;
	o->done(o, result, text);
	pass_finish(&p->pass);
	begin_next(p);
}

static void
end_done(struct pr_job *job)
{
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	finish(p, p->result, p->result < 0 ? p->error.text : "");
}

/* ---- erase ---- */

static void
on_again(struct pr_timer *t)
{
	begin_pass(PR_CONTAINER(t, pr_privacy, timer));
}

static void
work_erase_job(struct pr_job *job, void *worker)
{
	(void)worker;
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	p->result = work_erase(&p->pass, p->audience_path, &p->error);
}

static void
erase_done(struct pr_job *job)
{
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	if (p->result < 0)
		finish(p, p->result, p->error.text);
	else if (p->stopping)
		return; /* the next start goes on */
	else if (p->pass.again && ++p->passes < PASSES_MAX)
		later(p, on_again);
	else {
		if (p->pass.again)
			pass_left(&p->pass, "a database was in use all the time: its log may hold "
			                    "the address until the next start");
		pr_delivery_recount(p->options.delivery);
		submit(p, work_end, end_done);
	}
}

static void
erase(pr_privacy *p)
{
	p->pass.durable = pr_journal_durable(p->options.journal);
	pr_delivery_mask(p->options.delivery, &p->pass.trace);
	for (size_t i = 0; i < p->found_n; i++) { /* erased by an earlier pass, perhaps */
		static char here;
		for (size_t k = 0; k < p->found[i].n; k++)
			pr_map_put(&p->pass.rows,
			           (uint64_t)p->found[i].serial << 32 | p->found[i].rows[k], &here);
	}
	submit(p, work_erase_job, erase_done);
}

static void
uncounted(struct pr_delivery_uncount *u, int result, const char *text)
{
	pr_privacy *p = PR_CONTAINER(u, pr_privacy, uncount);
	if (p->stopping)
		return;
	if (result < 0)
		finish(p, result, text);
	else
		erase(p);
}

static void
uncount(pr_privacy *p)
{
	const struct pr_forget_order *o = p->current;
	p->uncount = (struct pr_delivery_uncount){.address = pr_str_n(o->who.address, o->who.n),
	                                          .done = uncounted};
	pr_delivery_uncount(p->options.delivery, &p->uncount);
}

/* ---- settle ---- */

static void settle_next(pr_privacy *p);

static void
on_settle_again(struct pr_timer *t)
{
	settle_next(PR_CONTAINER(t, pr_privacy, timer));
}

static void
settled(struct pr_delivery_forgetting *f, int result, const char *text)
{
	pr_privacy *p = PR_CONTAINER(f, pr_privacy, forgetting);
	if (p->stopping)
		return;
	if (result == PR_EAGAIN) {
		later(p, on_settle_again);
		return;
	}
	if (result < 0)
		pass_left(&p->pass, "%s: %s", f->id, text);
	else if (f->settled)
		pass_did(&p->pass, "%llu unsent row%s of %s suppressed",
		         (unsigned long long)f->settled, f->settled == 1 ? "" : "s", f->id);
	p->at++;
	settle_next(p);
}

static void
settle_next(pr_privacy *p)
{
	while (p->at < p->found_n && p->found[p->at].n == 0)
		p->at++;
	if (p->stopping)
		return;
	if (p->at == p->found_n) {
		uncount(p);
		return;
	}
	const struct found *f = &p->found[p->at];
	p->forgetting = (struct pr_delivery_forgetting){
	    .id = f->id, .rows = f->rows, .n = f->n, .done = settled};
	pr_delivery_forget(p->options.delivery, &p->forgetting);
}

/* ---- find ---- */

static void
work_find(struct pr_job *job, void *worker)
{
	(void)worker;
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	for (size_t i = 0; i < p->found_n; i++) {
		struct found *f = &p->found[i];
		struct pr_error e;
		pr_ledger *l;
		if (pr_ledger_open(f->ledger, PR_LEDGER_READ, &l, &e) < 0)
			continue; /* it has just ended, or cannot be read: erasing tells */
		(void)pr_ledger_rows_of(l, &p->pass.trace, &f->rows, &f->n, &e);
		pr_ledger_close(l);
	}
}

static void
find_done(struct pr_job *job)
{
	settle_next(PR_CONTAINER(job, pr_privacy, job));
}

/* False: one is importing. */
static bool
list_campaigns(pr_privacy *p)
{
	pr_delivery *d = p->options.delivery;
	free_found(p);
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		struct pr_campaign_view v;
		struct pr_buf path = {0};
		pr_campaign_view(c, &v);
		if (v.state == PR_CAMPAIGN_IMPORTING)
			return false;
		p->found = pr_realloc(p->found, (p->found_n + 1) * sizeof *p->found);
		struct found *f = &p->found[p->found_n++];
		*f = (struct found){.serial = v.serial};
		snprintf(f->id, sizeof f->id, "%s", v.id);
		pr_buf_addf(&path, "%s/ledger.db", v.dir);
		f->ledger = path.data;
	}
	return true;
}

static void
rounds_dropped(struct pr_delivery_rounds *r)
{
	pr_privacy *p = PR_CONTAINER(r, pr_privacy, rounds);
	if (p->stopping)
		return;
	if (!list_campaigns(p)) {
		later(p, on_again);
		return;
	}
	pr_buf_clear(&p->pass.left); /* of the pass before */
	p->pass.again = false;
	submit(p, work_find, find_done);
}

static void
begin_pass(pr_privacy *p)
{
	p->rounds.done = rounds_dropped;
	pr_delivery_drop_rounds(p->options.delivery, &p->rounds);
}

/* ---- close ---- */

static void
closed(struct pr_audience_order *o, int result)
{
	pr_privacy *p = PR_CONTAINER(o, pr_privacy, closing);
	if (p->stopping)
		return;
	if (result < 0) {
		finish(p, result, o->error.text);
		return;
	}
	pass_did(&p->pass, "closed to all mail for good, by a hash");
	begin_pass(p);
}

static void
close_address(pr_privacy *p)
{
	struct pr_forget_order *o = p->current;
	p->entry = (struct pr_suppression){.address = pr_str_n(o->who.address, o->who.n),
	                                   .scope = PR_STR("all"),
	                                   .reason = PR_SUPPRESSION_FORGOTTEN,
	                                   .note = PR_STR(""),
	                                   .source = PR_STR("forget"),
	                                   .at_ms = pr_utc_ms()};
	p->closing = (struct pr_audience_order){.verb = PR_AUDIENCE_ADD,
	                                        .uid = o->uid,
	                                        .by = o->by,
	                                        .source = p->entry.source,
	                                        .entries = &p->entry,
	                                        .n = 1,
	                                        .done = closed};
	pr_audience_desk_order(p->options.audience, &p->closing);
}

static void
note_done(struct pr_job *job)
{
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, job);
	if (p->result < 0)
		finish(p, p->result, p->error.text);
	else if (!p->stopping)
		close_address(p);
}

/* ---- orders ---- */

static void
begin_next(pr_privacy *p)
{
	struct pr_list *link = p->current || p->stopping ? NULL : pr_list_shift(&p->orders);
	if (!link)
		return;
	p->current = PR_CONTAINER(link, struct pr_forget_order, link);
	p->passes = 0;
	p->pass =
	    (struct pass){.spool = p->spool, .state = p->state, .journal_dir = p->journal_dir};
	pr_mailbox_trace(&p->current->who, &p->pass.trace);
	submit(p, work_note, note_done);
}

void
pr_privacy_forget(pr_privacy *p, struct pr_forget_order *o)
{
	pr_list_push(&p->orders, &o->link);
	begin_next(p);
}

/* ---- orders of our own ---- */

static void
own_done(struct pr_forget_order *o, int result, const char *text)
{
	(void)result; /* the log has it */
	(void)text;
	free(PR_CONTAINER(o, struct own_order, order));
}

static void
order_own(pr_privacy *p, const struct pr_mailbox *who, const char *by, uint32_t uid)
{
	struct own_order *own = pr_calloc(1, sizeof *own);
	snprintf(own->by, sizeof own->by, "%s", by);
	own->order =
	    (struct pr_forget_order){.who = *who, .by = own->by, .uid = uid, .done = own_done};
	pr_privacy_forget(p, &own->order);
}

/* "uid by" of an address that a former start was to forget. */
static bool
take_up(void *context, struct pr_str key, struct pr_str value)
{
	pr_privacy *p = context;
	struct pr_mailbox m;
	const char *why;
	char text[128], by[64] = "postriderd";
	unsigned uid = 0;
	size_t skip = strlen(NOTE_PREFIX);
	snprintf(text, sizeof text, "%.*s", (int)value.n, value.p);
	sscanf(text, "%u %63[^\n]", &uid, by);
	if (pr_mailbox_parse(pr_str_n(key.p + skip, key.n - skip), &m, &why) == 0)
		order_own(p, &m, by, uid);
	return true;
}

/* ---- the sweep ---- */

static void
work_sweep_job(struct pr_job *job, void *worker)
{
	(void)worker;
	work_sweep(&PR_CONTAINER(job, pr_privacy, sweep_job)->sweep);
}

static void
sweep_done(struct pr_job *job)
{
	pr_privacy *p = PR_CONTAINER(job, pr_privacy, sweep_job);
	struct sweep *s = &p->sweep;
	if (s->result < 0)
		PR_LOG(PR_LOG_WARNING, "sweep", "%s; the next start looks again", s->error.text);
	if (s->found_n)
		PR_LOG(PR_LOG_WARNING, "sweep",
		       "%zu people who were forgotten came back with a folder; they are "
		       "forgotten again",
		       s->found_n);
	for (size_t i = 0; i < s->found_n && !p->stopping; i++)
		order_own(p, &s->found[i], "postriderd", 0);
	free(s->found);
	s->found = NULL;
}

/* ---- opening and closing ---- */

int
pr_privacy_open(const struct pr_privacy_options *options, pr_privacy **out, struct pr_error *e)
{
	struct pr_lane_options lane = {.name = "privacy", .threads = 1, .nice = 5};
	pr_privacy *p = pr_calloc(1, sizeof *p);
	p->options = *options;
	p->spool = pr_strdup(options->config->spool.p);
	p->state = pr_strdup(options->config->state.p);
	p->journal_dir = pr_strdup(options->journal_dir);
	p->audience_path = pr_strdup(pr_audience_desk_path(options->audience));
	pr_list_init(&p->orders);
	pr_timer_init(&p->timer, options->loop, on_again);
	int r = pr_lane_create(options->loop, &lane, &p->lane, e);
	if (r == 0)
		r = pr_statedb_each_fact(options->statedb, NOTE_PREFIX, take_up, p, e);
	if (r < 0) {
		pr_privacy_close(p);
		return r;
	}
	p->sweep = (struct sweep){.spool = p->spool, .audience_path = p->audience_path};
	p->sweep_job.work = work_sweep_job;
	p->sweep_job.done = sweep_done;
	pr_lane_submit(p->lane, &p->sweep_job);
	*out = p;
	return 0;
}

void
pr_privacy_stop(pr_privacy *p)
{
	struct pr_list *link;
	if (p->stopping)
		return;
	p->stopping = true;
	pr_timer_stop(&p->timer);
	if (p->lane)
		pr_lane_destroy(p->lane);
	if (p->current) {
		struct pr_forget_order *o = p->current;
		p->current = NULL;
		o->done(o, PR_ESTATE, "the daemon ends; its next start goes on");
	}
	while ((link = pr_list_shift(&p->orders))) {
		struct pr_forget_order *o = PR_CONTAINER(link, struct pr_forget_order, link);
		o->done(o, PR_ESTATE, "the daemon ends; it has not begun with this");
	}
}

void
pr_privacy_close(pr_privacy *p)
{
	pr_privacy_stop(p);
	free_found(p);
	pass_finish(&p->pass);
	free(p->sweep.found);
	free(p->spool);
	free(p->state);
	free(p->journal_dir);
	free(p->audience_path);
	free(p);
}
