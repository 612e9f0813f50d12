/*
 * `law`: the laws that a marketing campaign is to keep, as far as a message and a row can show it.
 *
 *   us  CAN-SPAM, 15 U.S.C. 7704(a)(3), (5): a way to unsubscribe and a postal address in the body
 *   ca  CASL, S.C. 2010 c. 23, sections 6(2), 10, 11: the same, and consent, which may expire
 *   eu  GDPR article 7(1), ePrivacy article 13(1): consent; for following opens one of its own
 *       (CNIL, deliberation 2026-042)
 *   cn  Measures for e-mail services (MIIT order 38, 2006), articles 13, 14: consent, and "AD" or
 *       its Chinese word in front of the subject
 */
#ifndef POSTRIDER_CAMPAIGN_LAW_H
#define POSTRIDER_CAMPAIGN_LAW_H

#include "postrider/base/yaml.h"

enum { PR_LAW_US = 1, PR_LAW_CA = 2, PR_LAW_EU = 4, PR_LAW_CN = 8 };

/* As bits; words that are none count for nothing: pr_law_check has told of them. */
unsigned pr_laws_of(const struct pr_texts *words);
/* key: "law", "brands.acme.law". PR_EINVAL: told. */
int pr_law_check(const struct pr_texts *words, const char *file, const char *key,
                 struct pr_problems *problems);

/* `consent` of a manifest: which rows may be written to. */
struct pr_consent {
	struct pr_text column;  /* says yes; p NULL: nobody is asked */
	struct pr_text expires; /* a day, the last one; blank: does not expire; p NULL: none does */
};
extern const struct pr_yaml_schema pr_consent_schema;
/* The words for yes that forms and spreadsheets write. */
bool pr_says_yes(struct pr_str cell);
/* Why not, or NULL: it holds at utc_ms. */
const char *pr_consent_ended(struct pr_str expires, int64_t utc_ms);

#endif
