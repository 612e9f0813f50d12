/* The growing buffer, and text escaped for where it goes. */
#include "postrider/base/buf.h"

#include "postrider/base/error.h"

#include <stdio.h>
#include <stdlib.h>

void
pr_buf_finish(struct pr_buf *b)
{
	free(b->data);
	*b = (struct pr_buf){0};
}

void
pr_buf_grow(struct pr_buf *b, size_t more)
{
	size_t need = b->len + more + 1, cap = b->cap ? b->cap : 64;
	PR_ASSERT(need > more);
	while (cap < need)
		cap += cap / 2 + 1;
	if (cap > b->cap) {
		b->data = pr_realloc(b->data, cap);
		b->cap = cap;
	}
}

void
pr_buf_addvf(struct pr_buf *b, const char *format, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	pr_buf_grow(b, 0);
	int n = vsnprintf(b->data + b->len, b->cap - b->len, format, ap);
	PR_ASSERT(n >= 0);
	if ((size_t)n >= b->cap - b->len) {
		pr_buf_grow(b, (size_t)n);
		vsnprintf(b->data + b->len, b->cap - b->len, format, again);
	}
	b->len += (size_t)n;
	va_end(again);
}

void
pr_buf_addf(struct pr_buf *b, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(b, format, ap);
	va_end(ap);
}

void
pr_buf_consume(struct pr_buf *b, size_t n)
{
	PR_ASSERT(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = 0;
}

void
pr_buf_add_html(struct pr_buf *b, struct pr_str s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		const char *to;
		switch (s.p[i]) {
		case '&': to = "&amp;"; break;
		case '<': to = "&lt;"; break;
		case '>': to = "&gt;"; break;
		case '"': to = "&quot;"; break;
		case '\'': to = "&#39;"; break;
		default: continue;
		}
		pr_buf_add(b, s.p + from, i - from);
		pr_buf_adds(b, to);
		from = i + 1;
	}
	pr_buf_add(b, s.p + from, s.n - from);
}

void
pr_buf_add_csv(struct pr_buf *b, struct pr_str s)
{
	bool guard = s.n && strchr("=+-@\t\r", s.p[0]) && s.p[0];
	bool quote = false;
	for (size_t i = 0; i < s.n && !quote; i++)
		quote = s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n' || s.p[i] == '\r' ||
		        s.p[i] == ';';
	if (quote)
		pr_buf_addc(b, '"');
	if (guard)
		pr_buf_addc(b, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			pr_buf_addc(b, '"');
		pr_buf_addc(b, s.p[i]);
	}
	if (quote)
		pr_buf_addc(b, '"');
}

static void
add_json_escape(struct pr_buf *b, unsigned char c)
{
	switch (c) {
	case '"': pr_buf_adds(b, "\\\""); break;
	case '\\': pr_buf_adds(b, "\\\\"); break;
	case '\n': pr_buf_adds(b, "\\n"); break;
	case '\r': pr_buf_adds(b, "\\r"); break;
	case '\t': pr_buf_adds(b, "\\t"); break;
	default: pr_buf_addf(b, "\\u%04x", c); break;
	}
}

void
pr_buf_add_json(struct pr_buf *b, struct pr_str s)
{
	pr_buf_addc(b, '"');
	size_t i = 0;
	while (i < s.n) {
		unsigned char c = (unsigned char)s.p[i];
		uint32_t code;
		size_t len = 1;
		if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
			add_json_escape(b, c);
		else if ((len = pr_utf8_decode(s.p + i, s.n - i, &code)))
			pr_buf_add(b, s.p + i, len);
		else {
			pr_buf_adds(b, "\xEF\xBF\xBD");
			len = 1;
		}
		i += len;
	}
	pr_buf_addc(b, '"');
}
