/*
 * Connections of the bounce server: the stream, the time and the pace around the machine of
 * smtp/receive.h.
 *
 *   peer -> talk: octets -> machine -> what it says -> stream
 *                                   -> a mail -> desk ... done -> 250 or 451
 *
 * A talk ends when its stream is closed and its mail, if one is under way, is through. Mails have a
 * pace, of all and of each peer, who are remembered as long as they come often: in a table by hash
 * of their network (IPv4 /24, IPv6 /48), where the one who was there before gives way.
 */
#include "postrider/feedback/server.h"

#include "postrider/base/hash.h"
#include "postrider/base/log.h"
#include "postrider/net/tls.h"
#include "postrider/shaping/gcra.h"
#include "postrider/smtp/receive.h"

#include <netinet/in.h>
#include <stdlib.h>

#define SILENT_MS (5 * PR_MINUTE_MS) /* RFC 5321 section 4.5.3.2.7 */
#define TALK_MS PR_HOUR_MS           /* a whole session */
#define HANDSHAKE_MS (30 * PR_SECOND_MS)
#define PEERS 1024u
#define BURST 20u /* at once, or what a second has room for */

struct pr_feedback_server {
	pr_loop *loop;
	const struct pr_config *config;
	pr_feedback_desk *desk;
	pr_listener *listener;
	pr_tls_server *tls; /* NULL: none */
	struct pr_list talks;
	struct pr_feedback_server_totals totals;
	struct pr_gcra all;
	struct pr_hash_key key;
	struct {
		uint64_t hash;
		struct pr_gcra pace;
	} peers[PEERS];
	bool stopped;
};

struct talk {
	struct pr_list link;
	struct pr_feedback_server *server;
	pr_stream *stream; /* NULL: closed */
	pr_receive *machine;
	struct pr_timer timer;
	uint64_t peer;
	int64_t until_ms;
	bool shaking; /* TLS */
	bool acting;  /* its mail is with the desk */
	struct pr_feedback_mail mail;
};

/* ---- pace ---- */

static uint64_t
hash_peer(const struct pr_feedback_server *s, const struct pr_address *a)
{
	const struct sockaddr_in *in = (const void *)&a->sa;
	const struct sockaddr_in6 *in6 = (const void *)&a->sa;
	return a->sa.ss_family == AF_INET6 ? pr_siphash(s->key, &in6->sin6_addr, 6)
	                                   : pr_siphash(s->key, &in->sin_addr, 3);
}

static void
set_pace(struct pr_gcra *g, struct pr_rate rate)
{
	unsigned second =
	    rate.period_ms ? (unsigned)((uint64_t)rate.count * 1000 / rate.period_ms) : 0;
	pr_gcra_set(g, rate);
	pr_gcra_save(g, second > BURST ? second : BURST);
}

static bool
may_begin(void *context)
{
	const struct talk *t = context;
	struct pr_feedback_server *s = t->server;
	size_t at = t->peer % PEERS;
	int64_t now = pr_mono_us(), wait;
	if (s->peers[at].hash != t->peer) {
		s->peers[at].hash = t->peer;
		s->peers[at].pace = (struct pr_gcra){0};
	}
	struct pr_gcra *peer = &s->peers[at].pace;
	set_pace(peer, s->config->bounce.peer_rate);
	set_pace(&s->all, s->config->bounce.rate);
	if (!pr_gcra_ready(&s->all, now, &wait) || !pr_gcra_ready(peer, now, &wait)) {
		s->totals.refused++;
		return false;
	}
	pr_gcra_take(&s->all, now);
	pr_gcra_take(peer, now);
	return true;
}

/* ---- a talk ---- */

static void
talk_free(struct talk *t)
{
	if (t->stream || t->acting)
		return;
	pr_timer_stop(&t->timer);
	pr_list_remove(&t->link);
	pr_receive_destroy(t->machine);
	t->server->totals.open--;
	free(t);
}

static void
set_timer(struct talk *t)
{
	int64_t now = pr_loop_now_ms(t->server->loop);
	int64_t silent = t->shaking ? HANDSHAKE_MS : SILENT_MS;
	int64_t left = t->until_ms > now ? t->until_ms - now : 1;
	pr_timer_start(&t->timer, left < silent ? left : silent);
}

static void
say(struct talk *t)
{
	struct pr_buf *out = pr_receive_out(t->machine);
	if (t->stream && out->len)
		pr_stream_write(t->stream, out->data, out->len);
	pr_buf_empty(out);
	if (t->stream && pr_receive_wants(t->machine) == PR_RECEIVE_TLS && !t->shaking) {
		t->shaking = true;
		pr_stream_secure_server(t->stream, t->server->tls);
	}
}

static bool
is_ours(void *context, struct pr_str address)
{
	const struct talk *t = context;
	bool ours = pr_meaning_is_ours(t->server->config, address);
	t->server->totals.refused += !ours;
	return ours;
}

static void
on_acted(struct pr_feedback_mail *m, int result, const struct pr_error *e)
{
	struct talk *t = PR_CONTAINER(m, struct talk, mail);
	(void)e; /* the desk has told it */
	t->acting = false;
	t->server->totals.mails += result == 0;
	if (!t->stream) {
		talk_free(t);
		return;
	}
	if (pr_receive_wants(t->machine) == PR_RECEIVE_ANSWER)
		pr_receive_answer(t->machine, result == 0 ? PR_RECEIVE_TAKEN : PR_RECEIVE_LATER);
	say(t);
	set_timer(t);
}

