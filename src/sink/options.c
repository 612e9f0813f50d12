/*
 * Options as rows of a table: name, what the value is called (NULL: a switch),
 * what it does. --name VALUE and --name=VALUE; the first error ends it.
 */
#include "sink/options.h"

#include "postrider/base/clock.h"
#include "sink/log.h"

#include <stdio.h>

enum id {
	O_LISTEN,
	O_MAILDIR,
	O_LOG,
	O_LOG_COMMANDS,
	O_LOG_SYNC,
	O_LATENCY,
	O_RULE,
	O_SEED,
	O_COUNT,
	O_HOSTNAME,
	O_SIZE,
	O_MAX_RCPT,
	O_MAX_CONNECTIONS,
	O_TIMEOUT,
	O_BARE_LF,
	O_TLS,
	O_TLS_CERT,
	O_TLS_KEY,
	O_TLS_NAME,
	O_TLS_MIN,
	O_AUTH,
	O_AUTH_CLEAR,
	O_NO_PIPELINING,
	O_NO_CHUNKING,
	O_NO_8BITMIME,
	O_NO_SMTPUTF8,
	O_NO_ENHANCED,
	O_NO_DSN,
	O_NO_EHLO,
	O_HELP,
	O_VERSION,
	O_OPTIONS
};

static const struct option {
	const char *name, *value, *help;
} table[O_OPTIONS] = {
    [O_LISTEN] = {"listen", "ADDR:PORT",
                  "where to listen; [IPV6]:PORT; port 0: a free one; "
                  "may be repeated (127.0.0.1:2525)"},
    [O_MAILDIR] = {"maildir", "DIR", "keep messages, octets as received, without stuffed dots"},
    [O_LOG] = {"log", "FILE", "append a JSON line a message"},
    [O_LOG_COMMANDS] = {"log-commands", NULL, "log commands and connections too"},
    [O_LOG_SYNC] = {"log-sync", NULL, "write log lines before the replies they are about leave"},
    [O_LATENCY] = {"latency", "TIME", "hold each reply back so long after its command came: 50ms"},
    [O_RULE] = {"rule", "RULE", "a fault, see below; may be repeated"},
    [O_SEED] = {"seed", "N", "for share= and chance= of rules (0)"},
    [O_COUNT] = {"count", "N", "end after N messages"},
    [O_HOSTNAME] = {"hostname", "NAME", "in the greeting and the reply to EHLO (sink.example)"},
    [O_SIZE] = {"size", "SIZE", "largest message: 25M; 0: any (100M)"},
    [O_MAX_RCPT] = {"max-rcpt", "N", "recipients a message, more get 452 (1000)"},
    [O_MAX_CONNECTIONS] = {"max-connections", "N", "more get 421 (20000)"},
    [O_TIMEOUT] = {"timeout", "TIME", "close a connection that was silent so long (1h)"},
    [O_BARE_LF] = {"bare-lf", "refuse|take",
                   "lines that end without CR: 500 or 550, or only "
                   "counted; never an end of data (refuse)"},
    [O_TLS] = {"tls", "starttls|required|implicit",
               "offer STARTTLS; refuse mail without (530); or begin with TLS"},
    [O_TLS_CERT] = {"tls-cert", "FILE",
                    "PEM, with its chain; without --tls: --tls starttls "
                    "(made in memory, signed by itself)"},
    [O_TLS_KEY] = {"tls-key", "FILE", "PEM, its key (the certificate's file)"},
    [O_TLS_NAME] = {"tls-name", "NAME", "in the certificate made in memory (--hostname)"},
    [O_TLS_MIN] = {"tls-min", "1.2|1.3", "lowest version of TLS (1.2)"},
    [O_AUTH] = {"auth", "USER:PASSWORD",
                "offer AUTH PLAIN LOGIN CRAM-MD5 within TLS; mail needs it (530)"},
    [O_AUTH_CLEAR] = {"auth-clear", NULL, "offer AUTH without TLS too"},
    [O_NO_PIPELINING] = {"no-pipelining", NULL, "do not offer PIPELINING; count who does it"},
    [O_NO_CHUNKING] = {"no-chunking", NULL, "do not offer CHUNKING, refuse BDAT"},
    [O_NO_8BITMIME] = {"no-8bitmime", NULL, "do not offer 8BITMIME"},
    [O_NO_SMTPUTF8] = {"no-smtputf8", NULL, "do not offer SMTPUTF8"},
    [O_NO_ENHANCED] = {"no-enhanced", NULL, "do not offer or send enhanced status codes"},
    [O_NO_DSN] = {"no-dsn", NULL, "do not offer DSN"},
    [O_NO_EHLO] = {"no-ehlo", NULL, "refuse EHLO: HELO only"},
    [O_HELP] = {"help", NULL, "this text"},
    [O_VERSION] = {"version", NULL, "the version"},
};

