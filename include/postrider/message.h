/*
 * Messages: a row goes in, the octets of a mail come out.
 *
 * *Content* is a campaign's subject, bodies, images, attachments and headers, read and
 * compiled once; immutable, shared read-only by all composers. A *composer* is one
 * thread's scratch memory. Attachments and images are encoded once per campaign.
 * RFC 5322, 2045-2047, 2231, 2369, 2919, 6532; bodies are 7bit where that is safe, else
 * quoted-printable or base64, so that no receiver needs 8BITMIME or changes them.
 *
 * Templates see: every column of the recipients file (one that is no Liquid name also with '_'
 * for what is not allowed: "First name" as First_name), and beside them, unless a column has
 * the name: `email` (as the envelope has it), `campaign_name`, `campaign_id`, `row` (a number),
 * `unsubscribe_mailto` (a mailto: URL that names the row), `unsubscribe_url`, `view_url`,
 * `preferences_url` (pages for the row; without secrets or a track URL the first is the mailto:
 * and the others are empty), `postal_address`, `language` (of the row's edition). Values are
 * escaped in HTML bodies only.
 *
 * With secrets and a track URL each message carries tokens (message/token.h): one-click
 * unsubscription (RFC 8058), links and an open pixel where the manifest follows them, and a return
 * path of its own where the brand has a bounce domain. Those of proofs name campaign 0: they lead
 * where the links lead, and act on nothing.
 *
 * What a row holds never adds a header, a part or an SMTP command: header values lose line
 * ends and other controls, addresses are checked again, boundaries cannot occur in bodies.
 */
#ifndef POSTRIDER_MESSAGE_H
#define POSTRIDER_MESSAGE_H

#include "postrider/base/problem.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"
#include "postrider/campaign/recipients.h"
#include "postrider/ledger.h"
#include "postrider/statedb.h"

typedef struct pr_content pr_content;
typedef struct pr_composer pr_composer;

struct pr_content_source {
	const struct pr_manifest *manifest;
	int dir;                      /* the campaign's folder, open */
	const struct pr_str *columns; /* header of the recipients file, template variables;
	                               * NULL: not known, to find what is wrong all the same */
	size_t columns_n;
	const char *campaign_id;
	uint32_t serial;
	const char *hostname; /* Message-ID domain; NULL, or without a dot: the From domain */
	const char *unsubscribe_mailto; /* an address; NULL: unsubscribe@ the From domain */
	const char *timezone;           /* for Liquid's dates, IANA name; NULL: UTC */
	const char *bounce_domain;      /* of the brand, else of `bounce`: bounce@ it; NULL: the
	                                 * reverse-path is the From address */
	const char *track_url;          /* of the brand, or of all; NULL: no links and pages */
	bool honeypot;                  /* HTML bodies get a link that nobody can see */
	const char *postal_address;     /* of the brand, when the manifest has none; may be NULL */
	const char *language;           /* the same */
	unsigned laws;                  /* PR_LAW_...: of the brand, beside the manifest's */
	size_t size_max;                /* of one message; 0: 25 MiB */
	struct pr_dkim *dkim;           /* keys that may sign, referenced; NULL: none */
	struct pr_tokens *tokens; /* what tokens are signed with, referenced; NULL: none are made */
	/* A proof: all messages go to this address (as a mailbox has it), also by their To field,
	 * and the subject says so. Templates see the row's own. NULL: none. */
	const char *proof_to;
	int64_t proof_ms; /* UTC: its Message-ID and links are no other proof's, no row's */
};
/* The manifest, and what it leaves to the configuration (NULL: none), its keys among that, and to
 * its brand. Views of both; dir, columns, id and serial are the caller's to set. */
struct pr_content_source pr_content_source_of(const struct pr_manifest *m,
                                              const struct pr_config *config);
/* Every problem found is told; PR_EINVAL when it cannot be sent. Nothing of the source need
 * outlive the call. */
int pr_content_compile(const struct pr_content_source *source, struct pr_problems *problems,
                       pr_content **out);
/* The links that its messages name by number: n of them, which live as long as the content. To be
 * kept (statedb.h) before the first message leaves. */
const struct pr_state_link *pr_content_links(const pr_content *c, size_t *n);
void pr_content_ref(pr_content *c);   /* any thread */
void pr_content_unref(pr_content *c); /* any thread */

