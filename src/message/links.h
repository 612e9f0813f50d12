/*
 * The links of a campaign, and what becomes of them in a message.
 *
 * Words
 *   table   links that stand in the templates as they are, without Liquid: each has a number
 *   number  a hash of where the link leads: the same in every edition and version and after every
 *           restart, so a number never changes its meaning
 *
 * What is not in the table came from a row's data, or was made by Liquid: it is carried whole,
 * signed (postrider/message/link.h).
 */
#ifndef POSTRIDER_MESSAGE_LINKS_H
#define POSTRIDER_MESSAGE_LINKS_H

#include "postrider/base/arena.h"
#include "postrider/base/hash.h"
#include "postrider/campaign/manifest.h"
#include "postrider/message/link.h"

#define PR_UTM_MAX 5

struct pr_links {
	struct pr_str track_url; /* empty: links stay as they are */
	struct {
		struct pr_str name, pair;
	} utm[PR_UTM_MAX]; /* "utm_source=", "utm_source=x" */
	size_t utm_n;
	struct pr_map
	    by_text; /* hash of a link as written, or of its URL -> struct pr_campaign_link */
	struct pr_map by_number;
};

struct pr_campaign_link {
	uint32_t number;
	struct pr_str text; /* as written */
	struct pr_str url;
};

/* Texts are the arena's. utm of the manifest; track_url without '/' at its end. */
void pr_links_init(struct pr_links *links, const struct pr_manifest_utm *utm,
                   struct pr_str track_url, struct pr_arena *arena);
void pr_links_finish(struct pr_links *links);

/* Takes the links of a template into the table: of HTML, or of plain text. */
void pr_links_collect_html(struct pr_links *links, struct pr_str html, struct pr_arena *arena);
void pr_links_collect_text(struct pr_links *links, struct pr_str text, struct pr_arena *arena);

/* The number that a link as written in HTML has, or would have; where it leads is appended. 0: it
 * is not followed. */
uint32_t pr_links_number(const struct pr_links *links, struct pr_str text, struct pr_buf *url);

/* Whose message it is: campaign and row. */
struct pr_links_sender {
	const pr_tokens *keys;
	struct pr_token token;
};
/* Appends the body with its links led through TRACK_URL/c/. */
void pr_links_write_html(const struct pr_links *links, const struct pr_links_sender *s,
                         struct pr_str html, struct pr_buf *out);
void pr_links_write_text(const struct pr_links *links, const struct pr_links_sender *s,
                         struct pr_str text, struct pr_buf *out);

#endif
