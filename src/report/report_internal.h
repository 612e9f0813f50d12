/* What the files of the report room share. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include "postrider/base/file.h"
#include "postrider/report.h"

#define DOMAINS_SHOWN 20
#define LINKS_SHOWN 100

/* earned.c: what a campaign brought. */
void report_add_earned(struct pr_buf *b, const struct pr_campaign_view *v);
int report_add_conversions(struct pr_buf *b, pr_ledger *l, struct pr_error *e);
void report_add_earned_html(struct pr_buf *b, const struct pr_campaign_view *v);

#endif
