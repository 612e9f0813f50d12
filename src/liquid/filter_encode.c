/* Filters that encode: HTML, URLs, base64, JSON, hashes; raw and default. */
#include "filter.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static bool
put_safe(struct lq_machine *m, lq_value *v)
{
	v->flags = m->escape ? LQ_SAFE : 0;
	return true;
}

bool
lq_f_raw(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	(void)args, (void)n;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text_printed(m, v, &s))
		return false;
	*v = pr_liquid_string(s);
	v->flags = m->escape ? LQ_SAFE | LQ_FINAL : 0;
	return true;
}

/* Whether s begins with &name; or &#123; */
static bool
is_entity(struct pr_str s)
{
	size_t i = 1;
	bool number = i < s.n && s.p[i] == '#';
	i += number;
	size_t from = i;
	while (i < s.n &&
	       (number ? pr_is_digit(s.p[i]) : pr_lower(s.p[i]) >= 'a' && pr_lower(s.p[i]) <= 'z'))
		i++;
	return i > from && i < s.n && s.p[i] == ';';
}

static bool
escape(struct lq_machine *m, lq_value *v, bool once)
{
	struct pr_str s;
	struct lq_builder b;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n + s.n / 8);
	for (;;) {
		size_t n = lq_plain_length(s);
		lq_build_add(&b, s.p, n);
		s = (struct pr_str){s.p + n, s.n - n};
		if (s.n == 0)
			break;
		if (once && s.p[0] == '&' && is_entity(s))
			lq_build_add(&b, s.p, 1);
		else
			lq_build_str(&b, lq_entity(s.p[0]));
		s = (struct pr_str){s.p + 1, s.n - 1};
	}
	return lq_build_end(&b, v) && put_safe(m, v);
}

bool
lq_f_escape(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	if (v->type == PR_LIQUID_STRING && v->flags & LQ_SAFE)
		return true;
	return v->type == PR_LIQUID_NIL || escape(m, v, false);
}

bool
lq_f_escape_once(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return escape(m, v, true);
}

bool
lq_f_url_encode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	static const char hex[] = "0123456789ABCDEF";
	struct pr_str s;
	struct lq_builder b;
	(void)args, (void)n;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n + s.n / 2);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char coded[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (pr_is_digit(s.p[i]) || (pr_lower(s.p[i]) >= 'a' && pr_lower(s.p[i]) <= 'z') ||
		    strchr("_.-~", c ? c : 'x'))
			lq_build_addc(&b, s.p[i]);
		else if (c == ' ')
			lq_build_addc(&b, '+');
		else
			lq_build_add(&b, coded, 3);
	}
	return lq_build_end(&b, v);
}

static int
hex_digit(char c)
{
	if (pr_is_digit(c))
		return c - '0';
	c = pr_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
lq_f_url_decode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	struct lq_builder b;
	(void)args, (void)n;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i] == '+' ? ' ' : s.p[i];
		if (c == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
		    hex_digit(s.p[i + 2]) >= 0) {
			c = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		}
		lq_build_addc(&b, c);
	}
	if (!lq_build_end(&b, v))
		return false;
	return pr_utf8_valid(v->s, v->n, NULL) || lq_raise(m, "invalid byte sequence in UTF-8");
}

static bool
encode64(struct lq_machine *m, lq_value *v, const char *last)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	struct pr_str s;
	struct lq_builder b;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n / 3 * 4 + 8);
	for (size_t i = 0; i < s.n; i += 3) {
		char out[4] = "====";
		uint32_t bits = 0;
		for (size_t j = 0; j < 3; j++)
			bits = bits << 8 | (i + j < s.n ? (unsigned char)s.p[i + j] : 0);
		for (size_t j = 0; j < 4 && i + j <= s.n; j++) {
			uint32_t d = bits >> (18 - 6 * j) & 63;
			out[j] = d < 62 ? digits[d] : last[d - 62];
		}
		lq_build_add(&b, out, 4);
	}
	return lq_build_end(&b, v);
}

bool
lq_f_base64_encode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return encode64(m, v, "+/");
}

bool
lq_f_base64_url_safe_encode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return encode64(m, v, "-_");
}

static int
digit64(char c, const char *last)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (pr_is_digit(c))
		return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

