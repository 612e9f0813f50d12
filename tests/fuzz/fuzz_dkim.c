/*
 * DKIM: the input is a message, whatever its shape; its first octet says where its body is cut.
 * Holds: canonical forms are fixed points, a message in parts is signed as it is whole, and what is
 * signed is fields that may stand in a message: lines of at most 998 octets that end with CRLF,
 * each field folded, no other CR or LF.
 */
#include "postrider/message/dkim.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1780000000000

static pr_dkim_signer *signer;

static void
write_key(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");
	PR_ASSERT(f && fchmod(fileno(f), 0600) == 0);
	PR_ASSERT(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(f);
	EVP_PKEY_free(key);
}

static pr_dkim_signer *
make_signer(void)
{
	static const char yaml[] = "routes: {default: {via: relay, host: h}}\n"
				   "dkim: [{domain: a.example, selector: r, key_file: r},"
				   " {domain: a.example, selector: e, key_file: e}]\n";
	char folder[] = "/tmp/postrider-fuzz-XXXXXX", path[60];
	struct pr_problems problems = {0};
	struct pr_config *config;
	PR_ASSERT(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/r", folder);
	write_key(path, EVP_RSA_gen(1024));
	snprintf(path, sizeof path, "%s/e", folder);
	write_key(path, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	PR_ASSERT(pr_config_parse(pr_str(yaml), "p.yaml", folder, &problems, &config) == 0);
	PR_ASSERT(pr_dkim_load(config, geteuid(), &problems) == 0);
	unlink(path);
	snprintf(path, sizeof path, "%s/r", folder);
	unlink(path);
	rmdir(folder);
	pr_dkim_signer *out = pr_dkim_signer_create(config->signing, pr_str("a.example"));
	pr_config_unref(config);
	return out;
}

/* ---- what holds ---- */

static void
relax_body(struct pr_str body, size_t cut, struct pr_buf *out)
{
	struct pr_dkim_body b = {.out = out};
	pr_dkim_relax_body(&b, pr_str_n(body.p, cut));
	pr_dkim_relax_body(&b, pr_str_n(body.p + cut, body.n - cut));
}

static void
check_body(struct pr_str body, size_t cut)
{
	struct pr_buf whole = {0}, parts = {0}, again = {0};
	while (cut > 0 && body.p[cut - 1] != '\n')
		cut--;
	relax_body(body, 0, &whole);
	relax_body(body, cut, &parts);
	relax_body(pr_buf_str(&whole), 0, &again);
	PR_ASSERT(pr_str_eq(pr_buf_str(&whole), pr_buf_str(&parts)));
	PR_ASSERT(pr_str_eq(pr_buf_str(&whole), pr_buf_str(&again)));
	pr_buf_finish(&whole), pr_buf_finish(&parts), pr_buf_finish(&again);
}

static void
check_field(struct pr_str field)
{
	struct pr_buf once = {0}, twice = {0};
	pr_dkim_relax_field(field, &once);
	pr_dkim_relax_field(pr_buf_str(&once), &twice);
	PR_ASSERT(pr_str_eq(pr_buf_str(&once), pr_buf_str(&twice)));
	pr_buf_finish(&once), pr_buf_finish(&twice);
}

static void
check_fields(struct pr_str fields)
{
	static const char name[] = "DKIM-Signature: ";
	while (fields.n) {
		const char *lf = memchr(fields.p, '\n', fields.n);
		PR_ASSERT(lf && lf > fields.p && lf[-1] == '\r');
		size_t n = (size_t)(lf - fields.p) - 1;
		PR_ASSERT(n > 0 && n <= 998 && !memchr(fields.p, '\r', n));
		PR_ASSERT(pr_str_starts(fields, name) || fields.p[0] == '\t' || fields.p[0] == ' ');
		fields = pr_str_n(lf + 1, fields.n - n - 2);
	}
}

/* The same signatures wherever the body is cut: RSA by PKCS #1 and Ed25519 are deterministic. */
static void
check_whole(struct pr_str message, size_t cut, struct pr_str signed_in_parts)
{
	struct pr_buf whole = {0};
	const char *body = memmem(message.p, message.n, "\r\n\r\n", 4);
	if (!body || (size_t)(body + 4 - message.p) > cut)
		return;
	PR_ASSERT(pr_dkim_sign(signer, message, pr_str(""), NOW, &whole, NULL) == 0);
	PR_ASSERT(pr_str_eq(pr_buf_str(&whole), signed_in_parts));
	pr_buf_finish(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pr_buf out = {0};
	if (!signer)
		signer = make_signer();
	if (n < 1)
		return 0;
	struct pr_str in = pr_str_n((const char *)data + 1, n - 1);
	size_t cut = (size_t)data[0] * in.n / 255;
	check_body(in, cut);
	check_field(in);
	while (cut > 0 && in.p[cut - 1] != '\n')
		cut--;
	struct pr_str head = pr_str_n(in.p, cut), tail = pr_str_n(in.p + cut, in.n - cut);
	if (pr_dkim_sign(signer, head, tail, NOW, &out, NULL) == 0) {
		PR_ASSERT(out.len > 0);
		check_fields(pr_buf_str(&out));
		check_whole(in, cut, pr_buf_str(&out));
	} else {
		PR_ASSERT(out.len == 0);
	}
	pr_buf_finish(&out);
	return 0;
}
