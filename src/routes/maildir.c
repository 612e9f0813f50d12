/*
 * The maildir route, for trials: each message becomes a file in new/ of a Maildir, written
 * in tmp/ first. Return-Path and Delivered-To stand before it, the rest is as composed.
 *
 * A connection is a slot: octets are copied and written on the target's lane, so the wire
 * mark is on disk before a file can appear. No fsync: what a trial loses in a power cut is not
 * missed. A file that cannot be written is answered with 452, like a server whose disk is full.
 */
#include "slot.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct maildir_target {
	struct pr_route_target base;
	int dir;
	pr_lane *lane;
	uint64_t files; /* names them, with time and process */
};

struct maildir_connection {
	struct slot slot;
	struct pr_job job;
	int dir;
	char name[80];
	struct pr_buf octets;
	int failure; /* errno; 0: written */
};

static struct maildir_connection *
maildir_of(struct slot *s)
{
	return PR_CONTAINER(s, struct maildir_connection, slot);
}

static struct maildir_target *
target_of(struct pr_route_target *t)
{
	return PR_CONTAINER(t, struct maildir_target, base);
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

/* ---- a message ---- */

static void
load(struct slot *s, const struct pr_envelope *m)
{
	struct maildir_connection *c = maildir_of(s);
	struct maildir_target *t = target_of(s->base.target);
	snprintf(c->name, sizeof c->name, "%lld.M%lluP%d.postrider",
	         (long long)(pr_utc_ms() / 1000), (unsigned long long)++t->files, (int)getpid());
	pr_buf_clear(&c->octets);
	pr_buf_addf(&c->octets, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", m->from, m->to);
	pr_buf_add(&c->octets, m->data, m->size);
	pr_buf_add(&c->octets, m->tail, m->tail_n);
}

static void
work(struct slot *s)
{
	pr_lane_submit(target_of(s->base.target)->lane, &maildir_of(s)->job);
}

static void
done_write(struct pr_job *job)
{
	struct maildir_connection *c = PR_CONTAINER(job, struct maildir_connection, job);
	struct pr_smtp_result r = {
	    .stage = PR_STAGE_DOT, .answered = true, .reply = {250, {2, 0, 0}, pr_str(c->name)}};
	if (c->failure)
		r.reply = (struct pr_reply){452, {4, 3, 1}, pr_str(strerror(c->failure))};
	slot_done(&c->slot, true, &r);
}

static void
free_connection(struct slot *s)
{
	struct maildir_connection *c = maildir_of(s);
	pr_buf_finish(&c->octets);
	free(c);
}

static const struct slot_kind kind = {.load = load, .work = work, .free = free_connection};

/* ---- what routes.h asks ---- */

static int
maildir_start(struct pr_route_target *base, struct pr_error *e)
{
	struct maildir_target *t = target_of(base);
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
	struct maildir_target *t = target_of(base);
	pr_lane_destroy(t->lane);
	close(t->dir);
}

static pr_connection *
maildir_create(struct pr_route_target *base)
{
	struct maildir_connection *c = pr_calloc(1, sizeof *c);
	c->dir = target_of(base)->dir;
	c->job = (struct pr_job){.work = work_write, .done = done_write};
	slot_init(&c->slot, &kind, base->loop, base->where);
	return &c->slot.base;
}

const struct pr_route_ops route_maildir = {
    .via = "maildir",
    .target_size = sizeof(struct maildir_target),
    .start = maildir_start,
    .stop = maildir_stop,
    .create = maildir_create,
    SLOT_OPS,
};
