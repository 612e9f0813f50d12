/*
 * Accepted campaigns: their import, and what is taken up at start.
 *
 * An import is done again from the beginning when it did not end. It ended when the ledger says
 * so; `.intake` says `imported` after that, and before the owner is told. A campaign
 * that cannot be imported now (full disk) waits in `pending`; one whose recipients are no
 * good goes to rejected/, and its content may come again.
 *
 * Then the recipients file goes: who they are is in the ledger, and one place is enough for what is
 * personal (keep_source leaves it). Killed before, the next start removes it.
 *
 * At start, in this order: parts of copies are removed; sources that were taken are finished;
 * imported campaigns are told to the owner; the others are imported.
 */
#include "intake_internal.h"

#include "postrider/campaign/names.h"
#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUBMIT_STALE_MS PR_DAY_MS

/* ---- import ---- */

int
intake_note_accepted(pr_intake *i, const struct pr_taken *t, const struct intake_record *r,
                     struct pr_error *e)
{
	struct pr_accepted a = {
	    .serial = r->serial, .owner = r->owner, .generation = 1, .accepted_ms = r->accepted_ms};
	snprintf(a.id, sizeof a.id, "%s", t->id);
	snprintf(a.name, sizeof a.name, "%s", r->name);
	memcpy(a.content, r->content, sizeof a.content);
	return pr_statedb_put_campaign(i->statedb, &a, e);
}

static int
import_rows(pr_intake *i, struct pr_taken *t, int dir, struct pr_problems *problems,
            struct pr_error *e)
{
	struct pr_buf path = {0};
	struct pr_state_identity identity;
	static const int64_t nobody; /* rows come to a series later */
	pr_buf_addf(&path, "%s/ledger.db", t->dir);
	pr_statedb_identity(i->statedb, &identity);
	struct pr_recipients_from from = {.audience = i->options.audience,
	                                  .config = i->options.config,
	                                  .utc_ms = intake_utc_ms(i),
	                                  .only =
	                                      pr_manifest_is_series(t->manifest) ? &nobody : NULL};
	struct pr_recipients_source source = {.manifest = t->manifest,
	                                      .from = &from,
	                                      .dir = dir,
	                                      .ledger_path = path.data,
	                                      .config = i->options.config,
	                                      .stop = &i->stop,
	                                      .accepted_ms = t->accepted_ms,
	                                      .audience = i->options.audience,
	                                      .identity = {.serial = t->serial,
	                                                   .generation = 1,
	                                                   .address_key = identity.address_key}};
	snprintf(source.identity.id, sizeof source.identity.id, "%s", t->id);
	memcpy(source.identity.state_id, identity.id, sizeof identity.id);
	int r = pr_recipients_import(&source, &t->recipients, &t->ledger, problems, e);
	pr_buf_finish(&path);
	return r;
}

static void
remove_ledger(int dir)
{
	struct pr_tree t;
	if (pr_tree_read(dir, ".", &t, NULL) == 0)
		for (size_t k = 0; k < t.n; k++)
			if (t.entries[k].path == t.entries[k].name &&
			    pr_str_starts(pr_str(t.entries[k].name), "ledger.db"))
				unlinkat(dir, t.entries[k].name, 0);
	pr_tree_finish(&t);
}

static int
reject_accepted(pr_intake *i, struct pr_taken *t, struct intake_record *r, int dir,
                struct pr_problems *problems, struct pr_error *e)
{
	intake_step(i, "forget");
	int result = pr_statedb_forget_campaign(i->statedb, t->serial, e);
	if (result < 0)
		return result;
	if (t->ledger)
		pr_ledger_close(t->ledger);
	t->ledger = NULL;
	remove_ledger(dir);
	return intake_reject(i, t->id, r, problems, t, e);
}

/* Its rows of people who were forgotten are erased: nobody keeps the file that names them. */
static bool
names_forgotten(const struct pr_taken *t)
{
	struct pr_buf path = {0}, met = {0};
	pr_ledger *l = NULL;
	pr_buf_addf(&path, "%s/ledger.db", t->dir);
	bool named = pr_ledger_open(path.data, PR_LEDGER_READ, &l, NULL) == 0 &&
	             pr_ledger_get(l, PR_FACT_FORGOTTEN, &met) == 0;
	pr_ledger_close(l);
	pr_buf_finish(&met);
	pr_buf_finish(&path);
	return named;
}

