/*
 * What the files of delivery share. The story of a row:
 *
 *   refill.c   folder lane reads rows into batches               (rows in memory)
 *   dispatch.c which site a row belongs to, by its domain        (rows in flows)
 *   lookup.c   ... once its exchangers are known
 *   behind.c   rows that their site could not take when they came by
 *   slice.c    what goes to one receiver: judged, and paused alone (judge.c)
 *   timed.c    rows with times of their own: not yet, or never
 *   series.c   campaigns with a trigger: rows come one by one
 *   caps.c     who has had enough: at refill (caps_read.c), and once more at the grant
 *   suppress.c whom mail may not go to: asked at refill, and once more before MAIL
 *   site.c     sites of an outlet, flows of campaigns into them
 *   grant.c    fair choice among campaigns; intent; composer     (sending)
 *   lane.c     ready messages, back-off                          (sending)
 *   conn.c     the connections that take them, wire marks
 *   shaped.c   what the receiver is granted; group.c by its provider; kept.c keeps what was learnt
 *   wait.c     what a lane waits for, across restarts
 *   outcome.c  results, verdicts, retries; counts                (a state of the table)
 *   fold.c     the folder lane folds the journal into ledgers
 *   campaign.c a campaign's life: gates, verbs, finishing
 *   preflight.c will its sender be believed? before it begins
 *   recover.c  the same after a restart
 *   verb.c     what people ask
 *   replace.c  corrected content for what is unsent; content.c compiles it
 *   forget.c   rows of a person who is to be forgotten
 *   reopen.c   a finished one again, for its rows in doubt
 *   leave.c    somebody whom a token names has left; whom.c whom it means
 *   late.c     mails that came back about rows; hard.c rows whose address is no good
 *   view.c     lanes, as people see them
 *   delivery.c the room's contract; wiring of the above
 *
 * All of it runs on the loop's thread, except functions named work_*, which run on a
 * lane and touch only what their job carries.
 */
#ifndef DELIVERY_INTERNAL_H
#define DELIVERY_INTERNAL_H

#include "postrider/delivery.h"
#include "postrider/delivery/judge.h"
#include "postrider/campaign/split.h"
#include "postrider/classify/storm.h"
#include "postrider/delivery/verdict.h"
#include "postrider/message.h"
#include "postrider/routes.h"
#include "postrider/shaping/shape.h"

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
struct site;
struct flow;
struct look;
struct group;
struct keeping;
struct suppressing;
struct round;
struct capping;
struct caps_reader;
struct series;
struct series_reader;

/* A row between its grant and its outcome. */
struct send {
	struct pr_list link;      /* composing: none; then lane->ready or lane->flying */
	struct pr_list order;     /* delivery->open, by lsn of the intent */
	struct pr_list undurable; /* delivery->undurable, until its intent is durable */
	struct pr_campaign *campaign;
	struct flow *flow;
	struct lane *lane;
	struct pr_batch *batch; /* until composed: one of these two has the row */
	struct held *held;
	const struct pr_row *row; /* NULL afterwards */
	pr_content *content;      /* it is composed with; its message shares of it */
	uint32_t number;
	uint16_t attempts, doubts; /* before this try */
	uint16_t version_before;   /* of the try before this one */
	uint16_t version;          /* of the content it was granted with */
	uint8_t variant_before;    /* the same of its variant; 0: none */
	uint8_t variant;
	uint8_t from_state; /* where it came from */
	bool composed, durable, flying, wired;
	uint8_t returns;  /* how often it came back unanswered */
	int64_t wired_ms; /* when its last octets left */
	int64_t first_ms; /* due clock; 0: never tried */
	int64_t until_ms; /* wall clock: it may begin before this; 0: whenever */
	uint64_t stamp;   /* its address was checked as of this generation of the audience */
	uint64_t lsn;
	uint64_t person;        /* whose slot it has; 0: nobody counts */
	struct send *of_person; /* the next open one of the same */
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
bool meter_is_ripe(struct meter *m, int64_t now_ms); /* it has run for a whole second */

/* Times of the rows of a campaign: timed.c. */
struct timed {
	struct pr_arena arena;
	struct pr_str *columns;
	size_t columns_n;
	bool known;                           /* the ledger was asked */
	int64_t first_ms, last_ms, tested_ms; /* its facts, 0: none */
	pr_timing *timing; /* NULL: they have none; asked on the folder lane only */
	int64_t shut_ms;   /* wall clock: some row in memory may go no longer then */
};

struct pr_campaign {
	struct pr_list link; /* delivery->campaigns */
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
	struct timed timed;
	bool doubt_hold;       /* in_doubt: hold */
	bool capped;           /* some frequency cap is about it */
	pr_ledger *ledger;     /* only the folder lane calls into it */
	struct outlet *outlet; /* NULL: its route is not in the configuration */
	_Atomic uint64_t import_rows;

	struct pr_counts counts, seeds;
	struct pr_engagements engaged; /* as folded */
	struct pr_earned earned;       /* likewise */
	uint64_t untried;              /* rows that were never tried and still may be */
	struct meter meter;
	int64_t accepted_ms, started_ms, first_pass_ms, finished_ms; /* wall clock */
	bool indexed, index_running, mass_running;
	unsigned resolving; /* resolve verbs that work on its ledger */
	bool replacing;     /* a corrected folder is being read */
	bool mass_done;
	bool finishing;            /* all settled and folded: its report is being written */
	int64_t report_again_ms;   /* monotonic: when to try that again; 0: not needed */
	bool closed;               /* its folder is in done/ */
	bool approved;             /* by a person: may begin although it is late */
	int64_t waits_ms;          /* nothing is imported before (UTC); 0: it is not waiting */
	struct pr_verb *withdrawn; /* a cancel of one that waits; NULL: none */
	bool restored;             /* from a backup or another daemon: waits for a person */
	int64_t indexed_ms;

