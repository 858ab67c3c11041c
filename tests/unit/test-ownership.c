#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/base/owned.h"
#include "controller/certdrop/state/ownership.h"

/* Files can be given to others by root only: whoever runs the test owns them, and another one asks. */
static char directory[64], journal[80], store[80];

static uid_t owner(void)
{
	return geteuid();
}

static uid_t another(void)
{
	return geteuid() + 1;
}

static int begin(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/test-ownership-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(journal, sizeof(journal), "%s/journal.db", directory);
	(void)snprintf(store, sizeof(store), "%s/store", directory);
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlink(journal);
	(void)rmdir(store);
	return rmdir(directory);
}

static void make_journal(void)
{
	autoclose int fd = open(journal, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void assert_refused(bool lets, const struct error *error)
{
	assert_false(lets);
	assert_int_equal(error->kind, ERROR_CONFIG);
	assert_non_null(strstr(error->text, directory));
	assert_non_null(strstr(error->text, "run this as that user"));
}

static void nobody_writes_into_the_state_of_another(void **state)
{
	struct error error;

	(void)state;
	make_journal();
	assert_true(ownership_lets_write(directory, owner(), &error));
	assert_refused(ownership_lets_write(directory, another(), &error), &error);
}

static void root_begins_none_in_a_directory_of_another(void **state)
{
	struct error error;

	(void)state;
	if (owner() == 0)
		assert_int_equal(chown(directory, 65534, (gid_t)-1), 0);
	assert_refused(ownership_lets_write(directory, 0, &error), &error);
	assert_refused(ownership_lets_look(directory, 0, &error), &error);
	/* A group's rights may let others in. */
	assert_true(ownership_lets_write(directory, 12345, &error));
}

static void what_is_there_may_be_looked_at(void **state)
{
	struct error error;

	(void)state;
	make_journal();
	assert_refused(ownership_lets_look(directory, another(), &error), &error);
	assert_int_equal(mkdir(store, 0700), 0);
	assert_true(ownership_lets_look(directory, another(), &error));
}

static void where_nothing_is_anybody_may_begin(void **state)
{
	struct error error;

	(void)state;
	assert_true(ownership_lets_write("/tmp/there-is/no-such-state", 0, &error));
	assert_true(ownership_lets_write("/tmp/there-is/no-such-state", 1, &error));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		claim(nobody_writes_into_the_state_of_another),
		claim(root_begins_none_in_a_directory_of_another),
		claim(what_is_there_may_be_looked_at),
		claim(where_nothing_is_anybody_may_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
