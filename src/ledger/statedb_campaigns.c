/*
 * state.db: accepted campaigns, generations of their ledgers, sources left behind.
 *
 * A generation is raised in both places at each start. A copy of a ledger from before that
 * start has an old one and is recognised, however it came back.
 */
#include "statedb_internal.h"

/* ---- campaigns ---- */

#define CAMPAIGN                                                                                   \
	"SELECT serial, id, name, owner, generation, accepted_ms, content"                         \
	" FROM campaigns "

static int
read_campaign(struct state_query *q, struct pr_accepted *out, struct pr_error *e)
{
	if (state_next(q, e) == 1) {
		*out = (struct pr_accepted){.serial = (uint32_t)sqlite3_column_int64(q->s, 0),
		                            .owner = (uint32_t)sqlite3_column_int64(q->s, 3),
		                            .generation = (uint64_t)sqlite3_column_int64(q->s, 4),
		                            .accepted_ms = sqlite3_column_int64(q->s, 5)};
		state_copy_text(out->id, sizeof out->id, pr_db_text(q->s, 1));
		state_copy_text(out->name, sizeof out->name, pr_db_text(q->s, 2));
		struct pr_str content = pr_db_text(q->s, 6);
		if (content.n == PR_CONTENT_SIZE)
			memcpy(out->content, content.p, content.n);
	}
	int r = state_end(q);
	return r == 1 ? 0 : r < 0 ? r : pr_fail(e, PR_ENOENT, "no such campaign");
}

int
pr_statedb_put_campaign(pr_statedb *db, const struct pr_accepted *c, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "REPLACE INTO campaigns VALUES (?, ?, ?, ?, ?, NULL, ?, ?)", e);
	state_give(&q, c->serial);
	state_give_text(&q, pr_str(c->id));
	state_give_text(&q, pr_str(c->name));
	state_give(&q, c->owner);
	state_give(&q, (int64_t)c->generation);
	state_give(&q, c->accepted_ms);
	state_give_blob(&q, c->content, sizeof c->content);
	return state_run(&q, e);
}

int
pr_statedb_campaign(pr_statedb *db, uint32_t serial, struct pr_accepted *out, struct pr_error *e)
{
	struct state_query q = state_ask(db, CAMPAIGN "WHERE serial = ?", e);
	state_give(&q, serial);
	return read_campaign(&q, out, e);
}

int
pr_statedb_campaign_by_id(pr_statedb *db, const char *id, struct pr_accepted *out,
                          struct pr_error *e)
{
	struct state_query q = state_ask(db, CAMPAIGN "WHERE id = ?", e);
	state_give_text(&q, pr_str(id));
	return read_campaign(&q, out, e);
}

int
pr_statedb_same_content(pr_statedb *db, const uint8_t content[PR_CONTENT_SIZE], int64_t since_ms,
                        struct pr_accepted *out, struct pr_error *e)
{
	struct state_query q = state_ask(db,
	                                 CAMPAIGN "WHERE content = ? AND accepted_ms >= ?"
	                                          " ORDER BY accepted_ms DESC LIMIT 1",
	                                 e);
	state_give_blob(&q, content, PR_CONTENT_SIZE);
	state_give(&q, since_ms);
	return read_campaign(&q, out, e);
}

int
pr_statedb_forget_campaign(pr_statedb *db, uint32_t serial, struct pr_error *e)
{
	struct state_query q = state_ask(db, "DELETE FROM campaigns WHERE serial = ?", e);
	state_give(&q, serial);
	return state_run(&q, e);
}

/* ---- generations ---- */

/* Both numbers kept of a campaign: the generation, and the one it is being raised to. */
static int
generations(pr_statedb *db, uint32_t serial, uint64_t *now, uint64_t *raising, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "SELECT generation, raising FROM campaigns WHERE serial = ?", e);
	state_give(&q, serial);
	if (state_next(&q, e) == 1) {
		*now = (uint64_t)sqlite3_column_int64(q.s, 0);
		*raising = sqlite3_column_type(q.s, 1) == SQLITE_NULL
		               ? *now
		               : (uint64_t)sqlite3_column_int64(q.s, 1);
	}
	return state_end(&q);
}

static int
set_generations(pr_statedb *db, uint32_t serial, uint64_t now, uint64_t raising, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db,
	              "UPDATE campaigns SET generation = ?, raising = nullif(?, ?)"
	              " WHERE serial = ?",
	              e);
	state_give(&q, (int64_t)now);
	state_give(&q, (int64_t)raising);
	state_give(&q, (int64_t)now);
	state_give(&q, serial);
	return state_run(&q, e);
}

static int
write_identity(pr_ledger *l, const struct pr_ledger_identity *i, struct pr_error *e)
{
	struct pr_ledger_identity before = l->identity;
	int r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	l->identity = *i;
	r = pr_db_end(l->db, ledger_save_identity(l, e), e);
	if (r < 0)
		l->identity = before;
	return r;
}

/* The intention first, then the ledger, then the end of it: after a crash in between the
 * ledger has one of the two numbers, and an older copy of it has neither. */
