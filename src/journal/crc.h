/*
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4): the checksum of records and headers.
 * Not zlib's CRC-32: processors compute this one. For a record of 100 octets zlib took
 * 0.15 us, more than all the rest of an append; this takes 0.02.
 */
#ifndef POSTRIDER_JOURNAL_CRC_H
#define POSTRIDER_JOURNAL_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t journal_crc(const void *data, size_t n);
/* The same without help of the processor: for those that have none, and for tests. */
uint32_t journal_crc_plain(const void *data, size_t n);

#endif
