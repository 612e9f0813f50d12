/* YAML by tables: types, bounds, and every error told with its place. */
#include "suite.h"

#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/base/yaml.h"

#include <stdlib.h>

struct inner {
	struct pr_text name, host;
	int64_t port;
};
struct outer {
	struct pr_text title, file, free_text;
	struct pr_choice choice;
	bool on;
	int64_t count, pause;
	double factor, share;
	uint64_t size;
	struct pr_rate rate;
	int colour;
	struct pr_texts list;
	struct pr_pairs pairs;
	struct inner section;
	struct pr_yaml_array named;
	int even;
	struct pr_text even_at;
};

static const char *
parse_even(struct pr_str text, void *field)
{
	uint64_t n;
	if (!pr_str_u64(text, &n) || n % 2)
		return "is not even";
	*(int *)field = (int)n;
	return NULL;
}

static const char *const colours[] = {"", "red", "green", NULL};
static const struct pr_yaml_row inner_rows[] = {{.key = "host",
                                                 .type = PR_YAML_TEXT,
                                                 .flags = PR_YAML_REQUIRED,
                                                 .offset = offsetof(struct inner, host)},
                                                {.key = "port",
                                                 .type = PR_YAML_INT,
                                                 .min = 1,
                                                 .max = 65535,
                                                 .fallback = "25",
                                                 .offset = offsetof(struct inner, port)},
                                                {0}};
static const struct pr_yaml_schema section = {
    .rows = inner_rows, .size = sizeof(struct inner), .scalar_key = "host"};
static const struct pr_yaml_schema named = {
    .rows = inner_rows, .size = sizeof(struct inner), .name_offset = offsetof(struct inner, name)};
#define ROW(key_, type_, ...)                                                                      \
	{                                                                                          \
		.key = #key_, .type = type_, .offset = offsetof(struct outer, key_), __VA_ARGS__   \
	}
static const struct pr_yaml_row rows[] = {
    ROW(title, PR_YAML_TEXT, .flags = PR_YAML_ONE_LINE, .fallback = "untitled"),
    ROW(choice, PR_YAML_CHOICE, .flags = PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY, .max = 2),
    ROW(file, PR_YAML_TEXT, .flags = PR_YAML_FILE),
    ROW(free_text, PR_YAML_TEXT),
    ROW(on, PR_YAML_BOOL),
    ROW(count, PR_YAML_INT, .min = -5, .max = 9),
    ROW(pause, PR_YAML_DURATION, .min = 1000, .max = PR_DAY_MS, .fallback = "90s"),
    ROW(factor, PR_YAML_FLOAT, .min = 1, .max = 10),
    ROW(share, PR_YAML_PERCENT, .max = 0.5),
    ROW(size, PR_YAML_SIZE, .min = 1024, .max = 1 << 20, .fallback = "2K"),
    ROW(rate, PR_YAML_RATE),
    ROW(colour, PR_YAML_ENUM, .words = colours, .later = "blue violet"),
    ROW(list, PR_YAML_LIST, .flags = PR_YAML_ONE_LINE, .max = 3),
    ROW(pairs, PR_YAML_PAIRS, .flags = PR_YAML_ONE_LINE, .max = 3),
    ROW(section, PR_YAML_SECTION, .schema = &section),
    ROW(named, PR_YAML_NAMED, .schema = &named),
    ROW(even, PR_YAML_PARSED, .parse = parse_even, .size = sizeof(int), .example = "42",
        .at = offsetof(struct outer, even_at)),
    {.key = "magic", .type = PR_YAML_LATER},
    {0}};
static const struct pr_yaml_schema schema = {.rows = rows, .size = sizeof(struct outer)};

static struct pr_arena arena;
static struct outer got;
static struct pr_problems problems;

static void
setup(void)
{
	pr_arena_init(&arena);
	problems = (struct pr_problems){0};
}

static void
teardown(void)
{
	pr_arena_finish(&arena);
	pr_problems_finish(&problems);
}

