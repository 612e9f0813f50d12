/*
 * AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195), for one user.
 *
 *	AUTH PLAIN [response]   --334 (empty)--> response
 *	AUTH LOGIN [user]       --334 Username:--> user --334 Password:--> password
 *	AUTH CRAM-MD5           --334 challenge--> user digest
 *
 * A response that is not base64, or "*", ends the exchange with 501, a wrong one with 535.
 */
#include "sink/session.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

bool
sink_auth_offered(const struct sink_session *s)
{
	return s->sink->options.auth && (s->secured.protocol || s->sink->options.auth_clear);
}

static void
end(struct sink_session *s, int code, const char *enhanced, const char *text)
{
	struct sink_answer a = {code, enhanced, text, NULL};
	s->phase = SINK_COMMANDS;
	a = sink_session_decide(s, SINK_ON_AUTH, NULL, 0, a);
	sink_session_log(s, "AUTH", PR_STR(""), a.code);
	s->auth.done = sink_session_give(s, &a);
	s->sink->totals.auths += s->auth.done;
	s->sink->totals.auths_failed += !s->auth.done;
}

static void
judge(struct sink_session *s, bool right)
{
	if (right)
		end(s, 235, "2.7.0", "Authentication succeeded");
	else
		end(s, 535, "5.7.8", "Authentication credentials invalid");
}

/* Ask for a response, with a challenge in base64. */
static void
ask(struct sink_session *s, int step, const char *challenge)
{
	char text[200];
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)challenge,
	                (int)strlen(challenge));
	struct sink_answer a = {334, NULL, text, NULL};
	s->auth.step = step;
	s->phase = SINK_AUTH_LINE;
	sink_session_give(s, &a);
}

static struct pr_str
user_of(const struct sink_session *s)
{
	const char *auth = s->sink->options.auth;
	return pr_str_n(auth, (size_t)(strchr(auth, ':') - auth));
}

static const char *
password_of(const struct sink_session *s)
{
	return strchr(s->sink->options.auth, ':') + 1;
}

/* "\0user\0password", an authorisation identity before it is not looked at. */
static bool
plain_is_right(const struct sink_session *s, struct pr_str response)
{
	const char *user = response.n ? memchr(response.p, 0, response.n) : NULL;
	if (!user++)
		return false;
	size_t left = response.n - (size_t)(user - response.p);
	const char *password = memchr(user, 0, left);
	if (!password++)
		return false;
	size_t user_n = (size_t)(password - 1 - user);
	return pr_str_eq(pr_str_n(user, user_n), user_of(s)) &&
	       pr_str_is(pr_str_n(password, left - user_n - 1), password_of(s));
}

/* "user 0123456789abcdef..." */
static bool
digest_is_right(const struct sink_session *s, struct pr_str response)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct pr_buf right = {0};
	const char *password = password_of(s);
	HMAC(EVP_md5(), password, (int)strlen(password), (const unsigned char *)s->auth.challenge,
	     strlen(s->auth.challenge), digest, &n);
	pr_buf_add_str(&right, user_of(s));
	pr_buf_addc(&right, ' ');
	for (unsigned i = 0; i < n; i++)
		pr_buf_addf(&right, "%02x", digest[i]);
	bool is = pr_str_eq(response, pr_buf_str(&right));
	pr_buf_finish(&right);
	return is;
}

static void
on_user(struct sink_session *s, struct pr_str user)
{
	size_t n = user.n < sizeof s->auth.user ? user.n : 0; /* too long: nobody */
	memcpy(s->auth.user, user.p, n);
	s->auth.user[n] = 0;
	ask(s, SINK_AUTH_PASSWORD, "Password:");
}

static void
on_response(struct sink_session *s, struct pr_str response)
{
	switch (s->auth.step) {
	case SINK_AUTH_PLAIN: judge(s, plain_is_right(s, response)); break;
	case SINK_AUTH_LOGIN: on_user(s, response); break;
	case SINK_AUTH_PASSWORD:
		judge(s,
		      pr_str_is(user_of(s), s->auth.user) && pr_str_is(response, password_of(s)));
		break;
	case SINK_AUTH_CRAM: judge(s, digest_is_right(s, response)); break;
	}
}

/* Strict base64, RFC 4648, 4. False: it is not. */
static bool
decode(struct pr_str line, struct pr_buf *out)
{
	size_t pad = 0;
	while (pad < 2 && pad < line.n && line.p[line.n - 1 - pad] == '=')
		pad++;
	if (line.n % 4 != 0)
		return false;
	pr_buf_grow(out, line.n);
	int n =
	    EVP_DecodeBlock((unsigned char *)out->data, (const unsigned char *)line.p, (int)line.n);
	if (n < (int)pad || (line.n && n <= 0))
		return false;
	out->len = (size_t)n - pad;
	return true;
}

void
sink_auth_line(struct sink_session *s, struct pr_str line)
{
	struct pr_buf response = {0};
	if (pr_str_is(line, "*"))
		end(s, 501, "5.7.0", "The exchange was cancelled");
	else if (!decode(line, &response))
		end(s, 501, "5.5.2", "Not base64");
	else
		on_response(s, pr_buf_str(&response));
	pr_buf_finish(&response);
}

static void
begin_cram(struct sink_session *s)
{
	snprintf(s->auth.challenge, sizeof s->auth.challenge, "<%llu.%lld@%.30s>",
	         (unsigned long long)s->id, (long long)s->now_us, s->sink->options.hostname);
	ask(s, SINK_AUTH_CRAM, s->auth.challenge);
}

void
sink_auth_begin(struct sink_session *s, struct pr_str argument)
{
	const char *blank = memchr(argument.p, ' ', argument.n);
	struct pr_str mechanism = {argument.p, blank ? (size_t)(blank - argument.p) : argument.n};
	struct pr_str initial =
	    pr_str_trim(pr_str_n(argument.p + mechanism.n, argument.n - mechanism.n));
	bool plain = pr_str_eq_nocase(mechanism, PR_STR("PLAIN"));
	s->alone = true;
	if (pr_str_eq_nocase(mechanism, PR_STR("CRAM-MD5")) && !initial.n) {
		begin_cram(s);
	} else if (!plain && !pr_str_eq_nocase(mechanism, PR_STR("LOGIN"))) {
		end(s, 504, "5.5.4", "PLAIN, LOGIN or CRAM-MD5");
	} else if (!initial.n) {
		ask(s, plain ? SINK_AUTH_PLAIN : SINK_AUTH_LOGIN, plain ? "" : "Username:");
	} else {
		s->auth.step = plain ? SINK_AUTH_PLAIN : SINK_AUTH_LOGIN;
		sink_auth_line(s, pr_str_is(initial, "=") ? PR_STR("") : initial);
	}
}
