/*
 * From merge tags to Liquid, one tag at a time, each on the line where it stood:
 *
 *   *|FNAME|*              {{ first_name }}           the column that means it
 *   *|UPPER:FNAME|*        {{ first_name | upcase }}
 *   *|IF:AGE>=18|*         {% if merge_AGE >= 18 %}   with {% assign merge_AGE = AGE | plus: 0 %}
 *   *|DATE:F j, Y|*        {{ 'now' | date: '%B %-d, %Y' }}
 *
 * Fields are columns of the recipients, whose exports name them by words ("First Name"), so
 * names are compared without case, blanks and punctuation. What stands between *| and |* and
 * is no merge tag is text.
 */
#include "mailchimp.h"

#include "postrider/base/error.h"

#define TAG_MAX 200

struct translation {
	const struct pr_mailchimp *m;
	struct pr_source *s;
	struct pr_arena *arena;
	struct pr_problems *problems;
	struct pr_buf out;
	struct pr_buf numbers; /* fields that are compared as numbers: assigned ahead of all */
	struct pr_str tag;     /* being translated, with its *| and |* */
	int result;
};

static void __attribute__((format(printf, 3, 4)))
tell(struct translation *t, const char *remedy, const char *format, ...)
{
	struct pr_buf what = {0};
	unsigned line, column;
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_source_place(t->s, (size_t)(t->tag.p - t->s->text.p), &line, &column);
	struct pr_problem *p = pr_problem_add(t->problems, PR_PROBLEM, t->s->file, line, remedy,
	                                      "%.*s: %s", (int)t->tag.n, t->tag.p, what.data);
	if (p)
		p->column = column;
	pr_buf_finish(&what);
	t->result = PR_EINVAL;
}

/* ---- names ---- */

/* What a merge tag's field is called in exports, where that is another word. */
static const struct {
	const char *tag, *names[4];
} fields[] = {
    {"FNAME", {"firstname", "givenname", "forename"}},
    {"LNAME", {"lastname", "surname", "familyname"}},
    {"PHONE", {"phonenumber", "phone", "telephone"}},
    {"BIRTHDAY", {"birthdate", "dateofbirth"}},
    {"COMPANY", {"companyname", "organization"}},
    {"MERGE1", {"fname", "firstname"}},
    {"MERGE2", {"lname", "lastname"}},
};

static bool
means(struct pr_str name, struct pr_str wanted)
{
	size_t i = 0, j = 0;
	for (;;) {
		while (i < name.n && strchr(" _-.", name.p[i]))
			i++;
		while (j < wanted.n && strchr(" _-.", wanted.p[j]))
			j++;
		if (i == name.n || j == wanted.n)
			return i == name.n && j == wanted.n;
		if (pr_lower(name.p[i++]) != pr_lower(wanted.p[j++]))
			return false;
	}
}

static bool
is_liquid_name(struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!pr_is_digit(s.p[i]) && !(pr_lower(s.p[i]) >= 'a' && pr_lower(s.p[i]) <= 'z') &&
		    s.p[i] != '_' && s.p[i] != '-')
			return false;
	return s.n > 0 && !pr_is_digit(s.p[0]);
}

static const char *
find_name(const struct translation *t, struct pr_str wanted)
{
	for (const char *const *name = t->m->names; *name; name++)
		if (is_liquid_name(pr_str(*name)) && means(pr_str(*name), wanted))
			return *name;
	return NULL;
}

/* The Liquid name of a field; one that nothing has stays as it is, and Liquid warns of it. */
static struct pr_str
name_of(const struct translation *t, struct pr_str field)
{
	if (pr_str_eq_nocase(field, PR_STR("EMAIL")) || pr_str_eq_nocase(field, PR_STR("MERGE0")))
		return PR_STR("email");
	const char *found = find_name(t, field);
	for (size_t i = 0; !found && i < sizeof fields / sizeof *fields; i++)
		for (size_t k = 0; !found && k < 4 && fields[i].names[k] &&
		                   pr_str_eq_nocase(field, pr_str(fields[i].tag));
		     k++)
			found = find_name(t, pr_str(fields[i].names[k]));
	return found ? pr_str(found) : field;
}

static bool
is_field(struct pr_str s)
{
	return is_liquid_name(s) && !memchr(s.p, '-', s.n);
}

/* ---- output ---- */

static void
print_field(struct translation *t, struct pr_str field, const char *filter)
{
	struct pr_str name = name_of(t, field);
	pr_buf_addf(&t->out, "{{ %.*s%s }}", (int)name.n, name.p, filter);
}

