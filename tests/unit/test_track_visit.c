/* What a request tells: evidence, device, who asks, how fast, for how many; paths, languages and
 * pages. */
#include "suite.h"

#include "../../src/track/internal.h"

#include <stdio.h>

#define FIREFOX "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
#define GOOGLE                                                                                     \
	"Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com "                 \
	"GoogleImageProxy)"

static const struct {
	struct track_headers headers;
	unsigned evidence;
	enum pr_device device;
} requests[] = {
    {{FIREFOX, "de", NULL, NULL, false}, 0, PR_DEVICE_DESKTOP},
    {{FIREFOX, NULL, NULL, NULL, false}, PR_EVIDENCE_NO_LANGUAGE, PR_DEVICE_DESKTOP},
    {{FIREFOX, "", NULL, NULL, true},
     PR_EVIDENCE_NO_LANGUAGE | PR_EVIDENCE_HEAD,
     PR_DEVICE_DESKTOP},
    {{FIREFOX, "de", "prefetch", NULL, false}, PR_EVIDENCE_PREFETCH, PR_DEVICE_DESKTOP},
    {{FIREFOX, "de", NULL, "prefetch;prerender", false}, PR_EVIDENCE_PREFETCH, PR_DEVICE_DESKTOP},
    {{"Mozilla/5.0", "de", NULL, NULL, false}, PR_EVIDENCE_APPLE_PROXY, PR_DEVICE_UNKNOWN},
    {{"Mozilla/5.0 ", "de", NULL, NULL, false}, 0, PR_DEVICE_UNKNOWN},
    {{GOOGLE, "de", NULL, NULL, false}, PR_EVIDENCE_GOOGLE_PROXY, PR_DEVICE_UNKNOWN},
    {{NULL, "de", NULL, NULL, false}, PR_EVIDENCE_SCANNER, PR_DEVICE_UNKNOWN},
    {{"", "de", NULL, NULL, false}, PR_EVIDENCE_SCANNER, PR_DEVICE_UNKNOWN},
    {{"Python-urllib/3.11", "de", NULL, NULL, false}, PR_EVIDENCE_SCANNER, PR_DEVICE_UNKNOWN},
    {{"curl/8.5.0", NULL, NULL, NULL, false},
     PR_EVIDENCE_SCANNER | PR_EVIDENCE_NO_LANGUAGE,
     PR_DEVICE_UNKNOWN},
    {{"Mozilla/5.0 (compatible; Bingbot/2.0; +http://www.bing.com/bot)", "de", NULL, NULL, false},
     PR_EVIDENCE_SCANNER,
     PR_DEVICE_UNKNOWN},
    {{"Mozilla/5.0 (Windows NT 10.0) BarracudaSentinel", "de", NULL, NULL, false},
     PR_EVIDENCE_SCANNER,
     PR_DEVICE_DESKTOP},
    {{"Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537 Chrome/90 Mobile Safari/537", "de",
      NULL, NULL, false},
     0,
     PR_DEVICE_MOBILE},
    {{"Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537 Chrome/130 Safari/537", "de", NULL,
      NULL, false},
     0,
     PR_DEVICE_TABLET},
    {{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile/15E148", "de",
      NULL, NULL, false},
     0,
     PR_DEVICE_MOBILE},
    {{"Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605 Mobile/15E148", "de", NULL,
      NULL, false},
     0,
     PR_DEVICE_TABLET},
    {{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 (KHTML, like Gecko)", "de",
      NULL, NULL, false},
     0,
     PR_DEVICE_DESKTOP},
};

START_TEST(headers_tell_of_machines_and_devices)
{
	ck_assert_uint_eq(track_evidence(&requests[_i].headers), requests[_i].evidence);
	ck_assert_int_eq(track_device(requests[_i].headers.user_agent), requests[_i].device);
}
END_TEST

/* ---- who asks ---- */

