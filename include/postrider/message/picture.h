/*
 * The picture of a message: its HTML as it looks, with a mark beside each link, to be shown in a
 * page of somebody else's. Inert whoever wrote it: only elements and attributes that lay text out
 * are left, no link leads anywhere, nothing is loaded; images of the campaign's own folder are in
 * it as data, others are boxes of their size that say what they show.
 *
 * Rendered for nobody: each column of the recipients has its own name as its value.
 */
#ifndef POSTRIDER_MESSAGE_PICTURE_H
#define POSTRIDER_MESSAGE_PICTURE_H

#include "postrider/message.h"

#define PR_PICTURE_SIZE_MAX (300u << 10)   /* octets of HTML */
#define PR_PICTURE_IMAGES_MAX (400u << 10) /* octets of image files, all together */

/* What is known of a link: see pr_ledger_tally_links. */
struct pr_picture_link {
	uint32_t link;
	double heat;    /* 0 to 1: how strong its mark is */
	char label[40]; /* plain text */
};

struct pr_picture {
	const struct pr_manifest *manifest; /* of the version shown */
	int dir;                            /* its folder, open */
	const struct pr_str *columns;
	size_t columns_n;
	unsigned variant; /* of the manifest's, from 1; 0: the first, or there are none */
	const struct pr_picture_link *links;
	size_t links_n;
	const char *cold; /* label of links that are not among them */
	int64_t utc_ms;
};

/* Appends a document. PR_EUNAVAILABLE: it has no HTML; PR_ELIMIT: it is too large; PR_EINVAL: a
 * template fails for nobody. e says so for people. */
int pr_picture_make(const struct pr_picture *p, struct pr_buf *out, struct pr_error *e);

/* For tests: the same of finished HTML. */
int pr_picture_of_html(const struct pr_picture *p, struct pr_str html, struct pr_buf *out,
                       struct pr_error *e);

#endif
