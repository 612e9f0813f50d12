/* Caps as people write them, and what they say. Pure. */
#include "postrider/audience/caps.h"

#include <stdio.h>

#define AT(member) offsetof(struct pr_cap, member)
#define PER_MAX_MS (366 * PR_DAY_MS)

static const char *const classes[] = {"marketing", "transactional", "any", NULL};
static const char *const overs[] = {"skip", "wait", NULL};
static const char *const spans[PR_CAP_SPANS] = {"", "day", "week", "month"};
static const int64_t longest_ms[PR_CAP_SPANS] = {0, 2 * PR_DAY_MS, 8 * PR_DAY_MS, 32 * PR_DAY_MS};

static const char *
parse_per(struct pr_str text, void *field)
{
	struct pr_cap_per *per = field;
	for (int i = PR_CAP_DAY; i < PR_CAP_SPANS; i++)
		if (pr_str_is(text, spans[i])) {
			*per = (struct pr_cap_per){i, longest_ms[i]};
			return NULL;
		}
	int64_t ms;
	if (!pr_parse_duration(text, &ms) || ms < PR_MINUTE_MS || ms > PER_MAX_MS)
		return "is not day, week, month or a time from 1m to 366d";
	*per = (struct pr_cap_per){PR_CAP_ROLLING, ms};
	return NULL;
}

/* clang-format off */
static const struct pr_yaml_row rows[] = {
	{.key = "class", .type = PR_YAML_ENUM, .words = classes, .fallback = "marketing",
	 .offset = AT(class_)},
	{.key = "messages", .type = PR_YAML_INT, .flags = PR_YAML_REQUIRED, .min = 1, .max = 1000,
	 .example = "3", .offset = AT(messages)},
	{.key = "per", .type = PR_YAML_PARSED, .flags = PR_YAML_REQUIRED, .parse = parse_per,
	 .size = sizeof(struct pr_cap_per), .example = "7d", .offset = AT(per)},
	{.key = "over", .type = PR_YAML_ENUM, .words = overs, .fallback = "skip",
	 .offset = AT(over)},
	{0},
};
/* clang-format on */
const struct pr_yaml_schema pr_cap_schema = {.rows = rows, .size = sizeof(struct pr_cap)};

/* In the unit that leaves a whole number. */
static void
say_time(int64_t ms, struct pr_buf *out)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{PR_DAY_MS, "d"}, {PR_HOUR_MS, "h"}, {PR_MINUTE_MS, "m"}, {1000, "s"}};
	for (unsigned i = 0; i < 4; i++)
		if (ms % units[i].ms == 0) {
			pr_buf_addf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
			return;
		}
	pr_buf_addf(out, "%lldms", (long long)ms);
}

void
pr_cap_words(const struct pr_cap *cap, struct pr_buf *out)
{
	pr_buf_addf(out, "%lld ", (long long)cap->messages);
	if (cap->class_ != PR_CAP_ANY)
		pr_buf_addf(out, "%s ", classes[cap->class_]);
	pr_buf_addf(out, "message%s ", cap->messages == 1 ? "" : "s");
	if (cap->per.span != PR_CAP_ROLLING) {
		pr_buf_addf(out, "a %s", spans[cap->per.span]);
		return;
	}
	pr_buf_adds(out, "in ");
	say_time(cap->per.ms, out);
}

uint64_t
pr_caps_person(struct pr_hash_key key, struct pr_str address, bool transactional)
{
	char normal[PR_CAPS_ADDRESS_MAX];
	size_t n = address.n < sizeof normal ? address.n : sizeof normal;
	for (size_t i = 0; i < n; i++)
		normal[i] = pr_lower(address.p[i]);
	uint64_t hash = pr_siphash(key, normal, n) & ~1ull;
	return (hash ? hash : 2) | transactional;
}

/* ---- judging ---- */

