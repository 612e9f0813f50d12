/* A campaign's id: day, name as ASCII, four random characters. */
#include "postrider/campaign/manifest.h"

#include <glib.h>
#include <stdio.h>

#define SLUG_MAX 36

/* Lower-case letters and digits, all else one '-' between them; "campaign" when nothing is
 * left. g_str_to_ascii transliterates the same in every locale ("ß" to "ss"). */
static void
make_slug(struct pr_str name, char *out)
{
	char shown[PR_MANIFEST_NAME_MAX + 1];
	size_t n = 0;
	pr_str_show(name, shown, sizeof shown);
	char *ascii = g_str_to_ascii(shown, "C");
	for (const char *p = ascii; *p && n < SLUG_MAX; p++) {
		char c = pr_lower(*p);
		bool plain = pr_is_digit(c) || (c >= 'a' && c <= 'z');
		if (plain)
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	g_free(ascii);
	while (n && out[n - 1] == '-')
		n--;
	out[n] = 0;
	if (n == 0)
		memcpy(out, "campaign", sizeof "campaign");
}

char *
pr_campaign_id(struct pr_str name, int64_t utc_ms, uint64_t random, char *out)
{
	/* No letters or digits that are taken for one another. */
	static const char alphabet[32] = "abcdefghijkmnpqrstuvwxyz23456789";
	char day[PR_RFC3339_SIZE], slug[SLUG_MAX + 1], end[5] = {0};
	pr_format_rfc3339(utc_ms, day);
	make_slug(name, slug);
	for (unsigned i = 0; i < 4; i++)
		end[i] = alphabet[random >> (5 * i) & 31];
	snprintf(out, PR_MANIFEST_ID_SIZE, "%.4s%.2s%.2s-%s-%s", day, day + 5, day + 8, slug, end);
	return out;
}
