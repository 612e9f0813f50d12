/*
 * rejects.csv: row, line, value, reason of every row that is skipped. Written beside its
 * name and renamed when complete, so nobody reads half of it.
 */
#include "recipients_internal.h"

#include "postrider/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NAME "rejects.csv"
#define PART ".rejects.csv"
#define BUFFERED 65536u

static int
flush(struct rejects *r, struct pr_error *e)
{
	if (pr_write_all(r->fd, r->text.data, r->text.len) < 0)
		return pr_fail_errno(e, "cannot write " NAME);
	pr_buf_clear(&r->text);
	return 0;
}

static int
begin(struct rejects *r, struct pr_error *e)
{
	unlinkat(r->dir, PART, 0);
	r->fd = openat(r->dir, PART, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (r->fd < 0)
		return pr_fail_errno(e, "cannot write " NAME);
	pr_buf_adds(&r->text, "row,line,value,reason\r\n");
	return 0;
}

int
rejects_add(struct rejects *r, uint32_t row, uint64_t line, struct pr_str value, const char *why,
            struct pr_error *e)
{
	char shown[400]; /* whatever the row held: one line of valid UTF-8 */
	int result = r->fd < 0 ? begin(r, e) : 0;
	if (result < 0)
		return result;
	pr_buf_addf(&r->text, "%u,%llu,", (unsigned)row, (unsigned long long)line);
	pr_buf_add_csv(&r->text, pr_str(pr_str_show(value, shown, sizeof shown)));
	pr_buf_addc(&r->text, ',');
	pr_buf_add_csv(&r->text, pr_str(why));
	pr_buf_adds(&r->text, "\r\n");
	return r->text.len < BUFFERED ? 0 : flush(r, e);
}

int
rejects_done(struct rejects *r, struct pr_error *e)
{
	if (r->fd < 0) {
		if (unlinkat(r->dir, NAME, 0) < 0 && errno != ENOENT)
			return pr_fail_errno(e, "cannot remove the old " NAME);
		return 0;
	}
	int result = flush(r, e);
	if (result == 0 && fsync(r->fd) < 0)
		result = pr_fail_errno(e, "cannot write " NAME);
	if (result == 0 && renameat(r->dir, PART, r->dir, NAME) < 0)
		result = pr_fail_errno(e, "cannot write " NAME);
	if (result == 0 && pr_fsync_dir(r->dir, ".") < 0)
		result = pr_fail_errno(e, "cannot sync the folder of " NAME);
	return result;
}

void
rejects_finish(struct rejects *r)
{
	if (r->fd >= 0) {
		close(r->fd);
		unlinkat(r->dir, PART, 0); /* not there any more when it was done */
	}
	r->fd = -1;
	pr_buf_finish(&r->text);
}