bool
pr_cap_stops(const struct pr_cap *cap, bool transactional)
{
	return cap->class_ == PR_CAP_ANY || (cap->class_ == PR_CAP_TRANSACTIONAL) == transactional;
}

struct tally {
	int64_t settled, held;
	int64_t held_ms; /* when the latest of them came to be so */
};

static int64_t
since(const struct pr_cap *cap, const struct pr_cap_times *t)
{
	return cap->per.span == PR_CAP_ROLLING ? t->now_ms - cap->per.ms
	                                       : t->since_ms[cap->per.span] - 1;
}

static struct tally
count(const struct pr_cap *cap, const struct pr_cap_slot *slots, size_t n, int64_t since_ms)
{
	struct tally t = {0};
	for (size_t i = 0; i < n; i++) {
		if (!pr_cap_stops(cap, slots[i].transactional))
			continue;
		t.held += slots[i].held;
		if (slots[i].held && slots[i].at_ms > t.held_ms)
			t.held_ms = slots[i].at_ms;
		t.settled += !slots[i].held && slots[i].at_ms > since_ms;
	}
	return t;
}

/* When so many of those within the window have left it that one more may go: there are as many
 * later ones as it lets. */
static int64_t
opens_at(const struct pr_cap *cap, const struct pr_cap_slot *slots, size_t n,
         const struct pr_cap_times *t)
{
	int64_t opens = INT64_MAX;
	if (cap->per.span != PR_CAP_ROLLING)
		return t->until_ms[cap->per.span];
	for (size_t i = 0; i < n; i++) {
		int64_t at = slots[i].at_ms;
		if (slots[i].held || !pr_cap_stops(cap, slots[i].transactional))
			continue;
		if (at + cap->per.ms < opens && count(cap, slots, n, at).settled < cap->messages)
			opens = at + cap->per.ms;
	}
	return opens;
}

/* The longer somebody holds it already, the rarer. */
static int64_t
look_again_ms(int64_t now_ms, int64_t held_ms)
{
	int64_t wait = (now_ms - held_ms) / 2;
	return now_ms + (wait < PR_CAP_LOOK_MIN_MS   ? PR_CAP_LOOK_MIN_MS
	                 : wait > PR_CAP_LOOK_MAX_MS ? PR_CAP_LOOK_MAX_MS
	                                             : wait);
}

static struct pr_cap_answer
judge_one(const struct pr_cap *cap, const struct pr_cap_slot *slots, size_t n,
          const struct pr_cap_times *t)
{
	struct tally in = count(cap, slots, n, since(cap, t));
	struct pr_cap_answer a = {.what = PR_CAP_GO, .cap = cap};
	if (in.settled >= cap->messages) {
		a.what = cap->over ? PR_CAP_WAIT : PR_CAP_SKIP;
		a.until_ms = cap->over ? opens_at(cap, slots, n, t) : 0;
	} else if (in.settled + in.held >= cap->messages) {
		a.what = PR_CAP_WAIT;
		a.until_ms = look_again_ms(t->now_ms, in.held_ms);
	} else
		a.room = (uint32_t)(cap->messages - in.settled - in.held);
	return a;
}

/* The stricter of two. */
static struct pr_cap_answer
stricter(struct pr_cap_answer a, struct pr_cap_answer b)
{
	if (a.what != b.what)
		return a.what > b.what ? a : b;
	if (a.what == PR_CAP_GO)
		return a.room <= b.room ? a : b;
	return a.until_ms >= b.until_ms ? a : b;
}

struct pr_cap_answer
pr_caps_judge(const struct pr_cap *caps, size_t n, bool transactional,
              const struct pr_cap_slot *slots, size_t slots_n, const struct pr_cap_times *times)
{
	struct pr_cap_answer a = {.what = PR_CAP_GO, .room = PR_CAP_NO_LIMIT};
	for (size_t i = 0; i < n; i++)
		if (pr_cap_stops(&caps[i], transactional))
			a = stricter(a, judge_one(&caps[i], slots, slots_n, times));
	return a;
}
