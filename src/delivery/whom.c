/*
 * Whom a row was for. A campaign's folder is under active/ or done/, and may move from the one to
 * the other while it is looked for: where it is not there, it is looked for once more.
 */
#include "internal.h"

#include "postrider/delivery/whom.h"

#include <stdio.h>
#include <unistd.h>

static bool
is_there(struct pr_whom *w, const struct pr_config *config, const char *parent, const char *id)
{
	int n = snprintf(w->dir, sizeof w->dir, "%s/%s/%s", config->spool.p, parent, id);
	return n < (int)sizeof w->dir && access(w->dir, F_OK) == 0;
}

static int
find_folder(struct pr_whom *w, pr_statedb *db, const struct pr_config *config, uint32_t serial,
            struct pr_error *e)
{
	struct pr_accepted a;
	int r = pr_statedb_campaign(db, serial, &a, e);
	if (r < 0)
		return r;
	if (is_there(w, config, "active", a.id) || is_there(w, config, "done", a.id) ||
	    is_there(w, config, "active", a.id))
		return 0;
	return pr_fail(e, PR_ENOENT, "the folder of %s is gone", a.id);
}

/* What the row says in the column of languages; empty where there is none. */
static struct pr_str
row_language(pr_ledger *l, const struct pr_manifest *m, const struct pr_row *row,
             struct pr_arena *arena)
{
	struct pr_str *names, *fields;
	size_t n = m->language.column.p ? pr_ledger_columns(l, arena, &names) : 0;
	fields = pr_arena_zero(arena, (n + 1) * sizeof *fields);
	pr_fields_unpack(row->data, fields, n);
	for (size_t i = 0; i < n; i++)
		if (pr_str_eq(names[i], pr_text_str(&m->language.column)))
			return fields[i];
	return PR_STR("");
}

static const char *
choose_language(pr_ledger *l, const struct pr_manifest *m, const struct pr_config *config,
                const struct pr_row *row)
{
	const char *languages[PR_MANIFEST_LANGUAGES_MAX];
	struct pr_arena arena;
	size_t n =
	    m->editions_n < PR_MANIFEST_LANGUAGES_MAX ? m->editions_n : PR_MANIFEST_LANGUAGES_MAX;
	for (size_t i = 0; i < n; i++)
		languages[i] = m->editions[i].language;
	pr_arena_init(&arena);
	size_t at = pr_manifest_edition_for(languages, n, row_language(l, m, row, &arena));
	pr_arena_finish(&arena);
	const struct pr_brand *b =
	    m->brand.p ? pr_config_brand(config, pr_text_str(&m->brand)) : NULL;
	return languages[at]            ? languages[at]
	       : m->language.fallback.p ? m->language.fallback.p
	       : b && b->language.p     ? b->language.p
	                                : "";
}

static int
read_row(struct pr_whom *w, pr_ledger *l, const struct pr_config *config, uint32_t row,
         struct pr_error *e)
{
	struct pr_batch *b;
	int r = pr_ledger_row(l, row, &b, e);
	if (r < 0)
		return r;
	snprintf(w->address, sizeof w->address, "%.*s", (int)b->rows[0].email.n,
	         b->rows[0].email.p);
	w->first_ms = b->rows[0].first_ms;
	struct pr_manifest *m = work_load_manifest(w->dir, b->rows[0].version, "campaign", e);
	if (m) {
		struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
		struct pr_str name = m->from.name.n ? m->from.name : domain;
		w->campaign = pr_manifest_who(m);
		snprintf(w->language, sizeof w->language, "%s",
		         choose_language(l, m, config, &b->rows[0]));
		pr_str_show(name, w->sender, sizeof w->sender);
		pr_manifest_destroy(m);
	}
	pr_batch_unref(b);
	return m ? 0 : PR_ECORRUPT;
}

int
pr_whom_find(struct pr_whom *out, pr_statedb *db, const struct pr_config *config, uint32_t serial,
             uint32_t row, struct pr_error *e)
{
	char path[4200];
	pr_ledger *l;
	*out = (struct pr_whom){0};
	int r = find_folder(out, db, config, serial, e);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/ledger.db", out->dir);
	r = pr_ledger_open(path, PR_LEDGER_READ, &l, e);
	if (r < 0)
		return r;
	r = read_row(out, l, config, row, e);
	pr_ledger_close(l);
	return r;
}
