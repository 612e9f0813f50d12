/*
 * Reading templates, and keeping track of what was edited into them. Every edit notes where it
 * stands in the edited text, so a column that Liquid names can be counted back.
 */
#include "source.h"

#include "postrider/base/file.h"
#include "postrider/campaign/names.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 500
#define EXCERPT_MAX 2000

void
pr_source_init(struct pr_source *s, const char *file, struct pr_str text, unsigned line,
               unsigned column)
{
	*s = (struct pr_source){.file = file,
	                        .text = text,
	                        .original = text,
	                        .first_line = line ? line : 1,
	                        .indent = column ? column - 1 : 0};
	s->last_edit = &s->edits;
}

static unsigned
line_of(struct pr_str text, size_t at)
{
	unsigned line = 1;
	for (size_t i = 0; i < at; i++)
		line += text.p[i] == '\n';
	return line;
}

static unsigned
column_of(struct pr_str text, size_t at)
{
	size_t begin = at;
	while (begin && text.p[begin - 1] != '\n')
		begin--;
	return (unsigned)(at - begin) + 1;
}

int
pr_source_read(struct pr_source *s, int dir, const char *path, const char *shown,
               struct pr_arena *arena, struct pr_problems *problems)
{
	struct pr_buf b = {0};
	struct pr_error e;
	size_t bad, skip;
	int result = pr_file_read(dir, path, PR_BODY_SIZE_MAX, &b, &e);
	if (result < 0) {
		pr_problem_add(problems, PR_PROBLEM, shown, 0,
		               "see that it can be read and is not too large", "%s", e.text);
	} else if (!pr_utf8_valid(b.data, b.len, &bad)) {
		pr_problem_add(problems, PR_PROBLEM, shown, line_of(pr_buf_str(&b), bad),
		               "save the file as UTF-8", "this is not UTF-8");
		result = PR_EINVAL;
	}
	const char *nul = result == 0 && b.len ? memchr(b.data, 0, b.len) : NULL;
	if (nul) {
		pr_problem_add(problems, PR_PROBLEM, shown,
		               line_of(pr_buf_str(&b), (size_t)(nul - b.data)),
		               "save the file as UTF-8 text", "a NUL octet");
		result = PR_EINVAL;
	}
	skip = result == 0 && pr_str_starts(pr_buf_str(&b), "\xEF\xBB\xBF") ? 3 : 0;
	if (result == 0)
		pr_source_init(s, shown,
		               pr_arena_copy(arena, pr_str_n(b.data + skip, b.len - skip)), 1, 1);
	pr_buf_finish(&b);
	return result < 0 ? PR_EINVAL : 0;
}

/* ---- edits ---- */

void
pr_source_edited(struct pr_source *s, struct pr_arena *arena, const struct pr_buf *out, size_t n,
                 size_t instead_of)
{
	struct pr_edit *edit = pr_arena_zero(arena, sizeof *edit);
	size_t at = out->len - n;
	edit->line = line_of(pr_buf_str(out), at) + s->first_line - 1;
	edit->column = column_of(pr_buf_str(out), at);
	edit->octets = n;
	edit->instead_of = instead_of;
	*s->last_edit = edit;
	s->last_edit = &edit->next;
}

void
pr_source_insert(struct pr_source *s, struct pr_arena *arena, size_t at, struct pr_str text)
{
	struct pr_edit *edit = pr_arena_zero(arena, sizeof *edit), **place = &s->edits;
	edit->line = line_of(s->text, at) + s->first_line - 1;
	edit->column = column_of(s->text, at);
	edit->octets = text.n;
	while (*place && ((*place)->line < edit->line ||
	                  ((*place)->line == edit->line && (*place)->column < edit->column)))
		place = &(*place)->next;
	for (struct pr_edit *later = *place; later && later->line == edit->line;
	     later = later->next)
		later->column += (unsigned)text.n;
	edit->next = *place;
	*place = edit;
	if (!edit->next)
		s->last_edit = &edit->next;
	char *whole = pr_arena_alloc(arena, s->text.n + text.n + 1);
	memcpy(whole, s->text.p, at);
	memcpy(whole + at, text.p, text.n);
	memcpy(whole + at + text.n, s->text.p + at, s->text.n - at);
	s->text = pr_str_n(whole, s->text.n + text.n);
}

