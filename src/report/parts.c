/* Pieces of the page; see parts.h. */
#include "parts.h"

#include <stdio.h>
#include <time.h>

void
section_begin(struct pr_buf *b, const char *id, const char *title, const char *note)
{
	pr_buf_addf(b,
	            "<section id=\"%s\" aria-labelledby=\"%s-title\"><h2 id=\"%s-title\">%s</h2>",
	            id, id, id, title);
	if (note)
		pr_buf_addf(b, "<p class=\"soft small\">%s</p>", note);
}

void
section_end(struct pr_buf *b)
{
	pr_buf_adds(b, "</section>");
}

/* ---- tables ---- */

void
table_begin(struct pr_buf *b, const char *caption, const char *const *columns)
{
	/* whoever has a keyboard only can scroll it, too */
	pr_buf_addf(b,
	            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table>"
	            "<caption>%s</caption><thead><tr>",
	            caption, caption);
	for (; *columns; columns++) {
		bool number = **columns == '#';
		const char *words = *columns + number;
		if (*words)
			pr_buf_addf(b, "<th scope=\"col\"%s>%s</th>", number ? " class=\"n\"" : "",
			            words);
		else
			pr_buf_adds(b, "<td class=\"bar\"></td>");
	}
	pr_buf_adds(b, "</tr></thead><tbody>");
}

void
table_end(struct pr_buf *b)
{
	pr_buf_adds(b, "</tbody></table></div>");
}

void
row_begin(struct pr_buf *b, struct pr_str head)
{
	pr_buf_adds(b, "<tr><th scope=\"row\">");
	pr_buf_add_html(b, head);
	pr_buf_adds(b, "</th>");
}

void
row_end(struct pr_buf *b)
{
	pr_buf_adds(b, "</tr>");
}

void
cell_text(struct pr_buf *b, struct pr_str text)
{
	pr_buf_adds(b, "<td>");
	pr_buf_add_html(b, text);
	pr_buf_adds(b, "</td>");
}

void
cell_number(struct pr_buf *b, uint64_t n)
{
	pr_buf_adds(b, "<td class=\"n\">");
	add_number(b, n);
	pr_buf_adds(b, "</td>");
}

void
cell_percent(struct pr_buf *b, uint64_t part, uint64_t whole)
{
	pr_buf_adds(b, "<td class=\"n\">");
	if (whole)
		add_percent(b, (double)part / (double)whole);
	else
		pr_buf_adds(b, "\xE2\x80\x93");
	pr_buf_adds(b, "</td>");
}

void
cell_share(struct pr_buf *b, const struct share *s)
{
	pr_buf_adds(b, "<td class=\"n\">");
	if (s->whole == 0)
		pr_buf_adds(b, "\xE2\x80\x93");
	else {
		add_percent(b, s->value);
		pr_buf_adds(b, "<small>");
		add_interval(b, s);
		pr_buf_adds(b, "</small>");
	}
	pr_buf_adds(b, "</td>");
}

void
cell_bar(struct pr_buf *b, double share, const char *class_)
{
	pr_buf_addf(b,
	            "<td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
	            "aria-hidden=\"true\"><rect class=\"ground\" width=\"100\" height=\"10\"/>"
	            "<rect class=\"%s\" width=\"%.2f\" height=\"10\"/></svg></td>",
	            class_, share > 1 ? 100 : 100 * share);
}

/* ---- text ---- */

void
add_number(struct pr_buf *b, uint64_t n)
{
	char text[GROUPED_SIZE];
	pr_buf_adds(b, show_grouped(n, text));
}

void
add_percent(struct pr_buf *b, double share)
{
	char text[PERCENT_SIZE];
	pr_buf_add_html(b, pr_str(show_percent(share, text)));
}

/* "30.9 - 31.8 %" by an en dash; the first without its sign. */
void
add_range(struct pr_buf *b, double low, double high)
{
	char text[PERCENT_SIZE];
	pr_buf_add_html(b, pr_str_n(text, strcspn(show_percent(low, text), "\xC2%")));
	pr_buf_adds(b, "\xE2\x80\x93");
	add_percent(b, high);
}

void
add_interval(struct pr_buf *b, const struct share *s)
{
	add_range(b, s->low, s->high);
}

void
add_text(struct pr_buf *b, struct pr_str s)
{
	pr_buf_add_html(b, s);
}

void
add_money(struct pr_buf *b, const struct pr_money *m)
{
	char amount[PR_AMOUNT_SIZE];
	pr_buf_adds(b, pr_amount_format(m->micros, amount));
	if (m->currency[0] && strcmp(m->currency, PR_NO_CURRENCY) != 0) {
		pr_buf_adds(b, "\xC2\xA0");
		add_text(b, pr_str(m->currency));
	}
}

/* ---- time ---- */

static struct tm
local(const struct model *m, int64_t utc_ms)
{
	struct tm t;
	time_t s = (time_t)(utc_ms / 1000 + (m->zone ? pr_zone_offset_s(m->zone, utc_ms) : 0));
	gmtime_r(&s, &t);
	return t;
}

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void
add_when(struct pr_buf *b, const struct model *m, int64_t utc_ms)
{
	struct tm t = local(m, utc_ms);
	pr_buf_addf(b, "%d %s %d, %02d:%02d", t.tm_mday, months[t.tm_mon], t.tm_year + 1900,
	            t.tm_hour, t.tm_min);
}

void
add_tick(struct pr_buf *b, const struct model *m, int64_t utc_ms, int64_t step_ms, int64_t span_ms)
{
	struct tm t = local(m, utc_ms);
	if (span_ms > PR_DAY_MS / 2)
		pr_buf_addf(b, "%d\xC2\xA0%s%s", t.tm_mday, months[t.tm_mon],
		            step_ms < PR_DAY_MS ? "\xC2\xA0" : "");
	if (step_ms < PR_DAY_MS)
		pr_buf_addf(b, "%02d:%02d", t.tm_hour, t.tm_min);
}

void
add_length(struct pr_buf *b, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *word;
	} units[] = {{7 * PR_DAY_MS, "week"},
	             {PR_DAY_MS, "day"},
	             {PR_HOUR_MS, "hour"},
	             {PR_MINUTE_MS, "minute"},
	             {PR_SECOND_MS, "second"}};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (ms % units[i].ms == 0 && ms >= units[i].ms) {
			int64_t n = ms / units[i].ms;
			pr_buf_addf(b, "%lld %s%s", (long long)n, units[i].word, n == 1 ? "" : "s");
			return;
		}
}
