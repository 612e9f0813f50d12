/*
 * Bounces without a report: qmail, Exim, Exchange 5.5, Notes, gateways, and all that somebody
 * once wrote. They have one thing in common: a recipient is named in the text, mostly at the
 * begin of a line, and near it stands why. So addresses are looked for and ranked by how they
 * stand there; those of the best rank are the recipients.
 */
#include "internal.h"

enum rank {
	RANK_NONE,
	RANK_UNLIKELY, /* of the mail system itself, or of who gets the bounce */
	RANK_ANY,      /* anywhere in the text */
	RANK_RETURNED, /* the To of the message that came back */
	RANK_NAMED,    /* behind a word as "to", "recipient", "user" */
	RANK_LINE,     /* a line begins with it, or has nothing else */
	RANK_HEADER,   /* X-Failed-Recipients: it cannot be plainer */
};

#define ABOUT_LINES 25
#define CANDIDATES_MAX 400

struct candidate {
	struct pr_str address;
	enum rank rank;
};

struct search {
	struct findings *f;
	struct candidate items[CANDIDATES_MAX];
	size_t n;
	struct pr_str sender; /* of the message that came back, so most likely not who it was for */
};

/* ---- addresses and their rank ---- */

static bool
is_mailer(struct pr_str address)
{
	static const char *const names[] = {"mailer-daemon@", "postmaster@", "mailer_daemon@",
	                                    "mail-daemon@",   "abuse@",      "noreply@",
	                                    "no-reply@",      "hostmaster@", NULL};
	for (const char *const *n = names; *n; n++)
		if (pr_str_starts_nocase(address, *n))
			return true;
	return false;
}

/* A Message-ID or a link is no recipient. */
static bool
is_plausible(struct pr_str line, struct pr_str address)
{
	struct pr_str before = pr_str_n(line.p, (size_t)(address.p - line.p));
	return memchr(address.p, '.', address.n) && !holds_nocase(before, "message-id") &&
	       !holds_nocase(before, "message id") && !holds_nocase(before, "http") &&
	       !holds_nocase(before, "mailto:") && !holds_nocase(before, "references:");
}

static bool
is_margin(char c)
{
	return pr_is_space(c) || strchr("<>*-|\"'(:.", c);
}

/* "    Jane Doe (jane@b.example)": an entry of a list. */
static bool
ends_entry(struct pr_str line, struct pr_str address)
{
	const char *end = address.p + address.n;
	struct pr_str behind = pr_str_trim(pr_str_n(end, (size_t)(line.p + line.n - end)));
	return (pr_str_is(behind, ")") || pr_str_is(behind, ">")) &&
	       !memchr(line.p, ':', (size_t)(address.p - line.p));
}

/* How the line leads to the address. */
static enum rank
rank_of(struct pr_str line, struct pr_str address)
{
	static const char *const words[] = {"recipient", "rcpt to",   "user",      "mailbox",
	                                    "failed",    "undeliver", "unknown",   "deliver",
	                                    "address",   "account",   "full",      " to ",
	                                    " for ",     "host ",     "recepient", NULL};
	static const char *const headers[] = {"to",     "cc",        "from", "subject", "reply-to",
	                                      "sender", "mail from", "sent", NULL};
	struct pr_str before = pr_str_n(line.p, (size_t)(address.p - line.p));
	size_t n = before.n;
	while (n > 0 && is_margin(before.p[n - 1]))
		n--;
	if (n > 0 && pr_is_space(line.p[0]) && ends_entry(line, address))
		return RANK_NAMED;
	before = pr_str_trim(pr_str_n(before.p, n));
	if (before.n == 0 || pr_str_is(before, "SMTP") ||
	    pr_str_starts_nocase(before, "(expanded from"))
		return RANK_LINE;
	for (const char *const *h = headers; *h; h++)
		if (pr_str_eq_nocase(before, pr_str(*h)) && line.p[0] != '*')
			return RANK_ANY;
	if (holds_nocase(before, "mail from") || holds_nocase(before, "sender"))
		return RANK_ANY;
	return holds_any_nocase(pr_str_n(line.p, (size_t)(address.p - line.p)), words) ? RANK_NAMED
	                                                                               : RANK_ANY;
}

