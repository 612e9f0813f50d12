/*
 * A Markdown body as an HTML document that mail programs show well: one column of bounded
 * width, the reader's fonts. No style sheet that Gmail would drop.
 */
#include "markdown.h"

#include "postrider/base/error.h"
#include "preheader.h"

#include <cmark.h>
#include <stdlib.h>

#define HEAD                                                                                       \
	"<head><meta charset=\"utf-8\">"                                                           \
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\n"
#define COLUMN                                                                                     \
	"<div style=\"max-width:40em;margin:0 auto;padding:1em;"                                   \
	"font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"                  \
	"font-size:16px;line-height:1.5\">\n"

static void
add_preheader(struct pr_str text, struct pr_buf *out)
{
	pr_buf_adds(out, PR_PREHEADER_OPEN);
	pr_buf_add_html(out, text);
	pr_buf_adds(out, PR_PREHEADER_CLOSE "\n");
}

void
pr_markdown_html(struct pr_str markdown, const struct pr_markdown_page *page, struct pr_buf *out)
{
	char *html = cmark_markdown_to_html(markdown.p, markdown.n, CMARK_OPT_UNSAFE);
	PR_ASSERT(html); /* cmark ends the program where memory ends */
	pr_buf_adds(out, "<!DOCTYPE html>\n<html");
	if (page->language)
		pr_buf_addf(out, " lang=\"%s\"", page->language);
	pr_buf_adds(out, ">" HEAD "<body>");
	if (page->preheader.n)
		add_preheader(page->preheader, out);
	pr_buf_adds(out, COLUMN);
	pr_buf_adds(out, html);
	pr_buf_adds(out, "</div>\n</body></html>\n");
	free(html);
}
