/*
 * Two scanners. The outer one cuts a source into text, output {{ }} and tags
 * {% %} and applies whitespace control; the inner one cuts what stands inside
 * them into lexemes.
 */
#ifndef POSTRIDER_LIQUID_LEXER_H
#define POSTRIDER_LIQUID_LEXER_H

#include "postrider/liquid.h"

enum lq_token_kind { LQ_TOKEN_END, LQ_TOKEN_TEXT, LQ_TOKEN_OUTPUT, LQ_TOKEN_TAG, LQ_TOKEN_BROKEN };

struct lq_token {
	enum lq_token_kind kind;
	struct pr_str name;  /* TAG: its name, "#" for a comment in the tag */
	struct pr_str text;  /* TEXT trimmed; OUTPUT and TAG: the markup inside */
	struct pr_str whole; /* with the braces */
};

/* Where scanning stands. In a {% liquid %} tag each line is a tag. */
struct lq_scanner {
	const char *p, *end;
	bool lines; /* inside a liquid tag */
	bool trim;  /* the token before ended with -%} or -}} */
};

void lq_scan(struct lq_scanner *s, struct lq_token *token);
/* Forward to the tag {% NAME %} wherever it begins; text is what lies before it.
 * False when there is none. */
bool lq_scan_verbatim(struct lq_scanner *s, const char *name, struct pr_str *text);

enum lq_lexeme_kind {
	LQ_LEX_END,
	LQ_LEX_PIPE,
	LQ_LEX_DOT,
	LQ_LEX_COLON,
	LQ_LEX_COMMA,
	LQ_LEX_OPEN_SQUARE,
	LQ_LEX_CLOSE_SQUARE,
	LQ_LEX_OPEN_ROUND,
	LQ_LEX_CLOSE_ROUND,
	LQ_LEX_QUESTION,
	LQ_LEX_DASH,
	LQ_LEX_DOTDOT,
	LQ_LEX_COMPARISON,
	LQ_LEX_STRING,
	LQ_LEX_NUMBER,
	LQ_LEX_ID,
};

struct lq_lexeme {
	enum lq_lexeme_kind kind;
	struct pr_str text; /* as written, strings with their quotes */
};

/* Ruby's word for a kind: "close_square". */
const char *lq_lexeme_word(enum lq_lexeme_kind kind);
/* The next lexeme of *rest, which moves on; false where no lexeme begins (*rest then
 * stands at the offending character). */
bool lq_lex(struct pr_str *rest, enum lq_lexeme_kind before, struct lq_lexeme *out);

static inline bool
lq_is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

#endif
