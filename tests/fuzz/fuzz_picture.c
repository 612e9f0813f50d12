/*
 * The picture of a message: any octets as its HTML. Holds: what comes out, parsed again as a
 * browser does, has nothing that runs, loads or leads anywhere.
 */
#include "postrider/message/picture.h"

#include <gumbo.h>
#include <stdlib.h>
#include <string.h>

static void
check_attribute(const GumboAttribute *a)
{
	static const char *const bad[] = {"href",       "srcset",     "action", "formaction",
	                                  "background", "ping",       "poster", "data",
	                                  "srcdoc",     "http-equiv", "target", NULL};
	if (strncmp(a->name, "on", 2) == 0)
		abort();
	if (strcmp(a->name, "src") == 0 && strncmp(a->value, "data:image/", 11) != 0)
		abort();
	for (size_t i = 0; bad[i]; i++)
		if (strcmp(a->name, bad[i]) == 0)
			abort();
}

static void
check(const GumboNode *node)
{
	static const GumboTag bad[] = {
	    GUMBO_TAG_SCRIPT, GUMBO_TAG_IFRAME, GUMBO_TAG_OBJECT, GUMBO_TAG_EMBED, GUMBO_TAG_LINK,
	    GUMBO_TAG_BASE,   GUMBO_TAG_SVG,    GUMBO_TAG_MATH,   GUMBO_TAG_FORM,  GUMBO_TAG_INPUT};
	if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_TEMPLATE)
		return;
	const GumboElement *e = &node->v.element;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (e->tag == bad[i] || e->tag_namespace != GUMBO_NAMESPACE_HTML)
			abort();
	for (unsigned i = 0; i < e->attributes.length; i++)
		check_attribute(e->attributes.data[i]);
	for (unsigned i = 0; i < e->children.length; i++)
		check(e->children.data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct pr_manifest manifest;
	static const struct pr_picture_link links[] = {{0, 1, "1 % <b>"}, {7, 0.5, "2 %"}};
	const struct pr_picture p = {
	    .manifest = &manifest, .dir = -1, .links = links, .links_n = 2, .cold = "0 %"};
	struct pr_buf out = {0};
	struct pr_error e;
	if (pr_picture_of_html(&p, pr_str_n((const char *)data, n), &out, &e) == 0) {
		GumboOutput *tree =
		    gumbo_parse_with_options(&kGumboDefaultOptions, out.data, out.len);
		check(tree->root);
		gumbo_destroy_output(&kGumboDefaultOptions, tree);
	}
	pr_buf_finish(&out);
	return 0;
}
