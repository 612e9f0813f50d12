/* Between the files of shaping: what a file is made into. */
#ifndef SHAPING_INTERNAL_H
#define SHAPING_INTERNAL_H

#include "postrider/base/hash.h"
#include "postrider/base/pattern.h"
#include "postrider/shaping/shape.h"

/* ---- the file as it stands ---- */

/* The keys that the default and each provider have: key, type, field, least, most, words, what
 * the default is where the file does not say. Each field has a field_at: where it stands. */
#define FIGURES(X)                                                                                 \
	X("connections", PR_YAML_INT, connections, 1, 10000, NULL, "10")                           \
	X("start", PR_YAML_INT, start, 1, 10000, NULL, "5")                                        \
	X("messages_per_connection", PR_YAML_INT, messages, 1, 1e6, NULL, "100")                   \
	X("message_rate", PR_YAML_RATE, message_rate, 0, 0, NULL, "100/s")                         \
	X("connection_rate", PR_YAML_RATE, connection_rate, 0, 0, NULL, "100/m")                   \
	X("burst", PR_YAML_INT, burst, 1, 1e6, NULL, "1")                                          \
	X("provider_connections", PR_YAML_INT, provider_connections, 1, 10000, NULL, NULL)         \
	X("provider_message_rate", PR_YAML_RATE, provider_message_rate, 0, 0, NULL, NULL)          \
	X("daily", PR_YAML_INT, daily, 1, 1e12, NULL, NULL)                                        \
	X("tls", PR_YAML_ENUM, tls, 0, 0, shaping_tls_words, NULL)                                 \
	X("chunking", PR_YAML_ENUM, chunking, 0, 0, shaping_switch_words, NULL)

struct provider_entry {
	struct pr_text name; /* first */
	struct pr_texts exchangers, domains;
	int64_t connections, start, messages, burst, provider_connections, daily;
	struct pr_rate message_rate, connection_rate, provider_message_rate;
	int tls, chunking;
#define PLACE(key, type, field, min, max, words, fallback) struct pr_text field##_at;
	FIGURES(PLACE)
#undef PLACE
};

enum action {
	ACTION_UNSET,
	ACTION_THROTTLE,
	ACTION_SUSPEND,
	ACTION_FEWER_CONNECTIONS,
	ACTION_FEWER_MESSAGES,
	ACTION_DEFER,
};
struct rule_entry {
	struct pr_text reply, provider;
	int action;
	struct pr_rate rate, connection_rate;
	double factor;
	int64_t to, count, within, for_, retry;
	struct pr_text action_at, rate_at, connection_rate_at, factor_at, to_at, count_at,
	    within_at, for_at, retry_at;
};
struct warm_up_entry {
	struct pr_text name; /* first */
	struct pr_texts days;
	int64_t doubles;
	struct pr_text doubles_at;
};
struct shaping_file {
	struct provider_entry fallback;
	struct pr_yaml_array providers, rules, warm_ups;
};
extern const char *const shaping_action_words[];

/* ---- what it is made into ---- */

struct rule {
	const char *who, *pattern;
	pr_pattern *compiled;
	uint32_t id; /* of provider, pattern and what it does: survives a reload and a restart */
	const struct pr_shaping_policy *policy; /* of its provider; NULL: of all */
	enum action action;
	struct pr_rate rate, connection_rate; /* THROTTLE; count 0: not this */
	double factor;                        /* the same; 0: not this */
	unsigned to;                          /* FEWER_...; 0: half */
	unsigned count;
	int64_t within_ms, for_ms, retry_ms;
};

/* A name that leads to a policy; several may share a hash. */
struct named {
	struct pr_str name;
	const struct pr_text *at;
	const struct pr_shaping_policy *policy;
	struct named *next;
};

struct pr_shaping {
	unsigned refs;
	const char *name; /* of the file, without its folders */
	struct shaping_file file;
	struct pr_shaping_policy *policies; /* the default, then the providers in their order */
	size_t policies_n;
	struct rule *rules;
	size_t rules_n;
	struct pr_warm_up *warm_ups;
	size_t warm_ups_n;
	struct pr_map names, exchangers, domains; /* to struct named */
	struct pr_arena arena;
};

/* What checks tell. */
struct check {
	struct pr_shaping *s;
	const char *file;
	struct pr_problems *problems;
	bool failed;
};
void shaping_tell(struct check *k, const struct pr_text *at, const char *remedy, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
/* "shaping.yaml:41 google" */
const char *shaping_who(struct pr_shaping *s, const struct pr_text *at, const char *what);

/* policy.c, rule.c: from the entries; what is wrong is told. */
void shaping_make_policies(struct check *k);
void shaping_make_rules(struct check *k);
void shaping_make_warm_ups(struct check *k);

uint64_t shaping_hash(struct pr_str text);

/* The reply as patterns see it: "421 4.7.0 text", cut. */
struct subject {
	char text[PR_SHAPING_REPLY_MAX];
	size_t n;
};
void shaping_subject(const struct pr_shape_reply *reply, struct subject *out);

/* ---- a lane's trouble: what rules have set, and what they have counted ---- */

enum kind {
	SET_CONNECTIONS,
	SET_MESSAGES, /* per connection */
	SET_MESSAGE_RATE,
	SET_CONNECTION_RATE,
	SET_SUSPEND,
	KINDS,
};
struct setting {
	const struct rule *rule; /* NULL: not set; of the shape's shaping */
	int64_t set_ms, lifts_ms;
	struct pr_rate rate; /* ..._RATE */
	unsigned n;          /* CONNECTIONS, MESSAGES */
};
#define HEARD_MAX 16 /* rules that count at a time; the one that heard longest ago makes room */
struct heard {
	const struct rule *rule; /* NULL: free */
	unsigned n;
	int64_t at_ms[PR_SHAPING_COUNT_MAX]; /* the latest, oldest first */
};
struct pr_shape_trouble {
	struct setting set[KINDS];
	struct heard heard[HEARD_MAX];
};

/* The setting of a kind, NULL when there is none; one whose time is over is lifted here. */
const struct setting *shape_setting(struct pr_shape *s, enum kind kind, int64_t now_ms);
/* Sets it if nothing stricter stands. What is in force; NULL: something stricter is, or the rule
 * has acted just now. */
const struct setting *shape_set(struct pr_shape *s, enum kind kind, const struct setting *wanted);
/* Where the adaptive limit begins. */
double shape_start(const struct pr_shape *s);
/* Another shaping or policy: what belongs to rules that are gone goes. */
void shape_move_trouble(struct pr_shape *s);
const struct rule *shape_rule(const struct pr_shape *s, int64_t id);

/* Rates in force: the policy's, or what a rule has set where that is slower. */
struct pr_rate_figure shape_rate(struct pr_shape *s, enum kind kind, int64_t now_ms);
bool rate_is_slower(struct pr_rate a, struct pr_rate b);
/* Pacing by the rates in force. */
void shape_tune(struct pr_shape *s, int64_t now_ms);
/* Connections in force, with who says so. */
struct pr_shape_limit shape_connections(struct pr_shape *s, int64_t now_ms, unsigned *n);

/* conf/shaping.yaml of this version. */
extern const unsigned char shaping_shipped[];
extern const size_t shaping_shipped_n;

#endif
