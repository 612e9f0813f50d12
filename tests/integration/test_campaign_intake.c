/* Intake: what is taken and when, what is refused, what is told. */
#include "intake_world.h"
#include "suite.h"

static void
setup(void)
{
	world_make();
}

static void
teardown(void)
{
	world_finish();
}

/* ---- when ---- */

START_TEST(folder_renamed_whole_is_taken_at_once)
{
	world_open(NULL);
	world_wait();
	drop_whole("spring", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 1);
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_str_eq(get(in_active("body.html")), "<p>Hello</p>");
	ck_assert_str_eq(get(in_active("campaign.yaml")), MANIFEST);
	ck_assert_uint_eq(count("spool/incoming", true), 0);
	ck_assert_uint_eq(count("spool/active", true), 1);
	ck_assert_uint_eq(world.last.serial, 1);
	ck_assert_uint_eq(world.last.owner, geteuid());
	ck_assert_ptr_nonnull(strstr(world.id, "-spring-"));
	ck_assert_uint_eq(world.troubles, 0);
}
END_TEST

START_TEST(folder_made_in_place_settles_and_every_change_begins_it_anew)
{
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/slow", MANIFEST KEEP);
	world_round();
	ck_assert_uint_eq(pr_intake_waiting(world.intake), 1);
	world_later(14000);
	put("spool/incoming/slow/recipients.csv", "email\nb@example.com\nc@example.com\n");
	world_round();
	world_later(14000);
	ck_assert_uint_eq(world.importing, 0);
	world_later(1000);
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_str_eq(get(in_active("recipients.csv")), "email\nb@example.com\nc@example.com\n");
	ck_assert_uint_eq(pr_intake_waiting(world.intake), 0);
}
END_TEST