/* Of a campaign whose ledger is whole. What fails is told, and tried again at the next start. */
static void
drop_recipients(pr_intake *i, const struct pr_taken *t, int dir)
{
	struct pr_error e;
	const struct pr_manifest *m = t->manifest;
	const char *file = m->recipients.file.p;
	bool keep = m->keep_source || i->options.config->keep_source;
	if (!file || pr_manifest_is_body(m, file) || (keep && !names_forgotten(t)))
		return;
	intake_step(i, "recipients");
	if (unlinkat(dir, file, 0) == 0 ? fsync(dir) == 0 : errno == ENOENT)
		return;
	pr_fail_errno(&e, "cannot remove active/%s/%s", t->id, file);
	intake_tell_trouble(i, t->id, &e);
}

/* 0: t has gone to its owner. */
static int
import_in(pr_intake *i, struct pr_taken *t, struct intake_record *r, int dir,
          struct pr_problems *problems, struct pr_error *e)
{
	intake_step(i, "import");
	int result = intake_note_accepted(i, t, r, e);
	if (result == 0)
		result = import_rows(i, t, dir, problems, e);
	if (result == 0) {
		intake_step(i, "ledger");
		r->imported = true;
		result = intake_record_write(dir, r, e);
	}
	if (result == 0) {
		intake_step(i, "imported");
		drop_recipients(i, t, dir);
		intake_tell_imported(i, t);
		return 0;
	}
	if (t->ledger)
		pr_ledger_close(t->ledger);
	t->ledger = NULL;
	r->imported = false;
	if (result == PR_EINVAL && problems->problems > 0)
		result = reject_accepted(i, t, r, dir, problems, e);
	return result;
}

