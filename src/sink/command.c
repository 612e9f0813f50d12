/*
 * The command parser: verb by table, then the paths and parameters of MAIL and
 * RCPT, the numbers of BDAT. Every refusal is a reply code, an enhanced code
 * and a sentence; the first problem found is the one told.
 */
#include "sink/command.h"

static const struct {
	const char *name;
	enum sink_verb verb;
} verbs[] = {
    {"MAIL", SINK_MAIL}, {"RCPT", SINK_RCPT},  {"DATA", SINK_DATA},  {"BDAT", SINK_BDAT},
    {"RSET", SINK_RSET}, {"NOOP", SINK_NOOP},  {"QUIT", SINK_QUIT},  {"EHLO", SINK_EHLO},
    {"HELO", SINK_HELO}, {"VRFY", SINK_VRFY},  {"HELP", SINK_HELP},  {"EXPN", SINK_OTHER},
    {"AUTH", SINK_AUTH}, {"TURN", SINK_OTHER}, {"ETRN", SINK_OTHER}, {"STARTTLS", SINK_STARTTLS},
};

const char *
sink_verb_name(enum sink_verb verb)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs && verb != SINK_OTHER; i++)
		if (verbs[i].verb == verb)
			return verbs[i].name;
	return "?";
}

static void
refuse(struct sink_command *c, int code, const char *enhanced, const char *problem)
{
	if (c->code)
		return;
	c->code = code;
	c->enhanced = enhanced;
	c->problem = problem;
}

/* ---- addresses ---- */

static bool
is_atext(unsigned char c)
{
	switch (c) {
	case '(':
	case ')':
	case '<':
	case '>':
	case '[':
	case ']':
	case ':':
	case ';':
	case '@':
	case '\\':
	case ',':
	case '"':
	case 0x7f: return false;
	default: return c > ' ';
	}
}

static bool
dot_string_valid(struct pr_str s)
{
	bool after_dot = true;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '.' ? after_dot : !is_atext(c))
			return false;
		after_dot = c == '.';
	}
	return !after_dot;
}

static bool
quoted_string_valid(struct pr_str s)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '\\' && ++i + 1 >= s.n)
			return false;
		if (c < ' ' || c == 0x7f || c == '"')
			return false;
	}
	return true;
}

static bool
literal_valid(struct pr_str s)
{
	for (size_t i = 1; i + 1 < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("[]\\", s.p[i]))
			return false;
	return s.n > 2 && s.p[s.n - 1] == ']';
}

static bool
domain_valid(struct pr_str s)
{
	size_t label = 0;
	if (s.n == 0 || s.n > 255)
		return false;
	if (s.p[0] == '[')
		return literal_valid(s);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool letter = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		              (c >= 'A' && c <= 'Z');
		bool hyphen = (c == '-' || c == '_') && label > 0;
		if (c == '.' ? label == 0 || s.p[i - 1] == '-' : !letter && !hyphen)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && s.p[s.n - 1] != '-';
}

bool
sink_mailbox_valid(struct pr_str mailbox)
{
	const char *at = mailbox.n ? memrchr(mailbox.p, '@', mailbox.n) : NULL;
	if (!at)
		return false;
	struct pr_str local = {mailbox.p, (size_t)(at - mailbox.p)};
	struct pr_str domain = {at + 1, mailbox.n - local.n - 1};
	if (local.n == 0 || local.n > 64 || !domain_valid(domain) ||
	    !pr_utf8_valid(mailbox.p, mailbox.n, NULL))
		return false;
	return local.p[0] == '"' ? quoted_string_valid(local) : dot_string_valid(local);
}

/* "<" [ "@a,@b:" ] mailbox ">" at the beginning of s. Returns what follows; p is
 * NULL when it is not a path. Quotes are looked through for the closing ">". */
static struct pr_str
parse_path(struct pr_str s, struct pr_str *address)
{
	bool quoted = false;
	size_t end = 1;
	if (s.n == 0 || s.p[0] != '<')
		return (struct pr_str){0};
	for (; end < s.n && (quoted || s.p[end] != '>'); end++) {
		if (s.p[end] == '"')
			quoted = !quoted;
		else if (s.p[end] == '\\' && quoted)
			end++;
	}
	if (end >= s.n)
		return (struct pr_str){0};
	*address = pr_str_n(s.p + 1, end - 1);
	if (address->n && address->p[0] == '@') {
		const char *colon = memchr(address->p, ':', address->n);
		if (!colon)
			return (struct pr_str){0};
		*address = pr_str_n(colon + 1, (size_t)(address->p + address->n - colon - 1));
	}
	return pr_str_n(s.p + end + 1, s.n - end - 1);
}

/* ---- parameters ---- */

static struct pr_str
next_word(struct pr_str *s)
{
	while (s->n && s->p[0] == ' ')
		s->p++, s->n--;
	struct pr_str word = {s->p, 0};
	while (word.n < s->n && s->p[word.n] != ' ')
		word.n++;
	s->p += word.n;
	s->n -= word.n;
	return word;
}

