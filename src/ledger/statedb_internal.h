/*
 * The inside of state.db: its connection, and one statement with its values and its row.
 * Everything here is rare: statements are prepared where they are needed. Private to ledger/.
 */
#ifndef POSTRIDER_LEDGER_STATEDB_INTERNAL_H
#define POSTRIDER_LEDGER_STATEDB_INTERNAL_H

#include "internal.h"

#include "postrider/statedb.h"

struct pr_statedb {
	sqlite3 *db;
	char *path;
	struct pr_state_identity identity;
};

/*
 * ask, give each value in order, then next for each row and end; or run where no row comes.
 * The first failure stays in r and all later calls do nothing.
 */
struct state_query {
	sqlite3_stmt *s;
	int r, at;
};

struct state_query state_ask(pr_statedb *db, const char *sql, struct pr_error *e);
void state_give(struct state_query *q, int64_t v);
void state_give_text(struct state_query *q, struct pr_str v); /* lives until the step */
void state_give_blob(struct state_query *q, const void *p, size_t n);
int state_next(struct state_query *q, struct pr_error *e);
int state_end(struct state_query *q); /* 0, 1 (there was a row) or negative */
int state_run(struct state_query *q, struct pr_error *e);

/* Cut to size - 1 octets, never within a character. */
void state_copy_text(char *to, size_t size, struct pr_str from);

#endif
