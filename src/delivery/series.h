/* Between the files of series. Private to delivery/. */
#ifndef DELIVERY_SERIES_H
#define DELIVERY_SERIES_H

#include "internal.h"

#include "postrider/campaign/series.h"

/* What all series share. */
struct series_reader {
	struct pr_list watches; /* orders of the audience's desk, which outlives delivery */
	pr_lane *lane;
	const char *path;
	pr_audience *audience; /* opened with the first look */
	/* Of the series that asked last. */
	pr_coupons *coupons;
	uint32_t serial;
	unsigned version;
};
/* Nobody is told of the orders that are under way. */
void series_unwatch(struct series_reader *r);

/* What a step of the round needs; the audience is the series lane's, the ledger the folder's. */
struct series_job {
	struct pr_job job;
	struct pr_campaign *campaign;
	const struct pr_manifest *manifest;
	struct pr_config *config;
	struct series_reader *reader;
	pr_lane *lane; /* of series */
	pr_ledger *ledger;
	char dir[4096];
	unsigned version; /* of its content */
	struct pr_series_plan plan;
	int64_t now_ms, begun_ms;
	int64_t due_ms; /* the campaign's clock, for rows */
	int64_t took_ms;
	struct pr_series_found found;
	size_t at; /* of what was found, or of moves, the next to be written */
	uint64_t entered;
	struct pr_series_due due[PR_SERIES_MAKE_MAX];
	struct pr_series_asked asked;
	struct pr_series_move moves[PR_SERIES_MAKE_MAX];
	struct pr_series_moved moved;
	struct pr_arena arena;
	int result;
	struct pr_error error;
};

/* Makes the lane with the first series: most daemons have none. */
int series_lane(struct pr_delivery *d, pr_lane **out, struct pr_error *e);
/* On the series lane. */
void work_series_look(struct pr_job *job, void *worker);
void work_series_make(struct pr_job *job, void *worker);
/* Any thread; *out is the caller's to free. */
int series_read_coupons(const struct pr_manifest *m, const char *dir, unsigned version,
                        pr_coupons **out, struct pr_error *e);
/* On the folder lane. */
void work_series_enter(struct pr_job *job, void *worker); /* from j->at on, a slice */
void work_series_ask(struct pr_job *job, void *worker);
void work_series_move(struct pr_job *job, void *worker); /* likewise */
bool series_is_entered(const struct series_job *j);      /* all that was found */

#endif
