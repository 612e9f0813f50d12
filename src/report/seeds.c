/* Seeds: internal copies, apart from every other figure. One line each: who, which variant, what
 * became of it, what was done with it. */
#include "parts.h"

struct seed_acts { /* machines and people alike: those who look are known */
	uint64_t opens, clicks;
};

static bool
add_act(void *context, const struct pr_hit *hit, struct pr_str detail)
{
	struct seed_acts *n = context;
	(void)detail;
	n->opens += hit->kind == PR_ENGAGEMENT_OPEN;
	n->clicks += hit->kind == PR_ENGAGEMENT_CLICK;
	return true;
}

struct seed_rows {
	struct pr_buf *b;
	const struct model *m;
	pr_ledger *l;
	unsigned n;
};

/* NULL: there are no variants. */
static const char *
variant_of(const struct model *m, uint32_t row)
{
	if (m->variants_n == 0 || m->steps)
		return NULL;
	return m->variants[(row - PR_SEED_BASE - 1) % m->variants_n].name;
}

static struct seed_acts
acts_of(const struct seed_rows *x, uint32_t row)
{
	struct seed_acts n = {0};
	(void)pr_ledger_hits(x->l, row, add_act, &n, NULL); /* what can be read of it */
	return n;
}

/* ---- report.json ---- */

static bool
add_object(void *context, const struct pr_known *k)
{
	struct seed_rows *x = context;
	struct pr_buf *b = x->b;
	const char *variant = variant_of(x->m, k->row);
	struct seed_acts n = acts_of(x, k->row);
	pr_buf_addf(b, "%s{\"row\":%u,\"email\":", x->n++ ? "," : "", k->row);
	pr_buf_add_json(b, k->email);
	if (variant) {
		pr_buf_adds(b, ",\"variant\":");
		pr_buf_add_json(b, pr_str(variant));
	}
	pr_buf_addf(b, ",\"state\":\"%s\",\"class\":\"%s\",\"code\":%u,\"reply\":",
	            pr_state_word(k->state), pr_class_word(k->class_), k->code);
	pr_buf_add_json(b, k->reply);
	pr_buf_addf(b, ",\"attempts\":%u,\"opens\":%llu,\"clicks\":%llu}", k->attempts,
	            (unsigned long long)n.opens, (unsigned long long)n.clicks);
	return true;
}

int
report_add_seeds(const struct model *m, pr_ledger *l, struct pr_buf *b, struct pr_error *e)
{
	struct seed_rows x = {b, m, l, 0};
	pr_buf_adds(b, ",\"seeds\":[");
	int r = pr_ledger_page(l, PR_STATES, PR_SEED_BASE, UINT32_MAX, add_object, &x, e);
	pr_buf_addc(b, ']');
	return r;
}

/* ---- the page ---- */

static bool
add_line(void *context, const struct pr_known *k)
{
	struct seed_rows *x = context;
	struct pr_buf *b = x->b;
	const char *variant = variant_of(x->m, k->row);
	struct seed_acts n = acts_of(x, k->row);
	row_begin(b, k->email);
	cell_text(b, pr_str(variant ? variant : ""));
	cell_text(b, pr_str(pr_state_word(k->state)));
	cell_text(b, k->reply);
	cell_number(b, n.opens);
	cell_number(b, n.clicks);
	row_end(b);
	return true;
}

void
section_seeds(struct pr_buf *b, const struct model *m, pr_ledger *l)
{
	static const char *const columns[] = {"Address", "Variant", "State", "Reply",
	                                      "#Opens",  "#Clicks", NULL};
	struct seed_rows x = {b, m, l, 0};
	if (m->s->view.seeds.total == 0)
		return;
	section_begin(b, "seeds", "Seeds",
	              "Internal copies. They are in no other figure of this report.");
	table_begin(b, "Seeds", columns);
	(void)pr_ledger_page(l, PR_STATES, PR_SEED_BASE, UINT32_MAX, add_line, &x, NULL);
	table_end(b);
	section_end(b);
}
