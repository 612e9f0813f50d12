/*
 * What a POST says. libmicrohttpd reads both encodings (multipart/form-data and
 * application/x-www-form-urlencoded); a body is bounded, and so is each value that counts.
 */
#include "internal.h"

static const struct {
	const char *name, *value;
	unsigned says;
} fields[TRACK_FIELDS] = {
    {"List-Unsubscribe", "One-Click", TRACK_SAYS_ONE_CLICK}, /* RFC 8058 section 3.2 */
    {"leave", "1", TRACK_SAYS_LEAVE},
    {"list", "1", TRACK_SAYS_LIST},
    {"all", "1", TRACK_SAYS_ALL},
    {"opens", "1", TRACK_SAYS_OPENS},
};

/* A value may come in pieces. */
static enum MHD_Result
on_value(void *context, enum MHD_ValueKind kind, const char *key, const char *file,
         const char *type, const char *encoding, const char *data, uint64_t at, size_t n)
{
	struct track_form *f = context;
	(void)kind, (void)file, (void)type, (void)encoding;
	for (unsigned i = 0; i < TRACK_FIELDS; i++) {
		if (strcmp(key, fields[i].name) != 0)
			continue;
		if (at + n >= sizeof f->values[i].text)
			f->broken = true;
		else if (n)
			memcpy(f->values[i].text + at, data, n);
		f->values[i].n = (size_t)at + n;
	}
	return MHD_YES;
}

void
track_form_begin(struct track_form *f, struct MHD_Connection *connection)
{
	f->processor = MHD_create_post_processor(connection, 1024, on_value, f);
	f->broken = !f->processor;
}

void
track_form_take(struct track_form *f, const char *data, size_t n)
{
	f->received += n;
	if (f->received <= TRACK_BODY_MAX && !f->broken &&
	    MHD_post_process(f->processor, data, n) != MHD_YES)
		f->broken = true;
}

unsigned
track_form_end(struct track_form *f)
{
	unsigned says = 0;
	if (f->processor && MHD_destroy_post_processor(f->processor) != MHD_YES)
		f->broken = true;
	f->processor = NULL;
	for (unsigned i = 0; i < TRACK_FIELDS && !f->broken; i++)
		if (pr_str_is(pr_str_n(f->values[i].text, f->values[i].n), fields[i].value))
			says |= fields[i].says;
	return says;
}
