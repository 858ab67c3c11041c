#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "controller/certdrop/intake/inlet.h"
#include "tests/unit/intake.h"

static int start(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, NULL, fixture);
	assert_null(inlet_degraded(fixture->inlet));
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	settle(fixture);
	*state = fixture;
	return 0;
}

/* A command's outcome must be noticed by an event, under the name "web.pem". */
static void producer(void **state, const char *command)
{
	run(*state, command);
	expect_file(*state, "web.pem", "hello\n");
}

static void cp_is_noticed(void **state)
{
	producer(state, "echo hello >$T/web.pem && cp $T/web.pem $D/");
}

static void install_is_noticed(void **state)
{
	producer(state, "echo hello >$T/a && install -m 0640 $T/a $D/web.pem");
}

static void mv_is_noticed(void **state)
{
	producer(state, "echo hello >$T/a && mv $T/a $D/web.pem");
}

static void mv_across_file_systems_is_noticed(void **state)
{
	producer(state, "f=$(mktemp -p /dev/shm) && echo hello >$f && mv $f $D/web.pem");
}

static void rsync_is_noticed(void **state)
{
	producer(state, "echo hello >$T/web.pem && rsync $T/web.pem $D/");
}

static void dd_is_noticed(void **state)
{
	producer(state, "echo hello | dd of=$D/web.pem status=none");
}

static void tar_is_noticed(void **state)
{
	producer(state, "echo hello >$T/web.pem && tar -C $T -c web.pem | tar -C $D -x");
}

static void unzip_is_noticed(void **state)
{
	producer(state,
			"cd $T && echo hello >web.pem && python3 -m zipfile -c a.zip web.pem && "
			"cd $D && (unzip -q ../a.zip || python3 -m zipfile -e ../a.zip .)");
}

static void git_checkout_is_noticed(void **state)
{
	run(*state,
			"cd $D && git init -q . && echo old >web.pem && git add web.pem && "
			"git -c user.name=a -c user.email=a@b commit -qm a && echo hello >web.pem && "
			"git -c user.name=a -c user.email=a@b commit -qam b && git checkout -q HEAD~1");
	expect_file(*state, "web.pem", "old\n");
	producer(state, "cd $D && git checkout -q -");
}

/* As OpenSSH's server renames: a hard link, then the old name is removed. */
static void sftp_link_and_unlink_is_noticed(void **state)
{
	run(*state, "echo hello >$D/web.pem.filepart");
	settle(*state);
	producer(state, "ln $D/web.pem.filepart $D/web.pem && rm $D/web.pem.filepart");
}

static void second_name_is_waited_for(void **state)
{
	struct fixture *fixture = *state;
	const struct taken *taken;

	run(fixture, "echo hello >$T/a && ln $T/a $D/web.pem");
	scan(fixture);
	taken = find(fixture, "web.pem");
	assert_non_null(taken);
	assert_int_equal(taken->state, TAKEN_GROWING);
	assert_int_equal(fixture->harvest.retry_ms, 50);
	scan(fixture);
	assert_int_equal(fixture->harvest.retry_ms, 100);
	run(fixture, "rm $T/a");
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
	assert_int_equal(fixture->harvest.retry_ms, 0);
}

static void nameless_file_linked_in_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	char from[64];
	int fd = open(fixture->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello\n", 6), 6);
	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	assert_int_equal(linkat(AT_FDCWD, from, inlet_directory(fixture->inlet), "web.pem",
					 AT_SYMLINK_FOLLOW),
			0);
	expect_file(fixture, "web.pem", "hello\n");
	assert_int_equal(close(fd), 0);
}

static void exchange_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	char from[160];

	write_file(fixture, "web.pem", "old\n");
	settle(fixture);
	run(fixture, "echo hello >$T/a");
	(void)snprintf(from, sizeof(from), "%s/a", fixture->base);
	assert_int_equal(renameat2(AT_FDCWD, from, inlet_directory(fixture->inlet), "web.pem",
					 RENAME_EXCHANGE),
			0);
	expect_file(fixture, "web.pem", "hello\n");
}

static void slow_writer_is_seen_as_still_writing(void **state)
{
	struct fixture *fixture = *state;
	const int fd = openat(inlet_directory(fixture->inlet), "web.pem",
			O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "hel", 3), 3);
	assert_ptr_equal(next_dirty(fixture, DEADLINE_MS), fixture->inlet);
	scan(fixture);
	assert_int_equal(find(fixture, "web.pem")->state, TAKEN_GROWING);
	assert_true(find(fixture, "web.pem")->open_for_writing);
	assert_true(fixture->harvest.retry_ms > 0);
	assert_int_equal(write(fd, "lo\n", 3), 3);
	assert_int_equal(close(fd), 0);
	expect_file(fixture, "web.pem", "hello\n");
	assert_false(find(fixture, "web.pem")->open_for_writing);
}

