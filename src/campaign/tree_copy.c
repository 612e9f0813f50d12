/*
 * Copying a folder that may change under our hands, and telling its content.
 *
 * Files are opened by path, so a folder on the way could have been swapped for a link: what
 * was opened must be the very inode that the list holds, or the copy gives up (PR_EAGAIN)
 * and the folder waits again. A file that cannot be read is a problem told to its owner; the
 * rest is copied all the same, so that errors.txt can be complete.
 *
 * The copy bears normal names (NFC, no spaces at the end); campaign.yaml, partials,
 * attachments and images are written as we look for them, whatever the case.
 */
#include "tree.h"

#include "postrider/campaign/names.h"
#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK (8u << 20) /* octets between two looks at the stop flag */
#define BUFFER (256u << 10)

/* ---- names ---- */

static void
add_component(struct pr_buf *out, const char *name, bool top)
{
	static const char *const ours[] = {"campaign.yaml", "partials", "attachments", "images"};
	for (size_t i = 0; top && i < sizeof ours / sizeof *ours; i++)
		if (pr_name_alike(name, ours[i])) {
			pr_buf_adds(out, ours[i]);
			return;
		}
	if (!pr_name_normal(name, out))
		pr_buf_adds(out, name); /* refused anyway; its owner gets it back as it was */
}

/* The path in the copy. */
static void
target_of(const char *path, struct pr_buf *out)
{
	char component[256];
	bool top = true;
	pr_buf_clear(out);
	for (;;) {
		size_t n = strcspn(path, "/");
		n = n < sizeof component ? n : sizeof component - 1;
		memcpy(component, path, n);
		component[n] = 0;
		add_component(out, component, top);
		path += n;
		if (*path != '/')
			return;
		pr_buf_addc(out, '/');
		path++;
		top = false;
	}
}

static bool
is_taken(const struct pr_tree_entry *entry)
{
	return !entry->debris && !(entry->name == entry->path && pr_name_is_generated(entry->name));
}

/* ---- one file ---- */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The file of an entry: descriptor; -1 with errno: EACCES and the like; ESTALE: another one. */
static int
open_entry(int dir, const struct pr_tree_entry *entry)
{
	struct stat st;
	int fd =
	    openat(dir, entry->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO)
			errno = ESTALE;
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && same_file(&st, &entry->st))
		return fd;
	close(fd);
	errno = ESTALE;
	return -1;
}

static bool
stopped(_Atomic bool *stop)
{
	return stop && atomic_load(stop);
}

static ssize_t
copy_by_hand(int from, int to)
{
	char *buffer = pr_alloc(BUFFER);
	ssize_t n;
	do
		n = read(from, buffer, BUFFER);
	while (n < 0 && errno == EINTR);
	if (n > 0 && pr_write_all(to, buffer, (size_t)n) < 0)
		n = -1;
	int number = errno;
	free(buffer);
	errno = number;
	return n;
}

/* The kernel may share blocks or copy without us; where it cannot (other file systems, old
 * kernels, sandboxes), we do. */
static ssize_t
copy_some(int from, int to, bool *by_hand)
{
	if (!*by_hand) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, CHUNK, 0);
		if (n >= 0 || errno == ENOSPC || errno == EDQUOT || errno == EIO)
			return n;
		*by_hand = true;
	}
	return copy_by_hand(from, to);
}

static int
copy_octets(int from, int to, uint64_t size, struct pr_copy *copy)
{
	bool by_hand = size == 0; /* some file systems say 0 for what has content */
	uint64_t total = 0;
	for (;;) {
		ssize_t n = copy_some(from, to, &by_hand);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		total += (uint64_t)n;
		if (total > size || stopped(copy->stop))
			break;
	}
	if (stopped(copy->stop))
		errno = ECANCELED;
	else if (total != size)
		errno = ESTALE;
	else
		return fsync(to);
	return -1;
}

static int
fail_copy(struct pr_error *e, const char *path)
{
	if (errno == ECANCELED)
		return pr_fail(e, PR_ECANCELLED, "stopped");
	if (errno == ESTALE)
		return pr_fail(e, PR_EAGAIN, "%s changed while it was copied", path);
	return pr_fail_errno(e, "cannot copy %s", path);
}

static int
copy_into(int from, const struct pr_tree_entry *entry, int dst, const char *target,
          struct pr_copy *copy, struct pr_error *e)
{
	int to = openat(dst, target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                copy->file_mode);
	if (to < 0 && errno == EEXIST) {
		pr_problem_add(copy->problems, PR_PROBLEM, entry->path, 0, "rename one of them",
		               "another file has the same name but for its way of writing");
		copy->incomplete = true;
		return 0;
	}
	if (to < 0)
		return pr_fail_errno(e, "cannot make %s", target);
	int r = copy_octets(from, to, (uint64_t)entry->st.st_size, copy);
	if (r < 0)
		r = fail_copy(e, entry->path);
	if (close(to) < 0 && r == 0)
		r = pr_fail_errno(e, "cannot write %s", target);
	return r;
}

