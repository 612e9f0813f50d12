/* For tests of shaping: a file from a text, a lane on a fake clock, replies as they are said. */
#ifndef TESTS_SHAPING_WORLD_H
#define TESTS_SHAPING_WORLD_H

#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/shaping/shape.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND PR_SECOND_MS
#define MINUTE PR_MINUTE_MS
#define HOUR PR_HOUR_MS

static pr_shaping *shaping;
static struct pr_shape shape;
static struct pr_shape_group group;
static struct pr_shape_why why;
static int64_t now = 1000 * HOUR;

static inline pr_shaping *
world_parse(const char *text)
{
	struct pr_problems problems = {0};
	struct pr_buf told = {0};
	pr_shaping *s = NULL;
	int r = text ? pr_shaping_parse(pr_str(text), "own.yaml", &problems, &s)
	             : pr_shaping_load(NULL, &problems, &s);
	pr_buf_adds(&told, "");
	pr_problems_text(&problems, &told);
	ck_assert_msg(r == 0, "%s", told.data);
	pr_buf_finish(&told);
	pr_problems_finish(&problems);
	return s;
}

/* A lane to the provider ("": none of them) by the file's text (NULL: ours). */
static inline void
world_begin(const char *text, const char *provider)
{
	shaping = world_parse(text);
	memset(&group, 0, sizeof group);
	pr_shape_init(&shape, shaping, pr_shaping_policy(shaping, pr_str(provider)), &group, 1000);
}

static inline void
world_end(void)
{
	if (shaping)
		pr_shape_finish(&shape);
	pr_shaping_unref(shaping);
	shaping = NULL;
}

/* "421 4.7.0 text", at a stage, of a class; without a code: not answered. */
static inline struct pr_shape_done
world_tell(struct pr_shape *s, enum pr_smtp_stage stage, enum pr_class class_, const char *text)
{
	struct pr_shape_reply r = {.stage = stage, .class_ = class_};
	unsigned a, b, c;
	int used = 0;
	r.code = atoi(text);
	text += r.code ? 4 : 0;
	if (sscanf(text, "%u.%u.%u %n", &a, &b, &c, &used) == 3) {
		r.enhanced[0] = (uint8_t)a;
		r.enhanced[1] = (uint8_t)b;
		r.enhanced[2] = (uint8_t)c;
		text += used;
	}
	r.text = pr_str(text);
	return pr_shape_heard(s, now, &r);
}

static inline struct pr_shape_done
world_hear(enum pr_smtp_stage stage, enum pr_class class_, const char *text)
{
	return world_tell(&shape, stage, class_, text);
}

static inline void
world_open(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pr_shape_connected(&shape, now);
}

static inline void
world_note_limit(void *context, const struct pr_shape_limit *l)
{
	struct pr_buf *b = context;
	pr_buf_addf(b, "%s%s%s%s (%s", b->len ? ", " : "", l->name, *l->value ? " " : "", l->value,
	            l->who);
	if (l->lifts_ms)
		pr_buf_addf(b, ", %llds", (long long)((l->lifts_ms - now) / 1000));
	pr_buf_addc(b, ')');
}

/* "connections 5 (adaptive), suspend (own.yaml:3 acme, 3600s)" */
static inline const char *
world_limits(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_shape_limits(&shape, now, world_note_limit, &b);
	return b.data;
}

#endif
