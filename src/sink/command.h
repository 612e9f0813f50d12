/*
 * One line of an SMTP client, taken apart (RFC 5321, section 4.1; parameters of
 * RFC 1870 SIZE, RFC 6152 BODY, RFC 6531 SMTPUTF8, RFC 3461 DSN; RFC 3030 BDAT).
 * Pure: what the command may do now is the session's affair.
 */
#ifndef POSTRIDER_SINK_COMMAND_H
#define POSTRIDER_SINK_COMMAND_H

#include "postrider/base/str.h"

enum sink_verb {
	SINK_UNKNOWN, /* no such command */
	SINK_HELO,
	SINK_EHLO,
	SINK_MAIL,
	SINK_RCPT,
	SINK_DATA,
	SINK_BDAT,
	SINK_RSET,
	SINK_NOOP,
	SINK_QUIT,
	SINK_VRFY,
	SINK_HELP,
	SINK_STARTTLS,
	SINK_AUTH,
	SINK_OTHER, /* known, never offered: EXPN, TURN ... */
	SINK_VERBS
};

struct sink_command {
	enum sink_verb verb;
	struct pr_str argument; /* all behind the verb, trimmed */
	struct pr_str address;  /* MAIL, RCPT: without <> and source route; empty: <> */
	uint64_t size;          /* MAIL SIZE=, or octets of a BDAT chunk */
	bool last;              /* BDAT ... LAST */
	bool smtputf8;          /* MAIL SMTPUTF8 */
	bool eightbit;          /* MAIL BODY=8BITMIME */
	bool has_size;

	/* What is wrong with it; code 0: nothing. Static text. */
	int code;
	const char *enhanced, *problem;
};

/* The line without its line end. Views point into it. */
void sink_command_parse(struct pr_str line, struct sink_command *out);

/* "MAIL"; "?" for SINK_UNKNOWN and SINK_OTHER. */
const char *sink_verb_name(enum sink_verb verb);

/* A mailbox as RFC 5321, 4.1.2 (UTF-8 allowed as in RFC 6531): local part of at
 * most 64 octets, domain or address literal of at most 255. */
bool sink_mailbox_valid(struct pr_str mailbox);

#endif
