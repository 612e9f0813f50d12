/*
 * The parser's inside, shared by its files.
 *
 * parser.c walks the tokens of a unit and keeps the stack of open blocks;
 * expression.c reads what stands inside a tag; tag_*.c know one family of tags
 * each; lax.c reads markup as Shopify's first, forgiving parser does. Operations
 * are emitted in one pass: a jump whose goal is not known yet waits in a chain
 * linked through its own target, and is patched when the goal is reached.
 */
#ifndef POSTRIDER_LIQUID_PARSER_H
#define POSTRIDER_LIQUID_PARSER_H

#include "lexer.h"
#include "program.h"

enum lq_block_kind {
	LQ_BLOCK_IF,
	LQ_BLOCK_UNLESS,
	LQ_BLOCK_CASE,
	LQ_BLOCK_FOR,
	LQ_BLOCK_TABLEROW,
	LQ_BLOCK_CAPTURE,
	LQ_BLOCK_IFCHANGED,
	LQ_BLOCK_AUTOESCAPE,
};

struct lq_block {
	enum lq_block_kind kind;
	const char *name;    /* of the tag */
	const char *at;      /* where it was opened */
	bool blank;          /* nothing but white space and silent tags so far */
	bool has_else, dead; /* dead: what follows is never rendered (before the first when) */
	uint32_t head;       /* its first operation */
	uint32_t next;       /* operation that jumps to the next branch, LQ_NONE */
	uint32_t matched;    /* CASE: operation that jumps to the next `when` after a match */
	uint32_t ends;       /* chain of jumps to the end, through target */
	uint32_t fails;      /* chain through fail: where an error in a condition goes */
	uint32_t barrier;    /* chain of what waits for this block as barrier */
	uint32_t texts;      /* chain of its own texts, through a */
	uint32_t value;      /* CASE: the expression; CAPTURE: the name */
	bool escape;         /* AUTOESCAPE: the state to return to */
	unsigned scanners;   /* open scanners when it was opened */
};

#define LQ_SCANNERS_MAX 20 /* liquid tags within liquid tags */

struct lq_parser {
	pr_liquid *t;
	const struct pr_liquid_source *source;
	struct pr_problems *problems;
	uint32_t unit;
	struct lq_scanner scanners[LQ_SCANNERS_MAX];
	unsigned n_scanners;
	struct lq_block blocks[LQ_NESTING_MAX];
	unsigned n_blocks;
	struct lq_token token; /* the one being read */
	uint32_t barrier;      /* chain of what waits for the unit's end */
	uint16_t depth;        /* frames in use here */
	bool escape;
	bool dynamic;   /* a partial's name is only known when it is rendered */
	bool failed;    /* an error in this unit */
	unsigned quiet; /* errors are not told: another reading follows */
	unsigned errors;

	LQ_LIST(struct lq_lexeme, lexemes);
	uint32_t at; /* the next lexeme */
	unsigned nesting;
	LQ_LIST(struct lq_segment, path); /* scratch stacks: nested expressions */
	LQ_LIST(uint32_t, scratch);       /* share them */

	const char *seen; /* line counting: position, its line and where that begins */
	const char *line_start;
	unsigned line;
};

/* Whether markup is read the old way when the strict way fails. */
static inline bool
lq_is_lax(const struct lq_parser *p)
{
	return p->source->mode == PR_LIQUID_LAX;
}

/* Between lax and strict2: strict expressions, old tags. */
static inline bool
lq_is_old(const struct lq_parser *p)
{
	return p->source->mode == PR_LIQUID_LAX || p->source->mode == PR_LIQUID_STRICT;
}

