/*
 * What the files of delivery share. The story of a row:
 *
 *   refill.c   folder lane reads rows into batches               (rows in memory)
 *   grant.c    fair choice among campaigns; intent; composer     (sending)
 *   lane.c     ready messages, connections, wire marks           (sending)
 *   outcome.c  results, verdicts, retries; counts                (a state of the table)
 *   fold.c     the folder lane folds the journal into ledgers
 *   campaign.c a campaign's life: gates, verbs, finishing
 *   recover.c  the same after a restart
 *   verb.c     what people ask
 *   replace.c  corrected content for what is unsent; content.c compiles it
 *   reopen.c   a finished one again, for its rows in doubt
 *   delivery.c the room's contract; wiring of the above
 *
 * All of it runs on the loop's thread, except functions named work_*, which run on a
 * lane and touch only what their job carries.
 */
#ifndef DELIVERY_INTERNAL_H
#define DELIVERY_INTERNAL_H

#include "gcra.h"
#include "postrider/delivery.h"
#include "postrider/delivery/verdict.h"
#include "postrider/message.h"
#include "postrider/routes.h"

#include <pthread.h>

/* A fresh refill reads this much at once, more where a campaign is fast; two batches of a
 * campaign are held at most. */
#define REFILL_ROWS 1024
#define REFILL_ROWS_MAX 4096
#define REFILL_OCTETS (512u << 10)
#define COMPOSE_BATCH 32
#define RATE_SECONDS 10
#define CLOSED_KEPT 200 /* finished campaigns kept in sight */
#define DOUBT_RESENDS 2 /* `in_doubt: resend` sends again at most this often, then holds */
/* An intent older than this much journal is written again, so that a slow connection
 * cannot keep old segments alive. */
#define REFRESH_OCTETS (256ull << 20)
#define EVENTS_KEEP (256ull << 20)

struct lane;

/* A row between its grant and its outcome. */
struct send {
	struct pr_list link;      /* composing: none; then lane->ready or lane->flying */
	struct pr_list order;     /* delivery->open, by lsn of the intent */
	struct pr_list undurable; /* delivery->undurable, until its intent is durable */
	struct pr_campaign *campaign;
	struct pr_batch *batch;   /* until composed */
	const struct pr_row *row; /* in batch; NULL afterwards */
	pr_content *content;      /* it is composed with; its message shares of it */
	uint32_t number;
	uint16_t attempts, doubts; /* before this try */
	uint16_t version_before;   /* of the try before this one */
	uint16_t version;          /* of the content it was granted with */
	uint8_t from_state;        /* where it came from */
	bool composed, durable, flying, wired;
	uint8_t returns;  /* how often it came back unanswered */
	int64_t first_ms; /* due clock; 0: never tried */
	uint64_t lsn;
	struct pr_message *message;
	struct pr_envelope envelope;
	char *why; /* composing failed: the reason */
};

/* Messages per second over the last RATE_SECONDS, by whole seconds of the monotonic clock. */
struct meter {
	uint32_t counts[RATE_SECONDS + 1];
	int64_t second;
	int64_t since_ms; /* when counting began */
};
void meter_add(struct meter *m, int64_t now_ms);
double meter_rate(struct meter *m, int64_t now_ms);
double meter_recent(struct meter *m, int64_t now_ms);

struct pr_campaign {
	struct pr_list link; /* delivery->campaigns */
	struct pr_list ring; /* lane->ring while it may send */
	struct pr_delivery *delivery;
	char id[PR_CAMPAIGN_ID_MAX];
	char *name, *dir, *last_error, *by;
	uint32_t serial, owner;
	enum pr_campaign_state state;
	enum pr_reason reason;

	uint16_t version; /* of manifest and content: what the next rows are granted with */
	struct pr_manifest *manifest;
	pr_content *content;
	struct pr_timetable timetable;
	bool has_timetable;
	bool doubt_hold;   /* in_doubt: hold */
	pr_ledger *ledger; /* only the folder lane calls into it */
	struct lane *lane;
	_Atomic uint64_t import_rows;

