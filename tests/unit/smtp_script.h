/*
 * Sessions against scripted peers. A script is lines:
 *   S text     the peer sends text and CRLF (| stands for a line end within)
 *   C text     the client must have said this line next
 *   M n        the client must have said message n and its dot next
 *   B n        the client must have said BDAT and message n next
 *   =          nothing more was said
 *   +          one message more, and wake
 *   tls        the handshake is done
 *   quit lost wait    what happens
 */
#ifndef TESTS_SMTP_SCRIPT_H
#define TESTS_SMTP_SCRIPT_H

#include "smtp_talk.h"

struct script {
	const char *name;
	unsigned messages;
	const char *lines;
	const char *log;
	struct pr_smtp_options options;
};

/* `|` becomes a line end. */
static const char *
script_expand(const char *text, struct pr_buf *out)
{
	pr_buf_clear(out);
	pr_buf_adds(out, "");
	for (; *text; text++)
		if (*text == '|')
			pr_buf_adds(out, "\r\n");
		else
			pr_buf_addc(out, *text);
	return out->data;
}

static const char *
expand(const char *text, struct pr_buf *out)
{
	script_expand(text, out);
	pr_buf_adds(out, "\r\n");
	return out->data;
}

__attribute__((unused)) static void
script_hear(struct talk *t, const char *text, struct pr_buf *tmp)
{
	script_expand(text, tmp);
	talk_hear(t, tmp->data, tmp->len);
}

static void
must_have_said(struct talk *t, const char *what, const struct script *script, const char *line)
{
	size_t n = strlen(what);
	ck_assert_msg(t->said.len >= n && memcmp(t->said.data, what, n) == 0,
	              "%s: at \"%s\": said \"%s\"; log %s", script->name, line,
	              t->said.len ? t->said.data : "", t->log.len ? t->log.data : "");
	pr_buf_consume(&t->said, n);
}

static void
play_line(struct talk *t, const struct script *script, const char *line, struct pr_buf *tmp)
{
	if (line[0] == 'S') {
		expand(line + 2, tmp);
		talk_hear(t, tmp->data, tmp->len);
	} else if (line[0] == 'C') {
		must_have_said(t, expand(line + 2, tmp), script, line);
	} else if (line[0] == 'M') {
		must_have_said(t, "Subject: x\r\n\r\nhi\r\n.\r\n", script, line);
	} else if (line[0] == 'B') {
		must_have_said(t, "BDAT 18 LAST\r\nSubject: x\r\n\r\nhi\r\n", script, line);
	} else if (line[0] == '=') {
		ck_assert_msg(t->said.len == 0, "%s: also said \"%s\"", script->name, t->said.data);
	} else if (line[0] == '+') {
		t->n++;
		pr_smtp_wake(t->s, t->now);
	} else if (strcmp(line, "tls") == 0) {
		pr_smtp_secured(t->s, t->now); /* again: it is not waited for any more */
	} else if (strcmp(line, "quit") == 0) {
		pr_smtp_quit(t->s, t->now);
	} else if (strcmp(line, "lost") == 0) {
		talk_lose(t);
	} else if (strcmp(line, "wait") == 0) {
		talk_wait(t);
	} else {
		ck_abort_msg("%s: what is \"%s\"?", script->name, line);
	}
}

/* Loses the connection at the end of the script, if it is still there. */
static void
script_play(const struct script *script, bool reenter)
{
	struct talk t;
	struct pr_buf tmp = {0};
	struct pr_smtp_options options = script->options;
	options.hostname = "me.example";
	talk_begin(&t, &options, script->messages);
	t.reenter = reenter;
	char *lines = pr_strdup(script->lines), *save = NULL;
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		play_line(&t, script, line, &tmp);
	free(lines);
	talk_lose(&t);
	ck_assert_msg(strcmp(t.log.data, script->log) == 0, "%s: %s", script->name, t.log.data);
	talk_finish(&t);
	pr_buf_finish(&tmp);
}

#endif
