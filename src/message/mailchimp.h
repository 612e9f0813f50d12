/* Mailchimp's merge tags (*|FNAME|*, *|IF:X|* ...*|END:IF|*) as Liquid. */
#ifndef POSTRIDER_MESSAGE_MAILCHIMP_H
#define POSTRIDER_MESSAGE_MAILCHIMP_H

#include "source.h"

struct pr_mailchimp {
	const char *const *names;   /* what Liquid will know, ended by NULL */
	struct pr_str list, sender; /* *|LIST:NAME|*, *|LIST:COMPANY|* */
};

/* Translate the source; what Liquid would read as code stays text. Places in messages stay
 * true. PR_EINVAL: a tag that cannot be translated, told in problems. */
int pr_mailchimp_translate(const struct pr_mailchimp *m, struct pr_source *s,
                           struct pr_arena *arena, struct pr_problems *problems);

#endif
