/*
 * Money: exact amounts in millionths of a currency's unit. Pure.
 *
 * Never a floating point number: what comes in as digits goes out as the same digits, and sums are
 * sums. Currencies are named by the three letters of ISO 4217; which of them exist is not known
 * here, for they come and go.
 */
#ifndef POSTRIDER_BASE_MONEY_H
#define POSTRIDER_BASE_MONEY_H

#include "postrider/base/str.h"

#define PR_MICROS 1000000LL
#define PR_AMOUNT_MAX (10000000000LL * PR_MICROS) /* of one amount: 10,000,000,000.00 */
#define PR_AMOUNT_SIZE 24
#define PR_NO_CURRENCY "XXX" /* ISO 4217: no currency is meant */

struct pr_money {
	int64_t micros;
	char currency[4]; /* "EUR"; "": nothing is said */
};

/* "49.90", "-5", "+0.5": digits, perhaps a point and at most 6 digits more (zeroes behind them do
 * not matter). False when not so, or beyond PR_AMOUNT_MAX. */
bool pr_amount_parse(struct pr_str s, int64_t *micros);
/* "49.90", "-5.00", "0.125": two digits behind the point, more where they are needed. */
const char *pr_amount_format(int64_t micros, char out[PR_AMOUNT_SIZE]);
/* Three letters, as capitals. */
bool pr_currency_parse(struct pr_str s, char out[4]);
/* "120.00 EUR" */
bool pr_money_parse(struct pr_str s, struct pr_money *out);
/* Stays at the largest or least number there is, where the sum is beyond. */
int64_t pr_amount_add(int64_t a, int64_t b);

#endif
