#include "tests/unit/unit.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/certdrop/turn.h"
#include "tests/unit/controlling.h"

/* A disk that is full or broken for a while: what could not be written is written when it can be. */

enum { COMMIT_AGAIN_MS = 5000 };

/* The linker puts this in front of libuv's: see meson.build. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t timeout, uint64_t repeat)
{
	if (timeout == COMMIT_AGAIN_MS)
		timeout /= 50;
	return __real_uv_timer_start(timer, called, timeout, repeat);
}

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	part("worker.ask", "say answer installed\\n\\tleaf old 4000000000\\nend asked\\n");
	return 0;
}

static bool is_busy(void)
{
	return here.controller->passes > 0;
}

static bool is_sound(void)
{
	return !here.controller->degraded;
}

static bool is_degraded(void)
{
	return here.controller->degraded;
}

static void start_service(void)
{
	start_controller(MODE_SERVICE);
	run_while(is_busy);
}

/* What the journal says is wanted for "web"; only when nobody has it. */
static const char *remembered(void)
{
	const char *wanted = NULL;
	sqlite3_stmt *row;
	sqlite3 *database;

	assert_int_equal(sqlite3_open(in_directory("state/journal.db"), &database), SQLITE_OK);
	assert_int_equal(
			sqlite3_prepare_v2(database, "SELECT wanted FROM target WHERE name = 'web'",
					-1, &row, NULL),
			SQLITE_OK);
	if (sqlite3_step(row) == SQLITE_ROW)
		wanted = arena_copy(here.arena, (const char *)sqlite3_column_text(row, 0));
	(void)sqlite3_finalize(row);
	(void)sqlite3_close(database);
	return wanted;
}

static void what_a_failed_commit_has_undone_is_written_again(void **state)
{
	const struct words none = { 0 };
	const struct credential *wanted;
	struct subject *mail;

	(void)state;
	start_service();
	wanted = make_credential("web");
	mail = controller_find(here.controller, "mail");
	limit_files(1);
	subject_want(here.subject, wanted, NULL, none);
	run_while(is_sound);
	limit_files(0);
	/* Anything that is to be written is an occasion. */
	subject_accepted(mail, 1);
	run_while(is_degraded);
	stop_controller();
	assert_string_equal(remembered(), wanted->digest);
}

static void what_could_not_be_written_is_tried_again_without_an_occasion(void **state)
{
	const struct words none = { 0 };
	const struct credential *wanted;

	(void)state;
	start_service();
	wanted = make_credential("web");
	limit_files(1);
	subject_want(here.subject, wanted, NULL, none);
	run_while(is_sound);
	limit_files(0);
	assert_true(uv_is_active((uv_handle_t *)&here.controller->commit));
	stop_controller();
	assert_string_equal(remembered(), wanted->digest);
}

/* The journal's log is longer than that once there are tables; credentials and receipts are not. */
enum { ROOM_FOR_ALL_BUT_THE_JOURNAL = 16384 };

static bool has_not_failed(void)
{
	return here.subject->outcome.state != STATE_FAILED;
}

static bool is_not_in_service(void)
{
	return subject_state(here.subject) != STATE_IN_SERVICE;
}

static void nothing_is_begun_on_a_journal_that_cannot_be_written(void **state)
{
	const struct words none = { 0 };
	const struct credential *wanted;

	(void)state;
	start_service();
	/* That it is tried again later is not what this waits for. */
	here.controller->config->retry_first_ms = here.controller->config->retry_cap_ms = 3600000;
	wanted = make_credential("web");
	part("worker.apply", "mark begun\nsay end failed\\n\n");
	limit_files(ROOM_FOR_ALL_BUT_THE_JOURNAL);
	subject_want(here.subject, wanted, NULL, none);
	run_while(is_sound);
	controller_due(here.controller, here.subject);
	run_while(has_not_failed);
	run_while(is_busy);
	assert_false(was_marked("begun"));
	assert_true(here.subject->retry_at_ms > 0);
	assert_non_null(strstr(subject_reason(here.subject), in_directory("state/journal.db: ")));
	assert_non_null(strstr(here.controller->degraded, in_directory("state/journal.db: ")));
	assert_non_null(strstr(here.controller->degraded, strerror(EFBIG)));

	limit_files(0);
	part("worker.ask",
			arena_printf(here.arena,
					"say answer installed\\n\\tleaf %s 4000000000\\nend asked\\n",
					wanted->fingerprint));
	run_while(is_not_in_service);
	stop_controller();
	assert_string_equal(remembered(), wanted->digest);
}

static void a_receipt_that_could_not_be_written_is_written_later(void **state)
{
	const char *receipt = in_directory("drop/web/receipt.json");

	(void)state;
	start_service();
	limit_files(1);
	subject_tell_intake(here.subject, STATE_REFUSED, "it is no certificate");
	assert_int_equal(access(receipt, F_OK), -1);
	limit_files(0);
	controller_rescan(here.controller);
	assert_int_equal(access(receipt, F_OK), 0);
	run_while(is_busy);
	stop_controller();
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_a_failed_commit_has_undone_is_written_again),
		claim(what_could_not_be_written_is_tried_again_without_an_occasion),
		claim(nothing_is_begun_on_a_journal_that_cannot_be_written),
		claim(a_receipt_that_could_not_be_written_is_written_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
