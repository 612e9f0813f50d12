/* A campaign's folder, opened without a daemon. */
#include "trial.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool
cli_is_folder(const char *word)
{
	struct stat st;
	return strchr(word, '/') || strcmp(word, ".") == 0 || strcmp(word, "..") == 0 ||
	       (stat(word, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Its last component as it really is: "." has a name, too. */
static void
name_of(const char *path, char out[256])
{
	char *real = realpath(path, NULL);
	const char *slash = real ? strrchr(real, '/') : NULL;
	snprintf(out, 256, "%s", slash && slash[1] ? slash + 1 : "campaign");
	free(real);
}

enum cli_exit
cli_folder_open(struct cli_folder *f, const char *path)
{
	*f = (struct cli_folder){.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (f->dir < 0)
		return cli_fail_errno("cannot open the folder %s", cli_show(path));
	name_of(path, f->name);
	pr_manifest_load(f->dir, f->name, &f->problems, &f->manifest);
	return CLI_DONE;
}

void
cli_folder_close(struct cli_folder *f)
{
	pr_audience_close(f->audience);
	pr_manifest_destroy(f->manifest);
	pr_problems_finish(&f->problems);
	if (f->dir >= 0)
		close(f->dir);
}

enum cli_exit
cli_trial_variant(struct cli *c, const struct cli_folder *f, struct pr_trial *trial)
{
	const char *name = cli_value(c, "variant");
	size_t n = f->manifest ? f->manifest->wordings_n : 0;
	for (unsigned i = 1; name && i <= n; i++)
		if (f->manifest->wordings[i - 1].name &&
		    strcmp(f->manifest->wordings[i - 1].name, name) == 0) {
			trial->variant = i;
			return CLI_DONE;
		}
	return name ? cli_fail("the campaign has no variant %s", cli_show(name)) : CLI_DONE;
}

/* What postriderd would read: the file itself, by those who may. */
static const struct pr_recipients_from *
look_from(struct cli *c, struct cli_folder *f)
{
	const struct pr_config *config = cli_config(c, false);
	char path[4400];
	if (!config || !f->manifest || !pr_manifest_at_start(f->manifest))
		return NULL;
	snprintf(path, sizeof path, "%s/audience.db", config->state.p);
	if (!f->audience)
		(void)pr_audience_open(path, PR_AUDIENCE_READ, &f->audience, NULL);
	f->from = (struct pr_recipients_from){
	    .audience = f->audience, .config = config, .utc_ms = pr_utc_ms()};
	return &f->from;
}

struct pr_trial
cli_trial(struct cli *c, struct cli_folder *f)
{
	return (struct pr_trial){
	    .manifest = f->manifest,
	    .dir = f->dir,
	    .campaign_id = "preview",
	    .config = cli_config(c, false),
	    .from = look_from(c, f),
	    .utc_ms = pr_utc_ms(),
	};
}
