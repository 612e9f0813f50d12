/*
 * Who may do what. The peer's uid comes from the kernel (SO_PEERCRED). Root, the daemon's own
 * user and the group socket.operators may do all; the owner of a campaign (who dropped it)
 * all on it; everybody else who can open the socket reads counts, no addresses, and may say of one
 * address that mail must not go there: that never does harm that an operator could not undo.
 */
#include "internal.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 256

static bool
in_group(const char *user, gid_t primary, const char *name)
{
	struct group *g = name ? getgrnam(name) : NULL;
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	if (!g)
		return false;
	gid_t wanted = g->gr_gid;
	if (getgrouplist(user, primary, groups, &n) < 0)
		n = GROUPS_MAX;
	for (int i = 0; i < n; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

void
peer_of(struct pr_control *c, struct MHD_Connection *connection, struct peer *out)
{
	struct ucred cred;
	socklen_t n = sizeof cred;
	*out = (struct peer){.uid = (uint32_t)-1};
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return;
	out->uid = cred.uid;
	out->known = true;
	struct passwd *p = getpwuid(cred.uid);
	if (p)
		snprintf(out->name, sizeof out->name, "%s", p->pw_name);
	else
		snprintf(out->name, sizeof out->name, "uid %u", cred.uid);
	out->is_operator = cred.uid == 0 || cred.uid == geteuid() ||
	                   in_group(out->name, cred.gid, c->options.config->socket.operators.p);
}

bool
may_see_rows(const struct request *q, uint32_t owner)
{
	return q->peer.is_operator || (q->peer.known && q->peer.uid == owner);
}

bool
may_act(const struct request *q, uint32_t owner)
{
	return may_see_rows(q, owner);
}

bool
must_operate(struct request *q, const char *why_not)
{
	if (!q->peer.is_operator)
		request_fail(q, MHD_HTTP_FORBIDDEN, "denied", "%s", why_not);
	return q->peer.is_operator;
}
