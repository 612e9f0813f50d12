/* The language: output, paths, conditions, tags, white space. From its documentation. */
#include "liquid_trial.h"

START_TEST(paths_lead_through_hashes_and_lists)
{
	static const struct trial_case cases[] = {
	    {"{{ name }}", "Zo\xC3\xAB <Ann>"},
	    {"{{ product.all[0].title }}", "Shoe"},
	    {"{{ product['all'][1]['price'] }}", "10"},
	    {"{{ product.all.last.title }}", "apron"},
	    {"{{ items[-1] }}{{ items[3] }}|{{ items.size }}{{ items.first }}", "2|33"},
	    {"{{ product.all.size }} {{ name.size }}", "2 9"},
	    {"{{ nothing.at.all }}|{{ unknown }}|{{ count.x }}", "||"},
	    {"{% assign key = 'all' %}{{ product[key].first.title }}", "Shoe"},
	    {"{{ self['name'] }}{{ self.count }}", "Zo\xC3\xAB <Ann>7"},
	    {"{{ items }}{{ yes }}{{ no }}{{ price }}", "312truefalse12.5"},
	    {"{{ 'a' }}{{ \"b\" }}{{ 3 }}{{ -2.50 }}{{ nil }}{{ true }}{{ (1..3) }}",
	     "ab3-2.5true1..3"},
	    {"{{ 18446744073709551616 | plus: 1 }}", "18446744073709551617"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(conditions_compare_as_ruby_does)
{
	static const struct trial_case cases[] = {
	    {"{% if yes %}y{% else %}n{% endif %}", "y"},
	    {"{% if empty_text %}y{% endif %}", "y"},
	    {"{% if nothing or no %}y{% else %}n{% endif %}", "n"},
	    {"{% if count == 7.0 and count > 6 %}y{% endif %}", "y"},
	    {"{% if true or false and false %}y{% endif %}", "y"},
	    {"{% if false and false or true %}y{% else %}n{% endif %}", "n"},
	    {"{% if empty_text == blank and empty_text == empty %}y{% endif %}", "y"},
	    {"{% if nothing == blank %}y{% endif %}{% if nothing == empty %}n{% endif %}", "y"},
	    {"{% if name contains 'Ann' and items contains 3 %}y{% endif %}", "y"},
	    {"{% if 'a' < 'b' %}y{% endif %}{% if nothing < 1 %}n{% endif %}", "y"},
	    {"{% if count <> 7 %}a{% elsif count != 8 %}b{% endif %}", "b"},
	    {"{% unless no %}u{% endunless %}{% unless yes %}a{% else %}b{% endunless %}", "ub"},
	    {"{% case count %}{% when 1, 2 %}a{% when 7 or 8 %}b{% else %}c{% endcase %}", "b"},
	    {"{% case name %}{% when 'x' %}a{% else %}c{% endcase %}", "c"},
	    {"{% case count %}{% when 7 %}a{% when 7, 7 %}b{% endcase %}", "abb"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(loops_walk_lists_ranges_and_hashes)
{
	static const struct trial_case cases[] = {
	    {"{% for i in items %}{{ i }}{% endfor %}", "312"},
	    {"{% for i in items reversed limit: 2 offset: 1 %}{{ i }}{% endfor %}", "21"},
	    {"{% for i in (1..count) limit: 3 %}{{ i }}{% endfor %}", "123"},
	    {"{% for i in (1..6) limit: 2 %}{{ i }}{% endfor %}-{% for i in (1..6) limit: 2 "
	     "offset: continue %}{{ i }}{% endfor %}",
	     "12-34"},
	    {"{% for i in empty_text %}x{% else %}none{% endfor %}", "none"},
	    {"{% for i in items %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
	     "32"},
	    {"{% for i in items %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}.", "3."},
	    {"{% for i in items %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.rindex }}"
	     "{{ forloop.rindex0 }}{{ forloop.first }}{{ forloop.last }} {% endfor %}",
	     "1032truefalse 2121falsefalse 3210falsetrue "},
	    {"{% for i in items %}{% for j in (1..2) %}{{ forloop.parentloop.index }}{{ j }} "
	     "{% endfor %}{% endfor %}",
	     "11 12 21 22 31 32 "},
	    {"{% for pair in product.all[0] %}{{ pair[0] }}={{ pair[1] }};{% endfor %}",
	     "title=Shoe;price=30;"},
	    {"{% assign i = 'o' %}{% for i in items %}{% assign i = 'in' %}{{ i }}{% endfor %}{{ i "
	     "}}",
	     "312in"},
	    {"{% for i in items %}{% capture c %}{{ i }}{% break %}x{% endcapture %}{% endfor %}{{ "
	     "c }}",
	     "3"},
	    {"{% tablerow i in items cols: 2 %}{{ i }}{{ tablerowloop.col_last }}{% endtablerow %}",
	     "<tr class=\"row1\">\n<td class=\"col1\">3false</td><td "
	     "class=\"col2\">1true</td></tr>\n"
	     "<tr class=\"row2\"><td class=\"col1\">2false</td></tr>\n"},
	    {"{% for i in (1..4) %}{% cycle 'a', 'b' %}{% cycle 'n': 1, 2, 3 %}{% endfor %}",
	     "a1b2a3b1"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(values_are_kept_counted_and_captured)
{
	static const struct trial_case cases[] = {
	    {"{% assign x = name | downcase %}{{ x }}", "zo\xC3\xAB <ann>"},
	    {"{% capture x %}a{{ count }}{% endcapture %}{{ x }}{{ x | size }}", "a72"},
	    {"{% increment n %}{% increment n %}{{ n }}", "012"},
	    {"{% decrement count %}{{ count }}", "-1-1"},
	    {"{% assign n = 9 %}{% increment n %}{{ n }}", "09"},
	    {"{% echo name | size %}{% liquid\n assign y = 2\n echo y | times: 2\n%}", "94"},
	    {"{% for i in (1..3) %}{% ifchanged %}{{ i | divided_by: 2 }}{% endifchanged %}{% "
	     "endfor %}",
	     "01"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(text_is_trimmed_dropped_or_kept)
{
	static const struct trial_case cases[] = {
	    {"a \n{{- 1 -}} \n b", "a1b"},
	    {"a {%- if yes -%} b {%- endif %} c", "ab c"},
	    {"[{% if yes %}  {% endif %}]", "[]"},
	    {"{% raw %}{{ a }}{% b %}{% endraw %}", "{{ a }}{% b %}"},
	    {"a{% comment %}{% if %}{% raw %}{% endcomment %}{% endraw %}{% endcomment %}b", "ab"},
	    {"a{% # note %}b{% doc %} x {% enddoc %}c", "abc"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
	struct trial t = {0};
	trial_run(&t, "{{ '}}' }}"); /* the first }} ends it, as everywhere in Liquid */
	ck_assert_int_lt(t.code, 0);
	trial_end(&t);
}
END_TEST

START_TEST(partials_share_or_isolate_variables)
{
	static const struct trial_case cases[] = {
	    {"{% render 'greeting', who: name %}", "Hello Zo\xC3\xAB <Ann>"},
	    {"{% render 'greeting' with count %}", "Hello 7"},
	    {"{% render 'greeting' with 'x' as who %}", "Hello x"},
	    {"{% render 'loop' for items %}", "1/3:3 2/3:1 3/3:2 "},
	    {"{% render 'sets' %}{{ name | size }}", "changed9"},
	    {"{% include 'sets' %}{{ name }}", "changedchanged"},
	    {"{% assign p = 'greeting' %}{% include p, who: 1 %}", "Hello 1"},
	    {"{% include 'greeting' for items %}", "Hello 3Hello 1Hello 2"},
	    {"{% for i in items %}{{ i }}{% include 'stops' %}{% endfor %}", "3"},
	    {"{% for i in items %}{{ i }}{% render 'stops' %}{% endfor %}", "312"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(html_is_escaped_once_and_only_where_asked)
{
	static const struct trial_case cases[] = {
	    {"{{ html }}", "&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;"},
	    {"{{ html | raw }}", "<b>\"x\" & 'y'</b>"},
	    {"{{ '<' | escape }}{{ '&lt;' | escape_once }}", "&lt;&lt;"},
	    {"{% capture c %}<i>{{ '<' }}</i>{% endcapture %}{{ c }}", "<i>&lt;</i>"},
	    {"{{ '<' | escape | append: '<' }}", "&amp;lt;&lt;"},
	    {"{{ \"a<\nb\" | newline_to_br }}", "a&lt;<br />\nb"},
	    {"{% autoescape false %}{{ '<' }}{% endautoescape %}{{ '<' }}", "<&lt;"},
	    {"{{ '<,>' | split: ',' }}", "&lt;&gt;"},
	    {"{% cycle '<' %}<b>{{ count }}</b>", "&lt;<b>7</b>"},
	};
	TRIAL_CASES(cases, ((struct trial){.escape_html = true}));
	static const struct trial_case plain[] = {{"{{ '<' }}{{ html | escape | size }}", "<50"}};
	TRIAL_CASES(plain, ((struct trial){0}));
}
END_TEST

START_TEST(lax_mode_reads_over_what_strict_refuses)
{
	static const struct trial_case cases[] = {
	    {"{{ 'a' | upcase: }}", "A"},
	    {"{{ name.size extra }}", "9"},
	    {"{% if count > 3 junk %}x{% else %}y{% endif %}", "x"},
	    {"{% for i in items limit:2 nonsense %}{{ i }}{% endfor %}", "31"},
	};
	TRIAL_CASES(cases, ((struct trial){.mode = PR_LIQUID_LAX}));
	for (unsigned i = 1; i < sizeof cases / sizeof *cases; i++) {
		struct trial t = {.mode = PR_LIQUID_STRICT2};
		trial_run(&t, cases[i].template);
		ck_assert_int_eq(t.code, PR_EINVAL);
		trial_end(&t);
	}
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {paths_lead_through_hashes_and_lists},       {conditions_compare_as_ruby_does},
	    {loops_walk_lists_ranges_and_hashes},        {values_are_kept_counted_and_captured},
	    {text_is_trimmed_dropped_or_kept},           {partials_share_or_isolate_variables},
	    {html_is_escaped_once_and_only_where_asked}, {lax_mode_reads_over_what_strict_refuses},
	};
	return suite_run("liquid_language", NULL, NULL, tests, ROWS(tests));
}
