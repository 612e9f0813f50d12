/*
 * Records of the journal: what happened, one small checksummed record each.
 * Pure: encoding and decoding only. Also the words that all rooms above share:
 * states of a recipient, states of a campaign, classes of an outcome.
 */
#ifndef POSTRIDER_JOURNAL_RECORD_H
#define POSTRIDER_JOURNAL_RECORD_H

#include "postrider/base/buf.h"
#include "postrider/base/error.h"

/* States of a recipient (design: "States of a recipient"). Stored: never renumber. */
enum pr_state {
	PR_PENDING = 0,
	PR_SENDING = 1,
	PR_DELIVERED = 2,
	PR_DEFERRED = 3,
	PR_BOUNCED = 4,
	PR_SUPPRESSED = 5,
	PR_SKIPPED = 6,
	PR_IN_DOUBT = 7,
	PR_CANCELLED = 8,
	PR_STATES = 9,
};
const char *pr_state_word(enum pr_state s); /* "in_doubt" */
bool pr_state_parse(struct pr_str word, enum pr_state *out);
/* The one table of legal moves (states.c, with the reason of each). A move to the same
 * state is none: deferred again is deferred->sending->deferred. */
bool pr_state_may_move(enum pr_state from, enum pr_state to);

/* Classes of an outcome (formats.md, `classify`). Stored: append only. */
enum pr_class {
	PR_CLASS_NONE = 0,
	PR_CLASS_USER_UNKNOWN,
	PR_CLASS_USER_MOVED,
	PR_CLASS_MAILBOX_DISABLED,
	PR_CLASS_MAILBOX_FULL,
	PR_CLASS_DOMAIN_UNKNOWN,
	PR_CLASS_MAIL_REFUSED,
	PR_CLASS_RECIPIENT_REFUSED,
	PR_CLASS_SENDER_REJECTED,
	PR_CLASS_RELAY_DENIED,
	PR_CLASS_REPUTATION,
	PR_CLASS_SPAM_CONTENT,
	PR_CLASS_CONTENT,
	PR_CLASS_POLICY,
	PR_CLASS_AUTHENTICATION,
	PR_CLASS_TLS,
	PR_CLASS_RATE_LIMITED,
	PR_CLASS_GREYLISTED,
	PR_CLASS_TOO_LARGE,
	PR_CLASS_VIRUS,
	PR_CLASS_PROTOCOL,
	PR_CLASS_NETWORK,
	PR_CLASS_EXPIRED,
	PR_CLASS_SYSTEM,
	PR_CLASS_COMPLAINT,
	PR_CLASS_AUTOREPLY,
	PR_CLASS_DELIVERED,
	PR_CLASS_SUPPRESSED,
	PR_CLASS_UNDETERMINED,
	PR_CLASS_CAPPED, /* skipped: a frequency cap */
	PR_CLASSES
};
const char *pr_class_word(enum pr_class c); /* "user_unknown"; "" for none */
extern const char *const pr_class_words[];  /* all of them, ended by NULL */

/* States of a campaign. Stored: never renumber. */
enum pr_campaign_state {
	PR_CAMPAIGN_IMPORTING = 0,
	PR_CAMPAIGN_HELD = 1,
	PR_CAMPAIGN_SCHEDULED = 2,
	PR_CAMPAIGN_SENDING = 3,
	PR_CAMPAIGN_PAUSED = 4,
	PR_CAMPAIGN_FINISHED = 5,
	PR_CAMPAIGN_CANCELLED = 6,
	PR_CAMPAIGN_FAILED = 7,
	PR_CAMPAIGN_STATES = 8,
};
const char *pr_campaign_state_word(enum pr_campaign_state s);

/* Reasons of a campaign's state. Stored: append only. */
enum pr_reason {
	PR_REASON_NONE = 0,
	PR_REASON_APPROVAL,
	PR_REASON_PREFLIGHT,
	PR_REASON_REJECTS,
	PR_REASON_RESTORED,
	PR_REASON_LATE,
	PR_REASON_DISK,
	PR_REASON_STOP_LOSS,
	PR_REASON_OPERATOR,
	PR_REASONS
};
const char *pr_reason_word(enum pr_reason r); /* "" for none */

/* Kinds of records. Stored: append only. */
enum pr_record_type {
	PR_RECORD_PAD = 0,        /* the journal's own: cursors never show it */
	PR_RECORD_START = 1,      /* the daemon began: payload is the boot id (36 octets) */
	PR_RECORD_INTENT = 2,     /* row granted; must be durable before its message is ready */
	PR_RECORD_WIRE = 3,       /* about to hand the last octets to the socket */
				  /* payload of both: pr_intent_encode */
	PR_RECORD_OUTCOME = 4,    /* what became of a row: payload is a pr_outcome */
	PR_RECORD_CAMPAIGN = 5,   /* a campaign changed state: payload is a pr_change */
	PR_RECORD_GLOBAL = 6,     /* pause --all and its end: payload is a pr_change, campaign 0 */
	PR_RECORD_MASS = 7,       /* all unsent rows of a campaign become `state`: a pr_change */
	PR_RECORD_ENGAGEMENT = 8, /* what came back about a row: a pr_engagement */
	PR_RECORD_CLOCK = 9,      /* from here on: pr_clock_encode */
};

