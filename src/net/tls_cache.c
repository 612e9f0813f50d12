/*
 * Sessions by peer: a table to find a peer, a list to know who was not used for longest, and
 * in each peer its sessions, the latest last.
 *
 * Cannot fail: what does not fit is not kept, and a handshake is then a full one.
 */
#include "tls_cache.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct kept {
	unsigned char *data;
	long n;
	bool once;
};

struct peer {
	struct pr_list link;
	struct tls_key key;
	unsigned n;
	struct kept sessions[PR_TLS_SESSIONS_PEER];
};

/* ---- keys ---- */

static void
hash(EVP_MD_CTX *digest, const void *data, size_t n)
{
	uint64_t length = n; /* first, so that parts cannot run into one another */
	EVP_DigestUpdate(digest, &length, sizeof length);
	EVP_DigestUpdate(digest, data, n);
}

static void
hash_text(EVP_MD_CTX *digest, const char *s)
{
	hash(digest, s ? s : "", s ? strlen(s) + 1 : 0);
}

void
tls_key_of(const struct pr_tls_want *want, struct tls_key *out)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	PR_ASSERT(digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1);
	hash_text(digest, want->session);
	hash_text(digest, want->name);
	hash(digest, &want->check, sizeof want->check);
	for (size_t i = 0; i < want->tlsa_n; i++) {
		const struct pr_tlsa *r = &want->tlsa[i];
		uint8_t kind[3] = {r->usage, r->selector, r->matching};
		hash(digest, kind, sizeof kind);
		hash(digest, r->data, r->n);
	}
	EVP_DigestFinal_ex(digest, out->octets, NULL);
	EVP_MD_CTX_free(digest);
}

static uint64_t
slot_of(const struct tls_key *key)
{
	uint64_t slot;
	memcpy(&slot, key->octets, sizeof slot);
	return slot;
}

/* ---- peers ---- */

static void
drop_session(struct tls_cache *c, struct peer *p, unsigned i)
{
	OPENSSL_clear_free(p->sessions[i].data, (size_t)p->sessions[i].n);
	p->n--;
	c->sessions--;
	memmove(&p->sessions[i], &p->sessions[i + 1], (p->n - i) * sizeof *p->sessions);
}

static void
drop_peer(struct tls_cache *c, struct peer *p)
{
	while (p->n)
		drop_session(c, p, p->n - 1);
	pr_map_remove(&c->peers, slot_of(&p->key));
	pr_list_remove(&p->link);
	free(p);
}

/* NULL: not known. Another peer in the same slot counts as not known. */
static struct peer *
find(const struct tls_cache *c, const struct tls_key *key)
{
	struct peer *p = pr_map_get(&c->peers, slot_of(key));
	return p && memcmp(&p->key, key, sizeof *key) == 0 ? p : NULL;
}

static struct peer *
find_or_add(struct tls_cache *c, const struct tls_key *key)
{
	struct peer *p = pr_map_get(&c->peers, slot_of(key));
	if (p && memcmp(&p->key, key, sizeof *key) != 0) {
		drop_peer(c, p);
		p = NULL;
	}
	if (!p) {
		p = pr_calloc(1, sizeof *p);
		p->key = *key;
		pr_list_init(&p->link);
		pr_map_put(&c->peers, slot_of(key), p);
	}
	pr_list_remove(&p->link);
	pr_list_push(&c->used, &p->link);
	return p;
}

/* ---- the cache ---- */

void
tls_cache_init(struct tls_cache *c)
{
	*c = (struct tls_cache){0};
	pr_list_init(&c->used);
}

void
tls_cache_finish(struct tls_cache *c)
{
	PR_LIST_EACH(node, &c->used)
		drop_peer(c, PR_CONTAINER(node, struct peer, link));
	pr_map_finish(&c->peers);
}

/* One of TLS 1.2 serves any number of connections: the latest is enough. */
static void
make_room(struct tls_cache *c, struct peer *p, bool once)
{
	while (p->n && (!once || !p->sessions[0].once || p->n == PR_TLS_SESSIONS_PEER))
		drop_session(c, p, 0);
	while (c->sessions >= PR_TLS_SESSIONS_MAX) {
		struct peer *oldest = PR_CONTAINER(c->used.next, struct peer, link);
		if (oldest != p)
			drop_peer(c, oldest);
		else
			drop_session(c, p, 0);
	}
}

void
tls_cache_put(struct tls_cache *c, const struct tls_key *key, SSL_SESSION *session)
{
	int n = i2d_SSL_SESSION(session, NULL);
	if (n <= 0 || n > (int)PR_TLS_SESSION_SIZE || !SSL_SESSION_is_resumable(session))
		return;
	struct kept kept = {.data = OPENSSL_malloc((size_t)n), .n = n};
	PR_ASSERT(kept.data != NULL);
	unsigned char *end = kept.data;
	i2d_SSL_SESSION(session, &end);
	kept.once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
	struct peer *p = find_or_add(c, key);
	make_room(c, p, kept.once);
	p->sessions[p->n++] = kept;
	c->sessions++;
}

static SSL_SESSION *
parse(const struct kept *kept, int64_t now_s)
{
	const unsigned char *p = kept->data;
	SSL_SESSION *session = d2i_SSL_SESSION(NULL, &p, kept->n);
	if (!session)
		return NULL;
	int64_t end = (int64_t)SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session);
	if (end > now_s)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

SSL_SESSION *
tls_cache_take(struct tls_cache *c, const struct tls_key *key, int64_t now_s)
{
	struct peer *p = find(c, key);
	SSL_SESSION *session = NULL;
	while (p && p->n && !session) {
		const struct kept *latest = &p->sessions[p->n - 1];
		session = parse(latest, now_s);
		if (!session || latest->once)
			drop_session(c, p, p->n - 1);
	}
	if (p && p->n == 0)
		drop_peer(c, p);
	else if (p)
		find_or_add(c, key); /* it is the latest used */
	return session;
}

void
tls_cache_forget(struct tls_cache *c, const struct tls_key *key)
{
	struct peer *p = find(c, key);
	if (p)
		drop_peer(c, p);
}
