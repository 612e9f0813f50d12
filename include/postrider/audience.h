/*
 * The audience: whom mail may not go to (`audience.db` in the state folder). Whom it may go to
 * stands in the same file: see audience/contacts.h.
 *
 * Words
 *   suppression  an address, what it is closed to (scope), why, since when, until when
 *   scope        "all"; "marketing" or "transactional": campaigns of that class;
 *                "list NAME": campaigns of that list. Scope alone decides what is stopped; the
 *                reason decides only which scope a suppression gets when nobody says one
 *   forgotten    a person whose data was erased: kept as "#" and a keyed hash of the address
 *   by token     a person of whom only their token is left (message/token.h), for the campaign's
 *                folder is gone: kept as "~", the key's id and the hash that the token carries;
 *                the list likewise: "list ~..."
 *   opens        a scope that stops no mail: the person's opens are not recorded
 *   generation   a number that grows with each change. Who has checked an address at one knows
 *                all that was committed before
 *   desk         the one writer, on a lane of its own: folding never waits for it
 *
 * Addresses are compared as a whole without regard to ASCII case, the domain as A-labels: they
 * come as pr_mailbox_parse gives them. RFC 5321 (2.4) lets a receiver tell local parts apart by
 * case; nobody does, and a person who has left is not written to because of a capital letter.
 *
 * A pr_audience is one connection and belongs to one thread at a time; any number may read while
 * the desk writes. Changes are durable when they return (WAL, synchronous FULL).
 * Errors as in ledger.h: PR_ENOSPC, PR_EIO, PR_ECORRUPT, PR_EVERSION.
 */
#ifndef POSTRIDER_AUDIENCE_H
#define POSTRIDER_AUDIENCE_H

#include "postrider/base/buf.h"
#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/base/hash.h"
#include "postrider/base/trace.h"
#include "postrider/loop.h"

#define PR_AUDIENCE_SCHEMA 7
#define PR_AUDIENCE_LIST_MAX 64 /* octets of a list's name, as in manifests */
#define PR_SCOPE_SIZE (PR_AUDIENCE_LIST_MAX + 6)
#define PR_SCOPE_OPENS "opens"
#define PR_AUDIENCE_TOKEN_SIZE 20   /* "~", 2 and 16 digits, NUL */
#define PR_SUPPRESSION_NOTE_MAX 200 /* octets of note and source: longer ones are cut */

typedef struct pr_audience pr_audience;

/* Stored: append only. */
enum pr_suppression_reason {
	PR_SUPPRESSION_MANUAL = 0,
	PR_SUPPRESSION_UNSUBSCRIBED = 1,
	PR_SUPPRESSION_COMPLAINED = 2,
	PR_SUPPRESSION_BOUNCED = 3,
	PR_SUPPRESSION_IMPORTED = 4,
	PR_SUPPRESSION_FORGOTTEN = 5,
	PR_SUPPRESSION_REASONS
};
const char *pr_suppression_word(enum pr_suppression_reason r); /* "unsubscribed" */
bool pr_suppression_parse(struct pr_str word, enum pr_suppression_reason *out);

struct pr_suppression {
	struct pr_str address; /* as pr_mailbox_parse gives it, or "#" or "~" and a hash */
	struct pr_str scope;
	enum pr_suppression_reason reason;
	struct pr_str note;      /* in somebody's words; may be empty */
	struct pr_str source;    /* who or what says so: "operator", a file, "one-click" */
	int64_t at_ms, until_ms; /* UTC; until 0: for good */
};

/*
 * The scope of what people say: a list, or a class ("marketing", "transactional", "all"), or
 * neither (p NULL): then that of the reason, which is "marketing" for an unsubscription and
 * "all" for the others. An unsubscription closes no receipts, a dead mailbox or a complaint
 * closes everything: so do the large senders. PR_EINVAL: *why (static).
 */
int pr_scope_of(struct pr_str list, struct pr_str class_, enum pr_suppression_reason reason,
                char out[PR_SCOPE_SIZE], const char **why);

/* ---- connections ---- */

enum pr_audience_mode { PR_AUDIENCE_WRITE, PR_AUDIENCE_READ };
/* WRITE makes a missing file and migrates an old one (a copy PATH.vN is kept). */
int pr_audience_open(const char *path, enum pr_audience_mode mode, pr_audience **out,
                     struct pr_error *e);
void pr_audience_close(pr_audience *a); /* NULL: nothing */

/* How tokens name people and lists: the room that makes them lies above this one. Without it, or
 * for a key that is not there any more (0), nobody is known by token. */
