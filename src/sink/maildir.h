/*
 * Messages kept as they came, in a Maildir: written to tmp/, renamed to new/
 * before they are answered 250. No fsync: this is a place for tests.
 */
#ifndef POSTRIDER_SINK_MAILDIR_H
#define POSTRIDER_SINK_MAILDIR_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

struct sink_maildir; /* one of the program */

struct sink_mail { /* one of a message being received */
	int fd;    /* -1: no file yet */
	bool failed;
	char name[64];
	struct pr_buf held; /* octets not yet written, at most SINK_MAIL_HELD */
};
#define SINK_MAIL_HELD (64 * 1024)

int sink_maildir_open(const char *path, struct sink_maildir **out, struct pr_error *e);
void sink_maildir_close(struct sink_maildir *m);

void sink_mail_init(struct sink_mail *mail);
void sink_mail_add(struct sink_maildir *m, struct sink_mail *mail, struct pr_str octets);
/* Into new/: mail->name says how it is called there. False: it could not be
 * kept, nothing is left of it. */
bool sink_mail_keep(struct sink_maildir *m, struct sink_mail *mail);
void sink_mail_discard(struct sink_maildir *m, struct sink_mail *mail);
void sink_mail_finish(struct sink_maildir *m, struct sink_mail *mail);

#endif
