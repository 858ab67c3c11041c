#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/journaling.h"

/* What is kept of a pass and its steps: enough to put it back after a restart, and to tell of it later
 * on. */

static int64_t begin_pass(const char *target, const char *credential)
{
	const struct pass_entry entry = {
		.target = target,
		.credential = credential,
		.plan = "plan web \"put it into service\"\n",
		.started = 1795246000,
	};

	return journal_pass_begin(journal, &entry);
}

static void end_step(int64_t pass, long number, bool undo, const char *text, long milliseconds,
		const char *reason)
{
	const struct step_entry entry = { .number = number,
		.undo = undo,
		.text = text,
		.reason = reason,
		.milliseconds = milliseconds };

	journal_step_end(journal, pass, &entry);
}

static int64_t whole_pass(const char *target, const char *credential, const char *outcome)
{
	const int64_t pass = begin_pass(target, credential);

	journal_step_begin(journal, pass, 0, false, "publish");
	end_step(pass, 0, false, "publish", 1, NULL);
	journal_pass_end(journal, pass, outcome, NULL, -1);
	return pass;
}

static void a_pass_is_open_until_it_is_ended(void **state)
{
	const struct pass_entry *open;
	int64_t pass;

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	assert_null(journal_open_pass(journal, arena, "web"));
	pass = begin_pass("web", "bb");
	commit();
	open_again();

	open = journal_open_pass(journal, arena, "web");
	assert_non_null(open);
	assert_int_equal(open->id, pass);
	assert_string_equal(open->target, "web");
	assert_string_equal(open->credential, "bb");
	assert_string_equal(open->plan, "plan web \"put it into service\"\n");
	assert_int_equal(open->started, 1795246000);
	assert_int_equal(open->ended, 0);
	assert_null(open->outcome);
	assert_int_equal(open->gap_ms, -1);
	assert_null(journal_open_pass(journal, arena, "mail"));

	journal_pass_end(journal, pass, "undone", "exit code 1", 42);
	assert_null(journal_open_pass(journal, arena, "web"));
}

static void that_a_pass_begins_is_committed_with_its_first_step(void **state)
{
	const struct pass_entry *open;
	int64_t pass;

	(void)state;
	pass = begin_pass("web", "aa11");
	assert_false(journal_pressing(journal));

	journal_step_begin(journal, pass, 2, false, "publish the files");
	assert_true(journal_pressing(journal));
	commit();
	assert_false(journal_pressing(journal));
	open_again();
	open = journal_open_pass(journal, arena, "web");
	assert_non_null(open);
	assert_int_equal(open->id, pass);
}

static void the_steps_begun_are_those_that_recovery_puts_back(void **state)
{
	const int64_t other = begin_pass("mail", "aa");
	const int64_t pass = begin_pass("web", "aa");
	struct words begun;

	(void)state;
	assert_int_equal(journal_begun(journal, arena, pass).count, 0);
	journal_step_begin(journal, other, 7, false, "not ours");
	journal_step_begin(journal, pass, 10, false, "reload");
	journal_step_begin(journal, pass, 2, false, "publish");
	end_step(pass, 2, false, "publish", 5, NULL);
	journal_step_begin(journal, pass, 3, false, "copy");
	end_step(pass, 3, false, "copy", 5, "no space");
	journal_step_begin(journal, pass, 11, true, "putting back what never began");
	commit();
	open_again();

	begun = journal_begun(journal, arena, pass);
	assert_int_equal(begun.count, 3);
	assert_string_equal(begun.items[0], "2");
	assert_string_equal(begun.items[1], "3");
	assert_string_equal(begun.items[2], "10");
}

static void take_step(int64_t pass, long number, long milliseconds, const char *why)
{
	const struct step_entry entry = {
		.number = number, .text = "a step", .reason = why, .milliseconds = milliseconds
	};

	journal_step_begin(journal, pass, number, false, "a step");
	journal_step_end(journal, pass, &entry);
}

