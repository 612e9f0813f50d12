/*
 * All webhooks: coming with the configuration, their cursors from state.db, going, looking.
 *
 * A webhook is known by its URL. One that a reload takes out is forgotten when nothing of it is
 * under way; should the next reload bring it back before that, it goes on where it was.
 */
#include "internal.h"

#include "postrider/base/secret.h"

#include <stdio.h>
#include <stdlib.h>

int
pr_webhooks_load(struct pr_config *config, uid_t owner, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < config->webhooks.n; i++) {
		struct pr_webhook *spec = pr_config_webhooks(config) + i;
		struct pr_secret_fault fault;
		if (!spec->secret_file.p)
			continue;
		spec->secret = pr_secret_read(spec->secret_file.p, owner, &fault);
		if (!spec->secret)
			r = pr_text_problem(problems, config->file, &spec->secret_file,
			                    fault.remedy, "%s", fault.error.text);
	}
	return r;
}

/* ---- opening ---- */

static struct hook *
find_by_key(const struct pr_webhooks *w, struct pr_str key)
{
	PR_LIST_EACH(link, &w->hooks) {
		struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (pr_str_is(key, h->key))
			return h;
	}
	return NULL;
}

struct restoring {
	struct pr_webhooks *w;
	struct pr_fact forgotten[PR_WEBHOOKS_MAX]; /* the rest by a later start */
	size_t n;
};

/* What cannot be read begins anew, as if it were not there. A position beyond the journal's end is
 * of another history. */
static bool
on_fact(void *context, struct pr_str key, struct pr_str value)
{
	struct restoring *r = context;
	struct hook *h = find_by_key(r->w, key);
	struct hook_kept kept;
	if (!h && r->n < PR_WEBHOOKS_MAX)
		r->forgotten[r->n++].key = pr_strndup(key.p, key.n);
	if (!h || !hook_kept_parse(value, &kept))
		return true;
	if (kept.position > h->kept.position)
		kept.position = h->kept.position;
	h->kept = kept;
	h->saved = kept.position;
	h->unsaved = false;
	return true;
}

/* Where new ones begin is durable before anything happens. */
static int
save_new(struct pr_webhooks *w, struct pr_error *e)
{
	int r = 0;
	PR_LIST_EACH(link, &w->hooks) {
		struct hook *h = PR_CONTAINER(link, struct hook, link);
		struct pr_buf text = {0};
		hook_kept_text(&h->kept, &text);
		if (h->unsaved && r == 0)
			r = pr_statedb_set(w->options.statedb, h->key, pr_buf_str(&text), e);
		h->unsaved &= r < 0;
		pr_buf_finish(&text);
	}
	return r;
}

static int
restore(struct pr_webhooks *w, struct pr_error *e)
{
	struct restoring restoring = {.w = w};
	struct pr_statedb *db = w->options.statedb;
	int r = pr_statedb_each_fact(db, HOOK_FACTS, on_fact, &restoring, e);
	if (r == 0 && restoring.n)
		r = pr_statedb_set_all(db, restoring.forgotten, restoring.n, e);
	for (size_t i = 0; i < restoring.n; i++)
		free((char *)(uintptr_t)restoring.forgotten[i].key);
	return r < 0 ? r : save_new(w, e);
}

static struct hook *
add(struct pr_webhooks *w, struct pr_config *config, const struct pr_webhook *spec)
{
	struct hook *h = hook_create(w, config, spec);
	pr_list_push(&w->hooks, &h->link);
	return h;
}

int
pr_webhooks_open(const struct pr_webhooks_options *options, pr_webhooks **out, struct pr_error *e)
{
	struct pr_webhooks *w = pr_calloc(1, sizeof *w);
	struct pr_lane_options lane = {.name = "webhooks", .threads = 1, .nice = 5};
	struct pr_fetcher_options fetcher = {.name = "webhook-posts",
	                                     .most = PR_WEBHOOKS_MAX,
	                                     .ca_file = options->config->tls.ca_file.p};
	struct pr_buf done = {0};
	w->options = *options;
	pr_list_init(&w->hooks);
	pr_buf_addf(&done, "%s/done", options->config->spool.p);
	w->done_dir = done.data;
	w->options.journal_dir = pr_strdup(options->journal_dir);
	for (size_t i = 0; i < options->config->webhooks.n; i++)
		add(w, options->config, pr_config_webhooks(options->config) + i);
	int r = restore(w, e);
	if (r == 0)
		r = pr_lane_create(options->loop, &lane, &w->lane, e);
	if (r == 0)
		r = pr_fetcher_create(options->loop, &fetcher, &w->fetcher, e);
	if (r < 0) {
		pr_webhooks_close(w);
		return r;
	}
	pr_webhooks_on_durable(w);
	*out = w;
	return 0;
}

/* ---- reloading ---- */

