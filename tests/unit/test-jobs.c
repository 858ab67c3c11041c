#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "controller/base/file.h"
#include "controller/certdrop/children/job.h"
#include "controller/certdrop/pass/gap.h"
#include "controller/certdrop/pass/recovery.h"
#include "tests/unit/controlling.h"

struct ended {
	bool done;
	struct job_result result;
};

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	start_controller(MODE_ONCE);
	return 0;
}

static void on_done(void *context, struct job_result *result)
{
	struct ended *ended = context;

	assert_false(ended->done);
	ended->done = true;
	ended->result = *result;
}

static void make_plan(struct plan *plan)
{
	static const char *argv[] = { "true" };
	const struct command_step command = { .argv = { .items = argv, .count = 1 } };

	plan_init(plan, here.arena, "web");
	plan->text = "put it into service";
	plan->credential = make_credential("wanted")->digest;
	(void)plan_command(plan, PHASE_CHANGE, "make it so", &command);
	(void)plan_command(plan, PHASE_FINISH, "tell the others", &command);
	plan->steps[1].disruption = DISRUPTION_REMOTE;
}

static int64_t begin_pass(const struct plan *plan)
{
	autodone(buffer) struct buffer text = { 0 };
	struct pass_entry entry = { .target = "web", .credential = plan->credential };

	plan_print(plan, &text);
	entry.plan = buffer_text(&text);
	return journal_pass_begin(here.controller->journal, &entry);
}

static struct job *start_apply(struct ended *ended)
{
	struct plan plan;
	struct error error;
	struct job *job;

	make_plan(&plan);
	here.subject->wanted = plan.credential;
	job = job_apply(here.subject, &plan, begin_pass(&plan), on_done, ended, &error);
	if (!job)
		fail_msg("%s", error.text);
	assert_false(ended->done);
	return job;
}

static struct ended apply(void)
{
	struct ended ended = { 0 };

	(void)start_apply(&ended);
	run_until(&ended.done);
	return ended;
}

static struct words begun(void)
{
	const struct pass_entry *open =
			journal_open_pass(here.controller->journal, here.arena, "web");

	return journal_begun(here.controller->journal, here.arena, open->id);
}

/* ---- conversations ---- */

static void a_step_is_taken_once_it_is_on_disk(void **state)
{
	struct ended ended;

	(void)state;
	part("worker.apply",
			"say begin 0\\n\nhear\nwritten state/journal.db-wal make it sobegun\n"
			"say done 0 12\\nbegin 1\\n\nhear\nsay done 1 5\\nend applied\\n");
	ended = apply();
	assert_int_equal(ended.result.outcome, JOB_APPLIED);
	assert_true(ended.result.changed);
	assert_true(ended.result.gap_ms >= 0);
	assert_int_equal(begun().count, 2);
	assert_int_equal(here.subject->deeds.steps.count, 2);
	assert_string_equal(record_word(here.subject->deeds.steps.items[0], 2), "done");
	assert_string_equal(record_word(here.subject->deeds.steps.items[0], 3), "12");
}

static void no_go_ahead_without_a_commit(void **state)
{
	struct ended ended = { 0 };

	(void)state;
	part("worker.apply", "say begin 0\\n\nhear\nmark went\nsay end applied\\n");
	(void)start_apply(&ended);
	limit_files(1);
	run_until(&ended.done);
	limit_files(0);
	assert_int_equal(ended.result.outcome, JOB_LOST);
	assert_non_null(strstr(ended.result.error.text, "was stopped: journal "));
	stop_controller();
	assert_false(was_marked("went"));
}

static void a_worker_that_dies_is_lost(void **state)
{
	struct ended ended;

	(void)state;
	part("worker.apply", "say begin 0\\n\nhear\nkill");
	ended = apply();
	assert_int_equal(ended.result.outcome, JOB_LOST);
	assert_int_equal(ended.result.error.kind, ERROR_RETRY);
	assert_string_equal(ended.result.error.text, "the worker was ended by signal 9");
	assert_int_equal(begun().count, 1);
}

