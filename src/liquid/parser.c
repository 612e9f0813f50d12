/*
 * The compiler's driver: tokens in, operations out, one unit after the other.
 *
 * A unit is read to its end even after an error, so that all mistakes are told at
 * once; a program is made only when there was none. Partials named in a unit join
 * the list of units and are compiled after it: nothing here recurses, and blocks
 * are bounded by LQ_NESTING_MAX.
 */
#include "parser.h"

#include "postrider/base/error.h"

#include <stdio.h>
#include <stdlib.h>

#define EXCERPT_MAX 2000

const struct pr_liquid_limits pr_liquid_limits_default = {
    .steps = 2000000,
    .output = 16u << 20,
    .memory = 32u << 20,
    .nesting = 100,
};

static struct lq_unit *
unit(struct lq_parser *p)
{
	return &p->t->units[p->unit];
}

/* Line and column (both from 1, in octets) of a place in the unit's text. */
static void
locate(struct lq_parser *p, const char *at, unsigned *line, unsigned *column)
{
	const char *text = unit(p)->text.p;
	if (at < text || at > text + unit(p)->text.n)
		at = p->token.whole.p;
	if (!p->seen || at < p->seen) {
		p->seen = p->line_start = text;
		p->line = unit(p)->first_line;
	}
	const char *eol;
	while ((eol = memchr(p->line_start, '\n', (size_t)(at - p->line_start)))) {
		p->line++;
		p->line_start = eol + 1;
	}
	p->seen = at;
	*line = p->line;
	*column = (unsigned)(at - p->line_start) + 1;
}

static char *
excerpt(struct lq_unit *u, const char *at)
{
	const char *end = u->text.p + u->text.n, *from = at, *to = at;
	while (from > u->text.p && from[-1] != '\n')
		from--;
	while (to < end && *to != '\n' && to - from < EXCERPT_MAX)
		to++;
	return pr_strndup(from, (unsigned long)(to - from));
}

static void
tell_broken(struct lq_parser *p, unsigned line, const char *what)
{
	char text[600];
	if (unit(p)->broken)
		return;
	snprintf(text, sizeof text, "Liquid syntax error (%.*s line %u): %s", (int)unit(p)->name.n,
	         unit(p)->name.p, line, what);
	unit(p)->broken = pr_arena_strndup(&p->t->arena, text, strlen(text));
}

bool
lq_error(struct lq_parser *p, const char *at, const char *remedy, const char *format, ...)
{
	char what[500];
	unsigned line, column;
	va_list ap;
	if (p->quiet)
		return false;
	va_start(ap, format);
	vsnprintf(what, sizeof what, format, ap);
	va_end(ap);
	locate(p, at, &line, &column);
	p->failed = true;
	if (p->unit && p->source->forgiving) {
		tell_broken(p, line, what);
		return false;
	}
	p->errors++;
	struct pr_problem *problem =
	    pr_problem_add(p->problems, PR_PROBLEM, unit(p)->file, line, remedy, "%s", what);
	if (problem) {
		problem->column = column;
		problem->excerpt = excerpt(unit(p), at);
	}
	return false;
}

void
lq_warn(struct lq_parser *p, uint32_t in, const char *at, const char *remedy, const char *what)
{
	unsigned line, column;
	p->unit = in;
	p->seen = NULL;
	locate(p, at, &line, &column);
	struct pr_problem *problem =
	    pr_problem_add(p->problems, PR_WARNING, unit(p)->file, line, remedy, "%s", what);
	if (problem) {
		problem->column = column;
		problem->excerpt = excerpt(unit(p), at);
	}
}

const char *
lq_did_you_mean(struct pr_str word, const char *const *candidates, char out[100])
{
	const char *near = pr_nearest(word, candidates);
	if (!near)
		return NULL;
	snprintf(out, 100, "did you mean '%s'?", near);
	return out;
}

struct lq_op *
lq_op_at(struct lq_parser *p, uint32_t i)
{
	return &p->t->ops[i];
}