	/* Its sender: preflight.c. */
	struct look *look;     /* under way */
	bool looked;           /* nothing was wrong */
	bool overridden;       /* a person lets it begin, whatever is found */
	unsigned looks_failed; /* that could not tell */
	int64_t look_again_ms; /* monotonic; 0: at once */

	/* Rows in memory. */
	struct pr_batch *fresh, *fresh_next, *due;
	uint32_t cursor; /* where the next fresh refill reads from */
	bool fresh_end, fresh_running, due_running;
	uint64_t fresh_after;  /* must be folded before fresh rows are read: found in doubt */
	unsigned epoch;        /* grows when batches are dropped: late answers are ignored */
	int64_t next_due_ms;   /* due clock; INT64_MAX: none known */
	unsigned sends;        /* open ones */
	int64_t recorded_ms;   /* wall clock: of its last change, as its record has it */
	uint64_t last_lsn;     /* behind its last record: what must be folded before it finishes */
	struct pr_map settled; /* rows suppressed at refill -> lsn: not folded yet */
	enum pr_state mass;    /* the mass mark in force; PR_STATES: none */
	uint64_t mass_lsn;

	/* Rows on their way to sites: dispatch.c, behind.c. Routes via mx only. */
	struct domain *domains; /* by the ledger's number; [0] is not used */
	uint32_t domains_n;
	struct pr_list lookups; /* domains that are being looked up */
	unsigned lookups_n;
	unsigned held_n;  /* rows in flows and look-ups */
	unsigned reads;   /* jobs of behind.c under way */
	bool wants_fresh; /* a site could take more than what is here */
	int64_t fresh_read_ms;
	uint32_t unknown_first, unknown_last; /* domains behind whose site is not known: a queue */

	/* Receivers: slice.c. */
	struct pr_stop_loss stop_loss; /* in force */
	struct pr_list slices, paused;
	unsigned paused_n;
	struct pr_map slices_by_name;  /* hash of the name -> slice, chained */
	struct pr_map slice_of_domain; /* hash of the domain -> slice */
	struct pr_map complained;      /* rows: once each */
	bool slice_passed;             /* some slice is to be paused */
	bool unpark;                   /* rows parked in the ledger are to be due again */

	/* Variants: variants.c. */
	struct pr_split split;
	bool test_waits; /* a rest waits for the winner of a test, or has got it */
	uint8_t winner;  /* of that test, from 1; 0: not decided */
	uint8_t variant_states[PR_MANIFEST_VARIANTS_MAX + 1]; /* of each: goes on, paused... */
	unsigned variants_stopped;
	bool looking;             /* counts are being read */
	int64_t look_again_at_ms; /* wall clock */
	int64_t look_every_ms;
	bool has_shares; /* of a bandit's next rows */
	double shares[PR_MANIFEST_VARIANTS_MAX];

	struct series *series; /* series.c; NULL: it has no trigger */

