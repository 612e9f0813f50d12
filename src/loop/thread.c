/* Threads: named, at their niceness, deaf to signals. */
#include "postrider/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct start {
	char name[16];
	int nice;
	void *(*run)(void *);
	void *context;
};

static void *
enter(void *argument)
{
	struct start start = *(struct start *)argument;
	free(argument);
	pthread_setname_np(pthread_self(), start.name);
	if (start.nice) {
		/* Linux keeps niceness by thread; where it is refused the default serves. */
		int now = getpriority(PRIO_PROCESS, (id_t)gettid());
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), now + start.nice);
	}
	return start.run(start.context);
}

int
pr_thread_start(pthread_t *out, const char *name, int nice, void *(*run)(void *), void *context,
                struct pr_error *e)
{
	struct start *start = pr_alloc(sizeof *start);
	*start = (struct start){.nice = nice, .run = run, .context = context};
	snprintf(start->name, sizeof start->name, "%s", name);
	sigset_t all, kept;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &kept);
	int number = pthread_create(out, NULL, enter, start);
	pthread_sigmask(SIG_SETMASK, &kept, NULL);
	if (number == 0)
		return 0;
	free(start);
	errno = number;
	return pr_fail_errno(e, "cannot start the thread \"%s\"", name);
}
