/* Conversions folded into a ledger: counted once, summed exactly, by currency, variant, link, hour.
 */
#include "ledger_help.h"
#include "suite.h"

#include "../../src/ledger/internal.h"

#include "postrider/ledger/conversions.h"

#define HOUR 3600000LL

static uint64_t lsn;

static struct pr_conversion
order(uint64_t key, const char *money)
{
	static char ids[4][24];
	char *id = ids[key % 4];
	snprintf(id, sizeof ids[0], "A %llu", (unsigned long long)key);
	struct pr_conversion c = {.key = key, .event = PR_STR("order"), .order = pr_str(id)};
	if (money)
		ck_assert(pr_money_parse(pr_str(money), &c.amount));
	return c;
}

static void
convert(pr_ledger *l, uint32_t row, int64_t at_ms, struct pr_conversion c)
{
	struct script s = {0};
	struct pr_buf payload = {0};
	lsn = lsn ? lsn + 1 : 100000;
	pr_conversion_encode(&c, &payload);
	script_add(&s,
	           (struct pr_record){.lsn = lsn,
	                              .campaign = SERIAL,
	                              .row = row,
	                              .type = PR_RECORD_ENGAGEMENT,
	                              .at_ms = at_ms},
	           payload);
	fold_script(l, &s, lsn + 1);
	script_finish(&s);
}

static struct pr_conversions
conversions(pr_ledger *l, unsigned variant)
{
	struct pr_conversions n;
	struct pr_error e = {0};
	ok(pr_ledger_conversions(l, variant, &n, &e), &e);
	return n;
}

static void
expect(pr_ledger *l, unsigned variant, const char *expected)
{
	struct pr_conversions n = conversions(l, variant);
	struct pr_buf b = {0};
	char amount[PR_AMOUNT_SIZE];
	pr_buf_addf(&b, "%u/%u", (unsigned)n.total, (unsigned)n.unique);
	for (unsigned i = 0; i < n.currencies; i++)
		pr_buf_addf(&b, " %s %s", pr_amount_format(n.revenue[i].micros, amount),
		            n.revenue[i].currency);
	if (n.more)
		pr_buf_adds(&b, " more");
	ck_assert_str_eq(b.data, expected);
	pr_buf_finish(&b);
}

START_TEST(each_is_counted_once_however_often_it_is_told)
{
	pr_ledger *l = make_ledger(20, 2);
	lsn = 0;
	convert(l, 1, 5, order(1, "49.90 EUR"));
	convert(l, 1, 5, order(1, "49.90 EUR"));
	l = reopen(l);
	convert(l, 1, 5, order(1, "49.90 EUR"));
	convert(l, 1, 6, order(2, "0.10 EUR"));
	convert(l, 2, 7, order(1, "20 USD")); /* of another row: another event */
	convert(l, 3, 8, order(9, NULL));
	expect(l, PR_VARIANT_ALL, "4/3 50.00 EUR 20.00 USD");
	ck_assert_int_eq(pr_ledger_has_conversion(l, 1, 2, NULL), 1);
	ck_assert_int_eq(pr_ledger_has_conversion(l, 2, 2, NULL), 0);
	pr_ledger_close(l);
}
END_TEST

START_TEST(items_of_one_order_are_one_conversion)
{
	pr_ledger *l = make_ledger(20, 2);
	struct pr_conversion c = order(1, "10 EUR"), other = order(2, "5 EUR");
	lsn = 0;
	convert(l, 1, 5, c);
	other.order = c.order;
	convert(l, 1, 5, other);
	expect(l, PR_VARIANT_ALL, "1/1 15.00 EUR");
	other = order(3, "1 EUR");
	other.order = PR_STR("");
	convert(l, 1, 5, other); /* without an id it stands for itself */
	other.key = 4;
	convert(l, 1, 5, other);
	expect(l, PR_VARIANT_ALL, "3/1 17.00 EUR");
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_refund_is_taken_off_and_is_no_conversion)
{
	pr_ledger *l = make_ledger(20, 2);
	struct pr_conversion refund = order(2, "-9.95 EUR");
	lsn = 0;
	refund.refund = true;
	convert(l, 1, 4, refund); /* also before its order */
	convert(l, 1, 5, order(1, "49.90 EUR"));
	expect(l, PR_VARIANT_ALL, "1/1 39.95 EUR");
	pr_ledger_close(l);
}
END_TEST

START_TEST(a_row_counts_for_the_variant_it_was_sent)
{
	pr_ledger *l = make_ledger(20, 2);
	for (uint32_t row = 1; row <= 6; row++)
		fold_one(l, row,
		         (struct pr_outcome){.state = PR_DELIVERED,
		                             .attempts = 1,
		                             .variant = (uint8_t)(1 + row % 2)});
	lsn = 0;
	convert(l, 1, 5, order(1, "10 EUR"));
	convert(l, 2, 5, order(2, "20 EUR"));
	convert(l, 4, 5, order(3, "30 EUR"));
	convert(l, 4, 5, order(4, "1 EUR"));
	expect(l, 1, "3/2 51.00 EUR");
	expect(l, 2, "1/1 10.00 EUR");
	expect(l, 3, "0/0");
	expect(l, PR_VARIANT_ALL, "4/3 61.00 EUR");
	pr_ledger_close(l);
}
END_TEST

