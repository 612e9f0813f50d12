/*
 * DKIM keys: as published (RFC 6376 section 3.6.1, RFC 8463 section 3), and as they follow from
 * the private key that signs.
 */
#include "postrider/doctor.h"

#include "postrider/base/secret.h"
#include "postrider/message/dkim.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define ED25519_OCTETS 32u

/* Whether one of the words between colons is `word` or "*". */
static bool
lists(struct pr_str list, const char *word)
{
	for (size_t from = 0; from <= list.n;) {
		size_t end = from;
		while (end < list.n && list.p[end] != ':')
			end++;
		struct pr_str one = pr_str_trim(pr_str_n(list.p + from, end - from));
		if (pr_str_eq_nocase(one, pr_str(word)) || pr_str_is(one, "*"))
			return true;
		from = end + 1;
	}
	return false;
}

/* White space may stand anywhere within. */
static int
decode(struct pr_str text, struct pr_dkim_record *out)
{
	char clean[PR_DKIM_KEY_MAX * 4 / 3];
	uint8_t octets[PR_DKIM_KEY_MAX];
	size_t n = 0, pad = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (pr_is_space(text.p[i]))
			continue;
		if (n == sizeof clean)
			return PR_ELIMIT;
		clean[n++] = text.p[i];
	}
	while (pad < 2 && pad < n && clean[n - 1 - pad] == '=')
		pad++;
	int length = n % 4 ? -1 : EVP_DecodeBlock(octets, (const unsigned char *)clean, (int)n);
	if (length <= (int)pad)
		return PR_EINVAL;
	out->n = (size_t)length - pad;
	memcpy(out->key, octets, out->n);
	return 0;
}

static int
read_key(const struct pr_tags *tags, struct pr_dkim_record *out, struct pr_error *e)
{
	struct pr_str p = pr_tags_get(tags, "p");
	if (!p.p)
		return pr_fail(e, PR_EINVAL, "it has no p=");
	out->revoked = p.n == 0;
	if (out->revoked)
		return 0;
	if (decode(p, out) < 0)
		return pr_fail(e, PR_EINVAL, "its p= is no base64 of a key");
	if (out->ed25519 && out->n != ED25519_OCTETS)
		return pr_fail(e, PR_EINVAL, "its p= is not the %u octets of an Ed25519 key",
		               ED25519_OCTETS);
	return 0;
}

int
pr_dkim_record_parse(struct pr_str txt, struct pr_dkim_record *out, struct pr_error *e)
{
	struct pr_tags tags;
	struct pr_dkim_record r = {0};
	if (pr_tags_parse(txt, &tags) < 0)
		return pr_fail(e, PR_EINVAL, "it is no list of tags");
	struct pr_str v = pr_tags_get(&tags, "v"), k = pr_tags_get(&tags, "k");
	struct pr_str t = pr_tags_get(&tags, "t"), s = pr_tags_get(&tags, "s");
	struct pr_str h = pr_tags_get(&tags, "h");
	if (v.p && (!pr_str_is(v, "DKIM1") || !pr_str_is(tags.items[0].name, "v")))
		return pr_fail(e, PR_EINVAL, "it does not begin with v=DKIM1");
	r.ed25519 = k.p && pr_str_eq_nocase(k, PR_STR("ed25519"));
	if (k.p && !r.ed25519 && !pr_str_eq_nocase(k, PR_STR("rsa")))
		return pr_fail(e, PR_EINVAL, "its k= is neither rsa nor ed25519");
	r.testing = t.p && lists(t, "y");
	r.exact = t.p && lists(t, "s");
	r.email = !s.p || lists(s, "email");
	r.sha256 = !h.p || lists(h, "sha256");
	int code = read_key(&tags, &r, e);
	if (code == 0)
		*out = r;
	return code;
}

/* ---- the private key ---- */

static int
lay_down(EVP_PKEY *key, struct pr_dkim_public *out)
{
	struct pr_dkim_public p = {.ed25519 = EVP_PKEY_is_a(key, "ED25519") == 1,
	                           .bits = EVP_PKEY_get_bits(key),
	                           .n = PR_DKIM_KEY_MAX};
	unsigned char *at = p.key;
	if (p.ed25519) {
		if (EVP_PKEY_get_raw_public_key(key, p.key, &p.n) != 1)
			return PR_EINVAL;
	} else {
		int n = EVP_PKEY_is_a(key, "RSA") == 1 ? i2d_PUBKEY(key, NULL) : -1;
		if (n <= 0 || (size_t)n > sizeof p.key || i2d_PUBKEY(key, &at) != n)
			return PR_EINVAL;
		p.n = (size_t)n;
	}
	*out = p;
	return 0;
}

int
pr_dkim_public_read(const char *path, struct pr_dkim_public *out, struct pr_error *e)
{
	struct pr_buf pem = {0};
	struct pr_secret_fault fault;
	const char *why = "holds a key that cannot be published";
	int r = pr_secret_load(path, PR_SECRET_ANYBODY, &pem, &fault);
	if (r < 0) {
		pr_secret_wipe(&pem);
		return pr_fail(e, r, "%s", fault.error.text);
	}
	EVP_PKEY *key = pr_dkim_key_parse(pr_buf_str(&pem), &why);
	r = key ? lay_down(key, out) : PR_EINVAL;
	if (r < 0)
		pr_fail(e, r, "%s: %s", path, why);
	EVP_PKEY_free(key);
	pr_secret_wipe(&pem);
	return r;
}

void
pr_dkim_public_record(const struct pr_dkim_public *key, struct pr_buf *out)
{
	unsigned char text[PR_DKIM_KEY_MAX * 4 / 3 + 8];
	int n = EVP_EncodeBlock(text, key->key, (int)key->n);
	pr_buf_addf(out, "v=DKIM1; k=%s; p=%.*s", key->ed25519 ? "ed25519" : "rsa", n,
	            (const char *)text);
}

/* RSA is published as SubjectPublicKeyInfo by all, and by RFC 6376's letter as RSAPublicKey;
 * verifiers take both. The second is the end of the first. */
bool
pr_dkim_same(const struct pr_dkim_record *record, const struct pr_dkim_public *key)
{
	const uint8_t *at = key->key;
	size_t n = key->n;
	if (record->ed25519 != key->ed25519 || record->n == 0)
		return false;
	if (!key->ed25519 && record->n < n && record->n > 100) {
		at += n - record->n;
		n = record->n;
		EVP_PKEY *bare = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)n);
		at = key->key + key->n - n;
		if (!bare)
			return false;
		EVP_PKEY_free(bare);
	}
	return record->n == n && memcmp(record->key, at, n) == 0;
}