uint32_t
lq_emit(struct lq_parser *p, enum lq_code code)
{
	struct lq_op *op = LQ_ADD(p->t, ops);
	op->code = (uint8_t)code;
	op->flags = p->escape ? LQ_ESCAPE : 0;
	op->depth = p->depth;
	op->target = op->fail = LQ_NONE;
	locate(p, p->token.whole.p, &op->line, &op->column);
	return p->t->n_ops - 1;
}

void
lq_patch(struct lq_parser *p, uint32_t chain, uint32_t goal)
{
	while (chain != LQ_NONE) {
		uint32_t next = p->t->ops[chain].target;
		p->t->ops[chain].target = goal;
		chain = next;
	}
}

void
lq_wait(struct lq_parser *p, uint32_t *chain, uint32_t op)
{
	p->t->ops[op].target = *chain;
	*chain = op;
}

static bool
is_barrier(const struct lq_block *b)
{
	return b->kind == LQ_BLOCK_FOR || b->kind == LQ_BLOCK_TABLEROW ||
	       b->kind == LQ_BLOCK_CAPTURE || b->kind == LQ_BLOCK_IFCHANGED;
}

void
lq_wait_barrier(struct lq_parser *p, uint32_t op)
{
	for (unsigned i = p->n_blocks; i-- > 0;)
		if (is_barrier(&p->blocks[i]) &&
		    !(p->blocks[i].kind == LQ_BLOCK_FOR && p->blocks[i].has_else)) {
			lq_wait(p, &p->blocks[i].barrier, op);
			return;
		}
	lq_wait(p, &p->barrier, op);
}

uint32_t
lq_frame_open(struct lq_parser *p)
{
	p->depth++;
	if (p->depth > unit(p)->frames)
		unit(p)->frames = p->depth;
	return p->depth - 1u;
}

void
lq_frame_close(struct lq_parser *p)
{
	p->depth--;
}

struct lq_block *
lq_block_top(struct lq_parser *p)
{
	return p->n_blocks ? &p->blocks[p->n_blocks - 1] : NULL;
}

struct lq_block *
lq_block_open(struct lq_parser *p, enum lq_block_kind kind, const char *name)
{
	if (p->n_blocks == LQ_NESTING_MAX) {
		lq_error(p, p->token.whole.p, NULL, "Nesting too deep");
		return NULL;
	}
	struct lq_block *b = &p->blocks[p->n_blocks++];
	*b = (struct lq_block){.kind = kind, .name = name, .blank = true, .next = LQ_NONE};
	b->at = p->token.whole.p;
	b->head = p->t->n_ops;
	b->matched = b->ends = b->fails = b->barrier = b->texts = b->value = LQ_NONE;
	b->scanners = p->n_scanners;
	return b;
}

/* Text of a body that prints nothing else is dropped, as Liquid does, and errors in it
 * are not shown. What is captured is kept whole. */
static void
silence(struct lq_parser *p, struct lq_block *b)
{
	unsigned captures = 0;
	for (uint32_t i = b->texts; i != LQ_NONE; i = p->t->ops[i].a)
		p->t->ops[i].text.n = 0;
	for (uint32_t i = b->head; i < p->t->n_ops; i++) {
		captures += p->t->ops[i].code == LQ_OP_CAPTURE;
		captures -= p->t->ops[i].code == LQ_OP_CAPTURE_END;
		bool condition = p->t->ops[i].code == LQ_OP_IF || p->t->ops[i].code == LQ_OP_UNLESS;
		bool chooses = b->kind == LQ_BLOCK_IF || b->kind == LQ_BLOCK_UNLESS;
		if (!captures && !(condition && chooses && !lq_is_old(p)))
			p->t->ops[i].flags |= LQ_SILENT;
	}
}

void
lq_block_close(struct lq_parser *p)
{
	struct lq_block *b = &p->blocks[--p->n_blocks];
	if (b->kind == LQ_BLOCK_CAPTURE)
		return;
	if (b->blank)
		silence(p, b);
	else
		lq_not_blank(p);
}

void
lq_not_blank(struct lq_parser *p)
{
	if (p->n_blocks)
		p->blocks[p->n_blocks - 1].blank = false;
}

