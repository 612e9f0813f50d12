/*
 * Classification: what a receiver meant by a text, and what to do about it. By the rules of
 * bounces.yaml, for replies of SMTP as for diagnostics out of bounce mails: one source for both.
 * Pure; a set of rules never changes and may be asked by any thread.
 *
 * Words
 *   rule     a class, and what has to be there for it: reply code, status, command, a text
 *   status   an enhanced status code (RFC 3463): 5.1.1
 *   hard     the address is no good and will not be: whoever is told once need not ask again
 *   action   what to do about the recipient, or for whom the finding is
 *
 * What is said for now only (code 4yz, or status 4.y.z without a code) is never hard, and asks
 * for no more than to retry, whatever its rule says.
 */
#ifndef POSTRIDER_CLASSIFY_H
#define POSTRIDER_CLASSIFY_H

#include "postrider/base/problem.h"
#include "postrider/journal/record.h"

#define PR_RULES_MAX 1000
#define PR_RULES_PATTERN_MAX 500 /* octets of one pattern */
#define PR_SAID_TEXT_MAX 2000    /* octets of a text that are looked at */

enum pr_action {
	PR_ACTION_NONE = 1, /* nothing is wrong */
	PR_ACTION_SUPPRESS, /* do not write to this recipient again */
	PR_ACTION_RETRY,    /* may well work another time */
	PR_ACTION_FIX,      /* ours to repair: the recipient has nothing to do with it */
	PR_ACTION_REVIEW,   /* somebody has to look */
};
const char *pr_action_word(enum pr_action a); /* "suppress" */

/* Which command was answered. */
enum pr_said_to {
	PR_SAID_TO_UNKNOWN,
	PR_SAID_TO_CONNECT, /* the connection itself, EHLO, STARTTLS, AUTH */
	PR_SAID_TO_MAIL,
	PR_SAID_TO_RCPT,
	PR_SAID_TO_DATA, /* or the end of data */
};
struct pr_said {
	enum pr_said_to to;
	int code;           /* 550; 0: none */
	uint16_t status[3]; /* {5, 1, 1}; {0}: none */
	struct pr_str text; /* any octets; may hold code and status as well */
	size_t at;          /* of pr_said_read: where in the text the first of the two stands */
};

struct pr_finding {
	enum pr_class class_;
	enum pr_action action;
	bool hard;
	bool by_text;  /* the text was a reason, not only a code */
	unsigned line; /* of the rule in its file; 0: none knew */
};

typedef struct pr_rules pr_rules;

/* The rules of a file (as its text, named `file`), or those built in (conf/bounces.yaml) for a
 * NULL path. PR_EINVAL, or what reading gave, with everything wrong added to problems. */
int pr_rules_parse(struct pr_str text, const char *file, struct pr_problems *problems,
                   pr_rules **out);
int pr_rules_load(const char *path, struct pr_problems *problems, pr_rules **out);
void pr_rules_destroy(pr_rules *r); /* NULL: nothing */

/* What the file says of a class as such. */
struct pr_finding pr_rules_class(const pr_rules *rules, enum pr_class class_);

/* The first rule that fits decides; PR_CLASS_UNDETERMINED where none does. A few microseconds. */
struct pr_finding pr_classify(const pr_rules *rules, const struct pr_said *said);

/* A line as a server says it, or a text that quotes one ("host x said: 550-5.1.1 ..."): its first
 * code and status. `text` is the whole. */
struct pr_said pr_said_read(struct pr_str text);
/* "5.1.1" with nothing around it; false (and out as it was): it is none. */
bool pr_status_read(struct pr_str text, uint16_t out[3]);

#endif
