/*
 * The maildir route, for trials: each message becomes a file in new/ of a Maildir, written
 * in tmp/ first. Return-Path and Delivered-To stand before it, the rest is as composed.
 *
 * A connection has one message at a time. Its octets are copied and written on the
 * target's lane; the job is handed over in the NET phase, so the wire mark is on disk
 * before a file can appear. No fsync: what a trial loses in a power cut is not missed. A
 * file that cannot be written is answered with 452, like a server whose disk is full.
 */
#include "internal.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_MS 5000

struct maildir_target {
	struct pr_route_target base;
	int dir;
	pr_lane *lane;
	uint64_t files; /* names them, with time and process */
};

struct maildir_connection {
	pr_connection base;
	struct pr_timer timer; /* begins, ends when idle, frees */
	struct pr_turn_hook hand_over;
	struct pr_job job;
	struct pr_envelope *m; /* the owner's, until it has its result */
	/* of the job, untouched by the loop while it runs */
	bool running;
	int dir;
	char name[80];
	struct pr_buf octets;
	int failure; /* errno; 0: written */
	unsigned accepted;
	bool begun, asking, quitting, ended;
};

static struct maildir_connection *
maildir_of(pr_connection *c)
{
	return PR_CONTAINER(c, struct maildir_connection, base);
}

static struct maildir_target *
target_of(const struct maildir_connection *c)
{
	return PR_CONTAINER(c->base.target, struct maildir_target, base);
}

/* ---- on the lane ---- */

