/*
 * The inside of the audience. Private to audience/.
 *
 *   store.c   the file: schema, opening, statements, generation
 *   scope.c   words: scopes, reasons, how addresses are compared
 *   check.c   may mail go there?
 *   change.c  adding, removing, audit lines
 *   page.c    looking through it
 *   memory.c  what is remembered of addresses
 *   desk.c    the one writer
 *   contact_attribute.c  attributes of contacts: names, types, values
 *   contact_change.c     contacts: inserting, updating, deleting
 *   contact_look.c       looking through them
 *   segment_rewrite.c, segment.c  conditions over contacts
 *   track.c   events of customers, and what is derived from them
 *   credit.c  whom events are credited to
 *   engaged.c  events that campaigns bring; how far they were read
 *   leave.c   who leaves lists
 *   occur.c   what happens to contacts: their days, what they did, and did not do again
 *
 * Tables
 *   facts         by key: the key of hashes; how far the journal was read for events
 *   totals        one row: generation, how many entries, how many of them are hashes; ids of the
 *                 keys by whose tokens anybody is known
 *   suppressions  by address (or "#" and hash) and scope, so that what is imported in the
 *                 order of addresses costs no more than its octets
 *   audit         a line for each order
 *   contacts      by id; an index by address. attributes names its columns
 *   lists, members, consents  of contacts; departures  which lists they left
 *   credits       to which row of which campaign an event is credited
 *   watched, arrivals         names of events whose coming is kept for a while; those that came
 *   events, event_names       what contacts did; derived  from it, a row for each who did anything
 */
#ifndef AUDIENCE_INTERNAL_H
#define AUDIENCE_INTERNAL_H

#include "postrider/audience.h"
#include "postrider/ledger/db.h"

#define AUDIENCE_APPLICATION 0x50524155 /* "PRAU" */
#define ADDRESS_MAX 330
#define HASH_SIZE 34 /* "#", 32 digits, NUL */
#define KEYS_MAX 64  /* ids of keys: more than there can be */

enum audience_statement {
	AU_TOTALS_GET,
	AU_TOTALS_SET,
	AU_CHECK,
	AU_PAGE,
	AU_OF,
	AU_ADD,
	AU_LONGER,
	AU_REMOVE,
	AU_REMOVE_ALL,
	AU_REHASH,
	AU_UNTRACKED,
	AU_KEYS_ADD,
	AU_AUDIT_REHASH,
	AU_AUDIT,
	AU_AUDITS,
	AU_AUDITS_OF,
	AU_FORGOTTEN,
	AU_FORGETS,
	AU_FORGETS_MORE,
	AU_RECALL,
	AU_REMEMBER,
	AU_UNREMEMBER,
	AU_REMEMBERED,
	AU_ATTRIBUTES,
	AU_ATTRIBUTE_ADD,
	AU_LISTS,
	AU_LIST_FIND,
	AU_LIST_ADD,
	AU_LISTS_OF,
	AU_MEMBER_ADD,
	AU_MEMBERS_GONE,
	AU_MEMBER_GONE,
	AU_LEFT_ADD,
	AU_LEFT_OF,
	AU_LEFT_GONE,
	AU_CONSENT_PUT,
	AU_CONSENTS_OF,
	AU_CONSENTS_GONE,
	AU_CONSENT_END,
	AU_CONTACTS_N,
	AU_CONTACT_ID,
	AU_CONTACT_GONE,
	AU_CONTACT_MAKE,
	AU_EVENT_NAME,
	AU_EVENT_NAME_ADD,
	AU_EVENT_PUT,
	AU_EVENT_REMOVE,
	AU_SENT_PUT,
	AU_SENT_EARLIER,
	AU_EVENTS_OF,
	AU_ENGAGED,
	AU_ENGAGED_FROM,
	AU_CONTACT_LAST,
	AU_EVENTS_GONE,
	AU_EVENTS_TOLD,
	AU_EVENTS_LATEST,
	AU_ENGAGED_KEEP,
	AU_ENGAGED_POSITION,
	AU_ENGAGED_OLD,
	AU_ENGAGED_DROP,
	AU_DERIVED_PUT,
	AU_DERIVED_OF,
	AU_DERIVED_GONE,
	AU_SCORES,
	AU_EVENT_THERE,
	AU_CREDIT_ADD,
	AU_CREDIT_GET,
	AU_CREDIT_OF_ORDER,
	AU_CREDIT_TOLD,
	AU_CREDITS_GONE,
	AU_ABSENT,
	AU_ABSENT_ORDERS,
	AU_WATCH,
	AU_WATCHED,
	AU_ARRIVE,
	AU_ARRIVED,
	AU_ARRIVED_BEFORE,
	AU_ARRIVED_LAST,
	AU_ARRIVALS_OLD,
	AU_EVENT_SINCE,
	AU_N
};

