/*
 * The configuration with all that it names and the daemon reads at once: keys, shaping. What is
 * wrong is told at once, too, and nothing is half in force.
 */
#include "daemon.h"

#include "postrider/message/dkim.h"
#include "postrider/shaping.h"

int
daemon_load(const char *path, struct pr_problems *problems, struct pr_config **out)
{
	int r = pr_config_load(path, problems, out);
	if (r < 0)
		return r;
	int keys = pr_dkim_load(*out, problems), shapes = pr_shaping_configure(*out, problems);
	r = keys < 0 ? keys : shapes;
	if (r < 0)
		pr_config_unref(*out);
	return r;
}
