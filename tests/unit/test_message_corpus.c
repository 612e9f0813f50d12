/*
 * Real mails of the shared corpus: a text template derived from HTML must render to what is
 * derived from the rendered HTML; and the links that are found in it are those that an HTML parser
 * finds. Skipped where the corpus is absent.
 */
#include "../../src/message/href.h"
#include "../../src/message/html_text.h"
#include "corpus.h"
#include "suite.h"

#include "postrider/liquid.h"

#include <gumbo.h>
#include <stdio.h>
#include <stdlib.h>

static struct pr_arena arena;

static struct pr_liquid_value
from_json(json_t *j)
{
	struct pr_liquid_value v = {.type = PR_LIQUID_NIL}, *items;
	size_t i;
	const char *key;
	json_t *member;
	switch (json_typeof(j)) {
	case JSON_STRING:
		return pr_liquid_string(pr_arena_copy(&arena, pr_str(json_string_value(j))));
	case JSON_INTEGER:
		v.type = PR_LIQUID_INT;
		v.i = json_integer_value(j);
		break;
	case JSON_REAL:
		v.type = PR_LIQUID_FLOAT;
		v.f = json_real_value(j);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v.type = PR_LIQUID_BOOL;
		v.i = json_is_true(j);
		break;
	case JSON_NULL: break;
	case JSON_ARRAY:
		v = (struct pr_liquid_value){.type = PR_LIQUID_ARRAY,
		                             .n = (uint32_t)json_array_size(j)};
		v.items = items = pr_arena_zero(&arena, (v.n + 1) * sizeof *items);
		json_array_foreach(j, i, member) items[i] = from_json(member);
		break;
	case JSON_OBJECT:
		v = (struct pr_liquid_value){.type = PR_LIQUID_HASH,
		                             .n = (uint32_t)json_object_size(j)};
		v.items = items = pr_arena_zero(&arena, (2 * v.n + 1) * sizeof *items);
		json_object_foreach(j, key, member)
		{
			*items++ = pr_liquid_string(pr_arena_copy(&arena, pr_str(key)));
			*items++ = from_json(member);
		}
		break;
	}
	return v;
}

static void
render(struct pr_str template, json_t *data, bool escape, struct pr_buf *out)
{
	const char *names[100] = {NULL}, *key;
	struct pr_liquid_value values[100];
	struct pr_problems problems = {0};
	struct pr_liquid_failure failure;
	struct pr_arena scratch;
	pr_liquid *t;
	size_t n = 0;
	json_t *member;
	json_object_foreach(data, key, member)
	{
		ck_assert_uint_lt(n, 99);
		names[n] = key;
		values[n++] = from_json(member);
	}
	const struct pr_liquid_source source = {
	    .text = template, .names = names, .escape_html = escape};
	const struct pr_liquid_run run = {.values = values};
	pr_arena_init(&scratch);
	ck_assert_int_eq(pr_liquid_compile(&source, &problems, &t), 0);
	ck_assert_int_eq(pr_liquid_render(t, &run, &scratch, out, &failure), 0);
	pr_arena_finish(&scratch);
	pr_liquid_destroy(t);
	pr_problems_finish(&problems);
}

static unsigned derived, declined;

static void
check_mail(json_t *mail)
{
	struct pr_buf html = {0}, want = {0}, template = {0}, got = {0};
	struct pr_error e;
	struct pr_str source = pr_str(corpus_text(mail, "template"));
	json_t *data = json_object_get(mail, "data");
	if (strcmp(corpus_text(mail, "type"), "html") != 0 || !json_is_object(data))
		return;
	if (pr_html_text_template(source, &template, &e) == 0) {
		derived++;
		render(source, data, true, &html);
		ck_assert_int_eq(pr_html_text(pr_buf_str(&html), &want, &e), 0);
		pr_text_tidy(&want);
		render(pr_buf_str(&template), data, false, &got);
		pr_text_tidy(&got);
		ck_assert_msg(pr_str_eq(pr_buf_str(&got), pr_buf_str(&want)),
		              "%s\n---- derived once\n%s\n---- derived from the rendered\n%s",
		              corpus_text(mail, "id"), got.data, want.data);
	} else {
		declined++;
		ck_assert_int_eq(e.code, PR_EUNAVAILABLE);
	}
	pr_buf_finish(&html);
	pr_buf_finish(&want);
	pr_buf_finish(&template);
	pr_buf_finish(&got);
}

START_TEST(text_derived_once_is_text_derived_each_time)
{
	pr_arena_init(&arena);
	if (corpus_each("email-templates.jsonl", check_mail))
		ck_assert_uint_gt(derived, 10 * declined);
	pr_arena_finish(&arena);
}
END_TEST

/* ---- links ---- */

static unsigned links_found;

/* What the parser makes of it, each in brackets. */
static void
add_links(const GumboNode *node, struct pr_buf *out)
{
	if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE)
		return;
	const GumboElement *e = &node->v.element;
	const GumboAttribute *href = gumbo_get_attribute(&e->attributes, "href");
	if (href && (e->tag == GUMBO_TAG_A || e->tag == GUMBO_TAG_AREA))
		pr_buf_addf(out, "[%s]", href->value);
	for (unsigned i = 0; i < e->children.length; i++)
		add_links(e->children.data[i], out);
}

static void
check_links(json_t *mail)
{
	struct pr_buf want = {0}, got = {0};
	const char *text = corpus_text(mail, "template");
	struct pr_href_scan scan = {.html = pr_str(text)};
	struct pr_href h;
	if (strcmp(corpus_text(mail, "type"), "html") != 0)
		return;
	GumboOutput *page = gumbo_parse(text);
	add_links(page->root, &want);
	while (pr_href_next(&scan, &h)) {
		pr_buf_addf(&got, "[%.*s]", (int)h.value.n, h.value.p);
		links_found++;
	}
	ck_assert_msg(pr_str_eq(pr_buf_str(&got), pr_buf_str(&want)), "%s\n%s\nwanted %s",
	              corpus_text(mail, "id"), got.data, want.data);
	gumbo_destroy_output(&kGumboDefaultOptions, page);
	pr_buf_finish(&want);
	pr_buf_finish(&got);
}

START_TEST(links_are_those_of_a_parser)
{
	if (corpus_each("email-templates.jsonl", check_links))
		ck_assert_uint_gt(links_found, 100);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {text_derived_once_is_text_derived_each_time},
	    {links_are_those_of_a_parser},
	};
	return suite_run("message_corpus", NULL, NULL, tests, ROWS(tests));
}
