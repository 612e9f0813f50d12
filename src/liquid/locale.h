/* What a language's users expect of dates, numbers and money. Names and forms are those of CLDR
 * (the form within a date: "5 stycznia"). */
#ifndef POSTRIDER_LIQUID_LOCALE_H
#define POSTRIDER_LIQUID_LOCALE_H

#include "postrider/base/str.h"

struct lq_locale {
	const char *name; /* "de", "pt-BR" */
	const char *months[12], *months_short[12];
	const char *days[7], *days_short[7]; /* from Sunday */
	const char *am, *pm;
	const char *point, *group;
	int group_from;  /* digits before the point from which they are grouped */
	bool sign_after; /* 12,50 €, not € 12,50 */
	bool sign_apart; /* with a blank that does not break */
};

extern const struct lq_locale lq_locales[]; /* the first is English */
/* "pt_br" finds pt-BR, "de-AT" finds de; NULL: none. */
const struct lq_locale *lq_locale_find(struct pr_str name);

#endif
