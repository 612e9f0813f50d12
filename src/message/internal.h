/*
 * Content as the composer reads it. Everything that is the same in all messages of a campaign
 * is laid out once as octets; what differs is a template.
 *
 *   Date ............ of the composer
 *   head            From, by variant
 *   To .............. the row's
 *   after_to        Reply-To
 *   Subject ......... template
 *   Message-ID ...... the row's
 *   lists           List-Id
 *   List-Unsubscribe  the row's token
 *   version         MIME-Version, Content-Language
 *   headers ......... templates
 *   open            multipart headers down to the first body (here it depends on the bodies)
 *   text ............ template, encoded
 *   middle          between text and HTML
 *   html ............ template, encoded
 *   tail            images and attachments in base64, closing boundaries
 */
#ifndef POSTRIDER_MESSAGE_INTERNAL_H
#define POSTRIDER_MESSAGE_INTERNAL_H

#include "postrider/liquid.h"
#include "postrider/message.h"
#include "postrider/message/dkim.h"
#include "postrider/message/token.h"

#include "images.h"
#include "links.h"
#include "source.h"

#include <stdatomic.h>

#define PR_TOKEN_SIZE 17 /* 16 characters of base32: 80 bits */

enum pr_slot { /* variables beside the columns, in this order behind them */
	       PR_SLOT_EMAIL,
	       PR_SLOT_CAMPAIGN_NAME,
	       PR_SLOT_CAMPAIGN_ID,
	       PR_SLOT_ROW,
	       PR_SLOT_UNSUBSCRIBE,
	       PR_SLOT_UNSUBSCRIBE_URL,
	       PR_SLOT_VIEW_URL,
	       PR_SLOT_PREFERENCES_URL,
	       PR_SLOT_POSTAL_ADDRESS,
	       PR_SLOT_LANGUAGE,
	       PR_SLOT_PREHEADER,
	       PR_SLOTS,
};

struct pr_template {
	pr_liquid *code;
	struct pr_source source; /* for places in messages */
};

struct pr_content_header {
	const char *name;
	const struct pr_template *value;
};

struct pr_line { /* a template of the manifest: compiled once, wherever it is used */
	const char *from;
	struct pr_template t;
};

enum pr_text_kind {
	PR_TEXT_NONE,
	PR_TEXT_FILE,      /* the campaign's own */
	PR_TEXT_DERIVED,   /* a template derived from the HTML's: tidied after rendering */
	PR_TEXT_FROM_HTML, /* derived from every rendered HTML */
};

/* What is below the header; several editions may share it. */
struct pr_bodies {
	struct pr_str html_file, text_file; /* the manifest's names: empty for none */
	struct pr_template html, text;
	enum pr_text_kind text_kind;
	bool markdown;  /* html is rendered as Markdown, then becomes HTML */
	bool preheader; /* some edition has one */
	struct pr_str open, middle, tail;
};

/* What recipients of one language get. */
struct pr_edition {
	const char *language;                          /* NULL: not said */
	const struct pr_template *subject, *preheader; /* preheader NULL: none */
	const struct pr_bodies *bodies;
	struct pr_str version; /* MIME-Version, Content-Language */
};

/* What recipients of one variant get, by language. */
struct pr_wording {
	struct pr_str head; /* From */
	struct pr_edition *editions;
	const char **languages; /* of the editions */
	size_t editions_n;
};

/* Links and pages: all of it empty where there are no tokens or no track URL. */
struct pr_tracking {
	struct pr_str url; /* without '/' at its end */
	bool clicks, text, opens, honeypot;
	bool view, preferences; /* some template shows it */
	size_t consent_column;  /* of opens; SIZE_MAX: all consent */
	struct pr_links links;
	struct pr_state_link *table;
	size_t table_n;
};

struct pr_content {
	_Atomic unsigned refs;
	struct pr_arena arena;
	uint32_t serial;
	bool unsubscribe; /* List-Unsubscribe is written */
	bool smtputf8;    /* the From address asks for it */

	size_t columns_n, aliases_n;   /* aliases: columns under a name that Liquid can read */
	size_t *aliases;               /* which column */
	const char **names;            /* columns, aliases, slots; ended by NULL */
	struct pr_str fixed[PR_SLOTS]; /* values that are the same for all rows */
	const char *timezone;

	struct pr_wording *wordings; /* of each variant; one where there are none */
	size_t wordings_n;
	size_t language_column; /* SIZE_MAX: all get the first edition */
	struct pr_bodies *bodies;
	size_t bodies_n;
	struct pr_line *lines;
	size_t lines_n;
	struct pr_content_header *headers;
	size_t headers_n;
	struct pr_source *partials; /* places in partials/ as the HTML has them */
	size_t partials_n;

