#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "controller/certdrop/intake/beneath.h"
#include "tests/unit/intake.h"

/* Hostile directories: one test for each attack. */

static struct intake_calls calls;
static const struct intake_settings settings = { .calls = &calls };
enum { STRANGER = 54321 };

static int start_with(void **state, const struct inlet_policy *policy)
{
	struct fixture *fixture = fixture_new();

	intake_free(fixture->intake);
	fixture->intake = intake_new(&settings);
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, policy, NULL);
	*state = fixture;
	return 0;
}

static int start(void **state)
{
	const struct inlet_policy policy = { .grace_ms = -1 };

	calls.without_openat2 = false;
	return start_with(state, &policy);
}

static int start_without_openat2(void **state)
{
	const struct inlet_policy policy = { .grace_ms = -1 };

	calls.without_openat2 = true;
	return start_with(state, &policy);
}

static void refused(void **state, const char *command, const char *name, const char *why)
{
	run(*state, command);
	scan(*state);
	expect_refusal(*state, name, why);
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void symbolic_link_is_refused(void **state)
{
	refused(state, "ln -s /etc/shadow $D/web.pem", "web.pem",
			"web.pem is a symbolic link, and only regular files are taken");
}

static void linked_directory_is_refused(void **state)
{
	refused(state, "ln -s /etc $D/etc", "etc", "is a symbolic link");
}

static void link_to_a_good_file_beside_it_is_refused(void **state)
{
	refused(state, "echo hello >$D/good && ln -s good $D/web.pem", "web.pem", "symbolic link");
	assert_true(holds(find(*state, "good"), "hello\n"));
}

static void fifo_is_refused_and_stalls_nothing(void **state)
{
	refused(state, "mkfifo $D/web.pem", "web.pem", "is a FIFO");
}

static void device_is_refused(void **state)
{
	need_root();
	refused(state, "mknod $D/web.pem c 1 5", "web.pem", "is a device");
}

static void socket_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/s", fixture->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(close(fd), 0);
	scan(fixture);
	expect_refusal(fixture, "s", "is a socket");
}

static void hard_link_is_refused(void **state)
{
	refused(state, "echo hello >$T/a && ln $T/a $D/web.pem", "web.pem",
			"is a hard link: the file has 2 names");
}

static void hard_link_to_anothers_file_is_refused(void **state)
{
	need_root();
	refused(state, "echo hello >$T/a && chown 54321 $T/a && ln $T/a $D/web.pem", "web.pem",
			"belongs to user 54321");
}

static void foreign_file_is_taken_where_its_owner_is_named(void **state)
{
	struct fixture *fixture = *state;
	const uid_t owners[] = { STRANGER };
	const struct inlet_policy policy = { .owners = owners, .owner_count = 1 };

	need_root();
	refused(state, "echo hello >$D/web.pem && chown 54321 $D/web.pem", "web.pem",
			"belongs to user 54321");
	intake_remove(fixture->intake, fixture->inlet);
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, &policy, NULL);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
}

static void set_user_id_file_is_refused(void **state)
{
	refused(state, "echo hello >$D/web.pem && chmod 4755 $D/web.pem", "web.pem", "set-user-ID");
}

static void large_file_is_refused(void **state)
{
	refused(state, "dd if=/dev/zero of=$D/web.pem bs=1M count=64 status=none", "web.pem",
			"has 67108864 bytes, and at most 1048576 are taken");
}

static void sparse_giant_is_refused(void **state)
{
	refused(state, "truncate -s 1T $D/web.pem", "web.pem", "at most 1048576 are taken");
}

static void file_with_holes_is_refused(void **state)
{
	refused(state, "truncate -s 1M $D/web.pem", "web.pem", "has holes");
}

static void all_together_have_a_limit(void **state)
{
	struct fixture *fixture = *state;
	size_t refusals = 0;

	run(fixture, "for i in $(seq 20); do head -c 1048576 /dev/urandom >$D/$i; done");
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 20);
	for (size_t i = 0; i < 20; i++)
		refusals += fixture->harvest.items[i].state == TAKEN_REFUSED;
	assert_int_equal(refusals, 4);
	expect_refusal(fixture, fixture->harvest.items[19].entry.name, "one too many");
}

