#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "controller/base/message.h"
#include "tests/unit/server.h"
#include "tests/unit/worker.h"

static char *directory;

static int set_up(void **state)
{
	(void)state;
	directory = directory_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	directory_gone(directory);
	return 0;
}

/* "PHASE[/TOGETHER] WORD": a step that notes WORD in the log, and fails after that when the
 * word starts with "bad", the first time only when it starts with "once". */
static void add_step(struct arena *arena, const char *what, struct buffer *plan)
{
	char *phase = arena_copy(arena, what);
	char *word = strchr(phase, ' ') + 1;
	char *together;

	word[-1] = '\0';
	together = strchr(phase, '/');
	if (together)
		*together++ = '\0';
	buffer_printf(plan, "%s command \"%s\"\n", phase, word);
	buffer_printf(plan,
			"\targv sh -c \"echo %s >> %s/log; case %s in bad*) exit 1;; once*) "
			"mkdir %s/%s || exit 0; exit 1;; esac\"\n",
			word, directory, word, directory, word);
	if (together)
		buffer_printf(plan, "\ttogether %s\n", together);
}

static const char *plan_of(struct arena *arena, const char *const *steps)
{
	autodone(buffer) struct buffer plan = { 0 };

	buffer_printf(&plan, "plan web test\n\tcredential 5f0c\n");
	for (; *steps; steps++)
		add_step(arena, *steps, &plan);
	return arena_copy(arena, buffer_text(&plan));
}

/* What the steps noted since the last time, in one line. */
static const char *noted(struct arena *arena)
{
	const char *path = arena_printf(arena, "%s/log", directory);
	autofree char *text = read_text(path);

	(void)unlink(path);
	for (char *c = text; c && *c; c++)
		if (*c == '\n')
			*c = c[1] ? ' ' : '\0';
	return text ? arena_copy(arena, text) : "";
}

/* All that was said, each message in a line of its own, without times. */
static const char *said(const struct conversation *c)
{
	autodone(buffer) struct buffer text = { 0 };

	for (size_t i = 0; i < c->said.count; i++) {
		const struct record *r = c->said.items[i];
		const bool outcome = strcmp(record_word(r, 0), "done") == 0 ||
				strcmp(record_word(r, 0), "failed") == 0;

		for (size_t k = 0; k < r->words.count; k++)
			if (!(outcome && (k == 2 || k == 4)))
				buffer_printf(&text, "%s ", record_word(r, k));
		buffer_add(&text, "| ");
	}
	return arena_copy(c->arena, buffer_text(&text));
}

static void steps_are_taken_in_order_and_announced(void **state)
{
	static const char *const steps[] = { "undo z", "prepare a", "change b", "undo y", "prove c",
		"finish d", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "a b c d");
	assert_string_equal(said(&c),
			"done 1 | begin 2 | done 2 | done 4 | begin 5 | done 5 | end applied | ");
}

static void what_was_begun_is_put_back_from_last_to_first(void **state)
{
	static const char *const steps[] = { "undo z", "change a", "undo y", "change b", "undo x",
		"prove bad", "undo w", "finish d", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "a b bad y z");
	assert_string_equal(said(&c),
			"begin 1 | done 1 | begin 3 | done 3 | failed 5 retry | begin 2 undo | "
			"done 2 undo | begin 0 undo | done 0 undo | end undone | ");
}

static void a_failure_in_prepare_has_changed_nothing(void **state)
{
	static const char *const steps[] = { "undo z", "prepare bad", "change b", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "bad");
	assert_string_equal(c.end, "failed");
}

