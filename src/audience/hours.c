/* The best hour of a person; the events that tell it. */
#include "postrider/audience/hours.h"

#include "internal.h"

#include <math.h>

#define HALF_LIFE_MS (60.0 * PR_DAY_MS)
#define CLICK 2.0         /* openings */
#define EVENTS_LEAST 4u   /* of a person, for a best hour */
#define WEIGHT_LEAST 2.0  /* ... and so much must be left of them */
#define EVERYBODY 3.0     /* events of everybody that are added */
#define SHARE_BESIDE 0.25 /* of an event, to each hour beside its own */
#define EVENTS_MAX 400u   /* of a person that are looked at */

void
pr_hours_add(struct pr_hours *h, int64_t local_ms, int64_t age_ms, bool click)
{
	int64_t in_day = local_ms % PR_DAY_MS;
	int64_t hour = (in_day < 0 ? in_day + PR_DAY_MS : in_day) / PR_HOUR_MS;
	h->of[hour] += (click ? CLICK : 1) * exp2(-(double)age_ms / HALF_LIFE_MS);
	h->n++;
}

static double
sum(const struct pr_hours *h)
{
	double all = 0;
	for (int i = 0; i < PR_HOURS; i++)
		all += h->of[i];
	return all;
}

static double
spread(const struct pr_hours *h, int hour)
{
	double beside = h->of[(hour + 1) % PR_HOURS] + h->of[(hour + PR_HOURS - 1) % PR_HOURS];
	return (1 - 2 * SHARE_BESIDE) * h->of[hour] + SHARE_BESIDE * beside;
}

int
pr_hours_best(const struct pr_hours *h, const struct pr_hours *everybody)
{
	double all = sum(everybody), most = -1;
	int best = -1;
	if (h->n < EVENTS_LEAST || sum(h) < WEIGHT_LEAST)
		return -1;
	for (int hour = 0; hour < PR_HOURS; hour++) {
		double score = spread(h, hour);
		if (all > 0)
			score += EVERYBODY * spread(everybody, hour) / all;
		if (score > most) {
			most = score;
			best = hour;
		}
	}
	return best;
}

/* ---- events ---- */

int
pr_engaged_times(pr_audience *a, struct pr_str address, int64_t since_ms,
                 void (*each)(void *context, int64_t at_ms, bool click), void *context,
                 struct pr_error *e)
{
	char room[ADDRESS_MAX + 1];
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_ENGAGED, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, audience_normal(address, room));
	sqlite3_bind_int64(s, 2, since_ms);
	for (unsigned n = 0; n < EVENTS_MAX && (r = pr_db_step(s, e)) == 1; n++)
		each(context, sqlite3_column_int64(s, 0), sqlite3_column_int(s, 1) != 0);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

static int
last_contact(pr_audience *a, int64_t *id, struct pr_error *e)
{
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_CONTACT_LAST, &s, e);
	if (r < 0)
		return r;
	if ((r = pr_db_step(s, e)) == 1)
		*id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return r < 0 ? r : 0;
}

int
pr_engaged_sample(pr_audience *a, unsigned n, int64_t since_ms,
                  void (*each)(void *context, struct pr_str timezone, int64_t at_ms, bool click),
                  void *context, struct pr_error *e)
{
	sqlite3_stmt *s;
	int64_t last = 0;
	int r = last_contact(a, &last, e);
	if (r == 0)
		r = audience_statement(a, AU_ENGAGED_FROM, &s, e);
	if (r < 0 || n == 0)
		return r;
	int64_t step = last / n + 1;
	for (int64_t id = 1; r >= 0 && id <= last; id += step) {
		sqlite3_bind_int64(s, 1, id);
		sqlite3_bind_int64(s, 2, since_ms);
		for (unsigned k = 0; k < EVENTS_MAX && (r = pr_db_step(s, e)) == 1; k++)
			each(context, pr_db_text(s, 2), sqlite3_column_int64(s, 0),
			     sqlite3_column_int(s, 1) != 0);
		sqlite3_reset(s);
	}
	return r < 0 ? r : 0;
}
