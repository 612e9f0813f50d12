/*
 * Who has left a list is no member of it any more, in the transaction that closes the address: by
 * a page, a mail, a complaint, or a file of those who have left elsewhere. A class leaves all
 * lists. Consents of what was left end with it. What stays is which list was left, when, by which
 * way.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"
#include "postrider/audience/engaged.h"

#include <stdlib.h>

struct names { /* copies: the statement that gave them must end first */
	char (*of)[PR_AUDIENCE_LIST_MAX + 1];
	size_t n, cap;
	const pr_audience *a;
	struct pr_str scope;
};

/* "marketing" and "all" stop every list, for whoever sends to one sends marketing. */
static void
add_name(struct names *k, struct pr_str name)
{
	struct pr_audience_who who = {.transactional = false};
	if (name.n > PR_AUDIENCE_LIST_MAX)
		return;
	memcpy(who.list, name.p, name.n);
	who.list[name.n] = 0;
	if (!audience_stops(k->a, k->scope, &who))
		return;
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 8;
		k->of = pr_realloc(k->of, k->cap * sizeof *k->of);
	}
	memcpy(k->of[k->n++], who.list, sizeof who.list);
}

static bool
on_list(void *context, struct pr_str name)
{
	add_name(context, name);
	return true;
}

static bool
on_consent(void *context, const struct pr_contact_consent *c)
{
	add_name(context, c->purpose);
	return true;
}

static int
run(pr_audience *a, enum audience_statement which, int64_t contact, const char *name,
    const struct pr_suppression *why, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, which, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	pr_db_bind_text(s, 2, pr_str(name));
	if (which != AU_MEMBER_GONE)
		sqlite3_bind_int64(s, 3, why->at_ms);
	if (which == AU_LEFT_ADD)
		pr_db_bind_text(s, 4, why->source);
	return pr_db_run(s, e);
}

static int
leave_lists(struct names *k, pr_audience *a, int64_t contact, const struct pr_suppression *why,
            struct pr_error *e)
{
	int r = pr_contact_lists_of(a, contact, on_list, k, e);
	for (size_t i = 0; r == 0 && i < k->n; i++) {
		r = run(a, AU_LEFT_ADD, contact, k->of[i], why, e);
		if (r == 0)
			r = run(a, AU_MEMBER_GONE, contact, k->of[i], why, e);
	}
	return r;
}

static int
end_consents(struct names *k, pr_audience *a, int64_t contact, const struct pr_suppression *why,
             struct pr_error *e)
{
	k->n = 0;
	int r = pr_contact_consents_of(a, contact, on_consent, k, e);
	for (size_t i = 0; r == 0 && i < k->n; i++)
		r = run(a, AU_CONSENT_END, contact, k->of[i], why, e);
	return r;
}

int
audience_leave(pr_audience *a, struct pr_str normal, const struct pr_suppression *why,
               struct pr_error *e)
{
	struct names k = {.a = a, .scope = why->scope};
	int64_t contact = 0;
	bool left =
	    why->reason == PR_SUPPRESSION_UNSUBSCRIBED || why->reason == PR_SUPPRESSION_COMPLAINED;
	int r = left ? audience_id_of(a, AU_CONTACT_ID, normal, &contact, e) : 0;
	if (r <= 0)
		return r;
	r = leave_lists(&k, a, contact, why, e);
	if (r == 0)
		r = end_consents(&k, a, contact, why, e);
	free(k.of);
	return r;
}

int
pr_contact_left(pr_audience *a, int64_t contact,
                bool (*each)(void *context, const struct pr_left *l), void *context,
                struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_LEFT_OF, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, contact);
	while ((r = pr_db_step(s, e)) == 1) {
		const struct pr_left l = {.list = pr_db_text(s, 0),
		                          .at_ms = sqlite3_column_int64(s, 1),
		                          .source = pr_db_text(s, 2)};
		if (!each(context, &l))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}
