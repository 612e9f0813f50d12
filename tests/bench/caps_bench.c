/*
 * What frequency caps cost: microseconds a message for folding (its intent, wire mark and outcome
 * read, its entry flushed) and for asking about a person; the longest slice of a flush and the
 * longest of folding what came between two, each by the clock and in CPU of the thread.
 *   caps_bench PATH.db PERSONS ROUNDS [DEFERRED]
 * Each round sends one message to every person, in no order; one of DEFERRED is deferred first.
 * PATH.db must not exist.
 */
#include "postrider/audience/caps.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLICE 2048 /* records between two flushes, as the folder has them */
#define NOW_MS 1800000000000LL

struct bench {
	pr_caps *caps;
	uint64_t lsn, persons;
	struct pr_buf payload;
	struct longest {
		int64_t us, cpu_us;
	} flush, fold;
	struct longest began; /* the last flush ended */
	struct pr_error e;
};

static struct longest
clocks(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (struct longest){pr_mono_us(), t.tv_sec * 1000000LL + t.tv_nsec / 1000};
}

static struct longest
lap(struct longest *longest, struct longest began)
{
	struct longest now = clocks();
	int64_t us = now.us - began.us, cpu_us = now.cpu_us - began.cpu_us;
	longest->us = us > longest->us ? us : longest->us;
	longest->cpu_us = cpu_us > longest->cpu_us ? cpu_us : longest->cpu_us;
	return now;
}

static void
need(int r, const struct pr_error *e)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s\n", e->text);
	exit(1);
}

static uint64_t
person_of(uint64_t number)
{
	return pr_mix64(number) & ~1ull;
}

static void
fold(struct bench *b, uint8_t type, uint32_t campaign, uint32_t row)
{
	struct pr_record r = {.lsn = b->lsn,
	                      .campaign = campaign,
	                      .row = row,
	                      .at_ms = NOW_MS + campaign * PR_HOUR_MS,
	                      .type = type,
	                      .payload = b->payload.data,
	                      .payload_n = (uint16_t)b->payload.len};
	need(pr_caps_fold(b->caps, &r, &b->e), &b->e);
	b->lsn += pr_record_size(r.payload_n);
}

static void
flush(struct bench *b, bool now)
{
	int more = 1;
	b->began = lap(&b->fold, b->began);
	while (more == 1) {
		more = pr_caps_flush(b->caps, b->lsn, now, pr_mono_ms() + 5, &b->e);
		need(more, &b->e);
		b->began = lap(&b->flush, b->began);
		if (!now)
			return;
	}
}

static void
send(struct bench *b, uint32_t campaign, uint32_t row, enum pr_state state, uint16_t attempts)
{
	struct pr_intent i = {.person = person_of(row)};
	struct pr_outcome o = {.state = (uint8_t)state,
	                       .attempts = attempts,
	                       .reply = PR_STR("250 2.0.0 Ok: queued as 4XyZ12345"),
	                       .mx = PR_STR("mx1.receiver.example")};
	pr_buf_clear(&b->payload);
	pr_intent_encode(&i, &b->payload);
	fold(b, PR_RECORD_INTENT, campaign, row);
	fold(b, PR_RECORD_WIRE, campaign, row);
	pr_buf_clear(&b->payload);
	pr_outcome_encode(&o, &b->payload);
	fold(b, PR_RECORD_OUTCOME, campaign, row);
}

static double
round_us(struct bench *b, uint32_t campaign, unsigned deferred)
{
	int64_t began = pr_mono_us();
	b->began = clocks();
	for (uint64_t i = 0; i < b->persons; i++) {
		uint32_t row = (uint32_t)(i * 7919 % b->persons) + 1;
		if (deferred && row % deferred == 0) {
			send(b, campaign, row, PR_DEFERRED, 1);
			send(b, campaign, row, PR_DELIVERED, 2);
		} else
			send(b, campaign, row, PR_DELIVERED, 1);
		if (i % (SLICE / 3) == 0)
			flush(b, false);
	}
	flush(b, true);
	return (double)(pr_mono_us() - began) / (double)b->persons;
}

static double
ask_us(struct bench *b, unsigned *full)
{
	struct pr_cap cap = {.messages = 3, .per = {PR_CAP_ROLLING, 7 * PR_DAY_MS}};
	struct pr_cap_times t = {.now_ms = NOW_MS + PR_DAY_MS};
	struct pr_cap_slot *slots;
	size_t n;
	int64_t began = pr_mono_us();
	*full = 0;
	for (uint64_t i = 0; i < b->persons; i++) {
		uint64_t person = person_of(i * 104729 % b->persons + 1);
		need(pr_caps_slots(b->caps, person, 0, 0, t.now_ms - cap.per.ms, &slots, &n, &b->e),
		     &b->e);
		*full += pr_caps_judge(&cap, 1, false, slots, n, &t).what == PR_CAP_SKIP;
	}
	return (double)(pr_mono_us() - began) / (double)b->persons;
}

int
main(int argc, char **argv)
{
	struct bench b = {0};
	unsigned full;
	if (argc < 4) {
		fprintf(stderr, "usage: caps_bench PATH.db PERSONS ROUNDS [DEFERRED]\n");
		return 2;
	}
	b.persons = strtoull(argv[2], NULL, 10);
	need(pr_caps_open(argv[1], true, &b.caps, &b.e), &b.e);
	for (uint32_t i = 1; i <= (uint32_t)atoi(argv[3]); i++) {
		double fold_cost = round_us(&b, i, argc > 4 ? (unsigned)atoi(argv[4]) : 0);
		double ask_cost = ask_us(&b, &full);
		printf("round %u: folding %.2f us a message, asking %.2f us a person, %u full; "
		       "longest slice %lld us (CPU %lld), folding between %lld us (CPU %lld)\n",
		       i, fold_cost, ask_cost, full, (long long)b.flush.us,
		       (long long)b.flush.cpu_us, (long long)b.fold.us, (long long)b.fold.cpu_us);
	}
	pr_caps_close(b.caps);
	pr_buf_finish(&b.payload);
	return 0;
}