static const struct {
	const char *peer, *forwarded, *client;
} hops[] = {
    {"192.0.2.1", "", "192.0.2.1"},
    {"192.0.2.1", "198.51.100.9", "192.0.2.1"}, /* no proxy of ours: it may say what it likes */
    {"127.0.0.1", "198.51.100.9", "198.51.100.9"},
    {"127.0.0.1", ",203.0.113.5, 198.51.100.9", "198.51.100.9"},
    {"127.0.0.1", "203.0.113.5, 198.51.100.9, 10.1.2.3", "198.51.100.9"},
    {"127.0.0.1", "10.1.2.3, 127.0.0.1", "10.1.2.3"}, /* proxies all the way: the last of them */
    {"127.0.0.1", "198.51.100.9:4711", "198.51.100.9"},
    {"127.0.0.1", " [2001:db8::1]:4711 ", "2001:db8::1"},
    {"127.0.0.1", "2001:db8::1", "2001:db8::1"},
    {"::1", "2001:db8::1", "2001:db8::1"},
    {"127.0.0.1", "unknown", "127.0.0.1"},
    {"127.0.0.1", "203.0.113.5, ", "127.0.0.1"},
    {"127.0.0.1", "", "127.0.0.1"},
    {"::ffff:127.0.0.1", "198.51.100.9", "198.51.100.9"},
    {"127.0.0.1",
     "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
     "127.0.0.1"},
};

static void
octets_of(const char *host, unsigned char out[16])
{
	struct pr_address a;
	ck_assert_int_eq(pr_address_parse(host, 0, &a), 0);
	ck_assert(pr_address_octets((struct sockaddr *)&a.sa, out));
}

START_TEST(only_our_proxies_say_who_stands_behind_them)
{
	struct pr_network ours[3];
	const struct track_proxies proxies = {ours, 3};
	struct pr_address peer;
	unsigned char client[16], wanted[16];
	ck_assert_int_eq(pr_network_parse(PR_STR("127.0.0.1"), &ours[0]), 0);
	ck_assert_int_eq(pr_network_parse(PR_STR("10.0.0.0/8"), &ours[1]), 0);
	ck_assert_int_eq(pr_network_parse(PR_STR("::1/128"), &ours[2]), 0);
	ck_assert_int_eq(pr_address_parse(hops[_i].peer, 0, &peer), 0);
	track_client(&proxies, (struct sockaddr *)&peer.sa, pr_str(hops[_i].forwarded), client);
	octets_of(hops[_i].client, wanted);
	ck_assert_mem_eq(client, wanted, 16);
}
END_TEST

static const struct {
	const char *network, *address;
	bool has;
} networks[] = {
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.129", true},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"0.0.0.0/0", "8.8.8.8", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
};

START_TEST(a_network_has_what_begins_with_its_bits)
{
	struct pr_network n;
	unsigned char address[16];
	ck_assert_int_eq(pr_network_parse(pr_str(networks[_i].network), &n), 0);
	octets_of(networks[_i].address, address);
	ck_assert_int_eq(pr_network_has(&n, address), networks[_i].has);
}
END_TEST

