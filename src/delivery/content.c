/*
 * A version of a campaign's content, compiled: for what is sent, for what is to be sent, and
 * for whoever wants to look at a row's message. On a lane, or before the loop runs.
 */
#include "internal.h"

#include "postrider/campaign/version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A Message-ID is a function of campaign and row, also when a correction changes From: where
 * the host's name cannot be used the domain is that of the first version. */
static void
pin_id_domain(struct pr_content_source *s, int campaign, char out[256])
{
	struct pr_problems ignored = {0};
	struct pr_manifest *m = NULL;
	if (s->hostname && strchr(s->hostname, '.'))
		return;
	if (pr_manifest_load_content(campaign, "", &ignored, &m) == 0) {
		struct pr_str domain = pr_mailbox_domain(&m->from.mailbox);
		snprintf(out, 256, "%.*s", (int)domain.n, domain.p);
		s->hostname = out;
	}
	pr_manifest_destroy(m);
	pr_problems_finish(&ignored);
}

int
content_compile(struct pr_content_source *s, int campaign, unsigned version, pr_ledger *l,
                struct pr_problems *problems, pr_content **out)
{
	struct pr_arena arena;
	struct pr_str *columns = NULL;
	char domain[256];
	pr_arena_init(&arena);
	s->columns_n = pr_ledger_columns(l, &arena, &columns);
	s->columns = columns;
	if (version > 1)
		pin_id_domain(s, campaign, domain);
	int r = pr_content_compile(s, problems, out);
	s->columns = NULL;
	s->hostname = NULL;
	pr_arena_finish(&arena);
	return r;
}

int
content_keep_links(const struct pr_config *config, uint32_t serial, const pr_content *c,
                   struct pr_error *e)
{
	char path[4200];
	size_t n;
	pr_statedb *db = NULL;
	const struct pr_state_link *links = pr_content_links(c, &n);
	if (n == 0)
		return 0;
	snprintf(path, sizeof path, "%s/state.db", config->state.p);
	int r = pr_statedb_open(path, &db, e);
	if (r == 0)
		r = pr_statedb_put_links(db, serial, links, n, e);
	pr_statedb_close(db);
	return r;
}

static void
tell_first(const struct pr_problems *p, int code, struct pr_error *e)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->items[i].severity == PR_PROBLEM) {
			pr_fail(e, code, "%s:%u: %s", p->items[i].file, p->items[i].line,
			        p->items[i].what);
			return;
		}
}

int
work_compile(struct pr_content_source *source, const char *dir, unsigned version, pr_ledger *ledger,
             pr_content **out, struct pr_error *e)
{
	struct pr_problems problems = {0};
	int campaign = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source->dir = campaign < 0 ? -1 : pr_version_open(campaign, version);
	int r = source->dir < 0
	            ? pr_fail_errno(e, "cannot open %s", dir)
	            : content_compile(source, campaign, version, ledger, &problems, out);
	if (r < 0)
		tell_first(&problems, r, e);
	if (source->dir >= 0)
		close(source->dir);
	if (campaign >= 0)
		close(campaign);
	pr_problems_finish(&problems);
	return r;
}

struct pr_manifest *
work_load_manifest(const char *dir, unsigned version, const char *name, struct pr_error *e)
{
	struct pr_problems problems = {0};
	struct pr_manifest *m = NULL;
	int campaign = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = campaign < 0 ? -1 : pr_version_open(campaign, version);
	if (fd < 0)
		pr_fail_errno(e, "cannot open version %u of %s", version, dir);
	else if (pr_manifest_load_content(fd, name, &problems, &m) < 0) {
		pr_fail(e, PR_EINVAL, "no manifest");
		tell_first(&problems, PR_EINVAL, e);
		pr_manifest_destroy(m); /* of what is not sound */
		m = NULL;
	}
	if (fd >= 0)
		close(fd);
	if (campaign >= 0)
		close(campaign);
	pr_problems_finish(&problems);
	return m;
}