/* They are zombies then, which the loop has not looked at. */
static void a_worker_that_cannot_be_told_is_lost(void **state)
{
	struct ended ended;

	(void)state;
	part("worker.apply", "deaf\nsay begin 0\\n\nhang\n");
	ended = apply();
	assert_int_equal(ended.result.outcome, JOB_LOST);
	assert_non_null(strstr(ended.result.error.text, "was stopped: send: "));
}

static void kill_all_children(void)
{
	autodone(buffer) struct buffer list = { 0 };
	siginfo_t info;
	struct error error;
	char *at;

	assert_true(file_read(AT_FDCWD, "/proc/thread-self/children", 4096, &list, &error));
	assert_true(list.length > 0);
	for (at = list.bytes; *at;) {
		const pid_t child = (pid_t)strtol(at, &at, 10);

		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
		at += strspn(at, " ");
	}
}

static void idle_workers_that_died_unnoticed_are_passed_over(void **state)
{
	(void)state;
	part("worker.apply", "say end applied\\n\n");
	assert_int_equal(apply().result.outcome, JOB_APPLIED);
	kill_all_children();
	assert_int_equal(apply().result.outcome, JOB_APPLIED);
}

static void a_worker_that_talks_nonsense_is_lost(void **state)
{
	(void)state;
	part("worker.apply", "say begin \"0\\n\nhang");
	assert_int_equal(apply().result.outcome, JOB_LOST);
}

static void steps_that_are_not_in_the_plan_are_survived(void **state)
{
	struct ended ended;

	(void)state;
	part("worker.apply",
			"say begin 99\\nbegin -1\\ndone 2 5\\nfailed 1000 3 retry why\\n"
			"whatever\\nend applied\\nbegin 0\\n");
	ended = apply();
	assert_int_equal(ended.result.outcome, JOB_APPLIED);
	assert_int_equal(begun().count, 0);
	assert_string_equal(ended.result.error.text, "");
}

static void what_was_put_back_is_told_with_the_first_failure(void **state)
{
	struct ended ended;

	(void)state;
	part("worker.apply",
			"say begin 0\\n\nhear\nsay failed 0 7 input \"exit code 1\"\\nbegin 0 undo\\n\n"
			"hear\nsay failed 0 1 retry \"later\"\\ndone 0 3 undo\\nend undone\\n");
	ended = apply();
	assert_int_equal(ended.result.outcome, JOB_UNDONE);
	assert_int_equal(ended.result.error.kind, ERROR_INPUT);
	assert_string_equal(ended.result.error.text, "make it so: exit code 1");
	assert_false(ended.result.changed);
	assert_int_equal(ended.result.gap_ms, -1);
}

static void answers_reach_whoever_asked(void **state)
{
	struct answers seen = { .arena = here.arena };
	struct ended ended = { 0 };
	struct plan questions;
	struct error error;

	(void)state;
	part("worker.ask", "say answer installed\\n\\tleaf aa 5\\nend asked\\n");
	plan_init(&questions, here.arena, "web");
	here.subject->target->reconciler->ask(here.subject->target, &questions);
	assert_non_null(job_ask(here.subject, &questions, &seen, on_done, &ended, &error));
	run_until(&ended.done);
	assert_int_equal(ended.result.outcome, JOB_ASKED);
	assert_string_equal(record_text(answer(&seen, "installed"), "leaf"), "aa");
}

/* ---- the end of it all ---- */

static void a_job_may_be_abandoned_at_any_time(void **state)
{
	struct ended ended = { 0 };

	(void)state;
	part("worker.apply", "say begin 0\\n\nhear\nhang");
	job_abandon(start_apply(&ended));
	stop_controller();
	assert_false(ended.done);
}

struct leaving {
	uv_check_t check;
	struct job *job;
	bool left;
};

static void find_closing(uv_handle_t *handle, void *context)
{
	if (handle->type == UV_TIMER && uv_is_closing(handle))
		*(bool *)context = true;
}

static void leave_when_closing(uv_check_t *check)
{
	struct leaving *leaving = check->data;
	bool closing = false;

	uv_walk(&here.loop, find_closing, &closing);
	if (!closing || leaving->left)
		return;
	leaving->left = true;
	job_abandon(leaving->job);
	uv_close((uv_handle_t *)check, NULL);
}

