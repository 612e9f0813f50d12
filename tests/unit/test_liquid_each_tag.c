/*
 * Each tag by itself, as the language's documentation has it, and at its
 * edges: nothing as input, other types, beyond ASCII, out of range. What they print was
 * compared with ruby-liquid where that knows them.
 */
#include "liquid_trial.h"

static const struct trial_row rows[] = {
    {"assign",
     "{% assign x = nothing %}[{{ x }}]{% assign x = 'é' | append: 1 %}{{ x }}{% assign x = items "
     "%}{{ x[1] }}",
     "[]é11"},
    {"assign",
     "{% assign x = items | first %}{{ x }}{% if yes %}{% assign x = 5 %}{% endif %}{{ x }}{% "
     "assign count = 8 %}{{ count }}",
     "358"},
    {"assign", "{%assign a-b = 2%}{{ a-b }}{% assign y = (1..3) %}{{ y.last }}{{ y.size }}", "233"},
    {"assign", "a{% assign x = 1 | divided_by: 0 %}b[{{ x }}]", "ab[]"},
    {"capture",
     "{% capture x %}{% endcapture %}[{{ x }}]{% capture 'y' %}é{{ count }}{% endcapture %}{{ y "
     "}}{{ y | size }}",
     "[]é72"},
    {"capture", "{% capture x %}a{% capture y %}b{% endcapture %}c{% endcapture %}{{ x }}{{ y }}",
     "acb"},
    {"capture",
     "{% capture x %}  {% endcapture %}[{{ x }}]{% for i in items %}{% capture x %}{{ x }}{{ i "
     "}}{% endcapture %}{% endfor %}{{ x }}",
     "[  ]  312"},
    {"capture", "{% capture x %}a{{ 1 | divided_by: 0 }}b{% endcapture %}[{{ x }}]",
     "[aLiquid error (line 1): divided by 0b]"},
    {"increment", "{% increment n %}{% increment n %}{% decrement n %}{{ n }}", "0111"},
    {"increment", "{% increment count %}{{ count }} {% increment count %}", "01 1"},
    {"increment",
     "{% assign v = 5 %}{% increment v %}{{ v }}{% for i in items %}{% increment v %}{% endfor %}",
     "05123"},
    {"decrement", "{% decrement n %}{% decrement n %}{% increment n %}{{ n }}", "-1-2-2-1"},
    {"echo", "{% echo 'é' | upcase %}{% echo nothing %}{% echo items | join: ',' %}{% echo 1 %}",
     "É3,1,21"},
    {"echo", "{% liquid\n echo 'a' | append: 'b'\n if yes\n  echo 'c'\n endif %}", "abc"},
    {"if", "{% if nothing %}a{% elsif no %}b{% elsif 0 %}c{% else %}d{% endif %}", "c"},
    {"if",
     "{% if '' %}a{% endif %}{% if items contains 9 %}b{% else %}c{% endif %}{% if product.all "
     "%}d{% endif %}",
     "acd"},
    {"if",
     "{% if 1 == '1' %}a{% else %}b{% endif %}{% if nothing == false %}c{% else %}d{% endif %}{% "
     "if 'é' > 'z' %}e{% endif %}",
     "bde"},
    {"if",
     "{% if nothing < 1 or nothing > 1 or nothing == 1 %}a{% else %}b{% endif %}{% if nothing "
     "contains 'x' %}c{% endif %}{% if 5 contains 5 %}d{% endif %}",
     "b"},
    {"if",
     "{% if items == items and product == product %}a{% endif %}{% if items.size >= 3 and items[0] "
     "!= 1 %}b{% endif %}",
     "ab"},
    {"if", "{% if 1 < 'x' %}a{% else %}b{% endif %}c",
     "Liquid error (line 1): comparison of Integer with String failedc"},
    {"if",
     "{% if items < 3 %}a{% else %}b{% endif %}{% if empty_text == blank %}c{% endif %}{% if "
     "product == empty %}d{% endif %}{% if '  ' == blank %}e{% endif %}",
     "bce"},
    {"unless",
     "{% unless nothing %}a{% endunless %}{% unless count == 7 %}b{% elsif yes %}c{% else %}d{% "
     "endunless %}",
     "ac"},
    {"unless", "{% unless yes and no %}a{% endunless %}{% unless '' %}b{% else %}c{% endunless %}",
     "ac"},
    {"case",
     "{% case nothing %}{% when nothing %}a{% when 'x' %}b{% endcase %}{% case count %}{% when '7' "
     "%}c{% when 7.0 %}d{% endcase %}",
     "ad"},
    {"case",
     "{% case name %}x{% when 'a' %}b{% else %}c{% endcase %}{% case 'é' %}{% when 'e', 'é' %}d{% "
     "endcase %}{% case 4 %}{% when 1 %}e{% endcase %}",
     "cd"},
    {"case",
     "{% case items %}{% when items %}a{% endcase %}{% case empty_text %}{% when blank %}b{% when "
     "empty %}c{% endcase %}",
     "abc"},
    {"case",
     "{% case 1 %}{% when 1 or 2 %}a{% when 1 %}b{% else %}c{% endcase %}{% case no %}{% when "
     "false %}d{% endcase %}",
     "abd"},
    {"ifchanged",
     "{% for i in (1..5) %}{% ifchanged %}{{ i | divided_by: 3 }}{% endifchanged %}{% endfor %}",
     "01"},
    {"for",
     "{% for i in nothing %}a{% else %}b{% endfor %}{% for i in 5 %}c{% else %}d{% endfor %}{% for "
     "i in 'é' %}{{ i }}{% endfor %}",
     "bdé"},
    {"for",
     "{% for i in items limit: 0 %}a{% else %}b{% endfor %}{% for i in items offset: 9 %}c{% else "
     "%}d{% endfor %}{% for i in items limit: -1 %}e{% else %}f{% endfor %}",
     "bdf"},
    {"for",
     "{% for i in (3..1) %}a{% else %}b{% endfor %}{% for i in (-1..1) %}{{ i }}{% endfor %}{% for "
     "i in (1..items.size) reversed %}{{ i }}{% endfor %}",
     "b-101321"},
    {"for",
     "{% for i in items limit: '2' %}{{ i }}{% endfor %}{% for i in items limit: nothing offset: 1 "
     "%}{{ i }}{% endfor %}",
     "3112"},
    {"for", "{% for i in items limit: 'x' %}{{ i }}{% endfor %}",
     "Liquid error (line 1): invalid integer"},
    {"for",
     "{% for p in product %}{{ p[0] }}{{ p[1].size }}{% endfor %}{% for p in product.all %}{{ "
     "p.title }}{% unless forloop.last %},{% endunless %}{% endfor %}",
     "all2Shoe,apron"},
    {"for",
     "{% for i in items %}{{ forloop.name }}{{ forloop.length }}{% endfor %}[{{ forloop.index }}{{ "
     "i }}]",
     "i-items3i-items3i-items3[]"},
    {"for",
     "{% for i in items limit: 1 %}{{ i }}{% endfor %}{% for i in items offset: continue %}{{ i "
     "}}{% endfor %}{% for i in items offset: continue %}x{% else %}none{% endfor %}",
     "312none"},
    {"break",
     "{% for i in (1..3) %}{% for j in (1..3) %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j "
     "}} {% endfor %}{% endfor %}",
     "11 21 31 "},
    {"break", "a{% break %}b", "a"},
    {"continue",
     "{% for i in (1..3) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{{ forloop.index }} {% "
     "endfor %}",
     "11 33 "},
    {"continue", "a{% continue %}b", "a"},
    {"tablerow",
     "{% tablerow i in nothing %}a{% endtablerow %}|{% tablerow i in items limit: 2 offset: 1 %}{{ "
     "i }}{% endtablerow %}",
     "|<tr class=\"row1\">\n<td class=\"col1\">1</td><td class=\"col2\">2</td></tr>\n"},
    {"tablerow",
     "{% tablerow i in (1..3) cols: 2 %}{{ tablerowloop.row }}{{ tablerowloop.col0 }}{{ "
     "tablerowloop.first }}{{ tablerowloop.rindex }}{% endtablerow %}",
     "<tr class=\"row1\">\n<td class=\"col1\">10true3</td><td "
     "class=\"col2\">11false2</td></tr>\n<tr class=\"row2\"><td "
     "class=\"col1\">20false1</td></tr>\n"},
    {"tablerow",
     "{% tablerow i in '' %}a{% endtablerow %}{% tablerow i in items cols: nothing limit: 1 %}{{ i "
     "}}{% endtablerow %}",
     "<tr class=\"row1\">\n</tr>\n<tr class=\"row1\">\n<td class=\"col1\">3</td></tr>\n"},
    {"cycle", "{% for i in (1..4) %}{% cycle 'a', 'b', 'c' %}{% endfor %}{% cycle 'a', 'b', 'c' %}",
     "abcab"},
    {"cycle",
     "{% cycle 'x': 'a', 'b' %}{% cycle 'y': 'a', 'b' %}{% cycle 'x': 'a', 'b' %}{% cycle nothing, "
     "count %}{% cycle nothing, count %}",
     "aab"},
    {"cycle", "{% cycle count: 'a', 'b' %}{% cycle 7: 'a', 'b' %}{% cycle 'é' %}", "aaé"},
    {"render",
     "{% render 'greeting', who: nothing %}{% render 'greeting', greeting: 'é', who: items %}",
     "Hello Hello é312"},
    {"render",
     "{% assign who = 'x' %}{% render 'greeting' %}|{% render 'greeting' for nothing %}|{% render "
     "'greeting' for product.all as who %}",
     "Hello |Hello |Hello {\"title\"=>\"Shoe\", \"price\"=>30}Hello {\"title\"=>\"apron\", "
     "\"price\"=>10}"},
    {"render", "{% render 'loop' for (1..2) %}{% render 'loop' with items %}",
     "1/2:1 2/2:2 /:312 "},
    {"include",
     "{% include 'greeting' %}{% assign who = 'x' %}{% include 'greeting' %}{% include 'greeting' "
     "with items[0] %}{% include 'greeting', who: 'y' %}{{ who }}",
     "Hello Hello xHello 3xHello yx"},
    {"include",
     "{% for i in (1..2) %}{% include 'greeting', who: i %}{% endfor %}{% include 'sets' %}{{ name "
     "}}",
     "Hello 1Hello 2changedchanged"},
    {"raw", "{% raw %}{{ x }}{% if %}{% endraw %}{% raw %}{% endraw %}{% raw %} é {% endraw %}",
     "{{ x }}{% if %} é "},
    {"raw", "{%- raw -%} {{ a }} {%- endraw -%} b", " {{ a }} b"},
    {"raw", "{% raw %}{% raw %}{% endraw %}", "{% raw %}"},
    {"comment",
     "a{% comment %}{{ x }}{% if %}{% endcomment %}b{% comment %}{% comment %}c{% endcomment %}d{% "
     "endcomment %}e",
     "abe"},
    {"comment", "{%- comment -%} x {%- endcomment -%} b", "b"},
    {"doc", "a{% doc %}{{ x }} @param {string} y {% if %}{% enddoc %}b", "ab"},
    {"#", "a{% # note %}b{%- # note\n # more -%} c{%# x %}", "abc"},
    {"liquid",
     "{% liquid\n  assign x = 'é'\n  # note\n\n  for i in items\n    echo i\n    echo x\n  "
     "endfor\n  if no\n echo 'never'\n endif %}{% liquid %}{% liquid echo 'one' %}",
     "3é1é2éone"},
    {"liquid",
     "{% liquid\n case count\n when 7\n echo 'seven'\n endcase\n capture c\n echo 'y'\n "
     "endcapture\n echo c %}",
     "seveny"},
    {"autoescape",
     "{% autoescape true %}{{ html }}{% autoescape false %}{{ '<' }}{% endautoescape %}{% "
     "endautoescape %}{{ '>' }}",
     "&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;<>"},
    {"abort", "{% if no %}{% abort 'never' %}{% endif %}a", "a"},
};

