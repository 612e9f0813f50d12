/* Filters on texts. Lengths and offsets count code points. Results that are a part of
 * the input are views of it. */
#include "filter.h"

static bool
put(lq_value *v, struct pr_str s)
{
	*v = pr_liquid_string(s);
	return true;
}

static bool
joined(struct lq_machine *m, lq_value *v, struct pr_str a, struct pr_str b)
{
	struct lq_builder to;
	lq_build(&to, m, a.n + b.n);
	lq_build_str(&to, a);
	lq_build_str(&to, b);
	return lq_build_end(&to, v);
}

bool
lq_f_append(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s, more;
	(void)n;
	return lq_text(m, v, &s) && lq_text(m, &args[0], &more) && joined(m, v, s, more);
}

bool
lq_f_prepend(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s, more;
	(void)n;
	return lq_text(m, v, &s) && lq_text(m, &args[0], &more) && joined(m, v, more, s);
}

static bool
convert(struct lq_machine *m, lq_value *v, enum lq_case first, enum lq_case rest)
{
	struct pr_str s;
	struct lq_builder b;
	if (!lq_text(m, v, &s))
		return false;
	size_t head = lq_utf8_offset(s, 1);
	lq_build(&b, m, s.n);
	lq_convert_case(&b, (struct pr_str){s.p, head}, first);
	lq_convert_case(&b, (struct pr_str){s.p + head, s.n - head}, rest);
	return lq_build_end(&b, v);
}

bool
lq_f_upcase(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return convert(m, v, LQ_UPPER, LQ_UPPER);
}

bool
lq_f_downcase(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return convert(m, v, LQ_LOWER, LQ_LOWER);
}

bool
lq_f_capitalize(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)args, (void)n;
	return convert(m, v, LQ_TITLE, LQ_LOWER);
}

struct pr_str
lq_trim_left(struct pr_str s)
{
	while (s.n && (pr_is_space(s.p[0]) || s.p[0] == 0)) {
		s.p++;
		s.n--;
	}
	return s;
}

struct pr_str
lq_trim_right(struct pr_str s)
{
	while (s.n && (pr_is_space(s.p[s.n - 1]) || s.p[s.n - 1] == 0))
		s.n--;
	return s;
}

bool
lq_f_strip(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	(void)args, (void)n;
	return lq_text(m, v, &s) && put(v, lq_trim_left(lq_trim_right(s)));
}

bool
lq_f_lstrip(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	(void)args, (void)n;
	return lq_text(m, v, &s) && put(v, lq_trim_left(s));
}

bool
lq_f_rstrip(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	(void)args, (void)n;
	return lq_text(m, v, &s) && put(v, lq_trim_right(s));
}

/* White space at the ends gone, runs of it one space. */
bool
lq_f_squish(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	struct lq_builder b;
	(void)args, (void)n;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, v, &s))
		return false;
	s = pr_str_trim(s);
	lq_build(&b, m, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (!pr_is_space(s.p[i]))
			lq_build_addc(&b, s.p[i]);
		else if (!pr_is_space(s.p[i - 1]))
			lq_build_addc(&b, ' ');
	return lq_build_end(&b, v);
}

bool
lq_f_strip_newlines(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	struct lq_builder b;
	(void)args, (void)n;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\n' && !(s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n'))
			lq_build_addc(&b, s.p[i]);
	return lq_build_end(&b, v);
}

