/*
 * Records read as events, and the names that belong to them: a campaign's id, a row's address
 * from its ledger, a Message-ID from its content or, when that is closed, from its report.
 *
 *   loop      create   campaigns that delivery knows, with their content held
 *   reader    begin, next, name, ..., end: ledgers are opened as rows ask for them
 *   loop      destroy
 *
 * A folder moves to done/ while a campaign ends: what is no longer where delivery had it is looked
 * for there.
 */
#include "postrider/events.h"

#include "postrider/base/file.h"
#include "postrider/base/hash.h"
#include "postrider/campaign/recipients.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define REPORT_MAX (4u << 20)

/* A campaign as far as events need it. */
struct named {
	struct pr_event_campaign campaign;
	char *dir;
	pr_ledger *ledger;
	pr_content *content;
	bool tried, tail_tried;
	char tail[300];       /* of Message-IDs, when there is no content any more */
	struct pr_buf packed; /* with the ledger: names of its variants */
	struct pr_str variants[PR_MANIFEST_VARIANTS_MAX];
	size_t variants_n;
};

struct pr_events {
	struct pr_events_source source;
	char *journal_dir, *done_dir;
	struct pr_map campaigns; /* serial -> struct named */
	pr_cursor *cursor;
	struct pr_buf email, message_id; /* of the event told last */
};

/* ---- names ---- */

/* A file of the campaign, where it is now or where it goes when it ends. */
static bool
try_paths(const pr_events *ev, struct named *n, const char *file,
          bool (*open_it)(struct named *n, const char *path))
{
	char path[4400];
	snprintf(path, sizeof path, "%s/%s", n->dir, file);
	if (open_it(n, path))
		return true;
	snprintf(path, sizeof path, "%s/%s/%s", ev->done_dir, n->campaign.id, file);
	return open_it(n, path);
}

static bool
open_ledger(struct named *n, const char *path)
{
	struct pr_error e;
	if (pr_ledger_open(path, PR_LEDGER_READ, &n->ledger, &e) < 0)
		return false;
	pr_buf_clear(&n->packed);
	n->variants_n = 0;
	if (pr_ledger_get(n->ledger, PR_FACT_VARIANTS, &n->packed) == 0)
		n->variants_n =
		    pr_fields_unpack(pr_buf_str(&n->packed), n->variants, PR_MANIFEST_VARIANTS_MAX);
	return true;
}

static pr_ledger *
ledger_of(const pr_events *ev, struct named *n)
{
	if (n && !n->tried) {
		n->tried = true;
		if (!try_paths(ev, n, "ledger.db", open_ledger))
			n->ledger = NULL;
	}
	return n ? n->ledger : NULL;
}

/* The report of a campaign that is finished keeps what its ids end with. */
static bool
read_tail(struct named *n, const char *path)
{
	struct pr_buf text = {0};
	if (pr_file_read(AT_FDCWD, path, REPORT_MAX, &text, NULL) < 0)
		return false;
	json_t *report = json_loadb(text.data, text.len, 0, NULL);
	const char *tail = json_string_value(json_object_get(report, "message_id_tail"));
	snprintf(n->tail, sizeof n->tail, "%s", tail ? tail : "");
	json_decref(report);
	pr_buf_finish(&text);
	return n->tail[0];
}

static void
find_message_id(pr_events *ev, struct named *n, uint32_t row)
{
	if (n->content) {
		pr_message_id(n->content, row, &ev->message_id);
		return;
	}
	if (!n->tail_tried)
		try_paths(ev, n, "report.json", read_tail);
	n->tail_tried = true;
	if (n->tail[0])
		pr_buf_addf(&ev->message_id, "<%u%s", row, n->tail);
}

static struct named *
find_named(pr_events *ev, uint32_t serial)
{
	struct named *n = serial ? pr_map_get(&ev->campaigns, serial) : NULL;
	struct pr_event_campaign found = {0};
	struct pr_buf dir = {0};
	if (n || !serial || !ev->source.find(ev->source.context, serial, &found))
		return n;
	n = pr_calloc(1, sizeof *n);
	n->campaign = found;
	pr_buf_addf(&dir, "%s/%s", ev->done_dir, found.id);
	n->dir = dir.data;
	pr_map_put(&ev->campaigns, serial, n);
	return n;
}

static bool
take_variant(void *context, const struct pr_known *k)
{
	*(uint8_t *)context = k->variant;
	return false;
}

/* What came back does not say what it came back to: the row does. */
static void
find_variant(const pr_events *ev, struct named *n, struct pr_event *event)
{
	struct pr_error e;
	pr_ledger *l = event->number || event->has_engagement ? ledger_of(ev, n) : NULL;
	if (!l || !event->row || n->variants_n == 0)
		return;
	if (!event->number)
		(void)pr_ledger_page(l, PR_STATES, event->row - 1, 1, take_variant, &event->number,
		                     &e);
	if (event->number && event->number <= n->variants_n)
		event->variant = n->variants[event->number - 1];
}

