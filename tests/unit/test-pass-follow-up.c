#include "tests/unit/unit.h"

#include <string.h>

#include "controller/certdrop/answer/request.h"
#include "controller/certdrop/clock.h"
#include "tests/unit/passing.h"

/* What a plan leaves for later is pending until the credential has been in service for long enough,
 * and is never a reason to go back. */

static const char fails_and_is_put_back[] =
		"say begin 0\\n\nhear\nsay failed 0 7 retry \"exit code 1\"\\n\nsay end undone\\n";

/* ---- its soak ---- */

static void a_follow_up_waits_for_its_soak(void **state)
{
	const struct credential *wanted;

	(void)state;
	here.soak_ms = 3600500;
	start_service();
	part("worker.apply", restarts);
	wanted = want(here.subject, "wanted");
	remains(wanted);
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_string_equal(here.subject->pending.text, "restart it");
	assert_non_null(strstr(here.subject->pending.reason, "in service for 3600500ms"));
	run_pass();
	assert_int_equal(here.subject->pending.at, here.subject->in_service_since + 3601);
	assert_true(uv_timer_get_due_in(&here.subject->timer) > 0);
	assert_false(was_marked("restarted"));

	watch(wanted->fingerprint);
	here.subject->in_service_since = clock_now() - 3601;
	run_pass();
	assert_true(was_marked("restarted"));
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_null(here.subject->pending.text);
	controller_unobserve(here.controller, &watcher.observer);
}

static void a_soak_goes_on_over_a_restart(void **state)
{
	const struct credential *wanted;
	long long since;

	(void)state;
	here.soak_ms = 3600000;
	start_service();
	wanted = want(here.subject, "wanted");
	remains(wanted);
	run_pass();
	here.subject->in_service_since -= 600;
	since = here.subject->in_service_since;
	subject_tell_outcome(here.subject, STATE_FAILED, "whatever");
	stop_controller();
	start_service();
	assert_int_equal(here.subject->in_service_since, since);
	assert_int_equal(here.subject->pending.at, since + 3600);
}

static void a_soak_begins_anew_when_it_is_put_into_service_anew(void **state)
{
	const struct credential *wanted;

	(void)state;
	here.soak_ms = 3600000;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	remains(wanted);
	run_pass();
	here.subject->in_service_since -= 600;
	install("another", 4000000000, "");
	part("worker.apply", works);
	watch(wanted->fingerprint);
	run_pass();
	assert_int_equal(watcher.applied, 1);
	assert_true(clock_now() - here.subject->in_service_since < 60);
	controller_unobserve(here.controller, &watcher.observer);
}

static void on_done(void *context, json_t *document, int exit, const char *error)
{
	assert_null(error);
	assert_int_equal(exit, 0);
	json_decref(document);
	*(bool *)context = true;
}

static void to_ask_by_name_makes_no_soak_shorter(void **state)
{
	static const struct request_hooks hooks = { .done = on_done };
	json_t *json = json_loads("{\"command\": \"apply\", \"targets\": [\"web\"]}", 0, NULL);
	bool done = false;

	(void)state;
	here.soak_ms = 3600000;
	start_controller(MODE_ONCE);
	part("worker.apply", restarts);
	remains(want(here.subject, "wanted"));
	assert_non_null(request_start(here.controller, json, &hooks, &done));
	run_until(&done);
	json_decref(json);
	assert_string_equal(here.subject->pending.text, "restart it");
	assert_false(was_marked("restarted"));
}

/* ---- and what becomes of it ---- */

static void a_follow_up_that_fails_is_tried_again_and_never_rolled_back(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_service();
	want(here.subject, "before");
	wanted = want(here.subject, "wanted");
	remains(wanted);
	part("worker.apply", fails_and_is_put_back);
	watch(NULL);
	run_pass();
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_string_equal(here.subject->wanted, wanted->digest);
	assert_null(here.subject->put_back);
	assert_null(journal_last_parked(here.controller->journal, here.arena, "web"));
	assert_string_equal(here.subject->pending.reason, "restart: exit code 1");
	assert_true(here.subject->pending.at >= clock_now());
	assert_int_equal(here.subject->attempts, 1);
	assert_true(uv_timer_get_due_in(&here.subject->timer) > 0);
	controller_unobserve(here.controller, &watcher.observer);
}

static void a_new_drop_replaces_what_was_pending(void **state)
{
	(void)state;
	here.soak_ms = 3600000;
	start_controller(MODE_ONCE);
	remains(want(here.subject, "wanted"));
	run_pass();
	assert_non_null(here.subject->pending.text);
	want(here.subject, "another");
	assert_null(here.subject->pending.text);
	assert_int_equal(here.subject->in_service_since, 0);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_follow_up_waits_for_its_soak),
		claim(a_soak_goes_on_over_a_restart),
		claim(a_soak_begins_anew_when_it_is_put_into_service_anew),
		claim(to_ask_by_name_makes_no_soak_shorter),
		claim(a_follow_up_that_fails_is_tried_again_and_never_rolled_back),
		claim(a_new_drop_replaces_what_was_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
