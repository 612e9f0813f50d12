/*
 * Recovery: delivery as it was, from the ledgers and the journal. Runs before the loop,
 * on its thread; the folder lane has nothing to do yet.
 *
 *   ledgers under active/ opened -> journal read from where state.db says:
 *     outcomes are folded; intents without an outcome are open
 *     at a START of the same boot: open intents without a wire mark are void (the process
 *       was killed before their last octets left): their rows are what they were
 *     at a START of another boot (power cut): every open intent may have been sent
 *   -> what is open at the end came to be in doubt: an outcome says so
 *
 * Killed in the middle of this, the next start reads the same records and comes to the
 * same result: a START voids nothing twice.
 */
#include "internal.h"

#include "postrider/base/file.h"
#include "postrider/base/log.h"
#include "postrider/campaign/names.h"
#include "postrider/campaign/version.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the due clock across restarts ---- */

void
read_boot_id(char out[PR_BOOT_ID_SIZE])
{
	struct pr_buf b = {0};
	out[0] = 0;
	if (pr_file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 100, &b, NULL) == 0)
		snprintf(out, PR_BOOT_ID_SIZE, "%.36s", b.data);
	pr_buf_finish(&b);
}

static int64_t
boottime_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
clock_text(int64_t due_ms, int64_t wall_ms, char *out, size_t size)
{
	char boot[PR_BOOT_ID_SIZE];
	read_boot_id(boot);
	snprintf(out, size, "%lld %lld %lld %s", (long long)due_ms, (long long)wall_ms,
	         (long long)boottime_ms(), boot);
}

/* In the same boot the kernel knows how long the daemon was away. In another one only the
 * wall clock does, and it never takes the due clock back. */
static int64_t
clock_resume(const char *text)
{
	long long due, wall, boottime;
	char boot[PR_BOOT_ID_SIZE], now_boot[PR_BOOT_ID_SIZE];
	if (!text || sscanf(text, "%lld %lld %lld %39s", &due, &wall, &boottime, boot) != 4)
		return pr_utc_ms();
	read_boot_id(now_boot);
	int64_t away = strcmp(boot, now_boot) == 0 ? boottime_ms() - boottime : pr_utc_ms() - wall;
	return due + (away > 0 ? away : 0);
}

static void
resume_clock(struct pr_delivery *d)
{
	struct pr_buf text = {0};
	int r = pr_statedb_get(d->options.statedb, "clock", &text);
	d->due_offset_ms = clock_resume(r == 0 ? text.data : NULL) - pr_mono_ms();
	pr_buf_finish(&text);
}

/* ---- open intents ---- */

struct open_row {
	uint32_t campaign, row;
	struct pr_intent granted; /* with what */
	bool wired;
};

struct replay {
	struct pr_delivery *delivery;
	struct pr_map open;         /* campaign << 32 | row -> struct open_row */
	char boot[PR_BOOT_ID_SIZE]; /* of the last START */
};

static uint64_t
key_of(const struct pr_record *r)
{
	return (uint64_t)r->campaign << 32 | r->row;
}

static void
on_intent(struct replay *p, const struct pr_record *r)
{
	struct open_row *o = pr_calloc(1, sizeof *o);
	if (pr_intent_decode(pr_str_n(r->payload, r->payload_n), &o->granted) < 0)
		o->granted.version = 1; /* what matters more is that it is open */
	o->campaign = r->campaign;
	o->row = r->row;
	free(pr_map_put(&p->open, key_of(r), o));
}

static void
on_start(struct replay *p, const struct pr_record *r)
{
	char boot[PR_BOOT_ID_SIZE];
	snprintf(boot, sizeof boot, "%.*s", (int)r->payload_n, r->payload ? r->payload : "");
	bool same = p->boot[0] == 0 || strcmp(boot, p->boot) == 0;
	struct pr_map kept = {0};
	for (size_t i = 0; i < p->open.cap; i++) {
		struct open_row *o = p->open.slots[i].value;
		if (!o)
			continue;
		o->wired |= !same;
		if (o->wired)
			pr_map_put(&kept, p->open.slots[i].key, o);
		else
			free(o);
	}
	pr_map_finish(&p->open);
	p->open = kept;
	snprintf(p->boot, sizeof p->boot, "%s", boot);
}