void
pr_events_name(pr_events *ev, struct pr_event *event)
{
	struct pr_error e;
	struct named *n = find_named(ev, event->serial);
	pr_buf_clear(&ev->email);
	pr_buf_clear(&ev->message_id);
	event->open =
	    !ev->source.may_see || ev->source.may_see(ev->source.context, n ? &n->campaign : NULL);
	event->campaign = n ? pr_str(n->campaign.id) : pr_str("");
	pr_ledger *l = event->row && event->open ? ledger_of(ev, n) : NULL;
	if (l)
		(void)pr_ledger_email(l, event->row, &ev->email, &e);
	if (event->row && n)
		find_message_id(ev, n, event->row);
	event->variant = PR_STR("");
	find_variant(ev, n, event);
	event->email = pr_buf_str(&ev->email);
	event->message_id = pr_buf_str(&ev->message_id);
}

/* ---- reading ---- */

int
pr_events_begin(pr_events *ev, uint64_t lsn, uint64_t *from, struct pr_error *e)
{
	int r = pr_cursor_open(ev->journal_dir, lsn, &ev->cursor, e);
	if (r < 0 && !(r == PR_ENOENT && ev->cursor))
		return r;
	*from = pr_cursor_lsn(ev->cursor);
	return 0;
}

static void
read_engagement(struct pr_event *ev)
{
	const struct pr_engagement *g = &ev->engagement;
	struct pr_hit hit = {.at_ms = ev->at_ms, .kind = g->kind, .evidence = g->evidence};
	ev->type = pr_str(pr_engagement_word((enum pr_engagement_kind)g->kind));
	pr_people_judge(&hit, 1, 0, false);
	ev->machine = hit.machine;
	ev->has_conversion = pr_conversion_decode(g, &ev->conversion) == 0;
}

static void
read_record(const struct pr_record *r, struct pr_event *ev)
{
	struct pr_str payload = pr_str_n(r->payload, r->payload_n);
	struct pr_intent intent;
	switch (r->type) {
	case PR_RECORD_INTENT:
		ev->live = true;
		if (pr_intent_decode(payload, &intent) < 0)
			break;
		ev->version = intent.version;
		ev->number = intent.variant;
		ev->type = PR_STR("sending");
		break;
	case PR_RECORD_OUTCOME:
		ev->has_outcome = pr_outcome_decode(payload, &ev->outcome) == 0;
		ev->number = ev->has_outcome && ev->outcome.attempts ? ev->outcome.variant : 0;
		if (ev->has_outcome && ev->outcome.state != PR_PENDING)
			ev->type = pr_str(pr_state_word((enum pr_state)ev->outcome.state));
		break;
	case PR_RECORD_ENGAGEMENT:
		ev->has_engagement = pr_engagement_decode(payload, &ev->engagement) == 0;
		if (ev->has_engagement)
			read_engagement(ev);
		break;
	case PR_RECORD_CAMPAIGN:
	case PR_RECORD_GLOBAL:
	case PR_RECORD_MASS:
		ev->has_change = pr_change_decode(payload, &ev->change) == 0;
		if (ev->has_change)
			ev->type = ev->change.verb;
		break;
	default: break;
	}
}

int
pr_events_next(pr_events *ev, uint64_t limit, struct pr_event *out, struct pr_error *e)
{
	struct pr_record r;
	int got = pr_cursor_next(ev->cursor, limit, &r, e);
	if (got <= 0)
		return got;
	*out = (struct pr_event){.id = r.lsn, .at_ms = r.at_ms, .serial = r.campaign, .row = r.row};
	read_record(&r, out);
	return 1;
}

uint64_t
pr_events_position(const pr_events *ev)
{
	return pr_cursor_lsn(ev->cursor);
}

void
pr_events_end(pr_events *ev)
{
	pr_cursor_close(ev->cursor);
	ev->cursor = NULL;
	for (size_t i = 0; i < ev->campaigns.cap; i++) {
		struct named *n = ev->campaigns.slots[i].value;
		if (!n || !n->ledger)
			continue;
		pr_ledger_close(n->ledger);
		n->ledger = NULL;
		n->tried = false;
	}
}

/* ---- coming and going ---- */

static void
take_down(pr_events *ev, pr_campaign *c)
{
	struct pr_campaign_view v;
	struct named *n = pr_calloc(1, sizeof *n);
	pr_campaign_view(c, &v);
	snprintf(n->campaign.id, sizeof n->campaign.id, "%s", v.id);
	n->campaign.owner = v.owner;
	n->dir = pr_strdup(v.dir);
	if (v.content) {
		n->content = (pr_content *)v.content;
		pr_content_ref(n->content);
	}
	pr_map_put(&ev->campaigns, v.serial, n);
}

pr_events *
pr_events_create(const struct pr_events_source *source, pr_delivery *d)
{
	pr_events *ev = pr_calloc(1, sizeof *ev);
	ev->source = *source;
	ev->journal_dir = pr_strdup(source->journal_dir);
	ev->done_dir = pr_strdup(source->done_dir);
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c))
		take_down(ev, c);
	return ev;
}

void
pr_events_destroy(pr_events *ev)
{
	for (size_t i = 0; i < ev->campaigns.cap; i++) {
		struct named *n = ev->campaigns.slots[i].value;
		if (!n)
			continue;
		if (n->content)
			pr_content_unref(n->content);
		pr_buf_finish(&n->packed);
		free(n->dir);
		free(n);
	}
	pr_map_finish(&ev->campaigns);
	pr_buf_finish(&ev->email);
	pr_buf_finish(&ev->message_id);
	free(ev->journal_dir);
	free(ev->done_dir);
	free(ev);
}
