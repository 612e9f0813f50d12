/*
 * Requests to the status socket, by libcurl: one handle, its connection kept.
 *
 * Fails with what to do: no socket (is the daemon running?), not permitted (which group?), no
 * answer in time. A status of 400 and more is an answer; cli_refused says what it means.
 */
#include "cli.h"

#include <curl/curl.h>
#include <errno.h>
#include <sys/un.h>

#define CONNECT_MS 5000L
#define TIMEOUT_MS 60000L
#define SILENT_S 900L
#define BODY_MAX (256u << 20)
#define LINE_MAX_OCTETS (1u << 20)

struct exchange {
	CURL *curl;
	struct cli_reply *out;
	FILE *to;
	bool (*line)(void *context, struct pr_str line);
	void *context;
	struct pr_buf rest; /* of a line */
	bool ended;         /* by `line` */
	bool patient;       /* it may take as long as it takes */
};

static bool
feed_lines(struct exchange *x, const char *data, size_t n)
{
	size_t at = 0;
	pr_buf_add(&x->rest, data, n);
	for (char *end; at < x->rest.len; at = (size_t)(end - x->rest.data) + 1) {
		end = memchr(x->rest.data + at, '\n', x->rest.len - at);
		if (!end)
			break;
		struct pr_str line = pr_str_n(x->rest.data + at, (size_t)(end - x->rest.data) - at);
		if (!x->line(x->context, line)) {
			x->ended = true;
			return false;
		}
	}
	pr_buf_consume(&x->rest, at);
	return fflush(stdout) == 0 && x->rest.len < LINE_MAX_OCTETS;
}

static size_t
on_data(char *data, size_t size, size_t n, void *context)
{
	struct exchange *x = context;
	n *= size;
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->out->status);
	bool good = x->out->status < 400;
	if (good && x->to)
		return fwrite(data, 1, n, x->to);
	if (good && x->line)
		return feed_lines(x, data, n) ? n : 0;
	if (x->out->body.len + n > BODY_MAX)
		return 0;
	pr_buf_add(&x->out->body, data, n);
	return n;
}

static int
fail_to_connect(struct cli *c, CURL *curl, struct pr_error *e)
{
	long number = 0;
	const char *path = cli_show(c->socket);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
	if (number == EACCES || number == EPERM)
		return pr_fail(
		    e, PR_EDENIED,
		    "not permitted to open %s: its group (socket.group) may; `id` tells yours",
		    path);
	return pr_fail(
	    e, PR_EAGAIN,
	    "no daemon answers at %s: is postriderd running? (`systemctl status postriderd`; "
	    "another socket: --socket PATH)",
	    path);
}

static int
judge(struct cli *c, struct exchange *x, CURLcode code, struct pr_error *e)
{
	if (code == CURLE_OK || x->ended)
		return 0;
	if (code == CURLE_COULDNT_CONNECT)
		return fail_to_connect(c, x->curl, e);
	if (code == CURLE_WRITE_ERROR)
		return pr_fail_errno(e, "cannot write");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return pr_fail(e, PR_EAGAIN, "the daemon at %s does not answer",
		               cli_show(c->socket));
	return pr_fail(e, PR_EAGAIN, "the daemon at %s broke off (%s)", cli_show(c->socket),
	               curl_easy_strerror(code));
}

static void
set_options(struct cli *c, struct exchange *x, const char *url, const char *body,
            struct curl_slist *headers)
{
	CURL *curl = x->curl;
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
	                 x->line || x->to || x->patient ? 0L : TIMEOUT_MS);
	if (x->to) { /* a report of millions of rows is long in the making */
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENT_S);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
}

