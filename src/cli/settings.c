/*
 * Which socket, which configuration. The socket: --socket, $POSTRIDER_SOCKET, socket.path of
 * the configuration, the default. The configuration: --config, $POSTRIDER_CONFIG, the default;
 * one that the user named must be good, the default one may be missing or not ours to read.
 */
#include "cli.h"

#include "postrider/base/secret.h"
#include "postrider/campaign/holidays.h"
#include "postrider/message/dkim.h"
#include "postrider/message/token.h"

#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/postrider/postrider.yaml"
#define DEFAULT_SOCKET "/run/postrider/postrider.sock"

static const char *
from_environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static const char *
config_path(const struct cli *c)
{
	const char *path = c->arguments.config;
	if (!path)
		path = from_environment("POSTRIDER_CONFIG");
	return path ? path : DEFAULT_CONFIG;
}

bool
cli_config_named(const struct cli *c)
{
	return c->arguments.config || from_environment("POSTRIDER_CONFIG");
}

/* Keys are the daemon's. Whoever may read them sees signatures in a preview. A file of holidays
 * that is wrong is for the daemon to tell; its days are not known then. */
static void
read_files(struct pr_config *config)
{
	struct pr_problems problems = {0};
	pr_dkim_load(config, PR_SECRET_ANYBODY, &problems);
	pr_tokens_load(config, PR_SECRET_ANYBODY, &problems);
	pr_holidays_load(config, &problems);
	pr_problems_finish(&problems);
}

const struct pr_config *
cli_config(struct cli *c, bool needed)
{
	const char *path = config_path(c);
	bool tell = needed || cli_config_named(c);
	struct pr_problems problems = {0};
	struct pr_buf text = {0};
	if (c->config_read || (!tell && access(path, R_OK) < 0))
		return c->config;
	int r = pr_config_load(path, &problems, &c->config);
	c->config_read = r == 0;
	if (r == 0)
		read_files(c->config);
	if (r < 0 && tell) {
		pr_problems_text(&problems, &text);
		fputs(text.data ? text.data : "", stderr);
		cli_fail("%s cannot be used%s", cli_show(path),
		         cli_config_named(c) ? "" : " (name another with --config FILE)");
	}
	pr_buf_finish(&text);
	pr_problems_finish(&problems);
	return c->config;
}

const char *
cli_socket(struct cli *c)
{
	const char *path = c->arguments.socket;
	if (c->socket)
		return c->socket;
	if (!path)
		path = from_environment("POSTRIDER_SOCKET");
	if (!path) {
		const struct pr_config *config = cli_config(c, false);
		if (!config && cli_config_named(c))
			return NULL;
		path = config ? config->socket.path.p : DEFAULT_SOCKET;
	}
	c->socket = pr_strdup(path);
	return c->socket;
}