static void
add_candidate(struct search *s, struct pr_str address, enum rank rank)
{
	if (s->n == CANDIDATES_MAX)
		return;
	if (pr_str_eq_nocase(address, s->sender) || is_mailer(address))
		rank = RANK_UNLIKELY;
	s->items[s->n++] = (struct candidate){address, rank};
}

static void
search_field(struct search *s, struct pr_str value, enum rank rank)
{
	struct pr_str address;
	size_t at = 0;
	while (address_next(value, &at, &address))
		add_candidate(s, address, rank);
}

static void
search_notice(struct search *s)
{
	struct pr_str rest = s->f->mail->notice, line, address;
	while (line_next(&rest, &line)) {
		size_t at = 0;
		while (address_next(line, &at, &address))
			if (is_plausible(line, address))
				add_candidate(s, address, rank_of(line, address));
	}
}

static void
search_mail(struct search *s)
{
	const struct mail *m = s->f->mail;
	s->sender = address_of_field(field_of(m->arena, m->header, "To"));
	search_field(s, field_of(m->arena, m->header, "X-Failed-Recipients"), RANK_HEADER);
	search_notice(s);
	search_field(s, field_of(m->arena, m->returned, "To"), RANK_RETURNED);
}

/* ---- what is said about one ---- */

static bool
is_own_line(struct pr_str line, struct pr_str address)
{
	struct pr_str found;
	size_t at = 0;
	return address_next(line, &at, &found) && !pr_str_eq_nocase(found, address) &&
	       rank_of(line, found) == RANK_LINE && !is_mailer(found);
}

/* Whether a text says something, and is no mere punctuation. */
static bool
says_something(struct pr_str text)
{
	size_t letters = 0;
	for (size_t i = 0; i < text.n; i++)
		letters += !is_margin(text.p[i]);
	return letters > 3;
}

/* From the address on: what follows in its line and those below, to where another address has its
 * own, or the paragraph ends that says something. */
static struct pr_str
notice_about(const struct mail *m, struct pr_str address)
{
	struct pr_str rest = m->notice, line, found;
	const char *from = NULL, *end = m->notice.p + m->notice.n;
	bool told = false;
	for (unsigned lines = 0; lines < ABOUT_LINES && line_next(&rest, &line); lines += !!from) {
		size_t at = 0;
		if (from && (is_own_line(line, address) || (told && !pr_str_trim(line).n)))
			break;
		if (!from && address_next(line, &at, &found) && pr_str_eq_nocase(found, address))
			from = line.p;
		if (from)
			told |= says_something(pr_str_n(line.p + at, line.n - at));
		end = line.p + line.n;
	}
	return from ? pr_str_n(from, (size_t)(end - from)) : m->notice;
}

/* Whether another one has its own line. */
static bool
is_alone(const struct mail *m, struct pr_str address)
{
	struct pr_str rest = m->notice, line;
	while (line_next(&rest, &line))
		if (is_own_line(line, address))
			return false;
	return true;
}

/* Who is alone may find the reason in front of him, too. */
struct pr_str
notice_around(const struct mail *m, struct pr_str address)
{
	return is_alone(m, address) ? m->notice : notice_about(m, address);
}

/* As mail systems name it. RCPT first: with PIPELINING (RFC 2920) the refusal of a recipient is
 * read when DATA was sent already, and both are named. */
