/*
 * Submissions: a folder on the spool is renamed into incoming/, whole, and marked ready.
 *
 * The path comes from a stranger and is walked by the daemon: from the spool's descriptor,
 * through no symbolic link, not into the daemon's own folders; what is renamed must be the
 * caller's own, unless he is an operator. A repeated Idempotency-Key of the same user answers
 * as the first time did; with another path it is refused.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS_MAX 1000u

/* PATH without empty parts and "."; PR_EINVAL where it leads up or is too long. */
static int
tidy(const char *path, char *out, size_t size, struct pr_error *e)
{
	size_t n = 0;
	out[0] = 0;
	for (const char *p = path; *p;) {
		size_t part = strcspn(p, "/");
		if (part == 2 && memcmp(p, "..", 2) == 0)
			return pr_fail(e, PR_EINVAL, "path must not hold \"..\"");
		if (part > 0 && !(part == 1 && *p == '.')) {
			if (n + part + 2 > size)
				return pr_fail(e, PR_EINVAL, "path is too long");
			n += (size_t)snprintf(out + n, size - n, "%s%.*s", n ? "/" : "", (int)part,
			                      p);
		}
		p += part + (p[part] == '/');
	}
	return 0;
}

/* ---- keys ---- */

struct accepted_key {
	struct pr_list link;
	uint32_t uid;
	char key[128], name[256], *path; /* as tidy has it */
};

static const struct accepted_key *
find_key(struct request *q, const char *key)
{
	PR_LIST_EACH(link, &q->control->accepted) {
		struct accepted_key *k = PR_CONTAINER(link, struct accepted_key, link);
		if (k->uid == q->peer.uid && strcmp(k->key, key) == 0)
			return k;
	}
	return NULL;
}

static void
forget_oldest_key(struct pr_control *c)
{
	struct accepted_key *k =
	    PR_CONTAINER(pr_list_shift(&c->accepted), struct accepted_key, link);
	free(k->path);
	free(k);
	c->accepted_n--;
}

void
submit_close(struct pr_control *c)
{
	while (c->accepted_n > 0)
		forget_oldest_key(c);
}

static void
keep_key(struct request *q, const char *key, const char *path, const char *name)
{
	struct pr_control *c = q->control;
	struct accepted_key *k = pr_calloc(1, sizeof *k);
	k->uid = q->peer.uid;
	snprintf(k->key, sizeof k->key, "%s", key);
	snprintf(k->name, sizeof k->name, "%s", name);
	k->path = pr_strdup(path);
	pr_list_push(&c->accepted, &k->link);
	if (++c->accepted_n > KEYS_MAX)
		forget_oldest_key(c);
}

static void
answer_submitted(struct request *q, const char *name)
{
	struct pr_buf b = {0};
	pr_buf_adds(&b, "{\"name\":");
	pr_buf_add_json(&b, pr_str(name));
	pr_buf_adds(&b, "}\n");
	request_answer(q, MHD_HTTP_ACCEPTED, "application/json", &b);
}

/* ---- handing over ---- */

struct handing {
	int spool, parent, incoming, folder; /* descriptors; -1: not open */
	char parent_path[4096], name[256];   /* of the folder, below the spool */
};

/* Splits PATH, which must lie below the spool, into its folder and name there. */
static int
split(struct handing *h, const char *spool, const char *path, struct pr_error *e)
{
	static const char *const own[] = {"active", "done", "rejected", NULL};
	size_t n = strlen(spool);
	if (strncmp(path, spool, n) != 0 || path[n] != '/')
		return pr_fail(e, PR_EINVAL, "path must be a folder under %s", spool);
	int r = tidy(path + n, h->parent_path, sizeof h->parent_path, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; own[i]; i++) {
		size_t k = strlen(own[i]);
		if (strncmp(h->parent_path, own[i], k) == 0 &&
		    (h->parent_path[k] == '/' || !h->parent_path[k]))
			return pr_fail(e, PR_EINVAL, "path lies in a folder of the daemon's own");
	}
	char *slash = strrchr(h->parent_path, '/'), *name = slash ? slash + 1 : h->parent_path;
	size_t name_n = strlen(name);
	if (!id_is_sound(name) || name_n >= sizeof h->name || strcmp(name, "incoming") == 0)
		return pr_fail(e, PR_EINVAL, "the folder's name cannot be used");
	memcpy(h->name, name, name_n + 1);
	if (slash)
		*slash = 0;
	else
		h->parent_path[0] = 0;
	return 0;
}