static void a_tool_that_fails_again_leaves_doubt(void **state)
{
	static const char *const steps[] = { "undo z", "undo bad-y", "change bad", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c, again;

	(void)state;
	converse(&c, "work apply", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "bad bad-y bad-y bad-y z");
	assert_string_equal(c.end, "stuck");
	converse(&again, "work undo\n\tbegun 2", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(again.end, "stuck");
	assert_string_equal(noted(arena), "bad-y bad-y bad-y z");
	assert_string_equal(record_word(records_find(&again.said, "failed", NULL), 5), "undo");
}

/* Plan: undo probe for what was there before, undo a command that fails, change that fails. */
static const char *end_of_undo(const char *address, const struct pair *expected)
{
	static const char *const steps[] = { "undo bad-reload", "change bad", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;
	const char *plan = plan_of(arena, steps);
	const char *rest = strstr(plan, "undo command");
	const char *whole = arena_printf(arena,
			"%.*sundo probe \"what was there\"\n\taddress %s\n\texpect %s\n"
			"\tdeadline 300\n%s",
			(int)(rest - plan), plan, address, expected->fingerprint.hex, rest);
	bool stuck;

	converse(&c, "work apply", whole, NULL, NEVER);
	(void)noted(arena);
	stuck = strcmp(c.end, "stuck") == 0;
	return stuck ? "stuck" : strcmp(c.end, "undone") == 0 ? "undone" : "neither";
}

static void a_probe_decides_whether_it_is_back(void **state)
{
	struct pair old, new;
	struct server server = { .first = &old };

	(void)state;
	pair_make(&old, "old.example");
	pair_make(&new, "new.example");
	server_start(&server);
	assert_string_equal(end_of_undo(server.address, &old), "undone");
	assert_string_equal(end_of_undo(server.address, &new), "stuck");
	server_stop(&server);
	pair_done(&old);
	pair_done(&new);
}

static void putting_back_stops_where_it_fails(void **state)
{
	static const char *const steps[] = { "undo z", "change bad", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;
	const char *plan = plan_of(arena, steps);
	const char *rest = strstr(plan, "change command");

	(void)state;
	converse(&c, "work apply",
			arena_printf(arena,
					"%.*sundo probe \"what was there\"\n\taddress nowhere\n"
					"\texpect x\n%s",
					(int)(rest - plan), plan, rest),
			NULL, NEVER);
	assert_string_equal(c.end, "stuck");
	assert_string_equal(noted(arena), "bad");
}

static void finish_is_tried_again_and_then_left_to_the_controller(void **state)
{
	static const char *const good[] = { "change a", "finish once-b", NULL };
	static const char *const bad[] = { "undo z", "change a", "finish bad", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c, d, back;

	(void)state;
	converse(&c, "work apply", plan_of(arena, good), NULL, NEVER);
	assert_string_equal(c.end, "applied");
	assert_string_equal(noted(arena), "a once-b once-b");

	converse(&d, "work apply", plan_of(arena, bad), NULL, NEVER);
	assert_string_equal(d.end, "failed");
	assert_string_equal(noted(arena), "a bad bad bad");
	converse(&back, "work undo\n\tbegun 1 2", plan_of(arena, bad), NULL, NEVER);
	assert_string_equal(back.end, "undone");
	assert_string_equal(noted(arena), "z");
}

static void nothing_is_done_once_the_controller_is_gone(void **state)
{
	static const char *const steps[] = { "undo z", "change a", "change b", "prove bad", NULL };
	/* at "begin 1", "done 1", "begin 2", ... the controller goes */
	static const char *const expected[] = { "", "a", "a", "a b" };
	autoarena struct arena *arena = arena_new();

	(void)state;
	for (long away = 0; away < 4; away++) {
		autodone(conversation) struct conversation c;
		const char *done;

		converse(&c, "work apply", plan_of(arena, steps), NULL, away);
		assert_null(c.end);
		done = noted(arena);
		/* After "done 2" the prove step may have been on its way already. */
		if (away == 3 && strcmp(done, "a b bad") == 0)
			continue;
		assert_string_equal(done, expected[away]);
	}
}

static void an_undo_of_nothing_does_nothing(void **state)
{
	static const char *const steps[] = { "undo z", "change a", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work undo", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(said(&c), "end undone | ");
	assert_string_equal(noted(arena), "");
}

/* Each of the two waits until the other has begun: one after the other would not end. */
static void steps_that_belong_together_run_at_the_same_time(void **state)
{
	autodone(conversation) struct conversation c;
	autodone(buffer) struct buffer plan = { 0 };

	(void)state;
	buffer_printf(&plan, "plan web test\n\tcredential 5f0c\n");
	for (int i = 0; i < 2; i++)
		buffer_printf(&plan,
				"change command both\n\ttogether 7\n\tdeadline 20000\n\targv sh -c "
				"\"mkfifo %s/f%d; mkfifo %s/f%d; echo x > %s/f%d & cat %s/f%d\"\n",
				directory, 0, directory, 1, directory, i, directory, 1 - i);
	converse(&c, "work apply", buffer_text(&plan), NULL, NEVER);
	assert_string_equal(said(&c), "begin 0 | begin 1 | done 0 | done 1 | end applied | ");
}

static void one_failure_in_a_group_puts_back_all_of_it(void **state)
{
	static const char *const steps[] = { "undo z", "change/1 a", "change/1 bad", "change/1 c",
		"change d", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(c.end, "undone");
	assert_string_equal(said(&c),
			"begin 1 | begin 2 | begin 3 | done 1 | failed 2 retry | done 3 | begin 0 "
			"undo | done 0 undo | end undone | ");
}

static void a_job_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *work, *plan, *end;
	} cases[] = {
		{ "work apply", "nonsense\n", "failed" },
		{ "work dance", "plan web t\n", "failed" },
		{ "work apply", "plan web t\nchange dance x\n", "failed" },
		{ "work undo\n\tbegun 7", "plan web t\n", "stuck" },
		{ "work undo\n\tbegun x", "plan web t\n", "stuck" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autodone(conversation) struct conversation c;

		converse(&c, cases[i].work, cases[i].plan, NULL, NEVER);
		assert_string_equal(c.end, cases[i].end);
		assert_string_equal(record_word(c.said.items[0], 3), "internal");
	}
}

static void a_damaged_credential_is_refused(void **state)
{
	autodone(conversation) struct conversation c;
	struct pair pair;
	struct pair *const pairs[] = { &pair, NULL };
	struct error error;

	(void)state;
	pair_make(&pair, "web.example");
	pair.file.bytes[pair.file.length - 40] ^= 1;
	owned_close(&pair.fd);
	assert_true(memfd_of("damaged", pair.file.bytes, pair.file.length, &pair.fd, &error));
	converse(&c, "work apply", "plan web t\n", pairs, NEVER);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "is damaged"));
	pair_done(&pair);
}

/* ---- the gap ---- */

/* "far/N WORD" is a finish step that touches another site and fails N times. */
static const char *plan_with_gap(
		struct arena *arena, long budget_ms, int failures, const char *kind)
{
	(void)noted(arena);
	return arena_printf(arena,
			"plan web test\n\tcredential 5f0c\n\tgap-budget %ld\n"
			"change command a\n\targv sh -c \"echo a >> %s/log\"\n"
			"finish command b\n"
			"\targv sh -c \"echo b >> %s/log; test $(grep -c b %s/log) -gt %d || "
			"exit 1\"\n\tdisruption %s\n"
			"finish command c\n\targv sh -c \"echo c >> %s/log\"\n",
			budget_ms, directory, directory, directory, failures, kind, directory);
}

static void what_peers_wait_for_is_tried_as_long_as_the_budget_lasts(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_with_gap(arena, 60000, 4, "remote"), NULL, NEVER);
	assert_string_equal(c.end, "applied");
	assert_string_equal(noted(arena), "a b b b b b c");
}

static void past_the_budget_it_is_not_tried_any_more(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_with_gap(arena, 150, 99, "remote"), NULL, NEVER);
	assert_string_equal(c.end, "failed");
	assert_true(strlen(noted(arena)) <= strlen("a b b b"));
}

static void when_it_is_used_up_it_is_tried_as_often_as_anything(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work finish\n\tdone 0\n\tleft 0", plan_with_gap(arena, 1, 99, "remote"), NULL,
			NEVER);
	assert_string_equal(c.end, "failed");
	assert_string_equal(noted(arena), "b b b");
}

static void what_waits_by_itself_ends_with_the_budget(void **state)
{
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply",
			"plan web test\n\tcredential 5f0c\n\tgap-budget 300\nchange command a\n"
			"\targv true\nfinish command b\n\targv sleep 30\n\tdisruption remote\n"
			"\tdeadline 20000\n",
			NULL, NEVER);
	assert_string_equal(c.end, "failed");
	assert_non_null(strstr(failure_in(&c), "did not end in time"));
}

