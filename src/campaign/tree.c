/*
 * Reading a folder as a list.
 *
 * A folder in incoming/ may vanish, grow or be swapped for a link between two calls. So
 * each level is opened by its name without following links, everything else hangs on that
 * descriptor, and an entry that is gone when it is looked at is simply not in the list: the
 * signature differs next time, and the folder is not settled.
 *
 * Dotfiles count for the signature though they are never copied: rsync uploads under such
 * names, and a folder with an upload under way must not look quiet.
 */
#include "tree.h"

#include "postrider/campaign/names.h"
#include "postrider/base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Fixed: signatures are compared across restarts. */
static const struct pr_hash_key signature_key = {0x706f737472696465u, 0x696e74616b650001u};

struct walk {
	struct pr_tree *t;
	char path[PR_TREE_PATH_MAX + 256 + 2];
};

static int64_t
ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct pr_tree_entry *
add_entry(struct pr_tree *t, const char *path, size_t n)
{
	if (t->n == PR_TREE_FILES_MAX) {
		t->beyond = "holds more than 10000 files";
		return NULL;
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 32;
		t->entries = pr_realloc(t->entries, t->cap * sizeof *t->entries);
	}
	struct pr_tree_entry *entry = &t->entries[t->n++];
	*entry = (struct pr_tree_entry){.path = pr_arena_strndup(&t->arena, path, n)};
	const char *slash = strrchr(entry->path, '/');
	entry->name = slash ? slash + 1 : entry->path;
	return entry;
}

static enum pr_tree_kind
kind_of(mode_t mode)
{
	return S_ISREG(mode)   ? PR_TREE_FILE
	       : S_ISDIR(mode) ? PR_TREE_FOLDER
	       : S_ISLNK(mode) ? PR_TREE_LINK
	                       : PR_TREE_SPECIAL;
}

static void
note_top(struct pr_tree *t, const struct pr_tree_entry *entry)
{
	bool file = entry->kind == PR_TREE_FILE;
	if (strcmp(entry->name, ".ready") == 0)
		t->ready = true;
	else if (file && pr_name_alike(entry->name, "campaign.yaml"))
		t->manifest = true;
}

static void read_level(struct walk *w, int fd, size_t at, unsigned depth, bool debris);

static void
read_entry(struct walk *w, int dir, const char *name, size_t at, unsigned depth, bool debris)
{
	size_t n = strlen(name);
	struct stat st;
	if (at + n > PR_TREE_PATH_MAX) {
		w->t->beyond = "holds a path longer than 1000 octets";
		return;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	memcpy(w->path + at, name, n + 1);
	struct pr_tree_entry *entry = add_entry(w->t, w->path, at + n);
	if (!entry)
		return;
	entry->st = st;
	entry->kind = kind_of(st.st_mode);
	entry->debris = debris || pr_name_is_debris(name) ||
	                (depth == 0 && entry->kind == PR_TREE_FOLDER && pr_name_is_generated(name));
	if (depth == 0)
		note_top(w->t, entry);
	if (entry->kind == PR_TREE_FILE && !entry->debris) {
		w->t->octets += (uint64_t)st.st_size;
		w->t->partial |= pr_name_is_partial(name);
	}
	if (entry->kind != PR_TREE_FOLDER || entry->debris)
		return;
	if (depth + 1 == PR_TREE_DEPTH_MAX) {
		w->t->beyond = "holds folders more than 8 deep";
		return;
	}
	size_t index = w->t->n - 1;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		w->t->entries[index].closed = errno == EACCES || errno == EPERM;
		return;
	}
	w->path[at + n] = '/';
	read_level(w, fd, at + n + 1, depth + 1, false);
}

/* Closes fd. */
static void
read_level(struct walk *w, int fd, size_t at, unsigned depth, bool debris)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *entry; !w->t->beyond && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			read_entry(w, dirfd(d), entry->d_name, at, depth, debris);
	closedir(d);
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct pr_tree_entry *)a)->path,
	              ((const struct pr_tree_entry *)b)->path);
}

