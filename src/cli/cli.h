/*
 * What the files of `postrider` share.
 *
 *   main.c       finds the command and runs it
 *   arguments.c  the command line, read by tables
 *   commands.c   the table of commands; help.c tells of it
 *   settings.c   which socket, which spool, which configuration
 *   http.c       requests to the status socket
 *   text.c       numbers, durations, times, bars; table.c aligned columns
 *   init.c check.c preview.c doctor.c submit.c replace.c verbs.c show.c sites.c report.c watch.c
 *   events.c suppress.c suppress_import.c person.c contacts.c contacts_import.c track.c segment.c:
 *   commands; proof.c,
 *   proof_send.c: another; plan.c and what plan.h names: another
 *   sub.c        commands of several verbs; rows.c the rows of files they read, pieces.c
 *                what of them goes to the daemon
 *
 * Standard output holds what was asked for, and nothing else; what went wrong goes to standard
 * error with what to do. Text that came from elsewhere passes cli_show first.
 */
#ifndef POSTRIDER_CLI_H
#define POSTRIDER_CLI_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"
#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/csv.h"

#include <jansson.h>
#include <stdio.h>

enum cli_exit { CLI_DONE, CLI_FAILED, CLI_USAGE };

struct cli;

struct cli_option {
	const char *name;  /* without the dashes */
	const char *value; /* what its value is called; NULL: a switch */
	const char *help;
	char letter; /* -f; 0: none */
	bool later;  /* known, but not available yet */
};

#define CLI_WORDS_MAX 64u
#define CLI_GIVEN_MAX 32u

struct cli_command {
	const char *name;
	const char *arguments;            /* as usage shows them */
	const char *summary;              /* one line */
	const char *help;                 /* more; may be NULL */
	unsigned least, most;             /* words */
	const struct cli_option *options; /* ended by a NULL name; NULL: none */
	enum cli_exit (*run)(struct cli *c);
	const char *group; /* in the overall help */
};
extern const struct cli_command cli_commands[]; /* ended by a NULL name */
extern const char *const cli_later[];           /* names known, not available yet; ended by NULL */

/* ---- arguments.c ---- */
struct cli_arguments {
	const struct cli_command *command; /* NULL: only --help or --version, or nothing at all */
	const char *socket, *config;       /* NULL: not said */
	bool json, help, version;
	const char *words[CLI_WORDS_MAX];
	unsigned n;
	struct {
		const struct cli_option *option;
		const char *value;
	} given[CLI_GIVEN_MAX];
	unsigned given_n;
};
extern const struct cli_option cli_global_options[];
/* PR_EINVAL: wrong usage; PR_EUNAVAILABLE: known, not available yet. Views into argv. */
int cli_arguments_read(int argc, char **argv, struct cli_arguments *out, struct pr_error *e);

struct cli {
	struct cli_arguments arguments;
	struct pr_config *config; /* see cli_config */
	bool config_read;
	char *socket; /* see cli_socket */
	void *curl;   /* of http.c */
};
const char *cli_value(const struct cli *c,
                      const char *option); /* the last one's; NULL: not given */
bool cli_given(const struct cli *c, const char *option);

/* ---- help.c ---- */
void cli_help(FILE *to);
void cli_help_command(const struct cli_command *command, FILE *to);

