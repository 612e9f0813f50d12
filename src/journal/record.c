/*
 * Records: the frame and its checksum, and the two payloads that have fields.
 * Reading trusts nothing: lengths are checked before they are followed, and a frame
 * holds together as a whole or is none.
 */
#include "postrider/journal/record.h"

#include "postrider/base/hash.h"
#include "crc.h"
#include "wire.h"

/* ---- frame ---- */

static uint32_t
checksum(const char *frame, size_t size, uint64_t lsn, uint64_t salt)
{
	uint32_t crc = journal_crc(frame + 8, size - 8);
	return crc ^ (uint32_t)(pr_mix64(lsn ^ pr_mix64(salt)) >> 32);
}

void
pr_record_write(char *to, const struct pr_record *r, uint64_t salt)
{
	PR_ASSERT(r->payload_n <= PR_PAYLOAD_MAX);
	size_t size = pr_record_size(r->payload_n);
	put32(to, (uint32_t)size);
	put64(to + 8, (uint64_t)r->at_ms);
	put32(to + 16, r->campaign);
	put32(to + 20, r->row);
	to[24] = (char)r->type;
	to[25] = 0;
	put16(to + 26, r->payload_n);
	put32(to + 28, (uint32_t)r->lsn);
	if (r->payload_n) {
		put64(to + size - 8, 0);
		memcpy(to + PR_RECORD_HEADER, r->payload, r->payload_n);
	}
	put32(to + 4, checksum(to, size, r->lsn, salt));
}

size_t
pr_record_read(const char *p, size_t n, uint64_t lsn, uint64_t salt, struct pr_record *out)
{
	if (n < PR_RECORD_HEADER)
		return 0;
	size_t size = get32(p);
	uint16_t payload_n = get16(p + 26);
	if (size > n || payload_n > PR_PAYLOAD_MAX || size != pr_record_size(payload_n) ||
	    get32(p + 28) != (uint32_t)lsn || get32(p + 4) != checksum(p, size, lsn, salt))
		return 0;
	*out = (struct pr_record){
	    .lsn = lsn,
	    .campaign = get32(p + 16),
	    .row = get32(p + 20),
	    .at_ms = (int64_t)get64(p + 8),
	    .type = (uint8_t)p[24],
	    .payload_n = payload_n,
	    .payload = p + PR_RECORD_HEADER,
	};
	return size;
}

/* ---- texts in payloads ---- */

/* At most max octets, never half a character. */
static struct pr_str
cut(struct pr_str s, size_t max)
{
	if (s.n <= max)
		return s;
	size_t n = max;
	while (n > 0 && max - n < 4 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n--;
	/* four continuations in a row are not UTF-8: nothing to keep whole */
	return pr_str_n(s.p, max - n < 4 ? n : max);
}

static char *
put_line(char *to, struct pr_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		*to++ = c < 0x20 || c == 0x7F ? ' ' : (char)c;
	}
	return to;
}

/* ---- outcome: 34 octets, then reply and mx ---- */

#define OUTCOME_FIXED 34

void
pr_outcome_encode(const struct pr_outcome *o, struct pr_buf *payload)
{
	struct pr_str reply = cut(o->reply, PR_REPLY_MAX), mx = cut(o->mx, PR_MX_MAX);
	size_t size = OUTCOME_FIXED + reply.n + mx.n;
	pr_buf_grow(payload, size);
	char *p = payload->data + payload->len;
	p[0] = (char)o->state;
	p[1] = (char)o->class_;
	put16(p + 2, o->code);
	memcpy(p + 4, o->enhanced, 3);
	p[7] = (char)o->flags;
	put16(p + 8, o->attempts);
	put16(p + 10, o->doubts);
	put64(p + 12, (uint64_t)o->due_ms);
	put64(p + 20, (uint64_t)o->first_ms);
	put16(p + 28, (uint16_t)reply.n);
	p[30] = (char)mx.n;
	p[31] = (char)o->variant;
	put16(p + 32, o->version);
	*put_line(put_line(p + OUTCOME_FIXED, reply), mx) = 0;
	payload->len += size;
}

int
pr_outcome_decode(struct pr_str payload, struct pr_outcome *o)
{
	const char *p = payload.p;
	if (payload.n < OUTCOME_FIXED)
		return PR_ECORRUPT;
	size_t reply_n = get16(p + 28), mx_n = (uint8_t)p[30];
	if (payload.n != OUTCOME_FIXED + reply_n + mx_n || reply_n > PR_REPLY_MAX ||
	    (uint8_t)p[0] >= PR_STATES || (uint8_t)p[1] >= PR_CLASSES)
		return PR_ECORRUPT;
	*o = (struct pr_outcome){
	    .state = (uint8_t)p[0],
	    .class_ = (uint8_t)p[1],
	    .code = get16(p + 2),
	    .flags = (uint8_t)p[7],
	    .attempts = get16(p + 8),
	    .doubts = get16(p + 10),
	    .due_ms = (int64_t)get64(p + 12),
	    .first_ms = (int64_t)get64(p + 20),
	    .version = get16(p + 32),
	    .variant = (uint8_t)p[31],
	    .reply = pr_str_n(p + OUTCOME_FIXED, reply_n),
	    .mx = pr_str_n(p + OUTCOME_FIXED + reply_n, mx_n),
	};
	memcpy(o->enhanced, p + 4, 3);
	return 0;
}

/* ---- intent: nothing, or a version, or with its variant, or with the person, too ---- */

#define INTENT_VERSION 2
#define INTENT_VARIANT 3
#define INTENT_PERSON 11

