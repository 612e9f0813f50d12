/* DMARC: records, the walk up the tree, alignment (RFC 9989). */
#include "suite.h"

#include "doctor_zone.h"

#define TXT PR_DNS_TXT

static const struct {
	const char *text;
	int code;
	struct pr_dmarc_record r;
} records[] = {
    {"v=DMARC1; p=none", 0, {PR_DMARC_NONE, PR_DMARC_NONE, PR_DMARC_NONE, 'u'}},
    {"v=DMARC1;p=reject", 0, {PR_DMARC_REJECT, PR_DMARC_REJECT, PR_DMARC_REJECT, 'u'}},
    {"v = DMARC1 ; p = Quarantine ; ",
     0,
     {PR_DMARC_QUARANTINE, PR_DMARC_QUARANTINE, PR_DMARC_QUARANTINE, 'u'}},
    {"v=DMARC1; p=reject; sp=none", 0, {PR_DMARC_REJECT, PR_DMARC_NONE, PR_DMARC_NONE, 'u'}},
    {"v=DMARC1; p=none; sp=quarantine; np=reject; psd=y; t=y",
     0,
     {PR_DMARC_NONE, PR_DMARC_QUARANTINE, PR_DMARC_REJECT, 'y', true}},
    {"v=DMARC1; p=none; psd=n; adkim=s; aspf=s; rua=mailto:a@b.test; pct=50; new=1",
     0,
     {PR_DMARC_NONE, PR_DMARC_NONE, PR_DMARC_NONE, 'n', false, true, true, true}},
    {"v=DMARC1; p=none; psd=x; adkim=x; t=n",
     0,
     {PR_DMARC_NONE, PR_DMARC_NONE, PR_DMARC_NONE, 'u'}},
    {"v=DMARC1; p=strange; rua=mailto:a@b.test",
     0,
     {PR_DMARC_NONE, PR_DMARC_NONE, PR_DMARC_NONE, 'u', .reports = true}},
    {"v=DMARC1; rua=mailto:a@b.test",
     0,
     {PR_DMARC_NONE, PR_DMARC_NONE, PR_DMARC_NONE, 'u', .reports = true}},
    {"v=DMARC1; p=strange", PR_EINVAL, {0}},
    {"v=DMARC1", PR_EINVAL, {0}},
    {"v=DMARC1; p=none; p=reject", PR_EINVAL, {0}},
    {"v=DMARC1; p", PR_EINVAL, {0}},
    {"v=dmarc1; p=none", PR_ENOENT, {0}},
    {"v=DMARC2; p=none", PR_ENOENT, {0}},
    {"p=none; v=DMARC1", PR_ENOENT, {0}},
    {"v=spf1 -all", PR_ENOENT, {0}},
    {"", PR_ENOENT, {0}},
};

START_TEST(record_is_read)
{
	struct pr_dmarc_record r;
	const struct pr_dmarc_record *want = &records[_i].r;
	ck_assert_int_eq(pr_dmarc_record_parse(pr_str(records[_i].text), &r), records[_i].code);
	if (records[_i].code < 0)
		return;
	ck_assert_int_eq(r.p, want->p);
	ck_assert_int_eq(r.sp, want->sp);
	ck_assert_int_eq(r.np, want->np);
	ck_assert_int_eq(r.psd, want->psd);
	ck_assert_int_eq(r.testing, want->testing);
	ck_assert_int_eq(r.strict_dkim, want->strict_dkim);
	ck_assert_int_eq(r.strict_spf, want->strict_spf);
	ck_assert_int_eq(r.reports, want->reports);
}
END_TEST

static const struct zone_row rows[] = {
    {"_dmarc.acme.test", TXT, "v=DMARC1; p=reject"},
    {"_dmarc.news.acme.test", TXT, "v=DMARC1; p=none"},
    {"_dmarc.own.acme.test", TXT, "v=DMARC1; p=quarantine; psd=n"},
    {"_dmarc.public", TXT, "v=DMARC1; p=reject; psd=y"},
    {"_dmarc.shop.public", TXT, "v=DMARC1; p=quarantine"},
    {"_dmarc.two.test", TXT, "v=DMARC1; p=none"},
    {"_dmarc.two.test", TXT, "v=DMARC1; p=reject"},
    {"_dmarc.mixed.test", TXT, "v=spf1 -all"},
    {"_dmarc.mixed.test", TXT, "v=DMARC1; p=none"},
    {"_dmarc.down.test", TXT, "!"},
    {"_dmarc.g.h.i.j.k.test", TXT, "v=DMARC1; p=none"},
    {NULL, 0, NULL},
};

