/*
 * Packets of DNS by hand. A text says what an answer holds, items apart by "; " (which no text may
 * hold): MX 10 mx.test    A 192.0.2.1    AAAA 2001:db8::1    TXT text    CNAME name    PTR name
 *   TLSA 3 1 1 00ff  SOA 60 (its minimum; goes to the authority section)
 *   @name            later records are this name's, not the question's
 *   ttl 60           of later records; 300 at first
 *   AD TC            flags          NXDOMAIN SERVFAIL REFUSED FORMERR    the code
 */
#ifndef TESTS_DNS_PACKET_H
#define TESTS_DNS_PACKET_H

#include <arpa/inet.h>
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dns_packet {
	uint8_t data[65536];
	size_t n;
	char owner[300];
	unsigned ttl;
};

static void
packet_put16(struct dns_packet *p, unsigned value)
{
	p->data[p->n++] = (uint8_t)(value >> 8);
	p->data[p->n++] = (uint8_t)value;
}

static void
packet_put_name(struct dns_packet *p, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");
		p->data[p->n++] = (uint8_t)n;
		memcpy(p->data + p->n, name, n);
		p->n += n;
		name += n + (name[n] == '.');
	}
	p->data[p->n++] = 0;
}

static void
packet_count(struct dns_packet *p, size_t at)
{
	if (++p->data[at + 1] == 0)
		p->data[at]++;
}

static void
packet_put_text(struct dns_packet *p, const char *text)
{
	size_t left = strlen(text);
	do {
		size_t n = left < 255 ? left : 255;
		p->data[p->n++] = (uint8_t)n;
		memcpy(p->data + p->n, text, n);
		p->n += n;
		text += n;
		left -= n;
	} while (left);
}

static void
packet_put_tlsa(struct dns_packet *p, const char *text)
{
	unsigned usage, selector, matching, octet;
	int at, used;
	ck_assert(sscanf(text, "%u %u %u %n", &usage, &selector, &matching, &at) == 3);
	p->data[p->n++] = (uint8_t)usage;
	p->data[p->n++] = (uint8_t)selector;
	p->data[p->n++] = (uint8_t)matching;
	for (; sscanf(text + at, "%2x%n", &octet, &used) == 1; at += used)
		p->data[p->n++] = (uint8_t)octet;
}

static void
packet_put_data(struct dns_packet *p, unsigned type, const char *text)
{
	char name[300];
	unsigned preference;
	switch (type) {
	case 1: p->n += inet_pton(AF_INET, text, p->data + p->n) == 1 ? 4 : 0; break;
	case 28: p->n += inet_pton(AF_INET6, text, p->data + p->n) == 1 ? 16 : 0; break;
	case 15:
		ck_assert(sscanf(text, "%u %299s", &preference, name) == 2);
		packet_put16(p, preference);
		packet_put_name(p, name);
		break;
	case 16: packet_put_text(p, text); break;
	case 52: packet_put_tlsa(p, text); break;
	case 6:
		packet_put_name(p, "ns.test");
		packet_put_name(p, "admin.test");
		for (int i = 0; i < 4; i++)
			packet_put16(p, 0), packet_put16(p, 1);
		packet_put16(p, 0);
		packet_put16(p, (unsigned)atoi(text));
		break;
	default: packet_put_name(p, text);
	}
}

static void
packet_put_record(struct dns_packet *p, unsigned type, const char *text)
{
	packet_put_name(p, p->owner);
	packet_put16(p, type);
	packet_put16(p, 1);
	packet_put16(p, p->ttl >> 16);
	packet_put16(p, p->ttl & 0xffff);
	size_t at = p->n;
	packet_put16(p, 0);
	packet_put_data(p, type, text);
	p->data[at] = (uint8_t)((p->n - at - 2) >> 8);
	p->data[at + 1] = (uint8_t)(p->n - at - 2);
	packet_count(p, type == 6 ? 8 : 6);
}

/* One item of the text. */
static void
packet_item(struct dns_packet *p, const char *item)
{
	static const struct {
		const char *word;
		unsigned type;
	} types[] = {{"A ", 1},   {"CNAME ", 5}, {"SOA ", 6},   {"PTR ", 12},
	             {"MX ", 15}, {"TXT ", 16},  {"AAAA ", 28}, {"TLSA ", 52}};
	static const char *const codes[] = {"", "FORMERR", "SERVFAIL", "NXDOMAIN", "", "REFUSED"};
	for (unsigned i = 0; i < sizeof types / sizeof *types; i++)
		if (strncmp(item, types[i].word, strlen(types[i].word)) == 0) {
			packet_put_record(p, types[i].type, item + strlen(types[i].word));
			return;
		}
	for (unsigned i = 1; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(item, codes[i]) == 0)
			p->data[3] |= (uint8_t)i;
	if (strcmp(item, "AD") == 0)
		p->data[3] |= 0x20;
	else if (strcmp(item, "TC") == 0)
		p->data[2] |= 0x02;
	else if (strncmp(item, "ttl ", 4) == 0)
		p->ttl = (unsigned)strtoul(item + 4, NULL, 10);
	else if (*item == '@')
		snprintf(p->owner, sizeof p->owner, "%s", item + 1);
}

/* The answer to (name, type) of what the text says. */
static inline void
packet_answer(struct dns_packet *p, unsigned id, const char *name, unsigned type, const char *text)
{
	char *copy = strdup(text), *at = copy;
	p->n = 0;
	p->ttl = 300;
	snprintf(p->owner, sizeof p->owner, "%s", name);
	packet_put16(p, id);
	packet_put16(p, 0x8180);
	packet_put16(p, 1);
	for (int i = 0; i < 3; i++)
		packet_put16(p, 0);
	packet_put_name(p, name);
	packet_put16(p, type);
	packet_put16(p, 1);
	while (at) {
		char *end = strstr(at, "; ");
		if (end)
			*end = 0;
		packet_item(p, at);
		at = end ? end + 2 : NULL;
	}
	free(copy);
}

#endif
