/*
 * `postrider submit DIR`: a copy is handed over to the spool's incoming/; then the daemon is
 * watched until it took the copy and read its recipients, or refused it.
 *
 *   incoming/NAME -> a campaign that was not there before: its id
 *                 -> a folder in rejected/ that was not there before: its errors.txt
 *
 * The daemon is asked first: without it nothing is handed over, unless --no-wait says so.
 */
#include "trial.h"

#include "postrider/base/file.h"
#include "postrider/base/hash.h"
#include "postrider/campaign/intake.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_MS (10 * PR_MINUTE_MS)
#define AWAY_MS (30 * PR_SECOND_MS)
#define ERRORS_MAX (1u << 20)

struct handing {
	struct cli *c;
	const char *spool;
	char name[256];        /* in incoming/ */
	const char *campaign;  /* what the manifest calls it; NULL: as the folder is */
	struct pr_map before;  /* campaigns and rejected folders that were there */
	bool complained, away; /* away: the daemon does not answer */
};

static uint64_t
hash(const char *kind, const char *text)
{
	uint64_t h = pr_siphash((struct pr_hash_key){1, 2}, kind, strlen(kind));
	return pr_siphash((struct pr_hash_key){h, 4}, text, strlen(text));
}

static void
remember(struct handing *h, const char *kind, const char *text)
{
	static char here;
	if (text)
		pr_map_put(&h->before, hash(kind, text), &here);
}

static bool
was_there(const struct handing *h, const char *kind, const char *text)
{
	return !text || pr_map_get(&h->before, hash(kind, text)) != NULL;
}

static bool
is_called(const char *entry, const char *name)
{
	size_t n = strlen(name);
	uint64_t number;
	return strncmp(entry, name, n) == 0 &&
	       (!entry[n] || (entry[n] == '-' && pr_str_u64(pr_str(entry + n + 1), &number)));
}

/* Calls each with every name in rejected/ that is NAME or NAME-n (NULL: with all), until it
 * returns false. */
static void
each_rejected(struct handing *h, const char *name, bool (*each)(struct handing *, const char *))
{
	struct pr_buf path = {0};
	pr_buf_addf(&path, "%s/rejected", h->spool);
	DIR *d = opendir(path.data);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if ((!name || is_called(entry->d_name, name)) && !each(h, entry->d_name))
			break;
	if (d)
		closedir(d);
	pr_buf_finish(&path);
}

static bool
remember_rejected(struct handing *h, const char *name)
{
	remember(h, "rejected", name);
	return true;
}

/* What is there before the folder is handed over. */
static enum cli_exit
look_before(struct handing *h)
{
	size_t i;
	json_t *one, *answer = cli_get(h->c, "/v1/campaigns");
	if (!answer) {
		fputs("nothing was handed over; --no-wait leaves it for the daemon's next start\n",
		      stderr);
		return CLI_FAILED;
	}
	json_array_foreach(json_object_get(answer, "campaigns"), i, one)
	    remember(h, "campaign", cli_text_of(one, "id"));
	json_decref(answer);
	each_rejected(h, NULL, remember_rejected);
	return CLI_DONE;
}

/* ---- refused ---- */

static bool
tell_rejected(struct handing *h, const char *name)
{
	struct pr_buf path = {0}, errors = {0}, b = {0};
	if (was_there(h, "rejected", name))
		return true;
	pr_buf_addf(&path, "%s/rejected/%s/errors.txt", h->spool, name);
	if (pr_file_read(AT_FDCWD, path.data, ERRORS_MAX, &errors, NULL) < 0)
		pr_buf_addf(&errors, "see %s\n", path.data);
	fputs(errors.data, stderr);
	cli_fail("%s was refused; it lies in %s/rejected/%s", cli_show(h->name), h->spool,
	         cli_show(name));
	if (h->c->arguments.json) {
		pr_buf_adds(&b, "{\"error\":{\"code\":\"rejected\",\"message\":");
		pr_buf_add_json(&b, pr_buf_str(&errors));
		pr_buf_adds(&b, ",\"folder\":");
		pr_buf_add_json(&b, pr_str(name));
		printf("%s}}\n", b.data);
	}
	remember(h, "rejected", h->name); /* found */
	h->name[0] = 0;
	pr_buf_finish(&path);
	pr_buf_finish(&errors);
	pr_buf_finish(&b);
	return false;
}

static bool
is_rejected(struct handing *h)
{
	char name[256];
	snprintf(name, sizeof name, "%s", h->name);
	each_rejected(h, name, tell_rejected);
	return h->name[0] == 0;
}

/* ---- taken ---- */

static bool
is_ours(const struct handing *h, const json_t *o)
{
	const char *name = cli_text_of(o, "name");
	const json_t *owner = json_object_get(o, "owner");
	return !was_there(h, "campaign", cli_text_of(o, "id")) && name &&
	       strcmp(name, h->campaign ? h->campaign : h->name) == 0 &&
	       (!owner || json_integer_value(owner) == (json_int_t)geteuid());
}