static int
read_text(struct pr_str text)
{
	pr_problems_finish(&problems);
	return pr_yaml_read(text, "t.yaml", &schema, &arena, &got, &problems);
}

/* "line:column what" and, where there is one, " -> remedy"; problems apart by newlines. */
static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_buf_addc(&b, 0);
	pr_buf_clear(&b);
	for (unsigned i = 0; i < problems.n; i++) {
		const struct pr_problem *p = &problems.items[i];
		pr_buf_addf(&b, "%s%u:%u %s%s%s", i ? "\n" : "", p->line, p->column, p->what,
		            *p->remedy ? " -> " : "", p->remedy);
	}
	return b.data;
}

START_TEST(values_have_the_type_of_their_row)
{
	int r = read_text(PR_STR("title: '  no '\n"
	                         "file: body.html\n"
	                         "on: yes\n"
	                         "count: -3\n"
	                         "pause: 2m\n"
	                         "factor: 1.5\n"
	                         "share: 2.5%\n"
	                         "size: 64K\n"
	                         "rate: 5000/h\n"
	                         "colour: green\n"
	                         "list: [no, 08:00, 0660]\n"
	                         "pairs: {X-A: 1, X-B: on}\n"
	                         "section: mail.example\n"
	                         "named:\n"
	                         "  one: {host: a, port: \"26\"}\n"
	                         "  two: {host: b}\n"
	                         "even: 8\n"));
	ck_assert_msg(r == 0, "%s", told());
	ck_assert_str_eq(got.title.p, "no");
	ck_assert_uint_eq(got.title.line, 1);
	ck_assert_uint_eq(got.title.column, 11);
	ck_assert_str_eq(got.file.p, "body.html");
	ck_assert(got.on);
	ck_assert_int_eq(got.count, -3);
	ck_assert_int_eq(got.pause, 120000);
	ck_assert(got.factor == 1.5 && got.share == 0.025);
	ck_assert_uint_eq(got.size, 65536);
	ck_assert(got.rate.count == 5000 && got.rate.period_ms == 3600000);
	ck_assert_int_eq(got.colour, 2);
	ck_assert_uint_eq(got.list.n, 3);
	ck_assert_str_eq(got.list.items[0].p, "no");
	ck_assert_str_eq(got.list.items[1].p, "08:00");
	ck_assert_str_eq(got.list.items[2].p, "0660");
	ck_assert_uint_eq(got.pairs.n, 2);
	ck_assert_str_eq(got.pairs.items[1].name.p, "X-B");
	ck_assert_str_eq(got.pairs.items[1].value.p, "on");
	ck_assert_str_eq(got.section.host.p, "mail.example");
	ck_assert_int_eq(got.section.port, 25);
	ck_assert_uint_eq(got.named.n, 2);
	const struct inner *items = got.named.items;
	ck_assert_str_eq(items[0].name.p, "one");
	ck_assert_int_eq(items[0].port, 26);
	ck_assert_str_eq(items[1].host.p, "b");
	ck_assert_int_eq(got.even, 8);
	ck_assert_uint_eq(got.even_at.line, 17);
}
END_TEST

START_TEST(what_is_left_out_or_empty_has_its_default)
{
	ck_assert_int_eq(read_text(PR_STR("title:\npause: ~\nsection: {host: a}\nlist:\n")), 0);
	ck_assert_str_eq(got.title.p, "untitled");
	ck_assert_uint_eq(got.title.line, 0);
	ck_assert_int_eq(got.pause, 90000);
	ck_assert_uint_eq(got.size, 2048);
	ck_assert_int_eq(got.section.port, 25);
	ck_assert_uint_eq(got.list.n, 0);
	ck_assert_ptr_null(got.file.p);
}
END_TEST

