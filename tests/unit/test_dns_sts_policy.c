/* MTA-STS as text: records, policies, matches; the shared corpus where it is there. */
#include "corpus.h"
#include "suite.h"

#include "../../src/dns/internal.h"

static const struct {
	const char *txt;
	int result;
	const char *id;
} records[] = {
    {"v=STSv1; id=20160831085700Z;", 0, "20160831085700Z"},
    {"v=STSv1;id=a", 0, "a"},
    {"v=STSv1 ; more = x ; id = a ; id=b", 0, "a"},
    {"v=STSv1; id=12345678901234567890123456789012", 0, "12345678901234567890123456789012"},
    {"v=STSv1; id=123456789012345678901234567890123", PR_EINVAL, NULL},
    {"v=STSv1; id=", PR_EINVAL, NULL},
    {"v=STSv1; id=a-b", PR_EINVAL, NULL},
    {"v=STSv1", PR_EINVAL, NULL},
    {"v=STSv2; id=a", PR_ENOENT, NULL},
    {"v=spf1 -all", PR_ENOENT, NULL},
    {"", PR_ENOENT, NULL},
};

START_TEST(record_of_each_form)
{
	char id[PR_STS_ID_MAX + 1];
	ck_assert_msg(pr_sts_record_parse(pr_str(records[_i].txt), id) == records[_i].result, "%s",
	              records[_i].txt);
	if (records[_i].id)
		ck_assert_str_eq(id, records[_i].id);
}
END_TEST

static const struct {
	const char *text, *line; /* "MODE MAX_AGE MX...", or what is said against it */
} policies[] = {
    {"version: STSv1\r\nmode: enforce\r\nmx: MX.a.test\r\nmx: *.b.test\r\nmax_age: 604800\r\n",
     "enforce 604800 1 2 mx.a.test *.b.test"},
    {"mode:none\nmax_age: 86400\nversion:STSv1\n\nmore: x\n", "none 86400 1 2"},
    {"version:STSv1\nmode:testing\nmode:none\nmax_age:1\nmax_age:2\nmx:a.test",
     "testing 1 1 2 a.test"},
    {"version:STSv1\nmode:none\nmax_age:9999999999", "none 31557600 1 2"},
    {"version:STSv1\nmode:none\nmax_age:-1", "no number"},
    {"version:STSv1\nmode:none", "no max_age"},
    {"version:STSv1\nmax_age:1\nmx:a.test", "no mode"},
    {"version:STSv2\nmode:none\nmax_age:1", "not STSv1"},
    {"version:STSv1\nmode:enforce\nmax_age:1\nmx:a.*.test", "no host name"},
    {"version:STSv1\nmode:enforce\nmax_age:1\nmx:*test", "no host name"},
    {"version:STSv1\nmode:enforce\nmax_age:1\nmx:a b", "no host name"},
    {"<html>", "no version"},
};

START_TEST(policy_of_each_form)
{
	struct pr_error e = {0};
	struct pr_sts_policy *p = dns_sts_read(pr_str(policies[_i].text), &e);
	if (!p) {
		ck_assert_msg(strstr(e.text, policies[_i].line), "%s: %s", policies[_i].text,
		              e.text);
		return;
	}
	struct pr_buf line = {0};
	strcpy(p->id, "x");
	dns_sts_line(p, 1, 2, &line);
	ck_assert(pr_str_starts(pr_buf_str(&line), "1 x "));
	ck_assert_str_eq(line.data + 4, policies[_i].line);
	pr_buf_finish(&line);
	pr_sts_policy_unref(p);
}
END_TEST

START_TEST(policy_too_long_or_of_too_many_hosts_is_refused)
{
	struct pr_buf text = {0};
	struct pr_error e = {0};
	const struct pr_sts_policy *p;
	pr_buf_adds(&text, "version:STSv1\nmode:enforce\nmax_age:1\n");
	for (int i = 0; i <= PR_STS_MX_MAX; i++)
		pr_buf_addf(&text, "mx:m%d.test\n", i);
	ck_assert_int_eq(pr_sts_policy_parse(pr_buf_str(&text), &p, &e), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "too many"));
	pr_buf_clear(&text);
	while (text.len <= PR_STS_TEXT_MAX)
		pr_buf_adds(&text, "more: of the same\n");
	ck_assert_int_eq(pr_sts_policy_parse(pr_buf_str(&text), &p, &e), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "too long"));
	pr_buf_finish(&text);
}
END_TEST