enum pr_said_to
command_of(struct pr_str text)
{
	static const struct {
		const char *word;
		enum pr_said_to to;
	} words[] = {
	    {"rcpt to", PR_SAID_TO_RCPT},
	    {">>> rcpt", PR_SAID_TO_RCPT},
	    {"[rcpt_to]", PR_SAID_TO_RCPT},
	    {"need rcpt", PR_SAID_TO_RCPT},
	    {"after mail from", PR_SAID_TO_MAIL},
	    {"reply to mail from", PR_SAID_TO_MAIL},
	    {"our mail from", PR_SAID_TO_MAIL},
	    {">>> mail", PR_SAID_TO_MAIL},
	    {"[mail_from]", PR_SAID_TO_MAIL},
	    {">>> data", PR_SAID_TO_DATA},
	    {"end of data", PR_SAID_TO_DATA},
	    {"reply to data", PR_SAID_TO_DATA},
	    {"after data", PR_SAID_TO_DATA},
	    {"our final data", PR_SAID_TO_DATA},
	    {"command data", PR_SAID_TO_DATA},
	    {"(data)", PR_SAID_TO_DATA},
	    {"after i sent the message", PR_SAID_TO_DATA},
	    {"initial connection", PR_SAID_TO_CONNECT},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (holds_nocase(text, words[i].word))
			return words[i].to;
	return PR_SAID_TO_UNKNOWN;
}

/* The reply in it, if there is one. */
static struct pr_str
reply_of(struct pr_str about)
{
	struct pr_said said = pr_said_read(about);
	return said.code ? pr_str_n(about.p + said.at, about.n - said.at) : about;
}

/* Nothing is lost yet. */
static bool
is_delay(const struct mail *m)
{
	static const char *const words[] = {
	    /* clang-format off */
	    "has not yet been delivered", "not yet been delivered", "have not yet received",
	    "warning message only", "will continue to be", "will keep trying",
	    "attempts will continue", "still being retried", "will be retried",
	    "temporary failure report", "not need to resend", "not need to re-send",
	    "no need to resend", "delivery is delayed", "has been delayed",
	    "is delayed for more than", "could not be delivered yet", NULL
	    /* clang-format on */
	};
	return holds_any_nocase(m->notice, words);
}

static void
add_recipient(struct findings *f, struct pr_str address)
{
	struct pr_feedback_recipient *r = found_add(f, address);
	if (!r)
		return;
	r->failed = !is_delay(f->mail);
	r->diagnostic = text_one_line(f->mail->arena, reply_of(notice_about(f->mail, address)),
	                              PR_FEEDBACK_DIAGNOSTIC_MAX);
	found_judge(f, r, notice_around(f->mail, address));
}

/* ---- whether it is one ---- */

static bool
subject_says_so(const struct mail *m)
{
	static const char *const words[] = {
	    /* clang-format off */
	    "undeliver", "returned mail", "return mail", "delivery fail", "failed mail",
	    "mail fail", "failure notice", "delivery status", "delivery notif", "nondeliver",
	    "non-deliver", "non deliver", "not deliver", "delivery error", "delivery problem",
	    "delivery report", "failure delivery", "returned to sender", "returning message",
	    "could not be delivered", "user unknown", "unknown user", "mail error",
	    "mail system error", "message status", "delivery has failed", "message rejected",
	    "mail rejected", "warning: message", "message delayed", "could not send message",
	    "mail could not", "not a member",
	    "not member", "unzustellbar", "nicht zugestellt", "non remis", "no entregad",
	    "mancata consegna", "não entregue", "недоставлен", "退信", "未配信", "配信不能", "配信エラー",
	    NULL
	    /* clang-format on */
	};
	return holds_any_nocase(
	    text_decode_field(m->arena, field_of(m->arena, m->header, "Subject")), words);
}

static bool
is_bounce(const struct mail *m)
{
	struct pr_str path = field_of(m->arena, m->header, "Return-Path");
	return is_from_mailer(m) || subject_says_so(m) || pr_str_starts(path, "<>") ||
	       field_of(m->arena, m->header, "X-Failed-Recipients").n;
}

/* Some send in the name of a person, or of nobody; then the returned header has to be there, and
 * words that only a mail system says. */
static bool
speaks_like_one(struct findings *f)
{
	struct pr_said said = pr_said_read(f->mail->notice);
	return f->mail->returned.n && pr_classify(f->rules, &said).by_text;
}

bool
read_notice(struct findings *f)
{
	struct search s = {.f = f};
	enum rank best = RANK_NONE;
	if (!is_bounce(f->mail) && !speaks_like_one(f))
		return false;
	search_mail(&s);
	for (size_t i = 0; i < s.n; i++)
		best = s.items[i].rank > best ? s.items[i].rank : best;
	for (size_t i = 0; i < s.n; i++)
		if (s.items[i].rank == best)
			add_recipient(f, s.items[i].address);
	return f->out->n > 0;
}
