/*
 * The end of a turn: hooks that were asked for run once, phase by phase; and the
 * posts of other threads.
 *
 * A phase takes its list away before it runs, so a hook that asks for itself waits
 * for the next turn and cannot hold this one. What a NET hook appends to the
 * journal is written before the next NET hook runs: a connection that fails while
 * writing may hand its rows to one that has not yet written.
 */
#include "internal.h"

void
pr_turn_hook_init(struct pr_turn_hook *hook, pr_loop *loop, enum pr_turn_phase phase,
                  void (*run)(struct pr_turn_hook *))
{
	PR_ASSERT(phase < PR_TURN_PHASES);
	*hook = (struct pr_turn_hook){.run = run, .loop = loop, .phase = phase};
	pr_list_init(&hook->link);
}

void
pr_turn_ask(struct pr_turn_hook *hook)
{
	if (pr_list_empty(&hook->link))
		pr_list_push(&hook->loop->asked[hook->phase], &hook->link);
}

void
pr_turn_hook_finish(struct pr_turn_hook *hook)
{
	if (hook->link.next)
		pr_list_remove(&hook->link);
}

static void
run_phase(pr_loop *loop, enum pr_turn_phase phase)
{
	struct pr_list now, *link;
	pr_list_init(&now);
	pr_list_splice(&now, &loop->asked[phase]);
	while ((link = pr_list_shift(&now))) {
		struct pr_turn_hook *hook = PR_CONTAINER(link, struct pr_turn_hook, link);
		if (phase == PR_TURN_NET && !pr_list_empty(&loop->asked[PR_TURN_JOURNAL]))
			run_phase(loop, PR_TURN_JOURNAL);
		hook->run(hook);
	}
}

void
pr_turn_end(pr_loop *loop)
{
	for (int phase = 0; phase < PR_TURN_PHASES; phase++)
		if (!pr_list_empty(&loop->asked[phase]))
			run_phase(loop, (enum pr_turn_phase)phase);
}

bool
pr_turn_asked(const pr_loop *loop)
{
	for (int phase = 0; phase < PR_TURN_PHASES; phase++)
		if (!pr_list_empty(&loop->asked[phase]))
			return true;
	return false;
}

/* ---- posts: many threads push, the loop takes all at once ---- */

void
pr_loop_post(pr_loop *loop, struct pr_post *post)
{
	struct pr_post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
	do
		post->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->posts, &head, post,
	                                              memory_order_release, memory_order_relaxed));
	/* Whoever found the list empty wakes the loop: one wake for many. */
	if (!head)
		uv_async_send(&loop->wake);
}

static struct pr_post *
reversed(struct pr_post *p)
{
	struct pr_post *done = NULL;
	while (p) {
		struct pr_post *next = p->next;
		p->next = done;
		done = p;
		p = next;
	}
	return done;
}

void
pr_loop_run_posts(pr_loop *loop)
{
	struct pr_post *p =
	    reversed(atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire));
	while (p) {
		struct pr_post *next = p->next; /* p may be freed by its callback */
		p->run(p);
		p = next;
	}
}
