/* The commands of the receiving side, one function each. */
#include "receive_internal.h"

#define ADDRESS_MAX 320u /* RFC 5321 section 4.5.3.1: 64 and 255 octets, and the @ */
#define UNKNOWN "500 5.5.2 There is no such command"
#define OUT_OF_ORDER "503 5.5.1 Not now"
#define SYNTAX "501 5.5.4 That cannot be understood"

/* ---- paths and parameters ---- */

/* Behind the ">" of a path, which a quoted local part may hold as well; NULL: it has no end. */
static const char *
end_of_path(struct pr_str s)
{
	bool quoted = false;
	for (const char *p = s.p + 1; p < s.p + s.n; p++) {
		if (*p == '\\' && quoted)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '>' && !quoted)
			return p + 1;
	}
	return NULL;
}

/* RFC 5321 section 4.1.2; a source route is passed over (appendix C). */
static bool
read_path(struct pr_str *rest, struct pr_str *address)
{
	*rest = pr_str_trim(*rest);
	const char *end = rest->n && rest->p[0] == '<' ? end_of_path(*rest) : NULL;
	if (!end)
		return false;
	struct pr_str a = pr_str_n(rest->p + 1, (size_t)(end - rest->p) - 2);
	const char *colon = a.n && a.p[0] == '@' ? memchr(a.p, ':', a.n) : NULL;
	if (colon)
		a = pr_str_n(colon + 1, a.n - (size_t)(colon + 1 - a.p));
	*rest = pr_str_n(end, rest->n - (size_t)(end - rest->p));
	for (size_t i = 0; i < a.n; i++)
		if ((unsigned char)a.p[i] < ' ' || a.p[i] == 127)
			return false;
	*address = a;
	return a.n <= ADDRESS_MAX && (rest->n == 0 || rest->p[0] == ' ');
}

static struct pr_str
next_word(struct pr_str *rest)
{
	*rest = pr_str_trim(*rest);
	const char *space = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
	struct pr_str word = pr_str_n(rest->p, space ? (size_t)(space - rest->p) : rest->n);
	*rest = pr_str_n(rest->p + word.n, rest->n - word.n);
	return word;
}

/* The reply to a parameter of MAIL that cannot be taken; NULL: it can. */
static const char *
judge_parameter(const pr_receive *r, struct pr_str word)
{
	uint64_t size;
	if (pr_str_starts_nocase(word, "SIZE=")) {
		if (!pr_str_u64(pr_str_n(word.p + 5, word.n - 5), &size))
			return SYNTAX;
		return size > r->options.size_max ? "552 5.3.4 It is too large" : NULL;
	}
	if (pr_str_eq_nocase(word, PR_STR("BODY=7BIT")) ||
	    pr_str_eq_nocase(word, PR_STR("BODY=8BITMIME")) ||
	    pr_str_eq_nocase(word, PR_STR("SMTPUTF8")))
		return NULL;
	return "555 5.5.4 That parameter is not known";
}

/* What follows "FROM:" or "TO:"; false: it does not begin so. */
static bool
skip_word(struct pr_str *rest, const char *word)
{
	size_t n = strlen(word);
	if (!pr_str_starts_nocase(*rest, word))
		return false;
	*rest = pr_str_n(rest->p + n, rest->n - n);
	return true;
}

/* ---- commands ---- */

static void
on_ehlo(pr_receive *r, struct pr_str rest)
{
	if (pr_str_trim(rest).n == 0) {
		receive_error(r, SYNTAX);
		return;
	}
	receive_forget(r);
	r->greeted = true;
	receive_say(r, "250-%s", r->options.hostname);
	receive_say(r, "250-PIPELINING");
	receive_say(r, "250-SIZE %zu", r->options.size_max);
	if (r->options.offers_tls && !r->secure)
		receive_say(r, "250-STARTTLS");
	receive_say(r, "250-8BITMIME");
	receive_say(r, "250-SMTPUTF8");
	receive_say(r, "250 ENHANCEDSTATUSCODES");
}