	struct pr_str reverse_path;
	struct pr_str proof_to;    /* empty: no proof */
	char token[PR_TOKEN_SIZE]; /* names the campaign in Message-IDs, boundaries, ids */
	struct pr_str id_domain;
	struct pr_str unsubscribe_uri; /* up to the row's token */
	struct pr_str after_to, lists;
	size_t size_max;
	pr_dkim *dkim; /* NULL: not signed */
	struct pr_str dkim_domain;
	pr_tokens *tokens; /* NULL: none are made */
	struct pr_str
	    bounce_domain; /* messages have return paths of their own; empty: reverse_path */
	uint32_t list;     /* in tokens */
	struct pr_tracking track;
};

/* ---- compiling ---- */

/* What a template is for: how values are written and what its partials look like. */
enum pr_use {
	PR_USE_HTML,     /* escaped; ids of images edited into partials */
	PR_USE_MARKDOWN, /* the same, and escaped for Markdown */
	PR_USE_PLAIN,    /* text and headers: partials as they are */
	PR_USE_DERIVED,  /* text derived from HTML, and so are the partials */
};

struct pr_partial {
	const char *name; /* without ".liquid" */
	struct pr_source plain, html;
	struct pr_str derived;
	bool html_ready, derived_ready; /* for the bodies being compiled */
};

struct pr_compile {
	const struct pr_content_source *source;
	struct pr_problems *problems;
	pr_content *c;
	struct pr_bodies *bodies; /* being compiled */
	struct pr_images images;
	struct pr_partial *partials;
	size_t partials_n;
	const char **partial_names;
	bool underivable; /* a partial that was asked for could not be derived */
};

/* Right after it was read: what is not Liquid becomes Liquid. PR_EINVAL: problems told. */
int pr_template_translate(struct pr_compile *x, struct pr_source *s);
/* Compile one template; its problems name the places in the user's files. */
int pr_template_compile(struct pr_compile *x, struct pr_template *t, enum pr_use use,
                        struct pr_problems *problems);
void pr_partials_read(struct pr_compile *x);
void pr_partials_begin(struct pr_compile *x); /* of other bodies: which images they show is open */
/* content.c: the column that a key of the manifest names; SIZE_MAX: there is none, and that is told
 * where the columns are known. */
size_t pr_find_column(struct pr_compile *x, const struct pr_text *wanted, const char *key);
/* bodies.c: the templates of x->bodies. PR_EINVAL: problems told. */
int pr_content_compile_bodies(struct pr_compile *x);
/* parts.c: open, middle and tail of x->bodies, once compiled. PR_EINVAL: problems told. */
int pr_content_lay_parts(struct pr_compile *x);

/* law.c: once all is compiled: what the laws ask for is there, or it is told. */
void pr_law_keep(struct pr_compile *x);

/* ---- tracking.c ---- */
/* Before templates are compiled, and behind that, once all have shown their links. */
void pr_track_begin(struct pr_compile *x);
void pr_track_collect(struct pr_compile *x, const struct pr_source *s, enum pr_use use);
void pr_track_end(struct pr_compile *x);

/* What a row's tokens have in common. */
struct pr_row_tokens {
	const pr_content *content;
	struct pr_token base; /* campaign, row, address, list */
};
struct pr_row_tokens pr_row_tokens(const pr_content *c, const struct pr_row *row);
/* Append the URL of a page, or nothing where there are none. path: "u", "v", "p". */
void pr_track_page(const struct pr_row_tokens *t, enum pr_token_kind kind, const char *path,
                   struct pr_buf *out);
/* Append the HTML or the text of a message as it leaves. fields: the row's. */
void pr_track_html(const struct pr_row_tokens *t, const struct pr_str *fields, struct pr_str html,
                   struct pr_buf *out);
void pr_track_text(const struct pr_row_tokens *t, struct pr_str text, struct pr_buf *out);
/* Append the token of mail to the unsubscribe address, and the return path's local part. */
void pr_track_subject(const struct pr_row_tokens *t, struct pr_buf *out);
void pr_track_return(const struct pr_row_tokens *t, struct pr_buf *out);

/* "ROW.TOKEN": names a row of a campaign; out holds PR_ROW_TOKEN_SIZE. Returns the length. */
#define PR_ROW_TOKEN_SIZE (10 + 1 + PR_TOKEN_SIZE)
size_t pr_row_token(const pr_content *c, uint32_t row, char *out);

#endif
