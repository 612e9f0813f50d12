/* Looking through the store: pages of suppressions, the latest audit lines. */
#include "internal.h"

static struct pr_suppression
suppression_of(sqlite3_stmt *s)
{
	return (struct pr_suppression){.address = pr_db_text(s, 0),
	                               .scope = pr_db_text(s, 1),
	                               .reason =
	                                   (enum pr_suppression_reason)sqlite3_column_int(s, 2),
	                               .note = pr_db_text(s, 3),
	                               .source = pr_db_text(s, 4),
	                               .at_ms = sqlite3_column_int64(s, 5),
	                               .until_ms = sqlite3_column_int64(s, 6)};
}

/* 1: `each` wants no more. */
static int
show_rows(sqlite3_stmt *s, bool (*each)(void *context, const struct pr_suppression *s),
          void *context, struct pr_error *e)
{
	int r;
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_suppression one = suppression_of(s);
		if (!each(context, &one))
			break;
	}
	sqlite3_reset(s);
	return r;
}

int
pr_audience_page(pr_audience *a, struct pr_str address, struct pr_str scope, struct pr_str match,
                 unsigned limit, bool (*each)(void *context, const struct pr_suppression *s),
                 void *context, struct pr_error *e)
{
	char from[ADDRESS_MAX + 1], held[ADDRESS_MAX + 1];
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_PAGE, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, audience_normal(address, from));
	pr_db_bind_text(s, 2, scope);
	pr_db_bind_text(s, 3, audience_normal(match, held));
	sqlite3_bind_int64(s, 4, limit);
	r = show_rows(s, each, context, e);
	return r < 0 ? r : 0;
}

int
pr_audience_each_untracked(pr_audience *a,
                           bool (*each)(void *context, const struct pr_suppression *s),
                           void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_UNTRACKED, &s, e);
	if (r == 0)
		r = show_rows(s, each, context, e);
	return r < 0 ? r : 0;
}

static int
show_of(pr_audience *a, struct pr_str plain, struct pr_str hashed,
        bool (*each)(void *context, const struct pr_suppression *s), void *context,
        struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_OF, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, plain);
	pr_db_bind_text(s, 2, hashed);
	return show_rows(s, each, context, e);
}

int
pr_audience_of(pr_audience *a, struct pr_str address,
               bool (*each)(void *context, const struct pr_suppression *s), void *context,
               struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE], token[PR_AUDIENCE_TOKEN_SIZE];
	struct pr_str key = audience_normal(address, normal);
	int r = audience_load_totals(a, e);
	if (r == 0)
		r = show_of(a, key, audience_hash(a, key, hash), each, context, e);
	for (size_t i = 0; r == 0 && a->known_by[i]; i++) {
		struct pr_str known = audience_token_of(a, i, key, token);
		r = show_of(a, known, known, each, context, e);
	}
	return r < 0 ? r : 0;
}

int
pr_audience_audits(pr_audience *a, struct pr_str address, unsigned limit,
                   bool (*each)(void *context, const struct pr_audit *line), void *context,
                   struct pr_error *e)
{
	char normal[ADDRESS_MAX + 1], hash[HASH_SIZE];
	sqlite3_stmt *s;
	int r = audience_statement(a, address.p ? AU_AUDITS_OF : AU_AUDITS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, limit);
	if (address.p) {
		struct pr_str key = audience_normal(address, normal);
		pr_db_bind_text(s, 2, key);
		pr_db_bind_text(s, 3, audience_hash(a, key, hash));
	}
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_audit line = {.at_ms = sqlite3_column_int64(s, 0),
		                        .uid = (uint32_t)sqlite3_column_int64(s, 1),
		                        .by = pr_db_text(s, 2),
		                        .verb = pr_db_text(s, 3),
		                        .address = pr_db_text(s, 4),
		                        .scope = pr_db_text(s, 5),
		                        .reason = pr_db_text(s, 6),
		                        .source = pr_db_text(s, 7),
		                        .n = (uint64_t)sqlite3_column_int64(s, 8)};
		if (!each(context, &line))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}