static const char *const names[] = {
    "assign",    "capture", "increment", "decrement", "echo",     "if",         "unless", "case",
    "ifchanged", "for",     "break",     "continue",  "tablerow", "cycle",      "render", "include",
    "raw",       "comment", "doc",       "#",         "liquid",   "autoescape", "abort",  NULL};

START_TEST(each_tag_does_as_documented)
{
	trial_rows(rows, sizeof rows / sizeof *rows, names);
}
END_TEST

/* Escaped where it is printed, by whatever filter it went through. */
START_TEST(each_way_to_print_is_escaped)
{
	static const struct trial_case cases[] = {
	    {"{{ html }}{{ '<' | upcase }}",
	     "&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/b&gt;&lt;"},
	    {"{{ 'sixteen octets...<and more than sixteen & \"quoted\"' }}",
	     "sixteen octets...&lt;and more than sixteen &amp; &quot;quoted&quot;"},
	    {"{{ '0123456789abcde<' }}{{ '0123456789abcdef<' }}{{ '<0123456789abcdef' }}",
	     "0123456789abcde&lt;0123456789abcdef&lt;&lt;0123456789abcdef"},
	    {"{{ '#%$!;:=?%/' }}{{ 'é中' }}{{ nothing }}{{ count }}{{ price }}{{ yes }}",
	     "#%$!;:=?%/é中712.5true"},
	    {"{% echo '<' %}{% assign x = '<' %}{{ x }}{{ items | join: '<' }}",
	     "&lt;&lt;3&lt;1&lt;2"},
	    {"{% for i in html %}{{ i | slice: 0 }}{% endfor %}{% cycle '>' %}", "&lt;&gt;"},
	    {"{{ html | raw | slice: 0, 3 }}{{ '<' | raw | upcase }}{{ '<' | raw }}",
	     "&lt;b&gt;&lt;<"},
	    {"{{ '<a>' | split: '' }}{{ product.all | first }}",
	     "&lt;a&gt;{&quot;title&quot;=&gt;&quot;Shoe&quot;, &quot;price&quot;=&gt;30}"},
	    {"{% autoescape false %}{{ '<' }}{% autoescape true %}{{ '<' }}{% endautoescape %}"
	     "{{ '<' }}{% endautoescape %}{{ '<' }}",
	     "<&lt;<&lt;"},
	};
	TRIAL_CASES(cases, ((struct trial){.escape_html = true}));
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {{each_tag_does_as_documented},
	                                   {each_way_to_print_is_escaped}};
	return suite_run("liquid_each_tag", NULL, NULL, tests, ROWS(tests));
}