static void
on_helo(pr_receive *r, struct pr_str rest)
{
	if (pr_str_trim(rest).n == 0) {
		receive_error(r, SYNTAX);
		return;
	}
	receive_forget(r);
	r->greeted = true;
	receive_say(r, "250 %s", r->options.hostname);
}

static void
on_starttls(pr_receive *r, struct pr_str rest)
{
	if (!r->options.offers_tls || r->secure)
		receive_error(r, "502 5.5.1 Not here");
	else if (rest.n)
		receive_error(r, SYNTAX);
	else {
		receive_say(r, "220 2.0.0 Go ahead");
		r->wants = PR_RECEIVE_TLS;
	}
}

static void
on_mail(pr_receive *r, struct pr_str rest)
{
	struct pr_str from;
	const char *fault = !r->greeted || r->has_from                               ? OUT_OF_ORDER
	                    : !skip_word(&rest, "FROM:") || !read_path(&rest, &from) ? SYNTAX
	                                                                             : NULL;
	while (!fault && pr_str_trim(rest).n)
		fault = judge_parameter(r, next_word(&rest));
	if (fault)
		receive_error(r, fault);
	else if (!r->options.may_begin(r->options.context))
		receive_say(r, "451 4.7.1 Too many mails, come again");
	else {
		r->has_from = true;
		r->from = pr_arena_copy(&r->arena, from);
		receive_say(r, "250 2.1.0 Good");
	}
}

static void
on_rcpt(pr_receive *r, struct pr_str rest)
{
	struct pr_str to;
	if (!r->has_from)
		receive_error(r, OUT_OF_ORDER);
	else if (!skip_word(&rest, "TO:") || !read_path(&rest, &to) || to.n == 0)
		receive_error(r, SYNTAX);
	else if (pr_str_trim(rest).n)
		receive_error(r, "555 5.5.4 That parameter is not known");
	else if (!r->options.is_ours(r->options.context, to))
		receive_error(r, "550 5.7.1 Only what we have sent comes back here");
	else if (r->to_n == PR_RECEIVE_RECIPIENTS_MAX)
		receive_say(r, "452 4.5.3 Too many recipients");
	else {
		r->to[r->to_n++] = pr_arena_copy(&r->arena, to);
		receive_say(r, "250 2.1.5 Good");
	}
}

static void
on_data(pr_receive *r, struct pr_str rest)
{
	if (rest.n)
		receive_error(r, SYNTAX);
	else if (!r->has_from)
		receive_error(r, OUT_OF_ORDER);
	else if (r->to_n == 0)
		receive_error(r, "554 5.5.1 For nobody");
	else
		receive_begin_data(r);
}

static void
on_rset(pr_receive *r, struct pr_str rest)
{
	(void)rest;
	receive_forget(r);
	receive_say(r, "250 2.0.0 Forgotten");
}

static void
on_noop(pr_receive *r, struct pr_str rest)
{
	(void)rest;
	receive_say(r, "250 2.0.0 Good");
}

static void
on_quit(pr_receive *r, struct pr_str rest)
{
	(void)rest;
	receive_say(r, "221 2.0.0 %s", r->options.hostname);
	r->wants = PR_RECEIVE_END;
}

static void
on_refused(pr_receive *r, struct pr_str rest)
{
	(void)rest;
	receive_error(r, "502 5.5.1 Not here");
}

static const struct {
	const char *verb;
	void (*run)(pr_receive *r, struct pr_str rest);
} commands[] = {
    {"EHLO", on_ehlo},    {"HELO", on_helo},         {"MAIL", on_mail},    {"RCPT", on_rcpt},
    {"DATA", on_data},    {"RSET", on_rset},         {"NOOP", on_noop},    {"QUIT", on_quit},
    {"VRFY", on_refused}, {"EXPN", on_refused},      {"AUTH", on_refused}, {"BDAT", on_refused},
    {"HELP", on_refused}, {"STARTTLS", on_starttls},
};

void
receive_command(pr_receive *r, struct pr_str line)
{
	struct pr_str rest = line, verb = next_word(&rest);
	rest = pr_str_trim(rest);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (pr_str_eq_nocase(verb, pr_str(commands[i].verb))) {
			commands[i].run(r, rest);
			return;
		}
	receive_error(r, UNKNOWN);
}
