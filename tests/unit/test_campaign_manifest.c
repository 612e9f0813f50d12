/* Manifests: what they mean, and what is told of bad ones. */
#include "suite.h"

#include "postrider/base/error.h"
#include "postrider/base/file.h"
#include "postrider/campaign/config.h"
#include "postrider/campaign/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pr_problems problems;
static struct pr_manifest *m;

static void
setup(void)
{
	problems = (struct pr_problems){0};
	m = NULL;
}

static void
teardown(void)
{
	pr_problems_finish(&problems);
	pr_manifest_destroy(m);
}

static const char *
told(void)
{
	static struct pr_buf b;
	pr_buf_clear(&b);
	pr_buf_adds(&b, "");
	for (unsigned i = 0; i < problems.n; i++) {
		const struct pr_problem *p = &problems.items[i];
		pr_buf_addf(&b, "%s%s:%u:%u %s%s%s", i ? "\n" : "", p->file, p->line, p->column,
		            p->what, *p->remedy ? " -> " : "", p->remedy);
	}
	return b.data ? b.data : "";
}

static int
parse(const char *text)
{
	pr_problems_finish(&problems);
	pr_manifest_destroy(m);
	m = NULL;
	return pr_manifest_parse(pr_str(text), "folder", &problems, &m);
}

#define LEAST "from: news@acme.example\nsubject: s\n"

START_TEST(least_manifest_has_defaults_for_all)
{
	ck_assert_msg(parse(LEAST) == 0, "%s", told());
	ck_assert_str_eq(m->name.p, "folder");
	ck_assert_str_eq(m->from.mailbox.address, "news@acme.example");
	ck_assert_uint_eq(m->from.name.n, 0);
	ck_assert_ptr_null(m->reply_to.text.p);
	ck_assert_str_eq(m->editions[0].subject.p, "s");
	ck_assert_ptr_null(m->editions[0].preheader.p);
	ck_assert_str_eq(m->recipients.file.p, "recipients.csv");
	ck_assert_ptr_null(m->recipients.email.p);
	ck_assert_str_eq(m->recipients.encoding.p, "auto");
	ck_assert_int_eq(m->recipients.delimiter, PR_DELIMITER_AUTO);
	ck_assert_int_eq(m->recipients.expect_rows, -1);
	ck_assert(m->recipients.max_rejects == 0.05);
	ck_assert_uint_eq(m->recipients.rejects_free, 10);
	ck_assert_str_eq(m->html.p, "body.html");
	ck_assert_ptr_null(m->text.p);
	ck_assert_str_eq(m->route.p, "default");
	ck_assert_ptr_null(m->brand.p);
	ck_assert_int_eq(m->class_, PR_MARKETING);
	ck_assert_int_eq(m->in_doubt, PR_DOUBT_DEFAULT);
	ck_assert(!m->hold && !m->again);
	ck_assert(!m->schedule.start.set && !m->schedule.deadline.set && m->schedule.window.n == 0);
	ck_assert_int_eq(m->schedule.late_ms, 6 * PR_HOUR_MS);
	ck_assert_uint_eq(m->rate.count, 0);
	ck_assert_int_eq(m->priority, 5);
}
END_TEST

START_TEST(full_manifest_of_the_formats_is_understood)
{
	int r = parse("name: \"Fr\xC3\xBChling\"\n"
	              "from: \"Acme <news@mail.acme.example>\"\n"
	              "reply_to: help@acme.example\n"
	              "postal_address: |\n"
	              "  1 Main St\n"
	              "  Lisbon\n"
	              "subject: \"{{ first_name | default: 'Hello' }}, spring is here\"\n"
	              "preheader: >\n"
	              "  Up to\n"
	              "  30 % off\n"
	              "recipients: {file: x.csv, email: \"E-mail\", delimiter: \";\", encoding: "
	              "Windows-1252, expect_rows: 48210, max_rejects: 2.5%}\n"
	              "html: a.html\n"
	              "text: a.txt\n"
	              "syntax: liquid\n"
	              "route: fast\n"
	              "brand: acme\n"
	              "class: transactional\n"
	              "list: newsletter\n"
	              "language: no\n"
	              "required: first_name\n"
	              "hold: on\n"
	              "schedule:\n"
	              "  start: 2026-12-01T08:00\n"
	              "  timezone: Europe/Berlin\n"
	              "  late: 2h\n"
	              "  window: \"Mon-Fri 08:00-11:00\"\n"
	              "  deadline: 2026-12-02T20:00\n"
	              "rate: 50000/h\n"
	              "priority: 9\n"
	              "in_doubt: hold\n"
	              "track: {opens: false, clicks: no}\n"
	              "headers: {X-Team: crm, Feedback-ID: \"{{ plan }}:acme\"}\n"
	              "again: true\n");
	ck_assert_msg(r == 0, "%s", told());
	ck_assert_str_eq(m->name.p, "Fr\xC3\xBChling");
	ck_assert(pr_str_is(m->from.name, "Acme"));
	ck_assert_str_eq(m->from.mailbox.address, "news@mail.acme.example");
	ck_assert_str_eq(m->reply_to.mailbox.address, "help@acme.example");
	ck_assert_str_eq(m->postal_address.p, "1 Main St\nLisbon\n");
	ck_assert_uint_eq(m->editions[0].subject.line, 7);
	ck_assert_uint_eq(m->editions[0].subject.column, 11);
	ck_assert_str_eq(m->editions[0].preheader.p, "Up to 30 % off");
	ck_assert_uint_eq(m->editions[0].preheader.line, 9);
	ck_assert_str_eq(m->recipients.file.p, "x.csv");
	ck_assert_str_eq(m->recipients.email.p, "E-mail");
	ck_assert_int_eq(m->recipients.delimiter, PR_DELIMITER_SEMICOLON);
	ck_assert_str_eq(m->recipients.encoding.p, "windows-1252");
	ck_assert_int_eq(m->recipients.expect_rows, 48210);
	ck_assert(m->recipients.max_rejects == 0.025 && m->recipients.rejects_free == 0);
	ck_assert_str_eq(m->language.fallback.p, "no");
	ck_assert_uint_eq(m->required.n, 1);
	ck_assert(m->hold && m->again);
	ck_assert_str_eq(m->schedule.timezone, "Europe/Berlin");
	ck_assert_int_eq(m->schedule.late_ms, 2 * PR_HOUR_MS);
	ck_assert_uint_eq(m->schedule.window.n, 5);
	ck_assert_int_eq(m->schedule.deadline.local_ms - m->schedule.start.local_ms,
	                 36 * PR_HOUR_MS);
	ck_assert_uint_eq(m->rate.count, 50000);
	ck_assert_int_eq(m->in_doubt, PR_DOUBT_HOLD);
	ck_assert_int_eq(m->class_, PR_TRANSACTIONAL);
	ck_assert_uint_eq(m->headers.n, 2);
	ck_assert_str_eq(m->headers.items[1].value.p, "{{ plan }}:acme");
	ck_assert_uint_eq(m->headers.items[1].value.line, 32);
}
END_TEST