/* What a test of variants is judged by: rows that bought, and the money of each row. */
START_TEST(variants_have_buyers_and_the_money_of_each_row)
{
	struct pr_variant_counts of[3];
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(9, 3);
	struct pr_conversion refund = order(4, "-5.00 EUR");
	refund.refund = true;
	for (uint32_t row = 1; row <= 5; row++)
		fold_one(l, row,
		         (struct pr_outcome){.state = row == 5 ? PR_BOUNCED : PR_DELIVERED,
		                             .attempts = 1,
		                             .variant = (uint8_t)(1 + row % 2)});
	convert(l, 1, 1, order(1, "10.00 EUR"));
	convert(l, 1, 2, order(2, "20.00 EUR"));
	convert(l, 2, 3, order(3, "7.00 USD")); /* not the first one's currency */
	convert(l, 3, 4, refund);               /* of an order nobody told of */
	convert(l, 4, 5, order(5, NULL));
	ok(pr_ledger_variants(l, of, 3, &e), &e);
	ck_assert_uint_eq(of[1].delivered, 2);
	ck_assert_uint_eq(of[2].delivered, 2);
	ck_assert_uint_eq(of[2].bounced, 1);
	ck_assert_uint_eq(of[1].people[PR_ENGAGEMENT_CONVERSION], 2);
	ck_assert_uint_eq(of[2].people[PR_ENGAGEMENT_CONVERSION], 1);
	ck_assert_double_eq_tol(of[2].revenue, 30 - 5, 1e-9);
	ck_assert_double_eq_tol(of[2].revenue2, 900 + 25, 1e-9);
	ck_assert_double_eq_tol(of[1].revenue, 0, 1e-9);
	pr_ledger_close(l);
}
END_TEST

START_TEST(sums_stay_exact_and_never_turn_round)
{
	pr_ledger *l = make_ledger(20, 2);
	lsn = 0;
	for (unsigned i = 0; i < 10; i++)
		convert(l, 1, 5, order(i + 1, "0.10 EUR"));
	expect(l, PR_VARIANT_ALL, "10/1 1.00 EUR");
	for (unsigned i = 0; i < 930; i++)
		convert(l, 2, 5, order(i + 1, "10000000000 EUR"));
	ck_assert_int_eq(conversions(l, PR_VARIANT_ALL).revenue[0].micros, INT64_MAX);
	pr_ledger_close(l);
}
END_TEST

static bool
add_link(void *context, uint32_t link, struct pr_str url, uint64_t n, const struct pr_money *m)
{
	char amount[PR_AMOUNT_SIZE];
	(void)url;
	pr_buf_addf(context, "%u:%u:%s%s ", link, (unsigned)n, pr_amount_format(m->micros, amount),
	            m->currency);
	return true;
}

static bool
add_hour(void *context, int64_t hour_ms, uint64_t n, const struct pr_money *m)
{
	return add_link(context, (uint32_t)(hour_ms / HOUR), PR_STR(""), n, m);
}

START_TEST(they_are_told_by_link_and_by_hour)
{
	struct pr_buf links = {0}, hours = {0};
	struct pr_error e = {0};
	pr_ledger *l = make_ledger(20, 2);
	struct pr_conversion c = order(1, "10 EUR");
	lsn = 0;
	c.link = 3;
	convert(l, 1, 2 * HOUR, c);
	convert(l, 2, 3 * HOUR - 1, c);
	c.link = 4;
	convert(l, 3, 5 * HOUR, c);
	ok(pr_ledger_tally_converted(l, 10, add_link, &links, &e), &e);
	ck_assert_str_eq(links.data, "3:2:20.00EUR 4:1:10.00EUR ");
	ok(pr_ledger_conversion_hours(l, 10, add_hour, &hours, &e), &e);
	ck_assert_str_eq(hours.data, "2:2:20.00EUR 5:1:10.00EUR ");
	pr_buf_finish(&links);
	pr_buf_finish(&hours);
	pr_ledger_close(l);
}
END_TEST

static const struct {
	const char *cost, *each, *revenue, *paid; /* NULL: none */
	double roi;
	bool known, other;
} returns[] = {
    {"100 EUR", NULL, "250 EUR", "100.00", 1.5, true, false},
    {"100 EUR", "0.5 EUR", "150 EUR", "104.50", 45.5 / 104.5, true, false},
    {NULL, "0.5 EUR", "9 EUR", "4.50", 1, true, false},
    {"100 EUR", NULL, "250 USD", "100.00", -1, true, true},
    {"100 EUR", NULL, NULL, "100.00", -1, true, false},
    {NULL, NULL, "250 EUR", NULL, 0, false, true},
    {"0 EUR", NULL, "250 EUR", "0.00", 0, false, false},
};

