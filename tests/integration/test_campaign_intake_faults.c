/*
 * Intake when things go wrong: killed at every step, folders that change or vanish under its
 * hands, other users' files, a full disk.
 */
#include "intake_world.h"
#include "suite.h"

#include <grp.h>
#include <sys/mman.h>
#include <sys/mount.h>

#define DAEMON_UID 12001 /* any two that nobody has */
#define DROPPER_UID 12002

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

/* ---- killed at every step ---- */

static unsigned steps_left;

static void
die_at_step(const char *name)
{
	(void)name;
	if (--steps_left == 0)
		_exit(9);
}

/* One life in a process of its own, killed before the nth step. False when it came to its
 * end. uid 0: as we are. */
static bool
life(unsigned n, uid_t uid)
{
	pid_t child = fork();
	if (child == 0) {
		if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		            setresuid(uid, uid, uid) < 0))
			_exit(1);
		steps_left = n;
		world_open(die_at_step);
		world_wait();
		world_round();
		world_close();
		_exit(0);
	}
	int status;
	MUST(waitpid(child, &status, 0) == child);
	MUST(WIFEXITED(status) && (WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0));
	return WEXITSTATUS(status) == 9;
}

struct killing {
	const char *manifest;
	int import;
	unsigned active, rejected; /* what must be there in the end */
};

/* A world, a life killed at step n and another one killed at step m, then one to the end.
 * False when n was beyond the last step. */
static bool
killed_at(const struct killing *k, unsigned n, unsigned m)
{
	world_make();
	recipients.import = k->import;
	drop_whole("spring", k->manifest);
	world.utc_ms += 60000; /* settled */
	bool killed = life(n, 0);
	if (killed && m)
		life(m, 0);
	world_open(NULL);
	world_wait();
	world_round();
	ck_assert_msg(count("spool/active", true) == k->active &&
	                  count("spool/rejected", true) == k->rejected &&
	                  count("spool/incoming", true) == 0 && world.imported == k->active,
	              "killed at %u, %u: active %u, rejected %u, incoming %u, imported %u", n, m,
	              count("spool/active", true), count("spool/rejected", true),
	              count("spool/incoming", true), world.imported);
	ck_assert_msg(!k->active || !exists(in_active("recipients.csv")), "kept after %u, %u", n,
	              m);
	/* The next one is told from it, in every case: it is known, or may come again. */
	drop_whole("again", k->manifest);
	world_round();
	ck_assert_msg(count("spool/rejected", true) == k->rejected + 1, "again after %u, %u", n, m);
	world_finish();
	return killed;
}

static void
kill_everywhere(const struct killing *k, unsigned at_least)
{
	unsigned n = 1;
	while (killed_at(k, n, 0)) {
		for (unsigned m = 1; m < 4; m++)
			killed_at(k, n, m);
		n++;
	}
	ck_assert_uint_ge(n, at_least);
}

START_TEST(killed_at_any_step_a_campaign_is_accepted_exactly_once)
{
	kill_everywhere(&(struct killing){MANIFEST, 0, 1, 0}, 9);
}
END_TEST

START_TEST(killed_at_any_step_a_bad_campaign_is_refused_exactly_once)
{
	kill_everywhere(&(struct killing){MANIFEST "colour: red\n", 0, 0, 1}, 8);
}
END_TEST

START_TEST(killed_at_any_step_bad_recipients_are_refused_exactly_once)
{
	kill_everywhere(&(struct killing){MANIFEST, PR_EINVAL, 0, 1}, 10);
}
END_TEST

/* ---- changes under our hands ---- */

static const char *act_at;
static void (*act)(void);
static bool acted;

static void
act_at_step(const char *name)
{
	if (act && strcmp(name, act_at) == 0) {
		void (*now)(void) = act;
		act = NULL;
		now();
		acted = true;
	}
}

static char claimed[300];

