/*
 * Watching a folder by libuv's fs events (inotify underneath).
 *
 * How it fails: opening says why (the folder is not there, may not be read, the user's
 * inotify instances or watches are used up). An error while watching counts as a change: the
 * owner looks for himself, and sees there what has become of the folder.
 */
#include "internal.h"
#include "postrider/watch.h"

#include <stdlib.h>

struct pr_watch {
	uv_fs_event_t handle;
	void (*changed)(void *context);
	void *context;
};

static void
on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	(void)status;
	pr_watch *w = PR_CONTAINER(handle, struct pr_watch, handle);
	w->changed(w->context);
}

static void
on_closed(uv_handle_t *handle)
{
	free(PR_CONTAINER(handle, struct pr_watch, handle));
}

static int
fail(struct pr_error *e, const char *path, int status)
{
	int code = status == UV_ENOENT || status == UV_ENOTDIR  ? PR_ENOENT
	           : status == UV_EACCES || status == UV_EPERM  ? PR_EDENIED
	           : status == UV_ENOSPC || status == UV_EMFILE ? PR_ELIMIT
	                                                        : PR_ESYSTEM;
	return pr_fail(e, code, "cannot watch %s: %s", path, uv_strerror(status));
}

int
pr_watch_open(pr_loop *loop, const char *path, void (*changed)(void *context), void *context,
              pr_watch **out, struct pr_error *e)
{
	pr_watch *w = pr_calloc(1, sizeof *w);
	w->changed = changed;
	w->context = context;
	int status = uv_fs_event_init(pr_loop_uv(loop), &w->handle);
	if (status < 0) {
		free(w);
		return fail(e, path, status);
	}
	status = uv_fs_event_start(&w->handle, on_event, path, 0);
	if (status < 0) {
		uv_close((uv_handle_t *)&w->handle, on_closed);
		return fail(e, path, status);
	}
	uv_unref((uv_handle_t *)&w->handle); /* a watch alone keeps nothing alive */
	*out = w;
	return 0;
}

void
pr_watch_close(pr_watch *w)
{
	if (!w)
		return;
	uv_fs_event_stop(&w->handle);
	uv_close((uv_handle_t *)&w->handle, on_closed);
}
