/* For opening: what a crash interrupted is written again. */
#ifndef POSTRIDER_JOURNAL_REWRITE_H
#define POSTRIDER_JOURNAL_REWRITE_H

#include "postrider/base/error.h"

/* dir: the journal's folder. 0, also where there is nothing to do. */
int journal_rewrite_again(int dir, struct pr_error *e);

#endif