static void
on_mail(void *context, const struct pr_received *r)
{
	struct talk *t = context;
	t->acting = true;
	t->mail = (struct pr_feedback_mail){
	    .octets = r->octets, .to = r->to, .n = r->n, .done = on_acted};
	pr_feedback_take(t->server->desk, &t->mail);
}

/* ---- the stream ---- */

static void
on_data(void *context, const char *data, size_t n)
{
	struct talk *t = context;
	pr_receive_feed(t->machine, data, n);
	say(t);
	set_timer(t);
}

static void
on_secure(void *context, const struct pr_tls_info *info)
{
	struct talk *t = context;
	(void)info;
	t->shaking = false;
	pr_receive_secured(t->machine);
	set_timer(t);
}

static void
on_drain(void *context)
{
	struct talk *t = context;
	if (pr_receive_wants(t->machine) == PR_RECEIVE_END)
		pr_stream_close(t->stream);
}

static void
on_close(void *context, const struct pr_error *why)
{
	struct talk *t = context;
	(void)why;
	t->stream = NULL;
	talk_free(t);
}

/* First a word, and where that does not leave either, an end. */
static void
on_timer(struct pr_timer *timer)
{
	struct talk *t = PR_CONTAINER(timer, struct talk, timer);
	if (!t->stream)
		return;
	if (t->shaking || pr_receive_wants(t->machine) == PR_RECEIVE_END) {
		pr_stream_close(t->stream);
		return;
	}
	pr_receive_hang_up(t->machine, "Too slow");
	say(t);
	pr_timer_start(timer, HANDSHAKE_MS);
}

static void
on_peer(void *context, pr_listener *l)
{
	static const struct pr_stream_events events = {
	    .on_data = on_data, .on_drain = on_drain, .on_close = on_close, .on_secure = on_secure};
	struct pr_feedback_server *s = context;
	struct pr_address peer;
	struct talk *t = pr_calloc(1, sizeof *t);
	t->stream = pr_listener_accept(l, &events, t, &peer);
	if (!t->stream) {
		free(t);
		return;
	}
	struct pr_receive_options o = {.hostname = s->config->hostname.p,
	                               .size_max = s->config->bounce.size,
	                               .offers_tls = s->tls != NULL,
	                               .may_begin = may_begin,
	                               .is_ours = is_ours,
	                               .mail = on_mail,
	                               .context = t};
	bool busy = s->stopped || s->totals.open >= (unsigned)s->config->bounce.connections;
	t->server = s;
	t->peer = hash_peer(s, &peer);
	t->until_ms = pr_loop_now_ms(s->loop) + TALK_MS;
	t->machine = pr_receive_create(&o, busy);
	pr_timer_init(&t->timer, s->loop, on_timer);
	pr_list_push(&s->talks, &t->link);
	s->totals.open++;
	s->totals.connections++;
	s->totals.busy += busy;
	say(t);
	set_timer(t);
}

/* ---- open, close ---- */

static int
open_tls(struct pr_feedback_server *s, struct pr_error *e)
{
	const struct pr_text *cert = &s->config->bounce.cert_file;
	return cert->p ? pr_tls_server_create(cert->p, s->config->bounce.key_file.p, &s->tls, e)
	               : 0;
}

int
pr_feedback_server_open(pr_loop *loop, const struct pr_config *config, pr_feedback_desk *desk,
                        pr_feedback_server **out, struct pr_error *e)
{
	struct pr_address at;
	const struct pr_endpoint *listen = &config->bounce.listen;
	pr_feedback_server *s = pr_calloc(1, sizeof *s);
	s->loop = loop;
	s->config = config;
	s->desk = desk;
	pr_list_init(&s->talks);
	pr_hash_key_random(&s->key);
	int r = pr_address_parse(listen->host, listen->port, &at);
	if (r == 0)
		r = open_tls(s, e);
	if (r == 0)
		r = pr_listener_open(loop, &at, on_peer, s, &s->listener, e);
	if (r < 0) {
		pr_feedback_server_close(s);
		return r;
	}
	PR_LOG(PR_LOG_INFO, "bounces_listen", "%s:%u takes mail that comes back", listen->host,
	       listen->port);
	*out = s;
	return 0;
}

void
pr_feedback_server_reload(pr_feedback_server *s, const struct pr_config *config)
{
	s->config = config;
}

void
pr_feedback_server_stop(pr_feedback_server *s)
{
	if (!s || s->stopped)
		return;
	s->stopped = true;
	pr_listener_close(s->listener);
	PR_LIST_EACH(link, &s->talks) {
		struct talk *t = PR_CONTAINER(link, struct talk, link);
		if (t->stream)
			pr_stream_close(t->stream);
	}
}

void
pr_feedback_server_close(pr_feedback_server *s)
{
	if (!s)
		return;
	PR_LIST_EACH(link, &s->talks) { /* nobody will answer their mail */
		struct talk *t = PR_CONTAINER(link, struct talk, link);
		t->acting = false;
		talk_free(t);
	}
	pr_tls_server_unref(s->tls);
	free(s);
}

void
pr_feedback_server_totals(const pr_feedback_server *s, struct pr_feedback_server_totals *out)
{
	*out = s->totals;
}
