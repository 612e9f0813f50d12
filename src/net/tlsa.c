/* Which TLSA records a sender of mail can use. */
#include "postrider/net/tls.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#define DANE_TA 2
#define DANE_EE 3

/* The record holds the whole thing: it must be one, to its last octet. */
static bool
is_whole(const struct pr_tlsa *r)
{
	const unsigned char *end = r->data;
	X509 *certificate = r->selector ? NULL : d2i_X509(NULL, &end, (long)r->n);
	EVP_PKEY *key = r->selector ? d2i_PUBKEY(NULL, &end, (long)r->n) : NULL;
	bool whole = (certificate || key) && end == r->data + r->n;
	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return whole;
}

bool
pr_tlsa_usable(const struct pr_tlsa *r)
{
	if ((r->usage != DANE_TA && r->usage != DANE_EE) || r->selector > 1)
		return false;
	switch (r->matching) {
	case 0: return is_whole(r);
	case 1: return r->n == SHA256_DIGEST_LENGTH;
	case 2: return r->n == SHA512_DIGEST_LENGTH;
	default: return false;
	}
}
