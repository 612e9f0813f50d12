/* Contacts as people write them; see contact.h. */
#include "postrider/campaign/contact.h"

#include "postrider/base/clock.h"
#include "postrider/campaign/address.h"
#include "postrider/campaign/schedule.h"

#include <stdio.h>

#define ZONES_MAX 1000u /* the tz database has 600 names; foreign data has any number */
#define LANGUAGE_MAX 35u
#define CONSENT_TEXT_MAX 200u
#define DEFAULT_PURPOSE "marketing"

/* ---- columns ---- */

static const struct {
	const char *name;
	enum pr_contact_role role;
} known[] = {
    {"email", PR_CONTACT_EMAIL},
    {"lists", PR_CONTACT_LISTS},
    {"timezone", PR_CONTACT_TIMEZONE},
    {"language", PR_CONTACT_LANGUAGE},
    {"consent_purpose", PR_CONTACT_CONSENT_PURPOSE},
    {"consent_text", PR_CONTACT_CONSENT_TEXT},
    {"consent_at", PR_CONTACT_CONSENT_AT},
    {"consent_source", PR_CONTACT_CONSENT_SOURCE},
    {"consent_until", PR_CONTACT_CONSENT_UNTIL},
    /* as others call them */
    {"email_address", PR_CONTACT_EMAIL},
    {"e_mail", PR_CONTACT_EMAIL},
    {"e_mail_address", PR_CONTACT_EMAIL},
    {"mail", PR_CONTACT_EMAIL},
    {"list", PR_CONTACT_LISTS},
    {"tags", PR_CONTACT_LISTS},
    {"preferred_language", PR_CONTACT_LANGUAGE},
    {"optin_time", PR_CONTACT_CONSENT_AT},
    {"confirm_time", PR_CONTACT_CONSENT_AT},
    {"unsub_time", PR_CONTACT_LEFT},
    {"clean_time", PR_CONTACT_LEFT},
    {"unsubscribed_from_all_email", PR_CONTACT_LEFT},
    {"opted_out_of_all_email", PR_CONTACT_LEFT},
};

/* The first name of a role is ours. */
static const char *
own_name(enum pr_contact_role role)
{
	unsigned i = 0;
	while (known[i].role != role)
		i++;
	return known[i].name;
}

bool
pr_contact_column_read(struct pr_str head, struct pr_contact_column *out)
{
	bool good = pr_attribute_name(head, out->name);
	size_t n = strlen(out->name);
	out->role = PR_CONTACT_ATTRIBUTE;
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
		size_t plain = strlen(known[i].name); /* what is taken got a '_' behind it */
		bool same = strncmp(out->name, known[i].name, plain) == 0;
		if (!same || (n != plain && strcmp(out->name + plain, "_") != 0))
			continue;
		out->role = known[i].role;
		snprintf(out->name, sizeof out->name, "%s", own_name(out->role));
		break;
	}
	return good;
}

/* ---- values ---- */

static int
refuse(struct pr_contact_reader *r, const char *why)
{
	r->why = why;
	return PR_EINVAL;
}

static int
say_email(struct pr_contact_reader *r, struct pr_str text, struct pr_contact *c)
{
	struct pr_mailbox m;
	if (pr_mailbox_parse(text, &m, &r->why) < 0)
		return PR_EINVAL;
	c->address = pr_arena_copy(r->arena, pr_str_n(m.address, m.n));
	return 0;
}

static bool
zone_is_known(struct pr_contact_reader *r, struct pr_str name)
{
	static const struct pr_hash_key key = {0x7a6f6e65, 0x6e616d65}; /* bounded: no secret */
	static char yes, no;
	char room[80];
	uint64_t hash = pr_siphash(key, name.p, name.n);
	const char *found = pr_map_get(&r->zones, hash);
	if (!found) {
		pr_zone *z = NULL;
		snprintf(room, sizeof room, "%.*s", (int)name.n, name.p);
		found = name.n < sizeof room && pr_zone_open(room, &z, NULL) == 0 ? &yes : &no;
		pr_zone_unref(z);
		if (r->zones.n >= ZONES_MAX)
			pr_map_finish(&r->zones);
		pr_map_put(&r->zones, hash, (void *)(uintptr_t)found);
	}
	return found == &yes;
}

static int
say_timezone(struct pr_contact_reader *r, struct pr_str text, struct pr_contact *c)
{
	if (text.n && !zone_is_known(r, text))
		return refuse(r, "there is no such time zone: it reads Europe/Berlin");
	c->timezone = text;
	return 0;
}

