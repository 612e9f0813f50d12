/*
 * Webhooks: events, posted to whoever asked for them in postrider.yaml.
 *
 * Words
 *   webhook   a URL, and a cursor on the journal
 *   batch     events that are posted together, as one JSON array; one is under way at a time, so
 *             each receiver gets its events in their order
 *   answered  by 2xx: the cursor moves behind the batch, durably, before the next one goes
 *   keep      how much of the journal is held for one that does not take its events; what lies
 *             beyond is missed: passed over, counted, told in log, status and metrics
 *
 * At least once: what is not answered is posted again, whatever comes between; a crash repeats the
 * last batch at most. Nothing here blocks the loop or waits for a receiver: reading and the
 * look-ups of names are done on a lane, posting on a fetch thread.
 */
#ifndef POSTRIDER_WEBHOOKS_H
#define POSTRIDER_WEBHOOKS_H

#include "postrider/campaign/config.h"
#include "postrider/delivery.h"
#include "postrider/journal.h"
#include "postrider/statedb.h"

typedef struct pr_webhooks pr_webhooks;

struct pr_webhooks_options {
	pr_loop *loop;
	struct pr_config *config; /* pr_webhooks_load has seen it */
	pr_delivery *delivery;
	pr_journal *journal;
	const char *journal_dir;
	struct pr_statedb *statedb; /* a connection for this room alone; closed by its owner */
};

/* Reads the secrets of a configuration that nobody shares yet. owner: as in secret.h. PR_EINVAL:
 * problems told. */
int pr_webhooks_load(struct pr_config *config, uid_t owner, struct pr_problems *problems);

/* Webhooks that state.db does not know begin at the journal's end; those that are configured no
 * more are forgotten. System errors of threads, errors of the database. */
int pr_webhooks_open(const struct pr_webhooks_options *options, pr_webhooks **out,
                     struct pr_error *e);
/* Adds, takes out, changes; one that had ended (410) is tried again. */
void pr_webhooks_reload(pr_webhooks *w, struct pr_config *config);
/* Gives up what is under way: it is posted again by the next start. */
void pr_webhooks_close(pr_webhooks *w);

/* The journal became durable further on. Cheap. */
void pr_webhooks_on_durable(pr_webhooks *w);
/* The least place of the journal that a webhook still needs; UINT64_MAX: none does. */
uint64_t pr_webhooks_needs(const pr_webhooks *w);

/* ---- looking ---- */

struct pr_webhook_missed {
	uint64_t events;   /* those it had wanted, as far as they could be counted */
	uint64_t octets;   /* of journal */
	uint64_t from, to; /* of the last time: places in the journal */
	int64_t at_ms;     /* UTC, when that was; 0: nothing was missed yet */
};
struct pr_webhook_view {
	struct pr_str origin; /* of the URL: "https://crm.example" */
	struct pr_str url;    /* without its query */
	const char *state;    /* "idle", "posting", "waiting", "gone" */
	uint64_t backlog;     /* octets of journal that it has not taken yet */
	uint64_t events;      /* answered since the start */
	int status;           /* HTTP status of the last answer; 0: none yet, or none came */
	const char *error;    /* of the last try; "": it was answered by 2xx, or there was none */
	int64_t tried_ms;     /* UTC of it; 0: never */
	int64_t until_ms;     /* UTC: waits until then; 0: does not wait */
	struct pr_webhook_missed missed;
};
/* In the order of the configuration; views, until the loop goes on. */
void pr_webhooks_each(const pr_webhooks *w,
                      void (*each)(void *context, const struct pr_webhook_view *v), void *context);

struct pr_webhooks_totals {
	uint64_t backlog;                      /* octets, all together */
	uint64_t events;                       /* answered since the start */
	uint64_t answered, failed;             /* posts since the start */
	uint64_t missed_events, missed_octets; /* ever, of those configured now */
};
void pr_webhooks_totals(const pr_webhooks *w, struct pr_webhooks_totals *out);

#endif
