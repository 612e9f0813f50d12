/* The files of a report, from one model. */
#include "model.h"
#include "report_internal.h"

#include <stdlib.h>

static int
write_file(const struct model *m, pr_ledger *l, int dir, bool html, struct pr_error *e)
{
	struct pr_buf b = {0};
	int r = 0;
	if (html)
		report_html(m, l, &b);
	else
		r = report_json(m, l, &b, e);
	if (r == 0)
		r = pr_file_replace(dir, html ? "report.html" : "report.json", b.data, b.len, 0640,
		                    e);
	pr_buf_finish(&b);
	return r;
}

static int
gather_and_write(const struct pr_report_source *s, pr_ledger *l, int dir, bool html, bool json,
                 struct pr_error *e)
{
	struct model *m = pr_alloc(sizeof *m);
	int r = model_gather(s, l, html, m, e);
	if (r == 0 && html)
		r = write_file(m, l, dir, true, e);
	if (r == 0 && json)
		r = write_file(m, l, dir, false, e);
	model_finish(m);
	free(m);
	return r;
}

int
pr_report_write_json(const struct pr_report_source *s, pr_ledger *l, int dir, struct pr_error *e)
{
	return gather_and_write(s, l, dir, false, true, e);
}

int
pr_report_write_html(const struct pr_report_source *s, pr_ledger *l, int dir, struct pr_error *e)
{
	return gather_and_write(s, l, dir, true, false, e);
}

int
pr_report_write_pages(const struct pr_report_source *s, pr_ledger *l, int dir, struct pr_error *e)
{
	return gather_and_write(s, l, dir, true, true, e);
}