static void unreadable_file_is_refused_or_read_by_root(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "echo hello >$D/web.pem && chmod 0 $D/web.pem");
	scan(fixture);
	if (geteuid() == 0)
		assert_true(holds(find(fixture, "web.pem"), "hello\n"));
	else
		expect_refusal(fixture, "web.pem", "cannot be opened: Permission denied");
}

static void file_readable_by_all_is_flagged(void **state)
{
	run(*state, "echo a >$D/open; echo b >$D/closed; chmod 0644 $D/open; chmod 0600 $D/closed");
	scan(*state);
	assert_true(find(*state, "open")->open_to_others);
	assert_false(find(*state, "closed")->open_to_others);
}

static void file_written_while_it_is_read_is_put_off(void **state)
{
	struct fixture *fixture = *state;
	const int fd = openat(inlet_directory(fixture->inlet), "web.pem",
			O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	const pid_t writer = fork();
	bool put_off = false;
	const long end = now_ms() + DEADLINE_MS;

	/* Some snapshot must meet a change; each that does must not be a copy. */
	if (writer == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (off_t i = 0;; i++)
			(void)!pwrite(fd, "0123456789", 10, i % 90000 * 10);
	}
	while (!put_off && now_ms() < end) {
		inlet_mark(fixture->inlet);
		scan(fixture);
		put_off = find(fixture, "web.pem")->state == TAKEN_GROWING &&
				strstr(find(fixture, "web.pem")->reason, "while it was read");
	}
	(void)kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_true(put_off);
	assert_true(fixture->harvest.retry_ms >= 50);
	assert_int_equal(close(fd), 0);
	scan(fixture);
	assert_int_equal(find(fixture, "web.pem")->state, TAKEN_COPY);
}

/* Who never closes it is not waited for, once he has not written for a while: here, none. */
static void file_that_stays_open_for_writing_is_taken(void **state)
{
	struct fixture *fixture = *state;
	const int fd = openat(inlet_directory(fixture->inlet), "web.pem",
			O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "hello\n", 6), 6);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
	assert_true(find(fixture, "web.pem")->open_for_writing);
	assert_int_equal(close(fd), 0);
}

/* A swapper exchanges a good file and a link to something outside all the time: nothing
 * but the good file may ever be taken. */
static void swapped_file_gives_nothing_from_outside(void **state)
{
	struct fixture *fixture = *state;
	const int directory = inlet_directory(fixture->inlet);
	pid_t swapper;
	size_t copies = 0;

	run(fixture,
			"echo secret >$T/secret && echo hello >$D/web.pem && "
			"ln -s $T/secret $D/.swap");
	swapper = fork();
	if (swapper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			(void)renameat2(directory, ".swap", directory, "web.pem", RENAME_EXCHANGE);
	}
	for (int i = 0; i < 5000; i++) {
		const struct taken *taken;

		inlet_mark(fixture->inlet);
		scan(fixture);
		taken = find(fixture, "web.pem");
		if (!taken || taken->state != TAKEN_COPY)
			continue;
		copies++;
		if (!holds(taken, "hello\n"))
			fail_msg("something else was taken\n");
	}
	(void)kill(swapper, SIGKILL);
	assert_int_equal(waitpid(swapper, NULL, 0), swapper);
	assert_true(copies > 0);
}

static void copy_is_sealed(void **state)
{
	const struct taken *taken;

	run(*state, "echo hello >$D/web.pem");
	scan(*state);
	taken = find(*state, "web.pem");
	assert_int_equal(fcntl(taken->fd, F_GET_SEALS),
			F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(pwrite(taken->fd, "x", 1, 0), -1);
	assert_string_equal(taken->digest.hex,
			"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
}

static void drop_that_is_a_link_is_refused(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "mkdir -m 0700 $T/else && rmdir $D && ln -s $T/else $D");
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_CONFIG);
	assert_non_null(strstr(fixture->error.text, "a symbolic link"));
	assert_int_equal(inlet_directory(fixture->inlet), -1);
	assert_string_equal(inlet_degraded(fixture->inlet), fixture->error.text);
}

