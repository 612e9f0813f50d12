/*
 * A spool of its own, an intake on a real loop, and what it told. Time stands until a test
 * moves it. The recipients room is played here: what an import answers is the test's choice.
 */
#ifndef TESTS_INTAKE_WORLD_H
#define TESTS_INTAKE_WORLD_H

#include "../../src/campaign/intake_internal.h"

#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Not check's asserts: much of this runs in forked processes. */
#define MUST(condition)                                                                            \
	((condition)                                                                               \
	     ? (void)0                                                                             \
	     : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), abort()))

#define MANIFEST "from: \"Acme <news@acme.example>\"\nsubject: Hello\n"
#define KEEP "keep_source: true\n"

struct world {
	char folder[100];
	int at; /* the folder; spool and state are below */
	pr_loop *loop;
	struct pr_config *config;
	struct pr_statedb *statedb;
	pr_intake *intake;
	int64_t mono_ms, utc_ms; /* mono_ms 0: the real clock */
	/* told */
	unsigned importing, imported, rejected, troubles;
	char id[PR_CAMPAIGN_ID_MAX], rejected_name[256], trouble_name[256];
	struct pr_error trouble;
	struct pr_taken last; /* of imported; without what it owns */
	bool last_had_ledger;
};

static struct world world;

/* What the recipients room answers next; the ledgers it makes are real ones. */
static struct {
	int read, import; /* codes; PR_EINVAL comes with a problem */
	bool wait_for_stop;
	unsigned imports;
} recipients;

int
pr_recipients_read(const struct pr_manifest *manifest, int dir,
                   const struct pr_recipients_reader *reader, struct pr_problems *problems,
                   struct pr_error *e)
{
	static const struct pr_str columns[] = {{"email", 5}};
	if (faccessat(dir, manifest->recipients.file.p, F_OK, 0) < 0 ||
	    recipients.read == PR_EINVAL) {
		pr_problem_add(problems, PR_PROBLEM, manifest->recipients.file.p, 1, "", "no good");
		return pr_fail(e, PR_EINVAL, "no good");
	}
	if (recipients.read < 0)
		return pr_fail(e, recipients.read, "asked to fail");
	reader->header(reader->context, columns, 1);
	return 0;
}

int
pr_recipients_import(const struct pr_recipients_source *source, struct pr_recipients_result *result,
                     pr_ledger **ledger, struct pr_problems *problems, struct pr_error *e)
{
	recipients.imports++;
	while (recipients.wait_for_stop && !atomic_load(source->stop))
		usleep(1000);
	if (atomic_load(source->stop))
		return pr_fail(e, PR_ECANCELLED, "stopped");
	static const struct pr_str columns[] = {{"email", 5}};
	unlink(source->ledger_path);
	MUST(pr_ledger_create(source->ledger_path, &source->identity, columns, 1, ledger, e) == 0);
	if (recipients.import < 0) {
		pr_ledger_close(*ledger);
		*ledger = NULL;
	}
	if (recipients.import == PR_EINVAL)
		pr_problem_add(problems, PR_PROBLEM, "recipients.csv", 7, "", "is not UTF-8");
	if (recipients.import < 0)
		return pr_fail(e, recipients.import, "asked to fail");
	*result = (struct pr_recipients_result){.rows = 1, .pending = 1};
	struct pr_ledger_new n = {.row = 1,
	                          .email = PR_STR("a@example.com"),
	                          .domain = PR_STR("example.com"),
	                          .state = PR_PENDING};
	MUST(pr_ledger_add(*ledger, &n, e) == 0);
	return pr_ledger_import_done(*ledger, e);
}

/* ---- events ---- */

static void
on_importing(void *context, const struct pr_taken *t)
{
	struct world *w = context;
	w->importing++;
	snprintf(w->id, sizeof w->id, "%s", t->id);
}

static void
on_imported(void *context, struct pr_taken *t)
{
	struct world *w = context;
	w->imported++;
	snprintf(w->id, sizeof w->id, "%s", t->id);
	MUST(t->manifest);
	w->last = *t;
	w->last_had_ledger = t->ledger != NULL;
	pr_taken_free(t);
}

static void
on_rejected(void *context, const struct pr_taken *t, const char *name)
{
	struct world *w = context;
	w->rejected++;
	MUST(t->id[0]);
	snprintf(w->rejected_name, sizeof w->rejected_name, "%s", name);
}

static void
on_trouble(void *context, const char *name, const struct pr_error *e)
{
	struct world *w = context;
	w->troubles++;
	snprintf(w->trouble_name, sizeof w->trouble_name, "%s", name ? name : "");
	w->trouble = *e;
}

static int64_t
world_utc_ms(void)
{
	return world.utc_ms;
}

static const struct pr_intake_events world_events = {.importing = on_importing,
                                                     .imported = on_imported,
                                                     .rejected = on_rejected,
                                                     .trouble = on_trouble};

/* ---- the world ---- */

