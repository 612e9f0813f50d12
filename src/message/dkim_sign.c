/*
 * Signing a message. The body's hash is made once for all signatures; each then hashes the chosen
 * fields and its own field with an empty b=, and the private key does the rest, which costs far
 * more than all else.
 *
 *   message -> fields by name; relaxed body -> bh
 *   key     -> "DKIM-Signature: ...; b=" -> hash of fields and this -> signature -> b=
 *
 * A thread signs with copies of the keys: OpenSSL's blinding of one RSA key makes threads wait.
 * What OpenSSL looks up by name is looked up once: with Ed25519 that is a tenth of the time.
 */
#include "dkim.h"

#include "encode.h"

#include <openssl/rsa.h>
#include <stdlib.h>

#define FIELDS_MAX 128u /* of a head; those behind are not signed */
#define SIGNATURE_MAX 512u
#define FOLD 70u

/* How often a name is signed beyond what is there. */
static const struct {
	const char *name;
	bool once_more;
} signed_fields[] = {
    {"from", true},
    {"to", true},
    {"subject", true},
    {"date", true},
    {"message-id", true},
    {"reply-to", true},
    {"mime-version", true},
    {"content-type", true},
    {"cc", true},
    {"content-transfer-encoding", true},
    {"sender", false},
    {"in-reply-to", false},
    {"references", false},
    {"list-id", false},
    {"precedence", false},
    {"auto-submitted", false},
    {"feedback-id", true},
    {"cfbl-address", true},
    {"cfbl-feedback-id", true},
    {"list-unsubscribe", true},
    {"list-unsubscribe-post", true},
};
#define SIGNED (sizeof signed_fields / sizeof *signed_fields)

struct own_key {
	const struct dkim_key *key; /* of the signer's `keys` */
	EVP_PKEY *copy;
	EVP_PKEY_CTX *rsa; /* ready to sign a SHA-256 hash, again and again */
	EVP_MD_CTX *ed25519;
};

struct pr_dkim_signer {
	pr_dkim *keys;
	size_t n;
	struct own_key own[PR_DKIM_SIGNATURES_MAX];
	EVP_MD *sha256;
	EVP_MD_CTX *md;
	struct pr_buf canonical, names, body, field;
};

static void
own_key_open(struct own_key *o, const struct dkim_key *k)
{
	o->key = k;
	o->copy = EVP_PKEY_dup(k->pkey);
	if (k->rsa) {
		o->rsa = EVP_PKEY_CTX_new(o->copy, NULL);
		EVP_PKEY_sign_init(o->rsa);
		EVP_PKEY_CTX_set_rsa_padding(o->rsa, RSA_PKCS1_PADDING);
		EVP_PKEY_CTX_set_signature_md(o->rsa, EVP_sha256());
	} else {
		o->ed25519 = EVP_MD_CTX_new();
		EVP_DigestSignInit(o->ed25519, NULL, NULL, NULL, o->copy);
	}
}

static void
own_key_close(struct own_key *o)
{
	EVP_PKEY_CTX_free(o->rsa);
	EVP_MD_CTX_free(o->ed25519);
	EVP_PKEY_free(o->copy);
}

pr_dkim_signer *
pr_dkim_signer_create(pr_dkim *keys, struct pr_str domain)
{
	if (!pr_dkim_signs(keys, domain))
		return NULL;
	pr_dkim_signer *s = pr_calloc(1, sizeof *s);
	s->keys = pr_dkim_ref(keys);
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->md = EVP_MD_CTX_new();
	for (size_t i = 0; i < keys->n && s->n < PR_DKIM_SIGNATURES_MAX; i++)
		if (dkim_key_signs(&keys->keys[i], domain))
			own_key_open(&s->own[s->n++], &keys->keys[i]);
	return s;
}

void
pr_dkim_signer_destroy(pr_dkim_signer *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		own_key_close(&s->own[i]);
	EVP_MD_CTX_free(s->md);
	EVP_MD_free(s->sha256);
	pr_buf_finish(&s->canonical);
	pr_buf_finish(&s->names);
	pr_buf_finish(&s->body);
	pr_buf_finish(&s->field);
	pr_dkim_unref(s->keys);
	free(s);
}

/* ---- the head ---- */

struct head {
	struct pr_str fields[FIELDS_MAX];
	size_t n;
};

/* Fields with their folded lines; returns where the body begins. */
static size_t
read_head(struct pr_str message, struct head *h)
{
	size_t at = 0, from = 0;
	h->n = 0;
	while (at < message.n) {
		const char *lf = memchr(message.p + at, '\n', message.n - at);
		size_t next = lf ? (size_t)(lf - message.p) + 1 : message.n;
		bool folded =
		    next < message.n && (message.p[next] == ' ' || message.p[next] == '\t');
		if (at == from && next - at <= 2)
			return next;
		at = next;
		if (folded)
			continue;
		if (h->n < FIELDS_MAX)
			h->fields[h->n++] = pr_str_n(message.p + from, at - from);
		from = at;
	}
	return message.n;
}

static bool
has_name(struct pr_str field, const char *name)
{
	size_t n = strlen(name);
	return field.n > n && field.p[n] == ':' &&
	       pr_str_eq_nocase(pr_str_n(field.p, n), pr_str(name));
}

