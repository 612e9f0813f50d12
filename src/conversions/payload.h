/* What the readers of payloads share. Private to conversions/. */
#ifndef CONVERSIONS_PAYLOAD_H
#define CONVERSIONS_PAYLOAD_H

#include "postrider/conversions/payload.h"

#include <jansson.h>

enum told_field {
	TOLD_EVENT,
	TOLD_TOKEN,
	TOLD_EMAIL,
	TOLD_AMOUNT,
	TOLD_CURRENCY,
	TOLD_ITEM,
	TOLD_ID,
	TOLD_TIME,
	TOLD_FIELDS
};
const char *told_check(struct pr_arena *a, const struct pr_str fields[TOLD_FIELDS],
                       struct pr_told *out);
/* A string or a number as text; anything else is empty. */
struct pr_str told_text(struct pr_arena *a, const json_t *v);
struct pr_str told_decode(struct pr_arena *a, struct pr_str s); /* of a form */
/* What stands before `end`, or all; *rest goes on behind it. */
struct pr_str told_take(struct pr_str *rest, char end);

#endif
