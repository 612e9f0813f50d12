/*
 * Preflight: before a campaign begins by a route via mx, will receivers believe its sender? The
 * look (options.preflight) blocks for the name servers, so it has a lane of its own; what follows
 * from it happens here. On other routes the next server's operator answers for his addresses:
 * nothing is looked at.
 *
 *   the gate opens -> a look is under way
 *     warn:    it begins at once; what was found is told when it is there
 *     refuse:  nothing is wrong -> it begins
 *              problems         -> held (preflight)
 *              cannot tell      -> another look, a few times; then held (preflight), too
 *   held (preflight) -> a look every AGAIN_MS, after each start, reload and `resume`
 *                       passes, or nobody refuses any more -> scheduled -> the gate
 *                    -> `approve`: it begins whatever is found; that is durable
 *
 * Nothing of a look is: killed meanwhile, the next start looks anew. An answer counts for the
 * campaign that waits for this very look; after a verb or a reload that is none, or another one.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdlib.h>

#define TRIES_MAX 3u /* that cannot tell, before it is held */
#define SOON_MS (10 * PR_SECOND_MS)
#define AGAIN_MS (5 * PR_MINUTE_MS)

struct look {
	struct pr_job job;
	struct pr_delivery *delivery;
	uint32_t serial;
	bool refuses; /* else it warns */
	struct pr_config *config;
	char from_domain[256];
	_Atomic bool stop;
	struct pr_preflight question;
	struct pr_problems problems;
	int result;
};

static bool
is_held(const struct pr_campaign *c)
{
	return c->state == PR_CAMPAIGN_HELD && c->reason == PR_REASON_PREFLIGHT;
}

/* Whether its sender is to be looked at before it begins. */
static bool
is_due(const struct pr_campaign *c)
{
	const struct pr_delivery *d = c->delivery;
	return d->options.preflight && d->config->preflight != PR_PREFLIGHT_OFF && c->outlet &&
	       c->outlet->mx && !c->outlet->gone && !c->started_ms && !c->looked && !c->overridden;
}

/* ---- what was found, in words ---- */

/* Appends the problem, with its remedy if both fit into max and it is not there yet (one record
 * may help several sources); false: not even alone. */
static bool
add_problem(struct pr_buf *b, const struct pr_problem *p, size_t max)
{
	size_t what = b->len + strlen(p->what) + 1, remedy = strlen(p->remedy) + 3;
	if (what > max)
		return false;
	bool known = b->len && strstr(b->data, p->remedy);
	pr_buf_addf(b, "%s ", p->what);
	if (*p->remedy && !known && what + remedy <= max)
		pr_buf_addf(b, "(%s) ", p->remedy);
	return true;
}

/* What keeps it back, or where nothing does, what else was found. DNS has a say in it. */
static void
describe(const struct look *k, char out[PR_DETAIL_MAX + 1])
{
	struct pr_buf b = {0};
	enum pr_severity told = k->result == PR_EINVAL ? PR_PROBLEM : PR_WARNING;
	size_t max = PR_DETAIL_MAX - strlen(k->from_domain) - 60; /* for the words behind */
	unsigned left = 0;
	for (unsigned i = 0; i < k->problems.n; i++)
		if (k->problems.items[i].severity == told)
			left += !add_problem(&b, &k->problems.items[i], max);
	if (left)
		pr_buf_addf(&b, "And %u more. ", left);
	pr_buf_addf(&b, "See: postrider doctor %s", k->from_domain);
	pr_str_show(pr_buf_str(&b), out, PR_DETAIL_MAX + 1);
	pr_buf_finish(&b);
}

static void
tell(struct pr_campaign *c, const struct look *k, const char *text)
{
	struct pr_log_about about = {.event = "preflight", .campaign = c->id};
	if (k->result < 0)
		campaign_note_error(c, text);
	pr_log(PR_LOG_WARNING, &about, "%s", text);
}

static void
warn(struct pr_campaign *c, const struct look *k)
{
	char text[PR_DETAIL_MAX + 1];
	if (!k->problems.n)
		return;
	describe(k, text);
	tell(c, k, text);
	campaign_record(c, PR_RECORD_CAMPAIGN, (uint8_t)c->state, c->reason, "preflight",
	                "postriderd", text);
}

/* ---- what follows ---- */

static void
hold(struct pr_campaign *c, const struct look *k)
{
	char text[PR_DETAIL_MAX + 1];
	describe(k, text);
	c->look_again_ms = pr_loop_now_ms(c->delivery->loop) + AGAIN_MS;
	bool told = is_held(c) && c->last_error;
	if (told && (k->result == PR_EAGAIN || strcmp(c->last_error, text) == 0))
		return;
	tell(c, k, text);
	campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_PREFLIGHT, "hold", "postriderd", text);
}

