#include "tests/unit/unit.h"

#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "controller/certdrop/clock.h"
#include "tests/unit/passing.h"

/* What a pass waits for before it changes anything: that its plan has no reason against it, one of
 * its windows, and the targets that come first. */

/* ---- windows ---- */

/* Every day, from and to so many minutes from now, in UTC. */
static const char *window(long from, long to, const char *more)
{
	const time_t start = time(NULL) + from * 60, end = time(NULL) + to * 60;
	char opens[8], closes[8];
	struct tm shown;

	(void)strftime(opens, sizeof(opens), "%H:%M", gmtime_r(&start, &shown));
	(void)strftime(closes, sizeof(closes), "%H:%M", gmtime_r(&end, &shown));
	return arena_printf(here.arena,
			"windows = ( { from = \"%s\"; to = \"%s\"; zone = \"UTC\"; } ); %s", opens,
			closes, more);
}

/* The target wants what is not installed; what is ends in so many hours. */
static const struct credential *differ(long hours)
{
	const struct credential *wanted = want(here.subject, "wanted");

	install("old", clock_now() + hours * 3600, "");
	part("worker.apply", works);
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	return wanted;
}

static void a_plan_says_itself_why_it_waits(void **state)
{
	(void)state;
	here.held = "a peer is offline";
	start_service();
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject, "a peer is offline");
	assert_true(uv_timer_get_due_in(&here.subject->timer) > 0);
	assert_true(uv_timer_get_due_in(&here.subject->timer) <= 60000);
	assert_true(here.subject->retry_at_ms > 0);
	assert_true(here.subject->retry_at_ms <= clock_now_ms() + 60000);

	here.held = NULL;
	differ(1000);
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void a_closed_window_holds_what_is_bound_to_it(void **state)
{
	(void)state;
	here.web = window(120, 180, "");
	start_service();
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject,
			"its next window for remote, of which it needs 1m, opens on 20");
	assert_true(here.subject->retry_at_ms > clock_now_ms() + 118LL * 60000);
	assert_true(here.subject->retry_at_ms <= clock_now_ms() + 120LL * 60000);
	/* It is looked at again at every check. */
	assert_true(uv_timer_get_due_in(&here.subject->timer) <=
			(uint64_t)here.controller->config->check_ms);
}

