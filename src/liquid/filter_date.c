/* The filter `date`: what its input means, in which zone, and its text. */
#include "date.h"

static struct lq_time
now_of(struct lq_machine *m)
{
	int64_t ms = m->run->now_utc_ms;
	struct lq_time t = {.seconds = ms / 1000 - (ms % 1000 < 0)};
	t.nanos = (int32_t)(ms - t.seconds * 1000) * 1000000;
	lq_zone_apply(m->run->timezone, &t);
	return t;
}

static bool
all_digits(struct pr_str s)
{
	size_t i = s.n && s.p[0] == '-';
	for (size_t k = i; k < s.n; k++)
		if (!pr_is_digit(s.p[k]))
			return false;
	return s.n > i;
}

/* What the input means; false when it is no date. */
static bool
instant(struct lq_machine *m, const lq_value *v, struct lq_time *t)
{
	struct lq_time now;
	*t = (struct lq_time){0};
	if (v->type == PR_LIQUID_INT) {
		t->seconds = v->i;
	} else if (v->type == PR_LIQUID_STRING) {
		struct pr_str s = lq_str(v);
		if (s.n == 0)
			return false;
		if (lq_time_parse_iso(s, m->run->timezone, t))
			return true;
		now = now_of(m);
		if (pr_str_eq_nocase(s, PR_STR("now")) || pr_str_eq_nocase(s, PR_STR("today"))) {
			*t = now;
			return true;
		}
		if (!all_digits(s))
			return lq_time_parse(s, &now, m->run->timezone, t);
		t->seconds = lq_text_to_i(s);
	} else {
		return false;
	}
	if (t->seconds > 1000000000000000 || t->seconds < -1000000000000000)
		return false;
	lq_zone_apply(m->run->timezone, t);
	return true;
}

/* An IANA name; none: as it is. */
static bool
other_zone(struct lq_machine *m, const lq_value *zone, struct lq_time *t)
{
	char name[64];
	if (!zone || zone->type == PR_LIQUID_NIL)
		return true;
	if (zone->type != PR_LIQUID_STRING || zone->n >= sizeof name)
		return lq_raise(m, "time_zone is not the name of a time zone");
	memcpy(name, zone->s, zone->n);
	name[zone->n] = 0;
	return lq_zone_apply(name, t) || lq_raise(m, "time_zone '%s' is not known", name);
}

static bool
apply_options(struct lq_machine *m, const lq_value *options, struct lq_time *t)
{
	if (options->type != PR_LIQUID_HASH)
		return lq_raise(m, "date takes a format, time_zone: \"Region/City\" and "
		                   "locale: \"de\"");
	return other_zone(m, lq_hash_get(options, PR_STR("time_zone")), t) &&
	       lq_take_locale(m, lq_hash_get(options, PR_STR("locale")), &t->locale);
}

bool
lq_f_date(struct lq_machine *m, lq_value *v, const lq_value *args, unsigned n)
{
	struct lq_builder b;
	struct lq_time t;
	struct pr_str format;
	if (!lq_text(m, &args[0], &format))
		return false;
	if (format.n == 0 || !instant(m, v, &t))
		return true;
	if (n > 1 && !apply_options(m, &args[1], &t))
		return false;
	lq_build(&b, m, format.n * 2 + 32);
	lq_time_format(&b, &t, format, 0);
	return lq_build_end(&b, v);
}
