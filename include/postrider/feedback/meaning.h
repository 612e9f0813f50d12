/*
 * What a mail that came back means for us: which row it is about, and what became of that. Pure.
 *
 * Only a token that we signed tells which row: of the address that the mail was sent to, else of
 * what it brings along (the fields it came by, the returned header). A bounce needs that of a
 * return path; a complaint, whose reporter cuts out more, and who leaves may also have that of
 * List-Unsubscribe. Two that name different rows tell nothing. Nothing else is believed, not a
 * Message-ID either: our ids can be guessed from one another, and a forged bounce must not cost
 * anybody their mail.
 */
#ifndef POSTRIDER_FEEDBACK_MEANING_H
#define POSTRIDER_FEEDBACK_MEANING_H

#include "postrider/campaign/config.h"
#include "postrider/feedback.h"
#include "postrider/message/token.h"

enum pr_means {
	PR_MEANS_UNKNOWN,    /* somebody has to look: `why` */
	PR_MEANS_NOTHING,    /* understood, and there is nothing to do */
	PR_MEANS_BOUNCED,    /* it was not delivered */
	PR_MEANS_ARRIVED,    /* it was, or is on its way still */
	PR_MEANS_COMPLAINED, /* its recipient calls it spam */
	PR_MEANS_LEFT,       /* ... wants no more */
	PR_MEANS_KINDS
};
const char *pr_means_word(enum pr_means m); /* "bounced" */

struct pr_meaning {
	enum pr_means means;
	enum pr_feedback_kind kind;
	const char *why; /* static; "": nothing to say */
	/* All but UNKNOWN and NOTHING: whose row. */
	struct pr_token token;
	/* BOUNCED, ARRIVED: */
	struct pr_feedback_recipient recipient;
	struct pr_str reporter; /* host, as the report tells; may be empty */
	/* COMPLAINED, LEFT: */
	struct pr_str feedback_type;
};

/* to: the envelope's recipients, n 0: not known. What *out refers to is the arena's. */
void pr_meaning_read(const struct pr_config *config, struct pr_str mail, const struct pr_str *to,
                     size_t n, struct pr_arena *arena, struct pr_meaning *out);

/* Addresses of ours, for whoever takes mail for them: return paths with a token that we signed,
 * where people unsubscribe and complaints go, postmaster@ and abuse@ of these domains (RFC 5321
 * section 4.5.1). */
bool pr_meaning_is_ours(const struct pr_config *config, struct pr_str address);

#endif
