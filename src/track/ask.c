/*
 * What others have to answer: pages that show whom they are for, and whatever changes something.
 *
 *   web thread: ask_send --> loop: says something? --yes--> delivery, one after another, durably
 *                                     | no                       |
 *                                     v                          v
 *                            lane: the page in the campaign's language --> home --> web thread
 *
 * A one-click unsubscription is answered without a page. An ask whose connection is gone, or that
 * the web thread gave up when it ended, is freed when it comes home.
 */
#include "internal.h"

#include <stdlib.h>

/* ---- on the loop ---- */

/* Home, with its answer. */
void
ask_go_home(struct track_ask *a)
{
	pr_track *t = a->track;
	pthread_mutex_lock(&t->home_lock);
	pr_list_push(&t->home, &a->home);
	pthread_mutex_unlock(&t->home_lock);
	track_wake(t);
}

static void
answer_later(struct track_ask *a)
{
	if (a->says & TRACK_SAYS_ONE_CLICK)
		a->answer.status = MHD_HTTP_SERVICE_UNAVAILABLE;
	else
		visit_page_answer(&a->answer, MHD_HTTP_SERVICE_UNAVAILABLE, TRACK_PAGE_LATER,
		                  a->language);
	ask_go_home(a);
}

/* ---- pages: on the lane ---- */

static enum track_page
page_of(const struct track_ask *a)
{
	if (a->path == PR_TRACK_UNSUBSCRIBE)
		return a->says ? TRACK_PAGE_LEFT : TRACK_PAGE_LEAVE;
	return a->says ? TRACK_PAGE_SAVED : TRACK_PAGE_PREFERENCES;
}

static void
work_page(struct pr_job *job, void *worker)
{
	struct track_ask *a = PR_CONTAINER(job, struct track_ask, job);
	struct pr_whom whom;
	struct pr_error e;
	enum track_language l = TRACK_LANGUAGES;
	bool found = worker && pr_whom_find(&whom, worker, a->config, a->token.campaign,
	                                    a->token.row, &e) == 0;
	if (found)
		l = track_language_of(pr_str(whom.language));
	if (l != TRACK_LANGUAGES)
		a->language = l;
	if (a->path != PR_TRACK_VIEW) {
		a->answer.status = MHD_HTTP_OK;
		a->answer.html = true;
		track_add_page(&a->answer.body, page_of(a), a->language, found ? whom.sender : NULL,
		               a->token.list != 0);
	} else if (!found || view_compose(a, &whom) < 0)
		visit_page_answer(&a->answer, MHD_HTTP_NOT_FOUND, TRACK_PAGE_NOT_FOUND,
		                  a->language);
}

static void
page_done(struct pr_job *job)
{
	ask_go_home(PR_CONTAINER(job, struct track_ask, job));
}

static void
make_page(struct track_ask *a)
{
	a->job.work = work_page;
	a->job.done = page_done;
	if (a->track->lane)
		pr_lane_submit(a->track->lane, &a->job);
	else
		answer_later(a);
}

/* ---- changes ---- */

static const struct {
	unsigned says;
	const char *how, *scope;
	bool told; /* an event of its own */
} changes[] = {
    {TRACK_SAYS_ONE_CLICK, "one-click", NULL, true},
    {TRACK_SAYS_LEAVE, "page", NULL, true},
    {TRACK_SAYS_LIST, "preferences", NULL, true},
    {TRACK_SAYS_ALL, "preferences", "marketing", true},
    {TRACK_SAYS_OPENS, "preferences", PR_SCOPE_OPENS, false},
};

static void change_next(struct track_ask *a);

static void
on_changed(struct pr_leaving *l, int result, const struct pr_error *e)
{
	struct track_ask *a = PR_CONTAINER(l, struct track_ask, leaving);
	(void)e; /* the room that failed has logged it, or the disk is full and everybody knows */
	if (result < 0)
		answer_later(a);
	else
		change_next(a);
}

