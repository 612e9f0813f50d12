/* Links as mails carry them; see link.h. */
#include "postrider/message/link.h"

#include "token_text.h"

bool
pr_link_is_sound(struct pr_str url)
{
	size_t at = pr_str_starts_nocase(url, "https://")  ? 8
	            : pr_str_starts_nocase(url, "http://") ? 7
	                                                   : 0;
	if (!at || url.n > PR_LINK_MAX)
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"<>\\^`{|}", url.p[i]))
			return false;
	size_t host = at;
	for (; at < url.n && !strchr("/?#", url.p[at]); at++)
		if (url.p[at] == '@')
			return false;
	return at > host && url.p[host] != ':';
}

void
pr_click_write(const pr_tokens *keys, const struct pr_token *t, struct pr_str destination,
               struct pr_buf *out)
{
	char token[PR_TOKEN_URL_SIZE];
	if (t->link) {
		pr_buf_add(out, token, pr_token_url(keys, t, token));
		return;
	}
	pr_buf_add(out, token, pr_token_url_with(keys, t, destination, token));
	pr_buf_addc(out, '.');
	pr_buf_grow(out, destination.n / 3 * 4 + 4);
	out->len += token_write_base64(destination.p, destination.n, out->data + out->len);
}

static int
read_with(const pr_tokens *keys, struct pr_str token, struct pr_str text, struct pr_token *t,
          struct pr_buf *destination)
{
	unsigned char octets[PR_LINK_MAX];
	struct pr_str url =
	    pr_str_n((const char *)octets, token_read_base64(text, octets, PR_LINK_MAX));
	int r = pr_token_read_url_with(keys, PR_TOKEN_CLICK, token, url, t);
	if (r == 0 && (t->link || !pr_link_is_sound(url)))
		r = PR_EINVAL;
	if (r == 0)
		pr_buf_add_str(destination, url);
	return r;
}

int
pr_click_read(const pr_tokens *keys, struct pr_str text, struct pr_token *t,
              struct pr_buf *destination)
{
	const char *dot = text.n ? memchr(text.p, '.', text.n) : NULL;
	size_t n = dot ? (size_t)(dot - text.p) : text.n;
	struct pr_str token = pr_str_n(text.p, n);
	if (dot)
		return read_with(keys, token, pr_str_n(dot + 1, text.n - n - 1), t, destination);
	int r = pr_token_read_url(keys, PR_TOKEN_CLICK, token, t);
	return r == 0 && t->link == 0 ? PR_EINVAL : r;
}
