/*
 * The judge of stop-loss. A share is looked at when there is enough to tell it from chance
 * (`least`); one that is met exactly has not been passed.
 */
#include "postrider/delivery/judge.h"

#include <stdio.h>
#include <string.h>

static const char *const words[PR_CAUSES] = {"", "bounces", "complaints", "deferrals", "operator"};

const char *
pr_cause_word(enum pr_cause c)
{
	return words[c];
}

#define ROUNDING 1e-9 /* 29 of 100 do not pass 29% */

static bool
passes(uint64_t n, uint64_t of, double share, int64_t least)
{
	return share > 0 && of >= (uint64_t)least && (double)n > share * (double)of + ROUNDING;
}

enum pr_cause
pr_judge(const struct pr_stop_loss *l, const struct pr_tried *n)
{
	if (passes(n->bounced, n->tried, l->bounces, l->least))
		return PR_CAUSE_BOUNCES;
	if (passes(n->complained, n->tried, l->complaints, l->least))
		return PR_CAUSE_COMPLAINTS;
	if (passes(n->deferred, n->attempts, l->deferrals, l->least))
		return PR_CAUSE_DEFERRALS;
	return PR_CAUSE_NONE;
}

double
pr_judge_share(enum pr_cause cause, const struct pr_stop_loss *l)
{
	return cause == PR_CAUSE_BOUNCES      ? l->bounces
	       : cause == PR_CAUSE_COMPLAINTS ? l->complaints
	       : cause == PR_CAUSE_DEFERRALS  ? l->deferrals
	                                      : 0;
}

/* ---- as words ---- */

#define WORDS                                                                                      \
	" above %lg%%: of %llu tried %llu bounced, %llu complained; of %llu attempts lately %llu " \
	"deferred"

void
pr_judge_words(enum pr_cause cause, double share, const struct pr_tried *n, struct pr_buf *out)
{
	pr_buf_adds(out, words[cause]);
	if (cause == PR_CAUSE_OPERATOR)
		return;
	pr_buf_addf(out, WORDS, 100 * share, (unsigned long long)n->tried,
	            (unsigned long long)n->bounced, (unsigned long long)n->complained,
	            (unsigned long long)n->attempts, (unsigned long long)n->deferred);
}

enum pr_cause
pr_judge_read(const char *text, struct pr_tried *out)
{
	double share;
	char word[16];
	unsigned long long n[5] = {0};
	int got = sscanf(text, "%15s" WORDS, word, &share, &n[0], &n[1], &n[2], &n[3], &n[4]);
	enum pr_cause cause = PR_CAUSES;
	while (got > 0 && --cause > PR_CAUSE_NONE && strcmp(word, words[cause]) != 0)
		;
	if (got <= 0 || (got != 7 && cause != PR_CAUSE_OPERATOR))
		return PR_CAUSE_NONE;
	*out = (struct pr_tried){n[0], n[1], n[2], n[3], n[4]};
	return cause;
}

/* ---- attempts of late ---- */

static void
turn(struct pr_recent *r, int64_t part)
{
	if (part - r->part > PR_RECENT_PARTS)
		r->part = part - PR_RECENT_PARTS;
	while (r->part < part) {
		unsigned i = (unsigned)(++r->part % PR_RECENT_PARTS);
		r->attempts[i] = r->deferred[i] = 0;
	}
}

void
pr_recent_add(struct pr_recent *r, int64_t window_ms, int64_t now_ms, bool deferred)
{
	turn(r, now_ms * PR_RECENT_PARTS / window_ms);
	r->attempts[r->part % PR_RECENT_PARTS]++;
	r->deferred[r->part % PR_RECENT_PARTS] += deferred;
}

void
pr_recent_read(const struct pr_recent *r, struct pr_tried *n)
{
	n->attempts = n->deferred = 0;
	for (unsigned i = 0; i < PR_RECENT_PARTS; i++) {
		n->attempts += r->attempts[i];
		n->deferred += r->deferred[i];
	}
}