struct pr_tokens;
struct pr_audience_keys {
	const struct pr_tokens *tokens; /* NULL: none */
	uint64_t (*address)(const struct pr_tokens *tokens, char key, struct pr_str address);
	uint32_t (*list)(const struct pr_tokens *tokens, char key, struct pr_str list);
};
/* From any thread; *keys outlives the connection. */
void pr_audience_use(pr_audience *a, const struct pr_audience_keys *keys);
/* What somebody known by token stands under, and the list of a token. */
struct pr_str pr_audience_token(char key, uint64_t address, char out[PR_AUDIENCE_TOKEN_SIZE]);
bool pr_audience_read_token(struct pr_str address, char *key, uint64_t *hash); /* is it such? */
struct pr_str pr_audience_token_list(char key, uint32_t list, char out[PR_SCOPE_SIZE]);

/* ---- checking ---- */

struct pr_audience_who { /* a campaign, as scopes see it */
	bool transactional;
	char list[PR_AUDIENCE_LIST_MAX + 1]; /* "": none */
};
/* What is checked between these two is one state of the store, that of *generation. Keep it
 * short: it holds the writer's log back. */
int pr_audience_begin(pr_audience *a, uint64_t *generation, struct pr_error *e);
void pr_audience_end(pr_audience *a);
/* 1: mail of `who` may not go there now, and why (a sentence of one line, without the address);
 * 0: it may. Between begin and end. */
int pr_audience_check(pr_audience *a, struct pr_str address, const struct pr_audience_who *who,
                      int64_t now_utc_ms, struct pr_buf *why, struct pr_error *e);

/* ---- looking ---- */

struct pr_audience_counts {
	uint64_t generation;
	uint64_t entries; /* suppressions, ended ones too */
	uint64_t hashed;  /* of these of forgotten people */
};
int pr_audience_counts(pr_audience *a, struct pr_audience_counts *out, struct pr_error *e);
/* Those behind (address, scope), both empty: from the first; by address, then scope; only those
 * whose address holds `match` (empty: all). At most `limit`; `each` returns false to stop; views
 * until it returns. */
int pr_audience_page(pr_audience *a, struct pr_str address, struct pr_str scope,
                     struct pr_str match, unsigned limit,
                     bool (*each)(void *context, const struct pr_suppression *s), void *context,
                     struct pr_error *e);

/* All whose opens are not to be recorded, in no order. */
int pr_audience_each_untracked(pr_audience *a,
                               bool (*each)(void *context, const struct pr_suppression *s),
                               void *context, struct pr_error *e);
/* All of one address, ended ones and what its hashes have, too. */
int pr_audience_of(pr_audience *a, struct pr_str address,
                   bool (*each)(void *context, const struct pr_suppression *s), void *context,
                   struct pr_error *e);

/* 1: a person whose data was erased, closed to all mail for good; 0: not so. Between begin and
 * end. */
int pr_audience_forgotten(pr_audience *a, struct pr_str address, struct pr_error *e);
/* How often somebody was forgotten, ever: whoever erased all of them at this number has no more to
 * do until it grows. */
int pr_audience_forgets(pr_audience *a, uint64_t *n, struct pr_error *e);
/* ---- what is remembered of addresses, without them: a line of text under a keyed hash ---- */

uint64_t pr_audience_key(const pr_audience *a, struct pr_str address); /* as long as the file is */
int pr_audience_recall(pr_audience *a, uint64_t key, struct pr_buf *text,
                       struct pr_error *e); /* appended; PR_ENOENT */
/* text p NULL: no more. Within pr_audience_work. Who is forgotten is not remembered either. */
int pr_audience_remember(pr_audience *a, uint64_t key, struct pr_str text, struct pr_error *e);
int pr_audience_each_key(pr_audience *a, void (*each)(void *context, uint64_t key), void *context,
                         struct pr_error *e);

/* ---- changing: what stands between begin and end is one transaction ---- */

int pr_audience_change_begin(pr_audience *a, struct pr_error *e);
/*
 * *added: false where the same address and scope stands there already and lasts as long. One
 * that lasts longer replaces it. A forgotten person's address leaves the file: what stood there
 * under it becomes the hash's, in the audit lines too. A contact that has unsubscribed or
 * complained leaves the lists that the scope stops (all of them: a class), and consents of these
 * purposes end; pr_contact_left tells.
 */
int pr_audience_add(pr_audience *a, const struct pr_suppression *s, bool *added,
                    struct pr_error *e);
/* scope p NULL: all of them. What stands under a hash of the address goes as well. */
int pr_audience_remove(pr_audience *a, struct pr_str address, struct pr_str scope, unsigned *n,
                       struct pr_error *e);