static const struct {
	const char *prefix, *filter;
} filters[] = {{"UPPER:", " | upcase"},
               {"LOWER:", " | downcase"},
               {"TITLE:", " | capitalize"},
               {"URL:", " | url_encode"},
               {"HTML:", " | raw"}};

static bool
print_filtered(struct translation *t, struct pr_str inside)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		size_t n = strlen(filters[i].prefix);
		struct pr_str field = pr_str_n(inside.p + n, inside.n > n ? inside.n - n : 0);
		if (!pr_str_starts_nocase(inside, filters[i].prefix) || !is_field(field))
			continue;
		print_field(t, field, filters[i].filter);
		return true;
	}
	return false;
}

/* PHP's date() as strftime. */
static void
print_date(struct translation *t, struct pr_str format)
{
	static const char from[] = "djDlNwzWFmMnyYaAgGhHisTe";
	static const char *const to[] = {"%d",  "%-d", "%a", "%A",  "%u", "%w", "%j", "%V",
	                                 "%B",  "%m",  "%b", "%-m", "%y", "%Y", "%P", "%p",
	                                 "%-I", "%-H", "%I", "%H",  "%M", "%S", "%Z", "%Z"};
	pr_buf_adds(&t->out, "{{ 'now' | date: \"");
	for (size_t i = 0; i < format.n; i++) {
		char c = format.p[i];
		const char *known = c ? strchr(from, c) : NULL;
		if (known)
			pr_buf_adds(&t->out, to[known - from]);
		else if (c == '%')
			pr_buf_adds(&t->out, "%%");
		else if (c != '"' && c != '\\')
			pr_buf_addc(&t->out, c);
	}
	pr_buf_adds(&t->out, "\" }}");
}

/* Text of the campaign, which must not become code. */
static void
print_text(struct translation *t, struct pr_str text)
{
	pr_buf_adds(&t->out, "{{ \"");
	for (size_t i = 0; i < text.n; i++)
		pr_buf_addc(&t->out, text.p[i] == '"' ? '\'' : text.p[i]);
	pr_buf_adds(&t->out, "\" }}");
}

/* ---- conditions ---- */