static void
begin_change(struct track_ask *a, unsigned which)
{
	struct pr_leaving *l = &a->leaving;
	const struct pr_token *t = &a->token;
	l->serial = t->campaign;
	l->row = t->row;
	l->key = t->key;
	l->address = t->address;
	l->list = t->list;
	l->reason = PR_SUPPRESSION_UNSUBSCRIBED;
	l->scope = changes[which].scope;
	l->how.kind = changes[which].told ? PR_ENGAGEMENT_UNSUBSCRIBE : 0;
	l->how.detail = pr_str(changes[which].how);
	l->by = "track";
	l->source = changes[which].how;
	l->done = on_changed;
	pr_delivery_leave(a->track->options.delivery, l);
}

static void
change_next(struct track_ask *a)
{
	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++)
		if (a->left & changes[i].says) {
			a->left &= ~changes[i].says;
			begin_change(a, i);
			return;
		}
	if (a->says & TRACK_SAYS_ONE_CLICK) {
		a->answer.status = MHD_HTTP_OK;
		ask_go_home(a);
	} else
		make_page(a);
}

static void
on_loop(struct pr_post *post)
{
	struct track_ask *a = PR_CONTAINER(post, struct track_ask, to_loop);
	/* A proof's pages look as they will and change nothing. The page's own button and a
	 * one-click at once are one wish. */
	a->left = !a->token.row                    ? 0
	          : a->says & TRACK_SAYS_ONE_CLICK ? TRACK_SAYS_ONE_CLICK
	                                           : a->says;
	if (a->told)
		told_order(a);
	else if (!a->says)
		make_page(a);
	else if (a->track->stopping)
		answer_later(a);
	else
		change_next(a);
}

/* ---- on the web thread ---- */

struct track_ask *
ask_create(struct web *w, struct MHD_Connection *connection)
{
	struct track_ask *a = pr_calloc(1, sizeof *a);
	a->track = w->track;
	a->connection = connection;
	a->to_loop.run = on_loop;
	pr_list_push(&w->asks, &a->link);
	return a;
}

void
ask_send(struct track_ask *a)
{
	a->away = true;
	a->track->web.away++;
	MHD_suspend_connection(a->connection);
	a->suspended = true;
	pr_loop_post(a->track->loop, &a->to_loop);
}

static void
free_ask(struct track_ask *a)
{
	track_form_end(&a->form);
	a->track->web.bodies -= a->body.len;
	pr_buf_finish(&a->body);
	told_free(a->told);
	pr_buf_finish(&a->answer.body);
	free(a);
}

void
ask_release(struct track_ask *a)
{
	pr_list_remove(&a->link);
	a->gone = true;
	if (!a->away)
		free_ask(a);
}

static void
wake_connection(struct track_ask *a)
{
	if (a->suspended)
		MHD_resume_connection(a->connection);
	a->suspended = false;
}

/* Whoever asked not to be followed is not, from the answer on. */
static void
take_home(struct web *w, struct track_ask *a)
{
	a->away = false;
	w->away--;
	if (a->says & TRACK_SAYS_OPENS && a->answer.status == MHD_HTTP_OK && w->untracked)
		track_untracked_add(w->untracked, a->token.key, a->token.address);
	if (a->gone)
		free_ask(a);
	else
		wake_connection(a);
}

void
asks_come_home(struct web *w)
{
	pr_track *t = w->track;
	for (;;) {
		pthread_mutex_lock(&t->home_lock);
		struct pr_list *link = pr_list_shift(&t->home);
		pthread_mutex_unlock(&t->home_lock);
		if (!link)
			return;
		take_home(w, PR_CONTAINER(link, struct track_ask, home));
	}
}

void
asks_give_up(struct web *w)
{
	PR_LIST_EACH(link, &w->asks) {
		struct track_ask *a = PR_CONTAINER(link, struct track_ask, link);
		a->given_up = true;
		wake_connection(a);
	}
}