struct pr_audit { /* who did what to whom, when */
	int64_t at_ms;
	uint32_t uid;
	struct pr_str by, verb, address, scope, reason, source;
	uint64_t n; /* suppressions it concerned */
};
int pr_audience_audit(pr_audience *a, const struct pr_audit *line, struct pr_error *e);
/* r below 0: nothing of it happened, and r is returned. */
int pr_audience_change_end(pr_audience *a, int r, uint64_t *generation, struct pr_error *e);
/* The latest audit lines, newest first. */
/* Of one address, or of all (p NULL). */
int pr_audience_audits(pr_audience *a, struct pr_str address, unsigned limit,
                       bool (*each)(void *context, const struct pr_audit *line), void *context,
                       struct pr_error *e);

/* Where notes and sources of others name the address it is overwritten, and nothing of it is left
 * in the file or its log. WRITE, also beside the desk. PR_EAGAIN: others are reading. */
int pr_audience_scour(pr_audience *a, const struct pr_trace *t, struct pr_error *e);

/* ---- the desk: changes from the loop ---- */

typedef struct pr_audience_desk pr_audience_desk;

/* What somebody wants changed. The caller's until `done`, with all its texts. */
struct pr_audience_order {
	enum pr_audience_verb {
		PR_AUDIENCE_ADD,
		PR_AUDIENCE_IMPORT, /* the same, one audit line for all */
		PR_AUDIENCE_REMOVE, /* by address and scope; scope p NULL: all */
	} verb;
	uint32_t uid;
	const char *by;
	struct pr_str source; /* for the audit */
	const struct pr_suppression *entries;
	size_t n;
	/* Reads the entries, on the desk's lane; NULL: they are there. Negative: nothing happens.
	 */
	int (*prepare)(struct pr_audience_order *o);
	/* On the loop: durable (0), and the watcher knows; or not all of it (negative, `error`). */
	void (*done)(struct pr_audience_order *o, int result);
	/* made: */
	size_t changed; /* added, or removed */
	uint64_t generation;
	struct pr_error error;
	/* the desk's: */
	struct pr_job job;
	pr_audience_desk *desk;
	size_t at, slice; /* next entry; first of this slice */
	uint64_t *hashes;
	int result;
};

int pr_audience_desk_open(pr_loop *loop, const char *path, pr_audience_desk **out,
                          struct pr_error *e);
/* Ends what was ordered, then the lane: nothing may be ordered any more; suppress answers
 * PR_ESTATE at once. */
void pr_audience_desk_stop(pr_audience_desk *d);
void pr_audience_desk_close(pr_audience_desk *d); /* stopped before, or now */
const char *pr_audience_desk_path(const pr_audience_desk *d);
void pr_audience_desk_use(pr_audience_desk *d, const struct pr_audience_keys *keys);
/* In order, in slices of 5 ms: an order of one waits no longer than a slice for one of
 * millions. */
void pr_audience_desk_order(pr_audience_desk *d, struct pr_audience_order *o);
/*
 * For whatever learns that somebody has left: a page, a bounce, a complaint. The texts are copied;
 * a scope whose p is NULL is that of the reason. by: the part of the daemon, for the audit
 * ("track", "feedback"); lives as long as the desk. done comes once, on the loop: 0 when it is
 * durable and no message to that address begins any more, whether it was there before or not;
 * negative: e tells why, and it may be tried again.
 */
void pr_audience_desk_suppress(pr_audience_desk *d, const struct pr_suppression *s, const char *by,
                               void (*done)(void *context, int result, const struct pr_error *e),
                               void *context);
/* Who is told of each slice that suppressed somebody, on the loop, before `done`: the addresses by
 * their hashes (pr_audience_desk_hash; 0: somebody known by token, anyone for all one can tell),
 * and the generation it made. One only. */
void pr_audience_desk_watch(pr_audience_desk *d,
                            void (*changed)(void *context, const uint64_t *hashes, size_t n,
                                            uint64_t generation),
                            void *context);
/*
 * Other changes of the file, in slices like an order's. step runs on the lane within a transaction
 * of its own, does what it can until end_mono_ms, and answers 1 (more is left: it is called again,
 * behind what others have ordered meanwhile), 0, or a negative code: then this slice has not
 * happened, those before it have. done comes once, on the loop; at once with PR_ESTATE where the
 * desk was stopped.
 */
struct pr_audience_work { /* embedded; the caller's until `done` */
	int (*step)(struct pr_audience_work *w, pr_audience *a, int64_t end_mono_ms);
	void (*done)(struct pr_audience_work *w, int result);
	struct pr_error error;
	/* the desk's: */
	struct pr_job job;
	pr_audience_desk *desk;
	int result;
};
void pr_audience_desk_work(pr_audience_desk *d, struct pr_audience_work *w);
uint64_t pr_audience_desk_hash(const pr_audience_desk *d, struct pr_str address);

#endif