	struct pr_counts counts;
	uint64_t untried; /* rows that were never tried and still may be */
	struct meter meter;
	int64_t accepted_ms, started_ms, first_pass_ms, finished_ms; /* wall clock */
	bool indexed, index_running, mass_running;
	unsigned resolving; /* resolve verbs that work on its ledger */
	bool replacing;     /* a corrected folder is being read */
	bool mass_done;
	bool finishing;          /* all settled and folded: its report is being written */
	int64_t report_again_ms; /* monotonic: when to try that again; 0: not needed */
	bool closed;             /* its folder is in done/ */
	bool approved;           /* by a person: may begin although it is late */
	bool restored;           /* from a backup or another daemon: waits for a person */
	int64_t indexed_ms;

	/* Rows in memory. */
	struct pr_batch *fresh, *fresh_next, *due;
	uint32_t cursor; /* where the next fresh refill reads from */
	bool fresh_end, fresh_running, due_running;
	uint64_t fresh_after; /* must be folded before fresh rows are read: found in doubt */
	unsigned epoch;       /* grows when batches are dropped: late answers are ignored */
	int64_t next_due_ms;  /* due clock; INT64_MAX: none known */
	unsigned sends;       /* open ones */
	uint64_t last_lsn;    /* behind its last record: what must be folded before it finishes */
	enum pr_state mass;   /* the mass mark in force; PR_STATES: none */
	uint64_t mass_lsn;

	/* Its turn. */
	unsigned priority, weight, deficit;
	struct gcra gcra;
	enum pr_gate gate;
	int64_t gate_again_ms; /* wall clock: ask the timetable again */
};

/* Where a route leads, until a reload leads it elsewhere and its last connection has ended. */
struct way {
	struct pr_list link;            /* lane->ways */
	struct pr_route_target *target; /* of routes/ */
	char *place;                    /* ways to the same place share the limit of connections */
	unsigned conns_n;
};

/* Where messages of one route leave. */
struct lane {
	struct pr_list link; /* delivery->lanes */
	struct pr_delivery *delivery;
	char *name;
	struct pr_list ways;
	struct way *way; /* the one that counts; NULL: the route cannot be used */
	unsigned connections_max;
	struct pr_list ring; /* campaigns that may send by it; the first has the turn */
	unsigned ring_n;
	struct pr_list ready; /* sends */
	unsigned ready_n;
	unsigned waiting; /* granted, not yet taken by a connection */
	unsigned stretch; /* times the usual look-ahead, for now */
	int64_t stretched_ms;
	struct pr_list conns;
	struct pr_list hungry, ahead; /* asked for a message and got none: idle; with one flying */
	unsigned conns_n, busy_n, opening_n;
	unsigned live_n; /* connections that came as far as EHLO */
	struct meter meter;
	/* A failing lane waits, longer each time; one connection tries first. */
	int64_t retry_at_ms; /* monotonic */
	unsigned failures;
	struct pr_timer timer;
	char last_reply[200];
	bool gone; /* not in the configuration any more */
};

struct conn {
	struct pr_list link;
	struct pr_list hungry; /* lane->hungry or ->ahead */
	int64_t asked_ms;
	struct lane *lane;
	struct way *way;
	pr_connection *connection;
	unsigned flying; /* envelopes it holds */
	bool live;       /* came as far as asking for a message */
	bool leaving;    /* was told to take no more */
};

/* The folder lane's side. Only work_* functions look inside. */
struct folder;

struct pr_delivery {
	struct pr_delivery_options options;
	pr_loop *loop;
	const struct pr_config *config;
	pr_journal *journal;
	pr_lane *composers, *folder_lane;
	pr_lane *versions_lane; /* copies and checks corrections: may take long */
	struct folder *folder;

	struct pr_list campaigns, lanes;
	struct pr_list reopen_later; /* verbs, by waiter.link */
	struct pr_map by_serial;

	struct pr_list open;      /* all sends by lsn: the oldest intent is first */
	struct pr_list undurable; /* sends whose intent is not durable, by lsn */
	struct send *free_sends;
	unsigned sends; /* open */
	unsigned composing;
	unsigned connections; /* of all lanes */
	uint64_t ready_octets, ready_messages;
	double average_size; /* of a message, for what is still composing */
	struct compose_job *filling;
	struct pr_buf scratch; /* payloads of records */

	struct pr_turn_hook pump;
	struct pr_timer pace;   /* the earliest time a pacing limit allows another */
	struct pr_timer second; /* gates, meters, space, clock: once a second */
	struct pr_timer fold_timer;
	bool fold_running;
	uint64_t folded;          /* journal position up to which all is in the ledgers */
	uint64_t fold_records;    /* outcomes folded since the start */
	uint64_t outcome_records; /* and appended */
	uint64_t released_at;
	bool save_asked;                   /* keep the position in state.db with the next slice */
	uint64_t needed;                   /* a restart must read from here; 0: not known yet */
	uint64_t needed_next, needed_when; /* and from there, once all below `when` is durable */