START_TEST(manifest_may_be_json)
{
	ck_assert_msg(parse("{\n \"name\": \"a\",\n \"from\": \"Acme <news@mail.acme.example>\",\n"
	                    " \"subject\": \"{{ first_name }}, \\u00fc\",\n \"recipients\": "
	                    "\"r.csv\",\n \"hold\": true,\n \"priority\": 3\n}") == 0,
	              "%s", told());
	ck_assert_str_eq(m->editions[0].subject.p, "{{ first_name }}, \xC3\xBC");
	ck_assert_str_eq(m->recipients.file.p, "r.csv");
	ck_assert(m->hold);
	ck_assert_int_eq(m->priority, 3);
}
END_TEST

/* After LEAST, so on line 3. */
static const struct {
	const char *text, *told;
} bad[] = {
    {"recipeints: a.csv", "3:1 unknown key \"recipeints\" -> did you mean \"recipients\"?"},
    {"window: 08:00-11:00", "3:1 unknown key \"window\" -> it belongs into the section "
                            "\"schedule\""},
    {"recipients: ../a.csv", "3:13 recipients: \"../a.csv\" is a path; files lie in the "
                             "campaign's folder itself -> write the file's name alone"},
    {"recipients: {delimiter: pipe}", "3:25 recipients.delimiter: \"pipe\" is not one of auto, "
                                      "comma, semicolon, tab -> write it like semicolon"},
    {"recipients: {encoding: latin-one}",
     "3:24 recipients.encoding: \"latin-one\" is not known -> write one like utf-8, utf-16, "
     "windows-1252 or gb18030"},
    {"recipients: {encoding: gb1803}",
     "3:24 recipients.encoding: \"gb1803\" is not known -> did you mean gb18030?"},
    {"recipients: {encoding: \"utf-16//IGNORE\"}",
     "3:25 recipients.encoding: \"utf-16//ignore\" is not known -> write one like utf-8, utf-16, "
     "windows-1252 or gb18030"},
    {"recipients: {expect_rows: 0}", "3:27 recipients.expect_rows: 0 is out of range (1 to "
                                     "4294967295) -> write a value from 1 to 4294967295"},
    {"recipients: {max_rejects: 5}",
     "3:27 recipients.max_rejects: \"5\" is not a percentage -> write it like 5%"},
    {"recipients: {max_rejects: 101%}",
     "3:27 recipients.max_rejects: \"101%\" is out of range (0% to 100%) -> write it like 5%"},
    {"reply_to: nobody",
     "3:11 reply_to: \"nobody\" is not an address: no @ in the address -> write it "
     "like \"Acme <news@acme.example>\""},
    {"reply_to: \"{{ owner }} <a@b.example>\"",
     "3:12 reply_to: Liquid in it is not available yet -> write it like \"Acme "
     "<news@acme.example>\""},
    {"reply_to: \"a@b.example\\r\\nBcc: c@d.example\"",
     "3:12 reply_to: \"a@b.example??Bcc: c@d.example\" has a line break inside -> write it on one "
     "line"},
    {"preheader: \"a\\nBcc: b@c.example\"",
     "3:13 preheader: \"a?Bcc: b@c.example\" has a line break inside -> write it on one line"},
    {"preheader: {en: a}",
     "3:13 preheader: by language, but nothing says a recipient's language -> say which column has "
     "it: language: {column: language, fallback: en}"},
    {"preheader: {en: a, english!: b}\nlanguage: {column: l}",
     "3:20 preheader: \"english!\" is not a language -> write a language tag like en, de or pt-BR"},
    {"headers: {X-A: \"b\\nBcc: c@d\"}",
     "3:17 headers.X-A: \"b?Bcc: c@d\" has a line break inside -> write it on one line"},
    {"headers: {\"X-A\\nBcc\": b}",
     "3:12 headers: \"X-A?Bcc\" has a line break inside -> write it on one line"},
    {"headers: {\"X-A:\": b}", "3:12 headers: \"X-A:\" cannot be a header's name -> use letters, "
                               "digits and '-', like X-Team"},
    {"headers: {subject: b}",
     "3:11 headers.subject: this header is written by Postrider -> use the key subject"},
    {"headers: {CONTENT-Type: b}",
     "3:11 headers.CONTENT-Type: this header is written by Postrider -> take it out"},
    {"headers: {List-Unsubscribe: b}", "3:11 headers.List-Unsubscribe: this header is written by "
                                       "Postrider -> it is made from the key list"},
    {"headers: {X-A: b, x-a: c}",
     "3:19 headers.x-a is there twice, first on line 3 -> keep one of them"},
    {"html: body.md/../x", "3:7 html: \"body.md/../x\" is a path; files lie in the campaign's "
                           "folder itself -> write the file's name alone"},
    {"text: .hidden", "3:7 text: \".hidden\" begins with a dot; such files are not looked at -> "
                      "write the file's name alone"},
    {"syntax: mailchimp", NULL},
    {"syntax: mailchip", "3:9 syntax: \"mailchip\" is not one of liquid, mailchimp -> did you mean "
                         "mailchimp?"},
    {"class: newsletter", "3:8 class: \"newsletter\" is not one of marketing, transactional -> "
                          "write one of: marketing, transactional"},
    {"list: \"my list\"", "3:8 list: \"my list\" cannot be a list's name -> use letters, digits, "
                          "'-', '_' and '.', like newsletter"},
    {"list: a..b", "3:7 list: \"a..b\" cannot be a list's name -> use letters, digits, '-', '_' "
                   "and '.', like newsletter"},
    {"language: english!", "3:11 language: \"english!\" is not a language -> write a language tag "
                           "like en, de or pt-BR"},
    {"language: {column: l}", NULL},
    {"language: {column: l, fallbak: en}",
     "3:23 unknown key \"fallbak\" in language -> did you mean \"fallback\"?"},
    {"required: {a: b}",
     "3:11 required: a list is wanted here, not a section -> write it like [one, two]"},
    {"hold: 1", "3:7 hold: \"1\" is neither true nor false -> write true or false"},
    {"schedule: now", "3:11 schedule: a section is wanted here, not a text -> write its keys and "
                      "values on lines below it, indented"},
    {"schedule: {start: 08:00}",
     "3:19 schedule.start: \"08:00\" is not a day and time (of the years 2000 to 2099) -> write it "
     "like 2026-12-01T08:00"},
    {"schedule: {timezone: recipient, fallback_timezone: Asia/Tokyo, passed: skip, quiet: none,"
     " jitter: 5m, hour: best, fallback_hour: 8:30}",
     NULL},
    {"schedule: {fallback_timezone: recipient}", "3:31 schedule.fallback_timezone: \"recipient\" "
                                                 "is not a time zone of the tz database -> write "
                                                 "it like Europe/Berlin"},
    {"schedule: {quiet: '21-8'}",
     "3:20 schedule.quiet: \"21-8\" is not a window of days and hours -> write it like "
     "\"21:00-08:00\""},
    {"schedule: {passed: later}",
     "3:20 schedule.passed: \"later\" is not one of next_day, now, skip -> write one of: "
     "next_day, now, skip"},
    {"schedule: {hour: 9}",
     "3:18 schedule.hour: \"9\" is not `best`: for an hour that is the same for all there is "
     "schedule.start -> write it like best"},
    {"schedule: {timezone: CEST}", "3:22 schedule.timezone: \"CEST\" is not a time zone of the tz "
                                   "database -> write it like Europe/Berlin"},
    {"schedule: {late: 6}", "3:18 schedule.late: \"6\" is not a duration -> write digits and one "
                            "of s, m, h, d, like 90s or 6h"},
    {"schedule: {window: 8-11}",
     "3:20 schedule.window: \"8-11\" is not a window of days and hours -> write it like \"Mon-Fri "
     "08:00-11:00\""},
    {"schedule: {start: 2026-12-01T08:00, deadline: 2026-12-01T08:00}",
     "3:47 schedule.deadline is not after schedule.start -> set a later deadline"},
    {"schedule: {start: 2026-12-01T08:00+01:00, deadline: 2026-12-01T07:30, timezone: UTC}", NULL},
    {"schedule: {start: 2026-12-01T08:00-01:00, deadline: 2026-12-01T08:30, timezone: UTC}",
     "3:53 schedule.deadline is not after schedule.start -> set a later deadline"},
    {"rate: 10", "3:7 rate: \"10\" is not a rate -> write a number from 1 and the time, like 100/s "
                 "or 5000/h"},
    {"priority: 10", "3:11 priority: 10 is out of range (0 to 9) -> write a value from 0 to 9"},
    {"in_doubt: drop", "3:11 in_doubt: \"drop\" is not one of resend, hold -> write one of: "
                       "resend, hold"},
    {"track: {opens: maybe}",
     "3:16 track.opens: \"maybe\" is not true or false -> write it like false"},
    {"track: {utm: {sorce: a}}",
     "3:15 unknown key \"sorce\" in track.utm -> did you mean \"source\"?"},
    {"variants: {a: {}, b: {subject: x}}\ntest: {share: 20%, wait: 4h, fallback: b}", NULL},
    {"variants: {a: {}, b: {}}\ntest: {holdout: 5%}", NULL},
    {"test: {holdout: 5%}", NULL},
    {"variants: {a: {}}",
     "3:12 variants: there is only one -> add another one, or take variants out"},
    {"variants: {a: {}, \"b c\": {}}", "3:20 variants: \"b c\" cannot be a name -> use up to 64 "
                                       "letters, digits, '-', '_' and '.'"},
    {"variants: {a: {}, b: {from: x@other.example}}",
     "3:29 variants.b.from is not of the campaign's domain, acme.example -> make another campaign "
     "for another domain"},
    {"variants: {a: {}, b: {weight: 0}}", "3:31 variants.b.weight: 0 is out of range (1 to 1000) "
                                          "-> write a value from 1 to 1000"},
    {"variants: {a: {}, b: {}}\ntest: {share: 20%}",
     "4:15 test.wait is missing: when shall the rest get the winner? -> say how long the answers "
     "are waited for: wait: 4h"},
    {"variants: {a: {}, b: {}}\ntest: {wait: 4h}",
     "4:14 test.wait without test.share: nobody is left for the winner -> say who is to try them: "
     "share: 20%"},
    {"variants: {a: {}, b: {}}\ntest: {share: 90%, wait: 4h, holdout: 20%}",
     "4:39 test.share and test.holdout are more than all -> lower one of them"},
    {"variants: {a: {}, b: {}}\ntest: {share: 20%, wait: 4h, method: bandit, floor: 60%}",
     "4:53 test.floor: 2 variants with so much are more than all -> lower it"},
    {"variants: {a: {}, b: {}}\ntest: {share: 20%, wait: 4h, fallback: c}",
     "4:40 test.fallback: there is no variant \"c\" -> name one of the variants"},
    {"variants: {a: {}, b: {start: 2026-12-01T18:00}}", NULL},
    {"variants: {a: {}, b: {start: noon}}", "3:30 variants.b.start: \"noon\" is not a day and time "
                                            "(of the years 2000 to 2099) -> write it "
                                            "like 2026-12-01T18:00"},
    {"variants: {a: {}, b: {start: 2026-12-01T18:00}}\nschedule: {start: 2026-12-02T08:00}",
     "3:30 variants.b.start is before schedule.start -> set a later one, or an earlier "
     "schedule.start"},
    {"variants: {a: {}, b: {start: 2026-12-01T18:00}}\nschedule: {deadline: 2026-12-01T18:00}",
     "3:30 variants.b.start is not before schedule.deadline -> set an earlier one, or a later "
     "deadline"},
    {"variants: {a: {start: 2026-12-01T08:00Z}, b: {start: 2026-12-01T18:00}}",
     "3:54 variants.b.start cannot be compared with the campaign's other times -> write all times "
     "of the campaign with an offset, or none"},
    {"variants: {a: {}, b: {start: 2026-12-01T18:00}}\nschedule: {hour: best}", NULL},
    {"variants: {a: {}, b: {start: 2026-12-01T18:00}}\ntest: {share: 20%, wait: 4h, method: "
     "bandit}",
     "3:30 variants.b.start: a bandit cannot compare what goes at other times -> take it out, or "
     "test.method"},
    {"variants: {a: {}, b: {}}\ntest: {metric: revenue}", NULL},
    {"test: {share: 20%, wait: 4h}", "3:26 test: there are no variants -> add variants, or take "
                                     "test.share out"},
    {"seeds: [a@b.example, \"b@c.example\"]", NULL},
    {"seeds: a@b.example", NULL},
    {"seeds: [a@b.example, nobody]", "3:22 seeds: \"nobody\" is not an address: no @ in the "
                                     "address -> write it like me@acme.example"},
    {"seeds: [a@b.example, c@d.example, a@B.example]",
     "3:35 seeds: a@B.example is there twice, first on line 3 -> keep one of them"},
    {"audience: {segment: a}", NULL},
    {"audience: {segment: 'a >'}", NULL}, /* only a store knows columns */
    {"audience: {segment: '(a'}",
     "3:22 audience.segment: at 3: a ) is missing -> correct the condition"},
    {"audience: {list: a b}",
     "3:18 audience.list: \"a b\" cannot be a name of contacts -> use letters, digits, '-', '_' "
     "and '.'"},
    {"audience: {list: a}\nrecipients: r.csv",
     "4:13 recipients stand beside audience: they come from one place -> keep audience or "
     "recipients"},
    {"recipients: {campaign: a, file: r.csv}",
     "3:33 recipients come from a campaign and from a file -> keep recipients.campaign or the "
     "file"},
    {"recipients: {campaign: a, where: opened or clicked_link(1)}",
     "3:34 recipients.where: at 24: say which link, as in clicked_link('/sale') -> correct the "
     "condition"},
    {"exclude: {segment: 'drop()'}",
     "3:21 exclude.segment: at 1: there is no such function -> correct the condition"},
    {"law: [us, uk]", "3:11 law: \"uk\" is not a law that is known -> write some of us, "
                      "ca, eu, cn"},
    {"stop_loss: {bounces: 0%}", "3:22 stop_loss.bounces: 0% is out of range (0.001% to 100%) -> "
                                 "write a value from 0.001% to 100%"},
    {"from: b@c.example", "3:1 from is there twice, first on line 1 -> keep one of them"},
    /* series */
    {"trigger: {date: birthday}", NULL},
    {"trigger: {date: birthday, late: 60d}", NULL},
    {"trigger: {date: birthday, late: 61d}",
     "3:33 trigger.late: a date is not met so late -> write at most 60d"},
    {"trigger: {date: birthday, before: 7d, hour: 8:30, late: 12h, once: true}", NULL},
    {"trigger: {event: signup, after: 1h, exit: {event: [order, visit], when: points > 3}}", NULL},
    {"trigger: {absence: order, after: 60d, existing: true, again: 30d}", NULL},
    {"trigger: {segment: points > 3, existing: true, exit: {stay: true}}", NULL},
    {"trigger: {event: signup}\nsteps: {a: {}, b: {after: 2d, subject: x}, c: {skip: true}}", NULL},
    {"trigger: {event: signup}\naudience: {list: a, exclude: {list: b}}", NULL},
    {"trigger: {hour: 9:00}",
     "3:17 trigger: of what? -> add one of date, event, absence and segment"},
    {"trigger: {date: birthday, event: signup}",
     "3:34 trigger: is one of date, event, absence and segment -> keep one; another series can "
     "have the other"},
    {"trigger: {evnt: signup}", "3:11 unknown key \"evnt\" in trigger -> did you mean \"event\"?"},
    {"trigger: {date: Birth Day}",
     "3:17 trigger.date cannot be the name of an attribute -> name an attribute of contacts, as "
     "`contacts export` does"},
    {"trigger: {date: d, before: 1d, after: 1d}",
     "3:39 trigger: before and after its day? -> keep one of them"},
    {"trigger: {date: d, after: 3h}",
     "3:27 trigger: before and after a date are days -> write whole days, and the time of day as "
     "hour"},
    {"trigger: {date: d, before: 367d}",
     "3:28 trigger.before: 367d is out of range (0s to 366d) -> write a value from 0s to 366d"},
    {"trigger: {date: d, hour: noon}",
     "3:26 trigger.hour: \"noon\" is not a time of the day -> write it like 09:00"},
    {"schedule: {fallback_hour: noon}",
     "3:27 schedule.fallback_hour: \"noon\" is not a time of the day -> write it like 10:00"},
    {"trigger: {date: d, late: soon}",
     "3:26 trigger.late: \"soon\" is not a duration -> write it like 1d"},
    {"trigger: {date: d, again: 3661d}",
     "3:27 trigger.again: \"3661d\" is out of range (0 to 3660d) -> write it like 30d"},
    {"trigger: {event: signup, before: 7d}", "3:34 trigger.before is for a date -> take it out"},
    {"trigger: {event: signup, once: true}", "3:32 trigger.once is for a date -> take it out"},
    {"trigger: {event: sign up}",
     "3:18 trigger: no event can be called so -> use letters, digits, '-', '_' and '.'"},
    {"trigger: {absence: a!, after: 1d}",
     "3:20 trigger: no event can be called so -> use letters, digits, '-', '_' and '.'"},
    {"trigger: {event: a, exit: {event: [b, c d]}}",
     "3:39 trigger: no event can be called so -> use letters, digits, '-', '_' and '.'"},
    {"trigger: {absence: order}",
     "3:20 trigger.absence: absent for how long? -> add how long: after: 60d"},
    {"trigger: {event: a, existing: true}",
     "3:31 trigger.existing is for an absence or a segment: nothing else lasts -> take it out"},
    {"trigger: {segment: '(a'}",
     "3:21 trigger.segment: at 3: a ) is missing -> correct the condition"},
    {"trigger: {event: a, exit: {when: '(a'}}",
     "3:35 trigger.exit.when: at 3: a ) is missing -> correct the condition"},
    {"trigger: {event: a, exit: {stay: true}}",
     "3:27 trigger.exit.stay is for a segment -> take it out"},
    {"steps: {a: {subject: x}}",
     "3:9 steps: what begins them? There is no trigger -> add a trigger, or make a campaign of "
     "each"},
    {"trigger: {event: a}\nsteps: {a: {skip: true}, b: {skip: true}}",
     "4:9 steps: all are skipped -> let one of them be sent"},
    {"trigger: {event: a}\nsteps: {a: {}, \"b c\": {}}",
     "4:17 steps: \"b c\" cannot be a name -> use up to 64 letters, digits, '-', '_' and '.'"},
    {"trigger: {event: a}\nsteps: {a: {from: x@other.example}}",
     "4:19 steps.a.from is not of the campaign's domain, acme.example -> make another campaign "
     "for another domain"},
    {"trigger: {event: a}\nsteps: {a: {weight: 3}}",
     "4:13 unknown key \"weight\" in steps.a -> known keys: after skip from subject preheader html "
     "text"},
    {"trigger: {event: a}\nvariants: {a: {}, b: {}}",
     "4:12 variants stand beside trigger: they are compared in one campaign -> take variants out, "
     "or send them as a campaign without trigger"},
    {"trigger: {event: a}\ntest: {holdout: 5%}", "4:17 test stands beside trigger -> take it out"},
    {"trigger: {event: a}\ncoupons: codes.csv", NULL},
    {"trigger: {event: a}\nexclude: {list: b}",
     "4:17 exclude stands beside trigger -> write audience: {exclude: {list: ..., segment: ...}}"},
    {"trigger: {event: a}\nexclude: {segment: b}",
     "4:20 exclude stands beside trigger -> write audience: {exclude: {list: ..., segment: ...}}"},
    {"trigger: {event: a}\nexclude: {campaigns: b}",
     "4:22 exclude stands beside trigger -> write audience: {exclude: {list: ..., segment: ...}}"},
    {"trigger: {event: a}\nexclude: {within: 9d}",
     "3:18 exclude stands beside trigger -> write audience: {exclude: {list: ..., segment: ...}}"},
    {"trigger: {event: a}\nseeds: [a@b.example]",
     "4:9 seeds stand beside trigger: there is no start with which they could go -> take them out; "
     "`postrider proof` sends each step to you"},
    {"trigger: {event: a}\nschedule: {hour: best}",
     "3:18 schedule.hour stands beside trigger -> take it out; a date has trigger.hour"},
    {"trigger: {event: a}\nrecipients: r.csv", "4:13 recipients stand beside trigger: they are the "
                                               "contacts it happens to -> take it out, and "
                                               "say in audience whom it is for"},
};

