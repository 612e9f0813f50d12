/* What the files of the report room share. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "postrider/base/arena.h"
#include "postrider/base/file.h"
#include "postrider/campaign/manifest.h"
#include "postrider/report.h"

#define REPORT_SIZE_MAX (4u << 20) /* of report.json */

/* words.c: figures and states as people read them. Each returns out. */
#define GROUPED_SIZE 32
char *show_grouped(uint64_t n, char *out); /* 1,234,567 */
#define PERCENT_SIZE 24
char *show_percent(double share, char *out); /* 31.4 %, 0.08 %: with what digits it needs */
const char *class_for_people(enum pr_class c);
const char *campaign_state_for_people(enum pr_campaign_state s);
const char *reason_for_people(enum pr_reason r); /* "" for none */

/* json.c: appends `"slices":[...]` as the ledger keeps them. */
void report_kept_slices_json(pr_ledger *l, struct pr_buf *out);

struct model;
/* figures.c, html.c: append the whole file. */
int report_json(const struct model *m, pr_ledger *l, struct pr_buf *out, struct pr_error *e);
void report_html(const struct model *m, pr_ledger *l, struct pr_buf *out);

/* series.c: how many people are in it; nothing of another campaign. */
void report_add_series(struct pr_buf *b, const struct pr_campaign_view *v);
/* earned.c: what a campaign brought. */
void report_add_earned(struct pr_buf *b, const struct pr_campaign_view *v);
int report_add_conversions(struct pr_buf *b, pr_ledger *l, struct pr_error *e);

/* seeds.c: appends `,"seeds":[...]`. */
int report_add_seeds(const struct model *m, pr_ledger *l, struct pr_buf *out, struct pr_error *e);

/* tested.c: of the campaign's variants in turn, how many; 0: it has none. */
size_t variant_names(pr_ledger *l, struct pr_arena *a,
                     struct pr_str names[PR_MANIFEST_VARIANTS_MAX]);

#endif
