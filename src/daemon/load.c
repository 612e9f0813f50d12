/*
 * The configuration with all that it names and the daemon reads at once: keys, passwords, shaping,
 * rules. What is wrong is told at once, too, and nothing is half in force.
 */
#include "daemon.h"

#include "postrider/campaign/holidays.h"
#include "postrider/classify.h"
#include "postrider/conversions/sign.h"
#include "postrider/message/dkim.h"
#include "postrider/message/token.h"
#include "postrider/routes.h"
#include "postrider/shaping.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Routes read theirs when they are opened, again and again. */
static int
check_secrets(const struct pr_config *config, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < config->routes.n; i++)
		if (pr_route_secret_check(config, pr_config_routes(config) + i, problems) < 0)
			r = PR_EINVAL;
	return r;
}

int
daemon_load(const char *path, struct pr_problems *problems, struct pr_config **out)
{
	int r = pr_config_load(path, problems, out);
	if (r < 0)
		return r;
	int keys = pr_dkim_load(*out, geteuid(), problems);
	int shapes = pr_shaping_configure(*out, problems);
	int tokens = pr_tokens_load(*out, geteuid(), problems);
	int rules = pr_rules_load((*out)->bounces.p, problems, &(*out)->rules);
	(*out)->end_rules = pr_rules_destroy;
	int days = pr_holidays_load(*out, problems);
	int secrets = check_secrets(*out, problems);
	int hooks = pr_webhooks_load(*out, geteuid(), problems);
	int tellers = pr_conversions_load(*out, geteuid(), problems);
	if (keys < 0 || tellers < 0 || shapes < 0 || tokens < 0 || rules < 0 || secrets < 0 ||
	    hooks < 0 || days < 0)
		r = PR_EINVAL;
	if (r < 0)
		pr_config_unref(*out);
	return r;
}

/* Where there is no spool yet: the user of the service, if it has one. */
static int
become_owner(const char *spool, struct pr_error *e)
{
	struct stat st;
	const struct passwd *p =
	    stat(spool, &st) == 0 ? getpwuid(st.st_uid) : getpwnam("postrider");
	if (!p || p->pw_uid == 0)
		return 0;
	if (initgroups(p->pw_name, p->pw_gid) < 0 ||
	    setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		return pr_fail_errno(e, "cannot look at %s as user %s", spool, p->pw_name);
	return 0;
}

int
daemon_become(const char *path, struct pr_error *e)
{
	struct pr_problems problems = {0};
	struct pr_config *config;
	int r = 0;
	if (geteuid() == 0 && pr_config_load(path, &problems, &config) == 0) {
		r = become_owner(config->spool.p, e);
		if (r == 0 && access(path, R_OK) < 0)
			r = pr_fail_errno(e, "the daemon cannot read %s", path);
		pr_config_unref(config);
	}
	pr_problems_finish(&problems);
	return r;
}
