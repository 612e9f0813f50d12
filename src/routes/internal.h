/*
 * Inside the routes' room. Each kind of route is a pr_route_ops in a file of its own; what
 * routes.h names is a thin layer over it (route.c). Targets and connections of a kind begin
 * with the structs here.
 */
#ifndef POSTRIDER_ROUTES_INTERNAL_H
#define POSTRIDER_ROUTES_INTERNAL_H

#include "postrider/routes.h"

struct pr_route_target {
	const struct pr_route_ops *ops;
	pr_loop *loop;
	char *where; /* host, folder or URL */
	uint16_t port;
	int tls;               /* enum pr_route_tls */
	char *user, *password; /* mailgun: the domain; and the key */
	bool auth_in_clear, dsn;
	unsigned most;                         /* connections at once */
	struct pr_target_options options;      /* hostname is the target's copy */
	unsigned connections;                  /* that have not ended */
	unsigned offers;                       /* of the last peer: PR_SMTP_... */
	uint32_t tls_successes, *tls_failures; /* PR_ROUTES_TLS_TYPES of them; NULL: none */
};

struct pr_connection {
	struct pr_route_target *target;
	struct pr_connection_events events;
	void *context;
	char peer[320];
};

struct pr_route_ops {
	const char *via;
	size_t target_size;
	/* The target's common part is set. May refuse; then the target is freed. */
	int (*start)(struct pr_route_target *t, struct pr_error *e);
	void (*stop)(struct pr_route_target *t);
	/* Allocates; the common part is filled in afterwards, then begin is called. */
	pr_connection *(*create)(struct pr_route_target *t);
	void (*begin)(pr_connection *c);
	void (*wake)(pr_connection *c);
	void (*quit)(pr_connection *c);
	void (*abort)(pr_connection *c, const char *why);
	unsigned (*accepted)(const pr_connection *c);
};

extern const struct pr_route_ops route_relay, route_maildir, route_mx, route_esmtp, route_sendgrid,
    route_mailgun;

/* Tell the owner that it is over. The connection's memory stays its kind's. */
void route_ended(pr_connection *c, const struct pr_smtp_result *r);

/* ---- memory.c: what addresses did lately ---- */
struct pr_address;
/* source: where it was tried from; n 0: the system chose. */
bool unreachable(const struct pr_address *a, const struct pr_address *source, int64_t now_ms);
void unreachable_note(const struct pr_address *a, const struct pr_address *source, int64_t now_ms);
void unreachable_forget(const struct pr_address *a, const struct pr_address *source);
bool broken_tls(const struct pr_address *a, int64_t now_ms);
void broken_note(const struct pr_address *a, int64_t now_ms);
void tls_note_failure(struct pr_route_target *t, const char *type); /* t NULL: it is gone */
void tls_note_success(struct pr_route_target *t);

/* ---- resolve.c: names to addresses, off the loop ---- */
#include "postrider/net.h"

#define ADDRESSES_MAX 16

struct resolver {
	pr_loop *loop;
	const char *host; /* the target's */
	uint16_t port;
	bool numeric;
	struct pr_address addresses[ADDRESSES_MAX];
	unsigned n;    /* 0: not known yet */
	unsigned best; /* the one that answered last */
	bool stale;    /* none of them answered: look again */
	pr_lane *lane; /* made for names only */
	struct pr_job job;
	bool running;
	/* of the job, untouched by the loop while it runs */
	struct pr_address found[ADDRESSES_MAX];
	unsigned found_n;
	char failure[200];
	struct pr_list waiting; /* of struct resolve_wait */
};

struct resolve_wait {
	struct pr_list link;
	/* failure NULL: there are addresses. Never called from within resolve itself. */
	void (*done)(struct resolve_wait *w, const char *failure);
};

int resolver_start(struct resolver *r, pr_loop *loop, const char *host, uint16_t port,
                   struct pr_error *e);
void resolver_stop(struct resolver *r);
/* Whether addresses are at hand; if not, w is called when they are. */
bool resolver_ask(struct resolver *r, struct resolve_wait *w);
void resolver_forget(struct resolve_wait *w); /* no-op when not waiting */

#endif
