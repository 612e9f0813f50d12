/*
 * The commands: each checks the sequence, asks the rules, answers, and takes
 * effect only where the answer was a yes (RFC 5321, 4.1 and 4.3.2).
 */
#include "sink/session.h"

static bool
answer(struct sink_session *s, enum sink_on on, const struct sink_command *c, int code,
       const char *enhanced, const char *text)
{
	struct sink_answer a = {code, enhanced, text, NULL};
	a = sink_session_decide(s, on, NULL, 0, a);
	sink_session_log(s, sink_verb_name(c->verb), c->argument, a.code);
	return sink_session_give(s, &a);
}

static void
refuse(struct sink_session *s, const struct sink_command *c, int code, const char *enhanced,
       const char *text)
{
	answer(s, 0, c, code, enhanced, text);
}

/* ---- the session ---- */

static bool
starttls_offered(const struct sink_session *s)
{
	return s->sink->options.tls && !s->secured.protocol;
}

static void
list_features(struct sink_session *s, struct pr_buf *b)
{
	const struct sink_options *o = &s->sink->options;
	pr_buf_adds(b, o->hostname);
	if (!o->no_pipelining)
		pr_buf_adds(b, "\nPIPELINING");
	pr_buf_addf(b, "\nSIZE %llu", (unsigned long long)o->size_max);
	if (!o->no_8bitmime)
		pr_buf_adds(b, "\n8BITMIME");
	if (!o->no_smtputf8)
		pr_buf_adds(b, "\nSMTPUTF8");
	if (!o->no_enhanced)
		pr_buf_adds(b, "\nENHANCEDSTATUSCODES");
	if (!o->no_chunking)
		pr_buf_adds(b, "\nCHUNKING");
	if (!o->no_dsn)
		pr_buf_adds(b, "\nDSN");
	if (starttls_offered(s))
		pr_buf_adds(b, "\nSTARTTLS");
	if (sink_auth_offered(s))
		pr_buf_adds(b, "\nAUTH PLAIN LOGIN CRAM-MD5");
	pr_buf_adds(b, "\nHELP");
}

static void
on_hello(struct sink_session *s, const struct sink_command *c)
{
	struct pr_buf text = {0};
	bool ehlo = c->verb == SINK_EHLO;
	if (ehlo && s->sink->options.no_ehlo) {
		refuse(s, c, 502, "5.5.1", "Not implemented");
		return;
	}
	if (ehlo)
		list_features(s, &text);
	else
		pr_buf_adds(&text, s->sink->options.hostname);
	s->alone = true;
	if (answer(s, SINK_ON_EHLO, c, 250, NULL, text.data)) {
		s->hello = true;
		s->esmtp = ehlo;
		if (s->phase != SINK_DEAF)
			sink_session_reset(s);
	}
	pr_buf_finish(&text);
}

static void
on_quit(struct sink_session *s, const struct sink_command *c)
{
	if (!answer(s, SINK_ON_QUIT, c, 221, "2.0.0", "Bye") || s->phase == SINK_DEAF)
		return;
	sink_out_close(&s->out, s->now_us + s->sink->options.latency_us);
	sink_session_reset(s);
	s->phase = SINK_DEAF;
}

static void
on_rset(struct sink_session *s, const struct sink_command *c)
{
	if (answer(s, SINK_ON_RSET, c, 250, "2.0.0", "Ok"))
		sink_session_reset(s);
}

static void
on_starttls(struct sink_session *s, const struct sink_command *c)
{
	if (!s->sink->options.tls) {
		refuse(s, c, 502, "5.5.1", "Not offered");
		return;
	}
	if (s->secured.protocol || s->mail) {
		refuse(s, c, 503, "5.5.1", s->mail ? "A transaction is open" : "TLS is in use");
		return;
	}
	if (answer(s, SINK_ON_STARTTLS, c, 220, "2.0.0", "Ready to start TLS") &&
	    s->phase != SINK_DEAF)
		s->phase = SINK_HANDSHAKE;
}

