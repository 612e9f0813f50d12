/* The plan for people: a line a receiver, by the campaign's clock. */
#include "plan.h"

#include <stdlib.h>

#define LINES_MAX 25u
#define DAYS_MAX 31u

/* ---- words ---- */

/* "2026-12-01 08:00:05"; pr_format_rfc3339 of the wall clock as if it were UTC. */
char *
plan_clock(const struct planned *p, int64_t utc_ms, char *out)
{
	char text[PR_RFC3339_SIZE];
	snprintf(out, CLI_TEXT, "-");
	if (!utc_ms)
		return out;
	pr_format_rfc3339(utc_ms + pr_zone_offset_s(p->timetable.zone, utc_ms) * PR_SECOND_MS,
	                  text);
	snprintf(out, CLI_TEXT, "%.10s %.8s", text, text + 11);
	return out;
}

char *
plan_day(int64_t day, char *out)
{
	char text[PR_RFC3339_SIZE];
	snprintf(out, CLI_TEXT, "%.10s", pr_format_rfc3339(day * PR_DAY_MS, text));
	return out;
}

static void
add_rate(struct pr_buf *b, struct pr_rate rate)
{
	static const char units[] = "smhd";
	static const int64_t periods[] = {PR_SECOND_MS, PR_MINUTE_MS, PR_HOUR_MS, PR_DAY_MS};
	for (unsigned i = 0; i < 4; i++)
		if (periods[i] == rate.period_ms)
			pr_buf_addf(b, " %u/%c", rate.count, units[i]);
}

static void
add_figure(struct pr_buf *b, const struct pr_figure *f)
{
	pr_buf_addf(b, " %lld (%s)", (long long)f->n, cli_show(f->who));
}

static void
add_rate_figure(struct pr_buf *b, const struct pr_rate_figure *f)
{
	add_rate(b, f->rate);
	pr_buf_addf(b, " (%s)", cli_show(f->who));
}

/* The policy's or the route's, whichever is less. */
static void
add_connections(const struct planned *p, const struct pr_shaping_policy *policy, struct pr_buf *b)
{
	if (policy && policy->connections.n <= p->route->connections)
		add_figure(b, &policy->connections);
	else
		pr_buf_addf(b, " %lld (route %s)", (long long)p->route->connections,
		            cli_show(p->route->name.p));
}

static void
add_warm_ups(const struct planned *p, struct pr_buf *b)
{
	for (size_t i = 0; i < p->input.sources_n; i++)
		if (p->sources[i].warm_up)
			pr_buf_addf(b, " (%s)", cli_show(p->sources[i].warm_up->who));
}

void
plan_limit(const struct planned *p, size_t receiver, struct pr_buf *b)
{
	enum pr_plan_limit limit = p->plan.receivers[receiver].limit;
	const struct pr_shaping_policy *policy =
	    p->sites.groups[p->sites.receivers[receiver].group].policy;
	pr_buf_adds(b, pr_plan_limit_name(limit));
	switch (limit) {
	case PR_PLAN_RATE:
		add_rate(b, p->manifest->rate);
		pr_buf_adds(b, " (campaign.yaml)");
		break;
	case PR_PLAN_CONNECTIONS_ALL:
		pr_buf_addf(b, " %lld", (long long)p->config->max_connections);
		break;
	case PR_PLAN_CONNECTIONS: add_connections(p, policy, b); break;
	case PR_PLAN_MESSAGE_RATE: add_rate_figure(b, &policy->message_rate); break;
	case PR_PLAN_CONNECTION_RATE: add_rate_figure(b, &policy->connection_rate); break;
	case PR_PLAN_PROVIDER_CONNECTIONS: add_figure(b, &policy->provider_connections); break;
	case PR_PLAN_PROVIDER_MESSAGE_RATE:
		add_rate_figure(b, &policy->provider_message_rate);
		break;
	case PR_PLAN_DAILY: add_figure(b, &policy->daily); break;
	case PR_PLAN_WARM_UP: add_warm_ups(p, b); break;
	case PR_PLAN_NONE:
	case PR_PLAN_LIMITS: break;
	}
}