void
lq_emit_text(struct lq_parser *p, struct pr_str text, bool blank_counts)
{
	struct lq_block *b = lq_block_top(p);
	if (blank_counts || pr_str_trim(text).n)
		lq_not_blank(p);
	if (text.n == 0 || (b && b->dead))
		return;
	uint32_t op = lq_emit(p, LQ_OP_TEXT);
	p->t->ops[op].text = text;
	p->t->ops[op].a = LQ_NONE;
	if (b) {
		p->t->ops[op].a = b->texts;
		b->texts = op;
	}
}

void
lq_push_scratch(struct lq_parser *p, uint32_t v)
{
	*LQ_ADD(p, scratch) = v;
}

uint32_t
lq_take_list(struct lq_parser *p, uint32_t from)
{
	uint32_t first = p->t->n_list;
	for (uint32_t i = from; i < p->n_scratch; i++)
		*LQ_ADD(p->t, list) = p->scratch[i];
	p->n_scratch = from;
	return first;
}

uint32_t
lq_use_name(struct lq_parser *p, struct pr_str text, const char *at)
{
	uint32_t i = lq_name_intern(p->t, text);
	struct lq_name *name = &p->t->names[i];
	if (!name->used) {
		name->used = true;
		name->unit = p->unit;
		name->at = at;
	}
	return i;
}

uint32_t
lq_bind_name(struct lq_parser *p, struct pr_str text)
{
	uint32_t i = lq_name_intern(p->t, text);
	p->t->names[i].bound = true;
	return i;
}

static const struct lq_tag *
find_tag(struct pr_str name)
{
	static const struct lq_tag *const families[] = {lq_flow_tags, lq_loop_tags, lq_data_tags,
	                                                lq_text_tags, lq_partial_tags};
	for (unsigned f = 0; f < sizeof families / sizeof *families; f++)
		for (const struct lq_tag *tag = families[f]; tag->name; tag++)
			if (pr_str_is(name, tag->name))
				return tag;
	return NULL;
}

static const char *const tag_names[] = {
    "assign",    "break",      "capture",    "case",   "comment",     "continue",     "cycle",
    "decrement", "doc",        "echo",       "else",   "elsif",       "for",          "if",
    "ifchanged", "include",    "increment",  "liquid", "raw",         "render",       "tablerow",
    "unless",    "when",       "autoescape", "abort",  "endfor",      "endif",        "endcase",
    "endunless", "endcapture", "endcomment", "endraw", "endtablerow", "endifchanged", NULL,
};

static bool
unknown_tag(struct lq_parser *p, struct pr_str name)
{
	struct lq_block *b = lq_block_top(p);
	char hint[100];
	const char *at = p->token.whole.p;
	if (b && pr_str_is(name, "else"))
		return lq_error(p, at, NULL, "%s tag does not expect 'else' tag", b->name);
	if (b && pr_str_starts(name, "end"))
		return lq_error(p, at, NULL,
		                "'%.*s' is not a valid delimiter for %s tags. use end%s",
		                (int)name.n, name.p, b->name, b->name);
	if (pr_str_is(name, "else") || pr_str_starts(name, "end"))
		return lq_error(p, at, "remove it, or open its block before",
		                "Unexpected outer '%.*s' tag", (int)name.n, name.p);
	return lq_error(p, at, lq_did_you_mean(name, tag_names, hint), "Unknown tag '%.*s'",
	                (int)name.n, name.p);
}

static bool
is_end_of(struct pr_str name, const struct lq_block *b)
{
	return pr_str_starts(name, "end") &&
	       pr_str_is((struct pr_str){name.p + 3, name.n - 3}, b->name);
}

static void
end_block(struct lq_parser *p, struct lq_block *b)
{
	switch (b->kind) {
	case LQ_BLOCK_FOR:
	case LQ_BLOCK_TABLEROW: lq_loop_end(p); break;
	case LQ_BLOCK_CAPTURE:
	case LQ_BLOCK_AUTOESCAPE: lq_data_end(p); break;
	default: lq_flow_end(p);
	}
}

