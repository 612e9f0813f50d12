/*
 * From campaign.yaml to a manifest: read by the schema, then what a table cannot say is
 * checked: addresses, header names, the list's name, languages, encodings, that the deadline
 * comes after the start, and, given the folder, that the files are there. All problems are
 * told together; one of them and the manifest is not sound: good for looking at the rest of
 * the folder only.
 */
#include "postrider/campaign/manifest.h"

#include "manifest_internal.h"
#include "postrider/base/error.h"
#include "postrider/base/file.h"

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX PR_AUDIENCE_LIST_MAX

static int __attribute__((format(printf, 4, 5)))
tell(struct pr_problems *problems, const struct pr_text *at, const char *remedy, const char *format,
     ...)
{
	struct pr_buf what = {0};
	va_list ap;
	va_start(ap, format);
	pr_buf_addvf(&what, format, ap);
	va_end(ap);
	pr_text_problem(problems, PR_MANIFEST_FILE, at, remedy, "%s", what.data);
	pr_buf_finish(&what);
	return PR_EINVAL;
}

/* ---- name ---- */

static int
check_name(struct pr_manifest *m, const char *folder_name, struct pr_problems *problems)
{
	char shown[PR_MANIFEST_NAME_MAX + 1];
	if (m->name.p && m->name.n <= PR_MANIFEST_NAME_MAX)
		return 0;
	if (m->name.p)
		return tell(problems, &m->name, "shorten it", "name: longer than %d octets",
		            PR_MANIFEST_NAME_MAX);
	struct pr_str name =
	    pr_str_trim(pr_str(pr_str_show(pr_str(folder_name), shown, sizeof shown)));
	if (name.n == 0)
		name = PR_STR("campaign");
	m->name.p = pr_arena_strndup(&m->arena, name.p, name.n);
	m->name.n = name.n;
	return 0;
}

/* ---- senders ---- */

int
pr_manifest_check_sender(struct pr_sender *s, const char *key, struct pr_problems *problems)
{
	static const char remedy[] = "write it like \"Acme <news@acme.example>\"";
	const char *why = NULL;
	char shown[100];
	if (!s->text.p)
		return 0;
	pr_str_show(pr_text_str(&s->text), shown, sizeof shown);
	if (!memmem(s->text.p, s->text.n, "{{", 2) && !memmem(s->text.p, s->text.n, "{%", 2) &&
	    pr_mailbox_parse_header(pr_text_str(&s->text), &s->name, &s->mailbox, &why) == 0)
		return 0;
	if (why)
		tell(problems, &s->text, remedy, "%s: \"%s\" is not an address: %s", key, shown,
		     why);
	else
		tell(problems, &s->text, remedy, "%s: Liquid in it is not available yet", key);
	*s = (struct pr_sender){0};
	return PR_EINVAL;
}

/* ---- headers ---- */

/* Headers the program writes itself, and what to do instead. A trailing '-' stands for all
 * that begin so. */
static const struct {
	const char *name, *remedy;
} reserved[] = {
    {"from", "use the key from"},
    {"subject", "use the key subject"},
    {"reply-to", "use the key reply_to"},
    {"list-id", "use the key list"},
    {"list-unsubscribe", "it is made from the key list"},
    {"list-unsubscribe-post", "it is made from the key list"},
    {"content-language", "use the key language"},
    {"to", NULL},
    {"cc", NULL},
    {"bcc", NULL},
    {"date", NULL},
    {"sender", NULL},
    {"message-id", NULL},
    {"mime-version", NULL},
    {"content-", NULL},
    {"received", NULL},
    {"return-path", NULL},
    {"resent-", NULL},
    {"arc-", NULL},
    {"dkim-signature", NULL},
    {"authentication-results", NULL},
};

static bool
is_field_name(struct pr_str name) /* RFC 5322 section 2.2 */
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 32 || name.p[i] > 126 || name.p[i] == ':')
			return false;
	return name.n > 0 && name.n <= 76;
}

