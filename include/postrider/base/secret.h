/*
 * Secrets in files: passwords, API keys, private keys. Who may read the file may use them: one that
 * everybody may read is none, and is refused. Nothing of a secret is ever in an error's text.
 */
#ifndef POSTRIDER_BASE_SECRET_H
#define POSTRIDER_BASE_SECRET_H

#include "postrider/base/error.h"

#define PR_SECRET_MAX 4096u /* octets of a file whose first line is the secret */

/* The file, open for reading: the caller's to close. Links are followed; it never waits.
 * PR_EDENIED: everybody may read or write it; PR_EINVAL: it is not a regular file; else as open
 * fails. The texts name the path. */
int pr_secret_open(const char *path, struct pr_error *e);
/* The first line of it, without its end; heap. NULL: e (or NULL) tells why. */
char *pr_secret_read(const char *path, struct pr_error *e);
void pr_secret_free(char *secret); /* wiped; NULL: nothing */

#endif
