/* What goes wrong is told where it stands, with the nearest name, all at once. */
#include "liquid_trial.h"

struct mistake {
	const char *template;
	unsigned line, column;
	const char *what, *remedy; /* remedy NULL: not looked at */
};

START_TEST(mistakes_point_at_line_and_column)
{
	static const struct mistake cases[] = {
	    {"a\n  {{ name | upcas }}", 2, 13, "Unknown filter 'upcas'", "did you mean 'upcase'?"},
	    {"{% fro i in items %}", 1, 1, "Unknown tag 'fro'", "did you mean 'for'?"},
	    {"x\n\n{% if yes %}", 3, 1, "'if' tag was never closed", NULL},
	    {"{% endif %}", 1, 1, "Unexpected outer 'endif' tag", NULL},
	    {"{% if yes %}{% endfor %}{% endif %}", 1, 13,
	     "'endfor' is not a valid delimiter for if tags. use endif", NULL},
	    {"{{ name", 1, 1,
	     "Variable '{{ name' was not properly terminated with regexp: /\\}\\}/",
	     "close it with }}"},
	    {"{% assign x 5 %}", 1, 11,
	     "Syntax Error in 'assign' - Valid syntax: assign [var] = [source]", NULL},
	    {"{{ name ! }}", 1, 9, "Unexpected character !", NULL},
	    {"{{ name | truncate: }}{{ 'a' | append }}", 1, 32,
	     "The filter 'append' takes 1 to 1 arguments, 0 are given", NULL},
	    {"{% for i items %}{% endfor %}", 1, 10, "For loops require an 'in' clause", NULL},
	    {"{% render 'greting' %}", 1, 11, "There is no partial 'greting'",
	     "did you mean 'greeting'?"},
	    {"{% liquid\n assign a = 1\n ehco a\n%}", 3, 2, "Unknown tag 'ehco'",
	     "did you mean 'echo'?"},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct mistake *c = &cases[i];
		struct trial t = {.ours = true};
		trial_run(&t, c->template);
		ck_assert_int_eq(t.code, PR_EINVAL);
		ck_assert_uint_eq(t.problems.n, 1);
		struct pr_problem *p = &t.problems.items[0];
		ck_assert_str_eq(p->what, c->what);
		ck_assert_msg(p->line == c->line && p->column == c->column, "%s: at %u:%u",
		              c->template, p->line, p->column);
		if (c->remedy)
			ck_assert_str_eq(p->remedy, c->remedy);
		ck_assert_str_eq(p->file, "body.html");
		trial_end(&t);
	}
}
END_TEST

START_TEST(all_mistakes_are_told_at_once_with_their_line)
{
	struct trial t = {.ours = true};
	struct pr_buf text = {0};
	trial_run(&t, "{{ a | nope }}\n  {{ b ! }}\n{% if %}{% endif %}");
	ck_assert_uint_eq(t.problems.problems, 3);
	ck_assert_str_eq(t.problems.items[1].excerpt, "  {{ b ! }}");
	pr_problems_text(&t.problems, &text);
	ck_assert_ptr_nonnull(strstr(text.data, "body.html:2:8: error: Unexpected character !\n"
	                                        "      {{ b ! }}\n           ^\n"));
	pr_buf_finish(&text);
	trial_end(&t);
}
END_TEST

START_TEST(mistakes_in_partials_name_their_file)
{
	struct trial t = {.ours = true};
	trial_run(&t, "{% render 'broken' %}");
	ck_assert_int_eq(t.code, PR_EINVAL);
	ck_assert_str_eq(t.problems.items[0].file, "partials/broken.liquid");
	trial_end(&t);
	t = (struct trial){.render_errors = true};
	trial_run(&t, "a{% render 'broken' %}b");
	ck_assert_str_eq(t.output, "aLiquid syntax error (broken line 1): Expected id but found "
	                           "end_of_stringb");
	trial_end(&t);
}
END_TEST

