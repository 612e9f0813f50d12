/*
 * Delivery: decides what goes where and when, and keeps account of it. Owns the state of
 * every campaign that is not finished. Lives on the loop's thread.
 *
 * Words
 *   campaign  one that is in active/: from importing to its last outcome
 *   lane      where messages of one route leave: its connections and its ready messages
 *   grant     a row is given to its lane: its intent goes to the journal, the row to a
 *             composer; when both are done its message is ready
 *   refill    reading rows from a ledger (on the folder lane) so that there are some to grant
 *   verb      what a person asks: pause, resume, cancel, approve, resolve, replace
 *   version   of a campaign's content: 1 is its own, `replace` brings others
 *   slice     what of a campaign goes to one receiver: can be paused alone (delivery/judge.h)
 *   due clock UTC as delivery believes it: runs on the monotonic clock, never jumps. Times of
 *             retries are kept on it; start, window and deadline follow the wall clock.
 *
 * How it fails. A failing ledger makes its campaign `failed` and costs the others nothing.
 * A failing journal ends the program (on_fatal): the next start recovers.
 */
#ifndef POSTRIDER_DELIVERY_H
#define POSTRIDER_DELIVERY_H

#include "postrider/audience.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/intake.h"
#include "postrider/delivery/judge.h"
#include "postrider/journal.h"
#include "postrider/ledger.h"
#include "postrider/ledger/conversions.h"
#include "postrider/ledger/series.h"
#include "postrider/loop.h"
#include "postrider/message.h"
#include "postrider/routes.h"
#include "postrider/statedb.h"

typedef struct pr_delivery pr_delivery;
typedef struct pr_campaign pr_campaign;

struct pr_preflight { /* a look at the sender of a campaign that goes by `route` */
	const struct pr_config *config;
	const char *from_domain; /* A-labels */
	const struct pr_route *route;
	const struct pr_brand *brand; /* NULL: none */
	const _Atomic bool *stop;     /* set: nobody waits for it any more */
};

struct pr_bounced {   /* what became of a row says something about its address */
	uint64_t lsn; /* of the record that says so */
	uint32_t campaign, row;
	int64_t at_ms;  /* UTC */
	uint8_t class_; /* enum pr_class */
	bool hard;      /* bounced when it was sent: the address is no good */
	bool soft;      /* bounced for other reasons of the address */
	bool ends;      /* delivered, and it is_bouncing */
	char address[400];
};

struct pr_delivery_options {
	pr_loop *loop;
	const struct pr_config *config; /* replaced by pr_delivery_reload */
	pr_journal *journal;
	struct pr_statedb *statedb; /* the folder lane's own connection */
	const char *journal_dir;
	pr_audience_desk *audience; /* whom mail may not go to; outlives delivery; NULL: nobody */
	struct pr_dns *dns;         /* for routes via mx; outlives delivery, as tls does */
	struct pr_tls *tls;         /* NULL: no TLS */
	struct pr_sts *sts;         /* NULL: nobody's policies */
	/* Whether receivers will believe it: 0; PR_EINVAL: problems are told; PR_EAGAIN: it cannot
	 * be known now. Called on lanes of delivery's, may block for some time. NULL: nobody
	 * looks. */
	int (*preflight)(const struct pr_preflight *p, struct pr_problems *problems);
	void *context;
	void (*on_fatal)(void *context, const struct pr_error *e);
	void (*on_drained)(void *context); /* after pr_delivery_drain: nothing is in flight */
	/* The campaign waits for its start and is not wanted any more: pr_delivery_rejected says
	 * that it is gone. NULL: none ever waits. */
	void (*on_withdraw)(void *context, const char *id, const char *by);
	/* A campaign was finished (or cancelled to its end) and all is folded: write its report
	 * and move its folder; call pr_delivery_closed when that is durable. */
	void (*on_finished)(void *context, pr_campaign *c);
	/* Something came back about a campaign that is in done/, and its ledger there has it: its
	 * reports are old. NULL: nobody writes them. */
	void (*on_answered)(void *context, const char *id);
	/* Rows have bounced; views until it returns. What is not dealt with when the program dies
	 * is told again, if bounced_needs gave its lsn, or a lower one (UINT64_MAX: all is). NULL:
	 * nobody is told. */
	void (*on_bounced)(void *context, const struct pr_bounced *rows, size_t n);
	uint64_t (*bounced_needs)(void *context);
	/* Whether bounces of this address are counted. Asked for each message that arrives. */
	bool (*is_bouncing)(void *context, const char *address);
};

