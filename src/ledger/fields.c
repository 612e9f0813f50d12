/* Fields of a row, packed: each a length (7 bits an octet, low first) and its octets. */
#include "postrider/ledger.h"

#include <limits.h>

void
pr_fields_pack(struct pr_buf *to, const struct pr_str *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t left = fields[i].n;
		for (; left > 0x7F; left >>= 7)
			pr_buf_addc(to, (char)(0x80 | (left & 0x7F)));
		pr_buf_addc(to, (char)left);
		pr_buf_add_str(to, fields[i]);
	}
}

/* The length at *at, or SIZE_MAX where the data ends before it does. */
static size_t
read_length(struct pr_str data, size_t *at)
{
	size_t n = 0;
	for (unsigned shift = 0; *at < data.n && shift < 35; shift += 7) {
		unsigned char c = (unsigned char)data.p[(*at)++];
		n |= (size_t)(c & 0x7F) << shift;
		if (!(c & 0x80))
			return n;
	}
	return SIZE_MAX;
}

size_t
pr_fields_unpack(struct pr_str data, struct pr_str *fields, size_t max)
{
	size_t at = 0, n = 0;
	while (at < data.n) {
		size_t length = read_length(data, &at);
		if (length > data.n - at)
			break; /* damaged: the rest is empty */
		if (n < max)
			fields[n] = pr_str_n(data.p + at, length);
		at += length;
		n++;
	}
	for (size_t i = n; i < max; i++)
		fields[i] = PR_STR("");
	return n;
}