START_TEST(folder_that_came_whole_and_is_written_to_settles)
{
	world_open(NULL);
	world_wait();
	drop_whole("early", NULL);
	world_round();
	put("spool/incoming/early/campaign.yaml", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 0);
	world_later(15000);
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(ready_file_takes_the_folder_at_once_also_one_that_is_no_campaign)
{
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/a", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 0);
	put("spool/incoming/a/.ready", "");
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	ck_assert(!exists(in_active(".ready")));
	make_campaign("spool/incoming/b", NULL);
	put("spool/incoming/b/.ready", "");
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	ck_assert_ptr_nonnull(strstr(get("spool/rejected/b/errors.txt"), "campaign.yaml"));
	ck_assert_str_eq(get("spool/rejected/b/body.html"), "<p>Hello</p>");
	ck_assert(!exists("spool/incoming/b"));
}
END_TEST

START_TEST(upload_under_way_by_its_names_is_not_taken_and_told_when_it_stands_still)
{
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/up", MANIFEST);
	put("spool/incoming/up/recipients.csv.filepart", "email\n");
	world_round();
	world_later(60000);
	ck_assert_uint_eq(world.importing, 0);
	ck_assert(!exists("spool/incoming/up.PROBLEM.txt"));
	world_later(PR_INTAKE_COMPLAIN_MS);
	ck_assert_ptr_nonnull(strstr(get("spool/incoming/up.PROBLEM.txt"), "upload"));
	MUST(unlinkat(world.at, "spool/incoming/up/recipients.csv.filepart", 0) == 0);
	world_round();
	ck_assert(!exists("spool/incoming/up.PROBLEM.txt"));
	world_later(15000);
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(hidden_temporary_file_that_grows_keeps_a_folder_from_settling)
{
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/rsync", MANIFEST);
	char text[30] = "x";
	for (int k = 0; k < 4; k++) {
		strcat(text, "xx");
		put("spool/incoming/rsync/.recipients.csv.Ab12Cd", text);
		world_later(10000);
	}
	ck_assert_uint_eq(world.importing, 0);
	world_later(15000);
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(folder_without_manifest_is_told_beside_it_after_ten_minutes)
{
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/none", NULL);
	world_round();
	world_later(PR_INTAKE_COMPLAIN_MS - 1);
	ck_assert(!exists("spool/incoming/none.PROBLEM.txt"));
	world_later(1);
	ck_assert_ptr_nonnull(strstr(get("spool/incoming/none.PROBLEM.txt"), "campaign.yaml"));
	ck_assert_uint_eq(count("spool/incoming/none", true), 2);
	MUST(renameat(world.at, "spool/incoming/none", world.at, "elsewhere") == 0);
	world_round();
	ck_assert_uint_eq(count("spool/incoming", true), 0);
}
END_TEST

START_TEST(note_of_an_earlier_run_goes_when_its_folder_is_gone_and_foreign_files_stay)
{
	put("spool/incoming/gone.PROBLEM.txt", "x");
	MUST(mkdirat(world.at, "spool/incoming/here", 0755) == 0);
	put("spool/incoming/here.PROBLEM.txt", "x");
	put("spool/incoming/note.txt", "x");
	world_open(NULL);
	world_wait();
	ck_assert(!exists("spool/incoming/gone.PROBLEM.txt"));
	ck_assert(exists("spool/incoming/here.PROBLEM.txt"));
	ck_assert(exists("spool/incoming/note.txt"));
	world_later(PR_INTAKE_CLOSED_MS);
	ck_assert_ptr_nonnull(strstr(get("spool/incoming/note.txt.PROBLEM.txt"), "folder"));
}
END_TEST

START_TEST(names_that_begin_with_a_dot_are_not_looked_at)
{
	world_open(NULL);
	world_wait();
	drop_whole(".hidden", MANIFEST);
	world_later(PR_INTAKE_COMPLAIN_MS);
	ck_assert_uint_eq(world.importing + world.rejected, 0);
	ck_assert_uint_eq(count("spool/incoming", true), 1);
	MUST(renameat(world.at, "spool/incoming/.hidden", world.at, "spool/incoming/seen") == 0);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(what_is_there_at_start_is_taken_when_it_has_not_changed_for_long)
{
	make_campaign("spool/incoming/old", MANIFEST);
	world.utc_ms += 20000;
	world_open(NULL);
	world_wait();
	ck_assert_uint_eq(world.imported, 1);
	world_close();
	make_campaign("spool/incoming/new", MANIFEST "name: other\n");
	world.utc_ms =
	    pr_utc_ms() - PR_DAY_MS; /* the clock was set back: it comes from the future */
	world_open(NULL);
	world_wait();
	ck_assert_uint_eq(world.importing, 1);
	world_later(15000);
	ck_assert_uint_eq(world.importing, 2);
}
END_TEST

START_TEST(held_intake_takes_nothing_and_goes_on_after)
{
	world_open(NULL);
	world_wait();
	pr_intake_hold(world.intake, true);
	drop_whole("a", MANIFEST);
	world_later(20000);
	ck_assert_uint_eq(world.importing, 0);
	ck_assert_uint_eq(pr_intake_waiting(world.intake), 1);
	pr_intake_hold(world.intake, false);
	world_wait();
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(reload_changes_how_long_a_folder_settles)
{
	struct pr_config *old = world.config;
	world_open(NULL);
	world_wait();
	make_campaign("spool/incoming/a", MANIFEST);
	world_round();
	world_later(3000);
	ck_assert_uint_eq(world.importing, 0);
	world_config(&world, "min_free: 0\nsettle: 2s\n");
	pr_intake_reconfigure(world.intake, world.config);
	world_wait();
	ck_assert_uint_eq(world.imported, 1);
	pr_config_unref(old);
}
END_TEST

static bool late;
static void
on_late(struct pr_timer *t)
{
	(void)t;
	late = true;
}

START_TEST(events_of_the_file_system_are_enough_also_those_within_a_folder)
{
	struct pr_timer t;
	world.mono_ms = 0;
	world_open(NULL);
	world_wait();
	pr_timer_init(&t, world.loop, on_late);
	pr_timer_start(&t, 4000); /* the first rescan comes after 5 s */
	drop_whole("a", MANIFEST);
	while (world.imported < 1 && !late)
		pr_loop_turn_wait(world.loop);
	make_campaign("spool/incoming/b", MANIFEST "name: b\n");
	while ((world.intake->watches_n < 1 || world.intake->running) && !late)
		pr_loop_turn_wait(world.loop);
	put("spool/incoming/b/.ready", "");
	while (world.imported < 2 && !late)
		pr_loop_turn_wait(world.loop);
	ck_assert(!late);
	pr_timer_stop(&t);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(links_devices_and_fifos_refuse_the_folder_with_their_names)
{
	world_open(NULL);
	world_wait();
	make_campaign("outside", MANIFEST);
	MUST(mkdirat(world.at, "outside/attachments", 0755) == 0);
	MUST(symlinkat("/etc/hostname", world.at, "outside/attachments/link.pdf") == 0);
	MUST(symlinkat("..", world.at, "outside/partials") == 0);
	MUST(mkfifoat(world.at, "outside/pipe", 0644) == 0);
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/bad") == 0);
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	ck_assert_str_eq(world.rejected_name, "bad");
	const char *errors = get("spool/rejected/bad/errors.txt");
	ck_assert_ptr_nonnull(strstr(errors, "attachments/link.pdf: error: is a symbolic link"));
	ck_assert_ptr_nonnull(strstr(errors, "partials: error: is a symbolic link"));
	ck_assert_ptr_nonnull(strstr(errors, "pipe: error: is no regular file"));
	ck_assert(strncmp(errors, "Campaign folder \"bad\" was refused: 3 errors", 43) == 0);
	ck_assert(!exists("spool/rejected/bad/attachments/link.pdf"));
	ck_assert_uint_eq(world.importing, 0);
	ck_assert_uint_eq(count("spool/incoming", true), 0);
}
END_TEST

START_TEST(refused_folder_taken_back_and_corrected_is_accepted)
{
	world_open(NULL);
	world_wait();
	drop_whole("x", MANIFEST "colour: red\n");
	world_round();
	drop_whole("x", MANIFEST "colour: red\n");
	world_round();
	ck_assert_uint_eq(world.rejected, 2);
	ck_assert_str_eq(world.rejected_name, "x-2");
	ck_assert_ptr_nonnull(
	    strstr(get("spool/rejected/x/errors.txt"), "campaign.yaml:3:1: error"));
	put("spool/rejected/x/campaign.yaml", MANIFEST);
	MUST(renameat(world.at, "spool/rejected/x", world.at, "spool/incoming/x") == 0);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	ck_assert(!exists(in_active("errors.txt")));
}
END_TEST

START_TEST(identical_campaign_is_refused_within_a_week_unless_again)
{
	world_open(NULL);
	world_wait();
	drop_whole("one", MANIFEST);
	world_round();
	char first[PR_CAMPAIGN_ID_MAX];
	strcpy(first, world.id);
	world_later(PR_INTAKE_SAME_MS - 1000);
	make_campaign("outside", MANIFEST);
	put("outside/.DS_Store", "differs");
	put("outside/notes.txt", "differs");
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/two") == 0);
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	ck_assert_ptr_nonnull(strstr(get("spool/rejected/two/errors.txt"), first));
	drop_whole("three", MANIFEST "again: true\n");
	world_round();
	drop_whole("four", MANIFEST "again: true\n");
	world_round();
	ck_assert_uint_eq(world.imported, 3);
	world_later(2000);
	drop_whole("five", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.imported, 4);
	ck_assert_uint_eq(world.rejected, 1);
}
END_TEST

START_TEST(attachment_that_differs_makes_another_campaign)
{
	world_open(NULL);
	world_wait();
	for (int k = 0; k < 2; k++) {
		make_campaign("outside", MANIFEST);
		MUST(mkdirat(world.at, "outside/attachments", 0755) == 0);
		put("outside/attachments/a.txt", k ? "one" : "two");
		MUST(renameat(world.at, "outside", world.at, "spool/incoming/x") == 0);
		world_round();
	}
	ck_assert_uint_eq(world.imported, 2);
}
END_TEST

START_TEST(recipients_are_removed_once_they_are_imported_unless_somebody_says_not)
{
	world_open(NULL);
	world_wait();
	drop_whole("spring", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	ck_assert(!exists(in_active("recipients.csv")) && exists(in_active("ledger.db")));
	drop_whole("kept", MANIFEST KEEP);
	world_round();
	ck_assert(exists(in_active("recipients.csv")));
	world_close();
	world_open(NULL); /* both are what they were */
	world_wait();
	world_round();
	ck_assert_uint_eq(world.imported, 4);
	ck_assert(exists(in_active("ledger.db")));
	ck_assert_uint_eq(world.troubles, 0);
	world_finish();
	world_make_in("/tmp", "min_free: 0\nkeep_source: true\n");
	world_open(NULL);
	world_wait();
	drop_whole("kept", MANIFEST "keep_source: false\n");
	world_round();
	ck_assert(exists(in_active("recipients.csv")));
}
END_TEST

START_TEST(a_body_that_is_the_recipients_too_stays)
{
	world_open(NULL);
	world_wait();
	make_campaign("outside", MANIFEST "recipients: body.html\n");
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/odd") == 0);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	ck_assert(exists(in_active("body.html")));
}
END_TEST

START_TEST(names_of_other_systems_are_understood)
{
	world_open(NULL);
	world_wait();
	MUST(mkdirat(world.at, "outside", 0755) == 0);
	put("outside/CAMPAIGN.YAML", MANIFEST KEEP "html: \"\xc3\xbc"
	                                           "ber.html\"\n");
	put("outside/U\xcc\x88"
	    "BER.HTML",
	    "<p>Hello</p>");
	put("outside/Recipients.CSV ", "email\na@example.com\n");
	put("outside/Thumbs.db", "x");
	put("outside/Icon\r", ""); /* a folder's own picture, of macOS */
	put("outside/~$recipients.xlsx", "x");
	put("outside/desktop.ini", "x");
	MUST(mkdirat(world.at, "outside/__MACOSX", 0755) == 0);
	put("outside/__MACOSX/._body.html", "x");
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/Fru\xcc\x88hling ") == 0);
	world_round();
	ck_assert_msg(world.imported == 1, "%s",
	              get("spool/rejected/Fru\xcc\x88hling /errors.txt"));
	ck_assert_str_eq(get(in_active("\xc3\xbc"
	                               "ber.html")),
	                 "<p>Hello</p>");
	ck_assert_str_eq(get(in_active("recipients.csv")), "email\na@example.com\n");
	ck_assert_uint_eq(count(in_active(""), false), 4); /* and ledger.db */
	ck_assert_uint_eq(count("spool/incoming", true), 0);
}
END_TEST

START_TEST(unknown_files_are_warnings)
{
	world_open(NULL);
	world_wait();
	make_campaign("outside", MANIFEST);
	put("outside/recipient.csv", "x");
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/x") == 0);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	const char *text = get(in_active("warnings.txt"));
	ck_assert_ptr_nonnull(strstr(text, "recipient.csv: warning"));
	ck_assert_ptr_nonnull(strstr(text, "did you mean recipients.csv?"));
}
END_TEST

START_TEST(folder_names_that_are_no_text_are_told_and_not_taken)
{
	world_open(NULL);
	world_wait();
	drop_whole("\xfc"
	           "ber",
	           MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing + world.rejected, 0);
	ck_assert_ptr_nonnull(strstr(get("spool/incoming/\xfc"
	                                 "ber.PROBLEM.txt"),
	                             "UTF-8"));
}
END_TEST

START_TEST(claimed_name_that_somebody_made_up_stays_in_the_spool)
{
	world_open(NULL);
	world_wait();
	drop_whole(".claimed-12345678-..", MANIFEST "colour: red\n");
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	ck_assert_str_eq(world.rejected_name, "campaign");
	drop_whole(".claimed-", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(longest_name_is_taken_and_refused_like_any_other)
{
	char name[256], path[300];
	memset(name, 'n', 255);
	name[255] = 0;
	world_open(NULL);
	world_wait();
	drop_whole(name, MANIFEST "colour: red\n");
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	snprintf(path, sizeof path, "spool/rejected/%s/errors.txt", name);
	ck_assert(exists(path));
	make_campaign("outside", NULL);
	snprintf(path, sizeof path, "spool/incoming/%s", name);
	MUST(renameat(world.at, "outside", world.at, path) == 0);
	world_round();
	world_later(PR_INTAKE_COMPLAIN_MS);
	ck_assert_uint_eq(count("spool/incoming", true), 2);
}
END_TEST

/* ---- imports ---- */

START_TEST(recipients_that_are_no_good_refuse_the_campaign_and_it_may_come_again)
{
	world_open(NULL);
	world_wait();
	recipients.import = PR_EINVAL;
	drop_whole("x", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 1);
	ck_assert_uint_eq(world.rejected, 1);
	ck_assert_ptr_nonnull(
	    strstr(get("spool/rejected/x/errors.txt"), "recipients.csv:7: error"));
	ck_assert(!exists("spool/rejected/x/ledger.db"));
	ck_assert_uint_eq(count("spool/active", true), 0);
	recipients.import = 0;
	drop_whole("x", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.imported, 1);
}
END_TEST

START_TEST(import_that_cannot_be_made_now_is_made_later)
{
	world_open(NULL);
	world_wait();
	recipients.import = PR_ENOSPC;
	drop_whole("x", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 1);
	ck_assert_uint_eq(world.troubles, 1);
	ck_assert_int_eq(world.trouble.code, PR_ENOSPC);
	world_later(30000);
	ck_assert_uint_eq(world.troubles, 1); /* told once */
	recipients.import = 0;
	world_later(60000);
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_uint_eq(recipients.imports, 3);
}
END_TEST

START_TEST(closing_ends_an_import_and_the_next_start_does_it_again)
{
	world_open(NULL);
	world_wait();
	recipients.wait_for_stop = true;
	drop_whole("x", MANIFEST);
	pr_intake_rescan(world.intake);
	while (world.importing < 1)
		pr_loop_turn_wait(world.loop);
	world_close();
	recipients.wait_for_stop = false;
	ck_assert_uint_eq(world.imported, 0);
	world_open(NULL);
	world_wait();
	ck_assert_uint_eq(world.importing, 2);
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_uint_eq(world.last.serial, 1);
}
END_TEST

START_TEST(imported_campaigns_are_told_again_at_start_without_a_ledger)
{
	world_open(NULL);
	world_wait();
	drop_whole("x", MANIFEST "name: A name\n");
	world_round();
	MUST(mkdirat(world.at, "spool/active/.abcdefgh.part", 0755) == 0);
	put("spool/active/.abcdefgh.part/x", "");
	MUST(mkdirat(world.at, "spool/active/foreign", 0755) == 0);
	world_close();
	world_open(NULL);
	world_wait();
	ck_assert_uint_eq(world.importing, 1);
	ck_assert_uint_eq(world.imported, 2);
	ck_assert(!world.last_had_ledger);
	ck_assert_uint_eq(world.last.serial, 1);
	ck_assert(!exists("spool/active/.abcdefgh.part"));
	ck_assert_uint_eq(world.troubles, 1);
	ck_assert_str_eq(world.trouble_name, "foreign");
}
END_TEST

/* ---- vetting ---- */

static void
refuse(void *context, int dir, const struct pr_taken *t, const struct pr_str *columns, size_t n,
       struct pr_problems *problems)
{
	(void)context;
	MUST(faccessat(dir, "body.html", F_OK, 0) == 0);
	MUST(t->manifest && t->id[0]);
	MUST(recipients.read < 0 ? !columns && n == 0 : n == 1);
	pr_problem_add(problems, PR_PROBLEM, "body.html", 3, "", "unknown filter");
}

START_TEST(owner_may_refuse_and_all_errors_come_together)
{
	struct pr_intake_events events = world_events;
	events.vet = refuse;
	world_open(NULL);
	world_wait();
	world.intake->options.events = &events;
	recipients.read = PR_EINVAL;
	drop_whole("x", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.rejected, 1);
	const char *errors = get("spool/rejected/x/errors.txt");
	ck_assert_ptr_nonnull(strstr(errors, "body.html:3: error: unknown filter"));
	ck_assert_ptr_nonnull(strstr(errors, "recipients.csv:1: error: no good"));
	recipients.read = 0;
	drop_whole("y", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.rejected, 2);
}
END_TEST

/* ---- submit ---- */

START_TEST(submitted_folder_is_taken_at_once_under_a_name_of_its_own)
{
	char dir[300], spool[300], name[256];
	struct pr_error e;
	world_open(NULL);
	world_wait();
	make_campaign("spring", MANIFEST);
	put("spring/.git", "debris");
	snprintf(dir, sizeof dir, "%s/spring", world.folder);
	snprintf(spool, sizeof spool, "%s/spool", world.folder);
	pr_intake_hold(world.intake, true);
	ck_assert_int_eq(pr_submit(dir, spool, name, sizeof name, &e), 0);
	ck_assert_str_eq(name, "spring");
	ck_assert_int_eq(pr_submit(dir, spool, name, sizeof name, &e), 0);
	ck_assert_str_eq(name, "spring-2");
	ck_assert_uint_eq(count("spool/incoming/spring", true), 3);
	pr_intake_hold(world.intake, false);
	world_wait();
	world_round();
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_uint_eq(world.rejected, 1); /* the same */
	ck_assert_uint_eq(count("spool/incoming", true), 0);
	ck_assert(exists("spring/body.html"));
}
END_TEST

START_TEST(submission_that_intake_would_refuse_leaves_nothing)
{
	char dir[300], spool[300], name[256];
	struct pr_error e;
	make_campaign("spring", MANIFEST);
	MUST(symlinkat("x", world.at, "spring/images") == 0);
	snprintf(dir, sizeof dir, "%s/spring", world.folder);
	snprintf(spool, sizeof spool, "%s/spool", world.folder);
	ck_assert_int_eq(pr_submit(dir, spool, name, sizeof name, &e), PR_EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, "images is a symbolic link"));
	ck_assert_int_eq(pr_submit("/", spool, name, sizeof name, &e), PR_EINVAL);
	ck_assert_int_eq(pr_submit("/none/such", spool, name, sizeof name, &e), PR_ENOENT);
	ck_assert_uint_eq(count("spool/incoming", true), 0);
}
END_TEST

START_TEST(folder_check_tells_what_intake_would_say)
{
	char dir[300];
	struct pr_error e;
	struct pr_problems p = {0};
	make_campaign("spring", MANIFEST);
	put("spring/readme", "x");
	snprintf(dir, sizeof dir, "%s/spring", world.folder);
	struct pr_manifest *m;
	ck_assert_int_eq(pr_manifest_parse(PR_STR(MANIFEST), "spring", &p, &m), 0);
	ck_assert_int_eq(pr_folder_check(dir, NULL, &p, &e), 0);
	ck_assert_uint_eq(p.warnings, 0); /* without a manifest nobody knows what is used */
	ck_assert_int_eq(pr_folder_check(dir, m, &p, &e), 0);
	ck_assert_uint_eq(p.warnings, 1);
	ck_assert_str_eq(p.items[0].file, "readme");
	MUST(symlinkat("x", world.at, "spring/images") == 0);
	ck_assert_int_eq(pr_folder_check(dir, m, &p, &e), PR_EINVAL);
	ck_assert_uint_eq(p.problems, 1);
	pr_manifest_destroy(m);
	pr_problems_finish(&p);
}
END_TEST

/* ---- the lock ---- */

START_TEST(spool_is_locked_by_one_process_whose_pid_is_told)
{
	pr_spool *a = NULL, *b = NULL;
	struct pr_error e;
	char pid[40];
	MUST(unlinkat(world.at, "spool/done", AT_REMOVEDIR) == 0);
	ck_assert_int_eq(pr_spool_lock(world.config, &a, &e), 0);
	ck_assert(exists("spool/done"));
	ck_assert_int_eq(pr_spool_lock(world.config, &b, &e), PR_ESTATE);
	snprintf(pid, sizeof pid, "process %ld)", (long)getpid());
	ck_assert_msg(strstr(e.text, pid) != NULL, "%s", e.text);
	pr_spool_unlock(a);
	ck_assert_int_eq(pr_spool_lock(world.config, &b, &e), 0);
	pr_spool_unlock(b);
}
END_TEST

int
main(void)
{
	const struct suite_test tests[] = {
	    {folder_renamed_whole_is_taken_at_once},
	    {folder_made_in_place_settles_and_every_change_begins_it_anew},
	    {folder_that_came_whole_and_is_written_to_settles},
	    {ready_file_takes_the_folder_at_once_also_one_that_is_no_campaign},
	    {upload_under_way_by_its_names_is_not_taken_and_told_when_it_stands_still},
	    {hidden_temporary_file_that_grows_keeps_a_folder_from_settling},
	    {folder_without_manifest_is_told_beside_it_after_ten_minutes},
	    {note_of_an_earlier_run_goes_when_its_folder_is_gone_and_foreign_files_stay},
	    {names_that_begin_with_a_dot_are_not_looked_at},
	    {what_is_there_at_start_is_taken_when_it_has_not_changed_for_long},
	    {held_intake_takes_nothing_and_goes_on_after},
	    {reload_changes_how_long_a_folder_settles},
	    {events_of_the_file_system_are_enough_also_those_within_a_folder},
	    {links_devices_and_fifos_refuse_the_folder_with_their_names},
	    {refused_folder_taken_back_and_corrected_is_accepted},
	    {identical_campaign_is_refused_within_a_week_unless_again},
	    {attachment_that_differs_makes_another_campaign},
	    {recipients_are_removed_once_they_are_imported_unless_somebody_says_not},
	    {a_body_that_is_the_recipients_too_stays},
	    {names_of_other_systems_are_understood},
	    {unknown_files_are_warnings},
	    {folder_names_that_are_no_text_are_told_and_not_taken},
	    {claimed_name_that_somebody_made_up_stays_in_the_spool},
	    {longest_name_is_taken_and_refused_like_any_other},
	    {recipients_that_are_no_good_refuse_the_campaign_and_it_may_come_again},
	    {import_that_cannot_be_made_now_is_made_later},
	    {closing_ends_an_import_and_the_next_start_does_it_again},
	    {imported_campaigns_are_told_again_at_start_without_a_ledger},
	    {owner_may_refuse_and_all_errors_come_together},
	    {submitted_folder_is_taken_at_once_under_a_name_of_its_own},
	    {submission_that_intake_would_refuse_leaves_nothing},
	    {folder_check_tells_what_intake_would_say},
	    {spool_is_locked_by_one_process_whose_pid_is_told},
	};
	return suite_run("campaign_intake", setup, teardown, tests, ROWS(tests));
}
