/*
 * Marks: Liquid code in an HTML template, replaced by something an HTML parser leaves alone,
 * and put back into the text that comes out.
 *
 * Between tags a mark is a comment (comments may stand anywhere, even between the rows of a
 * table); in attribute values, comments and raw text it is its number between two private
 * characters of plane 16 (an HTML parser replaces control characters).
 */
#ifndef POSTRIDER_MESSAGE_MARKS_H
#define POSTRIDER_MESSAGE_MARKS_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

#define PR_MARK_OPEN "\xF4\x8F\xBF\xB0" /* U+10FFF0 */
#define PR_MARK_CLOSE "\xF4\x8F\xBF\xB1"
#define PR_MARK_LEAD '\xF4' /* the first octet of both */

enum pr_mark_place { PR_MARK_TEXT, PR_MARK_VALUE, PR_MARK_HIDDEN };

struct pr_mark {
	struct pr_str code; /* without braces and dashes */
	bool output;        /* {{ }}, else {% %} */
	bool flow;          /* {% %} that opens, parts or closes a block */
	enum pr_mark_place place;
};

struct pr_marks {
	struct pr_mark *items;
	size_t n, cap;
};

void pr_marks_finish(struct pr_marks *m);
/* html with marks for code, appended to out. PR_EUNAVAILABLE: it cannot be told what the
 * code does to the markup. */
int pr_marks_protect(struct pr_str html, struct pr_marks *m, struct pr_buf *out,
                     struct pr_error *e);
/* The number of the mark that begins at p, *len its octets; -1 none. */
long pr_marks_read(const struct pr_marks *m, const char *p, size_t n, size_t *len);
/* The code with its braces. */
void pr_mark_write(const struct pr_mark *mark, struct pr_buf *out);

#endif