static void half_of_a_killed_writer_is_noticed(void **state)
{
	struct fixture *fixture = *state;
	const pid_t writer = fork();

	if (writer == 0) {
		const int fd = openat(inlet_directory(fixture->inlet), "web.pem",
				O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (write(fd, "hel", 3) == 3)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	expect_file(fixture, "web.pem", "hel");
}

static void truncate_by_path_is_found_by_a_rescan(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "web.pem", "hello\n");
	expect_file(fixture, "web.pem", "hello\n");
	intake_drain(fixture->intake);
	while (intake_next_dirty(fixture->intake))
		;
	run(fixture, "python3 -c 'import os; os.truncate(os.environ[\"D\"] + \"/web.pem\", 2)'");
	intake_rescan(fixture->intake);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "he"));
	assert_null(inlet_degraded(fixture->inlet));
}

/* Until the stamps are older than a tick, the same stamp proves nothing. */
static void wait_until_unchanged(struct fixture *fixture)
{
	const long end = now_ms() + DEADLINE_MS;
	int rounds = 0;

	while (rounds < 3 && now_ms() < end) {
		intake_rescan(fixture->intake);
		if (!intake_next_dirty(fixture->intake)) {
			rounds++;
			continue;
		}
		rounds = 0;
		scan(fixture);
	}
	assert_int_equal(rounds, 3);
}

static void unchanged_directory_is_not_read_again(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "web.pem", "hello\n");
	scan(fixture);
	assert_true(fixture->harvest.changed);
	wait_until_unchanged(fixture);
	scan(fixture);
	assert_false(fixture->harvest.changed);
	assert_int_equal(fixture->harvest.count, 0);
	inlet_mark(fixture->inlet);
	scan(fixture);
	assert_true(fixture->harvest.changed);
	assert_int_equal(fixture->harvest.count, 1);
}

static void second_change_within_a_tick_is_seen(void **state)
{
	struct fixture *fixture = *state;
	const int fd = openat(inlet_directory(fixture->inlet), "web.pem",
			O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "one", 3), 3);
	scan(fixture);
	assert_int_equal(pwrite(fd, "two", 3, 0), 3);
	assert_int_equal(close(fd), 0);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "two"));
}

static void own_receipt_makes_nothing_dirty(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "receipt.json", "{}");
	write_file(fixture, ".receipt.json.new", "{}");
	run(fixture, "mv $D/.receipt.json.new $D/receipt.json");
	intake_drain(fixture->intake);
	assert_null(intake_next_dirty(fixture->intake));
	scan(fixture);
	assert_false(fixture->harvest.changed);
}

static void unfinished_names_are_left_alone(void **state)
{
	static const char *const names[] = { ".hidden", "a~", "a.tmp", "a.part", "a.filepart",
		"a.swp", "a.crdownload", "receipt.json", "..data" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		write_file(*state, names[i], "x");
	run(*state, "mkdir $D/sub && echo x >$D/sub/web.pem");
	scan(*state);
	assert_int_equal(((struct fixture *)*state)->harvest.count, 0);
}

static void latest_arrival_comes_first(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "echo a >$D/a; echo b >$D/b; echo c >$D/c; touch -d 2030-01-01 $D/b");
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 3);
	assert_string_equal(fixture->harvest.items[0].entry.name, "b");
	assert_true(fixture->harvest.items[1].arrived_ns >= fixture->harvest.items[2].arrived_ns);
}

static void removed_directory_is_made_again(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "rmdir $D");
	assert_ptr_equal(next_dirty(fixture, DEADLINE_MS), fixture->inlet);
	scan(fixture);
	run(fixture, "test -d $D");
	producer(state, "echo hello >$D/web.pem");
}

static void replaced_directory_is_followed(void **state)
{
	run(*state, "mv $D $T/old && mkdir -m 0700 $D");
	assert_non_null(next_dirty(*state, DEADLINE_MS));
	scan(*state);
	producer(state, "echo hello >$D/web.pem");
}

