/*
 * `postrider check`, for campaigns whose rows have times of their own: how many begin when, zone by
 * zone. The file is read once more for it, which few campaigns need.
 */
#include "check_times.h"

#include "postrider/campaign/recipients.h"

#include <stdlib.h>

#define ZONES_MAX 1000u /* more than there are */
#define SHOWN_MAX 12u

struct zone {
	char name[64];
	uint64_t rows;
	int64_t first_ms; /* 0: at once */
	int64_t offset_ms;
};

struct check_times {
	const struct pr_timing_source *source;
	pr_timing *timing;
	struct zone zones[ZONES_MAX];
	unsigned n;
	struct pr_map by_name; /* hash -> zone */
	struct pr_hash_key key;
	struct pr_recipients_result result; /* what of it a remark needs */
};

/* ---- reading ---- */

static bool
on_header(void *context, const struct pr_str *columns, size_t n)
{
	struct check_times *t = context;
	struct pr_timing_source source = *t->source;
	source.columns = columns;
	source.columns_n = n;
	return pr_timing_create(&source, &t->timing, NULL) == 0 && t->timing;
}

static struct zone *
zone_of(struct check_times *t, const char *name)
{
	uint64_t hash = pr_siphash(t->key, name, strlen(name));
	struct zone *z = pr_map_get(&t->by_name, hash);
	if (z || t->n == ZONES_MAX)
		return z;
	z = &t->zones[t->n++];
	snprintf(z->name, sizeof z->name, "%s", name);
	z->first_ms = PR_NEVER_MS;
	pr_map_put(&t->by_name, hash, z);
	return z;
}

static bool
on_row(void *context, const struct pr_row *row, uint64_t line, const char *bad)
{
	struct check_times *t = context;
	struct pr_timing_row r = {.row = row->row, .data = row->data, .address = row->email};
	const char *name;
	(void)line;
	if (bad)
		return true;
	struct pr_first first = pr_timing_first(t->timing, &r, -1);
	const pr_zone *clock = pr_timing_zone(t->timing, &r, &name);
	struct zone *z = zone_of(t, name);
	if (first.due_ms == PR_NEVER_MS) {
		t->result.untimely++;
	} else if (z) {
		z->rows++;
		if (first.due_ms < z->first_ms)
			z->first_ms = first.due_ms;
		z->offset_ms =
		    pr_zone_offset_s(clock, z->first_ms ? z->first_ms : pr_utc_ms()) * PR_SECOND_MS;
	}
	return true;
}

static int
by_time(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;
	if (x->first_ms != y->first_ms)
		return x->first_ms < y->first_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

struct check_times *
check_times_read(const struct cli_folder *f, const struct pr_config *config)
{
	struct check_times *t = pr_calloc(1, sizeof *t);
	struct pr_timing_source source = {.manifest = f->manifest,
	                                  .config = config,
	                                  .campaign_id = f->manifest->name.p,
	                                  .accepted_ms = pr_utc_ms()};
	struct pr_recipients_reader reader = {.header = on_header, .each = on_row, .context = t};
	struct pr_problems told_already = {0};
	pr_hash_key_random(&t->key);
	t->source = &source;
	pr_recipients_read(f->manifest, f->dir, &reader, &told_already, NULL);
	t->source = NULL;
	pr_problems_finish(&told_already);
	if (!t->timing) {
		check_times_free(t);
		return NULL;
	}
	pr_timing_found(t->timing, &t->result.zones);
	qsort(t->zones, t->n, sizeof *t->zones, by_time);
	return t;
}

void
check_times_free(struct check_times *t)
{
	if (!t)
		return;
	pr_timing_unref(t->timing);
	pr_map_finish(&t->by_name);
	free(t);
}

/* ---- telling ---- */

static void
add_clock(struct cli_table *table, const struct zone *z, int64_t offset_ms)
{
	char text[PR_RFC3339_SIZE];
	if (z->first_ms == 0 || z->first_ms == PR_NEVER_MS) {
		cli_table_add(table, z->first_ms ? "never" : "at once");
		return;
	}
	pr_format_rfc3339(z->first_ms + offset_ms, text);
	text[10] = ' ';
	text[16] = 0; /* "2026-12-01 09:00" */
	cli_table_add(table, text);
}

void
check_times_print(const struct check_times *t, const struct cli_folder *f,
                  const struct pr_config *config)
{
	struct pr_buf remark = {0};
	char number[CLI_TEXT];
	struct cli_table *table = cli_table_create("ZONE\t>ROWS\tFROM (UTC)\tTHERE");
	for (unsigned i = 0; i < t->n && i < SHOWN_MAX; i++) {
		cli_table_add(table, cli_show(t->zones[i].name));
		cli_table_add(table, cli_number(t->zones[i].rows, number));
		add_clock(table, &t->zones[i], 0);
		add_clock(table, &t->zones[i], t->zones[i].offset_ms);
	}
	cli_table_print(table, stdout);
	if (t->n > SHOWN_MAX)
		printf("... and %u more time zones\n", t->n - SHOWN_MAX);
	pr_recipients_remark(&t->result, f->manifest, config, &remark);
	if (remark.len)
		printf("%s\n", remark.data);
	pr_buf_finish(&remark);
}

void
check_times_json(const struct check_times *t, struct pr_buf *b)
{
	char at[PR_RFC3339_SIZE];
	pr_buf_adds(b, ",\"zones\":[");
	for (unsigned i = 0; i < t->n; i++) {
		const struct zone *z = &t->zones[i];
		bool known = z->first_ms && z->first_ms != PR_NEVER_MS;
		pr_buf_addf(b, "%s{\"zone\":", i ? "," : "");
		pr_buf_add_json(b, pr_str(z->name));
		pr_buf_addf(b, ",\"rows\":%llu,\"from\":", (unsigned long long)z->rows);
		if (known)
			pr_buf_addf(b, "\"%s\"}", pr_format_rfc3339(z->first_ms, at));
		else
			pr_buf_adds(b, "null}");
	}
	pr_buf_addf(b, "],\"without_zone\":%llu,\"untimely\":%llu",
	            (unsigned long long)(t->result.zones.without + t->result.zones.wrong),
	            (unsigned long long)t->result.untimely);
}
