/*
 * Messages: any octets as a body, a header's text, an HTML template. Holds: CRLF lines of at most
 * 998 octets, none that could be a boundary or (but for 7bit) begins with a dot; a field that
 * stays one field; deriving text never crashes, and puts back only code that was there.
 */
#include "../../src/message/encode.h"
#include "../../src/message/header.h"
#include "../../src/message/html_text.h"

#include "postrider/liquid.h"

#include <stdlib.h>

static void
check_lines(const struct pr_buf *b, bool field)
{
	size_t from = 0;
	if (b->len && b->data[b->len - 1] != '\n')
		abort();
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\r' && b->data[i + 1] != '\n')
			abort();
		if (b->data[i] != '\n')
			continue;
		if (i == 0 || b->data[i - 1] != '\r' || i - 1 - from > 998)
			abort();
		if (memcmp(b->data + from, "--=_", i - from < 4 ? i - from : 4) == 0 &&
		    i - from >= 4)
			abort();
		from = i + 1;
		if (field && from < b->len && b->data[from] != ' ')
			abort();
	}
}

static void
encode(struct pr_str text)
{
	struct pr_buf out = {0}, scratch = {0};
	bool dots = false;
	if (pr_encode_7bit(&out, text, &dots))
		check_lines(&out, false);
	pr_buf_clear(&out);
	pr_encode_qp(&out, text);
	check_lines(&out, false);
	if (out.len && (out.data[0] == '.' || memmem(out.data, out.len, "\n.", 2)))
		abort();
	pr_buf_clear(&out);
	pr_encode_base64_text(&out, text, &scratch);
	check_lines(&out, false);
	pr_buf_clear(&out);
	pr_field_text(&out, "Subject", text);
	check_lines(&out, true);
	pr_buf_clear(&out);
	pr_field_mailbox(&out, "From", text, PR_STR("news@acme.example"));
	check_lines(&out, true);
	pr_buf_finish(&out);
	pr_buf_finish(&scratch);
}

static void
derive(struct pr_str html)
{
	struct pr_buf text = {0};
	struct pr_problems problems = {0};
	struct pr_error e;
	pr_liquid *t;
	pr_html_text(html, &text, &e);
	pr_text_tidy(&text);
	pr_buf_clear(&text);
	if (pr_html_text_template(html, &text, &e) == 0) {
		const struct pr_liquid_source source = {.text = pr_buf_str(&text)};
		if (pr_liquid_compile(&source, &problems, &t) == 0)
			pr_liquid_destroy(t);
	}
	pr_problems_finish(&problems);
	pr_buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pr_str text = pr_str_n((const char *)data, size);
	encode(text);
	derive(text);
	return 0;
}
