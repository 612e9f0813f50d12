/*
 * The manifest of a campaign (campaign.yaml), read, checked and laid down in a struct.
 *
 * Every member is set after a successful read: what the manifest leaves out has its default
 * here. Texts (struct pr_text) carry the line they stand on in campaign.yaml, so
 * that Liquid errors point there: pass .line as first_line. Immutable, any thread.
 */
#ifndef POSTRIDER_CAMPAIGN_MANIFEST_H
#define POSTRIDER_CAMPAIGN_MANIFEST_H

#include "postrider/audience.h"
#include "postrider/audience/caps.h"
#include "postrider/base/clock.h"
#include "postrider/base/yaml.h"
#include "postrider/campaign/address.h"
#include "postrider/campaign/coupons.h"
#include "postrider/campaign/law.h"
#include "postrider/campaign/schedule.h"
#include "postrider/campaign/conversions.h"
#include "postrider/campaign/stop_loss.h"

#define PR_MANIFEST_FILE "campaign.yaml"

enum pr_manifest_class { PR_MARKETING, PR_TRANSACTIONAL };
enum pr_manifest_syntax { PR_SYNTAX_LIQUID, PR_SYNTAX_MAILCHIMP };
enum pr_manifest_in_doubt {
	PR_DOUBT_DEFAULT = 0, /* as postrider.yaml says for the class */
	PR_DOUBT_RESEND,
	PR_DOUBT_HOLD,
};
enum pr_manifest_delimiter {
	PR_DELIMITER_AUTO,
	PR_DELIMITER_COMMA,
	PR_DELIMITER_SEMICOLON,
	PR_DELIMITER_TAB,
};

struct pr_sender {           /* a mailbox of a header */
	struct pr_text text; /* as written; p NULL: left out, or wrong */
	struct pr_str name;  /* UTF-8, may be empty */
	struct pr_mailbox mailbox;
};

/* Whom not to write to, whatever else says so. */
struct pr_manifest_exclude {
	struct pr_texts list;      /* contacts on one of these */
	struct pr_text segment;    /* contacts in it: a name, or a condition; p NULL: none */
	struct pr_texts campaigns; /* whoever was sent one of these: ids, names, patterns */
	int64_t within_ms;         /* only if not longer ago; without campaigns: of any; 0: ever */
};

/* Contacts as recipients: those of a segment that are on one of the lists. */
struct pr_manifest_audience {
	struct pr_texts list;   /* n 0: whatever lists */
	struct pr_text segment; /* a name of postrider.yaml, or a condition; p NULL: all */
	struct pr_manifest_exclude exclude;
	struct pr_text consent;  /* the purpose whose consent is asked for; p NULL: none */
	struct pr_texts columns; /* of what is derived: pr_snapshot_derived */
	int order;               /* enum pr_snapshot_order */
};

struct pr_manifest_recipients {
	struct pr_text campaign; /* an earlier one, by its id; p NULL: not from there */
	struct pr_text where;    /* of its rows: ledger/where.h; p NULL: all that were good */
	struct pr_text file;     /* default "recipients.csv"; p NULL: not there (not sound) */
	struct pr_text email;    /* the column of the address; p NULL: find it */
	struct pr_text encoding; /* "auto", or a name for iconv, in lower case */
	int delimiter;           /* enum pr_manifest_delimiter */
	int64_t expect_rows;     /* data rows; -1: not said */
	/* Held when there are more bad rows than max_rejects * rows and more than rejects_free.
	 * Left out: 5 %, and 10 are always free; said: exactly that. */
	double max_rejects;
	uint64_t rejects_free;
};

/* `language`: one for all, or a column that says it for each row. */
struct pr_manifest_language {
	struct pr_text column;   /* p NULL: the same for all */
	struct pr_text fallback; /* p NULL: the brand's, if any */
};

/* What a recipient of one language gets. There is always one, the first: it is for whoever has
 * no language, or one that the campaign does not speak. */
struct pr_manifest_edition {
	const char *language;      /* "zh", "pt-BR"; NULL: not said */
	struct pr_text subject;    /* Liquid, one line */
	struct pr_text preheader;  /* Liquid; p NULL: none */
	struct pr_text html, text; /* file names; p NULL: none; at least one is there */
};

/* What a variant says of its own; left out: as the campaign's. A body of its own, HTML or text, is
 * all it has. */
struct pr_manifest_variant {
	struct pr_text name;
	struct pr_sender from;
	struct pr_choice subject, preheader;
	struct pr_text html, text;
	int64_t weight;          /* 1 to 1000 */
	struct pr_when start;    /* not set: the campaign's */
	struct pr_text start_at; /* where it stands; no text */
};

/* A message of a series; what it leaves out is the campaign's. */
struct pr_manifest_step {
	struct pr_manifest_variant content;
	int64_t after_ms; /* the message before was accepted, or somebody entered */
	bool skip;        /* it is passed over */
};

