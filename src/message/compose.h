/* Composing a part of a message. Private to message/. */
#ifndef POSTRIDER_MESSAGE_COMPOSE_H
#define POSTRIDER_MESSAGE_COMPOSE_H

#include "postrider/message.h"

#define PR_PICTURE_COLUMNS_MAX 256

/* Appends the HTML of a row before its links are led anywhere. PR_EUNAVAILABLE: it has none; else
 * as pr_compose. */
int pr_compose_html(pr_composer *c, const pr_content *content, const struct pr_row *row,
                    unsigned variant, int64_t utc_ms, struct pr_buf *out, struct pr_error *e);

#endif
