/* People and machines: one message's hits, told as they came. */
#include "suite.h"

#include "postrider/ledger/people.h"

#define SENT 1000000
#define HITS 5

#define LANGUAGE PR_EVIDENCE_NO_LANGUAGE
#define SCANNER PR_EVIDENCE_SCANNER
#define APPLE PR_EVIDENCE_APPLE_PROXY
#define GOOGLE PR_EVIDENCE_GOOGLE_PROXY

static const struct story {
	const char *name;
	bool images;
	struct told {
		char kind;   /* 'o'pen, 'c'lick, 'u'nsubscribe, c'!'omplaint, 'e'vidence; 0: end */
		int after_s; /* the delivery */
		uint16_t evidence;
		uint32_t link;
		uint64_t visitor;
		bool machine;
	} hits[HITS];
} stories[] = {
    {"a reader opens, then follows a link",
     true,
     {{'o', 60, 0, 0, 1, false}, {'c', 90, 0, 1, 1, false}}},
    {"a mail program loads images without naming a language",
     true,
     {{'o', 60, LANGUAGE, 0, 1, false}}},
    {"a gateway looks at once and names no language",
     true,
     {{'o', 1, LANGUAGE, 0, 1, true}, {'c', 1, LANGUAGE, 1, 1, true}}},
    {"a quick reader", true, {{'o', 3, 0, 0, 1, false}, {'c', 4, 0, 1, 1, false}}},
    {"a click at once without an image", true, {{'c', 3, 0, 1, 1, true}}},
    {"a click without an image where nobody loads any", false, {{'c', 60, 0, 1, 1, false}}},
    {"a click without an image, later", true, {{'c', 60, 0, 1, 1, false}}},
    {"a program that says what it is", true, {{'c', 600, SCANNER | LANGUAGE, 1, 1, true}}},
    {"a scanner that follows every link",
     true,
     {{'c', 600, LANGUAGE, 1, 1, true},
      {'c', 601, LANGUAGE, 2, 1, true},
      {'c', 602, LANGUAGE, 3, 1, true}}},
    {"a reader who opens three links in tabs",
     true,
     {{'o', 600, 0, 0, 1, false},
      {'c', 601, 0, 1, 1, false},
      {'c', 602, 0, 2, 1, false},
      {'c', 605, 0, 3, 1, false}}},
    {"one link three times is no burst",
     true,
     {{'o', 590, LANGUAGE, 0, 1, false},
      {'c', 601, LANGUAGE, 1, 1, false},
      {'c', 602, LANGUAGE, 1, 1, false},
      {'c', 603, LANGUAGE, 1, 1, false}}},
    {"the third link makes the first two a machine's, whoever asked",
     true,
     {{'o', 590, 0, 0, 9, false},
      {'c', 600, LANGUAGE, 1, 1, true},
      {'c', 605, LANGUAGE, 2, 2, true},
      {'c', 609, LANGUAGE, 3, 3, true}}},
    {"Apple's proxy", true, {{'o', 600, APPLE | LANGUAGE, 0, 1, true}}},
    {"a reader behind Apple's proxy who clicks",
     true,
     {{'o', 600, APPLE | LANGUAGE, 0, 1, true}, {'c', 700, 0, 1, 2, false}}},
    {"Gmail's proxy, when somebody reads", true, {{'o', 600, GOOGLE | LANGUAGE, 0, 1, false}}},
    {"Gmail's proxy, when nobody can have read", true, {{'o', 2, GOOGLE, 0, 1, true}}},
    {"a browser that prefetches", true, {{'c', 600, PR_EVIDENCE_PREFETCH, 1, 1, true}}},
    {"a link that nobody sees", true, {{'c', 600, PR_EVIDENCE_HONEYPOT, 1, 1, true}}},
    {"HEAD, then GET by the same visitor, and a reader later",
     true,
     {{'e', 600, PR_EVIDENCE_HEAD, 1, 1, false},
      {'c', 600, 0, 1, 1, true},
      {'c', 900, 0, 1, 2, false}}},
    {"what is learnt about the visitor afterwards counts as well",
     true,
     {{'c', 600, LANGUAGE, 1, 1, true}, {'e', 700, PR_EVIDENCE_MANY, 0, 1, false}}},
    {"evidence about nobody in particular is about nobody",
     true,
     {{'o', 500, 0, 0, 0, false},
      {'c', 600, 0, 1, 0, false},
      {'e', 600, PR_EVIDENCE_HONEYPOT, 0, 0, false}}},
    {"leaving is never a machine's",
     true,
     {{'u', 0, SCANNER | LANGUAGE, 0, 1, false}, {'!', 0, LANGUAGE, 0, 1, false}}},
};

static enum pr_engagement_kind
kind_of(char c)
{
	switch (c) {
	case 'o': return PR_ENGAGEMENT_OPEN;
	case 'c': return PR_ENGAGEMENT_CLICK;
	case 'u': return PR_ENGAGEMENT_UNSUBSCRIBE;
	case '!': return PR_ENGAGEMENT_COMPLAINT;
	default: return PR_ENGAGEMENT_EVIDENCE;
	}
}

static size_t
read_story(const struct story *s, struct pr_hit hits[HITS])
{
	size_t n = 0;
	for (; n < HITS && s->hits[n].kind; n++) {
		const struct told *t = &s->hits[n];
		hits[n] = (struct pr_hit){.at_ms = SENT + t->after_s * 1000,
		                          .kind = (uint8_t)kind_of(t->kind),
		                          .evidence = t->evidence,
		                          .link = t->link,
		                          .visitor = t->visitor};
	}
	return n;
}

START_TEST(each_story_is_read_as_people_would)
{
	for (size_t i = 0; i < ROWS(stories); i++) {
		struct pr_hit hits[HITS];
		size_t n = read_story(&stories[i], hits);
		pr_people_judge(hits, n, SENT, stories[i].images);
		for (size_t k = 0; k < n; k++)
			ck_assert_msg(hits[k].machine == stories[i].hits[k].machine, "%s: hit %zu",
			              stories[i].name, k + 1);
	}
}
END_TEST

START_TEST(judging_again_with_more_changes_the_mind)
{
	struct pr_hit hits[HITS];
	const struct story story = {"",
	                            true,
	                            {{'o', 500, 0, 0, 1, false},
	                             {'c', 600, LANGUAGE, 1, 1, false},
	                             {'c', 601, LANGUAGE, 2, 1, false},
	                             {'c', 602, LANGUAGE, 3, 1, false}}};
	size_t n = read_story(&story, hits);
	pr_people_judge(hits, n - 1, SENT, true);
	ck_assert(!hits[1].machine && !hits[2].machine);
	pr_people_judge(hits, n, SENT, true);
	ck_assert(hits[1].machine && hits[2].machine && hits[3].machine && !hits[0].machine);
}
END_TEST

START_TEST(nothing_is_soon_after_an_unknown_time)
{
	struct pr_hit hit = {.at_ms = 1, .kind = PR_ENGAGEMENT_OPEN, .evidence = LANGUAGE};
	pr_people_judge(&hit, 1, 0, true);
	ck_assert(!hit.machine);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {each_story_is_read_as_people_would},
	    {judging_again_with_more_changes_the_mind},
	    {nothing_is_soon_after_an_unknown_time},
	};
	return suite_run("ledger_people", NULL, NULL, tests, ROWS(tests));
}