/* Rows behind this one are seeds: internal copies, which no file has and nothing counts. They are
 * known by their numbers alone, in every record, token and event, also when the ledger is gone. */
#define PR_SEED_BASE 4294960000u
#define PR_SEED_BASE_TEXT "4294960000" /* for statements */
#define PR_SEEDS_MAX 50u               /* addresses of a campaign; each has a row a variant */
static inline bool
pr_row_is_seed(uint32_t row)
{
	return row > PR_SEED_BASE;
}

/* The header all records share. Rows count from 1 (first data row of the file). */
struct pr_record {
	uint64_t lsn;      /* position in the journal: unique, ordered; set by the journal */
	uint32_t campaign; /* its serial; 0: none */
	uint32_t row;      /* 0: none */
	int64_t at_ms;     /* UTC */
	uint8_t type;      /* enum pr_record_type */
	uint16_t payload_n;
	const char *payload; /* a view */
};

#define PR_PAYLOAD_MAX 2048

/* Outcome of a row: any move that must be known (delivered, deferred, bounced, in_doubt,
 * skipped, suppressed, cancelled, and `pending` for a withdrawn row). Carries absolute
 * values, so folding it twice changes nothing. */
struct pr_outcome {
	uint8_t state;       /* enum pr_state */
	uint8_t class_;      /* enum pr_class */
	uint16_t code;       /* SMTP reply code, 0: none */
	uint8_t enhanced[3]; /* 5.1.1; {0}: none; detail above 255 is cut to 255 */
	uint8_t flags;       /* PR_OUTCOME_* */
	uint16_t attempts;   /* transactions begun for this row so far, this one included */
	uint16_t doubts;     /* times the row was in doubt so far */
	uint16_t version;    /* of the content it was last sent with; 0 and 1: the first */
	uint8_t variant;     /* of that content; 0: it has none */
	int64_t due_ms; /* UTC; when the row may go again (deferred, in_doubt, pending); 0: never */
	int64_t first_ms;    /* UTC of the first attempt, 0: none yet */
	struct pr_str reply; /* the last reply or the reason, one line, cut to PR_REPLY_MAX */
	struct pr_str mx;    /* host that answered */
};
#define PR_OUTCOME_LATE 1          /* bounced after delivered */
#define PR_OUTCOME_HELD 2          /* in doubt, waits for `resolve` */
#define PR_OUTCOME_WRONG_RETURN 4  /* accepted though its MAIL was refused */
#define PR_OUTCOME_REFUSED_DOUBT 8 /* resolved by evidence or operator */
#define PR_OUTCOME_SUPPRESS 16     /* bounced, and the address is no good */
#define PR_OUTCOME_SOFT 32         /* bounced otherwise, and it says something about the address */
#define PR_OUTCOME_ENDS 64         /* delivered to an address that had bounced so */
#define PR_REPLY_MAX 400
#define PR_MX_MAX 255

/* Appends. reply is cut between characters and its control octets become spaces: one line
 * for whoever shows it. */
void pr_outcome_encode(const struct pr_outcome *o, struct pr_buf *payload);
int pr_outcome_decode(struct pr_str payload, struct pr_outcome *o); /* views; PR_ECORRUPT */

/* The version for people: from 1; 0: a row that was never sent has none. */
static inline uint16_t
pr_version_sent(uint16_t attempts, uint16_t version)
{
	return attempts == 0 ? 0 : version ? version : 1;
}

/* What a row is granted with (INTENT, WIRE). Nothing is written where there is only the first
 * version, so that the common record stays small. */
struct pr_intent {
	uint16_t version; /* of the content; 0 and 1: the first */
	uint8_t variant;  /* 0: the campaign has none */
	uint64_t person;  /* keyed hash of the address, for frequency caps; 0: they do not apply */
};
void pr_intent_encode(const struct pr_intent *i, struct pr_buf *payload); /* appends */
/* version from 1; PR_ECORRUPT */
int pr_intent_decode(struct pr_str payload, struct pr_intent *i);
/* Overwrites whose it is, in place. False: it says nobody. */
bool pr_intent_mask(char *payload, size_t n);

/* By how much the due clock (delivery.h) is ahead of the wall clock, by which records say `at`. */
void pr_clock_encode(int64_t offset_ms, struct pr_buf *payload); /* appends */
int pr_clock_decode(struct pr_str payload, int64_t *offset_ms);  /* PR_ECORRUPT */

