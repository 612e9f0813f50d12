/*
 * The bounce server's machine, fed with anything, cut anywhere; the first octet says how. Holds:
 * what it says is whole lines, each with a code; a mail has only CRLF for line ends, no more octets
 * than it may, and recipients that are ours; fed in one piece it says the same.
 */
#include "postrider/base/error.h"
#include "postrider/smtp/receive.h"

#include <stdlib.h>

#define SIZE_MAX_ 3000u

struct run {
	pr_receive *machine;
	struct pr_buf said;
	unsigned mails;
	bool later;
};

static bool
may_begin(void *context)
{
	(void)context;
	return true;
}

static bool
is_ours(void *context, struct pr_str address)
{
	(void)context;
	return pr_str_starts(address, "o");
}

static void
on_mail(void *context, const struct pr_received *m)
{
	struct run *r = context;
	PR_ASSERT(m->n >= 1 && m->n <= PR_RECEIVE_RECIPIENTS_MAX && m->octets.n <= SIZE_MAX_);
	for (size_t i = 0; i < m->n; i++)
		PR_ASSERT(is_ours(NULL, m->to[i]));
	for (size_t i = 0; i < m->octets.n; i++) {
		if (m->octets.p[i] == '\n')
			PR_ASSERT(i > 0 && m->octets.p[i - 1] == '\r');
		if (m->octets.p[i] == '\r')
			PR_ASSERT(i + 1 < m->octets.n && m->octets.p[i + 1] == '\n');
	}
	r->mails++;
	if (!r->later)
		pr_receive_answer(r->machine, PR_RECEIVE_TAKEN);
}

static void
take_out(struct run *r)
{
	struct pr_buf *out = pr_receive_out(r->machine);
	for (size_t at = 0; at < out->len;) {
		const char *line = out->data + at, *end = memchr(line, '\n', out->len - at);
		PR_ASSERT(end && end - line >= 5 && end[-1] == '\r');
		PR_ASSERT(pr_is_digit(line[0]) && pr_is_digit(line[1]) && pr_is_digit(line[2]));
		at += (size_t)(end - line) + 1;
	}
	pr_buf_add(&r->said, out->data, out->len);
	pr_buf_clear(out);
}

static void
feed(struct run *r, const char *octets, size_t n)
{
	pr_receive_feed(r->machine, octets, n);
	while (pr_receive_wants(r->machine) == PR_RECEIVE_ANSWER)
		pr_receive_answer(r->machine, PR_RECEIVE_TAKEN);
	take_out(r);
}

static void
run(struct run *r, const char *octets, size_t n, size_t step)
{
	struct pr_receive_options o = {.hostname = "mx.example",
	                               .size_max = SIZE_MAX_,
	                               .may_begin = may_begin,
	                               .is_ours = is_ours,
	                               .mail = on_mail,
	                               .context = r};
	r->machine = pr_receive_create(&o, false);
	for (size_t at = 0; at < n; at += step)
		feed(r, octets + at, n - at < step ? n - at : step);
	pr_receive_hang_up(r->machine, "done");
	take_out(r);
	pr_receive_destroy(r->machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct run cut = {0}, whole = {0};
	if (n < 2)
		return 0;
	cut.later = data[0] & 1;
	run(&cut, (const char *)data + 1, n - 1, 1 + data[0] / 2);
	run(&whole, (const char *)data + 1, n - 1, n);
	PR_ASSERT(cut.mails == whole.mails);
	PR_ASSERT(pr_str_eq(pr_buf_str(&cut.said), pr_buf_str(&whole.said)));
	pr_buf_finish(&cut.said);
	pr_buf_finish(&whole.said);
	return 0;
}
