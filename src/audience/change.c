/*
 * Changes: one transaction from begin to end, which raises the generation. What was there and
 * lasts longer stays as it is: a manual suppression until Friday does not end a complaint.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"

int
pr_audience_change_begin(pr_audience *a, struct pr_error *e)
{
	int r = pr_db_begin(a->db, e);
	if (r == 0 && (r = audience_load_totals(a, e)) < 0)
		pr_db_end(a->db, r, e);
	return r;
}

static int
save_totals(pr_audience *a, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_TOTALS_SET, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, (int64_t)a->totals.generation);
	sqlite3_bind_int64(s, 2, (int64_t)a->totals.entries);
	sqlite3_bind_int64(s, 3, (int64_t)a->totals.hashed);
	return pr_db_run(s, e);
}

int
pr_audience_change_end(pr_audience *a, int r, uint64_t *generation, struct pr_error *e)
{
	uint64_t next = ++a->totals.generation;
	if (r == 0)
		r = save_totals(a, e);
	r = pr_db_end(a->db, r, e);
	if (r == 0)
		*generation = next;
	return r;
}

/* Runs a statement of two texts at most (p NULL: fewer); how many rows it changed, or negative. */
static int
run(pr_audience *a, enum audience_statement which, struct pr_str first, struct pr_str second,
    struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, which, &s, e);
	if (r < 0)
		return r;
	if (first.p)
		pr_db_bind_text(s, 1, first);
	if (second.p)
		pr_db_bind_text(s, 2, second);
	r = pr_db_run(s, e);
	return r < 0 ? r : sqlite3_changes(a->db);
}

static struct pr_str
cut(struct pr_str text)
{
	if (text.n > PR_SUPPRESSION_NOTE_MAX) {
		text.n = PR_SUPPRESSION_NOTE_MAX;
		while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xC0) == 0x80)
			text.n--; /* never half a character */
	}
	return text;
}

static int
put(pr_audience *a, enum audience_statement which, struct pr_str key,
    const struct pr_suppression *s, struct pr_error *e)
{
	sqlite3_stmt *to;
	int r = audience_statement(a, which, &to, e);
	if (r < 0)
		return r;
	pr_db_bind_text(to, 1, key);
	pr_db_bind_text(to, 2, s->scope);
	sqlite3_bind_int(to, 3, s->reason);
	pr_db_bind_text(to, 4, cut(s->note));
	pr_db_bind_text(to, 5, cut(s->source));
	sqlite3_bind_int64(to, 6, s->at_ms);
	sqlite3_bind_int64(to, 7, s->until_ms);
	r = pr_db_run(to, e);
	return r < 0 ? r : sqlite3_changes(a->db);
}

/* The address leaves the file, and what is known of the person with it. */
static int
forget(pr_audience *a, struct pr_str normal, struct pr_str hash, struct pr_error *e)
{
	bool contact;
	int moved = run(a, AU_REHASH, normal, hash, e);
	int gone = moved < 0 ? moved : run(a, AU_REMOVE_ALL, normal, (struct pr_str){0}, e);
	int r = gone < 0 ? gone : run(a, AU_AUDIT_REHASH, normal, hash, e);
	if (r >= 0)
		r = run(a, AU_FORGETS_MORE, (struct pr_str){0}, (struct pr_str){0}, e);
	if (r >= 0)
		r = pr_audience_remember(a, pr_audience_key(a, normal), (struct pr_str){0}, e);
	if (r >= 0)
		r = pr_contact_delete(a, normal, &contact, e);
	if (r < 0)
		return r;
	a->totals.hashed += (uint64_t)moved;
	a->totals.entries += (uint64_t)moved - (uint64_t)gone;
	return 0;
}

/* The id of its key: from now on each check asks for it. */
static int
note_key(pr_audience *a, char id, struct pr_error *e)
{
	struct pr_str no_text = {0};
	char letter = pr_lower(id);
	int r = pr_is_digit(id) || (letter >= 'a' && letter <= 'z')
	            ? run(a, AU_KEYS_ADD, pr_str_n(&id, 1), no_text, e)
	            : pr_fail(e, PR_EINVAL, "no key of tokens has such an id");
	return r < 0 ? r : 0;
}

