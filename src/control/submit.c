/*
 * Submissions: a folder on the spool is renamed into incoming/, whole, and marked ready. What is
 * renamed must be the caller's own, unless he is an operator (handing.c). A repeated
 * Idempotency-Key of the same user answers as the first time did; with another path it is
 * refused.
 */
#include "handing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEYS_MAX 1000u

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
	struct handing h;
	int r = handing_open(q, path, false, &h, e);
	if (r == 0)
		r = move(&h, e);
	handing_close(&h);
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
	if (path && handing_tidy(path, tidied, sizeof tidied, &e) < 0)
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