static int
prepare(struct cli *c, struct pr_error *e)
{
	if (!cli_socket(c))
		return pr_fail(e, PR_EINVAL, "the socket is not known: --socket PATH");
	if (strlen(c->socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return pr_fail(e, PR_EINVAL, "the socket's path is too long: %s",
		               cli_show(c->socket));
	if (!c->curl) {
		curl_global_init(CURL_GLOBAL_NOTHING);
		c->curl = curl_easy_init();
	}
	return c->curl ? 0 : pr_fail(e, PR_ESYSTEM, "libcurl cannot be used");
}

static int
perform(struct cli *c, struct exchange *x, const char *path, const char *body, struct pr_error *e)
{
	struct curl_slist *headers = NULL;
	struct pr_buf url = {0};
	int r = prepare(c, e);
	if (r < 0)
		return r;
	x->curl = c->curl;
	x->out->status = 0;
	pr_buf_addf(&url, "http://postrider%s", path);
	if (x->line)
		headers = curl_slist_append(headers, "Accept: text/event-stream");
	if (body)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Expect:");
	set_options(c, x, url.data, body, headers);
	CURLcode code = curl_easy_perform(x->curl);
	r = judge(c, x, code, e);
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->out->status);
	curl_slist_free_all(headers);
	pr_buf_finish(&url);
	pr_buf_finish(&x->rest);
	if (r < 0)
		pr_buf_finish(&x->out->body);
	return r;
}

int
cli_request(struct cli *c, const char *path, const char *body, struct cli_reply *out,
            struct pr_error *e)
{
	struct exchange x = {.out = out};
	*out = (struct cli_reply){0};
	return perform(c, &x, path, body, e);
}

int
cli_download(struct cli *c, const char *path, FILE *to, struct cli_reply *out, struct pr_error *e)
{
	struct exchange x = {.out = out, .to = to};
	*out = (struct cli_reply){0};
	return perform(c, &x, path, NULL, e);
}

int
cli_stream(struct cli *c, const char *path, bool (*line)(void *, struct pr_str), void *context,
           struct cli_reply *out, struct pr_error *e)
{
	struct exchange x = {.out = out, .line = line, .context = context};
	*out = (struct cli_reply){0};
	return perform(c, &x, path, NULL, e);
}

void
cli_http_finish(struct cli *c)
{
	if (c->curl) {
		curl_easy_cleanup(c->curl);
		curl_global_cleanup();
	}
	c->curl = NULL;
}

/* ---- answers ---- */

enum cli_exit
cli_refused(struct cli *c, const struct cli_reply *reply)
{
	struct pr_str text = pr_buf_str(&reply->body);
	json_t *body = json_loadb(text.p, text.n, 0, NULL);
	const char *message = cli_text_of(json_object_get(body, "error"), "message");
	if (c->arguments.json && body)
		printf("%.*s%s", (int)text.n, text.p, pr_str_ends(text, "\n") ? "" : "\n");
	if (message)
		cli_fail("%s", cli_show(message));
	else
		cli_fail("the daemon answered %ld", reply->status);
	json_decref(body);
	return CLI_FAILED;
}

static enum cli_exit
call(struct cli *c, const char *path, const char *body, bool patient, struct cli_reply *out)
{
	struct exchange x = {.out = out, .patient = patient};
	struct pr_error e;
	*out = (struct cli_reply){0};
	if (perform(c, &x, path, body, &e) < 0)
		return cli_fail("%s", e.text);
	if (out->status < 400)
		return CLI_DONE;
	cli_refused(c, out);
	pr_buf_finish(&out->body);
	return CLI_FAILED;
}

enum cli_exit
cli_call(struct cli *c, const char *path, const char *body, struct cli_reply *out)
{
	return call(c, path, body, false, out);
}

enum cli_exit
cli_call_patiently(struct cli *c, const char *path, const char *body, struct cli_reply *out)
{
	return call(c, path, body, true, out);
}

enum cli_exit
cli_pass_on(struct cli *c, const char *path)
{
	struct cli_reply reply;
	enum cli_exit result = cli_call(c, path, NULL, &reply);
	if (result != CLI_DONE)
		return result;
	struct pr_str text = pr_buf_str(&reply.body);
	fwrite(text.p, 1, text.n, stdout);
	if (!pr_str_ends(text, "\n"))
		putchar('\n');
	pr_buf_finish(&reply.body);
	return CLI_DONE;
}

json_t *
cli_get(struct cli *c, const char *path)
{
	struct cli_reply reply;
	if (cli_call(c, path, NULL, &reply) != CLI_DONE)
		return NULL;
	struct pr_str text = pr_buf_str(&reply.body);
	json_t *object = json_loadb(text.p, text.n, 0, NULL);
	if (!json_is_object(object)) {
		cli_fail("the daemon's answer cannot be read: is it of this version?");
		json_decref(object);
		object = NULL;
	}
	pr_buf_finish(&reply.body);
	return object;
}

enum cli_exit
cli_look(struct cli *c, const char *path, void (*print)(const json_t *answer))
{
	if (c->arguments.json)
		return cli_pass_on(c, path);
	json_t *answer = cli_get(c, path);
	if (!answer)
		return CLI_FAILED;
	print(answer);
	json_decref(answer);
	return CLI_DONE;
}

void
cli_path_add(struct pr_buf *b, const char *text)
{
	for (; *text; text++) {
		unsigned char o = (unsigned char)*text;
		if (pr_is_digit(*text) || (pr_lower(*text) >= 'a' && pr_lower(*text) <= 'z') ||
		    strchr("-._~", o))
			pr_buf_addc(b, *text);
		else
			pr_buf_addf(b, "%%%02X", o);
	}
}

const char *
cli_campaign_path(const char *id, const char *rest)
{
	static struct pr_buf path;
	pr_buf_clear(&path);
	pr_buf_adds(&path, "/v1/campaigns/");
	cli_path_add(&path, id);
	pr_buf_adds(&path, rest);
	return path.data;
}
