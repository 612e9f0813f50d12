/*
 * Manifest and configuration from any octets: the whole way through libyaml, the tables and
 * the checks. What comes out of a manifest must keep its promises to the composer.
 */
#include "postrider/base/error.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"

static void
hold_one_line(const struct pr_text *t)
{
	if (!t->p)
		return;
	PR_ASSERT(strlen(t->p) == t->n);
	PR_ASSERT(!strpbrk(t->p, "\r\n"));
	PR_ASSERT(pr_utf8_valid(t->p, t->n, NULL));
}

static void
hold_file(const struct pr_text *t)
{
	hold_one_line(t);
	PR_ASSERT(!t->p || (t->n && t->p[0] != '.' && !strchr(t->p, '/')));
}

static void
hold_edition(const struct pr_manifest_edition *e)
{
	hold_one_line(&e->subject);
	hold_one_line(&e->preheader);
	hold_file(&e->html);
	hold_file(&e->text);
	PR_ASSERT(e->subject.n && (e->html.p || e->text.p));
}

static void
hold_promises(const struct pr_manifest *m)
{
	char id[PR_MANIFEST_ID_SIZE];
	hold_one_line(&m->name);
	hold_one_line(&m->from.text);
	hold_one_line(&m->list);
	hold_file(&m->html);
	hold_file(&m->text);
	hold_file(&m->recipients.file);
	for (size_t i = 0; i < m->headers.n; i++) {
		hold_one_line(&m->headers.items[i].name);
		hold_one_line(&m->headers.items[i].value);
	}
	PR_ASSERT(m->name.n && m->from.mailbox.n && m->editions_n > 0);
	for (size_t i = 0; i < m->editions_n; i++)
		hold_edition(&m->editions[i]);
	PR_ASSERT(m->priority >= 0 && m->priority <= 9);
	PR_ASSERT(m->schedule.window.n <= PR_WINDOW_SPANS);
	PR_ASSERT(strlen(pr_campaign_id(pr_text_str(&m->name), 0, 7, id)) < sizeof id);
}

static void
try_schedule(const struct pr_manifest *m)
{
	struct pr_timetable t;
	int64_t next, now = 1774746000000; /* 2026-03-29T01:00Z: clocks change in Europe */
	if (pr_timetable_init(&m->schedule, "Europe/Berlin", &t, NULL) < 0)
		return;
	for (int i = 0; i < 20 && now != INT64_MAX; i++) {
		pr_timetable_gate(&t, i & 1, now, &next);
		PR_ASSERT(next > now);
		now = next;
	}
	pr_timetable_finish(&t);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct pr_problems problems = {0};
	struct pr_buf shown = {0};
	struct pr_manifest *m = NULL;
	struct pr_config *c = NULL;
	struct pr_str text = {(const char *)data, size};
	int r = pr_manifest_parse(text, "folder", &problems, &m);
	PR_ASSERT((r == 0) == (m && m->sound) && (r < 0) == (problems.problems > 0));
	if (r == 0) {
		hold_promises(m);
		try_schedule(m);
	}
	unsigned before = problems.problems;
	r = pr_config_parse(text, "postrider.yaml", "/etc/postrider", &problems, &c);
	PR_ASSERT((r == 0) == (c != NULL) && (r < 0) == (problems.problems > before));
	pr_problems_text(&problems, &shown);
	pr_manifest_destroy(m);
	pr_config_unref(c);
	pr_buf_finish(&shown);
	pr_problems_finish(&problems);
	return 0;
}
