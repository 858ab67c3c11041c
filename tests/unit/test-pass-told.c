#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/present/receipt.h"
#include "tests/unit/passing.h"

/* What is told of a pass is told of the credential that went through it, and of no other: in the
 * state of the target, in its receipt and in the log, where nothing is said twice. */

/* ---- another drop while one is carried out ---- */

static void drop_another(void)
{
	watcher.also = NULL;
	want(here.subject, "second");
	controller_due(here.controller, here.subject);
}

static void what_was_not_put_into_service_is_not_told_to_be(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = want(here.subject, "first");
	install("old", 4000000000, "");
	part("worker.apply", works);
	watch(NULL);
	watcher.also = drop_another;
	here.controller->config->workers = 1;
	controller_due(here.controller, here.subject);
	while (watcher.applied < 2)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	assert_string_equal(here.subject->predecessor, first->digest);
	assert_int_equal(here.subject->in_service_since, 0);
	assert_state(here.subject, STATE_APPLYING);
	install(make_credential("second")->fingerprint, 4000000000, "");
	run_while(is_busy);
	assert_state(here.subject, STATE_IN_SERVICE);
	controller_unobserve(here.controller, &watcher.observer);
}

static void what_fails_is_parked_and_not_what_came_meanwhile(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = want(here.subject, "first");
	install("old", 4000000000, "");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nfailed 1 5 retry no\\nend undone\\n");
	watch(make_credential("second")->fingerprint);
	watcher.also = drop_another;
	run_pass();
	assert_string_equal(journal_last_parked(here.controller->journal, here.arena, "web"),
			first->digest);
	assert_string_equal(here.subject->wanted, make_credential("second")->digest);
	assert_state(here.subject, STATE_IN_SERVICE);
	controller_unobserve(here.controller, &watcher.observer);
}

static void what_has_changed_nothing_is_told_so_and_not_parked(void **state)
{
	struct pass_entry latest;
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = want(here.subject, "first");
	install("old", 4000000000, "");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay failed 0 5 retry \"it is busy\"\\nend failed\\n");
	run_pass();
	assert_state(here.subject, STATE_FAILED);
	assert_reason(here.subject, ": it is busy; nothing was changed");
	assert_null(journal_last_parked(here.controller->journal, here.arena, "web"));
	assert_string_equal(here.subject->wanted, first->digest);
	assert_null(open_pass());
	journal_passes(here.controller->journal, "web", 1, keep_pass, &latest);
	assert_string_equal(latest.outcome, "failed");
	assert_non_null(strstr(latest.reason, "nothing was changed"));
}

/* ---- what the receipt has of it ---- */

/* So many steps, and a gap or none. */
static void assert_receipt(const struct credential *of, size_t steps, bool gap)
{
	json_t *receipt = json_load_file(in_directory("drop/web/" RECEIPT_NAME), 0, NULL);

	assert_non_null(receipt);
	assert_string_equal(json_string_value(json_object_get(receipt, "fingerprint")),
			of->fingerprint);
	assert_int_equal(json_array_size(json_object_get(receipt, "steps")), steps);
	assert_true(json_is_integer(json_object_get(receipt, "gap_ms")) == gap);
	json_decref(receipt);
}

static const struct credential *put_first_into_service(void)
{
	const struct credential *first = want(here.subject, "first");

	part("worker.apply", works);
	watch(first->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	return first;
}

static void what_one_went_through_is_not_told_of_the_next(void **state)
{
	const struct credential *second;

	(void)state;
	start_controller(MODE_ONCE);
	assert_receipt(put_first_into_service(), 2, true);
	second = want(here.subject, "second");
	here.held = "somebody has to agree";
	run_pass();
	assert_state(here.subject, STATE_HELD);
	assert_receipt(second, 0, false);

	here.held = NULL;
	watch(second->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_receipt(second, 2, true);
}

static void drop_what_is_held(void)
{
	here.held = "somebody has to agree";
	drop_another();
}

static void what_one_goes_through_is_not_told_of_what_came_meanwhile(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	want(here.subject, "first");
	part("worker.apply", works);
	watch(NULL);
	watcher.also = drop_what_is_held;
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_HELD);
	assert_receipt(make_credential("second"), 0, false);
}

static void what_was_put_back_is_told_with_what_it_went_through(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = put_first_into_service();
	want(here.subject, "second");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nfailed 1 5 retry no\\ndone 0 5 undo\\n"
			"end undone\\n");
	run_pass();
	assert_state(here.subject, STATE_ROLLED_BACK);
	assert_receipt(first, 3, false);
	run_pass();
	assert_receipt(first, 3, false);

	subject_want_back(here.subject, NULL);
	subject_tell_outcome(here.subject, STATE_WAITING, "an order");
	assert_int_equal(here.subject->deeds.steps.count, 0);
}

