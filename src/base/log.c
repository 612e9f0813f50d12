/* The log: a line is built whole and written by one write(2). */
#include "postrider/base/log.h"

#include "postrider/base/buf.h"
#include "postrider/base/clock.h"

#include <stdatomic.h>
#include <unistd.h>

static const char *const words[] = {"error", "warning", "info", "debug"};
static const char *const prefixes[] = {"<3>", "<4>", "<6>", "<7>"}; /* sd-daemon(3) */

static _Atomic int log_level = PR_LOG_INFO;
static _Atomic bool log_json;

void
pr_log_setup(enum pr_log_level level, bool json)
{
	log_level = (int)level;
	log_json = json;
}

static void
add_field(struct pr_buf *b, bool json, const char *name, const char *value)
{
	if (!value)
		return;
	pr_buf_addf(b, json ? ",\"%s\":" : " %s=", name);
	if (json)
		pr_buf_add_json(b, pr_str(value));
	else {
		char safe[200];
		pr_buf_adds(b, pr_str_show(pr_str(value), safe, sizeof safe));
	}
}

static void
add_number(struct pr_buf *b, bool json, const char *name, unsigned value)
{
	if (value)
		pr_buf_addf(b, json ? ",\"%s\":%u" : " %s=%u", name, value);
}

static void
add_about(struct pr_buf *b, bool json, const struct pr_log_about *a)
{
	add_field(b, json, "campaign", a->campaign);
	add_number(b, json, "row", a->row);
	add_field(b, json, "site", a->site);
	add_field(b, json, "route", a->route);
	add_field(b, json, "class", a->class);
	add_number(b, json, "code", (unsigned)a->code);
	add_field(b, json, "by", a->by);
}

void
pr_log(enum pr_log_level level, const struct pr_log_about *about, const char *format, ...)
{
	if ((int)level > log_level)
		return;
	struct pr_buf line = {0}, text = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&text, format, ap);
	va_end(ap);
	char at[PR_RFC3339_SIZE];
	pr_format_rfc3339(pr_utc_ms(), at);
	if (log_json) {
		pr_buf_addf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", at,
		            words[level], about->event);
		add_about(&line, true, about);
		pr_buf_adds(&line, ",\"text\":");
		pr_buf_add_json(&line, pr_buf_str(&text));
		pr_buf_adds(&line, "}\n");
	} else {
		char safe[1000];
		pr_buf_addf(&line, "%s%s %s", prefixes[level], about->event,
		            pr_str_show(pr_buf_str(&text), safe, sizeof safe));
		add_about(&line, false, about);
		pr_buf_addc(&line, '\n');
	}
	if (write(STDERR_FILENO, line.data, line.len) < 0) {
		/* nobody reads the log: there is nobody to tell */
	}
	pr_buf_finish(&line);
	pr_buf_finish(&text);
}