/* ---- tables ---- */

struct order {
	size_t receiver;
	uint64_t rows;
};

static int
by_rows(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return x->receiver < y->receiver ? -1 : 1;
}

static void
add_line(const struct planned *p, struct cli_table *t, size_t i)
{
	char text[CLI_TEXT];
	struct pr_buf limit = {0};
	const struct pr_plan_line *l = &p->plan.receivers[i];
	cli_table_add(t, cli_show(p->sites.names[i]));
	cli_table_add(t, cli_number(l->rows, text));
	cli_table_add(t, plan_clock(p, l->begins_ms, text));
	cli_table_add(t, plan_clock(p, l->half_ms, text));
	cli_table_add(t, l->cut || l->left ? "not all" : plan_clock(p, l->done_ms, text));
	plan_limit(p, i, &limit);
	cli_table_add(t, limit.len ? limit.data : "-");
	pr_buf_finish(&limit);
}

static void
show_receivers(const struct planned *p)
{
	size_t n = p->sites.receivers_n;
	struct order *order = pr_calloc(n + 1, sizeof *order);
	for (size_t i = 0; i < n; i++)
		order[i] = (struct order){i, p->plan.receivers[i].rows};
	qsort(order, n, sizeof *order, by_rows);
	struct cli_table *t =
	    cli_table_create("RECEIVER\t>RECIPIENTS\tBEGINS\tHALF\tDONE\tHELD UP BY");
	for (size_t i = 0; i < n && i < LINES_MAX; i++)
		add_line(p, t, order[i].receiver);
	cli_table_print(t, stdout);
	if (n > LINES_MAX)
		printf("... and %zu more receivers (--json has them)\n", n - LINES_MAX);
	free(order);
}

static void
show_days(const struct planned *p)
{
	char text[CLI_TEXT];
	const struct pr_plan_line *all = &p->plan.all;
	if (all->days_n < 2)
		return;
	struct cli_table *t = cli_table_create("DAY\t>RECIPIENTS");
	for (size_t i = 0; i < all->days_n && i < DAYS_MAX; i++) {
		cli_table_add(t, plan_day(all->days[i].day, text));
		cli_table_add(t, cli_number(all->days[i].rows, text));
	}
	putchar('\n');
	cli_table_print(t, stdout);
	if (all->days_n > DAYS_MAX)
		printf("... and %zu more days (--json has them)\n", all->days_n - DAYS_MAX);
}

static void
show_all(const struct planned *p)
{
	char rows[CLI_TEXT], at[CLI_TEXT], took[CLI_TEXT];
	const struct pr_plan_line *all = &p->plan.all;
	const char *zone =
	    p->manifest->schedule.timezone ? p->manifest->schedule.timezone : p->config->timezone.p;
	if (!all->sent) {
		puts("\nNothing would be sent.");
		return;
	}
	printf("\n%s recipient%s would be sent to by %s (%s), %s after the first.\n",
	       cli_number(all->sent, rows), all->sent == 1 ? "" : "s",
	       plan_clock(p, all->done_ms, at), cli_show(zone),
	       cli_duration(all->done_ms - all->begins_ms, took));
}

static void
show_test(const struct planned *p)
{
	struct pr_buf text = {0};
	plan_test(p, &text);
	if (text.len)
		printf("Test: %s.\n", text.data);
	pr_buf_finish(&text);
}

static void
show_warning(void *context, const char *text)
{
	(void)context;
	printf("warning: %s\n", text);
}

static void
show_assumed(void *context, const char *text)
{
	(void)context;
	printf("  %s\n", text);
}

void
plan_show(const struct planned *p)
{
	show_receivers(p);
	show_days(p);
	show_all(p);
	show_test(p);
	plan_warn(p, show_warning, NULL);
	puts("Assumed:");
	plan_assume(p, show_assumed, NULL);
}