START_TEST(each_fault_is_told_with_its_line_and_remedy)
{
	char text[1000], wanted[1000];
	snprintf(text, sizeof text, LEAST "%s\n", bad[_i].text);
	snprintf(wanted, sizeof wanted, "campaign.yaml:%s", bad[_i].told ? bad[_i].told : "");
	ck_assert_int_eq(parse(text), bad[_i].told ? PR_EINVAL : 0);
	ck_assert_msg(strcmp(told(), bad[_i].told ? wanted : "") == 0,
	              "\n  text: %s\n  told: %s\nwanted: %s", bad[_i].text, told(), wanted);
	ck_assert(!bad[_i].told == (m && m->sound));
}
END_TEST

static const struct {
	const char *text;
	int kind;
	int64_t again_ms, late_ms;
	int minute;
} triggers[] = {
    {"{date: d}", PR_TRIGGER_DATE, 0, PR_DAY_MS, 9 * 60},
    {"{date: d, hour: 18:30, late: 2h, again: 3d}", PR_TRIGGER_DATE, 3 * PR_DAY_MS, 2 * PR_HOUR_MS,
     18 * 60 + 30},
    {"{event: a}", PR_TRIGGER_EVENT, 0, 7 * PR_DAY_MS, 9 * 60},
    {"{event: a, late: 0s}", PR_TRIGGER_EVENT, 0, 0, 9 * 60},
    {"{absence: a, after: 1d, again: auto}", PR_TRIGGER_ABSENCE, 0, 7 * PR_DAY_MS, 9 * 60},
    {"{segment: a}", PR_TRIGGER_SEGMENT, 30 * PR_DAY_MS, 7 * PR_DAY_MS, 9 * 60},
    {"{segment: a, again: 0s}", PR_TRIGGER_SEGMENT, 0, 7 * PR_DAY_MS, 9 * 60},
};

