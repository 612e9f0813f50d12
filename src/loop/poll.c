/* A descriptor of another library on the loop, by libuv's poll handles. */
#include "internal.h"
#include "postrider/poll.h"

#include <stdlib.h>

struct pr_poll {
	uv_poll_t handle;
	void (*readable)(void *context);
	void *context;
};

static void
on_poll(uv_poll_t *handle, int status, int events)
{
	(void)status; /* an error is for the owner to find when he reads */
	(void)events;
	pr_poll *p = PR_CONTAINER(handle, struct pr_poll, handle);
	p->readable(p->context);
}

static void
on_closed(uv_handle_t *handle)
{
	free(PR_CONTAINER(handle, struct pr_poll, handle));
}

int
pr_poll_open(pr_loop *loop, int fd, void (*readable)(void *context), void *context, pr_poll **out,
             struct pr_error *e)
{
	pr_poll *p = pr_calloc(1, sizeof *p);
	p->readable = readable;
	p->context = context;
	int status = uv_poll_init(pr_loop_uv(loop), &p->handle, fd);
	if (status < 0) {
		free(p);
		return pr_fail(e, PR_ESYSTEM, "cannot poll a descriptor: %s", uv_strerror(status));
	}
	uv_poll_start(&p->handle, UV_READABLE, on_poll);
	*out = p;
	return 0;
}

void
pr_poll_close(pr_poll *p)
{
	if (p)
		uv_close((uv_handle_t *)&p->handle, on_closed);
}
