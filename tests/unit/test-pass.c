#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/answer/request.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/feed/verdict.h"
#include "controller/certdrop/pass/gate.h"
#include "controller/certdrop/present/receipt.h"
#include "tests/unit/controlling.h"

static const char works[] = "say begin 0\\n\nhear\nmark changed\nsay done 0 5\\nbegin 1\\n\nhear\n"
			    "say done 1 5\\nend applied\\n";
static const char restarts[] =
		"say begin 0\\n\nhear\nmark restarted\nsay done 0 5\\nend applied\\n";
static const char fails_and_is_put_back[] =
		"say begin 0\\n\nhear\nsay failed 0 7 retry \"exit code 1\"\\n\nsay end undone\\n";

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	part("worker.ask", "say answer installed\\n\\tleaf old 4000000000\\nend asked\\n");
	return 0;
}

/* What the worker finds from now on. */
static void install(const char *fingerprint, long long not_after, const char *more)
{
	part("worker.ask",
			arena_printf(here.arena,
					"say answer installed\\n\\tleaf %s %lld\\n%send asked\\n",
					fingerprint, not_after, more));
}

static void remains(const struct credential *installed)
{
	install(installed->fingerprint, 4000000000, "\\tremains restart\\n");
}

static const struct credential *want(struct subject *subject, const char *name)
{
	const struct credential *made = make_credential(name);
	const struct words none = { 0 };

	subject_want(subject, made, NULL, none);
	return made;
}

/* ---- the loop ---- */

static bool is_busy(void)
{
	return here.controller->passes > 0;
}

static void start_service(void)
{
	start_controller(MODE_SERVICE);
	run_while(is_busy);
}

static void run_pass(void)
{
	controller_due(here.controller, here.subject);
	run_while(is_busy);
}

/* Once something is carried out, the worker finds this credential installed. */
struct watcher {
	struct observer observer;
	const char *finds;
	int applied;
	const char *why;
	void (*also)(void);
};

static struct watcher watcher;

static void on_changed(struct observer *observer, struct subject *subject)
{
	(void)observer;
	if (!subject || subject_state(subject) != STATE_APPLYING)
		return;
	watcher.applied++;
	watcher.why = arena_copy(here.arena, subject_reason(subject));
	if (watcher.finds)
		install(watcher.finds, 4000000000, "");
	if (watcher.also)
		watcher.also();
}

static void watch(const char *finds)
{
	watcher = (struct watcher){ .observer = { .changed = on_changed }, .finds = finds };
	controller_observe(here.controller, &watcher.observer);
}

static void assert_state(const struct subject *subject, enum state state)
{
	assert_string_equal(state_name(subject_state(subject)), state_name(state));
}

static void assert_reason(const struct subject *subject, const char *text)
{
	const char *reason = subject_reason(subject);

	if (!reason || !strstr(reason, text))
		fail_msg("the reason is \"%s\"", reason ? reason : "none");
}

/* ---- follow-ups ---- */

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

/* ---- what plan() will not have ---- */

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
	here.refuses = refuse_the_second(&first)->fingerprint;
	subject_tell_taken_in(here.subject);
	assert_receipt(make_credential("second"), 0, false);
	assert_true(verdict_await(here.subject));
	run_pass();
	subject_tell_intake(here.subject, STATE_REFUSED, "another server has it");
	assert_receipt(first, 2, true);
}

/* ---- the second step ---- */

static const char told_nobody[] = "say begin 0\\n\nhear\nsay done 0 5\\nbegin 1\\n\nhear\n"
				  "say failed 1 5 retry refused\\nend failed\\n";
static const char put_it_back[] = "mark put-back\nsay end undone\\n";

/* The change is made, others cannot be told; what was there before is in the store. */
static const struct credential *leave_unfinished(void)
{
	const struct credential *before = want(here.subject, "before");
	const struct credential *wanted = want(here.subject, "wanted");

	here.subject->predecessor = before->digest;
	part("worker.apply", told_nobody);
	part("worker.undo", put_it_back);
	run_pass();
	return wanted;
}

static const struct pass_entry *open_pass(void)
{
	return journal_open_pass(here.controller->journal, here.arena, "web");
}

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

static void keep_pass(void *context, const struct pass_entry *entry)
{
	struct pass_entry *kept = context;

	*kept = *entry;
	kept->outcome = arena_copy(here.arena, entry->outcome);
	kept->reason = arena_copy(here.arena, entry->reason);
}

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

/* ---- a store that is damaged ---- */

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
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_follow_up_waits_for_its_soak),
		claim(a_soak_goes_on_over_a_restart),
		claim(a_soak_begins_anew_when_it_is_put_into_service_anew),
		claim(to_ask_by_name_makes_no_soak_shorter),
		claim(a_follow_up_that_fails_is_tried_again_and_never_rolled_back),
		claim(a_new_drop_replaces_what_was_pending),
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
		claim(what_is_refused_leaves_all_as_it_was),
		claim(where_nothing_was_wanted_nothing_is_after_a_refusal),
		claim(after_a_restart_the_predecessor_comes_after_a_refusal),
		claim(what_is_refused_when_its_files_are_gone_is_tried_again),
		claim(what_is_in_service_is_not_replaced_for_a_refusal),
		claim(what_was_found_in_service_is_a_predecessor_too),
		claim(what_was_not_put_into_service_is_not_told_to_be),
		claim(what_fails_is_parked_and_not_what_came_meanwhile),
		claim(what_one_went_through_is_not_told_of_the_next),
		claim(what_one_goes_through_is_not_told_of_what_came_meanwhile),
		claim(what_was_put_back_is_told_with_what_it_went_through),
		claim(after_a_refusal_what_is_in_service_has_its_own_again),
		claim(what_cannot_be_finished_is_put_back),
		claim(where_others_have_moved_on_it_goes_on),
		claim(without_a_predecessor_it_goes_on),
		claim(what_is_unfinished_is_taken_up_where_it_was_left),
		claim(a_gap_goes_on_over_a_restart),
		claim(what_cannot_be_prepared_is_tried_again_while_there_is_time),
		claim(what_cannot_be_prepared_has_time_since_the_change_was_begun),
		claim(without_the_leases_nothing_is_put_back),
		claim(what_is_proven_no_more_is_put_back),
		claim(a_later_drop_need_not_wait_for_those_who_cannot_be_told),
		claim(a_worker_that_is_lost_in_between_is_followed_by_another_at_once),
		claim(what_is_unfinished_comes_before_any_other_target),
		claim(what_could_not_be_tidied_up_is_in_service_all_the_same),
		claim(a_proof_that_comes_last_is_a_proof_all_the_same),
		claim(what_knows_no_way_back_is_tried_again),
		claim(what_could_not_be_put_back_is_not_told_as_cut_short),
		claim(what_could_not_be_put_back_is_told_when_it_is),
		claim(a_damaged_predecessor_keeps_nothing_out),
		claim(what_is_wanted_and_damaged_has_to_be_dropped_again),
		claim(what_is_damaged_is_not_tried),
		claim(what_is_refused_is_logged_once),
		claim(what_is_held_is_logged_when_more_than_a_number_changes),
		claim(whoever_only_asks_logs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
