/*
 * Tokens: what links, pages and return paths carry to say whom they are about, signed, so that
 * nobody else can make one. Whole without a look at any store: campaign, row, link, and for what
 * must work when the campaign is long gone a keyed hash of address and list.
 *
 *   octet 0      version (1) in the high half, kind in the low
 *   octet 1      id of the key
 *   varints      campaign, row; CLICK: link          (LEB128, shortest form)
 *   8 octets     address: OPEN, UNSUBSCRIBE, PREFERENCES and BOUNCE
 *   4 octets     list: the same but OPEN
 *   12 octets    HMAC-SHA256 of all before, cut
 *
 * In a URL it is base64url (RFC 4648 section 5, without '='), in a local part base32 in lower case
 * (section 6): mail servers may change its case. The first key of the configuration signs, all of
 * them verify: a new one is put in front, the old one stays as long as its tokens shall work.
 */
#ifndef POSTRIDER_MESSAGE_TOKEN_H
#define POSTRIDER_MESSAGE_TOKEN_H

#include "postrider/base/str.h"
#include "postrider/campaign/config.h"

#define PR_TOKEN_OCTETS_MAX 44
#define PR_TOKEN_URL_SIZE 60 /* with its NUL */
#define PR_TOKEN_LOCAL_SIZE                                                                        \
	72 /* the same; BOUNCE: at most 56 characters as long as rows are < 2^21 */

typedef struct pr_tokens pr_tokens; /* keys; immutable, shared by threads */

enum pr_token_kind { /* stored in mails for years: never renumber */
	             PR_TOKEN_OPEN = 1,
	             PR_TOKEN_CLICK = 2,
	             PR_TOKEN_UNSUBSCRIBE = 3,
	             PR_TOKEN_VIEW = 4,
	             PR_TOKEN_PREFERENCES = 5,
	             PR_TOKEN_BOUNCE = 6, /* in a return path */
	             PR_TOKEN_EVENT =
	                 7, /* in a shop's address, for POST /e: its row, and no more */
	             PR_TOKEN_KINDS = 8,
};

struct pr_token {
	enum pr_token_kind kind;
	char key;               /* its id; set by reading */
	uint32_t campaign, row; /* serial; from 1 */
	uint32_t link;          /* CLICK */
	uint64_t address;       /* by pr_token_address; 0 where the kind has none */
	uint32_t list;          /* by pr_token_list */
};

/* Reads the files of `secrets` into config->tokens, before it is shared; the configuration ends
 * them. PR_EINVAL: told; then it has none. */
int pr_tokens_load(struct pr_config *config, uid_t owner, struct pr_problems *problems);
/* From the secrets themselves: ids[i] signs with secrets[i], the first for writing. For tests. */
pr_tokens *pr_tokens_create(const char *ids, const char *const secrets[]);
pr_tokens *pr_tokens_ref(pr_tokens *keys); /* NULL: NULL */
void pr_tokens_unref(pr_tokens *keys);     /* any thread; NULL: nothing */

/* Keyed hashes. By the signing key, or by that of a token (key: its id; 0: the signing one);
 * 0 for a key that is not there. address: as in the envelope; case does not matter. */
uint64_t pr_token_address(const pr_tokens *keys, char key, struct pr_str address);
uint32_t pr_token_list(const pr_tokens *keys, char key, struct pr_str list);

/* Sign. How many characters, without the NUL. */
size_t pr_token_url(const pr_tokens *keys, const struct pr_token *t, char out[PR_TOKEN_URL_SIZE]);
size_t pr_token_local(const pr_tokens *keys, const struct pr_token *t,
                      char out[PR_TOKEN_LOCAL_SIZE]);
/* Verify, in constant time. PR_EINVAL: not a token in its one form; PR_EDENIED: of another kind, of
 * a key that is not there, or not signed by it. */
int pr_token_read_url(const pr_tokens *keys, enum pr_token_kind kind, struct pr_str text,
                      struct pr_token *out);
int pr_token_read_local(const pr_tokens *keys, enum pr_token_kind kind, struct pr_str text,
                        struct pr_token *out);
/* The same of a token that vouches for a text as well, which stands elsewhere: no other text, and
 * none at all, goes with it. */
size_t pr_token_url_with(const pr_tokens *keys, const struct pr_token *t, struct pr_str with,
                         char out[PR_TOKEN_URL_SIZE]);
int pr_token_read_url_with(const pr_tokens *keys, enum pr_token_kind kind, struct pr_str text,
                           struct pr_str with, struct pr_token *out);

#endif
