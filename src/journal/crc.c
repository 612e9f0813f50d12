/* CRC-32C: by the processor where it can (SSE 4.2), else by a table. */
#include "crc.h"

#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* reflected */

static uint32_t table[256];
static uint32_t (*chosen)(const void *, size_t) = journal_crc_plain;

uint32_t
journal_crc_plain(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xFF];
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
crc_sse42(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t crc = ~0u, word;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		crc = __builtin_ia32_crc32di(crc, word);
	}
	uint32_t rest = (uint32_t)crc;
	for (; n > 0; n--)
		rest = __builtin_ia32_crc32qi(rest, *p++);
	return ~rest;
}
#endif

/* Before main, so before there are threads that could see half a table. */
__attribute__((constructor)) static void
choose(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
#ifdef __x86_64__
	__builtin_cpu_init();
	if (__builtin_cpu_supports("sse4.2"))
		chosen = crc_sse42;
#endif
}

uint32_t
journal_crc(const void *data, size_t n)
{
	return chosen(data, n);
}
