/*
 * DKIM (RFC 6376): who vouches for a message. Keys are those of postrider.yaml's `dkim`, read
 * and checked once with the configuration; all whose domain is the From domain or a parent of it
 * sign. rsa-sha256 (RFC 8301) and ed25519-sha256 (RFC 8463), relaxed/relaxed.
 *
 * Signed are the headers that a reader or a receiver acts on; those that must not be added later
 * are signed once more than they are there (RFC 6376 section 8.15), among them both headers of
 * one-click unsubscription (RFC 8058 section 4).
 */
#ifndef POSTRIDER_MESSAGE_DKIM_H
#define POSTRIDER_MESSAGE_DKIM_H

#include "postrider/base/buf.h"
#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"

#define PR_DKIM_RSA_LEAST 1024 /* bits; RFC 8301 section 3.2 */
#define PR_DKIM_RSA_ADVISED 2048
#define PR_DKIM_RSA_MOST 4096
#define PR_DKIM_SIGNATURES_MAX 8 /* of a message */

typedef struct pr_dkim pr_dkim; /* keys; immutable, shared by threads */
typedef struct pr_dkim_signer pr_dkim_signer;

/* Reads the keys that the configuration names into config->signing, before it is shared; the
 * configuration ends them. owner: as in base/secret.h. PR_EINVAL: problems told (a file that is not
 * there, not a key, too short, open to others); then the configuration has no keys. */
int pr_dkim_load(struct pr_config *config, uid_t owner, struct pr_problems *problems);
pr_dkim *pr_dkim_ref(pr_dkim *keys); /* NULL: NULL */
void pr_dkim_unref(pr_dkim *keys);   /* any thread; NULL: nothing */
/* Whether any of them signs for the domain (A-labels, lower case). */
bool pr_dkim_signs(const pr_dkim *keys, struct pr_str domain);

/* One thread's: its own copies of the keys that sign for the domain, and scratch memory. NULL where
 * none does. */
pr_dkim_signer *pr_dkim_signer_create(pr_dkim *keys, struct pr_str domain);
void pr_dkim_signer_destroy(pr_dkim_signer *s); /* NULL: nothing */
/* Appends the DKIM-Signature fields of a message, to be put in front of it. The message is head,
 * an empty line and a body, with CRLF line ends, in two parts: the second one begins a line of
 * the body, or is empty. PR_EINVAL where OpenSSL fails: nothing is appended. */
int pr_dkim_sign(pr_dkim_signer *s, struct pr_str message, struct pr_str tail, int64_t utc_ms,
                 struct pr_buf *out, struct pr_error *e);

/* A private key that may sign, of PEM; the caller's to free (EVP_PKEY). NULL: why says so, a
 * constant that follows upon the file's name. */
struct evp_pkey_st *pr_dkim_key_parse(struct pr_str pem, const char **why);

/* ---- canonical forms (RFC 6376 section 3.4), for the signer and its tests ---- */
/* A field, with its CRLF or without, as relaxed has it: without CRLF. */
void pr_dkim_relax_field(struct pr_str field, struct pr_buf *out);
/* A body in parts that begin lines; `done` with the last one. */
struct pr_dkim_body {
	struct pr_buf *out;
	unsigned empty; /* lines that may still turn out not to be the last */
};
void pr_dkim_relax_body(struct pr_dkim_body *b, struct pr_str part);

#endif