	bool closing; /* nobody is there to write reports any more */
	bool paused_all, draining, journal_full, low_space;
	struct pr_timer drain_timer;
	int64_t drain_until_ms;
	int64_t fold_until_ms;    /* of draining, from the end of the last flight on */
	pthread_mutex_t vet_lock; /* of `config`, which intake's thread reads too */

	int64_t due_offset_ms; /* due clock = monotonic + this */
	int64_t clock_saved_ms;
	uint64_t messages[PR_STATES], in_doubt_total;
	struct meter meter;
};

/* ---- delivery.c ---- */
int64_t due_now(const struct pr_delivery *d);
void pump_ask(struct pr_delivery *d);
struct lane *lane_of_route(struct pr_delivery *d, const struct pr_manifest *m);

/* ---- grant.c ---- */
void grant_pump(struct pr_delivery *d); /* grant what may go now */
void grant_durable(struct pr_delivery *d, uint64_t lsn);
struct send *send_create(struct pr_delivery *d);
/* An intent, or a wire mark, which says the same and more; returns its lsn. */
uint64_t send_record(const struct send *s, enum pr_record_type type);
/* The content was replaced since it was granted: to be withdrawn, not sent. */
static inline bool
send_is_stale(const struct send *s)
{
	return s->version != s->campaign->version;
}
void send_free(struct send *s); /* it has its outcome */
bool campaign_may_send(const struct pr_campaign *c);
bool campaign_has_rows(const struct pr_campaign *c);

/* ---- lane.c ---- */
struct lane *lane_create(struct pr_delivery *d, const struct pr_route *route);
void lane_configure(struct lane *l, const struct pr_route *route);
void lane_destroy(struct lane *l);
void lane_ready(struct lane *l, struct send *s);           /* composed and durable */
void lane_withdraw(struct lane *l, struct pr_campaign *c); /* ready ones; c NULL: all */
void lane_connect(struct lane *l);                         /* as many connections as it can use */
unsigned lane_room(struct lane *l);                        /* how many more rows to grant */
void lane_quit(struct lane *l);                            /* close politely */
void lane_abort(struct lane *l, const char *why);          /* close at once */
void lane_shrink(struct lane *l, unsigned limit);          /* so many connections stay */
unsigned lane_staying(const struct lane *l);               /* how many do now */
void lane_take_away(struct lane *l);                       /* its route is gone: campaigns wait */

/* ---- refill.c ---- */
void refill_ask(struct pr_campaign *c); /* ask for each missing thing */
const struct pr_row *refill_peek(struct pr_campaign *c, struct pr_batch **batch);
void refill_take(struct pr_campaign *c, struct pr_batch *batch);
void refill_drop(struct pr_campaign *c); /* rows in memory that were not granted */
void refill_note_due(struct pr_campaign *c, int64_t due_ms);

/* ---- outcome.c ---- */
void counts_move(struct pr_campaign *c, enum pr_state from, enum pr_state to);
void outcome_result(struct send *s, const struct pr_smtp_result *r, const char *mx,
                    const struct pr_verdict *verdict);
void outcome_withdraw(struct send *s);
void outcome_unsendable(struct send *s); /* composing failed */
void outcome_append(struct pr_campaign *c, uint32_t row, const struct pr_outcome *o);
/* A row that is not open: resolve. */
void outcome_settle(struct pr_campaign *c, const struct pr_row *row, enum pr_state from,
                    enum pr_state to, uint8_t flags, const char *why);
/* An outcome of a row in doubt by the campaign's policy: when it may go again. */
void outcome_doubt_policy(struct pr_campaign *c, uint32_t row, struct pr_outcome *o);

