/*
 * The folder is opened before the loop runs: from where state.db says that a restart begins to
 * read, to the end of the journal, so that the loop begins with all that is known.
 */
#include "fold.h"

#include <stdlib.h>

int
fold_recovered(struct pr_delivery *d, struct pr_error *e)
{
	struct folder *f = d->folder;
	for (unsigned i = 0; i < f->failed_n; i++) {
		struct pr_campaign *c = pr_map_get(&d->by_serial, f->failed[i].serial);
		if (c) {
			c->ledger = NULL;
			campaign_note_error(c, f->failed[i].error.text);
		}
	}
	f->failed_n = 0;
	d->folded = d->released_at = f->position;
	d->kept_back = finished_needs(f->finished);
	d->outcome_records = d->fold_records = f->folded_records;
	d->paused_all = f->paused_all;
	d->caps_need = pr_caps_needs(f->caps);
	return pr_statedb_set_folded(f->statedb, f->kept.lsn, f->paused_all, e);
}

int
fold_open(struct pr_delivery *d, const struct replay_from *from, struct pr_error *e)
{
	struct folder *f = pr_calloc(1, sizeof *f);
	f->journal_dir = pr_strdup(d->options.journal_dir);
	f->statedb = d->options.statedb;
	f->finished = finished_create(d->config->spool.p, f->statedb);
	f->records = pr_alloc(FOLD_SLICE * sizeof *f->records);
	f->kept = *from;
	f->position = from->lsn;
	f->start_end = pr_journal_end(d->journal);
	read_boot_id(f->boot);
	pr_arena_init(&f->arena);
	d->folder = f;
	int r = fold_caps_open(f, d->config->state.p, e);
	if (r < 0)
		return r;
	r = pr_statedb_paused_all(f->statedb, &f->paused_all, e);
	if (r == 0)
		r = pr_cursor_open(f->journal_dir, from->lsn, &f->cursor, e);
	if (r == PR_ENOENT && f->cursor)
		r = 0; /* older segments were released: what is there is all that is needed */
	return r;
}

static void
close_ledgers(struct pr_map *ledgers)
{
	for (size_t i = 0; i < ledgers->cap; i++)
		if (ledgers->slots[i].value)
			pr_ledger_close(ledgers->slots[i].value);
	pr_map_finish(ledgers);
}

void
fold_close(struct pr_delivery *d)
{
	struct folder *f = d->folder;
	close_ledgers(&f->ledgers);
	close_ledgers(&f->taken_out);
	finished_destroy(f->finished);
	if (f->cursor)
		pr_cursor_close(f->cursor);
	fold_caps_close(f);
	free(f->answers);
	free(f->hard.rows);
	pr_arena_finish(&f->arena);
	free(f->records);
	free(f->journal_dir);
	free(f);
	d->folder = NULL;
}
