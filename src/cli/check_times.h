/* When the rows of a folder would begin, for `postrider check`. */
#ifndef POSTRIDER_CLI_CHECK_TIMES_H
#define POSTRIDER_CLI_CHECK_TIMES_H

#include "trial.h"

struct check_times;
/* NULL: rows have no times of their own, or cannot be read, which check tells. */
struct check_times *check_times_read(const struct cli_folder *f, const struct pr_config *config);
void check_times_free(struct check_times *t); /* NULL: nothing */
void check_times_print(const struct check_times *t, const struct cli_folder *f,
                       const struct pr_config *config);
void check_times_json(const struct check_times *t, struct pr_buf *b); /* members behind others */

#endif
