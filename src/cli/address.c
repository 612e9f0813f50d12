/*
 * `postrider address --jsonl`: {"address"} a line in, {"valid","reason"?,"ascii"?,"smtputf8"}
 * a line out, in order. A line that is no such object is answered as not valid; nothing
 * stops the filter but the end of its input or of its reader.
 */
#include "cli_filters.h"

#include "postrider/campaign/address.h"

#include <jansson.h>
#include <stdlib.h>

/* White space around an address is dropped by import and from headers; it is no part of an
 * envelope (RFC 5321 section 4.1.2), which is what this filter judges. */
static bool
has_margin(struct pr_str s)
{
	return s.n && (pr_is_space(s.p[0]) || pr_is_space(s.p[s.n - 1]));
}

static json_t *
judge(struct pr_str address)
{
	struct pr_mailbox box;
	const char *why = NULL;
	if (has_margin(address))
		why = "white space around the address";
	else if (pr_mailbox_parse(address, &box, &why) == 0)
		return json_pack("{s:b,s:s#,s:b}", "valid", 1, "ascii", box.address, (int)box.n,
		                 "smtputf8", box.smtputf8);
	return json_pack("{s:b,s:s,s:b}", "valid", 0, "reason", why, "smtputf8",
	                 !pr_is_ascii(address.p, address.n));
}

/* `ascii` is left out where the address has no ASCII form. */
static json_t *
answer(const char *line, size_t n)
{
	json_t *in = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
	json_t *text = json_object_get(in, "address"), *out;
	if (json_is_string(text))
		out = judge(pr_str_n(json_string_value(text), json_string_length(text)));
	else
		out = json_pack("{s:b,s:s,s:b}", "valid", 0, "reason",
		                "the line is no JSON object with an address", "smtputf8", 0);
	if (json_is_true(json_object_get(out, "smtputf8")))
		json_object_del(out, "ascii");
	json_decref(in);
	return out;
}

int
pr_cli_address(FILE *in, FILE *out)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	while ((n = getline(&line, &size, in)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		json_t *reply = answer(line, (size_t)n);
		char *text = json_dumps(reply, JSON_COMPACT | JSON_ENSURE_ASCII);
		fprintf(out, "%s\n", text ? text : "{\"valid\":false,\"smtputf8\":false}");
		free(text);
		json_decref(reply);
		if (ferror(out))
			break;
	}
	free(line);
	return ferror(in) || fflush(out) != 0 || ferror(out) ? 1 : 0;
}
