/*
 * A growing octet buffer. Always ended by a NUL beyond len once it holds
 * anything, so that data can be read as a C string where no NUL is inside.
 * Zero-initialise it ({0}) to begin; pr_buf_finish frees.
 */
#ifndef POSTRIDER_BASE_BUF_H
#define POSTRIDER_BASE_BUF_H

#include "postrider/base/str.h"

#include <stdarg.h>
#include <stddef.h>

struct pr_buf {
	char *data;
	size_t len, cap;
};

void pr_buf_finish(struct pr_buf *b);            /* frees, back to {0} */
void pr_buf_grow(struct pr_buf *b, size_t more); /* room for more octets and the NUL */
void pr_buf_addf(struct pr_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pr_buf_addvf(struct pr_buf *b, const char *format, va_list ap);
void pr_buf_consume(struct pr_buf *b, size_t n); /* drop the first n octets */

static inline void
pr_buf_clear(struct pr_buf *b)
{
	b->len = 0;
}

/* The same, but a large buffer is not kept: for what lives long and is mostly empty. */
#define PR_BUF_KEEP 16384u
static inline void
pr_buf_empty(struct pr_buf *b)
{
	pr_buf_clear(b);
	if (b->cap > PR_BUF_KEEP)
		pr_buf_finish(b);
}

static inline void
pr_buf_add(struct pr_buf *b, const void *data, size_t n)
{
	if (b->cap - b->len <= n)
		pr_buf_grow(b, n);
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = 0;
}

static inline void
pr_buf_addc(struct pr_buf *b, char c)
{
	pr_buf_add(b, &c, 1);
}

static inline void
pr_buf_adds(struct pr_buf *b, const char *s)
{
	pr_buf_add(b, s, strlen(s));
}

static inline void
pr_buf_add_str(struct pr_buf *b, struct pr_str s)
{
	pr_buf_add(b, s.p, s.n);
}

static inline struct pr_str
pr_buf_str(const struct pr_buf *b)
{
	return (struct pr_str){b->data ? b->data : "", b->len};
}

/* Text for where it goes. */
void pr_buf_add_html(struct pr_buf *b, struct pr_str s); /* & < > " ' */
void pr_buf_add_csv(struct pr_buf *b, struct pr_str s);  /* quoted where needed; a cell that
                                                          * begins with = + - @ TAB CR is
                                                          * guarded by a leading ' */
void pr_buf_add_json(struct pr_buf *b, struct pr_str s); /* with the quotes; invalid UTF-8
                                                          * becomes U+FFFD */

#endif