static int
check_reserved(const struct pr_text *name, struct pr_problems *problems)
{
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
		const char *r = reserved[i].name;
		bool family = r[strlen(r) - 1] == '-';
		struct pr_str text = pr_text_str(name);
		if (family ? !pr_str_starts_nocase(text, r) : !pr_str_eq_nocase(text, pr_str(r)))
			continue;
		return tell(problems, name, reserved[i].remedy ? reserved[i].remedy : "take it out",
		            "headers.%s: this header is written by Postrider", name->p);
	}
	return 0;
}

static int
check_headers(const struct pr_pairs *headers, struct pr_problems *problems)
{
	int r = 0;
	for (size_t i = 0; i < headers->n; i++) {
		const struct pr_text *name = &headers->items[i].name;
		if (!is_field_name(pr_text_str(name)))
			r = tell(problems, name, "use letters, digits and '-', like X-Team",
			         "headers: \"%s\" cannot be a header's name", name->p);
		else if (check_reserved(name, problems) < 0)
			r = PR_EINVAL;
		for (size_t j = 0; j < i; j++)
			if (pr_str_eq_nocase(pr_text_str(name),
			                     pr_text_str(&headers->items[j].name)))
				r = tell(problems, name, "keep one of them",
				         "headers.%s is there twice, first on line %u", name->p,
				         headers->items[j].name.line);
	}
	return r;
}

/* ---- list, language, encoding ---- */

static bool
is_plain(char c)
{
	return pr_is_digit(c) || (pr_lower(c) >= 'a' && pr_lower(c) <= 'z');
}

static int
check_list(const struct pr_text *list, struct pr_problems *problems)
{
	bool good = list->n <= LIST_MAX;
	for (size_t i = 0; i < list->n; i++) /* becomes a part of List-ID, RFC 2919 */
		good = good && (is_plain(list->p[i]) ||
		                (strchr("-_.", list->p[i]) && i && i + 1 < list->n));
	if (good && !(list->n && strstr(list->p, "..")))
		return 0;
	return tell(problems, list, "use letters, digits, '-', '_' and '.', like newsletter",
	            "list: \"%s\" cannot be a list's name", list->p);
}

bool
pr_is_language(struct pr_str s) /* the shape of RFC 5646 */
{
	size_t part = 0, parts = 0;
	for (size_t i = 0; i <= s.n; i++) {
		if (i == s.n || s.p[i] == '-') {
			if (part < (parts ? 1 : 2) || part > 8)
				return false;
			parts++;
			part = 0;
		} else if (!is_plain(s.p[i]) || (parts == 0 && pr_is_digit(s.p[i])))
			return false;
		else
			part++;
	}
	return s.n <= 35;
}

static int
check_language(const struct pr_text *language, struct pr_problems *problems)
{
	if (!language->p || pr_is_language(pr_text_str(language)))
		return 0;
	return tell(problems, language, "write a language tag like en, de or pt-BR",
	            "language: \"%s\" is not a language", language->p);
}

static bool
iconv_knows(const char *encoding)
{
	iconv_t cd = iconv_open("UTF-8", encoding);
	if ((intptr_t)cd == -1)
		return false;
	iconv_close(cd);
	return true;
}

static int
check_encoding(struct pr_manifest *m, struct pr_problems *problems)
{
	static const char *const known[] = {
	    "auto",         "utf-8",        "utf-16",       "utf-16le",
	    "utf-16be",     "utf-32",       "gb18030",      "gbk",
	    "big5",         "shift_jis",    "euc-jp",       "iso-2022-jp",
	    "euc-kr",       "windows-1250", "windows-1251", "windows-1252",
	    "windows-1253", "windows-1254", "windows-1257", "iso-8859-1",
	    "iso-8859-2",   "iso-8859-5",   "iso-8859-9",   "iso-8859-15",
	    "koi8-r",       "koi8-u",       "macintosh",    NULL};
	struct pr_text *t = &m->recipients.encoding;
	char *lower = pr_arena_strndup(&m->arena, t->p, t->n);
	bool plain = t->n <= 40;
	for (size_t i = 0; i < t->n; i++) {
		lower[i] = pr_lower(lower[i]);
		plain = plain && (is_plain(lower[i]) || strchr("-_.:", lower[i])); /* no //IGNORE */
	}
	t->p = lower;
	if (pr_str_is(pr_str(lower), "auto") || (plain && iconv_knows(lower)))
		return 0;
	const char *near = pr_nearest(pr_text_str(t), known);
	char remedy[100] = "write one like utf-8, utf-16, windows-1252 or gb18030";
	if (near)
		snprintf(remedy, sizeof remedy, "did you mean %s?", near);
	return tell(problems, t, remedy, "recipients.encoding: \"%s\" is not known", lower);
}

