/* No template can hang, fill memory or overflow the stack: each bound ends a render
 * with PR_ELIMIT and says which it was. */
#include "liquid_trial.h"

static const struct pr_liquid_limits small = {
    .steps = 10000, .output = 10000, .memory = 300000, .nesting = 20};

START_TEST(runaway_templates_end_with_a_reason)
{
	static const struct {
		const char *template, *reason;
	} cases[] = {
	    {"{% for i in (1..1000000000000) %}{% endfor %}", "Step limit"},
	    {"{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}",
	     "Step limit"},
	    {"{% for i in (1..1000) %}12345678901234567890{% endfor %}", "Output limit"},
	    {"{% assign s = 'x' %}{% for i in (1..64) %}{% assign s = s | append: s %}{% endfor %}",
	     "Memory limit"},
	    {"{{ (1..9000000000) | join }}", "Memory limit"},
	    /* few steps, but each over a long text */
	    {"{% assign s = 'x' %}{% for i in (1..16) %}{% assign s = s | append: s %}{% endfor %}"
	     "{% for i in (1..900) %}{{ s | size | times: 0 }}{% endfor %}",
	     "Step limit"},
	    {"{{ (1..100000) | size }}{{ (1..100000) | reverse | size }}", "limit"},
	    {"{% assign s = 'ab' %}{% for i in (1..30) %}{% assign s = s | replace: '', s %}{% "
	     "endfor %}",
	     "Memory limit"},
	    {"{% capture c %}{% for i in (1..1000) %}12345678901234567890{% endfor %}{% endcapture "
	     "%}",
	     "Output limit"},
	    {"{% tablerow i in (1..100000) %}{% endtablerow %}", "limit"},
	    {"{{ '2024-01-01' | date: '%999Y%999Y%999Y%999Y%999Y%999Y%999Y%999Y%999Y%999Y%999Y' }}",
	     "Output limit"},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct trial t = {.limits = &small, .render_errors = i % 2};
		trial_run(&t, cases[i].template);
		ck_assert_msg(t.code == PR_ELIMIT, "%s: %d", cases[i].template, t.code);
		ck_assert_msg(strstr(t.failure.error.text, cases[i].reason) != NULL, "%s: %s",
		              cases[i].template, t.failure.error.text);
		ck_assert_uint_eq(t.failure.line, 1);
		trial_end(&t);
	}
}
END_TEST

START_TEST(partials_nest_only_so_deep)
{
	struct trial t = {.limits = &small};
	trial_run(&t, "{% render 'again' %}");
	ck_assert_int_eq(t.code, PR_EINVAL);
	ck_assert_str_eq(t.failure.error.text, "Liquid error (again line 1): Nesting too deep");
	ck_assert_str_eq(t.failure.file, "partials/again.liquid");
	trial_end(&t);
}
END_TEST

static char *
repeated(const char *open, const char *middle, const char *close, unsigned n)
{
	struct pr_buf b = {0};
	for (unsigned i = 0; i < n; i++)
		pr_buf_adds(&b, open);
	pr_buf_adds(&b, middle);
	for (unsigned i = 0; i < n; i++)
		pr_buf_adds(&b, close);
	return b.data;
}

START_TEST(source_nests_only_so_deep)
{
	static const struct {
		const char *open, *middle, *close;
	} cases[] = {
	    {"{% if yes %}", "x", "{% endif %}"}, {"{{ a", "", ""}, {"{% liquid ", "", "%}"}};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *deep = repeated(cases[i].open, cases[i].middle, cases[i].close, 5000);
		struct trial t = {0};
		trial_run(&t, deep);
		ck_assert_int_eq(t.code, PR_EINVAL);
		free(deep);
		trial_end(&t);
	}
	char *brackets = repeated("[a", "", "]", 5000), *range = repeated("(1..", "1", ")", 5000);
	for (unsigned mode = 0; mode < 4; mode++) {
		struct pr_buf b = {0};
		struct trial t = {.mode = (enum pr_liquid_mode)mode};
		pr_buf_addf(&b, "{{ a%s }}{%% if %s %%}{%% endif %%}", brackets, range);
		trial_run(&t, b.data); /* refused or cut, but never a full stack */
		pr_buf_finish(&b);
		trial_end(&t);
	}
	free(brackets);
	free(range);
}
END_TEST

START_TEST(a_hundred_levels_are_allowed)
{
	char *deep = repeated("{% if yes %}", "x", "{% endif %}", 100);
	struct trial t = {0};
	trial_run(&t, deep);
	ck_assert_str_eq(t.output, "x");
	free(deep);
	trial_end(&t);
}
END_TEST

START_TEST(ordinary_work_stays_far_below_the_defaults)
{
	struct trial t = {0};
	trial_run(&t, "{% for i in (1..50000) %}{{ i }}{% endfor %}");
	ck_assert_int_eq(t.code, 0);
	trial_end(&t);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {runaway_templates_end_with_a_reason},
	    {partials_nest_only_so_deep},
	    {source_nests_only_so_deep},
	    {a_hundred_levels_are_allowed},
	    {ordinary_work_stays_far_below_the_defaults},
	};
	return suite_run("liquid_limits", NULL, NULL, tests, ROWS(tests));
}
