/*
 * MTA-STS as text: the TXT record, the policy, the line that keeps a policy over a restart, and
 * whether a host fits. Pure.
 *
 * RFC 8461 section 3.2: keys in any order, unknown ones ignored, of a key that comes twice the
 * first counts (but for mx, which is a list). A policy with a pattern that is none is no policy:
 * to guess at what it allows is to guess where mail may go.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_AGE_DIGITS 10
#define LINE_VERSION "1"

static const char *const modes[] = {"none", "testing", "enforce"};

struct policy_text {
	bool version, mode, max_age;
	enum pr_sts_mode is;
	unsigned max_age_s;
	size_t n;
	char mx[PR_STS_MX_MAX][PR_DNS_NAME_SIZE];
};

/* ---- the TXT record ---- */

static bool
is_id(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = pr_lower(s.p[i]);
		if (!pr_is_digit(c) && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return s.n > 0 && s.n <= PR_STS_ID_MAX;
}

static struct pr_str
cut(struct pr_str *rest, char at)
{
	const char *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
	struct pr_str part = pr_str_n(rest->p, end ? (size_t)(end - rest->p) : rest->n);
	size_t used = part.n + (end != NULL);
	*rest = pr_str_n(rest->p + used, rest->n - used);
	return part;
}

int
pr_sts_record_parse(struct pr_str txt, char out[PR_STS_ID_MAX + 1])
{
	if (!pr_str_is(pr_str_trim(cut(&txt, ';')), "v=STSv1"))
		return PR_ENOENT;
	while (txt.n) {
		struct pr_str value = pr_str_trim(cut(&txt, ';'));
		struct pr_str key = pr_str_trim(cut(&value, '='));
		value = pr_str_trim(value);
		if (!pr_str_is(key, "id"))
			continue;
		if (!is_id(value))
			return PR_EINVAL;
		memcpy(out, value.p, value.n);
		out[value.n] = 0;
		return 0;
	}
	return PR_EINVAL;
}

/* ---- the policy ---- */

static bool
read_mode(struct pr_str s, enum pr_sts_mode *out)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (pr_str_is(s, modes[i])) {
			*out = (enum pr_sts_mode)i;
			return true;
		}
	return false;
}

static bool
read_max_age(struct pr_str s, unsigned *out)
{
	uint64_t n;
	if (s.n > MAX_AGE_DIGITS || !pr_str_u64(s, &n))
		return false;
	*out = n < PR_STS_MAX_AGE_MAX_S ? (unsigned)n : PR_STS_MAX_AGE_MAX_S;
	return true;
}

/* "mail.example.com" or "*.example.com". */
static bool
read_pattern(struct pr_str s, char out[PR_DNS_NAME_SIZE])
{
	char text[PR_DNS_NAME_SIZE];
	if (s.n >= sizeof text || memchr(s.p, 0, s.n))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	return dns_name_read(text, out) && strcmp(out, ".") != 0 && !strchr(out + 1, '*') &&
	       (*out != '*' || out[1] == '.');
}

/* One line; what is wrong with it, or NULL. */
static const char *
read_pair(struct pr_str key, struct pr_str value, struct policy_text *t)
{
	if (pr_str_is(key, "version")) {
		if (!t->version && !pr_str_is(value, "STSv1"))
			return "its version is not STSv1";
		t->version = true;
	} else if (pr_str_is(key, "mode") && !t->mode) {
		t->mode = read_mode(value, &t->is);
		return t->mode ? NULL : "its mode is none of enforce, testing, none";
	} else if (pr_str_is(key, "max_age") && !t->max_age) {
		t->max_age = read_max_age(value, &t->max_age_s);
		return t->max_age ? NULL : "its max_age is no number of seconds";
	} else if (pr_str_is(key, "mx")) {
		if (t->n == PR_STS_MX_MAX)
			return "it names too many hosts";
		return read_pattern(value, t->mx[t->n++]) ? NULL : "an mx is no host name";
	}
	return NULL;
}

static const char *
read_lines(struct pr_str text, struct policy_text *t)
{
	while (text.n) {
		struct pr_str value = cut(&text, '\n');
		struct pr_str key = pr_str_trim(cut(&value, ':'));
		const char *why = read_pair(key, pr_str_trim(value), t);
		if (why)
			return why;
	}
	if (!t->version)
		return "it has no version";
	if (!t->mode)
		return "it has no mode";
	if (!t->max_age)
		return "it has no max_age";
	return t->n || t->is == PR_STS_NONE ? NULL : "it names no host";
}