/* A service is stopped by a signal, which may come in the same turn as the worker's end. */
static void a_job_may_be_abandoned_when_it_is_as_good_as_done(void **state)
{
	static const char *const ends[] = { "say end applied\\n", "kill" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct leaving leaving = { 0 };
		struct ended ended = { 0 };

		part("worker.apply", ends[i]);
		(void)uv_check_init(&here.loop, &leaving.check);
		leaving.check.data = &leaving;
		(void)uv_check_start(&leaving.check, leave_when_closing);
		leaving.job = start_apply(&ended);
		run_until(&leaving.left);
		assert_false(ended.done);
	}
}

/* ---- what recovery decides ---- */

struct left {
	const char *leaf;
	bool begun, done;
	bool follow_up, remains;
	bool unproven; /* no handshake tells what is served */
	bool forward_only;
};

static enum recovery decide(const struct left *left)
{
	const struct probe_step probe = { .address = "127.0.0.1:1", .expect = "9f2c" };
	struct journal *journal = here.controller->journal;
	const struct step_entry change = { .text = "make it so" };
	struct answers seen = { .arena = here.arena };
	struct record *installed = record_new(here.arena, "answer", "installed", NULL);
	struct plan plan, questions;
	int64_t pass;

	make_credential("wanted");
	make_plan(&plan);
	if (!left->unproven)
		(void)plan_probe(&plan, PHASE_FINISH, "see it served", &probe);
	plan.predecessor = make_credential("predecessor")->digest;
	plan.follow_up = left->follow_up ? "restart it" : NULL;
	plan.forward_only = left->forward_only;
	pass = begin_pass(&plan);
	if (left->begun)
		journal_step_begin(journal, pass, 0, false, "make it so");
	if (left->done)
		journal_step_end(journal, pass, &change);
	record_add_text(here.arena, installed, "leaf", left->leaf);
	if (left->remains)
		record_add_text(here.arena, installed, "remains", "restart");
	records_append(here.arena, &seen.records, installed);
	return recovery_decide(here.subject, &plan, pass, &seen, &questions);
}

static enum recovery decide_on(struct left left)
{
	return decide(&left);
}

static void what_is_seen_decides_what_becomes_of_an_open_pass(void **state)
{
	const char *wanted = make_credential("wanted")->fingerprint;
	const char *before = make_credential("predecessor")->fingerprint;

	(void)state;
#define decided(...) decide_on((struct left){ __VA_ARGS__ })
	assert_int_equal(decided(wanted, true), RECOVERY_FINISHED);
	assert_int_equal(decided(wanted, false), RECOVERY_FINISHED);
	assert_int_equal(decided(before, true), RECOVERY_NOTHING_CHANGED);
	assert_int_equal(decided("something else", false), RECOVERY_NOTHING_CHANGED);
	assert_int_equal(decided("something else", true), RECOVERY_PUT_BACK);
	assert_int_equal(decided("something else", true, .forward_only = true), RECOVERY_AGAIN);

	/* All is changed, and others are not told: unless it is as it was before. */
	assert_int_equal(decided("something else", true, true), RECOVERY_FINISH);
	assert_int_equal(decided(before, true, true), RECOVERY_NOTHING_CHANGED);

	/* What is to follow does not matter, unless it was that which was cut short. */
	assert_int_equal(decided(wanted, false, false, false, true), RECOVERY_FINISHED);
	assert_int_equal(decided(wanted, true, false, true, true), RECOVERY_AGAIN);
	assert_int_equal(decided(wanted, false, false, true, true), RECOVERY_NOTHING_CHANGED);
	assert_int_equal(decided(wanted, true, false, true, false), RECOVERY_FINISHED);

	/* But a second step that was cut short is taken up, though it may be planned as a
	 * follow-up by now, and though the first may not be known to be done. */
	assert_int_equal(decided(wanted, true, true, false, true), RECOVERY_FINISH);
	assert_int_equal(decided(wanted, true, false, false, true), RECOVERY_FINISH);
	assert_int_equal(decided(wanted, true, true, true, true), RECOVERY_FINISH);
	assert_int_equal(decided(wanted, true, true, false, false), RECOVERY_FINISHED);

	/* Files that are in place may not have been loaded. */
	assert_int_equal(decided(wanted, true, .unproven = true), RECOVERY_PUT_BACK);
	assert_int_equal(decided(wanted, true, true, .unproven = true), RECOVERY_FINISHED);
	assert_int_equal(decided(wanted, .unproven = true), RECOVERY_FINISHED);

	here.asks_more = true;
	assert_int_equal(decided(wanted, true), RECOVERY_ASK);
}

