/*
 * Names of files. GLib has the Unicode tables: normalisation (NFC) and case folding.
 */
#include "postrider/campaign/names.h"

#include <glib.h>

static bool
is_any(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (pr_str_eq_nocase(pr_str(name), pr_str(*words)))
			return true;
	return false;
}

bool
pr_name_is_debris(const char *name)
{
	static const char *const words[] = {"Thumbs.db", "desktop.ini", "__MACOSX", "Icon\r", NULL};
	return name[0] == '.' || pr_str_starts(pr_str(name), "~$") || is_any(name, words);
}

static bool
ends_nocase(struct pr_str s, const char *suffix)
{
	size_t n = strlen(suffix);
	return s.n >= n && pr_str_eq_nocase(pr_str_n(s.p + s.n - n, n), pr_str_n(suffix, n));
}

bool
pr_name_is_partial(const char *name)
{
	static const char *const suffixes[] = {".part", ".filepart", ".crdownload", ".tmp"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (ends_nocase(pr_str(name), suffixes[i]))
			return true;
	return false;
}

bool
pr_name_is_generated(const char *name)
{
	static const char *const words[] = {
	    "rejects.csv", "results.csv",  "report.html", "report.json", "report.csv",
	    "errors.txt",  "warnings.txt", "PROBLEM.txt", "versions",    NULL};
	return is_any(name, words) || pr_str_starts_nocase(pr_str(name), "ledger.db");
}

bool
pr_name_normal(const char *name, struct pr_buf *out)
{
	size_t n = strlen(name), at = out->len;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '\\')
			return false;
	while (n > 0 && pr_is_space(name[n - 1]))
		n--;
	if (n == 0 || !pr_utf8_valid(name, n, NULL))
		return false;
	char *composed = g_utf8_normalize(name, (gssize)n, G_NORMALIZE_NFC);
	if (!composed)
		return false;
	pr_buf_adds(out, composed);
	g_free(composed);
	return out->len > at;
}

static char *
folded(const char *name)
{
	struct pr_buf normal = {0};
	char *out = NULL;
	if (pr_name_normal(name, &normal))
		out = g_utf8_casefold(normal.data, (gssize)normal.len);
	pr_buf_finish(&normal);
	return out;
}

bool
pr_name_alike(const char *a, const char *b)
{
	char *x = folded(a), *y = folded(b);
	bool same = x && y && strcmp(x, y) == 0;
	g_free(x);
	g_free(y);
	return same;
}
