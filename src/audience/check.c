/*
 * May mail go there? One look-up by the address, one by its hash where anybody was forgotten, and
 * one for each key by whose tokens anybody is known; none at all while the store is empty.
 */
#include "internal.h"

int
pr_audience_begin(pr_audience *a, uint64_t *generation, struct pr_error *e)
{
	int r = pr_db_exec(a->db, "BEGIN", e);
	if (r < 0)
		return r;
	r = audience_load_totals(a, e); /* the first read decides which state is seen */
	if (r < 0)
		pr_audience_end(a);
	else
		*generation = a->totals.generation;
	return r;
}

void
pr_audience_end(pr_audience *a)
{
	if (!sqlite3_get_autocommit(a->db))
		pr_db_exec(a->db, "COMMIT", NULL);
}

static void
say_why(sqlite3_stmt *s, struct pr_str scope, struct pr_buf *why)
{
	char at[PR_RFC3339_SIZE];
	int reason = sqlite3_column_int(s, 1);
	pr_format_rfc3339(sqlite3_column_int64(s, 2), at);
	pr_buf_addf(why, "%s on %.10s, scope %.*s",
	            pr_suppression_word((enum pr_suppression_reason)reason), at, (int)scope.n,
	            scope.p);
}

static int
look_up(pr_audience *a, struct pr_str key, const struct pr_audience_who *who, int64_t now_utc_ms,
        struct pr_buf *why, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CHECK, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, key);
	sqlite3_bind_int64(s, 2, now_utc_ms);
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_str scope = pr_db_text(s, 0);
		if (!audience_stops(a, scope, who))
			continue;
		say_why(s, scope, why);
		sqlite3_reset(s);
		return 1;
	}
	return r;
}

int
pr_audience_check(pr_audience *a, struct pr_str address, const struct pr_audience_who *who,
                  int64_t now_utc_ms, struct pr_buf *why, struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE], token[PR_AUDIENCE_TOKEN_SIZE];
	if (a->totals.entries == 0)
		return 0;
	struct pr_str key = audience_normal(address, normal);
	int r = look_up(a, key, who, now_utc_ms, why, e);
	if (r == 0 && a->totals.hashed)
		r = look_up(a, audience_hash(a, key, hash), who, now_utc_ms, why, e);
	for (size_t i = 0; r == 0 && a->known_by[i]; i++)
		r = look_up(a, audience_token_of(a, i, key, token), who, now_utc_ms, why, e);
	return r;
}

static int
is_untracked(pr_audience *a, struct pr_str key, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CHECK, &s, e), found = 0;
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, key);
	sqlite3_bind_int64(s, 2, pr_utc_ms());
	while (!found && (r = pr_db_step(s, e)) == 1)
		found = pr_str_is(pr_db_text(s, 0), PR_SCOPE_OPENS);
	sqlite3_reset(s);
	return r < 0 ? r : found;
}

int
audience_untracked(pr_audience *a, struct pr_str normal, struct pr_error *e)
{
	char token[PR_AUDIENCE_TOKEN_SIZE];
	int r = a->totals.entries ? is_untracked(a, normal, e) : 0;
	for (size_t i = 0; r == 0 && a->known_by[i]; i++)
		r = is_untracked(a, audience_token_of(a, i, normal, token), e);
	return r;
}

int
pr_audience_forgotten(pr_audience *a, struct pr_str address, struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE];
	sqlite3_stmt *s;
	if (a->totals.hashed == 0)
		return 0;
	int r = audience_statement(a, AU_FORGOTTEN, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, audience_hash(a, audience_normal(address, normal), hash));
	if ((r = pr_db_step(s, e)) == 1)
		sqlite3_reset(s);
	return r;
}

int
pr_audience_forgets(pr_audience *a, uint64_t *n, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_FORGETS, &s, e);
	if (r < 0 || (r = pr_db_step(s, e)) < 0)
		return r;
	*n = r ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return 0;
}