/* ---- the gap ---- */

static void a_gap_is_from_the_last_change_to_the_last_who_was_told(void **state)
{
	struct journal *journal = here.controller->journal;
	const struct step_entry change = { .text = "make it so" };
	const struct step_entry told = { .number = 1, .text = "tell the others" };
	struct plan plan;
	bool done[2] = { false };
	struct gap gap;
	int64_t pass;

	(void)state;
	make_plan(&plan);
	pass = begin_pass(&plan);
	gap = gap_recall(journal, &plan, pass, NULL);
	assert_false(gap.changed);
	assert_int_equal(gap.left, 1);
	assert_int_equal(gap.ms, -1);

	journal_step_end(journal, pass, &change);
	gap = gap_recall(journal, &plan, pass, done);
	assert_true(gap.changed);
	assert_true(gap.changed_ms > 0);
	assert_true(done[0] && !done[1]);
	assert_int_equal(gap.left, 1);
	assert_int_equal(gap.ms, -1);

	journal_step_end(journal, pass, &told);
	gap = gap_recall(journal, &plan, pass, NULL);
	assert_int_equal(gap.left, 0);
	assert_true(gap.ms >= 0 && gap.ms < 60000);

	/* Tidying is no part of it. */
	plan.steps[1].disruption = DISRUPTION_NONE;
	gap = gap_recall(journal, &plan, pass, NULL);
	assert_int_equal(gap.ms, -1);
}

static void what_was_cut_short_for_a_target_that_is_gone_is_told(void **state)
{
	struct pass_entry entry = {
		.target = "web", .credential = "5f0c", .plan = "plan web \"\""
	};
	struct words orphans;

	(void)state;
	(void)journal_pass_begin(here.controller->journal, &entry);
	assert_int_equal(recovery_orphans(here.controller, here.arena).count, 0);
	entry.target = "gone";
	(void)journal_pass_begin(here.controller->journal, &entry);
	orphans = recovery_orphans(here.controller, here.arena);
	assert_int_equal(orphans.count, 1);
	assert_non_null(strstr(orphans.items[0], "a change of gone was cut short"));
}

static void what_is_damaged_is_not_handed_over(void **state)
{
	const struct credential *before = make_credential("predecessor");
	struct ended ended = { 0 };
	struct error error;
	struct plan plan;

	(void)state;
	make_plan(&plan);
	plan.predecessor = before->digest;
	damage_credential(before);
	part("worker.undo",
			arena_printf(here.arena,
					"if with %s\nmark whole\nif with %s\nmark damaged\n"
					"say end undone\\n",
					plan.credential, before->digest));
	assert_non_null(job_undo(here.subject, &plan, begin_pass(&plan), on_done, &ended, &error));
	run_until(&ended.done);
	assert_int_equal(ended.result.outcome, JOB_UNDONE);
	assert_true(was_marked("whole"));
	assert_false(was_marked("damaged"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_step_is_taken_once_it_is_on_disk),
		claim(no_go_ahead_without_a_commit),
		claim(a_worker_that_dies_is_lost),
		claim(a_worker_that_cannot_be_told_is_lost),
		claim(idle_workers_that_died_unnoticed_are_passed_over),
		claim(a_worker_that_talks_nonsense_is_lost),
		claim(steps_that_are_not_in_the_plan_are_survived),
		claim(what_was_put_back_is_told_with_the_first_failure),
		claim(answers_reach_whoever_asked),
		claim(a_job_may_be_abandoned_at_any_time),
		claim(a_job_may_be_abandoned_when_it_is_as_good_as_done),
		claim(what_is_seen_decides_what_becomes_of_an_open_pass),
		claim(what_was_cut_short_for_a_target_that_is_gone_is_told),
		claim(what_is_damaged_is_not_handed_over),
		claim(a_gap_is_from_the_last_change_to_the_last_who_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
