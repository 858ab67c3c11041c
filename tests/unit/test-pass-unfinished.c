#include "tests/unit/unit.h"

#include <sqlite3.h>

#include "tests/unit/passing.h"

/* What a pass leaves open, because it was cut short, could not make its second step or could not be
 * put back, is taken up by the next one, before anything else. */

/* ---- taken up again ---- */

static void what_is_unfinished_is_taken_up_where_it_was_left(void **state)
{
	struct pass_entry latest;
	const struct credential *wanted;

	(void)state;
	here.forward_only = true;
	start_controller(MODE_ONCE);
	wanted = leave_unfinished();
	part("worker.apply", "mark applied-again\nsay end failed\\n");
	part("worker.finish",
			"if done 0\nmark told\nsay begin 1\\n\nhear\nsay done 1 5\\nend applied\\n");
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("told"));
	assert_false(was_marked("applied-again"));
	assert_string_equal(watcher.why, "a change that was left unfinished is taken up again");
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_null(open_pass());
	journal_passes(here.controller->journal, "web", 1, keep_pass, &latest);
	assert_string_equal(latest.outcome, "applied");
	assert_true(latest.gap_ms >= 0);
	assert_int_equal(here.subject->deeds.gap_ms, latest.gap_ms);
}

static void a_later_drop_need_not_wait_for_those_who_cannot_be_told(void **state)
{
	(void)state;
	here.forward_only = true;
	start_controller(MODE_ONCE);
	leave_unfinished();
	part("worker.apply", works);
	part("worker.finish", "mark tried\nsay failed 1 5 retry refused\\nend failed\\n");
	want(here.subject, "later");
	watch(NULL);
	run_while(is_busy);
	controller_due(here.controller, here.subject);
	while (watcher.applied < 2)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	install(make_credential("later")->fingerprint, 4000000000, "");
	run_while(is_busy);
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("tried"));
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_null(open_pass());
}

static void a_worker_that_is_lost_in_between_is_followed_by_another_at_once(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	part("worker.apply", "say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\nkill");
	part("worker.finish", "say begin 1\\n\nhear\nsay done 1 5\\nend applied\\n");
	watch(NULL);
	controller_due(here.controller, here.subject);
	while (watcher.applied < 2)
		(void)uv_run(&here.loop, UV_RUN_ONCE);
	install(wanted->fingerprint, 4000000000, "");
	run_while(is_busy);
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_int_equal(here.subject->attempts, 0);
}

/* The order in which passes begin to change something. */
struct sequence {
	struct observer observer;
	const char *names[4];
	size_t count;
};

static void note_order(struct observer *observer, struct subject *subject)
{
	struct sequence *order = (struct sequence *)observer;

	if (subject && subject_state(subject) == STATE_APPLYING && order->count < 4)
		order->names[order->count++] = subject->target->name;
}

static void what_is_unfinished_comes_before_any_other_target(void **state)
{
	struct sequence order = { .observer = { .changed = note_order } };
	struct subject *mail;

	(void)state;
	here.forward_only = true;
	start_controller(MODE_ONCE);
	mail = controller_find(here.controller, "mail");
	/* "web" stands before "mail" in the configuration. */
	here.subject = mail;
	leave_unfinished();
	want(controller_find(here.controller, "web"), "wanted");
	stop_controller();

	part("worker.apply", told_nobody);
	part("worker.finish", "say failed 1 5 retry refused\\nend failed\\n");
	start_controller(MODE_ONCE);
	here.controller->config->workers = 1;
	controller_observe(here.controller, &order.observer);
	controller_due_all(
			here.controller, here.controller->subjects, here.controller->subject_count);
	run_while(is_busy);
	controller_unobserve(here.controller, &order.observer);
	assert_int_equal(order.count, 2);
	assert_string_equal(order.names[0], "mail");
	assert_string_equal(order.names[1], "web");
}

/* ---- while there is time ---- */