/* ---- fold.c ---- */
#define PR_BOOT_ID_SIZE 40
/* Where a restart begins to read, and the boot in which that part was written. */
struct replay_from {
	uint64_t lsn;
	char boot[PR_BOOT_ID_SIZE]; /* "": unknown */
};
int fold_open(struct pr_delivery *d, const struct replay_from *from, struct pr_error *e);
void fold_close(struct pr_delivery *d);
void fold_attach(struct pr_delivery *d, uint32_t serial, pr_ledger *l); /* before it is needed */
void fold_detach(struct pr_delivery *d, struct pr_campaign *c);         /* closes the ledger */
/* Before the loop runs: */
void fold_adopt(struct pr_delivery *d, uint32_t serial, pr_ledger *l);
int fold_recovered(struct pr_delivery *d, struct pr_error *e); /* takes over what was folded */
void fold_ask(struct pr_delivery *d);
void fold_start(struct pr_delivery *d);
/* On the folder lane. fold_to: fold up to lsn before a query; 0 or negative. */
void work_fold_attach(struct folder *f, uint32_t serial, pr_ledger *l);
int work_fold_to(struct folder *f, uint64_t lsn, struct pr_error *e);

/* ---- arrive.c ---- */
void campaign_first_state(struct pr_campaign *c, const struct pr_recipients_result *r);

/* ---- campaign.c ---- */
struct pr_campaign *campaign_create(struct pr_delivery *d, const char *id, uint32_t serial,
                                    const char *dir, uint32_t owner);
void campaign_destroy(struct pr_campaign *c);
void campaign_adopt_manifest(struct pr_campaign *c, struct pr_manifest *m);
void campaign_configure(struct pr_campaign *c); /* what it has of the configuration */
uint64_t campaign_record(struct pr_campaign *c, enum pr_record_type type, uint8_t state,
                         enum pr_reason reason, const char *verb, const char *by,
                         const char *detail); /* returns the lsn behind it */
void campaign_slices(struct pr_campaign *c);  /* ask for index and mass work */
void campaign_move(struct pr_campaign *c, enum pr_campaign_state to, enum pr_reason reason,
                   const char *verb, const char *by, const char *detail);
void campaign_gate(struct pr_campaign *c); /* ask the timetable; act */
void campaign_fail(struct pr_campaign *c, const char *text);
void campaign_check_end(struct pr_campaign *c);    /* all done? */
void campaign_report_again(struct pr_campaign *c); /* if it is time */
void campaign_detached(struct pr_campaign *c);     /* its ledger is closed */
void campaign_note_error(struct pr_campaign *c, const char *text);
void campaign_mass(struct pr_campaign *c, enum pr_state to, const char *verb, const char *by);

/* ---- content.c ---- */
/* source: as pr_content_source_of made it, with id, serial and the folder of the version;
 * campaign: its folder, open. Uses up the source. */
int content_compile(struct pr_content_source *source, int campaign, unsigned version, pr_ledger *l,
                    struct pr_problems *problems, pr_content **out);
/* The same of a version that is there; dir: the campaign's folder. e: the first problem. */
int work_compile(struct pr_content_source *source, const char *dir, unsigned version,
                 pr_ledger *ledger, pr_content **out, struct pr_error *e);
/* NULL: e tells why. name: the campaign's, when the manifest says none. */
struct pr_manifest *work_load_manifest(const char *dir, unsigned version, const char *name,
                                       struct pr_error *e);

/* ---- replace.c ---- */
#define PR_REPLACE_VERB "replace" /* of its record; the number stands in the detail */
#define PR_REPLACE_DETAIL "version "
const char *replace_start(struct pr_campaign *c, struct pr_verb *v); /* why not, or NULL */

/* ---- verb.c ---- */
void verb_wait_durable(struct pr_delivery *d, struct pr_verb *v); /* then it is answered */

/* ---- reopen.c ---- */
void reopen_start(struct pr_delivery *d, struct pr_verb *v); /* resolve, on one in done/ */
void reopen_later(struct pr_delivery *d, struct pr_verb *v); /* when its report is written */
void reopen_closed(struct pr_delivery *d, const struct pr_campaign *c); /* now it is */
void reopen_give_up(struct pr_delivery *d); /* it will not be any more */

/* ---- drain.c ---- */
void drain_init(struct pr_delivery *d);

/* ---- recover.c ---- */
int recover_run(struct pr_delivery *d, struct pr_error *e);
int campaign_read_counts(struct pr_campaign *c, struct pr_error *e);
int recover_reopened(struct pr_delivery *d, const char *dir, pr_ledger *l,
                     const struct pr_accepted *accepted, struct pr_error *e);
/* The due clock across restarts: as text in state.db, with the boot it was read in. */
void clock_text(int64_t due_ms, int64_t wall_ms, char *out, size_t size);
void read_boot_id(char out[PR_BOOT_ID_SIZE]);

#endif
