/*
 * How fast `postrider check` composes: rows a second of a campaign's folder.
 *   check_bench DIR [THREADS]
 */
#include "postrider/base/clock.h"
#include "postrider/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int
main(int argc, char **argv)
{
	struct pr_problems problems = {0};
	struct pr_manifest *manifest = NULL;
	struct pr_trial_counts counts;
	struct pr_error e = {0};
	struct rusage used;
	int dir = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	if (dir < 0 || pr_manifest_load(dir, "bench", &problems, &manifest) < 0) {
		fprintf(stderr, "usage: check_bench DIR [THREADS]\n");
		return 2;
	}
	struct pr_trial trial = {.manifest = manifest,
	                         .dir = dir,
	                         .campaign_id = "bench",
	                         .utc_ms = pr_utc_ms(),
	                         .threads = argc > 2 ? (unsigned)atoi(argv[2]) : 0};
	int64_t began = pr_utc_ms();
	int r = pr_message_check(&trial, &counts, &problems, &e);
	double seconds = (double)(pr_utc_ms() - began) / 1000;
	getrusage(RUSAGE_SELF, &used);
	printf("%llu rows in %.1f s: %.0f rows/s, %.1f s of CPU, %ld MB at most%s%s\n",
	       (unsigned long long)counts.rows, seconds, (double)counts.rows / seconds,
	       (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	       used.ru_maxrss / 1024, r < 0 ? "; " : "", r < 0 ? e.text : "");
	pr_problems_finish(&problems);
	pr_manifest_destroy(manifest);
	return r < 0;
}