static void
on_record(struct replay *p, const struct pr_record *r)
{
	struct open_row *o;
	switch (r->type) {
	case PR_RECORD_INTENT: on_intent(p, r); break;
	case PR_RECORD_WIRE:
		if (!pr_map_get(&p->open, key_of(r))) /* written again without its intent */
			on_intent(p, r);
		o = pr_map_get(&p->open, key_of(r));
		o->wired = true;
		break;
	case PR_RECORD_OUTCOME: free(pr_map_remove(&p->open, key_of(r))); break;
	case PR_RECORD_START: on_start(p, r); break;
	default: break;
	}
}

static int
replay_open(struct replay *p, uint64_t from, struct pr_error *e)
{
	pr_cursor *cursor = NULL;
	struct pr_record r;
	uint64_t end = pr_journal_written(p->delivery->journal);
	int result = pr_cursor_open(p->delivery->options.journal_dir, from, &cursor, e);
	if (result == PR_ENOENT && cursor)
		result = 0;
	while (result >= 0 && (result = pr_cursor_next(cursor, end, &r, e)) > 0)
		on_record(p, &r);
	if (cursor)
		pr_cursor_close(cursor);
	return result;
}

/* The counts of a row that was open. One that was on its way when a mark was made is not
 * among those the mark took, though the ledger, which knows no intents, says so. */
static bool
count_open(struct pr_campaign *c, uint32_t row, enum pr_state from)
{
	if (c->mass != PR_STATES && from == c->mass) {
		counts_of(c, row)->of[from]--;
		counts_of(c, row)->of[PR_SENDING]++;
	} else if (from == PR_PENDING || from == PR_DEFERRED || from == PR_IN_DOUBT)
		counts_move(c, row, from, PR_SENDING);
	else
		return false;
	return true;
}

static int
doubt(struct pr_campaign *c, uint32_t row, const struct pr_intent *granted, struct pr_error *e)
{
	struct pr_batch *b;
	int r = pr_ledger_row(c->ledger, row, &b, e);
	if (r < 0)
		return r == PR_ENOENT ? 0 : r;
	const struct pr_row *known = &b->rows[0];
	enum pr_state from = (enum pr_state)known->state;
	struct pr_outcome o = {.state = PR_IN_DOUBT,
	                       .attempts = (uint16_t)(known->attempts + 1),
	                       .doubts = (uint16_t)(known->doubts + 1),
	                       .version = granted->version,
	                       .variant = granted->variant,
	                       .first_ms = known->first_ms ? known->first_ms : campaign_now(c),
	                       .reply = PR_STR("the daemon ended before the answer came")};
	if (count_open(c, row, from)) {
		counts_move(c, row, PR_SENDING, PR_IN_DOUBT);
		outcome_doubt_policy(c, row, &o);
		if (c->mass != PR_STATES)
			counts_hold_doubts(c);
		counts_of(c, row)->attempts++;
		counts_tried(c, row, known->attempts);
		outcome_append(c, row, &o);
		c->fresh_after = c->last_lsn;
	}
	pr_batch_unref(b);
	return 0;
}

static int
settle_open(struct replay *p, struct pr_error *e)
{
	unsigned n = 0;
	int result = 0;
	for (size_t i = 0; i < p->open.cap && result == 0; i++) {
		struct open_row *o = p->open.slots[i].value;
		struct pr_campaign *c = o ? pr_map_get(&p->delivery->by_serial, o->campaign) : NULL;
		if (c && c->ledger && !c->restored) {
			result = doubt(c, o->row, &o->granted, e);
			n++;
		}
	}
	if (n)
		PR_LOG(PR_LOG_WARNING, "in_doubt", "%u rows were on the wire when the daemon ended",
		       n);
	return result;
}

/* ---- campaigns under active/ ---- */

static int64_t
fact(pr_ledger *l, const char *key)
{
	struct pr_buf text = {0};
	long long value = 0;
	if (pr_ledger_get(l, key, &text) == 0)
		value = strtoll(text.data, NULL, 10);
	pr_buf_finish(&text);
	return value;
}