/* Below `dir`, one part after the other and through no symbolic link. openat2 would do it in one
 * call, but not for a service: RestrictSUIDSGID= of systemd takes it away. */
static int
open_below(int dir, const char *path)
{
	char part[NAME_MAX + 1];
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	while (at >= 0 && *path) {
		size_t n = strcspn(path, "/");
		snprintf(part, sizeof part, "%.*s", n < sizeof part ? (int)n : 0, path);
		int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int why = errno;
		close(at);
		errno = why;
		at = next;
		path += n + (path[n] == '/');
	}
	return at;
}

static int
open_all(struct handing *h, const char *spool, struct pr_error *e)
{
	h->spool = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->spool < 0 || (h->incoming = open_below(h->spool, "incoming")) < 0)
		return pr_fail_errno(e, "cannot open %s/incoming", spool);
	h->parent = open_below(h->spool, h->parent_path);
	if (h->parent < 0 || (h->folder = open_below(h->parent, h->name)) < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return pr_fail(e, PR_EINVAL,
			               "path is not a folder, or leads through a link");
		return pr_fail_errno(e, "cannot open the folder");
	}
	return 0;
}

static int
check_owner(const struct request *q, const struct handing *h, struct pr_error *e)
{
	struct stat st, named;
	if (fstat(h->folder, &st) < 0 ||
	    fstatat(h->parent, h->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return pr_fail_errno(e, "cannot look at the folder");
	if (!q->peer.is_operator && st.st_uid != q->peer.uid)
		return pr_fail(e, PR_EDENIED, "the folder belongs to somebody else");
	if (st.st_ino != named.st_ino || st.st_dev != named.st_dev)
		return pr_fail(e, PR_EAGAIN, "the folder changed while it was looked at");
	return 0;
}

static int
move(const struct handing *h, struct pr_error *e)
{
	bool there = strcmp(h->parent_path, "incoming") == 0;
	if (!there && renameat2(h->parent, h->name, h->incoming, h->name, RENAME_NOREPLACE) < 0)
		return pr_fail_errno(e, "cannot move the folder into incoming/");
	int fd = openat(h->folder, ".ready", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd >= 0)
		close(fd);
	return 0;
}

static int
hand_over(struct request *q, const char *path, char name[256], struct pr_error *e)
{
	struct handing h = {-1, -1, -1, -1, "", ""};
	const char *spool = q->control->options.config->spool.p;
	int r = split(&h, spool, path, e);
	if (r == 0)
		r = open_all(&h, spool, e);
	if (r == 0)
		r = check_owner(q, &h, e);
	if (r == 0)
		r = move(&h, e);
	int fds[] = {h.spool, h.parent, h.incoming, h.folder};
	for (unsigned i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r == 0) {
		memcpy(name, h.name, sizeof h.name);
		pr_intake_rescan(q->control->options.intake);
	}
	return r;
}

static void
submit(struct request *q, const char *path, const char *tidied, const char *key)
{
	struct pr_error e;
	char name[256];
	int r = hand_over(q, path, name, &e);
	if (r < 0) {
		request_fail_code(q, r, e.text);
		return;
	}
	if (key)
		keep_key(q, key, tidied, name);
	answer_submitted(q, name);
}

void
post_submit(struct request *q)
{
	static const char *const keys[] = {"path", NULL};
	const char *key =
	    MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, "Idempotency-Key");
	json_t *body;
	if (!request_body(q, keys, &body))
		return;
	const char *path = json_string_value(json_object_get(body, "path"));
	char tidied[4096] = "";
	struct pr_error e;
	if (path && tidy(path, tidied, sizeof tidied, &e) < 0)
		tidied[0] = 0; /* submit will say why */
	const struct accepted_key *before = key ? find_key(q, key) : NULL;
	if (!q->peer.known)
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "only by the Unix socket");
	else if (key && (!*key || strlen(key) >= sizeof before->key))
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid",
		             "Idempotency-Key must have 1 to 127 characters");
	else if (!path || path[0] != '/')
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid",
		             "the body must say {\"path\": an absolute path under the spool}");
	else if (before && strcmp(before->path, tidied) != 0)
		request_fail(q, MHD_HTTP_CONFLICT, "exists",
		             "this Idempotency-Key was used for another path");
	else if (before)
		answer_submitted(q, before->name);
	else
		submit(q, path, tidied, key);
	json_decref(body);
}
