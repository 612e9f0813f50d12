/*
 * Folders that came whole. Nothing waits here: the queue is read when intake looks into
 * incoming/, after it has read the folders, so that what it knows of a name is never older
 * than what it saw.
 */
#include "moves.h"

#include "postrider/base/error.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

struct pr_moves {
	int fd;
};

pr_moves *
pr_moves_open(const char *folder)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (inotify_add_watch(
		fd, folder, IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ONLYDIR) < 0) {
		close(fd);
		return NULL;
	}
	pr_moves *m = pr_calloc(1, sizeof *m);
	m->fd = fd;
	return m;
}

void
pr_moves_close(pr_moves *m)
{
	if (!m)
		return;
	close(m->fd);
	free(m);
}

void
pr_moves_read(pr_moves *m, void (*each)(void *context, const char *name, bool whole), void *context)
{
	_Alignas(struct inotify_event) char events[16384];
	ssize_t n;
	while (m && (n = read(m->fd, events, sizeof events)) > 0)
		for (char *at = events; at < events + n;) {
			const struct inotify_event *event = (void *)at;
			at += sizeof *event + event->len;
			if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED))
				each(context, NULL, false);
			else if (event->len)
				each(context, event->name, event->mask & IN_MOVED_TO);
		}
}
