/*
 * Import: a new ledger, filled in file order.
 *
 *   create -> add, add, ... skip -> import_done
 *
 * Written without a log and without syncs, in one transaction: a crash leaves a file that
 * is no ledger, and the import is done again. import_done syncs all of it, turns the
 * write-ahead log on and sets the switch `imported` in a durable transaction of its own.
 *
 * Domains get numbers. The first DOMAINS_IN_MEMORY are looked up in memory, where the
 * frequent ones are; beyond that a list asks an index on disk, slower but bounded.
 */
#include "internal.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DOMAINS_IN_MEMORY 200000u
#define IMPORT_CACHE "PRAGMA cache_size=-6000;"

struct domain_cache {
	struct pr_hash_key key;
	struct pr_map numbers; /* hash -> struct domain_node, chained */
	struct pr_arena names;
	uint32_t n;
	bool on_disk; /* there are domains that memory does not know */
};

struct domain_node {
	struct domain_node *next; /* of the same hash */
	uint32_t number;
	uint16_t n;
	char name[];
};

void
ledger_domains_free(struct domain_cache *c)
{
	if (!c)
		return;
	pr_map_finish(&c->numbers);
	pr_arena_finish(&c->names);
	free(c);
}

/* ---- creating ---- */

void
pr_ledger_remove(const char *path)
{
	static const char *const tails[] = {"", "-journal", "-wal", "-shm"};
	char name[4096];
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (snprintf(name, sizeof name, "%s%s", path, tails[i]) < (int)sizeof name)
			unlink(name);
}

static int
fill_new(pr_ledger *l, const struct pr_str *columns, size_t columns_n, struct pr_error *e)
{
	static const struct progress none = {.mark = {.state = PR_STATES}, .first_fresh = 1};
	struct pr_buf packed = {0};
	int r = pr_db_exec(l->db,
	                   "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
	                   "PRAGMA locking_mode=EXCLUSIVE;" IMPORT_CACHE,
	                   e);
	if (r == 0)
		r = pr_db_exec(l->db, ledger_schema, e);
	if (r == 0)
		r = pr_db_exec(l->db, "BEGIN", e);
	if (r == 0)
		r = ledger_save_identity(l, e);
	pr_fields_pack(&packed, columns, columns_n);
	if (r == 0)
		r = ledger_set(l, "columns", pr_buf_str(&packed), e);
	pr_buf_finish(&packed);
	if (r == 0)
		r = ledger_save_progress(l, &none, e);
	l->p = none;
	return r;
}

int
pr_ledger_create(const char *path, const struct pr_ledger_identity *identity,
                 const struct pr_str *columns, size_t columns_n, pr_ledger **out,
                 struct pr_error *e)
{
	pr_ledger *l = pr_calloc(1, sizeof *l);
	l->path = pr_strdup(path);
	l->identity = *identity;
	l->importing = true;
	l->domains = pr_calloc(1, sizeof *l->domains);
	pr_hash_key_random(&l->domains->key);
	pr_ledger_remove(path);
	int r = pr_db_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &l->db, e);
	if (r == 0)
		r = fill_new(l, columns, columns_n, e);
	if (r < 0) {
		pr_ledger_close(l);
		pr_ledger_remove(path);
		return r;
	}
	*out = l;
	return 0;
}

/* ---- domains ---- */

static int
store_domain(pr_ledger *l, struct pr_str name, uint32_t number, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_DOMAIN_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, number);
	pr_db_bind_text(s, 2, name);
	return pr_db_run(s, e);
}

/* 1 and *number where the index on disk knows it. */
static int
domain_on_disk(pr_ledger *l, struct pr_str name, uint32_t *number, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = 0;
	if (!l->domains->on_disk) {
		r = pr_db_exec(l->db, "CREATE INDEX domains_name ON domains (name)", e);
		l->domains->on_disk = r == 0;
	}
	if (r < 0 || (r = ledger_statement(l, ST_DOMAIN_FIND, &s, e)) < 0)
		return r;
	pr_db_bind_text(s, 1, name);
	if ((r = pr_db_step(s, e)) == 1) {
		*number = (uint32_t)sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return r;
}

static void
remember_domain(struct domain_cache *c, uint64_t hash, struct domain_node *first,
                struct pr_str name, uint32_t number)
{
	struct domain_node *d = pr_arena_alloc(&c->names, sizeof *d + name.n);
	d->next = first;
	d->number = number;
	d->n = (uint16_t)name.n;
	memcpy(d->name, name.p, name.n);
	pr_map_put(&c->numbers, hash, d);
}

/* The number of a domain, a new one where it is met first; 0 for none. */
static int
domain_number(pr_ledger *l, struct pr_str name, uint32_t *out, struct pr_error *e)
{
	struct domain_cache *c = l->domains;
	int r = 0;
	*out = 0;
	if (name.n == 0 || name.n > UINT16_MAX)
		return 0;
	uint64_t hash = pr_siphash(c->key, name.p, name.n);
	struct domain_node *first = pr_map_get(&c->numbers, hash), *d = first;
	while (d && (d->n != name.n || memcmp(d->name, name.p, name.n) != 0))
		d = d->next;
	if (d) {
		*out = d->number;
		return 0;
	}
	bool room = c->numbers.n < DOMAINS_IN_MEMORY;
	if (!room && (r = domain_on_disk(l, name, out, e)) != 0)
		return r < 0 ? r : 0;
	if ((r = store_domain(l, name, c->n + 1, e)) < 0)
		return r;
	*out = ++c->n;
	if (room)
		remember_domain(c, hash, first, name, c->n);
	return 0;
}

/* ---- rows ---- */

int
ledger_add_row(pr_ledger *l, const struct pr_ledger_new *n, uint32_t domain, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = ledger_statement(l, ST_ROW_ADD, &s, e);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, n->row);
	pr_db_bind_text(s, 2, n->email);
	sqlite3_bind_int64(s, 3, domain);
	pr_db_bind_blob(s, 4, n->data);
	return pr_db_run(s, e);
}

