/* Between the files of series. Private to campaign/. */
#ifndef CAMPAIGN_SERIES_H
#define CAMPAIGN_SERIES_H

#include "postrider/audience/snapshot.h"
#include "postrider/campaign/series.h"

/* Some of the contacts. */
enum series_group {
	SERIES_ALL,
	SERIES_AUDIENCE, /* whom `audience` names */
	SERIES_SEGMENT,  /* of the trigger */
	SERIES_BOTH,     /* of the audience, those in the trigger's segment */
	SERIES_EXIT,     /* for whom it is over: trigger.exit.when */
};
/* Addresses only. room: for a condition; lives as long. */
struct pr_snapshot_ask series_ask(const struct pr_series_source *s, enum series_group group,
                                  struct pr_buf *room);
/* Which of these contacts are in it; n at most PR_SNAPSHOT_ONLY_MAX. */
int series_members(const struct pr_series_source *s, enum series_group group,
                   const int64_t *contacts, size_t n, bool *in, struct pr_error *e);

/* Time zones by name, opened once. */
struct zones {
	pr_zone *fallback;
	bool by_recipient;
	struct pr_hash_key key;
	struct pr_map by_name; /* hash -> zone, the fallback for what is none */
};
int zones_open(struct zones *z, const struct pr_manifest *m, const struct pr_config *config,
               struct pr_error *e);
const pr_zone *zone_of(struct zones *z, struct pr_str name);
void zones_close(struct zones *z); /* zeroes: nothing */

#endif