/* Whom a series is for, and when: whoever it happens to enters. */
enum pr_trigger_kind {
	PR_TRIGGER_NONE,
	PR_TRIGGER_DATE,    /* an attribute's day comes: each year, or once */
	PR_TRIGGER_EVENT,   /* they did something */
	PR_TRIGGER_ABSENCE, /* they did not do it again */
	PR_TRIGGER_SEGMENT, /* they have come into a segment */
};
/* What ends it for somebody before its last message, beside suppression and leaving the audience.
 */
struct pr_trigger_exit {
	struct pr_texts event; /* they did one of these since they entered */
	struct pr_text when;   /* a segment's name, or a condition; p NULL: none */
	bool stay;             /* SEGMENT: they may have left it */
};
struct pr_manifest_trigger {
	int kind; /* enum pr_trigger_kind */
	struct pr_text date, event, absence, segment;
	int64_t before_ms, after_ms; /* the day (whole days), the event; how long they are absent */
	bool once;                   /* DATE: the day of its year only */
	int minute;                  /* DATE: of the day, by the clock of schedule.timezone */
	int64_t again_ms; /* somebody enters again so long after the last time; 0: at once */
	int64_t late_ms;  /* what is older than that when it is seen is let go */
	bool existing;    /* ABSENCE, SEGMENT: whoever it is true of at the start, too */
	struct pr_trigger_exit exit;
	struct pr_text at; /* where it stands; no text */
};

enum pr_test_metric { PR_METRIC_CLICKS, PR_METRIC_OPENS, PR_METRIC_CONVERSIONS, PR_METRIC_REVENUE };
enum pr_test_method { PR_TEST_FIXED, PR_TEST_BANDIT };
struct pr_manifest_test {
	double share; /* of the recipients, who try the variants; 1: all, and nobody waits */
	int64_t wait_ms;
	int metric;        /* enum pr_test_metric */
	int method;        /* enum pr_test_method */
	double confidence; /* 0.95: a false winner in one of twenty tests */
	double floor;      /* bandit: each variant's share at least */
	double holdout;    /* of the recipients, who get nothing */
	struct pr_text fallback;
	unsigned fallback_variant; /* for the rest where none is better; from 1 */
	struct pr_text at;         /* where it stands; no text */
};

/* What the messages of one variant are made of, or all, where there are none. */
struct pr_manifest_wording {
	const char *name; /* NULL: there are no variants, nor steps */
	const struct pr_sender *from;
	struct pr_manifest_edition *editions;
	size_t editions_n; /* 1 or more */
};

/* Whether opens and clicks are followed. */
enum pr_manifest_follow {
	PR_FOLLOW_DEFAULT = 0, /* marketing: where the configuration has what it takes; else not */
	PR_FOLLOW_NO,
	PR_FOLLOW_YES,
};

/* Added to links that have none of the name; p NULL: not. */
struct pr_manifest_utm {
	struct pr_text source, medium, campaign, content, term;
};

struct pr_manifest_track {
	int opens, clicks;      /* enum pr_manifest_follow */
	bool text;              /* links of the text body, too */
	struct pr_text consent; /* opens only of rows whose column says yes; p NULL: of all */
	struct pr_manifest_utm utm;
};

#define PR_MANIFEST_LANGUAGES_MAX 60
#define PR_MANIFEST_VARIANTS_MAX 16 /* and steps */

struct pr_manifest {
	struct pr_text name; /* the manifest's, else the folder's; UTF-8, one line */
	struct pr_sender from, reply_to;
	struct pr_text postal_address;       /* p NULL: the brand's, if any */
	struct pr_choice subject, preheader; /* as written: editions have what becomes of them */
	struct pr_pairs headers; /* further ones: checked names, Liquid values on one line */
	struct pr_manifest_recipients recipients;
	struct pr_manifest_audience audience; /* see pr_manifest_by_audience */
	struct pr_manifest_exclude exclude;
	/* File names as written; left out, what is found: body.html or body.md, and body.txt. HTML
	 * whose name ends with .md is Markdown. */
	struct pr_text html, text;
	struct pr_manifest_edition *editions; /* of the first wording */
	size_t editions_n;                    /* 1 or more */
	struct pr_yaml_array variants;        /* struct pr_manifest_variant; none, or two or more */
	struct pr_manifest_test test;
	struct pr_manifest_trigger trigger; /* see pr_manifest_is_series */
	struct pr_yaml_array steps;         /* struct pr_manifest_step; of a series only */
	/* Of each variant, or step, in turn; one where there are neither. */
	struct pr_manifest_wording *wordings;
	size_t wordings_n;
	struct pr_text route; /* "default" when left out */
	struct pr_text brand; /* p NULL: none */
	struct pr_text list;  /* p NULL: none; letters, digits, '-', '_', '.' */
	struct pr_manifest_language language;
	int syntax;               /* enum pr_manifest_syntax */
	int class_;               /* enum pr_manifest_class */
	int in_doubt;             /* enum pr_manifest_in_doubt */
	struct pr_texts required; /* columns */
	struct pr_texts seeds;    /* addresses, each once: internal copies */
	struct pr_coupons_source coupons;
	struct pr_consent consent;
	struct pr_texts law; /* beside the brand's: see pr_laws_of */
	struct pr_manifest_track track;
	struct pr_text track_at; /* where it stands; no text */
	bool hold, again;
	bool keep_source; /* also where the configuration says so */
	struct pr_schedule schedule;
	struct pr_text deadline_at, window_at; /* where they stand; no text */
	struct pr_stop_loss stop_loss;         /* as it says itself: see pr_stop_loss_of */
	struct pr_yaml_array caps;             /* struct pr_cap: beside the configuration's */
	struct pr_rate rate;                   /* count 0: no limit of its own */
	struct pr_conversion_keys conversions; /* as it says itself: see pr_conversion_rule_of */
	/* Of all of it, and of each accepted message beside that; currency "": not said. */
	struct pr_money cost, cost_per_message;
	struct pr_text cost_at; /* where the latter stands; no text */
	int64_t priority;       /* 0 to 9 */
	bool sound;             /* no problem was found */
	struct pr_arena arena;  /* owns all of the above */
};