static void
sign(struct pr_buf *b, const char *path, const struct stat *st, bool with_ctime)
{
	uint64_t facts[] = {(uint64_t)st->st_dev,
	                    (uint64_t)st->st_ino,
	                    (uint64_t)st->st_size,
	                    (uint64_t)st->st_mtim.tv_sec,
	                    (uint64_t)st->st_mtim.tv_nsec,
	                    with_ctime ? (uint64_t)st->st_ctim.tv_sec : 0,
	                    with_ctime ? (uint64_t)st->st_ctim.tv_nsec : 0,
	                    st->st_mode,
	                    st->st_uid};
	pr_buf_add(b, path, strlen(path) + 1);
	pr_buf_add(b, facts, sizeof facts);
}

/* The folder's own ctime is left out: our claim, a rename, changes it. */
static void
sign_all(struct pr_tree *t)
{
	struct pr_buf b = {0};
	sign(&b, "", &t->st, false);
	t->changed_ns = ns_of(t->st.st_ctim);
	for (size_t i = 0; i < t->n; i++) {
		sign(&b, t->entries[i].path, &t->entries[i].st, true);
		int64_t changed = ns_of(t->entries[i].st.st_ctim);
		t->changed_ns = changed > t->changed_ns ? changed : t->changed_ns;
	}
	t->signature = pr_siphash(signature_key, b.data, b.len);
	pr_buf_finish(&b);
}

int
pr_tree_read(int parent, const char *name, struct pr_tree *t, struct pr_error *e)
{
	*t = (struct pr_tree){0};
	pr_arena_init(&t->arena);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return pr_fail(e, PR_ENOENT, "%s is not a folder", name);
	if (fd < 0)
		return pr_fail_errno(e, "cannot open the folder %s", name);
	if (fstat(fd, &t->st) < 0) {
		close(fd);
		return pr_fail_errno(e, "cannot look at %s", name);
	}
	struct walk w = {.t = t};
	read_level(&w, fd, 0, 0, false);
	if (t->n)
		qsort(t->entries, t->n, sizeof *t->entries, by_path);
	if (t->octets > PR_TREE_OCTETS_MAX)
		t->beyond = "holds more than 64 GiB";
	sign_all(t);
	return 0;
}

void
pr_tree_finish(struct pr_tree *t)
{
	free(t->entries);
	pr_arena_finish(&t->arena);
	*t = (struct pr_tree){0};
}

static void
entry_problem(const struct pr_tree *t, const struct pr_tree_entry *entry, struct pr_problems *p)
{
	struct pr_buf normal = {0};
	if (entry->kind == PR_TREE_LINK)
		pr_problem_add(p, PR_PROBLEM, entry->path, 0, "put the file itself in its place",
		               "is a symbolic link");
	else if (entry->kind == PR_TREE_SPECIAL)
		pr_problem_add(p, PR_PROBLEM, entry->path, 0, "remove it",
		               "is no regular file (a device, a fifo or a socket)");
	else if (entry->closed)
		pr_problem_add(p, PR_PROBLEM, entry->path, 0, "chmod -R g+rX the folder",
		               "the folder cannot be read by the daemon");
	else if (entry->kind == PR_TREE_FILE && entry->st.st_nlink > 1 &&
	         entry->st.st_uid != t->st.st_uid)
		/* Or whoever may drop could have our own files attached and sent to him. */
		pr_problem_add(p, PR_PROBLEM, entry->path, 0, "put a copy in its place",
		               "is a hard link to a file of another user");
	else if (!pr_name_normal(entry->name, &normal))
		pr_problem_add(p, PR_PROBLEM, entry->path, 0, "rename it",
		               "the name is not UTF-8, or has control characters or a backslash");
	pr_buf_finish(&normal);
}

void
pr_tree_problems(const struct pr_tree *t, struct pr_problems *problems)
{
	if (t->beyond)
		pr_problem_add(problems, PR_PROBLEM, "", 0,
		               "keep only what the campaign needs in it", "the folder %s",
		               t->beyond);
	for (size_t i = 0; i < t->n; i++)
		if (!t->entries[i].debris)
			entry_problem(t, &t->entries[i], problems);
}
