/*
 * Images: files of images/ that the HTML names as cid:FILE. Each gets an id that is a valid
 * Content-ID (RFC 2392), its name with "@" and a domain behind, and the HTML is edited to match.
 */
#ifndef POSTRIDER_MESSAGE_IMAGES_H
#define POSTRIDER_MESSAGE_IMAGES_H

#include "source.h"

struct pr_image {
	const char *name;   /* the file's, as on disk */
	const char *normal; /* its normal form (NFC) */
	const char *folded; /* and without case */
	const char *id;     /* what stands before the suffix; unique */
	bool used;          /* by the bodies being compiled */
	bool ever;          /* by any */
};
struct pr_images {
	struct pr_image *items;
	size_t n;
	const char *suffix; /* "@token.domain" */
};

void pr_images_begin(struct pr_images *images); /* of other bodies */
void pr_images_list(struct pr_images *images, int dir, const char *suffix, struct pr_arena *arena,
                    struct pr_problems *problems);
/* Finds references in the source, marks the images used, edits the ids in. A reference made by
 * Liquid code cannot be known: then all images are used. Problems: no such image, several that
 * differ in case only. */
void pr_images_refer(struct pr_images *images, struct pr_source *s, struct pr_arena *arena,
                     struct pr_problems *problems);

#endif