static void
mail_parameter(struct sink_command *c, struct pr_str word)
{
	if (pr_str_starts_nocase(word, "SIZE=")) {
		c->has_size = pr_str_u64(pr_str_n(word.p + 5, word.n - 5), &c->size);
		if (!c->has_size)
			refuse(c, 501, "5.5.4", "SIZE is not a number");
	} else if (pr_str_eq_nocase(word, PR_STR("BODY=8BITMIME"))) {
		c->eightbit = true;
	} else if (pr_str_eq_nocase(word, PR_STR("SMTPUTF8"))) {
		c->smtputf8 = true;
	} else if (!pr_str_eq_nocase(word, PR_STR("BODY=7BIT")) &&
	           !pr_str_eq_nocase(word, PR_STR("RET=FULL")) &&
	           !pr_str_eq_nocase(word, PR_STR("RET=HDRS")) &&
	           !(pr_str_starts_nocase(word, "ENVID=") && word.n > 6)) {
		refuse(c, 555, "5.5.4", "Unknown or malformed parameter of MAIL");
	}
}

static void
rcpt_parameter(struct sink_command *c, struct pr_str word)
{
	if (!(pr_str_starts_nocase(word, "NOTIFY=") && word.n > 7) &&
	    !(pr_str_starts_nocase(word, "ORCPT=") && word.n > 6))
		refuse(c, 555, "5.5.4", "Unknown or malformed parameter of RCPT");
}

static void
parse_envelope(struct sink_command *c, const char *keyword, size_t keyword_n)
{
	struct pr_str rest = {0};
	bool mail = c->verb == SINK_MAIL;
	if (pr_str_starts_nocase(c->argument, keyword))
		rest = parse_path(pr_str_n(c->argument.p + keyword_n, c->argument.n - keyword_n),
		                  &c->address);
	if (!rest.p || (rest.n && rest.p[0] != ' ')) {
		refuse(c, 501, "5.5.4",
		       mail ? "Syntax: MAIL FROM:<address>" : "Syntax: RCPT TO:<address>");
		return;
	}
	for (struct pr_str word; (word = next_word(&rest)).n > 0;) {
		if (mail)
			mail_parameter(c, word);
		else
			rcpt_parameter(c, word);
	}
	bool null = c->address.n == 0;
	if (null ? mail : !mail && pr_str_eq_nocase(c->address, PR_STR("postmaster")))
		return;
	if (!sink_mailbox_valid(c->address))
		refuse(c, mail ? 553 : 501, mail ? "5.1.7" : "5.1.3", "Bad address syntax");
}

static void
parse_bdat(struct sink_command *c)
{
	struct pr_str rest = c->argument;
	struct pr_str size = next_word(&rest), last = next_word(&rest);
	c->last = pr_str_eq_nocase(last, PR_STR("LAST"));
	if (!pr_str_u64(size, &c->size) || (last.n && !c->last) || next_word(&rest).n)
		refuse(c, 501, "5.5.4", "Syntax: BDAT octets [LAST]");
}

/* ---- the line ---- */

static enum sink_verb
find_verb(struct pr_str word)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (pr_str_eq_nocase(word, pr_str(verbs[i].name)))
			return verbs[i].verb;
	return SINK_UNKNOWN;
}

static void
check_argument(struct sink_command *c)
{
	bool wants = c->verb == SINK_HELO || c->verb == SINK_EHLO || c->verb == SINK_VRFY ||
	             c->verb == SINK_AUTH;
	bool wants_none = c->verb == SINK_DATA || c->verb == SINK_RSET || c->verb == SINK_QUIT ||
	                  c->verb == SINK_STARTTLS;
	if (wants && c->argument.n == 0)
		refuse(c, 501, "5.5.4", "An argument is missing");
	if (wants_none && c->argument.n > 0)
		refuse(c, 501, "5.5.4", "No argument is allowed");
}

void
sink_command_parse(struct pr_str line, struct sink_command *out)
{
	*out = (struct sink_command){0};
	struct pr_str rest = line, word = next_word(&rest);
	out->verb = line.n && line.p[0] != ' ' ? find_verb(word) : SINK_UNKNOWN;
	out->argument = pr_str_trim(rest);
	if (out->verb == SINK_UNKNOWN)
		refuse(out, 500, "5.5.2", "Command not recognised");
	else if (memchr(line.p, 0, line.n) || memchr(line.p, '\r', line.n))
		refuse(out, 501, "5.5.2", "NUL or CR in a command");
	else if (out->verb == SINK_MAIL)
		parse_envelope(out, "FROM:", 5);
	else if (out->verb == SINK_RCPT)
		parse_envelope(out, "TO:", 3);
	else if (out->verb == SINK_BDAT)
		parse_bdat(out);
	else
		check_argument(out);
}
