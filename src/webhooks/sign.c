/* The signature: the time is signed with the body, so that an old post cannot be sent again by
 * somebody who saw it, where the receiver looks at the time. */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>

void
hook_sign(const char *secret, int64_t unix_s, struct pr_str body, char out[HOOK_SIGNATURE_SIZE])
{
	char digest[] = "SHA256", t[24];
	unsigned char code[32];
	size_t n = 0;
	const OSSL_PARAM how[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end()};
	int t_n = snprintf(t, sizeof t, "%lld.", (long long)unix_s);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
	PR_ASSERT(EVP_MAC_init(c, (const unsigned char *)secret, strlen(secret), how) &&
	          EVP_MAC_update(c, (const unsigned char *)t, (size_t)t_n) &&
	          EVP_MAC_update(c, (const unsigned char *)body.p, body.n) &&
	          EVP_MAC_final(c, code, &n, sizeof code));
	EVP_MAC_CTX_free(c);
	EVP_MAC_free(mac);
	char *to = out + sprintf(out, "t=%lld,v1=", (long long)unix_s);
	for (size_t i = 0; i < n; i++)
		to += sprintf(to, "%02x", code[i]);
}
