/*
 * A series (a campaign with a trigger) beside its audience: who enters now, and what becomes of
 * those whose step is due. Nothing here writes: the ledger's owner does (ledger/series.h).
 *
 *   pr_series_look  contacts and events -> entries
 *   pr_series_make  whose step is due -> a row for each, or why it has ended
 *
 * Both read one state of the audience each, and may take long: on a lane of their own.
 */
#ifndef POSTRIDER_CAMPAIGN_SERIES_H
#define POSTRIDER_CAMPAIGN_SERIES_H

#include "postrider/campaign/recipients.h"
#include "postrider/ledger/series.h"

struct pr_series_source {
	const struct pr_manifest *manifest; /* one with a trigger */
	const struct pr_config *config;
	pr_audience *audience;     /* of this thread */
	pr_ledger *ledger;         /* likewise, READ */
	const pr_coupons *coupons; /* of the version in force; NULL: it has none */
	int64_t begun_ms;          /* UTC, when it began to send: what was before is not for it */
	int64_t now_ms;            /* UTC */
};

/* The steps as the ledger wants them. */
struct pr_series_plan pr_series_plan_of(const struct pr_manifest *m);

#define PR_SERIES_LOOK_MAX 100000u /* of each, in one look */
struct pr_series_found {           /* the caller's to finish; zeroes before the look */
	struct pr_series_entry *entries;
	size_t n;
	/* Contacts that came into the segment, and left it. Where there are entries as well, each
	 * is of the one in the same place. */
	int64_t *inside, *outside;
	size_t inside_n, outside_n;
	int64_t seen; /* below 0: as it was */
	bool more;    /* there may be: look again when these are in the ledger */
};
void pr_series_found_finish(struct pr_series_found *f);
/* PR_ENOENT: the attribute is not there yet. PR_EINVAL: a condition is wrong by now, or a list is
 * gone. e says what. */
int pr_series_look(const struct pr_series_source *s, struct pr_series_found *out,
                   struct pr_error *e);

/* n at most PR_SERIES_MAKE_MAX. Texts of moves are of the arena. Whoever has no code of `coupons`
 * gets the next one with their first message, and the same with the later ones; when all are used
 * up they wait. Errors as above. */
#define PR_SERIES_MAKE_MAX 500u
int pr_series_make(const struct pr_series_source *s, const struct pr_series_due *due, size_t n,
                   struct pr_arena *arena, struct pr_series_move *moves, struct pr_error *e);

/* May `now` follow `before`, of which so many codes are given away? They are known by their place.
 * PR_EINVAL: told. */
int pr_series_coupons_follow(const pr_coupons *before, const pr_coupons *now, size_t given,
                             const struct pr_text *at, struct pr_problems *problems);

#endif
