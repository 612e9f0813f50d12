/* Media types by a file's extension. */
#ifndef POSTRIDER_MESSAGE_MIME_TYPE_H
#define POSTRIDER_MESSAGE_MIME_TYPE_H

/* "image/png"; application/octet-stream for what is not known. */
const char *pr_mime_type(const char *name);

#endif
