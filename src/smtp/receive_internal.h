/* Between the two files of the receiving side: receive.c cuts, receive_command.c answers. */
#ifndef SMTP_RECEIVE_INTERNAL_H
#define SMTP_RECEIVE_INTERNAL_H

#include "postrider/base/arena.h"
#include "postrider/base/error.h"
#include "postrider/smtp/receive.h"

#define BARE "550 5.6.0 A line ends with a bare CR or LF"

struct pr_receive {
	struct pr_receive_options options;
	enum pr_receive_wants wants;
	struct pr_buf out, command;
	struct pr_buf later; /* fed while a mail waits for its answer */
	bool skipping;       /* to the end of a line that is too long */
	bool greeted, secure, flooded;
	unsigned errors, mails;
	/* The transaction. */
	struct pr_arena arena; /* its addresses */
	bool has_from;
	struct pr_str from, to[PR_RECEIVE_RECIPIENTS_MAX];
	size_t to_n;
	/* The mail. */
	bool in_data;
	enum scan {
		SCAN_START, /* of a line */
		SCAN_LINE,
		SCAN_CR,     /* behind a CR */
		SCAN_DOT,    /* behind a dot that begins a line */
		SCAN_DOT_CR, /* behind that and a CR */
		SCAN_END,
	} scan;
	struct pr_buf octets;
	size_t line; /* octets of the present line */
	uint64_t seen;
	const char *fault; /* the reply at its end; NULL: it is sound so far */
};

void receive_say(pr_receive *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void receive_error(pr_receive *r, const char *reply); /* counts */
void receive_forget(pr_receive *r);                   /* the transaction */
void receive_begin_data(pr_receive *r);
void receive_command(pr_receive *r, struct pr_str line); /* without its end */

#endif
