/* The plan for programs. Times are UTC; days are of the campaign's zone. */
#include "plan.h"

static json_t *
time_json(int64_t utc_ms)
{
	char text[PR_RFC3339_SIZE];
	return utc_ms ? json_string(pr_format_rfc3339(utc_ms, text)) : json_null();
}

static json_t *
days_json(const struct pr_plan_line *l)
{
	char text[CLI_TEXT];
	json_t *days = json_array();
	for (size_t i = 0; i < l->days_n; i++)
		json_array_append_new(days,
		                      json_pack("{s:s,s:I}", "day", plan_day(l->days[i].day, text),
		                                "recipients", (json_int_t)l->days[i].rows));
	return days;
}

static json_t *
line_json(const struct pr_plan_line *l)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "recipients", (json_int_t)l->rows,
	                      "sent", (json_int_t)l->sent, "too_late", (json_int_t)l->cut, "left",
	                      (json_int_t)l->left, "begins", time_json(l->begins_ms), "half",
	                      time_json(l->half_ms), "done", time_json(l->done_ms));
	json_object_set_new(o, "days", days_json(l));
	return o;
}

static json_t *
receiver_json(const struct planned *p, size_t i)
{
	struct pr_buf limit = {0};
	const struct pr_plan_line *l = &p->plan.receivers[i];
	const char *name = pr_plan_limit_name(l->limit);
	json_t *o = line_json(l);
	plan_limit(p, i, &limit);
	json_object_set_new(o, "receiver", json_string(p->sites.names[i]));
	json_object_set_new(o, "limited_by", *name ? json_string(name) : json_null());
	json_object_set_new(o, "limit", limit.len ? json_string(limit.data) : json_null());
	pr_buf_finish(&limit);
	return o;
}

static void
append(void *context, const char *text)
{
	json_array_append_new(context, json_string(text));
}

void
plan_json(const struct planned *p)
{
	json_t *o = line_json(&p->plan.all), *receivers = json_array();
	json_t *warnings = json_array(), *assumed = json_array();
	for (size_t i = 0; i < p->sites.receivers_n; i++)
		json_array_append_new(receivers, receiver_json(p, i));
	struct pr_buf test = {0};
	plan_test(p, &test);
	json_object_set_new(o, "test", test.len ? json_string(test.data) : json_null());
	pr_buf_finish(&test);
	plan_warn(p, append, warnings);
	plan_assume(p, append, assumed);
	json_object_set_new(o, "rows", json_integer((json_int_t)p->rows.rows));
	json_object_set_new(o, "bad", json_integer((json_int_t)p->rows.bad));
	json_object_set_new(o, "duplicates", json_integer((json_int_t)p->rows.duplicates));
	json_object_set_new(o, "nowhere", json_integer((json_int_t)p->sites.nowhere));
	json_object_set_new(o, "receivers", receivers);
	json_object_set_new(o, "warnings", warnings);
	json_object_set_new(o, "assumed", assumed);
	json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(o);
}