static void
print_taken(const struct cli *c, const json_t *o)
{
	const char *state = cli_text_of(o, "state"), *reason = cli_text_of(o, "reason");
	if (c->arguments.json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
		putchar('\n');
		return;
	}
	puts(cli_show(cli_text_of(o, "id")));
	if (state && strcmp(state, "held") == 0)
		fprintf(stderr, "held: %s\n", cli_show(cli_reason_words(reason)));
}

/* CLI_USAGE: not yet. */
static enum cli_exit
look_for_campaign(struct handing *h, bool *importing)
{
	struct cli_reply reply;
	struct pr_error e;
	enum cli_exit result = CLI_USAGE;
	size_t i;
	json_t *one;
	*importing = false;
	h->away = cli_request(h->c, "/v1/campaigns", NULL, &reply, &e) < 0;
	if (h->away)
		return CLI_USAGE; /* it may be starting again */
	json_t *answer =
	    json_loadb(reply.body.data ? reply.body.data : "", reply.body.len, 0, NULL);
	json_array_foreach(json_object_get(answer, "campaigns"), i, one)
	{
		const char *state = cli_text_of(one, "state");
		if (result != CLI_USAGE || !is_ours(h, one))
			continue;
		*importing = state && strcmp(state, "importing") == 0;
		if (!*importing) {
			print_taken(h->c, one);
			result = CLI_DONE;
		}
	}
	json_decref(answer);
	pr_buf_finish(&reply.body);
	return result;
}

/* What intake tells beside the folder while it cannot take it: said once. */
static void
tell_complaint(struct handing *h)
{
	struct pr_buf path = {0}, text = {0};
	pr_buf_addf(&path, "%s/incoming/%s.PROBLEM.txt", h->spool, h->name);
	if (!h->complained && pr_file_read(AT_FDCWD, path.data, ERRORS_MAX, &text, NULL) == 0) {
		fputs(text.data, stderr);
		h->complained = true;
	}
	pr_buf_finish(&path);
	pr_buf_finish(&text);
}

static enum cli_exit
wait_until_taken(struct handing *h, int64_t timeout_ms)
{
	int64_t begun = pr_mono_ms(), answered = begun;
	int every = 20;
	for (;;) {
		bool importing;
		enum cli_exit result = look_for_campaign(h, &importing);
		if (result == CLI_DONE)
			return result;
		if (!importing && is_rejected(h))
			return CLI_FAILED;
		tell_complaint(h);
		int64_t now = pr_mono_ms();
		if (importing)
			begun = now;
		if (!h->away)
			answered = now;
		if (now - answered > AWAY_MS)
			return cli_fail(
			    "%s was handed over, but the daemon does not answer any more: it "
			    "takes it at its next start",
			    cli_show(h->name));
		if (now - begun > timeout_ms)
			return cli_fail(
			    "%s was handed over, but not taken yet: `postrider status` and the "
			    "daemon's log tell why",
			    cli_show(h->name));
		every = every < 250 ? every + 20 : 250;
		poll(NULL, 0, every);
	}
}

/* ---- all of it ---- */

static enum cli_exit
hand_over(struct handing *h, const char *path)
{
	struct pr_error e;
	const char *timeout = cli_value(h->c, "timeout");
	int64_t timeout_ms = TIMEOUT_MS;
	bool wait = !cli_given(h->c, "no-wait");
	if (timeout && !pr_parse_duration(pr_str(timeout), &timeout_ms))
		return cli_usage(h->c, "--timeout %s: write a duration, like 90s or 2h",
		                 cli_show(timeout));
	if (wait && look_before(h) != CLI_DONE)
		return CLI_FAILED;
	if (pr_submit(path, h->spool, h->name, sizeof h->name, &e) < 0)
		return cli_fail("%s", e.text);
	if (wait)
		return wait_until_taken(h, timeout_ms);
	if (h->c->arguments.json) {
		struct pr_buf b = {0};
		pr_buf_adds(&b, "{\"name\":");
		pr_buf_add_json(&b, pr_str(h->name));
		printf("%s}\n", b.data);
		pr_buf_finish(&b);
	} else
		printf("%s/incoming/%s\n", h->spool, cli_show(h->name));
	return CLI_DONE;
}

enum cli_exit
cli_run_submit(struct cli *c)
{
	const struct pr_config *config = cli_config(c, true);
	const char *path = c->arguments.words[0];
	struct cli_folder f;
	if (!config || cli_folder_open(&f, path) != CLI_DONE)
		return CLI_FAILED;
	struct handing h = {.c = c, .spool = config->spool.p};
	/* One without a name of its own is called after its folder in incoming/. */
	if (f.manifest && f.manifest->name.line)
		h.campaign = f.manifest->name.p;
	enum cli_exit result = hand_over(&h, path);
	pr_map_finish(&h.before);
	cli_folder_close(&f);
	return result;
}