static void an_open_window_lets_it_begin(void **state)
{
	(void)state;
	here.web = window(-120, 180, "");
	start_controller(MODE_ONCE);
	differ(1000);
	assert_int_equal(watcher.applied, 1);
	assert_null(watcher.why);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_does_not_fit_does_not_begin(void **state)
{
	(void)state;
	here.web = window(-30, 30, "expected = \"50m\";");
	start_controller(MODE_ONCE);
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_reason(here.subject, "of which it needs 50m, opens on 20");
	stop_controller();

	here.web = window(-30, 30, "expected = \"2h\";");
	start_controller(MODE_ONCE);
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_reason(here.subject, "no window for remote is as long as the 2h that it may take");
}

static void what_took_long_before_needs_as_much_of_a_window(void **state)
{
	const struct pass_entry entry = { .target = "web", .plan = "plan" };
	const struct step_entry step = { .text = "a step", .milliseconds = 40L * 60 * 1000 };
	int64_t pass;

	(void)state;
	here.web = window(-30, 30, "");
	start_controller(MODE_ONCE);
	pass = journal_pass_begin(here.controller->journal, &entry);
	journal_step_end(here.controller->journal, pass, &step);
	journal_pass_end(here.controller->journal, pass, "applied", NULL, -1);
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_reason(here.subject, "of which it needs 40m");
}

static void what_is_bound_to_no_window_begins_at_any_time(void **state)
{
	(void)state;
	here.web = "windows = ( { from = \"00:00\"; to = \"00:01\"; for = \"reload\"; } );";
	start_controller(MODE_ONCE);
	differ(1000);
	assert_int_equal(watcher.applied, 1);
}

static void keep_reason(void *context, const struct pass_entry *entry)
{
	*(const char **)context = arena_copy(here.arena, entry->reason);
}

static void a_window_is_overridden_before_the_old_one_ends(void **state)
{
	const char *reason = NULL;

	(void)state;
	here.web = window(120, 180, "");
	start_controller(MODE_ONCE);
	differ(47);
	assert_int_equal(watcher.applied, 1);
	assert_non_null(strstr(watcher.why,
			"outside its windows, because the certificate that is "
			"served ends on 20"));
	journal_passes(here.controller->journal, "web", 1, keep_reason, &reason);
	assert_string_equal(reason, watcher.why);
}

static void until_it_is_overridden_status_says_when_it_will_be(void **state)
{
	(void)state;
	here.web = window(120, 180, "window-override = \"1h\";");
	start_controller(MODE_ONCE);
	differ(2);
	assert_int_equal(watcher.applied, 0);
	assert_reason(here.subject, "in any case, because the certificate that is served ends");
	assert_true(here.subject->retry_at_ms <= clock_now_ms() + 61LL * 60000);
	stop_controller();

	/* What ends far away overrides nothing. */
	start_controller(MODE_ONCE);
	differ(30);
	assert_null(strstr(subject_reason(here.subject), "in any case"));
}

/* Whether the machine that runs this is synchronized does not matter. */
int adjtimex(struct timex *state)
{
	*state = (struct timex){ .status = STA_UNSYNC };
	return TIME_ERROR;
}

static void without_a_clock_nobody_knows_whether_a_window_is_open(void **state)
{
	(void)state;
	here.web = window(-120, 180, "");
	start_controller(MODE_ONCE);
	clock_set_policy(CLOCK_FLOOR);
	clock_raise_floor(clock_now() + 1000000);
	differ(1000);
	assert_int_equal(watcher.applied, 0);
	assert_reason(here.subject, "the clock is not to be trusted");
	clock_set_policy(CLOCK_TRUSTED);
	differ(1000);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void a_follow_up_waits_for_its_window_in_service(void **state)
{
	(void)state;
	here.web = window(120, 180, "");
	start_controller(MODE_ONCE);
	remains(want(here.subject, "wanted"));
	part("worker.apply", restarts);
	run_pass();
	assert_false(was_marked("restarted"));
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_non_null(strstr(here.subject->pending.reason, "its next window for restart"));
	assert_true(here.subject->pending.at > clock_now());
}

static void a_soak_may_end_outside_the_windows(void **state)
{
	(void)state;
	here.web = window(120, 180, "");
	here.soak_ms = 30LL * 60 * 1000;
	start_controller(MODE_ONCE);
	remains(want(here.subject, "wanted"));
	run_pass();
	assert_non_null(strstr(here.subject->pending.reason,
			"in service for 30m, and then: its next window for restart"));
	assert_true(here.subject->pending.at > clock_now() + 118LL * 60);
}

static void going_back_waits_for_no_window(void **state)
{
	const struct credential *before;

	(void)state;
	here.web = window(120, 180, "");
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	here.subject->predecessor = before->digest;
	want(here.subject, "wanted");
	here.subject->predecessor = before->digest;
	install("wanted", 4000000000, "");
	part("worker.apply", works);
	subject_want_back(here.subject, "it was put back");
	watch(before->fingerprint);
	run_pass();
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_ROLLED_BACK);

	/* Once it is back, it is bound to its windows as ever. */
	install("another", 4000000000, "");
	run_pass();
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_HELD);
	controller_unobserve(here.controller, &watcher.observer);
}

/* ---- after ---- */

static void others_come_first_while_there_is_something_to_do_for_them(void **state)
{
	struct subject *mail;

	(void)state;
	here.mail = "after = \"web\";";
	start_controller(MODE_ONCE);
	mail = controller_find(here.controller, "mail");
	install("old", 4000000000, "");
	part("worker.apply", works);
	want(here.subject, "wanted");
	want(mail, "wanted");
	watch(NULL);
	controller_due(here.controller, mail);
	run_while(is_busy);
	assert_int_equal(watcher.applied, 0);
	assert_state(mail, STATE_HELD);
	assert_reason(mail, "web comes first");

	watcher.finds = make_credential("wanted")->fingerprint;
	controller_due(here.controller, here.subject);
	run_while(is_busy);
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_state(mail, STATE_IN_SERVICE);
	assert_int_equal(here.controller->blocked, 0);
	controller_unobserve(here.controller, &watcher.observer);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_plan_says_itself_why_it_waits),
		claim(a_closed_window_holds_what_is_bound_to_it),
		claim(an_open_window_lets_it_begin),
		claim(what_does_not_fit_does_not_begin),
		claim(what_took_long_before_needs_as_much_of_a_window),
		claim(what_is_bound_to_no_window_begins_at_any_time),
		claim(a_window_is_overridden_before_the_old_one_ends),
		claim(until_it_is_overridden_status_says_when_it_will_be),
		claim(without_a_clock_nobody_knows_whether_a_window_is_open),
		claim(a_follow_up_waits_for_its_window_in_service),
		claim(a_soak_may_end_outside_the_windows),
		claim(going_back_waits_for_no_window),
		claim(others_come_first_while_there_is_something_to_do_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