static struct pr_sts_policy *
make_policy(const struct policy_text *t)
{
	size_t size = sizeof(struct pr_sts_policy) + t->n * sizeof(char *), text = 0;
	for (size_t i = 0; i < t->n; i++)
		text += strlen(t->mx[i]) + 1;
	struct pr_sts_policy *p = pr_calloc(1, size + text);
	char *at = (char *)p + size;
	p->refs = 1;
	p->mode = t->is;
	p->max_age_s = t->max_age_s;
	p->n = t->n;
	for (size_t i = 0; i < t->n; i++)
		p->mx[i] = dns_lay(&at, t->mx[i]);
	return p;
}

struct pr_sts_policy *
dns_sts_read(struct pr_str text, struct pr_error *e)
{
	struct policy_text *t = pr_calloc(1, sizeof *t);
	struct pr_sts_policy *p = NULL;
	const char *why = text.n > PR_STS_TEXT_MAX ? "it is too long" : read_lines(text, t);
	if (why)
		pr_fail(e, PR_EINVAL, "the MTA-STS policy cannot be read: %s", why);
	else
		p = make_policy(t);
	free(t);
	return p;
}

int
pr_sts_policy_parse(struct pr_str text, const struct pr_sts_policy **out, struct pr_error *e)
{
	struct pr_sts_policy *p = dns_sts_read(text, e);
	if (!p)
		return PR_EINVAL;
	*out = p;
	return 0;
}

bool
pr_sts_matches(const struct pr_sts_policy *policy, const char *host)
{
	char name[PR_DNS_NAME_SIZE];
	if (!dns_name_read(host, name))
		return false;
	const char *parent = strchr(name, '.');
	for (size_t i = 0; i < policy->n; i++) {
		const char *mx = policy->mx[i];
		if (*mx == '*' ? parent && strcmp(parent, mx + 1) == 0 : strcmp(name, mx) == 0)
			return true;
	}
	return false;
}

const struct pr_sts_policy *
pr_sts_policy_ref(const struct pr_sts_policy *p)
{
	++*(unsigned *)(uintptr_t)&p->refs;
	return p;
}

void
pr_sts_policy_unref(const struct pr_sts_policy *p)
{
	struct pr_sts_policy *mine = (struct pr_sts_policy *)(uintptr_t)p;
	if (mine && --mine->refs == 0)
		free(mine);
}

/* ---- the line ---- */

void
dns_sts_line(const struct pr_sts_policy *p, int64_t expires_utc_s, int64_t fetched_utc_s,
             struct pr_buf *out)
{
	pr_buf_addf(out, LINE_VERSION " %s %s %u %lld %lld", p->id, modes[p->mode], p->max_age_s,
	            (long long)expires_utc_s, (long long)fetched_utc_s);
	for (size_t i = 0; i < p->n; i++)
		pr_buf_addf(out, " %s", p->mx[i]);
}

static bool
read_second(struct pr_str s, int64_t *out)
{
	uint64_t n;
	if (!pr_str_u64(s, &n) || n > INT64_MAX / 1000)
		return false;
	*out = (int64_t)n;
	return true;
}

static bool
read_line(struct pr_str rest, struct policy_text *t, struct pr_str *id, int64_t *expires,
          int64_t *fetched)
{
	bool fits = pr_str_is(cut(&rest, ' '), LINE_VERSION);
	*id = cut(&rest, ' ');
	fits = fits && is_id(*id) && read_mode(cut(&rest, ' '), &t->is) &&
	       read_max_age(cut(&rest, ' '), &t->max_age_s) &&
	       read_second(cut(&rest, ' '), expires) && read_second(cut(&rest, ' '), fetched);
	while (fits && rest.n)
		fits = t->n < PR_STS_MX_MAX && read_pattern(cut(&rest, ' '), t->mx[t->n++]);
	return fits && (t->n || t->is == PR_STS_NONE);
}

struct pr_sts_policy *
dns_sts_read_line(const char *line, int64_t *expires_utc_s, int64_t *fetched_utc_s)
{
	struct policy_text *t = pr_calloc(1, sizeof *t);
	struct pr_sts_policy *p = NULL;
	struct pr_str id;
	if (read_line(pr_str(line), t, &id, expires_utc_s, fetched_utc_s)) {
		p = make_policy(t);
		memcpy(p->id, id.p, id.n);
	}
	free(t);
	return p;
}