int pr_composer_create(pr_composer **out);
void pr_composer_destroy(pr_composer *c);

struct pr_message {      /* one block of memory; free with pr_message_destroy */
	char *from, *to; /* envelope, without <> */
	char *data;      /* CRLF line ends, ends with CRLF */
	size_t size;
	struct pr_str tail; /* images and attachments, behind data: the content's, shared */
	bool dots;          /* a line of data begins with '.' */
	bool eight_bit, smtputf8;
};
/*
 * Compose for a row at a time. variant: of the manifest's, from 1; 0, and one that is not there:
 * the first, or what all get. PR_EINVAL: this row cannot be sent: `e` says why in words for people
 * ("body.html, line 3, column 8: ..."), the row is skipped. *out only on success. size in *out
 * counts for the ready pool's bound. The message must not outlive the content.
 */
int pr_compose(pr_composer *c, const pr_content *content, const struct pr_row *row,
               unsigned variant, int64_t utc_ms, struct pr_message **out, struct pr_error *e);
/* Where and why the last pr_compose of this composer failed, when it did; until its next. */
struct pr_compose_failure {
	const char *file; /* of a template, belongs to the content; NULL: of the whole message */
	unsigned line, column; /* in that file, from 1; in octets */
	struct pr_error error; /* the place is not in its text; PR_ECANCELLED: {% abort %} */
};
const struct pr_compose_failure *pr_composer_failure(const pr_composer *c);
void pr_message_destroy(struct pr_message *m);
void pr_message_add(const struct pr_message *m, struct pr_buf *out); /* all its octets */
/* "<...>" of a row, the same always: a function of campaign and row. */
void pr_message_id(const pr_content *content, uint32_t row, struct pr_buf *out);

/* ---- without a daemon: postrider check, postrider preview ---- */

struct pr_trial {
	const struct pr_manifest *manifest;
	int dir;
	const char *campaign_id;        /* as in pr_content_source; nothing depends on it but ids */
	const struct pr_config *config; /* NULL: there is none */
	const char *proof_to;           /* as in pr_content_source */
	unsigned variant;               /* preview, proof: as in pr_compose */
	const struct pr_recipients_from *from; /* NULL: recipients come from files only */
	int64_t utc_ms;
	unsigned threads;         /* check: that compose; 0: one for each core */
	const _Atomic bool *stop; /* check: set by others to give up: PR_ECANCELLED; may be NULL */
};
/* The message of one row: number `row`, or when that is 0 the first row of the address, or the
 * first row at all when the address is empty. PR_ENOENT: no such row; PR_EINVAL: told in
 * problems or e. */
int pr_message_preview(const struct pr_trial *trial, uint32_t row, struct pr_str email,
                       struct pr_buf *out, struct pr_problems *problems, struct pr_error *e);

/* What preview shows, with its envelope: for proofs. The message shares
 * its tail with the content. */
struct pr_trial_message {
	uint32_t row;
	struct pr_message *message;
	pr_content *content;
};
int pr_message_trial(const struct pr_trial *trial, uint32_t row, struct pr_trial_message *out,
                     struct pr_problems *problems, struct pr_error *e);
void pr_trial_message_finish(struct pr_trial_message *m);

struct pr_trial_counts {
	uint64_t rows; /* data rows in the file */
	uint64_t good; /* composed without an error */
	uint64_t bad;  /* refused as recipients */
	uint64_t duplicates;
	uint64_t machine;    /* from an earlier campaign: opened there, but only by machines */
	uint64_t aborted;    /* left out by {% abort %} */
	uint64_t failed;     /* refused by a template */
	size_t octets_max;   /* of the largest message */
	bool duplicates_cut; /* too many addresses to look for duplicates among all */
};
/*
 * Compiles everything and composes every row, on all cores; of a manifest that is not sound, or
 * content that does not compile, only bad rows and duplicates are counted. Each distinct error
 * (place and words) is told once, as a warning, with how many rows it hits and the first of them;
 * each {% abort %} likewise, as a note. What is told does not depend on the threads. PR_EINVAL
 * when the campaign could not be sent at all, or no row could; what was found is told in any case.
 */
int pr_message_check(const struct pr_trial *trial, struct pr_trial_counts *counts,
                     struct pr_problems *problems, struct pr_error *e);

#endif
