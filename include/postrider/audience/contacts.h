/*
 * Contacts: the people a sender knows, in the audience's file (audience.db).
 *
 * Words
 *   contact    an address, compared as suppressions are, and what is known of the person
 *   attribute  a named value of contacts, of one type for all of them; a column of its own in
 *              the file (1 M contacts, three attributes asked for: 0.16 s; as JSON 1.3 s, as
 *              rows of their own 1.3 s and six times as long to write)
 *   list       a name for some of the contacts; each may be in many
 *   consent    what somebody agreed to: purpose, version of the text, when, where, until when;
 *              one for each purpose, the latest
 *
 * What a batch does not say stays as it was. Addresses come as pr_mailbox_parse gives them, time
 * zones and languages checked: the room that reads what people write lies above this one
 * (campaign/contact.h). A forgotten person is no contact, and does not become one again.
 * Errors as in audience.h.
 */
#ifndef POSTRIDER_AUDIENCE_CONTACTS_H
#define POSTRIDER_AUDIENCE_CONTACTS_H

#include "postrider/audience.h"

#define PR_ATTRIBUTES_MAX 500u
#define PR_ATTRIBUTE_NAME_SIZE 64
#define PR_ATTRIBUTE_TEXT_MAX 4096u /* octets of a value */
#define PR_ATTRIBUTE_ROOM 25        /* for a canonical value */
#define PR_LISTS_MAX 1000u

/* ---- attributes ---- */

enum pr_attribute_type { /* stored: append only */
	                 PR_ATTRIBUTE_TEXT = 0,
	                 PR_ATTRIBUTE_NUMBER = 1,
	                 PR_ATTRIBUTE_BOOLEAN = 2,
	                 PR_ATTRIBUTE_DATE = 3, /* a day, or a point in time in UTC */
	                 PR_ATTRIBUTE_TYPES
};
struct pr_attribute {
	char name[PR_ATTRIBUTE_NAME_SIZE];
	enum pr_attribute_type type;
};
const char *pr_attribute_word(enum pr_attribute_type type); /* "number" */
bool pr_attribute_type_parse(struct pr_str word, enum pr_attribute_type *out);

/* The name of an attribute as a column's head says it: "First Name" is first_name. Letters a to
 * z, digits and '_', no digit first. What a contact has anyway (email, lists, stage, ...) gets a
 * '_' behind it; a head without any letter or digit of ASCII: false. */
bool pr_attribute_name(struct pr_str head, char out[PR_ATTRIBUTE_NAME_SIZE]);
bool pr_attribute_name_is_good(struct pr_str name); /* it is what pr_attribute_name makes */

/*
 * A value as it is stored: "1" or "0" for a boolean (true, yes, 1, false, no, 0), a date as
 * 1990-05-01 or 2024-01-31T18:00:00Z, a number with digits and a point; in `room` or in `text`.
 * False: it is not of this type, or too long.
 */
bool pr_attribute_read(enum pr_attribute_type type, struct pr_str text,
                       char room[PR_ATTRIBUTE_ROOM], struct pr_str *out);
/* The types a value may be of, as bits; one with leading zeros (a postal code) is text. */
unsigned pr_attribute_guess(struct pr_str text);

/* 1 to 64 letters, digits, '-', '_' or '.'. */
bool pr_list_name_is_good(struct pr_str name);

/* ---- changing ---- */

struct pr_contact_consent {
	struct pr_str purpose; /* n 0: none is said */
	struct pr_str text;    /* version of what was agreed to */
	struct pr_str source;
	int64_t at_ms, until_ms; /* UTC; until 0: for good */
};

struct pr_contact {
	struct pr_str address;
	struct pr_str timezone, language; /* p NULL: as it was; n 0: none */
	struct pr_str lists;              /* names with commas between; p NULL: as it was */
	struct pr_contact_consent consent;
	const struct pr_str *values; /* of the batch's attributes, canonical; p NULL as above, n 0
	                              * in exact batches only */
};

struct pr_contact_batch { /* the caller's, with all its texts */
	const struct pr_attribute *attributes;
	size_t attributes_n;
	const struct pr_contact *contacts;
	size_t n;
	struct pr_str list;   /* all are put on it; n 0: none */
	bool exact;           /* empty values take away; lists are all that a contact is on */
	size_t at;            /* the next; 0 before the first call */
	uint64_t added, kept; /* made: new ones, and those that were there */
	bool *forgotten;      /* made, n: who was left out; false before the first call */
};
/*
 * Inserts or updates from `at` on, until all are done or the time (monotonic) is over. Within a
 * transaction. New attributes and lists are made. PR_EINVAL: an attribute is of another type;
 * PR_ELIMIT: too many attributes or lists.
 */
int pr_contacts_put(pr_audience *a, struct pr_contact_batch *b, int64_t end_mono_ms,
                    struct pr_error *e);
/* With all that is known of the person, but suppressions. *found: whether there was one. */
int pr_contact_delete(pr_audience *a, struct pr_str address, bool *found, struct pr_error *e);

/* ---- looking ---- */

/* All, in the order in which they were made; *out is the caller's to free. */
int pr_contact_attributes(pr_audience *a, struct pr_attribute **out, size_t *n, struct pr_error *e);
int pr_contact_count(pr_audience *a, uint64_t *out, struct pr_error *e);
int pr_contact_lists(pr_audience *a,
                     bool (*each)(void *context, struct pr_str name, uint64_t contacts),
                     void *context, struct pr_error *e);

struct pr_contact_view { /* views until `each` returns */
	int64_t id;
	struct pr_str address, timezone, language; /* n 0: none */
	int64_t created_ms, updated_ms;
	const struct pr_attribute *attributes;
	const struct pr_str *values; /* as stored; p NULL: none */
	size_t n;
};
/* The contacts behind this address (empty: from the first), by address, of this list (empty: of
 * all); at most `limit`. `each` returns false to stop, and may ask for lists and consents. */
int pr_contacts_page(pr_audience *a, struct pr_str after, struct pr_str list, unsigned limit,
                     bool (*each)(void *context, const struct pr_contact_view *v), void *context,
                     struct pr_error *e);
struct pr_segment_ask;
/* Those of a segment (segment.h), and of this list (empty: of all), in an order that stays,
 * behind *after (0: from the first); looks at `limit` of the segment at most. *after: where to go
 * on, 0 when that was all. */
int pr_contacts_of_segment(pr_audience *a, const struct pr_segment_ask *ask, struct pr_str list,
                           int64_t *after, unsigned limit,
                           bool (*each)(void *context, const struct pr_contact_view *v),
                           void *context, struct pr_error *e);
/* `each` once, or PR_ENOENT. */
int pr_contact_find(pr_audience *a, struct pr_str address,
                    bool (*each)(void *context, const struct pr_contact_view *v), void *context,
                    struct pr_error *e);
int pr_contact_lists_of(pr_audience *a, int64_t id, bool (*each)(void *context, struct pr_str name),
                        void *context, struct pr_error *e);
int pr_contact_consents_of(pr_audience *a, int64_t id,
                           bool (*each)(void *context, const struct pr_contact_consent *c),
                           void *context, struct pr_error *e);

#endif
