/*
 * Text from HTML, for the text/plain part of a campaign that has only HTML.
 *
 * Words
 *   derive   from a finished HTML document (pr_html_text) or, once per campaign, from the
 *            Liquid template of one (pr_html_text_template): the result is again a template,
 *            whose rendering is the text of the rendered HTML, at no cost per message
 *   tidy     white space as text has it; done on what was rendered, since only then is it
 *            known which parts are empty
 *
 * Blocks stand on lines of their own, paragraphs apart by a blank line, list items begin with
 * "* ", "- " or their number, cells of a row follow each other, a link reads "text (url)", an
 * image is its alt text. Head, styles, scripts and what is hidden (preheaders) is dropped.
 */
#ifndef POSTRIDER_MESSAGE_HTML_TEXT_H
#define POSTRIDER_MESSAGE_HTML_TEXT_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

/* Appends the text of html, to be tidied. PR_ELIMIT: nested too deeply to be parsed safely. */
int pr_html_text(struct pr_str html, struct pr_buf *out, struct pr_error *e);

/*
 * The same for a template. PR_EUNAVAILABLE when its code and its markup are too interwoven for
 * that (e says how): derive from each rendered message then. *out is as it was on errors.
 */
int pr_html_text_template(struct pr_str html, struct pr_buf *out, struct pr_error *e);

/* In place: single blanks, none at the ends of lines, at most one blank line, one line end at
 * the end. */
void pr_text_tidy(struct pr_buf *text);

#endif
