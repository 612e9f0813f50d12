/* Laws by their words, and what rows say of consent. */
#include "postrider/campaign/law.h"

#include "postrider/base/clock.h"
#include "postrider/base/error.h"

static const char *const words[] = {"us", "ca", "eu", "cn", NULL}; /* in the order of the bits */

static unsigned
law_of(const struct pr_text *word)
{
	for (unsigned i = 0; words[i]; i++)
		if (pr_str_eq_nocase(pr_str_trim(pr_text_str(word)), pr_str(words[i])))
			return 1u << i;
	return 0;
}

unsigned
pr_laws_of(const struct pr_texts *list)
{
	unsigned laws = 0;
	for (size_t i = 0; i < list->n; i++)
		laws |= law_of(&list->items[i]);
	return laws;
}

int
pr_law_check(const struct pr_texts *list, const char *file, const char *key,
             struct pr_problems *problems)
{
	char shown[40];
	int r = 0;
	for (size_t i = 0; i < list->n; i++)
		if (!law_of(&list->items[i]))
			r = pr_text_problem(
			    problems, file, &list->items[i], "write some of us, ca, eu, cn",
			    "%s: \"%s\" is not a law that is known", key,
			    pr_str_show(pr_text_str(&list->items[i]), shown, sizeof shown));
	return r;
}

/* ---- consent ---- */

/* clang-format off */
static const struct pr_yaml_row rows[] = {
	{.key = "column", .type = PR_YAML_TEXT, .flags = PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY,
	 .example = "consent", .offset = offsetof(struct pr_consent, column)},
	{.key = "expires", .type = PR_YAML_TEXT, .flags = PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY,
	 .example = "consent_expires", .offset = offsetof(struct pr_consent, expires)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_consent_schema = {
    .rows = rows, .size = sizeof(struct pr_consent), .scalar_key = "column"};

bool
pr_says_yes(struct pr_str cell)
{
	static const char *const yes[] = {"yes", "true", "1", "y", "on"};
	struct pr_str said = pr_str_trim(cell);
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (pr_str_eq_nocase(said, pr_str(yes[i])))
			return true;
	return false;
}

const char *
pr_consent_ended(struct pr_str expires, int64_t utc_ms)
{
	int64_t last;
	struct pr_str day = pr_str_trim(expires);
	if (day.n == 0)
		return NULL;
	if (!pr_parse_rfc3339(day, &last))
		return "is no day like 2027-01-31";
	bool day_alone = day.n == 10; /* it counts to its end */
	return utc_ms < last + (day_alone ? PR_DAY_MS : 0) ? NULL : "has passed";
}
