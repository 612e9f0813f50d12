/* base64url (RFC 4648 section 5, without '=') as tokens have it: one text for the same octets. */
#ifndef MESSAGE_TOKEN_TEXT_H
#define MESSAGE_TOKEN_TEXT_H

#include "postrider/base/str.h"

/* to: 4 characters for 3 octets, and a NUL. How many characters. */
size_t token_write_base64(const void *from, size_t n, char *to);
/* How many octets, at most max; 0: not in its one form, or larger. */
size_t token_read_base64(struct pr_str text, unsigned char *to, size_t max);

#endif