static void
on_auth(struct sink_session *s, const struct sink_command *c)
{
	if (!s->sink->options.auth)
		refuse(s, c, 502, "5.5.1", "Not offered");
	else if (!sink_auth_offered(s))
		refuse(s, c, 538, "5.7.11", "AUTH needs TLS");
	else if (!s->esmtp || s->mail || s->auth.done)
		refuse(s, c, 503, "5.5.1", "Not now");
	else
		sink_auth_begin(s, c->argument);
}

/* ---- the envelope ---- */

/* Why MAIL may not be now, or with these parameters. True: refused. */
static bool
mail_refused(struct sink_session *s, const struct sink_command *c)
{
	const struct sink_options *o = &s->sink->options;
	const char *parameters = memchr(c->argument.p, '>', c->argument.n);
	bool utf8 = !pr_is_ascii(c->address.p, c->address.n);
	if (!s->hello)
		refuse(s, c, 503, "5.5.1", "Say EHLO first");
	else if (o->tls == SINK_TLS_REQUIRED && !s->secured.protocol)
		refuse(s, c, 530, "5.7.0", "Must issue a STARTTLS command first");
	else if (o->auth && !s->auth.done)
		refuse(s, c, 530, "5.7.0", "Authentication required");
	else if (s->mail)
		refuse(s, c, 503, "5.5.1", "A transaction is open: RSET ends it");
	else if (!s->esmtp && parameters && parameters + 1 < c->argument.p + c->argument.n)
		refuse(s, c, 555, "5.5.4", "Parameters need EHLO");
	else if ((c->smtputf8 && o->no_smtputf8) || (c->eightbit && o->no_8bitmime))
		refuse(s, c, 555, "5.5.4", "A parameter that was not offered");
	else if (utf8 && !c->smtputf8)
		refuse(s, c, 553, "5.6.7", "The address needs SMTPUTF8");
	else if (c->has_size && o->size_max && c->size > o->size_max)
		refuse(s, c, 552, "5.3.4", "Message too large");
	else
		return false;
	return true;
}

static void
on_mail(struct sink_session *s, const struct sink_command *c)
{
	if (mail_refused(s, c))
		return;
	struct sink_answer a = {250, "2.1.0", "Ok", NULL};
	pr_buf_add_str(&s->from, c->address); /* for the rules */
	a = sink_session_decide(s, SINK_ON_MAIL, NULL, 0, a);
	sink_session_log(s, "MAIL", c->address, a.code);
	if (sink_session_give(s, &a) && s->phase != SINK_DEAF) {
		s->mail = true;
		s->smtputf8 = c->smtputf8;
	} else {
		pr_buf_clear(&s->from);
	}
}

static bool
rcpt_refused(struct sink_session *s, const struct sink_command *c)
{
	if (!s->mail || s->chunked)
		refuse(s, c, 503, "5.5.1", s->mail ? "BDAT has begun" : "Say MAIL first");
	else if (!s->smtputf8 && !pr_is_ascii(c->address.p, c->address.n))
		refuse(s, c, 553, "5.6.7", "The address needs SMTPUTF8");
	else if (s->n_rcpts >= s->sink->options.rcpt_max)
		refuse(s, c, 452, "4.5.3", "Too many recipients");
	else
		return false;
	s->sink->totals.refused_recipients++;
	return true;
}

static void
on_rcpt(struct sink_session *s, const struct sink_command *c)
{
	if (rcpt_refused(s, c))
		return;
	struct sink_answer a = {250, "2.1.5", "Ok", NULL};
	size_t at = s->rcpts.len;
	pr_buf_add_str(&s->rcpts, c->address);
	pr_buf_addc(&s->rcpts, 0);
	a = sink_session_decide(s, SINK_ON_RCPT, s->rcpts.data + at, 1, a);
	sink_session_log(s, "RCPT", c->address, a.code);
	bool yes = sink_session_give(s, &a);
	s->sink->totals.refused_recipients += !yes;
	if (s->phase == SINK_DEAF)
		return;
	if (yes)
		s->n_rcpts++;
	else
		s->rcpts.len = at;
}

