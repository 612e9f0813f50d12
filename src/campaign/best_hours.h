/* Best hours of a campaign's recipients, by the audience (audience/hours.h). Private to campaign/.
 */
#ifndef POSTRIDER_CAMPAIGN_BEST_HOURS_H
#define POSTRIDER_CAMPAIGN_BEST_HOURS_H

#include "postrider/audience/hours.h"
#include "postrider/campaign/schedule.h"

typedef struct best_hours best_hours;

/* Reads what everybody did; fallback: the clock of contacts without a time zone. */
int best_hours_create(pr_audience *a, const pr_zone *fallback, int64_t now_ms, best_hours **out,
                      struct pr_error *e);
void best_hours_destroy(best_hours *b); /* NULL: nothing */
/* 0 to 23 by the clock of the zone, -1: not known. */
int best_hours_of(best_hours *b, struct pr_str address, const pr_zone *zone, int *hour,
                  struct pr_error *e);

#endif