static int
copy_file(int src, const struct pr_tree_entry *entry, int dst, const char *target,
          struct pr_copy *copy, struct pr_error *e)
{
	int from = open_entry(src, entry);
	if (from < 0 && errno != EACCES && errno != EPERM)
		return fail_copy(e, entry->path);
	if (from < 0) {
		pr_problem_add(copy->problems, PR_PROBLEM, entry->path, 0,
		               "chmod -R g+rX the folder", "cannot be read by the daemon: %s",
		               strerror(errno));
		copy->incomplete = true;
		return 0;
	}
	int r = copy_into(from, entry, dst, target, copy, e);
	close(from);
	return r;
}

/* ---- the folder ---- */

static int
copy_entry(int src, const struct pr_tree_entry *entry, int dst, const char *target,
           struct pr_copy *copy, struct pr_error *e)
{
	if (entry->kind == PR_TREE_FILE)
		return copy_file(src, entry, dst, target, copy, e);
	if (entry->kind == PR_TREE_FOLDER && mkdirat(dst, target, copy->folder_mode) < 0 &&
	    errno != EEXIST)
		return pr_fail_errno(e, "cannot make %s", target);
	copy->incomplete |= entry->closed;
	return 0;
}

static int
sync_folders(const struct pr_tree *t, int dst, struct pr_error *e)
{
	struct pr_buf target = {0};
	int r = 0;
	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (t->entries[i].kind != PR_TREE_FOLDER || !is_taken(&t->entries[i]))
			continue;
		target_of(t->entries[i].path, &target);
		if (pr_fsync_dir(dst, target.data) < 0)
			r = pr_fail_errno(e, "cannot sync %s", target.data);
	}
	pr_buf_finish(&target);
	if (r == 0 && fsync(dst) < 0)
		r = pr_fail_errno(e, "cannot sync the copy");
	return r;
}

int
pr_tree_copy(const struct pr_tree *t, int src, int dst, struct pr_copy *copy, struct pr_error *e)
{
	struct pr_buf target = {0};
	int r = 0;
	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!is_taken(&t->entries[i]))
			continue;
		if (stopped(copy->stop)) {
			r = pr_fail(e, PR_ECANCELLED, "stopped");
			break;
		}
		target_of(t->entries[i].path, &target);
		r = copy_entry(src, &t->entries[i], dst, target.data, copy, e);
	}
	pr_buf_finish(&target);
	return r == 0 ? sync_folders(t, dst, e) : r;
}

void
pr_tree_open_up(int dir, mode_t file_mode, mode_t folder_mode, gid_t group)
{
	struct pr_tree t;
	if (pr_tree_read(dir, ".", &t, NULL) == 0)
		for (size_t k = 0; k < t.n; k++) {
			const struct pr_tree_entry *entry = &t.entries[k];
			if (entry->kind > PR_TREE_FOLDER)
				continue;
			(void)fchownat(dir, entry->path, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW);
			(void)fchmodat(dir, entry->path,
			               entry->kind == PR_TREE_FOLDER ? folder_mode : file_mode, 0);
		}
	pr_tree_finish(&t);
	(void)fchown(dir, (uid_t)-1, group);
	(void)fchmod(dir, folder_mode);
}

/* ---- content ---- */

struct digest {
	EVP_MD_CTX *md;
	_Atomic bool *stop;
	char *buffer;
};

static void
digest_add(struct digest *d, const void *data, size_t n)
{
	int ok = EVP_DigestUpdate(d->md, data, n);
	PR_ASSERT(ok == 1);
}

static int
digest_file(struct digest *d, int fd)
{
	ssize_t n;
	while ((n = read(fd, d->buffer, BUFFER)) != 0) {
		if (stopped(d->stop))
			return PR_ECANCELLED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return PR_EIO;
		digest_add(d, d->buffer, (size_t)n);
	}
	return 0;
}

static int
digest_entry(struct digest *d, int dir, const struct pr_tree_entry *entry)
{
	struct pr_buf target = {0};
	target_of(entry->path, &target);
	digest_add(d, target.data, target.len + 1);
	pr_buf_finish(&target);
	uint64_t size = (uint64_t)entry->st.st_size;
	digest_add(d, &size, sizeof size);
	int fd = open_entry(dir, entry), r = 0;
	if (fd >= 0) {
		r = digest_file(d, fd);
		close(fd);
	}
	if (fd < 0 || r == PR_EIO) {
		digest_add(d, &entry->st.st_mtim.tv_sec, sizeof entry->st.st_mtim.tv_sec);
		r = 0;
	}
	return r;
}

int
pr_tree_content(const struct pr_tree *t, int dir, _Atomic bool *stop,
                bool (*counts)(void *context, const struct pr_tree_entry *entry), void *context,
                unsigned char out[PR_TREE_CONTENT_SIZE], struct pr_error *e)
{
	struct digest d = {EVP_MD_CTX_new(), stop, pr_alloc(BUFFER)};
	int r = 0, ok = d.md && EVP_DigestInit_ex(d.md, EVP_sha256(), NULL);
	PR_ASSERT(ok);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		const struct pr_tree_entry *entry = &t->entries[i];
		if (entry->kind == PR_TREE_FILE && is_taken(entry) &&
		    (!counts || counts(context, entry)))
			r = digest_entry(&d, dir, entry);
	}
	if (r == 0)
		EVP_DigestFinal_ex(d.md, out, NULL);
	EVP_MD_CTX_free(d.md);
	free(d.buffer);
	return r == 0 ? 0 : pr_fail(e, r, "stopped");
}
