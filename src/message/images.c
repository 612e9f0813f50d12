/*
 * References to images. A name in HTML is matched as people write names: percent-decoded,
 * in NFC (a Mac stores NFD), and without regard to case where that leaves one file only.
 */
#include "images.h"

#include <glib.h>
#include <stdio.h>

#define REFERENCE_MAX 1000

static const char *
keep(struct pr_arena *arena, char *from_glib)
{
	const char *s = pr_arena_strndup(arena, from_glib, strlen(from_glib));
	g_free(from_glib);
	return s;
}

static const char *
normal_form(struct pr_arena *arena, const char *name)
{
	char *nfc = g_utf8_normalize(name, -1, G_NORMALIZE_NFC);
	return nfc ? keep(arena, nfc) : pr_arena_strndup(arena, name, strlen(name));
}

static const char *
folded_form(struct pr_arena *arena, const char *normal)
{
	bool valid = pr_utf8_valid(normal, strlen(normal), NULL);
	return valid ? keep(arena, g_utf8_casefold(normal, -1)) : normal;
}

/* A dot-atom that needs no encoding in a URL either. */
static const char *
make_id(const struct pr_images *images, size_t which, struct pr_arena *arena)
{
	const char *name = images->items[which].normal;
	char *id = pr_arena_alloc(arena, strlen(name) + 16), *to = id;
	for (const char *p = name; *p; p++) {
		bool safe = pr_is_digit(*p) || (pr_lower(*p) >= 'a' && pr_lower(*p) <= 'z') ||
		            *p == '-' || (*p == '.' && p > name && p[1] && p[1] != '.');
		*to++ = safe ? *p : '_';
	}
	*to = 0;
	for (size_t i = 0; i < which; i++)
		if (strcmp(images->items[i].id, id) == 0) {
			snprintf(to, 16, "_%u", (unsigned)which);
			break;
		}
	return id;
}

void
pr_images_list(struct pr_images *images, int dir, const char *suffix, struct pr_arena *arena,
               struct pr_problems *problems)
{
	const char **names = pr_folder_list(dir, "images", arena, problems, &images->n);
	images->suffix = suffix;
	images->items = pr_arena_zero(arena, (images->n + 1) * sizeof *images->items);
	for (size_t i = 0; i < images->n; i++) {
		struct pr_image *image = &images->items[i];
		image->name = names[i];
		image->normal = normal_form(arena, names[i]);
		image->folded = folded_form(arena, image->normal);
		image->id = make_id(images, i, arena);
	}
}

/* ---- finding ---- */

static int
hex_value(char c)
{
	return pr_is_digit(c)                             ? c - '0'
	       : pr_lower(c) >= 'a' && pr_lower(c) <= 'f' ? pr_lower(c) - 'a' + 10
	                                                  : -1;
}

static const char *
percent_decode(struct pr_str s, struct pr_arena *arena)
{
	char *out = pr_arena_alloc(arena, s.n + 1), *to = out;
	for (size_t i = 0; i < s.n; i++) {
		int high = i + 2 < s.n && s.p[i] == '%' ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
		if (low >= 0 && high + low > 0) {
			*to++ = (char)(high * 16 + low);
			i += 2;
		} else {
			*to++ = s.p[i];
		}
	}
	*to = 0;
	return out;
}

static struct pr_image *
find_image(struct pr_images *images, const char *name, bool *several, struct pr_arena *arena)
{
	struct pr_image *found = NULL;
	const char *normal = normal_form(arena, name), *folded = folded_form(arena, normal);
	*several = false;
	for (size_t i = 0; i < images->n; i++)
		if (strcmp(images->items[i].name, name) == 0 ||
		    strcmp(images->items[i].normal, normal) == 0)
			return &images->items[i];
	for (size_t i = 0; i < images->n; i++)
		if (strcmp(images->items[i].folded, folded) == 0) {
			*several |= found != NULL;
			found = &images->items[i];
		}
	return *several ? NULL : found;
}