static int
raise_both(pr_statedb *db, pr_ledger *l, uint64_t now, uint64_t to, struct pr_error *e)
{
	struct pr_ledger_identity i = l->identity;
	int r = set_generations(db, i.serial, now, to, e);
	i.generation = to;
	if (r == 0)
		r = write_identity(l, &i, e);
	return r < 0 ? r : set_generations(db, i.serial, to, to, e);
}

int
pr_statedb_check_ledger(pr_statedb *db, pr_ledger *l, bool *restored, struct pr_error *e)
{
	const struct pr_ledger_identity *i = &l->identity;
	uint64_t now = 0, raising = 0;
	PR_ASSERT(l->mode == PR_LEDGER_FOLD);
	int r = generations(db, i->serial, &now, &raising, e);
	if (r < 0)
		return r;
	bool ours = r == 1 && memcmp(i->state_id, db->identity.id, sizeof i->state_id) == 0 &&
	            (i->generation == now || i->generation == raising);
	if (ours && (r = raise_both(db, l, i->generation, raising + 1, e)) < 0)
		return r;
	*restored = !ours;
	return 0;
}

int
pr_statedb_adopt_ledger(pr_statedb *db, pr_ledger *l, uint64_t lsn, struct pr_error *e)
{
	struct pr_ledger_identity i = l->identity;
	struct pr_accepted c;
	struct progress p = l->p;
	PR_ASSERT(l->mode == PR_LEDGER_FOLD);
	int r = pr_statedb_campaign_by_id(db, i.id, &c, e);
	if (r == PR_ENOENT) {
		c = (struct pr_accepted){0};
		state_copy_text(c.id, sizeof c.id, pr_str(i.id));
		state_copy_text(c.name, sizeof c.name, pr_str(i.id));
	} else if (r < 0)
		return r;
	else if ((r = pr_statedb_forget_campaign(db, c.serial, e)) < 0)
		return r;
	if ((r = pr_statedb_next_serial(db, &i.serial, e)) < 0)
		return r;
	c.serial = i.serial;
	c.generation = i.generation =
	    i.generation > c.generation ? i.generation + 1 : c.generation + 1;
	memcpy(i.state_id, db->identity.id, sizeof i.state_id);
	if ((r = write_identity(l, &i, e)) < 0)
		return r;
	p.folded = lsn;
	if ((r = ledger_save_progress(l, &p, e)) < 0)
		return r;
	l->p = p;
	return pr_statedb_put_campaign(db, &c, e); /* last: until then it is still `restored` */
}

/* ---- sources left behind ---- */

#define LEFT "SELECT device, inode, ctime_ns, since_ms, name, content FROM left_behind "

static void
read_left(struct state_query *q, struct pr_source_left *out)
{
	*out = (struct pr_source_left){.device = (uint64_t)sqlite3_column_int64(q->s, 0),
	                               .inode = (uint64_t)sqlite3_column_int64(q->s, 1),
	                               .ctime_ns = sqlite3_column_int64(q->s, 2),
	                               .since_ms = sqlite3_column_int64(q->s, 3)};
	state_copy_text(out->name, sizeof out->name, pr_db_text(q->s, 4));
	struct pr_str content = pr_db_text(q->s, 5);
	if (content.n == PR_CONTENT_SIZE)
		memcpy(out->content, content.p, content.n);
}

int
pr_statedb_leave_behind(pr_statedb *db, const struct pr_source_left *s, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "REPLACE INTO left_behind VALUES (?, ?, ?, ?, ?, ?)", e);
	state_give(&q, (int64_t)s->device);
	state_give(&q, (int64_t)s->inode);
	state_give(&q, s->ctime_ns);
	state_give(&q, s->since_ms);
	state_give_text(&q, pr_str(s->name));
	state_give_blob(&q, s->content, sizeof s->content);
	return state_run(&q, e);
}

int
pr_statedb_left_behind(pr_statedb *db, uint64_t device, uint64_t inode, struct pr_source_left *out,
                       struct pr_error *e)
{
	struct state_query q = state_ask(db, LEFT "WHERE device = ? AND inode = ?", e);
	state_give(&q, (int64_t)device);
	state_give(&q, (int64_t)inode);
	if (state_next(&q, e) == 1)
		read_left(&q, out);
	int r = state_end(&q);
	return r == 1 ? 0 : r < 0 ? r : pr_fail(e, PR_ENOENT, "no such source");
}

int
pr_statedb_forget_left(pr_statedb *db, uint64_t device, uint64_t inode, struct pr_error *e)
{
	struct state_query q =
	    state_ask(db, "DELETE FROM left_behind WHERE device = ? AND inode = ?", e);
	state_give(&q, (int64_t)device);
	state_give(&q, (int64_t)inode);
	return state_run(&q, e);
}

int
pr_statedb_each_left(pr_statedb *db, bool (*each)(void *context, const struct pr_source_left *s),
                     void *context, struct pr_error *e)
{
	struct state_query q = state_ask(db, LEFT "ORDER BY since_ms, name", e);
	struct pr_source_left s;
	while (state_next(&q, e) == 1) {
		read_left(&q, &s);
		if (!each(context, &s))
			break;
	}
	return state_end(&q) < 0 ? q.r : 0;
}