/* A change of a campaign (or of all, campaign 0), by whom. */
struct pr_change {
	uint8_t state;      /* enum pr_campaign_state; for MASS an enum pr_state */
	uint8_t reason;     /* enum pr_reason */
	uint8_t paused_all; /* GLOBAL: 1 paused, 0 not */
	struct pr_str verb; /* "pause", "resume", "import_done", ... */
	struct pr_str by;   /* user name or "postriderd" */
	struct pr_str detail;
};
#define PR_CHANGE_TEXT_MAX 255 /* of verb and by; detail is cut to PR_DETAIL_MAX */
#define PR_DETAIL_MAX 1000
void pr_change_encode(const struct pr_change *c, struct pr_buf *payload); /* appends */
int pr_change_decode(struct pr_str payload, struct pr_change *c);         /* views; PR_ECORRUPT */

/* What the person a row was sent to, or a machine in their place, did with the message. */
enum pr_engagement_kind { /* stored: append only */
	                  PR_ENGAGEMENT_OPEN = 1,
	                  PR_ENGAGEMENT_CLICK = 2,
	                  PR_ENGAGEMENT_UNSUBSCRIBE = 3,
	                  PR_ENGAGEMENT_COMPLAINT = 4,
	                  /* none of these: what became known later about the visitor who did some
	                   * of them */
	                  PR_ENGAGEMENT_EVIDENCE = 5,
	                  /* the person bought, or did what was hoped for, elsewhere: conversion.h
	                   */
	                  PR_ENGAGEMENT_CONVERSION = 6,
	                  PR_ENGAGEMENT_KINDS = 7,
};
const char *pr_engagement_word(enum pr_engagement_kind k); /* "click"; "" for evidence */

/* What speaks for a machine, seen in one request. Stored: append only. */
enum {
	PR_EVIDENCE_HEAD = 1,          /* it asked by HEAD, which counts as nothing else */
	PR_EVIDENCE_NO_LANGUAGE = 2,   /* no Accept-Language */
	PR_EVIDENCE_SCANNER = 4,       /* no user agent, or that of a scanner or a program */
	PR_EVIDENCE_APPLE_PROXY = 8,   /* Mail Privacy Protection: loads all images by itself */
	PR_EVIDENCE_GOOGLE_PROXY = 16, /* Gmail's image proxy: somebody looked, though from there */
	PR_EVIDENCE_MANY = 32,         /* the visitor acts for many recipients */
	PR_EVIDENCE_HONEYPOT = 64,     /* it followed a link that nobody can see */
	PR_EVIDENCE_PREFETCH = 128,    /* Purpose or Sec-Purpose: prefetch */
};

enum pr_device { /* stored: append only */
	         PR_DEVICE_UNKNOWN,
	         PR_DEVICE_DESKTOP,
	         PR_DEVICE_MOBILE,
	         PR_DEVICE_TABLET,
	         PR_DEVICES,
};

struct pr_engagement {
	uint8_t kind;      /* enum pr_engagement_kind */
	uint8_t device;    /* enum pr_device */
	uint16_t evidence; /* PR_EVIDENCE_* */
	uint32_t link;     /* CLICK: its number in the campaign's table; 0: one of the row's own */
	uint64_t visitor;  /* hash of who asked, by a key that is thrown away; 0: not known */
	/* one line, cut to PR_DETAIL_MAX. CLICK: where it leads; UNSUBSCRIBE: how ("one-click",
	 * "page", "mail"); COMPLAINT: the feedback type ("abuse") */
	struct pr_str detail;
};
void pr_engagement_encode(const struct pr_engagement *g, struct pr_buf *payload); /* appends */
int pr_engagement_decode(struct pr_str payload, struct pr_engagement *g); /* views; PR_ECORRUPT */

/*
 * Framing, little endian, every record a multiple of 8 octets:
 *
 *    0  u32  length of all, padding included
 *    4  u32  CRC-32C of octets 8 to the end, XOR a mix of lsn and salt
 *    8  i64  at_ms
 *   16  u32  campaign
 *   20  u32  row
 *   24  u8   type
 *   25  u8   0
 *   26  u16  payload_n
 *   28  u32  low half of the lsn
 *   32       payload, then zeroes
 *
 * The lsn in the checksum makes a copy at another place worthless, the salt (one a
 * start of the daemon, kept by the segment) what an earlier history left at the same
 * place.
 */
#define PR_RECORD_HEADER 32
#define PR_RECORD_MAX (PR_RECORD_HEADER + PR_PAYLOAD_MAX)
static inline size_t
pr_record_size(size_t payload_n) /* octets on disk */
{
	return (PR_RECORD_HEADER + payload_n + 7) & ~(size_t)7;
}
/* pr_record_size(r->payload_n) octets; r->lsn set, payload_n at most PR_PAYLOAD_MAX. */
void pr_record_write(char *to, const struct pr_record *r, uint64_t salt);
/* Read the record at p (n octets left) expected at lsn. Returns its size on disk, 0 when
 * there is none (end of what was written, torn, or of another history). */
size_t pr_record_read(const char *p, size_t n, uint64_t lsn, uint64_t salt, struct pr_record *out);

#endif
