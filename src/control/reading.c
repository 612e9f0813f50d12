/*
 * The journal told as JSON: records that are events, with the names, addresses and Message-IDs
 * that belong to them. Reads on the reader lane, from a place to what is durable.
 *
 * Addresses are looked up in the ledgers and told to operators, and to owners of their own
 * campaigns; everybody else sees rows.
 */
#include "reading.h"

#include "postrider/base/file.h"
#include "postrider/statedb.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFER_MAX (1u << 20)
#define REPORT_MAX (4u << 20)

/* A campaign as far as events need it. */
struct named {
	char id[PR_CAMPAIGN_ID_MAX], *dir;
	uint32_t owner;
	pr_ledger *ledger;
	pr_content *content;
	bool tried, tail_tried;
	char tail[300]; /* of Message-IDs, when there is no content any more */
};

/* ---- one record as an event ---- */

static void
add_text(struct pr_buf *b, const char *key, struct pr_str text)
{
	if (text.n == 0)
		return;
	pr_buf_addf(b, ",\"%s\":", key);
	pr_buf_add_json(b, text);
}

static pr_ledger *
ledger_of(struct named *n)
{
	struct pr_error e;
	char path[4200];
	if (n && !n->tried) {
		n->tried = true;
		snprintf(path, sizeof path, "%s/ledger.db", n->dir);
		if (pr_ledger_open(path, PR_LEDGER_READ, &n->ledger, &e) < 0)
			n->ledger = NULL;
	}
	return n ? n->ledger : NULL;
}

/* The report of a campaign that is finished keeps what its ids end with. */
static void
read_tail(struct named *n)
{
	char path[4200];
	struct pr_buf text = {0};
	n->tail_tried = true;
	snprintf(path, sizeof path, "%s/report.json", n->dir);
	if (pr_file_read(AT_FDCWD, path, REPORT_MAX, &text, NULL) < 0)
		return;
	json_t *report = json_loadb(text.data, text.len, 0, NULL);
	const char *tail = json_string_value(json_object_get(report, "message_id_tail"));
	snprintf(n->tail, sizeof n->tail, "%s", tail ? tail : "");
	json_decref(report);
	pr_buf_finish(&text);
}

static void
add_message_id(struct pr_buf *b, struct named *n, uint32_t row)
{
	struct pr_buf id = {0};
	if (n->content)
		pr_message_id(n->content, row, &id);
	else {
		if (!n->tail_tried)
			read_tail(n);
		if (n->tail[0])
			pr_buf_addf(&id, "<%u%s", row, n->tail);
	}
	add_text(b, "message_id", pr_buf_str(&id));
	pr_buf_finish(&id);
}

/* Operators all; an owner what is about his own campaigns. */
static bool
may_see(const struct reading *g, const struct named *n)
{
	return g->request->peer.is_operator || (n && may_see_rows(g->request, n->owner));
}

static void
add_row(struct reading *g, struct named *n, uint32_t row)
{
	struct pr_batch *batch;
	struct pr_error e;
	pr_ledger *l = may_see(g, n) ? ledger_of(n) : NULL;
	pr_buf_addf(&g->out, ",\"row\":%u", row);
	if (l && pr_ledger_row(l, row, &batch, &e) == 0) {
		if (batch->n)
			add_text(&g->out, "email", batch->rows[0].email);
		pr_batch_unref(batch);
	}
	if (n)
		add_message_id(&g->out, n, row);
}

static void
add_version(struct pr_buf *b, uint16_t version)
{
	pr_buf_addf(b, ",\"version\":%u", version);
}

static void
add_outcome(struct pr_buf *b, const struct pr_outcome *o, bool open)
{
	add_text(b, "class", pr_str(pr_class_word((enum pr_class)o->class_)));
	if (o->code)
		pr_buf_addf(b, ",\"code\":%u", o->code);
	if (o->enhanced[0])
		pr_buf_addf(b, ",\"enhanced\":\"%u.%u.%u\"", o->enhanced[0], o->enhanced[1],
		            o->enhanced[2]);
	if (open) /* servers quote addresses */
		add_text(b, "reply", o->reply);
	add_text(b, "mx", o->mx);
	pr_buf_addf(b, ",\"attempts\":%u", o->attempts);
	if (o->attempts)
		add_version(b, pr_version_sent(o->attempts, o->version));
	if (o->flags & PR_OUTCOME_LATE)
		pr_buf_adds(b, ",\"late\":true");
}

/* The shelf does not change while readers are at work. */
static struct named *
find_named(struct reading *g, uint32_t serial)
{
	struct pr_control *c = g->request->control;
	struct named *n = pr_map_get(&g->campaigns, serial);
	if (n || !serial)
		return n;
	PR_LIST_EACH(link, &c->shelf) {
		const struct shelved *s = PR_CONTAINER(link, struct shelved, link);
		struct pr_buf dir = {0};
		if (s->serial != serial)
			continue;
		n = pr_calloc(1, sizeof *n);
		memcpy(n->id, s->id, sizeof n->id);
		n->owner = s->owner;
		pr_buf_addf(&dir, "%s/%s", g->done_dir, s->id);
		n->dir = dir.data;
		pr_map_put(&g->campaigns, serial, n);
		break;
	}
	return n;
}