START_TEST(a_trigger_says_what_suits_its_kind_where_nothing_is_said)
{
	char text[200];
	snprintf(text, sizeof text, LEAST "trigger: %s\n", triggers[_i].text);
	ck_assert_msg(parse(text) == 0, "%s", told());
	const struct pr_manifest_trigger *t = &m->trigger;
	ck_assert(pr_manifest_is_series(m) && pr_manifest_by_audience(m));
	ck_assert_int_eq(t->kind, triggers[_i].kind);
	ck_assert_int_eq(t->again_ms, triggers[_i].again_ms);
	ck_assert_int_eq(t->late_ms, triggers[_i].late_ms);
	ck_assert_int_eq(t->minute, triggers[_i].minute);
	ck_assert_uint_eq(pr_manifest_steps(m), 1);
}
END_TEST

START_TEST(steps_are_wordings_and_leave_to_the_campaign_what_they_do_not_say)
{
	ck_assert_msg(parse(LEAST "html: body.html\ntrigger: {event: signup}\nsteps:\n"
	                          "  hello: {}\n"
	                          "  tips: {after: 2d, subject: Tips, html: tips.html,"
	                          " from: tips@acme.example}\n") == 0,
	              "%s", told());
	ck_assert_uint_eq(pr_manifest_steps(m), 2);
	ck_assert_uint_eq(m->wordings_n, 2);
	const struct pr_manifest_wording *hello = pr_manifest_wording(m, 1),
					 *tips = pr_manifest_wording(m, 2);
	ck_assert_str_eq(hello->name, "hello");
	ck_assert_str_eq(hello->editions[0].subject.p, "s");
	ck_assert_str_eq(hello->from->mailbox.address, "news@acme.example");
	ck_assert_str_eq(tips->editions[0].subject.p, "Tips");
	ck_assert_str_eq(tips->from->mailbox.address, "tips@acme.example");
	ck_assert(pr_manifest_is_body(m, "tips.html") && pr_manifest_is_body(m, "body.html"));
	ck_assert_int_eq(pr_manifest_step(m, 2)->after_ms, 2 * PR_DAY_MS);
}
END_TEST

