/*
 * render and include.
 *
 *   render 'name' [ (with | for) value [ as word ] ] { [,] key: value }
 *   include name  [ (with | for) value [ as word ] ] { [,] key: value }
 *
 * A rendered partial sees the data and what it is given, and changes nothing
 * outside; an included one shares all variables. A name that is only known when
 * the template is rendered needs the list of all partials.
 */
#include "parser.h"

/* The partial's name: for render a text, for include any expression. */
static bool
parse_name(struct lq_parser *p, bool render, struct lq_call *call)
{
	struct lq_lexeme lexeme = *lq_peek(p, 0);
	if (render && lexeme.kind != LQ_LEX_STRING)
		return lq_error(
		    p, lexeme.text.p, NULL,
		    "Syntax error in tag 'render' - Template name must be a quoted string");
	if (!lq_parse_expression(p, LQ_IN_VALUE, &call->name))
		return false;
	lq_value name = p->t->exprs[call->name].value;
	call->unit = LQ_NONE;
	if (p->t->exprs[call->name].kind == LQ_CONST && name.type == PR_LIQUID_STRING)
		call->unit = lq_unit_request(p, lq_str(&name), lexeme.text.p);
	else
		p->dynamic = true;
	return true;
}

static bool
parse_with(struct lq_parser *p, struct lq_call *call)
{
	struct pr_str word;
	call->each = lq_accept_word(p, "for");
	if ((call->each || lq_accept_word(p, "with")) &&
	    !lq_parse_expression(p, LQ_IN_VALUE, &call->with))
		return false;
	if (!lq_accept_word(p, "as"))
		return true;
	if (!lq_expect(p, LQ_LEX_ID, &word))
		return false;
	call->as = lq_bind_name(p, word);
	return true;
}

static bool
parse_arguments(struct lq_parser *p)
{
	struct pr_str key;
	uint32_t expr;
	lq_accept(p, LQ_LEX_COMMA);
	while (lq_look(p, LQ_LEX_ID)) {
		if (!lq_expect(p, LQ_LEX_ID, &key) || !lq_expect(p, LQ_LEX_COLON, NULL) ||
		    !lq_parse_expression(p, LQ_IN_VALUE, &expr))
			return false;
		lq_push_scratch(p, lq_bind_name(p, key));
		lq_push_scratch(p, expr);
		lq_accept(p, LQ_LEX_COMMA);
	}
	return lq_expect(p, LQ_LEX_END, NULL);
}

static bool
strict_call(struct lq_parser *p, struct pr_str markup, bool render, struct lq_call *call)
{
	return lq_lex_markup(p, markup) && parse_name(p, render, call) && parse_with(p, call) &&
	       parse_arguments(p);
}

static bool
old_name(struct lq_parser *p, struct pr_str markup, struct pr_str fragment, bool render,
         struct lq_call *call)
{
	bool quoted = fragment.p[0] == '"' || fragment.p[0] == '\'';
	if (render && !quoted)
		return lq_error(
		    p, markup.p, NULL,
		    "Syntax error in tag 'render' - Template name must be a quoted string");
	call->name = lq_lax_expression(p, fragment, LQ_IN_VALUE);
	lq_value name = p->t->exprs[call->name].value;
	call->unit = LQ_NONE;
	if (p->t->exprs[call->name].kind == LQ_CONST && name.type == PR_LIQUID_STRING)
		call->unit = lq_unit_request(p, lq_str(&name), fragment.p);
	else
		p->dynamic = true;
	return true;
}

static bool
old_call(struct lq_parser *p, struct pr_str markup, bool render, struct lq_call *call)
{
	struct pr_str rest = markup, fragment, key, value;
	if (!lq_lax_fragment(&rest, &fragment))
		return lq_error(p, markup.p, NULL,
		                "Error in tag 'include' - Valid syntax: include '[template]' "
		                "(with|for) [object|collection]");
	if (!old_name(p, markup, fragment, render, call))
		return false;
	struct pr_str tail = rest;
	bool more = lq_lax_fragment(&tail, &fragment);
	if (more && (pr_str_is(fragment, "with") || pr_str_is(fragment, "for"))) {
		call->each = fragment.p[0] == 'f';
		if (lq_lax_fragment(&tail, &fragment))
			call->with = lq_lax_expression(p, fragment, LQ_IN_VALUE);
		more = lq_lax_fragment(&tail, &fragment);
	}
	if (more && pr_str_is(fragment, "as") && lq_lax_fragment(&tail, &fragment))
		call->as = lq_bind_name(p, fragment);
	while (lq_lax_attribute(&rest, &key, &value)) {
		lq_push_scratch(p, lq_bind_name(p, key));
		lq_push_scratch(p, lq_lax_expression(p, value, LQ_IN_VALUE));
	}
	return true;
}

static bool
parse_call(struct lq_parser *p, struct pr_str markup, bool render)
{
	struct lq_call call = {.with = LQ_NONE, .as = LQ_NONE};
	uint32_t from = p->n_scratch;
	lq_not_blank(p);
	bool ok = lq_is_old(p) ? old_call(p, markup, render, &call)
	                       : strict_call(p, markup, render, &call);
	call.n = (p->n_scratch - from) / 2;
	call.args = lq_take_list(p, from);
	if (!ok)
		return false;
	*LQ_ADD(p->t, partials) = call;
	uint32_t op = lq_emit(p, render ? LQ_OP_RENDER : LQ_OP_INCLUDE);
	lq_op_at(p, op)->a = p->t->n_partials - 1;
	lq_wait_barrier(p, op);
	return true;
}

static bool
parse_render(struct lq_parser *p, struct pr_str markup)
{
	return parse_call(p, markup, true);
}

static bool
parse_include(struct lq_parser *p, struct pr_str markup)
{
	return parse_call(p, markup, false);
}

const struct lq_tag lq_partial_tags[] = {
    {"render", parse_render},
    {"include", parse_include},
    {NULL, NULL},
};
