/* The command line of postrider-sink: a table of options that also is its help. */
#ifndef POSTRIDER_SINK_OPTIONS_H
#define POSTRIDER_SINK_OPTIONS_H

#include "sink/sink.h"

/* Fill sink->options and sink->rules. 1: --help or --version was answered on
 * standard output; 0: go on; PR_EINVAL: e says what is wrong. Strings stay
 * those of argv. */
int sink_options_parse(struct sink *sink, int argc, char **argv, struct pr_error *e);

#endif
