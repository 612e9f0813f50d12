/*
 * Header fields. A text is either plain, then it is only folded, or it becomes a row of encoded
 * words from end to end: half-encoded text gains nothing and every boundary between a word and
 * plain text is a chance to lose a blank.
 */
#include "header.h"

#include <time.h>

#define FOLD 78       /* RFC 5322 section 2.1.1: should */
#define WORD_LINE 76  /* RFC 2047 section 2: a line with an encoded word */
#define WORD_EXTRA 12 /* "=?UTF-8?Q?" and "?=" */
#define WORD_MAX 75
#define PLAIN_WORD_MAX 900 /* a longer one could not be folded below 998 */
#define PLAIN_BLANKS_MAX 16
#define PIECE_MAX 50 /* octets of a parameter on one line */

/* ---- characters ---- */

/* Letters, digits and what both an atom (RFC 5322 section 3.2.3) and a phrase's Q word
 * (RFC 2047 section 5) may hold. */
static bool
is_word_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

static bool
is_atext(unsigned char c)
{
	return is_word_char(c) || (c && strchr("#$%&'=?^_`{|}~", c));
}

static bool
is_attribute_char(unsigned char c) /* RFC 2231 section 7 */
{
	return c > ' ' && c < 0x7F && !strchr("*'%()<>@,;:\\\"/[]?=", c);
}

/* Takes the next character off s into to[4]: CR, LF, NUL as a space, invalid octets as U+FFFD. */
static size_t
take_char(struct pr_str *s, char *to)
{
	uint32_t code;
	size_t n = pr_utf8_decode(s->p, s->n, &code);
	if (n == 0) {
		memcpy(to, "\xEF\xBF\xBD", 3);
		s->p++, s->n--;
		return 3;
	}
	memcpy(to, s->p, n);
	if (*to == '\r' || *to == '\n' || *to == 0)
		*to = ' ';
	s->p += n, s->n -= n;
	return n;
}

/* ---- encoded words ---- */

static size_t
q_cost(const char *p, size_t n)
{
	size_t cost = 0;
	for (size_t i = 0; i < n; i++)
		cost += is_word_char((unsigned char)p[i]) || p[i] == ' ' ? 1 : 3;
	return cost;
}

/* Q can be read by people: it may cost a third more than B. */
static bool
q_is_better(struct pr_str s)
{
	size_t b_cost = (s.n + 2) / 3 * 4;
	return q_cost(s.p, s.n) <= b_cost + b_cost / 3;
}

static void
add_q(struct pr_buf *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c == ' ')
			pr_buf_addc(out, '_');
		else if (is_word_char(c))
			pr_buf_addc(out, (char)c);
		else
			pr_buf_addf(out, "=%02X", c);
	}
}

static void
add_b(struct pr_buf *out, const char *p, size_t n)
{
	char word[WORD_MAX * 2];
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t o = 0;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < n ? (unsigned char)p[i + k] : 0);
		for (unsigned k = 0; k < 4; k++)
			word[o++] = i + k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
	}
	pr_buf_add(out, word, o);
}

/* Cuts off s what fits in `room` encoded octets, whole characters only, into text. */
static size_t
fill_word(struct pr_str *s, bool q, size_t room, char *text)
{
	size_t n = 0, cost = 0;
	while (s->n) {
		struct pr_str left = *s;
		char one[4];
		size_t k = take_char(&left, one);
		size_t with = q ? cost + q_cost(one, k) : (n + k + 2) / 3 * 4;
		if (with > room)
			break;
		memcpy(text + n, one, k);
		n += k, cost = with, *s = left;
	}
	return n;
}

/* s as encoded words, the first beginning at `column`; returns the column after the last. */
static size_t
add_words(struct pr_buf *out, struct pr_str s, size_t column)
{
	bool q = q_is_better(s), first = true;
	while (s.n) {
		char text[WORD_MAX];
		if (!first || column + WORD_EXTRA + 16 > WORD_LINE) {
			pr_buf_adds(out, "\r\n ");
			column = 1;
		}
		first = false;
		size_t room = WORD_LINE - column;
		room = (room > WORD_MAX ? WORD_MAX : room) - WORD_EXTRA;
		size_t n = fill_word(&s, q, room, text), was = out->len;
		pr_buf_adds(out, q ? "=?UTF-8?Q?" : "=?UTF-8?B?");
		(q ? add_q : add_b)(out, text, n);
		pr_buf_adds(out, "?=");
		column += out->len - was;
	}
	return column;
}

/* ---- unstructured fields ---- */

static bool
is_plain(struct pr_str s)
{
	size_t word = 0, blanks = 0;
	if (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		word = c == ' ' ? 0 : word + 1;
		blanks = c == ' ' ? blanks + 1 : 0;
		if (c < ' ' || c > '~' || word > PLAIN_WORD_MAX || blanks > PLAIN_BLANKS_MAX)
			return false;
		if (c == '=' && i + 1 < s.n && s.p[i + 1] == '?')
			return false;
	}
	return true;
}

/* Folds before a run of blanks that a word follows; a first word too long stays where it is. */
static void
add_folded(struct pr_buf *out, struct pr_str s, size_t column)
{
	size_t i = 0;
	while (i < s.n) {
		size_t from = i;
		while (i < s.n && s.p[i] == ' ')
			i++;
		while (i < s.n && s.p[i] != ' ')
			i++;
		if (column + (i - from) > FOLD && from > 0) {
			pr_buf_adds(out, "\r\n");
			column = 0;
		}
		pr_buf_add(out, s.p + from, i - from);
		column += i - from;
	}
}