START_TEST(all_faults_are_told_in_the_order_of_lines)
{
	ck_assert_int_eq(parse("list: a b\nfrom: x\npriority: 11\nfoo: 1\n"), PR_EINVAL);
	ck_assert_str_eq(
	    told(),
	    "campaign.yaml:1:1 subject is missing -> add subject: \"Spring is here\"\n"
	    "campaign.yaml:1:7 list: \"a b\" cannot be a list's name -> use letters, digits, "
	    "'-', '_' and '.', like newsletter\n"
	    "campaign.yaml:2:7 from: \"x\" is not an address: no @ in the address -> write it like "
	    "\"Acme <news@acme.example>\"\n"
	    "campaign.yaml:3:11 priority: 11 is out of range (0 to 9) -> write a value from 0 to "
	    "9\n"
	    "campaign.yaml:4:1 unknown key \"foo\" -> known keys: name from reply_to "
	    "postal_address subject preheader recipients audience exclude trigger steps html "
	    "text variants test syntax route brand class list language consent law required "
	    "coupons hold schedule stop_loss caps rate priority in_doubt headers keep_source again "
	    "track conversions cost cost_per_message seeds");
	for (unsigned i = 0; i < problems.n; i++)
		ck_assert_ptr_nonnull(problems.items[i].excerpt);
}
END_TEST