/* Where HTML is escaped, the text around the breaks is, and the whole then safe. */
bool
lq_f_newline_to_br(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	struct lq_builder b;
	bool escape = m->escape && !(v->type == PR_LIQUID_STRING && v->flags & LQ_SAFE);
	if (escape && !lq_f_escape(m, v, args, n))
		return false;
	if (!lq_text(m, v, &s))
		return false;
	lq_build(&b, m, s.n + 64);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\n')
			lq_build_add(&b, "<br />\n", 7);
		else if (!(s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n'))
			lq_build_addc(&b, s.p[i]);
	if (!lq_build_end(&b, v))
		return false;
	v->flags = m->escape ? LQ_SAFE : 0;
	return true;
}

enum which { FIRST, LAST, ALL };

static const char *
find(struct pr_str s, struct pr_str what, enum which which)
{
	if (which != LAST)
		return memmem(s.p, s.n, what.p, what.n);
	for (size_t i = s.n + 1; i-- > 0;)
		if (s.n - i >= what.n && memcmp(s.p + i, what.p, what.n) == 0)
			return s.p + i;
	return NULL;
}

/* An empty text is found before every code point, and at the end. */
static bool
replace_empty(struct lq_machine *m, lq_value *v, struct pr_str s, struct pr_str with)
{
	struct lq_builder b;
	lq_build(&b, m, s.n + with.n);
	for (size_t i = 0; i < s.n && !b.failed; i++) {
		if (((unsigned char)s.p[i] & 0xC0) != 0x80)
			lq_build_str(&b, with);
		lq_build_addc(&b, s.p[i]);
	}
	lq_build_str(&b, with);
	return lq_build_end(&b, v);
}

/* The replacement as Ruby's gsub reads it: \\0 \\& what was found, \\` \\' what stands
 * before and behind it, \\1 and the like nothing, \\\\ a backslash. */
static bool
add_replacement(struct lq_builder *b, struct pr_str with, struct pr_str whole, struct pr_str found)
{
	size_t before = (size_t)(found.p - whole.p);
	for (size_t i = 0; i < with.n; i++) {
		char c = with.p[i] == '\\' && i + 1 < with.n ? with.p[i + 1] : 0;
		i += c != 0;
		if (c == 'k')
			return lq_raise(b->m, "internal");
		if (c == '0' || c == '&')
			lq_build_str(b, found);
		else if (c == '`')
			lq_build_add(b, whole.p, before);
		else if (c == '\'')
			lq_build_add(b, found.p + found.n, whole.n - before - found.n);
		else if (c == '\\' || c == 0)
			lq_build_add(b, &with.p[i], 1);
		else if (!pr_is_digit(c) && c != '+')
			lq_build_add(b, &with.p[i - 1], 2);
	}
	return true;
}

static bool
replace(struct lq_machine *m, lq_value *v, const lq_value *what_value, const lq_value *with_value,
        enum which which)
{
	struct pr_str s, what, with = PR_STR("");
	struct lq_builder b;
	const char *at;
	if (!lq_text(m, v, &s) || !lq_text(m, what_value, &what) ||
	    (with_value && !lq_text(m, with_value, &with)))
		return false;
	if (which == LAST && !lq_spend(m, (s.n / 64 + 1) * (what.n / 64 + 1)))
		return false;
	if (what.n == 0 && which == ALL)
		return replace_empty(m, v, s, with);
	struct pr_str whole = s;
	bool plain = which == LAST || !memchr(with.p, '\\', with.n);
	lq_build(&b, m, s.n + with.n);
	while ((at = find(s, what, which)) && !b.failed) {
		size_t before = (size_t)(at - s.p);
		lq_build_add(&b, s.p, before);
		if (plain)
			lq_build_str(&b, with);
		else if (!add_replacement(&b, with, whole, (struct pr_str){at, what.n}))
			return false;
		s = (struct pr_str){at + what.n, s.n - before - what.n};
		if (which != ALL)
			break;
	}
	lq_build_str(&b, s);
	return lq_build_end(&b, v);
}

bool
lq_f_replace(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return replace(m, v, &args[0], n > 1 ? &args[1] : NULL, ALL);
}

bool
lq_f_replace_first(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	return replace(m, v, &args[0], n > 1 ? &args[1] : NULL, FIRST);
}

bool
lq_f_replace_last(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)n;
	return replace(m, v, &args[0], &args[1], LAST);
}

bool
lq_f_remove(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)n;
	return replace(m, v, &args[0], NULL, ALL);
}

bool
lq_f_remove_first(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)n;
	return replace(m, v, &args[0], NULL, FIRST);
}

bool
lq_f_remove_last(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)n;
	return replace(m, v, &args[0], NULL, LAST);
}

bool
lq_f_size(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	(void)m, (void)args, (void)n;
	switch (v->type) {
	case PR_LIQUID_STRING: *v = lq_int((int64_t)lq_utf8_length(lq_str(v))); break;
	case PR_LIQUID_ARRAY:
	case PR_LIQUID_HASH: *v = lq_int(v->n); break;
	case LQ_RANGE: *v = lq_int((int64_t)lq_range_size(v)); break;
	default: *v = lq_int(v->type == PR_LIQUID_INT ? 8 : 0); /* octets of an Integer in Ruby */
	}
	return true;
}

/* Offset and length within `size` elements as Ruby's slice; false when outside. */
static bool
slice_bounds(int64_t size, int64_t *offset, int64_t *length)
{
	if (*offset < 0)
		*offset += size;
	if (*offset < 0 || *offset > size || *length < 0)
		return false;
	if (*length > size - *offset)
		*length = size - *offset;
	return true;
}

bool
lq_f_slice(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	int64_t offset, length = 1;
	struct pr_str s;
	if (!lq_integer(m, &args[0], &offset) ||
	    (n > 1 && lq_truthy(&args[1]) && !lq_integer(m, &args[1], &length)))
		return false;
	if (v->type == PR_LIQUID_ARRAY) {
		bool inside = slice_bounds(v->n, &offset, &length);
		bool any = inside && length > 0; /* an empty list may have no items to step over */
		*v = any ? lq_array(v->items + offset, (size_t)length) : lq_array(NULL, 0);
		return true;
	}
	if (!lq_text(m, v, &s))
		return false;
	if (!slice_bounds((int64_t)lq_utf8_length(s), &offset, &length))
		return put(v, PR_STR(""));
	size_t from = lq_utf8_offset(s, (size_t)offset);
	s = (struct pr_str){s.p + from, s.n - from};
	s.n = lq_utf8_offset(s, (size_t)length);
	return put(v, s);
}