static void what_is_done_is_neither_what_failed_nor_what_was_put_back(void **state)
{
	const struct pass_entry entry = { .target = "web", .plan = "plan" };
	const struct step_entry back = { .number = 1, .undo = true, .text = "a step" };
	const int64_t pass = journal_pass_begin(journal, &entry);
	struct words done;

	(void)state;
	assert_int_equal(journal_done(journal, arena, pass).count, 0);
	assert_int_equal(journal_done_at_ms(journal, pass, 9), 0);
	take_step(pass, 0, 5, NULL);
	take_step(pass, 1, 5, NULL);
	take_step(pass, 2, 5, "no");
	journal_step_begin(journal, pass, 3, false, "a step");
	journal_step_end(journal, pass, &back);
	done = journal_done(journal, arena, pass);
	assert_int_equal(done.count, 1);
	assert_string_equal(done.items[0], "0");
	assert_true(journal_done_at_ms(journal, pass, 0) > 1795246000000);
	assert_true(journal_done_at_ms(journal, pass, 9) >= journal_done_at_ms(journal, pass, 0));
}

/* ---- what is told of them ---- */

struct told {
	char text[512];
};

static void tell_step(void *context, const struct step_entry *step)
{
	struct told *told = context;
	const size_t length = strlen(told->text);

	(void)snprintf(told->text + length, sizeof(told->text) - length, "%ld%s %s %s %ld %s; ",
			step->number, step->undo ? " undo" : "", step->text, step->result,
			step->milliseconds, step->reason ? step->reason : "-");
}

static void steps_are_told_in_their_order_and_then_back(void **state)
{
	const int64_t pass = begin_pass("web", "aa");
	struct told told = { { 0 } };

	(void)state;
	journal_step_begin(journal, pass, 1, false, "one");
	end_step(pass, 1, false, "one", 11, NULL);
	journal_step_begin(journal, pass, 2, false, "two");
	end_step(pass, 2, false, "two", 22, "no");
	journal_step_begin(journal, pass, 2, true, "two");
	end_step(pass, 2, true, "two", 3, NULL);
	journal_step_begin(journal, pass, 1, true, "one");
	journal_steps(journal, pass, tell_step, &told);
	assert_string_equal(told.text,
			"1 one done 11 -; 2 two failed 22 no; 2 undo two done 3 -; 1 undo one begun 0 -; ");
}

static void tell_pass(void *context, const struct pass_entry *entry)
{
	struct told *told = context;
	const size_t length = strlen(told->text);

	(void)snprintf(told->text + length, sizeof(told->text) - length, "%s %s %s; ",
			entry->target, entry->credential, entry->outcome ? entry->outcome : "open");
}

static void the_latest_passes_come_first(void **state)
{
	struct told all = { { 0 } }, one = { { 0 } }, few = { { 0 } };

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "bb", "undone");
	(void)begin_pass("web", "cc");
	journal_passes(journal, NULL, 10, tell_pass, &all);
	journal_passes(journal, "web", 10, tell_pass, &one);
	journal_passes(journal, NULL, 2, tell_pass, &few);
	assert_string_equal(all.text, "web cc open; mail bb undone; web aa applied; ");
	assert_string_equal(one.text, "web cc open; web aa applied; ");
	assert_string_equal(few.text, "web cc open; mail bb undone; ");
}

static void served_before_is_what_was_applied_the_latest_first(void **state)
{
	struct words before;

	(void)state;
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("web", "bb", "applied");
	(void)whole_pass("web", "cc", "undone");
	(void)whole_pass("web", "dd", "failed");
	(void)whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "ee", "applied");
	(void)begin_pass("web", "ff");
	before = journal_served_before(journal, arena, "web");
	assert_int_equal(before.count, 2);
	assert_string_equal(before.items[0], "aa");
	assert_string_equal(before.items[1], "bb");
}

