/*
 * Preview: the message of a row of a campaign that is under way or has ended, in the version it
 * was sent with or in any other. Reads the ledger and the folder, and nothing of the loop's.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- which row ---- */

static bool
take_any(void *context, const struct pr_known *k)
{
	*(uint32_t *)context = k->row;
	return false;
}

/* Rows that the import skipped were never meant to get a message. */
static bool
take_good(void *context, const struct pr_known *k)
{
	bool good = k->state != PR_SKIPPED && k->state != PR_SUPPRESSED;
	if (good || *(uint32_t *)context == 0)
		*(uint32_t *)context = k->row;
	return !good;
}

static int
find_row(struct pr_preview *p, pr_ledger *l, struct pr_error *e)
{
	char shown[200];
	int r = 0;
	if (p->row)
		return 0;
	if (p->email.n == 0)
		r = pr_ledger_page(l, PR_STATES, 0, 100000, take_good, &p->row, e);
	else
		r = pr_ledger_find(l, p->email, take_any, &p->row, e);
	if (r < 0 || p->row)
		return r;
	return pr_fail(e, PR_ENOENT, "no row has the address %s",
	               pr_str_show(p->email, shown, sizeof shown));
}

/* ---- which version ---- */

static unsigned
version_in_force(pr_ledger *l)
{
	struct pr_buf text = {0};
	unsigned long n = 0;
	if (pr_ledger_get(l, "version", &text) == 0)
		n = strtoul(text.data, NULL, 10);
	pr_buf_finish(&text);
	return n > 1 ? (unsigned)n : 1;
}

static int
choose_version(struct pr_preview *p, pr_ledger *l, const struct pr_row *row, struct pr_error *e)
{
	if (!p->in_force)
		p->in_force = version_in_force(l);
	if (p->version > p->in_force)
		return pr_fail(e, PR_ENOENT, "the campaign has no version %u: the last is %u",
		               p->version, p->in_force);
	if (!p->version && !p->proof_to)
		p->version = pr_version_sent(row->attempts, row->version);
	if (!p->version)
		p->version = p->in_force;
	return 0;
}

/* ---- its message ---- */

static int
compile(struct pr_preview *p, pr_ledger *l, pr_content **out, struct pr_error *e)
{
	struct pr_ledger_identity identity;
	if (p->content && p->version == p->in_force && !p->proof_to) {
		*out = p->content;
		pr_content_ref(*out);
		return 0;
	}
	struct pr_manifest *m = work_load_manifest(p->dir, p->version, "campaign", e);
	if (!m)
		return PR_EINVAL;
	pr_ledger_identity(l, &identity);
	struct pr_content_source source = pr_content_source_of(m, p->config);
	source.campaign_id = identity.id;
	source.serial = identity.serial;
	source.proof_to = p->proof_to;
	source.proof_ms = p->utc_ms;
	if (p->proof_to)
		pr_buf_add_str(&p->route, pr_text_str(&m->route));
	int r = work_compile(&source, p->dir, p->version, l, out, e);
	pr_manifest_destroy(m);
	return r;
}

static void
take(struct pr_preview *p, const struct pr_message *m)
{
	pr_message_add(m, &p->message);
	pr_buf_adds(&p->from, m->from);
	p->eight_bit = m->eight_bit;
	p->smtputf8 = m->smtputf8;
}

static int
compose(struct pr_preview *p, pr_ledger *l, const struct pr_row *row, struct pr_error *e)
{
	pr_content *content;
	pr_composer *composer;
	struct pr_message *m;
	int r = compile(p, l, &content, e);
	if (r < 0)
		return r;
	r = pr_composer_create(&composer);
	PR_ASSERT(r == 0);
	r = pr_compose(composer, content, row, row->variant ? row->variant : p->variant, p->utc_ms,
	               &m, e);
	if (r == 0) {
		take(p, m);
		pr_message_destroy(m);
	}
	pr_composer_destroy(composer);
	pr_content_unref(content);
	return r;
}

static int
preview(struct pr_preview *p, pr_ledger *l, struct pr_error *e)
{
	struct pr_batch *b;
	int r = find_row(p, l, e);
	if (r == 0)
		r = pr_ledger_row(l, p->row, &b, e);
	if (r < 0)
		return r;
	r = choose_version(p, l, &b->rows[0], e);
	if (r == 0)
		r = compose(p, l, &b->rows[0], e);
	pr_buf_add_str(&p->address, b->rows[0].email);
	pr_batch_unref(b);
	return r;
}

int
pr_delivery_preview(struct pr_preview *p, struct pr_error *e)
{
	char path[4200];
	pr_ledger *l;
	snprintf(path, sizeof path, "%s/ledger.db", p->dir);
	int r = pr_ledger_open(path, PR_LEDGER_READ, &l, e);
	if (r < 0)
		return r;
	r = preview(p, l, e);
	pr_ledger_close(l);
	return r;
}