static void
restore_facts(struct pr_campaign *c)
{
	pr_ledger *l = c->ledger;
	c->state = (enum pr_campaign_state)fact(l, "state");
	c->reason = (enum pr_reason)fact(l, "reason");
	if ((unsigned)c->state >= PR_CAMPAIGN_STATES)
		c->state = PR_CAMPAIGN_IMPORTING; /* as without any record: judged again */
	if (c->state == PR_CAMPAIGN_SENDING || c->state == PR_CAMPAIGN_FAILED ||
	    c->state == PR_CAMPAIGN_FINISHED)
		c->state = PR_CAMPAIGN_SCHEDULED; /* the gate opens again by itself */
	int64_t version = fact(l, "version");
	c->version = version > 1 && version <= UINT16_MAX ? (uint16_t)version : 1;
	c->overridden = fact(l, "at_" PR_OVERRIDE_VERB) != 0;
	c->approved = c->overridden || fact(l, "at_approve") != 0;
	c->started_ms = fact(l, "at_begin");
	c->first_pass_ms = fact(l, "at_first_pass");
	slices_restore(c);
	variants_restore(c);
	free(c->by);
	c->by = pr_strdup("postriderd");
}

static struct pr_campaign *
restore_campaign(struct pr_delivery *d, const char *dir, pr_ledger *l,
                 const struct pr_accepted *accepted, bool restored)
{
	struct pr_ledger_identity id;
	pr_ledger_identity(l, &id);
	if (pr_map_get(&d->by_serial, id.serial)) {
		PR_LOG(PR_LOG_ERROR, "campaign_copied", "%s has the number of another campaign",
		       dir);
		return NULL;
	}
	struct pr_campaign *c = campaign_create(d, id.id, id.serial, dir, accepted->owner);
	c->ledger = l;
	c->accepted_ms = accepted->accepted_ms;
	work_timed_read(&c->timed, l);
	restore_facts(c);
	c->restored = restored;
	return c;
}

/* name: the campaign's, unless the manifest has one. */
static void
load_manifest(struct pr_campaign *c, const char *name)
{
	struct pr_error e = {0};
	char *given = pr_strdup(name);    /* it may be c->name */
	struct pr_manifest *first = NULL; /* its name is the campaign's */
	if (c->version > 1)
		first = work_load_manifest(c->dir, 1, given, &e);
	pr_manifest_destroy(c->manifest);
	c->manifest = NULL;
	struct pr_manifest *m =
	    work_load_manifest(c->dir, c->version, first ? first->name.p : given, &e);
	pr_manifest_destroy(first);
	free(given);
	if (m)
		campaign_adopt_manifest(c, m);
	else
		campaign_note_error(c, e.text);
}

/* By the name of the folder when it was dropped; empty (zeroes): not known. */
static void
load_first(struct pr_campaign *c, const struct pr_accepted *accepted)
{
	struct pr_buf name = {0};
	if (!pr_name_normal(accepted->name, &name))
		pr_buf_adds(&name, c->id);
	load_manifest(c, name.data);
	pr_buf_finish(&name);
}

/* Copies of corrections that never came into force. */
static void
sweep_versions(const struct pr_campaign *c)
{
	int dir = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	pr_version_sweep(dir, c->version);
	close(dir);
}

/* Nothing is known of its rows, but that it is there and why it does not go on. */
static void
show_unreadable(struct pr_delivery *d, const char *name, const char *dir,
                const struct pr_error *why)
{
	struct pr_accepted a;
	if (pr_statedb_campaign_by_id(d->options.statedb, name, &a, NULL) < 0 ||
	    pr_map_get(&d->by_serial, a.serial))
		return;
	struct pr_campaign *c = campaign_create(d, name, a.serial, dir, a.owner);
	c->accepted_ms = a.accepted_ms;
	c->state = PR_CAMPAIGN_FAILED;
	campaign_note_error(c, why->text);
}