static void
release(struct pr_campaign *c, const char *why)
{
	campaign_note_error(c, NULL);
	campaign_move(c, PR_CAMPAIGN_SCHEDULED, PR_REASON_NONE, "release", "postriderd", why);
}

static void
pass(struct pr_campaign *c, const struct look *k)
{
	c->looked = true;
	warn(c, k);
	if (is_held(c))
		release(c, "preflight finds nothing wrong any more");
	campaign_gate(c);
}

static void
judge(struct pr_campaign *c, const struct look *k)
{
	bool waits = (c->state == PR_CAMPAIGN_SCHEDULED && c->mass == PR_STATES) || is_held(c);
	if (!k->refuses)
		warn(c, k);
	else if (!waits)
		; /* paused: it is looked at when it goes on; or its deadline has passed */
	else if (k->result == 0)
		pass(c, k);
	else if (k->result == PR_EAGAIN && !is_held(c) && ++c->looks_failed < TRIES_MAX)
		c->look_again_ms = pr_loop_now_ms(c->delivery->loop) + SOON_MS;
	else
		hold(c, k);
}

/* ---- the look ---- */

static void
work_look(struct pr_job *job, void *worker)
{
	(void)worker;
	struct look *k = PR_CONTAINER(job, struct look, job);
	k->result = k->delivery->options.preflight(&k->question, &k->problems);
}

static void
look_done(struct pr_job *job)
{
	struct look *k = PR_CONTAINER(job, struct look, job);
	struct pr_campaign *c = pr_map_get(&k->delivery->by_serial, k->serial);
	if (c && c->look == k) {
		c->look = NULL;
		judge(c, k);
		campaign_check_end(c);
	}
	pr_problems_finish(&k->problems);
	pr_config_unref(k->config);
	free(k);
}

static void
look(struct pr_campaign *c)
{
	struct pr_delivery *d = c->delivery;
	const struct pr_manifest *m = c->manifest;
	if (c->look || d->draining || pr_loop_now_ms(d->loop) < c->look_again_ms)
		return;
	struct look *k = pr_calloc(1, sizeof *k);
	struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
	k->job.work = work_look;
	k->job.done = look_done;
	k->delivery = d;
	k->serial = c->serial;
	k->refuses = d->config->preflight == PR_PREFLIGHT_REFUSE;
	k->config = pr_config_ref((struct pr_config *)d->config);
	PR_ASSERT(domain.n < sizeof k->from_domain);
	memcpy(k->from_domain, domain.p, domain.n);
	k->question = (struct pr_preflight){
	    .config = k->config,
	    .from_domain = k->from_domain,
	    .route = pr_config_route(k->config, pr_text_str(&m->route)),
	    .brand = m->brand.p ? pr_config_brand(k->config, pr_text_str(&m->brand)) : NULL,
	    .stop = &k->stop};
	c->look = k;
	pr_lane_submit(d->preflight_lane, &k->job);
}

/* ---- asked by others ---- */

bool
preflight_lets_begin(struct pr_campaign *c)
{
	if (!is_due(c))
		return true;
	look(c);
	return c->delivery->config->preflight == PR_PREFLIGHT_WARN && !c->delivery->draining;
}

void
preflight_ask(struct pr_campaign *c)
{
	if (!is_held(c))
		return;
	if (is_due(c) && c->delivery->config->preflight == PR_PREFLIGHT_REFUSE)
		look(c);
	else if (c->manifest && c->outlet && !c->outlet->gone)
		release(c, "preflight refuses nothing any more");
}

bool
preflight_is_owed(const struct pr_campaign *c)
{
	return c->look && c->started_ms;
}

void
preflight_forget(struct pr_campaign *c)
{
	if (c->look)
		c->look->stop = true;
	c->look = NULL;
}

void
preflight_override(struct pr_campaign *c)
{
	preflight_forget(c);
	c->overridden = true;
}

void
preflight_anew(struct pr_campaign *c)
{
	if (c->started_ms)
		return;
	preflight_forget(c);
	c->looked = false;
	c->looks_failed = 0;
	c->look_again_ms = 0;
}

int
preflight_open(struct pr_delivery *d, struct pr_error *e)
{
	struct pr_lane_options o = {.name = "preflight", .threads = 2, .nice = 5};
	return d->options.preflight ? pr_lane_create(d->loop, &o, &d->preflight_lane, e) : 0;
}

void
preflight_close(struct pr_delivery *d)
{
	PR_LIST_EACH(link, &d->campaigns)
		preflight_forget(PR_CONTAINER(link, struct pr_campaign, link));
	if (d->preflight_lane)
		pr_lane_destroy(d->preflight_lane);
}
