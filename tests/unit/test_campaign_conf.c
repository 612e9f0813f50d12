/*
 * conf/ against the program: every option of the tables is described there, beside its
 * default, and nothing else is; and the sample is a campaign.
 *
 * A line "#key: value" is an option that is commented out; "# words" is prose. With the
 * options uncommented the files must be valid.
 */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/holidays.h"
#include "postrider/campaign/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

static struct pr_problems problems;
static struct pr_buf text;
static yaml_document_t document;

static void
read_conf(const char *name)
{
	char path[500];
	struct pr_error e = {0};
	const char *root = getenv("POSTRIDER_SOURCE");
	snprintf(path, sizeof path, "%s/conf/%s", root ? root : ".", name);
	pr_buf_clear(&text);
	ck_assert_msg(pr_file_read(AT_FDCWD, path, 1 << 20, &text, &e) == 0, "%s", e.text);
}

/* "  #key: value" to "  key: value", "#- key:" too; with nothing else on the line. */
static void
uncomment(void)
{
	struct pr_buf out = {0};
	for (char *line = text.data, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		size_t indent = strspn(line, " "), dash, word = 0;
		dash = indent + 1 + 2 * (strncmp(line + indent, "#- ", 3) == 0);
		if (line[indent] == '#')
			word = strspn(line + dash, "abcdefghijklmnopqrstuvwxyz_-XT");
		pr_buf_add(&out, line, indent);
		line += indent + (word && line[dash + word] == ':');
		pr_buf_add(&out, line, (size_t)(end - line));
	}
	pr_buf_finish(&text);
	text = out;
}

static void
load(const char *name)
{
	yaml_parser_t parser;
	read_conf(name);
	uncomment();
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.len);
	ck_assert(yaml_parser_load(&parser, &document));
	yaml_parser_delete(&parser);
}

/* The value of a key of a map; "*": of any key that has `rest` below it. NULL: not there. */
static yaml_node_t *
find(yaml_node_t *node, const char *path)
{
	size_t n = strcspn(path, ".");
	const char *rest = path[n] ? path + n + 1 : NULL;
	if (node && node->type == YAML_SEQUENCE_NODE && *path == '*') {
		node = yaml_document_get_node(&document, *node->data.sequence.items.start);
		path = rest;
		n = strcspn(path, ".");
		rest = path[n] ? path + n + 1 : NULL;
	}
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		const char *key =
		    (const char *)yaml_document_get_node(&document, p->key)->data.scalar.value;
		yaml_node_t *value = yaml_document_get_node(&document, p->value);
		if (!pr_str_is(pr_str_n(path, n), "*") && !pr_str_is(pr_str_n(path, n), key))
			continue;
		yaml_node_t *found = rest ? find(value, rest) : value;
		if (found)
			return found;
	}
	return NULL;
}

/* A comment on the line of the value, or on a line right above its key. */
static bool
is_described(const yaml_node_t *node)
{
	struct pr_str lines[3] = {{0}};
	const char *p = text.data;
	for (size_t i = 0; i <= node->start_mark.line; i++) {
		size_t n = strcspn(p, "\n");
		lines[2] = lines[1];
		lines[1] = lines[0];
		lines[0] = pr_str_n(p, n);
		p += n + (p[n] == '\n');
	}
	struct pr_str above = pr_str_trim(lines[1]);
	return memmem(lines[0].p, lines[0].n, " # ", 3) != NULL || (above.n && above.p[0] == '#');
}

/* Keys whose section or neighbour says all there is to say. */
static bool
speaks_for_itself(const char *path)
{
	static const char *const known[] = {"routes",
	                                    "routes.*.port",
	                                    "routes.*.tls",
	                                    "routes.*.path",
	                                    "brands.*.from_domains",
	                                    "brands.*.postal_address",
	                                    "brands.*.language",
	                                    "html",
	                                    "text",
	                                    "track.opens",
	                                    "track.clicks",
	                                    "recipients.file",
	                                    NULL};
	for (unsigned i = 0; known[i]; i++)
		if (strcmp(path, known[i]) == 0)
			return true;
	return false;
}

static struct pr_buf missing;

static void
check_row(void *context, const char *path, const struct pr_yaml_row *row)
{
	yaml_node_t *node = find(context, path);
	if (row->type == PR_YAML_LATER)
		return;
	if (!node)
		pr_buf_addf(&missing, "%s is not in conf/\n", path);
	else if (row->type != PR_YAML_SECTION && row->type != PR_YAML_NAMED &&
	         row->type != PR_YAML_SECTIONS && !speaks_for_itself(path) && !is_described(node))
		pr_buf_addf(&missing, "%s is not described\n", path);
	if (!node || !row->fallback || node->type != YAML_SCALAR_NODE)
		return;
	if (strcmp((const char *)node->data.scalar.value, row->fallback) != 0)
		pr_buf_addf(&missing, "%s: conf/ says %s, the default is %s\n", path,
		            node->data.scalar.value, row->fallback);
}

