/*
 * Following a campaign: `watch` shows it, `wait` only waits.
 *
 *   terminal  a block of three lines, drawn again in place twice a second
 *   pipe      a plain line a second (--json: the campaign object), and one at the end
 *
 * A daemon that is started again in between is waited for: AWAY_MS without an answer ends it.
 */
#include "cli.h"

#include "postrider/base/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define AWAY_MS (30 * PR_SECOND_MS)
#define LINES 3 /* of the block */

static void
pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static int
read_campaign(struct cli *c, const struct cli_reply *reply, json_t **out)
{
	struct pr_str text = pr_buf_str(&reply->body);
	if (reply->status == 503)
		return PR_EAGAIN;
	if (reply->status >= 400) {
		cli_refused(c, reply);
		return PR_ENOENT;
	}
	json_t *o = json_loadb(text.p, text.n, 0, NULL);
	if (!json_is_object(o)) {
		json_decref(o);
		return PR_EAGAIN; /* cut short */
	}
	*out = o;
	return 0;
}

/* The campaign; PR_EAGAIN: no answer now; PR_ENOENT and others: said why. */
static int
look(struct cli *c, const char *id, json_t **out)
{
	struct cli_reply reply;
	struct pr_error e;
	int r = cli_request(c, cli_campaign_path(id, ""), NULL, &reply, &e);
	if (r == 0)
		r = read_campaign(c, &reply, out);
	else if (r != PR_EAGAIN)
		cli_fail("%s", e.text);
	pr_buf_finish(&reply.body);
	return r;
}

/* The same, waiting for a daemon that is away, if it answered before. NULL: said why. */
static json_t *
look_again(struct cli *c, const char *id, bool known)
{
	json_t *o;
	int64_t begun = pr_mono_ms();
	bool told = false;
	for (;;) {
		int r = look(c, id, &o);
		if (r == 0)
			return o;
		if (r != PR_EAGAIN)
			return NULL;
		if (!known || pr_mono_ms() - begun > AWAY_MS) {
			cli_get(c, "/v1/status"); /* says what is wrong */
			return NULL;
		}
		if (!told)
			cli_fail("the daemon does not answer: waiting for it");
		told = true;
		pause_ms(200);
	}
}

/* ---- which one ---- */

static bool
is_better(const json_t *a, const json_t *b)
{
	const char *x = cli_text_of(a, "accepted"), *y = cli_text_of(b, "accepted");
	if (!b || cli_ended(a) != cli_ended(b))
		return !b || !cli_ended(a);
	return strcmp(x ? x : "", y ? y : "") >= 0;
}

/* The newest one that goes on, else the newest at all. The caller frees; NULL: said why. */
static char *
choose(struct cli *c)
{
	json_t *answer = cli_get(c, "/v1/campaigns"), *one, *best = NULL;
	size_t i;
	char *id = NULL;
	if (!answer)
		return NULL;
	json_array_foreach(json_object_get(answer, "campaigns"), i, one) if (is_better(one, best))
	    best = one;
	if (best && cli_text_of(best, "id"))
		id = pr_strdup(cli_text_of(best, "id"));
	else
		cli_fail("there is no campaign to watch: `postrider submit DIR` hands one over");
	json_decref(answer);
	return id;
}

/* ---- showing it ---- */

static unsigned
terminal_width(void)
{
	struct winsize w;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col < 20)
		return 80;
	return w.ws_col < 160 ? w.ws_col : 160;
}

/* "paused (stop_loss)" */
static void
add_state(const json_t *o, struct pr_buf *b)
{
	const char *reason = cli_text_of(o, "reason");
	pr_buf_adds(b, cli_show(cli_text_of(o, "state")));
	if (reason)
		pr_buf_addf(b, " (%s)", cli_show(reason));
}

/* "sending, 812.4/s, done in 3m 05s" */
static void
add_pace(const json_t *o, struct pr_buf *b)
{
	char text[CLI_TEXT];
	int64_t eta;
	add_state(o, b);
	if (cli_ended(o))
		return;
	if (cli_real_of(o, "rate") > 0)
		pr_buf_addf(b, ", %.1f/s", cli_real_of(o, "rate"));
	if (cli_parse_time(cli_text_of(o, "eta"), &eta))
		pr_buf_addf(b, ", done in %s", cli_duration(eta - pr_utc_ms(), text));
}

static void
progress_of(const json_t *o, uint64_t *part, uint64_t *whole)
{
	struct cli_counts n = cli_counts_of(o);
	*part = cli_settled(&n);
	*whole = n.total;
}

static void
put_line(const char *text, unsigned width)
{
	size_t at = 0, n = strlen(text);
	unsigned used = 0;
	while (at < n && used < width) {
		uint32_t code;
		size_t step = pr_utf8_decode(text + at, n - at, &code);
		at += step ? step : 1;
		used++;
	}
	printf("%.*s\x1b[K\n", (int)at, text);
}