static void insecure_directory_is_refused(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "chmod 0777 $D && echo hello >$D/web.pem");
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_int_equal(fixture->error.kind, ERROR_CONFIG);
	assert_non_null(strstr(fixture->error.text, "mode 0777"));
	run(fixture, "chmod 1777 $D");
	expect_file(fixture, "web.pem", "hello\n");
	assert_null(inlet_degraded(fixture->inlet));
}

static void directory_of_a_stranger_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct inlet_policy policy = { .allow_insecure = true };

	need_root();
	run(fixture, "echo hello >$D/web.pem && chown 54321 $D");
	assert_false(inlet_scan(fixture->inlet, &fixture->harvest, &fixture->error));
	assert_non_null(strstr(fixture->error.text, "belongs to user 54321"));
	intake_remove(fixture->intake, fixture->inlet);
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, &policy, NULL);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "hello\n"));
}

static void made_directory_has_its_mode(void **state)
{
	struct fixture *fixture = *state;
	const struct inlet_policy policy = { .mode = 01770 };
	struct stat status;

	run(fixture, "rmdir $D");
	intake_remove(fixture->intake, fixture->inlet);
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, &policy, NULL);
	assert_int_equal(fstat(inlet_directory(fixture->inlet), &status), 0);
	assert_int_equal(status.st_mode & 07777, 01770);
}

static void hundred_thousand_files_are_bounded(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "cd $D && seq 100000 | xargs touch");
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 64);
	assert_int_equal(fixture->harvest.left_out, 20000 - 64 - 2);
	assert_non_null(strstr(fixture->harvest.left_out_reason, "more than 20000 entries"));
}

static void latest_are_taken_of_too_many(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "cd $D && seq 100 | xargs touch -d 2020-01-01 && touch -d 2031-01-01 42 7");
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 64);
	assert_int_equal(fixture->harvest.left_out, 36);
	assert_non_null(strstr(fixture->harvest.left_out_reason, "36 older files"));
	assert_true(find(fixture, "42") && find(fixture, "7"));
	assert_true(find(fixture, "42")->arrived_ns == fixture->harvest.items[0].arrived_ns);
}

static void names_are_shown_harmlessly(void **state)
{
	struct fixture *fixture = *state;
	char longest[256] = { 0 };

	memset(longest, 'n', 255);
	write_file(fixture, longest, "hello\n");
	write_file(fixture, "a\x1b[2J\nb", "hello\n");
	write_file(fixture,
			"c\xff\xc3\xa9\xe2\x80\xae"
			"d",
			"hello\n");
	write_file(fixture, "\xc0\xaf\xed\xa0\x80", "hello\n");
	scan(fixture);
	assert_true(holds(find(fixture, longest), "hello\n"));
	assert_string_equal(find(fixture, "a\x1b[2J\nb")->shown, "a?[2J?b");
	assert_string_equal(find(fixture,
					    "c\xff\xc3\xa9\xe2\x80\xae"
					    "d")
					    ->shown,
			"c?\xc3\xa9?d");
	assert_string_equal(find(fixture, "\xc0\xaf\xed\xa0\x80")->shown, "?????");
}

static void names_that_look_alike_are_told_apart(void **state)
{
	struct fixture *fixture = *state;
	const char *one, *other, *third;

	write_file(fixture, "z\xf6rich.pem", "hello\n");
	write_file(fixture, "z\xfcrich.pem", "hello\n");
	write_file(fixture, "z?rich.pem", "hello\n");
	scan(fixture);
	one = find(fixture, "z\xf6rich.pem")->shown;
	other = find(fixture, "z\xfcrich.pem")->shown;
	third = find(fixture, "z?rich.pem")->shown;
	assert_string_not_equal(one, other);
	assert_string_not_equal(one, third);
	assert_string_not_equal(other, third);
	assert_ptr_equal(strstr(one, "z?rich.pem"), one);
}

