/*
 * The text of a rule: key=value pairs parted by commas; a value with commas or
 * blanks at its ends stands in double quotes. Fails with a sentence that names
 * the key, what it takes, and the key that was probably meant.
 */
#include "postrider/base/buf.h"
#include "postrider/base/clock.h"
#include "sink/rule.h"

#include <stdlib.h>

const char sink_rule_help[] =
    "A rule is a list of KEY=VALUE parted by commas; a value may stand in \"double quotes\".\n"
    "For each event the first rule that fires decides. Rules apply where the sink would have\n"
    "said yes; its own refusals (a bad sequence, bad syntax) stay.\n"
    "when:\n"
    "  on=EVENT[|EVENT]   connect ehlo mail rcpt data body dot bdat rset noop quit\n"
    "                     starttls handshake auth; required.\n"
    "                     body: the first octets behind 354; dot: the end of a message, by the\n"
    "                     final dot or BDAT LAST; bdat: a chunk that is not the last;\n"
    "                     handshake: the first octets of TLS, what takes the place of the\n"
    "                     ServerHello: reply, raw, drop, garbage, or stall without a time\n"
    "  match=PATTERN      a recipient (rcpt: this one; later: any) fits the shell pattern\n"
    "  from=PATTERN       the envelope sender fits\n"
    "  share=10%          this share of recipients, always the same ones (by hash and --seed)\n"
    "  tries=N            only the first N attempts of each recipient: later ones succeed\n"
    "  chance=10%         this share of occurrences (by --seed)\n"
    "  after=N            not at the first N occurrences\n"
    "  first=N, times=N   fire N times, then no more\n"
    "  every=N            at each Nth occurrence\n"
    "  messages=N         once the connection has had N messages accepted\n"
    "  port=N             on the listener of this port\n"
    "what (at least one):\n"
    "  reply=\"451 4.7.1 slow down\"   in place of the usual one; \\n parts its lines;\n"
    "                     a code that is not 2xx refuses. 421 also closes, unless drop=no\n"
    "  raw=\"25\\x300 ok\\r\\n\"        these octets (escapes \\r \\n \\t \\\\ \\xHH);\n"
    "                     the command is refused when they begin with 4 or 5\n"
    "  drop=before|after  close the connection in place of the reply, or behind it\n"
    "  stall[=10s]        send the reply so much later; without a time: never\n"
    "  slow=N[/s]         send it at so many octets a second\n"
    "  garbage[=N]        send nonsense in its place: a short line, or N octets without line end\n"
    "drop=before, stall and garbage do not refuse: at `dot` the message is taken (and logged)\n"
    "though the client cannot know. Add reply=\"451 ...\" where it shall not be taken.\n";

static const struct {
	const char *name;
	enum sink_on on;
} events[] = {
    {"connect", SINK_ON_CONNECT},
    {"ehlo", SINK_ON_EHLO},
    {"mail", SINK_ON_MAIL},
    {"rcpt", SINK_ON_RCPT},
    {"data", SINK_ON_DATA},
    {"body", SINK_ON_BODY},
    {"dot", SINK_ON_DOT},
    {"bdat", SINK_ON_BDAT},
    {"rset", SINK_ON_RSET},
    {"noop", SINK_ON_NOOP},
    {"quit", SINK_ON_QUIT},
    {"starttls", SINK_ON_STARTTLS},
    {"handshake", SINK_ON_HANDSHAKE},
    {"auth", SINK_ON_AUTH},
};

/* ---- values ---- */

static bool
parse_events(struct pr_str value, unsigned *on)
{
	*on = 0;
	for (;;) {
		const char *bar = memchr(value.p, '|', value.n);
		struct pr_str word = {value.p, bar ? (size_t)(bar - value.p) : value.n};
		size_t i = 0, n = sizeof events / sizeof *events;
		while (i < n && !pr_str_is(word, events[i].name))
			i++;
		if (i == n)
			return false;
		*on |= events[i].on;
		if (!bar)
			return true;
		value.n -= word.n + 1;
		value.p = bar + 1;
	}
}