static void
draw(const json_t *o, bool again)
{
	struct pr_buf line = {0};
	char bar[204], percent[CLI_TEXT];
	uint64_t part, whole;
	unsigned width = terminal_width();
	progress_of(o, &part, &whole);
	if (again)
		printf("\x1b[%dA\r", LINES);
	pr_buf_addf(&line, "%s  \"%s\"  ", cli_show(cli_text_of(o, "id")),
	            cli_show(cli_text_of(o, "name")));
	add_pace(o, &line);
	put_line(line.data, width);
	pr_buf_clear(&line);
	pr_buf_addf(&line, "%s %s", cli_bar(part, whole, width - 9, bar),
	            cli_percent(part, whole, percent));
	put_line(line.data, width);
	pr_buf_clear(&line);
	struct cli_counts n = cli_counts_of(o);
	if (n.total)
		cli_counts_line(&n, &line);
	else
		pr_buf_addf(&line, "%llu rows read",
		            (unsigned long long)cli_number_of(o, "import_rows"));
	put_line(line.data, width);
	fflush(stdout);
	pr_buf_finish(&line);
}

static void
print_line(struct cli *c, const json_t *o)
{
	struct pr_buf line = {0};
	struct cli_counts n = cli_counts_of(o);
	char percent[CLI_TEXT];
	uint64_t part, whole;
	if (c->arguments.json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		putchar('\n');
	} else {
		progress_of(o, &part, &whole);
		pr_buf_addf(&line, "%s  %s  ", cli_show(cli_text_of(o, "id")),
		            cli_percent(part, whole, percent));
		cli_counts_line(&n, &line);
		pr_buf_adds(&line, "  ");
		add_pace(o, &line);
		puts(line.data);
	}
	fflush(stdout);
	pr_buf_finish(&line);
}

static enum cli_exit
follow(struct cli *c, const char *id)
{
	bool terminal = isatty(STDOUT_FILENO) && !c->arguments.json, known = false, ended = false;
	enum cli_exit result = CLI_DONE;
	int64_t said = 0;
	while (!ended) {
		json_t *o = look_again(c, id, known);
		if (!o)
			return CLI_FAILED;
		ended = cli_ended(o);
		if (terminal)
			draw(o, known);
		else if (ended || !known || pr_mono_ms() - said >= PR_SECOND_MS) {
			print_line(c, o);
			said = pr_mono_ms();
		}
		known = true;
		if (ended && strcmp(cli_text_of(o, "state"), "failed") == 0)
			result = CLI_FAILED;
		json_decref(o);
		if (!ended)
			pause_ms(terminal ? 500 : 100);
		if (ferror(stdout))
			return CLI_FAILED;
	}
	return result;
}

enum cli_exit
cli_run_watch(struct cli *c)
{
	char *id = c->arguments.n ? pr_strdup(c->arguments.words[0]) : choose(c);
	enum cli_exit result = id ? follow(c, id) : CLI_FAILED;
	free(id);
	return result;
}

/* ---- wait ---- */

static bool
is_reached(const json_t *o, bool first_pass)
{
	const char *state = cli_text_of(o, "state");
	return (first_pass && cli_text_of(o, "first_pass")) ||
	       (state && strcmp(state, "finished") == 0);
}

/* CLI_USAGE: goes on. */
static enum cli_exit
judge(struct cli *c, const json_t *o, bool first_pass)
{
	bool reached = is_reached(o, first_pass);
	if (!reached && !cli_ended(o))
		return CLI_USAGE;
	if (c->arguments.json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		putchar('\n');
	}
	if (reached)
		return CLI_DONE;
	const char *error = cli_text_of(o, "last_error");
	return cli_fail("%s is %s%s%s", cli_show(cli_text_of(o, "id")),
	                cli_show(cli_text_of(o, "state")), error ? ": " : "", cli_show(error));
}

static enum cli_exit
fail_late(struct cli *c, const char *id, const json_t *o)
{
	struct pr_buf state = {0};
	add_state(o, &state);
	enum cli_exit result = cli_fail("%s is still %s: waited %s", cli_show(id), state.data,
	                                cli_value(c, "timeout"));
	pr_buf_finish(&state);
	return result;
}

static enum cli_exit
wait_for(struct cli *c, const char *id, bool first_pass, int64_t timeout_ms)
{
	int64_t begun = pr_mono_ms();
	int every = 20;
	for (bool known = false;; known = true) {
		json_t *o = look_again(c, id, known);
		if (!o)
			return CLI_FAILED;
		enum cli_exit result = judge(c, o, first_pass);
		int64_t left = timeout_ms - (pr_mono_ms() - begun);
		bool late = result == CLI_USAGE && timeout_ms >= 0 && left <= 0;
		if (late)
			result = fail_late(c, id, o);
		json_decref(o);
		if (result != CLI_USAGE)
			return result;
		every = every < 250 ? every + 20 : 250;
		pause_ms(timeout_ms >= 0 && left < every ? (int)left : every);
	}
}

enum cli_exit
cli_run_wait(struct cli *c)
{
	const char *until = cli_value(c, "until"), *timeout = cli_value(c, "timeout");
	int64_t timeout_ms = -1;
	if (until && strcmp(until, "first-pass") != 0 && strcmp(until, "finished") != 0)
		return cli_usage(c, "--until is first-pass or finished");
	if (timeout && !pr_parse_duration(pr_str(timeout), &timeout_ms))
		return cli_usage(c, "--timeout %s: write a duration, like 90s or 2h",
		                 cli_show(timeout));
	return wait_for(c, c->arguments.words[0], until && strcmp(until, "first-pass") == 0,
	                timeout_ms);
}