int
pr_audience_add(pr_audience *a, const struct pr_suppression *s, bool *added, struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE], id;
	uint64_t token;
	struct pr_str key = audience_normal(s->address, normal);
	bool forgotten = s->reason == PR_SUPPRESSION_FORGOTTEN;
	int r = 0;
	if (forgotten) {
		struct pr_str hashed = audience_hash(a, key, hash);
		r = forget(a, key, hashed, e);
		key = hashed;
	} else if (pr_audience_read_token(key, &id, &token))
		r = note_key(a, id, e);
	if (r == 0)
		r = audience_leave(a, key, s, e);
	if (r == 0)
		r = put(a, AU_ADD, key, s, e);
	if (r == 1) {
		a->totals.entries++;
		a->totals.hashed += forgotten;
	} else if (r == 0)
		r = put(a, AU_LONGER, key, s, e);
	if (r < 0)
		return r;
	*added = r > 0;
	return 0;
}

static int
remove_key(pr_audience *a, struct pr_str key, struct pr_str scope, struct pr_error *e)
{
	return run(a, scope.p ? AU_REMOVE : AU_REMOVE_ALL, key, scope, e);
}

int
pr_audience_remove(pr_audience *a, struct pr_str address, struct pr_str scope, unsigned *n,
                   struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE], token[PR_AUDIENCE_TOKEN_SIZE];
	struct pr_str key = audience_normal(address, normal);
	int plain = remove_key(a, key, scope, e);
	int hashed = plain < 0 ? plain : remove_key(a, audience_hash(a, key, hash), scope, e);
	for (size_t i = 0; plain >= 0 && hashed >= 0 && a->known_by[i]; i++) {
		int more = remove_key(a, audience_token_of(a, i, key, token), scope, e);
		plain = more < 0 ? more : plain + more;
	}
	if (plain < 0 || hashed < 0)
		return plain < 0 ? plain : hashed;
	a->totals.entries -= (uint64_t)(plain + hashed);
	a->totals.hashed -= (uint64_t)hashed;
	*n = (unsigned)(plain + hashed);
	return 0;
}

/* What concerns a forgotten person says so by the hash. */
static struct pr_str
audit_address(const pr_audience *a, const struct pr_audit *line, char normal[ADDRESS_MAX + 1],
              char hash[HASH_SIZE])
{
	struct pr_str key = audience_normal(line->address, normal);
	bool forgotten = pr_str_is(line->reason, pr_suppression_word(PR_SUPPRESSION_FORGOTTEN));
	return forgotten && key.n ? audience_hash(a, key, hash) : key;
}

int
pr_audience_audit(pr_audience *a, const struct pr_audit *line, struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE];
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_AUDIT, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, line->at_ms);
	sqlite3_bind_int64(s, 2, line->uid);
	pr_db_bind_text(s, 3, line->by);
	pr_db_bind_text(s, 4, line->verb);
	pr_db_bind_text(s, 5, audit_address(a, line, normal, hash));
	pr_db_bind_text(s, 6, line->scope);
	pr_db_bind_text(s, 7, line->reason);
	pr_db_bind_text(s, 8, cut(line->source));
	sqlite3_bind_int64(s, 9, (int64_t)line->n);
	return pr_db_run(s, e);
}

int
pr_audience_scour(pr_audience *a, const struct pr_trace *t, struct pr_error *e)
{
	int r = pr_db_traces(a->db, t, e);
	if (r == 0)
		r = pr_db_exec(
		    a->db,
		    "UPDATE suppressions SET note = masked(note), source = masked(source)"
		    " WHERE holds(note) OR holds(source);"
		    "UPDATE audit SET source = masked(source) WHERE holds(source);",
		    e);
	return r == 0 ? pr_db_scour(a->db, t, e) : r;
}
