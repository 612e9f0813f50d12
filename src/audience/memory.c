/* What is remembered of addresses under a hash of them: facts "soft " and 16 digits. */
#include "internal.h"

#include <stdio.h>

#define PREFIX "soft "
#define KEY_SIZE 24

uint64_t
pr_audience_key(const pr_audience *a, struct pr_str address)
{
	char normal[ADDRESS_MAX + 1];
	struct pr_str text = audience_normal(address, normal);
	return pr_siphash(a->keys[0], text.p, text.n);
}

static struct pr_str
name_of(uint64_t key, char out[KEY_SIZE])
{
	int n = snprintf(out, KEY_SIZE, PREFIX "%016llx", (unsigned long long)key);
	return pr_str_n(out, (size_t)n);
}

int
pr_audience_recall(pr_audience *a, uint64_t key, struct pr_buf *text, struct pr_error *e)
{
	char name[KEY_SIZE];
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_RECALL, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, name_of(key, name));
	if ((r = pr_db_step(s, e)) <= 0)
		return r < 0 ? r : PR_ENOENT;
	pr_buf_add_str(text, pr_db_text(s, 0));
	sqlite3_reset(s);
	return 0;
}

int
pr_audience_remember(pr_audience *a, uint64_t key, struct pr_str text, struct pr_error *e)
{
	char name[KEY_SIZE];
	sqlite3_stmt *s;
	int r = audience_statement(a, text.p ? AU_REMEMBER : AU_UNREMEMBER, &s, e);
	if (r < 0)
		return r;
	pr_db_bind_text(s, 1, name_of(key, name));
	if (text.p)
		pr_db_bind_text(s, 2, text);
	return pr_db_run(s, e);
}

int
pr_audience_each_key(pr_audience *a, void (*each)(void *context, uint64_t key), void *context,
                     struct pr_error *e)
{
	unsigned long long key;
	char name[KEY_SIZE];
	sqlite3_stmt *s;
	int r = audience_statement(a, AU_REMEMBERED, &s, e);
	while (r >= 0 && (r = pr_db_step(s, e)) == 1) {
		struct pr_str text = pr_db_text(s, 0);
		snprintf(name, sizeof name, "%.*s", (int)text.n, text.p);
		if (sscanf(name, PREFIX "%16llx", &key) == 1)
			each(context, key);
	}
	return r;
}
