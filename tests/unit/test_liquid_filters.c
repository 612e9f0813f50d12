/* The filters, family by family, from the language's documentation. */
#include "liquid_trial.h"

START_TEST(texts)
{
	static const struct trial_case cases[] = {
	    {"{{ 'a' | append: 'b' | prepend: 1 }}", "1ab"},
	    {"{{ '\xC3\xA9T\xC3\x89 stra\xC3\x9F' | capitalize }}",
	     "\xC3\x89t\xC3\xA9 stra\xC3\x9F"},
	    {"{{ '\xC3\x9F' | capitalize }}{{ '\xC3\x9F' | upcase }}", "SsSS"},
	    {"{{ 'Stra\xC3\x9F\xCF\x83\xD0\xB6' | upcase }}", "STRASS\xCE\xA3\xD0\x96"},
	    {"{{ '\xC5\xA0\xC4\x8C\xE1\xBA\xA4\xCE\x91' | downcase }}",
	     "\xC5\xA1\xC4\x8D\xE1\xBA\xA5\xCE\xB1"},
	    {"[{{ '  a b ' | strip }}{{ ' a ' | lstrip }}{{ ' a ' | rstrip }}]", "[a ba  a]"},
	    {"{{ \" a \n b \" | squish }}{{ \"a\r\nb\n\" | strip_newlines }}", "a bab"},
	    {"{{ \"a\nb\" | newline_to_br }}", "a<br />\nb"},
	    {"{{ 'a-b-c' | replace: '-', '+' | replace_first: '+', '1' | replace_last: '+', '2' }}",
	     "a1b2c"},
	    {"{{ 'aXbXc' | remove_first: 'X' }}{{ 'aXbXc' | remove_last: 'X' }}"
	     "{{ 'aXbXc' | remove: 'X' }}",
	     "abXcaXbcabc"},
	    {"{{ 'abc' | replace: '', '.' }}", ".a.b.c."},
	    {"{{ 'abcdef' | slice: 1, 3 }}{{ 'abc' | slice: -2, 2 }}{{ 'abc' | slice: 9 }}",
	     "bcdbc"},
	    {"{{ 'Zo\xC3\xAB \xE4\xB8\xAD' | size }}{{ 'Zo\xC3\xAB' | slice: 2 }}", "5\xC3\xAB"},
	    {"{{ 'Ground control' | truncate: 9 }}{{ 'abc' | truncate: 2, '' }}", "Ground...ab"},
	    {"{{ 'one two three' | truncatewords: 2 }}{{ 'a b' | truncatewords: 5 }}",
	     "one two...a b"},
	    {"{{ 'a,b,,c,,' | split: ',' | join: '|' }}{{ 'a  b' | split: ' ' | size }}",
	     "a|b||c2"},
	    {"{{ '<p>Hi <!-- x -->there<script>a<b</script></p>' | strip_html }}", "Hi there"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(numbers)
{
	static const struct trial_case cases[] = {
	    {"{{ 0.1 | plus: 0.2 }} {{ 1 | minus: 0.9 }} {{ 1.1 | times: 3 }}", "0.3 0.1 3.3"},
	    {"{{ 10 | divided_by: 4 }} {{ 10 | divided_by: 4.0 }} {{ -7 | divided_by: 2 }}",
	     "2 2.5 -4"},
	    {"{{ 20.0 | divided_by: 7 }}", "2.857142857142857"},
	    {"{{ 7 | modulo: 3 }} {{ -7 | modulo: 3 }} {{ 7.5 | modulo: 2 }}", "1 2 1.5"},
	    {"{{ 2.5 | round }} {{ -2.5 | round }} {{ 4.5612 | round: 2 }} {{ 3 | round: 2 }}",
	     "3 -3 4.56 3"},
	    {"{{ 1.2 | ceil }}{{ -1.2 | floor }}{{ '3.9' | floor }}{{ -3 | abs }}{{ '-2.5' | abs "
	     "}}",
	     "2-2332.5"},
	    {"{{ 4 | at_least: 5 }}{{ 4 | at_most: 3.5 }}", "53.5"},
	    {"{{ '12abc' | plus: 1 }}{{ nothing | plus: '1.50' }}", "131.5"},
	    {"{{ 100000000000000000.0 }} {{ 0.00001 }} {{ 1.0 }}", "1.0e+17 1.0e-05 1.0"},
	    {"{{ 999999999999999.0 }} {{ 3000000000000000.0 }} {{ -1234567890123456.0 }} "
	     "{{ 1234567890123456.5 }}",
	     "999999999999999.0 3.0e+15 -1.234567890123456e+15 1234567890123456.5"},
	    {"{{ 3000000000000000.0 | plus: 0.5 }} {{ 3000000000000000.0 | minus: 2999999999999999 "
	     "}}",
	     "3000000000000000.5 1.0"},
	    {"{{ 1896.99 | round: -3 }} {{ -1550 | round: -2 }} {{ 2.5 | round: -3 }}",
	     "2000 -1600 0"},
	    {"{{ 2.5 | divided_by: 89563587651853366 }}", "2.791312926987541e-17"},
	    {"{{ 9223372036854775807 | plus: 1 }}", "9223372036854775808"},
	    {"{{ 1234567.891 | number_with_delimiter }} {{ 1234.5 | number_with_delimiter: '.', "
	     "',' }}",
	     "1,234,567.891 1.234,5"},
	    {"{{ 1234.5 | money: 'EUR' }} {{ 3 | money: '$' }} {{ -0.005 | money }}",
	     "1,234.50 EUR $3.00 -0.01"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(lists)
{
	static const struct trial_case cases[] = {
	    {"{{ items | sort | join }} {{ items | reverse | join: '' }}", "1 2 3 213"},
	    {"{{ words | sort | join }} {{ words | sort_natural | join }}", "A b c A b c"},
	    {"{{ product.all | sort: 'price' | map: 'title' | join }}", "apron Shoe"},
	    {"{{ product.all | where: 'title', 'Shoe' | map: 'price' }}", "30"},
	    {"{{ product.all | reject: 'price', 30 | map: 'title' }}", "apron"},
	    {"{{ product.all | find: 'price', 10 | json }}", "{\"title\":\"apron\",\"price\":10}"},
	    {"{{ product.all | find_index: 'price', 10 }}{{ product.all | has: 'price', 5 }}",
	     "1false"},
	    {"{{ product.all | sum: 'price' }} {{ items | sum }}", "40 6"},
	    {"{{ 'a,b,a' | split: ',' | uniq | join }} {{ items | concat: words | size }}",
	     "a b 6"},
	    {"{{ product.all | map: 'none' | compact | size }}", "0"},
	    {"{{ items | first }}{{ items | last }}{{ (4..9) | last }}{{ 'xyz' | first }}", "329x"},
	    {"{{ items | slice: 1, 2 | join }} {{ items | size }}", "1 2 3"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(encodings)
{
	static const struct trial_case cases[] = {
	    {"{{ '<a href=\"x\">' | escape }} {{ '&lt; &' | escape_once }}",
	     "&lt;a href=&quot;x&quot;&gt; &lt; &amp;"},
	    {"{{ 'a b&c/\xC3\xA9~' | url_encode }} {{ 'a+b%26%C3%A9%' | url_decode }}",
	     "a+b%26c%2F%C3%A9~ a b&\xC3\xA9%"},
	    {"{{ 'one?>' | base64_encode }} {{ 'b25lPz4=' | base64_decode }}", "b25lPz4= one?>"},
	    {"{{ '\xC3\xBF\xC3\xBF' | base64_url_safe_encode }}{{ 'w7_Dvw' | "
	     "base64_url_safe_decode }}",
	     "w7_Dvw==\xC3\xBF\xC3\xBF"},
	    {"{{ product | json }}{{ 'a\"\n' | json }}{{ nothing | json }}",
	     "{\"all\":[{\"title\":\"Shoe\",\"price\":30},{\"title\":\"apron\",\"price\":10}]}"
	     "\"a\\\"\\n\"null"},
	    {"{{ 'a' | md5 }}", "0cc175b9c0f1b6a831c399e269772661"},
	    {"{{ 'a' | sha1 }}", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"},
	    {"{{ 'abc' | sha256 }}",
	     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	    {"{{ 'what do ya want for nothing?' | hmac_sha256: 'Jefe' }}", /* RFC 4231 */
	     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	    {"{{ nothing | default: 'd' }}{{ empty_text | default: 1 }}{{ no | default: 'f' }}"
	     "{{ no | default: 'f', allow_false: true }}{{ count | default: 'x' }}",
	     "d1ffalse7"},
	};
	TRIAL_CASES(cases, ((struct trial){0}));
}
END_TEST

START_TEST(random_depends_on_the_seed_alone)
{
	struct trial a = {.seed = 5}, b = {.seed = 5};
	bool differs = false;
	trial_run(&a, "{{ 1000 | random }} {{ 1000 | random }}");
	trial_run(&b, "{{ 1000 | random }} {{ 1000 | random }}");
	ck_assert_str_eq(a.output, b.output);
	for (unsigned seed = 0; seed < 20; seed++) {
		struct trial c = {.seed = seed};
		trial_run(&c, "{{ 1000 | random }} {{ 1000 | random }}");
		differs |= strcmp(a.output, c.output) != 0;
		trial_end(&c);
	}
	ck_assert(differs);
	trial_end(&a);
	trial_end(&b);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {texts}, {numbers}, {lists}, {encodings}, {random_depends_on_the_seed_alone},
	};
	return suite_run("liquid_filters", NULL, NULL, tests, ROWS(tests));
}
