/*
 * People and machines: which opens and clicks of a message a person made. Pure.
 *
 * Mail is opened and its links are followed by machines as well: proxies load every image before
 * anybody looks, scanners follow every link before the message is shown. No single sign tells;
 * each adds to a score, and one that reaches PR_MACHINE_SCORE is taken for a machine. All that is
 * known of a row is judged together, anew whenever more of it arrives: a HEAD that comes a second
 * after the click says something about that click.
 */
#ifndef POSTRIDER_LEDGER_PEOPLE_H
#define POSTRIDER_LEDGER_PEOPLE_H

#include "postrider/journal/record.h"

#define PR_MACHINE_SCORE 4
#define PR_SOON_MS 5000   /* after the receiver took the message */
#define PR_BURST_MS 10000 /* so many links within this are no reading */
#define PR_BURST_LINKS 3

struct pr_hit { /* one engagement of a row */
	int64_t at_ms;
	uint8_t kind, device; /* enum pr_engagement_kind, pr_device */
	uint16_t evidence;    /* PR_EVIDENCE_* */
	uint32_t link;
	uint64_t visitor;
	bool machine; /* what pr_people_judge decides */
	uint64_t lsn; /* of its record; 0: not said */
};

/*
 * Sets `machine` of all n hits, which are in the order of their coming. delivered_ms: when the
 * message was accepted, UTC; 0: not known. images: others of the campaign do load images, so that
 * it means something not to. Only opens and clicks are ever a machine's: an unsubscription is a
 * POST, a complaint came by way of the receiver.
 */
void pr_people_judge(struct pr_hit *hits, size_t n, int64_t delivered_ms, bool images);

#endif
