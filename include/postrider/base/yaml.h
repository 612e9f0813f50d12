/*
 * YAML by tables: a file is read whole, checked against rows that say which keys there
 * are, and laid down in a plain struct. Everything wrong is told in one go, with line,
 * column and remedy.
 *
 * Words
 *   schema   the rows of one section (a YAML map with known keys)
 *   row      one key: its type, where its value goes, bounds and default
 *   default  text, read by the same code as the user's; so conf/ can be checked against it
 *
 * What a value is follows from its row, never from YAML's own guesses: `language: no` is
 * text, `start: 08:00` is no number in base 60, 0660 is what the row says it is.
 * Refused: several documents, tags, merge keys, keys twice, NUL, more than 1 MiB, more than
 * 32 levels; aliases may be used, but the values read through them are bounded as well.
 * A key without a value (or ~) counts as left out.
 */
#ifndef POSTRIDER_BASE_YAML_H
#define POSTRIDER_BASE_YAML_H

#include "postrider/base/arena.h"
#include "postrider/base/problem.h"

#define PR_YAML_SIZE_MAX (1u << 20)

/* Text and where it stands. p is ended by NUL and holds none; NULL: left out (no default). */
struct pr_text {
	const char *p;
	size_t n;
	unsigned line, column; /* of the first character of the text; 0: a default */
};
static inline struct pr_str
pr_text_str(const struct pr_text *t)
{
	return (struct pr_str){t->p ? t->p : "", t->n};
}

struct pr_texts { /* a list */
	struct pr_text *items;
	size_t n;
};
struct pr_pair { /* an entry of a map with free keys */
	struct pr_text name, value;
};
struct pr_pairs {
	struct pr_pair *items;
	size_t n;
};
struct pr_choice { /* one text for all, or one for each of free names: by.n is 0, or text.p NULL */
	struct pr_text text;
	struct pr_pairs by;
};

enum pr_yaml_type {                   /* the field at `offset` is a ... */
	            PR_YAML_TEXT,     /* struct pr_text */
	            PR_YAML_BOOL,     /* bool: true false yes no on off */
	            PR_YAML_INT,      /* int64_t */
	            PR_YAML_FLOAT,    /* double */
	            PR_YAML_SIZE,     /* uint64_t, octets: 25M */
	            PR_YAML_DURATION, /* int64_t, ms: 15m */
	            PR_YAML_RATE,     /* struct pr_rate: 100/s */
	            PR_YAML_PERCENT,  /* double, a share of 1: 5% */
	            PR_YAML_ENUM,    /* int: position in `words`; a word "" there keeps a number for
	                                "not said" */
	            PR_YAML_LIST,    /* struct pr_texts; one text alone is a list of one */
	            PR_YAML_PAIRS,   /* struct pr_pairs */
	            PR_YAML_CHOICE,  /* struct pr_choice: a text, or a map of texts */
	            PR_YAML_SECTION, /* the struct of `schema`, in place */
	            PR_YAML_NAMED, /* struct pr_yaml_array of the struct of `schema`, by free names
	                            */
	            PR_YAML_SECTIONS, /* struct pr_yaml_array of the struct of `schema`: a list; one
	                               section alone is a list of one */
	            PR_YAML_PARSED,   /* whatever `parse` makes of the text */
	            PR_YAML_LATER,    /* nothing: refused as not available yet */
};

#define PR_YAML_REQUIRED 1u
#define PR_YAML_ONE_LINE                                                                           \
	2u /* TEXT, LIST, PAIRS, CHOICE: white space at the ends dropped, CR, LF and other         \
	    * controls inside refused */
#define PR_YAML_FILE 4u /* TEXT: the name of a file within the folder: no '/', no leading '.' */
#define PR_YAML_NOT_EMPTY 8u
#define PR_YAML_RESTART 16u /* a change takes effect at the next start only */

struct pr_yaml_schema;

struct pr_yaml_row {
	const char *key;
	enum pr_yaml_type type;
	unsigned flags;
	size_t offset;
	double min, max;          /* numbers, in the field's unit (ms, octets); both 0: any not
	                           * negative. LIST, PAIRS, CHOICE, NAMED,
	                           * SECTIONS: entries at most max */
	const char *fallback;     /* the default as text; NULL: zeroes */
	const char *example;      /* what a remedy shows after "key: " */
	const char *const *words; /* ENUM, ended by NULL */
	const char *later; /* words known but not available yet (ENUM), separated by spaces */
	const struct pr_yaml_schema *schema;
	/* PARSED: fill the field (of `size` octets, comparable as such) from the text as it is
	 * (ended by NUL, lives as long as the result); NULL, or what is wrong with it (static, "is
	 * not a ..."). */
	const char *(*parse)(struct pr_str text, void *field);
	size_t size;
	size_t at; /* 0, or where a struct pr_text without text tells where the value is */
};

struct pr_yaml_schema {
	const struct pr_yaml_row *rows; /* ended by a NULL key */
	size_t size;                    /* of the struct */
	size_t name_offset;             /* NAMED: where the struct keeps its struct pr_text name */
	const char *scalar_key; /* a text instead of the section stands for this key; or NULL */
};

struct pr_yaml_array {
	void *items;
	size_t n;
};

/*
 * Read text (n octets) named `file` by the schema into out (schema->size octets). All memory
 * is the arena's. Adds to problems; PR_EINVAL when it added a PR_PROBLEM: then every field of
 * out still holds what could be read, or its default, so that further checks can be made.
 */
int pr_yaml_read(struct pr_str text, const char *file, const struct pr_yaml_schema *schema,
                 struct pr_arena *arena, void *out, struct pr_problems *problems);

/* The text of the administrator's file at `path`, which may be a link, as /etc often has. What
 * goes wrong is told in problems, too, with the remedy. out is the caller's to finish. */
int pr_yaml_file(const char *path, const char *remedy, struct pr_buf *out,
                 struct pr_problems *problems);

/* Add a problem about a text read before: file, its line and column. Returns PR_EINVAL. */
int pr_text_problem(struct pr_problems *problems, const char *file, const struct pr_text *at,
                    const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Put what was told of a text in the order of its lines, and show the lines: the problems from
 * index `from` on, after pr_yaml_read and the reader's own checks. */
void pr_yaml_arrange(struct pr_str text, const char *file, struct pr_problems *problems,
                     unsigned from);

/* "5%", "0.5 %" to a share of 1. */
bool pr_parse_percent(struct pr_str s, double *share);

/* Calls `each` with what differs between two structs of the schema, in the order of its rows:
 * dotted paths down to the value ("routes.default.host"), or to the entry of free name that
 * was added or taken out ("routes.backup"). Where texts stand does not matter. */
void pr_yaml_diff(const struct pr_yaml_schema *schema, const void *a, const void *b,
                  void (*each)(void *context, const char *path, const struct pr_yaml_row *row),
                  void *context);

/* Calls `each` with every row of the schema, sections within by dotted paths ("socket.mode",
 * "routes.*.via"): for the check that conf/ tells of all. */
void pr_yaml_each_row(const struct pr_yaml_schema *schema,
                      void (*each)(void *context, const char *path, const struct pr_yaml_row *row),
                      void *context);

#endif