int
pr_ledger_add(pr_ledger *l, const struct pr_ledger_new *n, struct pr_error *e)
{
	uint32_t domain;
	bool seed = pr_row_is_seed(n->row);
	PR_ASSERT(l->importing && (seed || n->row == l->p.tally.rows + 1));
	PR_ASSERT(!seed || n->state != PR_PENDING || n->due_ms);
	PR_ASSERT(n->state == PR_PENDING || n->state == PR_SKIPPED || n->state == PR_SUPPRESSED);
	int r = domain_number(l, n->domain, &domain, e);
	if (r == 0)
		r = ledger_add_row(l, n, domain, e);
	if (r < 0)
		return r;
	l->p.tally.rows += !seed;
	if (n->state == PR_PENDING && !n->due_ms)
		return 0;
	struct entry entry = {.row = n->row,
	                      .state = n->state,
	                      .class_ = n->class_,
	                      .due_ms = n->state == PR_PENDING ? n->due_ms : 0,
	                      .domain = domain,
	                      .reply = n->reason};
	if (l->p.first_fresh == n->row)
		l->p.first_fresh++;
	return ledger_put_entry(l, &entry, &l->p.tally, e);
}

int
pr_ledger_skip(pr_ledger *l, uint32_t row, struct pr_str reason, struct pr_error *e)
{
	PR_ASSERT(l->importing && row >= 1 && row <= l->p.tally.rows);
	struct entry old, entry = {.row = row, .state = PR_SKIPPED, .reply = reason};
	int r = ledger_entry_of(l, row, &old, e);
	if (r < 0)
		return r;
	return r ? ledger_replace_entry(l, &old, &entry, &l->p.tally, e)
	         : ledger_put_entry(l, &entry, &l->p.tally, e);
}

/* ---- the switch ---- */

/* SQLite syncs its own descriptor: another one of ours would drop its locks when closed. */
static int
sync_database(pr_ledger *l, struct pr_error *e)
{
	sqlite3_file *file = NULL;
	sqlite3_file_control(l->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (!file || !file->pMethods ||
	    file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		return pr_fail_errno(e, "cannot sync %s", l->path);
	char folder[4096];
	const char *slash = strrchr(l->path, '/');
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - l->path) : 1,
	         slash ? l->path : ".");
	if (pr_fsync_dir(AT_FDCWD, *folder ? folder : "/") < 0)
		return pr_fail_errno(e, "cannot sync the folder of %s", l->path);
	return 0;
}

static int
set_imported(pr_ledger *l, struct pr_error *e)
{
	int r = pr_db_exec(l->db,
	                   "PRAGMA locking_mode=NORMAL; PRAGMA journal_mode=WAL;"
	                   "PRAGMA synchronous=FULL; PRAGMA cache_size=-4000;"
	                   "PRAGMA wal_autocheckpoint=2000; PRAGMA journal_size_limit=33554432;"
	                   "PRAGMA temp_store=MEMORY;",
	                   e);
	if (r == 0)
		r = pr_db_begin(l->db, e);
	if (r < 0)
		return r;
	char version[64];
	snprintf(version, sizeof version, "PRAGMA user_version=%d", PR_LEDGER_SCHEMA);
	r = pr_db_exec(l->db, version, e);
	if (r == 0)
		r = ledger_set(l, "imported", PR_STR("1"), e);
	return pr_db_end(l->db, r, e);
}

int
pr_ledger_import_done(pr_ledger *l, struct pr_error *e)
{
	PR_ASSERT(l->importing);
	int r = ledger_save_progress(l, &l->p, e);
	if (r == 0)
		r = pr_db_exec(l->db, ledger_state_indexes, e);
	if (r == 0)
		r = pr_db_exec(l->db, "COMMIT", e);
	if (r == 0)
		r = sync_database(l, e);
	if (r == 0)
		r = set_imported(l, e);
	if (r < 0)
		return r;
	ledger_domains_free(l->domains);
	l->domains = NULL;
	l->importing = false;
	return 0;
}