/* As in BCP 47: "de", "pt-BR"; two or three letters, then more behind hyphens. */
static int
say_language(struct pr_contact_reader *r, struct pr_str text, struct pr_contact *c)
{
	char *to = pr_arena_strndup(r->arena, text.p, text.n);
	size_t first = 0;
	bool good = text.n <= LANGUAGE_MAX;
	for (size_t i = 0; good && i < text.n; i++) {
		bool letter = pr_lower(to[i]) >= 'a' && pr_lower(to[i]) <= 'z';
		if (to[i] == '_')
			to[i] = '-';
		if (letter && first == i)
			first++;
		good = letter || (first > 0 && (to[i] == '-' || pr_is_digit(to[i])));
	}
	if (!good || (text.n && (first < 2 || first > 3)))
		return refuse(r, "a language reads de or pt-BR");
	c->language = pr_str_n(to, text.n);
	return 0;
}

/* ---- lists ---- */

/* Tags of other programs have quotation marks around them and spaces in them. */
static bool
add_list(struct pr_str name, char *to, size_t *n)
{
	name = pr_str_trim(name);
	if (name.n > 1 && name.p[0] == '"' && name.p[name.n - 1] == '"')
		name = pr_str_n(name.p + 1, name.n - 2);
	if (name.n == 0)
		return true;
	if (*n)
		to[(*n)++] = ',';
	char *begin = to + *n;
	for (size_t i = 0; i < name.n; i++)
		to[(*n)++] = name.p[i] == ' ' ? '-' : name.p[i];
	return pr_list_name_is_good(pr_str_n(begin, name.n));
}

static int
say_lists(struct pr_contact_reader *r, struct pr_str text, struct pr_contact *c)
{
	char *to = pr_arena_alloc(r->arena, c->lists.n + 1 + text.n);
	size_t n = c->lists.n, at = 0;
	if (n)
		memcpy(to, c->lists.p, n); /* of another column */
	while (at < text.n) {
		size_t end = at;
		while (end < text.n && text.p[end] != ',' && text.p[end] != ';')
			end++;
		if (!add_list(pr_str_n(text.p + at, end - at), to, &n))
			return refuse(r, "a list's name is 1 to 64 letters, digits, '-', '_' or "
			                 "'.'");
		at = end + 1;
	}
	c->lists = pr_str_n(to, n);
	return 0;
}

/* ---- consent ---- */

static int
say_time(struct pr_contact_reader *r, struct pr_str text, int64_t *utc_ms)
{
	if (text.n && !pr_parse_rfc3339(text, utc_ms))
		return refuse(r, "a time must read 2027-01-31 or 2027-01-31T18:00:00Z");
	return 0;
}

static int
say_text(struct pr_contact_reader *r, struct pr_str text, struct pr_str *out)
{
	if (text.n > CONSENT_TEXT_MAX)
		return refuse(r, "what is said of a consent is too long");
	*out = text;
	return 0;
}

/* A time, or a word that means yes. */
static int
say_left(struct pr_contact_reader *r, struct pr_str text)
{
	char room[PR_ATTRIBUTE_ROOM];
	struct pr_str value = {0};
	bool no = text.n == 0 || (pr_attribute_read(PR_ATTRIBUTE_BOOLEAN, text, room, &value) &&
	                          pr_str_is(value, "0"));
	return no ? 0 : refuse(r, "has left there: for `postrider suppress import`");
}

int
pr_contact_say(struct pr_contact_reader *r, enum pr_contact_role role, struct pr_str text,
               struct pr_contact *c)
{
	switch (role) {
	case PR_CONTACT_EMAIL: return say_email(r, text, c);
	case PR_CONTACT_LISTS: return say_lists(r, text, c);
	case PR_CONTACT_TIMEZONE: return say_timezone(r, text, c);
	case PR_CONTACT_LANGUAGE: return say_language(r, text, c);
	case PR_CONTACT_CONSENT_PURPOSE: return say_text(r, text, &c->consent.purpose);
	case PR_CONTACT_CONSENT_TEXT: return say_text(r, text, &c->consent.text);
	case PR_CONTACT_CONSENT_SOURCE: return say_text(r, text, &c->consent.source);
	case PR_CONTACT_CONSENT_AT: return say_time(r, text, &c->consent.at_ms);
	case PR_CONTACT_CONSENT_UNTIL: return say_time(r, text, &c->consent.until_ms);
	case PR_CONTACT_LEFT: return say_left(r, text);
	default: return 0;
	}
}

void
pr_contact_said(struct pr_contact *c, struct pr_str source, int64_t now_utc_ms)
{
	struct pr_contact_consent *consent = &c->consent;
	if (consent->purpose.n == 0 && consent->at_ms == 0 && consent->text.n == 0)
		return;
	if (consent->purpose.n == 0)
		consent->purpose = PR_STR(DEFAULT_PURPOSE);
	if (consent->source.n == 0)
		consent->source = source;
	if (consent->at_ms == 0)
		consent->at_ms = now_utc_ms;
}

void
pr_contact_reader_finish(struct pr_contact_reader *r)
{
	pr_map_finish(&r->zones);
}
