/* Wishes for line ends in derived text, until pr_text_tidy (html_text.h) fulfils them. */
#ifndef POSTRIDER_MESSAGE_TEXT_TIDY_H
#define POSTRIDER_MESSAGE_TEXT_TIDY_H

/* Between two visible characters the largest wish counts; a plain line end adds one. */
#define PR_TEXT_LINE "\n\x1E"  /* what follows begins a line */
#define PR_TEXT_APART "\n\x1D" /* and a blank line is before it */

#endif
