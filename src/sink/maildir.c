/*
 * The Maildir. Names are unique by second, process and a counter, and sort in
 * the order of acceptance within a process. A failed write is remembered and
 * told when the message is to be kept.
 */
#include "sink/maildir.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct sink_maildir {
	int tmp, new; /* folders */
	uint64_t counter;
};

static int
open_folder(const char *path, const char *name, struct pr_error *e)
{
	struct pr_buf full = {0};
	pr_buf_addf(&full, "%s/%s", path, name);
	int fd = -1;
	if (pr_mkdirs(full.data, 0777) == 0)
		fd = open(full.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		pr_fail_errno(e, "%s", full.data);
	pr_buf_finish(&full);
	return fd;
}

int
sink_maildir_open(const char *path, struct sink_maildir **out, struct pr_error *e)
{
	struct sink_maildir m = {.tmp = open_folder(path, "tmp", e)};
	m.new = m.tmp < 0 ? -1 : open_folder(path, "new", e);
	int cur = m.new < 0 ? -1 : open_folder(path, "cur", e);
	if (cur < 0) {
		if (m.tmp >= 0)
			close(m.tmp);
		if (m.new >= 0)
			close(m.new);
		return PR_ESYSTEM;
	}
	close(cur);
	*out = pr_alloc(sizeof m);
	**out = m;
	return 0;
}

void
sink_maildir_close(struct sink_maildir *m)
{
	close(m->tmp);
	close(m->new);
	free(m);
}

void
sink_mail_init(struct sink_mail *mail)
{
	*mail = (struct sink_mail){.fd = -1};
}

static void
open_file(struct sink_maildir *m, struct sink_mail *mail)
{
	snprintf(mail->name, sizeof mail->name, "%lld.P%ldQ%012llu.sink",
	         (long long)(pr_utc_ms() / 1000), (long)getpid(), (unsigned long long)++m->counter);
	mail->fd = openat(m->tmp, mail->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	mail->failed = mail->fd < 0;
}

static void
write_held(struct sink_maildir *m, struct sink_mail *mail)
{
	if (mail->fd < 0 && !mail->failed)
		open_file(m, mail);
	if (!mail->failed && pr_write_all(mail->fd, mail->held.data, mail->held.len) < 0)
		mail->failed = true;
	pr_buf_clear(&mail->held);
}

void
sink_mail_add(struct sink_maildir *m, struct sink_mail *mail, struct pr_str octets)
{
	while (octets.n) {
		size_t room = SINK_MAIL_HELD - mail->held.len,
		       n = octets.n < room ? octets.n : room;
		pr_buf_add(&mail->held, octets.p, n);
		octets.p += n;
		octets.n -= n;
		if (mail->held.len == SINK_MAIL_HELD)
			write_held(m, mail);
	}
}

bool
sink_mail_keep(struct sink_maildir *m, struct sink_mail *mail)
{
	write_held(m, mail);
	if (mail->failed || renameat(m->tmp, mail->name, m->new, mail->name) < 0) {
		sink_mail_discard(m, mail);
		return false;
	}
	close(mail->fd);
	mail->fd = -1;
	return true;
}

void
sink_mail_discard(struct sink_maildir *m, struct sink_mail *mail)
{
	if (mail->fd >= 0) {
		close(mail->fd);
		unlinkat(m->tmp, mail->name, 0);
		mail->fd = -1;
	}
	mail->failed = false;
	pr_buf_clear(&mail->held);
}

void
sink_mail_finish(struct sink_maildir *m, struct sink_mail *mail)
{
	if (m)
		sink_mail_discard(m, mail);
	pr_buf_finish(&mail->held);
}
