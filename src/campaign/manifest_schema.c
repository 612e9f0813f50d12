/*
 * The keys of campaign.yaml. Each is described in conf/campaign.yaml; a test compares the
 * two. Keys of formats that this version does not have yet are rows too: they are refused
 * by name, never ignored.
 */
#include "manifest_internal.h"

#include "postrider/audience/snapshot.h"

#define AT(member) offsetof(struct pr_manifest, member)
#define LINE PR_YAML_ONE_LINE
#define NAME (PR_YAML_ONE_LINE | PR_YAML_NOT_EMPTY)

#define REJECTS_DEFAULT 0.05
#define REJECTS_FREE 10

/* "comma" or the character itself. */
static const char *
parse_delimiter(struct pr_str text, void *field)
{
	static const struct {
		const char *word;
		int value;
	} known[] = {{"auto", PR_DELIMITER_AUTO},   {"comma", PR_DELIMITER_COMMA},
	             {",", PR_DELIMITER_COMMA},     {"semicolon", PR_DELIMITER_SEMICOLON},
	             {";", PR_DELIMITER_SEMICOLON}, {"tab", PR_DELIMITER_TAB},
	             {"\t", PR_DELIMITER_TAB},      {"\\t", PR_DELIMITER_TAB}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (pr_str_eq_nocase(text, pr_str(known[i].word))) {
			*(int *)field = known[i].value;
			return NULL;
		}
	return "is not one of auto, comma, semicolon, tab";
}

/* Also sets rejects_free beside it. */
static const char *
parse_max_rejects(struct pr_str text, void *field)
{
	struct pr_manifest_recipients *r =
	    (void *)((char *)field - offsetof(struct pr_manifest_recipients, max_rejects));
	double share;
	if (pr_str_is(pr_str_trim(text), "auto")) {
		r->max_rejects = REJECTS_DEFAULT;
		r->rejects_free = REJECTS_FREE;
		return NULL;
	}
	if (!pr_parse_percent(text, &share))
		return "is not a percentage";
	if (share > 1)
		return "is out of range (0% to 100%)";
	r->max_rejects = share;
	r->rejects_free = 0;
	return NULL;
}

const char *
pr_manifest_parse_when(struct pr_str text, void *field)
{
	if (pr_when_parse(text, field))
		return NULL;
	return "is not a day and time (of the years 2000 to 2099)";
}

static const char *
parse_window(struct pr_str text, void *field)
{
	return pr_window_parse(text, field);
}

/* Keeps the text itself: it lives as long as the manifest. */
static const char *
parse_zone_name(struct pr_str text, void *field)
{
	pr_zone *zone;
	if (pr_zone_open(text.p, &zone, NULL) < 0)
		return "is not a time zone of the tz database";
	pr_zone_unref(zone);
	*(const char **)field = text.p;
	return NULL;
}

/* Also sets by_recipient beside it. */
static const char *
parse_timezone(struct pr_str text, void *field)
{
	struct pr_schedule *s = (void *)((char *)field - offsetof(struct pr_schedule, timezone));
	s->by_recipient = pr_str_is(text, "recipient");
	return s->by_recipient ? NULL : parse_zone_name(text, field);
}

const char *
pr_manifest_parse_hour(struct pr_str text, void *field)
{
	int minute = pr_clock_parse(pr_str_trim(text));
	if (minute < 0 || minute >= 24 * 60)
		return "is not a time of the day";
	*(int *)field = minute;
	return NULL;
}

/* What else an hour could be is the time of `start`. */
static const char *
parse_best(struct pr_str text, void *field)
{
	if (!pr_str_is(pr_str_trim(text), "best"))
		return "is not `best`: for an hour that is the same for all there is "
		       "schedule.start";
	*(bool *)field = true;
	return NULL;
}

static const char *
parse_follow(struct pr_str text, void *field)
{
	static const char *const words[] = {"false", "no", "off", "true", "yes", "on"};
	for (size_t i = 0; i < 6; i++)
		if (pr_str_eq_nocase(text, pr_str(words[i]))) {
			*(int *)field = i < 3 ? PR_FOLLOW_NO : PR_FOLLOW_YES;
			return NULL;
		}
	return "is not true or false";
}

static const char *const syntaxes[] = {"liquid", "mailchimp", NULL};
static const char *const classes[] = {"marketing", "transactional", NULL};
static const char *const passed_words[] = {"next_day", "now", "skip", NULL};
static const char *const doubts[] = {"", "resend", "hold", NULL};

/* clang-format off */
static const char *const orders[] = {"engagement", "email", "random", NULL};

#define EXCLUDE(member) offsetof(struct pr_manifest_exclude, member)
static const struct pr_yaml_row exclude_rows[] = {
	{.key = "list", .type = PR_YAML_LIST, .flags = NAME, .max = 100, .offset = EXCLUDE(list)},
	{.key = "segment", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY,
	 .offset = EXCLUDE(segment)},
	{.key = "campaigns", .type = PR_YAML_LIST, .flags = NAME, .max = 100,
	 .example = "[20261201-spring-sale-7f3k]", .offset = EXCLUDE(campaigns)},
	{.key = "within", .type = PR_YAML_DURATION, .min = 1000, .max = 3660.0 * PR_DAY_MS,
	 .example = "3d", .offset = EXCLUDE(within_ms)},
	{0},
};
static const struct pr_yaml_schema exclude_schema = {
	.rows = exclude_rows, .size = sizeof(struct pr_manifest_exclude),
};

#define AUDIENCE(member) offsetof(struct pr_manifest_audience, member)
static const struct pr_yaml_row audience_rows[] = {
	{.key = "list", .type = PR_YAML_LIST, .flags = NAME, .max = 100,
	 .example = "newsletter", .offset = AUDIENCE(list)},
	{.key = "segment", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY,
	 .offset = AUDIENCE(segment)},
	{.key = "exclude", .type = PR_YAML_SECTION, .schema = &exclude_schema,
	 .offset = AUDIENCE(exclude)},
	{.key = "consent", .type = PR_YAML_TEXT, .flags = NAME, .offset = AUDIENCE(consent)},
	{.key = "columns", .type = PR_YAML_LIST, .flags = NAME, .max = 20,
	 .offset = AUDIENCE(columns)},
	{.key = "order", .type = PR_YAML_ENUM, .words = orders, .fallback = "engagement",
	 .offset = AUDIENCE(order)},
	{0},
};
static const struct pr_yaml_schema audience_schema = {
	.rows = audience_rows, .size = sizeof(struct pr_manifest_audience),
};

static const struct pr_yaml_row recipients_rows[] = {
	{.key = "campaign", .type = PR_YAML_TEXT, .flags = NAME,
	 .example = "20261201-spring-sale-7f3k",
	 .offset = offsetof(struct pr_manifest_recipients, campaign)},
	{.key = "where", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY,
	 .offset = offsetof(struct pr_manifest_recipients, where)},
	{.key = "file", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .fallback = "recipients.csv",
	 .offset = offsetof(struct pr_manifest_recipients, file)},
	{.key = "email", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = offsetof(struct pr_manifest_recipients, email)},
	{.key = "delimiter", .type = PR_YAML_PARSED, .parse = parse_delimiter, .size = sizeof(int),
	 .fallback = "auto", .example = "semicolon",
	 .offset = offsetof(struct pr_manifest_recipients, delimiter)},
	{.key = "encoding", .type = PR_YAML_TEXT, .flags = NAME, .fallback = "auto",
	 .offset = offsetof(struct pr_manifest_recipients, encoding)},
	{.key = "expect_rows", .type = PR_YAML_INT, .min = 1, .max = UINT32_MAX,
	 .offset = offsetof(struct pr_manifest_recipients, expect_rows)},
	{.key = "max_rejects", .type = PR_YAML_PARSED, .parse = parse_max_rejects,
	 .size = sizeof(double), .fallback = "auto", .example = "5%",
	 .offset = offsetof(struct pr_manifest_recipients, max_rejects)},
	{0},
};
static const struct pr_yaml_schema recipients_schema = {
	.rows = recipients_rows, .size = sizeof(struct pr_manifest_recipients), .scalar_key = "file",
};

static const struct pr_yaml_row language_rows[] = {
	{.key = "column", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = offsetof(struct pr_manifest_language, column)},
	{.key = "fallback", .type = PR_YAML_TEXT, .flags = NAME,
	 .offset = offsetof(struct pr_manifest_language, fallback)},
	{0},
};
static const struct pr_yaml_schema language_schema = {
	.rows = language_rows, .size = sizeof(struct pr_manifest_language), .scalar_key = "fallback",
};

static const struct pr_yaml_row schedule_rows[] = {
	{.key = "start", .type = PR_YAML_PARSED, .parse = pr_manifest_parse_when, .size = sizeof(struct pr_when),
	 .example = "2026-12-01T08:00", .offset = offsetof(struct pr_schedule, start)},
	{.key = "timezone", .type = PR_YAML_PARSED, .parse = parse_timezone,
	 .size = sizeof(char *), .example = "Europe/Berlin",
	 .offset = offsetof(struct pr_schedule, timezone)},
	{.key = "late", .type = PR_YAML_DURATION, .min = 0, .max = 366.0 * PR_DAY_MS,
	 .fallback = "6h", .offset = offsetof(struct pr_schedule, late_ms)},
	{.key = "window", .type = PR_YAML_PARSED, .parse = parse_window,
	 .size = sizeof(struct pr_window), .example = "\"Mon-Fri 08:00-11:00\"",
	 .at = AT(window_at) - AT(schedule),
	 .offset = offsetof(struct pr_schedule, window)},
	{.key = "deadline", .type = PR_YAML_PARSED, .parse = pr_manifest_parse_when,
	 .size = sizeof(struct pr_when), .example = "2026-12-02T20:00",
	 .at = AT(deadline_at) - AT(schedule),
	 .offset = offsetof(struct pr_schedule, deadline)},
	{.key = "fallback_timezone", .type = PR_YAML_PARSED, .parse = parse_zone_name,
	 .size = sizeof(char *), .example = "Europe/Berlin",
	 .offset = offsetof(struct pr_schedule, fallback_timezone)},
	{.key = "passed", .type = PR_YAML_ENUM, .words = passed_words, .fallback = "next_day",
	 .offset = offsetof(struct pr_schedule, passed)},
	{.key = "quiet", .type = PR_YAML_PARSED, .parse = pr_quiet_parse,
	 .size = sizeof(struct pr_quiet), .example = "\"21:00-08:00\"",
	 .offset = offsetof(struct pr_schedule, quiet)},
	{.key = "holidays", .type = PR_YAML_LIST, .flags = NAME, .max = 64,
	 .offset = offsetof(struct pr_schedule, holidays)},
	{.key = "jitter", .type = PR_YAML_DURATION, .min = 0, .max = PR_DAY_MS, .fallback = "0s",
	 .offset = offsetof(struct pr_schedule, jitter_ms)},
	{.key = "hour", .type = PR_YAML_PARSED, .parse = parse_best, .size = sizeof(bool),
	 .example = "best", .offset = offsetof(struct pr_schedule, best_hour)},
	{.key = "fallback_hour", .type = PR_YAML_PARSED, .parse = pr_manifest_parse_hour, .size = sizeof(int),
	 .fallback = "10:00", .example = "10:00",
	 .offset = offsetof(struct pr_schedule, fallback_minute)},
	{0},
};
static const struct pr_yaml_schema schedule_schema = {
	.rows = schedule_rows, .size = sizeof(struct pr_schedule),
};

#define UTM(member) offsetof(struct pr_manifest_utm, member)
static const struct pr_yaml_row utm_rows[] = {
	{.key = "source", .type = PR_YAML_TEXT, .flags = NAME, .offset = UTM(source)},
	{.key = "medium", .type = PR_YAML_TEXT, .flags = NAME, .offset = UTM(medium)},
	{.key = "campaign", .type = PR_YAML_TEXT, .flags = NAME, .offset = UTM(campaign)},
	{.key = "content", .type = PR_YAML_TEXT, .flags = NAME, .offset = UTM(content)},
	{.key = "term", .type = PR_YAML_TEXT, .flags = NAME, .offset = UTM(term)},
	{0},
};
static const struct pr_yaml_schema utm_schema = {
	.rows = utm_rows, .size = sizeof(struct pr_manifest_utm),
};

#define TRACK(member) offsetof(struct pr_manifest_track, member)
static const struct pr_yaml_row track_rows[] = {
	{.key = "opens", .type = PR_YAML_PARSED, .parse = parse_follow, .size = sizeof(int),
	 .example = "false", .at = AT(track_at) - AT(track), .offset = TRACK(opens)},
	{.key = "clicks", .type = PR_YAML_PARSED, .parse = parse_follow, .size = sizeof(int),
	 .example = "false", .at = AT(track_at) - AT(track), .offset = TRACK(clicks)},
	{.key = "text", .type = PR_YAML_BOOL, .fallback = "false", .offset = TRACK(text)},
	{.key = "consent", .type = PR_YAML_TEXT, .flags = NAME, .offset = TRACK(consent)},
	{.key = "utm", .type = PR_YAML_SECTION, .schema = &utm_schema, .offset = TRACK(utm)},
	{0},
};
static const struct pr_yaml_schema track_schema = {
	.rows = track_rows, .size = sizeof(struct pr_manifest_track),
};

static const struct pr_yaml_row rows[] = {
	{.key = "name", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(name)},
	{.key = "from", .type = PR_YAML_TEXT, .flags = PR_YAML_REQUIRED | LINE,
	 .example = "\"Acme <news@acme.example>\"", .offset = AT(from.text)},
	{.key = "reply_to", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(reply_to.text)},
	{.key = "postal_address", .type = PR_YAML_TEXT, .flags = PR_YAML_NOT_EMPTY,
	 .offset = AT(postal_address)},
	{.key = "subject", .type = PR_YAML_CHOICE, .flags = PR_YAML_REQUIRED | LINE,
	 .example = "\"Spring is here\"", .max = PR_MANIFEST_LANGUAGES_MAX,
	 .offset = AT(subject)},
	{.key = "preheader", .type = PR_YAML_CHOICE, .flags = LINE,
	 .max = PR_MANIFEST_LANGUAGES_MAX, .offset = AT(preheader)},
	{.key = "recipients", .type = PR_YAML_SECTION, .schema = &recipients_schema,
	 .offset = AT(recipients)},
	{.key = "audience", .type = PR_YAML_SECTION, .schema = &audience_schema,
	 .offset = AT(audience)},
	{.key = "exclude", .type = PR_YAML_SECTION, .schema = &exclude_schema,
	 .offset = AT(exclude)},
	{.key = "trigger", .type = PR_YAML_SECTION, .schema = &pr_trigger_schema,
	 .offset = AT(trigger)},
	{.key = "steps", .type = PR_YAML_NAMED, .schema = &pr_step_schema,
	 .max = PR_MANIFEST_VARIANTS_MAX, .offset = AT(steps)},
	{.key = "html", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = AT(html)},
	{.key = "text", .type = PR_YAML_TEXT, .flags = PR_YAML_FILE, .offset = AT(text)},
	{.key = "variants", .type = PR_YAML_NAMED, .schema = &pr_variant_schema,
	 .max = PR_MANIFEST_VARIANTS_MAX, .offset = AT(variants)},
	{.key = "test", .type = PR_YAML_SECTION, .schema = &pr_test_schema, .offset = AT(test)},
	{.key = "syntax", .type = PR_YAML_ENUM, .words = syntaxes,
	 .fallback = "liquid", .offset = AT(syntax)},
	{.key = "route", .type = PR_YAML_TEXT, .flags = NAME, .fallback = "default",
	 .offset = AT(route)},
	{.key = "brand", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(brand)},
	{.key = "class", .type = PR_YAML_ENUM, .words = classes, .fallback = "marketing",
	 .offset = AT(class_)},
	{.key = "list", .type = PR_YAML_TEXT, .flags = NAME, .offset = AT(list)},
	{.key = "language", .type = PR_YAML_SECTION, .schema = &language_schema,
	 .offset = AT(language)},
	{.key = "consent", .type = PR_YAML_SECTION, .schema = &pr_consent_schema,
	 .offset = AT(consent)},
	{.key = "law", .type = PR_YAML_LIST, .flags = LINE, .max = 4, .offset = AT(law)},
	{.key = "required", .type = PR_YAML_LIST, .flags = LINE, .offset = AT(required)},
	{.key = "coupons", .type = PR_YAML_SECTION, .schema = &pr_coupons_schema,
	 .offset = AT(coupons)},
	{.key = "hold", .type = PR_YAML_BOOL, .fallback = "false", .offset = AT(hold)},
	{.key = "schedule", .type = PR_YAML_SECTION, .schema = &schedule_schema,
	 .offset = AT(schedule)},
	{.key = "stop_loss", .type = PR_YAML_SECTION, .schema = &pr_stop_loss_schema,
	 .offset = AT(stop_loss)},
	{.key = "caps", .type = PR_YAML_SECTIONS, .schema = &pr_cap_schema, .max = PR_CAPS_MAX,
	 .offset = AT(caps)},
	{.key = "rate", .type = PR_YAML_RATE, .offset = AT(rate)},
	{.key = "priority", .type = PR_YAML_INT, .min = 0, .max = 9, .fallback = "5",
	 .offset = AT(priority)},
	{.key = "in_doubt", .type = PR_YAML_ENUM, .words = doubts, .offset = AT(in_doubt)},
	{.key = "headers", .type = PR_YAML_PAIRS, .flags = LINE, .max = PR_MANIFEST_HEADERS_MAX,
	 .offset = AT(headers)},
	{.key = "keep_source", .type = PR_YAML_BOOL, .fallback = "false",
	 .offset = AT(keep_source)},
	{.key = "again", .type = PR_YAML_BOOL, .fallback = "false", .offset = AT(again)},
	{.key = "track", .type = PR_YAML_SECTION, .schema = &track_schema, .offset = AT(track)},
	{.key = "conversions", .type = PR_YAML_SECTION, .schema = &pr_conversion_schema,
	 .offset = AT(conversions)},
	{.key = "cost", .type = PR_YAML_PARSED, .parse = pr_cost_parse,
	 .size = sizeof(struct pr_money), .example = "\"120.00 EUR\"", .offset = AT(cost)},
	{.key = "cost_per_message", .type = PR_YAML_PARSED, .parse = pr_cost_parse,
	 .size = sizeof(struct pr_money), .example = "\"0.0008 EUR\"", .at = AT(cost_at),
	 .offset = AT(cost_per_message)},
	{.key = "seeds", .type = PR_YAML_LIST, .flags = NAME, .max = PR_SEEDS_MAX,
	 .example = "[me@acme.example]", .offset = AT(seeds)},
	{0},
};
/* clang-format on */

const struct pr_yaml_schema pr_manifest_schema = {.rows = rows, .size = sizeof(struct pr_manifest)};
