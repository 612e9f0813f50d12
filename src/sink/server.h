/* The sockets of the sink: listeners, connections, signals, on one epoll. */
#ifndef POSTRIDER_SINK_SERVER_H
#define POSTRIDER_SINK_SERVER_H

#include "sink/sink.h"

/* Listens where sink->options say, prints "listening ADDR:PORT" for each on
 * standard output, then serves until SIGINT, SIGTERM or --count. Prints the
 * totals on SIGUSR1 and at the end. 0, or a PR_E code before serving began. */
int sink_serve(struct sink *sink, struct pr_error *e);

#endif
