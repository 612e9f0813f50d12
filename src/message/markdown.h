/* Markdown bodies: CommonMark, by cmark. */
#ifndef POSTRIDER_MESSAGE_MARKDOWN_H
#define POSTRIDER_MESSAGE_MARKDOWN_H

#include "postrider/base/buf.h"

struct pr_markdown_page {
	const char *language;    /* NULL: not said */
	struct pr_str preheader; /* text; empty: none */
};

/* Appends a whole HTML document. HTML within the Markdown is kept: it is the campaign's own;
 * what came from a row was escaped when the template was rendered. */
void pr_markdown_html(struct pr_str markdown, const struct pr_markdown_page *page,
                      struct pr_buf *out);

#endif
