/*
 * A contact as people and other programs write it: columns by their heads, values checked and
 * brought to the form in which audience/contacts.h keeps them.
 *
 * Heads are read as attributes' names are ("Email Address" is email_address). Those of Mailchimp's
 * and HubSpot's exports that mean what a contact has anyway are known: Email Address and Email,
 * TAGS, TIMEZONE, OPTIN_TIME and CONFIRM_TIME (a consent), Preferred language. UNSUB_TIME,
 * CLEAN_TIME and "Unsubscribed from all email" say that somebody has left: their row is refused,
 * for it belongs into `postrider suppress import`.
 */
#ifndef POSTRIDER_CAMPAIGN_CONTACT_H
#define POSTRIDER_CAMPAIGN_CONTACT_H

#include "postrider/audience/contacts.h"
#include "postrider/base/arena.h"

enum pr_contact_role {
	PR_CONTACT_ATTRIBUTE,
	PR_CONTACT_EMAIL,
	PR_CONTACT_LISTS,
	PR_CONTACT_TIMEZONE,
	PR_CONTACT_LANGUAGE,
	PR_CONTACT_CONSENT_PURPOSE,
	PR_CONTACT_CONSENT_TEXT,
	PR_CONTACT_CONSENT_AT,
	PR_CONTACT_CONSENT_SOURCE,
	PR_CONTACT_CONSENT_UNTIL,
	PR_CONTACT_LEFT,
	PR_CONTACT_ROLES
};
struct pr_contact_column {
	enum pr_contact_role role;
	char name[PR_ATTRIBUTE_NAME_SIZE]; /* "email", "consent_at", or the attribute's */
};
/* False: the head names nothing. */
bool pr_contact_column_read(struct pr_str head, struct pr_contact_column *out);

struct pr_contact_reader {
	struct pr_arena *arena; /* of what is read; it may be reset between contacts */
	struct pr_map zones;    /* asked for before */
	const char *why;        /* static, after PR_EINVAL */
};
void pr_contact_reader_finish(struct pr_contact_reader *r);
/* One value of *c by its role, no attribute's; texts in the arena or in `text`. PR_EINVAL. */
int pr_contact_say(struct pr_contact_reader *r, enum pr_contact_role role, struct pr_str text,
                   struct pr_contact *c);
/* When all was said: a consent gets what it lacks (purpose "marketing", the time, the source). */
void pr_contact_said(struct pr_contact *c, struct pr_str source, int64_t now_utc_ms);

#endif
