/*
 * One folder, from incoming/ to a copy in active/ or rejected/.
 *
 *   claim    rename to a hidden name: who still writes by name cannot any more. In a sticky
 *            folder that fails; then the folder is copied where it is.
 *   copy     into active/.TOKEN.part, owned by the daemon, synced
 *   compare  the source again: changed -> its name back, it waits again
 *   judge    links, names, manifest, route and brand, the same campaign before, templates:
 *            everything wrong is found before anything is decided
 *   decide   .intake into the copy, rename it to active/ID or rejected/NAME, sync
 *   source   removed or remembered (intake_source.c)
 *
 * Killed before the last rename, the start removes the part and finds the source; killed
 * after it, .intake says what is to be done with the source. A full disk anywhere: the part
 * is removed, the source gets its name back and is tried again later.
 */
#include "intake_internal.h"

#include "folder.h"
#include "postrider/campaign/names.h"
#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE (8u << 20) /* octets beside the folder's own: scratch, ledger pages */

struct taking {
	pr_intake *i;
	struct waiting *w;
	struct intake_record record;
	char part[64];
	int copy; /* the part's descriptor; -1: none yet */
	bool claimed;
	struct pr_tree tree; /* of the source */
	struct pr_taken *taken;
	struct pr_problems problems;
};

/* ---- claim ---- */

static void
random_token(char out[9])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char octets[8];
	pr_random(octets, sizeof octets);
	for (size_t k = 0; k < 8; k++)
		out[k] = letters[octets[k] & 31];
	out[8] = 0;
}

/* The name it was dropped under: a claim of an earlier run holds it after its token. Whoever
 * may write to incoming/ can make such names, so they prove nothing. */
static void
name_of(const struct waiting *w, char out[256])
{
	size_t n = strlen(w->name);
	const char *name = !w->claimed ? w->name : n > CLAIM_EXTRA ? w->name + CLAIM_EXTRA : "";
	snprintf(out, 256, "%s", name[0] && name[0] != '.' ? name : "campaign");
}

static int
claim(struct taking *k, struct pr_error *e)
{
	char token[9];
	struct intake_record *r = &k->record;
	name_of(k->w, r->name);
	snprintf(r->source, sizeof r->source, "%s", k->w->name);
	r->device = k->w->device;
	r->inode = k->w->inode;
	k->claimed = k->w->claimed;
	if (k->claimed)
		return 0;
	size_t n = strlen(r->name), room = 255 - CLAIM_EXTRA;
	n = n < room ? n : room;
	while (n > 0 && ((unsigned char)r->name[n] & 0xC0) == 0x80)
		n--;
	random_token(token);
	char hidden[256];
	snprintf(hidden, sizeof hidden, "%s%s-%.*s", CLAIM_PREFIX, token, (int)n, r->name);
	intake_step(k->i, "claim");
	if (renameat2(k->i->incoming, r->source, k->i->incoming, hidden, RENAME_NOREPLACE) == 0) {
		snprintf(r->source, sizeof r->source, "%s", hidden);
		k->claimed = true;
		return 0;
	}
	if (errno == EPERM || errno == EACCES)
		return 0; /* sticky: copied where it is, remembered after */
	return errno == ENOENT ? pr_fail(e, PR_EAGAIN, "%s vanished", r->source)
	                       : pr_fail_errno(e, "cannot claim %s", r->source);
}

/* ---- copy and compare ---- */

static int
check_room(const struct taking *k, struct pr_error *e)
{
	struct statvfs fs;
	if (fstatvfs(k->i->active, &fs) < 0)
		return pr_fail_errno(e, "cannot look at the spool's file system");
	uint64_t unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize, room = fs.f_bavail * unit;
	if (room < k->i->options.config->min_free ||
	    room - k->i->options.config->min_free < k->w->octets + RESERVE)
		return pr_fail(e, PR_ENOSPC,
		               "no room in the spool for a campaign of %llu MiB: "
		               "%llu MiB are free, %llu MiB of them reserved by min_free",
		               (unsigned long long)(k->w->octets >> 20),
		               (unsigned long long)(room >> 20),
		               (unsigned long long)(k->i->options.config->min_free >> 20));
	return 0;
}