static void
print_help(void)
{
	printf("postrider-sink: takes mail for tests, trials and load; never relays.\n"
	       "usage: postrider-sink --listen ADDR:PORT [options]\n\n");
	for (int i = 0; i < O_OPTIONS; i++) {
		char left[40];
		snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].value ? " " : "",
		         table[i].value ? table[i].value : "");
		printf("  %-26s %s\n", left, table[i].help);
	}
	printf(
	    "\nPrints `listening ADDR:PORT` for each listener, then totals as a line of JSON on\n"
	    "SIGUSR1 and at the end (SIGINT, SIGTERM, --count). Counts of totals: `refused` is\n"
	    "replies of 400 and more, `errors` those among them that no rule asked for, `faults`\n"
	    "rules that fired (`rules`: each), `cut_messages` begun and never ended, `seconds`\n"
	    "from the first message to the last, `cpu_us` of the process.\n"
	    "\nLog:\n%s\nRules:\n%s",
	    sink_log_help, sink_rule_help);
}

static int
bad_value(enum id id, const char *value, struct pr_error *e)
{
	return pr_fail(e, PR_EINVAL, "--%s %s: write %s", table[id].name, value, table[id].value);
}

static bool
parse_time(const char *value, int64_t *us)
{
	int64_t ms;
	if (!pr_parse_duration(pr_str(value), &ms))
		return false;
	*us = ms * 1000;
	return true;
}

static int
set_number(enum id id, const char *value, uint64_t *out, struct pr_error *e)
{
	return pr_str_u64(pr_str(value), out) ? 0 : bad_value(id, value, e);
}

static bool
set_tls(struct sink_options *o, const char *value)
{
	o->tls = !strcmp(value, "starttls")   ? SINK_TLS_STARTTLS
	         : !strcmp(value, "required") ? SINK_TLS_REQUIRED
	         : !strcmp(value, "implicit") ? SINK_TLS_IMPLICIT
	                                      : SINK_TLS_NONE;
	return o->tls != SINK_TLS_NONE;
}

static int
set_value(struct sink *sink, enum id id, const char *value, struct pr_error *e)
{
	struct sink_options *o = &sink->options;
	switch (id) {
	case O_LISTEN:
		if (o->n_listen == SINK_LISTEN_MAX)
			return pr_fail(e, PR_ELIMIT, "more than %d listeners", SINK_LISTEN_MAX);
		o->listen[o->n_listen++] = value;
		return 0;
	case O_MAILDIR: o->maildir = value; return 0;
	case O_LOG: o->log = value; return 0;
	case O_HOSTNAME: o->hostname = value; return 0;
	case O_RULE: return sink_rules_add(&sink->rules, value, e);
	case O_SEED: return set_number(id, value, &sink->rules.seed, e);
	case O_COUNT: return set_number(id, value, &o->count, e);
	case O_MAX_RCPT: return set_number(id, value, &o->rcpt_max, e);
	case O_MAX_CONNECTIONS: return set_number(id, value, &o->connections_max, e);
	case O_SIZE:
		return pr_parse_size(pr_str(value), &o->size_max) ? 0 : bad_value(id, value, e);
	case O_LATENCY: return parse_time(value, &o->latency_us) ? 0 : bad_value(id, value, e);
	case O_TLS: return set_tls(o, value) ? 0 : bad_value(id, value, e);
	case O_TLS_CERT: o->tls_cert = value; return 0;
	case O_TLS_KEY: o->tls_key = value; return 0;
	case O_TLS_NAME: o->tls_name = value; return 0;
	case O_TLS_MIN:
		o->tls_13 = strcmp(value, "1.3") == 0;
		return o->tls_13 || !strcmp(value, "1.2") ? 0 : bad_value(id, value, e);
	case O_AUTH: o->auth = value; return strchr(value, ':') ? 0 : bad_value(id, value, e);
	case O_TIMEOUT: return parse_time(value, &o->timeout_us) ? 0 : bad_value(id, value, e);
	default: /* O_BARE_LF */
		o->count_bare_lf = strcmp(value, "take") == 0;
		return o->count_bare_lf || !strcmp(value, "refuse") ? 0 : bad_value(id, value, e);
	}
}

