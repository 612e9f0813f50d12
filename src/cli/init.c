/* `postrider init DIR`: the sample campaign, to be changed and sent. */
#include "cli.h"
#include "sample.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	bool empty = d != NULL;
	for (struct dirent *entry; empty && (entry = readdir(d));)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

/* The folder a file is in, when it is in one within the campaign's. */
static int
make_folder(int dir, const char *name)
{
	char folder[64];
	const char *slash = strchr(name, '/');
	if (!slash)
		return 0;
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
	return mkdirat(dir, folder, 0777) < 0 && errno != EEXIST ? -1 : 0;
}

static int
write_file(int dir, const struct cli_sample *file)
{
	if (make_folder(dir, file->name) < 0)
		return -1;
	int fd = openat(dir, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -1;
	int r = pr_write_all(fd, file->data, file->n);
	return close(fd) < 0 ? -1 : r;
}

enum cli_exit
cli_run_init(struct cli *c)
{
	const char *path = c->arguments.words[0];
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return cli_fail_errno("cannot make %s", cli_show(path));
	if (!is_empty(path))
		return cli_fail("%s is there already and not an empty folder: name a new one",
		                cli_show(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return cli_fail_errno("cannot open %s", cli_show(path));
	for (const struct cli_sample *file = cli_sample; file->name; file++)
		if (write_file(dir, file) < 0) {
			enum cli_exit result =
			    cli_fail_errno("cannot write %s/%s", cli_show(path), file->name);
			close(dir);
			return result;
		}
	close(dir);
	if (c->arguments.json) {
		struct pr_buf b = {0};
		pr_buf_adds(&b, "{\"folder\":");
		pr_buf_add_json(&b, pr_str(path));
		pr_buf_adds(&b, ",\"files\":[");
		for (const struct cli_sample *file = cli_sample; file->name; file++)
			pr_buf_addf(&b, "%s\"%s\"", file == cli_sample ? "" : ",", file->name);
		printf("%s]}\n", b.data);
		pr_buf_finish(&b);
		return CLI_DONE;
	}
	printf("A sample campaign is in %s: change campaign.yaml, body.html, body.txt and\n"
	       "recipients.csv, then\n"
	       "  postrider check %s      finds what is wrong\n"
	       "  postrider preview %s    shows the first message\n"
	       "  postrider submit %s     sends it\n",
	       cli_show(path), cli_show(path), cli_show(path), cli_show(path));
	return CLI_DONE;
}
