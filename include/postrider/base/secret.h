/*
 * Secrets in files: passwords, API keys, private keys. Who may read the file may use them, and who
 * may change it decides what is used: a file that everybody may read or write, or put in another
 * one's place, or that belongs to somebody else, is refused. Nothing of a secret is ever in an
 * error's text.
 */
#ifndef POSTRIDER_BASE_SECRET_H
#define POSTRIDER_BASE_SECRET_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

#include <sys/types.h>

#define PR_SECRET_MAX 4096u       /* octets of a first line that is the secret */
#define PR_SECRET_FILE_MAX 65536u /* octets of a file */
#define PR_SECRET_ANYBODY ((uid_t)-1)

/* Why a file was not taken, and what its reader, the user who asks now, can do about it. */
struct pr_secret_fault {
	struct pr_error error; /* names the file */
	char remedy[600];      /* "let postrider read it: chgrp postrider FILE; chmod 640 FILE" */
};

/*
 * The whole file, appended to out, which is wiped by pr_secret_wipe. owner: who may own it beside
 * root, PR_SECRET_ANYBODY where that is looked at elsewhere. Links are followed; what is judged is
 * the file that is read; a FIFO is never waited for. f may be NULL. PR_EDENIED: this user may not
 * read it, or others may do more than they should; PR_EINVAL: it is no regular file; PR_ELIMIT;
 * else as open fails.
 */
int pr_secret_load(const char *path, uid_t owner, struct pr_buf *out, struct pr_secret_fault *f);
void pr_secret_wipe(struct pr_buf *secret); /* and frees */

/* The first line of it, without its end; heap. NULL: f tells why. */
char *pr_secret_read(const char *path, uid_t owner, struct pr_secret_fault *f);
void pr_secret_free(char *secret); /* wiped; NULL: nothing */

#endif
