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
	while ((r = pr_db_step(s, e)) == 1) {
		struct pr_suppression one = suppression_of(s);
		if (!each(context, &one))
			break;
	}
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_audience_audits(pr_audience *a, unsigned limit,
                   bool (*each)(void *context, const struct pr_audit *line), void *context,
                   struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_AUDITS, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, limit);
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