/* ---- data ---- */

/* Mail data may not begin now: the answer; code 0: it may. */
static struct sink_answer
out_of_sequence(const struct sink_session *s)
{
	if (!s->mail)
		return (struct sink_answer){503, "5.5.1", "Say MAIL first", NULL};
	if (s->n_rcpts == 0)
		return (struct sink_answer){554, "5.5.1", "No valid recipients", NULL};
	return (struct sink_answer){0};
}

static void
on_data(struct sink_session *s, const struct sink_command *c)
{
	struct sink_answer a = out_of_sequence(s);
	s->alone = true;
	if (!a.code && s->chunked)
		a = (struct sink_answer){503, "5.5.1", "BDAT has begun", NULL};
	if (!a.code)
		a = (struct sink_answer){354, NULL, "Go ahead, end with CRLF.CRLF", NULL};
	a = sink_session_decide(s, SINK_ON_DATA, s->rcpts.data, s->n_rcpts, a);
	sink_session_log(s, sink_verb_name(c->verb), c->argument, a.code);
	if (!sink_session_give(s, &a) || s->phase == SINK_DEAF || a.code < 300)
		return;
	sink_message_begin(s);
	s->phase = SINK_DATA_OCTETS;
}

/* The octets of a chunk follow whatever the answer: a refused one is skipped. */
static void
on_bdat(struct sink_session *s, const struct sink_command *c)
{
	struct sink_answer a = out_of_sequence(s);
	sink_session_log(s, "BDAT", c->argument, a.code);
	s->chunk_left = c->size;
	s->chunk_last = c->last;
	s->chunk_void = a.code != 0;
	if (s->chunk_void)
		sink_session_give(s, &a);
	else if (!s->chunked)
		sink_message_begin(s);
	if (s->phase == SINK_DEAF)
		return;
	s->chunked = !s->chunk_void;
	s->phase = SINK_CHUNK_OCTETS;
	if (s->chunk_left == 0)
		sink_message_chunk_end(s);
}

/* ---- all of them ---- */

static void
on_known(struct sink_session *s, const struct sink_command *c)
{
	switch (c->verb) {
	case SINK_HELO:
	case SINK_EHLO: on_hello(s, c); break;
	case SINK_MAIL: on_mail(s, c); break;
	case SINK_RCPT: on_rcpt(s, c); break;
	case SINK_DATA: on_data(s, c); break;
	case SINK_BDAT: on_bdat(s, c); break;
	case SINK_RSET: on_rset(s, c); break;
	case SINK_NOOP: answer(s, SINK_ON_NOOP, c, 250, "2.0.0", "Ok"); break;
	case SINK_QUIT: on_quit(s, c); break;
	case SINK_STARTTLS: on_starttls(s, c); break;
	case SINK_AUTH: on_auth(s, c); break;
	case SINK_VRFY: answer(s, 0, c, 252, "2.5.2", "Try RCPT"); break;
	case SINK_HELP:
		answer(s, 0, c, 214, "2.0.0", "A sink: takes mail, keeps or drops it");
		break;
	default: refuse(s, c, 502, "5.5.1", "Not offered"); break;
	}
}

void
sink_session_command(struct sink_session *s, struct pr_str line)
{
	struct sink_command c;
	sink_command_parse(line, &c);
	s->alone = c.verb == SINK_VRFY || c.verb == SINK_NOOP; /* and those that set it below */
	if (s->unwelcome && c.verb != SINK_QUIT)
		refuse(s, &c, 503, "5.5.1", "Say QUIT");
	else if (c.verb == SINK_BDAT && s->sink->options.no_chunking)
		refuse(s, &c, 502, "5.5.1", "Not offered");
	else if (c.code)
		refuse(s, &c, c.code, c.enhanced, c.problem);
	else
		on_known(s, &c);
	s->sink->totals.refused_recipients += c.verb == SINK_RCPT && c.code != 0;
}
