/* Passwords and keys: the first line of a file that only its owner and group may read. */
#include "internal.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MAX 4096u

char *
secret_read(const char *path, struct pr_error *e)
{
	struct stat st;
	struct pr_buf text = {0};
	char *out = NULL;
	if (stat(path, &st) < 0)
		pr_fail_errno(e, "cannot look at %s", path);
	else if (st.st_mode & 0007)
		pr_fail(e, PR_EINVAL, "%s may be read by everybody: chmod o= %s", path, path);
	else if (pr_file_read(AT_FDCWD, path, SECRET_MAX, &text, e) == 0) {
		size_t n = text.len ? strcspn(text.data, "\r\n") : 0;
		if (n == 0)
			pr_fail(e, PR_EINVAL, "%s is empty", path);
		else
			out = pr_strndup(text.data, n);
		explicit_bzero(text.data, text.len);
	}
	pr_buf_finish(&text);
	return out;
}

void
secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
