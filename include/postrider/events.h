/*
 * Events: what the journal's records tell to others than this program, with the names, addresses
 * and Message-IDs that belong to them. The event stream of the status socket and webhooks read
 * through here.
 *
 * Words
 *   event   a record that tells something: a row's outcome, a verb on a campaign or on all; an
 *           intent (`sending`), which is told live only, for there are as many as messages
 *   id      of an event: its place in the journal, so ids are unique and in order
 *   live    told only to who follows as it happens, or asks for it by name
 *
 * Made on the loop, where it takes down what delivery knows of its campaigns; read on one other
 * thread at a time, between begin and end; destroyed on the loop. What cannot be looked up (a
 * folder that is gone) is left out of an event, never the event itself.
 */
#ifndef POSTRIDER_EVENTS_H
#define POSTRIDER_EVENTS_H

#include "postrider/delivery.h"
#include "postrider/journal/conversion.h"

typedef struct pr_events pr_events;

struct pr_event_campaign {
	char id[PR_CAMPAIGN_ID_MAX];
	uint32_t owner; /* uid */
};

struct pr_events_source {
	const char *journal_dir;
	const char *done_dir; /* where the folders of finished campaigns are */
	void *context;
	/* Of a campaign that delivery does not know: one that an earlier run finished. On the
	 * thread that reads. False: nobody knows it. */
	bool (*find)(void *context, uint32_t serial, struct pr_event_campaign *out);
	/* May addresses, and what may quote them, be told? c NULL: of an event that is about no
	 * campaign, or about one nobody knows. On the thread that reads. NULL: always. */
	bool (*may_see)(void *context, const struct pr_event_campaign *c);
};

/* Texts of the source are copied. On the loop. */
pr_events *pr_events_create(const struct pr_events_source *source, pr_delivery *d);
void pr_events_destroy(pr_events *ev);

/* Views, until the next call. Texts with n 0: not known, or not to be told. */
struct pr_event {
	uint64_t id;
	int64_t at_ms;      /* UTC */
	struct pr_str type; /* "delivered", "pause"; n 0: the record tells nothing */
	bool live;
	uint32_t serial;  /* of the campaign; 0: of none */
	uint32_t row;     /* 0: none */
	uint16_t version; /* sending: of the content; else 0 */
	uint8_t number;   /* of the variant it was sent with, from 1; 0: none, or not known yet */
	bool has_outcome; /* of a row */
	bool has_change;  /* of a campaign, or of all */
	bool has_engagement; /* of a row */
	bool has_conversion; /* the engagement is one */
	bool machine;        /* engagement: as far as this alone shows; later ones may show more */
	struct pr_outcome outcome;
	struct pr_change change;
	struct pr_engagement engagement;
	struct pr_conversion conversion;
	/* by pr_events_name: */
	struct pr_str campaign; /* its id */
	struct pr_str email, message_id;
	struct pr_str variant; /* its name, of a row that was sent with one */
	bool open;             /* what may quote an address may be told */
};

/* From the record at lsn or the first behind it: where that was released, from the oldest that is
 * kept. *from: where it begins. 0, or as pr_cursor_open. */
int pr_events_begin(pr_events *ev, uint64_t lsn, uint64_t *from, struct pr_error *e);
/* The next record below limit, whether or not it tells something; as pr_cursor_next. */
int pr_events_next(pr_events *ev, uint64_t limit, struct pr_event *out, struct pr_error *e);
/* The place behind the last record read. */
uint64_t pr_events_position(const pr_events *ev);
/* Look up the names: costs a read of the campaign's ledger. */
void pr_events_name(pr_events *ev, struct pr_event *event);
void pr_events_end(pr_events *ev);

/* A named event as a JSON object (formats.md, "Results and events"); appends. */
void pr_event_json(const struct pr_event *event, struct pr_buf *out);
/* For other words: a comma, "key": and the text; nothing where it is empty. */
void pr_event_add_text(struct pr_buf *b, const char *key, struct pr_str text);

#endif