	/* Its turn. */
	struct pr_list flows;
	bool sending; /* its gate is open: its flows are in the rings of their sites */
	unsigned priority, weight;
	struct pr_gcra gcra;
	enum pr_gate gate;
	int64_t gate_again_ms; /* wall clock: ask the timetable again */
};

/* ---- from a campaign to a receiver ---- */

/* A row in a flow of its own memory. */
struct held {
	struct pr_list link; /* flow->rows, or lookup->rows */
	struct pr_row row;
	bool due; /* the ledger handed it out; not a fresh one */
	char octets[];
};

/* What a campaign has for a site. */
struct flow {
	struct pr_list link;    /* campaign->flows */
	struct pr_list of_site; /* site->flows */
	struct pr_list ring;    /* site->ring while it may send */
	struct pr_campaign *campaign;
	struct site *site;
	struct pr_list rows; /* of struct held; routes via mx only: others read their batches */
	unsigned rows_n;
	unsigned sends; /* open ones */
	unsigned deficit;
	uint32_t domains;                   /* first of those that lead here */
	uint32_t behind_first, behind_last; /* of them, those that are behind: a queue */
	bool reading;                       /* some of those are being read */
};

/* What is known of a domain of a campaign's ledger. 100,000 of them are no rarity: small. */
struct domain {
	void *at;                /* struct flow or struct lookup, by its stage; NULL: neither */
	uint32_t from;           /* the first row that was not taken yet; UINT32_MAX: all were */
	uint32_t next, previous; /* of the flow's */
	uint32_t asked_s; /* DOMAIN_FLOW: when its exchangers were asked for; the loop's clock */
	uint32_t next_behind;
	uint8_t stage; /* enum domain_stage */
	bool behind;   /* rows of it were passed over: they are read by its index */
	bool queued;   /* in a queue of those */
	bool parked;   /* its slice is paused: it is read when that goes on */
};
enum domain_stage { DOMAIN_UNKNOWN, DOMAIN_LOOKUP, DOMAIN_FLOW };

/* A route as delivery has it, until the configuration has it no more and its last campaign. */
struct outlet {
	struct pr_list link; /* delivery->outlets */
	struct pr_delivery *delivery;
	const struct pr_route *route; /* of the configuration in force; NULL: gone */
	char *name;
	bool mx;
	struct pr_list sites; /* not via mx: one, for all that goes by this route */
	struct pr_map by_key; /* hash of the key -> site, chained */
	struct pr_hash_key key_of_keys;
	unsigned sites_n;
	bool gone;       /* not in the configuration any more */
	bool superseded; /* and another has its name: by exchangers instead of one host, or back */
};

/* Domains with the same mail exchangers: a receiver, as it counts its senders. */
struct site {
	struct pr_list link;    /* outlet->sites */
	struct pr_list wanting; /* delivery->wanting: there may be something to grant */
	struct site *chained;   /* of the same hash */
	struct outlet *outlet;
	char *key;
	char *domain; /* it is this domain's alone: shaping names it; NULL: by exchangers */
	struct pr_exchanger *exchangers; /* names too are its own; NULL: not via mx */
	size_t exchangers_n;
	struct pr_list flows;
	struct pr_list ring; /* flows that may send; the first has the turn */
	unsigned ring_n;
	struct pr_list lanes; /* one a source */
	bool given_up;        /* not reached for give_up: what is for it expires */
	struct pr_list idle;  /* delivery->idle_sites, the longest idle first */
	int64_t idle_ms;
};

/* Where a lane leads, until a reload leads it elsewhere and its last connection has ended. */
struct way {
	struct pr_list link;            /* lane->ways */
	struct pr_route_target *target; /* of routes/ */
	char *place;                    /* ways to the same place share the limit of connections */
	unsigned conns_n;
};

/* Outcomes since the start, by provider. */
struct tally {
	struct pr_list link; /* delivery->tallies */
	char *provider;
	uint64_t messages[PR_STATES];
};

/* What the lanes of one source to one provider share. */
struct group {
	struct group *chained;
	struct pr_list link; /* delivery->groups */
	struct pr_delivery *delivery;
	struct pr_shape_group shared;
	struct tally *tally; /* whose provider is its own */
	char *key, *source;
};

/* Where messages for one site leave from one source. */
struct lane {
	struct pr_list link;    /* delivery->lanes */
	struct pr_list of_site; /* site->lanes */
	struct pr_delivery *delivery;
	struct site *site;
	char *source; /* name or address of it; "" where the system chooses */
	bool retired; /* the route has this source no more: takes nothing */
	unsigned weight;
	struct pr_list ways;
	struct way *way; /* the one that counts; NULL: the route cannot be used */
	unsigned connections_max;
	struct pr_list ready; /* sends */
	unsigned ready_n;
	unsigned waiting; /* granted, not yet taken by a connection */
	unsigned sends;   /* granted, without an outcome */
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
	int64_t failing_since_ms; /* due clock */
	struct pr_timer timer;    /* asks at ask_at_ms */
	int64_t ask_at_ms;
	int64_t hush_until_ms; /* so long its peer wants to hear nothing: Retry-After */
	/* via mx: what its receiver grants (shaped.c). */
	struct group *group; /* NULL: nobody limits it but the route */
	struct pr_shape shape;
	struct pr_list changed; /* delivery->changed_lanes: there is something to keep */
	const char *waits_for;  /* the limit that the last question met; NULL: none */
	int64_t shut_until_ms;
	double latency_ms;
	unsigned last_code; /* 0: last_reply is no answer of the peer */
	char last_reply[200];
};

struct conn {
	struct pr_list link;
	struct pr_list hungry;      /* lane->hungry or ->ahead */
	struct pr_list idle;        /* delivery->idle_conns, while it is hungry */
	int64_t asked_ms, heard_ms; /* when the lane was last told what its peer said */
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
	pr_lane *preflight_lane;
	struct folder *folder;

	struct pr_list campaigns, outlets, lanes;
	struct pr_list idle_conns;   /* the longest idle first */
	struct pr_list wanting;      /* sites, by wanting */
	struct pr_list idle_sites;   /* sites without anything to send, for a while */
	struct pr_list reopen_later; /* verbs, by waiter.link */
	struct pr_list late;         /* struct pr_late, not looked up yet */
	struct pr_list late_again;   /* the same, for another try */
	struct pr_timer late_timer;
	struct round *late_round; /* NULL: none is under way */
	struct pr_map by_serial;