/* ---- schedule ---- */

static int
check_schedule(const struct pr_manifest *m, struct pr_problems *problems)
{
	const struct pr_schedule *s = &m->schedule;
	pr_zone *zone = NULL;
	if (!s->start.set || !s->deadline.set)
		return 0;
	/* With another zone than the campaign's both shift alike, unless only one has an offset;
	 * that case is left to the daemon, which knows its zone. */
	if (!s->timezone && s->start.fixed != s->deadline.fixed)
		return 0;
	if (pr_zone_open(s->timezone ? s->timezone : "UTC", &zone, NULL) < 0)
		return 0; /* told already */
	bool after = pr_when_utc_ms(&s->deadline, zone) > pr_when_utc_ms(&s->start, zone);
	pr_zone_unref(zone);
	if (after)
		return 0;
	return tell(problems, &m->deadline_at, "set a later deadline",
	            "schedule.deadline is not after schedule.start");
}

/* ---- seeds ---- */

static bool
is_same_seed(const struct pr_text *a, const struct pr_text *b)
{
	struct pr_mailbox x, y;
	return pr_mailbox_parse(pr_text_str(a), &x, NULL) == 0 &&
	       pr_mailbox_parse(pr_text_str(b), &y, NULL) == 0 && x.n == y.n &&
	       memcmp(x.address, y.address, x.n) == 0;
}

static int
check_seeds(const struct pr_texts *seeds, struct pr_problems *problems)
{
	struct pr_mailbox box;
	const char *why;
	char shown[100];
	int r = 0;
	for (size_t i = 0; i < seeds->n; i++) {
		const struct pr_text *t = &seeds->items[i];
		pr_str_show(pr_text_str(t), shown, sizeof shown);
		if (pr_mailbox_parse(pr_text_str(t), &box, &why) < 0)
			r = tell(problems, t, "write it like me@acme.example",
			         "seeds: \"%s\" is not an address: %s", shown, why);
		for (size_t j = 0; j < i; j++)
			if (is_same_seed(t, &seeds->items[j]))
				r = tell(problems, t, "keep one of them",
				         "seeds: %s is there twice, first on line %u", shown,
				         seeds->items[j].line);
	}
	return r;
}

/* ---- the whole ---- */

/* One campaign has one cost: two currencies make no sum. */
static int
check_cost(const struct pr_manifest *m, struct pr_problems *problems)
{
	const char *of_all = m->cost.currency, *each = m->cost_per_message.currency;
	if (!of_all[0] || !each[0] || strcmp(of_all, each) == 0)
		return 0;
	return pr_text_problem(problems, PR_MANIFEST_FILE, &m->cost_at,
	                       "write both in one currency",
	                       "cost_per_message: is in %s, cost in %s", each, of_all);
}

static int
check_all(struct pr_manifest *m, const char *folder_name, struct pr_problems *problems)
{
	int r = check_name(m, folder_name, problems);
	if (m->recipients.expect_rows == 0)
		m->recipients.expect_rows = -1;
	r |= pr_manifest_check_sender(&m->from, "from", problems);
	r |= pr_manifest_check_sender(&m->reply_to, "reply_to", problems);
	r |= check_headers(&m->headers, problems);
	r |= m->list.p ? check_list(&m->list, problems) : 0;
	r |= check_language(&m->language.fallback, problems);
	r |= check_encoding(m, problems);
	r |= pr_law_check(&m->law, PR_MANIFEST_FILE, "law", problems);
	if (m->coupons.column.p && !m->coupons.file.p)
		r |= tell(problems, &m->coupons.column, "name the file: coupons: {file: codes.csv}",
		          "coupons.file is missing");
	r |= check_schedule(m, problems);
	r |= pr_manifest_check_trigger(m, problems);
	r |= pr_manifest_check_variants(m, problems);
	r |= pr_conversion_keys_check(&m->conversions, PR_MANIFEST_FILE, problems);
	r |= check_cost(m, problems);
	r |= check_seeds(&m->seeds, problems);
	r |= pr_manifest_check_source(m, problems);
	return r ? PR_EINVAL : 0;
}