static void
world_config(struct world *w, const char *more)
{
	struct pr_buf text = {0};
	struct pr_problems problems = {0};
	pr_buf_addf(&text,
	            "hostname: mta.acme.example\nspool: %s/spool\nstate: %s/state\n"
	            "routes: {default: {via: relay, host: 127.0.0.1}}\n%s",
	            w->folder, w->folder, more);
	MUST(pr_config_parse(pr_buf_str(&text), "postrider.yaml", w->folder, &problems,
	                     &w->config) == 0);
	pr_buf_finish(&text);
	pr_problems_finish(&problems);
}

static void
world_make_in(const char *parent, const char *more_config)
{
	struct world *w = &world;
	static const char *const folders[] = {"spool",        "state",      "spool/incoming",
	                                      "spool/active", "spool/done", "spool/rejected"};
	memset(w, 0, sizeof *w);
	memset(&recipients, 0, sizeof recipients);
	snprintf(w->folder, sizeof w->folder, "%s/postrider-intake-XXXXXX", parent);
	MUST(mkdtemp(w->folder));
	MUST(chmod(w->folder, 0755) == 0);
	w->at = open(w->folder, O_RDONLY | O_DIRECTORY);
	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
		MUST(mkdirat(w->at, folders[k], 0755) == 0);
	w->mono_ms = 1000000;
	w->utc_ms = pr_utc_ms();
	world_config(w, more_config);
}

/* In memory where that is possible: hundreds of lives are made, and each syncs. */
static void
world_make(void)
{
	world_make_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", "min_free: 0\n");
}

static void
world_open(void (*step)(const char *))
{
	struct world *w = &world;
	struct pr_buf path = {0};
	pr_buf_addf(&path, "%s/state/state.db", w->folder);
	MUST(pr_loop_create(&w->loop, NULL) == 0);
	if (w->mono_ms)
		pr_loop_fake_clock(w->loop, w->mono_ms);
	MUST(pr_statedb_open(path.data, &w->statedb, NULL) == 0);
	pr_buf_finish(&path);
	struct pr_intake_options o = {.loop = w->loop,
	                              .config = w->config,
	                              .statedb = w->statedb,
	                              .events = &world_events,
	                              .context = w,
	                              .utc_ms = world_utc_ms,
	                              .step = step};
	MUST(pr_intake_open(&o, &w->intake, NULL) == 0);
}

/* Until the round under way has come home, and what it told. */
static void
world_wait(void)
{
	while (world.intake->running)
		pr_loop_turn_wait(world.loop);
	pr_loop_turn(world.loop);
}

static void
world_round(void)
{
	world_wait();
	while (world.intake->running) /* an event may have begun another one */
		world_wait();
	pr_intake_rescan(world.intake);
	world_wait();
}

/* Time goes on by ms, then intake looks. */
static void
world_later(int64_t ms)
{
	world_wait();
	world.mono_ms += ms;
	world.utc_ms += ms;
	pr_loop_fake_clock(world.loop, world.mono_ms);
	world_round();
}

static void
world_close(void)
{
	pr_intake_close(world.intake);
	pr_statedb_close(world.statedb);
	pr_loop_destroy(world.loop);
	world.intake = NULL;
}

static void
world_finish(void)
{
	if (world.intake)
		world_close();
	pr_config_unref(world.config);
	close(world.at);
	MUST(pr_remove_tree(AT_FDCWD, world.folder) == 0);
}

/* ---- files, relative to the world's folder ---- */

static void
put(const char *path, const char *text)
{
	int fd = openat(world.at, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0);
	MUST(pr_write_all(fd, text, strlen(text)) == 0);
	close(fd);
}

static bool
exists(const char *path)
{
	return faccessat(world.at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *
get(const char *path)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	return pr_file_read(world.at, path, 1 << 20, &b, NULL) == 0 ? b.data : "";
}

/* Entries of a folder, without those that begin with a dot (all: with them). */
static unsigned
count(const char *path, bool all)
{
	unsigned n = 0;
	int fd = openat(world.at, path, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	MUST(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += entry->d_name[0] != '.' ||
		     (all && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0);
	closedir(d);
	return n;
}

static const char *
in_active(const char *file)
{
	static char path[400];
	snprintf(path, sizeof path, "spool/active/%s/%s", world.id, file);
	return path;
}

/* A campaign below `folder`, which is made. */
static void
make_campaign(const char *folder, const char *manifest)
{
	char path[400];
	MUST(mkdirat(world.at, folder, 0755) == 0);
	if (manifest) {
		snprintf(path, sizeof path, "%s/campaign.yaml", folder);
		put(path, manifest);
	}
	snprintf(path, sizeof path, "%s/recipients.csv", folder);
	put(path, "email\na@example.com\n");
	snprintf(path, sizeof path, "%s/body.html", folder);
	put(path, "<p>Hello</p>");
}

/* Written elsewhere, then renamed into incoming/. */
static void
drop_whole(const char *name, const char *manifest)
{
	char to[400];
	make_campaign("outside", manifest);
	snprintf(to, sizeof to, "spool/incoming/%s", name);
	MUST(renameat(world.at, "outside", world.at, to) == 0);
}

#endif