static const struct {
	const char *domain, *at, *organization;
	unsigned queries;
} walks[] = {
    {"acme.test", "acme.test", "acme.test", 2},
    {"news.acme.test", "news.acme.test", "acme.test", 3},
    {"x.acme.test", "acme.test", "acme.test", 3},
    {"x.news.acme.test", "acme.test", "acme.test", 4},
    {"own.acme.test", "own.acme.test", "own.acme.test", 1},
    {"x.own.acme.test", "own.acme.test", "own.acme.test", 2},
    {"shop.public", "shop.public", "shop.public", 2},
    {"mail.shop.public", "shop.public", "shop.public", 3},
    {"a.b.none.public", "public", "none.public", 4},
    {"public", "public", "public", 1},
    {"nobody.test", "", "nobody.test", 2},
    {"two.test", "", "two.test", 2},
    {"mixed.test", "mixed.test", "mixed.test", 2},
    {"g.h.i.j.k.test", "g.h.i.j.k.test", "g.h.i.j.k.test", 6},
    /* twelve labels: itself, then from seven on */
    {"a.b.c.d.e.f.g.h.i.j.k.test", "g.h.i.j.k.test", "g.h.i.j.k.test", 8},
};

START_TEST(walk_finds_policy_and_organization)
{
	struct zone z = {.rows = rows};
	struct pr_doctor_dns dns = zone_dns(&z);
	struct pr_dmarc_walk w;
	ck_assert_int_eq(pr_dmarc_find(&dns, walks[_i].domain, &w), 0);
	ck_assert_str_eq(w.at, walks[_i].at);
	ck_assert_str_eq(w.organization, walks[_i].organization);
	ck_assert_uint_eq(w.queries, walks[_i].queries);
	ck_assert_uint_eq(z.queries, w.queries);
}
END_TEST

START_TEST(failing_name_server_is_no_answer)
{
	struct zone z = {.rows = rows};
	struct pr_doctor_dns dns = zone_dns(&z);
	struct pr_dmarc_walk w;
	ck_assert_int_eq(pr_dmarc_find(&dns, "x.down.test", &w), PR_EAGAIN);
}
END_TEST

static const struct {
	const char *from, *domain;
	bool strict;
	int aligned;
} alignments[] = {
    {"acme.test", "acme.test", true, 1},
    {"acme.test", "ACME.test", true, 1},
    {"news.acme.test", "acme.test", false, 1},
    {"news.acme.test", "acme.test", true, 0},
    {"acme.test", "bounce.acme.test", false, 1},
    {"acme.test", "own.acme.test", false, 0}, /* psd=n: an organization of its own */
    {"a.shop.public", "b.shop.public", false, 1},
    {"shop.public", "other.public", false, 0},
    {"acme.test", "vendor.test", false, 0},
    {"acme.test", "x.down.test", false, PR_EAGAIN},
};

START_TEST(domain_is_aligned_by_its_organization)
{
	struct zone z = {.rows = rows};
	struct pr_doctor_dns dns = zone_dns(&z);
	struct pr_dmarc_walk w;
	ck_assert_int_eq(pr_dmarc_find(&dns, alignments[_i].from, &w), 0);
	ck_assert_int_eq(pr_dmarc_aligned(&dns, alignments[_i].from, &w, alignments[_i].domain,
	                                  alignments[_i].strict),
	                 alignments[_i].aligned);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {record_is_read, ROWS(records)},
	    {walk_finds_policy_and_organization, ROWS(walks)},
	    {failing_name_server_is_no_answer},
	    {domain_is_aligned_by_its_organization, ROWS(alignments)},
	};
	return suite_run("doctor_dmarc", NULL, NULL, tests, ROWS(tests));
}
