/*
 * The compiled template.
 *
 * Words used in this room:
 *   unit       the main template or one partial; all units of a template share
 *              one list of operations and one table of names
 *   name       a root variable; it has one cell in a running scope
 *   expression a constant, a variable with its path, or a range
 *   pipe       an expression and the filters after it
 *   barrier    an operation that ends a body and must see `break` and
 *              `continue` on their way out (end of a loop, capture, unit)
 *   depth      frames of the unit in use at an operation, known when compiled
 *
 * Everything is addressed by index until the program is finished and never
 * changes afterwards.
 */
#ifndef POSTRIDER_LIQUID_PROGRAM_H
#define POSTRIDER_LIQUID_PROGRAM_H

#include "value.h"

#define LQ_NONE UINT32_MAX
#define LQ_NESTING_MAX 100 /* blocks within blocks, brackets within brackets */

enum lq_code {
	LQ_OP_TEXT,       /* text: copied */
	LQ_OP_PRINT_CELL, /* a: name */
	LQ_OP_PRINT,      /* a: pipe */
	LQ_OP_ASSIGN,     /* a: pipe, b: name */
	LQ_OP_JUMP,       /* target */
	LQ_OP_IF,         /* a: first condition; target when false, fail on an error */
	LQ_OP_UNLESS,     /* a: first condition; target when true */
	LQ_OP_CASE,       /* opens a frame */
	LQ_OP_WHEN,       /* a: case value, b: list of n expressions; target when none is equal */
	LQ_OP_WHEN_END,   /* target: the body, again for each further equal expression */
	LQ_OP_CASE_ELSE,  /* target when something was equal */
	LQ_OP_FOR,        /* a: loop; target: else part or end; fail: end */
	LQ_OP_FOR_NEXT,   /* target: body; fail: end of all; barrier */
	LQ_OP_TABLEROW,   /* a: loop; target: end */
	LQ_OP_TABLEROW_NEXT, /* target: body; barrier */
	LQ_OP_BREAK,         /* target: nearest barrier */
	LQ_OP_CONTINUE,
	LQ_OP_CAPTURE,
	LQ_OP_CAPTURE_END, /* b: name; barrier: target when interrupted */
	LQ_OP_IFCHANGED,
	LQ_OP_IFCHANGED_END,
	LQ_OP_CYCLE,     /* a: cycle */
	LQ_OP_INCREMENT, /* a: counter, b: name */
	LQ_OP_DECREMENT,
	LQ_OP_RENDER,  /* a: call */
	LQ_OP_INCLUDE, /* a: call; target: nearest barrier when interrupted */
	LQ_OP_ABORT,   /* a: pipe that gives the reason */
	LQ_OP_END,
};

/* Flags of an operation. */
#define LQ_ESCAPE 1u /* what it prints is escaped for HTML */
#define LQ_SILENT 2u /* in a block that prints nothing: nor do its errors */

struct lq_op {
	uint8_t code; /* enum lq_code */
	uint8_t flags;
	uint16_t depth; /* index of the frame it uses */
	uint32_t line, column;
	uint32_t a, b, n, target, fail;
	struct pr_str text;
};

enum lq_expr_kind { LQ_CONST, LQ_CELL, LQ_PATH, LQ_SPAN };

struct lq_expr {
	uint8_t kind;
	uint32_t name;     /* CELL, PATH: LQ_NONE when the root is [expression] */
	uint32_t first, n; /* PATH: segments; SPAN (a range): expressions first and n */
	uint32_t root;     /* PATH without a name: expression that gives it */
	lq_value value;    /* CONST */
};

/* Words that mean something to a list, a loop, a text. */
enum lq_word {
	LQ_WORD_NONE,
	LQ_WORD_SIZE,
	LQ_WORD_FIRST,
	LQ_WORD_LAST,
	LQ_WORD_INDEX,
	LQ_WORD_INDEX0,
	LQ_WORD_RINDEX,
	LQ_WORD_RINDEX0,
	LQ_WORD_LENGTH,
	LQ_WORD_NAME,
	LQ_WORD_PARENTLOOP,
	LQ_WORD_COL,
	LQ_WORD_COL0,
	LQ_WORD_COL_FIRST,
	LQ_WORD_COL_LAST,
	LQ_WORD_ROW,
};

struct lq_segment {
	uint32_t expr; /* [expr], LQ_NONE for .name */
	uint8_t word;  /* enum lq_word of .name */
	struct pr_str name;
};

struct lq_machine;
typedef bool lq_filter_run(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n);

struct lq_filter {
	const char *name;
	lq_filter_run *run; /* v is input and result; false: the machine holds the error */
	uint8_t min, max;   /* arguments */
};

const struct lq_filter *lq_filter_find(struct pr_str name);
extern const char *const lq_filter_names[]; /* ended by NULL */

#define LQ_ARGS_MAX 16

