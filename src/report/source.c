/* A view of a campaign that may leave the loop. */
#include "postrider/report.h"

#include <stdio.h>

#define COPY(member)                                                                               \
	do {                                                                                       \
		snprintf(out->member, sizeof out->member, "%s", view->member ? view->member : ""); \
		out->view.member = view->member ? out->member : NULL;                              \
	} while (0)

void
pr_report_source_init(struct pr_report_source *out, const struct pr_campaign_view *view, bool final)
{
	*out = (struct pr_report_source){.view = *view, .final = final};
	COPY(id);
	COPY(name);
	COPY(dir);
	COPY(route);
	COPY(by);
	COPY(last_error);
	if (view->content) {
		out->content = (pr_content *)view->content;
		pr_content_ref(out->content);
	}
	if (!final)
		return;
	if (view->state != PR_CAMPAIGN_CANCELLED)
		out->view.state = PR_CAMPAIGN_FINISHED;
	if (!out->view.finished_ms)
		out->view.finished_ms = pr_utc_ms();
}

void
pr_report_source_finish(struct pr_report_source *s)
{
	if (s->content)
		pr_content_unref(s->content);
	s->content = NULL;
}