START_TEST(texts_know_the_line_they_begin_on)
{
	ck_assert_int_eq(read_text(PR_STR("# x\n\ntitle: >-\n  folded\n  text\nfile: \"a\"\n")), 0);
	ck_assert_str_eq(got.title.p, "folded text");
	ck_assert_uint_eq(got.title.line, 4);
	ck_assert_uint_eq(got.file.line, 6);
	ck_assert_uint_eq(got.file.column, 8);
}
END_TEST

START_TEST(byte_order_mark_and_windows_line_ends_are_fine)
{
	ck_assert_int_eq(read_text(PR_STR("\xEF\xBB\xBFtitle: a\r\ncount: 3\r\n")), 0);
	ck_assert_str_eq(got.title.p, "a");
	ck_assert_int_eq(got.count, 3);
}
END_TEST

#define BAD(text_, told_)                                                                          \
	{                                                                                          \
		{text_, sizeof(text_) - 1}, told_                                                  \
	}
static const struct {
	struct pr_str text;
	const char *told;
} bad[] = {
    BAD("titel: a", "1:1 unknown key \"titel\" -> did you mean \"title\"?"),
    BAD("section: {host: a, prt: 1}",
        "1:20 unknown key \"prt\" in section -> did you mean \"port\"?"),
    BAD("named: {x: {host: a, zzzz: 1}}",
        "1:22 unknown key \"zzzz\" in named.x -> known keys: host port"),
    BAD("title: {en: a}", "1:8 title: a text is wanted here, not a section -> write one text "
                          "behind the key, without brackets"),
    BAD("choice: {en: a, de: b, fr: c}",
        "1:9 choice: 3 entries, at most 2 may be -> take some out"),
    BAD("choice: {en: a, en: b}",
        "1:17 choice: \"en\" is there twice, first on line 1 -> keep one of "
        "them"),
    BAD("choice: {}", "1:9 choice is empty -> write it, or take the key out"),
    BAD("choice: {en: ''}", "1:15 choice.en is empty -> write it, or take the key out"),
    BAD("choice: [a]", "1:9 choice: a text is wanted here, not a list -> write one text "
                       "behind the key, without brackets"),
    BAD("choice: {{ name }}",
        "1:9 choice: a text is wanted here, not a section -> put quotes around "
        "text that begins with {{"),
    BAD("title: {{ name }}", "1:8 title: a text is wanted here, not a section -> put quotes around "
                             "text that begins with {{"),
    BAD("title: [a]", "1:8 title: a text is wanted here, not a list -> write one text behind the "
                      "key, without brackets"),
    BAD("title: \"a\\nb\"", "1:9 title: \"a?b\" has a line break inside -> write it on one line"),
    BAD("title: \"a\\rb\"", "1:9 title: \"a?b\" has a line break inside -> write it on one line"),
    BAD("title: \"a\\Lb\"", "1:9 title: \"a\xE2\x80\xA8"
                            "b\" has a line break inside -> write it on one line"),
    BAD("title: \"a\\eb\"",
        "1:9 title: \"a?b\" has a control character inside -> write it on one line"),
    BAD("free_text: \"a\\0b\"", "1:13 free_text: a NUL character inside -> take it out"),
    BAD("file: ../a", "1:7 file: \"../a\" is a path; files lie in the campaign's folder itself -> "
                      "write the file's name alone"),
    BAD("file: /etc/passwd", "1:7 file: \"/etc/passwd\" is a path; files lie in the campaign's "
                             "folder itself -> write the file's name alone"),
    BAD("file: a\\b", "1:7 file: \"a\\b\" is a path; files lie in the campaign's folder itself -> "
                      "write the file's name alone"),
    BAD("file: ..", "1:7 file: \"..\" begins with a dot; such files are not looked at -> write the "
                    "file's name alone"),
    BAD("file: ''", "1:8 file is empty -> write it, or take the key out"),
    BAD("on: maybe", "1:5 on: \"maybe\" is neither true nor false -> write true or false"),
    BAD("count: 0x3", "1:8 count: \"0x3\" is not a whole number -> write it in digits"),
    BAD("count: 1_0", "1:8 count: \"1_0\" is not a whole number -> write it in digits"),
    BAD("count: 1:30", "1:8 count: \"1:30\" is not a whole number -> write it in digits"),
    BAD("count: ten", "1:8 count: \"ten\" is not a whole number -> write it in digits"),
    BAD("count: 10", "1:8 count: 10 is out of range (-5 to 9) -> write a value from -5 to 9"),
    BAD("count: -6", "1:8 count: -6 is out of range (-5 to 9) -> write a value from -5 to 9"),
    BAD("count: 18446744073709551615",
        "1:8 count: 18446744073709551615 is out of range (-5 to 9) -> write a value from -5 to 9"),
    BAD("count: 99999999999999999999",
        "1:8 count: \"99999999999999999999\" is not a whole number -> write it in digits"),
    BAD("pause: 90", "1:8 pause: \"90\" is not a duration -> write digits and one of s, m, h, d, "
                     "like 90s or 6h"),
    BAD("pause: 2d", "1:8 pause: 2d is out of range (1s to 1d) -> write a value from 1s to 1d"),
    BAD("factor: .", "1:9 factor: \".\" is not a number -> write it like 0.5"),
    BAD("factor: inf", "1:9 factor: \"inf\" is not a number -> write it like 0.5"),
    BAD("factor: 11", "1:9 factor: 11 is out of range (1 to 10) -> write a value from 1 to 10"),
    BAD("share: 5", "1:8 share: \"5\" is not a percentage -> write it with its sign, like 5%"),
    BAD("share: 51%", "1:8 share: 51% is out of range (0% to 50%) -> write a value from 0% to 50%"),
    BAD("size: 25MB", "1:7 size: \"25MB\" is not a size -> write digits and K, M or G, like 32M"),
    BAD("size: 2M", "1:7 size: 2M is out of range (1K to 1M) -> write a value from 1K to 1M"),
    BAD("rate: fast", "1:7 rate: \"fast\" is not a rate -> write a number from 1 and the time, "
                      "like 100/s or 5000/h"),
    BAD("colour: gren", "1:9 colour: \"gren\" is not one of red, green -> did you mean green?"),
    BAD("colour: blue", "1:9 colour: blue is not available yet -> write one of: red, green"),
    BAD("list: [a, '', c]", "1:12 list is empty -> write it, or take the key out"),
    BAD("list: [a, [b]]", "1:11 list: a text is wanted here, not a list -> write one text behind "
                          "the key, without brackets"),
    BAD("list: {a: b}",
        "1:7 list: a list is wanted here, not a section -> write it like [one, two]"),
    BAD("list: [a, b, c, d]", "1:7 list: 4 entries, at most 3 may be -> take some out"),
    BAD("pairs: {a: b, a: c}", "1:15 pairs: \"a\" is there twice, first on line 1 -> keep one of "
                               "them"),
    BAD("pairs: {a: [b]}", "1:12 pairs.a: a text is wanted here, not a list -> write one text "
                           "behind the key, without brackets"),
    BAD("pairs: [a]", "1:8 pairs: a section is wanted here, not a list -> write its keys and "
                      "values on lines below it, indented"),
    BAD("section: {port: 1}", "1:10 section.host is missing -> add host: ..."),
    BAD("section: [a]", "1:10 section: a section is wanted here, not a list -> write its keys and "
                        "values on lines below it, indented"),
    BAD("named: {a: b}", "1:12 named.a: a section is wanted here, not a text -> write its keys and "
                         "values on lines below it, indented"),
    BAD("named: {a: {host: x}, a: {host: y}}",
        "1:23 named: \"a\" is there twice, first on line 1 -> keep one of them"),
    BAD("even: 7", "1:7 even: \"7\" is not even -> write it like 42"),
    BAD("magic: {a: [b]}", "1:8 magic is not available yet -> take it out"),
    BAD("on: true\ncount: 1\non: false",
        "3:1 on is there twice, first on line 1 -> keep one of them"),
    BAD("<<: {on: true}", "1:1 merge keys (<<) are not used here -> write the keys out"),
    BAD("[a]: b", "1:1 a key: a text is wanted here, not a list -> write one text behind the key, "
                  "without brackets"),
    /* all of them at once */
    BAD("on: x\ncount: y\nwhat: z",
        "1:5 on: \"x\" is neither true nor false -> write true or false\n"
        "2:8 count: \"y\" is not a whole number -> write it in digits\n"
        "3:1 unknown key \"what\" -> known keys: title choice file free_text on count pause factor "
        "share "
        "size rate colour list pairs section named even"),
    /* the file as a whole */
    BAD("", "0:0 no keys and values -> write lines like  key: value"),
    BAD("# only a comment\n", "0:0 no keys and values -> write lines like  key: value"),
    BAD("- a", "1:1 no keys and values -> write lines like  key: value"),
    BAD("title: a\n\xFF: b", "2:0 not valid UTF-8 -> save the file as UTF-8"),
    BAD("\xFF\xFEt\0i\0", "1:0 not valid UTF-8 -> save the file as UTF-8"),
    BAD("title: a\nb\0: c", "2:0 a NUL octet -> save the file as UTF-8 text"),
    BAD("title: a\n---\ntitle: b",
        "2:1 several documents in one file -> keep one and take out the line ---"),
    BAD("title: !!str a", "1:8 tags (!...) are not used here -> take the tag out, or put quotes "
                          "around the text"),
    BAD("section:\n\thost: a", "2:1 a tab where YAML wants spaces -> indent with spaces"),
    BAD("title: {{ a }}, b",
        "1:15 did not find expected key -> put quotes around text with {{ }} or {% %} in it"),
    BAD("title: {% if a %}", "1:9 found character that cannot start any token -> put quotes around "
                             "text with {{ }} or {% %} in it"),
    BAD("title: a: b", "1:9 mapping values are not allowed in this context -> put quotes around "
                       "text with a colon in it"),
    BAD("title: @a", "1:8 found character that cannot start any token -> put quotes around text "
                     "that begins with @, ` or %"),
    BAD("title: *a", "1:8 found undefined alias -> put quotes around text that begins with *"),
    BAD("list: [a\ntitle: b",
        "2:6 did not find expected ',' or ']' -> check indentation, quotes and brackets here and "
        "on the line above"),
};

