/*
 * Who tells: keys and signatures. HMAC-SHA256 of the body as it came, compared in constant time.
 */
#ifndef POSTRIDER_CONVERSIONS_SIGN_H
#define POSTRIDER_CONVERSIONS_SIGN_H

#include "postrider/base/problem.h"
#include "postrider/base/str.h"
#include "postrider/campaign/config.h"

/* header NULL: there is none, and that is false. */
/* base64: X-Shopify-Hmac-Sha256, X-WC-Webhook-Signature. */
bool pr_signed_base64(const char *secret, const char *header, struct pr_str body);
/* "t=UNIX,v1=HEX" of "UNIX.body", as our webhooks: Postrider-Signature. The time may be at most
 * PR_SIGNED_FOR_S from now. */
#define PR_SIGNED_FOR_S 300
bool pr_signed_timed(const char *secret, const char *header, struct pr_str body, int64_t now_s);
/* "Bearer KEY" */
bool pr_bears(const char *key, const char *header);

/* Reads the files that `track` names, before the configuration is shared; it ends them. PR_EINVAL:
 * told. */
int pr_conversions_load(struct pr_config *config, uid_t owner, struct pr_problems *problems);

#endif
