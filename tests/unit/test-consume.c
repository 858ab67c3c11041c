#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/unit/intake.h"

/* What was taken in is removed from the drop, and never anything else: not a file that came in its
 * place, nor the one behind a link. */

enum { SWAPS = 400 };

static int start(void **state)
{
	const struct inlet_policy policy = { .grace_ms = -1 };
	struct fixture *fixture = fixture_new();

	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, &policy, NULL);
	*state = fixture;
	return 0;
}

static void consumed_files_are_gone(void **state)
{
	struct fixture *fixture = *state;
	struct entry entries[2];
	size_t stayed = 9;

	run(fixture, "echo key >$D/key && echo crt >$D/crt && echo other >$D/other");
	scan(fixture);
	entries[0] = find(fixture, "key")->entry;
	entries[1] = find(fixture, "crt")->entry;
	assert_true(inlet_consume(fixture->inlet, entries, 2, &stayed, &fixture->error));
	assert_int_equal(stayed, 0);
	run(fixture, "test \"$(ls $D)\" = other");
}

static bool disk_is_broken;

/* Instead of the library's. */
int unlinkat(int directory, const char *name, int flags)
{
	if (!disk_is_broken)
		return (int)syscall(SYS_unlinkat, directory, name, flags);
	errno = EIO;
	return -1;
}

static void what_cannot_be_consumed_keeps_its_name(void **state)
{
	struct fixture *fixture = *state;

	run(fixture, "echo key >$D/key");
	scan(fixture);
	disk_is_broken = true;
	assert_false(inlet_consume(
			fixture->inlet, &find(fixture, "key")->entry, 1, NULL, &fixture->error));
	disk_is_broken = false;
	assert_int_equal(fixture->error.kind, ERROR_RETRY);
	run(fixture, "test \"$(ls -A $D)\" = key");
}

static void replaced_file_is_not_consumed(void **state)
{
	struct fixture *fixture = *state;
	size_t stayed = 0;

	run(fixture, "echo old >$D/web.pem");
	scan(fixture);
	run(fixture, "echo new >$T/a && mv $T/a $D/web.pem");
	assert_true(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, &stayed,
			&fixture->error));
	assert_int_equal(stayed, 1);
	run(fixture, "test \"$(cat $D/web.pem)\" = new");
}

static void rewritten_file_is_not_consumed(void **state)
{
	struct fixture *fixture = *state;
	size_t stayed = 0;

	run(fixture, "echo old >$D/web.pem");
	scan(fixture);
	run(fixture, "echo newer >$D/web.pem");
	assert_true(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, &stayed,
			&fixture->error));
	assert_int_equal(stayed, 1);
	run(fixture, "test \"$(cat $D/web.pem)\" = newer");
}

static void file_whose_times_and_mode_were_set_last_is_consumed(void **state)
{
	struct fixture *fixture = *state;
	size_t stayed = 9;

	run(fixture, "echo crt >$D/web.pem");
	scan(fixture);
	run(fixture, "chmod 0640 $D/web.pem && touch -d 2020-01-01 $D/web.pem");
	assert_true(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, &stayed,
			&fixture->error));
	assert_int_equal(stayed, 0);
	run(fixture, "test ! -e $D/web.pem");
}

/* It may belong to another certificate now, which waits for it. */
static void same_key_written_again_is_not_consumed(void **state)
{
	struct fixture *fixture = *state;
	size_t stayed = 0;

	run(fixture, "echo key >$D/tls.key && touch -d 2020-01-01 $D/tls.key");
	scan(fixture);
	run(fixture, "echo key >$D/tls.key");
	assert_true(inlet_consume(fixture->inlet, &find(fixture, "tls.key")->entry, 1, &stayed,
			&fixture->error));
	assert_int_equal(stayed, 1);
	run(fixture, "test -e $D/tls.key");
}

