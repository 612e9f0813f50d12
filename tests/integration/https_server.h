/*
 * An HTTPS server in a thread, on a free port of 127.0.0.1, with a certificate of its own making
 * for the names it is told: rows say what it answers to a request for a host. It counts requests.
 */
#ifndef TESTS_HTTPS_SERVER_H
#define TESTS_HTTPS_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct https_row {
	const char *host;
	_Atomic(const char *)
	    answer; /* from the status line on; HOLD: none until the server stops */
};

struct https_server {
	SSL_CTX *tls;
	int listener, stop[2];
	char address[40];
	char ca_file[60];
	pthread_t thread;
	struct https_row rows[8]; /* ended by a NULL host; may be changed between requests */
	atomic_uint asked;
};

/* A key and a certificate for the names, which is its own authority, into a file as well. */
static void
https_certify(struct https_server *s, const char *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509V3_CTX context;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
	                           (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	X509_sign(x, key, EVP_sha256());
	ck_assert_int_eq(SSL_CTX_use_certificate(s->tls, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(s->tls, key), 1);
	strcpy(s->ca_file, "/tmp/postrider-ca-XXXXXX");
	FILE *f = fdopen(mkstemp(s->ca_file), "w");
	PEM_write_X509(f, x);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
https_answer(struct https_server *s, SSL *tls)
{
	char request[4096];
	int n = SSL_read(tls, request, sizeof request - 1); /* small: comes in one piece */
	if (n <= 0)
		return;
	request[n] = 0;
	s->asked++;
	if (strncmp(request, "GET /.well-known/mta-sts.txt ", 29) != 0)
		return;
	for (struct https_row *r = s->rows; r->host; r++) {
		char host[300];
		snprintf(host, sizeof host, "\nHost: %s\r\n", r->host);
		if (strstr(request, host) && strcmp(r->answer, "HOLD") == 0)
			poll(&(struct pollfd){s->stop[0], POLLIN, 0}, 1, -1);
		else if (strstr(request, host))
			SSL_write(tls, r->answer, (int)strlen(r->answer));
	}
}

static void *
https_run(void *argument)
{
	struct https_server *s = argument;
	struct pollfd fds[2] = {{s->listener, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int fd = accept(s->listener, NULL, NULL);
		SSL *tls = SSL_new(s->tls);
		SSL_set_fd(tls, fd);
		if (SSL_accept(tls) == 1)
			https_answer(s, tls);
		SSL_shutdown(tls);
		SSL_free(tls);
		close(fd);
	}
	return NULL;
}

static inline void
https_start(struct https_server *s, const char *names)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	memset(s, 0, sizeof *s);
	s->tls = SSL_CTX_new(TLS_server_method());
	https_certify(s, names);
	s->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&a, size), 0);
	ck_assert_int_eq(listen(s->listener, 16), 0);
	getsockname(s->listener, (struct sockaddr *)&a, &size);
	snprintf(s->address, sizeof s->address, "127.0.0.1:%u", ntohs(a.sin_port));
	ck_assert_int_eq(pipe(s->stop), 0);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, https_run, s), 0);
}

static inline void
https_stop(struct https_server *s)
{
	ck_assert_int_eq(write(s->stop[1], "", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->listener);
	SSL_CTX_free(s->tls);
	unlink(s->ca_file);
}

#endif
