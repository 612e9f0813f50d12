/*
 * Lanes: ready messages, and how the way they go fares. Their connections are conn.c's.
 *
 *   ready -next-> flying -wire mark-> result | returned
 *
 * A failure that is not a row's fault (no connection, banner refused, 421) makes the lane
 * wait, longer each time; then one connection tries alone. Its messages stay ready and
 * unharmed.
 *
 * Limits are lowered by a reload, or by what the receiver says (shaped.c): connections too many
 * take no more messages and leave. Ready messages that may not go yet wait, with their
 * connections, for the lane's timer.
 */
#include "internal.h"

#include "postrider/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define BACK_OFF_MIN_MS 500
/* How far ahead a lane's rate is granted: several slow syncs. When connections ask for what is
 * granted but not composed or durable yet, so many times as far for a while. */
#define HORIZON_S 0.1
#define STRETCH_MAX 4u
#define STRETCH_MS 20 /* until what the last stretch has brought may be here */

/* ---- backing off ---- */

void
lane_ask(struct lane *l)
{
	site_ask(l->site);
}

void
lane_ask_at(struct lane *l, int64_t when_ms)
{
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (pr_timer_running(&l->timer) && l->ask_at_ms <= when_ms)
		return;
	l->ask_at_ms = when_ms;
	pr_timer_start(&l->timer, when_ms > now ? when_ms - now : 0);
}

static void
on_timer(struct pr_timer *t)
{
	lane_ask(PR_CONTAINER(t, struct lane, timer));
}

static const char *
name_of(const struct lane *l)
{
	return l->site->outlet->name;
}

void
lane_note_reply(struct lane *l, const struct pr_smtp_result *r)
{
	char text[160];
	struct pr_str why = r->answered ? r->reply.text : pr_str(r->why ? r->why : "");
	pr_str_show(why, text, sizeof text);
	l->last_code = r->answered ? (unsigned)r->reply.code : 0;
	if (r->answered)
		snprintf(l->last_reply, sizeof l->last_reply, "%d %s", r->reply.code, text);
	else
		snprintf(l->last_reply, sizeof l->last_reply, "%s", text);
}

void
lane_note_trouble(struct lane *l, const struct pr_smtp_result *r)
{
	lane_note_reply(l, r);
	struct pr_log_about about = {.event = "lane_waits",
	                             .route = name_of(l),
	                             .site = l->site->key,
	                             .code = (int)l->last_code};
	if (l->failures == 1)
		pr_log(PR_LOG_WARNING, &about, "at %s: %s", pr_smtp_stage_word(r->stage),
		       l->last_reply);
	char told[350];
	snprintf(told, sizeof told, "route %s%s%.60s: %s", name_of(l), *l->site->key ? ", " : "",
	         l->site->key, l->last_reply);
	PR_LIST_EACH(link, &l->site->flows)
		campaign_note_error(PR_CONTAINER(link, struct flow, of_site)->campaign, told);
}

void
lane_back_off(struct conn *n, const struct pr_smtp_result *r)
{
	struct lane *l = n->lane;
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (n->way != l->way || l->delivery->draining)
		return; /* nobody goes there any more */
	if (now < l->retry_at_ms)
		return; /* several connections of the same moment are one failure */
	int64_t wait = BACK_OFF_MIN_MS << (l->failures < 10 ? l->failures : 10);
	if (l->failures++ == 0)
		l->failing_since_ms = due_now(l->delivery);
	l->retry_at_ms = now + (wait < BACK_OFF_MAX_MS ? wait : BACK_OFF_MAX_MS);
	lane_ask_at(l, l->retry_at_ms);
	lane_keep_wait(l);
	lane_note_trouble(l, r);
	if (site_has_healthy_lane(l->site))
		lane_withdraw(l, NULL); /* another source may take them */
}

void
lane_well(struct lane *l)
{
	if (l->failures)
		PR_LOG(PR_LOG_INFO, "lane_well", "route %s answers again", name_of(l));
	l->failures = 0;
	l->retry_at_ms = 0;
	lane_keep_wait(l);
	l->site->given_up = false;
}

/* ---- messages ---- */

