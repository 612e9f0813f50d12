/* Proofs, from the folder or the daemon (proof.c) to whoever looks at them (proof_send.c). */
#ifndef POSTRIDER_CLI_PROOF_H
#define POSTRIDER_CLI_PROOF_H

#include "trial.h"

#include "postrider/campaign/address.h"
#include "postrider/routes.h"

#define PROOFS_MAX 100u

struct proof {
	uint32_t row;
	struct pr_envelope envelope;  /* views of one of these two: */
	struct pr_trial_message made; /* of a folder's row */
	json_t *answer;               /* of the daemon's, for a campaign's row; NULL: none */
	char said[PR_REPLY_TEXT_MAX + 40];
	bool done, accepted; /* done: said tells what became of it */
};

struct proofs {
	struct pr_mailbox to;
	struct proof items[PROOFS_MAX];
	unsigned n;
};

/* All of them, once each; whatever becomes of them is told there. Blocks. config: NULL only for a
 * route to one server. An error: nothing was sent, nothing told. */
int proofs_send(struct proofs *p, const struct pr_config *config, const struct pr_route *route,
                struct pr_error *e);

#endif