struct lq_filter_call {
	const struct lq_filter *filter; /* NULL: unknown, the value passes */
	uint32_t args, n;               /* list of expressions */
	uint32_t keywords, nkeywords;   /* list of expressions: key (constant), value, ... */
	const lq_value *constants;      /* the arguments as the filter gets them, where all are
	                                 * constants; NULL: they are evaluated for each call */
};

struct lq_pipe {
	uint32_t expr;
	uint32_t first, n; /* filter calls */
	uint32_t column;
};

enum lq_operator {
	LQ_TRUTH,
	LQ_EQ,
	LQ_NE,
	LQ_LT,
	LQ_GT,
	LQ_LE,
	LQ_GE,
	LQ_CONTAINS,
	LQ_UNKNOWN_OPERATOR,
};
enum lq_relation { LQ_LAST, LQ_AND, LQ_OR };

/* Conditions of one tag stand in a row: each says how it joins the next. */
struct lq_condition {
	uint8_t operator, relation;
	uint32_t left, right;
	struct pr_str word; /* of an unknown operator */
};

struct lq_loop_info {
	uint32_t item;                /* name of the loop variable */
	uint32_t collection;          /* expression */
	uint32_t limit, offset, cols; /* expressions or LQ_NONE */
	uint32_t slot;                /* where `offset: continue` is remembered */
	bool reversed, resumes;
	struct pr_str title; /* forloop.name */
};

struct lq_cycle {
	uint32_t slot;     /* where its position is kept, LQ_NONE: by the group's value */
	uint32_t group;    /* expression, or LQ_NONE */
	uint32_t first, n; /* list of expressions */
};

struct lq_call {
	uint32_t unit;    /* LQ_NONE: the name is an expression */
	uint32_t name;    /* expression of the partial's name */
	uint32_t with;    /* expression or LQ_NONE */
	uint32_t as;      /* name the value is bound to, LQ_NONE: after the partial */
	bool each;        /* `for`: once for each element */
	uint32_t args, n; /* list: name, expression, ... */
};

struct lq_unit {
	struct pr_str name; /* of the partial; "" for the template itself */
	const char *file;   /* for messages */
	struct pr_str text; /* a copy of the source */
	unsigned first_line;
	uint32_t entry;     /* first operation */
	uint16_t frames;    /* it needs at most */
	uint32_t title;     /* name a value is bound to by `with`, LQ_NONE */
	const char *broken; /* its syntax error, told when it is rendered; NULL */
	bool missing;
};

struct lq_name {
	struct pr_str text;
	bool given; /* the data has it */
	bool bound; /* something in the template assigns it */
	bool used;
	uint32_t hash_next;
	const char *at; /* first use, for the warning: in this unit's text */
	uint32_t unit;
};

#define LQ_NAME_BUCKETS 64

#define LQ_LIST(type, name)                                                                        \
	type *name;                                                                                \
	uint32_t n_##name, cap_##name

struct pr_liquid {
	struct pr_arena arena; /* texts and names */
	LQ_LIST(struct lq_op, ops);
	LQ_LIST(struct lq_expr, exprs);
	LQ_LIST(struct lq_segment, segments);
	LQ_LIST(struct lq_filter_call, calls);
	LQ_LIST(struct lq_pipe, pipes);
	LQ_LIST(struct lq_condition, conditions);
	LQ_LIST(struct lq_loop_info, loops);
	LQ_LIST(struct lq_cycle, cycles);
	LQ_LIST(struct lq_call, partials);
	LQ_LIST(struct lq_unit, units);
	LQ_LIST(struct lq_name, names);
	LQ_LIST(uint32_t, list);
	LQ_LIST(uint32_t, counters); /* the name of each */
	uint32_t buckets[LQ_NAME_BUCKETS];
	uint32_t given;                       /* names 0 .. given-1 come from the data */
	uint32_t cycle_slots, offsets;        /* how many a scope has */
	uint32_t forloop, tablerowloop, self; /* names, LQ_NONE where unused */
	const char *partial_missing;          /* message, NULL: the common one */
	bool markdown;
};

/* Grow list `name` of t by one and give a pointer to the new, cleared element. */
#define LQ_ADD(t, name)                                                                            \
	((t)->n_##name == (t)->cap_##name                                                          \
	     ? (void)((t)->name = lq_grow((t)->name, &(t)->cap_##name, sizeof *(t)->name))         \
	     : (void)0,                                                                            \
	 memset(&(t)->name[(t)->n_##name], 0, sizeof *(t)->name), &(t)->name[(t)->n_##name++])

void *lq_grow(void *list, uint32_t *cap, size_t size);
uint32_t lq_name_find(const pr_liquid *t, struct pr_str text); /* LQ_NONE when not known */
uint32_t lq_name_intern(pr_liquid *t, struct pr_str text);     /* found or added */
uint32_t lq_unit_find(const pr_liquid *t, struct pr_str name); /* by name, any case, .liquid */
enum lq_word lq_word_find(struct pr_str name);

#endif
