/* Answers of name servers, right and wrong, from their octets. */
#include "dns_packet.h"
#include "suite.h"

#include "../../src/dns/internal.h"

static struct dns_packet packet;

static struct pr_dns_answer *
read_as(const char *name, enum pr_dns_type type, bool *dangling)
{
	/* From a block of its very size: reading beyond it is found by the sanitiser. */
	uint8_t *data = malloc(packet.n ? packet.n : 1);
	memcpy(data, packet.data, packet.n);
	struct pr_dns_answer *a = dns_packet_read(data, packet.n, name, type, dangling);
	free(data);
	return a;
}

static const struct {
	enum pr_dns_type type;
	const char *answer;
	enum pr_dns_status status;
	size_t n;
	unsigned ttl_s;
	const char *name; /* the last of the CNAMEs; NULL: the one asked for */
	bool dangling;
} rows[] = {
    {PR_DNS_A, "A 192.0.2.1; ttl 60; A 192.0.2.2", PR_DNS_OK, 2, 60, NULL, false},
    {PR_DNS_A, "A 192.0.2.1; AAAA ::1; MX 1 x.test", PR_DNS_OK, 1, 300, NULL, false},
    {PR_DNS_A, "@other.test; A 192.0.2.1", PR_DNS_NODATA, 0, 0, NULL, false},
    {PR_DNS_A, "ttl 20; CNAME b.test; @b.test; ttl 60; A 192.0.2.1", PR_DNS_OK, 1, 20, "b.test",
     false},
    /* in an order of its own, and a name in capitals */
    {PR_DNS_A, "@B.test; A 192.0.2.1; @a.test; CNAME B.TEST", PR_DNS_OK, 1, 300, "b.test", false},
    {PR_DNS_A, "CNAME b.test", PR_DNS_NODATA, 0, 300, "b.test", true},
    {PR_DNS_A, "CNAME b.test; SOA 60", PR_DNS_NODATA, 0, 60, "b.test", false},
    {PR_DNS_A, "NXDOMAIN; CNAME b.test", PR_DNS_NXDOMAIN, 0, 300, "b.test", false},
    {PR_DNS_A, "CNAME a.test", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_A, "CNAME b.test; @b.test; CNAME a.test", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_CNAME, "CNAME b.test", PR_DNS_OK, 1, 300, NULL, false},
    {PR_DNS_A, "SOA 60", PR_DNS_NODATA, 0, 60, NULL, false},
    {PR_DNS_A, "ttl 40; SOA 60", PR_DNS_NODATA, 0, 40, NULL, false},
    {PR_DNS_A, "NXDOMAIN; SOA 60", PR_DNS_NXDOMAIN, 0, 60, NULL, false},
    {PR_DNS_A, "NXDOMAIN", PR_DNS_NXDOMAIN, 0, 0, NULL, false},
    {PR_DNS_A, "ttl 4294967295; A 192.0.2.1", PR_DNS_OK, 1, 0, NULL, false},
    {PR_DNS_A, "SERVFAIL", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_A, "REFUSED; A 192.0.2.1", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_A, "FORMERR", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_A, "TC; A 192.0.2.1", PR_DNS_TEMP, 0, 0, NULL, false},
    {PR_DNS_A, "A nonsense", PR_DNS_TEMP, 0, 0, NULL, false}, /* no octets */
    {PR_DNS_MX, "MX 10 a.test; MX 0 .", PR_DNS_OK, 2, 300, NULL, false},
    {PR_DNS_TXT, "TXT ", PR_DNS_OK, 1, 300, NULL, false},
};

START_TEST(answer_of_each_kind_is_read)
{
	bool dangling;
	packet_answer(&packet, 7, "a.test", rows[_i].type, rows[_i].answer);
	struct pr_dns_answer *a = read_as("a.test", rows[_i].type, &dangling);
	ck_assert_msg(a->status == rows[_i].status, "%s: %d %s", rows[_i].answer, (int)a->status,
	              a->why);
	ck_assert_uint_eq(a->n, rows[_i].n);
	ck_assert(dangling == rows[_i].dangling);
	ck_assert((a->status == PR_DNS_TEMP) == (*a->why != 0));
	if (a->status != PR_DNS_TEMP) {
		ck_assert_uint_eq(a->ttl_s, rows[_i].ttl_s);
		ck_assert_str_eq(a->name, rows[_i].name ? rows[_i].name : "a.test");
	}
	pr_dns_answer_unref(a);
}
END_TEST

START_TEST(text_longer_than_one_string_is_joined)
{
	char text[700] = "TXT ";
	bool dangling;
	memset(text + 4, 'x', 600);
	packet_answer(&packet, 7, "a.test", PR_DNS_TXT, text);
	struct pr_dns_answer *a = read_as("a.test", PR_DNS_TXT, &dangling);
	ck_assert_uint_eq(a->records[0].u.txt.n, 600);
	ck_assert_mem_eq(a->records[0].u.txt.p, text + 4, 601);
	pr_dns_answer_unref(a);
}
END_TEST

START_TEST(records_beyond_the_bound_are_left_out)
{
	struct pr_buf text = {0};
	bool dangling;
	for (int i = 0; i < 500; i++)
		pr_buf_addf(&text, "MX %d m%d.test; ", i, i);
	pr_buf_adds(&text, "AD");
	packet_answer(&packet, 7, "a.test", PR_DNS_MX, text.data);
	struct pr_dns_answer *a = read_as("a.test", PR_DNS_MX, &dangling);
	ck_assert_uint_eq(a->n, PR_DNS_RECORDS_MAX);
	ck_assert_str_eq(a->records[127].u.mx.name, "m127.test");
	ck_assert(a->secure);
	pr_dns_answer_unref(a);
	pr_buf_finish(&text);
}
END_TEST

