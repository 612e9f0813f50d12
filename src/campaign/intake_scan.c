/*
 * A round through incoming/.
 *
 *   read      each folder becomes a `waiting`, with what is in it now
 *   moves     which of them came whole (read after the folders: never older than they are)
 *   take      those that are complete, one after the other, in the order they came
 *   complain  NAME.PROBLEM.txt beside those that will not become complete by themselves
 *   next      when a folder's time comes; what the loop shall watch
 *
 * Beside and not in it: writing into an upload would change it, and may not be permitted.
 * How it fails: what cannot be read is not there this round; incoming/ itself unreadable is
 * told once as trouble of all of intake.
 */
#include "intake_internal.h"

#include "postrider/campaign/names.h"
#include "postrider/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKOFF_MS (30 * PR_SECOND_MS)
#define BACKOFF_MAX_MS (10 * PR_MINUTE_MS)

int64_t
intake_backoff_ms(unsigned failures)
{
	unsigned doublings = failures > 6 ? 5 : failures ? failures - 1 : 0;
	int64_t ms = BACKOFF_MS << doublings;
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* ---- complaints ---- */

static void
problem_name(const char *name, char out[256])
{
	size_t room = 251 - strlen(PROBLEM_SUFFIX), n = strlen(name);
	n = n < room ? n : room;
	while (n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80)
		n--; /* not within a character */
	snprintf(out, 256, "%.*s%s", (int)n, name, PROBLEM_SUFFIX);
}

/* what: static text, "" for nothing to say. Where it cannot be written the owner is told. */
static void
complain(pr_intake *i, struct waiting *w, const char *what, const char *remedy)
{
	char file[256], shown[256];
	struct pr_error e = {0};
	if (w->told && strcmp(w->told, what) == 0)
		return;
	if (!w->told && !what[0])
		return;
	problem_name(w->name, file);
	pr_str_show(pr_str(w->name), shown, sizeof shown);
	w->told = what[0] ? what : NULL;
	if (!what[0]) {
		unlinkat(i->incoming, file, 0);
		return;
	}
	struct pr_buf text = {0};
	pr_buf_addf(&text,
	            "%s was not taken: %s.\nWhat to do: %s.\nThis note goes away by itself "
	            "when the folder was taken or removed.\n",
	            shown, what, remedy);
	if (pr_file_replace(i->incoming, file, text.data, text.len, 0664, &e) < 0)
		intake_tell_trouble(i, w->name, &e);
	pr_buf_finish(&text);
}

static void
complain_when_due(pr_intake *i, struct waiting *w)
{
	int64_t here = i->now_ms - w->first_ms, quiet = i->now_ms - w->since_ms;
	struct pr_buf normal = {0};
	const char *what = "", *remedy = "";
	if (w->left || w->unfinished) {
		what = "";
	} else if (!pr_name_normal(w->name, &normal)) {
		what = "its name is not UTF-8, or has control characters or a backslash";
		remedy = "rename it";
	} else if (!w->folder && here >= PR_INTAKE_CLOSED_MS) {
		what = "a campaign is a folder, and this is none";
		remedy = "unpack it, or move it away; see `postrider init` for a sample";
	} else if (w->closed && here >= PR_INTAKE_CLOSED_MS) {
		what = "the daemon may not read this folder";
		remedy = "chmod -R g+rX it, and chgrp it to the group of incoming/";
	} else if (w->beyond && quiet >= i->options.config->settle) {
		what = w->beyond;
		remedy = "keep only what the campaign needs in it";
	} else if (w->folder && !w->closed && !w->manifest && here >= PR_INTAKE_COMPLAIN_MS) {
		what = "there is no campaign.yaml in it";
		remedy = "add campaign.yaml at the top of the folder, not in a folder within";
	} else if (w->partial && quiet >= PR_INTAKE_COMPLAIN_MS) {
		what = "an upload stands still: there is a *.part, *.filepart, *.crdownload or "
		       "*.tmp file in it";
		remedy = "go on with the upload, or remove that file";
	}
	complain(i, w, what, remedy);
	pr_buf_finish(&normal);
}

/* Notes whose folder is gone, also those of an earlier run. */
static void
remove_orphan_note(pr_intake *i, const char *file)
{
	struct stat st;
	char name[256];
	if (fstatat(i->incoming, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		return;
	PR_LIST_EACH(node, &i->waiting) {
		problem_name(PR_CONTAINER(node, struct waiting, link)->name, name);
		if (strcmp(name, file) == 0)
			return;
	}
	unlinkat(i->incoming, file, 0);
}

/* ---- the table ---- */

static uint64_t
key_of(const pr_intake *i, const char *name)
{
	return pr_siphash(i->names_key, name, strlen(name));
}

struct waiting *
intake_find_waiting(pr_intake *i, const char *name)
{
	return pr_map_get(&i->names, key_of(i, name));
}

void
intake_drop_waiting(pr_intake *i, struct waiting *w)
{
	if (i->incoming >= 0)
		complain(i, w, "", "");
	pr_map_remove(&i->names, key_of(i, w->name));
	pr_list_remove(&w->link);
	free(w);
}

static void
on_move(void *context, const char *name, bool whole)
{
	pr_intake *i = context;
	if (name) {
		struct waiting *w = intake_find_waiting(i, name);
		if (w)
			w->whole = whole;
		return;
	}
	PR_LIST_EACH(node, &i->waiting)
		PR_CONTAINER(node, struct waiting, link)->whole = false;
}

void
intake_read_moves(pr_intake *i)
{
	pr_moves_read(i->moves, on_move, i);
}

/* ---- reading ---- */

/* Seen for the first time: what has not changed for long when the daemon starts need not
 * begin to settle now. Ages from the future count as none. */
static void
begin_waiting(pr_intake *i, struct waiting *w)
{
	int64_t age = intake_utc_ms(i) - w->changed_ns / 1000000;
	w->first_ms = i->now_ms;
	w->since_ms = i->now_ms - (age > 0 ? age : 0);
}

static void
note_tree(pr_intake *i, struct waiting *w, const struct pr_tree *t, bool is_new)
{
	bool changed = !is_new && t->signature != w->signature;
	w->signature = t->signature;
	w->changed_ns = t->changed_ns;
	w->octets = t->octets;
	w->ready = t->ready;
	w->manifest = t->manifest;
	w->partial = t->partial;
	w->beyond = t->beyond;
	if (is_new)
		begin_waiting(i, w);
	if (changed) {
		w->since_ms = i->now_ms;
		w->whole = false;
		w->retry_ms = 0;
		w->failures = 0;
	}
}

static struct waiting *
waiting_of(pr_intake *i, const char *name, const struct stat *st, bool *is_new)
{
	struct waiting *w = intake_find_waiting(i, name);
	*is_new = !w || w->device != st->st_dev || w->inode != st->st_ino;
	if (w && *is_new)
		intake_drop_waiting(i, w);
	if (*is_new) {
		w = pr_calloc(1, sizeof *w);
		snprintf(w->name, sizeof w->name, "%s", name);
		w->device = st->st_dev;
		w->inode = st->st_ino;
		w->claimed = pr_str_starts(pr_str(name), CLAIM_PREFIX);
		pr_list_push(&i->waiting, &w->link);
		pr_map_put(&i->names, key_of(i, w->name), w);
	}
	return w;
}

static void
look_at(pr_intake *i, const char *name)
{
	struct stat st;
	struct pr_tree t;
	struct pr_error e;
	bool is_new;
	if (fstatat(i->incoming, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	struct waiting *w = waiting_of(i, name, &st, &is_new);
	int r = pr_tree_read(i->incoming, name, &t, &e);
	w->seen = true;
	w->folder = S_ISDIR(st.st_mode);
	w->closed = r == PR_EDENIED;
	if (r == 0)
		note_tree(i, w, &t, is_new);
	else if (is_new)
		w->first_ms = w->since_ms = i->now_ms;
	pr_tree_finish(&t);
	w->left = intake_is_left(i, w, &w->known, NULL) == 0;
	w->unfinished = intake_is_unfinished(i, w);
}

static bool
is_note(const char *name)
{
	return pr_str_ends(pr_str(name), PROBLEM_SUFFIX);
}

/* Names that begin with a dot are not looked at, but for our own claims. */
static bool
is_looked_at(const char *name)
{
	if (is_note(name) || pr_str_ends(pr_str(name), PROBLEM_SUFFIX ".tmp"))
		return false;
	return name[0] == '.' ? pr_str_starts(pr_str(name), CLAIM_PREFIX)
	                      : !pr_name_is_debris(name);
}

static int
read_incoming(pr_intake *i, void (*each)(pr_intake *, const char *), bool notes)
{
	int fd = openat(i->incoming, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -1;
	unsigned n = 0;
	for (struct dirent *entry; n < FOLDERS_MAX && (entry = readdir(d));)
		if (notes ? is_note(entry->d_name) : is_looked_at(entry->d_name)) {
			each(i, entry->d_name);
			n++;
		}
	closedir(d);
	return 0;
}

static void
drop_unseen(pr_intake *i)
{
	PR_LIST_EACH(node, &i->waiting) {
		struct waiting *w = PR_CONTAINER(node, struct waiting, link);
		if (!w->seen)
			intake_drop_waiting(i, w);
		else
			w->seen = false;
	}
}

/* ---- taking ---- */

static bool
is_complete(const pr_intake *i, const struct waiting *w)
{
	if (w->left || w->unfinished || w->closed || w->beyond || !w->folder ||
	    w->retry_ms > i->now_ms)
		return false;
	bool settled = i->now_ms - w->since_ms >= i->options.config->settle;
	if (w->known && !settled)
		return false;
	if (w->claimed || w->ready)
		return true;
	return w->manifest && !w->partial && (w->whole || settled);
}

/* A failure of one folder is told under its name, once; of the disk, for all of intake. */
static void
take_failed(pr_intake *i, struct waiting *w, int code, const struct pr_error *e)
{
	if (code == PR_EAGAIN || code == PR_ENOENT) {
		w->since_ms = i->now_ms;
		w->whole = false;
		w->retry_ms = i->now_ms + PR_SECOND_MS;
		return;
	}
	if (code == PR_ECANCELLED)
		return;
	w->retry_ms = i->now_ms + intake_backoff_ms(++w->failures);
	if (code == PR_ENOSPC || code == PR_EIO) {
		if (i->trouble != code)
			intake_tell_trouble(i, NULL, e);
		i->trouble = code;
	} else if (w->failures == 1) {
		intake_tell_trouble(i, w->name, e);
	}
}

static void
take_complete(pr_intake *i)
{
	PR_LIST_EACH(node, &i->waiting) {
		struct waiting *w = PR_CONTAINER(node, struct waiting, link);
		struct pr_error e = {0};
		if (atomic_load(&i->stop) || atomic_load(&i->hold))
			return;
		struct pr_buf normal = {0};
		bool named = pr_name_normal(w->name, &normal);
		pr_buf_finish(&normal);
		if (!named || !is_complete(i, w))
			continue;
		int r = intake_take(i, w, &e);
		if (r < 0)
			take_failed(i, w, r, &e);
		else if (r == 1)
			w->left = true;
		else
			i->trouble = 0;
	}
}

/* ---- findings ---- */

static int64_t
earlier(int64_t a, int64_t b)
{
	return b < a ? b : a;
}

static void
find_next(pr_intake *i)
{
	struct findings *f = &i->findings;
	bool failing = !pr_list_empty(&i->pending);
	f->waiting_n = 0;
	f->next_ms = i->now_ms + PR_INTAKE_RESCAN_MS;
	PR_LIST_EACH(node, &i->waiting) {
		const struct waiting *w = PR_CONTAINER(node, struct waiting, link);
		if (w->left)
			continue;
		f->waiting_n++;
		failing |= w->failures > 0;
		int64_t settled = w->since_ms + i->options.config->settle;
		if (w->retry_ms > i->now_ms)
			f->next_ms = earlier(f->next_ms, w->retry_ms);
		else if (settled > i->now_ms)
			f->next_ms = earlier(f->next_ms, settled);
		if (w->folder && !w->claimed && f->watch_n < WATCHES_MAX) {
			struct pr_buf path = {0};
			pr_buf_addf(&path, "%s/incoming/%s", i->options.config->spool.p, w->name);
			f->watch[f->watch_n++] = path.data;
		}
	}
	PR_LIST_EACH(node, &i->pending)
		f->next_ms =
		    earlier(f->next_ms, PR_CONTAINER(node, struct pending, link)->retry_ms);
	if (!failing)
		i->trouble = 0;
}

struct left_list {
	pr_intake *i;
	struct pr_source_left *gone;
	size_t gone_n;
};

static bool
on_left(void *context, const struct pr_source_left *s)
{
	struct left_list *l = context;
	struct findings *f = &l->i->findings;
	PR_LIST_EACH(node, &l->i->waiting) {
		const struct waiting *w = PR_CONTAINER(node, struct waiting, link);
		if (!w->left || w->device != s->device || w->inode != s->inode)
			continue;
		f->left = pr_realloc(f->left, (f->left_n + 1) * sizeof *f->left);
		f->left[f->left_n++] = (struct pr_left_behind){pr_strdup(w->name), s->since_ms};
		return true;
	}
	l->gone = pr_realloc(l->gone, (l->gone_n + 1) * sizeof *l->gone);
	l->gone[l->gone_n++] = *s;
	return true;
}

/* Those that are in incoming/ no more, or were changed and taken, are forgotten. */
static void
find_left(pr_intake *i)
{
	struct left_list l = {.i = i};
	pr_statedb_each_left(i->statedb, on_left, &l, NULL);
	for (size_t k = 0; k < l.gone_n; k++) {
		struct stat st;
		bool there = fstatat(i->incoming, l.gone[k].name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		             st.st_dev == l.gone[k].device && st.st_ino == l.gone[k].inode;
		if (!there)
			pr_statedb_forget_left(i->statedb, l.gone[k].device, l.gone[k].inode, NULL);
	}
	free(l.gone);
}

void
intake_scan(pr_intake *i)
{
	struct pr_error e;
	if (read_incoming(i, look_at, false) < 0) {
		int code = pr_fail_errno(&e, "cannot read incoming/");
		if (i->trouble != code)
			intake_tell_trouble(i, NULL, &e);
		i->trouble = code;
		i->findings.next_ms = i->now_ms + PR_INTAKE_RESCAN_MS;
		return;
	}
	drop_unseen(i);
	intake_read_moves(i);
	intake_retry_sources(i);
	take_complete(i);
	PR_LIST_EACH(node, &i->waiting)
		complain_when_due(i, PR_CONTAINER(node, struct waiting, link));
	read_incoming(i, remove_orphan_note, true);
	find_next(i);
	find_left(i);
}