/* Say what is wrong at a place of the unit's text. Always false. */
bool lq_error(struct lq_parser *p, const char *at, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void lq_warn(struct lq_parser *p, uint32_t unit, const char *at, const char *remedy,
             const char *what);
/* "did you mean 'x'?" into out, or NULL when nothing is near. */
const char *lq_did_you_mean(struct pr_str word, const char *const *candidates, char out[100]);

/* Emission. */
uint32_t lq_emit(struct lq_parser *p, enum lq_code code);
struct lq_op *lq_op_at(struct lq_parser *p, uint32_t i);
void lq_patch(struct lq_parser *p, uint32_t chain, uint32_t goal);
void lq_wait(struct lq_parser *p, uint32_t *chain, uint32_t op); /* link op into chain */
void lq_wait_barrier(struct lq_parser *p, uint32_t op);          /* goal: nearest barrier */
/* End of a barrier block: ops that waited for it go to `goal`. */
uint32_t lq_frame_open(struct lq_parser *p);
void lq_frame_close(struct lq_parser *p);

/* Blocks. */
struct lq_block *lq_block_open(struct lq_parser *p, enum lq_block_kind kind, const char *name);
struct lq_block *lq_block_top(struct lq_parser *p);
void lq_block_close(struct lq_parser *p); /* the top one; tells its parent what it held */
void lq_not_blank(struct lq_parser *p);
void lq_emit_text(struct lq_parser *p, struct pr_str text, bool blank_counts);

/* Lexemes of the markup being read. */
bool lq_lex_markup(struct lq_parser *p, struct pr_str markup);
struct lq_lexeme *lq_peek(struct lq_parser *p, unsigned ahead);
bool lq_look(struct lq_parser *p, enum lq_lexeme_kind kind);
bool lq_accept(struct lq_parser *p, enum lq_lexeme_kind kind);
bool lq_accept_word(struct lq_parser *p, const char *word);
bool lq_expect(struct lq_parser *p, enum lq_lexeme_kind kind, struct pr_str *text);

/* Expressions. In a condition `blank` and `empty` are questions, elsewhere "". */
enum lq_place { LQ_IN_VALUE, LQ_IN_CONDITION };
bool lq_parse_expression(struct lq_parser *p, enum lq_place place, uint32_t *expr);
uint32_t lq_const(struct lq_parser *p, lq_value v);
uint32_t lq_expr_name(struct lq_parser *p, struct pr_str name, const char *at);
bool lq_word_constant(struct pr_str word, enum lq_place place, lq_value *v);
uint32_t lq_expr_number(struct lq_parser *p, struct pr_str text);
uint32_t lq_expr_path(struct lq_parser *p, uint32_t name, uint32_t root, uint32_t from);
uint32_t lq_span(struct lq_parser *p, uint32_t first, uint32_t last);
uint32_t lq_use_name(struct lq_parser *p, struct pr_str text, const char *at);
uint32_t lq_bind_name(struct lq_parser *p, struct pr_str text);
void lq_push_scratch(struct lq_parser *p, uint32_t v);
uint32_t lq_take_list(struct lq_parser *p, uint32_t from); /* scratch from.. to a list */

bool lq_parse_pipe(struct lq_parser *p, struct pr_str markup, uint32_t *pipe);
bool lq_add_filter(struct lq_parser *p, struct pr_str name, uint32_t args, uint32_t keywords,
                   uint32_t *n);
uint32_t lq_add_pipe(struct lq_parser *p, uint32_t expr, uint32_t first, uint32_t n);
bool lq_parse_condition(struct lq_parser *p, struct pr_str markup, uint32_t *first);
enum lq_operator lq_operator_find(struct pr_str word);

/* Shopify's first parser: by patterns, reads over what it does not understand. */
bool lq_lax_pipe(struct lq_parser *p, struct pr_str markup, uint32_t *pipe);
bool lq_lax_condition(struct lq_parser *p, struct pr_str markup, uint32_t *first);
uint32_t lq_lax_expression(struct lq_parser *p, struct pr_str markup, enum lq_place place);
/* The first fragment (quoted text or run without white space , |) at or after *rest. */
bool lq_lax_fragment(struct pr_str *rest, struct pr_str *fragment);
/* The next `key: fragment` in *rest. */
bool lq_lax_attribute(struct pr_str *rest, struct pr_str *key, struct pr_str *value);

/* Tags. */
struct lq_tag {
	const char *name;
	bool (*parse)(struct lq_parser *p, struct pr_str markup);
};
extern const struct lq_tag lq_flow_tags[], lq_loop_tags[], lq_data_tags[], lq_text_tags[],
    lq_partial_tags[];

bool lq_flow_branch(struct lq_parser *p, struct pr_str name, struct pr_str markup, bool *known);
void lq_flow_end(struct lq_parser *p);
bool lq_loop_else(struct lq_parser *p);
void lq_loop_end(struct lq_parser *p);
void lq_data_end(struct lq_parser *p);
uint32_t lq_unit_request(struct lq_parser *p, struct pr_str name, const char *at);
void lq_parse_units(struct lq_parser *p); /* all, also those asked for on the way */

#endif
