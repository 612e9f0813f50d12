/* DKIM: canonical forms by RFC 6376 and the corpus, which keys sign, what a signature covers. */
#include "corpus.h"
#include "suite.h"

#include "postrider/message/dkim.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned seen;

/* ---- canonical forms ---- */

static void
check_canonical(json_t *line)
{
	struct pr_buf out = {0};
	const char *kind = corpus_text(line, "kind");
	if (strcmp(corpus_text(line, "how"), "relaxed") != 0)
		return;
	if (strcmp(kind, "canon-body") == 0) {
		json_t *in = json_object_get(line, "in");
		struct pr_dkim_body body = {.out = &out};
		pr_dkim_relax_body(&body, pr_str_n(json_string_value(in), json_string_length(in)));
	} else if (strcmp(kind, "canon-header") == 0) {
		struct pr_buf field = {0};
		pr_buf_addf(&field, "%s:%s", corpus_text(line, "name"), corpus_text(line, "value"));
		pr_dkim_relax_field(pr_buf_str(&field), &out);
		pr_buf_adds(&out, "\r\n");
		pr_buf_finish(&field);
	} else
		return;
	seen++;
	ck_assert_msg(pr_str_is(pr_buf_str(&out), corpus_text(line, "out")), "%s: %.*s",
	              corpus_text(line, "id"), (int)out.len, out.data ? out.data : "");
	pr_buf_finish(&out);
}

START_TEST(canonical_forms_are_those_of_the_corpus)
{
	seen = 0;
	if (corpus_each("dkim.jsonl", check_canonical))
		ck_assert_uint_ge(seen, 5);
}
END_TEST

static const struct {
	const char *in, *out;
} bodies[] = {
    {" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"},
    {"", ""},
    {"\r\n\r\n", ""},
    {"a\r\n\r\n b\t\r\n \t\r\n", "a\r\n\r\n b\r\n"},
    {"no end", "no end\r\n"},
    {"\t\tx  y\r\n", " x y\r\n"},
};

START_TEST(bodies_are_relaxed_whole_and_in_parts)
{
	struct pr_str in = pr_str(bodies[_i].in);
	for (size_t cut = 0; cut <= in.n; cut++) {
		struct pr_buf out = {0};
		struct pr_dkim_body body = {.out = &out};
		if (cut && in.p[cut - 1] != '\n')
			continue;
		pr_dkim_relax_body(&body, pr_str_n(in.p, cut));
		pr_dkim_relax_body(&body, pr_str_n(in.p + cut, in.n - cut));
		ck_assert_msg(pr_str_is(pr_buf_str(&out), bodies[_i].out), "cut at %zu: %.*s", cut,
		              (int)out.len, out.data ? out.data : "");
		pr_buf_finish(&out);
	}
}
END_TEST

/* ---- keys ---- */

static char folder[] = "/tmp/postrider-dkim-XXXXXX";
static struct pr_problems problems;
static struct pr_config *config;

static void
write_key(const char *name, EVP_PKEY *key, mode_t mode)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	PR_ASSERT(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	PR_ASSERT(chmod(path, mode) == 0);
	EVP_PKEY_free(key);
}

static void
make_keys(void)
{
	PR_ASSERT(mkdtemp(folder));
	write_key("rsa", EVP_RSA_gen(2048), 0600);
	write_key("short", EVP_RSA_gen(768), 0600);
	write_key("ed", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0640);
	write_key("open", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 0644);
	write_key("curve", EVP_EC_gen("P-256"), 0600);
	char path[200];
	snprintf(path, sizeof path, "%s/text", folder);
	FILE *f = fopen(path, "w");
	PR_ASSERT(f && fputs("no key\n", f) >= 0);
	fclose(f);
	PR_ASSERT(chmod(path, 0600) == 0);
}

