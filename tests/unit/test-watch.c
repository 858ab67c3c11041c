#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <sys/inotify.h>

#include "tests/unit/intake.h"

/* Without events, with too many of them, and with many directories. */

static int init_errno, watch_errno;

static int failing_init(int flags)
{
	errno = init_errno;
	return init_errno ? -1 : inotify_init1(flags);
}

static int failing_add_watch(int fd, const char *path, uint32_t mask)
{
	errno = watch_errno;
	return watch_errno ? -1 : inotify_add_watch(fd, path, mask);
}

static const struct intake_calls calls = {
	.inotify_init = failing_init,
	.inotify_add_watch = failing_add_watch,
};
static const struct intake_settings settings = {
	.calls = &calls,
	.rescan_ms = 20000,
	.poll_ms = 1000,
};

static int start(void **state)
{
	struct fixture *fixture = fixture_new();

	init_errno = watch_errno = 0;
	intake_free(fixture->intake);
	fixture->intake = intake_new(&settings);
	*state = fixture;
	return 0;
}

static void open_drop(struct fixture *fixture)
{
	fixture->inlet = intake_add_drop(fixture->intake, fixture->path, NULL, NULL);
	settle(fixture);
}

static void rescan_finds(struct fixture *fixture, const char *text)
{
	intake_rescan(fixture->intake);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), text));
}

static void without_inotify_it_polls_until_there_is_one(void **state)
{
	struct fixture *fixture = *state;

	intake_free(fixture->intake);
	init_errno = EMFILE;
	fixture->intake = intake_new(&settings);
	assert_int_equal(intake_fd(fixture->intake), -1);
	assert_non_null(strstr(intake_degraded(fixture->intake), "Too many open files"));
	open_drop(fixture);
	assert_int_equal(intake_rescan_ms(fixture->intake), 1000);
	run(fixture, "echo one >$D/web.pem");
	rescan_finds(fixture, "one\n");

	init_errno = 0;
	intake_rescan(fixture->intake);
	assert_true(intake_fd(fixture->intake) >= 0);
	assert_null(intake_degraded(fixture->intake));
	assert_null(inlet_degraded(fixture->inlet));
	assert_int_equal(intake_rescan_ms(fixture->intake), 20000);
	settle(fixture);
	run(fixture, "echo two >$D/web.pem");
	expect_file(fixture, "web.pem", "two\n");
}

static void without_a_watch_it_polls_until_there_is_one(void **state)
{
	struct fixture *fixture = *state;

	watch_errno = ENOSPC;
	open_drop(fixture);
	assert_non_null(strstr(inlet_degraded(fixture->inlet), "max_user_watches"));
	assert_int_equal(intake_rescan_ms(fixture->intake), 1000);
	run(fixture, "echo one >$D/web.pem");
	rescan_finds(fixture, "one\n");
	watch_errno = 0;
	intake_rescan(fixture->intake);
	assert_null(inlet_degraded(fixture->inlet));
	settle(fixture);
	run(fixture, "echo two >$D/web.pem");
	expect_file(fixture, "web.pem", "two\n");
}

/* An inotify that accepts everything and watches something else: the events of this
 * directory never come. */
static int deaf_add_watch(int fd, const char *path, uint32_t mask)
{
	(void)path;
	return inotify_add_watch(fd, "/proc/self", mask);
}

static void directory_without_events_is_polled(void **state)
{
	static const struct intake_calls deaf = { .inotify_add_watch = deaf_add_watch };
	struct fixture *fixture = *state;
	const struct intake_settings deaf_settings = { .calls = &deaf };

	intake_free(fixture->intake);
	fixture->intake = intake_new(&deaf_settings);
	open_drop(fixture);
	while (intake_rescan(fixture->intake), intake_next_dirty(fixture->intake))
		scan(fixture);
	assert_int_equal(intake_rescan_ms(fixture->intake), 30000);
	run(fixture, "echo one >$D/web.pem");
	rescan_finds(fixture, "one\n");
	assert_int_equal(intake_rescan_ms(fixture->intake), 2000);
	intake_rescan(fixture->intake);
	assert_non_null(strstr(inlet_degraded(fixture->inlet), "without events"));
	assert_int_equal(intake_rescan_ms(fixture->intake), 2000);
	assert_int_equal(intake_counters(fixture->intake).silent_changes, 1);
}

static void late_event_is_no_silent_change(void **state)
{
	struct fixture *fixture = *state;

	open_drop(fixture);
	for (int i = 0; i < 5; i++) {
		run(fixture, "echo x >$D/a && mv $D/a $D/web.pem");
		intake_rescan(fixture->intake);
		settle(fixture);
		intake_rescan(fixture->intake);
		settle(fixture);
	}
	assert_null(inlet_degraded(fixture->inlet));
	assert_int_equal(intake_counters(fixture->intake).silent_changes, 0);
}

