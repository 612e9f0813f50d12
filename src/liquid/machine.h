/*
 * A render in progress. One machine lives on the stack of pr_liquid_render; all it
 * builds lies in the caller's arena.
 */
#ifndef POSTRIDER_LIQUID_MACHINE_H
#define POSTRIDER_LIQUID_MACHINE_H

#include "program.h"

/* A variable in a scope. Loops and partials hide it and put it back; `assign` always
 * means the outermost one, wherever that is kept meanwhile. */
struct lq_cell {
	lq_value v;
	uint32_t saved; /* 1 + place of the outermost in the scope's saves; 0: here */
	bool scoped;    /* set by the template, not by the data */
};

struct lq_saved {
	uint32_t name;
	struct lq_cell cell;
};

struct lq_group { /* position of a cycle whose group is a value */
	struct lq_group *next;
	lq_value key;
	uint32_t position;
};

/* What a render call isolates. */
struct lq_scope {
	struct lq_cell *cells; /* one for each name of the program */
	struct lq_saved *saves;
	uint32_t n_saves, cap_saves;
	int64_t *counters;
	uint32_t *cycles;
	int64_t *offsets;
	struct lq_group *groups;
	struct lq_loop *loop; /* innermost `for` */
};

struct lq_loop {
	const struct lq_loop_info *info;
	lq_value collection;
	uint64_t from, length, index; /* index: elements begun */
	uint64_t cols, row, col;
	struct lq_loop *parent;
	struct pr_str title;
	uint32_t saves;
	bool reversed;
};

struct lq_frame {
	union {
		struct lq_loop loop;
		size_t mark; /* capture, ifchanged: where the output began */
		struct {
			uint32_t left; /* further times to render this `when` */
			bool matched;
		} choice;
	};
};

enum lq_interrupt { LQ_NO_INTERRUPT, LQ_BREAK, LQ_CONTINUE };

struct lq_machine {
	const pr_liquid *t;
	const struct pr_liquid_run *run;
	struct pr_arena *arena;
	struct pr_buf *out;
	struct lq_scope *scope;
	const struct lq_unit *unit;
	struct lq_frame *frames; /* of the unit */
	uint64_t steps;          /* left */
	size_t out_max;          /* out->len may not pass it */
	size_t arena_max;        /* nor arena->used this */
	unsigned nesting, nesting_max;
	enum lq_interrupt interrupt;
	bool isolated;         /* inside a rendered partial: no include */
	bool escape;           /* of the operation at hand */
	struct pr_str changed; /* what ifchanged saw last */
	uint64_t random;
	struct pr_liquid_failure *failure; /* may be NULL */
	int status;                        /* why rendering stops; 0: it goes on */
	bool whole_message;                /* error needs no "Liquid error" before it */
	char error[500];                   /* of the operation at hand */
};

/* Say why the operation fails. Always false. */
bool lq_raise(struct lq_machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Memory for n octets; NULL, with the error set, beyond the limit. */
void *lq_alloc(struct lq_machine *m, size_t n);
bool lq_out_of_steps(struct lq_machine *m); /* sets the error; always false */

/* n further steps of work (elements looked at); false, with the error set, beyond the limit. */
static inline bool
lq_spend(struct lq_machine *m, uint64_t n)
{
	if (n > m->steps)
		return lq_out_of_steps(m);
	m->steps -= n;
	return true;
}

/* The same for looking through a value: long texts and lists cost more than one step, so
 * that no loop over them takes for ever. */
static inline bool
lq_weigh(struct lq_machine *m, const lq_value *v)
{
	bool list = v->type == PR_LIQUID_ARRAY || v->type == PR_LIQUID_HASH;
	return v->n < 64 || lq_spend(m, list ? v->n / 16 : v->n / 1024);
}

/* evaluate.c */
bool lq_evaluate(struct lq_machine *m, uint32_t expr, lq_value *v);
bool lq_evaluate_pipe(struct lq_machine *m, const struct lq_pipe *pipe, lq_value *v);
bool lq_test(struct lq_machine *m, uint32_t condition, bool *truth);
lq_value lq_variable(struct lq_machine *m, struct pr_str name);
lq_value lq_cell_value(struct lq_machine *m, uint32_t name);
/* obj.key of a filter's property argument: nil where there is none. */
lq_value lq_member(struct lq_machine *m, const lq_value *object, struct pr_str key);

/* The first or last element of a list, code point of a text; nil when it has none. */
bool lq_end_of(struct lq_machine *m, const lq_value *list, bool last, lq_value *v);

/* scope.c */
struct lq_scope *lq_scope_create(struct lq_machine *m);        /* NULL beyond the limit */
bool lq_bind(struct lq_machine *m, uint32_t name, lq_value v); /* hides the one outside */
void lq_assign(struct lq_machine *m, uint32_t name, lq_value v);
void lq_restore(struct lq_machine *m, uint32_t saves);
void lq_count(struct lq_machine *m, const struct lq_op *op, int64_t by);
bool lq_cycle(struct lq_machine *m, const struct lq_cycle *cycle, lq_value *v);

/* loop.c */
bool lq_for_begin(struct lq_machine *m, const struct lq_op *op, bool *any);
bool lq_for_next(struct lq_machine *m, const struct lq_op *op); /* false: it is over */
bool lq_tablerow_begin(struct lq_machine *m, const struct lq_op *op, bool *any);
bool lq_tablerow_next(struct lq_machine *m, const struct lq_op *op);
bool lq_element(struct lq_machine *m, const lq_value *collection, uint64_t i, lq_value *v);
uint64_t lq_count_elements(const lq_value *collection);
lq_value lq_loop_member(const lq_value *drop, enum lq_word word);

/* partial.c */
bool lq_render_partial(struct lq_machine *m, const struct lq_op *op);
bool lq_include_partial(struct lq_machine *m, const struct lq_op *op);
/* machine.c */
bool lq_run(struct lq_machine *m, const struct lq_unit *unit);

/* Texts. */
bool lq_text(struct lq_machine *m, const lq_value *v, struct pr_str *s); /* as Ruby's to_s */
bool lq_text_printed(struct lq_machine *m, const lq_value *v, struct pr_str *s); /* by {{ }} */
bool lq_text_inspect(struct lq_machine *m, const lq_value *v, struct pr_str *s);
bool lq_integer(struct lq_machine *m, const lq_value *v, int64_t *i); /* "invalid integer" */
void lq_escape(struct pr_buf *out, struct pr_str s);
/* For Markdown; html: also what lq_escape escapes. */
void lq_escape_markdown(struct pr_buf *out, struct pr_str s, bool html);
size_t lq_plain_length(struct pr_str s); /* octets before the first that HTML escapes */
struct pr_str lq_entity(char c);         /* what such a one becomes */
void lq_output(struct lq_machine *m, const lq_value *v);

#endif
