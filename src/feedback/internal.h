/* Between the files of feedback. All text is UTF-8 with LF, all memory the arena's. */
#ifndef FEEDBACK_INTERNAL_H
#define FEEDBACK_INTERNAL_H

#include "postrider/feedback.h"

#define NOTICE_MAX 65536u  /* octets of the texts together */
#define HEADERS_MAX 65536u /* of the returned header */
#define FIELDS_MAX 1000    /* of one block */

/* A mail, taken apart. */
struct mail {
	struct pr_arena *arena;
	struct pr_str header;          /* its own fields, as lines */
	struct pr_str notice;          /* its texts, without what is returned */
	struct pr_str status_report;   /* message/delivery-status; empty: none */
	struct pr_str feedback_report; /* message/feedback-report; empty: none */
	struct pr_str returned;        /* see feedback.h */
};
void mail_read(struct mail *m, struct pr_str octets);

/* ---- text ---- */

/* The next line, without its end; false: there is none. */
bool line_next(struct pr_str *rest, struct pr_str *line);

struct field {
	struct pr_str name, value; /* value: unfolded, trimmed */
};
/* The next field of a block; false at its end (an empty line, which is taken, or no more text).
 * Lines that are no field are passed over. */
bool field_next(struct pr_arena *arena, struct pr_str *rest, struct field *out);
/* The first of this name. */
struct pr_str field_of(struct pr_arena *arena, struct pr_str block, const char *name);
/* Whether a line looks like the beginning of a field: "Name: ". */
bool is_field_line(struct pr_str line);

/* Octets in a charset (NULL: not said) as UTF-8, at most `max` of them. */
struct pr_str text_decode(struct pr_arena *arena, struct pr_str octets, const char *charset,
                          size_t max);
/* The encoded words of a field (RFC 2047) decoded. */
struct pr_str text_decode_field(struct pr_arena *arena, struct pr_str value);
/* What a text of HTML tells, tags taken off. */
struct pr_str text_of_html(struct pr_arena *arena, struct pr_str html);
/* On one line, at most `max` octets, cut between characters. */
struct pr_str text_one_line(struct pr_arena *arena, struct pr_str text, size_t max);

bool holds_nocase(struct pr_str text, const char *word);
bool holds_any_nocase(struct pr_str text, const char *const *words); /* ended by NULL */

/* ---- addresses ---- */

/* The next thing in the text that looks like an address; `*at` is where to look from, and behind
 * it after. */
bool address_next(struct pr_str text, size_t *at, struct pr_str *out);
/* "rfc822; <a@b>", "<a@b>", "a@b": the address; as it is where it looks like none. */
struct pr_str address_of_field(struct pr_str value);

/* ---- what is found ---- */

struct findings {
	const pr_rules *rules;
	const struct mail *mail;
	struct pr_feedback *out;
};
/* A recipient more; NULL: known already (any case), or too many. */
struct pr_feedback_recipient *found_add(struct findings *f, struct pr_str address);
/* Classifies by the diagnostic and what status and code are known; where those say little, by
 * `context` as well. */
void found_judge(struct findings *f, struct pr_feedback_recipient *r, struct pr_str context);

/* "smtp; 550 5.1.1 ..." without its type, on one line. */
struct pr_str diagnostic_of(struct pr_arena *arena, struct pr_str value);
/* Which command was refused, as far as a text tells. */
enum pr_said_to command_of(struct pr_str text);

/* Each adds what it finds; false: the mail is no such thing. */
bool read_status_report(struct findings *f);
bool read_complaint(struct findings *f);
bool read_ses(struct findings *f); /* sets the kind, too: it may be either */
bool read_autoreply(struct findings *f);
bool read_notice(struct findings *f);
/* What the notice says about an address: all of it, unless it names others. */
struct pr_str notice_around(const struct mail *m, struct pr_str address);
/* Whether the header says that a machine of mail sends it. */
bool is_from_mailer(const struct mail *m);

#endif
