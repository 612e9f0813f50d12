/* state.db: where the links of sent mail lead, by campaign and number. */
#include "statedb_internal.h"

static int
put_link(pr_statedb *db, uint32_t serial, const struct pr_state_link *link, struct pr_error *e)
{
	struct state_query q = state_ask(db,
	                                 "INSERT INTO links VALUES (?1, ?2, ?3) ON CONFLICT DO"
	                                 " UPDATE SET url = url WHERE url = ?3 RETURNING 1",
	                                 e);
	state_give(&q, serial);
	state_give(&q, link->number);
	state_give_text(&q, link->url);
	state_next(&q, e);
	int r = state_end(&q);
	if (r == 0)
		return pr_fail(e, PR_EEXIST, "link %u of campaign %u leads elsewhere",
		               (unsigned)link->number, (unsigned)serial);
	return r < 0 ? r : 0;
}

int
pr_statedb_put_links(pr_statedb *db, uint32_t serial, const struct pr_state_link *links, size_t n,
                     struct pr_error *e)
{
	int r = n ? pr_db_begin(db->db, e) : 0;
	if (r < 0 || n == 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_link(db, serial, &links[i], e);
	return pr_db_end(db->db, r, e);
}

int
pr_statedb_link(pr_statedb *db, uint32_t serial, uint32_t link, struct pr_buf *url,
                struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "SELECT url FROM links WHERE serial = ? AND link = ?", e);
	state_give(&q, serial);
	state_give(&q, link);
	if (state_next(&q, e) == 1)
		pr_buf_add_str(url, pr_db_text(q.s, 0));
	int r = state_end(&q);
	return r == 1 ? 0 : r < 0 ? r : pr_fail(e, PR_ENOENT, "there is no such link");
}

int
pr_statedb_each_link(pr_statedb *db, uint32_t serial,
                     bool (*each)(void *context, uint32_t link, struct pr_str url), void *context,
                     struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "SELECT link, url FROM links WHERE serial = ? ORDER BY link", e);
	state_give(&q, serial);
	while (state_next(&q, e) == 1)
		if (!each(context, (uint32_t)sqlite3_column_int64(q.s, 0), pr_db_text(q.s, 1)))
			break;
	int r = state_end(&q);
	return r < 0 ? r : 0;
}

int
pr_statedb_drop_links(pr_statedb *db, int64_t before_ms, struct pr_error *e)
{
	struct state_query q = state_ask(db,
	                                 "DELETE FROM links WHERE serial IN"
	                                 " (SELECT serial FROM campaigns WHERE accepted_ms < ?)",
	                                 e);
	state_give(&q, before_ms);
	return state_run(&q, e);
}