static void
check_conf(const char *name, const struct pr_yaml_schema *schema)
{
	load(name);
	pr_buf_finish(&missing);
	pr_buf_adds(&missing, "");
	pr_yaml_each_row(schema, check_row, yaml_document_get_root_node(&document));
	ck_assert_msg(missing.len == 0, "%s:\n%s", name, missing.data);
	yaml_document_delete(&document);
}

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	pr_problems_text(&problems, &b);
	return b.data ? b.data : "";
}

START_TEST(each_option_is_described_beside_its_default)
{
	check_conf("postrider.yaml", &pr_config_schema);
}
END_TEST

START_TEST(each_key_of_a_manifest_is_described_beside_its_default)
{
	check_conf("campaign.yaml", &pr_manifest_schema);
}
END_TEST

START_TEST(holidays_are_valid_as_shipped_and_described)
{
	struct pr_holidays *h = NULL;
	check_conf("holidays.yaml", &pr_holidays_schema);
	read_conf("holidays.yaml");
	int r = pr_holidays_parse(pr_buf_str(&text), "holidays.yaml", &problems, &h);
	ck_assert_msg(r == 0, "%s", told());
	ck_assert_uint_gt(pr_holidays_of(h, PR_STR("DE"))->n, 20);
	pr_holidays_destroy(h);
}
END_TEST

START_TEST(configuration_is_valid_as_shipped_and_with_all_options)
{
	for (int i = 0; i < 2; i++) {
		struct pr_config *c = NULL;
		read_conf("postrider.yaml");
		if (i)
			uncomment();
		int r = pr_config_parse(pr_buf_str(&text), "postrider.yaml", "/etc", &problems, &c);
		ck_assert_msg(r == 0, "%s", told());
		ck_assert_uint_eq(c->brands.n, i);
		pr_config_unref(c);
	}
}
END_TEST

/* The lines from the one that begins so to before the other become comments. */
static void
comment(const char *from, const char *to)
{
	char *line = strstr(text.data, from), *end = line ? strstr(line, to) : NULL;
	ck_assert_msg(end, "%s", from);
	while (line < end) {
		*line = '#';
		line += strcspn(line, "\n") + 1;
	}
}

/* Recipients come from one place; a series has a trigger of one kind, and no more of its own. */
static void
choose_source(int which)
{
	if (which != 1)
		comment("  campaign: 2026", "\n# Instead of recipients");
	if (which < 2)
		comment("audience:\n", "\n# Whom not to");
	if (which)
		comment("  file:", "  # Held when more rows");
	if (which < 3) {
		comment("trigger:\n", "\n# The messages of a series");
		comment("steps:\n", "\n# A route");
		return;
	}
	comment("  event: signup", "  before:");
	comment("  existing:", "  # What ends it");
	comment("    stay:", "\n# The messages");
	comment("variants:\n", "\n# liquid, or");
	comment("exclude:\n", "\n# A series");
	comment("  hour: best", "\n");
	comment("seeds:", "\n");
}

START_TEST(reference_manifest_is_valid_as_shipped_and_with_all_keys)
{
	for (int i = 0; i < 5; i++) {
		struct pr_manifest *m = NULL;
		read_conf("campaign.yaml");
		if (i) {
			uncomment();
			choose_source(i - 1);
		}
		int r = pr_manifest_parse(pr_buf_str(&text), "x", &problems, &m);
		ck_assert_msg(r == 0, "%s", told());
		ck_assert_uint_eq(m->headers.n, i > 0);
		ck_assert_uint_eq(pr_manifest_by_campaign(m), i == 2);
		ck_assert_uint_eq(pr_manifest_by_audience(m), i >= 3);
		ck_assert_uint_eq(pr_manifest_is_series(m), i == 4);
		pr_manifest_destroy(m);
	}
}
END_TEST

START_TEST(sample_is_a_campaign)
{
	char path[500];
	struct pr_manifest *m = NULL;
	const char *root = getenv("POSTRIDER_SOURCE");
	snprintf(path, sizeof path, "%s/conf/sample", root ? root : ".");
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(dir, 0);
	ck_assert_msg(pr_manifest_load(dir, "sample", &problems, &m) == 0, "%s", told());
	ck_assert(m->html.p && m->text.p);
	ck_assert_uint_eq(problems.n, 0);
	pr_manifest_destroy(m);
	close(dir);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_option_is_described_beside_its_default},
	    {each_key_of_a_manifest_is_described_beside_its_default},
	    {holidays_are_valid_as_shipped_and_described},
	    {configuration_is_valid_as_shipped_and_with_all_options},
	    {reference_manifest_is_valid_as_shipped_and_with_all_keys},
	    {sample_is_a_campaign},
	};
	int failed = suite_run("campaign_conf", NULL, NULL, tests, ROWS(tests));
	pr_buf_finish(&text);
	pr_buf_finish(&missing);
	return failed;
}
