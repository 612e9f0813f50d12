/*
 * A name server in a thread, on 127.0.0.1, UDP and TCP: rows say what it answers (the texts of
 * dns_packet.h), and it counts what it was asked. "SILENT" answers nothing. "LONG " before a
 * text: over UDP only that the answer is cut off. What no row names does not exist (SOA 60).
 */
#ifndef TESTS_NAME_SERVER_H
#define TESTS_NAME_SERVER_H

#include "dns_packet.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

struct name_server_row {
	const char *name;
	unsigned type;
	_Atomic(const char *) answer; /* tests change it on the way */
};

struct name_server {
	int udp, tcp, stop[2];
	char address[40]; /* "127.0.0.1:5353" */
	pthread_t thread;
	const struct name_server_row *rows; /* ended by a NULL name */
	atomic_uint asked, asked_by_tcp, without_ad;
};

/* The name and type of a question; false: it is none. */
static bool
name_server_read(const uint8_t *data, size_t n, char *name, unsigned *type)
{
	size_t at = 12, out = 0;
	while (at < n && data[at] && at + data[at] + 1 < n && out < 255) {
		memcpy(name + out, data + at + 1, data[at]);
		out += data[at];
		name[out++] = '.';
		at += data[at] + 1u;
	}
	if (at + 5 > n || out == 0)
		return false;
	name[out - 1] = 0;
	*type = (unsigned)data[at + 1] << 8 | data[at + 2];
	return true;
}

static const char *
name_server_find(const struct name_server *s, const char *name, unsigned type)
{
	bool exists = false;
	for (const struct name_server_row *r = s->rows; r->name; r++) {
		if (strcasecmp(r->name, name) != 0)
			continue;
		if (r->type == type)
			return r->answer;
		exists = true;
	}
	return exists ? "SOA 60" : "NXDOMAIN; SOA 60";
}

/* What to say to a question; false: nothing. */
static bool
name_server_answer(struct name_server *s, const uint8_t *data, size_t n, bool tcp,
                   struct dns_packet *out)
{
	char name[300];
	unsigned type;
	if (!name_server_read(data, n, name, &type))
		return false;
	s->asked++;
	s->asked_by_tcp += tcp;
	s->without_ad += !(data[3] & 0x20);
	const char *text = name_server_find(s, name, type);
	if (strcmp(text, "SILENT") == 0)
		return false;
	if (strncmp(text, "LONG ", 5) == 0)
		text = tcp ? text + 5 : "TC";
	packet_answer(out, (unsigned)data[0] << 8 | data[1], name, type, text);
	return true;
}

static void
name_server_by_udp(struct name_server *s, struct dns_packet *out)
{
	uint8_t data[4096];
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	ssize_t n = recvfrom(s->udp, data, sizeof data, 0, (struct sockaddr *)&from, &size);
	if (n > 0 && name_server_answer(s, data, (size_t)n, false, out))
		sendto(s->udp, out->data, out->n, 0, (struct sockaddr *)&from, size);
}

static void
name_server_by_tcp(struct name_server *s, struct dns_packet *out)
{
	uint8_t data[4096], size[2];
	int fd = accept(s->tcp, NULL, NULL);
	while (read(fd, size, 2) == 2) {
		ssize_t n = read(fd, data, (size_t)(size[0] << 8 | size[1]));
		if (n <= 0 || !name_server_answer(s, data, (size_t)n, true, out))
			break;
		size[0] = (uint8_t)(out->n >> 8);
		size[1] = (uint8_t)out->n;
		if (write(fd, size, 2) != 2 || write(fd, out->data, out->n) < 0)
			break;
	}
	close(fd);
}

static void *
name_server_run(void *argument)
{
	struct name_server *s = argument;
	struct dns_packet *out = malloc(sizeof *out);
	struct pollfd fds[3] = {{s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
	while (poll(fds, 3, -1) > 0 && !fds[2].revents) {
		if (fds[0].revents)
			name_server_by_udp(s, out);
		if (fds[1].revents)
			name_server_by_tcp(s, out);
	}
	free(out);
	return NULL;
}

/* A port that is free for both. */
static bool
name_server_bind(struct name_server *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	s->tcp = socket(AF_INET, SOCK_STREAM, 0);
	s->udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(s->tcp, (struct sockaddr *)&a, size) == 0 && listen(s->tcp, 16) == 0 &&
	    getsockname(s->tcp, (struct sockaddr *)&a, &size) == 0 &&
	    bind(s->udp, (struct sockaddr *)&a, size) == 0) {
		snprintf(s->address, sizeof s->address, "127.0.0.1:%u", ntohs(a.sin_port));
		return true;
	}
	close(s->tcp);
	close(s->udp);
	return false;
}

static inline void
name_server_start(struct name_server *s, const struct name_server_row *rows)
{
	memset(s, 0, sizeof *s);
	s->rows = rows;
	while (!name_server_bind(s))
		;
	ck_assert_int_eq(pipe(s->stop), 0);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, name_server_run, s), 0);
}

static inline void
name_server_stop(struct name_server *s)
{
	ck_assert_int_eq(write(s->stop[1], "", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->udp);
	close(s->tcp);
}

#endif