/* Fields of the same name from the last up (section 5.4.2). */
static void
choose_fields(pr_dkim_signer *s, const struct head *h)
{
	pr_buf_clear(&s->canonical);
	pr_buf_clear(&s->names);
	for (size_t k = 0; k < SIGNED; k++) {
		unsigned times = signed_fields[k].once_more;
		for (size_t i = h->n; i-- > 0;) {
			if (!has_name(h->fields[i], signed_fields[k].name))
				continue;
			pr_dkim_relax_field(h->fields[i], &s->canonical);
			pr_buf_adds(&s->canonical, "\r\n");
			times++;
		}
		for (; times; times--) {
			if (s->names.len)
				pr_buf_addc(&s->names, ':');
			pr_buf_adds(&s->names, signed_fields[k].name);
		}
	}
}

/* ---- the field ---- */

/* h= in lines that are not too long; white space may stand at its colons. */
static void
add_names(pr_dkim_signer *s)
{
	size_t column = 3;
	struct pr_str names = pr_buf_str(&s->names);
	pr_buf_adds(&s->field, "\th=");
	while (names.n) {
		const char *colon = memchr(names.p, ':', names.n);
		size_t n = colon ? (size_t)(colon - names.p) + 1 : names.n;
		if (column + n > FOLD) {
			pr_buf_adds(&s->field, "\r\n\t ");
			column = 2;
		}
		pr_buf_add(&s->field, names.p, n);
		column += n;
		names = pr_str_n(names.p + n, names.n - n);
	}
	pr_buf_adds(&s->field, ";\r\n");
}

static void
add_base64(struct pr_buf *out, const unsigned char *data, size_t n)
{
	char text[SIGNATURE_MAX * 2];
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)text, data, (int)n);
	for (size_t at = 0; at < len; at += FOLD) {
		if (at)
			pr_buf_adds(out, "\r\n\t ");
		pr_buf_add(out, text + at, len - at < FOLD ? len - at : FOLD);
	}
}

static void
begin_field(pr_dkim_signer *s, const struct dkim_key *k, const unsigned char bh[32], int64_t utc_ms)
{
	pr_buf_clear(&s->field);
	pr_buf_addf(&s->field,
	            "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%s; s=%s;\r\n"
	            "\tt=%lld;\r\n",
	            k->rsa ? "rsa-sha256" : "ed25519-sha256", k->domain, k->selector,
	            (long long)(utc_ms / 1000));
	add_names(s);
	pr_buf_adds(&s->field, "\tbh=");
	add_base64(&s->field, bh, 32);
	pr_buf_adds(&s->field, ";\r\n\tb=");
}

static bool
make_hash(pr_dkim_signer *s, const struct pr_buf *data, unsigned char out[32])
{
	return EVP_DigestInit_ex2(s->md, s->sha256, NULL) == 1 &&
	       EVP_DigestUpdate(s->md, data->data, data->len) == 1 &&
	       EVP_DigestFinal_ex(s->md, out, NULL) == 1;
}

/* Ed25519 signs the hash, too: RFC 8463 section 3. Without a key EVP_DigestSignInit() keeps the one
 * it has, and what it found for it. */
static bool
make_signature(const struct own_key *o, const unsigned char hash[32], unsigned char *out, size_t *n)
{
	if (o->rsa)
		return EVP_PKEY_sign(o->rsa, out, n, hash, 32) == 1;
	return EVP_DigestSignInit(o->ed25519, NULL, NULL, NULL, NULL) == 1 &&
	       EVP_DigestSign(o->ed25519, out, n, hash, 32) == 1;
}

static int
sign_by(pr_dkim_signer *s, const struct own_key *o, const unsigned char bh[32], int64_t utc_ms,
        struct pr_buf *out, struct pr_error *e)
{
	unsigned char hash[32], signature[SIGNATURE_MAX];
	size_t n = sizeof signature, fields = s->canonical.len;
	begin_field(s, o->key, bh, utc_ms);
	pr_dkim_relax_field(pr_buf_str(&s->field), &s->canonical);
	bool good = make_hash(s, &s->canonical, hash) && make_signature(o, hash, signature, &n);
	s->canonical.len = fields;
	if (!good)
		return pr_fail(e, PR_EINVAL, "the DKIM key %s of %s does not sign",
		               o->key->selector, o->key->domain);
	add_base64(&s->field, signature, n);
	pr_buf_add_str(out, pr_buf_str(&s->field));
	pr_buf_adds(out, "\r\n");
	return 0;
}

int
pr_dkim_sign(pr_dkim_signer *s, struct pr_str message, struct pr_str tail, int64_t utc_ms,
             struct pr_buf *out, struct pr_error *e)
{
	struct head h;
	unsigned char bh[32];
	size_t body = read_head(message, &h), was = out->len;
	struct pr_dkim_body canonical = {.out = &s->body};
	int r = 0;
	choose_fields(s, &h);
	pr_buf_clear(&s->body);
	pr_dkim_relax_body(&canonical, pr_str_n(message.p + body, message.n - body));
	pr_dkim_relax_body(&canonical, tail);
	if (!make_hash(s, &s->body, bh))
		return pr_fail(e, PR_EINVAL, "the body's hash cannot be made");
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = sign_by(s, &s->own[i], bh, utc_ms, out, e);
	if (r < 0)
		out->len = was;
	return r;
}
