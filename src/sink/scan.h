/*
 * Mail data after DATA (RFC 5321, section 4.5.2): finds its end, "CRLF . CRLF",
 * and takes out the stuffed dots, without copying. The input may be cut
 * anywhere.
 *
 *	struct sink_scan scan = {0};
 *	while (n > 0 && !scan.ended) {
 *		struct pr_str body;
 *		size_t used = sink_scan(&scan, p, n, &body);
 *		... keep body ...
 *		p += used, n -= used;
 *	}
 */
#ifndef POSTRIDER_SINK_SCAN_H
#define POSTRIDER_SINK_SCAN_H

#include "postrider/base/str.h"

#define SINK_LINE_MAX 998 /* octets of a line without its CRLF (RFC 5321, 4.5.3.1.6) */

struct sink_scan {
	enum {
		SINK_SCAN_START,  /* at the beginning of a line */
		SINK_SCAN_LINE,   /* within a line */
		SINK_SCAN_CR,     /* within a line, after a CR */
		SINK_SCAN_DOT,    /* after the dot that began a line */
		SINK_SCAN_DOT_CR, /* after such a dot and a CR */
	} state;
	bool ended;          /* the final dot was seen: what follows are commands */
	uint64_t line;       /* octets of the present line so far */
	uint64_t octets;     /* of the message, without stuffed dots */
	uint32_t long_lines; /* lines of more than SINK_LINE_MAX octets */
	uint32_t bare_lfs;   /* LF without CR: never a line end here, so never part of an end */
};

/* Take some of n > 0 octets: returns how many (possibly none, where an octet
 * held back from the last call comes first). *body is the part of the message
 * in them: valid as long as the input, may be empty. */
size_t sink_scan(struct sink_scan *s, const char *p, size_t n, struct pr_str *body);

#endif