	struct keeping *keeping;         /* kept.c */
	struct suppressing *suppressing; /* suppress.c; NULL: nobody is */
	struct capping *capping;         /* caps.c */
	struct series_reader *series;    /* series.c; NULL: nobody knows contacts */
	struct pr_list changed_lanes, groups, tallies;
	struct pr_map groups_by_key;
	struct pr_map receivers; /* storm.c */
	struct pr_hash_key key_of_groups;
	pr_zone *zone; /* whose days quotas are of */
	int64_t kept_ms;

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
	struct pr_timer pace;       /* the earliest time a pacing limit allows another */
	struct pr_timer read_again; /* rows that nobody asks for are read, too: dispatch.c */
	struct pr_timer due;        /* rows become due before the second has passed: refill.c */
	int64_t due_at_ms;          /* monotonic: when it fires */
	struct pr_timer second;     /* gates, meters, space, clock: once a second */
	struct pr_timer fold_timer;
	bool fold_running;
	uint64_t folded;          /* journal position up to which all is in the ledgers */
	uint64_t kept_back;       /* the least of what is not: finished.c; UINT64_MAX: none */
	uint64_t fold_records;    /* outcomes folded since the start */
	uint64_t outcome_records; /* and appended */
	uint64_t caps_need;       /* where caps.db must read from on */
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
struct outlet *outlet_of_route(struct pr_delivery *d, const struct pr_manifest *m);

/* ---- site.c ---- */
struct outlet *outlet_create(struct pr_delivery *d, const struct pr_route *route);
void outlet_configure(struct outlet *o, const struct pr_route *route);
void outlet_take_away(struct outlet *o); /* its route is gone: campaigns wait */
void outlet_destroy(struct outlet *o);
/* The site of these exchangers on this route, made where it is not there. */
/* domain: whose alone it is; NULL: of all that have these exchangers. */
struct site *site_of(struct outlet *o, const char *key, const char *domain,
                     const struct pr_exchanger *to, size_t n);
void site_ask(struct site *s);            /* look at it in this turn: something may go */
double site_rate(const struct site *s);   /* results a second, of late */
bool site_has_pace(const struct site *s); /* for long enough to be judged by that */
bool site_has_healthy_lane(const struct site *s);
/* A try to reach it failed once more, the first one at since_ms (due clock). */
void site_unreached(struct site *s, const struct pr_smtp_result *r, int64_t since_ms);
struct lane *site_lane(struct site *s); /* the one to grant by; NULL: none has room */
void sites_tidy(struct pr_delivery *d); /* once a second: those that have nothing to do go */
struct flow *flow_of(struct pr_campaign *c, struct site *s);
bool flow_has_rows(const struct flow *f);
void flow_update(struct flow *f); /* in the ring or not; it may be gone when this returns */
void flows_enter(struct pr_campaign *c);
void flows_leave(struct pr_campaign *c);
void flows_withdraw(struct pr_campaign *c); /* its ready messages */

/* ---- grant.c ---- */
void grant_pump(struct pr_delivery *d); /* grant what may go now */
void grant_durable(struct pr_delivery *d, uint64_t lsn);
/* A row on its way, counted as sending; row is a view. */
struct send *send_of_row(struct pr_campaign *c, const struct pr_row *row);
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
bool send_may_go(const struct send *s); /* nothing came between since it was granted */

/* ---- lane.c ---- */
struct lane *lane_create(struct site *site, const char *source);
void lane_retire(struct lane *l); /* its source is used no more, until it is configured again */
void lane_destroy(struct lane *l);
void lane_ready(struct lane *l, struct send *s);           /* composed and durable */
void lane_withdraw(struct lane *l, struct pr_campaign *c); /* ready ones; c NULL: all */
void lane_withdraw_stopped(struct lane *l);                /* those of paused slices */
void lane_defer(struct lane *l, const struct pr_smtp_result *r, const struct pr_verdict *v,
                int64_t since_ms);                 /* ready ones: nobody can be reached */
unsigned lane_room(struct lane *l);                /* how many more rows to grant */
void lane_ask(struct lane *l);                     /* look at it this turn */
void lane_ask_at(struct lane *l, int64_t when_ms); /* ... then, or earlier */
void lane_stretch(struct lane *l); /* its connections ask for more than was granted ahead */
/* For its connections: a message leaves the ready ones, or is as it was before one took it. */
void lane_unready(struct lane *l, struct send *s);
void lane_take_back(struct lane *l, struct send *s);
/* ... what the peer said last; that it also holds the lane up, which its campaigns are told. */
void lane_note_reply(struct lane *l, const struct pr_smtp_result *r);
void lane_note_trouble(struct lane *l, const struct pr_smtp_result *r);
void lane_back_off(struct conn *n, const struct pr_smtp_result *r);
void lane_well(struct lane *l);

/* ---- wait.c ---- */
#define BACK_OFF_MAX_MS (5 * PR_MINUTE_MS)
void lane_keep_wait(const struct lane *l); /* what it waits for has changed */
void lane_restore_wait(struct lane *l);    /* it has just been made */

/* ---- conn.c: the connections of a lane ---- */
void lane_feed(struct lane *l); /* ready messages to those that are hungry */
/* As many as it can use; true: it could use more than the daemon may have. */
bool lane_connect(struct lane *l);
void lane_quit(struct lane *l);                   /* close politely */
void lane_abort(struct lane *l, const char *why); /* close at once */
void lane_shrink(struct lane *l, unsigned limit); /* so many stay */
unsigned lane_staying(const struct lane *l);      /* how many do now */

/* ---- way.c ---- */
void lane_configure(struct lane *l);
void lane_lead(struct lane *l);                  /* to where its site's exchangers are now */
unsigned lane_conns_there(const struct lane *l); /* by its way: what the limit counts */
void way_left(struct conn *n);                   /* by one of its connections */
void ways_close(struct lane *l);

/* ---- shaped.c: all of it says yes, and does nothing, where the route is not via mx ---- */
void shaped_second(struct pr_delivery *d); /* days begin; what has changed is kept */
void shaped_configure(struct lane *l, unsigned connections_max); /* or begin */
void shaped_end(struct lane *l);
const struct pr_shaping_policy *shaped_policy(const struct lane *l); /* NULL: none */
/* Where the answer is no, the lane is asked again in time. */
bool shaped_lets_connect(struct lane *l);
bool shaped_lets_send(struct lane *l);
unsigned shaped_room(struct lane *l);        /* rows that may go in the next moment */
unsigned shaped_connections(struct lane *l); /* at once, now */
unsigned shaped_messages(struct lane *l);    /* of a connection; 0: any number */
void shaped_connected(struct lane *l);
void shaped_closed(struct lane *l);
void shaped_sent(struct lane *l);
void shaped_accepted(struct lane *l, int64_t wired_ms);
struct pr_shape_done shaped_heard(struct lane *l, const struct pr_smtp_result *r,
                                  enum pr_class class_);

/* ---- group.c ---- */
int groups_open(struct pr_delivery *d, struct pr_error *e);
void groups_reload(struct pr_delivery *d);
void groups_second(struct pr_delivery *d); /* days begin */
void groups_close(struct pr_delivery *d);
struct group *group_of(struct pr_delivery *d, const char *source, const char *provider);
void group_claim(struct group *g); /* more of the day, when what is claimed runs low */
void group_durable(struct group *g, const char *text); /* what it claimed */

/* ---- kept.c ---- */
#define KEPT_QUOTA "quota/"
#define KEPT_SHAPE "shape/"
#define KEPT_WAIT "wait/"
#define KEPT_STORM "storm/"
int kept_open(struct pr_delivery *d, struct pr_error *e);
void kept_close(struct pr_delivery *d);
const char *kept_find(struct pr_delivery *d, const char *key); /* NULL: nothing */
/* n 0: forget it. group: who is told when it is durable; NULL: nobody. False: too many. */
bool kept_put(struct pr_delivery *d, const char *key, struct pr_str text, struct group *group);
void kept_write(struct pr_delivery *d); /* what changed, soon */

/* ---- refill.c ---- */
void refill_ask(struct pr_campaign *c); /* ask for each missing thing */
const struct pr_row *refill_peek(struct pr_campaign *c, struct pr_batch **batch);
void refill_take(struct pr_campaign *c, struct pr_batch *batch);
bool refill_has_rows(const struct pr_campaign *c);
void refill_give_back(struct pr_campaign *c, struct pr_batch *b); /* what was not taken of it */
void refill_drop(struct pr_campaign *c); /* rows in memory that were not granted */
void refill_note_due(struct pr_campaign *c, int64_t due_ms);

/* ---- lookup.c ---- */
void lookup_lead(struct pr_campaign *c, uint32_t domain, struct flow *f); /* its site is known */
void lookup_begin(struct pr_campaign *c, struct held *h);      /* of a domain that is not known */
bool lookup_has_room(const struct domain *d, unsigned factor); /* DOMAIN_LOOKUP, for one more row */
void lookup_add(struct domain *d, struct held *h);
/* One of campaign->lookups ends; its rows are the caller's. The domain's number. */
uint32_t lookup_drop(struct pr_list *link, struct pr_list *rows);
/* A row of a domain in a flow has come: when it is time its exchangers are asked for again, and
 * when there is an answer the domain leaves its flow: the next look-up has it at once. */
void lookup_again(struct pr_campaign *c, struct domain *d, struct pr_str email);

/* ---- dispatch.c ---- */
void dispatch_fresh(struct pr_campaign *c, struct pr_batch *b); /* uses up the batch */
void dispatch_due(struct pr_campaign *c, struct pr_batch *b);   /* likewise */
/* Held rows get this outcome, and are freed. */
void dispatch_settle(struct pr_campaign *c, struct pr_list *rows, const struct pr_smtp_result *r,
                     const struct pr_verdict *v, int64_t since_ms);
/* Whether the row found a place; factor: times as many rows as usual may wait there. */
bool dispatch_place(struct pr_campaign *c, const struct pr_row *row, bool due, unsigned factor);
/* A row of a domain that was behind; nothing where it was taken already. */
void dispatch_read(struct pr_campaign *c, const struct pr_row *row);
struct domain *domain_of(struct pr_campaign *c, uint32_t number);
/* Rows of a paused slice: fresh ones are behind, due ones parked. */
void dispatch_park(struct pr_campaign *c, struct pr_list *rows, unsigned rows_n);
void dispatch_unpark(struct pr_campaign *c); /* parked domains may be read */
/* Not via mx: fresh rows that go by another way (paused, or read by their domain) leave b. */
void dispatch_pass_over(struct pr_campaign *c, struct pr_batch *b);
void dispatch_drop(struct pr_campaign *c);           /* rows in memory that were not granted */
void dispatch_forget(struct pr_campaign *c);         /* all of it: the campaign ends */
bool dispatch_wants(const struct pr_campaign *c);    /* fresh rows */
bool dispatch_may_look(const struct pr_campaign *c); /* up another domain */
/* The rows of a flow whose receiver cannot be reached: deferred for r, or expired. */
void dispatch_defer(struct flow *f, const struct pr_smtp_result *r, const struct pr_verdict *v,
                    int64_t since_ms);

/* ---- slice.c ---- */
#define PR_STOP_LOSS_VERB "stop_loss" /* of records; "NAME: WORDS" in the detail */
#define PR_PAUSE_SLICE_VERB "pause_slice"
#define PR_RESUME_SLICE_VERB "resume_slice" /* NAME in the detail */
#define PR_SLICES_FACT "slices"
/* A domain's receiver is known. */
/* Who the receiver of a row is, as slices have it: a view. */
struct pr_str slice_receiver(const struct send *s);
void slice_of_site(struct pr_campaign *c, const char *domain, const struct site *site);
void slice_count(const struct send *s, const struct pr_outcome *o); /* it was answered */
struct pr_leaving;
void slice_complained(struct pr_delivery *d, const struct pr_leaving *l);
/* Whether the receiver of an address is paused. */
bool slice_stops(struct pr_campaign *c, struct pr_str address);
bool slice_stops_send(const struct send *s);
void slices_act(struct pr_campaign *c);    /* at the end of a turn: pauses what was judged */
void slices_second(struct pr_campaign *c); /* is only what is paused left? */
void slices_unpark_some(struct pr_campaign *c, uint64_t max); /* rows, at most */
void slices_unpark(struct pr_campaign *c);                    /* if it is to be done */
void slices_resume(struct pr_campaign *c, const char *by);    /* all of them */
/* By its name, or a domain of it: why not, or NULL. */
const char *slice_pause(struct pr_campaign *c, const char *name, const char *by);
const char *slice_resume(struct pr_campaign *c, const char *name, const char *by);
void slices_restore(struct pr_campaign *c); /* from its ledger; before the loop runs */
void slices_free(struct pr_campaign *c);
/* The fact after a change, appended; false: the change is about something else. Any thread. */
bool slices_fold(struct pr_str before, const struct pr_change *c, int64_t at_ms,
                 struct pr_buf *after);

/* ---- timed.c ---- */
void work_timed_read(struct timed *t, pr_ledger *l); /* t is zeroes; whoever has the ledger */
void timed_forget(struct timed *t);
/* Again after each reload; makes the timetable in force. */
int timed_configure(struct pr_campaign *c, struct pr_timetable *out, struct pr_error *e);
/* The clock that due times of its rows are of: due_now, or the wall clock. */
int64_t campaign_now(const struct pr_campaign *c);
void work_timed(pr_timing *t, struct pr_batch *b); /* on the folder lane; t NULL: nothing */
/* Rows that may not go now leave the batch: put off, or settled. */
void timed_settle(struct pr_campaign *c, struct pr_batch *b);
void timed_second(struct pr_campaign *c); /* rows in memory may go no longer: read again */
/* UTC: all that is left waits until then; 0: not so. */
int64_t timed_next(const struct pr_campaign *c);
bool timed_stops(const struct send *s); /* the last look, before MAIL */

/* ---- series.c ---- */
void series_open(struct pr_delivery *d);
void series_close(struct pr_delivery *d);                      /* the folder lane is there still */
void series_adopt(struct pr_campaign *c);                      /* it has its manifest */
int series_restore(struct pr_campaign *c, struct pr_error *e); /* from its ledger */
void series_forget(struct pr_campaign *c);
void series_retire(struct pr_campaign *c, struct pr_manifest *m); /* another is in force; takes m */
void series_second(struct pr_campaign *c);
bool series_runs_on(const struct pr_campaign *c); /* more rows may come: it does not end */
bool series_is_busy(const struct pr_campaign *c);
bool series_tally(const struct pr_campaign *c, struct pr_series_tally *out); /* false: none */
void series_drop(struct pr_campaign *c); /* what its round found is not written, but found again */
void series_count(struct pr_campaign *c, const struct pr_series_tally *t); /* as it is */

/* ---- due.c ---- */
/* Rows that a due batch has handed out: the ledger alone knows of it. They are copied; n 0:
 * nothing. */
void due_put_off(struct pr_campaign *c, const struct pr_put_off *rows, size_t n);
/* Rows of paused slices leave the batch: parked in the ledger until the slice goes on. */
void due_park(struct pr_campaign *c, struct pr_batch *b);
/* All rows of the batch, of which only the numbers are looked at. */
void due_park_all(struct pr_campaign *c, const struct pr_batch *b);

/* ---- behind.c ---- */
void behind_push(struct pr_campaign *c, uint32_t domain); /* rows from domain.from on */
void behind_ask(struct pr_campaign *c, struct flow *f);   /* f NULL: those of unknown site */

/* ---- suppress.c ---- */
int suppress_open(struct pr_delivery *d, struct pr_error *e);
void suppress_reload(struct pr_delivery *d); /* the keys of tokens are those in force */
void suppress_close(struct pr_delivery *d);  /* the folder lane has ended */
struct pr_audience_who suppress_who(const struct pr_campaign *c);
/* On the folder lane: checks the rows of a batch, stamps it. s NULL: nothing. */
int work_suppress(struct suppressing *s, struct pr_batch *b, const struct pr_audience_who *who,
                  struct pr_error *e);
/* Read before too many had left: it must be read again. */
bool suppress_is_old(const struct pr_delivery *d, uint64_t stamp);
/* Rows that are suppressed get their outcome and leave the batch. */
void suppress_settle(struct pr_campaign *c, struct pr_batch *b);
/* One of them; and whether it was already, though its ledger may not know yet. */
void suppress_row(struct pr_campaign *c, const struct pr_row *row, const char *why);
bool suppress_is_settled(const struct pr_campaign *c, uint32_t row);
/* It got its outcome when its batch arrived: the one that was appended last. */
void suppress_note_settled(struct pr_campaign *c, uint32_t row);
void suppress_folded(struct pr_campaign *c); /* after a fold */
/* The last look, before MAIL: somebody may have left since its row was read. It is withdrawn
 * then; the refill that reads it again knows more. */
bool suppress_stops(const struct send *s);

/* ---- caps.c ---- */
struct caps_ask { /* what the folder lane needs to know */
	struct pr_cap caps[2 * PR_CAPS_MAX];
	size_t n;
	bool transactional;
	uint32_t campaign;
	struct pr_hash_key key;
	int64_t now_ms, offset_ms; /* due clock; that less the wall clock */
	char *timezone;
};
void caps_open(struct pr_delivery *d);
void caps_close(struct pr_delivery *d);
void caps_recovered(struct pr_delivery *d);
/* Caps have changed, or the campaigns that have some. */
void caps_configure(struct pr_delivery *d, bool reloaded);
struct caps_ask *caps_ask_of(const struct pr_campaign *c); /* NULL: none is about it */
void caps_ask_free(struct caps_ask *ask);
/* Rows that are over a cap leave the batch: skipped, or put off. due: the batch is of due rows. */
void caps_settle(struct pr_campaign *c, struct pr_batch *b, bool due);
/* The last look, at its grant: false: as far as is known somebody else took the last slot. Then
 * caps_again puts it off for a moment. */
bool caps_let(const struct pr_campaign *c, const struct pr_row *row);
void caps_again(struct pr_campaign *c, const struct pr_row *row);
uint64_t caps_person(const struct pr_campaign *c, struct pr_str address); /* 0: not counted */
void caps_granted(struct send *s); /* before its intent is written */
void caps_before_outcome(const struct send *s);
void caps_after_outcome(struct send *s, const struct pr_outcome *o);
int64_t caps_oldest_ms(const struct pr_delivery *d); /* nobody asks for anything older */

/* ---- caps_read.c: on the folder lane ---- */
struct caps_reader *caps_reader_create(pr_caps *caps);
void caps_reader_destroy(struct caps_reader *r);
/* Tells the rows of a batch their room, as of all that is folded below `folded`. ask NULL: no
 * limit. */
int work_caps(struct caps_reader *r, const struct caps_ask *ask, pr_ledger *l, struct pr_batch *b,
              uint64_t folded, struct pr_error *e);

/* ---- outcome.c ---- */
/* Where a row is counted: seeds apart. */
static inline struct pr_counts *
counts_of(struct pr_campaign *c, uint32_t row)
{
	return pr_row_is_seed(row) ? &c->seeds : &c->counts;
}
void counts_move(struct pr_campaign *c, uint32_t row, enum pr_state from, enum pr_state to);
/* Under a mass mark nothing is sent again: rows in doubt wait for a person. */
void counts_hold_doubts(struct pr_campaign *c);
void counts_tried(struct pr_campaign *c, uint32_t row, unsigned attempts); /* before this try */
void outcome_result(struct send *s, const struct pr_smtp_result *r, const char *mx,
                    const struct pr_verdict *verdict);
void outcome_withdraw(struct send *s);
void outcome_unsendable(struct send *s); /* composing failed */
/* A row that never got a lane: its domain has no exchangers, they are not known now, or none of
 * them can be reached. Its time to give_up began at since_ms (due clock) at the latest. */
void outcome_unroutable(struct pr_campaign *c, const struct pr_row *row,
                        const struct pr_smtp_result *r, const struct pr_verdict *v,
                        int64_t since_ms);
/* The same of one that was granted. */
void outcome_unreachable(struct send *s, const struct pr_smtp_result *r, const struct pr_verdict *v,
                         int64_t since_ms);
/* A row that was read and may not be written to. */
void outcome_suppressed(struct pr_campaign *c, const struct pr_row *row, const char *why);
void outcome_skipped(struct pr_campaign *c, const struct pr_row *row, const char *why);
/* The same: over a frequency cap. Or not now: it is due then. */
void outcome_capped(struct pr_campaign *c, const struct pr_row *row, const char *why);
void outcome_put_off(struct pr_campaign *c, const struct pr_row *row, int64_t due_ms);
void outcome_append(struct pr_campaign *c, uint32_t row, const struct pr_outcome *o);
/* The same for a campaign that is under way no more. */
void outcome_append_ended(struct pr_delivery *d, uint32_t serial, uint32_t row,
                          const struct pr_outcome *o);
/* A row that is not open: resolve. */
/* In doubt, and not to be sent again by itself. */
void outcome_hold(struct pr_campaign *c, const struct pr_row *row, const char *why);
void outcome_settle(struct pr_campaign *c, const struct pr_row *row, enum pr_state from,
                    enum pr_state to, uint8_t flags, const char *why);
/* An outcome of a row in doubt by the campaign's policy: when it may go again. */
void outcome_doubt_policy(struct pr_campaign *c, uint32_t row, struct pr_outcome *o);

/* ---- fold.c, and the files fold.h names ---- */
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
/* Its folder is in done/ now, or its ledger is of no use. */
void fold_ended(struct pr_delivery *d, const struct pr_campaign *c);
/* Before the loop runs: */
void fold_adopt(struct pr_delivery *d, uint32_t serial, pr_ledger *l);
int fold_recovered(struct pr_delivery *d, struct pr_error *e); /* takes over what was folded */
void fold_ask(struct pr_delivery *d);
void fold_start(struct pr_delivery *d);
/* On the folder lane. fold_to: fold up to lsn before a query; 0 or negative. */
void work_fold_attach(struct folder *f, uint32_t serial, pr_ledger *l);
void work_fold_leave(struct folder *f, uint32_t serial); /* its folder in done/ moves */
int work_fold_to(struct folder *f, uint64_t lsn, struct pr_error *e);
/* What is counted of a person goes. */
int work_fold_uncount(struct folder *f, uint64_t person, struct pr_error *e);
/* What the rows of a batch need to know of frequency caps, as of all that is folded. */
int work_fold_caps(struct folder *f, const struct caps_ask *ask, pr_ledger *l, struct pr_batch *b,
                   struct pr_error *e);
/* Of a campaign under way or in done/, and its id. PR_ENOENT: there is none; PR_EAGAIN: its folder
 * is moving. */
int work_fold_ledger(struct folder *f, uint32_t serial, pr_ledger **ledger,
                     char id[PR_CAMPAIGN_ID_MAX], struct pr_error *e);

/* ---- facts.c: on the folder lane ---- */
/* Folds a record of a change; again changes nothing. */
int work_fold_change(pr_ledger *l, const struct pr_record *r, struct pr_error *e);

/* ---- storm.c ---- */
/* Counts a verdict that came from an answer; changes what is not to be believed. */
void storm_judge(const struct send *s, struct pr_verdict *v);
void storms_close(struct pr_delivery *d);

/* ---- finished.c: on the folder lane ---- */
struct finished;
struct finished *finished_create(const char *spool, struct pr_statedb *statedb);
void finished_destroy(struct finished *f);
/* PR_ENOENT: there is none that may be written to; PR_ENOSPC: try again; what else is wrong is
 * told once. */
int finished_ledger(struct finished *f, uint32_t serial, pr_ledger **ledger, const char **id,
                    struct pr_error *e);
void finished_close(struct finished *f, uint32_t serial); /* its folder is taken up again */
/* From its ledger's closing until finished_end its records are kept back. */
void finished_begin(struct finished *f, uint32_t serial);
void finished_end(struct finished *f, uint32_t serial);
bool finished_is_ending(const struct finished *f, uint32_t serial);
void finished_keep_back(struct finished *f, const struct pr_record *records, size_t n);
/* What was kept back from this place of the journal on is not: it is read again. */
void finished_undo(struct finished *f, uint64_t lsn);
bool finished_is_full(const struct finished *f);   /* nothing more may come */
uint64_t finished_needs(const struct finished *f); /* where a restart must begin */
/* What was kept back of one campaign that has ended, in order; 0: nothing. out: free() it; its
 * payloads are views, until finished_drop. */
size_t finished_next(const struct finished *f, struct pr_record **out);
void finished_drop(struct finished *f, uint32_t serial);

/* ---- answer.c ---- */
/* What folding found changed by what came back. */
struct answer {
	uint32_t serial;
	char id[PR_CAMPAIGN_ID_MAX];    /* of a campaign that has ended, else "" */
	struct pr_counts counts, seeds; /* as in its ledger */
	struct pr_engagements engaged;
	struct pr_earned earned;
	uint32_t arrived[PR_LEDGER_ARRIVED_MAX]; /* rows in doubt that are not any more */
	unsigned arrived_n;
};
void answer_apply(struct pr_delivery *d, const struct answer *a);

/* ---- hard.c ---- */
struct hard { /* rows that bounced and were not told yet */
	struct pr_bounced *rows;
	size_t n, cap;
};
/* Those of these records. */
int hard_note(struct hard *h, pr_ledger *l, const struct pr_record *records, size_t n,
              struct pr_error *e);
void hard_tell(struct pr_delivery *d, struct hard *h); /* and frees */

/* ---- late.c ---- */
void late_init(struct pr_delivery *d);
void late_give_up(struct pr_delivery *d); /* the daemon ends */

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
                         const char *detail);       /* returns the lsn behind it */
void campaign_ledger_work(struct pr_campaign *c);   /* ask for index and mass work */
bool campaign_settled(const struct pr_campaign *c); /* nothing is to be sent any more */
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
/* Where the links of its messages lead: durably, before the first of them leaves. Opens state.db
 * for itself. */
int content_keep_links(const struct pr_config *config, uint32_t serial, const pr_content *c,
                       struct pr_error *e);
/* The same of a version that is there; dir: the campaign's folder. e: the first problem. */
int work_compile(struct pr_content_source *source, const char *dir, unsigned version,
                 pr_ledger *ledger, pr_content **out, struct pr_error *e);
/* NULL: e tells why. name: the campaign's, when the manifest says none. */
struct pr_manifest *work_load_manifest(const char *dir, unsigned version, const char *name,
                                       struct pr_error *e);

/* ---- variants.c ---- */
#define PR_TEST_VERB "test" /* of the record of a decision */
#define PR_TEST_DETAIL "variant "
void variants_configure(struct pr_campaign *c); /* by its manifest */
void variants_restore(struct pr_campaign *c);
/* What the ledger keeps of a change. On the folder lane. */
void variants_fold(pr_ledger *l, const struct pr_change *change, struct pr_error *e);
/* Which one a row gets, or had: from 1; 0: there are none. */
unsigned variant_of(const struct pr_campaign *c, const struct pr_row *row);
bool variants_wait(const struct pr_campaign *c); /* a rest waits for the winner */
/* It waits for the winner of a test, or its variant is paused. */
bool variants_hold(const struct pr_campaign *c, const struct pr_row *row);
/* Takes out of a batch that was just read what its variant keeps from being sent. */
void variants_settle(struct pr_campaign *c, struct pr_batch *b, bool due);
void variants_second(struct pr_campaign *c);
const char *variant_verb(struct pr_campaign *c, const struct pr_verb *v); /* why not, or NULL */

/* ---- replace.c ---- */
#define PR_REPLACE_VERB "replace" /* of its record; the number stands in the detail */
#define PR_REPLACE_DETAIL "version "
const char *replace_start(struct pr_campaign *c, struct pr_verb *v); /* why not, or NULL */

/* ---- verb.c ---- */
void verb_wait_durable(struct pr_delivery *d, struct pr_verb *v); /* then it is answered */
/* The rows of a campaign that are on their way, by their numbers. */
void open_rows(struct pr_campaign *c, struct pr_map *rows);

/* ---- reopen.c ---- */
void reopen_start(struct pr_delivery *d, struct pr_verb *v); /* resolve, on one in done/ */
void reopen_later(struct pr_delivery *d, struct pr_verb *v); /* when its report is written */
void reopen_closed(struct pr_delivery *d, const struct pr_campaign *c); /* now it is */
void reopen_give_up(struct pr_delivery *d); /* it will not be any more */

/* ---- drain.c ---- */
void drain_init(struct pr_delivery *d);

/* ---- preflight.c ---- */
/* Of the record of an approval that lets it begin whatever is found. An approval for another
 * reason does not: that was given before anybody looked. */
#define PR_OVERRIDE_VERB "override"
int preflight_open(struct pr_delivery *d, struct pr_error *e);
void preflight_close(struct pr_delivery *d); /* before the campaigns go */
/* The gate is open: whether it may begin now. Else the gate is asked again by who knows more. */
bool preflight_lets_begin(struct pr_campaign *c);
void preflight_ask(struct pr_campaign *c);      /* held by preflight: still? */
void preflight_anew(struct pr_campaign *c);     /* what was found holds no more: unless it began */
void preflight_override(struct pr_campaign *c); /* it may begin, whatever is found */
void preflight_forget(struct pr_campaign *c);   /* a look's answer is not wanted any more */
/* It began while its sender is looked at: what is found is yet to be told. */
bool preflight_is_owed(const struct pr_campaign *c);

/* ---- recover.c ---- */
int recover_run(struct pr_delivery *d, struct pr_error *e);
int campaign_read_counts(struct pr_campaign *c, struct pr_error *e);
int recover_reopened(struct pr_delivery *d, const char *dir, pr_ledger *l,
                     const struct pr_accepted *accepted, struct pr_error *e);
/* The due clock across restarts: as text in state.db, with the boot it was read in. */
void clock_text(int64_t due_ms, int64_t wall_ms, char *out, size_t size);
void read_boot_id(char out[PR_BOOT_ID_SIZE]);

#endif
