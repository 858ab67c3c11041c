#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/journaling.h"

/* What is remembered of a target survives a restart and a later release; what was not committed does
 * not. */

static void what_is_remembered_survives_a_reopen(void **state)
{
	const struct remembered bare = { .state = "idle" };
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	journal_remember(journal, "bare", &bare);
	commit();
	open_again();

	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, sample.wanted);
	assert_string_equal(found.predecessor, sample.predecessor);
	assert_string_equal(found.state, sample.state);
	assert_string_equal(found.reason, sample.reason);
	assert_string_equal(found.inputs, sample.inputs);
	assert_int_equal(found.since, sample.since);
	assert_int_equal(found.accepted_ns, sample.accepted_ns);
	assert_int_equal(found.in_service_since, sample.in_service_since);
	assert_true(journal_target(journal, arena, "bare", &found));
	assert_null(found.wanted);
	assert_null(found.predecessor);
	assert_null(found.reason);
	assert_null(found.inputs);
	assert_false(journal_target(journal, arena, "other", &found));
}

static void what_was_not_committed_is_gone(void **state)
{
	const struct remembered newer = { .wanted = "dd44", .state = "idle" };
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	journal_remember(journal, "web", &newer);
	journal_park(journal, "web", "dd44", "no");
	assert_true(journal_pressing(journal));
	open_again();

	assert_false(journal_pressing(journal));
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, "aa11");
	assert_null(journal_parked(journal, arena, "web", "dd44"));
}

static void reading_leaves_nothing_to_commit(void **state)
{
	struct remembered found;

	(void)state;
	(void)journal_target(journal, arena, "web", &found);
	(void)journal_parked(journal, arena, "web", "aa");
	journal_unpark(journal, "web");
	journal_prune(journal, "web", 3);
	assert_false(journal_pressing(journal));
	commit();
}

static void what_is_parked_is_parked_for_its_target_alone(void **state)
{
	(void)state;
	journal_park(journal, "web", "aa", "the server refused it");
	journal_park(journal, "web", "bb", "first");
	journal_park(journal, "web", "bb", "second");
	journal_park(journal, "mail", "aa", "another story");
	commit();
	open_again();

	assert_string_equal(journal_parked(journal, arena, "web", "aa"), "the server refused it");
	assert_string_equal(journal_parked(journal, arena, "web", "bb"), "second");
	assert_null(journal_parked(journal, arena, "db", "aa"));
	assert_null(journal_parked(journal, arena, "web", "cc"));

	journal_unpark(journal, "web");
	commit();
	assert_null(journal_parked(journal, arena, "web", "aa"));
	assert_null(journal_parked(journal, arena, "web", "bb"));
	assert_string_equal(journal_parked(journal, arena, "mail", "aa"), "another story");
}

static void pruning_keeps_what_was_parked_last(void **state)
{
	(void)state;
	journal_park(journal, "web", "aa", "once more, later on");
	journal_park(journal, "web", "bb", "the oldest");
	journal_park(journal, "mail", "cc", "of another target");
	journal_park(journal, "web", "dd", "no");
	journal_park(journal, "web", "aa", "the latest");
	journal_prune(journal, "web", 2);
	commit();
	assert_null(journal_parked(journal, arena, "web", "bb"));
	assert_string_equal(journal_parked(journal, arena, "web", "aa"), "the latest");
	assert_string_equal(journal_parked(journal, arena, "web", "dd"), "no");
	assert_string_equal(journal_parked(journal, arena, "mail", "cc"), "of another target");
	assert_string_equal(journal_last_parked(journal, arena, "web"), "aa");
}

static void run_sql(const char *sql)
{
	sqlite3 *database = NULL;

	journal_close(journal);
	journal = NULL;
	assert_int_equal(sqlite3_open(path_of("journal.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void a_database_of_before_is_brought_up_to_date(void **state)
{
	struct remembered found;

	(void)state;
	journal_remember(journal, "web", &sample);
	commit();
	run_sql("ALTER TABLE target DROP COLUMN in_service; ALTER TABLE step DROP COLUMN at;"
		"PRAGMA user_version = 1;");
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_string_equal(found.wanted, sample.wanted);
	assert_int_equal(found.in_service_since, 0);
	journal_remember(journal, "web", &sample);
	commit();
	open_again();
	assert_true(journal_target(journal, arena, "web", &found));
	assert_int_equal(found.in_service_since, sample.in_service_since);
}

static void the_database_is_for_its_owner_alone(void **state)
{
	struct stat facts;

	(void)state;
	journal_close(journal);
	journal = NULL;
	assert_int_equal(unlink(path_of("journal.db")), 0);
	assert_int_equal(rmdir(directory), 0);
	(void)umask(0);
	open_again();
	(void)umask(022);
	assert_int_equal(stat(directory, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0700);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, journaling_begin, journaling_end)
	const struct CMUnitTest tests[] = {
		claim(what_is_remembered_survives_a_reopen),
		claim(what_was_not_committed_is_gone),
		claim(reading_leaves_nothing_to_commit),
		claim(what_is_parked_is_parked_for_its_target_alone),
		claim(pruning_keeps_what_was_parked_last),
		claim(a_database_of_before_is_brought_up_to_date),
		claim(the_database_is_for_its_owner_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