START_TEST(names_are_bounded_and_never_empty)
{
	char text[600];
	snprintf(text, sizeof text, LEAST "name: %0300d\n", 7);
	ck_assert_int_eq(parse(text), PR_EINVAL);
	ck_assert_str_eq(told(), "campaign.yaml:3:7 name: longer than 200 octets -> shorten it");
	pr_problems_finish(&problems);
	pr_manifest_destroy(m);
	ck_assert_int_eq(pr_manifest_parse(PR_STR(LEAST), " \x01\xFF\n ", &problems, &m), 0);
	ck_assert_str_eq(m->name.p, "???");
}
END_TEST

/* ---- files ---- */

static char folder[] = "/tmp/postrider-manifest-XXXXXX";
static int dir;

static void
put(const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void
setup_folder(void)
{
	setup();
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
}

static void
teardown_folder(void)
{
	close(dir);
	pr_remove_tree(AT_FDCWD, folder);
	teardown();
}

static int
load(void)
{
	pr_problems_finish(&problems);
	pr_manifest_destroy(m);
	m = NULL;
	return pr_manifest_load(dir, "folder", &problems, &m);
}

START_TEST(bodies_left_out_are_those_of_the_folder)
{
	put("campaign.yaml", LEAST);
	put("recipients.csv", "email\n");
	put("body.txt", "t");
	ck_assert_msg(load() == 0, "%s", told());
	ck_assert_ptr_null(m->html.p);
	ck_assert_str_eq(m->text.p, "body.txt");
	put("body.html", "h");
	ck_assert_int_eq(load(), 0);
	ck_assert_str_eq(m->html.p, "body.html");
}
END_TEST

START_TEST(missing_files_are_told_with_the_nearest_name)
{
	put("campaign.yaml", LEAST "html: newsleter.html\nrecipients: people.csv\n");
	put("newsletter.html", "h");
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(),
	                 "campaign.yaml:3:7 html: there is no file newsleter.html in the folder "
	                 "-> did you mean newsletter.html?\n"
	                 "campaign.yaml:4:13 recipients.file: there is no file people.csv in "
	                 "the folder -> put it into the folder");
}
END_TEST

