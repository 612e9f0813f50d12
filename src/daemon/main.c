/*
 * postriderd: wiring. Reads the configuration, takes the locks, opens the databases and the
 * journal, recovers, and lets the loop run until a signal or a failure ends it.
 *
 * Order of opening, and backwards of closing:
 *   configuration, locks, state.db, loop, resolver and TLS, journal, delivery (recovers), intake,
 * webhooks, tracking, control
 *
 * SIGTERM and SIGINT drain: no new messages, what is in flight ends, at most 30 s.
 * SIGHUP reads the configuration again, all or nothing.
 */
#include "daemon.h"

#include "postrider/base/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_problems(const struct pr_problems *problems)
{
	struct pr_buf text = {0};
	pr_problems_text(problems, &text);
	if (text.len)
		fputs(text.data, stderr);
	pr_buf_finish(&text);
}

static int
usage(FILE *to)
{
	fputs("usage: postriderd --config FILE [--check]\n"
	      "\n"
	      "The Postrider daemon, in the foreground.\n"
	      "  --config FILE  configuration (default /etc/postrider/postrider.yaml)\n"
	      "  --check        validate configuration and folders, then exit\n"
	      "  --version      print the version\n",
	      to);
	return to == stdout ? 0 : 2;
}

struct arguments {
	const char *config;
	bool check;
};

/* -1: go on; else the exit status. */
static int
read_arguments(int argc, char **argv, struct arguments *out)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
	                                        {"check", no_argument, NULL, 'k'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {"version", no_argument, NULL, 'v'},
	                                        {0}};
	*out = (struct arguments){.config = "/etc/postrider/postrider.yaml"};
	for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0;) {
		switch (c) {
		case 'c': out->config = optarg; break;
		case 'k': out->check = true; break;
		case 'h': return usage(stdout);
		case 'v': puts("postriderd " POSTRIDER_VERSION); return 0;
		default: return usage(stderr);
		}
	}
	return optind < argc ? usage(stderr) : -1;
}

static int
complain(const struct pr_error *e)
{
	fprintf(stderr, "postriderd: %s\n", e->text);
	return 1;
}

/* What it says holds for the daemon; one that runs is not in its way. */
static int
check(const struct pr_config *config)
{
	struct pr_error e;
	if (pr_spool_check(config, &e) < 0)
		return complain(&e);
	printf("%s: configuration and folders are good\n", config->file);
	return 0;
}

int
main(int argc, char **argv)
{
	struct arguments a;
	struct pr_problems problems = {0};
	struct pr_config *config;
	struct pr_error e;
	int status = read_arguments(argc, argv, &a);
	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (a.check && daemon_become(a.config, &e) < 0)
		return complain(&e);
	int r = daemon_load(a.config, &problems, &config);
	print_problems(&problems);
	pr_problems_finish(&problems);
	if (r < 0) {
		fprintf(stderr, "postriderd: %s cannot be used\n", a.config);
		return 1;
	}
	pr_log_setup((enum pr_log_level)config->log.level, config->log.format == 1);
	status = a.check ? check(config) : daemon_run(a.config, config);
	pr_config_unref(config);
	return status;
}