static int
read_manifest(struct pr_str text, int dir, bool recipients, const char *folder_name,
              struct pr_problems *problems, struct pr_manifest **out)
{
	struct pr_manifest *m = pr_calloc(1, sizeof *m);
	struct pr_arena arena;
	unsigned told = problems->n;
	pr_arena_init(&arena);
	int r = pr_yaml_read(text, PR_MANIFEST_FILE, &pr_manifest_schema, &arena, m, problems);
	bool empty = !m->from.text.p && !m->subject.text.p && !m->html.p && !m->text.p;
	m->arena = arena;
	r |= check_all(m, folder_name, problems);
	if (dir >= 0 && !(r < 0 && empty)) /* not YAML at all: its files are not the matter */
		r |= pr_manifest_find_files(m, dir, recipients, problems);
	else if (!m->html.p && !m->text.p)
		m->html = (struct pr_text){.p = "body.html", .n = 9};
	r |= pr_manifest_make_wordings(m, r < 0 && empty ? -1 : dir, problems);
	pr_yaml_arrange(text, PR_MANIFEST_FILE, problems, told);
	if (r && empty) {
		pr_manifest_destroy(m);
		return PR_EINVAL;
	}
	m->sound = r == 0;
	if (!m->from.text.p) /* what goes on with an unsound one may rely on a domain */
		(void)pr_mailbox_parse(PR_STR("unknown@sender.invalid"), &m->from.mailbox, NULL);
	*out = m;
	return r ? PR_EINVAL : 0;
}

int
pr_manifest_parse(struct pr_str text, const char *folder_name, struct pr_problems *problems,
                  struct pr_manifest **out)
{
	return read_manifest(text, -1, true, folder_name, problems, out);
}

static int
load(int dir, bool recipients, const char *folder_name, struct pr_problems *problems,
     struct pr_manifest **out)
{
	struct pr_buf text = {0};
	struct pr_error e = {0};
	int r = pr_file_read(dir, PR_MANIFEST_FILE, PR_YAML_SIZE_MAX, &text, &e);
	if (r < 0)
		pr_problem_add(problems, PR_PROBLEM, r == PR_ENOENT ? "" : PR_MANIFEST_FILE, 0,
		               r == PR_ENOENT
		                   ? "put a campaign.yaml into the folder; `postrider init` "
		                     "writes a sample"
		                   : "make it a plain file that can be read, of at most 1 MiB",
		               "%s", r == PR_ENOENT ? "there is no campaign.yaml" : e.text);
	else
		r = read_manifest(pr_buf_str(&text), dir, recipients, folder_name, problems, out);
	pr_buf_finish(&text);
	return r;
}

int
pr_manifest_load(int dir, const char *folder_name, struct pr_problems *problems,
                 struct pr_manifest **out)
{
	return load(dir, true, folder_name, problems, out);
}

int
pr_manifest_load_content(int dir, const char *folder_name, struct pr_problems *problems,
                         struct pr_manifest **out)
{
	return load(dir, false, folder_name, problems, out);
}

void
pr_manifest_destroy(struct pr_manifest *m)
{
	if (!m)
		return;
	pr_arena_finish(&m->arena);
	free(m);
}

struct pr_audience_who
pr_manifest_who(const struct pr_manifest *m)
{
	struct pr_audience_who who = {.transactional = m->class_ == PR_TRANSACTIONAL};
	if (m->list.p && m->list.n <= LIST_MAX)
		memcpy(who.list, m->list.p, m->list.n);
	return who;
}
