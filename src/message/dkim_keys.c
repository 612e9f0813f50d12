/*
 * Private keys of DKIM: read with the configuration, checked as far as one can without DNS (that
 * is `postrider doctor`'s), and shared read-only. A key that everybody may read is refused: it is
 * not private any more.
 */
#include "dkim.h"

#include "postrider/base/secret.h"
#include "postrider/campaign/address.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
tell(const struct pr_config *config, const struct pr_dkim_key *k, struct pr_problems *problems,
     const char *remedy, const char *what)
{
	return pr_text_problem(problems, config->file, &k->key_file, remedy, "%s: %s",
	                       k->key_file.p, what);
}

static EVP_PKEY *
read_file(const struct pr_config *config, const struct pr_dkim_key *k, struct pr_problems *problems)
{
	struct pr_error e;
	int fd = pr_secret_open(k->key_file.p, &e);
	if (fd < 0) {
		pr_text_problem(problems, config->file, &k->key_file,
		                fd == PR_EDENIED
		                    ? "chmod o= it, and make a new key: this one is known"
		                    : "make it, readable for the daemon only",
		                "%s", e.text);
		return NULL;
	}
	FILE *f = fdopen(fd, "r");
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, (void *)"");
	fclose(f);
	if (!key)
		tell(config, k, problems,
		     "openssl genrsa 2048, or openssl genpkey -algorithm ed25519",
		     "holds no private key in PEM");
	return key;
}

static int
check_key(const struct pr_config *config, const struct pr_dkim_key *k, EVP_PKEY *key,
          struct pr_problems *problems)
{
	int type = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
	if (type == EVP_PKEY_ED25519)
		return 0;
	if (type != EVP_PKEY_RSA)
		return tell(config, k, problems, "use RSA of 2048 bits or Ed25519",
		            "is neither an RSA nor an Ed25519 key");
	if (bits < PR_DKIM_RSA_LEAST || bits > PR_DKIM_RSA_MOST)
		return tell(config, k, problems, "use RSA of 2048 bits",
		            "receivers take RSA keys of 1024 to 4096 bits");
	return 0;
}

static int
add_key(struct pr_config *config, const struct pr_dkim_key *k, struct pr_problems *problems)
{
	pr_dkim *keys = config->signing;
	EVP_PKEY *key = read_file(config, k, problems);
	if (!key)
		return PR_EINVAL;
	if (check_key(config, k, key, problems) < 0) {
		EVP_PKEY_free(key);
		return PR_EINVAL;
	}
	keys->keys[keys->n++] = (struct dkim_key){.pkey = key,
	                                          .rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA,
	                                          .domain = pr_strdup(k->domain.p),
	                                          .selector = pr_strdup(k->selector.p)};
	return 0;
}

int
pr_dkim_load(struct pr_config *config, struct pr_problems *problems)
{
	int result = 0;
	if (config->dkim.n == 0)
		return 0;
	pr_dkim *keys = pr_calloc(1, sizeof *keys + config->dkim.n * sizeof *keys->keys);
	keys->refs = 1;
	config->signing = keys;
	config->end_signing = pr_dkim_unref;
	for (size_t i = 0; i < config->dkim.n; i++)
		if (add_key(config, pr_config_dkim(config) + i, problems) < 0)
			result = PR_EINVAL;
	if (result < 0) {
		pr_dkim_unref(keys);
		config->signing = NULL;
	}
	return result;
}

pr_dkim *
pr_dkim_ref(pr_dkim *keys)
{
	if (keys)
		keys->refs++;
	return keys;
}

void
pr_dkim_unref(pr_dkim *keys)
{
	if (!keys || --keys->refs > 0)
		return;
	for (size_t i = 0; i < keys->n; i++) {
		EVP_PKEY_free(keys->keys[i].pkey);
		free(keys->keys[i].domain);
		free(keys->keys[i].selector);
	}
	free(keys);
}

bool
dkim_key_signs(const struct dkim_key *k, struct pr_str domain)
{
	return pr_domain_under(domain, pr_str(k->domain));
}

bool
pr_dkim_signs(const pr_dkim *keys, struct pr_str domain)
{
	for (size_t i = 0; keys && i < keys->n; i++)
		if (dkim_key_signs(&keys->keys[i], domain))
			return true;
	return false;
}
