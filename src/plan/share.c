/* Equal parts of what there is, none more than it wants (max-min fair). */
#include "internal.h"

#include <math.h>

#define ROUNDS_MAX 30 /* each satisfies some, or is the last; what is missed then is little */

/* What is there for each of those who want more than `level`, when the others have their fill. */
static double
rest_for_each(const struct want *wants, size_t n, double there, double level)
{
	double hungry = 0;
	for (size_t i = 0; i < n; i++) {
		if (wants[i].rows <= level)
			there -= wants[i].rows * wants[i].count;
		else
			hungry += wants[i].count;
	}
	return hungry > 0 ? there / hungry : INFINITY;
}

double
plan_share(const struct want *wants, size_t n, double there)
{
	double level = 0;
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		double next = rest_for_each(wants, n, there, level);
		if (next <= level)
			break;
		level = next;
		if (isinf(level))
			break;
	}
	return level;
}