static long queue_limit(void)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	char line[32] = "";

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	assert_int_equal(fclose(file), 0);
	return strtol(line, NULL, 10);
}

static void after_an_overflow_everything_is_looked_at(void **state)
{
	struct fixture *fixture = *state;
	const long renames = queue_limit() + 100;
	struct inlet *other;
	char path[160], name[2][200];

	open_drop(fixture);
	(void)snprintf(path, sizeof(path), "%s/other", fixture->base);
	other = intake_add_drop(fixture->intake, path, NULL, NULL);
	settle(fixture);
	for (int i = 0; i < 2; i++)
		(void)snprintf(name[i], sizeof(name[i]), "%s/%d", fixture->path, i);
	run(fixture, "echo x >$D/0");
	for (long i = 0; i < renames; i++)
		assert_int_equal(rename(name[i % 2], name[(i + 1) % 2]), 0);
	run(fixture, "echo lost >$T/other/web.pem");
	intake_drain(fixture->intake);
	assert_int_equal(intake_counters(fixture->intake).overflows, 1);
	assert_ptr_equal(intake_next_dirty(fixture->intake), fixture->inlet);
	assert_ptr_equal(intake_next_dirty(fixture->intake), other);
	fixture->inlet = other;
	scan(fixture);
	assert_true(holds(find(fixture, "web.pem"), "lost\n"));
}

/* It is missing because the queue was full, not because nobody sends it. */
static void event_lost_in_an_overflow_is_no_silent_change(void **state)
{
	static const struct intake_calls deaf = { .inotify_add_watch = deaf_add_watch };
	struct fixture *fixture = *state;
	const struct intake_settings deaf_settings = { .calls = &deaf };
	const long renames = queue_limit() + 100;
	char name[2][200];

	intake_free(fixture->intake);
	fixture->intake = intake_new(&deaf_settings);
	open_drop(fixture);
	while (intake_rescan(fixture->intake), intake_next_dirty(fixture->intake))
		scan(fixture);
	run(fixture, "echo one >$D/web.pem && mkdir $T/noise && echo x >$T/noise/0");
	rescan_finds(fixture, "one\n");
	for (int i = 0; i < 2; i++)
		(void)snprintf(name[i], sizeof(name[i]), "%s/noise/%d", fixture->base, i);
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/noise", fixture->base);
	assert_true(inotify_add_watch(intake_fd(fixture->intake), fixture->path, IN_MOVE) >= 0);
	for (long i = 0; i < renames; i++)
		assert_int_equal(rename(name[i % 2], name[(i + 1) % 2]), 0);
	intake_rescan(fixture->intake);
	assert_int_equal(intake_counters(fixture->intake).overflows, 1);
	assert_int_equal(intake_counters(fixture->intake).silent_changes, 0);
	assert_null(inlet_degraded(fixture->inlet));
}

enum { MANY = 3000 };

static void one_of_many_is_found_by_its_event(void **state)
{
	struct fixture *fixture = *state;
	char path[160];
	struct inlet *inlet = NULL;

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d", fixture->base, i);
		inlet = intake_add_drop(fixture->intake, path, NULL, NULL);
		if (i == MANY / 2)
			fixture->inlet = inlet;
	}
	intake_drain(fixture->intake);
	while (intake_next_dirty(fixture->intake))
		;
	/* One watch each, and one for the directory that they all lie in. */
	assert_int_equal(intake_counters(fixture->intake).watches, MANY + 1);
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/%d", fixture->base, MANY / 2);
	run(fixture, "echo hello >$D/web.pem");
	expect_file(fixture, "web.pem", "hello\n");
	run(fixture, "rm -r $D");
	assert_ptr_equal(next_dirty(fixture, DEADLINE_MS), fixture->inlet);
	assert_null(intake_next_dirty(fixture->intake));
}

int main(void)
{
#define claim(name) cmocka_unit_test_setup_teardown(name, start, fixture_free)
	const struct CMUnitTest tests[] = {
		claim(without_inotify_it_polls_until_there_is_one),
		claim(without_a_watch_it_polls_until_there_is_one),
		claim(directory_without_events_is_polled),
		claim(late_event_is_no_silent_change),
		claim(after_an_overflow_everything_is_looked_at),
		claim(event_lost_in_an_overflow_is_no_silent_change),
		claim(one_of_many_is_found_by_its_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
