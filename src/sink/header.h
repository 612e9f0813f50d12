/*
 * Watches the octets of a message go by for one header field: Message-ID. Holds
 * at most one line; stops looking at the blank line or after SINK_HEADER_MAX.
 */
#ifndef POSTRIDER_SINK_HEADER_H
#define POSTRIDER_SINK_HEADER_H

#include "postrider/base/buf.h"

#define SINK_HEADER_MAX (256 * 1024) /* octets looked at */
#define SINK_FIELD_MAX 1000          /* octets of a line, and of the value, that are kept */

struct sink_header {
	bool done;           /* nothing more to see: need not be fed */
	bool wanted;         /* within Message-ID's field (its value may be on the next line) */
	uint32_t seen;       /* octets so far */
	struct pr_buf line;  /* a line not yet ended */
	struct pr_buf value; /* Message-ID as sent, white space trimmed; empty: none yet */
};

void sink_header_reset(struct sink_header *h); /* for the next message; keeps its memory */
void sink_header_finish(struct sink_header *h);
void sink_header_feed(struct sink_header *h, struct pr_str octets);
/* The message has ended: takes a last line without line end, too. */
void sink_header_end(struct sink_header *h);

#endif
