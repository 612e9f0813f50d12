/*
 * Contacts: any head, any value. Holds: a name that was made is good, what was taken once is taken
 * again as it came out, and a value of a guessed type is of it.
 */
#include "postrider/campaign/contact.h"

#include <stdlib.h>

static void
check_head(struct pr_str head)
{
	struct pr_contact_column c;
	bool named = pr_contact_column_read(head, &c);
	if (named && c.role == PR_CONTACT_ATTRIBUTE && !pr_attribute_name_is_good(pr_str(c.name)))
		abort();
}

static void
check_attribute(struct pr_str text)
{
	unsigned could = pr_attribute_guess(text);
	for (int t = 0; t < PR_ATTRIBUTE_TYPES; t++) {
		enum pr_attribute_type type = (enum pr_attribute_type)t;
		char room[PR_ATTRIBUTE_ROOM], again[PR_ATTRIBUTE_ROOM];
		struct pr_str a, b;
		bool good = pr_attribute_read(type, text, room, &a);
		if (could & 1u << t && !good && text.n <= PR_ATTRIBUTE_TEXT_MAX)
			abort();
		if (good && (!pr_attribute_read(type, a, again, &b) || !pr_str_eq(a, b)))
			abort();
	}
}

static void
check_roles(struct pr_str text)
{
	struct pr_arena arena;
	pr_arena_init(&arena);
	struct pr_contact_reader reader = {.arena = &arena};
	for (int role = 0; role < PR_CONTACT_ROLES; role++) {
		struct pr_contact a = {0}, b = {0};
		if (pr_contact_say(&reader, (enum pr_contact_role)role, text, &a) < 0)
			continue;
		if (role == PR_CONTACT_LISTS &&
		    (pr_contact_say(&reader, PR_CONTACT_LISTS, a.lists, &b) < 0 ||
		     !pr_str_eq(a.lists, b.lists)))
			abort();
		if (role == PR_CONTACT_LANGUAGE &&
		    pr_contact_say(&reader, PR_CONTACT_LANGUAGE, a.language, &b) < 0)
			abort();
	}
	pr_contact_reader_finish(&reader);
	pr_arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_str text = pr_str_n((const char *)data, n);
	check_head(text);
	check_attribute(text);
	check_roles(text);
	return 0;
}
