/* A campaign's folder, compiled and composed: for tests of whole messages. */
#ifndef TESTS_MESSAGE_HELP_H
#define TESTS_MESSAGE_HELP_H

#include "campaign_folder.h"

#include "postrider/message.h"

#include <stdio.h>

#define NOW 1795306380000 /* Sun, 22 Nov 2026 00:13:00 +0000 */
#define HEAD "from: \"Acme <news@mail.acme.example>\"\nlist: newsletter\n"

static struct pr_manifest *manifest;
static unsigned variant; /* that is composed */
static struct pr_problems problems;
static pr_content *content;
static pr_composer *composer;
static struct pr_message *message; /* the last one composed */
static struct pr_buf octets;       /* of it */
static struct pr_error failure;
static struct pr_tokens *tokens; /* NULL: nothing is followed */
static const char *proof_to;
static bool honeypot;

static inline void
setup(void)
{
	folder_make();
	put_text("recipients.csv", "email\na@b.example\n");
	pr_composer_create(&composer);
}

static inline void
teardown(void)
{
	pr_message_destroy(message);
	message = NULL;
	pr_buf_finish(&octets);
	if (content)
		pr_content_unref(content);
	content = NULL;
	pr_manifest_destroy(manifest);
	manifest = NULL;
	pr_problems_finish(&problems);
	pr_composer_destroy(composer);
	folder_remove();
}

static const struct pr_str columns[] = {
    {"email", 5}, {"first_name", 10}, {"Last name", 9}, {"x", 1}};

static inline int
compile(const char *yaml)
{
	const struct pr_content_source source = {.dir = dir,
	                                         .columns = columns,
	                                         .columns_n = 4,
	                                         .campaign_id = "20261122-test-abcd",
	                                         .serial = 7,
	                                         .hostname = "mta1.acme.example",
	                                         .tokens = tokens,
	                                         .proof_to = proof_to,
	                                         .honeypot = honeypot,
	                                         .track_url = "https://t.acme.example"};
	struct pr_content_source s = source;
	struct pr_buf text = {0};
	put_text("campaign.yaml", yaml);
	int result = pr_manifest_load(dir, "test", &problems, &manifest);
	pr_problems_text(&problems, &text);
	ck_assert_msg(result == 0, "%s", text.data);
	pr_buf_finish(&text);
	s.manifest = manifest;
	return pr_content_compile(&s, &problems, &content);
}

static inline void
must_compile(const char *yaml)
{
	struct pr_buf text = {0};
	int result = compile(yaml);
	pr_problems_text(&problems, &text);
	ck_assert_msg(result == 0, "%s", text.data);
	pr_buf_finish(&text);
}

/* Every line is bounded and ended by CRLF; returns false with nothing else to check. */
static void
check_octets(void)
{
	size_t from = 0;
	bool dots = false;
	ck_assert(octets.len > 4 && !memcmp(octets.data + octets.len - 2, "\r\n", 2));
	for (size_t i = 0; i < octets.len; i++) {
		char c = octets.data[i];
		ck_assert(c != 0 && (c != '\r' || octets.data[i + 1] == '\n'));
		ck_assert(message->smtputf8 || (unsigned char)c < 0x80);
		if (c != '\n')
			continue;
		ck_assert(i && octets.data[i - 1] == '\r');
		ck_assert_uint_le(i - 1 - from, 998);
		dots |= octets.data[from] == '.';
		from = i + 1;
	}
	ck_assert_int_eq(dots, message->dots);
}

static inline int
compose(const char *email, const char *first, const char *last, const char *x)
{
	struct pr_str fields[] = {pr_str(email), pr_str(first), pr_str(last), pr_str(x)};
	struct pr_buf packed = {0};
	pr_fields_pack(&packed, fields, 4);
	struct pr_row row = {.row = 12, .email = pr_str(email), .data = pr_buf_str(&packed)};
	pr_message_destroy(message);
	message = NULL;
	int result = pr_compose(composer, content, &row, variant, NOW, &message, &failure);
	pr_buf_finish(&packed);
	pr_buf_clear(&octets);
	if (result == 0) {
		pr_message_add(message, &octets);
		check_octets();
	}
	return result;
}

static inline bool
has(const char *text)
{
	return memmem(octets.data, octets.len, text, strlen(text)) != NULL;
}

static inline unsigned
count(const char *text)
{
	unsigned n = 0;
	const char *p = octets.data, *end = p + octets.len;
	while ((p = memmem(p, (size_t)(end - p), text, strlen(text)))) {
		n++;
		p++;
	}
	return n;
}

#define CK_HAS(text)                                                                               \
	ck_assert_msg(has(text), "no \"%s\" in\n%.*s", text, (int)octets.len, octets.data)

static inline const struct pr_problem *
problem(const char *what)
{
	for (unsigned i = 0; i < problems.n; i++)
		if (strstr(problems.items[i].what, what))
			return &problems.items[i];
	ck_abort_msg("no problem says \"%s\"", what);
}

#endif
