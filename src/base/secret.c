/* Secrets in files; see secret.h. */
#include "postrider/base/secret.h"

#include "postrider/base/heap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the open file is, not what its name led to a moment before. */
static int
judge(int fd, const char *path, struct pr_error *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return pr_fail_errno(e, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode))
		return pr_fail(e, PR_EINVAL, "%s is not a file", path);
	if (st.st_mode & 0007)
		return pr_fail(e, PR_EDENIED, "%s: everybody may %s it", path,
		               st.st_mode & 0004 ? "read" : "write");
	return 0;
}

int
pr_secret_open(const char *path, struct pr_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return pr_fail_errno(e, "cannot open %s", path);
	int r = judge(fd, path, e);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

char *
pr_secret_read(const char *path, struct pr_error *e)
{
	char text[PR_SECRET_MAX + 1], *out = NULL;
	int fd = pr_secret_open(path, e);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, PR_SECRET_MAX);
	text[n > 0 ? n : 0] = 0;
	size_t line = strcspn(text, "\r\n");
	if (n < 0)
		pr_fail_errno(e, "cannot read %s", path);
	else if (line == 0)
		pr_fail(e, PR_EINVAL, "%s: its first line is empty", path);
	else if (line == PR_SECRET_MAX)
		pr_fail(e, PR_ELIMIT, "%s: its first line is too long", path);
	else
		out = pr_strndup(text, line);
	explicit_bzero(text, sizeof text);
	close(fd);
	return out;
}

void
pr_secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