/* ---- saying what went wrong: "postrider: ..." on standard error ---- */
enum cli_exit cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
enum cli_exit cli_usage(const struct cli *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum cli_exit cli_fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- verbs.c ---- */
/* POST; `words` says what was done. With --json the answer as it came. */
enum cli_exit cli_act(struct cli *c, const char *path, const char *body, const char *words);

/* ---- settings.c ---- */
/* The configuration; NULL where there is none to read. needed, or named by the user: then it was
 * said why. */
const struct pr_config *cli_config(struct cli *c, bool needed);
bool cli_config_named(const struct cli *c); /* by --config or $POSTRIDER_CONFIG */
const char *cli_socket(struct cli *c);      /* NULL: said why */

/* ---- http.c ---- */
struct cli_reply {
	long status;
	struct pr_buf body;
};
/* 0 with any status; PR_EAGAIN: the daemon cannot be reached (it may be starting again);
 * PR_EDENIED and others. body NULL: GET. */
int cli_request(struct cli *c, const char *path, const char *body, struct cli_reply *out,
                struct pr_error *e);
/* The body of a good answer goes to `to`, that of a bad one to out->body. */
int cli_download(struct cli *c, const char *path, FILE *to, struct cli_reply *out,
                 struct pr_error *e);
/* Server-sent events: `line` gets each line of a good answer; false ends it. */
int cli_stream(struct cli *c, const char *path, bool (*line)(void *context, struct pr_str line),
               void *context, struct cli_reply *out, struct pr_error *e);
void cli_http_finish(struct cli *c);

/* GET or POST; what went wrong was said (CLI_FAILED), with --json also as the answer's JSON on
 * standard output. The reply is the caller's to finish when CLI_DONE. */
enum cli_exit cli_call(struct cli *c, const char *path, const char *body, struct cli_reply *out);
/* The same, for what takes as long as it takes. */
enum cli_exit cli_call_patiently(struct cli *c, const char *path, const char *body,
                                 struct cli_reply *out);
/* Says what a status of 400 and more means. */
enum cli_exit cli_refused(struct cli *c, const struct cli_reply *reply);
enum cli_exit cli_pass_on(struct cli *c, const char *path); /* --json: the answer as it came */
/* Prints the answer's object by `print`; with --json as it came. */
enum cli_exit cli_look(struct cli *c, const char *path, void (*print)(const json_t *answer));
json_t *cli_get(struct cli *c, const char *path);      /* NULL: said why; decoded, an object */
void cli_path_add(struct pr_buf *b, const char *text); /* percent-encoded */
/* "/v1/campaigns/ID" and what follows; a static buffer: one at a time. */
const char *cli_campaign_path(const char *id, const char *rest);

/* ---- text.c ---- */
#define CLI_TEXT 64
char *cli_number(uint64_t n, char *out);        /* "12,345" */
char *cli_duration(int64_t ms, char *out);      /* "4s" "2m 05s" "3h 12m" "2d 04h" */
char *cli_octets(uint64_t n, char *out);        /* "12.3 GiB" */
char *cli_time(const char *rfc3339, char *out); /* local time; "-" for NULL */
bool cli_parse_time(const char *rfc3339, int64_t *utc_ms);
char *cli_percent(uint64_t part, uint64_t whole,
                  char *out); /* "12.3 %", never 100 or 0 unless so */
/* [######----], width columns in all, at most 200; out holds width + 1. */
char *cli_bar(uint64_t part, uint64_t whole, unsigned width, char *out);
/* Safe to show; of a ring of a few buffers. NULL: "". */
const char *cli_show(const char *text);
unsigned cli_width(const char *text); /* columns it takes in a terminal */

/* ---- table.c: columns as wide as their widest cell ---- */
struct cli_table;
struct cli_table *cli_table_create(const char *heads);     /* "ID\tSTATE\t>RATE": > aligns right */
void cli_table_add(struct cli_table *t, const char *cell); /* copied; next cell of the row */
void cli_table_print(struct cli_table *t, FILE *to);       /* and destroys */

/* ---- sub.c: commands whose first word is a verb ---- */
#define CLI_SUB_OPTIONS 8u
struct cli_sub {
	const char *word;
	enum cli_exit (*run)(struct cli *c);
	unsigned least, most; /* words, with its own */
	const char *options[CLI_SUB_OPTIONS];
};
enum cli_exit cli_run_sub(struct cli *c, const struct cli_sub *subs); /* ended by a NULL word */

/* ---- rows.c: rows of a file on their way to the daemon ---- */
struct cli_bad { /* rows that cannot be used; {0} but file and quiet to begin */
	const char *file;
	bool quiet; /* --json: they come with the answer */
	uint64_t n;
	json_t *list; /* the first of them; json_decref ends it */
};
void cli_bad_note(struct cli_bad *b, uint64_t line, struct pr_str value, const char *why);
void cli_bad_tell(const struct cli_bad *b);    /* how many were not shown */
json_t *cli_bad_json(const struct cli_bad *b); /* a reference of one's own */

struct cli_rows;
struct cli_row { /* views until the next call */
	uint64_t line;
	const struct pr_str *fields;
	size_t n;
};
struct cli_rows *cli_rows_create(void);
void cli_rows_destroy(struct cli_rows *r);
size_t cli_rows_count(const struct cli_rows *r);
/* Copied; the first field is the address. What goes wrong is told by the next call. */
void cli_rows_add(struct cli_rows *r, uint64_t line, const struct pr_str *fields, size_t n);
int cli_rows_sort(struct cli_rows *r, struct pr_error *e); /* after the last was added, once */
/* 1: *out; 0: no more. About by address; the same address in the order of the file. */
int cli_rows_next(struct cli_rows *r, struct cli_row *out, struct pr_error *e);

/* ---- pieces.c: rows to the daemon ---- */
struct cli_pieces {
	struct cli *c;
	const char *path;
	/* A body up to its first row, which stands in an array at the end; then each row. */
	void (*begin)(void *context, struct pr_buf *body);
	void (*add)(void *context, struct pr_buf *body, const struct cli_row *row);
	/* Of a piece that was accepted: the lines its rows stood on. */
	void (*answered)(void *context, const json_t *answer, const uint64_t *lines, size_t n);
	void *context;
};
/* All rows, sorted; what went wrong was said. */
enum cli_exit cli_rows_send(struct cli_rows *rows, const struct cli_pieces *p);
/* The rows that an answer says were left out, by their lines. */
void cli_bad_forgotten(struct cli_bad *b, const json_t *answer, const uint64_t *lines, size_t n);

/* The records of a file, see pr_csv_read; each answers PR_ENOENT where a column is missing. */
enum cli_exit cli_read_csv(const char *name, int (*each)(void *, const struct pr_csv_record *),
                           void *context, const char *no_column);
bool cli_is_json_lines(const char *name); /* its first character is { */
/* o: NULL where the line is no JSON. */
enum cli_exit cli_read_json_lines(const char *name,
                                  void (*each)(void *context, uint64_t line, json_t *o),
                                  void *context);
/* Without the white space, and the ' that guards spreadsheets, of a cell. */
struct pr_str cli_unguarded(struct pr_str text);

/* ---- campaign objects ---- */
const char *cli_text_of(const json_t *object, const char *key); /* NULL: none */
uint64_t cli_number_of(const json_t *object, const char *key);
double cli_real_of(const json_t *object, const char *key);
struct cli_counts {
	uint64_t total, pending, sending, delivered, deferred, bounced, suppressed, skipped,
	    in_doubt, cancelled;
};
struct cli_counts cli_counts_of(const json_t *campaign);
uint64_t cli_settled(const struct cli_counts *n); /* rows that need no more sending */
bool cli_ended(const json_t *campaign);           /* finished, cancelled, failed */
/* One line: "9,120 of 10,000 accepted, 300 will retry, ..." */
void cli_counts_line(const struct cli_counts *n, struct pr_buf *out);
/* Why a campaign is held, paused or failed, in words; "" when there is nothing to say. */
const char *cli_reason_words(const char *reason);

/* ---- commands ---- */
enum cli_exit cli_run_init(struct cli *c);
enum cli_exit cli_run_check(struct cli *c);
enum cli_exit cli_run_plan(struct cli *c);
enum cli_exit cli_run_preview(struct cli *c);
enum cli_exit cli_run_doctor(struct cli *c);
enum cli_exit cli_run_proof(struct cli *c);
enum cli_exit cli_run_submit(struct cli *c);
enum cli_exit cli_run_verb(struct cli *c); /* approve pause resume cancel: by its name */
enum cli_exit cli_run_resolve(struct cli *c);
enum cli_exit cli_run_replace(struct cli *c);
enum cli_exit cli_run_adopt(struct cli *c);
enum cli_exit cli_run_service(struct cli *c); /* reload drain: by its name */
enum cli_exit cli_run_suppress(struct cli *c);
enum cli_exit cli_run_feedback(struct cli *c);
enum cli_exit cli_run_suppress_import(struct cli *c); /* its words are import FILE */
enum cli_exit cli_run_export(struct cli *c);
enum cli_exit cli_run_forget(struct cli *c);
enum cli_exit cli_run_contacts(struct cli *c);
enum cli_exit cli_run_contacts_import(struct cli *c); /* its words are import FILE */
enum cli_exit cli_run_track(struct cli *c);
enum cli_exit cli_run_segment(struct cli *c);
enum cli_exit cli_run_status(struct cli *c);
enum cli_exit cli_run_campaigns(struct cli *c);
enum cli_exit cli_run_campaign(struct cli *c);
enum cli_exit cli_run_sites(struct cli *c);
enum cli_exit cli_run_recipient(struct cli *c);
enum cli_exit cli_run_report(struct cli *c);
enum cli_exit cli_run_watch(struct cli *c);
enum cli_exit cli_run_wait(struct cli *c);
enum cli_exit cli_run_events(struct cli *c);

#endif