/* What a record says as an event. `sending` is told live only: intents are many. */
struct told {
	struct pr_outcome outcome;
	struct pr_change change;
	bool has_outcome, has_change;
	uint16_t version; /* a row begins to be sent with it; 0: not that */
	struct pr_str type;
};

static bool
is_told(const struct reading *g, const struct pr_record *r, struct told *t)
{
	struct pr_str payload = pr_str_n(r->payload, r->payload_n);
	*t = (struct told){.type = PR_STR("sending")};
	switch (r->type) {
	case PR_RECORD_INTENT:
		return g->stream != NULL && pr_intent_decode(payload, &t->version) == 0;
	case PR_RECORD_OUTCOME:
		t->has_outcome = pr_outcome_decode(payload, &t->outcome) == 0;
		if (t->has_outcome)
			t->type = pr_str(pr_state_word((enum pr_state)t->outcome.state));
		return t->has_outcome && t->outcome.state != PR_PENDING;
	case PR_RECORD_CAMPAIGN:
	case PR_RECORD_GLOBAL:
	case PR_RECORD_MASS:
		t->has_change = pr_change_decode(payload, &t->change) == 0;
		t->type = t->change.verb;
		return t->has_change;
	default: return false;
	}
}

static void
add_event(struct reading *g, const struct pr_record *r, const struct told *t)
{
	char at[PR_RFC3339_SIZE];
	struct named *n = find_named(g, r->campaign);
	struct pr_buf *b = &g->out;
	if (g->stream)
		pr_buf_addf(b, "id: %llu\ndata: ", (unsigned long long)r->lsn);
	else if (g->n)
		pr_buf_addc(b, ',');
	pr_buf_addf(b, "{\"id\":%llu,\"at\":\"%s\",\"type\":", (unsigned long long)r->lsn,
	            pr_format_rfc3339(r->at_ms, at));
	pr_buf_add_json(b, t->type);
	if (n)
		add_text(b, "campaign", pr_str(n->id));
	if (r->row)
		add_row(g, n, r->row);
	if (t->version)
		add_version(b, t->version);
	if (t->has_outcome)
		add_outcome(b, &t->outcome, may_see(g, n));
	if (t->has_change) {
		add_text(b, "by", t->change.by);
		if (may_see(g, n))
			add_text(b, "detail", t->change.detail);
	}
	pr_buf_adds(b, g->stream ? "}\n\n" : "}");
	g->n++;
}

/* ---- reading ---- */

static void
read_journal(struct reading *g, pr_cursor *cursor)
{
	struct pr_record r;
	struct told told;
	int got = 0;
	while (g->n < g->max && g->out.len < BUFFER_MAX &&
	       (got = pr_cursor_next(cursor, g->limit, &r, &g->error)) > 0) {
		if (r.lsn <= g->after && g->seen)
			continue;
		g->last = r.lsn;
		g->moved = true;
		if (is_told(g, &r, &told))
			add_event(g, &r, &told);
	}
	if (got < 0)
		g->result = got;
}

void
reading_work(struct pr_job *job, void *worker)
{
	(void)worker;
	struct reading *g = PR_CONTAINER(job, struct reading, job);
	pr_cursor *cursor = NULL;
	g->last = g->after;
	g->result = pr_cursor_open(g->journal_dir, g->after, &cursor, &g->error);
	if (g->result == PR_ENOENT && cursor)
		g->result = 0; /* begins with the oldest that is kept */
	if (g->result == 0)
		read_journal(g, cursor);
	if (cursor)
		pr_cursor_close(cursor);
	for (size_t i = 0; i < g->campaigns.cap; i++) {
		struct named *n = g->campaigns.slots[i].value;
		if (n && n->ledger)
			pr_ledger_close(n->ledger);
	}
}

static void
name_campaigns(struct reading *g, pr_delivery *d)
{
	for (pr_campaign *c = pr_delivery_next(d, NULL); c; c = pr_delivery_next(d, c)) {
		struct pr_campaign_view v;
		struct named *n = pr_calloc(1, sizeof *n);
		pr_campaign_view(c, &v);
		snprintf(n->id, sizeof n->id, "%s", v.id);
		n->dir = pr_strdup(v.dir);
		n->owner = v.owner;
		if (v.content) {
			n->content = (pr_content *)v.content;
			pr_content_ref(n->content);
		}
		pr_map_put(&g->campaigns, v.serial, n);
	}
}

struct reading *
reading_create(struct request *q, uint64_t after, bool seen, unsigned max)
{
	struct pr_control *c = q->control;
	struct reading *g = pr_calloc(1, sizeof *g);
	g->request = q;
	struct pr_buf done = {0};
	pr_buf_addf(&done, "%s/done", c->options.config->spool.p);
	g->done_dir = done.data;
	g->journal_dir = pr_strdup(c->options.journal_dir);
	g->after = after;
	g->seen = seen;
	g->limit = pr_journal_durable(c->options.journal);
	g->max = max;
	name_campaigns(g, c->options.delivery);
	return g;
}

void
reading_free(struct reading *g)
{
	for (size_t i = 0; i < g->campaigns.cap; i++) {
		struct named *n = g->campaigns.slots[i].value;
		if (n && n->content)
			pr_content_unref(n->content);
		if (n)
			free(n->dir);
		free(n);
	}
	pr_map_finish(&g->campaigns);
	pr_buf_finish(&g->out);
	free(g->journal_dir);
	free(g->done_dir);
	free(g);
}