void
pr_field_text(struct pr_buf *out, const char *name, struct pr_str text)
{
	size_t column = strlen(name) + 2;
	pr_buf_add(out, name, column - 2);
	pr_buf_add(out, ": ", 2);
	if (text.n && is_plain(text)) {
		if (column + text.n <= FOLD)
			pr_buf_add_str(out, text);
		else
			add_folded(out, text, column);
	} else {
		add_words(out, text, column);
	}
	pr_buf_add(out, "\r\n", 2);
}

void
pr_field_tidy(struct pr_buf *text)
{
	size_t n = 0;
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];
		if (c <= ' ' || c == 0x7F) {
			if (n && text->data[n - 1] != ' ')
				text->data[n++] = ' ';
		} else {
			text->data[n++] = (char)c;
		}
	}
	if (n && text->data[n - 1] == ' ')
		n--;
	text->len = n;
	if (text->data)
		text->data[n] = 0;
}

/* ---- mailboxes ---- */

enum phrase { PHRASE_ATOMS, PHRASE_QUOTED, PHRASE_WORDS };

static enum phrase
phrase_kind(struct pr_str s)
{
	enum phrase kind = PHRASE_ATOMS;
	if (s.n > 60 || !is_plain(s))
		return PHRASE_WORDS;
	for (size_t i = 0; i < s.n; i++) {
		bool twice = s.p[i] == ' ' && s.p[i + 1] == ' ';
		if ((s.p[i] != ' ' && !is_atext((unsigned char)s.p[i])) || twice)
			kind = PHRASE_QUOTED;
	}
	return kind;
}

static void
add_quoted(struct pr_buf *out, struct pr_str s)
{
	pr_buf_addc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			pr_buf_addc(out, '\\');
		pr_buf_addc(out, s.p[i]);
	}
	pr_buf_addc(out, '"');
}

static size_t
add_phrase(struct pr_buf *out, struct pr_str display, size_t column)
{
	size_t was = out->len;
	switch (phrase_kind(display)) {
	case PHRASE_ATOMS: pr_buf_add_str(out, display); break;
	case PHRASE_QUOTED: add_quoted(out, display); break;
	case PHRASE_WORDS: return add_words(out, display, column);
	}
	return column + out->len - was;
}

void
pr_field_mailbox(struct pr_buf *out, const char *name, struct pr_str display, struct pr_str address)
{
	size_t column = strlen(name) + 2;
	pr_buf_adds(out, name);
	pr_buf_adds(out, ": ");
	display = pr_str_trim(display);
	if (display.n == 0) {
		pr_buf_add_str(out, address);
		pr_buf_adds(out, "\r\n");
		return;
	}
	column = add_phrase(out, display, column);
	pr_buf_adds(out, column + address.n + 3 > WORD_LINE ? "\r\n <" : " <");
	pr_buf_add_str(out, address);
	pr_buf_adds(out, ">\r\n");
}

/* ---- parameters ---- */

static bool
is_simple_param(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return s.n <= PIECE_MAX;
}

/* One piece of an extended value: whole characters, percent-encoded. */
static void
add_piece(struct pr_buf *out, struct pr_str *s)
{
	size_t room = PIECE_MAX;
	while (s->n) {
		struct pr_str left = *s;
		char one[4];
		size_t k = take_char(&left, one);
		if (room < 3 * k)
			return;
		for (size_t i = 0; i < k; i++) {
			unsigned char c = (unsigned char)one[i];
			if (is_attribute_char(c))
				pr_buf_addc(out, (char)c);
			else
				pr_buf_addf(out, "%%%02X", c);
		}
		room -= 3 * k;
		*s = left;
	}
}

void
pr_field_param(struct pr_buf *out, const char *name, struct pr_str value)
{
	if (is_simple_param(value)) {
		pr_buf_addf(out, ";\r\n %s=", name);
		add_quoted(out, value);
		return;
	}
	bool pieces = value.n * 3 > PIECE_MAX || !pr_utf8_valid(value.p, value.n, NULL);
	for (unsigned i = 0; value.n; i++) {
		pr_buf_addf(out, ";\r\n %s*", name);
		if (pieces)
			pr_buf_addf(out, "%u*", i);
		pr_buf_adds(out, i == 0 ? "=UTF-8''" : "=");
		add_piece(out, &value);
	}
}

/* ---- small ones ---- */

size_t
pr_format_rfc5322(int64_t utc_ms, char *out)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(utc_ms / 1000);
	struct tm tm;
	gmtime_r(&t, &tm);
	struct pr_buf b = {0};
	pr_buf_addf(&b, "%.3s, %d %.3s %d %02d:%02d:%02d +0000", days + 3 * tm.tm_wday, tm.tm_mday,
	            months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	size_t n = b.len < PR_RFC5322_SIZE ? b.len : PR_RFC5322_SIZE - 1;
	memcpy(out, b.data, n);
	out[n] = 0;
	pr_buf_finish(&b);
	return n;
}

bool
pr_field_name_valid(struct pr_str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return false;
	return name.n > 0 && name.n <= 76;
}
