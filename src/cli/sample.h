/* The sample campaign, built in from conf/sample/ (embed.py). Ended by a NULL name. */
#ifndef POSTRIDER_CLI_SAMPLE_H
#define POSTRIDER_CLI_SAMPLE_H

#include <stddef.h>

struct cli_sample {
	const char *name; /* within the folder: "partials/button.liquid" */
	const unsigned char *data;
	size_t n;
};
extern const struct cli_sample cli_sample[];

#endif