void
lane_ready(struct lane *l, struct send *s)
{
	if (l->retired) {
		outcome_withdraw(s); /* another source has it */
		return;
	}
	pr_list_push(&l->ready, &s->link);
	l->ready_n++;
	if (!pr_list_empty(&l->hungry))
		lane_feed(l);
	else
		lane_ask(l);
}

void
lane_unready(struct lane *l, struct send *s)
{
	pr_list_remove(&s->link);
	l->ready_n--;
}

void
lane_withdraw(struct lane *l, struct pr_campaign *c)
{
	PR_LIST_EACH(link, &l->ready) {
		struct send *s = PR_CONTAINER(link, struct send, link);
		if (c && s->campaign != c)
			continue;
		lane_unready(l, s);
		outcome_withdraw(s);
	}
}

void
lane_withdraw_stopped(struct lane *l)
{
	PR_LIST_EACH(link, &l->ready) {
		struct send *s = PR_CONTAINER(link, struct send, link);
		if (!slice_stops_send(s))
			continue;
		lane_unready(l, s);
		outcome_withdraw(s);
	}
}

void
lane_defer(struct lane *l, const struct pr_smtp_result *r, const struct pr_verdict *v,
           int64_t since_ms)
{
	PR_LIST_EACH(link, &l->ready) {
		struct send *s = PR_CONTAINER(link, struct send, link);
		lane_unready(l, s);
		l->waiting--;
		outcome_unreachable(s, r, v, since_ms);
	}
}

void
lane_take_back(struct lane *l, struct send *s)
{
	s->flying = false;
	l->waiting++;
	if (!send_may_go(s) || l->retired) {
		outcome_withdraw(s);
		return;
	}
	if (s->wired) { /* its mark is void: a new intent says so to a restart */
		send_record(s, PR_RECORD_INTENT);
		s->wired = false;
	}
	pr_list_unshift(&l->ready, &s->link);
	l->ready_n++;
	lane_ask(l);
}

void
lane_stretch(struct lane *l)
{
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (l->stretch == STRETCH_MAX || now - l->stretched_ms < STRETCH_MS)
		return;
	l->stretch *= 2;
	l->stretched_ms = now;
}

unsigned
lane_room(struct lane *l)
{
	int64_t now = pr_loop_now_ms(l->delivery->loop);
	if (!l->way || l->site->outlet->gone || l->retired)
		return 0;
	unsigned room = shaped_room(l);
	if (l->failures && room > 0) /* enough to try with */
		room = 1;
	if (l->stretch > 1 && now - l->stretched_ms > PR_SECOND_MS) {
		l->stretch /= 2;
		l->stretched_ms = now;
	}
	double ahead = HORIZON_S * meter_recent(&l->meter, now);
	unsigned least = l->site->outlet->mx ? 2 * l->live_n + 2 : 4 * l->connections_max;
	unsigned want = (ahead > least ? (unsigned)ahead : least) * l->stretch;
	if (want > room)
		want = room;
	return want > l->waiting ? want - l->waiting : 0;
}

/* ---- coming and going ---- */

void
lane_retire(struct lane *l)
{
	l->retired = true;
	lane_withdraw(l, NULL);
	lane_quit(l);
}

struct lane *
lane_create(struct site *site, const char *source)
{
	struct lane *l = pr_calloc(1, sizeof *l);
	l->delivery = site->outlet->delivery;
	l->site = site;
	l->stretch = 1;
	l->source = pr_strdup(source);
	pr_list_init(&l->ready);
	pr_list_init(&l->ways);
	pr_list_init(&l->conns);
	pr_list_init(&l->hungry);
	pr_list_init(&l->ahead);
	pr_list_init(&l->changed);
	pr_timer_init(&l->timer, l->delivery->loop, on_timer);
	pr_list_push(&l->delivery->lanes, &l->link);
	pr_list_push(&site->lanes, &l->of_site);
	lane_configure(l);
	lane_restore_wait(l);
	return l;
}

void
lane_destroy(struct lane *l)
{
	lane_abort(l, "the daemon ends");
	pr_timer_stop(&l->timer);
	ways_close(l);
	shaped_end(l);
	pr_list_remove(&l->link);
	pr_list_remove(&l->of_site);
	free(l->source);
	free(l);
}
