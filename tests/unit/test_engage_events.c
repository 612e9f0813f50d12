/* What hits of a row come to for its contact. */
#include "suite.h"

#include "../../src/engage/internal.h"

#include <stdio.h>

#define HITS 6

/* o and c: by a person, O and C: by a machine; its number is the time and the place. */
static const struct {
	const char *hits, *events;
} rows[] = {
    {"", ""},
    {"o1", "+open1 "},
    {"O1", "-open1 "},
    {"o1 o2", "+open1 +open2 "},
    {"o1 c2", "+open1 +click2 -open2 "},
    {"c1", "+click1 +open1 "},
    {"c1 c2", "+click1 +open1 +click2 -open2 "},
    /* The pictures came later: one more opening, and the click stands for its own. */
    {"c1 o2", "+click1 +open1 +open2 "},
    {"O1 c2", "-open1 +click2 +open2 "},
    {"C1", "-click1 -open1 "},
    {"C1 c2", "-click1 -open1 +click2 +open2 "},
    {"u1 !2 e3 $4", "+unsubscribe1 +complaint2 "},
};

static uint8_t
kind_of(char c)
{
	switch (c) {
	case 'o':
	case 'O': return PR_ENGAGEMENT_OPEN;
	case 'c':
	case 'C': return PR_ENGAGEMENT_CLICK;
	case 'u': return PR_ENGAGEMENT_UNSUBSCRIBE;
	case '!': return PR_ENGAGEMENT_COMPLAINT;
	case '$': return PR_ENGAGEMENT_CONVERSION;
	default: return PR_ENGAGEMENT_EVIDENCE;
	}
}

START_TEST(a_row_is_told_whole)
{
	static const char *const words[] = {"open", "click", "unsubscribe", "complaint", "bounce"};
	struct pr_hit hits[HITS];
	struct pr_engaged_event events[ENGAGE_OF_HIT * HITS];
	char text[200] = "";
	size_t n = 0;
	for (const char *p = rows[_i].hits; *p; p += 2 + (p[2] == ' '), n++)
		hits[n] = (struct pr_hit){.kind = kind_of(p[0]),
		                          .at_ms = 1000 * (p[1] - '0'),
		                          .lsn = (uint64_t)(p[1] - '0'),
		                          .machine = p[0] == 'O' || p[0] == 'C'};
	size_t made = engage_events(hits, n, events);
	for (size_t i = 0; i < made; i++) {
		ck_assert_int_eq(events[i].at_ms, 1000 * (int64_t)events[i].lsn);
		snprintf(text + strlen(text), sizeof text - strlen(text), "%c%s%d ",
		         events[i].gone ? '-' : '+', words[events[i].kind], (int)events[i].lsn);
	}
	ck_assert_str_eq(text, rows[_i].events);
}
END_TEST

static const struct {
	uint8_t state, class_, flags;
	bool hard;
} outcomes[] = {
    {PR_BOUNCED, PR_CLASS_USER_UNKNOWN, PR_OUTCOME_SUPPRESS, true},
    {PR_BOUNCED, PR_CLASS_MAILBOX_FULL, PR_OUTCOME_SOFT, false},
    {PR_BOUNCED, PR_CLASS_EXPIRED, 0, false},
    {PR_BOUNCED, PR_CLASS_USER_UNKNOWN, PR_OUTCOME_LATE, true},
    {PR_BOUNCED, PR_CLASS_USER_UNKNOWN, PR_OUTCOME_LATE | PR_OUTCOME_SOFT, false},
    {PR_BOUNCED, PR_CLASS_CONTENT, PR_OUTCOME_LATE, false},
    {PR_DELIVERED, PR_CLASS_USER_UNKNOWN, PR_OUTCOME_SUPPRESS, false},
};

START_TEST(only_an_address_that_is_no_good_has_bounced)
{
	const struct pr_outcome o = {.state = outcomes[_i].state,
	                             .class_ = outcomes[_i].class_,
	                             .flags = outcomes[_i].flags};
	ck_assert_int_eq(engage_is_hard(&o), outcomes[_i].hard);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {a_row_is_told_whole, ROWS(rows)},
	    {only_an_address_that_is_no_good_has_bounced, ROWS(outcomes)},
	};
	return suite_run("engage_events", NULL, NULL, tests, ROWS(tests));
}
