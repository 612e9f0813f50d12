/* What may stand in the picture of a message: lists of names, and its images. */
#ifndef POSTRIDER_MESSAGE_PICTURE_HTML_H
#define POSTRIDER_MESSAGE_PICTURE_HTML_H

#include "postrider/base/buf.h"

#include <gumbo.h>

enum pr_picture_kind {
	PR_PICTURE_KEEP,        /* with the attributes that are harmless */
	PR_PICTURE_TRANSPARENT, /* what is in it only */
	PR_PICTURE_DROP,        /* nothing of it */
};
enum pr_picture_kind pr_picture_kind_of(GumboTag tag);
bool pr_picture_is_void(GumboTag tag);
/* ` name="value"` of each attribute that only lays out; but: names to leave out, ended by NULL. */
void pr_picture_attributes(const GumboElement *e, const char *const *but, struct pr_buf *out);
const char *pr_picture_attribute(const GumboElement *e, const char *name); /* NULL: none */

/* An image as data, where it is a file of images/ that browsers show; *left: octets that images may
 * still have. Otherwise a box. */
void pr_picture_image(const GumboElement *e, int dir, size_t *left, struct pr_buf *out);

#endif
