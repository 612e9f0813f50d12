/*
 * The message's octets as the wire wants them (RFC 5321 section 4.5.2): a dot at the begin
 * of a line is doubled, a line of one dot ends all. BDAT counts octets instead (RFC 3030)
 * and takes them as they are.
 *
 * Messages are CRLF throughout by contract. A line is taken to begin after any LF, so that
 * even a bare one that slipped in cannot make a lone dot for a peer that forgives bare LF.
 */
#include "session.h"

static void
add_stuffed(struct pr_buf *out, const char *p, size_t n)
{
	const char *end = p + n, *from = p;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		p = lf ? lf + 1 : end;
		if (p < end && *p == '.') {
			pr_buf_add(out, from, (size_t)(p - from));
			pr_buf_addc(out, '.');
			from = p;
		}
	}
	pr_buf_add(out, from, (size_t)(end - from));
}

static void
add_data(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n)
{
	if (!m->dots) {
		pr_buf_add(out, m->data + at, n);
		return;
	}
	if (n && m->data[at] == '.' && (at == 0 || m->data[at - 1] == '\n'))
		pr_buf_addc(out, '.');
	add_stuffed(out, m->data + at, n);
}

/* How much of [at, at + n) is of the message's own data; what is not is of the tail. */
static size_t
own_part(const struct pr_envelope *m, size_t at, size_t n)
{
	return at >= m->size ? 0 : n < m->size - at ? n : m->size - at;
}

static void
add_tail(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n)
{
	if (n)
		pr_buf_add(out, m->tail + (at - m->size), n);
}

void
smtp_add_body(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n)
{
	size_t own = own_part(m, at, n);
	if (own)
		add_data(out, m, at, own);
	add_tail(out, m, at + own, n - own);
}

void
smtp_add_octets(struct pr_buf *out, const struct pr_envelope *m, size_t at, size_t n)
{
	size_t own = own_part(m, at, n);
	if (own)
		pr_buf_add(out, m->data + at, own);
	add_tail(out, m, at + own, n - own);
}

void
smtp_add_end(struct pr_buf *out, const struct pr_envelope *m)
{
	const char *end = m->tail_n ? m->tail : m->data;
	size_t n = m->tail_n ? m->tail_n : m->size;
	if (n && (n < 2 || memcmp(end + n - 2, "\r\n", 2) != 0))
		pr_buf_adds(out, "\r\n");
	pr_buf_adds(out, ".\r\n");
}
