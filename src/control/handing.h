/* A folder on the spool that somebody hands over by its path. */
#ifndef CONTROL_HANDING_H
#define CONTROL_HANDING_H

#include "internal.h"

struct handing {
	int spool, parent, incoming, folder; /* descriptors; -1: not open */
	char parent_path[4096], name[256];   /* of the folder, below the spool */
};

/* PATH without empty parts and "."; PR_EINVAL where it leads up or is too long. */
int handing_tidy(const char *path, char *out, size_t size, struct pr_error *e);
/* PATH must be below the spool and the caller's own, unless he is an operator. hidden: its name
 * may begin with a dot. PR_EINVAL, PR_EDENIED, PR_EAGAIN... Always close. */
int handing_open(const struct request *q, const char *path, bool hidden, struct handing *h,
                 struct pr_error *e);
void handing_close(struct handing *h);

#endif
