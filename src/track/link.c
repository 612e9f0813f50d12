/*
 * Destinations of links, from state.db by a connection of the web thread's own, and those asked
 * for lately from memory. When that is full it is emptied: a campaign has few links, and reading
 * one again costs little.
 */
#include "internal.h"

#include <stdlib.h>

#define KEPT_MAX 16384u /* links, of a few hundred octets */

struct track_links {
	pr_statedb *db;
	struct pr_map kept; /* serial and link -> its URL, by malloc */
	struct pr_buf read;
};

static void
forget_all(struct track_links *l)
{
	for (size_t i = 0; i < l->kept.cap; i++)
		free(l->kept.slots[i].value);
	pr_map_finish(&l->kept);
}

int
track_links_open(const char *state_path, struct track_links **out, struct pr_error *e)
{
	struct track_links *l = pr_calloc(1, sizeof *l);
	int r = pr_statedb_open(state_path, &l->db, e);
	if (r < 0)
		free(l);
	else
		*out = l;
	return r;
}

void
track_links_close(struct track_links *l)
{
	if (!l)
		return;
	forget_all(l);
	pr_buf_finish(&l->read);
	pr_statedb_close(l->db);
	free(l);
}

static int
read_link(struct track_links *l, uint32_t serial, uint32_t link, char **out, struct pr_error *e)
{
	pr_buf_clear(&l->read);
	int r = pr_statedb_link(l->db, serial, link, &l->read, e);
	if (r < 0)
		return r;
	if (l->kept.n >= KEPT_MAX)
		forget_all(l);
	*out = pr_strdup(l->read.data ? l->read.data : "");
	pr_map_put(&l->kept, (uint64_t)serial << 32 | link, *out);
	return 0;
}

int
track_link(struct track_links *l, uint32_t serial, uint32_t link, struct pr_str *url,
           struct pr_error *e)
{
	char *kept = pr_map_get(&l->kept, (uint64_t)serial << 32 | link);
	int r = kept ? 0 : read_link(l, serial, link, &kept, e);
	if (r == 0)
		*url = pr_str(kept);
	return r;
}
