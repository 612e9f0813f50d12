/*
 * The path comes from a stranger and is walked by the daemon: from the spool's descriptor,
 * through no symbolic link, not into the daemon's own folders.
 */
#include "handing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int
handing_tidy(const char *path, char *out, size_t size, struct pr_error *e)
{
	size_t n = 0;
	out[0] = 0;
	for (const char *p = path; *p;) {
		size_t part = strcspn(p, "/");
		if (part == 2 && memcmp(p, "..", 2) == 0)
			return pr_fail(e, PR_EINVAL, "path must not hold \"..\"");
		if (part > 0 && !(part == 1 && *p == '.')) {
			if (n + part + 2 > size)
				return pr_fail(e, PR_EINVAL, "path is too long");
			n += (size_t)snprintf(out + n, size - n, "%s%.*s", n ? "/" : "", (int)part,
			                      p);
		}
		p += part + (p[part] == '/');
	}
	return 0;
}

/* Splits PATH, which must lie below the spool, into its folder and name there. */
static int
split(struct handing *h, const char *spool, const char *path, bool hidden, struct pr_error *e)
{
	static const char *const own[] = {"active", "done", "rejected", NULL};
	size_t n = strlen(spool);
	if (strncmp(path, spool, n) != 0 || path[n] != '/')
		return pr_fail(e, PR_EINVAL, "path must be a folder under %s", spool);
	int r = handing_tidy(path + n, h->parent_path, sizeof h->parent_path, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; own[i]; i++) {
		size_t k = strlen(own[i]);
		if (strncmp(h->parent_path, own[i], k) == 0 &&
		    (h->parent_path[k] == '/' || !h->parent_path[k]))
			return pr_fail(e, PR_EINVAL, "path lies in a folder of the daemon's own");
	}
	char *slash = strrchr(h->parent_path, '/'), *name = slash ? slash + 1 : h->parent_path;
	size_t name_n = strlen(name);
	if (!id_is_sound(hidden && name[0] == '.' ? name + 1 : name) || name_n >= sizeof h->name ||
	    strcmp(name, "incoming") == 0)
		return pr_fail(e, PR_EINVAL, "the folder's name cannot be used");
	memcpy(h->name, name, name_n + 1);
	if (slash)
		*slash = 0;
	else
		h->parent_path[0] = 0;
	return 0;
}

/* Below `dir`, one part after the other and through no symbolic link. openat2 would do it in one
 * call, but not for a service: RestrictSUIDSGID= of systemd takes it away. */
static int
open_below(int dir, const char *path)
{
	char part[NAME_MAX + 1];
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	while (at >= 0 && *path) {
		size_t n = strcspn(path, "/");
		snprintf(part, sizeof part, "%.*s", n < sizeof part ? (int)n : 0, path);
		int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int why = errno;
		close(at);
		errno = why;
		at = next;
		path += n + (path[n] == '/');
	}
	return at;
}

static int
open_all(struct handing *h, const char *spool, struct pr_error *e)
{
	h->spool = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->spool < 0 || (h->incoming = open_below(h->spool, "incoming")) < 0)
		return pr_fail_errno(e, "cannot open %s/incoming", spool);
	h->parent = open_below(h->spool, h->parent_path);
	if (h->parent < 0 || (h->folder = open_below(h->parent, h->name)) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return pr_fail(e, PR_EINVAL,
			               "path is not a folder, or leads through a link");
		return pr_fail_errno(e, "cannot open the folder");
	}
	return 0;
}

static int
check_owner(const struct request *q, const struct handing *h, struct pr_error *e)
{
	struct stat st, named;
	if (fstat(h->folder, &st) < 0 ||
	    fstatat(h->parent, h->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return pr_fail_errno(e, "cannot look at the folder");
	if (!q->peer.is_operator && st.st_uid != q->peer.uid)
		return pr_fail(e, PR_EDENIED, "the folder belongs to somebody else");
	if (st.st_ino != named.st_ino || st.st_dev != named.st_dev)
		return pr_fail(e, PR_EAGAIN, "the folder changed while it was looked at");
	return 0;
}

int
handing_open(const struct request *q, const char *path, bool hidden, struct handing *h,
             struct pr_error *e)
{
	const char *spool = q->control->options.config->spool.p;
	*h = (struct handing){-1, -1, -1, -1, "", ""};
	int r = split(h, spool, path, hidden, e);
	if (r == 0)
		r = open_all(h, spool, e);
	return r == 0 ? check_owner(q, h, e) : r;
}

void
handing_close(struct handing *h)
{
	int fds[] = {h->spool, h->parent, h->incoming, h->folder};
	for (unsigned i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