static int
make_part(struct taking *k, struct pr_error *e)
{
	char token[9];
	random_token(token);
	snprintf(k->part, sizeof k->part, ".%s.part", token);
	intake_step(k->i, "part");
	if (mkdirat(k->i->active, k->part, 0750) < 0)
		return pr_fail_errno(e, "cannot make a folder in active/");
	k->copy = openat(k->i->active, k->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return k->copy < 0 ? pr_fail_errno(e, "cannot open active/%s", k->part) : 0;
}

/* Whether the source is what it was when it was found complete. */
static int
compare(struct taking *k, struct pr_error *e)
{
	struct pr_tree now;
	int r = pr_tree_read(k->i->incoming, k->record.source, &now, e);
	if (r == 0 && (now.signature != k->w->signature || now.st.st_ino != k->record.inode))
		r = pr_fail(e, PR_EAGAIN, "%s changed while it was copied", k->record.name);
	pr_tree_finish(&now);
	return r;
}

static int
copy_source(struct taking *k, struct pr_error *e)
{
	struct pr_copy copy = {
	    .stop = &k->i->stop, .file_mode = 0640, .folder_mode = 0750, .problems = &k->problems};
	int r = pr_tree_read(k->i->incoming, k->record.source, &k->tree, e);
	if (r < 0)
		return r;
	if (k->tree.signature != k->w->signature)
		return pr_fail(e, PR_EAGAIN, "%s changed", k->record.name);
	int src = openat(k->i->incoming, k->record.source,
	                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (src < 0)
		return pr_fail_errno(e, "cannot open %s", k->record.source);
	intake_step(k->i, "copy");
	r = pr_tree_copy(&k->tree, src, k->copy, &copy, e);
	close(src);
	k->record.keep = copy.incomplete;
	k->record.owner = k->tree.st.st_uid;
	intake_step(k->i, "compare");
	return r == 0 ? compare(k, e) : r;
}

/* ---- judge ---- */

static void
judge_same(struct taking *k)
{
	struct pr_accepted same;
	char at[PR_RFC3339_SIZE];
	int64_t since = k->record.accepted_ms - PR_INTAKE_SAME_MS;
	if (k->taken->manifest->again ||
	    pr_statedb_same_content(k->i->statedb, k->record.content, since, &same, NULL) < 0)
		return;
	pr_problem_add(&k->problems, PR_PROBLEM, "", 0,
	               "add `again: true` to campaign.yaml to send it once more",
	               "the same campaign (manifest, bodies, recipients) was accepted as %s at %s",
	               same.id, pr_format_rfc3339(same.accepted_ms, at));
}

struct vetting {
	struct taking *k;
	bool vetted;
};

static void
vet(struct taking *k, const struct pr_str *columns, size_t n)
{
	const struct pr_intake_options *o = &k->i->options;
	if (o->events->vet)
		o->events->vet(o->context, k->copy, k->taken, columns, n, &k->problems);
}

static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct vetting *v = context;
	vet(v->k, columns, n);
	v->vetted = true;
	/* The rows are the import's. There will be none when something is wrong already: then
	 * what is wrong with the file further down is to be told now. */
	return v->k->problems.problems > 0;
}

static bool
on_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct vetting *v = context;
	(void)row;
	(void)line;
	(void)bad;
	return !atomic_load(&v->k->i->stop);
}

static int
judge_manifest(struct taking *k, struct pr_error *e)
{
	struct pr_tree t;
	struct pr_manifest *m = k->taken->manifest;
	int r = pr_tree_read(k->i->active, k->part, &t, e);
	if (r == 0) {
		pr_manifest_check(m, k->i->options.config, &k->problems);
		pr_folder_unknown(&t, m, &k->problems);
		r = pr_tree_content(&t, k->copy, &k->i->stop, pr_folder_knows, m, k->record.content,
		                    e);
	}
	pr_tree_finish(&t);
	if (r < 0)
		return r;
	judge_same(k);
	struct vetting v = {.k = k};
	struct pr_recipients_from from = {.audience = k->i->options.audience,
	                                  .config = k->i->options.config,
	                                  .utc_ms = k->record.accepted_ms};
	struct pr_recipients_reader reader = {on_header, on_row, &v, &from, NULL};
	struct pr_error unread = {0};
	unsigned before = k->problems.problems;
	r = pr_recipients_read(m, k->copy, &reader, &k->problems, &unread);
	if (r < 0 && k->problems.problems == before && r != PR_EINVAL) {
		*e = unread;
		return r;
	}
	if (!v.vetted)
		vet(k, NULL, 0);
	return 0;
}

