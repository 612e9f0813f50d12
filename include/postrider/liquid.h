/*
 * Liquid: the template language marketers know, compiled once and rendered many
 * times. Knows nothing of mail, libuv or SQLite.
 *
 * A *template* is a compact program made from source text; it is immutable and
 * shared read-only by all threads. A render takes values, an arena for what it
 * must build, and writes straight into the caller's buffer. Values that come
 * from a row are views: nothing is copied.
 *
 * Root variables are bound to slots when the template is compiled: `names` lists
 * what the data has, and pr_liquid_render gets one value for each name, in the
 * same order.
 */
#ifndef POSTRIDER_LIQUID_H
#define POSTRIDER_LIQUID_H

#include "postrider/base/arena.h"
#include "postrider/base/buf.h"
#include "postrider/base/error.h"
#include "postrider/base/problem.h"

enum pr_liquid_type {
	PR_LIQUID_NIL,
	PR_LIQUID_BOOL,
	PR_LIQUID_INT,
	PR_LIQUID_FLOAT,
	PR_LIQUID_STRING,
	PR_LIQUID_ARRAY,
	PR_LIQUID_HASH, /* keys keep their order */
			/* further types (range, drops such as forloop) are private to the room */
};

struct pr_liquid_value {
	uint8_t type;  /* enum pr_liquid_type, or a private one */
	uint8_t flags; /* private; 0 from outside */
	uint32_t n;    /* octets, elements or pairs */
	union {
		int64_t i; /* INT, BOOL (0, 1) */
		double f;
		const char *s;                       /* UTF-8, not ended by NUL */
		const struct pr_liquid_value *items; /* ARRAY: n values; HASH: 2n, key then value */
	};
};

static inline struct pr_liquid_value
pr_liquid_string(struct pr_str s)
{
	struct pr_liquid_value v = {.type = PR_LIQUID_STRING, .n = (uint32_t)s.n};
	v.s = s.p;
	return v;
}

enum pr_liquid_mode {
	PR_LIQUID_OURS, /* strict parsing, errors point at line and column */
	PR_LIQUID_LAX,  /* Shopify's three parsers, for the corpus */
	PR_LIQUID_STRICT,
	PR_LIQUID_STRICT2,
};

struct pr_liquid_limits {
	uint64_t steps;   /* instructions of one render */
	size_t output;    /* octets */
	size_t memory;    /* octets of arena */
	unsigned nesting; /* blocks and partials */
};
extern const struct pr_liquid_limits pr_liquid_limits_default;

struct pr_liquid_source {
	struct pr_str text;       /* UTF-8; need not outlive the call */
	const char *file;         /* for error messages: "body.html" */
	unsigned first_line;      /* line of the file where text begins; 0 means 1 */
	const char *const *names; /* root variables, ended by NULL; may be NULL */
	bool escape_html;         /* {{ }} escapes & < > " ' unless the value went through `raw` */
	bool markdown;     /* with escape_html: the output is Markdown, and values have no say
	                    * in its structure: their punctuation becomes entities, white
	                    * space a single blank */
	bool forgiving;    /* as Ruby is: unknown filters let the value pass, and what is
	                    * wrong with a partial is told when it is rendered */
	bool names_closed; /* a variable not in names (and never assigned) is a warning
	                    * with the nearest name */
	enum pr_liquid_mode mode;
	/* Source of a partial, NULL p when there is none; valid until compile returns. */
	struct pr_str (*partial)(void *context, struct pr_str name);
	void *context;
	const char *const *partial_names; /* all there are, ended by NULL: for {% include variable
	                                   * %} and hints; may be NULL */
	const char *partial_missing;      /* forgiving: what a missing one says; may be NULL */
};

typedef struct pr_liquid pr_liquid;

/* Problems go to `problems` (file, line, column, excerpt). PR_EINVAL when the
 * source cannot be used; *out is set only on success. */
int pr_liquid_compile(const struct pr_liquid_source *source, struct pr_problems *problems,
                      pr_liquid **out);
void pr_liquid_destroy(pr_liquid *t);

struct pr_liquid_run {
	const struct pr_liquid_value *values;  /* one for each of names */
	int64_t now_utc_ms;                    /* for 'now' and 'today' */
	const char *timezone;                  /* IANA name; NULL or unknown: UTC */
	const struct pr_liquid_limits *limits; /* NULL: the default */
	bool render_errors;   /* errors appear in the output as Ruby puts them, rendering goes on */
	uint64_t random_seed; /* stable per recipient */
};

/* Where a render failed. */
struct pr_liquid_failure {
	unsigned line, column;
	const char *file; /* belongs to the template */
	struct pr_error error;
};

/*
 * Append the output to out. The arena may be reset as soon as this returns. On a
 * negative result what had been rendered until then is in out. Errors: PR_EINVAL
 * (the template's own error at run time), PR_ELIMIT, PR_ECANCELLED ({% abort 'reason' %}:
 * nobody is to get this; the reason is failure->error.text). May be called from several
 * threads with one template; failure may be NULL.
 */
int pr_liquid_render(const pr_liquid *t, const struct pr_liquid_run *run, struct pr_arena *arena,
                     struct pr_buf *out, struct pr_liquid_failure *failure);

#endif