static void the_budget_is_for_what_peers_wait_for(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work apply", plan_with_gap(arena, 60000, 4, "reload"), NULL, NEVER);
	assert_string_equal(c.end, "failed");
	assert_string_equal(noted(arena), "a b b b");
}

static void what_is_left_is_finished_after_it_is_proven_again(void **state)
{
	static const char *const steps[] = { "undo z", "prepare p", "change a", "prove q",
		"finish/1 b", "finish/1 c", "finish/1 d", "finish e", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work finish\n\tdone 1 2 3 5", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "q b d e");
	assert_string_equal(said(&c),
			"done 3 | begin 4 | done 4 | begin 6 | done 6 | begin 7 | "
			"done 7 | end applied | ");
}

static void what_is_not_served_any_more_is_not_finished(void **state)
{
	static const char *const steps[] = { "undo z", "change a", "prove bad", "finish b", NULL };
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work finish\n\tdone 1 2", plan_of(arena, steps), NULL, NEVER);
	assert_string_equal(noted(arena), "bad");
	assert_string_equal(said(&c), "failed 2 retry | end failed | ");
}

static void what_is_left_of_the_budget_counts_when_it_is_finished_later(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(conversation) struct conversation c;

	(void)state;
	converse(&c, "work finish\n\tdone 0\n\tleft 60000", plan_with_gap(arena, 1, 4, "remote"),
			NULL, NEVER);
	assert_string_equal(c.end, "applied");
	assert_string_equal(noted(arena), "b b b b b c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_taken_in_order_and_announced),
		cmocka_unit_test(what_was_begun_is_put_back_from_last_to_first),
		cmocka_unit_test(a_failure_in_prepare_has_changed_nothing),
		cmocka_unit_test(a_tool_that_fails_again_leaves_doubt),
		cmocka_unit_test(a_probe_decides_whether_it_is_back),
		cmocka_unit_test(putting_back_stops_where_it_fails),
		cmocka_unit_test(finish_is_tried_again_and_then_left_to_the_controller),
		cmocka_unit_test(nothing_is_done_once_the_controller_is_gone),
		cmocka_unit_test(an_undo_of_nothing_does_nothing),
		cmocka_unit_test(steps_that_belong_together_run_at_the_same_time),
		cmocka_unit_test(one_failure_in_a_group_puts_back_all_of_it),
		cmocka_unit_test(what_peers_wait_for_is_tried_as_long_as_the_budget_lasts),
		cmocka_unit_test(past_the_budget_it_is_not_tried_any_more),
		cmocka_unit_test(when_it_is_used_up_it_is_tried_as_often_as_anything),
		cmocka_unit_test(what_waits_by_itself_ends_with_the_budget),
		cmocka_unit_test(the_budget_is_for_what_peers_wait_for),
		cmocka_unit_test(what_is_left_is_finished_after_it_is_proven_again),
		cmocka_unit_test(what_is_not_served_any_more_is_not_finished),
		cmocka_unit_test(what_is_left_of_the_budget_counts_when_it_is_finished_later),
		cmocka_unit_test(a_job_that_is_none_is_refused),
		cmocka_unit_test(a_damaged_credential_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
