/* Between the files of series. Private to ledger/. */
#ifndef LEDGER_SERIES_H
#define LEDGER_SERIES_H

#include "internal.h"

#include "postrider/ledger/series.h"

/* Within a transaction: a row behind the last one, with an entry; p is changed. */
int ledger_append(pr_ledger *l, struct progress *p, const struct pr_ledger_new *n, uint8_t variant,
                  struct pr_error *e);
/* The address of an erased person: who is under way is nobody any more. */
int ledger_erase_series(pr_ledger *l, struct pr_str address, struct pr_error *e);

#endif