/* "10%", "0.5%" of 2^32. */
static bool
parse_share(struct pr_str value, uint64_t *out)
{
	char text[32], *end;
	if (value.n < 2 || value.n >= sizeof text || value.p[value.n - 1] != '%')
		return false;
	memcpy(text, value.p, value.n);
	text[value.n - 1] = 0;
	double percent = strtod(text, &end);
	if (*end || !pr_is_digit(text[0]) || !(percent >= 0 && percent <= 100))
		return false;
	*out = (uint64_t)(percent / 100 * 4294967296.0);
	return true;
}

static bool
parse_count(struct pr_str value, uint64_t min, uint64_t max, uint64_t *out)
{
	return pr_str_u64(value, out) && *out >= min && *out <= max;
}

static bool
parse_drop(struct pr_str value, enum sink_drop *out)
{
	*out = pr_str_is(value, "before")  ? SINK_DROP_BEFORE
	       : pr_str_is(value, "after") ? SINK_DROP_AFTER
	       : pr_str_is(value, "no")    ? SINK_DROP_NO
	                                   : SINK_DROP_UNSET;
	return *out != SINK_DROP_UNSET;
}

static int
hex(char c)
{
	if (pr_is_digit(c))
		return c - '0';
	c = pr_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
unescape(struct pr_str value, struct pr_buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (c == '\\' && ++i < value.n) {
			c = value.p[i];
			if (c == 'x') {
				if (i + 2 >= value.n || hex(value.p[i + 1]) < 0 ||
				    hex(value.p[i + 2]) < 0)
					return false;
				c = (char)(hex(value.p[i + 1]) * 16 + hex(value.p[i + 2]));
				i += 2;
			} else {
				c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
			}
		}
		pr_buf_addc(out, c);
	}
	return true;
}

static bool
has_code(struct pr_str line)
{
	return line.n >= 3 && pr_is_digit(line.p[0]) && pr_is_digit(line.p[1]) &&
	       pr_is_digit(line.p[2]);
}

static void
set_reply(struct sink_rule *rule, struct pr_buf *octets, int code)
{
	free(rule->reply);
	rule->code = code;
	rule->reply = octets->data;
	rule->reply_n = octets->len;
	*octets = (struct pr_buf){0};
}

/* "451 text" or several lines; lines without the code get it, with "-" or " ". */
static bool
parse_reply(struct pr_str value, struct sink_rule *rule)
{
	struct pr_buf text = {0}, out = {0};
	bool good = unescape(value, &text) && has_code(pr_buf_str(&text));
	struct pr_str rest = pr_buf_str(&text);
	int code = good ? (rest.p[0] - '0') * 100 + (rest.p[1] - '0') * 10 + rest.p[2] - '0' : 0;
	while (good && rest.n) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		struct pr_str line = {rest.p, lf ? (size_t)(lf - rest.p) : rest.n};
		rest.p += line.n + (lf != NULL);
		rest.n -= line.n + (lf != NULL);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (has_code(line) && (line.n == 3 || line.p[3] == ' ' || line.p[3] == '-')) {
			pr_buf_add(&out, line.p, 3);
			line.p += line.n > 3 ? 4 : 3;
			line.n -= line.n > 3 ? 4 : 3;
		} else {
			pr_buf_addf(&out, "%03d", code);
		}
		pr_buf_addc(&out, rest.n ? '-' : ' ');
		pr_buf_add_str(&out, line);
		pr_buf_adds(&out, "\r\n");
	}
	pr_buf_finish(&text);
	if (good)
		set_reply(rule, &out, code);
	return good;
}

/* Raw octets: only their first digit decides what becomes of the command. */
static bool
parse_raw(struct pr_str value, struct sink_rule *rule)
{
	struct pr_buf out = {0};
	if (!unescape(value, &out) || out.len == 0) {
		pr_buf_finish(&out);
		return false;
	}
	int code = out.data[0] == '5' ? 550 : out.data[0] == '4' ? 450 : 0;
	set_reply(rule, &out, code);
	return true;
}