static int
set_switch(struct sink_options *o, enum id id)
{
	switch (id) {
	case O_LOG_COMMANDS: o->log_commands = true; break;
	case O_LOG_SYNC: o->log_sync = true; break;
	case O_AUTH_CLEAR: o->auth_clear = true; break;
	case O_NO_PIPELINING: o->no_pipelining = true; break;
	case O_NO_CHUNKING: o->no_chunking = true; break;
	case O_NO_8BITMIME: o->no_8bitmime = true; break;
	case O_NO_SMTPUTF8: o->no_smtputf8 = true; break;
	case O_NO_ENHANCED: o->no_enhanced = true; break;
	case O_NO_DSN: o->no_dsn = true; break;
	case O_NO_EHLO: o->no_ehlo = true; break;
	case O_HELP: print_help(); return 1;
	default: printf("postrider-sink %s\n", POSTRIDER_VERSION); return 1;
	}
	return 0;
}

static int
find(struct pr_str name, struct pr_error *e)
{
	const char *names[O_OPTIONS + 1] = {0};
	for (int i = 0; i < O_OPTIONS; i++) {
		if (pr_str_is(name, table[i].name))
			return i;
		names[i] = table[i].name;
	}
	const char *near = pr_nearest(name, names);
	return pr_fail(e, PR_EINVAL, "unknown option --%.*s%s%s%s (see --help)", (int)name.n,
	               name.p, near ? ", did you mean --" : "", near ? near : "", near ? "?" : "");
}

/* argv[*i] and perhaps the word behind it. */
static int
take(struct sink *sink, int argc, char **argv, int *i, struct pr_error *e)
{
	const char *word = argv[*i];
	if (strncmp(word, "--", 2) != 0)
		return pr_fail(e, PR_EINVAL, "%s is no option (see --help)", word);
	word += 2;
	const char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
	struct pr_str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
	int id = find(name, e);
	if (id < 0)
		return id;
	if (!table[id].value)
		return value ? pr_fail(e, PR_EINVAL, "--%s takes no value", table[id].name)
		             : set_switch(&sink->options, (enum id)id);
	if (!value && ++*i < argc)
		value = argv[*i];
	if (!value || !*value)
		return pr_fail(e, PR_EINVAL, "--%s needs a value: %s", table[id].name,
		               table[id].value);
	return set_value(sink, (enum id)id, value, e);
}

int
sink_options_parse(struct sink *sink, int argc, char **argv, struct pr_error *e)
{
	struct sink_options *o = &sink->options;
	*o = (struct sink_options){.hostname = "sink.example",
	                           .size_max = 100 << 20,
	                           .rcpt_max = 1000,
	                           .connections_max = 20000,
	                           .timeout_us = PR_HOUR_MS * 1000};
	for (int i = 1; i < argc; i++) {
		int done = take(sink, argc, argv, &i, e);
		if (done)
			return done;
	}
	if (o->tls_key && !o->tls_cert)
		return pr_fail(e, PR_EINVAL, "--tls-key needs --tls-cert FILE");
	if (o->tls_cert && !o->tls_key)
		o->tls_key = o->tls_cert;
	if (o->tls_cert && !o->tls)
		o->tls = SINK_TLS_STARTTLS;
	if (!o->tls && (o->tls_name || o->tls_13))
		return pr_fail(e, PR_EINVAL, "--tls-name and --tls-min need --tls or --tls-cert");
	if (o->auth && !o->tls && !o->auth_clear)
		return pr_fail(e, PR_EINVAL, "--auth needs --tls or --auth-clear");
	if (o->n_listen == 0)
		o->listen[o->n_listen++] = "127.0.0.1:2525";
	if ((o->log_commands || o->log_sync) && !o->log)
		return pr_fail(e, PR_EINVAL, "--log-commands and --log-sync need --log FILE");
	for (const char *c = o->hostname; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return pr_fail(e, PR_EINVAL, "--hostname holds a blank or control octet");
	return 0;
}