static int
write_file(const struct maildir_connection *c)
{
	char tmp[96], new[96];
	snprintf(tmp, sizeof tmp, "tmp/%s", c->name);
	snprintf(new, sizeof new, "new/%s", c->name);
	int fd = openat(c->dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return errno;
	int failure = pr_write_all(fd, c->octets.data, c->octets.len) < 0 ? errno : 0;
	if (close(fd) < 0 && !failure)
		failure = errno;
	if (!failure && renameat(c->dir, tmp, c->dir, new) < 0)
		failure = errno;
	if (failure)
		unlinkat(c->dir, tmp, 0);
	return failure;
}

static void
work_write(struct pr_job *job, void *worker)
{
	struct maildir_connection *c = PR_CONTAINER(job, struct maildir_connection, job);
	(void)worker;
	c->failure = write_file(c);
}

/* ---- the connection's life ---- */

static void
free_connection(struct maildir_connection *c)
{
	pr_turn_hook_finish(&c->hand_over);
	pr_buf_finish(&c->octets);
	free(c);
}

/* Memory goes with the timer or with the job: our callers up the stack still hold it. */
static void
end(struct maildir_connection *c, enum pr_smtp_stage stage, const char *why)
{
	if (c->ended)
		return;
	c->ended = true;
	pr_turn_hook_finish(&c->hand_over);
	if (!c->running)
		pr_timer_start(&c->timer, 0);
	else
		pr_timer_stop(&c->timer);
	route_ended(&c->base, &(struct pr_smtp_result){.stage = stage, .why = why});
}

static void
compose_file(struct maildir_connection *c, const struct pr_envelope *m)
{
	struct maildir_target *t = target_of(c);
	snprintf(c->name, sizeof c->name, "%lld.M%lluP%d.postrider",
	         (long long)(pr_utc_ms() / 1000), (unsigned long long)++t->files, (int)getpid());
	pr_buf_clear(&c->octets);
	pr_buf_addf(&c->octets, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", m->from, m->to);
	pr_buf_add(&c->octets, m->data, m->size);
	pr_buf_add(&c->octets, m->tail, m->tail_n);
}

/* Ask for a message when there is none; a callback may end everything. */
static void
advance(struct maildir_connection *c)
{
	if (c->ended || !c->begun || c->m || c->asking)
		return;
	unsigned max = c->base.target->options.messages_max;
	if (c->quitting || (max && c->accepted >= max)) {
		end(c, PR_STAGE_QUIT, "done");
		return;
	}
	c->asking = true;
	struct pr_envelope *m = c->base.events.next(c->base.context);
	c->asking = false;
	if (!m) {
		int64_t idle = c->base.target->options.idle_ms;
		if (!c->ended && !pr_timer_running(&c->timer))
			pr_timer_start(&c->timer, idle ? idle : IDLE_MS);
		return;
	}
	c->m = m;
	pr_timer_stop(&c->timer);
	compose_file(c, m);
	c->base.events.wire(c->base.context, m);
	if (!c->ended)
		pr_turn_ask(&c->hand_over);
}

static void
on_hand_over(struct pr_turn_hook *hook)
{
	struct maildir_connection *c = PR_CONTAINER(hook, struct maildir_connection, hand_over);
	c->running = true;
	pr_lane_submit(target_of(c)->lane, &c->job);
}

static void
done_write(struct pr_job *job)
{
	struct maildir_connection *c = PR_CONTAINER(job, struct maildir_connection, job);
	c->running = false;
	if (c->ended) {
		free_connection(c);
		return;
	}
	struct pr_envelope *m = c->m;
	c->m = NULL;
	c->accepted += c->failure == 0;
	struct pr_smtp_result r = {
	    .stage = PR_STAGE_DOT, .answered = true, .reply = {250, {2, 0, 0}, pr_str(c->name)}};
	if (c->failure)
		r.reply = (struct pr_reply){452, {4, 3, 1}, pr_str(strerror(c->failure))};
	c->base.events.result(c->base.context, m, &r);
	advance(c);
}

static void
on_timer(struct pr_timer *timer)
{
	struct maildir_connection *c = PR_CONTAINER(timer, struct maildir_connection, timer);
	if (c->ended) {
		free_connection(c);
	} else if (!c->begun) {
		c->begun = true;
		advance(c);
	} else {
		end(c, PR_STAGE_QUIT, "idle");
	}
}

/* ---- what routes.h asks ---- */

static int
maildir_start(struct pr_route_target *base, struct pr_error *e)
{
	struct maildir_target *t = PR_CONTAINER(base, struct maildir_target, base);
	static const char *const folders[] = {"tmp", "new", "cur"};
	if (pr_mkdirs(base->where, 0750) < 0)
		return pr_fail_errno(e, "cannot make %s", base->where);
	t->dir = open(base->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->dir < 0)
		return pr_fail_errno(e, "cannot open %s", base->where);
	int rc = 0;
	for (int i = 0; i < 3 && rc == 0; i++)
		if (mkdirat(t->dir, folders[i], 0750) < 0 && errno != EEXIST)
			rc = pr_fail_errno(e, "cannot make %s/%s", base->where, folders[i]);
	if (rc == 0)
		rc = pr_lane_create(base->loop,
		                    &(struct pr_lane_options){.name = "maildir", .threads = 1},
		                    &t->lane, e);
	if (rc < 0)
		close(t->dir);
	return rc;
}

static void
maildir_stop(struct pr_route_target *base)
{
	struct maildir_target *t = PR_CONTAINER(base, struct maildir_target, base);
	pr_lane_destroy(t->lane);
	close(t->dir);
}

static pr_connection *
maildir_create(struct pr_route_target *base)
{
	struct maildir_connection *c = pr_calloc(1, sizeof *c);
	c->dir = PR_CONTAINER(base, struct maildir_target, base)->dir;
	c->job = (struct pr_job){.work = work_write, .done = done_write};
	pr_timer_init(&c->timer, base->loop, on_timer);
	pr_turn_hook_init(&c->hand_over, base->loop, PR_TURN_NET, on_hand_over);
	return &c->base;
}

static void
maildir_begin(pr_connection *base)
{
	struct maildir_connection *c = maildir_of(base);
	snprintf(c->base.peer, sizeof c->base.peer, "%s", base->target->where);
	pr_timer_start(&c->timer, 0);
}

static void
maildir_wake(pr_connection *base)
{
	advance(maildir_of(base));
}

static void
maildir_quit(pr_connection *base)
{
	struct maildir_connection *c = maildir_of(base);
	c->quitting = true;
	if (!c->m)
		end(c, PR_STAGE_QUIT, "done");
}

static void
maildir_abort(pr_connection *base, const char *why)
{
	struct maildir_connection *c = maildir_of(base);
	struct pr_envelope *m = c->m;
	c->m = NULL;
	if (m)
		c->base.events.result(
		    c->base.context, m,
		    &(struct pr_smtp_result){.stage = PR_STAGE_DOT, .why = why, .in_doubt = true});
	end(c, m ? PR_STAGE_DOT : PR_STAGE_IDLE, why);
}

static unsigned
maildir_accepted(const pr_connection *base)
{
	return ((const struct maildir_connection *)base)->accepted;
}

const struct pr_route_ops route_maildir = {
    .via = "maildir",
    .target_size = sizeof(struct maildir_target),
    .start = maildir_start,
    .stop = maildir_stop,
    .create = maildir_create,
    .begin = maildir_begin,
    .wake = maildir_wake,
    .quit = maildir_quit,
    .abort = maildir_abort,
    .accepted = maildir_accepted,
};
