/*
 * holidays.yaml: `countries`, a map from codes to dates with blanks or commas between. Everything
 * wrong is told at once, with the line of its country.
 */
#include "postrider/campaign/holidays.h"

#include "postrider/base/clock.h"
#include "postrider/base/file.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNTRIES_MAX 300
#define DAYS_MAX 4000u /* of a country */

struct pr_holidays {
	struct pr_days *countries;
	size_t n;
	struct pr_arena arena;
};

struct file { /* as read */
	struct pr_pairs countries;
};

static const struct pr_yaml_row rows[] = {
    {.key = "countries",
     .type = PR_YAML_PAIRS,
     .max = COUNTRIES_MAX,
     .offset = offsetof(struct file, countries)},
    {0},
};
const struct pr_yaml_schema pr_holidays_schema = {.rows = rows, .size = sizeof(struct file)};

/* ---- reading ---- */

static bool
take_country(struct pr_str name, char out[3])
{
	if (name.n != 2)
		return false;
	for (size_t i = 0; i < 2; i++) {
		char c = pr_lower(name.p[i]);
		if (c < 'a' || c > 'z')
			return false;
		out[i] = (char)(c - 'a' + 'A');
	}
	out[2] = 0;
	return true;
}

/* Days since 1970; false: no such day. */
static bool
read_day(struct pr_str text, int32_t *day)
{
	char with_time[20];
	struct pr_when when;
	if (text.n != 10)
		return false;
	snprintf(with_time, sizeof with_time, "%.10sT00:00", text.p);
	if (!pr_when_parse(pr_str(with_time), &when) || when.fixed)
		return false;
	*day = (int32_t)(when.local_ms / PR_DAY_MS);
	return true;
}

static struct pr_str
next_word(struct pr_str *s)
{
	size_t at = 0, n = 0;
	while (at < s->n && strchr(" \t\r\n,", s->p[at]))
		at++;
	while (at + n < s->n && !strchr(" \t\r\n,", s->p[at + n]))
		n++;
	struct pr_str word = pr_str_n(s->p + at, n);
	*s = pr_str_n(s->p + at + n, s->n - at - n);
	return word;
}

static int
by_day(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static int
read_country(struct pr_holidays *h, const char *file, const struct pr_pair *p,
             struct pr_problems *problems)
{
	struct pr_days *d = &h->countries[h->n];
	struct pr_str text = pr_text_str(&p->value), word;
	char shown[40];
	int r = 0;
	*d = (struct pr_days){0};
	if (!take_country(pr_text_str(&p->name), d->country))
		return pr_text_problem(problems, file, &p->name,
		                       "write its two letters of ISO 3166, like DE",
		                       "countries: \"%s\" is not a country's code",
		                       pr_str_show(pr_text_str(&p->name), shown, sizeof shown));
	if (pr_holidays_of(h, pr_text_str(&p->name)))
		return pr_text_problem(problems, file, &p->name, "keep one of them",
		                       "countries: %s is there twice", d->country);
	d->days = pr_arena_alloc(&h->arena, (text.n / 10 + 1) * sizeof *d->days);
	while ((word = next_word(&text)).n) {
		if (d->n < DAYS_MAX && read_day(word, &d->days[d->n])) {
			d->n++;
			continue;
		}
		r = pr_text_problem(problems, file, &p->value,
		                    d->n == DAYS_MAX ? "leave out years that have passed"
		                                     : "write days like 2026-12-25",
		                    d->n == DAYS_MAX ? "countries.%s: more than 4000 days, at %s"
		                                     : "countries.%s: \"%s\" is not a day",
		                    d->country, pr_str_show(word, shown, sizeof shown));
		if (d->n == DAYS_MAX)
			break;
	}
	qsort(d->days, d->n, sizeof *d->days, by_day);
	h->n++;
	return r;
}

int
pr_holidays_parse(struct pr_str text, const char *file, struct pr_problems *problems,
                  struct pr_holidays **out)
{
	struct pr_holidays *h = pr_calloc(1, sizeof *h);
	struct file f = {0};
	unsigned told = problems->n;
	pr_arena_init(&h->arena);
	int r = pr_yaml_read(text, file, &pr_holidays_schema, &h->arena, &f, problems);
	h->countries = pr_arena_alloc(&h->arena, (f.countries.n + 1) * sizeof *h->countries);
	for (size_t i = 0; i < f.countries.n; i++)
		if (read_country(h, file, &f.countries.items[i], problems) < 0)
			r = PR_EINVAL;
	pr_yaml_arrange(text, file, problems, told);
	if (r < 0)
		pr_holidays_destroy(h);
	else
		*out = h;
	return r;
}

int
pr_holidays_load(struct pr_config *config, struct pr_problems *problems)
{
	struct pr_buf text = {0};
	if (!config->holidays.p)
		return 0;
	int r =
	    pr_yaml_file(config->holidays.p,
	                 "correct `holidays` in postrider.yaml, or make the file", &text, problems);
	if (r == 0)
		r = pr_holidays_parse(pr_buf_str(&text), config->holidays.p, problems,
		                      &config->calendar);
	if (r == 0)
		config->end_calendar = pr_holidays_destroy;
	pr_buf_finish(&text);
	return r;
}

void
pr_holidays_destroy(struct pr_holidays *h)
{
	if (!h)
		return;
	pr_arena_finish(&h->arena);
	free(h);
}

/* ---- asking ---- */

const struct pr_days *
pr_holidays_of(const struct pr_holidays *h, struct pr_str country)
{
	char code[3];
	if (!h || !take_country(country, code))
		return NULL;
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->countries[i].country, code) == 0)
			return &h->countries[i];
	return NULL;
}

int64_t
pr_days_next(const struct pr_days *d, int64_t day)
{
	uint32_t low = 0, high = d->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (d->days[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low < d->n ? d->days[low] : INT64_MAX;
}

bool
pr_days_has(const struct pr_days *d, int64_t day)
{
	return pr_days_next(d, day) == day;
}
