/* Between the files of conditions. Private to ledger/. */
#ifndef LEDGER_CONDITION_H
#define LEDGER_CONDITION_H

#include "postrider/ledger/condition.h"

/* The place in the condition, from 1, of an offset in `sql`. */
size_t condition_place(const struct pr_condition_text *t, size_t offset);
bool condition_allows(const char *function); /* of SQLite, that conditions may call */

#endif
