/*
 * Whose opens are not to be recorded: the hashes that their tokens carry, by each key there is.
 * From the store of suppressions (scope "opens"), read again when its generation has changed; who
 * says so on our own page is known at once.
 */
#include "internal.h"

#include <stdlib.h>

struct track_untracked {
	pr_audience *store;
	uint64_t generation;
	const struct pr_config *config; /* whose keys the hashes are by */
	struct pr_map hashes;
};

static uint64_t
slot_of(char key, uint64_t address)
{
	return address ^ pr_mix64((unsigned char)key);
}

void
track_untracked_add(struct track_untracked *u, char key, uint64_t address)
{
	pr_map_put(&u->hashes, slot_of(key, address), u);
}

bool
track_untracked_has(const struct track_untracked *u, char key, uint64_t address)
{
	return pr_map_get(&u->hashes, slot_of(key, address)) != NULL;
}

static bool
add_one(void *context, const struct pr_suppression *s)
{
	struct track_untracked *u = context;
	const struct pr_config *c = u->config;
	char key;
	uint64_t hash;
	if (s->until_ms && s->until_ms <= pr_utc_ms())
		return true;
	if (pr_audience_read_token(s->address, &key, &hash)) {
		track_untracked_add(u, key, hash);
		return true;
	}
	for (size_t i = 0; i < c->secrets.n; i++) {
		key = *pr_config_secrets(c)[i].id.p;
		track_untracked_add(u, key, pr_token_address(c->tokens, key, s->address));
	}
	return true;
}

int
track_untracked_refresh(struct track_untracked *u, const struct pr_config *config,
                        struct pr_error *e)
{
	struct pr_audience_counts now;
	struct pr_map before = u->hashes;
	int r = pr_audience_counts(u->store, &now, e);
	if (r < 0 || (now.generation == u->generation && config == u->config))
		return r;
	u->config = config;
	u->hashes = (struct pr_map){0};
	r = pr_audience_each_untracked(u->store, add_one, u, e);
	pr_map_finish(r < 0 ? &u->hashes : &before);
	if (r < 0)
		u->hashes = before; /* better than none; it is tried again */
	u->generation = r < 0 ? 0 : now.generation;
	return r;
}

int
track_untracked_open(const char *audience_path, const struct pr_config *config,
                     struct track_untracked **out, struct pr_error *e)
{
	struct track_untracked *u = pr_calloc(1, sizeof *u);
	int r = pr_audience_open(audience_path, PR_AUDIENCE_READ, &u->store, e);
	if (r == 0)
		r = track_untracked_refresh(u, config, e);
	if (r < 0)
		track_untracked_close(u);
	else
		*out = u;
	return r;
}

void
track_untracked_close(struct track_untracked *u)
{
	if (!u)
		return;
	pr_map_finish(&u->hashes);
	pr_audience_close(u->store);
	free(u);
}
