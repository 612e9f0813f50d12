/*
 * Reports: what became of a campaign, for people and programs: results.csv, report.json and
 * report.html (self-contained: inline SVG and style, no script). Pure but for the files.
 * Runs on any thread but the loop's.
 */
#ifndef POSTRIDER_REPORT_H
#define POSTRIDER_REPORT_H

#include "postrider/delivery.h"
#include "postrider/ledger.h"

/* A copy of a view that may leave the loop. */
struct pr_report_source {
	struct pr_campaign_view view; /* strings are those below; content NULL */
	char id[PR_CAMPAIGN_ID_MAX], name[256], dir[4096], route[64], by[64], last_error[500];
	char message_ids[300]; /* what follows the row in Message-IDs; "": not known */
	char timezone[64];     /* of the configuration; "": UTC */
	bool relayed;          /* the next server is no receiver: it takes mail for others */
	bool final;            /* the campaign is at its end */
	bool rows_changed;     /* of an older report: rows have other states now */
};
/* On the loop. final: as it will be when the report is written (finished or cancelled). */
void pr_report_source_init(struct pr_report_source *out, const struct pr_campaign_view *view,
                           bool final);
/* What only the configuration tells: where its route leads, in which zone its people live. */
void pr_report_source_configure(struct pr_report_source *s, const struct pr_config *config);
/* Of a campaign that has ended, from the report in its folder (its path, and open), with counts as
 * its ledger has them now. PR_ENOENT: there is no report; PR_ECORRUPT: it is none. */
int pr_report_source_read(struct pr_report_source *out, const char *dir, int folder,
                          pr_ledger *ledger, struct pr_error *e);

/* Appends one campaign as JSON: the campaign object of the status socket. */
void pr_report_campaign_json(const struct pr_campaign_view *view, struct pr_buf *out);

/* Appends `"slices":[...]`: those that are paused now. On the loop. */
void pr_report_slices_json(const pr_campaign *c, struct pr_buf *out);

/* Appends `"decision":`: what the test of its variants decided, or null. */
void pr_report_decision_json(pr_ledger *ledger, struct pr_buf *out);

/* Appends `"history":[...]`: what people and the daemon did with the campaign, oldest first. */
void pr_report_history_json(pr_ledger *ledger, struct pr_buf *out);

/* Each replaces its file in `dir` whole (temporary file, fsync, rename). */
int pr_report_write_csv(const struct pr_report_source *s, pr_ledger *ledger, int dir,
                        struct pr_error *e);
int pr_report_write_json(const struct pr_report_source *s, pr_ledger *ledger, int dir,
                         struct pr_error *e);
int pr_report_write_html(const struct pr_report_source *s, pr_ledger *ledger, int dir,
                         struct pr_error *e);
/* report.html, then report.json, of the same figures. The ledger is read once: about 0.5 s a
 * million rows. */
int pr_report_write_pages(const struct pr_report_source *s, pr_ledger *ledger, int dir,
                          struct pr_error *e);

#endif