/* Free in active/ and done/, by a few tries. */
static void
choose_id(struct taking *k, struct pr_str name)
{
	for (unsigned tries = 0; tries < 20; tries++) {
		uint64_t random;
		pr_random(&random, sizeof random);
		pr_campaign_id(name, k->record.accepted_ms, random, k->taken->id);
		if (faccessat(k->i->active, k->taken->id, F_OK, 0) < 0 &&
		    faccessat(k->i->done, k->taken->id, F_OK, 0) < 0)
			return;
	}
}

/* Adds to k->problems; an error only when it could not be judged now. */
static int
judge(struct taking *k, struct pr_error *e)
{
	struct pr_buf normal = {0};
	pr_tree_problems(&k->tree, &k->problems);
	pr_folder_fit_names(k->copy);
	if (!pr_name_normal(k->record.name, &normal))
		pr_buf_adds(&normal, "campaign");
	k->taken = pr_calloc(1, sizeof *k->taken);
	k->record.accepted_ms = intake_utc_ms(k->i);
	struct pr_manifest *m = NULL;
	(void)pr_manifest_load(k->copy, normal.data, &k->problems, &m);
	k->taken->manifest = m;
	choose_id(k, m ? pr_text_str(&m->name) : pr_buf_str(&normal));
	struct pr_buf dir = {0};
	pr_buf_addf(&dir, "%s/active/%s", k->i->options.config->spool.p, k->taken->id);
	k->taken->dir = dir.data;
	k->taken->owner = k->record.owner;
	k->taken->accepted_ms = k->record.accepted_ms;
	pr_buf_finish(&normal);
	if (!m) {
		if (k->problems.problems == 0)
			pr_problem_add(&k->problems, PR_PROBLEM, PR_MANIFEST_FILE, 0,
			               "see `postrider init` for a sample", "cannot be read");
		return 0;
	}
	return judge_manifest(k, e);
}

/* ---- decide ---- */

static int
write_told(int dir, const char *file, const struct intake_record *r, const char *what,
           const struct pr_problems *problems, struct pr_error *e)
{
	struct pr_buf text = {0};
	char name[300];
	pr_str_show(pr_str(r->name), name, sizeof name);
	pr_buf_addf(&text, "Campaign folder \"%s\" %s: %u error%s, %u warning%s.\n\n", name, what,
	            problems->problems, problems->problems == 1 ? "" : "s", problems->warnings,
	            problems->warnings == 1 ? "" : "s");
	pr_problems_text(problems, &text);
	int result = pr_file_replace(dir, file, text.data, text.len, 0640, e);
	pr_buf_finish(&text);
	return result;
}

/* After a rename there is no way back, so a failure is told only. */
static void
sync_folder(pr_intake *i, int folder, const char *name)
{
	struct pr_error e;
	if (fsync(folder) < 0) {
		pr_fail_errno(&e, "cannot sync %s/", name);
		intake_tell_trouble(i, NULL, &e);
	}
}

