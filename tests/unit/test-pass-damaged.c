#include "tests/unit/unit.h"

#include "tests/unit/passing.h"

/* What is damaged in the store is never put into service, and keeps nothing else out. */

static void a_damaged_predecessor_keeps_nothing_out(void **state)
{
	const struct credential *before, *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	wanted = want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	damage_credential(before);
	part("worker.apply",
			arena_printf(here.arena, "if predecessor %s\nmark planned\n%s",
					before->digest, works));
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_false(was_marked("planned"));
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_is_wanted_and_damaged_has_to_be_dropped_again(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_service();
	wanted = want(here.subject, "wanted");
	install(wanted->fingerprint, 4000000000, "");
	run_pass();
	damage_credential(wanted);
	for (int i = 0; i < 2; i++) {
		stop_controller();
		start_service();
		assert_state(here.subject, STATE_FAILED);
		assert_reason(here.subject, "drop the certificate and its key again: ");
		assert_reason(here.subject,
				arena_printf(here.arena, "state/store/%s: ", wanted->digest));
		assert_null(here.subject->wanted);
		assert_true(here.subject->seen_at > 0);
	}
	want(here.subject, "wanted");
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_is_damaged_is_not_tried(void **state)
{
	(void)state;
	start_service();
	damage_credential(want(here.subject, "wanted"));
	run_pass();
	assert_state(here.subject, STATE_FAILED);
	assert_reason(here.subject, "drop the certificate and its key again: ");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_damaged_predecessor_keeps_nothing_out),
		claim(what_is_wanted_and_damaged_has_to_be_dropped_again),
		claim(what_is_damaged_is_not_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