void
pr_intent_encode(const struct pr_intent *i, struct pr_buf *payload)
{
	size_t size = i->person        ? INTENT_PERSON
	              : i->variant     ? INTENT_VARIANT
	              : i->version > 1 ? INTENT_VERSION
	                               : 0;
	char all[INTENT_PERSON];
	put16(all, i->version ? i->version : 1);
	all[2] = (char)i->variant;
	put64(all + 3, i->person);
	pr_buf_add(payload, all, size);
}

int
pr_intent_decode(struct pr_str payload, struct pr_intent *i)
{
	struct pr_intent n = {.version = 1};
	if (payload.n != 0 && payload.n != INTENT_VERSION && payload.n != INTENT_VARIANT &&
	    payload.n != INTENT_PERSON)
		return PR_ECORRUPT;
	if (payload.n >= INTENT_VERSION)
		n.version = get16(payload.p);
	if (payload.n >= INTENT_VARIANT)
		n.variant = (uint8_t)payload.p[2];
	if (payload.n == INTENT_PERSON)
		n.person = get64(payload.p + 3);
	if (n.version == 0)
		return PR_ECORRUPT;
	*i = n;
	return 0;
}

bool
pr_intent_mask(char *payload, size_t n)
{
	if (n != INTENT_PERSON || get64(payload + 3) == 0)
		return false;
	put64(payload + 3, 0);
	return true;
}

/* ---- clock: 8 octets ---- */

void
pr_clock_encode(int64_t offset_ms, struct pr_buf *payload)
{
	char octets[8];
	put64(octets, (uint64_t)offset_ms);
	pr_buf_add(payload, octets, sizeof octets);
}

int
pr_clock_decode(struct pr_str payload, int64_t *offset_ms)
{
	if (payload.n != 8)
		return PR_ECORRUPT;
	*offset_ms = (int64_t)get64(payload.p);
	return 0;
}

/* ---- change: 8 octets, then verb, by and detail ---- */

#define CHANGE_FIXED 8

void
pr_change_encode(const struct pr_change *c, struct pr_buf *payload)
{
	struct pr_str verb = cut(c->verb, PR_CHANGE_TEXT_MAX), by = cut(c->by, PR_CHANGE_TEXT_MAX),
		      detail = cut(c->detail, PR_DETAIL_MAX);
	size_t size = CHANGE_FIXED + verb.n + by.n + detail.n;
	pr_buf_grow(payload, size);
	char *p = payload->data + payload->len;
	p[0] = (char)c->state;
	p[1] = (char)c->reason;
	p[2] = (char)c->paused_all;
	p[3] = 0;
	p[4] = (char)verb.n;
	p[5] = (char)by.n;
	put16(p + 6, (uint16_t)detail.n);
	p = put_line(p + CHANGE_FIXED, verb);
	p = put_line(p, by);
	*put_line(p, detail) = 0;
	payload->len += size;
}

int
pr_change_decode(struct pr_str payload, struct pr_change *c)
{
	const char *p = payload.p;
	if (payload.n < CHANGE_FIXED)
		return PR_ECORRUPT;
	size_t verb_n = (uint8_t)p[4], by_n = (uint8_t)p[5], detail_n = get16(p + 6);
	if (payload.n != CHANGE_FIXED + verb_n + by_n + detail_n || detail_n > PR_DETAIL_MAX ||
	    p[3] || (uint8_t)p[0] >= PR_STATES || (uint8_t)p[1] >= PR_REASONS || (uint8_t)p[2] > 1)
		return PR_ECORRUPT;
	p += CHANGE_FIXED;
	c->state = (uint8_t)payload.p[0];
	c->reason = (uint8_t)payload.p[1];
	c->paused_all = (uint8_t)payload.p[2];
	c->verb = pr_str_n(p, verb_n);
	c->by = pr_str_n(p + verb_n, by_n);
	c->detail = pr_str_n(p + verb_n + by_n, detail_n);
	return 0;
}

/* ---- engagement: 20 octets, then the detail ---- */

#define ENGAGEMENT_FIXED 20

void
pr_engagement_encode(const struct pr_engagement *g, struct pr_buf *payload)
{
	struct pr_str detail = cut(g->detail, PR_DETAIL_MAX);
	size_t size = ENGAGEMENT_FIXED + detail.n;
	pr_buf_grow(payload, size);
	char *p = payload->data + payload->len;
	p[0] = (char)g->kind;
	p[1] = (char)g->device;
	put16(p + 2, g->evidence);
	put32(p + 4, g->link);
	put64(p + 8, g->visitor);
	put16(p + 16, (uint16_t)detail.n);
	put16(p + 18, 0);
	*put_line(p + ENGAGEMENT_FIXED, detail) = 0;
	payload->len += size;
}

int
pr_engagement_decode(struct pr_str payload, struct pr_engagement *g)
{
	const char *p = payload.p;
	if (payload.n < ENGAGEMENT_FIXED)
		return PR_ECORRUPT;
	size_t detail_n = get16(p + 16);
	if (payload.n != ENGAGEMENT_FIXED + detail_n || detail_n > PR_DETAIL_MAX || get16(p + 18) ||
	    p[0] < PR_ENGAGEMENT_OPEN || p[0] >= PR_ENGAGEMENT_KINDS || (uint8_t)p[1] >= PR_DEVICES)
		return PR_ECORRUPT;
	*g = (struct pr_engagement){
	    .kind = (uint8_t)p[0],
	    .device = (uint8_t)p[1],
	    .evidence = get16(p + 2),
	    .link = get32(p + 4),
	    .visitor = get64(p + 8),
	    .detail = pr_str_n(p + ENGAGEMENT_FIXED, detail_n),
	};
	return 0;
}
