/*
 * AUTH (RFC 4954): a user's name and password, by the best mechanism that the peer offers.
 *
 * In TLS PLAIN (RFC 4616) comes first: one round trip. In clear, where that is allowed at
 * all, CRAM-MD5 (RFC 2195) comes first: it does not show the password. LOGIN was never a
 * standard, but some know nothing else. A mechanism is a command and its answers to the
 * peer's challenges (334); more challenges than it has answers end the session, and so does
 * each refusal: who is not known to a relay will not be so at the next message.
 *
 * What is sent here is kept nowhere: no reason names it, and copies are wiped.
 */
#include "session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define CREDENTIAL_MAX 1024u /* octets of a name or a password */
#define CHALLENGE_MAX 1024u  /* octets of base64 */
#define COMMAND_MAX 512u     /* RFC 4954 section 4: an AUTH command with what is behind it */

static const struct {
	const char *word;
	unsigned bit, answers;
} mechanisms[] = {
    {"PLAIN", AUTH_PLAIN, 1},
    {"LOGIN", AUTH_LOGIN, 2},
    {"CRAM-MD5", AUTH_CRAM_MD5, 1},
};
#define MECHANISMS (sizeof mechanisms / sizeof *mechanisms)

unsigned
smtp_read_mechanisms(struct pr_str words)
{
	unsigned found = 0;
	while (words.n) {
		const char *blank = memchr(words.p, ' ', words.n);
		size_t n = blank ? (size_t)(blank - words.p) : words.n;
		for (size_t i = 0; i < MECHANISMS; i++)
			if (pr_str_eq_nocase(pr_str_n(words.p, n), pr_str(mechanisms[i].word)))
				found |= mechanisms[i].bit;
		n += blank != NULL;
		words = pr_str_n(words.p + n, words.n - n);
	}
	return found;
}

static unsigned
choose(const pr_smtp *s)
{
	static const unsigned in_tls[] = {AUTH_PLAIN, AUTH_LOGIN, AUTH_CRAM_MD5};
	static const unsigned in_clear[] = {AUTH_CRAM_MD5, AUTH_PLAIN, AUTH_LOGIN};
	for (size_t i = 0; i < MECHANISMS; i++) {
		unsigned bit = s->secured ? in_tls[i] : in_clear[i];
		if (s->mechanisms & bit)
			return bit;
	}
	return 0;
}

void
smtp_begin_auth(pr_smtp *s)
{
	s->mechanism = choose(s);
	if (!s->secured && !s->options.auth_in_clear)
		smtp_end(s, PR_STAGE_AUTH, "the password is not sent without TLS");
	else if (!s->mechanism)
		smtp_end(s, PR_STAGE_AUTH, "the peer offers no AUTH by PLAIN, LOGIN or CRAM-MD5");
	else if (strlen(s->options.user) > CREDENTIAL_MAX ||
	         strlen(s->options.password) > CREDENTIAL_MAX)
		smtp_end(s, PR_STAGE_AUTH, "user or password is longer than 1024 octets");
	else
		smtp_plan(s, STEP_AUTH, NULL);
}

static void
add_base64(struct pr_buf *out, const void *p, size_t n)
{
	pr_buf_grow(out, (n + 2) / 3 * 4 + 1);
	out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len, p, (int)n);
}

/* ---- what answers a challenge ---- */

/* NUL user NUL password: no identity but the user's own. */
static void
answer_plain(pr_smtp *s)
{
	char text[2 * CREDENTIAL_MAX + 2] = {0};
	size_t user = strlen(s->options.user), password = strlen(s->options.password);
	memcpy(text + 1, s->options.user, user);
	memcpy(text + 2 + user, s->options.password, password);
	add_base64(&s->auth_line, text, 2 + user + password);
	OPENSSL_cleanse(text, sizeof text);
}

static void
answer_login(pr_smtp *s)
{
	const char *text = s->auth_turn ? s->options.password : s->options.user;
	add_base64(&s->auth_line, text, strlen(text));
}

/* The octets of a challenge; negative: it is not base64. */
static int
decode(struct pr_str text, unsigned char *out)
{
	unsigned padding = 0;
	if (text.n > CHALLENGE_MAX || text.n % 4)
		return -1;
	while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
		padding++;
	int n = text.n ? EVP_DecodeBlock(out, (const unsigned char *)text.p, (int)text.n) : 0;
	return n < 0 ? n : n - (int)padding;
}

/* user SP hex(HMAC-MD5(password, challenge)) */
static bool
answer_cram_md5(pr_smtp *s, struct pr_str challenge)
{
	unsigned char text[CHALLENGE_MAX], digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int length = decode(challenge, text);
	const char *password = s->options.password;
	if (length < 0 ||
	    !HMAC(EVP_md5(), password, (int)strlen(password), text, (size_t)length, digest, &n))
		return false;
	struct pr_buf answer = {0};
	pr_buf_adds(&answer, s->options.user);
	pr_buf_addc(&answer, ' ');
	for (unsigned i = 0; i < n; i++)
		pr_buf_addf(&answer, "%02x", digest[i]);
	add_base64(&s->auth_line, answer.data, answer.len);
	pr_buf_finish(&answer);
	return true;
}

static bool
answer(pr_smtp *s, struct pr_str challenge)
{
	switch (s->mechanism) {
	case AUTH_CRAM_MD5: return answer_cram_md5(s, challenge);
	case AUTH_LOGIN: answer_login(s); return true;
	default: answer_plain(s); return true;
	}
}

/* ---- the steps ---- */

static size_t
at_mechanism(const pr_smtp *s)
{
	size_t i = 0;
	while (mechanisms[i].bit != s->mechanism)
		i++;
	return i;
}

static void
wipe_line(pr_smtp *s)
{
	if (s->auth_line.len)
		OPENSSL_cleanse(s->auth_line.data, s->auth_line.len);
	pr_buf_clear(&s->auth_line);
}

/* PLAIN has its answer in the command, as long as a command may be. */
bool
smtp_send_auth(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_adds(&s->out, "AUTH ");
	pr_buf_adds(&s->out, mechanisms[at_mechanism(s)].word);
	if (s->mechanism == AUTH_PLAIN)
		answer_plain(s);
	if (s->auth_line.len && sizeof "AUTH PLAIN \r\n" - 1 + s->auth_line.len <= COMMAND_MAX) {
		pr_buf_addc(&s->out, ' ');
		pr_buf_add_str(&s->out, pr_buf_str(&s->auth_line));
	}
	pr_buf_adds(&s->out, "\r\n");
	wipe_line(s);
	return true;
}

bool
smtp_send_auth_more(pr_smtp *s, struct transaction *t)
{
	(void)t;
	pr_buf_add_str(&s->out, pr_buf_str(&s->auth_line));
	pr_buf_adds(&s->out, "\r\n");
	wipe_line(s);
	return true;
}

void
smtp_on_auth_reply(pr_smtp *s, struct transaction *t, const struct pr_reply *r)
{
	(void)t;
	if (smtp_good(r)) {
		s->ready = true;
	} else if (smtp_refused(r)) {
		smtp_end_answered(s, PR_STAGE_AUTH, r);
	} else if (r->code != 334 || s->auth_turn >= mechanisms[at_mechanism(s)].answers ||
	           !answer(s, pr_str_trim(r->text))) {
		smtp_nonsense(s, PR_STAGE_AUTH);
	} else {
		s->auth_turn++;
		smtp_plan(s, STEP_AUTH_MORE, NULL);
	}
}
