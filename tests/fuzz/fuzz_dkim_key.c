/*
 * Files of private keys: the input is what a key_file holds. Holds: what is taken may sign, and has
 * a size that receivers take; what is not is said why.
 */
#include "postrider/message/dkim.h"

#include <openssl/err.h>
#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *why = NULL;
	EVP_PKEY *key = pr_dkim_key_parse(pr_str_n((const char *)data, n), &why);
	PR_ASSERT(!key == !!why);
	PR_ASSERT(ERR_peek_error() == 0); /* nothing is left for those who look later */
	if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
		PR_ASSERT(EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA);
		PR_ASSERT(EVP_PKEY_get_bits(key) >= PR_DKIM_RSA_LEAST &&
		          EVP_PKEY_get_bits(key) <= PR_DKIM_RSA_MOST);
	}
	EVP_PKEY_free(key);
	return 0;
}
