/* What a path asks for, and the host that a destination names. */
#include "internal.h"

enum pr_track_path
track_target(const char *url, struct pr_str *rest)
{
	static const char rooms[] = {'o', 'c', 'u', 'v', 'p', 'e'}; /* as in enum pr_track_path */
	*rest = PR_STR("");
	if (strcmp(url, "/e") == 0)
		return PR_TRACK_EVENTS;
	if (url[0] != '/' || url[1] == 0 || url[2] != '/')
		return PR_TRACK_OTHER;
	const char *at = memchr(rooms, url[1], sizeof rooms);
	*rest = pr_str(url + 3);
	if (at == rooms && pr_str_ends(*rest, ".gif"))
		rest->n -= strlen(".gif");
	return at ? (enum pr_track_path)(at - rooms) : PR_TRACK_OTHER;
}

const char *
pr_track_path_word(enum pr_track_path p)
{
	static const char *const words[PR_TRACK_PATHS] = {"o", "c", "u", "v", "p", "e", "other"};
	return words[p];
}

/* "https://[::1]:8080/path?query"; one that is sound (message/link.h) has no user. */
struct pr_str
track_host_of(struct pr_str url)
{
	const char *end = url.p + url.n, *from = memmem(url.p, url.n, "://", 3);
	if (!from)
		return PR_STR("");
	const char *p = from += 3;
	while (p < end && !strchr("/?#", *p))
		p++;
	const char *bracket = memchr(from, ']', (size_t)(p - from));
	const char *port = bracket ? bracket + 1 : memchr(from, ':', (size_t)(p - from));
	return pr_str_n(from, (size_t)((port ? port : p) - from));
}
