/*
 * Secrets in files; see secret.h. The folder is opened first and the file in it: what is judged is
 * what was opened, not what a name led to a moment before.
 */
#include "postrider/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what to do ---- */

static int __attribute__((format(printf, 2, 3)))
advise(struct pr_secret_fault *f, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(f->remedy, sizeof f->remedy, format, ap);
	va_end(ap);
	return f->error.code;
}

/* Who asks, as people and chgrp know it; by number where there is no name. */
static const char *
user_name(char *room, size_t size)
{
	const struct passwd *p = getpwuid(geteuid());
	snprintf(room, size, "user %u", (unsigned)geteuid());
	return p ? p->pw_name : room;
}

static const char *
group_name(char *room, size_t size)
{
	const struct group *g = getgrgid(getegid());
	snprintf(room, size, "%u", (unsigned)getegid());
	return g ? g->gr_name : room;
}

/* The first folder on the way that the user may not enter; NULL: none. */
static const char *
closed_folder(const char *path, char *room, size_t size)
{
	for (const char *slash = path; (slash = strchr(slash + 1, '/'));) {
		snprintf(room, size, "%.*s", (int)(slash - path), path);
		if (faccessat(AT_FDCWD, room, X_OK, AT_EACCESS) < 0 && errno == EACCES)
			return room;
	}
	return NULL;
}

static int
not_opened(struct pr_secret_fault *f, const char *path)
{
	char user[32], group[32], folder[4096];
	int code = pr_fail_errno(&f->error, "cannot open %s", path);
	if (code != PR_EDENIED)
		return advise(f, "make it, or correct its name");
	const char *closed = closed_folder(path, folder, sizeof folder);
	if (closed)
		return advise(f, "let %s into %s, or keep the file in /etc/postrider",
		              user_name(user, sizeof user), closed);
	return advise(f, "let %s read it: chgrp %s %s; chmod 640 %s", user_name(user, sizeof user),
	              group_name(group, sizeof group), path, path);
}

/* ---- what is refused ---- */

static int
judge_folder(int dir, const char *folder, const char *path, struct pr_secret_fault *f)
{
	struct stat st;
	if (fstat(dir, &st) < 0)
		return pr_fail_errno(&f->error, "cannot look at %s", folder);
	if (!(st.st_mode & S_IWOTH) || st.st_mode & S_ISVTX)
		return 0;
	pr_fail(&f->error, PR_EDENIED, "%s: everybody may put another file in its place", path);
	return advise(f, "chmod o-w %s", folder);
}

static int
judge_file(int fd, uid_t owner, const char *path, struct pr_secret_fault *f)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return pr_fail_errno(&f->error, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode)) {
		pr_fail(&f->error, PR_EINVAL, "%s is not a file", path);
		return advise(f, "name a file");
	}
	if (st.st_mode & 0007) {
		bool known = st.st_mode & 0004;
		pr_fail(&f->error, PR_EDENIED, "%s: everybody may %s it", path,
		        known ? "read" : "write");
		return advise(f, "chmod o= %s%s", path,
		              known ? ", and make a new one: this one is known" : "");
	}
	if (owner == PR_SECRET_ANYBODY || st.st_uid == owner || st.st_uid == 0)
		return 0;
	pr_fail(&f->error, PR_EDENIED, "%s belongs to user %u, who may change it", path,
	        (unsigned)st.st_uid);
	return advise(f, "chown root %s", path);
}

static int
open_in(int dir, uid_t owner, const char *path, struct pr_secret_fault *f)
{
	const char *slash = strrchr(path, '/');
	int fd =
	    openat(dir, slash ? slash + 1 : path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return not_opened(f, path);
	int r = judge_file(fd, owner, path, f);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* The file, open; below 0: it is refused. */
static int
open_file(const char *path, uid_t owner, struct pr_secret_fault *f)
{
	const char *slash = strrchr(path, '/');
	char *folder =
	    slash ? pr_strndup(path, (size_t)(slash - path) + (slash == path)) : pr_strdup(".");
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? not_opened(f, path) : judge_folder(dir, folder, path, f);
	if (r == 0)
		r = open_in(dir, owner, path, f);
	if (dir >= 0)
		close(dir);
	free(folder);
	return r;
}

/* ---- reading ---- */

/* Into room that was made before: growing would leave copies. */
static int
read_whole(int fd, const char *path, struct pr_buf *out, struct pr_secret_fault *f)
{
	size_t begin = out->len;
	pr_buf_grow(out, PR_SECRET_FILE_MAX + 1);
	for (ssize_t n = 1; n > 0 && out->len - begin <= PR_SECRET_FILE_MAX;) {
		n = read(fd, out->data + out->len, begin + PR_SECRET_FILE_MAX + 1 - out->len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			return pr_fail_errno(&f->error, "cannot read %s", path);
		else
			out->len += (size_t)n;
	}
	out->data[out->len] = 0;
	if (out->len - begin <= PR_SECRET_FILE_MAX)
		return 0;
	pr_fail(&f->error, PR_ELIMIT, "%s is larger than %u octets", path, PR_SECRET_FILE_MAX);
	return advise(f, "name a file that holds the secret only");
}

int
pr_secret_load(const char *path, uid_t owner, struct pr_buf *out, struct pr_secret_fault *f)
{
	struct pr_secret_fault unheard;
	f = f ? f : &unheard;
	f->remedy[0] = 0;
	int fd = open_file(path, owner, f);
	if (fd < 0)
		return fd;
	int r = read_whole(fd, path, out, f);
	close(fd);
	return r;
}

void
pr_secret_wipe(struct pr_buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
	pr_buf_finish(secret);
}

static char *
first_line(const struct pr_buf *text, const char *path, struct pr_secret_fault *f)
{
	size_t n = strcspn(text->data, "\r\n");
	if (n > 0 && n < PR_SECRET_MAX)
		return pr_strndup(text->data, n);
	pr_fail(&f->error, n ? PR_ELIMIT : PR_EINVAL, "%s: its first line is %s", path,
	        n ? "too long" : "empty");
	advise(f, "write the secret into its first line");
	return NULL;
}

char *
pr_secret_read(const char *path, uid_t owner, struct pr_secret_fault *f)
{
	struct pr_secret_fault unheard;
	struct pr_buf text = {0};
	f = f ? f : &unheard;
	int r = pr_secret_load(path, owner, &text, f);
	char *out = r == 0 ? first_line(&text, path, f) : NULL;
	pr_secret_wipe(&text);
	return out;
}

void
pr_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
