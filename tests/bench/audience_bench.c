/*
 * What asking the store of suppressions costs: nanoseconds a row, in batches as refills read them.
 *   audience_bench PATH.db ADDRESS-FORMAT N [ROWS]
 * PATH.db holds N addresses made by the format, of 0 to N - 1. Half of the rows asked for are in
 * it; they come in no order.
 */
#include "postrider/audience.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 1024

static int
ask_batch(pr_audience *a, const char *format, uint64_t n, uint64_t *seed, unsigned *found)
{
	struct pr_audience_who who = {0};
	struct pr_error e;
	struct pr_buf why = {0};
	char address[100];
	uint64_t generation;
	int r = pr_audience_begin(a, &generation, &e);
	for (int i = 0; i < BATCH && r >= 0; i++) {
		unsigned number = (unsigned)(pr_mix64(++*seed) % (2 * n));
		snprintf(address, sizeof address, format, number);
		pr_buf_clear(&why);
		r = pr_audience_check(a, pr_str(address), &who, pr_utc_ms(), &why, &e);
		*found += r == 1;
	}
	pr_audience_end(a);
	pr_buf_finish(&why);
	if (r < 0)
		fprintf(stderr, "%s\n", e.text);
	return r;
}

int
main(int argc, char **argv)
{
	pr_audience *a;
	struct pr_error e;
	unsigned found = 0;
	uint64_t seed = 1, n = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	long rows = argc > 4 ? atol(argv[4]) : 400000;
	if (n == 0) {
		fprintf(stderr, "usage: audience_bench PATH.db ADDRESS-FORMAT N [ROWS]\n");
		return 2;
	}
	if (pr_audience_open(argv[1], PR_AUDIENCE_READ, &a, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	int64_t began = pr_mono_us();
	for (long i = 0; i < rows; i += BATCH)
		if (ask_batch(a, argv[2], n, &seed, &found) < 0)
			return 1;
	printf("%.0f %u\n", (double)(pr_mono_us() - began) * 1000 / (double)rows, found);
	pr_audience_close(a);
	return 0;
}
