#include "tests/unit/unit.h"

#include "controller/certdrop/clock.h"
#include "tests/unit/passing.h"

/* The change is made, and the second step fails: it is put back as long as there is a way back, and
 * goes on where there is none. */

/* ---- back ---- */

static void what_cannot_be_finished_is_put_back(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	install(make_credential("before")->fingerprint, 4000000000, "");
	wanted = leave_unfinished();
	assert_true(was_marked("put-back"));
	assert_state(here.subject, STATE_ROLLED_BACK);
	assert_reason(here.subject, "CN=wanted: tell the others: refused");
	assert_string_equal(here.subject->wanted, make_credential("before")->digest);
	assert_string_equal(journal_last_parked(here.controller->journal, here.arena, "web"),
			wanted->digest);
	assert_null(open_pass());
}

static void what_is_proven_no_more_is_put_back(void **state)
{
	(void)state;
	here.forward_only = true;
	here.proves = true;
	start_controller(MODE_ONCE);
	want(here.subject, "wanted");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\ndone 1 5\\nbegin 2\\n\nhear\n"
			"say failed 2 5 retry refused\\nend failed\\n");
	part("worker.finish", "say failed 1 5 retry \"it is not served\"\\nend failed\\n");
	part("worker.undo", put_it_back);
	run_pass();
	assert_reason(here.subject, "it is in service, but unfinished");
	watch(make_credential("wanted")->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("put-back"));
	assert_null(open_pass());
}

/* Where others must be told first, what is served is proven last. */
static void a_proof_that_comes_last_is_a_proof_all_the_same(void **state)
{
	const struct credential *before;

	(void)state;
	here.proves_last = true;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	install(before->fingerprint, 4000000000, "");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\n"
			"say done 1 5\\nbegin 2\\n\nhear\n"
			"say failed 2 5 retry \"not served\"\\nend failed\\n");
	part("worker.undo", put_it_back);
	run_pass();
	assert_true(was_marked("put-back"));
	assert_state(here.subject, STATE_ROLLED_BACK);
	assert_reason(here.subject, "see it served: not served");
}

/* ---- on ---- */

static void where_others_have_moved_on_it_goes_on(void **state)
{
	const struct credential *wanted;

	(void)state;
	here.forward_only = true;
	start_controller(MODE_ONCE);
	wanted = leave_unfinished();
	assert_false(was_marked("put-back"));
	assert_state(here.subject, STATE_FAILED);
	assert_reason(here.subject,
			"it is in service, but unfinished: tell the others: refused; it "
			"goes on, because there is no way back");
	assert_string_equal(here.subject->wanted, wanted->digest);
	assert_true(here.subject->retry_at_ms > clock_now_ms());
	assert_non_null(open_pass());
	assert_null(journal_last_parked(here.controller->journal, here.arena, "web"));
}

static void without_a_predecessor_it_goes_on(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	want(here.subject, "wanted");
	part("worker.apply", told_nobody);
	run_pass();
	assert_reason(here.subject, "it goes on, because there is nothing to go back to");
	assert_non_null(open_pass());
}

static void without_the_leases_nothing_is_put_back(void **state)
{
	const struct credential *before;

	(void)state;
	here.leases = true;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	part("worker.apply",
			"say done 0 5\\nbegin 1\\n\nhear\nsay done 1 5\\nbegin 2\\n\nhear\nkill");
	part("worker.finish", "say failed 0 5 retry \"somebody has it\"\\nend failed\\n");
	part("worker.undo", put_it_back);
	watch(NULL);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_false(was_marked("put-back"));
	assert_reason(here.subject,
			"it is in service, but unfinished: take the lease: somebody has it; it goes "
			"on, because without the leases it cannot be put back either");
	assert_non_null(open_pass());
}

static void what_knows_no_way_back_is_tried_again(void **state)
{
	const struct credential *wanted;
	struct pass_entry latest;

	(void)state;
	here.forward_only = true;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay failed 0 5 retry \"half way\"\\nend undone\\n");
	run_pass();
	assert_state(here.subject, STATE_FAILED);
	assert_reason(here.subject, "make it so: half way");
	assert_null(journal_last_parked(here.controller->journal, here.arena, "web"));
	assert_null(open_pass());
	journal_passes(here.controller->journal, "web", 1, keep_pass, &latest);
	assert_string_equal(latest.outcome, "failed");
	part("worker.apply", works);
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_could_not_be_tidied_up_is_in_service_all_the_same(void **state)
{
	const struct credential *wanted;
	struct pass_entry latest;

	(void)state;
	here.tidies = true;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\n"
			"say done 1 5\\nbegin 2\\n\nhear\n"
			"say failed 2 5 retry \"no space\"\\nend failed\\n");
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	journal_passes(here.controller->journal, "web", 1, keep_pass, &latest);
	assert_string_equal(latest.outcome, "applied");
	assert_string_equal(latest.reason, "remove old sets: no space");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_cannot_be_finished_is_put_back),
		claim(what_is_proven_no_more_is_put_back),
		claim(a_proof_that_comes_last_is_a_proof_all_the_same),
		claim(where_others_have_moved_on_it_goes_on),
		claim(without_a_predecessor_it_goes_on),
		claim(without_the_leases_nothing_is_put_back),
		claim(what_knows_no_way_back_is_tried_again),
		claim(what_could_not_be_tidied_up_is_in_service_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
