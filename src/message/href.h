/*
 * Links of HTML, found where a browser finds them: `href` of <a> and <area>. Not in comments
 * (Outlook's conditional ones among them), nor in elements that hold text: script, style, title,
 * textarea, xmp, noframes, noembed. Pure, one pass, nothing is allocated.
 *
 * By the tokenizer of the HTML standard (13.2.5), as far as it decides where tags and attributes
 * begin and end. It reads rendered messages and templates alike: Liquid's code is text to it, but
 * within a tag quotes are counted, so code that has quotes of its own may hide a link from it.
 */
#ifndef POSTRIDER_MESSAGE_HREF_H
#define POSTRIDER_MESSAGE_HREF_H

#include "postrider/base/buf.h"

struct pr_href_scan {
	struct pr_str html;
	size_t at;
};

struct pr_href {
	struct pr_str value; /* as written, within its quotes */
	bool untracked;      /* data-no-track, or clicktracking="off" */
	size_t tag_end;      /* behind the tag */
};

/* The next link; false: there is none. Start with at 0. */
bool pr_href_next(struct pr_href_scan *scan, struct pr_href *out);

/*
 * What a browser would go to: white space around it and line ends within it dropped, entities
 * decoded, what may not stand in a URL percent-encoded, an international host as A-labels.
 * Appends. false (and nothing is appended): it is not http or https, or better left as it is.
 */
bool pr_href_url(struct pr_str value, struct pr_buf *out);

/* Where </body> begins, the last one; the end where there is none. */
size_t pr_html_body_end(struct pr_str html);

#endif