static bool
parse_tag(struct lq_parser *p)
{
	struct pr_str name = p->token.name, markup = p->token.text;
	struct lq_block *b = lq_block_top(p);
	bool known = false;
	if (b && b->scanners == p->n_scanners) {
		if (is_end_of(name, b)) {
			end_block(p, b);
			return true;
		}
		if ((b->kind == LQ_BLOCK_FOR) && pr_str_is(name, "else") && !b->has_else)
			return lq_loop_else(p);
		bool ok = lq_flow_branch(p, name, markup, &known);
		if (known)
			return ok;
	}
	const struct lq_tag *tag = find_tag(name);
	return tag ? tag->parse(p, markup) : unknown_tag(p, name);
}

static void
parse_output(struct lq_parser *p)
{
	uint32_t pipe;
	lq_not_blank(p);
	if (!lq_parse_pipe(p, p->token.text, &pipe))
		return;
	const struct lq_pipe *made = &p->t->pipes[pipe];
	const struct lq_expr *e = &p->t->exprs[made->expr];
	bool cell = made->n == 0 && e->kind == LQ_CELL;
	uint32_t name = e->name;
	uint32_t op = lq_emit(p, cell ? LQ_OP_PRINT_CELL : LQ_OP_PRINT);
	p->t->ops[op].a = cell ? name : pipe;
}

static void
parse_broken(struct lq_parser *p)
{
	bool output = p->token.whole.n > 1 && p->token.whole.p[1] == '{';
	if (p->scanners[p->n_scanners - 1].lines) {
		lq_error(p, p->token.whole.p, NULL, "Unknown tag '%.*s'", (int)p->token.whole.n,
		         p->token.whole.p);
		return;
	}
	lq_error(p, p->token.whole.p, output ? "close it with }}" : "close it with %}",
	         "%s '%.*s' was not properly terminated with regexp: %s",
	         output ? "Variable" : "Tag", (int)(p->token.whole.n < 60 ? p->token.whole.n : 60),
	         p->token.whole.p, output ? "/\\}\\}/" : "/\\%\\}/");
}

static void
close_forgotten(struct lq_parser *p, unsigned scanners)
{
	while (p->n_blocks && p->blocks[p->n_blocks - 1].scanners >= scanners) {
		struct lq_block *b = &p->blocks[p->n_blocks - 1];
		p->token.whole.p = b->at;
		lq_error(p, b->at, "close it with its end tag", "'%s' tag was never closed",
		         b->name);
		p->n_blocks--;
	}
}

/* End of a scanner: the unit's, or a liquid tag's. False when all is read. */
static bool
end_scanner(struct lq_parser *p)
{
	close_forgotten(p, p->n_scanners);
	return --p->n_scanners > 0;
}

static void
parse_unit(struct lq_parser *p)
{
	struct lq_unit *u = unit(p);
	p->n_blocks = 0;
	p->depth = 0;
	p->seen = NULL;
	p->failed = false;
	p->barrier = LQ_NONE;
	p->escape = p->source->escape_html;
	p->scanners[0] = (struct lq_scanner){.p = u->text.p, .end = u->text.p + u->text.n};
	p->n_scanners = 1;
	u->entry = p->t->n_ops;
	for (;;) {
		lq_scan(&p->scanners[p->n_scanners - 1], &p->token);
		if (p->token.kind == LQ_TOKEN_TEXT)
			lq_emit_text(p, p->token.text, false);
		else if (p->token.kind == LQ_TOKEN_OUTPUT)
			parse_output(p);
		else if (p->token.kind == LQ_TOKEN_TAG)
			parse_tag(p);
		else if (p->token.kind == LQ_TOKEN_BROKEN)
			parse_broken(p);
		else if (!end_scanner(p))
			break;
	}
	uint32_t end = lq_emit(p, LQ_OP_END);
	lq_patch(p, p->barrier, end);
}

/* Every unit, also those that are asked for on the way. */
void
lq_parse_units(struct lq_parser *p)
{
	bool all = false;
	for (p->unit = 0; p->unit < p->t->n_units; p->unit++) {
		if (!unit(p)->missing)
			parse_unit(p);
		if (p->dynamic && !all && p->source->partial_names) {
			for (const char *const *n = p->source->partial_names; *n; n++)
				lq_unit_request(p, pr_str(*n), p->token.whole.p);
			all = true;
		}
	}
}