/* Strict: whole groups, padded unless `loose`, no foreign characters, no stray bits. */
static bool
decode64(struct lq_machine *m, lq_value *v, const char *last, bool loose, const char *name)
{
	struct pr_str s;
	struct lq_builder b;
	uint32_t bits = 0;
	unsigned held = 0;
	size_t pad = 0;
	if (!lq_text(m, v, &s))
		return false;
	bool good = loose || s.n % 4 == 0;
	while (s.n && s.p[s.n - 1] == '=') {
		s.n--;
		pad++;
	}
	good &= pad <= 2 && s.n % 4 != 1 && (pad == 0 || (s.n + pad) % 4 == 0);
	lq_build(&b, m, s.n);
	for (size_t i = 0; i < s.n && good; i++) {
		int d = digit64(s.p[i], last);
		good &= d >= 0;
		bits = bits << 6 | (uint32_t)(d & 63);
		held += 6;
		if (held >= 8) {
			held -= 8;
			char octet = (char)(bits >> held);
			lq_build_add(&b, &octet, 1);
		}
	}
	good &= (bits & ((1u << held) - 1)) == 0;
	if (!good)
		return lq_raise(m, "invalid base64 provided to %s", name);
	return lq_build_end(&b, v);
}

bool
lq_f_base64_decode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return decode64(m, v, "+/", false, "base64_decode");
}

bool
lq_f_base64_url_safe_decode(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return decode64(m, v, "-_", true, "base64_url_safe_decode");
}

bool
lq_f_default(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	const lq_value *options = n && args[n - 1].type == PR_LIQUID_HASH ? &args[n - 1] : NULL;
	const lq_value *allow = options && (n > 1 || lq_hash_get(options, PR_STR("allow_false")))
	                            ? lq_hash_get(options, PR_STR("allow_false"))
	                            : NULL;
	bool missing = allow && lq_truthy(allow) ? v->type == PR_LIQUID_NIL : !lq_truthy(v);
	(void)m;
	if (missing || lq_is_empty(v))
		*v = n && !(n == 1 && allow) ? args[0] : pr_liquid_string(PR_STR(""));
	return true;
}

#define JSON_DEPTH 100

static void
add_json(struct pr_buf *out, const lq_value *v, unsigned depth, size_t max)
{
	char text[LQ_FLOAT_SIZE];
	bool hash = v->type == PR_LIQUID_HASH;
	if (v->type == PR_LIQUID_STRING) {
		pr_buf_add_json(out, lq_str(v));
	} else if (v->type == PR_LIQUID_BOOL) {
		pr_buf_adds(out, v->i ? "true" : "false");
	} else if (v->type == PR_LIQUID_INT) {
		pr_buf_add(out, text, lq_int_text(v->i, text));
	} else if (v->type == PR_LIQUID_FLOAT && __builtin_isfinite(v->f)) {
		pr_buf_add(out, text, lq_float_text(v->f, text));
	} else if ((v->type == PR_LIQUID_ARRAY || hash) && depth < JSON_DEPTH) {
		pr_buf_addc(out, hash ? '{' : '[');
		for (uint32_t i = 0; i < v->n && out->len < max; i++) {
			if (i)
				pr_buf_addc(out, ',');
			if (hash) {
				add_json(out, &v->items[2 * i], depth + 1, max);
				pr_buf_addc(out, ':');
			}
			add_json(out, &v->items[hash ? 2 * i + 1 : i], depth + 1, max);
		}
		pr_buf_addc(out, hash ? '}' : ']');
	} else {
		pr_buf_adds(out, "null");
	}
}

bool
lq_f_json(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	size_t mark = m->out->len;
	struct lq_builder b;
	(void)args, (void)n;
	add_json(m->out, v, 0, m->out_max);
	lq_build(&b, m, m->out->len - mark);
	lq_build_add(&b, m->out->data + mark, m->out->len - mark);
	m->out->len = mark;
	return lq_build_end(&b, v);
}

static bool
put_hex(struct lq_machine *m, lq_value *v, const unsigned char *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	struct lq_builder b;
	lq_build(&b, m, 2 * n);
	for (size_t i = 0; i < n; i++) {
		char two[2] = {hex[p[i] >> 4], hex[p[i] & 15]};
		lq_build_add(&b, two, 2);
	}
	return lq_build_end(&b, v);
}

static bool
digest(struct lq_machine *m, lq_value *v, const EVP_MD *how)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct pr_str s;
	if (!lq_text(m, v, &s))
		return false;
	if (!EVP_Digest(s.p, s.n, sum, &n, how, NULL))
		return lq_raise(m, "this digest is not available");
	return put_hex(m, v, sum, n);
}

bool
lq_f_md5(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return digest(m, v, EVP_md5());
}

bool
lq_f_sha1(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return digest(m, v, EVP_sha1());
}

bool
lq_f_sha256(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return digest(m, v, EVP_sha256());
}

bool
lq_f_hmac_sha256(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	struct pr_str s, key;
	(void)n;
	if (!lq_text(m, v, &s) || !lq_text(m, &args[0], &key))
		return false;
	if (!HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)s.p, s.n, sum, &length))
		return lq_raise(m, "this digest is not available");
	return put_hex(m, v, sum, length);
}