static void
tell_missing(const struct pr_images *images, const struct pr_source *s, size_t at, const char *name,
             bool several, struct pr_arena *arena, struct pr_problems *problems)
{
	char remedy[400], shown[300];
	const char **names = pr_arena_zero(arena, (images->n + 1) * sizeof *names);
	for (size_t i = 0; i < images->n; i++)
		names[i] = images->items[i].name;
	const char *near = pr_nearest(pr_str(name), names);
	snprintf(remedy, sizeof remedy, "put it into images/");
	if (near || several)
		snprintf(remedy, sizeof remedy,
		         several ? "write the name exactly" : "did you mean cid:%s?",
		         near ? pr_str_show(pr_str(near), shown, sizeof shown) : "");
	unsigned line, column;
	pr_source_place(s, at, &line, &column);
	struct pr_problem *p =
	    pr_problem_add(problems, PR_PROBLEM, s->file, line, remedy,
	                   several ? "cid:%s: several images have this name, in different case"
	                           : "cid:%s: there is no such image in images/",
	                   pr_str_show(pr_str(name), shown, sizeof shown));
	if (p)
		p->column = column;
}

void
pr_images_begin(struct pr_images *images)
{
	for (size_t i = 0; i < images->n; i++)
		images->items[i].used = false;
}

/* ---- references ---- */

/* The length of what follows "cid:": up to a quote, blank or bracket outside of Liquid code. */
static size_t
reference_length(const char *p, const char *end, bool *code)
{
	size_t n = 0;
	*code = false;
	while (p + n < end && n < REFERENCE_MAX && !strchr("\"'()<> \t\r\n", p[n])) {
		const char *close = NULL;
		if (p[n] == '{' && p + n + 1 < end && (p[n + 1] == '{' || p[n + 1] == '%'))
			close =
			    memmem(p + n, (size_t)(end - p) - n, p[n + 1] == '{' ? "}}" : "%}", 2);
		*code |= close != NULL;
		n = close ? (size_t)(close + 2 - p) : n + 1;
	}
	return n;
}

static const char *
next_reference(const char *p, const char *begin, const char *end)
{
	while ((p = memchr(p, ':', (size_t)(end - p)))) {
		bool cid = p - begin >= 4 && pr_str_eq_nocase(pr_str_n(p - 3, 3), PR_STR("cid"));
		p++;
		if (cid && strchr("\"'(= \t\n", p[-5]))
			return p;
	}
	return NULL;
}

/* Writes what stands in the edited text for the reference; returns how much of the original
 * that replaces. */
static size_t
edit_reference(struct pr_images *images, struct pr_source *s, struct pr_str ref, bool code,
               struct pr_buf *out, struct pr_arena *arena, struct pr_problems *problems)
{
	bool several = false;
	size_t was = out->len;
	if (code) {
		for (size_t i = 0; i < images->n; i++)
			images->items[i].used = images->items[i].ever = true;
		pr_buf_add_str(out, ref);
		pr_buf_adds(out, images->suffix);
		pr_source_edited(s, arena, out, strlen(images->suffix), 0);
		return ref.n;
	}
	const char *name = percent_decode(ref, arena);
	struct pr_image *image = find_image(images, name, &several, arena);
	if (!image) {
		tell_missing(images, s, (size_t)(ref.p - s->original.p), name, several, arena,
		             problems);
		return 0;
	}
	image->used = image->ever = true;
	pr_buf_adds(out, image->id);
	pr_buf_adds(out, images->suffix);
	pr_source_edited(s, arena, out, out->len - was, ref.n);
	return ref.n;
}

void
pr_images_refer(struct pr_images *images, struct pr_source *s, struct pr_arena *arena,
                struct pr_problems *problems)
{
	struct pr_buf out = {0};
	const char *begin = s->text.p, *end = begin + s->text.n, *done = begin, *p = begin;
	while (p < end && (p = next_reference(p, begin, end))) {
		bool code;
		struct pr_str ref = pr_str_n(p, reference_length(p, end, &code));
		pr_buf_add(&out, done, (size_t)(p - done));
		done = p;
		if (ref.n)
			done += edit_reference(images, s, ref, code, &out, arena, problems);
	}
	pr_buf_add(&out, done, (size_t)(end - done));
	if (s->edits)
		s->text = pr_arena_copy(arena, pr_buf_str(&out));
	pr_buf_finish(&out);
}