static void the_longest_is_that_of_what_was_applied_lately(void **state)
{
	static const char *const outcomes[] = { "applied", "applied", "undone", "applied",
		"applied", "applied", "applied" };

	(void)state;
	assert_int_equal(journal_longest_ms(journal, "web"), 0);
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
		const struct pass_entry entry = { .target = "web", .plan = "plan" };
		const int64_t pass = journal_pass_begin(journal, &entry);
		/* The first is forgotten, the third was not applied. */
		static const long took[] = { 9000, 20, 8000, 20, 300, 20, 20 };

		take_step(pass, 0, took[i], NULL);
		take_step(pass, 1, 7, NULL);
		journal_pass_end(journal, pass, outcomes[i], NULL, -1);
	}
	assert_int_equal(journal_longest_ms(journal, "web"), 307);
	assert_int_equal(journal_longest_ms(journal, "mail"), 0);
}

static void the_latest_time_is_that_of_a_state_or_of_a_pass(void **state)
{
	const struct remembered later = { .state = "idle", .since = 4000000000 };

	(void)state;
	assert_int_equal(journal_latest_time(journal), 0);
	journal_remember(journal, "web", &sample);
	assert_int_equal(journal_latest_time(journal), sample.since);
	journal_remember(journal, "mail", &later);
	assert_int_equal(journal_latest_time(journal), 4000000000);
	journal_remember(journal, "mail", &sample);
	(void)whole_pass("web", "aa", "applied");
	assert_true(journal_latest_time(journal) >= sample.since);
}

/* ---- what is forgotten of them ---- */

static void pruning_keeps_the_newest(void **state)
{
	struct told web = { { 0 } }, mail = { { 0 } }, kept = { { 0 } }, gone = { { 0 } };
	int64_t first, last;

	(void)state;
	first = whole_pass("web", "aa", "applied");
	(void)whole_pass("mail", "bb", "applied");
	(void)whole_pass("web", "cc", "undone");
	last = whole_pass("web", "dd", "applied");
	journal_prune(journal, "web", 2);
	commit();
	journal_passes(journal, "web", 10, tell_pass, &web);
	journal_passes(journal, "mail", 10, tell_pass, &mail);
	journal_steps(journal, first, tell_step, &gone);
	journal_steps(journal, last, tell_step, &kept);
	assert_string_equal(web.text, "web dd applied; web cc undone; ");
	assert_string_equal(mail.text, "mail bb applied; ");
	assert_string_equal(gone.text, "");
	assert_string_equal(kept.text, "0 publish done 1 -; ");
}

static void pruning_leaves_an_open_pass_its_steps(void **state)
{
	int64_t open;

	(void)state;
	open = begin_pass("web", "aa");
	journal_step_begin(journal, open, 4, false, "publish");
	for (int i = 0; i < 4; i++)
		(void)whole_pass("web", "bb", "failed");
	journal_prune(journal, "web", 1);
	assert_int_equal(journal_open_pass(journal, arena, "web")->id, open);
	assert_int_equal(journal_begun(journal, arena, open).count, 1);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, journaling_begin, journaling_end)
	const struct CMUnitTest tests[] = {
		claim(a_pass_is_open_until_it_is_ended),
		claim(that_a_pass_begins_is_committed_with_its_first_step),
		claim(the_steps_begun_are_those_that_recovery_puts_back),
		claim(what_is_done_is_neither_what_failed_nor_what_was_put_back),
		claim(steps_are_told_in_their_order_and_then_back),
		claim(the_latest_passes_come_first),
		claim(served_before_is_what_was_applied_the_latest_first),
		claim(the_longest_is_that_of_what_was_applied_lately),
		claim(the_latest_time_is_that_of_a_state_or_of_a_pass),
		claim(pruning_keeps_the_newest),
		claim(pruning_leaves_an_open_pass_its_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
