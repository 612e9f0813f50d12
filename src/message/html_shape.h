/* A bound on HTML before it is parsed: see pr_html_shape. */
#ifndef POSTRIDER_MESSAGE_HTML_SHAPE_H
#define POSTRIDER_MESSAGE_HTML_SHAPE_H

#include "postrider/base/error.h"
#include "postrider/base/str.h"

/*
 * gumbo frees its tree by recursion and, as the HTML standard wants, opens unclosed formatting
 * elements again in every later block: both grow without bound with hostile input. Counts tags
 * roughly, without parsing: PR_ELIMIT when they nest deeper than mails do.
 */
int pr_html_shape(struct pr_str html, struct pr_error *e);

#endif
