/* Encodings of text files: marks, and guesses for people. Private to campaign/. */
#ifndef POSTRIDER_CAMPAIGN_CSV_ENCODING_H
#define POSTRIDER_CAMPAIGN_CSV_ENCODING_H

#include "postrider/base/str.h"

/* The encoding that a byte order mark at p names (for iconv), and the length of the mark;
 * NULL where there is none. "utf-8" needs no conversion. */
const char *pr_encoding_of_mark(const char *p, size_t n, size_t *mark);
/* UTF-16 without a mark shows in its zero octets: "utf-16le", "utf-16be" or NULL. */
const char *pr_encoding_of_zeros(const char *p, size_t n);
/* The likely encoding of text that is not UTF-8, by what it would mean in each; NULL where
 * none is plausible. Only ever told to people, never believed. */
const char *pr_encoding_guess(struct pr_str sample);

#endif
