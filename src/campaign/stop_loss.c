/* `stop_loss` of a campaign: three places may say its keys, the nearest to the campaign holds. */
#include "postrider/campaign/stop_loss.h"

#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"

#define LEAST_DEFAULT 200
#define SHARE_MIN 0.00001
#define AT(member) offsetof(struct pr_stop_loss, member)

/* clang-format off */
static const struct pr_yaml_row rows[] = {
	{.key = "bounces", .type = PR_YAML_PERCENT, .min = SHARE_MIN, .max = 1, .example = "5%",
	 .offset = AT(bounces)},
	{.key = "complaints", .type = PR_YAML_PERCENT, .min = SHARE_MIN, .max = 1,
	 .example = "0.1%", .offset = AT(complaints)},
	{.key = "deferrals", .type = PR_YAML_PERCENT, .min = SHARE_MIN, .max = 1,
	 .example = "50%", .offset = AT(deferrals)},
	{.key = "least", .type = PR_YAML_INT, .min = 1, .max = 1e9, .example = "200",
	 .offset = AT(least)},
	{.key = "window", .type = PR_YAML_DURATION, .min = PR_SECOND_MS, .max = PR_DAY_MS,
	 .example = "10m", .offset = AT(window_ms)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_stop_loss_schema = {.rows = rows,
                                                   .size = sizeof(struct pr_stop_loss)};

/* Where the nearer one says nothing. */
static void
add(struct pr_stop_loss *to, const struct pr_stop_loss *further)
{
	to->bounces = to->bounces > 0 ? to->bounces : further->bounces;
	to->complaints = to->complaints > 0 ? to->complaints : further->complaints;
	to->deferrals = to->deferrals > 0 ? to->deferrals : further->deferrals;
	to->least = to->least ? to->least : further->least;
	to->window_ms = to->window_ms ? to->window_ms : further->window_ms;
}

struct pr_stop_loss
pr_stop_loss_of(const struct pr_manifest *m, const struct pr_config *config)
{
	static const struct pr_stop_loss last = {.least = LEAST_DEFAULT,
	                                         .window_ms = 10 * PR_MINUTE_MS};
	struct pr_stop_loss l = m->stop_loss;
	const struct pr_brand *brand =
	    m->brand.p ? pr_config_brand(config, pr_text_str(&m->brand)) : NULL;
	if (brand)
		add(&l, &brand->stop_loss);
	add(&l, &config->stop_loss);
	add(&l, &last);
	return l;
}
