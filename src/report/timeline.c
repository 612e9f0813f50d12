/*
 * Time in bars. Opens go on for weeks after an hour of sending: drawn to the last of them, all
 * would be in the first bar. So the bars end where all but the last few of each kind have come;
 * what came later is told as a number. Pure.
 */
#include "model.h"

#define LATER_SHARE 0.03 /* of one kind, at most, not drawn */
#define BARS_LEAST 6u    /* drawn in any case: fewer tell nothing of a course */

static const int64_t steps[] = {
    PR_MINUTE_MS,      2 * PR_MINUTE_MS, 5 * PR_MINUTE_MS, 10 * PR_MINUTE_MS, 15 * PR_MINUTE_MS,
    30 * PR_MINUTE_MS, PR_HOUR_MS,       2 * PR_HOUR_MS,   3 * PR_HOUR_MS,    6 * PR_HOUR_MS,
    12 * PR_HOUR_MS,   PR_DAY_MS,        2 * PR_DAY_MS,    7 * PR_DAY_MS,     14 * PR_DAY_MS,
    28 * PR_DAY_MS,    91 * PR_DAY_MS,   364 * PR_DAY_MS};

/* How many units hold nearly all of a kind. */
static unsigned
units_of(const struct pr_survey *s, unsigned kind)
{
	uint64_t all = 0, so_far = 0;
	for (unsigned i = 0; i < s->steps_used; i++)
		all += s->series[kind][i];
	for (unsigned i = 0; i < s->steps_used; i++) {
		so_far += s->series[kind][i];
		if (so_far && (double)so_far >= (1 - LATER_SHARE) * (double)all)
			return i + 1;
	}
	return 0;
}

static int64_t
choose_step(unsigned units, int64_t unit_ms)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i] >= unit_ms && (int64_t)units * unit_ms <= steps[i] * (BARS_MAX - 1))
			return steps[i];
	return steps[sizeof steps / sizeof *steps - 1];
}

void
timeline_make(const struct pr_survey *s, int64_t from_ms, int64_t unit_ms, struct timeline *out)
{
	unsigned units = 0;
	*out = (struct timeline){.n = 0};
	for (unsigned kind = 0; kind < PR_SURVEY_SERIES; kind++) {
		unsigned n = units_of(s, kind);
		units = n > units ? n : units;
	}
	if (units == 0)
		return;
	out->step_ms = choose_step(units, unit_ms);
	out->from_ms = from_ms - from_ms % out->step_ms; /* bars begin at full hours */
	int64_t end = from_ms + (int64_t)units * unit_ms;
	out->n = (unsigned)((end - out->from_ms + out->step_ms - 1) / out->step_ms);
	out->n = out->n < BARS_LEAST ? BARS_LEAST : out->n > BARS_MAX ? BARS_MAX : out->n;
	for (unsigned kind = 0; kind < PR_SURVEY_SERIES; kind++)
		for (unsigned i = 0; i < s->steps_used; i++) {
			int64_t at = from_ms + (int64_t)i * unit_ms - out->from_ms;
			uint64_t bar = (uint64_t)(at / out->step_ms);
			if (bar < out->n)
				out->of[kind][bar] += s->series[kind][i];
			else
				out->later[kind] += s->series[kind][i];
		}
}
