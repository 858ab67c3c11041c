#include "tests/unit/unit.h"

#include "controller/certdrop/feed/verdict.h"
#include "tests/unit/passing.h"

/* What plan() will not have is taken back, and what was in service before is wanted again. */

/* "first" is in service, "second" was dropped, and plan() refuses it. */
static const struct credential *refuse_the_second(const struct credential **first)
{
	const struct credential *second;

	*first = want(here.subject, "first");
	install("old", 4000000000, "");
	part("worker.apply", works);
	watch((*first)->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	here.subject->in_service_since = 1000;
	second = want(here.subject, "second");
	here.refuses = second->fingerprint;
	return second;
}

static void what_is_refused_leaves_all_as_it_was(void **state)
{
	const struct credential *first, *second;

	(void)state;
	start_controller(MODE_ONCE);
	second = refuse_the_second(&first);
	assert_true(verdict_await(here.subject));
	run_pass();
	assert_string_equal(verdict_refused(here.subject, second->digest), "another server has it");
	assert_string_equal(here.subject->wanted, first->digest);
	assert_int_equal(here.subject->in_service_since, 1000);
	assert_null(here.subject->put_back);
	assert_null(journal_last_parked(here.controller->journal, here.arena, "web"));
	assert_state(here.subject, STATE_IN_SERVICE);

	verdict_forget(here.subject);
	assert_null(verdict_refused(here.subject, second->digest));
}

static void where_nothing_was_wanted_nothing_is_after_a_refusal(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	here.refuses = want(here.subject, "first")->fingerprint;
	assert_true(verdict_await(here.subject));
	run_pass();
	assert_null(here.subject->wanted);
	assert_state(here.subject, STATE_IDLE);
}

static void after_a_restart_the_predecessor_comes_after_a_refusal(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	here.refuses = refuse_the_second(&first)->fingerprint;
	stop_controller();
	start_controller(MODE_ONCE);
	assert_string_not_equal(here.subject->wanted, first->digest);
	assert_true(verdict_await(here.subject));
	run_pass();
	assert_string_equal(here.subject->wanted, first->digest);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_is_refused_when_its_files_are_gone_is_tried_again(void **state)
{
	const struct credential *first, *second;

	(void)state;
	start_controller(MODE_ONCE);
	second = refuse_the_second(&first);
	run_pass();
	assert_string_equal(here.subject->wanted, second->digest);
	assert_state(here.subject, STATE_REFUSED);
	assert_reason(here.subject, "another server has it");
	assert_true(here.subject->retry_at_ms > 0);
}

static void what_is_in_service_is_not_replaced_for_a_refusal(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	(void)refuse_the_second(&first);
	here.refuses = NULL;
	install(here.subject->facts.fingerprint, 4000000000, "");
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_false(verdict_await(here.subject));
	here.refuses = here.subject->facts.fingerprint;
	run_pass();
	assert_string_not_equal(here.subject->wanted, first->digest);
	assert_state(here.subject, STATE_FAILED);
}

static void what_was_found_in_service_is_a_predecessor_too(void **state)
{
	const struct credential *first;

	(void)state;
	start_controller(MODE_ONCE);
	first = want(here.subject, "first");
	install(first->fingerprint, 4000000000, "");
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
	want(here.subject, "second");
	assert_string_equal(here.subject->predecessor, first->digest);
	want(here.subject, "third");
	assert_string_equal(here.subject->predecessor, first->digest);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_is_refused_leaves_all_as_it_was),
		claim(where_nothing_was_wanted_nothing_is_after_a_refusal),
		claim(after_a_restart_the_predecessor_comes_after_a_refusal),
		claim(what_is_refused_when_its_files_are_gone_is_tried_again),
		claim(what_is_in_service_is_not_replaced_for_a_refusal),
		claim(what_was_found_in_service_is_a_predecessor_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
