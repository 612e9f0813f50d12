/*
 * Header fields: text that people wrote made safe for RFC 5322, 2047 and 2231.
 *
 * Every function appends to out. Whatever the text holds, the result is one field: CR, LF and
 * NUL become a space, lines fold at 78 octets where they can and never exceed 998.
 */
#ifndef POSTRIDER_MESSAGE_HEADER_H
#define POSTRIDER_MESSAGE_HEADER_H

#include "postrider/base/buf.h"

/* "Name: text" CRLF, unstructured (RFC 5322 section 2.2.1). Encoded words where the text needs
 * them: beyond ASCII, control characters, blanks at its ends, what looks like "=?", very long
 * words. */
void pr_field_text(struct pr_buf *out, const char *name, struct pr_str text);
/* "Name: display <address>" CRLF; display may be empty. The address must be valid already. */
void pr_field_mailbox(struct pr_buf *out, const char *name, struct pr_str display,
                      struct pr_str address);
/* "; name=value" as RFC 2231 asks (section 3: pieces; section 4: charset), each on a line of
 * its own. To follow a structured field's value, before its CRLF. */
void pr_field_param(struct pr_buf *out, const char *name, struct pr_str value);

#define PR_RFC5322_SIZE 32
/* "Sun, 22 Nov 2026 00:13:00 +0000" into out[PR_RFC5322_SIZE]; returns its length. */
size_t pr_format_rfc5322(int64_t utc_ms, char *out);

/* RFC 5322 section 3.6.8: printable ASCII without colon, at most 76 octets. */
bool pr_field_name_valid(struct pr_str name);

/* The text as a header may show it: control characters and runs of white space become one
 * space, the ends are trimmed. In place. Invalid UTF-8 is left to the encoder. */
void pr_field_tidy(struct pr_buf *text);

#endif