/* The lsn that new records must not be below (pr_journal_options.floor): what any ledger under
 * active/ has folded. Matters where the journal's folder was lost. */
uint64_t pr_delivery_floor(const struct pr_config *config);

/* Takes up what was there: opens the ledgers under active/, folds the rest of the journal,
 * settles open intents (design: "Intent, wire, outcome"). Blocks until that is done: called
 * before the loop runs. */
int pr_delivery_open(const struct pr_delivery_options *options, pr_delivery **out,
                     struct pr_error *e);
void pr_delivery_close(pr_delivery *d); /* drained before, or nothing is lost all the same */

/* From the journal's callbacks. */
void pr_delivery_on_durable(pr_delivery *d, uint64_t lsn);
void pr_delivery_on_space(pr_delivery *d, bool full);

/* A campaign came in (events of intake). */
void pr_delivery_importing(pr_delivery *d, const struct pr_taken *t);
void pr_delivery_imported(pr_delivery *d, struct pr_taken *t); /* takes t */
void pr_delivery_rejected(pr_delivery *d, const struct pr_taken *t);
/* Do the templates compile? For intake's vet: called on the intake thread. */
void pr_delivery_vet(pr_delivery *d, int dir, const struct pr_taken *t,
                     const struct pr_str *columns, size_t columns_n, struct pr_problems *problems);

/* No new messages; what is in flight ends, at most timeout_ms; then on_drained. */
void pr_delivery_drain(pr_delivery *d, int64_t timeout_ms);
/* The new configuration is in force from now; the old one may be freed after the call. */
void pr_delivery_reload(pr_delivery *d, const struct pr_config *config);
/* Free octets of the spool, told once a second: below min_free / 2 sending pauses. */
void pr_delivery_space(pr_delivery *d, uint64_t free_octets);

/* ---- what there is to see ---- */

struct pr_campaign_view {
	const char *id, *name, *dir, *route, *by; /* by: of the last verb, NULL: none */
	uint32_t serial, owner;
	enum pr_campaign_state state;
	enum pr_reason reason;
	unsigned priority;
	struct pr_counts counts; /* they add up */
	struct pr_counts seeds;  /* apart from them; total 0: there are none */
	struct pr_engagements engaged;
	struct pr_earned earned;
	bool is_series; /* it has a trigger */
	struct pr_series_tally series;
	double rate;     /* outcomes per second over 10 s */
	int64_t eta_ms;  /* UTC; 0: unknown */
	int64_t next_ms; /* UTC: it sends, but all that is left waits until then; 0: not so */
	int64_t accepted_ms, start_ms, started_ms, first_pass_ms, finished_ms; /* UTC; 0: not yet */
	uint64_t import_rows;                                                  /* while importing */
	unsigned paused_slices;
	const char *last_error;    /* NULL: none */
	unsigned version;          /* of the content in force */
	const pr_content *content; /* of that version; NULL: not compiled yet, or closed */
	int64_t indexed_ms;        /* UTC; 0: the address index is not complete */
};
void pr_campaign_view(const pr_campaign *c, struct pr_campaign_view *out);
#define PR_SLICE_NAME_MAX 300 /* octets */
/* A slice of a campaign that is paused alone (delivery/judge.h). Texts are views. */
struct pr_slice_view {
	const char *name, *by;
	enum pr_cause cause;
	int64_t paused_ms; /* UTC */
	struct pr_tried n; /* as of then; zeroes for an operator's */
};
void pr_campaign_each_slice(const pr_campaign *c,
                            void (*each)(void *context, const struct pr_slice_view *v),
                            void *context);
/* The same as the ledger keeps them; any thread that has it. */
void pr_slices_each_kept(pr_ledger *l, void (*each)(void *context, const struct pr_slice_view *v),
                         void *context);
pr_campaign *pr_delivery_find(pr_delivery *d, const char *id);
/* In order of acceptance; NULL starts, NULL ends. */
pr_campaign *pr_delivery_next(pr_delivery *d, pr_campaign *after);

struct pr_delivery_status {
	bool paused_all, draining, journal_full, low_space;
	unsigned campaigns[PR_CAMPAIGN_STATES];
	unsigned paused_slices;         /* of all of them */
	uint64_t recipients[PR_STATES]; /* of all campaigns here */
	uint64_t messages[PR_STATES];   /* outcomes since the start */
	uint64_t in_doubt_total;        /* rows that came to be in doubt since the start */
	unsigned connections_open, connections_busy, connections_idle;
	uint64_t ready_messages, ready_octets;
	double rate;           /* outcomes per second over 10 s */
	int64_t oldest_due_ms; /* how long the oldest due row has waited; 0: none */
	uint64_t fold_lag;     /* octets of journal not folded yet */
	uint64_t fold_lag_records;
	int64_t clock_jump_ms; /* wall clock minus due clock */
};
void pr_delivery_status(pr_delivery *d, struct pr_delivery_status *out);