START_TEST(answer_to_another_question_is_refused)
{
	bool dangling;
	packet_answer(&packet, 7, "a.test", PR_DNS_A, "A 192.0.2.1");
	struct pr_dns_answer *a = read_as("b.test", PR_DNS_A, &dangling);
	ck_assert_int_eq(a->status, PR_DNS_TEMP);
	pr_dns_answer_unref(a);
	a = read_as("a.test", PR_DNS_AAAA, &dangling);
	ck_assert_int_eq(a->status, PR_DNS_TEMP);
	pr_dns_answer_unref(a);
	packet.data[2] &= 0x7f; /* a question */
	a = read_as("a.test", PR_DNS_A, &dangling);
	ck_assert_int_eq(a->status, PR_DNS_TEMP);
	pr_dns_answer_unref(a);
}
END_TEST

/* Whatever the octets, the answer is whole: what its reading promises holds. */
static void
read_anything(enum pr_dns_type type)
{
	bool dangling;
	struct pr_dns_answer *a = read_as("a.test", type, &dangling);
	ck_assert((a->status == PR_DNS_OK) == (a->n > 0));
	ck_assert((a->status == PR_DNS_TEMP) == (*a->why != 0));
	pr_dns_answer_unref(a);
}

static const struct {
	enum pr_dns_type type;
	const char *answer;
} whole[] = {
    {PR_DNS_MX, "AD; CNAME b.test; @b.test; MX 10 mx.b.test; MX 20 mx2.b.test"},
    {PR_DNS_TXT, "TXT v=STSv1; TXT id=1"},
    {PR_DNS_TLSA, "TLSA 3 1 1 00112233445566778899"},
    {PR_DNS_AAAA, "AAAA 2001:db8::1; SOA 60"},
    {PR_DNS_A, "NXDOMAIN; SOA 60"},
};

START_TEST(answer_cut_anywhere_does_no_harm)
{
	packet_answer(&packet, 7, "a.test", whole[_i].type, whole[_i].answer);
	for (size_t n = packet.n; n-- > 0;) {
		packet.n = n;
		read_anything(whole[_i].type);
	}
}
END_TEST

START_TEST(answer_with_any_octet_changed_does_no_harm)
{
	static const uint8_t values[] = {0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
	packet_answer(&packet, 7, "a.test", whole[_i].type, whole[_i].answer);
	for (size_t i = 0; i < packet.n; i++) {
		uint8_t was = packet.data[i];
		for (size_t v = 0; v < sizeof values; v++) {
			packet.data[i] = values[v];
			read_anything(whole[_i].type);
		}
		packet.data[i] = was;
	}
}
END_TEST

/* In place of a name, a pointer: to itself, forward, to the header, beyond the end. */
START_TEST(pointers_of_compression_that_lead_astray_are_survived)
{
	for (unsigned to = 0; to < 80; to++) {
		packet_answer(&packet, 7, "a.test", PR_DNS_MX, "MX 10 a");
		packet.data[packet.n - 3] = 0xc0;
		packet.data[packet.n - 2] = (uint8_t)to;
		read_anything(PR_DNS_MX);
	}
}
END_TEST

START_TEST(counts_that_are_absurd_are_refused)
{
	for (size_t at = 4; at < 12; at++) {
		packet_answer(&packet, 7, "a.test", PR_DNS_A, "A 192.0.2.1");
		packet.data[at] = 0xff;
		bool dangling;
		struct pr_dns_answer *a = read_as("a.test", PR_DNS_A, &dangling);
		ck_assert_int_eq(a->status, PR_DNS_TEMP);
		pr_dns_answer_unref(a);
	}
}
END_TEST

static const struct {
	const char *in, *out; /* NULL: no name */
} names[] = {
    {"Example.COM.", "example.com"},
    {".", "."},
    {"_25._tcp.mx.test", "_25._tcp.mx.test"},
    {"", NULL},
    {"a..b", NULL},
    {".a", NULL},
    {"a b", NULL},
    {"a\\.b", NULL},
    {"b\xc3\xbc"
     "cher.test",
     NULL},
    {"123456789012345678901234567890123456789012345678901234567890123.x",
     "123456789012345678901234567890123456789012345678901234567890123.x"},
    {"1234567890123456789012345678901234567890123456789012345678901234.x", NULL},
    {"x.1234567890123456789012345678901234567890123456789012345678901234", NULL},
};

START_TEST(names_are_brought_to_one_form)
{
	char out[PR_DNS_NAME_SIZE];
	bool good = dns_name_read(names[_i].in, out);
	ck_assert_msg(good == (names[_i].out != NULL), "%s", names[_i].in);
	if (good)
		ck_assert_str_eq(out, names[_i].out);
}
END_TEST

START_TEST(name_of_an_address_for_ptr)
{
	char name[PR_DNS_NAME_SIZE];
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	inet_pton(AF_INET6, "2001:db8::567:89ab", &in6.sin6_addr);
	pr_dns_reverse((struct sockaddr *)&in6, name);
	ck_assert_str_eq(
	    name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {answer_of_each_kind_is_read, ROWS(rows)},
	    {text_longer_than_one_string_is_joined},
	    {records_beyond_the_bound_are_left_out},
	    {answer_to_another_question_is_refused},
	    {answer_cut_anywhere_does_no_harm, ROWS(whole)},
	    {answer_with_any_octet_changed_does_no_harm, ROWS(whole)},
	    {pointers_of_compression_that_lead_astray_are_survived},
	    {counts_that_are_absurd_are_refused},
	    {names_are_brought_to_one_form, ROWS(names)},
	    {name_of_an_address_for_ptr},
	};
	return suite_run("dns_packet", NULL, NULL, tests, ROWS(tests));
}