START_TEST(names_that_nothing_provides_are_warned_of)
{
	struct trial t = {.ours = true, .names_closed = true};
	trial_run(&t, "{% assign x = 1 %}{{ x }}{% for i in items %}{{ i }}{{ forloop.index }}"
	              "{% endfor %}\n{{ prodct.all }}{{ name }}{% increment n %}{{ n }}");
	ck_assert_int_eq(t.code, 0);
	ck_assert_uint_eq(t.problems.warnings, 1);
	struct pr_problem *p = &t.problems.items[0];
	ck_assert_str_eq(p->what, "Nothing provides the variable 'prodct': it stays empty");
	ck_assert_str_eq(p->remedy, "did you mean 'product'?");
	ck_assert_uint_eq(p->line, 2);
	ck_assert_uint_eq(p->column, 4);
	trial_end(&t);
}
END_TEST

START_TEST(run_time_errors_stop_or_appear_in_the_output)
{
	struct trial t = {0};
	trial_run(&t, "a\n{{ 1 | divided_by: 0 }}b");
	ck_assert_int_eq(t.code, PR_EINVAL);
	ck_assert_str_eq(t.output, "a\n");
	ck_assert_str_eq(t.failure.error.text, "Liquid error (line 2): divided by 0");
	ck_assert_uint_eq(t.failure.line, 2);
	ck_assert_uint_eq(t.failure.column, 1);
	ck_assert_str_eq(t.failure.file, "body.html");
	trial_end(&t);
	static const struct trial_case cases[] = {
	    {"a{{ 1 | divided_by: 0 }}b", "aLiquid error (line 1): divided by 0b"},
	    {"{% if 1 < 'x' %}y{% endif %}z",
	     "Liquid error (line 1): comparison of Integer with String failedz"},
	    {"{% for i in items limit: 'x' %}y{% endfor %}z",
	     "Liquid error (line 1): invalid integerz"},
	    {"{{ 'x' | append: 1, 2 }}",
	     "Liquid error (line 1): wrong number of arguments (given 3, expected 2)"},
	    {"{{ words | map: 'x' | join }}{{ items | map: 'x' }}",
	     "  Liquid error (line 1): cannot select the property 'x'"},
	    {"{% render 'missing' %}.", "Liquid error: Could not find asset missing."},
	};
	TRIAL_CASES(cases, ((struct trial){.render_errors = true}));
}
END_TEST

START_TEST(abort_ends_with_its_reason)
{
	struct trial t = {.render_errors = true};
	trial_run(&t, "a{% if count > 5 %}{% abort 'no stock' %}{% endif %}b");
	ck_assert_int_eq(t.code, PR_ECANCELLED);
	ck_assert_str_eq(t.failure.error.text, "no stock");
	ck_assert_str_eq(t.output, "a");
	trial_end(&t);
}
END_TEST

START_TEST(first_line_counts_from_where_the_text_stands)
{
	struct pr_liquid_source source = {
	    .text = PR_STR("\n{{ ! }}"), .file = "campaign.yaml", .first_line = 7};
	struct pr_problems problems = {0};
	pr_liquid *t = NULL;
	ck_assert_int_lt(pr_liquid_compile(&source, &problems, &t), 0);
	ck_assert_ptr_null(t);
	ck_assert_uint_eq(problems.items[0].line, 8);
	pr_problems_finish(&problems);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {mistakes_point_at_line_and_column},
	    {all_mistakes_are_told_at_once_with_their_line},
	    {mistakes_in_partials_name_their_file},
	    {names_that_nothing_provides_are_warned_of},
	    {run_time_errors_stop_or_appear_in_the_output},
	    {abort_ends_with_its_reason},
	    {first_line_counts_from_where_the_text_stands},
	};
	return suite_run("liquid_errors", NULL, NULL, tests, ROWS(tests));
}