/* As within one tick of a clock that counts in seconds. */
static void other_content_of_the_same_size_and_time_is_not_consumed(void **state)
{
	struct fixture *fixture = *state;
	struct entry entry;
	struct stat status;
	size_t stayed = 0;
	char path[200];

	run(fixture, "echo old >$D/web.pem && touch -d 2020-01-01 $D/web.pem");
	scan(fixture);
	entry = find(fixture, "web.pem")->entry;
	run(fixture, "echo new >$D/web.pem && touch -d 2020-01-01 $D/web.pem");
	(void)snprintf(path, sizeof(path), "%s/web.pem", fixture->path);
	assert_int_equal(stat(path, &status), 0);
	entry.identity.changed_ns = status.st_ctim.tv_sec * 1000000000LL + status.st_ctim.tv_nsec;
	assert_true(inlet_consume(fixture->inlet, &entry, 1, &stayed, &fixture->error));
	assert_int_equal(stayed, 1);
	run(fixture, "test \"$(cat $D/web.pem)\" = new");
}

struct swap {
	char from[160], to[160];
	pthread_barrier_t start;
};

static void *swap_in(void *argument)
{
	struct swap *swap = argument;

	(void)pthread_barrier_wait(&swap->start);
	assert_int_equal(rename(swap->from, swap->to), 0);
	return NULL;
}

static void file_that_takes_the_name_at_that_very_moment_is_not_consumed(void **state)
{
	struct fixture *fixture = *state;
	struct swap swap;

	(void)snprintf(swap.from, sizeof(swap.from), "%s/.new", fixture->path);
	(void)snprintf(swap.to, sizeof(swap.to), "%s/web.pem", fixture->path);
	assert_int_equal(pthread_barrier_init(&swap.start, NULL, 2), 0);
	for (int i = 0; i < SWAPS; i++) {
		pthread_t thread;

		write_file(fixture, "web.pem", "old");
		scan(fixture);
		write_file(fixture, ".new", "new");
		assert_int_equal(pthread_create(&thread, NULL, swap_in, &swap), 0);
		(void)pthread_barrier_wait(&swap.start);
		assert_true(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, NULL,
				&fixture->error));
		(void)pthread_join(thread, NULL);
		assert_int_equal(access(swap.to, F_OK), 0);
	}
	(void)pthread_barrier_destroy(&swap.start);
}

static void what_a_crash_left_aside_comes_back(void **state)
{
	struct fixture *fixture = *state;

	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/left", fixture->base);
	run(fixture, "mkdir -m 0700 $D && echo one >$D/.certdrop-aside.web.pem");
	run(fixture, "echo two >$D/.certdrop-aside.key.pem && echo three >$D/key.pem");
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, NULL, NULL);
	scan(fixture);
	assert_int_equal(fixture->harvest.count, 3);
	assert_true(holds(find(fixture, "web.pem"), "one\n"));
	assert_true(holds(find(fixture, "key.pem"), "three\n"));
	assert_true(holds(find(fixture, "certdrop-aside.key.pem"), "two\n"));
}

static void consuming_follows_no_link(void **state)
{
	struct fixture *fixture = *state;
	size_t stayed = 0;

	run(fixture, "echo old >$D/web.pem");
	scan(fixture);
	run(fixture, "mv $D/web.pem $T/moved && ln -s $T/moved $D/web.pem");
	assert_true(inlet_consume(fixture->inlet, &find(fixture, "web.pem")->entry, 1, &stayed,
			&fixture->error));
	assert_int_equal(stayed, 1);
	run(fixture, "test \"$(cat $T/moved)\" = old && test -L $D/web.pem");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, start, fixture_free)
	const struct CMUnitTest tests[] = {
		claim(consumed_files_are_gone),
		claim(what_cannot_be_consumed_keeps_its_name),
		claim(replaced_file_is_not_consumed),
		claim(rewritten_file_is_not_consumed),
		claim(file_whose_times_and_mode_were_set_last_is_consumed),
		claim(same_key_written_again_is_not_consumed),
		claim(other_content_of_the_same_size_and_time_is_not_consumed),
		claim(file_that_takes_the_name_at_that_very_moment_is_not_consumed),
		claim(what_a_crash_left_aside_comes_back),
		claim(consuming_follows_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