START_TEST(each_error_has_its_place_and_remedy)
{
	ck_assert_int_eq(read_text(bad[_i].text), PR_EINVAL);
	ck_assert_msg(strcmp(told(), bad[_i].told) == 0, "\n  text: %s\n  told: %s\nwanted: %s",
	              bad[_i].text.p, told(), bad[_i].told);
}
END_TEST

START_TEST(fields_are_usable_after_errors)
{
	ck_assert_int_eq(read_text(PR_STR("on: yes\npause: x\ncount: 3")), PR_EINVAL);
	ck_assert(got.on);
	ck_assert_int_eq(got.count, 3);
	ck_assert_int_eq(got.pause, 90000);
}
END_TEST

START_TEST(aliases_may_be_used_within_bounds)
{
	ck_assert_int_eq(read_text(PR_STR("title: &t hello\nfree_text: *t\n")), 0);
	ck_assert_str_eq(got.free_text.p, "hello");
	/* A loop: the schema's depth ends it. */
	ck_assert_int_eq(read_text(PR_STR("named: &n {a: *n, host: x}")), PR_EINVAL);
}
END_TEST

START_TEST(aliases_cannot_multiply_values_without_bound)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "named:\n  a: &a {host: x, port: 1}\n");
	for (unsigned i = 0; i < 999; i++)
		pr_buf_addf(&b, "  a%u: *a\n", i);
	ck_assert_int_eq(read_text(pr_buf_str(&b)), 0); /* 5,000 values */
	ck_assert_uint_eq(got.named.n, 1000);
	pr_buf_clear(&b);
	/* 300 names for the same 300 names for ...: refused by kind or bound, and quickly. */
	pr_buf_adds(&b, "magic: &z [a]\nnamed: {a: &a {host: &h [*z, *z], port: 1}");
	for (unsigned i = 0; i < 300; i++)
		pr_buf_addf(&b, ", n%u: *a", i);
	pr_buf_adds(&b, "}\n");
	ck_assert_int_eq(read_text(pr_buf_str(&b)), PR_EINVAL);
	pr_buf_finish(&b);
}
END_TEST