/* HTML editors write > in a tag as an entity. */
static struct pr_str
decode(struct translation *t, struct pr_str s)
{
	static const char *const entities[][2] = {
	    {"&gt;", ">"}, {"&lt;", "<"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&#39;", "'"}};
	struct pr_buf b = {0};
	for (size_t i = 0; i < s.n;) {
		size_t e = 0;
		while (e < 5 && !pr_str_starts(pr_str_n(s.p + i, s.n - i), entities[e][0]))
			e++;
		if (e < 5)
			pr_buf_adds(&b, entities[e][1]);
		else
			pr_buf_addc(&b, s.p[i]);
		i += e < 5 ? strlen(entities[e][0]) : 1;
	}
	struct pr_str decoded = pr_arena_copy(t->arena, pr_buf_str(&b));
	pr_buf_finish(&b);
	return decoded;
}

static bool
is_number(struct pr_str s)
{
	size_t digits = 0, points = 0;
	for (size_t i = s.n && s.p[0] == '-'; i < s.n; i++) {
		points += s.p[i] == '.' && digits;
		digits += pr_is_digit(s.p[i]);
		if (!pr_is_digit(s.p[i]) && s.p[i] != '.')
			return false;
	}
	return digits && points <= 1 && s.p[s.n - 1] != '.';
}

/* The field as a number, under a name of its own, assigned ahead of the text. */
static void
add_number(struct translation *t, struct pr_str name)
{
	struct pr_buf assign = {0};
	pr_buf_addf(&assign, "{%% assign merge_%.*s = %.*s | plus: 0 %%}", (int)name.n, name.p,
	            (int)name.n, name.p);
	if (!t->numbers.len || !strstr(t->numbers.data, assign.data))
		pr_buf_add_str(&t->numbers, pr_buf_str(&assign));
	pr_buf_finish(&assign);
	pr_buf_addf(&t->out, "merge_%.*s", (int)name.n, name.p);
}

static void
compare(struct translation *t, struct pr_str name, struct pr_str op, struct pr_str value)
{
	bool equality = op.p[0] == '=' || op.p[0] == '!';
	char quote = memchr(value.p, '"', value.n) ? '\'' : '"';
	if (!equality && !is_number(value)) {
		tell(t, "write a number, like *|IF:AGE>=18|*",
		     "only numbers are larger or smaller");
		return;
	}
	if (memchr(value.p, quote, value.n)) {
		tell(t, "leave one kind out", "a value cannot have both kinds of quotes");
		return;
	}
	if (equality)
		pr_buf_addf(&t->out, "%.*s %s %c%.*s%c", (int)name.n, name.p,
		            op.p[0] == '=' ? "==" : "!=", quote, (int)value.n, value.p, quote);
	else {
		add_number(t, name);
		pr_buf_addf(&t->out, " %.*s %.*s", (int)op.n, op.p, (int)value.n, value.p);
	}
}

static void
add_condition(struct translation *t, struct pr_str text)
{
	struct pr_str s = pr_str_trim(decode(t, text));
	size_t at = 0, ops = 0;
	while (at < s.n && !strchr("=!<>", s.p[at]))
		at++;
	while (at + ops < s.n && ops < 2 && strchr("=!<>", s.p[at + ops]))
		ops++;
	struct pr_str field = pr_str_trim(pr_str_n(s.p, at)), op = pr_str_n(s.p + at, ops);
	struct pr_str value = pr_str_trim(pr_str_n(s.p + at + ops, s.n - at - ops));
	if (!is_field(field) || (ops && op.p[0] == '!' && ops == 1)) {
		tell(t, "write it like *|IF:FNAME|* or *|IF:PLAN=gold|*", "not a condition");
		return;
	}
	struct pr_str name = name_of(t, field);
	if (ops)
		compare(t, name, op, value);
	else
		pr_buf_addf(&t->out, "%.*s != blank", (int)name.n, name.p);
}

/* *|INTERESTED:Group:One,Two|*: exports have a column for a group, its choices by commas. */
static void
add_interest(struct translation *t, struct pr_str text)
{
	const char *colon = memchr(text.p, ':', text.n);
	struct pr_str group = pr_str_n(text.p, colon ? (size_t)(colon - text.p) : text.n);
	const char *name = find_name(t, group);
	if (!colon || !name) {
		tell(t, "name the column of the group: *|INTERESTED:Group:Choice|*",
		     "no column has the choices of this group");
		return;
	}
	const char *p = colon + 1, *end = text.p + text.n;
	for (bool first = true; p <= end; first = false) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		struct pr_str choice =
		    pr_str_trim(pr_str_n(p, (size_t)((comma ? comma : end) - p)));
		if (memchr(choice.p, '"', choice.n))
			tell(t, "take them out", "a choice cannot have quotes");
		else
			pr_buf_addf(&t->out, "%s%s contains \"%.*s\"", first ? "" : " or ", name,
			            (int)choice.n, choice.p);
		p = comma ? comma + 1 : end + 1;
	}
}

static const struct {
	const char *prefix, *open, *close;
	void (*add)(struct translation *t, struct pr_str text);
} conditions[] = {
    {"IF:", "{% if ", " %}", add_condition},
    {"ELSEIF:", "{% elsif ", " %}", add_condition},
    {"IFNOT:", "{% unless ", " %}", add_condition},
    {"INTERESTED:", "{% if ", " %}", add_interest},
    {"ELSE:", "{% else %}", "", NULL},
    {"END:IFNOT", "{% endunless %}", "", NULL},
    {"END:IF", "{% endif %}", "", NULL},
    {"END:INTERESTED", "{% endif %}", "", NULL},
};

static bool
translate_condition(struct translation *t, struct pr_str inside)
{
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		size_t n = strlen(conditions[i].prefix);
		bool whole = !conditions[i].add;
		if (!pr_str_starts_nocase(inside, conditions[i].prefix) || (whole && inside.n != n))
			continue;
		pr_buf_adds(&t->out, conditions[i].open);
		if (!whole)
			conditions[i].add(t, pr_str_n(inside.p + n, inside.n - n));
		pr_buf_adds(&t->out, conditions[i].close);
		return true;
	}
	return false;
}

/* ---- tags that Mailchimp itself fills ---- */

static const struct {
	const char *tag, *liquid;
} known[] = {
    {"UNSUB", "{{ unsubscribe_url }}"},
    {"LIST:UNSUB", "{{ unsubscribe_url }}"},
    {"ARCHIVE", "{{ view_url }}"},
    {"UPDATE_PROFILE", "{{ preferences_url }}"},
    {"LIST:ADDRESS", "{{ postal_address }}"},
    {"LIST:ADDRESSLINE", "{{ postal_address }}"},
    {"LIST_ADDRESS", "{{ postal_address }}"},
    {"HTML:LIST_ADDRESS", "{{ postal_address | newline_to_br }}"},
    {"HTML:LIST_ADDRESS_HTML", "{{ postal_address | newline_to_br }}"},
    {"LIST_ADDRESS_HTML", "{{ postal_address | newline_to_br }}"},
    {"CURRENT_YEAR", "{{ 'now' | date: '%Y' }}"},
    {"MC_PREVIEW_TEXT", "{{ postrider_preheader }}"},
    {"UNIQID", "{{ campaign_id }}-{{ row }}"},
    {"CAMPAIGN_UID", "{{ campaign_id }}"},
};

