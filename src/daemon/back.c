/*
 * What comes back: the feedback desk and those who bring it mails. Opened behind delivery and
 * ended before it: it asks delivery, and delivery tells it of rows that bounced.
 */
#include "daemon.h"

int
back_open(struct daemon *d, struct pr_error *e)
{
	struct pr_feedback_desk_options o = {
	    .loop = d->loop, .config = d->config, .delivery = d->delivery, .audience = d->audience};
	int r = pr_feedback_desk_open(&o, &d->feedback, e);
	if (r == 0)
		d->bounce_maildir = pr_feedback_maildir_open(d->loop, d->config, d->feedback);
	if (r == 0 && d->config->bounce.listen.host[0])
		r = pr_feedback_server_open(d->loop, d->config, d->feedback, &d->bounces, e);
	return r;
}

void
back_reload(struct daemon *d)
{
	pr_feedback_desk_reload(d->feedback, d->config);
	pr_feedback_maildir_reload(d->bounce_maildir, d->config);
	if (d->bounces)
		pr_feedback_server_reload(d->bounces, d->config);
}

void
back_stop(struct daemon *d)
{
	pr_feedback_server_stop(d->bounces);
	pr_feedback_maildir_stop(d->bounce_maildir);
	if (d->feedback)
		pr_feedback_desk_stop(d->feedback);
}

void
back_close(struct daemon *d)
{
	for (int i = 0; i < 3; i++) /* connections that were closed go in later turns */
		pr_loop_turn(d->loop);
	pr_feedback_server_close(d->bounces);
	pr_feedback_maildir_close(d->bounce_maildir);
	pr_feedback_desk_close(d->feedback);
	d->bounces = NULL;
	d->bounce_maildir = NULL;
	d->feedback = NULL;
}

void
back_bounced(void *context, const struct pr_bounced *rows, size_t n)
{
	struct daemon *d = context;
	if (d->feedback)
		pr_feedback_bounced(d->feedback, rows, n);
}

bool
back_is_bouncing(void *context, const char *address)
{
	struct daemon *d = context;
	return d->feedback && pr_feedback_is_bouncing(d->feedback, address);
}

uint64_t
back_bounced_needs(void *context)
{
	struct daemon *d = context;
	return d->feedback ? pr_feedback_needs(d->feedback) : UINT64_MAX;
}
