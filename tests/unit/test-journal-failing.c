#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/journaling.h"

/* A disk that cannot be read for a while. */

static bool reads_fail;

/* Instead of the library's, for SQLite. */
ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
	if (!reads_fail)
		return syscall(SYS_pread64, fd, bytes, length, offset);
	errno = EIO;
	return -1;
}

static int end(void **state)
{
	reads_fail = false;
	return journaling_end(state);
}

static int64_t begin_pass(const char *target, const char *plan)
{
	const struct pass_entry entry = {
		.target = target, .credential = "aa11", .plan = plan, .started = 1800000000
	};

	return journal_pass_begin(journal, &entry);
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
	assert_string_equal(error.text, "journal: database disk image is malformed");
	reads_fail = false;
	assert_non_null(journal_open_pass(journal, arena, "web"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, journaling_begin, end)
	const struct CMUnitTest tests[] = {
		claim(what_could_not_be_read_is_told_by_the_next_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
