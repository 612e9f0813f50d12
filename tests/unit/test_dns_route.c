/* Routes of domains and their sites, of answers as they were read. */
#include "dns_packet.h"
#include "suite.h"

#include "../../src/dns/internal.h"

static struct dns_packet packet;

static struct pr_mx *
route(const char *answer)
{
	bool dangling;
	packet_answer(&packet, 1, "d.test", PR_DNS_MX, answer);
	struct pr_dns_answer *a =
	    dns_packet_read(packet.data, packet.n, "d.test", PR_DNS_MX, &dangling);
	struct pr_mx *mx = dns_mx_compose(a);
	pr_dns_answer_unref(a);
	return mx;
}

START_TEST(exchangers_are_sorted_and_told_once)
{
	struct pr_mx *mx = route("MX 20 b.test; MX 10 c.test; MX 30 C.test; MX 10 a.test");
	ck_assert_uint_eq(mx->n, 3);
	ck_assert_str_eq(mx->exchangers[0].name, "a.test");
	ck_assert_str_eq(mx->exchangers[1].name, "c.test");
	ck_assert_str_eq(mx->exchangers[2].name, "b.test");
	ck_assert_str_eq(mx->site, "(a|b|c).test");
	pr_mx_unref(mx);
}
END_TEST

START_TEST(best_exchangers_are_kept_when_there_are_too_many)
{
	struct pr_buf text = {0};
	for (int i = 100; i > 0; i--)
		pr_buf_addf(&text, "MX %d mail-exchanger-%d.of-a-long-name.test; ", i, i);
	pr_buf_adds(&text, "AD");
	struct pr_mx *mx = route(text.data);
	ck_assert_uint_eq(mx->n, PR_MX_EXCHANGERS_MAX);
	ck_assert_uint_eq(mx->exchangers[31].preference, 32);
	ck_assert(mx->secure);
	ck_assert_uint_eq(strlen(mx->site), PR_MX_SITE_SIZE - 1);
	pr_mx_unref(mx);
	pr_buf_finish(&text);
}
END_TEST

START_TEST(no_mx_leaves_the_rest_to_the_addresses)
{
	ck_assert_ptr_null(route("SOA 60"));
}
END_TEST

static const struct {
	const char *answer;
	enum pr_mx_kind kind;
} kinds[] = {
    {"MX 0 .", PR_MX_NULL},
    {"MX 10 .", PR_MX_NULL},
    {"NXDOMAIN", PR_MX_NO_DOMAIN},
    {"SERVFAIL", PR_MX_TEMP},
    {"MX 0 .; MX 1 .", PR_MX_NO_HOST},
    {"MX 0 .; MX 1 a.test", PR_MX_OK},
    {"MX 1 192.0.2.1", PR_MX_NO_HOST},
    {"MX 1 localhost", PR_MX_NO_HOST},
    {"MX 1 a.localhost", PR_MX_NO_HOST},
    {"MX 1 a_b.test", PR_MX_OK},
    {"MX 1 a b.test", PR_MX_NO_HOST},
    {"MX 1 alone", PR_MX_NO_HOST},
    {"MX 1 192.0.2", PR_MX_NO_HOST},
};

START_TEST(domain_of_each_kind)
{
	struct pr_mx *mx = route(kinds[_i].answer);
	ck_assert_msg(mx->kind == kinds[_i].kind, "%s: %d %s", kinds[_i].answer, (int)mx->kind,
	              mx->why);
	ck_assert((mx->kind == PR_MX_OK) == (*mx->site != 0));
	pr_mx_unref(mx);
}
END_TEST

static const struct {
	const char *names[6];
	const char *site;
} sites[] = {
    {{"mx.test"}, "mx.test"},
    {{"b.mx.test", "a.mx.test"}, "(a|b).mx.test"},
    {{"gmail-smtp-in.l.google.com", "alt2.gmail-smtp-in.l.google.com",
      "alt1.gmail-smtp-in.l.google.com", "alt4.gmail-smtp-in.l.google.com",
      "alt3.gmail-smtp-in.l.google.com"},
     "(alt1|alt2|alt3|alt4)?.gmail-smtp-in.l.google.com"},
    {{"mx.test", "a.mx.test"}, "a?.mx.test"},
};

static void
site_of(const char *const *names, char out[PR_MX_SITE_SIZE])
{
	size_t n = 0;
	while (names[n])
		n++;
	pr_mx_site(names, n, out);
}

START_TEST(site_factors_the_names)
{
	char site[PR_MX_SITE_SIZE];
	site_of(sites[_i].names, site);
	ck_assert_str_eq(site, sites[_i].site);
}
END_TEST

START_TEST(sets_that_factor_alike_are_told_apart)
{
	const char *const one[] = {"a.x.test", "b.y.test", NULL};
	const char *const other[] = {"a.y.test", "b.x.test", NULL};
	const char *const turned[] = {"b.y.test", "a.x.test", NULL};
	char site[PR_MX_SITE_SIZE], second[PR_MX_SITE_SIZE];
	site_of(one, site);
	ck_assert_ptr_nonnull(strstr(site, "(a|b).(x|y).test~"));
	site_of(other, second);
	ck_assert_str_ne(site, second);
	site_of(turned, second);
	ck_assert_str_eq(site, second);
}
END_TEST

/* Sites are keys on disk: this text must never change. */
START_TEST(site_is_stable_over_versions)
{
	const char *const names[] = {"a.x.test", "b.y.test", NULL};
	char site[PR_MX_SITE_SIZE];
	site_of(names, site);
	ck_assert_str_eq(site, "(a|b).(x|y).test~8cfa35bbecd841fe");
}
END_TEST

static const struct {
	const char *domain, *name; /* NULL: none; "": a wrong one */
} literals[] = {
    {"[192.0.2.1]", "192.0.2.1"},
    {"[IPv6:2001:DB8::1]", "2001:db8::1"},
    {"[ipv6:::1]", "::1"},
    {"[2001:db8::1]", ""},
    {"[IPv6:192.0.2.1]", ""},
    {"[]", ""},
    {"[[::1]]", ""},
    {"[x]", ""},
    {"x.test", NULL},
    {"[", NULL},
};

START_TEST(address_literal_of_each_form)
{
	struct pr_mx *mx = dns_mx_literal(literals[_i].domain);
	ck_assert((mx != NULL) == (literals[_i].name != NULL));
	if (!mx)
		return;
	ck_assert_int_eq(mx->kind, *literals[_i].name ? PR_MX_OK : PR_MX_NO_DOMAIN);
	if (*literals[_i].name)
		ck_assert_str_eq(mx->exchangers[0].name, literals[_i].name);
	pr_mx_unref(mx);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {exchangers_are_sorted_and_told_once},
	    {best_exchangers_are_kept_when_there_are_too_many},
	    {no_mx_leaves_the_rest_to_the_addresses},
	    {domain_of_each_kind, ROWS(kinds)},
	    {site_factors_the_names, ROWS(sites)},
	    {sets_that_factor_alike_are_told_apart},
	    {site_is_stable_over_versions},
	    {address_literal_of_each_form, ROWS(literals)},
	};
	return suite_run("dns_route", NULL, NULL, tests, ROWS(tests));
}
