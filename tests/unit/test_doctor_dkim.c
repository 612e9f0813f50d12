/* DKIM: records as published, keys from their files, and whether the two are the same. */
#include "suite.h"

#include "postrider/doctor.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

/* RFC 8463 appendix A.2 */
#define BRISBANE "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const struct {
	const char *text;
	const char *fault; /* NULL: good */
	bool ed25519, revoked, testing, exact, no_email, no_sha256;
} records[] = {
    {"v=DKIM1; k=ed25519; p=" BRISBANE, .ed25519 = true},
    {"k=ed25519; p=" BRISBANE, .ed25519 = true},
    {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7T yWQHOg7hcvPapiMl\r\n rwIaaPcHURo=", .ed25519 = true},
    {"v=DKIM1; k=ed25519; t=y:s; p=" BRISBANE, .ed25519 = true, .testing = true, .exact = true},
    {"v=DKIM1; h=sha1; s=other; k=ed25519; p=" BRISBANE, .ed25519 = true, .no_email = true,
     .no_sha256 = true},
    {"v=DKIM1; h=sha1 : sha256; s=*; n=note; k=ed25519; p=" BRISBANE ";", .ed25519 = true},
    {"p=AAAA"},
    {"v=DKIM1; p=", .revoked = true},
    {"v=DKIM1; k=ed25519; p=AAAA", "32 octets"},
    {"v=DKIM1; k=dsa; p=AAAA", "k="},
    {"v=DKIM2; p=AAAA", "v=DKIM1"},
    {"p=AAAA; v=DKIM1", "v=DKIM1"},
    {"v=DKIM1; k=rsa", "no p="},
    {"v=DKIM1; p=AAA", "base64"},
    {"v=DKIM1; p=!!!!", "base64"},
    {"v=DKIM1; p=AAAA; p=BBBB", "tags"},
    {"v=DKIM1 p=AAAA", "DKIM1"},
    {"v=DKIM1;; p=AAAA", "tags"},
    {"v=spf1 -all", "DKIM1"},
    {"", "tags"},
    {"\"v=DKIM1; p=AAAA\"", "tags"},
};

START_TEST(record_is_read)
{
	struct pr_dkim_record r;
	struct pr_error e = {0};
	int code = pr_dkim_record_parse(pr_str(records[_i].text), &r, &e);
	ck_assert_msg((code == 0) == !records[_i].fault, "%s: %s", records[_i].text, e.text);
	if (code < 0) {
		ck_assert_msg(strstr(e.text, records[_i].fault) != NULL, "%s", e.text);
		return;
	}
	ck_assert_int_eq(r.ed25519, records[_i].ed25519);
	ck_assert_int_eq(r.revoked, records[_i].revoked);
	ck_assert_int_eq(r.testing, records[_i].testing);
	ck_assert_int_eq(r.exact, records[_i].exact);
	ck_assert_int_eq(r.email, !records[_i].no_email);
	ck_assert_int_eq(r.sha256, !records[_i].no_sha256);
}
END_TEST

START_TEST(key_longer_than_any_is_refused)
{
	struct pr_buf text = {0};
	struct pr_dkim_record r;
	struct pr_error e;
	pr_buf_adds(&text, "v=DKIM1; p=");
	for (unsigned i = 0; i < PR_DKIM_KEY_MAX; i++)
		pr_buf_adds(&text, "AAAA");
	ck_assert_int_lt(pr_dkim_record_parse(pr_buf_str(&text), &r, &e), 0);
	pr_buf_finish(&text);
}
END_TEST

static char path[] = "/tmp/test_doctor_dkim.XXXXXX";

static void
write_key(EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");
	ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static const struct {
	const char *type;
	unsigned bits;
} keys[] = {{"RSA", 1024}, {"RSA", 2048}, {"RSA", 4096}, {"ED25519", 256}};

static EVP_PKEY *
make_key(int i)
{
	if (keys[i].bits == 256)
		return EVP_PKEY_Q_keygen(NULL, NULL, keys[i].type);
	return EVP_PKEY_Q_keygen(NULL, NULL, keys[i].type, (size_t)keys[i].bits);
}

START_TEST(record_made_of_a_key_is_that_key)
{
	EVP_PKEY *key = make_key(_i), *other = make_key(_i);
	struct pr_dkim_public public, another;
	struct pr_dkim_record record;
	struct pr_error e = {0};
	struct pr_buf text = {0};
	write_key(key);
	ck_assert_msg(pr_dkim_public_read(path, &public, &e) == 0, "%s", e.text);
	ck_assert_int_eq(public.ed25519, keys[_i].bits == 256);
	if (!public.ed25519)
		ck_assert_uint_eq(public.bits, keys[_i].bits);
	write_key(other);
	ck_assert_int_eq(pr_dkim_public_read(path, &another, &e), 0);
	pr_dkim_public_record(&public, &text);
	ck_assert_msg(pr_dkim_record_parse(pr_buf_str(&text), &record, &e) == 0, "%s", e.text);
	ck_assert(pr_dkim_same(&record, &public));
	ck_assert(!pr_dkim_same(&record, &another));
	pr_buf_finish(&text);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}
END_TEST

START_TEST(bare_rsa_key_is_the_same_key)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	struct pr_dkim_public public;
	struct pr_dkim_record record = {.email = true};
	struct pr_error e;
	unsigned char *at = record.key;
	write_key(key);
	ck_assert_int_eq(pr_dkim_public_read(path, &public, &e), 0);
	record.n = (size_t)i2d_PublicKey(key, &at);
	ck_assert_uint_lt(record.n, public.n);
	ck_assert(pr_dkim_same(&record, &public));
	record.n--; /* the end of it cut: no key any more */
	ck_assert(!pr_dkim_same(&record, &public));
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(file_without_a_usable_key_is_told)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct pr_dkim_public public;
	struct pr_error e = {0};
	write_key(key);
	ck_assert_int_eq(pr_dkim_public_read(path, &public, &e), PR_EINVAL);
	ck_assert(strstr(e.text, "neither an RSA nor an Ed25519 key") != NULL);
	EVP_PKEY_free(key);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(pr_dkim_public_read(path, &public, &e), PR_EINVAL);
	ck_assert_int_eq(pr_dkim_public_read("/nowhere/key.pem", &public, &e), PR_ENOENT);
}
END_TEST

static void
setup(void)
{
	strcpy(path, "/tmp/test_doctor_dkim.XXXXXX");
	close(mkstemp(path));
}

static void
teardown(void)
{
	unlink(path);
}

int
main(void)
{
	const struct suite_test tests[] = {
	    {record_is_read, ROWS(records)},
	    {key_longer_than_any_is_refused},
	    {record_made_of_a_key_is_that_key, ROWS(keys)},
	    {bare_rsa_key_is_the_same_key},
	    {file_without_a_usable_key_is_told},
	};
	return suite_run("doctor_dkim", setup, teardown, tests, ROWS(tests));
}