static int open_beneath(const struct fixture *fixture, const char *path, bool links)
{
	const struct beneath beneath = {
		.root = inlet_directory(fixture->inlet),
		.links = links,
		.without_openat2 = calls.without_openat2,
	};
	const int fd = beneath_open(&beneath, path, O_RDONLY);

	if (fd < 0)
		return errno;
	assert_int_equal(close(fd), 0);
	return 0;
}

static void nothing_is_opened_above_the_root(void **state)
{
	run(*state,
			"echo x >$T/out && mkdir -p $D/a/b && echo x >$D/in && ln -s ../in $D/a/up && "
			"ln -s ../../in $D/a/out && ln -s $D/in $D/a/absolute && ln -s up $D/a/chain && "
			"ln -s loop $D/loop && ln -s a/b $D/b");
	assert_int_equal(open_beneath(*state, "in", false), 0);
	assert_int_equal(open_beneath(*state, "a/../in", false), 0);
	assert_int_equal(open_beneath(*state, "../out", true), EXDEV);
	assert_int_equal(open_beneath(*state, "a/../../out", true), EXDEV);
	assert_int_equal(open_beneath(*state, "/etc/passwd", true), EXDEV);
	assert_int_equal(open_beneath(*state, "a/up", false), ELOOP);
	assert_int_equal(open_beneath(*state, "b/../up", false), ELOOP);
	assert_int_equal(open_beneath(*state, "a/up", true), 0);
	assert_int_equal(open_beneath(*state, "a/chain", true), 0);
	assert_int_equal(open_beneath(*state, "b/../up", true), 0);
	assert_int_equal(open_beneath(*state, "a/out", true), EXDEV);
	assert_int_equal(open_beneath(*state, "a/absolute", true), EXDEV);
	assert_int_equal(open_beneath(*state, "loop", true), ELOOP);
	assert_int_equal(open_beneath(*state, "missing", true), ENOENT);
	assert_int_equal(open_beneath(*state, "in/x", true), ENOTDIR);
}

int main(void)
{
#define claim(name) cmocka_unit_test_setup_teardown(name, start, fixture_free)
#define claim_both(name)                                                                  \
	claim(name),                                                                      \
	{                                                                                 \
#name "_without_openat2", name, start_without_openat2, fixture_free, NULL \
	}
	const struct CMUnitTest tests[] = {
		claim_both(symbolic_link_is_refused),
		claim_both(linked_directory_is_refused),
		claim_both(link_to_a_good_file_beside_it_is_refused),
		claim_both(fifo_is_refused_and_stalls_nothing),
		claim_both(device_is_refused),
		claim_both(socket_is_refused),
		claim(hard_link_is_refused),
		claim(hard_link_to_anothers_file_is_refused),
		claim(foreign_file_is_taken_where_its_owner_is_named),
		claim(set_user_id_file_is_refused),
		claim(large_file_is_refused),
		claim(sparse_giant_is_refused),
		claim(file_with_holes_is_refused),
		claim(all_together_have_a_limit),
		claim(unreadable_file_is_refused_or_read_by_root),
		claim(file_readable_by_all_is_flagged),
		claim(file_written_while_it_is_read_is_put_off),
		claim(file_that_stays_open_for_writing_is_taken),
		claim_both(swapped_file_gives_nothing_from_outside),
		claim(copy_is_sealed),
		claim(drop_that_is_a_link_is_refused),
		claim(insecure_directory_is_refused),
		claim(directory_of_a_stranger_is_refused),
		claim(made_directory_has_its_mode),
		claim(hundred_thousand_files_are_bounded),
		claim(latest_are_taken_of_too_many),
		claim(names_are_shown_harmlessly),
		claim(names_that_look_alike_are_told_apart),
		claim_both(nothing_is_opened_above_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
