/*
 * One campaign's folder.
 *
 *   ledger.db       rows of the person are erased
 *   ledger.db.vN    copies from before a migration: removed where they hold a trace
 *   the recipients  read long ago: removed where the ledger or the file names the person
 *   results.csv     address and reply of their records emptied; rejects.csv: what stood there
 *   reports, warnings, .intake: overwritten
 *   all else        is the campaign's own: said, and left alone
 */
#include "internal.h"

#include "postrider/base/file.h"
#include "postrider/campaign/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RESULTS_CELLS (1u << 1 | 1u << 6) /* email, reply */
#define REJECTS_CELLS (1u << 2)           /* value */

struct folder {
	struct pass *pass;
	char path[4400];        /* of the folder */
	char recipients[300];   /* the file's name */
	bool named, unreadable; /* the ledger names the person; or nobody knows */
};

/* ---- the ledger ---- */

/* Whoever was forgotten before is not in it either: then it is as of now. */
static int
move_fact(const struct pass *p, pr_ledger *l, struct pr_error *e)
{
	struct pr_buf text = {0};
	char now[24];
	uint64_t before;
	int r = pr_ledger_get(l, PR_FACT_FORGETS, &text);
	bool follows = r == 0 && pr_str_u64(pr_buf_str(&text), &before) && before + 1 == p->forgets;
	pr_buf_finish(&text);
	snprintf(now, sizeof now, "%llu", (unsigned long long)p->forgets);
	return follows ? pr_ledger_set(l, PR_FACT_FORGETS, pr_str(now), e) : 0;
}

static int
erase_ledger(struct folder *f, pr_ledger *l, struct pr_error *e)
{
	struct pass *p = f->pass;
	struct pr_ledger_identity id;
	uint32_t *rows = NULL;
	size_t n = 0;
	int r = pr_ledger_rows_of(l, &p->trace, &rows, &n, e);
	if (r == 0) {
		pr_ledger_identity(l, &id);
		pass_note_rows(p, id.serial, rows, n);
		f->named = n > 0;
		r = pr_ledger_erase(l, &p->trace, rows, n, e);
	}
	if (r == 0 && n)
		pass_did(p, "%zu row%s of %s erased", n, n == 1 ? "" : "s", id.id);
	free(rows);
	if (r == 0)
		r = move_fact(p, l, e);
	return r == 0 ? pr_ledger_scour(l, &p->trace, e) : r;
}

static void
open_and_erase(struct folder *f)
{
	char path[4500];
	struct pr_error e = {0};
	pr_ledger *l = NULL;
	snprintf(path, sizeof path, "%s/ledger.db", f->path);
	int r = pr_ledger_open(path, PR_LEDGER_FOLD, &l, &e);
	if (r == 0)
		r = erase_ledger(f, l, &e);
	pr_ledger_close(l);
	f->unreadable = r < 0;
	if (r == PR_EAGAIN || r == PR_ESTATE) /* in use; its import has not ended */
		f->pass->again = true;
	else if (r < 0 && r != PR_ENOENT)
		pass_left(f->pass, "%s", e.text);
}

/* ---- files ---- */

static void
find_recipients(struct folder *f)
{
	struct pr_problems ignored = {0};
	struct pr_manifest *m = NULL;
	int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		(void)pr_manifest_load_content(dir, "", &ignored, &m);
	const char *file = m && m->recipients.file.p ? m->recipients.file.p : "recipients.csv";
	snprintf(f->recipients, sizeof f->recipients, "%s", file);
	pr_manifest_destroy(m);
	pr_problems_finish(&ignored);
	if (dir >= 0)
		close(dir);
}

static void
remove_file(struct pass *p, int dir, const char *name, const char *path_of)
{
	if (unlinkat(dir, name, 0) == 0 && pr_fsync_dir(dir, ".") == 0)
		pass_did(p, "%s removed", path_of);
	else if (errno != ENOENT)
		pass_left(p, "%s: cannot be removed", path_of);
}

static void
rewrite_file(struct pass *p, int dir, const char *name, const char *path_of, enum text_way way,
             uint32_t cells)
{
	struct pr_error e;
	int r = text_erase(&p->trace, dir, name, way, cells, &e);
	if (r < 0)
		pass_left(p, "%s: %s", path_of, e.text);
	else if (r > 0)
		pass_did(p, "%s overwritten", path_of);
}

/* Files that the daemon makes, by their names. */
static const struct made {
	const char *name;
	enum text_way way;
	uint32_t cells;
} made[] = {
    {"results.csv", TEXT_CELLS, RESULTS_CELLS},
    {"rejects.csv", TEXT_CELLS, REJECTS_CELLS},
    {"report.json", TEXT_MASK, 0},
    {"report.html", TEXT_MASK, 0},
    {"warnings.txt", TEXT_MASK, 0},
    {"errors.txt", TEXT_MASK, 0},
};

static const struct made *
find_made(const char *name)
{
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		if (strcmp(made[i].name, name) == 0)
			return &made[i];
	return NULL;
}

static void
erase_file(void *context, int dir, const char *name, const char *path_of)
{
	struct folder *f = context;
	struct pass *p = f->pass;
	struct pr_error e;
	bool database = pr_str_starts(pr_str(name), "ledger.db");
	bool recipients = strcmp(name, f->recipients) == 0;
	const struct made *own = find_made(name);
	if (database && name[strlen("ledger.db")] != '.')
		return; /* itself, and its log: seen to already */
	int found =
	    recipients && f->named ? 1 : pr_trace_in_file(&p->trace, dir, name, !database, &e);
	if (found < 0)
		pass_left(p, "%s: %s", path_of, e.text);
	else if (found && (database || (recipients && !f->unreadable)))
		remove_file(p, dir, name, path_of);
	else if (found && own)
		rewrite_file(p, dir, name, path_of, own->way, own->cells);
	else if (found)
		pass_left(p, "%s names the address: it is the campaign's own", path_of);
}

void
folder_erase(struct pass *p, const char *parent, const char *name)
{
	char below[600];
	struct folder f = {.pass = p};
	snprintf(f.path, sizeof f.path, "%s/%s/%s", p->spool, parent, name);
	snprintf(below, sizeof below, "%s/%s", parent, name);
	open_and_erase(&f);
	find_recipients(&f);
	each_file(p->spool, below, erase_file, &f);
}