static void after_a_refusal_what_is_in_service_has_its_own_again(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = put_first_into_service();
	here.refuses = want(here.subject, "second")->fingerprint;
	subject_tell_taken_in(here.subject);
	assert_receipt(make_credential("second"), 0, false);
	assert_true(verdict_await(here.subject));
	run_pass();
	subject_tell_intake(here.subject, STATE_REFUSED, "another server has it");
	assert_receipt(first, 2, true);
}

/* ---- the log ---- */

/* What is logged goes to a file from now on; gives what log_back() needs. */
static int log_to_file(void)
{
	autoclose int file =
			open(in_directory("log"), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	const int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	assert_true(file >= 0 && saved >= 0);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	return saved;
}

static void log_back(int saved)
{
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
}

static size_t count_logged(const char *line)
{
	autoclose int directory = open(here.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autodone(buffer) struct buffer text = { 0 };
	struct error error;
	size_t count = 0;

	assert_true(file_read(directory, "log", 1 << 20, &text, &error));
	for (const char *at = buffer_text(&text); (at = strstr(at, line)); at++)
		count++;
	return count;
}

static void what_is_refused_is_logged_once(void **state)
{
	int saved;

	(void)state;
	start_service();
	saved = log_to_file();
	for (int i = 0; i < 2; i++) {
		subject_tell_intake(here.subject, STATE_REFUSED, "the key is EC");
		subject_tell_applying(here.subject, NULL);
		subject_tell_not_applying(here.subject);
	}
	subject_tell_intake(here.subject, STATE_WAITING, "the key for CN=a");
	log_back(saved);
	assert_int_equal(count_logged("target web: refused: the key is EC\n"), 1);
	assert_int_equal(count_logged("target web: waiting: the key for CN=a\n"), 1);

	/* What comes again after something else is. */
	saved = log_to_file();
	subject_tell_intake(here.subject, STATE_IDLE, NULL);
	subject_tell_intake(here.subject, STATE_REFUSED, "the key is EC");
	log_back(saved);
	assert_int_equal(count_logged("target web: refused: the key is EC\n"), 2);
}

static void what_is_held_is_logged_when_more_than_a_number_changes(void **state)
{
	int saved;

	(void)state;
	start_service();
	saved = log_to_file();
	subject_tell_outcome(here.subject, STATE_HELD, "it is 12:00, which cannot be trusted");
	subject_tell_outcome(here.subject, STATE_HELD, "it is 12:01, which cannot be trusted");
	subject_tell_outcome(here.subject, STATE_HELD, "a peer is offline");
	log_back(saved);
	assert_int_equal(count_logged("target web: held: it is "), 1);
	assert_int_equal(count_logged("target web: held: a peer is offline\n"), 1);
}

static void whoever_only_asks_logs_nothing(void **state)
{
	int saved;

	(void)state;
	start_controller(MODE_DRY);
	saved = log_to_file();
	subject_tell_intake(here.subject, STATE_REFUSED, "the key is EC");
	log_back(saved);
	assert_int_equal(count_logged("target web"), 0);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_was_not_put_into_service_is_not_told_to_be),
		claim(what_fails_is_parked_and_not_what_came_meanwhile),
		claim(what_has_changed_nothing_is_told_so_and_not_parked),
		claim(what_one_went_through_is_not_told_of_the_next),
		claim(what_one_goes_through_is_not_told_of_what_came_meanwhile),
		claim(what_was_put_back_is_told_with_what_it_went_through),
		claim(after_a_refusal_what_is_in_service_has_its_own_again),
		claim(what_is_refused_is_logged_once),
		claim(what_is_held_is_logged_when_more_than_a_number_changes),
		claim(whoever_only_asks_logs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
