/*
 * TLS for streams (RFC 8446, RFC 5246), by STARTTLS (RFC 3207) or at once (RFC 8314): the
 * client's side, and that of a server who asks for no certificate. TLS 1.2 and up; no compression,
 *no renegotiation, no early data.
 *
 * Words
 *	check    how much the peer's certificate must prove
 *	name     whom we want to talk to: goes out as SNI and is looked for in the certificate
 *	session  what a peer gave us to resume with, which saves both sides the handshake's work
 *
 *	connected --pr_stream_secure--> handshake --on_secure--> data, sealed
 *	                                    '--on_close, PR_ETLS
 *
 * A stream that is secured keeps its discipline: what is written in a turn is sealed and
 * leaves at its end, after the journal; what is written before on_secure waits for it. There
 * is no limit of time here: who waits too long for a handshake closes the stream.
 */
#ifndef POSTRIDER_NET_TLS_H
#define POSTRIDER_NET_TLS_H

#include "postrider/net.h"

/* ---- for the whole process ---- */

/* What all streams share: trusted CAs and sessions. Belongs to the loop's thread. */
typedef struct pr_tls pr_tls;

struct pr_tls_options {
	const char *ca_file; /* PEM; NULL: the system's trusted CAs */
};

#define PR_TLS_SESSIONS_MAX 4096        /* kept in all; the peer unused for longest goes first */
#define PR_TLS_SESSIONS_PEER 8          /* kept for one peer */
#define PR_TLS_SESSION_SIZE (8u * 1024) /* octets; a larger one is not kept */

/* PR_EINVAL, PR_ENOENT: the file cannot be read or holds no certificate. */
int pr_tls_create(const struct pr_tls_options *options, pr_tls **out, struct pr_error *e);
/* As it was created with; NULL: the system's. Valid as long as tls. */
const char *pr_tls_ca_file(const pr_tls *tls);
void pr_tls_destroy(pr_tls *tls); /* no stream uses it any more; NULL: nothing */

/* For a library that speaks TLS itself, on any thread (libesmtp): an SSL_CTX that trusts the same
 * CAs and remembers no sessions; TLS 1.2, see there. It never refuses a certificate: the library
 * asks for the result of the check. A reference for the caller, who may outlive `tls`; ended by
 * pr_tls_context_free. */
struct ssl_ctx_st *pr_tls_context(const pr_tls *tls);
void pr_tls_context_free(struct ssl_ctx_st *context); /* NULL: nothing */

/* ---- what is wanted of a peer ---- */

enum pr_tls_check {
	PR_TLS_ANY,  /* any certificate, not even looked at: RFC 7435, opportunistic */
	PR_TLS_PKIX, /* leads to a trusted CA, is valid today and names the peer (RFC 6125) */
	PR_TLS_DANE, /* is what a TLSA record says: RFC 7672 */
};

/* One TLSA record (RFC 6698, 2.1), already known to be authentic. */
struct pr_tlsa {
	uint8_t usage, selector, matching;
	const uint8_t *data;
	size_t n;
};
/* Whether RFC 7672, 3.1 lets a sender use it: DANE-TA(2) and DANE-EE(3) with a selector, a
 * matching type and data that are sound. Where not one of a host's records is usable, TLS
 * remains mandatory but unauthenticated (2.2): the caller asks for PR_TLS_ANY then. */
bool pr_tlsa_usable(const struct pr_tlsa *record);

struct pr_tls_want {
	/* The peer's host in A-labels: SNI, and what its certificate must name; an address as
	 * text is not sent, but looked for. NULL: none; not possible with a check. For DANE the
	 * TLSA base domain; the next-hop domain will not do beside it (RFC 7672, 3.2.2): mail for
	 * other domains goes the same way. */
	const char *name;
	enum pr_tls_check check;
	const struct pr_tlsa *tlsa; /* with PR_TLS_DANE; those not usable are passed over */
	size_t tlsa_n;
	/* Peers of the same key may resume one another's sessions: say host and port. Sessions
	 * are never shared between wants that differ in name, check or records,
	 * whatever the key. NULL: never resume. */
	const char *session;
};

/* ---- a stream ---- */

struct pr_tls_info {
	const char *protocol, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384": static text */
	bool resumed;
	bool verified; /* the check was PKIX or DANE, and it held (resumed: held at first) */
	bool dane;     /* of these, DANE */
};

/* Begin the handshake: in on_connect, or after the 220 to STARTTLS. All is copied; `tls` must
 * outlive the stream. Once a stream, which must be connected; nothing when it is closing.
 *
 * on_data brings what was protected and nothing else from here on: octets still with the
 * kernel are taken for the handshake, and fail it when they are not. But octets that came in
 * the same on_data as the 220, behind it, are already with the caller, in the clear, from
 * whoever sits on the line: the caller must end the stream then, never take them for the
 * peer's later words (RFC 3207, 6; CVE-2011-0411). So must it forget what EHLO told before
 * (RFC 3207, 4.2).
 *
 * Errors come by on_close, with PR_ETLS and a sentence for people:
 *	the certificate is for other.example, not mx.example
 *	the certificate expired on 2025-03-01
 *	the peer does not speak TLS
 * The peer's own end during the handshake is PR_ETLS too; after it, PR_ENOENT, with or
 * without close_notify: SMTP has its own ends, and many peers just hang up. */
void pr_stream_secure(pr_stream *s, pr_tls *tls, const struct pr_tls_want *want);

/* The server's side of it, for a stream of a listener, after the 220 to STARTTLS has been written;
 * the caller has to mind the same. */
typedef struct pr_tls_server pr_tls_server;
/* A certificate with its chain, and its key, in PEM. PR_EINVAL: not usable, the text tells which
 * file. */
int pr_tls_server_create(const char *cert_file, const char *key_file, pr_tls_server **out,
                         struct pr_error *e);
pr_tls_server *pr_tls_server_ref(pr_tls_server *s);
void pr_tls_server_unref(pr_tls_server *s);                        /* NULL: nothing */
void pr_stream_secure_server(pr_stream *s, pr_tls_server *server); /* referenced */

/* Within on_close after PR_ETLS: the result type of RFC 8460, 4.3: "certificate-expired",
 * "certificate-host-mismatch", "certificate-not-trusted", "tlsa-invalid" (no record was usable)
 * or "validation-failure" (all else: no match with a TLSA record, no shared protocol, a
 * peer that hung up). NULL: TLS did not fail. Static text. */
const char *pr_stream_tls_failure(const pr_stream *s);

#endif
