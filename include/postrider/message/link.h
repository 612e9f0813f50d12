/*
 * Links as mails carry them: what stands behind TRACK_URL/c/.
 *
 *   TOKEN               a link of the campaign: its number is in the token, where it leads in
 *                       state.db
 *   TOKEN.DESTINATION   a link that came from a row's data (link 0): the destination in base64url,
 *                       signed with the token
 *
 * So a click goes where the campaign's own mail says, and nowhere else: nobody can write a
 * destination of their own into one.
 */
#ifndef POSTRIDER_MESSAGE_LINK_H
#define POSTRIDER_MESSAGE_LINK_H

#include "postrider/base/buf.h"
#include "postrider/message/token.h"

#define PR_LINK_MAX 2000            /* octets of a destination */
#define PR_LINK_HONEYPOT UINT32_MAX /* the number of a link that nobody can see */

/* May a click lead there? http or https, a host, no user (https://bank@evil.example), printable
 * ASCII without what must be escaped (RFC 3986), at most PR_LINK_MAX: it goes into a header of
 * HTTP as it is. */
bool pr_link_is_sound(struct pr_str url);

/* Appends what stands behind /c/; t of kind CLICK. destination: of a link with number 0, sound. */
void pr_click_write(const pr_tokens *keys, const struct pr_token *t, struct pr_str destination,
                    struct pr_buf *out);
/* Verifies it. Appends the destination for link 0, nothing for others. PR_EINVAL, PR_EDENIED as
 * pr_token_read_url; PR_EINVAL also for a destination that is not sound. */
int pr_click_read(const pr_tokens *keys, struct pr_str text, struct pr_token *t,
                  struct pr_buf *destination);

#endif