/* Renamed to NAME, NAME-2, NAME-3...: the name it got. */
static int
move_unique(int from, const char *part, int to, const char *name, char out[256], struct pr_error *e)
{
	for (unsigned n = 1; n < 10000; n++) {
		char suffix[8] = "";
		if (n > 1)
			snprintf(suffix, sizeof suffix, "-%u", n);
		size_t room = 255 - strlen(suffix), length = strlen(name);
		length = length < room ? length : room;
		snprintf(out, 256, "%.*s%s", (int)length, name, suffix);
		if (renameat2(from, part, to, out, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY)
			return pr_fail_errno(e, "cannot move %s to rejected/%s", part, out);
	}
	return pr_fail(e, PR_EEXIST, "too many folders like %s in rejected/", name);
}

static gid_t
group_of(int folder)
{
	struct stat st;
	return fstat(folder, &st) == 0 ? st.st_gid : (gid_t)-1;
}

int
intake_reject(pr_intake *i, const char *copy, struct intake_record *record,
              struct pr_problems *problems, struct pr_taken *t, struct pr_error *e)
{
	char name[256];
	int dir = openat(i->active, copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? pr_fail_errno(e, "cannot open active/%s", copy) : 0;
	if (r == 0)
		r = intake_record_write(dir, record, e);
	if (r == 0)
		r = write_told(dir, "errors.txt", record, "was refused", problems, e);
	if (r == 0) {
		/* Those who may drop may take it back, correct it and drop it again: active/ is
		 * another group's. */
		pr_tree_open_up(dir, 0660, 0770, group_of(i->rejected));
		intake_step(i, "reject");
		r = move_unique(i->active, copy, i->rejected, record->name, name, e);
	}
	if (r == 0) {
		sync_folder(i, i->rejected, "rejected");
		intake_step(i, "rejected");
		intake_settle_source(i, i->rejected, name, record);
		intake_tell_rejected(i, t, name);
	}
	if (dir >= 0)
		close(dir);
	return r;
}

static int
accept_copy(struct taking *k, struct pr_error *e)
{
	int r = pr_statedb_next_serial(k->i->statedb, &k->record.serial, e);
	k->taken->serial = k->record.serial;
	if (r == 0)
		r = intake_record_write(k->copy, &k->record, e);
	if (r == 0 && k->problems.warnings)
		r = write_told(k->copy, "warnings.txt", &k->record, "was accepted", &k->problems,
		               e);
	if (r < 0)
		return r;
	intake_step(k->i, "accept");
	if (renameat2(k->i->active, k->part, k->i->active, k->taken->id, RENAME_NOREPLACE) < 0)
		return pr_fail_errno(e, "cannot make active/%s", k->taken->id);
	k->part[0] = 0;
	sync_folder(k->i, k->i->active, "active");
	intake_step(k->i, "accepted");
	return 0;
}

/* Accepted: whatever fails from here on is tried again with the copy, never with the source. */
static void
begin_import(struct taking *k)
{
	struct pr_error e = {0};
	if (intake_note_accepted(k->i, k->taken, &k->record, &e) < 0)
		intake_tell_trouble(k->i, k->record.name, &e);
	intake_settle_source(k->i, k->i->active, k->taken->id, &k->record);
	intake_tell_importing(k->i, k->taken);
	intake_import(k->i, k->taken, &k->record);
	k->taken = NULL;
}

static int
decide(struct taking *k, struct pr_error *e)
{
	int r;
	if (k->problems.problems == 0) {
		r = accept_copy(k, e);
		if (k->part[0] == 0)
			begin_import(k);
		return k->part[0] == 0 ? 0 : r;
	}
	r = intake_reject(k->i, k->part, &k->record, &k->problems, k->taken, e);
	if (r == 0) {
		k->part[0] = 0;
		k->taken = NULL;
	}
	return r;
}

/* ---- all of it ---- */

static int
take(struct taking *k, struct pr_error *e)
{
	int r = check_room(k, e);
	if (r == 0)
		r = claim(k, e);
	if (r == 0)
		r = make_part(k, e);
	if (r == 0)
		r = copy_source(k, e);
	if (r == 0)
		r = judge(k, e);
	return r == 0 ? decide(k, e) : r;
}

/* Not taken: nothing of it stays but the folder under its own name. When the intake is being
 * closed the claim stays: the next start takes it up. */
static void
give_back(struct taking *k, int code)
{
	if (k->copy >= 0 && k->part[0])
		(void)pr_remove_tree(k->i->active, k->part);
	if (k->claimed && !k->w->claimed && code != PR_ECANCELLED)
		intake_unclaim(k->i, k->record.source, k->record.name);
}

int
intake_take(pr_intake *i, struct waiting *w, struct pr_error *e)
{
	if (intake_is_left(i, w, &w->known, e) == 0)
		return 1;
	struct taking k = {.i = i, .w = w, .copy = -1};
	int r = take(&k, e);
	if (r < 0)
		give_back(&k, r);
	else
		intake_drop_waiting(i, w);
	if (k.copy >= 0)
		close(k.copy);
	pr_tree_finish(&k.tree);
	pr_taken_free(k.taken);
	pr_problems_finish(&k.problems);
	return r;
}