START_TEST(line_is_read_back_or_refused)
{
	static const char *const wrong[] = {
	    "",
	    "1",
	    "2 a none 1 1 1",
	    "1 a none 1 1",
	    "1 a none 1 x 1",
	    "1 a enforce 1 1 1",
	    "1 a enforce 1 1 1 *",
	    "1 - none 1 1 1",
	};
	int64_t expires, fetched;
	struct pr_sts_policy *p =
	    dns_sts_read_line("1 id7 enforce 600 1000 400 a.test *.b.test", &expires, &fetched);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(expires, 1000);
	ck_assert_int_eq(fetched, 400);
	ck_assert_str_eq(p->id, "id7");
	ck_assert_uint_eq(p->n, 2);
	pr_sts_policy_unref(p);
	for (int i = 0; i < ROWS(wrong); i++)
		ck_assert_msg(!dns_sts_read_line(wrong[i], &expires, &fetched), "%s", wrong[i]);
}
END_TEST

static bool
matches(const char *pattern, const char *host)
{
	char text[300];
	const struct pr_sts_policy *p;
	snprintf(text, sizeof text, "version:STSv1\nmode:enforce\nmax_age:1\nmx:%s", pattern);
	ck_assert_int_eq(pr_sts_policy_parse(pr_str(text), &p, NULL), 0);
	bool is = pr_sts_matches(p, host);
	pr_sts_policy_unref(p);
	return is;
}

START_TEST(pattern_covers_one_label)
{
	ck_assert(matches("mx.a.test", "MX.A.test."));
	ck_assert(matches("*.a.test", "mx.a.test"));
	ck_assert(!matches("*.a.test", "x.mx.a.test"));
	ck_assert(!matches("*.a.test", "a.test"));
	ck_assert(!matches("*.a.test", "xa.test"));
	ck_assert(!matches("a.test", "mx.a.test"));
	ck_assert(!matches("a.test", ""));
}
END_TEST

static void
corpus_record(json_t *line)
{
	char id[PR_STS_ID_MAX + 1];
	bool valid = json_is_true(json_object_get(line, "valid"));
	bool good = pr_sts_record_parse(pr_str(corpus_text(line, "in")), id) == 0;
	if (valid || json_is_false(json_object_get(line, "lenient_may_differ")))
		ck_assert_msg(good == valid, "%s", corpus_text(line, "in"));
	if (valid)
		ck_assert_str_eq(id, corpus_text(line, "id_value"));
}

static void
corpus_policy(json_t *line)
{
	static const char *const modes[] = {"none", "testing", "enforce"};
	const struct pr_sts_policy *p = NULL;
	bool valid = json_is_true(json_object_get(line, "valid"));
	bool good = pr_sts_policy_parse(pr_str(corpus_text(line, "in")), &p, NULL) == 0;
	if (valid || json_is_false(json_object_get(line, "lenient_may_differ")))
		ck_assert_msg(good == valid, "%s", corpus_text(line, "in"));
	if (valid) {
		json_t *mx = json_object_get(line, "mx");
		ck_assert_str_eq(modes[p->mode], corpus_text(line, "mode"));
		ck_assert_uint_eq(p->n, json_array_size(mx));
		for (size_t i = 0; i < p->n; i++)
			ck_assert_str_eq(p->mx[i], json_string_value(json_array_get(mx, i)));
		ck_assert_int_eq(p->max_age_s,
		                 json_integer_value(json_object_get(line, "max_age")));
	}
	pr_sts_policy_unref(p);
}

static void
corpus_line(json_t *line)
{
	const char *kind = corpus_text(line, "kind");
	if (strcmp(kind, "record") == 0)
		corpus_record(line);
	else if (strcmp(kind, "policy") == 0)
		corpus_policy(line);
	else if (strcmp(kind, "mx-match") == 0)
		ck_assert(matches(corpus_text(line, "pattern"), corpus_text(line, "mx")) ==
		          json_is_true(json_object_get(line, "match")));
}

START_TEST(shared_corpus_is_read_as_it_says)
{
	corpus_each("mta-sts.jsonl", corpus_line);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {record_of_each_form, ROWS(records)},
	    {policy_of_each_form, ROWS(policies)},
	    {policy_too_long_or_of_too_many_hosts_is_refused},
	    {line_is_read_back_or_refused},
	    {pattern_covers_one_label},
	    {shared_corpus_is_read_as_it_says},
	};
	return suite_run("dns_sts_policy", NULL, NULL, tests, ROWS(tests));
}
