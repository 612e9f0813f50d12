/* Which of the pages' languages somebody reads. Tags as in BCP 47: the first part decides. */
#include "internal.h"

#include <stdlib.h>

static const char *const tags[TRACK_LANGUAGES] = {"en", "zh", "de", "fr", "es"};

const char *
track_language_tag(enum track_language l)
{
	return tags[l];
}

enum track_language
track_language_of(struct pr_str tag)
{
	tag = pr_str_trim(tag);
	size_t n = 0;
	while (n < tag.n && tag.p[n] != '-' && tag.p[n] != '_')
		n++;
	for (int i = 0; i < TRACK_LANGUAGES; i++)
		if (pr_str_eq_nocase(pr_str_n(tag.p, n), pr_str(tags[i])))
			return (enum track_language)i;
	return TRACK_LANGUAGES;
}

/* ";q=0.8" (RFC 9110 section 12.4.2), in thousandths; without it 1000. */
static int
weight(struct pr_str parameters)
{
	const char *q = memmem(parameters.p, parameters.n, "q=", 2);
	if (!q || q + 2 >= parameters.p + parameters.n)
		return 1000;
	double share = q[2] == '1' ? 1 : 0, unit = 1;
	for (const char *p = q + 4; p < parameters.p + parameters.n && pr_is_digit(*p); p++)
		share += (*p - '0') * (unit /= 10);
	return (int)(share * 1000 + 0.5);
}

enum track_language
track_language_asked(const char *header)
{
	enum track_language best = TRACK_EN;
	int most = 0;
	for (const char *p = header ? header : ""; *p; p += *p == ',') {
		size_t n = strcspn(p, ","), tag = strcspn(p, ",;");
		enum track_language l = track_language_of(pr_str_n(p, tag));
		int q = weight(pr_str_n(p + tag, n - tag));
		if (l != TRACK_LANGUAGES && q > most) {
			best = l;
			most = q;
		}
		p += n;
	}
	return best;
}