static int
open_campaign(struct pr_delivery *d, const char *name, struct pr_error *e)
{
	char dir[4096], path[4200];
	snprintf(dir, sizeof dir, "%s/active/%s", d->config->spool.p, name);
	snprintf(path, sizeof path, "%s/ledger.db", dir);
	pr_ledger *l;
	struct pr_error why;
	int r = pr_ledger_open(path, PR_LEDGER_FOLD, &l, &why);
	if (r == PR_ENOENT || r == PR_ESTATE)
		return 0; /* intake has it, or its import was not finished: intake does it again */
	if (r < 0) {
		PR_LOG(PR_LOG_ERROR, "ledger_unreadable", "%s: %s", name, why.text);
		if (r == PR_EIO || r == PR_ENOSPC)
			return pr_fail(e, r, "%s: %s", name, why.text);
		show_unreadable(d, name, dir, &why);
		return 0;
	}
	bool restored;
	r = pr_statedb_check_ledger(d->options.statedb, l, &restored, e);
	struct pr_accepted accepted = {0};
	struct pr_ledger_identity id;
	pr_ledger_identity(l, &id);
	if (r == 0)
		pr_statedb_campaign(d->options.statedb, id.serial, &accepted, &why);
	struct pr_campaign *c = r == 0 ? restore_campaign(d, dir, l, &accepted, restored) : NULL;
	if (!c) {
		pr_ledger_close(l);
		return r;
	}
	load_first(c, &accepted);
	if (!restored) /* what the journal says is not about this copy */
		fold_adopt(d, c->serial, l);
	return 0;
}

static int
open_campaigns(struct pr_delivery *d, struct pr_error *e)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/active", d->config->spool.p);
	DIR *dir = opendir(path);
	int r = 0;
	if (!dir)
		return pr_fail_errno(e, "cannot open %s", path);
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			r = open_campaign(d, entry->d_name, e);
	closedir(dir);
	return r;
}

int
campaign_read_counts(struct pr_campaign *c, struct pr_error *e)
{
	int r = pr_ledger_counts(c->ledger, &c->counts, e);
	if (r == 0)
		r = pr_ledger_seed_counts(c->ledger, &c->seeds, e);
	if (r == 0)
		r = pr_ledger_engagements(c->ledger, &c->engaged, e);
	if (r == 0)
		r = pr_ledger_earned(c->ledger, &c->earned, e);
	if (r == 0)
		r = series_restore(c, e);
	c->untried = c->counts.of[PR_PENDING];
	c->cursor = pr_ledger_first_fresh(c->ledger);
	c->next_due_ms = 0; /* ask the ledger */
	c->mass = pr_ledger_mass(c->ledger);
	c->mass_done = c->mass == PR_STATES;
	if (c->mass != PR_STATES) {
		counts_hold_doubts(c);
		c->next_due_ms = INT64_MAX;
		c->fresh_end = true;
	}
	return r;
}

/* Killed between its import and its first record: what the import had found is said again. A
 * ledger of an older daemon does not tell bad rows apart: rather held once too often. */
static void
judge_import(struct pr_campaign *c)
{
	struct pr_recipients_result r = {.rows = c->counts.total,
	                                 .skipped = c->counts.of[PR_SKIPPED]};
	struct pr_buf told = {0};
	uint64_t bad = r.skipped;
	if (pr_ledger_get(c->ledger, PR_FACT_BAD, &told) == 0)
		bad = strtoull(told.data, NULL, 10);
	pr_buf_finish(&told);
	pr_recipients_judge(&c->manifest->recipients, bad, &r);
	campaign_first_state(c, &r);
}

static void
make_ready(struct pr_campaign *c)
{
	struct pr_error e = {0};
	struct pr_content_source source = {0};
	if (!c->ledger) { /* it could not be read or folded */
		campaign_fail(c, c->last_error);
		return;
	}
	if (c->manifest)
		source = pr_content_source_of(c->manifest, c->delivery->config);
	source.campaign_id = c->id;
	source.serial = c->serial;
	if (!c->manifest ||
	    work_compile(&source, c->dir, c->version, c->ledger, &c->content, &e) < 0 ||
	    content_keep_links(c->delivery->config, c->serial, c->content, &e) < 0)
		campaign_fail(c, c->manifest ? e.text : c->last_error);
	else if (c->restored && c->state != PR_CAMPAIGN_CANCELLED)
		campaign_move(c, PR_CAMPAIGN_HELD, PR_REASON_RESTORED, "hold", "postriderd",
		              "the folder comes from a backup or another daemon");
	else if (c->state == PR_CAMPAIGN_IMPORTING)
		judge_import(c);
}

