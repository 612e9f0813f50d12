/*
 * The search for the end of mail data. Goes from LF to LF with memchr: the
 * only places where a line, and so a dot that matters, can begin.
 *
 * A piece of the message ends where a stuffed dot is left out, at the final
 * dot, or with the input. Only one octet ever has to be given late: the CR of
 * a line ". CR" at the end of the input, which is message if no LF follows.
 * Fails never: what is not an end of data is data.
 */
#include "sink/scan.h"

/* The rest of a line begins at p: up to and with its LF, or to the end. Moves
 * to the next state; returns its length. */
static size_t
take_line(struct sink_scan *s, const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);
	size_t length = lf ? (size_t)(lf - p) + 1 : n;
	bool crlf = lf && (length > 1 ? lf[-1] == '\r' : s->state == SINK_SCAN_CR);
	s->line += length;
	if (crlf) {
		if (s->line > SINK_LINE_MAX + 2)
			s->long_lines++;
		s->line = 0;
		s->state = SINK_SCAN_START;
	} else {
		s->bare_lfs += lf != NULL;
		s->state = p[length - 1] == '\r' ? SINK_SCAN_CR : SINK_SCAN_LINE;
	}
	return length;
}

/* After a dot that began a line: the end, or a stuffed dot. Returns how much
 * of p was used; *held tells that a CR has to be given first. */
static size_t
take_dot(struct sink_scan *s, const char *p, bool *held)
{
	if (s->state == SINK_SCAN_DOT && *p == '\r') {
		s->state = SINK_SCAN_DOT_CR;
		return 1;
	}
	if (s->state == SINK_SCAN_DOT_CR && *p == '\n') {
		s->ended = true;
		return 1;
	}
	*held = s->state == SINK_SCAN_DOT_CR;
	s->state = *held ? SINK_SCAN_CR : SINK_SCAN_LINE;
	s->line = *held;
	return 0;
}

static bool
after_dot(const struct sink_scan *s)
{
	return s->state == SINK_SCAN_DOT || s->state == SINK_SCAN_DOT_CR;
}

size_t
sink_scan(struct sink_scan *s, const char *p, size_t n, struct pr_str *body)
{
	size_t i = 0;
	*body = pr_str_n(p, 0);
	while (i < n && after_dot(s) && !s->ended) {
		bool held = false;
		i += take_dot(s, p + i, &held);
		if (held) {
			*body = PR_STR("\r");
			s->octets++;
			return i;
		}
	}
	size_t from = i;
	while (i < n && !s->ended) {
		if (s->state == SINK_SCAN_START && p[i] == '.')
			break;
		i += take_line(s, p + i, n - i);
	}
	*body = pr_str_n(p + from, i - from);
	s->octets += i - from;
	if (i < n && !s->ended) { /* a dot begins the next line */
		s->state = SINK_SCAN_DOT;
		i++;
	}
	return i;
}