START_TEST(files_are_bounded_in_size_depth_and_values)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "title: ");
	for (unsigned i = 0; i < PR_YAML_SIZE_MAX; i++)
		pr_buf_addc(&b, 'a');
	ck_assert_int_eq(read_text(pr_buf_str(&b)), PR_EINVAL);
	ck_assert_str_eq(told(), "0:0 larger than 1048576 octets -> take out what does not belong "
	                         "into it");
	pr_buf_clear(&b);
	for (unsigned i = 0; i < 500000; i++)
		pr_buf_addc(&b, '[');
	ck_assert_int_eq(read_text(pr_buf_str(&b)), PR_EINVAL);
	ck_assert_str_eq(told(),
	                 "1:33 nested too deeply -> take the innermost brackets or levels out");
	pr_buf_clear(&b);
	pr_buf_adds(&b, "magic: [");
	for (unsigned i = 0; i < 300000; i++)
		pr_buf_adds(&b, "a,");
	ck_assert_int_eq(read_text(pr_buf_str(&b)), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(told(), "too many values in one file"));
	pr_buf_finish(&b);
}
END_TEST

static struct pr_buf seen;

static void
on_row(void *context, const char *path, const struct pr_yaml_row *row)
{
	(void)context;
	(void)row;
	pr_buf_addf(&seen, "%s ", path);
}

