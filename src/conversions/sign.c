/* Keys and signatures of those who tell of events. */
#include "postrider/conversions/sign.h"

#include "postrider/base/buf.h"
#include "postrider/base/error.h"
#include "postrider/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <strings.h>

#define KEY_MIN 16 /* characters: what is shorter can be guessed over the network */
#define DIGEST 32

static bool
same(const char *a, size_t a_n, const char *b, size_t b_n)
{
	return a_n == b_n && CRYPTO_memcmp(a, b, a_n) == 0;
}

/* HMAC-SHA256 of two pieces, one behind the other. */
static void
digest(const char *secret, struct pr_str first, struct pr_str body, unsigned char out[DIGEST])
{
	struct pr_buf whole = {0};
	unsigned n = DIGEST;
	pr_buf_add_str(&whole, first);
	pr_buf_add_str(&whole, body);
	PR_ASSERT(HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)whole.data,
	               whole.len, out, &n));
	pr_buf_finish(&whole);
}

bool
pr_signed_base64(const char *secret, const char *header, struct pr_str body)
{
	unsigned char code[DIGEST], text[48];
	if (!secret || !header)
		return false;
	digest(secret, PR_STR(""), body, code);
	int n = EVP_EncodeBlock(text, code, DIGEST);
	return same(header, strlen(header), (const char *)text, (size_t)n);
}

bool
pr_signed_timed(const char *secret, const char *header, struct pr_str body, int64_t now_s)
{
	unsigned char code[DIGEST];
	char text[2 * DIGEST + 1], first[24];
	uint64_t t;
	if (!secret || !header || strncmp(header, "t=", 2) != 0)
		return false;
	const char *comma = strchr(header, ',');
	if (!comma || strncmp(comma, ",v1=", 4) != 0)
		return false;
	struct pr_str time = pr_str_n(header + 2, (size_t)(comma - header) - 2);
	if (time.n > 12 || !pr_str_u64(time, &t))
		return false;
	int64_t off = (int64_t)t - now_s;
	if (off > PR_SIGNED_FOR_S || off < -PR_SIGNED_FOR_S)
		return false;
	int n = snprintf(first, sizeof first, "%.*s.", (int)time.n, time.p);
	digest(secret, pr_str_n(first, (size_t)n), body, code);
	for (unsigned i = 0; i < DIGEST; i++)
		snprintf(text + 2 * i, 3, "%02x", code[i]);
	return same(comma + 4, strlen(comma + 4), text, sizeof text - 1);
}

bool
pr_bears(const char *key, const char *header)
{
	if (!key || !header || strncasecmp(header, "Bearer ", 7) != 0)
		return false;
	return same(header + 7, strlen(header + 7), key, strlen(key));
}

static int
load(struct pr_config *c, const struct pr_text *file, char **out, uid_t owner,
     struct pr_problems *problems)
{
	struct pr_secret_fault fault;
	if (!file->p)
		return 0;
	char *secret = pr_secret_read(file->p, owner, &fault);
	if (!secret)
		return pr_text_problem(problems, c->file, file, fault.remedy, "%s",
		                       fault.error.text);
	if (strlen(secret) < KEY_MIN) {
		pr_secret_free(secret);
		return pr_text_problem(problems, c->file, file, "openssl rand -base64 32",
		                       "%s: its first line has less than %d characters", file->p,
		                       KEY_MIN);
	}
	*out = secret;
	return 0;
}

int
pr_conversions_load(struct pr_config *config, uid_t owner, struct pr_problems *problems)
{
	int r = load(config, &config->track.events_key_file, &config->track.events_key, owner,
	             problems);
	r |= load(config, &config->track.shopify_secret_file, &config->track.shopify_secret, owner,
	          problems);
	r |= load(config, &config->track.woocommerce_secret_file, &config->track.woocommerce_secret,
	          owner, problems);
	return r ? PR_EINVAL : 0;
}
