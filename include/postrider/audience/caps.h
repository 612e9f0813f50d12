/*
 * Frequency caps: how many messages one person gets in a time, over all campaigns
 * (`caps.db` in the state folder).
 *
 * Words
 *   cap      at most so many messages of a class in a time, which either rolls or is a day, a
 *            week or a month of the person's calendar
 *   person   a keyed hash of the address, whose lowest bit tells the class of the message:
 *            0 marketing, 1 transactional. 0: nobody, nothing is counted
 *   slot     what a message takes of a person's caps. *Settled*: accepted, or in doubt, for it may
 *            have arrived; its time is that. *Held*: deferred; it counts as if it were sent now,
 *            and is given back when the row comes to any other end
 *   due clock  see delivery.h: the time of slots runs on it, so a clock that is set wrong opens
 *            no rolling cap
 *
 * The journal is the truth: an intent says the person, the outcome what became of the slot. What
 * is open (granted, no outcome yet) is known to the loop alone. So this file is folded from
 * outcomes only, and a message that is accepted at once costs one entry.
 *
 * A pr_caps belongs to one thread at a time (the folder lane), or is opened for reading.
 */
#ifndef POSTRIDER_AUDIENCE_CAPS_H
#define POSTRIDER_AUDIENCE_CAPS_H

#include "postrider/base/clock.h"
#include "postrider/base/error.h"
#include "postrider/base/hash.h"
#include "postrider/base/yaml.h"
#include "postrider/journal/record.h"

/* ---- what people write: `caps` of postrider.yaml and campaign.yaml ---- */

#define PR_CAPS_MAX 16u         /* in one file */
#define PR_CAPS_ADDRESS_MAX 330 /* octets of an address that tell persons apart */

enum pr_cap_class { PR_CAP_MARKETING, PR_CAP_TRANSACTIONAL, PR_CAP_ANY };
enum pr_cap_span { PR_CAP_ROLLING, PR_CAP_DAY, PR_CAP_WEEK, PR_CAP_MONTH, PR_CAP_SPANS };
struct pr_cap_per {
	int64_t span; /* enum pr_cap_span */
	int64_t ms;   /* ROLLING; of the others the most they can last */
};
struct pr_cap {
	int class_;       /* enum pr_cap_class: which messages count, and which it stops */
	int64_t messages; /* at most */
	struct pr_cap_per per;
	int over; /* what becomes of a row: 0 left out, 1 waits until it may go */
};
extern const struct pr_yaml_schema pr_cap_schema; /* of a struct pr_cap */

/* "3 marketing messages in 7d": why somebody is left out. */
void pr_cap_words(const struct pr_cap *cap, struct pr_buf *out);

/* ---- judging: pure ---- */

/* When the calendar's spans began and end for this person, on the due clock; ROLLING: not used. */
struct pr_cap_times {
	int64_t now_ms;
	int64_t since_ms[PR_CAP_SPANS], until_ms[PR_CAP_SPANS];
};
struct pr_cap_slot {
	int64_t at_ms;
	bool transactional, held;
};
struct pr_cap_answer {
	enum { PR_CAP_GO, PR_CAP_WAIT, PR_CAP_SKIP } what;
	uint32_t room;            /* GO: so many more may go before a cap is full */
	const struct pr_cap *cap; /* WAIT, SKIP: the one that says so */
	int64_t until_ms;         /* WAIT: look again then, on the due clock */
};
/* WAIT for what others hold: looked at so often. */
#define PR_CAP_LOOK_MIN_MS (5 * PR_SECOND_MS)
#define PR_CAP_LOOK_MAX_MS (10 * PR_MINUTE_MS)
#define PR_CAP_NO_LIMIT UINT32_MAX
bool pr_cap_stops(const struct pr_cap *cap, bool transactional); /* may it stop such a message? */
/* Every cap has its say, the strictest holds. A person whose caps are full only with what others
 * hold waits for those: nobody is left out for a message that does not arrive in the end. */
struct pr_cap_answer pr_caps_judge(const struct pr_cap *caps, size_t n, bool transactional,
                                   const struct pr_cap_slot *slots, size_t slots_n,
                                   const struct pr_cap_times *times);

/* address: as pr_mailbox_parse gives it; compared without regard to ASCII case. Never 0. */
uint64_t pr_caps_person(struct pr_hash_key key, struct pr_str address, bool transactional);

/* ---- the file ---- */

typedef struct pr_caps pr_caps;

/* write: makes a missing file, migrates an old one. Errors as in ledger.h. */
int pr_caps_open(const char *path, bool write, pr_caps **out, struct pr_error *e);
void pr_caps_close(pr_caps *c); /* what is not flushed is in the journal. NULL: nothing */

/*
 * Folding. Every record of the journal in order, from pr_caps_needs() or before; what is already
 * in the file changes nothing. It stays in memory until there is enough for a flush: sorted, so
 * that many share a page.
 */
int pr_caps_fold(pr_caps *c, const struct pr_record *r, struct pr_error *e);
/* Where a restart must begin to read: durable. */
uint64_t pr_caps_needs(const pr_caps *c);
/* All below lsn was given to pr_caps_fold. Flushes, if it is time or `now` (all that is in memory),
 * in small steps: one at least, more until end_mono_ms, or later where more comes than is flushed.
 * 1: there is more to flush. */
int pr_caps_flush(pr_caps *c, uint64_t lsn, bool now, int64_t end_mono_ms, struct pr_error *e);
/* Entries that nobody can ask for any more go, in slices, round and round. */
int pr_caps_sweep(pr_caps *c, int64_t before_ms, int64_t end_mono_ms, struct pr_error *e);

/* The slots of a person (of both classes) later than since_ms, but that of this row: a view until
 * the next call. */
int pr_caps_slots(pr_caps *c, uint64_t person, uint32_t campaign, uint32_t row, int64_t since_ms,
                  struct pr_cap_slot **slots, size_t *n, struct pr_error *e);
/* All of the person goes, durably; nothing of it is in free pages of the file or in its log. That
 * the journal still has it is seen to by who asks. */
int pr_caps_forget(pr_caps *c, uint64_t person, struct pr_error *e);

#endif