/* The claimed folder's path, from the world's folder. */
static const char *
claimed_path(const char *file)
{
	int fd = openat(world.at, "spool/incoming", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	claimed[0] = 0;
	for (struct dirent *entry; (entry = readdir(d));)
		if (strncmp(entry->d_name, CLAIM_PREFIX, strlen(CLAIM_PREFIX)) == 0)
			snprintf(claimed, sizeof claimed, "spool/incoming/%s/%s", entry->d_name,
			         file);
	closedir(d);
	MUST(claimed[0]);
	return claimed;
}

static void
change_source(void)
{
	put(claimed_path("recipients.csv"), "email\nlate@example.com\nlater@example.com\n");
}

static void
add_to_source(void)
{
	put(claimed_path("late.txt"), "x");
}

START_TEST(source_written_to_while_it_is_copied_waits_again_and_is_taken_as_it_is_then)
{
	static void (*const changes[])(void) = {change_source, add_to_source};
	static const char *const steps[] = {"part", "copy", "compare"};
	for (size_t c = 0; c < 2; c++)
		for (size_t k = 0; k < 3; k++) {
			world_finish();
			world_make();
			acted = false;
			act = changes[c];
			act_at = steps[k];
			world_open(act_at_step);
			world_wait();
			drop_whole("spring", MANIFEST KEEP);
			world_round();
			ck_assert(acted);
			ck_assert_uint_eq(world.importing, 0);
			ck_assert(exists("spool/incoming/spring"));
			ck_assert_uint_eq(count("spool/active", true), 0);
			world_round();
			world_later(14000);
			ck_assert_uint_eq(world.importing, 0);
			world_later(1000);
			ck_assert_uint_eq(world.imported, 1);
			if (c == 0)
				ck_assert_ptr_nonnull(
				    strstr(get(in_active("recipients.csv")), "later@"));
			ck_assert_uint_eq(world.troubles, 0);
		}
}
END_TEST

static void
remove_source(void)
{
	char path[300];
	strcpy(path, claimed_path(""));
	path[strlen(path) - 1] = 0;
	MUST(pr_remove_tree(world.at, path) == 0);
}

static void
remove_unclaimed(void)
{
	MUST(pr_remove_tree(world.at, "spool/incoming/spring") == 0);
}

START_TEST(folder_that_vanishes_at_any_moment_leaves_nothing)
{
	static const struct {
		const char *step;
		void (*act)(void);
		unsigned accepted; /* it was whole in active/ already */
	} moments[] = {{"claim", remove_unclaimed, 0}, {"part", remove_source, 0},
	               {"copy", remove_source, 0},     {"compare", remove_source, 0},
	               {"accept", remove_source, 1},   {"remove", remove_source, 1}};
	for (size_t k = 0; k < sizeof moments / sizeof *moments; k++) {
		world_finish();
		world_make();
		act = moments[k].act;
		act_at = moments[k].step;
		acted = false;
		world_open(act_at_step);
		world_wait();
		drop_whole("spring", MANIFEST);
		world_round();
		world_round();
		ck_assert_msg(acted, "%s", act_at);
		ck_assert_msg(world.imported == moments[k].accepted, "%s", act_at);
		ck_assert_uint_eq(count("spool/active", true), moments[k].accepted);
		ck_assert_uint_eq(count("spool/incoming", true), 0);
		ck_assert_uint_eq(count("spool/rejected", true), 0);
		ck_assert_uint_eq(pr_intake_waiting(world.intake), 0);
		ck_assert_uint_eq(world.troubles, 0);
	}
}
END_TEST

static void
take_name(void)
{
	add_to_source();
	MUST(mkdirat(world.at, "spool/incoming/spring", 0755) == 0);
}

START_TEST(folder_whose_name_was_taken_meanwhile_stays_claimed_and_is_taken_later)
{
	act = take_name;
	act_at = "copy";
	world_open(act_at_step);
	world_wait();
	drop_whole("spring", MANIFEST);
	world_round();
	ck_assert_uint_eq(world.importing, 0);
	world_later(1000);
	ck_assert_uint_eq(world.imported, 1);
	ck_assert_uint_eq(count("spool/incoming", true), 1);
}
END_TEST

/* ---- the disk ---- */

START_TEST(too_little_room_holds_a_folder_and_is_told_once)
{
	pr_config_unref(world.config);
	world_config(&world, "min_free: 1000000G\n");
	world_open(NULL);
	world_wait();
	drop_whole("spring", MANIFEST);
	world_round();
	world_later(30000);
	ck_assert_uint_eq(world.troubles, 1);
	ck_assert_int_eq(world.trouble.code, PR_ENOSPC);
	ck_assert_str_eq(world.trouble_name, "");
	ck_assert(exists("spool/incoming/spring"));
	ck_assert_uint_eq(count("spool/active", true), 0);
	ck_assert_uint_eq(pr_intake_waiting(world.intake), 1);
}
END_TEST

static void
fill_disk(void)
{
	static char octets[65536];
	int fd = openat(world.at, "ballast", O_WRONLY | O_CREAT, 0644);
	while (write(fd, octets, sizeof octets) > 0)
		;
	close(fd);
}

static void
full_disk_at(const char *step)
{
	char mounted[100];
	static char big[1 << 20];
	strcpy(mounted, "/tmp/postrider-small-XXXXXX");
	MUST(mkdtemp(mounted));
	MUST(mount("tmpfs", mounted, "tmpfs", 0, "size=24m") == 0);
	world_finish();
	world_make_in(mounted, "min_free: 0\n");
	act = fill_disk;
	act_at = step;
	acted = false;
	world_open(act_at_step);
	world_wait();
	memset(big, 'x', sizeof big - 1);
	make_campaign("outside", MANIFEST);
	MUST(mkdirat(world.at, "outside/attachments", 0755) == 0);
	put("outside/attachments/big.bin", big);
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/spring") == 0);
	world_round();
	ck_assert_msg(acted, "%s", step);
	ck_assert_msg(world.importing == 0 && world.rejected == 0, "%s", step);
	ck_assert_msg(world.troubles >= 1 && world.trouble.code == PR_ENOSPC, "%s: %s", step,
	              world.trouble.text);
	ck_assert_uint_eq(count("spool/active", true), 0);
	ck_assert(exists("spool/incoming/spring/attachments/big.bin"));
	MUST(unlinkat(world.at, "ballast", 0) == 0);
	world_later(30000);
	ck_assert_msg(world.imported == 1, "%s", step);
	ck_assert_uint_eq(count("spool/incoming", true), 0);
	world_finish();
	MUST(umount(mounted) == 0);
	MUST(rmdir(mounted) == 0);
	world_make();
}

START_TEST(full_disk_leaves_no_part_and_the_folder_is_taken_when_there_is_room)
{
	full_disk_at("copy");
	full_disk_at("compare"); /* then .intake does not fit */
}
END_TEST

/* ---- other users ---- */

static void
give(const char *path, uid_t uid, mode_t mode)
{
	MUST(fchownat(world.at, path, uid, uid, AT_SYMLINK_NOFOLLOW) == 0);
	MUST(fchmodat(world.at, path, mode, 0) == 0);
}

/* The spool is the daemon's; incoming/ has this mode and belongs to this user. */
static void
make_users(uid_t incoming_uid, mode_t incoming_mode)
{
	static const char *const owned[] = {"spool/active", "spool/done", "spool/rejected",
	                                    "state"};
	for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
		give(owned[k], DAEMON_UID, 0755);
	give("spool/incoming", incoming_uid, incoming_mode);
}

static void
drop_as_dropper(const char *name, mode_t folder_mode, mode_t file_mode)
{
	char to[300];
	make_campaign("outside", MANIFEST);
	give("outside/campaign.yaml", DROPPER_UID, file_mode);
	give("outside/recipients.csv", DROPPER_UID, file_mode);
	give("outside/body.html", DROPPER_UID, file_mode);
	give("outside", DROPPER_UID, folder_mode);
	snprintf(to, sizeof to, "spool/incoming/%s", name);
	MUST(renameat(world.at, "outside", world.at, to) == 0);
}

/* Run `all` in a process of the daemon's user; it ends by abort() when something is not so. */
static void
as_daemon(void (*all)(void))
{
	pid_t child = fork();
	if (child == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(DAEMON_UID, DAEMON_UID, DAEMON_UID) < 0 ||
		    setresuid(DAEMON_UID, DAEMON_UID, DAEMON_UID) < 0)
			_exit(1);
		world.utc_ms += 60000; /* settled */
		world_open(NULL);
		world_wait();
		world_round();
		all();
		world_close();
		_exit(0);
	}
	int status;
	MUST(waitpid(child, &status, 0) == child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

/* Until what is changed from now on has another ctime: the kernel's clock for them stands still for
 * some milliseconds at a time. */
static void
wait_for_tick(void)
{
	struct stat before, after;
	int fd = memfd_create("tick", 0);
	MUST(fd >= 0 && write(fd, "a", 1) == 1 && fstat(fd, &before) == 0);
	do
		MUST(pwrite(fd, "b", 1, 0) == 1 && fstat(fd, &after) == 0);
	while (memcmp(&before.st_ctim, &after.st_ctim, sizeof after.st_ctim) == 0);
	close(fd);
}

static void
taken_and_left_behind(void)
{
	const struct pr_left_behind *left;
	MUST(world.imported == 1);
	MUST(world.last.owner == DROPPER_UID);
	MUST(exists("spool/incoming/spring/campaign.yaml"));
	MUST(count("spool/incoming", true) == 1);
	MUST(pr_intake_left_behind(world.intake, &left) == 1);
	MUST(strcmp(left[0].name, "spring") == 0);
	MUST(pr_intake_waiting(world.intake) == 0);
	world_later(PR_INTAKE_COMPLAIN_MS);
	world_later(PR_INTAKE_SAME_MS + 1);
	MUST(world.importing == 1 && world.rejected == 0);
	MUST(count("spool/incoming", true) == 1); /* no note beside it */
	MUST(world.troubles == 0);
}

static void
told_again_and_not_taken(void)
{
	const struct pr_left_behind *left;
	MUST(world.importing == 0 && world.rejected == 0 && world.imported == 1);
	MUST(pr_intake_left_behind(world.intake, &left) == 1);
}

static void
taken_as_another(void)
{
	const struct pr_left_behind *left;
	MUST(world.importing == 1 && world.rejected == 0 && world.imported == 2);
	MUST(pr_intake_left_behind(world.intake, &left) == 1); /* it cannot be removed either */
}

/* What its owner does to a folder that was left behind, while the daemon looks. */
static void
changed_with_a_ready_of_old(void)
{
	MUST(world.importing == 1);
	wait_for_tick();
	put("spool/incoming/spring/body.txt", "half of it is gone");
	world_round();
	world_later(world.config->settle / 2);
	MUST(world.importing == 1 && world.rejected == 0);
	world_later(world.config->settle);
	MUST(world.importing == 2 && world.rejected == 0);
}

static void
nothing_left_behind(void)
{
	const struct pr_left_behind *left;
	MUST(world.importing == 0 && world.imported == 2);
	MUST(pr_intake_left_behind(world.intake, &left) == 0);
}

/* Claimed or not, what cannot be removed is taken once, also across restarts; touched it is the
 * same, changed it is another. */
static void
left_behind_story(void)
{
	drop_as_dropper("spring", 0755, 0644);
	as_daemon(taken_and_left_behind);
	as_daemon(told_again_and_not_taken);
	wait_for_tick();
	give("spool/incoming/spring/body.html", DROPPER_UID, 0664); /* another ctime */
	as_daemon(told_again_and_not_taken);
	wait_for_tick();
	put("spool/incoming/spring/body.html", "<p>Another one</p>");
	as_daemon(taken_as_another);
	MUST(pr_remove_tree(world.at, "spool/incoming/spring") == 0);
	as_daemon(nothing_left_behind);
}

START_TEST(files_of_another_user_are_taken_once_and_remembered)
{
	make_users(DAEMON_UID, 0755); /* the claim works, removing what is within does not */
	left_behind_story();
}
END_TEST

START_TEST(folder_in_a_sticky_folder_of_another_user_is_taken_once_and_remembered)
{
	make_users(0, 01777); /* neither claim nor removal works */
	left_behind_story();
}
END_TEST

START_TEST(folder_left_behind_that_is_being_removed_is_not_taken_for_another_one)
{
	make_users(DAEMON_UID, 0755);
	drop_as_dropper("spring", 01777, 0644);
	put("spool/incoming/spring/.ready", "");
	give("spool/incoming/spring/.ready", DROPPER_UID, 0644);
	as_daemon(changed_with_a_ready_of_old);
}
END_TEST

START_TEST(killed_at_any_step_a_folder_that_cannot_be_removed_is_taken_exactly_once)
{
	for (unsigned sticky = 0; sticky < 2; sticky++) {
		unsigned n = 1;
		for (bool killed = true; killed; n++) {
			world_finish();
			world_make();
			make_users(sticky ? 0 : DAEMON_UID, sticky ? 01777 : 0755);
			drop_as_dropper("spring", 0755, 0644);
			world.utc_ms += 60000;
			killed = life(n, DAEMON_UID);
			life(~0u, DAEMON_UID);
			ck_assert_msg(count("spool/active", true) == 1 &&
			                  count("spool/rejected", true) == 0 &&
			                  count("spool/incoming", true) == 1 &&
			                  exists("spool/incoming/spring/campaign.yaml"),
			              "sticky %u, killed at %u", sticky, n);
		}
		ck_assert_uint_ge(n, 9);
	}
}
END_TEST

static void
unreadable_is_told(void)
{
	MUST(world.importing == 0 && world.rejected == 0);
	world_later(PR_INTAKE_CLOSED_MS);
	MUST(strstr(get("spool/incoming/spring.PROBLEM.txt"), "may not read"));
	MUST(world.importing == 0);
}

static void
taken_and_note_gone(void)
{
	MUST(world.imported == 1);
	MUST(count("spool/incoming", true) == 0);
}

START_TEST(folder_that_the_daemon_may_not_read_is_told_beside_it_and_taken_when_it_may)
{
	make_users(DAEMON_UID, 0777);
	drop_as_dropper("spring", 0700, 0600);
	as_daemon(unreadable_is_told);
	give("spool/incoming/spring", DROPPER_UID, 0777);
	give("spool/incoming/spring/body.html", DROPPER_UID, 0644);
	give("spool/incoming/spring/campaign.yaml", DROPPER_UID, 0644);
	give("spool/incoming/spring/recipients.csv", DROPPER_UID, 0644);
	as_daemon(taken_and_note_gone);
}
END_TEST

static void
unreadable_file_is_refused(void)
{
	const struct pr_left_behind *left;
	MUST(world.rejected == 1 && world.importing == 0);
	MUST(strstr(get("spool/rejected/spring/errors.txt"),
	            "recipients.csv: error: cannot be read by the daemon"));
	MUST(pr_intake_left_behind(world.intake, &left) == 1);
}

START_TEST(file_that_cannot_be_read_refuses_the_folder_and_is_not_removed)
{
	make_users(DAEMON_UID, 0777);
	drop_as_dropper("spring", 0777, 0644);
	give("spool/incoming/spring/recipients.csv", DROPPER_UID, 0600);
	as_daemon(unreadable_file_is_refused);
	ck_assert(exists("spool/incoming/spring/recipients.csv"));
}
END_TEST

static void
foreign_link_is_refused(void)
{
	MUST(world.rejected == 1 && world.importing == 0);
	MUST(strstr(get("spool/rejected/spring/errors.txt"), "hard link to a file of another"));
}

START_TEST(hard_link_to_a_file_of_the_daemon_is_refused)
{
	make_users(DAEMON_UID, 0777);
	put("state/secret", "key");
	give("state/secret", DAEMON_UID, 0600);
	make_campaign("outside", MANIFEST);
	MUST(mkdirat(world.at, "outside/attachments", 0755) == 0);
	MUST(linkat(world.at, "state/secret", world.at, "outside/attachments/a.txt", 0) == 0);
	give("outside", DROPPER_UID, 0777);
	MUST(renameat(world.at, "outside", world.at, "spool/incoming/spring") == 0);
	as_daemon(foreign_link_is_refused);
}
END_TEST

static bool
can_mount(void)
{
	char folder[] = "/tmp/postrider-mount-XXXXXX";
	MUST(mkdtemp(folder));
	bool can = mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0;
	if (can)
		umount(folder);
	rmdir(folder);
	return can;
}

int
main(void)
{
	const char *name = "campaign_intake_faults";
	const struct suite_test tests[] = {
	    {source_written_to_while_it_is_copied_waits_again_and_is_taken_as_it_is_then},
	    {folder_that_vanishes_at_any_moment_leaves_nothing},
	    {folder_whose_name_was_taken_meanwhile_stays_claimed_and_is_taken_later},
	    {too_little_room_holds_a_folder_and_is_told_once},
	};
	const struct suite_test disk_tests[] = {
	    {full_disk_leaves_no_part_and_the_folder_is_taken_when_there_is_room},
	};
	const struct suite_test user_tests[] = {
	    /* they need two users */
	    {files_of_another_user_are_taken_once_and_remembered},
	    {folder_in_a_sticky_folder_of_another_user_is_taken_once_and_remembered},
	    {folder_left_behind_that_is_being_removed_is_not_taken_for_another_one},
	    {killed_at_any_step_a_folder_that_cannot_be_removed_is_taken_exactly_once},
	    {folder_that_the_daemon_may_not_read_is_told_beside_it_and_taken_when_it_may},
	    {file_that_cannot_be_read_refuses_the_folder_and_is_not_removed},
	    {hard_link_to_a_file_of_the_daemon_is_refused},
	};
	const struct suite_test kill_tests[] = {
	    /* these make their worlds themselves */
	    {killed_at_any_step_a_campaign_is_accepted_exactly_once},
	    {killed_at_any_step_a_bad_campaign_is_refused_exactly_once},
	    {killed_at_any_step_bad_recipients_are_refused_exactly_once},
	};
	int failed = suite_run(name, setup, teardown, tests, ROWS(tests));
	if (can_mount())
		failed |= suite_run(name, setup, teardown, disk_tests, ROWS(disk_tests));
	if (geteuid() == 0)
		failed |= suite_run(name, setup, teardown, user_tests, ROWS(user_tests));
	return failed | suite_run(name, NULL, NULL, kill_tests, ROWS(kill_tests));
}
