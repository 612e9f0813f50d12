/* Looking for touches. Private to conversions/. */
#ifndef CONVERSIONS_FIND_H
#define CONVERSIONS_FIND_H

#include "postrider/conversions.h"
#include "postrider/conversions/attribute.h"

/* Belongs to the lane. */
struct finder;
struct finder *finder_create(const char *spool, const char *state_path, struct pr_error *e);
void finder_destroy(struct finder *f); /* NULL: nothing */

/*
 * Fills in what each event of the orders would be credited to (batch.credits), and addresses of
 * those that came by token alone. A ledger that cannot be read is as one that is not there. An
 * order's result is PR_ENOENT where no event of it has an address.
 */
void find_credits(struct finder *f, const struct pr_config *config, struct pr_order *const *orders,
                  size_t n);

#endif
