/*
 * The site of a set of host names: what domains with the same exchangers have in common, as a
 * text that people can read.
 *
 *   alt1.mx.example.com, alt2.mx.example.com, mx.example.com  ->  (alt1|alt2)?.mx.example.com
 *
 * Label by label from the right: one label where all agree, the alternatives in order where they
 * differ, "?" where some name has none. Where the names differ in more than one place, other
 * sets may factor alike (a.x and b.y, a.y and b.x), and one domain must never be sent to the
 * exchangers of another: then a hash of the set follows, as it does where the text is too long.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define LABELS_MAX 128
#define HASH_TAIL 17 /* "~" and 16 digits */

struct host_name {
	const char *text;
	size_t n;                         /* labels */
	struct pr_str labels[LABELS_MAX]; /* from the right */
};

static void
split(const char *text, struct host_name *h)
{
	const char *end = text + strlen(text);
	h->text = text;
	h->n = 0;
	while (h->n < LABELS_MAX) {
		const char *begin = end;
		while (begin > text && begin[-1] != '.')
			begin--;
		h->labels[h->n++] = pr_str_n(begin, (size_t)(end - begin));
		if (begin == text)
			break;
		end = begin - 1;
	}
}

static int
compare_labels(const void *a, const void *b)
{
	const struct pr_str *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return c ? c : x->n < y->n ? -1 : x->n > y->n;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The different labels at a place from the right, in order; how many. */
static size_t
alternatives(const struct host_name *hosts, size_t n, size_t place, struct pr_str *out,
             bool *missing)
{
	size_t found = 0, kept = 0;
	*missing = false;
	for (size_t i = 0; i < n; i++) {
		if (place < hosts[i].n)
			out[found++] = hosts[i].labels[place];
		else
			*missing = true;
	}
	qsort(out, found, sizeof *out, compare_labels);
	for (size_t i = 0; i < found; i++)
		if (kept == 0 || !pr_str_eq(out[i], out[kept - 1]))
			out[kept++] = out[i];
	return kept;
}

static void
add_place(struct pr_buf *out, const struct pr_str *labels, size_t n, bool missing)
{
	if (n > 1)
		pr_buf_addc(out, '(');
	for (size_t i = 0; i < n; i++) {
		if (i)
			pr_buf_addc(out, '|');
		pr_buf_add_str(out, labels[i]);
	}
	if (n > 1)
		pr_buf_addc(out, ')');
	if (missing)
		pr_buf_addc(out, '?');
}

/* Of the names in order; with a fixed key, as it outlives the process. */
static uint64_t
hash_of(const char **sorted, size_t n)
{
	static const struct pr_hash_key key = {0x706f737472696465u, 0x7273697465736974u};
	struct pr_buf all = {0};
	for (size_t i = 0; i < n; i++)
		pr_buf_addf(&all, "%s\n", sorted[i]);
	uint64_t hash = pr_siphash(key, all.data, all.len);
	pr_buf_finish(&all);
	return hash;
}

static void
write_site(const struct pr_buf *text, uint64_t hash, bool told, char out[PR_MX_SITE_SIZE])
{
	size_t most = PR_MX_SITE_SIZE - 1;
	if (told && text->len <= most) {
		memcpy(out, text->data, text->len + 1);
		return;
	}
	size_t n = text->len < most - HASH_TAIL ? text->len : most - HASH_TAIL;
	memcpy(out, text->data, n);
	snprintf(out + n, PR_MX_SITE_SIZE - n, "~%016llx", (unsigned long long)hash);
}

void
pr_mx_site(const char *const *names, size_t n, char out[PR_MX_SITE_SIZE])
{
	const char *sorted[PR_MX_EXCHANGERS_MAX];
	struct pr_str labels[PR_MX_EXCHANGERS_MAX];
	struct pr_buf text = {0};
	size_t places = 0, varying = 0;
	n = n < PR_MX_EXCHANGERS_MAX ? n : PR_MX_EXCHANGERS_MAX;
	*out = 0;
	if (n == 0)
		return;
	struct host_name *hosts = pr_alloc(n * sizeof *hosts);
	for (size_t i = 0; i < n; i++) {
		sorted[i] = names[i];
		split(names[i], &hosts[i]);
		places = hosts[i].n > places ? hosts[i].n : places;
	}
	qsort(sorted, n, sizeof *sorted, compare_names);
	while (places-- > 0) {
		bool missing;
		size_t found = alternatives(hosts, n, places, labels, &missing);
		add_place(&text, labels, found, missing);
		varying += found > 1 || missing;
		if (places)
			pr_buf_addc(&text, '.');
	}
	write_site(&text, hash_of(sorted, n), varying <= 1, out);
	pr_buf_finish(&text);
	free(hosts);
}
