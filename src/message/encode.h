/* Bodies as the wire takes them: 7bit, quoted-printable, base64 (RFC 2045 section 6). */
#ifndef POSTRIDER_MESSAGE_ENCODE_H
#define POSTRIDER_MESSAGE_ENCODE_H

#include "postrider/base/buf.h"

enum pr_encoding { PR_ENCODING_7BIT, PR_ENCODING_QP, PR_ENCODING_BASE64 };

const char *pr_encoding_name(enum pr_encoding e);

/* The encoding a text asks for. 7bit is a hope: pr_encode_7bit has the last word. */
enum pr_encoding pr_encoding_choose(struct pr_str text);

/*
 * Each appends `text` (line ends LF, CRLF or a lone CR) to out with CRLF line ends, closed by
 * CRLF unless empty. No output line is longer than 998 octets and none can be taken for a
 * boundary, which begins with "--=_".
 *
 * 7bit: copies; sets *dots when a line begins with '.'. False when the text cannot go like that
 * (not ASCII, NUL, lone CR, a line over 998 octets, "From " or "--=_" at the start of a line):
 * out is then as it was.
 */
bool pr_encode_7bit(struct pr_buf *out, struct pr_str text, bool *dots);
/* Quoted-printable: lines of at most 76; never a line that begins with '.' or "From ". */
void pr_encode_qp(struct pr_buf *out, struct pr_str text);
/* Base64 of the text with CRLF line ends; scratch is overwritten. */
void pr_encode_base64_text(struct pr_buf *out, struct pr_str text, struct pr_buf *scratch);
/* Base64 of octets as they are, lines of 76. */
void pr_encode_base64(struct pr_buf *out, const void *data, size_t n);
/* One line, no CRLF; room for (n + 2) / 3 * 4 octets at `to`. Returns the end. */
char *pr_base64_run(char *to, const unsigned char *p, size_t n);

#endif