/* Below this everything is folded. */
uint64_t pr_delivery_folded(const pr_delivery *d);
/* Below this it is also in the ledgers of campaigns whose folders were moving meanwhile: whoever
 * reads ledgers by the journal goes as far as this. */
uint64_t pr_delivery_settled(const pr_delivery *d);

/* Outcomes since the start by provider, those without one left out: the rest of `messages`. */
void pr_delivery_each_provider(pr_delivery *d,
                               void (*each)(void *context, const char *provider,
                                            const uint64_t messages[PR_STATES]),
                               void *context);

/* Receivers that are not believed now: they call far more users unknown than usual. */
void pr_delivery_each_storm(pr_delivery *d,
                            void (*each)(void *context, const char *receiver, int64_t since_ms),
                            void *context);

/* MTA-STS policies across a restart, in state.db: what pr_sts has to save (line NULL: forget it),
 * and at the start all that is there. */
void pr_delivery_keep_policy(pr_delivery *d, const char *domain, const char *line);
void pr_delivery_each_policy(pr_delivery *d,
                             void (*each)(void *context, const char *domain, const char *line),
                             void *context);

/* A lane, and why it is slow. Its texts are views, valid until the loop goes on. */
struct pr_lane_view {
	const char *route, *source; /* source: "" where the system chooses */
	const char *site;           /* key of the exchangers; "" for routes not via mx */
	unsigned connections, connections_max, busy;
	unsigned ready;     /* composed and durable */
	unsigned waiting;   /* granted, not taken by a connection: ready ones, too */
	unsigned queued;    /* rows in memory for its site that are not granted; of all its lanes */
	double rate;        /* messages per second over 10 s */
	int64_t retry_ms;   /* until it tries again; 0: it does not wait */
	unsigned failures;  /* in a row; 0: it is well */
	unsigned last_code; /* of last_reply; 0: that is no answer of the peer */
	const char *last_reply; /* of its last failure, also a past one; "": none. An answer of
	                         * the peer may quote an address */
	unsigned offers;        /* PR_SMTP_... of the last peer; 0: not known */
	const char *limited_by; /* "route connections", "back-off"...; "": nothing here */
	const char *provider;   /* by shaping: "google"; "": none */
	struct pr_routes_tls_counts tls; /* since it leads where it does */
	struct lane *lane;
};
/* Limits of a lane in force: who set each, and when it lifts. */
struct pr_lane_limit {
	const char *what;  /* "connections", "suspended", ... */
	const char *value; /* "5", "10/m"; "": it has none */
	const char *by;
	int64_t lifts_ms; /* from now; 0: stays */
};
void pr_lane_limits(const struct pr_lane_view *v,
                    void (*each)(void *context, const struct pr_lane_limit *limit), void *context);
/* All lanes, until `each` returns false. */
void pr_delivery_each_lane(pr_delivery *d,
                           bool (*each)(void *context, const struct pr_lane_view *v),
                           void *context);

/* ---- verbs: durable before `done` ---- */
enum pr_verb_kind {
	PR_VERB_PAUSE,
	PR_VERB_RESUME,
	PR_VERB_CANCEL,
	PR_VERB_APPROVE,
	PR_VERB_RESOLVE,
	PR_VERB_ADOPT,
	PR_VERB_REPLACE,
	PR_VERB_PAUSE_ALL,
	PR_VERB_RESUME_ALL,
};
struct pr_verb { /* the caller's until done */
	enum pr_verb_kind kind;
	const char *id;       /* not for the _ALL verbs */
	const char *slice;    /* pause, resume: only this slice, or a domain of it; NULL: all */
	const char *variant;  /* pause, resume, cancel: only this one; NULL: all */
	const char *by;       /* user name */
	bool delivered;       /* resolve: as delivered; else resend */
	bool trust_ledger;    /* adopt: send what the ledger calls unsent; else it is paused */
	const uint32_t *rows; /* resolve: these, NULL: all in doubt */
	size_t rows_n;
	const char *why; /* resolve: for the rows; NULL: an operator says so */
	void (*done)(struct pr_verb *v, int result, const char *text);
	int folder;                   /* replace: the corrected folder, open */
	struct pr_problems *problems; /* replace: what is wrong with it; warnings */
	unsigned version;             /* replace: what it became */
	unsigned still_paused;        /* resume: slices that stay paused */
	uint64_t changed; /* rows: for cancel and resolve; replace: those that will get it */
	void *private_;
	struct pr_journal_waiter waiter;
};
/* Of a campaign that is under way; resolve also of one that has finished with rows in doubt,
 * kept here or only in done/: it is taken up again and finishes anew. */