static bool
parse_stall(struct pr_str value, int64_t *us)
{
	int64_t ms = 0;
	if (value.n && !pr_parse_duration(value, &ms))
		return false;
	*us = value.n ? ms * 1000 : SINK_STALL_FOREVER;
	return true;
}

static bool
parse_slow(struct pr_str value, uint32_t *out)
{
	uint64_t n;
	if (pr_str_ends(value, "/s"))
		value.n -= 2;
	if (!parse_count(value, 1, 1000 * 1000, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

/* ---- keys ---- */

enum key {
	K_ON,
	K_MATCH,
	K_FROM,
	K_SHARE,
	K_TRIES,
	K_CHANCE,
	K_AFTER,
	K_FIRST,
	K_TIMES,
	K_EVERY,
	K_MESSAGES,
	K_PORT,
	K_REPLY,
	K_RAW,
	K_DROP,
	K_STALL,
	K_SLOW,
	K_GARBAGE,
	K_KEYS
};

static const char *const keys[K_KEYS + 1] = {
    "on",       "match", "from",  "share", "tries", "chance", "after", "first",   "times", "every",
    "messages", "port",  "reply", "raw",   "drop",  "stall",  "slow",  "garbage", NULL,
};

static bool
set_text(char **out, struct pr_str value)
{
	free(*out);
	*out = pr_strndup(value.p, value.n);
	return value.n > 0 && !memchr(value.p, 0, value.n);
}

static bool
set_condition(struct sink_rule *rule, enum key key, struct pr_str value)
{
	uint64_t n = 0;
	bool good;
	switch (key) {
	case K_ON: return parse_events(value, &rule->on);
	case K_MATCH: return set_text(&rule->match, value);
	case K_FROM: return set_text(&rule->from, value);
	case K_SHARE: return rule->has_share = parse_share(value, &rule->share);
	case K_CHANCE: return rule->has_chance = parse_share(value, &rule->chance);
	case K_AFTER: return parse_count(value, 1, INT64_MAX, &rule->after);
	case K_FIRST:
	case K_TIMES: return parse_count(value, 1, INT64_MAX, &rule->times);
	case K_EVERY: return parse_count(value, 1, INT64_MAX, &rule->every);
	case K_MESSAGES: return parse_count(value, 1, INT64_MAX, &rule->messages);
	case K_TRIES:
		good = parse_count(value, 1, 1000 * 1000, &n);
		rule->tries = (uint32_t)n;
		return good;
	default: /* K_PORT */
		good = parse_count(value, 1, UINT16_MAX, &n);
		rule->port = (uint16_t)n;
		return good;
	}
}

static bool
set_action(struct sink_rule *rule, enum key key, struct pr_str value)
{
	uint64_t n = 1;
	switch (key) {
	case K_REPLY: return parse_reply(value, rule);
	case K_RAW: return parse_raw(value, rule);
	case K_DROP: return parse_drop(value, &rule->drop);
	case K_STALL: return parse_stall(value, &rule->stall_us);
	case K_SLOW: return parse_slow(value, &rule->slow);
	default: /* K_GARBAGE */
		if (value.n && !parse_count(value, 1, SINK_GARBAGE_MAX, &n))
			return false;
		rule->garbage = (uint32_t)n;
		return true;
	}
}

static int
set_key(struct sink_rule *rule, struct pr_str name, struct pr_str value, struct pr_error *e)
{
	int key = 0;
	while (key < K_KEYS && !pr_str_is(name, keys[key]))
		key++;
	if (key == K_KEYS) {
		const char *near = pr_nearest(name, keys);
		return pr_fail(e, PR_EINVAL, "unknown key `%.*s`%s%s%s", (int)name.n, name.p,
		               near ? " (did you mean `" : "", near ? near : "", near ? "`?)" : "");
	}
	bool good = key < K_REPLY ? set_condition(rule, (enum key)key, value)
	                          : set_action(rule, (enum key)key, value);
	return good ? 0
	            : pr_fail(e, PR_EINVAL, "`%.*s` is no value of `%s`", (int)value.n, value.p,
	                      keys[key]);
}

/* ---- the whole ---- */

/* The next value: up to a comma, or in quotes (where \" stands for a quote and
 * other escapes stay for the key to read). False: the closing quote is missing. */
static bool
next_value(struct pr_str *s, struct pr_buf *out)
{
	pr_buf_clear(out);
	bool quoted = s->n && s->p[0] == '"';
	size_t i = quoted;
	for (; i < s->n && s->p[i] != (quoted ? '"' : ','); i++) {
		if (quoted && s->p[i] == '\\' && i + 1 < s->n && s->p[++i] != '"')
			pr_buf_addc(out, '\\');
		pr_buf_addc(out, s->p[i]);
	}
	if (quoted && i++ >= s->n)
		return false;
	s->p += i;
	s->n -= i;
	return s->n == 0 || s->p[0] == ',';
}

static int
parse_pairs(struct sink_rule *rule, struct pr_str s, struct pr_buf *value, struct pr_error *e)
{
	while (s.n) {
		struct pr_str name = {s.p, 0};
		while (name.n < s.n && s.p[name.n] != '=' && s.p[name.n] != ',')
			name.n++;
		s.p += name.n;
		s.n -= name.n;
		pr_buf_clear(value);
		if (s.n && s.p[0] == '=') {
			s.p++, s.n--;
			if (!next_value(&s, value))
				return pr_fail(e, PR_EINVAL,
				               "a quote is not closed, or no comma follows it");
		}
		if (s.n)
			s.p++, s.n--; /* the comma */
		int failed = set_key(rule, pr_str_trim(name), pr_buf_str(value), e);
		if (failed)
			return failed;
	}
	return 0;
}

static int
check(struct sink_rule *rule, struct pr_error *e)
{
	bool about_rcpt = rule->match || rule->has_share || rule->tries;
	if (!rule->on)
		return pr_fail(e, PR_EINVAL, "`on` is missing");
	if (!rule->reply && !rule->drop && !rule->stall_us && !rule->slow && !rule->garbage)
		return pr_fail(e, PR_EINVAL,
		               "nothing to do: add reply, raw, drop, stall, slow or garbage");
	if (about_rcpt && (rule->on & ~SINK_ON_ENVELOPE))
		return pr_fail(e, PR_EINVAL,
		               "match, share and tries need a recipient: "
		               "on=rcpt, data, body, dot or bdat");
	if (rule->from && (rule->on & ~SINK_ON_SENDER))
		return pr_fail(e, PR_EINVAL, "from needs a sender: on=mail or later");
	if ((rule->on & SINK_ON_HANDSHAKE) && rule->stall_us &&
	    rule->stall_us != SINK_STALL_FOREVER)
		return pr_fail(e, PR_EINVAL, "at a handshake stall takes no time");
	if (rule->code == 421 && !rule->drop)
		rule->drop = SINK_DROP_AFTER; /* RFC 5321, 3.8: 421 announces the close */
	return 0;
}

int
sink_rules_add(struct sink_rules *r, const char *spec, struct pr_error *e)
{
	struct sink_rules one = {.items = pr_calloc(1, sizeof *one.items), .n = 1};
	struct pr_buf value = {0};
	int failed = r->n == SINK_RULES_MAX
	                 ? pr_fail(e, PR_ELIMIT, "more than %d rules", SINK_RULES_MAX)
	                 : parse_pairs(one.items, pr_str(spec), &value, e);
	if (!failed)
		failed = check(one.items, e);
	pr_buf_finish(&value);
	if (failed) {
		sink_rules_finish(&one);
		return failed;
	}
	r->items = pr_realloc(r->items, (r->n + 1) * sizeof *r->items);
	r->items[r->n++] = one.items[0];
	r->on |= one.items[0].on;
	free(one.items);
	return 0;
}
