/* Traces of an address: the "@" is looked for, then what stands to both sides of it. */
#include "postrider/base/trace.h"

#include "postrider/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)
#define CARRY ((size_t)PR_TRACE_FORM_SIZE + 4) /* what one chunk may need of the one before it */

static void
add_form(struct pr_trace *t, struct pr_str local, const char *at, struct pr_str domain)
{
	size_t at_n = strlen(at), n = local.n + at_n + domain.n;
	if (t->n == PR_TRACE_FORMS || n > PR_TRACE_FORM_SIZE)
		return;
	char *to = t->forms[t->n].text;
	memcpy(to, local.p, local.n);
	memcpy(to + local.n, at, at_n);
	memcpy(to + local.n + at_n, domain.p, domain.n);
	for (size_t i = 0; i < n; i++)
		to[i] = pr_lower(to[i]);
	t->forms[t->n].n = n;
	t->forms[t->n++].local_n = local.n;
}

void
pr_trace_add(struct pr_trace *t, struct pr_str address)
{
	const char *at = address.p ? memrchr(address.p, '@', address.n) : NULL;
	if (!at || at == address.p || at + 1 == address.p + address.n)
		return;
	struct pr_str local = pr_str_n(address.p, (size_t)(at - address.p));
	struct pr_str domain = pr_str_n(at + 1, address.n - local.n - 1);
	add_form(t, local, "@", domain);
	add_form(t, local, "%40", domain);
}

static bool
is_same(const char *form, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (form[i] != pr_lower(p[i]))
			return false;
	return true;
}

/* Letters, digits, and what is not ASCII: it goes on there. */
static bool
is_word(char c)
{
	char l = pr_lower(c);
	return (l >= 'a' && l <= 'z') || pr_is_digit(c) || (unsigned char)c >= 0x80;
}

static bool
is_whole(struct pr_str in, size_t at, size_t end)
{
	char before = at ? in.p[at - 1] : ' ', after = end < in.n ? in.p[end] : ' ';
	if (is_word(before) || (before && strchr("._+-", before)))
		return false;
	if (after == '.' || after == '-') /* a sentence may end behind it */
		return end + 1 == in.n || !is_word(in.p[end + 1]);
	return !is_word(after);
}

static bool
find_form(const struct pr_trace *t, unsigned form, struct pr_str in, bool whole, size_t from,
          size_t *at)
{
	const char *text = t->forms[form].text;
	size_t n = t->forms[form].n, local_n = t->forms[form].local_n;
	for (size_t i = from + local_n; i < in.n; i++) {
		const char *sign = memchr(in.p + i, text[local_n], in.n - i);
		if (!sign)
			return false;
		i = (size_t)(sign - in.p);
		*at = i - local_n;
		if (in.n - *at >= n && is_same(text, in.p + *at, n) &&
		    (!whole || is_whole(in, *at, *at + n)))
			return true;
	}
	return false;
}

bool
pr_trace_find(const struct pr_trace *t, struct pr_str in, bool whole, size_t from, size_t *at,
              size_t *n)
{
	size_t place;
	bool found = false;
	for (unsigned i = 0; i < t->n; i++)
		if (find_form(t, i, in, whole, from, &place) && (!found || place < *at)) {
			*at = place;
			*n = t->forms[i].n;
			found = true;
		}
	return found;
}

bool
pr_trace_is_in(const struct pr_trace *t, struct pr_str text)
{
	size_t at, n;
	return pr_trace_find(t, text, true, 0, &at, &n);
}

bool
pr_trace_is(const struct pr_trace *t, struct pr_str text)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->forms[i].n == text.n && is_same(t->forms[i].text, text.p, text.n))
			return true;
	return false;
}

unsigned
pr_trace_mask(const struct pr_trace *t, char *text, size_t n)
{
	size_t at, length, from = 0;
	unsigned found = 0;
	while (pr_trace_find(t, pr_str_n(text, n), true, from, &at, &length)) {
		memset(text + at, '*', length);
		from = at + length;
		found++;
	}
	return found;
}

/* ---- files ---- */

/* One at the very end of a chunk, whose surroundings are not all there, is left to the next. */
static bool
is_in_chunk(const struct pr_trace *t, struct pr_str chunk, bool whole, bool last)
{
	size_t at, n, from = 0;
	while (pr_trace_find(t, chunk, whole, from, &at, &n)) {
		if (last || at + n + 2 <= chunk.n)
			return true;
		from = at + n;
	}
	return false;
}

static int
look_through(const struct pr_trace *t, int fd, bool whole)
{
	char *p = pr_alloc(CARRY + CHUNK);
	size_t held = 0;
	int found = 0;
	for (bool last = false; !last && found == 0;) {
		ssize_t n = read(fd, p + held, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		last = n <= 0;
		held += n > 0 ? (size_t)n : 0;
		found = n < 0 ? -1 : is_in_chunk(t, pr_str_n(p, held), whole, last);
		size_t kept = held < CARRY ? held : CARRY;
		memmove(p, p + held - kept, kept);
		held = kept;
	}
	free(p);
	return found;
}

int
pr_trace_in_file(const struct pr_trace *t, int dir, const char *path, bool whole,
                 struct pr_error *e)
{
	struct stat st;
	int found = 0, fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0
		                                         : pr_fail_errno(e, "cannot open %s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		found = look_through(t, fd, whole);
	int r = found < 0 ? pr_fail_errno(e, "cannot read %s", path) : found;
	close(fd);
	return r;
}
