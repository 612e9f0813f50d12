/*
 * Control: the status socket (HTTP and JSON over a Unix socket), the Prometheus listener,
 * the event stream. Reads delivery's views on the loop; whatever needs a ledger, the journal
 * or a file is read on a lane of its own, in pages. formats.md, "Status socket".
 */
#ifndef POSTRIDER_CONTROL_H
#define POSTRIDER_CONTROL_H

#include "postrider/audience.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/intake.h"
#include "postrider/delivery.h"
#include "postrider/engage.h"
#include "postrider/feedback/desk.h"
#include "postrider/journal.h"
#include "postrider/loop.h"
#include "postrider/privacy.h"
#include "postrider/track.h"
#include "postrider/webhooks.h"

typedef struct pr_control pr_control;

/* A reload that was asked for by socket; answered by the program. */
struct pr_control_options {
	pr_loop *loop;
	const struct pr_config *config;
	pr_delivery *delivery;
	pr_journal *journal;
	const char *journal_dir;
	pr_intake *intake;
	pr_audience_desk *audience;
	const pr_webhooks *webhooks;
	pr_privacy *privacy;
	const pr_track *track;
	pr_conversions_desk *conversions;
	pr_engage *engage;
	pr_feedback_desk *feedback;
	const char *version;
	void *context;
	/* Load the configuration file again, all or nothing. `answer`: a JSON object that says what
	 * changed and what needs a restart, or the errors. 0 or PR_EINVAL. */
	int (*reload)(void *context, struct pr_buf *answer);
	void (*drain)(void *context);          /* as SIGTERM */
	uint64_t (*spool_free)(void *context); /* octets, as of the last look */
};

int pr_control_open(const struct pr_control_options *options, pr_control **out, struct pr_error *e);
void pr_control_reload(pr_control *c, const struct pr_config *config);
void pr_control_close(pr_control *c);

#endif