struct pr_audience {
	sqlite3 *db;
	char *path;
	struct pr_hash_key keys[2]; /* of hashes: 64 bits each */
	sqlite3_stmt *statements[AU_N];
	struct pr_audience_counts totals; /* of the open transaction */
	char known_by[KEYS_MAX + 1];      /* the same: ids of keys */
	const struct pr_audience_keys *_Atomic names;
};

/* Prepared at its first use; reset. */
int audience_statement(pr_audience *a, enum audience_statement which, sqlite3_stmt **out,
                       struct pr_error *e);
int audience_load_totals(pr_audience *a, struct pr_error *e);

/* As the file has it: in lower case; NUL-ended. What is longer than an address is cut, and equals
 * nothing that is one. */
struct pr_str audience_normal(struct pr_str address, char out[ADDRESS_MAX + 1]);
struct pr_str audience_hash(const pr_audience *a, struct pr_str normal, char out[HASH_SIZE]);
/* The address as the i-th key of `known_by` names it; n 0: that key is not there any more. */
struct pr_str audience_token_of(const pr_audience *a, size_t i, struct pr_str normal,
                                char out[PR_AUDIENCE_TOKEN_SIZE]);
/* 1: their openings are not to be recorded. The totals are loaded. */
int audience_untracked(pr_audience *a, struct pr_str normal, struct pr_error *e);
bool audience_stops(const pr_audience *a, struct pr_str scope, const struct pr_audience_who *who);

/* A statement that gives the id of a name. 1 and *id: there is one. */
int audience_id_of(pr_audience *a, enum audience_statement which, struct pr_str name, int64_t *id,
                   struct pr_error *e);
void audience_bind(sqlite3_stmt *s, int at, struct pr_str v); /* p NULL: NULL */

/* change.c asks it of each suppression: does the contact leave lists by it? */
int audience_leave(pr_audience *a, struct pr_str normal, const struct pr_suppression *why,
                   struct pr_error *e);

/* occur.c: an event was put, which some series may wait for. */
int audience_arrive(pr_audience *a, int64_t contact, int64_t name, int64_t at_ms,
                    struct pr_error *e);
/* After so many events were put: what is too old for anybody goes, as many as may have come. */
int audience_drop_arrivals(pr_audience *a, size_t n, struct pr_error *e);

/* track.c: the id of an event's name, which is made where it is new (PR_ELIMIT: too many); what is
 * derived of a contact, made anew. */
int audience_event_name(pr_audience *a, struct pr_str name, int64_t *id, struct pr_error *e);
int audience_derive(pr_audience *a, int64_t contact, struct pr_error *e);

/* credit.c: of an event that was put (added: it is new); contact: its own. */
struct pr_customer_event;
struct pr_event_credit;
int audience_credit(pr_audience *a, int64_t contact, const struct pr_customer_event *v, bool added,
                    struct pr_event_credit *c, struct pr_error *e);

/* For tests: migrations other than the program's. */
int audience_open_as(const char *path, enum pr_audience_mode mode, const struct pr_db_schema *kind,
                     pr_audience **out, struct pr_error *e);

#endif
