/*
 * libesmtp's session, and what its end means.
 *
 * The octets go through its message callback in one piece. It would add header fields that are
 * missing (Date, From, Message-ID); composed messages have them all, so nothing is changed and
 * signatures hold. Dots are its work.
 *
 * How it ended is read in this order: the answer to the data; that to RCPT; that to MAIL; all
 * octets given and no answer: in doubt; else the session failed on the way there, by the last
 * reply that came or by libesmtp's own words. Replies before MAIL are not in its interface, so
 * they are read along by its monitor. PLAIN and LOGIN are let in once TLS stands, or where the
 * route says auth_in_clear.
 *
 * Its certificates' questions come as events: only `verified` says no. What the user running the
 * daemon has in ~/.authenticate is libesmtp's to use as a client certificate.
 */
#include "esmtp.h"

#include "postrider/campaign/config.h"

#include <auth-client.h>
#include <libesmtp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Its header shows this only behind OpenSSL's. */
int smtp_starttls_set_ctx(smtp_session_t session, struct ssl_ctx_st *context);

struct run {
	struct esmtp_try *t;
	smtp_session_t session;
	smtp_message_t message;
	smtp_recipient_t recipient;
	auth_context_t auth;
};

void
esmtp_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, auth_client_init);
}

/* ---- what libesmtp asks ---- */

/* len NULL: from the start. One piece, then the end. */
static const char *
give_octets(void **context, int *len, void *arg)
{
	struct esmtp_try *t = arg;
	(void)context;
	if (!len) {
		t->given = 0;
		t->all_given = false;
		return NULL;
	}
	size_t n = t->octets.len - t->given;
	if (n == 0) {
		t->all_given = true;
		*len = 0;
		return NULL;
	}
	const char *at = t->octets.data + t->given;
	t->given = t->octets.len;
	*len = (int)n;
	return at;
}

static int
give_credentials(auth_client_request_t request, char **result, int fields, void *arg)
{
	const struct esmtp_server *s = arg;
	for (int i = 0; i < fields; i++)
		if (request[i].flags & AUTH_PASS)
			result[i] = (char *)s->password;
		else
			result[i] = request[i].flags & AUTH_USER ? (char *)s->user : NULL;
	return 1;
}

static void
judge_certificate(struct esmtp_try *t, int *good, const char *why)
{
	*good = t->server->tls < PR_ROUTE_TLS_VERIFIED;
	if (!*good)
		snprintf(t->why, sizeof t->why, "%s", why);
}

static void
on_event(smtp_session_t session, int event, void *arg, ...)
{
	struct run *r = arg;
	struct esmtp_try *t = r->t;
	va_list more;
	(void)session;
	va_start(more, arg);
	switch (event) {
	case SMTP_EV_MAILSTATUS: t->begun = true; break;
	case SMTP_EV_EXTNA_8BITMIME: t->no_8bit = true; break;
	case SMTP_EV_STARTTLS_OK:
		t->secured = true;
		if (r->auth)
			auth_set_mechanism_flags(r->auth, AUTH_PLUGIN_PLAIN, 0);
		break;
	case SMTP_EV_INVALID_PEER_CERTIFICATE:
		(void)va_arg(more, long);
		judge_certificate(t, va_arg(more, int *), "the certificate is not trusted");
		break;
	case SMTP_EV_WRONG_PEER_CERTIFICATE:
		judge_certificate(t, va_arg(more, int *), "the certificate is for another host");
		break;
	case SMTP_EV_NO_PEER_CERTIFICATE:
		judge_certificate(t, va_arg(more, int *), "the peer has no certificate");
		break;
	case SMTP_EV_EXTNA_STARTTLS:
		snprintf(t->why, sizeof t->why, "the peer does not offer STARTTLS");
		break;
	default: break;
	}
	va_end(more);
}

/* ---- reading along ---- */

