/*
 * postrider-sink: an SMTP receiver for tests, trials and load.
 *
 * Exit 0: ended as asked; 1: could not begin (address in use, file not
 * writable); 2: wrong usage.
 */
#include "sink/log.h"
#include "sink/maildir.h"
#include "sink/options.h"
#include "sink/server.h"
#include "sink/tls.h"

#include <stdio.h>

static int
open_outputs(struct sink *sink, struct pr_error *e)
{
	int failed = 0;
	if (sink->options.log)
		failed = sink_log_open(sink->options.log, &sink->log, e);
	if (!failed && sink->options.maildir)
		failed = sink_maildir_open(sink->options.maildir, &sink->maildir, e);
	if (!failed && sink->options.tls)
		failed = sink_tls_create(&sink->options, &sink->tls, e);
	return failed;
}

int
main(int argc, char **argv)
{
	static struct sink sink;
	struct pr_error e = {0};
	int failed = sink_options_parse(&sink, argc, argv, &e), status = 0;
	if (failed < 0)
		status = 2;
	else if (!failed && (open_outputs(&sink, &e) < 0 || sink_serve(&sink, &e) < 0))
		status = 1;
	if (status)
		fprintf(stderr, "postrider-sink: %s\n", e.text);
	if (sink.log)
		sink_log_close(sink.log);
	if (sink.maildir)
		sink_maildir_close(sink.maildir);
	if (sink.tls)
		sink_tls_destroy(sink.tls);
	sink_rules_finish(&sink.rules);
	return status;
}
