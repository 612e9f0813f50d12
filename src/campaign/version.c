/*
 * Versions: a corrected folder becomes versions/N.
 *
 * It is somebody else's and may change under our hands, so it is taken as intake takes a
 * campaign: listed, copied by inode, listed again and compared. Its recipients stay behind,
 * they are in the ledger already. Then everything wrong is told in one go, as for a new
 * campaign; what is more is that a correction may not change who gets the message, when or
 * how it goes.
 */
#include "postrider/campaign/version.h"

#include "folder.h"
#include "postrider/base/file.h"
#include "postrider/campaign/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESERVE (8u << 20) /* octets beside the folder's own */

struct taking {
	const struct pr_version_source *source;
	struct pr_problems *problems;
	int versions, copy; /* descriptors; -1: not open */
	char part[16], name[16];
	struct pr_tree tree;
	struct pr_manifest *manifest;
	struct pr_buf text; /* of the new manifest */
};

/* ---- copy ---- */

static int
open_versions(struct taking *k, struct pr_error *e)
{
	int campaign = k->source->campaign;
	snprintf(k->name, sizeof k->name, "%u", k->source->version);
	snprintf(k->part, sizeof k->part, ".%u.part", k->source->version);
	if (mkdirat(campaign, PR_VERSIONS_FOLDER, 0750) < 0 && errno != EEXIST)
		return pr_fail_errno(e, "cannot make the folder " PR_VERSIONS_FOLDER);
	k->versions =
	    openat(campaign, PR_VERSIONS_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (k->versions < 0)
		return pr_fail_errno(e, "cannot open the folder " PR_VERSIONS_FOLDER);
	/* Of an earlier try that was killed: nobody knows of it. */
	(void)pr_remove_tree(k->versions, k->part);
	(void)pr_remove_tree(k->versions, k->name);
	if (mkdirat(k->versions, k->part, 0750) < 0)
		return pr_fail_errno(e, "cannot make a folder in " PR_VERSIONS_FOLDER);
	k->copy = openat(k->versions, k->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return k->copy < 0 ? pr_fail_errno(e, "cannot open %s", k->part) : 0;
}

static int
check_room(const struct taking *k, struct pr_error *e)
{
	struct statvfs fs;
	uint64_t min_free = k->source->config->min_free;
	if (fstatvfs(k->versions, &fs) < 0)
		return pr_fail_errno(e, "cannot look at the spool's file system");
	uint64_t room = fs.f_bavail * (fs.f_frsize ? fs.f_frsize : fs.f_bsize);
	if (room >= min_free && room - min_free >= k->tree.octets + RESERVE)
		return 0;
	return pr_fail(e, PR_ENOSPC, "no room in the spool: %llu MiB are free, %llu MiB reserved",
	               (unsigned long long)(room >> 20), (unsigned long long)(min_free >> 20));
}

/* The list forgets them, so that they are not copied. */
static void
leave_recipients(struct taking *k)
{
	const char *file = k->source->now->recipients.file.p;
	if (!file)
		return;
	for (size_t i = 0; i < k->tree.n; i++) {
		struct pr_tree_entry *entry = &k->tree.entries[i];
		if (entry->kind != PR_TREE_FILE || entry->path != entry->name || entry->debris ||
		    !pr_name_alike(entry->name, file))
			continue;
		entry->debris = true;
		k->tree.octets -= (uint64_t)entry->st.st_size;
		pr_problem_add(k->problems, PR_WARNING, entry->name, 0,
		               "submit another campaign to reach other people",
		               "is not read: replace does not change the recipients");
	}
}

static int
compare(struct taking *k, uint64_t signature, struct pr_error *e)
{
	struct pr_tree now;
	int r = pr_tree_read(k->source->folder, ".", &now, e);
	if (r == 0 && now.signature != signature)
		r = pr_fail(e, PR_EAGAIN, "the folder changed while it was copied");
	pr_tree_finish(&now);
	return r;
}

static int
copy_folder(struct taking *k, struct pr_error *e)
{
	struct pr_copy copy = {.file_mode = 0640, .folder_mode = 0750, .problems = k->problems};
	int r = pr_tree_read(k->source->folder, ".", &k->tree, e);
	if (r < 0)
		return r;
	pr_tree_problems(&k->tree, k->problems);
	if (k->tree.beyond)
		return 0; /* told; the list is not whole */
	leave_recipients(k);
	r = check_room(k, e);
	if (r == 0)
		r = pr_tree_copy(&k->tree, k->source->folder, k->copy, &copy, e);
	return r == 0 ? compare(k, k->tree.signature, e) : r;
}

/* ---- what a correction may not change ---- */

static const char *const changed[] = {
    "from",   "reply_to", "postal_address", "subject", "headers",   "html",    "preheader", "text",
    "syntax", "language", "track",          "rate",    "stop_loss", "trigger", "steps",     NULL};

static bool
may_change(const char *path)
{
	for (size_t i = 0; changed[i]; i++)
		if (strncmp(path, changed[i], strcspn(path, ".")) == 0 &&
		    strlen(changed[i]) == strcspn(path, "."))
			return true;
	return false;
}

/* Who may still enter a series, and the codes for them. */
static bool
concerns_audience(const char *path)
{
	size_t n = strcspn(path, ".");
	return pr_str_is(pr_str_n(path, n), "audience") ||
	       pr_str_is(pr_str_n(path, n), "required") || pr_str_is(pr_str_n(path, n), "coupons");
}

static bool
same_when(const struct pr_when *a, const struct pr_when *b)
{
	return a->set == b->set && a->fixed == b->fixed && a->local_ms == b->local_ms;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What cannot be compared by its octets. */
static bool
is_same(const char *path, const struct pr_manifest *a, const struct pr_manifest *b)
{
	const struct pr_schedule *x = &a->schedule, *y = &b->schedule;
	if (strcmp(path, "schedule.timezone") == 0)
		return x->by_recipient == y->by_recipient && same_text(x->timezone, y->timezone);
	if (strcmp(path, "schedule.fallback_timezone") == 0)
		return same_text(x->fallback_timezone, y->fallback_timezone);
	if (strcmp(path, "schedule.start") == 0)
		return same_when(&x->start, &y->start);
	if (strcmp(path, "schedule.deadline") == 0)
		return same_when(&x->deadline, &y->deadline);
	return false;
}

/* The indent of `key:` or `"key":` at the beginning of a line; SIZE_MAX: another line. */
static size_t
indent_of(struct pr_str line, struct pr_str key)
{
	size_t at = 0;
	while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\t'))
		at++;
	bool quoted = at < line.n && (line.p[at] == '"' || line.p[at] == '\'');
	struct pr_str rest = pr_str_n(line.p + at + quoted, line.n - at - quoted);
	if (rest.n < key.n + 1 + quoted || memcmp(rest.p, key.p, key.n) != 0 ||
	    rest.p[key.n + quoted] != ':')
		return SIZE_MAX;
	return at;
}

/* Where a key of the top level stands: the like of it that is indented least. 0: not in a line
 * of its own. */
static unsigned
line_of_key(struct pr_str text, const char *path)
{
	struct pr_str key = pr_str_n(path, strcspn(path, "."));
	unsigned line = 1, found = 0;
	size_t least = SIZE_MAX;
	for (size_t at = 0; at < text.n; line++) {
		const char *end = memchr(text.p + at, '\n', text.n - at);
		size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
		size_t indent = indent_of(pr_str_n(text.p + at, n), key);
		if (indent < least) {
			least = indent;
			found = line;
		}
		at += n + 1;
	}
	return found;
}

static void
was(const struct pr_manifest *now, const char *path, const struct pr_yaml_row *row, char *out,
    size_t size)
{
	char shown[100];
	const struct pr_text *t = (const void *)((const char *)now + row->offset);
	if (row->type != PR_YAML_TEXT || strchr(path, '.'))
		snprintf(out, size, "put it back as the campaign has it");
	else if (!t->p)
		snprintf(out, size, "take it out");
	else
		snprintf(out, size, "put it back: it is \"%s\"",
		         pr_str_show(pr_text_str(t), shown, sizeof shown));
}

static void
on_difference(void *context, const char *path, const struct pr_yaml_row *row)
{
	struct taking *k = context;
	char remedy[300];
	bool series = pr_manifest_is_series(k->source->now);
	if (may_change(path) || (series && concerns_audience(path)) ||
	    is_same(path, k->source->now, k->manifest))
		return;
	was(k->source->now, path, row, remedy, sizeof remedy - 40);
	strcat(remedy, ", or submit another campaign");
	pr_problem_add(k->problems, PR_PROBLEM, PR_MANIFEST_FILE,
	               line_of_key(pr_buf_str(&k->text), path), remedy,
	               "replace does not change %s: the campaign is under way", path);
}

/* Rows know their variant, or their step, by its number. */
static void
check_order(struct taking *k)
{
	const struct pr_manifest *a = k->source->now, *b = k->manifest;
	for (unsigned i = 1; i <= a->variants.n && i <= b->variants.n; i++) {
		const struct pr_text *was_there = &pr_manifest_variant(a, i)->name;
		const struct pr_text *is_there = &pr_manifest_variant(b, i)->name;
		if (pr_str_eq(pr_text_str(was_there), pr_text_str(is_there)))
			continue;
		pr_text_problem(k->problems, PR_MANIFEST_FILE, is_there,
		                "put them back in the order of the campaign",
		                "replace does not change variants: number %u was %s", i,
		                was_there->p);
		return;
	}
}

/* Who is under way in a series is at a step by its number: more may come behind, and one that is
 * not wanted is skipped. */
static void
check_steps(struct taking *k)
{
	const struct pr_manifest *a = k->source->now, *b = k->manifest;
	for (unsigned i = 1; i <= a->steps.n; i++) {
		const struct pr_text *was_there = &pr_manifest_step(a, i)->content.name;
		const struct pr_text *is_there =
		    i <= b->steps.n ? &pr_manifest_step(b, i)->content.name : &b->trigger.at;
		if (i <= b->steps.n && pr_str_eq(pr_text_str(was_there), pr_text_str(is_there)))
			continue;
		pr_text_problem(k->problems, PR_MANIFEST_FILE, is_there,
		                "put it back there, with skip: true if nobody is to get it; new "
		                "ones come behind",
		                "steps: number %u was %s, and people are under way by numbers", i,
		                was_there->p);
		return;
	}
}

/* What somebody entered for tells whether they did already. */
static void
check_trigger(struct taking *k)
{
	const struct pr_manifest_trigger *a = &k->source->now->trigger, *b = &k->manifest->trigger;
	const struct pr_coupons_source *was = &k->source->now->coupons, *is = &k->manifest->coupons;
	if (pr_manifest_is_series(k->source->now) && !was->file.p != !is->file.p)
		pr_text_problem(k->problems, PR_MANIFEST_FILE, is->file.p ? &is->file : &b->at,
		                is->file.p ? "take it out, or submit another series"
		                           : "put it back",
		                "replace does not make coupons, nor take them away");
	bool same = a->kind == b->kind && same_text(a->date.p, b->date.p) &&
	            same_text(a->event.p, b->event.p) && same_text(a->absence.p, b->absence.p);
	if (!same)
		pr_text_problem(k->problems, PR_MANIFEST_FILE, &b->at,
		                "put it back, or cancel this one and submit another",
		                "replace does not change what a series is triggered by");
}

/* ---- check ---- */

static void
warn_unknown(struct taking *k)
{
	struct pr_tree t;
	if (pr_tree_read(k->versions, k->part, &t, NULL) == 0)
		pr_folder_unknown(&t, k->manifest, k->problems);
	pr_tree_finish(&t);
}

static void
check(struct taking *k)
{
	const struct pr_version_source *s = k->source;
	unsigned told = k->problems->n;
	pr_folder_fit_names(k->copy);
	(void)pr_manifest_load_content(k->copy, s->now->name.p, k->problems, &k->manifest);
	if (!k->manifest)
		return;
	if (k->manifest->sound &&
	    pr_file_read(k->copy, PR_MANIFEST_FILE, PR_YAML_SIZE_MAX, &k->text, NULL) == 0)
		pr_yaml_diff(&pr_manifest_schema, s->now, k->manifest, on_difference, k);
	if (k->manifest->sound) {
		check_order(k);
		check_steps(k);
		check_trigger(k);
	}
	pr_manifest_check(k->manifest, s->config, k->problems);
	pr_yaml_arrange(pr_buf_str(&k->text), PR_MANIFEST_FILE, k->problems, told);
	warn_unknown(k);
	s->vet(s->context, k->copy, k->manifest, k->problems);
}

/* ---- all of it ---- */

static int
keep(struct taking *k, struct pr_error *e)
{
	if (renameat(k->versions, k->part, k->versions, k->name) < 0)
		return pr_fail_errno(e, "cannot make " PR_VERSIONS_FOLDER "/%s", k->name);
	k->part[0] = 0;
	if (fsync(k->versions) < 0 || fsync(k->source->campaign) < 0)
		return pr_fail_errno(e, "cannot sync " PR_VERSIONS_FOLDER);
	return 0;
}

static int
take(struct taking *k, struct pr_error *e)
{
	int r = open_versions(k, e);
	if (r == 0)
		r = copy_folder(k, e);
	if (r < 0)
		return r;
	check(k);
	return k->problems->problems ? PR_EINVAL : keep(k, e);
}

int
pr_version_take(const struct pr_version_source *source, struct pr_problems *problems,
                struct pr_manifest **out, struct pr_error *e)
{
	struct taking k = {.source = source, .problems = problems, .versions = -1, .copy = -1};
	int r = take(&k, e);
	if (r == 0) {
		*out = k.manifest;
		k.manifest = NULL;
	} else if (k.copy >= 0)
		(void)pr_remove_tree(k.versions, k.part[0] ? k.part : k.name);
	if (k.copy >= 0)
		close(k.copy);
	if (k.versions >= 0)
		close(k.versions);
	pr_manifest_destroy(k.manifest);
	pr_tree_finish(&k.tree);
	pr_buf_finish(&k.text);
	return r;
}

/* ---- afterwards ---- */

int
pr_version_open(int campaign, unsigned version)
{
	char path[32] = ".";
	if (version > 1)
		snprintf(path, sizeof path, PR_VERSIONS_FOLDER "/%u", version);
	return openat(campaign, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void
pr_version_sweep(int campaign, unsigned last)
{
	int fd =
	    openat(campaign, PR_VERSIONS_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		uint64_t n;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!pr_str_u64(pr_str(entry->d_name), &n) || n < 2 || n > last)
			(void)pr_remove_tree(dirfd(d), entry->d_name);
	}
	closedir(d);
}
