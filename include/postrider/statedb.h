/*
 * The state database (`state.db` in the state folder): what outlives every campaign.
 *
 * Small and written seldom. Every call that changes it is durable when it returns (WAL,
 * synchronous FULL). A connection belongs to one thread at a time; several may be open
 * (intake and the folder lane each have one): they wait for each other up to 10 s.
 *
 * Words
 *   identity    16 random octets made with the file; ledgers carry them, so a ledger that
 *               meets another state folder is recognised
 *   generation  a number of each campaign, here and in its ledger, raised together at each
 *               start; when they disagree one of the two came from a backup
 *   content     SHA-256 over manifest, bodies and recipients: what makes two campaigns the same
 *   left behind a source in incoming/ that was taken but could not be removed
 *
 * Errors as in ledger.h: PR_ENOSPC, PR_EIO, PR_ECORRUPT, PR_EVERSION.
 */
#ifndef POSTRIDER_STATEDB_H
#define POSTRIDER_STATEDB_H

#include "postrider/ledger.h"

#define PR_STATEDB_SCHEMA 2
#define PR_CONTENT_SIZE 32

typedef struct pr_statedb pr_statedb;

/* Opens PATH, made with a new identity when missing. */
int pr_statedb_open(const char *path, pr_statedb **out, struct pr_error *e);
void pr_statedb_close(pr_statedb *db); /* NULL: nothing */

struct pr_state_identity {
	uint8_t id[16];
	struct pr_hash_key address_key; /* keys the address indexes of all ledgers made here */
};
void pr_statedb_identity(const pr_statedb *db, struct pr_state_identity *out);

/* A number for a new campaign, from 1; never given twice, also not after a crash. */
int pr_statedb_next_serial(pr_statedb *db, uint32_t *serial, struct pr_error *e);

/* ---- campaigns that were accepted ---- */
struct pr_accepted {
	uint32_t serial;
	uint32_t owner; /* uid of who dropped it */
	uint64_t generation;
	int64_t accepted_ms; /* UTC */
	char id[PR_CAMPAIGN_ID_MAX];
	char name[256]; /* cut to this */
	uint8_t content[PR_CONTENT_SIZE];
};
/* Adds it, or replaces the one of the same serial. */
int pr_statedb_put_campaign(pr_statedb *db, const struct pr_accepted *c, struct pr_error *e);
/* PR_ENOENT when there is none. */
int pr_statedb_campaign(pr_statedb *db, uint32_t serial, struct pr_accepted *out,
                        struct pr_error *e);
int pr_statedb_campaign_by_id(pr_statedb *db, const char *id, struct pr_accepted *out,
                              struct pr_error *e);
/* The latest one with this content accepted at or after since_ms. PR_ENOENT: none. */
int pr_statedb_same_content(pr_statedb *db, const uint8_t content[PR_CONTENT_SIZE],
                            int64_t since_ms, struct pr_accepted *out, struct pr_error *e);
/*
 * A ledger taken up at start: is it of this state folder, and the newest copy of itself?
 * Then both generations are raised, durably and safe against a crash between the two, and
 * *restored is false. Otherwise nothing is changed: the campaign is `held`, `restored`.
 */
int pr_statedb_check_ledger(pr_statedb *db, pr_ledger *l, bool *restored, struct pr_error *e);
/* `adopt`: from now on this copy is the one. It gets this state's identity, a new serial
 * (records of the old one no longer concern it) and counts as folded up to lsn, the
 * journal's end. */
int pr_statedb_adopt_ledger(pr_statedb *db, pr_ledger *l, uint64_t lsn, struct pr_error *e);
/* Refused or purged: its content may come again. No error when it is not there. */
int pr_statedb_forget_campaign(pr_statedb *db, uint32_t serial, struct pr_error *e);

/* ---- sources left behind ---- */
struct pr_source_left {
	uint64_t device, inode;
	int64_t ctime_ns;
	int64_t since_ms; /* UTC */
	char name[256];   /* of the folder in incoming/ */
	uint8_t content[PR_CONTENT_SIZE];
};
int pr_statedb_leave_behind(pr_statedb *db, const struct pr_source_left *s, struct pr_error *e);
/* PR_ENOENT: not known. */
int pr_statedb_left_behind(pr_statedb *db, uint64_t device, uint64_t inode,
                           struct pr_source_left *out, struct pr_error *e);
int pr_statedb_forget_left(pr_statedb *db, uint64_t device, uint64_t inode, struct pr_error *e);
/* All of them, oldest first; `each` returns false to stop. */
int pr_statedb_each_left(pr_statedb *db,
                         bool (*each)(void *context, const struct pr_source_left *s), void *context,
                         struct pr_error *e);

/* ---- links of mail that was sent: they work when the campaign's folder is gone ---- */
struct pr_state_link {
	uint32_t number;
	struct pr_str url;
};
/* n of them, durably. A number has one URL for good: putting the same again is fine, another one is
 * PR_EEXIST and nothing is put. */
int pr_statedb_put_links(pr_statedb *db, uint32_t serial, const struct pr_state_link *links,
                         size_t n, struct pr_error *e);
/* Appends where the link leads. PR_ENOENT: there is no such link. */
int pr_statedb_link(pr_statedb *db, uint32_t serial, uint32_t link, struct pr_buf *url,
                    struct pr_error *e);
/* All of a campaign by their numbers; `each` returns false to stop. Views. */
int pr_statedb_each_link(pr_statedb *db, uint32_t serial,
                         bool (*each)(void *context, uint32_t link, struct pr_str url),
                         void *context, struct pr_error *e);
/* Those of campaigns accepted before a time (UTC) go. */
int pr_statedb_drop_links(pr_statedb *db, int64_t before_ms, struct pr_error *e);

/* ---- folded from the journal ---- */
/* GLOBAL and CAMPAIGN records below lsn are in the database (0 at first). */
int pr_statedb_folded(pr_statedb *db, uint64_t *lsn, struct pr_error *e);
int pr_statedb_set_folded(pr_statedb *db, uint64_t lsn, bool paused_all, struct pr_error *e);
int pr_statedb_paused_all(pr_statedb *db, bool *paused, struct pr_error *e);

/* A person is forgotten: nothing of the address is left in what the file does not use, nor in its
 * log. PR_EAGAIN: others are reading. */
int pr_statedb_scour(pr_statedb *db, const struct pr_trace *t, struct pr_error *e);

/* ---- small facts: text by key ("boot_id", ...) ---- */
int pr_statedb_set(pr_statedb *db, const char *key, struct pr_str value, struct pr_error *e);
int pr_statedb_get(pr_statedb *db, const char *key, struct pr_buf *value); /* PR_ENOENT */
/* Several at once: all of them or none. A value whose p is NULL forgets its key. */
struct pr_fact {
	const char *key;
	struct pr_str value;
};
int pr_statedb_set_all(pr_statedb *db, const struct pr_fact *facts, size_t n, struct pr_error *e);
/* Those whose key begins with prefix, by key; each returns false to stop. Views. */
int pr_statedb_each_fact(pr_statedb *db, const char *prefix,
                         bool (*each)(void *context, struct pr_str key, struct pr_str value),
                         void *context, struct pr_error *e);

#endif
