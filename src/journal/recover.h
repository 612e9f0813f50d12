/* Where the stream ends after whatever happened: part of opening the journal. */
#ifndef POSTRIDER_JOURNAL_RECOVER_H
#define POSTRIDER_JOURNAL_RECOVER_H

#include "segment.h"

struct recovered {
	bool any;                     /* there was a journal */
	uint64_t end;                 /* lsn behind its last record; all below is durable now */
	uint64_t boot_lsn;            /* from here on written under boot_id; 0: nothing was */
	struct segment_list segments; /* what is left; the caller's */
};

/* Makes what it found the truth: syncs the last segments, cuts the last one at the end,
 * removes what lies behind it. */
int journal_recover(int dir, const char *boot_id, struct recovered *out, struct pr_error *e);

#endif