/* As if the change had been made five seconds earlier. */
static void set_back_the_change(void)
{
	sqlite3 *database = NULL;

	assert_int_equal(sqlite3_open(in_directory("state/journal.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, "UPDATE step SET at = at - 5000 WHERE number = 0",
					 NULL, NULL, NULL),
			SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void a_gap_goes_on_over_a_restart(void **state)
{
	const struct credential *wanted;
	struct pass_entry latest;

	(void)state;
	here.forward_only = true;
	here.gap_budget_ms = 60000;
	start_controller(MODE_ONCE);
	wanted = leave_unfinished();
	stop_controller();
	set_back_the_change();
	start_controller(MODE_ONCE);
	/* Something of the budget is left, but not all. */
	part("worker.finish",
			"if left 5\nmark some-left\nsay begin 1\\n\nhear\nsay done 1 5\\nend applied\\n");
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("some-left"));
	journal_passes(here.controller->journal, "web", 1, keep_pass, &latest);
	assert_true(latest.gap_ms >= 5000 && latest.gap_ms < 60000);
}

/* First the change, then a try that cannot even be prepared, then one that succeeds. */
static void play_by_turns(void)
{
	if (watcher.applied == 2)
		part("worker.finish", "say failed 0 5 retry \"no connection\"\\nend failed\\n");
	if (watcher.applied != 3)
		return;
	part("worker.finish", "say done 0 5\\nbegin 2\\n\nhear\nsay done 2 5\\nend applied\\n");
	watcher.finds = make_credential("wanted")->fingerprint;
	install(watcher.finds, 4000000000, "");
}

static void what_cannot_be_prepared_is_tried_again_while_there_is_time(void **state)
{
	const struct credential *before;

	(void)state;
	here.gap_budget_ms = 60000;
	here.prepares = true;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	part("worker.apply",
			"say done 0 5\\nbegin 1\\n\nhear\nsay done 1 5\\nbegin 2\\n\nhear\nkill");
	part("worker.undo", put_it_back);
	watch(NULL);
	watcher.also = play_by_turns;
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_int_equal(watcher.applied, 3);
	assert_false(was_marked("put-back"));
	assert_state(here.subject, STATE_IN_SERVICE);
}

/* The change was cut short before its acknowledgement was written down. */
static void what_cannot_be_prepared_has_time_since_the_change_was_begun(void **state)
{
	const struct credential *before, *wanted;

	(void)state;
	here.gap_budget_ms = 60000;
	here.prepares = true;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	wanted = want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	part("worker.apply", "say done 0 5\\nbegin 1\\n\nhear\nkill");
	part("worker.finish", "say failed 0 5 retry \"no connection\"\\nend failed\\n");
	part("worker.undo", put_it_back);
	run_pass();
	remains(wanted);
	watch(NULL);
	watcher.applied = 1;
	watcher.also = play_by_turns;
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_int_equal(watcher.applied, 3);
	assert_false(was_marked("put-back"));
	assert_state(here.subject, STATE_IN_SERVICE);
}

/* ---- what could not be put back ---- */

/* Neither the new set nor the old one can be loaded. */
static void get_stuck(void)
{
	const struct credential *before = want(here.subject, "before");

	want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\n"
			"say failed 1 5 retry \"exit code 1\"\\nbegin 0 undo\\n\nhear\n"
			"say failed 0 5 retry \"exit code 1\" undo\\nend stuck\\n");
	run_pass();
	assert_reason(here.subject,
			"it is not put back: make it so: exit code 1; that was begun because of: "
			"tell the others: exit code 1");
	assert_non_null(open_pass());
}

static void what_could_not_be_put_back_is_not_told_as_cut_short(void **state)
{
	const struct credential *wanted = NULL;
	struct pass_entry first;

	(void)state;
	start_controller(MODE_ONCE);
	get_stuck();
	wanted = make_credential("wanted");
	install(make_credential("before")->fingerprint, 4000000000, "");
	part("worker.apply", works);
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(here.subject, STATE_IN_SERVICE);
	/* The latest is told first. */
	journal_passes(here.controller->journal, "web", 2, keep_pass, &first);
	assert_string_equal(first.outcome, "stuck");
	assert_string_equal(first.reason,
			"not all of it could be put back; what was there before is found installed, "
			"and it is tried again");
}

/* The first that is carried out is the putting back. */
static void install_wanted(void)
{
	if (watcher.applied == 2)
		install(make_credential("wanted")->fingerprint, 4000000000, "");
}

static void what_could_not_be_put_back_is_told_when_it_is(void **state)
{
	struct pass_entry first;

	(void)state;
	start_controller(MODE_ONCE);
	get_stuck();
	part("worker.undo", put_it_back);
	part("worker.apply", works);
	watch(NULL);
	watcher.also = install_wanted;
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("put-back"));
	assert_state(here.subject, STATE_IN_SERVICE);
	journal_passes(here.controller->journal, "web", 2, keep_pass, &first);
	assert_string_equal(first.outcome, "undone");
	assert_string_equal(first.reason, "what could not be put back before is put back");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_is_unfinished_is_taken_up_where_it_was_left),
		claim(a_later_drop_need_not_wait_for_those_who_cannot_be_told),
		claim(a_worker_that_is_lost_in_between_is_followed_by_another_at_once),
		claim(what_is_unfinished_comes_before_any_other_target),
		claim(a_gap_goes_on_over_a_restart),
		claim(what_cannot_be_prepared_is_tried_again_while_there_is_time),
		claim(what_cannot_be_prepared_has_time_since_the_change_was_begun),
		claim(what_could_not_be_put_back_is_not_told_as_cut_short),
		claim(what_could_not_be_put_back_is_told_when_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