bool
lq_f_truncate(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s, end = PR_STR("...");
	int64_t length = 50;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, v, &s) || (n > 0 && !lq_integer(m, &args[0], &length)) ||
	    (n > 1 && !lq_text(m, &args[1], &end)))
		return false;
	if ((int64_t)lq_utf8_length(s) <= length)
		return put(v, s);
	int64_t keep = length > 0 ? length - (int64_t)lq_utf8_length(end) : 0;
	s.n = lq_utf8_offset(s, keep > 0 ? (size_t)keep : 0);
	return joined(m, v, s, end);
}

/* The next word of s, which moves behind it. */
static bool
next_word(struct pr_str *s, struct pr_str *word)
{
	*s = lq_trim_left(*s);
	word->p = s->p;
	word->n = 0;
	while (word->n < s->n && !pr_is_space(word->p[word->n]))
		word->n++;
	s->p += word->n;
	s->n -= word->n;
	return word->n > 0;
}

bool
lq_f_truncatewords(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s, rest, word, end = PR_STR("...");
	struct lq_builder b;
	int64_t words = 15;
	if (v->type == PR_LIQUID_NIL)
		return true;
	if (!lq_text(m, v, &s) || (n > 0 && !lq_integer(m, &args[0], &words)) ||
	    (n > 1 && !lq_text(m, &args[1], &end)))
		return false;
	rest = s;
	lq_build(&b, m, s.n + end.n);
	words = words > 0 ? words : 1;
	int64_t i = 0;
	for (; i < words && next_word(&rest, &word); i++) {
		if (i)
			lq_build_addc(&b, ' ');
		lq_build_str(&b, word);
	}
	if (i < words || rest.n == 0) /* even white space behind the last word is more */
		return put(v, s);
	lq_build_str(&b, end);
	return lq_build_end(&b, v);
}

/* The next piece of a split; *s moves behind the separator. */
static struct pr_str
next_piece(struct pr_str *s, struct pr_str by)
{
	struct pr_str piece = *s;
	const char *at = by.n ? memmem(s->p, s->n, by.p, by.n) : NULL;
	if (by.n == 0)
		piece.n = lq_utf8_offset(*s, 1);
	else if (at)
		piece.n = (size_t)(at - s->p);
	size_t used = piece.n + (at ? by.n : 0);
	s->p += used;
	s->n -= used;
	return piece;
}

/* By " " words, by "" code points; empty pieces at the end are dropped. */
bool
lq_f_split(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s, by, piece;
	size_t count = 0, used = 0;
	(void)n;
	if (!lq_text(m, v, &s) || !lq_text(m, &args[0], &by))
		return false;
	bool words = pr_str_is(by, " ");
	for (struct pr_str rest = s; rest.n && (!words || next_word(&rest, &piece)); count++)
		if (!words)
			next_piece(&rest, by);
	lq_value *items = lq_items(m, count);
	if (!items)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (words) {
			if (!next_word(&s, &piece))
				break;
		} else {
			piece = next_piece(&s, by);
		}
		items[i] = pr_liquid_string(piece);
		if (piece.n)
			used = i + 1;
	}
	*v = lq_array(items, used);
	return true;
}

/* Length of a block that begins with open and ends with close, 0 when s is none. */
static size_t
block(struct pr_str s, const char *open, const char *close)
{
	size_t n = strlen(open), c = strlen(close);
	if (!pr_str_starts(s, open))
		return 0;
	const char *end = memmem(s.p + n, s.n - n, close, c);
	return end ? (size_t)(end - s.p) + c : 0;
}

static bool
drop_blocks(struct lq_machine *m, struct pr_str s, bool tags, lq_value *v)
{
	struct lq_builder b;
	bool script = true, comment = true, style = true, tag = tags;
	lq_build(&b, m, s.n);
	while (s.n && !b.failed) {
		const char *open = memchr(s.p, '<', s.n);
		size_t before = open ? (size_t)(open - s.p) : s.n, n = 0;
		lq_build_add(&b, s.p, before);
		s = (struct pr_str){s.p + before, s.n - before};
		if (!open)
			break;
		if (tags) {
			n = tag ? block(s, "<", ">") : 0;
			tag = n > 0;
		} else if (script && pr_str_starts(s, "<script")) {
			script = (n = block(s, "<script", "</script>")) > 0;
		} else if (comment && pr_str_starts(s, "<!--")) {
			comment = (n = block(s, "<!--", "-->")) > 0;
		} else if (style && pr_str_starts(s, "<style")) {
			style = (n = block(s, "<style", "</style>")) > 0;
		}
		if (n == 0)
			lq_build_add(&b, s.p, n = 1);
		s = (struct pr_str){s.p + n, s.n - n};
	}
	return lq_build_end(&b, v);
}

bool
lq_f_strip_html(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct pr_str s;
	lq_value clean;
	(void)args, (void)n;
	return lq_text(m, v, &s) && drop_blocks(m, s, false, &clean) &&
	       drop_blocks(m, lq_str(&clean), true, v);
}
