#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/journaling.h"

/* A disk that cannot be read, or written, for a while. */

static bool reads_fail, writes_fail;

/* Instead of the library's, for SQLite. */
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
	if (!reads_fail)
		return syscall(SYS_pread64, fd, bytes, length, offset);
	errno = EIO;
	return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
	if (!writes_fail)
		return syscall(SYS_pwrite64, fd, bytes, length, offset);
	errno = ENOSPC;
	return -1;
}

static int end(void **state)
{
	reads_fail = writes_fail = false;
	return journaling_end(state);
}

static void fail_to_commit(void)
{
	struct error error;

	writes_fail = true;
	assert_false(journal_commit(journal, &error));
	assert_int_equal(error.kind, ERROR_RETRY);
	writes_fail = false;
}

static int64_t begin_pass(const char *target, const char *plan)
{
	const struct pass_entry entry = {
		.target = target, .credential = "aa11", .plan = plan, .started = 1800000000
	};

	return journal_pass_begin(journal, &entry);
}

static void assert_open(const char *target, int64_t pass, const char *plan)
{
	const struct pass_entry *open = journal_open_pass(journal, arena, target);

	assert_non_null(open);
	assert_int_equal(open->id, pass);
	assert_string_equal(open->credential, "aa11");
	assert_string_equal(open->plan, plan);
	assert_int_equal(open->started, 1800000000);
}

/* Without it nobody would know after a crash that the step has to be put back. */
static void a_pass_that_was_not_committed_is_written_with_its_first_step(void **state)
{
	int64_t pass;

	(void)state;
	pass = begin_pass("web", "plan web");
	fail_to_commit();
	journal_step_begin(journal, pass, 0, false, "make it so");
	commit();
	open_again();
	assert_open("web", pass, "plan web");
	assert_int_equal(journal_begun(journal, arena, pass).count, 1);
}

static void its_number_is_not_given_to_another_one(void **state)
{
	int64_t web, mail;

	(void)state;
	web = begin_pass("web", "plan web");
	fail_to_commit();
	mail = begin_pass("mail", "plan mail");
	commit();
	assert_open("mail", mail, "plan mail");
	journal_pass_end(journal, web, "failed", "no", -1);
	commit();
	assert_open("mail", mail, "plan mail");
	assert_null(journal_open_pass(journal, arena, "web"));
}

static void neither_is_that_of_one_that_is_begun_after_a_failure(void **state)
{
	char *much = arena_alloc(arena, 8000000);
	int64_t web, mail;

	(void)state;
	web = begin_pass("web", "plan web");
	commit();
	/* More than is kept in memory: it fails before the commit does. */
	memset(much, 'x', 7999999);
	writes_fail = true;
	journal_park(journal, "mail", "aa11", much);
	mail = begin_pass("mail", "plan mail");
	fail_to_commit();
	assert_int_not_equal(web, mail);
	journal_pass_end(journal, mail, "failed", "no", -1);
	commit();
	assert_open("web", web, "plan web");
}

static void what_is_over_is_not_written_again(void **state)
{
	const int64_t first = begin_pass("web", "plan one");
	int64_t second;

	(void)state;
	journal_pass_end(journal, first, "failed", "no", -1);
	fail_to_commit();
	second = begin_pass("mail", "plan two");
	journal_step_begin(journal, second, 0, false, "make it so");
	commit();
	assert_null(journal_open_pass(journal, arena, "web"));
	assert_open("mail", second, "plan two");
}

/* That there is nothing, and that it cannot be read, are two things. */
static void what_could_not_be_read_is_told_by_the_next_commit(void **state)
{
	char *plan = arena_alloc(arena, 100000);
	struct error error;

	(void)state;
	memset(plan, 'x', 99999);
	/* More than the pages that are kept in memory. */
	for (int i = 0; i < 100; i++)
		(void)begin_pass("mail", plan);
	(void)begin_pass("web", plan);
	for (int i = 0; i < 100; i++)
		(void)begin_pass("mail", plan);
	commit();
	open_again();
	reads_fail = true;
	assert_null(journal_open_pass(journal, arena, "web"));
	(void)begin_pass("web", "another");
	/* SQLite takes a read that failed for damage. */
	assert_false(journal_commit(journal, &error));
	assert_non_null(strstr(error.text, "journal.db: database disk image is malformed"));
	reads_fail = false;
	assert_non_null(journal_open_pass(journal, arena, "web"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, journaling_begin, end)
	const struct CMUnitTest tests[] = {
		claim(a_pass_that_was_not_committed_is_written_with_its_first_step),
		claim(its_number_is_not_given_to_another_one),
		claim(neither_is_that_of_one_that_is_begun_after_a_failure),
		claim(what_is_over_is_not_written_again),
		claim(what_could_not_be_read_is_told_by_the_next_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