static void
drop_keys(void)
{
	static const char *const names[] = {"rsa", "short", "ed", "open", "curve", "text"};
	char path[200];
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static int
load(const char *keys)
{
	char text[1000];
	snprintf(text, sizeof text, "routes: {default: {via: relay, host: h}}\ndkim: [%s]\n", keys);
	pr_problems_finish(&problems);
	ck_assert_int_eq(
	    pr_config_parse(pr_str(text), "postrider.yaml", folder, &problems, &config), 0);
	return pr_dkim_load(config, geteuid(), &problems);
}

static const struct {
	const char *file, *told;
} bad_keys[] = {
    {"nowhere", "No such file"},    {"open", "everybody may read"},
    {"short", "1024 to 4096 bits"}, {"curve", "neither an RSA nor an Ed25519"},
    {".", "is not a file"},         {"text", "no private key"},
};

START_TEST(a_key_that_will_not_do_is_told)
{
	char keys[200];
	struct pr_buf text = {0};
	snprintf(keys, sizeof keys, "{domain: a.example, selector: s, key_file: %s}",
	         bad_keys[_i].file);
	ck_assert_int_eq(load(keys), PR_EINVAL);
	ck_assert_ptr_null(config->signing);
	pr_problems_text(&problems, &text);
	ck_assert_msg(strstr(text.data, bad_keys[_i].told) != NULL, "%s", text.data);
	pr_buf_finish(&text);
	pr_config_unref(config);
}
END_TEST

START_TEST(keys_sign_for_their_domain_and_below)
{
	ck_assert_int_eq(load("{domain: acme.example, selector: s, key_file: ed}"), 0);
	ck_assert(pr_dkim_signs(config->signing, PR_STR("acme.example")));
	ck_assert(pr_dkim_signs(config->signing, PR_STR("mail.acme.example")));
	ck_assert(!pr_dkim_signs(config->signing, PR_STR("badacme.example")));
	ck_assert(!pr_dkim_signs(config->signing, PR_STR("example")));
	ck_assert(!pr_dkim_signs(NULL, PR_STR("acme.example")));
	ck_assert_ptr_null(pr_dkim_signer_create(config->signing, PR_STR("other.example")));
	pr_config_unref(config);
}
END_TEST

/* ---- signatures ---- */

#define HEAD                                                                                       \
	"From: Acme <news@mail.acme.example>\r\nTo: a@b.example\r\nSubject: Hi\r\n"                \
	" there\r\nX-Other: x\r\nDate: Fri, 1 Jan 2027 00:00:00 +0000\r\n"

static struct pr_buf
sign(const char *message, const char *tail)
{
	struct pr_buf out = {0};
	struct pr_error e = {0};
	pr_dkim_signer *s = pr_dkim_signer_create(config->signing, PR_STR("mail.acme.example"));
	ck_assert_ptr_nonnull(s);
	ck_assert_msg(pr_dkim_sign(s, pr_str(message), pr_str(tail), 1798761600000, &out, &e) == 0,
	              "%s", e.text);
	pr_dkim_signer_destroy(s);
	return out;
}

START_TEST(all_keys_that_match_sign_and_name_what_they_cover)
{
	ck_assert_int_eq(load("{domain: acme.example, selector: r, key_file: rsa}, "
	                      "{domain: mail.acme.example, selector: e, key_file: ed}, "
	                      "{domain: other.example, selector: o, key_file: ed}"),
	                 0);
	struct pr_buf whole = sign(HEAD "\r\nbody\r\ntail\r\n", "");
	struct pr_buf parts = sign(HEAD "\r\nbody\r\n", "tail\r\n");
	ck_assert(pr_str_eq(pr_buf_str(&whole), pr_buf_str(&parts))); /* both are deterministic */
	ck_assert_ptr_nonnull(strstr(whole.data, "a=rsa-sha256"));
	ck_assert_ptr_nonnull(strstr(whole.data, "a=ed25519-sha256"));
	ck_assert_ptr_nonnull(strstr(whole.data, "d=acme.example; s=r;"));
	ck_assert_ptr_nonnull(strstr(whole.data, "d=mail.acme.example; s=e;"));
	ck_assert_ptr_null(strstr(whole.data, "other.example"));
	ck_assert_ptr_nonnull(strstr(whole.data, "h=from:from:to:to:subject:subject:date:date:"));
	ck_assert_ptr_nonnull(strstr(whole.data, "list-unsubscribe-post"));
	ck_assert_ptr_null(strstr(whole.data, "x-other"));
	for (char *line = whole.data, *end; *line; line = end + 2) {
		end = strstr(line, "\r\n");
		ck_assert_ptr_nonnull(end);
		ck_assert_int_le(end - line, 78);
	}
	pr_buf_finish(&whole);
	pr_buf_finish(&parts);
	pr_config_unref(config);
}
END_TEST

START_TEST(what_is_covered_changes_the_signature)
{
	static const char *const others[] = {
	    HEAD "\r\nBody\r\n", "From: x <news@mail.acme.example>\r\n\r\nbody\r\n",
	    HEAD "List-Unsubscribe: <mailto:x@y.example>\r\n\r\nbody\r\n"};
	ck_assert_int_eq(load("{domain: acme.example, selector: e, key_file: ed}"), 0);
	struct pr_buf plain = sign(HEAD "\r\nbody\r\n", "");
	for (unsigned i = 0; i < 3; i++) {
		struct pr_buf other = sign(others[i], "");
		ck_assert(!pr_str_eq(pr_buf_str(&plain), pr_buf_str(&other)));
		pr_buf_finish(&other);
	}
	struct pr_buf same = sign(HEAD "\r\nbody \r\n\r\n", ""); /* relaxed */
	ck_assert(pr_str_eq(pr_buf_str(&plain), pr_buf_str(&same)));
	pr_buf_finish(&plain);
	pr_buf_finish(&same);
	pr_config_unref(config);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {canonical_forms_are_those_of_the_corpus},
	    {bodies_are_relaxed_whole_and_in_parts, ROWS(bodies)},
	    {a_key_that_will_not_do_is_told, ROWS(bad_keys)},
	    {keys_sign_for_their_domain_and_below},
	    {all_keys_that_match_sign_and_name_what_they_cover},
	    {what_is_covered_changes_the_signature},
	};
	make_keys();
	int failed = suite_run("message_dkim", NULL, NULL, tests, ROWS(tests));
	pr_problems_finish(&problems);
	drop_keys();
	return failed;
}
