/*
 * Coupons: codes of a file in the campaign's folder, of which each good row gets one, in the
 * order of both. It becomes the row's column `coupon`, so the code is in the ledger before the
 * first message is sent, and every try has the same.
 *
 * The file is CSV (csv.h). Without `column` it has one column, and its first line is a code as
 * well, unless it reads code, codes, coupon, coupons or voucher. Empty, unprintable and too long
 * codes, and the same one twice, are problems of the file.
 */
#ifndef POSTRIDER_CAMPAIGN_COUPONS_H
#define POSTRIDER_CAMPAIGN_COUPONS_H

#include "postrider/base/error.h"
#include "postrider/base/problem.h"
#include "postrider/base/yaml.h"

#define PR_COUPON_COLUMN "coupon"
#define PR_COUPON_MAX 200u /* octets of a code */
#define PR_COUPONS_MAX 10000000u

struct pr_coupons_source {
	struct pr_text file;   /* p NULL: none */
	struct pr_text column; /* p NULL: there is only one */
};
extern const struct pr_yaml_schema pr_coupons_schema;

typedef struct pr_coupons pr_coupons;

/* All codes of the file, into memory. dir: the campaign's folder. PR_EINVAL: problems told. */
int pr_coupons_read(const struct pr_coupons_source *source, int dir, pr_coupons **out,
                    struct pr_problems *problems, struct pr_error *e);
void pr_coupons_free(pr_coupons *c); /* NULL: nothing */
size_t pr_coupons_count(const pr_coupons *c);
/* The code at this position, from 0; n 0: there are not so many. A view. */
struct pr_str pr_coupons_at(const pr_coupons *c, size_t at);

#endif
