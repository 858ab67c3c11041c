#include "tests/unit/unit.h"

#include <stdint.h>
#include <unistd.h>

#include "tests/unit/controlling.h"

/* Targets that wait for a place. */

enum { MANY = 30, SHALLOW = 16 * 1024 };

static uintptr_t highest, lowest;

/* How deep the stack is when somebody is told something. */
static void measure(struct observer *observer, struct subject *subject)
{
	const uintptr_t here_now = (uintptr_t)__builtin_frame_address(0);

	(void)observer;
	if (!subject)
		return;
	highest = here_now > highest ? here_now : highest;
	lowest = here_now < lowest ? here_now : lowest;
}

static bool has_due(void)
{
	return here.controller->first_due;
}

static int begin(void **state)
{
	const char *targets = "";

	highest = 0;
	lowest = UINTPTR_MAX;
	if (controlling_begin(state) != 0)
		return -1;
	for (int i = 0; i < MANY; i++)
		targets = arena_printf(here.arena,
				"%s }, { name = \"target-%d\"; product = \"fake\";", targets, i);
	here.mail = targets;
	part("inspector.start", "");
	return 0;
}

static void none_of_them_begins_within_another(void **state)
{
	struct observer observer = { .changed = measure };

	(void)state;
	part("worker.ask", "exit 1");
	start_controller(MODE_SERVICE);
	controller_observe(here.controller, &observer);
	assert_true(has_due());
	/* Those that have a worker already lose it, and no other is to be had. */
	assert_int_equal(unlink(in_directory("worker")), 0);
	run_while(has_due);
	controller_unobserve(here.controller, &observer);
	assert_true(highest > 0);
	assert_in_range(highest - lowest, 0, SHALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
				none_of_them_begins_within_another, begin, controlling_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
