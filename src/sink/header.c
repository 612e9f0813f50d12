/* The search for Message-ID: line by line, unfolding only that field. */
#include "sink/header.h"

void
sink_header_reset(struct sink_header *h)
{
	pr_buf_clear(&h->line);
	pr_buf_clear(&h->value);
	h->done = h->wanted = false;
	h->seen = 0;
}

void
sink_header_finish(struct sink_header *h)
{
	pr_buf_finish(&h->line);
	pr_buf_finish(&h->value);
}

static void
add_value(struct sink_header *h, struct pr_str part)
{
	part = pr_str_trim(part);
	size_t room = SINK_FIELD_MAX - h->value.len;
	pr_buf_add(&h->value, part.p, part.n < room ? part.n : room);
}

static void
take_line(struct sink_header *h, struct pr_str line)
{
	bool folded = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n == 0) {
		h->done = true;
	} else if (folded) {
		if (h->wanted)
			add_value(h, line);
	} else {
		if (h->wanted && h->value.len)
			h->done = true; /* the field is over; the first one counts */
		h->wanted = pr_str_starts_nocase(line, "Message-ID:");
		if (h->wanted && !h->done)
			add_value(h, pr_str_n(line.p + 11, line.n - 11));
	}
}

/* Keep the beginning of a line whose end is not here yet. */
static void
hold(struct sink_header *h, const char *p, size_t n)
{
	size_t room = SINK_FIELD_MAX - h->line.len;
	pr_buf_add(&h->line, p, n < room ? n : room);
}

void
sink_header_feed(struct sink_header *h, struct pr_str s)
{
	while (s.n && !h->done) {
		const char *lf = memchr(s.p, '\n', s.n);
		size_t n = lf ? (size_t)(lf - s.p) : s.n;
		if (lf && h->line.len == 0) {
			take_line(h, pr_str_n(s.p, n));
		} else {
			hold(h, s.p, n);
			if (lf) {
				take_line(h, pr_buf_str(&h->line));
				pr_buf_clear(&h->line);
			}
		}
		n += lf != NULL;
		s.p += n;
		s.n -= n;
		h->seen += (uint32_t)n;
		if (h->seen > SINK_HEADER_MAX)
			h->done = true;
	}
}

void
sink_header_end(struct sink_header *h)
{
	if (!h->done && h->line.len)
		take_line(h, pr_buf_str(&h->line));
	h->done = true;
}
