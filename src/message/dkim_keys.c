/*
 * Private keys of DKIM: read with the configuration, checked as far as one can without DNS (that
 * is `postrider doctor`'s), and shared read-only. Whose file may be a key's is base/secret.h's to
 * say.
 */
#include "dkim.h"

#include "postrider/base/secret.h"
#include "postrider/campaign/address.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* Encrypted keys are not asked a password for: nobody may sit at the terminal. */
static int
no_password(char *out, int size, int writing, void *context)
{
	(void)out, (void)size, (void)writing, (void)context;
	return -1;
}

static const char *
fault_of(const EVP_PKEY *key)
{
	int type = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
	if (type == EVP_PKEY_ED25519)
		return NULL;
	if (type != EVP_PKEY_RSA)
		return "is neither an RSA nor an Ed25519 key";
	if (bits < PR_DKIM_RSA_LEAST || bits > PR_DKIM_RSA_MOST)
		return "receivers take RSA keys of 1024 to 4096 bits";
	return NULL;
}

EVP_PKEY *
pr_dkim_key_parse(struct pr_str pem, const char **why)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	const char *fault = key ? fault_of(key) : "holds no private key in PEM";
	BIO_free(bio);
	ERR_clear_error();
	if (!fault)
		return key;
	EVP_PKEY_free(key);
	*why = fault;
	return NULL;
}

static EVP_PKEY *
read_file(const struct pr_config *config, const struct pr_dkim_key *k, uid_t owner,
          struct pr_problems *problems)
{
	struct pr_secret_fault fault;
	struct pr_buf pem = {0};
	EVP_PKEY *key = NULL;
	const char *why = "";
	if (pr_secret_load(k->key_file.p, owner, &pem, &fault) < 0)
		pr_text_problem(problems, config->file, &k->key_file, fault.remedy, "%s",
		                fault.error.text);
	else if (!(key = pr_dkim_key_parse(pr_buf_str(&pem), &why)))
		pr_text_problem(problems, config->file, &k->key_file,
		                "openssl genrsa 2048, or openssl genpkey -algorithm ed25519",
		                "%s: %s", k->key_file.p, why);
	pr_secret_wipe(&pem);
	return key;
}

static int
add_key(struct pr_config *config, const struct pr_dkim_key *k, uid_t owner,
        struct pr_problems *problems)
{
	pr_dkim *keys = config->signing;
	EVP_PKEY *key = read_file(config, k, owner, problems);
	if (!key)
		return PR_EINVAL;
	keys->keys[keys->n++] = (struct dkim_key){.pkey = key,
	                                          .rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA,
	                                          .domain = pr_strdup(k->domain.p),
	                                          .selector = pr_strdup(k->selector.p)};
	return 0;
}

int
pr_dkim_load(struct pr_config *config, uid_t owner, struct pr_problems *problems)
{
	int result = 0;
	if (config->dkim.n == 0)
		return 0;
	pr_dkim *keys = pr_calloc(1, sizeof *keys + config->dkim.n * sizeof *keys->keys);
	keys->refs = 1;
	config->signing = keys;
	config->end_signing = pr_dkim_unref;
	for (size_t i = 0; i < config->dkim.n; i++)
		if (add_key(config, pr_config_dkim(config) + i, owner, problems) < 0)
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
