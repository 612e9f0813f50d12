/* A campaign's folder to write files into, for tests of messages. */
#ifndef TESTS_CAMPAIGN_FOLDER_H
#define TESTS_CAMPAIGN_FOLDER_H

#include "suite.h"

#include "postrider/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static int dir;

static inline void
put(const char *path, const void *data, size_t n)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pr_write_all(fd, data, n), 0);
	close(fd);
}

static inline void
put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static inline void
folder_make(void)
{
	strcpy(folder, "/tmp/postrider-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
}

/* Six rows: no address in the second, and as in the first in the last; the template divides by
 * zero in the third and fifth. */
static inline void
folder_fill(void)
{
	put_text("campaign.yaml", "from: news@mail.acme.example\nsubject: \"Hi {{ name }}\"\n");
	put_text("body.txt", "{{ 10 | divided_by: n }} for {{ name }}\n");
	put_text("recipients.csv",
	         "email,name,n\nann@b.example,Ann,2\nnot an address,Bob,1\n"
	         "cid@b.example,Cid,0\ndora@b.example,Dora,5\neve@b.example,Eve,0\n"
	         "ann@B.example,Ann,2\n");
}

static inline void
folder_remove(void)
{
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
}

#endif