/*
 * Read the manifest's text. folder_name: the campaign's name when the manifest has none.
 * Without `html` and `text` (and without dir) html is body.html. PR_EINVAL: problems told; *out
 * is set nevertheless where keys could be read, and not sound: what was good in it, so that
 * the rest of the folder can be checked. It may lack from, subject and bodies; never send it.
 */
int pr_manifest_parse(struct pr_str text, const char *folder_name, struct pr_problems *problems,
                      struct pr_manifest **out);
/* The same from an open folder: reads campaign.yaml; bodies left out are body.html and body.txt,
 * where they exist; a file that is named and missing is a problem. */
int pr_manifest_load(int dir, const char *folder_name, struct pr_problems *problems,
                     struct pr_manifest **out);
/* The same of a folder whose recipients need not be there: they are in the ledger by now, or it
 * brings content only (campaign/version.h). */
int pr_manifest_load_content(int dir, const char *folder_name, struct pr_problems *problems,
                             struct pr_manifest **out);
void pr_manifest_destroy(struct pr_manifest *m); /* NULL: nothing */

/* The edition for a language as a row says it ("pt-BR", "pt_br", " PT"): the one of that name,
 * else of its first part, else the first. Returns its position. */
size_t pr_manifest_edition_for(const char *const *languages, size_t n, struct pr_str language);
bool pr_is_markdown(struct pr_str file); /* by its name */

/* A variant by its number, from 1 to variants.n. */
static inline struct pr_manifest_variant *
pr_manifest_variant(const struct pr_manifest *m, unsigned variant)
{
	return (struct pr_manifest_variant *)m->variants.items + variant - 1;
}
/* It has a trigger: it runs on, and rows come to it one by one. */
static inline bool
pr_manifest_is_series(const struct pr_manifest *m)
{
	return m->trigger.kind != PR_TRIGGER_NONE;
}
/* How many messages a series has: 1 without `steps`. */
static inline unsigned
pr_manifest_steps(const struct pr_manifest *m)
{
	return m->steps.n ? (unsigned)m->steps.n : 1;
}
static inline struct pr_manifest_step *
pr_manifest_step(const struct pr_manifest *m, unsigned step) /* from 1 to steps.n */
{
	return (struct pr_manifest_step *)m->steps.items + step - 1;
}
/* What messages of this variant, or step, are made of; 0, and one that is not there: the first. */
const struct pr_manifest_wording *pr_manifest_wording(const struct pr_manifest *m,
                                                      unsigned variant);
bool pr_manifest_is_body(const struct pr_manifest *m, const char *file); /* of some wording */
/* Where its recipients come from: contacts, an earlier campaign, else a file. */
bool pr_manifest_by_audience(const struct pr_manifest *m);
bool pr_manifest_by_campaign(const struct pr_manifest *m);
/* Who they are follows from what is known when it starts: nothing is imported before. */
bool pr_manifest_at_start(const struct pr_manifest *m);

/* As scopes of suppressions see it. */
struct pr_audience_who pr_manifest_who(const struct pr_manifest *m);

struct pr_config;
/* What only postrider.yaml can tell: the route and brand exist, the brand allows the From domain,
 * the window opens between start and deadline. PR_EINVAL: problems told. A From domain that no key
 * signs for, where it should, is a warning. */
int pr_manifest_check(const struct pr_manifest *m, const struct pr_config *config,
                      struct pr_problems *problems);

#define PR_MANIFEST_NAME_MAX 200 /* octets */
#define PR_MANIFEST_HEADERS_MAX 50

/* "20261201-spring-sale-7f3k": the day in UTC, the name as ASCII slug (never empty: "campaign"),
 * four characters of `random`. out holds PR_MANIFEST_ID_SIZE. */
#define PR_MANIFEST_ID_SIZE 64
char *pr_campaign_id(struct pr_str name, int64_t utc_ms, uint64_t random, char *out);

extern const struct pr_yaml_schema pr_manifest_schema; /* for the check of conf/ */

#endif
