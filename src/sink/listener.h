/* Listening sockets from "ADDR:PORT". */
#ifndef POSTRIDER_SINK_LISTENER_H
#define POSTRIDER_SINK_LISTENER_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

/* "127.0.0.1:2525", "[::1]:2525", "*:2525" or ":2525" (all addresses), names as
 * the system resolves them; port 0: a free one. Not blocking. */
int sink_listen(const char *where, int *fd, struct pr_error *e);
/* "127.0.0.1:40123" of a bound socket, appended; returns the port. */
uint16_t sink_listening_on(int fd, struct pr_buf *out);

#endif