static void renamed_parent_is_found_by_a_rescan(void **state)
{
	struct fixture *fixture = *state;
	struct inlet *deep;
	char path[160];

	run(fixture, "mkdir -p $T/up/mid");
	(void)snprintf(path, sizeof(path), "%s/up/mid/deep", fixture->base);
	deep = intake_add_drop(fixture->intake, path, NULL, NULL);
	fixture->inlet = deep;
	settle(fixture);
	run(fixture,
			"mv $T/up $T/was && mkdir -p $T/up/mid/deep && chmod 0700 $T/up/mid/deep && "
			"echo hello >$T/up/mid/deep/web.pem");
	intake_drain(fixture->intake);
	assert_null(intake_next_dirty(fixture->intake));
	intake_rescan(fixture->intake);
	assert_ptr_equal(intake_next_dirty(fixture->intake), deep);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
	assert_int_equal(intake_counters(fixture->intake).reopened, 1);
	assert_null(inlet_degraded(deep));
	intake_rescan(fixture->intake);
	assert_non_null(strstr(inlet_degraded(deep), "renamed"));
	assert_int_equal(intake_rescan_ms(fixture->intake), 2000);
	assert_int_equal(intake_counters(fixture->intake).silent_changes, 1);

	/* From then on, also when it is replaced with an event. */
	run(fixture, "mv $T/up/mid/deep $T/deep && mkdir -m 0700 $T/up/mid/deep");
	settle(fixture);
	assert_non_null(strstr(inlet_degraded(deep), "polled"));
}

/* An event that says so comes after a scan has found out. */
static void replaced_directory_is_no_silent_change(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++) {
		run(fixture, "rm -rf $T/old && mv $D $T/old && mkdir -m 0700 $D");
		scan(fixture);
		intake_rescan(fixture->intake);
		settle(fixture);
		intake_rescan(fixture->intake);
		settle(fixture);
	}
	assert_null(inlet_degraded(fixture->inlet));
	assert_int_equal(intake_counters(fixture->intake).silent_changes, 0);
}

static void mounted_over_is_followed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(setenv("D", fixture->path, 1), 0);
	if (system("mount -t tmpfs -o mode=0700 none $D 2>/dev/null") != 0)
		skip();
	intake_rescan(fixture->intake);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	scan(fixture);
	producer(state, "echo hello >$D/web.pem");
	intake_rescan(fixture->intake);
	assert_non_null(strstr(inlet_degraded(fixture->inlet), "mounted over"));
	assert_int_equal(intake_rescan_ms(fixture->intake), 2000);
	settle(fixture);
	run(fixture, "umount -l $D");
	intake_rescan(fixture->intake);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 0);
	producer(state, "echo hello >$D/web.pem");
}

static void removed_inlet_is_not_told_any_more(void **state)
{
	struct fixture *fixture = *state;

	intake_remove(fixture->intake, fixture->inlet);
	run(fixture, "echo hello >$D/web.pem");
	intake_drain(fixture->intake);
	assert_null(intake_next_dirty(fixture->intake));
	assert_int_equal(intake_counters(fixture->intake).watches, 0);
}

/* Where not every change gives an event the directory is opened anew for each look. */
static void too_many_open_files_are_told_as_that(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit limit, none;
	bool scanned;

	harvest_done(&fixture->harvest);
	fixture->inlet->remote = true;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	scanned = inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_false(scanned);
	assert_non_null(strstr(fixture->error.text, "cannot be opened: Too many open files"));
}

static void two_inlets_share_a_directory(void **state)
{
	struct fixture *fixture = *state;
	struct inlet *other = intake_add_source(fixture->intake, fixture->path, NULL, NULL);
	struct inlet *first, *second;

	settle(fixture);
	run(fixture, "echo hello >$D/web.pem");
	first = next_dirty(fixture, DEADLINE_MS);
	second = next_dirty(fixture, DEADLINE_MS);
	assert_true(first != second && first && second);
	intake_remove(fixture->intake, other);
	settle(fixture);
	producer(state, "echo hello >$D/web.pem");
}

int main(void)
{
#define claim(name) cmocka_unit_test_setup_teardown(name, start, fixture_free)
	const struct CMUnitTest tests[] = {
		claim(cp_is_noticed),
		claim(install_is_noticed),
		claim(mv_is_noticed),
		claim(mv_across_file_systems_is_noticed),
		claim(rsync_is_noticed),
		claim(dd_is_noticed),
		claim(tar_is_noticed),
		claim(unzip_is_noticed),
		claim(git_checkout_is_noticed),
		claim(sftp_link_and_unlink_is_noticed),
		claim(second_name_is_waited_for),
		claim(nameless_file_linked_in_is_noticed),
		claim(exchange_is_noticed),
		claim(slow_writer_is_seen_as_still_writing),
		claim(half_of_a_killed_writer_is_noticed),
		claim(truncate_by_path_is_found_by_a_rescan),
		claim(unchanged_directory_is_not_read_again),
		claim(second_change_within_a_tick_is_seen),
		claim(own_receipt_makes_nothing_dirty),
		claim(unfinished_names_are_left_alone),
		claim(latest_arrival_comes_first),
		claim(removed_directory_is_made_again),
		claim(replaced_directory_is_followed),
		claim(renamed_parent_is_found_by_a_rescan),
		claim(replaced_directory_is_no_silent_change),
		claim(mounted_over_is_followed),
		claim(removed_inlet_is_not_told_any_more),
		claim(too_many_open_files_are_told_as_that),
		claim(two_inlets_share_a_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
