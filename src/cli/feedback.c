/* A mail that came back, from standard input to the daemon. */
#include "cli.h"

#include "postrider/feedback.h"

/* NUL stands in no sound mail, and would end it on its way. */
static bool
read_mail(struct pr_buf *out)
{
	char part[65536];
	size_t n;
	while (out->len < PR_FEEDBACK_SIZE_MAX && (n = fread(part, 1, sizeof part, stdin)) > 0) {
		for (char *p = part; (p = memchr(p, 0, n - (size_t)(p - part))); p++)
			*p = ' ';
		pr_buf_add(out, part, n);
	}
	if (out->len > PR_FEEDBACK_SIZE_MAX)
		out->data[out->len = PR_FEEDBACK_SIZE_MAX] = 0;
	return !ferror(stdin);
}

static void
print_meaning(const json_t *answer)
{
	const char *means = cli_text_of(answer, "means"), *why = cli_text_of(answer, "why");
	const char *class_ = cli_text_of(answer, "class");
	printf("%s", cli_show(means));
	if (json_object_get(answer, "row"))
		printf(": row %llu of campaign number %llu",
		       (unsigned long long)cli_number_of(answer, "row"),
		       (unsigned long long)cli_number_of(answer, "campaign"));
	if (class_)
		printf(", %s", cli_show(class_));
	if (why && *why)
		printf(": %s", cli_show(why));
	if (json_is_true(json_object_get(answer, "suppressed")))
		printf("; suppressed");
	if (json_is_true(json_object_get(answer, "kept")))
		printf("; kept for review");
	putchar('\n');
}

enum cli_exit
cli_run_feedback(struct cli *c)
{
	struct pr_buf mail = {0};
	struct cli_reply reply;
	if (!read_mail(&mail))
		return cli_fail_errno("cannot read the mail");
	if (mail.len == 0)
		return cli_usage(c, "the mail comes on standard input");
	enum cli_exit result = cli_call(c, "/v1/feedback", mail.data, &reply);
	pr_buf_finish(&mail);
	if (result != CLI_DONE)
		return result;
	json_t *answer = json_loadb(reply.body.data, reply.body.len, 0, NULL);
	if (c->arguments.json)
		printf("%s", reply.body.data);
	else
		print_meaning(answer);
	json_decref(answer);
	pr_buf_finish(&reply.body);
	return CLI_DONE;
}
