/*
 * Feedback: understanding the mails that come back. A mail in; what it is, whom it is about, and
 * what that means, out. Pure.
 *
 * Words
 *   report     a part for machines: message/delivery-status (RFC 3464), its international form
 *              (RFC 6533), message/feedback-report (RFC 5965)
 *   notice     what a mail tells people; all that most bounces of older systems have
 *   returned   the header of the message that the mail is about, where it came along
 *
 * Nothing is believed: that the recipient was written to at all, a token has to prove.
 */
#ifndef POSTRIDER_FEEDBACK_H
#define POSTRIDER_FEEDBACK_H

#include "postrider/base/arena.h"
#include "postrider/classify.h"

#define PR_FEEDBACK_SIZE_MAX (4u << 20) /* octets of a mail that are looked at */
#define PR_FEEDBACK_RECIPIENTS_MAX 100
#define PR_FEEDBACK_DIAGNOSTIC_MAX 1000

enum pr_feedback_kind {
	PR_FEEDBACK_UNKNOWN,   /* none of these: a person wrote it, or nothing was found in it */
	PR_FEEDBACK_DSN,       /* about a delivery: failed, delayed, done */
	PR_FEEDBACK_ARF,       /* a complaint, or another report of a feedback loop */
	PR_FEEDBACK_AUTOREPLY, /* RFC 3834: on holiday, received, ... */
};
const char *pr_feedback_word(enum pr_feedback_kind k); /* "dsn" */

struct pr_feedback_recipient {
	struct pr_str address;     /* as written to, where that is told; UTF-8, maybe no address */
	uint16_t status[3];        /* {0}: none */
	int code;                  /* of the reply, 0: none */
	struct pr_str diagnostic;  /* one line of UTF-8, may be empty */
	struct pr_finding finding; /* of a delay, too; its action is then none */
	bool failed;               /* false: delayed, delivered, or no matter of delivery */
};

struct pr_feedback {
	enum pr_feedback_kind kind;
	struct pr_feedback_recipient *recipients;
	size_t n;
	struct pr_str feedback_type; /* ARF: "abuse", "opt-out", ...; else empty */
	struct pr_str reporter;      /* DSN: host of Reporting-MTA; empty: not told */
	struct pr_str envelope_id;   /* ENVID (RFC 3461), empty: none */
	struct pr_str returned;      /* field lines, ended by LF; empty: none came along */
};

/* Reads a mail (any octets). All of *out is the arena's, or static. Never fails: what is not
 * understood is PR_FEEDBACK_UNKNOWN. */
void pr_feedback_read(const pr_rules *rules, struct pr_str mail, struct pr_arena *arena,
                      struct pr_feedback *out);

/* The first field of this name in the returned header, unfolded; empty: none. */
struct pr_str pr_feedback_returned(const struct pr_feedback *f, const char *name,
                                   struct pr_arena *arena);

#endif