START_TEST(links_and_folders_are_no_files_of_a_campaign)
{
	put("campaign.yaml", LEAST "html: a.html\n");
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, "recipients.csv"), 0);
	ck_assert_int_eq(mkdirat(dir, "a.html", 0700), 0);
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(),
	                 "campaign.yaml:3:7 html: a.html is not a regular file -> put the file "
	                 "itself into the folder\n"
	                 "campaign.yaml:0:0 recipients.file: recipients.csv is not a regular "
	                 "file -> put the file itself into the folder");
}
END_TEST

START_TEST(variants_without_any_body_and_files_that_are_not_there_are_told)
{
	put("recipients.csv", "email\n");
	put("loud.html", "x");
	put("campaign.yaml", LEAST "variants: {plain: {}, loud: {html: loud.html}}\n");
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(), "campaign.yaml:3:12 variants.plain has no body -> name its own by "
	                         "html or text, or add body.html for all");
	put("body.html", "x");
	ck_assert_int_eq(load(), 0);
	ck_assert_uint_eq(m->wordings_n, 2);
	ck_assert_str_eq(pr_manifest_wording(m, 2)->editions[0].html.p, "loud.html");
	ck_assert(pr_manifest_is_body(m, "loud.html") && pr_manifest_is_body(m, "body.html"));
	put("campaign.yaml", LEAST "variants: {plain: {}, loud: {html: laud.html}}\n");
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(), "campaign.yaml:3:36 variants: html: there is no file laud.html in "
	                         "the folder -> did you mean loud.html?");
}
END_TEST

START_TEST(folder_without_body_or_manifest_is_told)
{
	ck_assert_int_eq(load(), PR_ENOENT);
	ck_assert_str_eq(told(), ":0:0 there is no campaign.yaml -> put a campaign.yaml into the "
	                         "folder; `postrider init` writes a sample");
	put("campaign.yaml", LEAST);
	put("recipients.csv", "email\n");
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(),
	                 ":0:0 the campaign has no body -> add body.html, body.md or body.txt, or "
	                 "name the file by the key html or text");
	put("body.md", "# hi\n");
	ck_assert_int_eq(load(), 0);
}
END_TEST

/* Beside bodies that could be sent they are not passed over: other people would get another
 * text than was meant for them. */
START_TEST(manifest_that_is_a_link_is_refused)
{
	ck_assert_int_eq(symlinkat("/etc/passwd", dir, "campaign.yaml"), 0);
	ck_assert_int_eq(load(), PR_EINVAL);
	ck_assert_str_eq(told(), "campaign.yaml:0:0 campaign.yaml is a symbolic link -> make it a "
	                         "plain file that can be "
	                         "read, of at most 1 MiB");
}
END_TEST

/* ---- against postrider.yaml ---- */

START_TEST(routes_brands_and_domains_are_those_of_the_configuration)
{
	static const char yaml[] =
	    "routes: {default: {via: relay, host: a.example}, direct: {via: relay, host: "
	    "b.example}}\n"
	    "brands: {acme: {from_domains: [acme.example, Mail.Acme.example]}, any: {}}\n"
	    "timezone: America/New_York\n";
	static const struct {
		const char *text, *told;
	} cases[] = {
	    {"", ""},
	    {"brand: any", ""},
	    {"brand: acme\n", ""},
	    {"route: dirct",
	     "campaign.yaml:3:8 route: postrider.yaml has no route \"dirct\" -> did you "
	     "mean direct?"},
	    {"schedule: {start: 2026-12-05T08:00, deadline: 2026-12-07T08:00, window: Mon-Fri "
	     "08:00-11:00}",
	     "campaign.yaml:3:47 schedule.window does not open between start and deadline -> set a "
	     "later deadline or another window"},
	    {"schedule: {start: 2026-12-05T08:00, deadline: 2026-12-07T08:01, window: Mon-Fri "
	     "08:00-11:00}",
	     ""},
	    /* the configuration's zone is New York: 08:00 there is 13:00Z */
	    {"schedule: {start: 2026-12-05T08:00, deadline: 2026-12-05T12:59Z}",
	     "campaign.yaml:3:47 schedule.deadline is not after schedule.start -> set a later "
	     "deadline"},
	    {"brand: zeta", "campaign.yaml:3:8 brand: postrider.yaml has no brand \"zeta\" -> "
	                    "postrider.yaml has: acme any"},
	};
	struct pr_config *c = NULL;
	ck_assert_int_eq(pr_config_parse(PR_STR(yaml), "p.yaml", "/", &problems, &c), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200];
		snprintf(text, sizeof text, LEAST "%s", cases[i].text);
		ck_assert_int_eq(parse(text), 0);
		ck_assert_int_eq(pr_manifest_check(m, c, &problems),
		                 *cases[i].told ? PR_EINVAL : 0);
		ck_assert_str_eq(told(), cases[i].told);
	}
	ck_assert_int_eq(parse("from: a@mail.acme.example\nsubject: s\nbrand: acme"), 0);
	ck_assert_int_eq(pr_manifest_check(m, c, &problems), 0);
	ck_assert_int_eq(parse("from: a@other.example\nsubject: s\nbrand: acme"), 0);
	ck_assert_int_eq(pr_manifest_check(m, c, &problems), PR_EINVAL);
	ck_assert_str_eq(told(), "campaign.yaml:1:7 from: the brand acme does not send from "
	                         "other.example -> use one of: acme.example mail.acme.example");
	pr_config_unref(c);
}
END_TEST

