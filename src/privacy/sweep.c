/*
 * Who came back? A folder from a backup may hold people who were forgotten since. Each ledger says
 * how many had been forgotten when it was free of all of them; where that is not how many there
 * are, its addresses are looked up by their hashes. Whoever is found is forgotten again, as if
 * ordered anew: that finds them wherever else they came back.
 */
#include "internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_UP_EVERY 1024u /* rows of one state of the audience */

struct looking {
	struct sweep *s;
	pr_audience *audience;
	unsigned n;
	int result;
};

static bool
is_known(const struct sweep *s, const struct pr_mailbox *m)
{
	for (size_t i = 0; i < s->found_n; i++)
		if (pr_str_eq_nocase(pr_str(s->found[i].address), pr_str(m->address)))
			return true;
	return false;
}

static void
keep(struct sweep *s, struct pr_str email)
{
	struct pr_mailbox m;
	const char *why;
	if (pr_mailbox_parse(email, &m, &why) < 0 || is_known(s, &m))
		return;
	s->found = pr_realloc(s->found, (s->found_n + 1) * sizeof *s->found);
	s->found[s->found_n++] = m;
}

static bool
look_up(void *context, uint32_t row, struct pr_str email)
{
	struct looking *l = context;
	uint64_t generation;
	(void)row;
	if (l->n++ % LOOK_UP_EVERY == 0) {
		pr_audience_end(l->audience);
		l->result = pr_audience_begin(l->audience, &generation, &l->s->error);
	}
	if (l->result == 0 && email.n)
		l->result = pr_audience_forgotten(l->audience, email, &l->s->error);
	if (l->result == 1) {
		keep(l->s, email);
		l->result = 0;
	}
	return l->result == 0 && l->s->found_n < SWEEP_MAX;
}

static bool
is_swept(pr_ledger *l, uint64_t forgets)
{
	struct pr_buf text = {0};
	uint64_t n;
	bool swept = pr_ledger_get(l, PR_FACT_FORGETS, &text) == 0 &&
	             pr_str_u64(pr_buf_str(&text), &n) && n == forgets;
	pr_buf_finish(&text);
	return swept;
}

/* A ledger that names nobody is so as of now. */
static int
sweep_ledger(struct sweep *s, pr_audience *a, pr_ledger *l, uint64_t forgets)
{
	struct looking looking = {.s = s, .audience = a};
	size_t before = s->found_n;
	char now[24];
	int r = pr_ledger_emails(l, look_up, &looking, &s->error);
	pr_audience_end(a);
	if (r == 0)
		r = looking.result;
	snprintf(now, sizeof now, "%llu", (unsigned long long)forgets);
	if (r == 0 && s->found_n == before && s->found_n < SWEEP_MAX)
		r = pr_ledger_set(l, PR_FACT_FORGETS, pr_str(now), &s->error);
	return r;
}

static void
sweep_folder(struct sweep *s, pr_audience *a, const char *parent, uint64_t forgets)
{
	char path[4400];
	struct pr_error e;
	snprintf(path, sizeof path, "%s/%s", s->spool, parent);
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		char file[4700];
		pr_ledger *l;
		snprintf(file, sizeof file, "%s/%s/ledger.db", path, entry->d_name);
		if (entry->d_name[0] == '.' || s->found_n >= SWEEP_MAX ||
		    pr_ledger_open(file, PR_LEDGER_FOLD, &l, &e) < 0)
			continue; /* no ledger, or one that nobody reads */
		int r = is_swept(l, forgets) ? 0 : sweep_ledger(s, a, l, forgets);
		if (r < 0)
			s->result = r;
		pr_ledger_close(l);
	}
	if (d)
		closedir(d);
}

void
work_sweep(struct sweep *s)
{
	struct pr_audience_counts n;
	uint64_t forgets = 0;
	pr_audience *a;
	s->result = pr_audience_open(s->audience_path, PR_AUDIENCE_READ, &a, &s->error);
	if (s->result < 0)
		return;
	s->result = pr_audience_counts(a, &n, &s->error);
	if (s->result == 0)
		s->result = pr_audience_forgets(a, &forgets, &s->error);
	if (s->result == 0 && n.hashed) {
		sweep_folder(s, a, "active", forgets);
		sweep_folder(s, a, "done", forgets);
	}
	pr_audience_close(a);
}
