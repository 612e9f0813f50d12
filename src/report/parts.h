/* What the sections of the page are put together from. All text that is given is escaped. */
#ifndef REPORT_PARTS_H
#define REPORT_PARTS_H

#include "model.h"
#include "report_internal.h"

extern const char report_style[];

/* <section> with its heading; note: a sentence below it, NULL: none. */
void section_begin(struct pr_buf *b, const char *id, const char *title, const char *note);
void section_end(struct pr_buf *b);

/* A table that scrolls by itself where it is too wide; columns: its heads, ended by NULL, those
 * that begin with '#' are of numbers. caption: said, not shown (the heading shows it). */
void table_begin(struct pr_buf *b, const char *caption, const char *const *columns);
void table_end(struct pr_buf *b);
void row_begin(struct pr_buf *b, struct pr_str head); /* <tr> and its head */
void row_end(struct pr_buf *b);
void cell_text(struct pr_buf *b, struct pr_str text);
void cell_number(struct pr_buf *b, uint64_t n);
void cell_percent(struct pr_buf *b, uint64_t part, uint64_t whole); /* whole 0: a dash */
void cell_share(struct pr_buf *b, const struct share *s);           /* with its interval */
/* A bar of this share of its cell: decoration, the number stands beside it. */
void cell_bar(struct pr_buf *b, double share, const char *class_);

void add_number(struct pr_buf *b, uint64_t n);
void add_percent(struct pr_buf *b, double share);
void add_range(struct pr_buf *b, double low, double high); /* "30.9-31.8 %" */
void add_interval(struct pr_buf *b, const struct share *s);
void add_text(struct pr_buf *b, struct pr_str s);           /* escaped */
void add_money(struct pr_buf *b, const struct pr_money *m); /* "49.90 EUR" */
/* "1 Dec 2026, 08:00" in the zone of the model. */
void add_when(struct pr_buf *b, const struct model *m, int64_t utc_ms);
/* "08:00" or "1 Dec" or "1 Dec 08:00": as it takes to tell steps of this length over `span`. */
void add_tick(struct pr_buf *b, const struct model *m, int64_t utc_ms, int64_t step_ms,
              int64_t span_ms);
void add_length(struct pr_buf *b, int64_t ms); /* "5 minutes", "1 hour" */

/* ---- sections, in the order of the page; each writes nothing where there is nothing ---- */
void section_funnel(struct pr_buf *b, const struct model *m);
void section_earlier(struct pr_buf *b, const struct model *m);
void section_earned(struct pr_buf *b, const struct model *m);
void section_time(struct pr_buf *b, const struct model *m);
void section_series(struct pr_buf *b, const struct model *m);
void section_variants(struct pr_buf *b, const struct model *m);
void section_links(struct pr_buf *b, const struct model *m);
void section_domains(struct pr_buf *b, const struct model *m);
void section_classes(struct pr_buf *b, const struct model *m);
void section_leavers(struct pr_buf *b, const struct model *m);
void section_devices(struct pr_buf *b, const struct model *m);
void section_left_out(struct pr_buf *b, const struct model *m);
void section_doubt(struct pr_buf *b, const struct model *m);
void section_seeds(struct pr_buf *b, const struct model *m, pr_ledger *l);
void section_paused(struct pr_buf *b, pr_ledger *l);
void section_history(struct pr_buf *b, const struct model *m, pr_ledger *l);

#endif