unsigned
pr_source_column(const struct pr_source *s, unsigned line, unsigned column)
{
	long shift = line == s->first_line ? (long)s->indent : 0;
	for (const struct pr_edit *e = s->edits; e; e = e->next) {
		if (e->line != line || column < e->column)
			continue;
		if (column < e->column + e->octets) { /* inside: its beginning */
			column = e->column;
			break;
		}
		shift += (long)e->instead_of - (long)e->octets;
	}
	long at = (long)column + shift;
	column = at > 0 ? (unsigned)at : 1;
	return s->under ? pr_source_column(s->under, line, column) : column;
}

void
pr_source_over(struct pr_source *s, struct pr_arena *arena)
{
	struct pr_source *under = pr_arena_alloc(arena, sizeof *under);
	*under = *s;
	pr_source_init(s, under->file, under->text, under->first_line, 1);
	s->under = under;
}

void
pr_source_place(const struct pr_source *s, size_t at, unsigned *line, unsigned *column)
{
	*line = line_of(s->original, at) + s->first_line - 1;
	*column = column_of(s->original, at);
	if (s->under)
		*column = pr_source_column(s->under, *line, *column);
	else if (*line == s->first_line)
		*column += s->indent;
}

char *
pr_source_line(struct pr_str text, unsigned line)
{
	const char *p = text.p, *end = text.p + text.n;
	while (line > 1 && p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		p = eol ? eol + 1 : end;
		line--;
	}
	const char *eol = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	size_t n = (size_t)((eol ? eol : end) - p);
	while (n && (p[n - 1] == '\r' || n > EXCERPT_MAX))
		n--;
	return pr_strndup(p, n);
}

void
pr_source_fix_problems(const struct pr_source *s, struct pr_problems *problems, unsigned from)
{
	for (unsigned i = from; i < problems->n; i++) {
		struct pr_problem *p = &problems->items[i];
		if (!p->column || strcmp(p->file, s->file) != 0)
			continue;
		p->column = pr_source_column(s, p->line, p->column);
		const struct pr_source *file = s;
		while (file->under)
			file = file->under;
		bool indented = file->indent && p->line == file->first_line;
		if (s->edits || s->under || indented) {
			free(p->excerpt);
			p->excerpt = indented ? NULL
			                      : pr_source_line(file->original,
			                                       p->line - file->first_line + 1);
		}
	}
}

/* ---- folders ---- */

int
pr_folder_open(int dir, const char *folder)
{
	return openat(dir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool
is_plain_file(int fd, const char *folder, const char *name, struct pr_problems *problems)
{
	struct stat st;
	char shown[300], path[400];
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return true;
	snprintf(path, sizeof path, "%s/%s", folder,
	         pr_str_show(pr_str(name), shown, sizeof shown));
	pr_problem_add(problems, PR_WARNING, path, 0, NULL, "left out: it is not a plain file");
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **
pr_folder_list(int dir, const char *folder, struct pr_arena *arena, struct pr_problems *problems,
               size_t *n)
{
	const char **names = pr_arena_zero(arena, (FILES_MAX + 1) * sizeof *names);
	int fd = pr_folder_open(dir, folder);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	*n = 0;
	if (!d && fd >= 0)
		close(fd);
	if (!d)
		return names;
	for (struct dirent *entry; (entry = readdir(d));) {
		if (pr_name_is_debris(entry->d_name) ||
		    !is_plain_file(fd, folder, entry->d_name, problems))
			continue;
		if (*n == FILES_MAX) {
			pr_problem_add(problems, PR_PROBLEM, folder, 0, "take some out",
			               "there are more than %d files in it", FILES_MAX);
			break;
		}
		names[(*n)++] = pr_arena_strndup(arena, entry->d_name, strlen(entry->d_name));
	}
	closedir(d);
	qsort(names, *n, sizeof *names, by_name);
	return names;
}
