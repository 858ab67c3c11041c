#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/journaling.h"

/* When the disk or somebody else is in the way: what is damaged is moved aside, what only cannot be
 * read or written just now stays as it is. */

/* ---- what is damaged ---- */

static void spoil(const char *name, long offset)
{
	static const char noise[8192] = "this is not what was written here";
	const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, noise, sizeof(noise), offset), (ssize_t)sizeof(noise));
	assert_int_equal(close(fd), 0);
}

static void expect_a_new_one(void)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct remembered found;
	struct error error;

	journal = journal_open(directory, &notice, &error);
	if (!journal)
		fail_msg("%s", error.text);
	assert_non_null(strstr(buffer_text(&notice), "is damaged ("));
	assert_non_null(strstr(buffer_text(&notice), "moved aside to"));
	assert_non_null(strstr(
			buffer_text(&notice), "a downgrade or what was put back is not noticed"));
	assert_null(strstr(buffer_text(&notice), "not an error"));
	assert_int_equal(access(path_of("journal.db.damaged"), F_OK), 0);
	assert_false(journal_target(journal, arena, "web", &found));
	journal_remember(journal, "web", &sample);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
}

static void what_is_no_database_is_moved_aside(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
}

static void a_database_with_a_damaged_page_is_moved_aside(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	spoil("journal.db", 4096);
	expect_a_new_one();
}

static int reads_until_failure;

/* Instead of the library's, for SQLite. */
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
	if (reads_until_failure > 0 && --reads_until_failure == 0) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, bytes, length, offset);
}

static void a_read_that_failed_is_no_damage(void **state)
{
	bool failed = true;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_close(journal);
	/* Each read of an opening in turn, until there are no more. */
	for (int at = 1; failed; at++) {
		autodone(buffer) struct buffer notice = { 0 };
		struct error error;

		reads_until_failure = at;
		journal = journal_open(directory, &notice, &error);
		failed = reads_until_failure == 0;
		reads_until_failure = 0;
		assert_int_equal(notice.length, 0);
		assert_int_equal(access(path_of("journal.db.damaged"), F_OK), -1);
		journal_close(journal);
	}
	journal = NULL;
	open_again();
	assert_true(journal_target(journal, arena, "web", &(struct remembered){ 0 }));
}

static void a_second_damage_leaves_the_first_one_alone(void **state)
{
	struct stat first, later;

	(void)state;
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
	assert_int_equal(stat(path_of("journal.db.damaged"), &first), 0);
	journal_close(journal);
	spoil("journal.db", 0);
	expect_a_new_one();
	assert_int_equal(stat(path_of("journal.db.damaged"), &later), 0);
	assert_int_equal(first.st_ino, later.st_ino);
	assert_int_equal(access(path_of("journal.db.damaged-2"), F_OK), 0);
}

static void who_only_reads_leaves_a_damaged_one_where_it_is(void **state)
{
	struct error error;

	(void)state;
	journal_close(journal);
	spoil("journal.db", 0);
	journal = journal_open(directory, NULL, &error);
	assert_null(journal);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "is damaged ("));
	assert_int_equal(access(path_of("journal.db"), F_OK), 0);
	assert_int_equal(access(path_of("journal.db.damaged"), F_OK), -1);
}

/* ---- what is not as it should be ---- */