void pr_delivery_verb(pr_delivery *d, struct pr_verb *v);

/* ---- a person is forgotten ---- */

struct pr_delivery_forgetting { /* the caller's until done */
	const char *id;         /* of the campaign */
	const uint32_t *rows;   /* the person's, by its ledger */
	size_t n;
	void (*done)(struct pr_delivery_forgetting *f, int result, const char *text);
	uint64_t settled; /* made: rows that were unsent */
	void *private_;
};
/*
 * What is unsent of these rows becomes suppressed; then the ledger has their last word, and they
 * can be erased in it. The address must be suppressed before, so that nothing of it begins
 * meanwhile. Rows in doubt stay so: what is erased is never sent again. done, on the loop: 0;
 * PR_EAGAIN: some are on their way, or the campaign is importing or writes its report: again later;
 * another code: its ledger failed. A campaign that delivery does not know, or that has ended: 0.
 */
void pr_delivery_forget(pr_delivery *d, struct pr_delivery_forgetting *f);
/* What frequency caps count of an address goes, durably; done on the loop: 0, or why not. Its rows
 * have their last word. */
struct pr_delivery_uncount {   /* the caller's until done */
	struct pr_str address; /* as pr_mailbox_parse gives it */
	void (*done)(struct pr_delivery_uncount *u, int result, const char *text);
	/* delivery's: */
	struct pr_job job;
	struct pr_journal_waiter waiter;
	pr_delivery *delivery;
	uint64_t fold_to;
	int result;
	struct pr_error error;
};
void pr_delivery_uncount(pr_delivery *d, struct pr_delivery_uncount *u);
/*
 * Rounds of series that looked for people before this begin anew; done, on the loop, when nothing
 * of them is written any more. Who was no contact by then neither enters nor gets a row.
 */
struct pr_delivery_rounds { /* the caller's until done */
	void (*done)(struct pr_delivery_rounds *r);
	struct pr_job job; /* delivery's */
};
void pr_delivery_drop_rounds(pr_delivery *d, struct pr_delivery_rounds *r);
/* People of series were erased in their ledgers: who is under way is counted anew, soon. */
void pr_delivery_recount(pr_delivery *d);
/* Errors and replies in memory that name the address name it no more: reports quote them. */
void pr_delivery_mask(pr_delivery *d, const struct pr_trace *t);

/* ---- a row's message, as it was or will be ---- */

struct pr_preview {
	const struct pr_config *config;
	const char *dir;     /* of the campaign, also in done/ */
	uint32_t row;        /* or 0: ... */
	struct pr_str email; /* ... the first row of this address (as pr_mailbox_parse gives it), or
	                      * empty: the first good row */
	unsigned version;    /* 0: the one the row was last sent with, the one in force if it never
	                      * was */
	unsigned in_force;   /* 0: as the ledger says */
	unsigned variant;    /* of a row that has none yet, as in pr_compose */
	pr_content *content; /* of the version in force; NULL: it is compiled */
	/* A proof for this address (struct pr_content_source); of the version in force, when none
	 * is named. NULL: none. */
	const char *proof_to;
	int64_t utc_ms;
	struct pr_buf address, message; /* made: the row's, and all octets */
	struct pr_buf from, route;      /* made: the reverse-path; of a proof the route's name */
	bool eight_bit, smtputf8;       /* made: see struct pr_message */
};
/* Any thread but the loop's. Fills in row, version and what is made; that is the caller's to
 * finish, whatever comes back. It is what was sent but for its Date and what the templates make
 * of the time; what the configuration gives it (hostname, brand) is that of now. PR_ENOENT: no such
 * row or version; PR_EINVAL: the row cannot be sent, e tells why; PR_EAGAIN: addresses are not
 * indexed yet; else as pr_ledger_open. */
int pr_delivery_preview(struct pr_preview *p, struct pr_error *e);

/* After on_finished: the report is written and the folder moved to `dir`, all durable. The
 * campaign is finished then. error: it failed, on_finished comes again after some seconds
 * (a full disk passes, a damaged ledger does not: PR_ECORRUPT); NULL when not. */
void pr_delivery_closed(pr_delivery *d, pr_campaign *c, const char *dir,
                        const struct pr_error *error);

#endif