/* A campaign that had finished, under active/ again. Its ledger becomes the folder lane's when
 * this returns 0. */
int
recover_reopened(struct pr_delivery *d, const char *dir, pr_ledger *l,
                 const struct pr_accepted *accepted, struct pr_error *e)
{
	struct pr_campaign *c = restore_campaign(d, dir, l, accepted, false);
	if (!c)
		return pr_fail(e, PR_ESTATE, "%s has the number of another campaign", dir);
	load_first(c, accepted);
	int r = campaign_read_counts(c, e);
	if (r == 0)
		make_ready(c);
	else
		campaign_destroy(c);
	return r;
}

static struct replay_from
read_replay_from(struct pr_delivery *d)
{
	struct pr_buf text = {0};
	struct replay_from from = {0};
	unsigned long long lsn = 0;
	if (pr_statedb_get(d->options.statedb, "replay", &text) == 0 &&
	    sscanf(text.data, "%llu %39s", &lsn, from.boot) >= 1)
		from.lsn = lsn;
	pr_buf_finish(&text);
	return from;
}

/* ---- before the journal is opened ---- */

uint64_t
pr_delivery_floor(const struct pr_config *config)
{
	char path[4096];
	uint64_t floor = 0;
	struct pr_error e;
	snprintf(path, sizeof path, "%s/active", config->spool.p);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char file[4400];
		pr_ledger *l;
		snprintf(file, sizeof file, "%s/%s/ledger.db", path, entry->d_name);
		if (entry->d_name[0] == '.' || pr_ledger_open(file, PR_LEDGER_READ, &l, &e) < 0)
			continue;
		if (pr_ledger_folded(l) > floor)
			floor = pr_ledger_folded(l);
		pr_ledger_close(l);
	}
	if (dir)
		closedir(dir);
	pr_caps *caps;
	snprintf(path, sizeof path, "%s/caps.db", config->state.p);
	if (pr_caps_open(path, false, &caps, &e) == 0) {
		floor = pr_caps_needs(caps) > floor ? pr_caps_needs(caps) : floor;
		pr_caps_close(caps);
	}
	return floor;
}

/* What it was when its ledger was opened, and what the rest of the journal made of it. */
static void
read_again(struct pr_campaign *c)
{
	unsigned before = c->version;
	restore_facts(c);
	if (c->version != before)
		load_manifest(c, c->name);
	if (!c->restored) /* its ledger may be older than its versions */
		sweep_versions(c);
}

int
recover_run(struct pr_delivery *d, struct pr_error *e)
{
	struct replay_from from = read_replay_from(d);
	struct replay p = {.delivery = d};
	memcpy(p.boot, from.boot, sizeof p.boot);
	resume_clock(d);
	int r = fold_open(d, &from, e);
	if (r == 0)
		r = open_campaigns(d, e);
	if (r == 0)
		r = work_fold_to(d->folder, pr_journal_durable(d->journal), e);
	if (r == 0)
		r = fold_recovered(d, e);
	PR_LIST_EACH(link, &d->campaigns) {
		struct pr_campaign *c = PR_CONTAINER(link, struct pr_campaign, link);
		if (r == 0 && c->ledger) {
			read_again(c);
			r = campaign_read_counts(c, e);
		}
	}
	if (r == 0)
		r = replay_open(&p, from.lsn, e);
	PR_LIST_EACH(link, &d->campaigns)
		if (r == 0)
			make_ready(PR_CONTAINER(link, struct pr_campaign, link));
	if (r == 0)
		r = settle_open(&p, e);
	caps_recovered(d);
	for (size_t i = 0; i < p.open.cap; i++)
		free(p.open.slots[i].value);
	pr_map_finish(&p.open);
	return r;
}
