/*
 * Replay of arbitrary segments. The input is up to two segments behind each other; where
 * its first octet is even, headers and openings are put right (a fuzzer does not guess
 * checksums), and so is each frame whose length fits, so that its content is reached.
 *
 * Held to: nothing but what holds together comes out, in order; payloads decode or are
 * refused; opening finds an end, keeps what is before it, and a second opening agrees.
 */
#include "../../src/journal/crc.h"
#include "../../src/journal/segment.h"
#include "../../src/journal/wire.h"

#include "postrider/base/file.h"
#include "postrider/base/hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BOOT "cccccccc-cccc-cccc-cccc-cccccccccccc"
#define SIZE SEGMENT_MIN
#define CAPACITY (SEGMENT_MIN - SEGMENT_HEADER)
#define SALT 42

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char dir[64];

static void
leave(void)
{
	pr_remove_tree(AT_FDCWD, dir);
}

static void
mend_header(char *page, uint64_t base)
{
	memcpy(page, "PostJrn\n", 8);
	put32(page + 8, 1);
	put32(page + 12, SEGMENT_HEADER);
	put64(page + 16, base);
	put64(page + 24, CAPACITY);
	put64(page + 32, SALT);
	memcpy(page + 40, BOOT, PR_BOOT_ID);
	put32(page + 76, journal_crc(page, 76));
}

/* Frames in a row whose lengths agree become whole. */
static void
mend_frames(char *data, size_t n, uint64_t base)
{
	size_t at = 0;
	while (n - at >= PR_RECORD_HEADER) {
		uint16_t payload_n = get16(data + at + 26);
		size_t size = pr_record_size(payload_n);
		if (payload_n > PR_PAYLOAD_MAX || size > n - at)
			return;
		struct pr_record r = {.lsn = base + at,
		                      .campaign = get32(data + at + 16),
		                      .row = get32(data + at + 20),
		                      .type = (uint8_t)data[at + 24],
		                      .at_ms = (int64_t)get64(data + at + 8),
		                      .payload_n = payload_n};
		char *payload = malloc(payload_n + 1u);
		memcpy(payload, data + at + PR_RECORD_HEADER, payload_n);
		r.payload = payload;
		pr_record_write(data + at, &r, SALT);
		free(payload);
		at += size;
	}
}

static void
write_segment(const uint8_t *data, size_t n, uint64_t base, bool mend)
{
	char image[SIZE] = {0}, path[100], name[SEGMENT_NAME];
	memcpy(image, data, n < SIZE ? n : SIZE);
	if (mend) {
		struct pr_record opening = {
		    .lsn = base, .payload = image + SEGMENT_HEADER + 32, .payload_n = 8};
		mend_header(image, base);
		put64(image + SEGMENT_HEADER + 32, LSN_FIRST);
		pr_record_write(image + SEGMENT_HEADER, &opening, SALT);
		mend_frames(image + SEGMENT_HEADER + OPENING_SIZE, CAPACITY - OPENING_SIZE,
		            base + OPENING_SIZE);
	}
	snprintf(path, sizeof path, "%s/%s", dir, segment_name(base, name));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	PR_ASSERT(fd >= 0 && pr_write_all(fd, image, n < SIZE && !mend ? n : SIZE) == 0);
	close(fd);
}

static void
decode(const struct pr_record *r)
{
	struct pr_outcome o;
	struct pr_change c;
	struct pr_buf again = {0};
	struct pr_str payload = pr_str_n(r->payload, r->payload_n);
	if (pr_outcome_decode(payload, &o) == 0) {
		pr_outcome_encode(&o, &again);
		PR_ASSERT(again.len == payload.n);
	}
	(void)pr_change_decode(payload, &c);
	struct pr_intent i;
	(void)pr_intent_decode(payload, &i);
	pr_buf_finish(&again);
}

static uint64_t
replay(uint64_t limit, uint64_t *sum)
{
	struct pr_error e;
	struct pr_record r;
	pr_cursor *c;
	uint64_t n = 0, last = 0;
	*sum = 0;
	if (pr_cursor_open(dir, 0, &c, &e) < 0)
		return 0;
	while (pr_cursor_next(c, limit, &r, &e) == 1) {
		PR_ASSERT(r.lsn > last && r.lsn < limit && r.type != PR_RECORD_PAD);
		last = r.lsn;
		decode(&r);
		if (r.type != PR_RECORD_START) {
			*sum = pr_mix64(*sum ^ r.row ^ r.lsn);
			n++;
		}
	}
	pr_cursor_close(c);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static pr_loop *loop;
	struct pr_error e;
	pr_journal *j;
	bool same_boot;
	uint64_t sum[2], kept[2];
	if (!loop) {
		/* In memory where possible: every opening syncs. */
		snprintf(dir, sizeof dir, "%s/fuzz-journal-XXXXXX",
		         access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		PR_ASSERT(mkdtemp(dir) && pr_loop_create(&loop, &e) == 0);
		atexit(leave);
	}
	bool mend = n > 0 && data[0] % 2 == 0;
	pr_remove_tree(AT_FDCWD, dir);
	PR_ASSERT(pr_mkdirs(dir, 0700) == 0);
	write_segment(data, n < SIZE ? n : SIZE, LSN_FIRST, mend);
	if (n > SIZE)
		write_segment(data + SIZE, n - SIZE < SIZE ? n - SIZE : SIZE, LSN_FIRST + CAPACITY,
		              mend);
	replay(UINT64_MAX, &sum[0]);
	struct pr_journal_options o = {.dir = dir, .segment_size = SIZE, .boot_id = BOOT};
	for (int i = 0; i < 2; i++) {
		if (pr_journal_open(loop, &o, &same_boot, &j, &e) < 0)
			return 0;
		uint64_t end = pr_journal_end(j);
		pr_journal_close(j);
		kept[i] = replay(end, &sum[i]);
	}
	PR_ASSERT(kept[0] == kept[1] && sum[0] == sum[1]);
	return 0;
}