static bool
has_spec(const struct pr_config *config, const struct hook *h)
{
	const struct pr_webhook *specs = pr_config_webhooks(config);
	for (size_t i = 0; i < config->webhooks.n; i++)
		if (pr_str_eq(pr_text_str(&specs[i].url), pr_text_str(&h->spec->url)))
			return true;
	return false;
}

/* One that is being forgotten is beyond return. */
static struct hook *
find_hook(const struct pr_webhooks *w, const struct pr_webhook *spec)
{
	PR_LIST_EACH(link, &w->hooks) {
		struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (pr_str_eq(pr_text_str(&spec->url), pr_text_str(&h->spec->url)) &&
		    !(h->read && h->read->forget))
			return h;
	}
	return NULL;
}

void
pr_webhooks_reload(pr_webhooks *w, struct pr_config *config)
{
	PR_LIST_EACH(link, &w->hooks) {
		struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (!has_spec(config, h))
			hook_remove(h);
	}
	for (size_t i = 0; i < config->webhooks.n; i++) {
		const struct pr_webhook *spec = pr_config_webhooks(config) + i;
		struct hook *h = find_hook(w, spec);
		if (h) {
			hook_configure(h, config, spec);
			pr_list_remove(&h->link); /* the order is the configuration's */
			pr_list_push(&w->hooks, &h->link);
		} else {
			add(w, config, spec);
		}
	}
	pr_webhooks_on_durable(w);
}

/* ---- closing ---- */

void
pr_webhooks_close(pr_webhooks *w)
{
	w->closing = true;
	if (w->fetcher)
		pr_fetcher_destroy(w->fetcher);
	PR_LIST_EACH(link, &w->hooks) {
		struct hook *h = PR_CONTAINER(link, struct hook, link);
		hook_tell_missed(h, true);
		if (w->lane && !h->read && (h->unsaved || h->kept.position != h->saved))
			hook_save_submit(h, h->removed);
	}
	if (w->lane)
		pr_lane_destroy(w->lane);
	PR_LIST_EACH(link, &w->hooks)
		hook_free(PR_CONTAINER(link, struct hook, link));
	free((char *)(uintptr_t)w->options.journal_dir);
	free(w->done_dir);
	free(w);
}

/* ---- the journal ---- */

void
pr_webhooks_on_durable(pr_webhooks *w)
{
	PR_LIST_EACH(link, &w->hooks)
		hook_drain(PR_CONTAINER(link, struct hook, link));
}

uint64_t
pr_webhooks_needs(const pr_webhooks *w)
{
	uint64_t least = UINT64_MAX;
	PR_LIST_EACH(link, &w->hooks) {
		const struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (!h->removed && h->saved < least)
			least = h->saved;
	}
	return least;
}

/* ---- looking ---- */

static struct pr_str
origin_of(struct pr_str url)
{
	size_t n = strlen("https://") < url.n ? strlen("https://") : url.n;
	while (n < url.n && !strchr("/?", url.p[n]))
		n++;
	return pr_str_n(url.p, n);
}

static void
view(const struct hook *h, struct pr_webhook_view *v)
{
	struct pr_str url = pr_text_str(&h->spec->url);
	int64_t wait = h->until_ms - pr_loop_now_ms(h->owner->options.loop);
	bool waits = !h->gone && !h->posting && h->until_ms && wait > 0;
	*v = (struct pr_webhook_view){.origin = origin_of(url),
	                              .url = pr_str_n(url.p, strcspn(url.p, "?")),
	                              .backlog = hook_backlog(h),
	                              .events = h->events,
	                              .status = h->status,
	                              .error = h->error,
	                              .tried_ms = h->tried_ms,
	                              .until_ms = waits ? pr_utc_ms() + wait : 0,
	                              .missed = h->kept.missed};
	v->state = h->gone ? "gone" : h->posting ? "posting" : waits ? "waiting" : "idle";
}

void
pr_webhooks_each(const pr_webhooks *w, void (*each)(void *context, const struct pr_webhook_view *v),
                 void *context)
{
	struct pr_webhook_view v;
	PR_LIST_EACH(link, &w->hooks) {
		const struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (h->removed)
			continue;
		view(h, &v);
		each(context, &v);
	}
}

void
pr_webhooks_totals(const pr_webhooks *w, struct pr_webhooks_totals *out)
{
	*out = (struct pr_webhooks_totals){0};
	PR_LIST_EACH(link, &w->hooks) {
		const struct hook *h = PR_CONTAINER(link, struct hook, link);
		if (h->removed)
			continue;
		out->backlog += hook_backlog(h);
		out->events += h->events;
		out->answered += h->answered;
		out->failed += h->failed;
		out->missed_events += h->kept.missed.events;
		out->missed_octets += h->kept.missed.octets;
	}
}