static const char *const no_networks[] = {
    "", "here", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/x", "::/129", "/8", "1.2.3/8"};

START_TEST(what_is_no_network_is_refused)
{
	struct pr_network n;
	ck_assert_int_eq(pr_network_parse(pr_str(no_networks[_i]), &n), PR_EINVAL);
}
END_TEST

START_TEST(a_visitor_is_an_address_or_an_ipv6_network)
{
	struct pr_hash_key key = {1, 2}, other = {1, 3};
	unsigned char a[16], b[16], c[16], d[16];
	octets_of("2001:db8::1", a);
	octets_of("2001:db8::ffff:1", b);
	octets_of("2001:db8:0:1::1", c);
	ck_assert_uint_eq(track_visitor(key, a), track_visitor(key, b));
	ck_assert_uint_ne(track_visitor(key, a), track_visitor(key, c));
	ck_assert_uint_ne(track_visitor(key, a), track_visitor(other, a));
	octets_of("192.0.2.1", c);
	octets_of("192.0.2.2", d);
	ck_assert_uint_ne(track_visitor(key, c), track_visitor(key, d));
}
END_TEST

/* ---- how fast, for how many ---- */

START_TEST(two_seconds_worth_may_come_at_once_and_then_the_rate)
{
	struct track_rates *r = track_rates_create();
	struct pr_rate rate = {.count = 100, .period_ms = 1000};
	unsigned taken = 0;
	for (int i = 0; i < 1000; i++)
		taken += track_rate_take(r, rate, 7, 5000000);
	ck_assert_uint_eq(taken, 200);
	ck_assert(track_rate_take(r, rate, 8, 5000000)); /* another visitor */
	ck_assert(!track_rate_take(r, rate, 7, 5009000));
	ck_assert(track_rate_take(r, rate, 7, 5010000));
	ck_assert(!track_rate_take(r, rate, 7, 5010000));
	struct pr_rate none = {0};
	ck_assert(track_rate_take(r, none, 7, 5010000));
	track_rates_destroy(r);
}
END_TEST

START_TEST(a_crowd_of_visitors_costs_no_more_room)
{
	struct track_rates *r = track_rates_create();
	struct pr_rate rate = {.count = 1, .period_ms = 1000};
	unsigned taken = 0;
	for (uint64_t visitor = 1; visitor <= 200000; visitor++)
		taken += track_rate_take(r, rate, pr_mix64(visitor) | 1, 1000);
	ck_assert_uint_eq(taken, 200000);
	track_rates_destroy(r);
}
END_TEST

START_TEST(who_acts_for_many_is_known_at_the_tenth_with_those_before)
{
	struct track_crowd *c = track_crowd_create();
	const struct track_row *earlier;
	size_t n;
	for (uint32_t row = 1; row < TRACK_CROWD; row++)
		for (int again = 0; again < 3; again++) {
			ck_assert(!track_crowd_add(c, 7, (struct track_row){1, row}, 100 + row,
			                           &earlier, &n));
			ck_assert_uint_eq(n, 0);
		}
	ck_assert(track_crowd_add(c, 7, (struct track_row){2, 1}, 200, &earlier, &n));
	ck_assert_uint_eq(n, TRACK_CROWD - 1);
	ck_assert_uint_eq(earlier[0].row, 1);
	ck_assert_uint_eq(earlier[n - 1].row, TRACK_CROWD - 1);
	ck_assert(track_crowd_add(c, 7, (struct track_row){1, 1}, 201, &earlier, &n));
	ck_assert_uint_eq(n, 0); /* they were told */
	ck_assert(!track_crowd_add(c, 8, (struct track_row){1, 1}, 201, &earlier, &n));
	ck_assert(!track_crowd_add(c, 7, (struct track_row){1, 1}, 201 + 600, &earlier, &n));
	track_crowd_destroy(c);
}
END_TEST

START_TEST(rows_of_more_than_ten_minutes_ago_make_no_crowd)
{
	struct track_crowd *c = track_crowd_create();
	const struct track_row *earlier;
	size_t n;
	for (uint32_t row = 1; row < 100; row++)
		ck_assert(!track_crowd_add(c, 7, (struct track_row){1, row}, 1000 + row * 70,
		                           &earlier, &n));
	track_crowd_destroy(c);
}
END_TEST

/* ---- paths, languages, pages ---- */

static const struct {
	const char *url;
	enum pr_track_path path;
	const char *rest;
} targets[] = {
    {"/o/abc.gif", PR_TRACK_OPEN, "abc"}, {"/o/abc", PR_TRACK_OPEN, "abc"},
    {"/o/.gif", PR_TRACK_OPEN, ""},       {"/c/abc.gif", PR_TRACK_CLICK, "abc.gif"},
    {"/c/a/b", PR_TRACK_CLICK, "a/b"},    {"/u/", PR_TRACK_UNSUBSCRIBE, ""},
    {"/v/x", PR_TRACK_VIEW, "x"},         {"/p/x", PR_TRACK_PREFERENCES, "x"},
    {"/x/x", PR_TRACK_OTHER, NULL},       {"/", PR_TRACK_OTHER, NULL},
    {"//", PR_TRACK_OTHER, NULL},         {"/c", PR_TRACK_OTHER, NULL},
    {"", PR_TRACK_OTHER, NULL},           {"*", PR_TRACK_OTHER, NULL},
};

START_TEST(a_path_says_what_is_asked_for)
{
	struct pr_str rest;
	ck_assert_int_eq(track_target(targets[_i].url, &rest), targets[_i].path);
	if (targets[_i].rest)
		ck_assert(pr_str_is(rest, targets[_i].rest));
}
END_TEST

static const char *const hosts[][2] = {
    {"https://shop.example/x", "shop.example"},
    {"http://shop.example", "shop.example"},
    {"https://shop.example:8443/", "shop.example"},
    {"https://shop.example?a@b", "shop.example"},
    {"https://shop.example#x/", "shop.example"},
    {"https://[::1]:80/x", "[::1]"},
    {"x", ""},
};

START_TEST(a_destination_has_a_host)
{
	struct pr_str host = track_host_of(pr_str(hosts[_i][0]));
	ck_assert(pr_str_is(host, hosts[_i][1]));
}
END_TEST

static const struct {
	const char *header;
	enum track_language language;
} asked[] = {
    {NULL, TRACK_EN},
    {"", TRACK_EN},
    {"de", TRACK_DE},
    {"de-AT,de;q=0.9,en;q=0.8", TRACK_DE},
    {"en;q=0.3, zh-CN;q=0.8", TRACK_ZH},
    {"it,fr;q=0.5", TRACK_FR},
    {"it", TRACK_EN},
    {"ES-mx", TRACK_ES},
    {"de;q=0", TRACK_EN},
    {"de;q=0.000, fr;q=0.001", TRACK_FR},
    {"*", TRACK_EN},
    {";q=,,;,q=;de;q=", TRACK_EN},
    {"de;q", TRACK_DE},
    {"fr;q=0.", TRACK_EN},
    {"zh_Hant", TRACK_ZH},
};

START_TEST(the_language_is_the_one_preferred_among_ours)
{
	ck_assert_int_eq(track_language_asked(asked[_i].header), asked[_i].language);
}
END_TEST

START_TEST(what_a_sender_is_called_is_only_text)
{
	struct pr_buf page = {0};
	for (int p = 0; p < TRACK_PAGES; p++)
		for (int l = 0; l < TRACK_LANGUAGES; l++) {
			pr_buf_clear(&page);
			track_add_page(&page, (enum track_page)p, (enum track_language)l,
			               "<script>%s\"&'", true);
			ck_assert_ptr_null(strstr(page.data, "<script"));
			ck_assert_ptr_null(strstr(page.data, "%s\"&"));
			ck_assert(pr_utf8_valid(page.data, page.len, NULL));
			ck_assert_ptr_nonnull(strstr(page.data, "<h1>"));
			ck_assert_ptr_null(strstr(page.data, "(null)"));
		}
	pr_buf_finish(&page);
}
END_TEST

START_TEST(every_page_names_its_language_and_every_choice_has_a_label)
{
	struct pr_buf page = {0};
	char lang[40];
	for (int l = 0; l < TRACK_LANGUAGES; l++) {
		pr_buf_clear(&page);
		track_add_page(&page, TRACK_PAGE_PREFERENCES, (enum track_language)l, NULL, true);
		snprintf(lang, sizeof lang, "<html lang=\"%s\">",
		         track_language_tag((enum track_language)l));
		ck_assert_ptr_nonnull(strstr(page.data, lang));
		unsigned labels = 0;
		for (const char *p = page.data; (p = strstr(p, "<label><input type=\"checkbox\""));
		     p++)
			labels++;
		ck_assert_uint_eq(labels, 3);
	}
	pr_buf_finish(&page);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {headers_tell_of_machines_and_devices, ROWS(requests)},
	    {only_our_proxies_say_who_stands_behind_them, ROWS(hops)},
	    {a_network_has_what_begins_with_its_bits, ROWS(networks)},
	    {what_is_no_network_is_refused, ROWS(no_networks)},
	    {a_visitor_is_an_address_or_an_ipv6_network},
	    {two_seconds_worth_may_come_at_once_and_then_the_rate},
	    {a_crowd_of_visitors_costs_no_more_room},
	    {who_acts_for_many_is_known_at_the_tenth_with_those_before},
	    {rows_of_more_than_ten_minutes_ago_make_no_crowd},
	    {a_path_says_what_is_asked_for, ROWS(targets)},
	    {a_destination_has_a_host, ROWS(hosts)},
	    {the_language_is_the_one_preferred_among_ours, ROWS(asked)},
	    {what_a_sender_is_called_is_only_text},
	    {every_page_names_its_language_and_every_choice_has_a_label},
	};
	return suite_run("track_visit", NULL, NULL, tests, ROWS(tests));
}
