#include "tests/unit/unit.h"

#include <string.h>

#include "controller/model/plan.h"

static const char whole_plan[] = "plan web \"put CN=web.example into service\"\n"
				 "\tcredential 5f0c\n"
				 "\tpredecessor 77ab\n"
				 "\tfollow-up \"restart it\"\n"
				 "\tsoak 60000\n"
				 "\tgap-budget 5000\n"
				 "\tforward-only yes\n"
				 "\theld \"a peer is offline\"\n"
				 "\n"
				 "undo command \"make it load what was there\"\n"
				 "\targv reload now\n"
				 "\n"
				 "change file \"publish a.pem\"\n"
				 "\tpublish /srv/web\n"
				 "\tmethod link\n"
				 "\treplaces nothing\n"
				 "\tfile a.pem fullchain 0644 - -\n"
				 "\tfile b.pem key 0600 root ssl\n"
				 "\n"
				 "change command \"make it load\"\n"
				 "\targv reload now\n"
				 "\tdisruption reload\n"
				 "\tdeadline 5000\n"
				 "\n"
				 "prove probe \"see it served\"\n"
				 "\taddress 127.0.0.1:8443\n"
				 "\texpect 9f2c\n"
				 "\ttimes 3\n"
				 "\ttogether 1\n";

static void the_text_is_the_plan(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer printed = { 0 };
	struct plan plan;
	struct error error;

	(void)state;
	if (!plan_read(arena, whole_plan, &plan, &error))
		fail_msg("%s", error.text);
	assert_string_equal(plan.follow_up, "restart it");
	assert_int_equal(plan.soak_ms, 60000);
	assert_int_equal(plan.gap_budget_ms, 5000);
	assert_true(plan.forward_only);
	assert_string_equal(plan.held, "a peer is offline");
	assert_null(plan.second_try);
	plan_print(&plan, &printed);
	assert_string_equal(buffer_text(&printed), whole_plan);
}

static void what_was_built_is_what_the_worker_reads(void **state)
{
	autoarena struct arena *arena = arena_new();
	const char *argv[] = { "tool", "an argument" };
	const struct command_step command = { .argv = { .items = argv, .count = 2 },
		.user = "omm" };
	autodone(buffer) struct buffer printed = { 0 };
	struct command_step read;
	struct plan plan, again;
	struct error error;

	(void)state;
	plan_init(&plan, arena, "db");
	plan.text = "test";
	plan.credential = "5f0c";
	plan_command(&plan, PHASE_CHANGE, "run it", &command)->deadline_ms = 7;
	plan_print(&plan, &printed);

	assert_true(plan_read(arena, buffer_text(&printed), &again, &error));
	assert_int_equal(again.steps[0].deadline_ms, 7);
	command_step_read(arena, &again.steps[0], &read);
	assert_int_equal(read.argv.count, 2);
	assert_string_equal(read.argv.items[1], "an argument");
	assert_string_equal(read.user, "omm");
	assert_null(read.directory);
}

static void wrong_plans_are_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "hello\n", "not a plan" },
		{ "plan a t\n\tcredential c\nchange dance x\n",
				"plan for a: step 1: \"change dance\" is not a step" },
		{ "plan a t\n\tcredential c\nchange command x\n\tsudo yes\n",
				"plan for a: \"x\": command steps have no sudo" },
		{ "plan a t\n\tcredential c\nprove probe x\nchange command y\n",
				"plan for a: \"y\" comes too late" },
		{ "plan a t\nchange command x\n",
				"plan for a: \"x\": a change without a credential" },
		{ "plan a t\nask look x\n",
				"plan for a: \"x\": a question, and only a question, has a name" },
		{ "plan a t\n\tsaok 5\n", "plan for a: plans have no saok" },
		{ "plan a t\n\tsoak 5\n", "plan for a: a soak, and nothing that is to follow it" },
		{ "plan a t\n\tfollow-up x\n\tsoak -5\n", "plan for a: a time below zero" },
		{ "plan a t\n\tgap-budget -5\n", "plan for a: a time below zero" },
		{ "plan a t\n\tfollow-up x\n\tsecond-try \"in another way\"\n",
				"plan for a: a follow-up with a second try" },
		{ "plan a t\n\tfollow-up \"\"\n",
				"plan for a: a follow-up that does not say what it is" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct plan plan;
		struct error error;

		assert_false(plan_read(arena, cases[i].text, &plan, &error));
		assert_string_equal(error.text, cases[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_the_plan),
		cmocka_unit_test(what_was_built_is_what_the_worker_reads),
		cmocka_unit_test(wrong_plans_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
