/*
 * Visitors who act for many recipients: what stands between a company and the internet and looks
 * at all that comes. One is known when it asked for CROWD rows within WINDOW; until then it looks
 * like anybody, so its earlier rows are told then, and whoever counts may change their mind.
 *
 * A table of fixed size, as in rate.c.
 */
#include "internal.h"

#include <stdlib.h>

#define WAYS 4u
#define SLOTS (1u << 13)
#define WINDOW_S 600u

struct slot {
	uint64_t visitor;
	uint32_t last_s;
	uint8_t n; /* rows; TRACK_CROWD: it is known */
	uint32_t at_s[TRACK_CROWD];
	struct track_row rows[TRACK_CROWD];
};

struct track_crowd {
	struct slot slots[SLOTS];
};

struct track_crowd *
track_crowd_create(void)
{
	return pr_calloc(1, sizeof(struct track_crowd));
}

void
track_crowd_destroy(struct track_crowd *c)
{
	free(c);
}

static struct slot *
find(struct track_crowd *c, uint64_t visitor, uint32_t now_s)
{
	struct slot *set = &c->slots[(size_t)visitor % (SLOTS / WAYS) * WAYS], *oldest = set;
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].visitor == visitor && now_s - set[i].last_s < WINDOW_S)
			return &set[i];
		if (set[i].last_s < oldest->last_s)
			oldest = &set[i];
	}
	oldest->visitor = visitor;
	oldest->n = 0;
	return oldest;
}

/* Those of the last WINDOW_S stay; whether the row is among them. */
static bool
keep_recent(struct slot *s, struct track_row row, uint32_t now_s)
{
	uint8_t kept = 0;
	bool there = false;
	for (uint8_t i = 0; i < s->n; i++) {
		if (now_s - s->at_s[i] >= WINDOW_S)
			continue;
		there = there || (s->rows[i].serial == row.serial && s->rows[i].row == row.row);
		s->at_s[kept] = s->at_s[i];
		s->rows[kept++] = s->rows[i];
	}
	s->n = kept;
	return there;
}

bool
track_crowd_add(struct track_crowd *c, uint64_t visitor, struct track_row row, uint32_t now_s,
                const struct track_row **earlier, size_t *n)
{
	struct slot *s = find(c, visitor, now_s);
	s->last_s = now_s;
	*n = 0;
	if (s->n == TRACK_CROWD)
		return true;
	if (keep_recent(s, row, now_s))
		return false;
	s->at_s[s->n] = now_s;
	s->rows[s->n++] = row;
	if (s->n < TRACK_CROWD)
		return false;
	*earlier = s->rows;
	*n = TRACK_CROWD - 1;
	return true;
}