START_TEST(rows_are_walked_with_their_paths)
{
	pr_buf_finish(&seen);
	pr_yaml_each_row(&schema, on_row, NULL);
	ck_assert_ptr_nonnull(strstr(
	    seen.data, "section section.host section.port named named.*.host named.*.port even"));
	pr_buf_finish(&seen);
}
END_TEST

START_TEST(differences_are_named_by_path)
{
	static const char a[] = "title: x\nlist: [a, b]\nnamed: {one: {host: h}, two: {host: i}}\n"
				"pairs: {k: v}\nsize: 4K\neven: 2\nsection: s";
	static const char b[] =
	    "# moved\ntitle: y\nlist: [a, c]\nnamed: {two: {host: i, port: 99}, "
	    "three: {host: j}}\npairs: {k: w}\nsize: 8K\neven: 2\nsection: s";
	ck_assert_int_eq(read_text(pr_str(a)), 0);
	struct outer first = got;
	ck_assert_int_eq(read_text(pr_str(b)), 0);
	pr_buf_finish(&seen);
	pr_yaml_diff(&schema, &first, &got, on_row, NULL);
	ck_assert_str_eq(seen.data, "title size list pairs named.one named.two.port named.three ");
	pr_buf_finish(&seen);
	pr_yaml_diff(&schema, &got, &got, on_row, NULL);
	ck_assert_ptr_null(seen.data);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {values_have_the_type_of_their_row},
	    {what_is_left_out_or_empty_has_its_default},
	    {texts_know_the_line_they_begin_on},
	    {byte_order_mark_and_windows_line_ends_are_fine},
	    {each_error_has_its_place_and_remedy, ROWS(bad)},
	    {fields_are_usable_after_errors},
	    {aliases_may_be_used_within_bounds},
	    {aliases_cannot_multiply_values_without_bound},
	    {files_are_bounded_in_size_depth_and_values},
	    {rows_are_walked_with_their_paths},
	    {differences_are_named_by_path},
	};
	return suite_run("base_yaml", setup, teardown, tests, ROWS(tests));
}