static void a_second_opener_is_refused(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;
	int status;
	pid_t other;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	other = fork();
	if (other == 0) {
		const bool refused = !journal_open(directory, &notice, &error) &&
				error.kind == ERROR_CONFIG &&
				strstr(error.text,
						"another process has it; it may be another certdrop") &&
				notice.length == 0;

		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
	assert_int_equal(access(path_of("journal.db"), F_OK), 0);
}

static void a_link_in_its_place_is_told(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	(void)state;
	journal_close(journal);
	assert_int_equal(rename(path_of("journal.db"), path_of("journal.db.damaged")), 0);
	assert_int_equal(symlink("journal.db.damaged", path_of("journal.db")), 0);
	journal = journal_open(directory, &notice, &error);
	assert_null(journal);
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_non_null(strstr(error.text, "it may be a symbolic link"));
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
	autodone(buffer) struct buffer notice = { 0 };
	struct error error;

	(void)state;
	assert_null(journal_open(path_of("journal.db/below"), &notice, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_int_equal(notice.length, 0);
}

/* ---- a full disk ---- */

/* As on a full disk: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void remember_much(size_t size)
{
	char *text = arena_alloc(arena, size + 1);
	struct remembered much = sample;

	memset(text, 'x', size);
	much.reason = text;
	much.wanted = "much";
	journal_remember(journal, "web", &much);
}

static void expect_failed_commit(void)
{
	struct error error;

	assert_false(journal_commit(journal, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	assert_non_null(strstr(error.text, path_of("journal.db: ")));
	assert_false(journal_pressing(journal));
}

static void expect_old_state(void)
{
	struct remembered found;

	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "aa11");
	assert_false(journal_target(journal, arena, "small", &found));
}

static void a_full_disk_leaves_the_old_state(void **state)
{
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	limit_files(150000);
	journal_remember(journal, "small", &sample);
	remember_much(500000);
	expect_failed_commit();
	expect_old_state();
	limit_files(RLIM_INFINITY);
	expect_old_state();

	remember_much(500000);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "much");
}

/* SQLite ends the transaction by itself when a write fails within it. */
static void nothing_written_after_a_failure_is_kept(void **state)
{
	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	limit_files(150000);
	remember_much(8000000);
	journal_remember(journal, "small", &sample);
	expect_failed_commit();
	limit_files(RLIM_INFINITY);
	expect_old_state();
	open_again();
	expect_old_state();
}

/* ---- not where it was ---- */

static void expect_in_place(bool in_place, const char *what)
{
	struct error error = { 0 };

	assert_int_equal(journal_in_place(journal, &error), in_place);
	if (!in_place && !strstr(error.text, what))
		fail_msg("%s", error.text);
	journal_remember(journal, "web", &sample);
	assert_int_equal(journal_commit(journal, &error), in_place);
	if (!in_place && !strstr(error.text, what))
		fail_msg("%s", error.text);
}

static void nothing_is_committed_to_a_journal_that_was_removed(void **state)
{
	static const char *const names[] = { "journal.db", "journal.db-wal" };

	(void)state;
	expect_in_place(true, NULL);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rename(path_of(names[i]), path_of("away")), 0);
		expect_in_place(false, "removed while it was in use; put ");
		spoil(names[i], 0);
		expect_in_place(false, "replaced while it was in use");
		assert_int_equal(rename(path_of("away"), path_of(names[i])), 0);
		expect_in_place(true, NULL);
	}
}

static void nothing_is_committed_when_its_directory_is_gone(void **state)
{
	const char *away = arena_printf(arena, "%s-away", directory);

	(void)state;
	expect_in_place(true, NULL);
	assert_int_equal(rename(directory, away), 0);
	expect_in_place(false, "removed while it was in use; put ");
	assert_int_equal(rename(away, directory), 0);
	expect_in_place(true, NULL);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, journaling_begin, journaling_end)
	const struct CMUnitTest tests[] = {
		claim(what_is_no_database_is_moved_aside),
		claim(a_database_with_a_damaged_page_is_moved_aside),
		claim(a_read_that_failed_is_no_damage),
		claim(a_second_damage_leaves_the_first_one_alone),
		claim(who_only_reads_leaves_a_damaged_one_where_it_is),
		claim(a_second_opener_is_refused),
		claim(a_link_in_its_place_is_told),
		claim(a_directory_that_cannot_be_made_is_told),
		claim(a_full_disk_leaves_the_old_state),
		claim(nothing_written_after_a_failure_is_kept),
		claim(nothing_is_committed_to_a_journal_that_was_removed),
		claim(nothing_is_committed_when_its_directory_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