START_TEST(a_from_domain_without_a_key_is_warned_of)
{
	static const char told_text[] =
	    "campaign.yaml:1:0 from: no key signs for mail.acme.example: "
	    "large receivers refuse unsigned "
	    "mail -> add a key for it to `dkim` in postrider.yaml";
	static const struct {
		const char *route, *keys;
		bool warned;
	} rows[] = {
	    {"via: mx", "", true},
	    {"via: mx", "dkim: [{domain: acme.example, selector: s, key_file: k}]", false},
	    {"via: mx", "dkim: [{domain: me.example, selector: s, key_file: k}]", true},
	    {"via: relay, host: h", "", false},
	    {"via: relay, host: h", "dkim: [{domain: x.example, selector: s, key_file: k}]", true},
	    {"via: sendgrid, key_file: k", "dkim: [{domain: x.example, selector: s, key_file: k}]",
	     false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char yaml[300];
		struct pr_config *c = NULL;
		snprintf(yaml, sizeof yaml, "routes: {default: {%s}}\n%s\n", rows[i].route,
		         rows[i].keys);
		ck_assert_int_eq(pr_config_parse(pr_str(yaml), "p.yaml", "/", &problems, &c), 0);
		ck_assert_int_eq(parse("from: a@mail.acme.example\nsubject: s"), 0);
		ck_assert_int_eq(pr_manifest_check(m, c, &problems), 0);
		ck_assert_str_eq(told(), rows[i].warned ? told_text : "");
		pr_config_unref(c);
	}
}
END_TEST

START_TEST(stop_loss_is_what_the_nearest_says_key_by_key)
{
	static const char yaml[] = "routes: {default: {via: relay, host: 127.0.0.1}}\n"
				   "brands: {acme: {stop_loss: {bounces: 4%, least: 50}}}\n"
				   "stop_loss: {bounces: 9%, complaints: 0.2%, window: 1h}\n";
	struct pr_config *c;
	ck_assert_int_eq(pr_config_parse(PR_STR(yaml), "p.yaml", "/", &problems, &c), 0);
	ck_assert_int_eq(parse(LEAST "brand: acme\nstop_loss: {bounces: 3%}\n"), 0);
	struct pr_stop_loss l = pr_stop_loss_of(m, c);
	ck_assert(l.bounces == 0.03 && l.complaints == 0.002 && l.deferrals == 0);
	ck_assert_int_eq(l.least, 50);
	ck_assert_int_eq(l.window_ms, PR_HOUR_MS);
	ck_assert(pr_stop_loss_judges(&l));
	ck_assert_int_eq(parse(LEAST), 0);
	l = pr_stop_loss_of(m, c);
	ck_assert(l.bounces == 0.09);
	ck_assert_int_eq(l.least, 200);
	l = (struct pr_stop_loss){.least = 1};
	ck_assert(!pr_stop_loss_judges(&l));
	pr_config_unref(c);
}
END_TEST

START_TEST(ids_are_short_ascii_and_never_without_a_name)
{
	static const struct {
		const char *name, *id;
	} cases[] = {
	    {"Spring sale", "20261201-spring-sale-aaaa"},
	    {"  --Don't_panic!! ", "20261201-don-t-panic-aaaa"},
	    {"Fr\xC3\xBChlingsgr\xC3\xBC\xC3\x9F"
	     "e",
	     "20261201-fruhlingsgrusse-aaaa"},
	    {"\xE6\x98\xA5\xE5\xAD\xA3", "20261201-campaign-aaaa"},
	    {"\xFF/../etc", "20261201-etc-aaaa"},
	    {"", "20261201-campaign-aaaa"},
	    {"an extraordinarily long name of a campaign for everybody",
	     "20261201-an-extraordinarily-long-name-of-a-ca-aaaa"},
	};
	char id[PR_MANIFEST_ID_SIZE];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_str_eq(pr_campaign_id(pr_str(cases[i].name), 1796083200000, 0, id),
		                 cases[i].id);
	ck_assert_str_eq(pr_campaign_id(PR_STR("x"), 1796083199999, UINT64_MAX, id),
	                 "20261130-x-9999");
}
END_TEST

int
main(void)
{
	const struct suite_test texts[] = {
	    {least_manifest_has_defaults_for_all},
	    {full_manifest_of_the_formats_is_understood},
	    {manifest_may_be_json},
	    {each_fault_is_told_with_its_line_and_remedy, ROWS(bad)},
	    {a_trigger_says_what_suits_its_kind_where_nothing_is_said, ROWS(triggers)},
	    {steps_are_wordings_and_leave_to_the_campaign_what_they_do_not_say},
	    {all_faults_are_told_in_the_order_of_lines},
	    {names_are_bounded_and_never_empty},
	    {routes_brands_and_domains_are_those_of_the_configuration},
	    {a_from_domain_without_a_key_is_warned_of},
	    {stop_loss_is_what_the_nearest_says_key_by_key},
	    {ids_are_short_ascii_and_never_without_a_name},
	};
	const struct suite_test folders[] = {
	    {bodies_left_out_are_those_of_the_folder},
	    {missing_files_are_told_with_the_nearest_name},
	    {links_and_folders_are_no_files_of_a_campaign},
	    {variants_without_any_body_and_files_that_are_not_there_are_told},
	    {folder_without_body_or_manifest_is_told},
	    {manifest_that_is_a_link_is_refused},
	};
	return suite_run("campaign_manifest", setup, teardown, texts, ROWS(texts)) |
	       suite_run("campaign_manifest_folder", setup_folder, teardown_folder, folders,
	                 ROWS(folders));
}