START_TEST(the_return_is_of_one_currency)
{
	struct pr_error e = {0};
	struct pr_earned g;
	struct pr_money cost = {0};
	char paid[PR_AMOUNT_SIZE];
	double roi = 0;
	bool other = false;
	pr_ledger *l = make_ledger(20, 2);
	lsn = 0;
	if (returns[_i].cost)
		ok(pr_ledger_set(l, "cost", pr_str(returns[_i].cost), &e), &e);
	if (returns[_i].each)
		ok(pr_ledger_set(l, "cost_per_message", pr_str(returns[_i].each), &e), &e);
	if (returns[_i].revenue)
		convert(l, 1, 5, order(1, returns[_i].revenue));
	ok(pr_ledger_earned(l, &g, &e), &e);
	ck_assert_int_eq(pr_earned_cost(&g, 9, &cost), returns[_i].paid != NULL);
	if (returns[_i].paid)
		ck_assert_str_eq(pr_amount_format(cost.micros, paid), returns[_i].paid);
	ck_assert_int_eq(pr_earned_roi(&g, 9, &roi, &other), returns[_i].known);
	ck_assert_double_eq_tol(roi, returns[_i].roi, 1e-12);
	ck_assert_int_eq(other, returns[_i].other);
	pr_ledger_close(l);
}
END_TEST

static const char *const details[] = {
    "",
    "order",
    "order -",
    "order - EUR x",
    "order 1 EU x",
    "order x EUR",
    "order - -5 x",
    " 1 EUR x",
    "order 99999999999999999999 EUR x",
    "order --1 EUR",
};

START_TEST(what_is_damaged_is_no_conversion)
{
	struct pr_conversion c;
	struct pr_engagement g = {.kind = PR_ENGAGEMENT_CONVERSION, .detail = pr_str(details[_i])};
	ck_assert_int_eq(pr_conversion_decode(&g, &c), PR_ECORRUPT);
}
END_TEST

START_TEST(what_is_encoded_is_decoded)
{
	struct pr_buf payload = {0};
	struct pr_engagement g;
	struct pr_conversion c = order(77, "-1.5 EUR"), d;
	c.link = 5;
	c.refund = true;
	pr_conversion_encode(&c, &payload);
	ck_assert_int_eq(pr_engagement_decode(pr_buf_str(&payload), &g), 0);
	ck_assert_int_eq(pr_conversion_decode(&g, &d), 0);
	ck_assert(d.key == 77 && d.link == 5 && d.refund && d.amount.micros == -1500000);
	ck_assert(pr_str_is(d.event, "order") && pr_str_is(d.order, "A 77"));
	ck_assert_str_eq(d.amount.currency, "EUR");
	pr_buf_finish(&payload);
}
END_TEST

static bool
note_order(void *context, const struct pr_converted *c)
{
	pr_buf_addf(context, "%u %.*s;", c->row, (int)c->c.order.n, c->c.order.p);
	return true;
}

START_TEST(a_forgotten_persons_orders_have_no_ids)
{
	struct pr_error e = {0};
	struct pr_buf b = {0};
	struct pr_trace trace = {0};
	uint32_t row = 1;
	pr_ledger *l = make_ledger(20, 2);
	lsn = 0;
	convert(l, 1, 5, order(1, "10 EUR"));
	convert(l, 2, 5, order(1, "10 EUR"));
	pr_trace_add(&trace, PR_STR("user1@d1.example"));
	ok(pr_ledger_erase(l, &trace, &row, 1, &e), &e);
	ok(pr_ledger_each_conversion(l, 0, note_order, &b, &e), &e);
	ck_assert_str_eq(b.data, "1 ;2 A 1;");
	expect(l, PR_VARIANT_ALL, "2/2 20.00 EUR");
	pr_buf_finish(&b);
	pr_ledger_close(l);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_is_counted_once_however_often_it_is_told},
	    {items_of_one_order_are_one_conversion},
	    {a_refund_is_taken_off_and_is_no_conversion},
	    {a_row_counts_for_the_variant_it_was_sent},
	    {variants_have_buyers_and_the_money_of_each_row},
	    {sums_stay_exact_and_never_turn_round},
	    {they_are_told_by_link_and_by_hour},
	    {the_return_is_of_one_currency, ROWS(returns)},
	    {what_is_damaged_is_no_conversion, ROWS(details)},
	    {what_is_encoded_is_decoded},
	    {a_forgotten_persons_orders_have_no_ids},
	};
	return suite_run("ledger_convert", make_folder, remove_folder, tests, ROWS(tests));
}
