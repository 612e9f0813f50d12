/*
 * A ring of batches. Each batch is filled (reader), composed (one worker), merged (reader), and
 * filled again:
 *
 *   merged <= taken <= filled <= merged + ring        counts of batches since the beginning
 *
 * The batch the reader fills is its own, those between taken and filled wait for a worker, one
 * that a worker has is that worker's until `done`. The mutex guards the counts and `done`, and
 * nothing else needs it.
 */
#include "check_pool.h"

#include "trial.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH_ROWS 128u
#define BATCH_OCTETS (128u << 10) /* of rows; a batch ends behind the row that reaches it */
#define THREADS_MAX 64u
#define BATCHES_PER_THREAD 3u /* one being composed, two waiting */

struct batch {
	struct pr_arena arena; /* rows, and the words of what went wrong */
	struct pr_row rows[BATCH_ROWS];
	uint64_t row_lines[BATCH_ROWS];
	unsigned n;
	struct failing failing[BATCH_ROWS];
	struct composed result;
	bool done;
};

struct pool {
	struct pool_options o;
	struct batch *ring;
	unsigned ring_n;
	pthread_mutex_t mutex;
	pthread_cond_t more;     /* a batch was filled, or there will be no more */
	pthread_cond_t composed; /* a batch is done */
	uint64_t filled, taken, merged;
	bool ended;
	pthread_t threads[THREADS_MAX];
	unsigned threads_n;
};

static struct batch *
batch_at(struct pool *p, uint64_t at)
{
	return &p->ring[at % p->ring_n];
}

/* ---- a worker ---- */

static void
note_failure(struct batch *b, unsigned i, const struct pr_compose_failure *failure)
{
	const char *text = pr_trial_words(failure);
	b->failing[b->result.failing_n++] =
	    (struct failing){.file = failure->file,
	                     .line = failure->line,
	                     .column = failure->column,
	                     .code = failure->error.code,
	                     .text = pr_arena_strndup(&b->arena, text, strlen(text)),
	                     .row = b->rows[i].row,
	                     .row_line = b->row_lines[i]};
}

/* All of its variants: who gets which is not known here. */
static bool
compose_row(const struct pool_options *o, pr_composer *composer, struct batch *b, unsigned i)
{
	struct pr_message *m;
	for (unsigned variant = 1; variant <= o->variants; variant++) {
		if (pr_compose(composer, o->content, &b->rows[i], variant, o->utc_ms, &m, NULL) <
		    0) {
			note_failure(b, i, pr_composer_failure(composer));
			return false;
		}
		if (m->size + m->tail.n > b->result.octets_max)
			b->result.octets_max = m->size + m->tail.n;
		pr_message_destroy(m);
	}
	return true;
}

static void
compose_batch(const struct pool_options *o, pr_composer *composer, struct batch *b)
{
	b->result = (struct composed){.failing = b->failing};
	for (unsigned i = 0; i < b->n; i++)
		if (compose_row(o, composer, b, i))
			b->result.good++;
}

static void *
work(void *context)
{
	struct pool *p = context;
	pr_composer *composer;
	pr_composer_create(&composer);
	pthread_mutex_lock(&p->mutex);
	for (;;) {
		while (p->taken == p->filled && !p->ended)
			pthread_cond_wait(&p->more, &p->mutex);
		if (p->taken == p->filled)
			break;
		struct batch *b = batch_at(p, p->taken++);
		pthread_mutex_unlock(&p->mutex);
		compose_batch(&p->o, composer, b);
		pthread_mutex_lock(&p->mutex);
		b->done = true;
		pthread_cond_signal(&p->composed);
	}
	pthread_mutex_unlock(&p->mutex);
	pr_composer_destroy(composer);
	return NULL;
}

/* ---- the reader ---- */

static void
merge_next(struct pool *p)
{
	struct batch *b = batch_at(p, p->merged);
	pthread_mutex_lock(&p->mutex);
	while (!b->done)
		pthread_cond_wait(&p->composed, &p->mutex);
	p->merged++;
	pthread_mutex_unlock(&p->mutex);
	p->o.merge(p->o.context, &b->result);
	b->done = false;
	b->n = 0;
	pr_arena_reset(&b->arena);
}

static void
hand_over(struct pool *p)
{
	pthread_mutex_lock(&p->mutex);
	p->filled++;
	pthread_cond_signal(&p->more);
	pthread_mutex_unlock(&p->mutex);
	if (p->filled == p->merged + p->ring_n)
		merge_next(p);
}

void
pool_add(struct pool *p, const struct pr_row *row, uint64_t row_line)
{
	struct batch *b = batch_at(p, p->filled);
	struct pr_row *copy = &b->rows[b->n];
	*copy = *row;
	copy->email = pr_arena_copy(&b->arena, row->email);
	copy->data = pr_arena_copy(&b->arena, row->data);
	b->row_lines[b->n++] = row_line;
	if (b->n == BATCH_ROWS || b->arena.used >= BATCH_OCTETS)
		hand_over(p);
}

static unsigned
threads_wanted(unsigned asked)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = asked ? asked : cores > 1 ? (unsigned)cores : 1;
	return n < THREADS_MAX ? n : THREADS_MAX;
}

int
pool_create(const struct pool_options *o, struct pool **out, struct pr_error *e)
{
	struct pool *p = pr_calloc(1, sizeof *p);
	unsigned wanted = threads_wanted(o->threads);
	p->o = *o;
	p->ring_n = wanted * BATCHES_PER_THREAD;
	p->ring = pr_calloc(p->ring_n, sizeof *p->ring);
	for (unsigned i = 0; i < p->ring_n; i++)
		pr_arena_init(&p->ring[i].arena);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->composed, NULL);
	while (p->threads_n < wanted &&
	       pthread_create(&p->threads[p->threads_n], NULL, work, p) == 0)
		p->threads_n++;
	if (p->threads_n) {
		*out = p;
		return 0;
	}
	pool_destroy(p);
	return pr_fail(e, PR_ESYSTEM, "cannot start a thread");
}

void
pool_destroy(struct pool *p)
{
	if (!p)
		return;
	if (batch_at(p, p->filled)->n)
		hand_over(p);
	while (p->merged < p->filled)
		merge_next(p);
	pthread_mutex_lock(&p->mutex);
	p->ended = true;
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->threads_n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->composed);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->mutex);
	for (unsigned i = 0; i < p->ring_n; i++)
		pr_arena_finish(&p->ring[i].arena);
	free(p->ring);
	free(p);
}
