/*
 * Events: what is kept, in pages; with -f as they come. A stream that breaks off (the daemon
 * is started again) is taken up after the last event seen.
 */
#include "cli.h"

#include "postrider/base/clock.h"

#include <poll.h>
#include <stdlib.h>

#define AWAY_MS (30 * PR_SECOND_MS)

struct following {
	struct cli *c;
	uint64_t last, next; /* ids: told; of what comes next */
	bool any;
};

/* "250 2.0.0  reply": what of it is there, each after two spaces. */
static void
add_told(const json_t *o, struct pr_buf *b)
{
	static const char *const keys[] = {"reply", "by", "detail"};
	const char *type = cli_text_of(o, "type"), *class = cli_text_of(o, "class");
	const char *enhanced = cli_text_of(o, "enhanced");
	uint64_t code = cli_number_of(o, "code");
	if (class && type && strcmp(class, type) != 0)
		pr_buf_addf(b, "  %s", cli_show(class));
	if (code)
		pr_buf_addf(b, "  %llu%s%s", (unsigned long long)code, enhanced ? " " : "",
		            cli_show(enhanced));
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
		if (cli_text_of(o, keys[i]))
			pr_buf_addf(b, "  %s%s", strcmp(keys[i], "by") == 0 ? "by " : "",
			            cli_show(cli_text_of(o, keys[i])));
}

static void
print_event(const json_t *o)
{
	struct pr_buf b = {0};
	char at[CLI_TEXT];
	uint64_t row = cli_number_of(o, "row");
	pr_buf_addf(&b, "%s  %-9s", cli_time(cli_text_of(o, "at"), at),
	            cli_show(cli_text_of(o, "type")));
	if (cli_text_of(o, "campaign"))
		pr_buf_addf(&b, "  %s", cli_show(cli_text_of(o, "campaign")));
	if (row)
		pr_buf_addf(&b, "  row %llu", (unsigned long long)row);
	if (cli_text_of(o, "email"))
		pr_buf_addf(&b, "  %s", cli_show(cli_text_of(o, "email")));
	add_told(o, &b);
	puts(b.data);
	pr_buf_finish(&b);
}

static void
tell(struct cli *c, const json_t *o)
{
	if (c->arguments.json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		putchar('\n');
	} else
		print_event(o);
}

/* ---- pages ---- */

static enum cli_exit
print_pages(struct cli *c, uint64_t after)
{
	for (;;) {
		char path[100];
		size_t i;
		json_t *one;
		snprintf(path, sizeof path, "/v1/events?after=%llu&limit=1000",
		         (unsigned long long)after);
		json_t *page = cli_get(c, path);
		if (!page)
			return CLI_FAILED;
		json_array_foreach(json_object_get(page, "events"), i, one) tell(c, one);
		uint64_t next = cli_number_of(page, "next");
		json_decref(page);
		if (i == 0 || next <= after || ferror(stdout))
			return ferror(stdout) ? CLI_FAILED : CLI_DONE;
		after = next;
	}
}

/* ---- following ---- */

static void
tell_line(struct cli *c, struct pr_str text)
{
	if (c->arguments.json) {
		fwrite(text.p, 1, text.n, stdout);
		putchar('\n');
		return;
	}
	json_t *o = json_loadb(text.p, text.n, 0, NULL);
	if (o)
		print_event(o);
	json_decref(o);
}

static bool
on_line(void *context, struct pr_str line)
{
	struct following *f = context;
	uint64_t id;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	f->any = true;
	if (pr_str_starts(line, "id: ") && pr_str_u64(pr_str_n(line.p + 4, line.n - 4), &id))
		f->next = id;
	else if (pr_str_starts(line, "data: ")) {
		tell_line(f->c, pr_str_n(line.p + 6, line.n - 6));
		f->last = f->next;
	}
	return !ferror(stdout);
}

/* 0: broke off, begin again; else what ends it. */
static int
follow_once(struct following *f, const char *path, enum cli_exit *result)
{
	struct cli_reply reply;
	struct pr_error e;
	int r = cli_stream(f->c, path, on_line, f, &reply, &e);
	if (r == 0 && reply.status >= 400)
		*result = cli_refused(f->c, &reply);
	else if (ferror(stdout) || (r < 0 && r != PR_EAGAIN))
		*result = r < 0 ? cli_fail("%s", e.text) : CLI_FAILED;
	else {
		pr_buf_finish(&reply.body);
		return 0;
	}
	pr_buf_finish(&reply.body);
	return 1;
}

static enum cli_exit
follow(struct cli *c, bool known, uint64_t after)
{
	struct following f = {.c = c, .last = after};
	enum cli_exit result = CLI_FAILED;
	int64_t away_since = pr_mono_ms();
	bool answered = false;
	for (;;) {
		char path[100] = "/v1/events";
		if (known || f.last)
			snprintf(path, sizeof path, "/v1/events?after=%llu",
			         (unsigned long long)f.last);
		f.any = false;
		if (follow_once(&f, path, &result) != 0)
			return result;
		if (f.any) {
			away_since = pr_mono_ms();
			answered = true;
		} else if (!answered || pr_mono_ms() - away_since > AWAY_MS) {
			cli_get(c, "/v1/status"); /* says what is wrong */
			return CLI_FAILED;
		}
		poll(NULL, 0, 500);
	}
}

enum cli_exit
cli_run_events(struct cli *c)
{
	const char *after = cli_value(c, "after");
	uint64_t id = 0;
	if (after && !pr_str_u64(pr_str(after), &id))
		return cli_usage(c, "--after %s: write the id of an event", cli_show(after));
	return cli_given(c, "follow") ? follow(c, after != NULL, id) : print_pages(c, id);
}
