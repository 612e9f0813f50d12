/* Between the files of DKIM. */
#ifndef MESSAGE_DKIM_H
#define MESSAGE_DKIM_H

#include "postrider/message/dkim.h"

#include <openssl/evp.h>

struct dkim_key {
	EVP_PKEY *pkey;
	bool rsa;
	char *domain, *selector;
};

struct pr_dkim {
	_Atomic unsigned refs;
	size_t n;
	struct dkim_key keys[];
};

bool dkim_key_signs(const struct dkim_key *k, struct pr_str domain);

#endif
