/*
 * Line filters of `postrider`: JSON lines in, one JSON line out for each, in order; never
 * stopped by a bad line. 0, or 1 where reading or writing failed.
 */
#ifndef POSTRIDER_CLI_FILTERS_H
#define POSTRIDER_CLI_FILTERS_H

#include "postrider/classify.h"

#include <stdio.h>

int pr_cli_address(FILE *in, FILE *out);
int pr_cli_classify(const pr_rules *rules, FILE *in, FILE *out);
int pr_cli_liquid(FILE *in, FILE *out);

#endif