static int
import_once(pr_intake *i, struct pr_taken *t, struct intake_record *r, struct pr_error *e)
{
	struct pr_problems problems = {0};
	int dir = openat(i->active, t->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return pr_fail_errno(e, "cannot open active/%s", t->id);
	int result = import_in(i, t, r, dir, &problems, e);
	pr_problems_finish(&problems);
	close(dir);
	return result;
}

static void
put_off(pr_intake *i, struct pending *p, const struct pr_error *e)
{
	p->retry_ms = i->now_ms + intake_backoff_ms(++p->failures);
	if (p->failures == 1)
		intake_tell_trouble(i, p->taken->id, e);
}

/* ---- before the start ---- */

/* When its recipients are what they are to be; 0: now. */
static int64_t
start_of(const pr_intake *i, const struct pr_manifest *m)
{
	struct pr_timetable t;
	if (!pr_manifest_at_start(m) ||
	    pr_timetable_init(&m->schedule, i->options.config->timezone.p, &t, NULL) < 0)
		return 0;
	int64_t start_ms = pr_timetable_first_ms(&t, &m->schedule);
	pr_timetable_finish(&t);
	return start_ms > intake_utc_ms(i) ? start_ms : 0;
}

/* The wall clock is looked at again with each round, whatever it does meanwhile. */
static bool
is_early(const pr_intake *i, struct pending *p)
{
	int64_t left = p->start_ms - intake_utc_ms(i);
	if (p->start_ms == 0 || left <= 0)
		return false;
	p->retry_ms = i->now_ms + (left < PR_INTAKE_RESCAN_MS ? left : PR_INTAKE_RESCAN_MS);
	return true;
}

/* It waits, or it does not any more. */
static void
tell_waiting(pr_intake *i, struct pending *p, bool waits)
{
	p->taken->waits_ms = waits ? p->start_ms : 0;
	intake_tell_importing(i, p->taken);
	p->taken->waits_ms = 0;
	if (!waits)
		p->start_ms = 0;
}

static struct pending *
find_waiting(pr_intake *i, const char *id)
{
	PR_LIST_EACH(node, &i->pending) {
		struct pending *p = PR_CONTAINER(node, struct pending, link);
		if (p->start_ms && strcmp(p->taken->id, id) == 0)
			return p;
	}
	return NULL;
}

static int
withdraw(pr_intake *i, struct pending *p, const char *by, struct pr_error *e)
{
	struct pr_problems problems = {0};
	pr_problem_add(&problems, PR_PROBLEM, "", 0, "drop it again to send it",
	               "cancelled by %s before its start", by);
	int dir = openat(i->active, p->taken->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 ? pr_fail_errno(e, "cannot open active/%s", p->taken->id)
	                : reject_accepted(i, p->taken, &p->record, dir, &problems, e);
	if (dir >= 0)
		close(dir);
	pr_problems_finish(&problems);
	return r;
}

void
intake_withdraw_all(pr_intake *i)
{
	PR_LIST_EACH(node, &i->withdrawn) {
		struct withdrawn *w = PR_CONTAINER(node, struct withdrawn, link);
		struct pending *p = find_waiting(i, w->id);
		struct pr_error e = {0};
		if (p && withdraw(i, p, w->by, &e) < 0) {
			intake_tell_trouble(i, w->id, &e);
			continue; /* again with the next round */
		}
		if (p) {
			pr_list_remove(&p->link);
			free(p);
		}
		pr_list_remove(&w->link);
		free(w);
	}
}

void
intake_import(pr_intake *i, struct pr_taken *t, const struct intake_record *r)
{
	struct pr_error e = {0};
	struct pending *p = pr_calloc(1, sizeof *p);
	p->taken = t;
	p->record = *r;
	p->start_ms = start_of(i, t->manifest);
	if (is_early(i, p)) {
		tell_waiting(i, p, true);
		pr_list_push(&i->pending, &p->link);
		return;
	}
	int result = import_once(i, t, &p->record, &e);
	if (result == 0) {
		free(p);
	} else if (result == PR_ECANCELLED) {
		pr_taken_free(t);
		free(p);
	} else {
		put_off(i, p, &e);
		pr_list_push(&i->pending, &p->link);
	}
}

void
intake_retry_imports(pr_intake *i)
{
	PR_LIST_EACH(node, &i->pending) {
		struct pending *p = PR_CONTAINER(node, struct pending, link);
		struct pr_error e = {0};
		if (p->retry_ms > i->now_ms || atomic_load(&i->stop) || is_early(i, p))
			continue;
		if (p->start_ms)
			tell_waiting(i, p, false);
		int result = import_once(i, p->taken, &p->record, &e);
		if (result < 0 && result != PR_ECANCELLED) {
			put_off(i, p, &e);
		} else if (result == 0) {
			pr_list_remove(&p->link);
			free(p);
		}
	}
}

/* ---- start ---- */

static void
each_name(int dir, void (*each)(pr_intake *, const char *), pr_intake *i)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return;
	for (struct dirent *entry; (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(i, entry->d_name);
	closedir(d);
}

/* A ledger is one from the moment its import ended: from then on the campaign is its owner's,
 * even if we were killed before .intake said so. */
static bool
has_ledger(pr_intake *i, const char *id)
{
	struct pr_buf path = {0};
	pr_ledger *l = NULL;
	pr_buf_addf(&path, "%s/active/%s/ledger.db", i->options.config->spool.p, id);
	bool has = pr_ledger_open(path.data, PR_LEDGER_READ, &l, NULL) == 0;
	if (has)
		pr_ledger_close(l);
	pr_buf_finish(&path);
	return has;
}

/* What lies in active/ without .intake (restored from elsewhere) counts as imported: whoever
 * opens its ledger sees whose it is. */
static int
record_of(int parent, const char *name, struct intake_record *r, struct pr_error *e)
{
	int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return pr_fail_errno(e, "cannot open %s", name);
	int result = intake_record_read(dir, r, e);
	if (result == PR_ENOENT && faccessat(dir, "ledger.db", F_OK, 0) == 0) {
		r->imported = true;
		result = 0;
	}
	close(dir);
	return result;
}

/* Of one that is imported the recipients need not be there any more. */
static int
load_manifest(pr_intake *i, struct pr_taken *t, const struct intake_record *record,
              struct pr_error *e)
{
	struct pr_problems problems = {0};
	struct pr_buf normal = {0};
	int dir = openat(i->active, t->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return pr_fail_errno(e, "cannot open active/%s", t->id);
	if (!pr_name_normal(record->name, &normal))
		pr_buf_adds(&normal, t->id);
	int r = record->imported
	            ? pr_manifest_load_content(dir, normal.data, &problems, &t->manifest)
	            : pr_manifest_load(dir, normal.data, &problems, &t->manifest);
	if (r < 0)
		pr_fail(e, r, "active/%s/campaign.yaml cannot be read any more: %s", t->id,
		        problems.n ? problems.items[0].what : "");
	pr_problems_finish(&problems);
	pr_buf_finish(&normal);
	close(dir);
	return r;
}

static struct pr_taken *
taken_of(pr_intake *i, const char *id, const struct intake_record *r)
{
	struct pr_taken *t = pr_calloc(1, sizeof *t);
	struct pr_buf dir = {0};
	struct pr_error e;
	pr_buf_addf(&dir, "%s/active/%s", i->options.config->spool.p, id);
	snprintf(t->id, sizeof t->id, "%s", id);
	t->dir = dir.data;
	t->serial = r->serial;
	t->owner = r->owner;
	t->accepted_ms = r->accepted_ms;
	if (load_manifest(i, t, r, &e) == 0)
		return t;
	intake_tell_trouble(i, id, &e);
	pr_taken_free(t);
	return NULL;
}

static void
drop_recipients_of(pr_intake *i, const struct pr_taken *t)
{
	int dir = openat(i->active, t->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return;
	drop_recipients(i, t, dir);
	close(dir);
}

static void
start_active(pr_intake *i, const char *name)
{
	struct intake_record r;
	struct pr_error e;
	if (name[0] == '.') {
		if (pr_str_ends(pr_str(name), ".part"))
			(void)pr_remove_tree(i->active, name);
		return;
	}
	if (strlen(name) >= PR_CAMPAIGN_ID_MAX || record_of(i->active, name, &r, &e) < 0) {
		pr_fail(&e, PR_ECORRUPT, "active/%s is no campaign of this daemon", name);
		intake_tell_trouble(i, name, &e);
		return;
	}
	bool whole = has_ledger(i, name); /* a damaged one may be made again from its recipients */
	r.imported |= whole;
	if (r.imported)
		intake_settle_source(i, i->active, name, &r);
	struct pr_taken *t = taken_of(i, name, &r);
	if (t && whole)
		drop_recipients_of(i, t);
	if (t && r.imported) {
		intake_tell_imported(i, t);
	} else if (t) {
		struct pending *p = pr_calloc(1, sizeof *p);
		p->taken = t;
		p->record = r;
		pr_list_push(&i->pending, &p->link);
	}
}

/* The source after its content is known: or what came again in between would be new. */
static void
start_pending(pr_intake *i)
{
	PR_LIST_EACH(node, &i->pending) {
		struct pending *p = PR_CONTAINER(node, struct pending, link);
		struct pr_error e = {0};
		if (intake_note_accepted(i, p->taken, &p->record, &e) < 0)
			intake_tell_trouble(i, p->taken->id, &e);
		intake_settle_source(i, i->active, p->taken->id, &p->record);
		p->start_ms = start_of(i, p->taken->manifest);
		tell_waiting(i, p, is_early(i, p));
	}
}

static void
start_rejected(pr_intake *i, const char *name)
{
	struct intake_record r;
	if (name[0] != '.' && record_of(i->rejected, name, &r, NULL) == 0)
		intake_settle_source(i, i->rejected, name, &r);
}

static void
start_incoming(pr_intake *i, const char *name)
{
	struct stat st;
	if (pr_str_starts(pr_str(name), PR_REPLACE_PREFIX))
		(void)pr_remove_tree(i->incoming, name); /* nobody answers for it any more */
	if (!pr_str_starts(pr_str(name), SUBMIT_PREFIX) ||
	    fstatat(i->incoming, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (intake_utc_ms(i) - (int64_t)st.st_ctim.tv_sec * 1000 > SUBMIT_STALE_MS)
		(void)pr_remove_tree(i->incoming, name);
}

void
intake_start(pr_intake *i)
{
	each_name(i->active, start_active, i);
	start_pending(i);
	each_name(i->rejected, start_rejected, i);
	each_name(i->incoming, start_incoming, i);
}