/* What Postrider has no counterpart of. */
static const char *const unknown[] = {
    "FORWARD",  "REWARDS",   "SUBJECT",  "MC:",       "LIST:",      "ABOUT_LIST", "SHARE",
    "FACEBOOK", "TWITTER",   "LIKE",     "INSTAGRAM", "POLL:",      "SURVEY",     "RSS",
    "FEED",     "RSSITEM",   "COUPON",   "CART:",     "PRODUCT",    "ORDER:",     "USER:",
    "GROUPS",   "RECOMMEND", "REFERRAL", "VCARD",     "PROMO_CODE",
};

static bool
translate_known(struct translation *t, struct pr_str inside)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (pr_str_eq_nocase(inside, pr_str(known[i].tag))) {
			pr_buf_adds(&t->out, known[i].liquid);
			return true;
		}
	if (pr_str_starts_nocase(inside, "DATE:"))
		print_date(t, pr_str_n(inside.p + 5, inside.n - 5));
	else if (pr_str_eq_nocase(inside, PR_STR("LIST:NAME")))
		print_text(t, t->m->list);
	else if (pr_str_eq_nocase(inside, PR_STR("LIST:COMPANY")))
		print_text(t, t->m->sender);
	else
		return false;
	return true;
}

static bool
is_unknown(struct pr_str inside)
{
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		if (pr_str_starts_nocase(inside, unknown[i]))
			return true;
	return false;
}

/* ---- the text ---- */

/* False: no merge tag, but text. */
static bool
translate_tag(struct translation *t, struct pr_str inside)
{
	if (translate_known(t, inside) || translate_condition(t, inside) ||
	    print_filtered(t, inside))
		return true;
	if (is_field(inside) && (find_name(t, inside) || !is_unknown(inside)))
		print_field(t, inside, "");
	else if (is_unknown(inside))
		tell(t, "take it out", "this merge tag is not available");
	else
		return false;
	return true;
}

/* The tag at p: "*|...|*" on one line; empty: none. */
static struct pr_str
tag_at(const char *p, const char *end)
{
	size_t max = (size_t)(end - p) < TAG_MAX ? (size_t)(end - p) : TAG_MAX;
	if (max < 5 || p[0] != '*' || p[1] != '|')
		return PR_STR("");
	for (size_t i = 2; i + 1 < max && p[i] != '\n'; i++)
		if (p[i] == '|' && p[i + 1] == '*')
			return pr_str_n(p, i + 2);
	return PR_STR("");
}

/* What stands at p translated into out; returns how much of the source that was, 0: nothing. */
static size_t
translate_at(struct translation *t, const char *p, const char *end)
{
	size_t was = t->out.len;
	t->tag = tag_at(p, end);
	if (t->tag.n && translate_tag(t, pr_str_trim(pr_str_n(t->tag.p + 2, t->tag.n - 4))))
		return t->tag.n;
	t->out.len = was;
	if (end - p < 2 || p[0] != '{' || (p[1] != '{' && p[1] != '%'))
		return 0;
	pr_buf_addf(&t->out, "{%% raw %%}%.2s{%% endraw %%}", p);
	return 2;
}

int
pr_mailchimp_translate(const struct pr_mailchimp *m, struct pr_source *s, struct pr_arena *arena,
                       struct pr_problems *problems)
{
	struct translation t = {.m = m, .s = s, .arena = arena, .problems = problems, .result = 0};
	const char *p = s->text.p, *end = p + s->text.n;
	while (p < end) {
		size_t was = t.out.len, n = translate_at(&t, p, end);
		if (n)
			pr_source_edited(s, arena, &t.out, t.out.len - was, n);
		else
			pr_buf_addc(&t.out, *p);
		p += n ? n : 1;
	}
	if (t.result == 0) {
		s->text = pr_arena_copy(arena, pr_buf_str(&t.out));
		if (t.numbers.len)
			pr_source_insert(s, arena, 0, pr_arena_copy(arena, pr_buf_str(&t.numbers)));
		pr_source_over(s, arena);
	}
	pr_buf_finish(&t.out);
	pr_buf_finish(&t.numbers);
	return t.result;
}
