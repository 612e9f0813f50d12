/* Shaping as postrider.yaml has it: which file, and what warms up since when. */
#include "postrider/campaign/config.h"
#include "postrider/shaping/quota.h"

static int
check_source(const struct pr_config *config, const struct pr_source_address *s,
             struct pr_problems *problems)
{
	int64_t day;
	int r = 0;
	if (!s->warm_up.p)
		return 0;
	if (!pr_shaping_warm_up(config->shapes, pr_text_str(&s->warm_up)))
		r = pr_text_problem(problems, config->file, &s->warm_up,
		                    "write the name of one of warm_up in the shaping file",
		                    "sources.%s.warm_up: there is no \"%s\"", s->name.p,
		                    s->warm_up.p);
	if (!pr_quota_parse_day(pr_text_str(&s->since), &day))
		r = pr_text_problem(problems, config->file, &s->since,
		                    "write its first day like 2026-11-01",
		                    "sources.%s.since: \"%s\" is not a day", s->name.p, s->since.p);
	return r;
}

int
pr_shaping_configure(struct pr_config *config, struct pr_problems *problems)
{
	int result = pr_shaping_load(config->shaping.p, problems, &config->shapes);
	if (result < 0)
		return result;
	config->end_shapes = pr_shaping_unref;
	for (size_t i = 0; i < config->sources.n; i++) {
		int r = check_source(config, pr_config_sources(config) + i, problems);
		result = r < 0 ? r : result;
	}
	return result;
}