static void
note_command(struct esmtp_try *t, struct pr_str line)
{
	static const struct {
		const char *verb;
		enum pr_smtp_stage stage;
	} verbs[] = {{"EHLO", PR_STAGE_EHLO},
	             {"HELO", PR_STAGE_EHLO},
	             {"STARTTLS", PR_STAGE_TLS},
	             {"AUTH", PR_STAGE_AUTH},
	             {"MAIL", PR_STAGE_MAIL}};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (pr_str_starts(line, verbs[i].verb))
			t->stage = verbs[i].stage;
	t->quitting |= pr_str_starts(line, "QUIT");
}

static void
note_reply(struct esmtp_try *t, const char *data, size_t n)
{
	struct pr_reply reply;
	size_t used;
	if (t->stage == PR_STAGE_CONNECT)
		t->stage = PR_STAGE_BANNER;
	while (n && pr_reply_feed(&t->parser, data, n, &used, &reply) > 0) {
		t->last = reply;
		pr_buf_clear(&t->last_text);
		pr_buf_add_str(&t->last_text, reply.text);
		data += used;
		n -= used;
	}
}

/* Up to MAIL only: from there on libesmtp tells the answers. */
static void
on_traffic(const char *data, int n, int writing, void *arg)
{
	struct esmtp_try *t = arg;
	if (n <= 0 || t->begun || t->quitting)
		return;
	if (writing == SMTP_CB_READING)
		note_reply(t, data, (size_t)n);
	else if (writing == SMTP_CB_WRITING)
		note_command(t, pr_str_n(data, (size_t)n));
}

/* ---- the end ---- */

static bool
answers(const smtp_status_t *s, int least)
{
	return s && s->code >= least && s->code < 600 && s->code / 100 != 3;
}

static void
answered(struct esmtp_try *t, enum pr_smtp_stage stage, const smtp_status_t *s)
{
	const char *text = s->text ? s->text : "";
	for (; *text && t->text.len < PR_REPLY_TEXT_MAX; text++)
		if (*text != '\r')
			pr_buf_addc(&t->text,
			            (unsigned char)*text < ' ' && *text != '\n' ? '?' : *text);
	while (t->text.len && t->text.data[t->text.len - 1] == '\n')
		t->text.len--;
	t->result = (struct pr_smtp_result){
	    .stage = stage,
	    .answered = true,
	    .reply = {.code = s->code,
	              .enhanced = {(uint8_t)s->enh_class, (uint8_t)s->enh_subject,
	                           (uint8_t)s->enh_detail},
	              .text = pr_buf_str(&t->text)}};
}

static void
failed_before(struct esmtp_try *t)
{
	t->result = (struct pr_smtp_result){.stage = t->stage, .why = t->why};
	if (t->no_8bit) {
		t->begun = true; /* the message's own trouble */
		t->result.permanent = true;
		t->result.why = "peer does not offer 8BITMIME";
	} else if (t->last.code >= 400) {
		t->last.text = pr_buf_str(&t->last_text);
		t->result.answered = true;
		t->result.reply = t->last;
	}
}

/* 530 and the like to MAIL: no mechanism suited, so it went on without AUTH. */
static bool
wants_auth(const struct esmtp_try *t, const smtp_status_t *mail)
{
	return t->server->user && (mail->code == 530 || mail->code == 535);
}

static void
judge(struct run *r)
{
	struct esmtp_try *t = r->t;
	const smtp_status_t *data = smtp_message_transfer_status(r->message);
	const smtp_status_t *rcpt = smtp_recipient_status(r->recipient);
	const smtp_status_t *mail = smtp_reverse_path_status(r->message);
	if (!t->why[0])
		smtp_strerror(smtp_errno(), t->why, sizeof t->why);
	if (t->begun && answers(mail, 400)) {
		t->begun = !wants_auth(t, mail);
		answered(t, t->begun ? PR_STAGE_MAIL : PR_STAGE_AUTH, mail);
	} else if (t->begun && answers(rcpt, 400)) {
		answered(t, PR_STAGE_RCPT, rcpt);
	} else if (t->begun && answers(data, 200)) {
		answered(t, t->all_given ? PR_STAGE_DOT : PR_STAGE_DATA, data);
	} else if (t->all_given) {
		t->begun = true;
		t->result =
		    (struct pr_smtp_result){.stage = PR_STAGE_DOT, .why = t->why, .in_doubt = true};
	} else if (t->begun) {
		t->result = (struct pr_smtp_result){
		    .stage = t->given ? PR_STAGE_BODY : PR_STAGE_DATA, .why = t->why};
	} else {
		failed_before(t);
	}
}

