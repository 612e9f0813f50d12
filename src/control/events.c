/*
 * Events: the journal, told as JSON. A page reads on the reader lane from `after` to what is
 * durable; a stream (Accept: text/event-stream) does so again and again, half a second apart,
 * and its connection is suspended in between. The id of an event is its place in the journal:
 * who reconnects says the last one he saw (Last-Event-ID or ?after=) and misses nothing that
 * is still kept.
 */
#include "reading.h"

#include <stdlib.h>

#define STREAM_EVERY_MS 500
#define KEEP_ALIVE_MS (15 * PR_SECOND_MS)
#define STREAMS_MAX 32u
#define WAITING_MAX (1u << 20) /* octets a slow reader may leave waiting */

struct stream {
	struct pr_list link; /* control->streams */
	struct request *request;
	struct pr_timer timer;
	struct pr_buf out; /* ready to be sent */
	uint64_t after;
	int64_t said_ms;
	bool seen;                   /* the event at `after` */
	bool reading, waiting, gone; /* waiting: its connection is suspended */
};

/* ---- pages ---- */

static void
page_done(struct pr_job *job)
{
	struct reading *g = PR_CONTAINER(job, struct reading, job);
	struct request *q = g->request;
	if (g->result < 0)
		request_fail_code(q, g->result, g->error.text);
	else {
		pr_buf_addf(&g->out, "],\"next\":%llu}", (unsigned long long)g->last);
		request_json(q, &g->out);
	}
	reading_free(g);
	request_done(q);
}

/* ---- streams ---- */

static void
stream_free(struct stream *s)
{
	pr_timer_stop(&s->timer);
	pr_list_remove(&s->link);
	pr_buf_finish(&s->out);
	free(s);
}

static void
wake_stream(struct stream *s)
{
	if (!s->waiting)
		return;
	s->waiting = false;
	MHD_resume_connection(s->request->connection);
	server_kick(s->request->server);
}

static void
stream_read_done(struct pr_job *job)
{
	struct reading *g = PR_CONTAINER(job, struct reading, job);
	struct stream *s = g->stream;
	struct request *q = g->request;
	int64_t now = pr_mono_ms();
	s->reading = false;
	s->after = g->last;
	s->seen |= g->moved;
	if (g->out.len)
		pr_buf_add(&s->out, g->out.data, g->out.len);
	else if (now - s->said_ms >= KEEP_ALIVE_MS)
		pr_buf_adds(&s->out, ": still here\n\n");
	if (s->out.len)
		s->said_ms = now;
	if (s->gone)
		stream_free(s);
	else {
		if (s->out.len)
			wake_stream(s);
		pr_timer_start(&s->timer, g->n == g->max ? 0 : STREAM_EVERY_MS);
	}
	reading_free(g);
	request_done(q);
}

static void
stream_read(struct pr_timer *t)
{
	struct stream *s = PR_CONTAINER(t, struct stream, timer);
	if (s->out.len > WAITING_MAX) { /* a slow reader: what waits must go first */
		pr_timer_start(t, STREAM_EVERY_MS);
		return;
	}
	struct reading *g = reading_create(s->request, s->after, s->seen, PAGE_MAX);
	g->stream = s;
	s->reading = true;
	g->job.work = reading_work;
	g->job.done = stream_read_done;
	request_wait(s->request);
	pr_lane_submit(s->request->control->readers, &g->job);
}

static ssize_t
on_send(void *context, uint64_t position, char *to, size_t max)
{
	(void)position;
	struct stream *s = context;
	if (s->request->control->closing)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->out.len == 0) {
		s->waiting = true;
		MHD_suspend_connection(s->request->connection);
		return 0;
	}
	size_t n = s->out.len < max ? s->out.len : max;
	memcpy(to, s->out.data, n);
	pr_buf_consume(&s->out, n);
	return (ssize_t)n;
}

static void
on_stream_end(void *context)
{
	struct stream *s = context;
	s->gone = true;
	if (!s->reading)
		stream_free(s);
}

static void
begin_stream(struct request *q, uint64_t after, bool seen)
{
	struct pr_control *c = q->control;
	unsigned n = 0;
	PR_LIST_EACH(link, &c->streams)
		n++;
	if (n >= STREAMS_MAX) {
		request_fail(q, MHD_HTTP_SERVICE_UNAVAILABLE, "limit", "too many event streams");
		return;
	}
	struct stream *s = pr_calloc(1, sizeof *s);
	s->request = q;
	s->after = after;
	s->seen = seen;
	s->said_ms = pr_mono_ms();
	pr_buf_adds(&s->out, ": events\n\n");
	pr_timer_init(&s->timer, c->loop, stream_read);
	pr_list_push(&c->streams, &s->link);
	MHD_set_connection_option(q->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	q->response =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, on_send, s, on_stream_end);
	struct pr_buf none = {0};
	request_answer(q, MHD_HTTP_OK, "text/event-stream", &none);
	pr_timer_start(&s->timer, 0);
}

/* Where to begin: ?after=, Last-Event-ID, else now for streams and the beginning for pages. */
static bool
where_to_begin(struct request *q, bool stream, uint64_t *after, bool *seen)
{
	const char *text = request_argument(q, "after");
	if (!text)
		text = MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, "Last-Event-ID");
	*seen = text != NULL;
	*after = stream ? pr_journal_durable(q->control->options.journal) : 0;
	if (!text || pr_str_u64(pr_str(text), after))
		return true;
	request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "after must be the id of an event");
	return false;
}

void
get_events(struct request *q)
{
	const char *accept = MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, "Accept");
	bool stream = accept && strstr(accept, "text/event-stream");
	uint64_t after, limit = PAGE_DEFAULT;
	bool seen;
	const char *text = request_argument(q, "limit");
	if (!where_to_begin(q, stream, &after, &seen))
		return;
	if (stream) {
		begin_stream(q, after, seen);
		return;
	}
	if (text && (!pr_str_u64(pr_str(text), &limit) || limit == 0 || limit > PAGE_MAX)) {
		request_fail(q, MHD_HTTP_BAD_REQUEST, "invalid", "limit must be from 1 to %d",
		             PAGE_MAX);
		return;
	}
	struct reading *g = reading_create(q, after, seen, (unsigned)limit);
	pr_buf_adds(&g->out, "{\"events\":[");
	g->job.work = reading_work;
	g->job.done = page_done;
	request_wait(q);
	pr_lane_submit(q->control->readers, &g->job);
}

void
events_close(struct pr_control *c)
{
	PR_LIST_EACH(link, &c->streams) {
		struct stream *s = PR_CONTAINER(link, struct stream, link);
		pr_timer_stop(&s->timer);
		wake_stream(s);
	}
}
