/*
 * What composing costs: one thread, a campaign of HTML and text of about 5 KB with six merge
 * fields, rows that differ. Prints microseconds of CPU a message and MB/s, for several shapes; the
 * last of them what twelve links, pages and a pixel cost, with their tokens and without.
 *
 *   compose_bench [MESSAGES]
 */
#include "postrider/base/file.h"
#include "postrider/message.h"
#include "postrider/message/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct pr_str columns[] = {{"email", 5},   {"first_name", 10}, {"last_name", 9},
                                        {"product", 7}, {"price", 5},       {"city", 4},
                                        {"code", 4}};
#define COLUMNS 7

#define HTML_HEAD                                                                                  \
	"<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{{ product }}</title>\n"      \
	"<style>body{font-family:sans-serif;color:#222}.b{padding:8px "                            \
	"16px;background:#06c}</style>\n"                                                          \
	"</head><body>\n<table role=\"presentation\" width=\"600\"><tr><td>\n"                     \
	"<p>Dear {{ first_name }} {{ last_name }},</p>\n"                                          \
	"<p>your {{ product }} for {{ price }} is waiting in {{ city }}; use {{ code }}.</p>\n"
#define HTML_LINE                                                                                  \
	"<p>Spring is here, and with it %d new things for house, garden and everyone in it.</p>\n"
#define TEXT_HEAD                                                                                  \
	"Dear {{ first_name }} {{ last_name }},\n\nyour {{ product }} for {{ price }} is waiting " \
	"in "                                                                                      \
	"{{ city }}; use {{ code }}.\n\n"
#define TEXT_LINE "Spring is here, and with it %d new things for house and garden.\n"

static void
put(int dir, const char *path, const struct pr_buf *b)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || pr_write_all(fd, b->data, b->len) < 0)
		exit(1);
	close(fd);
}

static void
write_folder(int dir, bool text, bool latin, bool raw, unsigned links)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, HTML_HEAD);
	for (int i = 0; i < 30; i++)
		pr_buf_addf(&b, HTML_LINE, i);
	for (unsigned i = 0; i < links; i++)
		pr_buf_addf(&b, "<p><a href=\"https://www.acme.example/shop/%u\">No %u</a></p>\n",
		            i, i);
	pr_buf_adds(&b, latin ? "<p>Gr\xC3\xBC\xC3\x9F"
	                        "e aus K\xC3\xB6ln</p>"
	                      : "");
	pr_buf_adds(&b, raw ? "{{ code | raw }}" : ""); /* no template can be derived of this */
	pr_buf_adds(&b, "</td></tr></table></body></html>\n");
	put(dir, "body.html", &b);
	pr_buf_clear(&b);
	pr_buf_adds(&b, TEXT_HEAD);
	for (int i = 0; i < 18; i++)
		pr_buf_addf(&b, TEXT_LINE, i);
	pr_buf_adds(&b, latin ? "Gr\xC3\xBC\xC3\x9F"
	                        "e\n"
	                      : "");
	unlinkat(dir, "body.txt", 0);
	if (text)
		put(dir, "body.txt", &b);
	pr_buf_clear(&b);
	pr_buf_adds(&b, "from: \"Acme <news@mail.acme.example>\"\nlist: news\n"
	                "subject: \"{{ first_name }}, {{ product }} is here\"\n");
	put(dir, "campaign.yaml", &b);
	pr_buf_clear(&b);
	pr_buf_adds(&b, "email\na@b.example\n");
	put(dir, "recipients.csv", &b);
	pr_buf_finish(&b);
}

static double
cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static pr_tokens *keys; /* NULL: nothing is followed */

static pr_content *
compile(int dir)
{
	struct pr_manifest *manifest;
	struct pr_problems problems = {0};
	struct pr_buf text = {0};
	pr_content *content = NULL;
	if (pr_manifest_load(dir, "bench", &problems, &manifest) == 0) {
		const struct pr_content_source source = {.manifest = manifest,
		                                         .dir = dir,
		                                         .columns = columns,
		                                         .columns_n = COLUMNS,
		                                         .campaign_id = "bench",
		                                         .tokens = keys,
		                                         .track_url = "https://t.acme.example",
		                                         .serial = 1};
		pr_content_compile(&source, &problems, &content);
	}
	pr_problems_text(&problems, &text);
	if (!content) {
		fprintf(stderr, "%s", text.data);
		exit(1);
	}
	pr_manifest_destroy(manifest);
	pr_problems_finish(&problems);
	pr_buf_finish(&text);
	return content;
}

#define ROWS 1000

/* The microseconds. */
static double
run(const char *what, int dir, unsigned messages)
{
	static struct pr_buf packed[ROWS];
	char text[COLUMNS][40];
	pr_content *content = compile(dir);
	pr_composer *composer;
	pr_composer_create(&composer);
	for (unsigned i = 0; i < ROWS; i++) {
		struct pr_str fields[COLUMNS];
		for (unsigned k = 0; k < COLUMNS; k++) {
			snprintf(text[k], sizeof text[k],
			         k ? "Value %u-%u" : "user%u@dom%u.example", i, k);
			fields[k] = pr_str(text[k]);
		}
		pr_buf_clear(&packed[i]);
		pr_fields_pack(&packed[i], fields, COLUMNS);
	}
	double before = cpu_us();
	size_t octets = 0;
	for (unsigned i = 0; i < messages; i++) {
		struct pr_row row = {.row = i + 1,
		                     .email = PR_STR("someone@dom12.example"),
		                     .data = pr_buf_str(&packed[i % ROWS])};
		struct pr_message *m;
		struct pr_error e;
		if (pr_compose(composer, content, &row, 0, 1795306380000 + i / 25, &m, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			exit(1);
		}
		octets += m->size + m->tail.n;
		pr_message_destroy(m);
	}
	double us = (cpu_us() - before) / messages;
	printf("%-28s %7.2f us a message %7zu octets %7.0f MB/s\n", what, us, octets / messages,
	       (double)octets / messages / us);
	pr_composer_destroy(composer);
	pr_content_unref(content);
	return us;
}

static void
run_links(int dir, unsigned messages)
{
	static const char *const secret[] = {"a secret of the bench, long enough"};
	double plain = run("12 links as they are", dir, messages);
	keys = pr_tokens_create("a", secret);
	double followed = run("12 links, pages and pixel", dir, messages);
	printf("%-28s %7.2f us a message\n", "tracking costs", followed - plain);
	pr_tokens_unref(keys);
	keys = NULL;
}

int
main(int argc, char **argv)
{
	char folder[] = "/tmp/postrider-bench-XXXXXX";
	unsigned messages = argc > 1 ? (unsigned)atoi(argv[1]) : 100000;
	if (!mkdtemp(folder) || messages == 0)
		return 1;
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	write_folder(dir, true, false, false, 0);
	run("HTML and text, 7bit", dir, messages);
	write_folder(dir, true, true, false, 0);
	run("HTML and text, QP", dir, messages);
	write_folder(dir, false, false, false, 0);
	run("HTML, derived text, 7bit", dir, messages);
	write_folder(dir, false, true, false, 0);
	run("HTML, derived text, QP", dir, messages);
	write_folder(dir, false, false, true, 0);
	run("HTML, text from each message", dir, messages / 10 + 1);
	write_folder(dir, true, false, false, 12);
	run_links(dir, messages);
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
	return 0;
}