/* ---- the session ---- */

static void
set_time(smtp_session_t session, int which, int64_t ms)
{
	if (ms)
		smtp_set_timeout(session, which | Timeout_OVERRIDE_RFC2822_MINIMUM, (long)ms);
}

static void
set_tls(struct run *r)
{
	const struct esmtp_server *s = r->t->server;
	if (!s->context || s->tls == PR_ROUTE_TLS_NONE) {
		smtp_starttls_enable(r->session, Starttls_DISABLED);
		return;
	}
	smtp_starttls_set_ctx(r->session, s->context);
	smtp_starttls_enable(r->session, s->tls >= PR_ROUTE_TLS_REQUIRED ? Starttls_REQUIRED
	                                                                 : Starttls_ENABLED);
}

static void
set_auth(struct run *r)
{
	const struct esmtp_server *s = r->t->server;
	if (!s->user)
		return;
	r->auth = auth_create_context();
	auth_set_interact_cb(r->auth, give_credentials, (void *)s);
	auth_set_mechanism_flags(r->auth, s->auth_in_clear ? AUTH_PLUGIN_PLAIN : 0,
	                         s->auth_in_clear ? 0 : AUTH_PLUGIN_PLAIN);
	smtp_auth_set_context(r->session, r->auth);
}

static void
set_server(struct run *r)
{
	const struct esmtp_server *s = r->t->server;
	smtp_set_server(r->session, s->place);
	smtp_set_hostname(r->session, s->hostname);
	smtp_set_eventcb(r->session, on_event, r);
	smtp_set_monitorcb(r->session, on_traffic, r->t, 0);
	set_time(r->session, Timeout_GREETING, s->banner_ms);
	set_time(r->session, Timeout_ENVELOPE, s->command_ms);
	set_time(r->session, Timeout_DATA, s->data_ms);
	set_time(r->session, Timeout_TRANSFER, s->block_ms);
	set_time(r->session, Timeout_DATA2, s->dot_ms);
	set_tls(r);
	set_auth(r);
}

static void
set_message(struct run *r)
{
	struct esmtp_try *t = r->t;
	r->message = smtp_add_message(r->session);
	smtp_set_reverse_path(r->message, t->from[0] ? t->from : NULL);
	r->recipient = smtp_add_recipient(r->message, t->to);
	smtp_set_messagecb(r->message, give_octets, t);
	smtp_size_set_estimate(r->message, t->octets.len);
	if (t->eight_bit)
		smtp_8bitmime_set_body(r->message, E8bitmime_8BITMIME);
}

void
esmtp_try(struct esmtp_try *t)
{
	struct run r = {.t = t, .session = smtp_create_session()};
	PR_ASSERT(r.session != NULL);
	pr_reply_parser_init(&t->parser);
	t->stage = PR_STAGE_CONNECT;
	set_server(&r);
	set_message(&r);
	smtp_start_session(r.session);
	judge(&r);
	smtp_destroy_session(r.session);
	if (r.auth)
		auth_destroy_context(r.auth);
	pr_reply_parser_finish(&t->parser);
}

void
esmtp_try_clear(struct esmtp_try *t)
{
	free(t->from);
	free(t->to);
	struct esmtp_try fresh = {
	    .server = t->server, .octets = t->octets, .text = t->text, .last_text = t->last_text};
	pr_buf_clear(&fresh.octets);
	pr_buf_clear(&fresh.text);
	pr_buf_clear(&fresh.last_text);
	*t = fresh;
}

void
esmtp_try_finish(struct esmtp_try *t)
{
	free(t->from);
	free(t->to);
	pr_buf_finish(&t->octets);
	pr_buf_finish(&t->text);
	pr_buf_finish(&t->last_text);
}
