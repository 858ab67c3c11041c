#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "controller/certdrop/clock.h"
#include "tests/unit/controlling.h"

/* The change is made, and the handshake fails; or the change itself does. */
static const char is_not_served[] =
		"say begin 0\\n\nhear\nsay done 0 5\\nfailed 1 5 retry \"refused\"\\nend undone\\n";
static const char is_not_made[] =
		"say begin 0\\n\nhear\nsay failed 0 7 retry \"exit code 1\"\\nend undone\\n";
/* With a step more. */
static const char is_not_served_either[] =
		"say begin 0\\n\nhear\nmark restarted\nsay done 0 5\\nbegin 1\\n\nhear\n"
		"say done 1 5\\nfailed 2 5 retry \"refused\"\\nend undone\\n";

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	part("worker.ask", "say answer installed\\n\\tleaf old 4000000000\\nend asked\\n");
	here.proves = true;
	here.second_try = "with a restart";
	return 0;
}

static bool is_busy(void)
{
	return here.controller->passes > 0;
}

/* A window for restarts that opens so many minutes from now, and lasts for an hour. */
static void set_window(long from)
{
	const time_t start = time(NULL) + from * 60, end = start + 3600;
	char opens[8], closes[8];
	struct tm shown;

	(void)strftime(opens, sizeof(opens), "%H:%M", gmtime_r(&start, &shown));
	(void)strftime(closes, sizeof(closes), "%H:%M", gmtime_r(&end, &shown));
	here.web = arena_printf(here.arena,
			"windows = ( { for = [ \"restart\" ]; from = \"%s\"; to = \"%s\"; "
			"zone = \"UTC\"; } ); ",
			opens, closes);
}

static void want(const char *name)
{
	const struct words none = { 0 };

	subject_want(here.subject, make_credential(name), NULL, none);
}

static void run_pass(void)
{
	controller_due(here.controller, here.subject);
	run_while(is_busy);
}

static bool is_told(const char *text)
{
	return subject_reason(here.subject) && strstr(subject_reason(here.subject), text);
}

static void assert_state(enum state state)
{
	assert_string_equal(state_name(subject_state(here.subject)), state_name(state));
}

static const char *parked(void)
{
	return journal_last_parked(here.controller->journal, here.arena, "web");
}

static void what_is_not_served_is_tried_again_in_the_other_way(void **state)
{
	(void)state;
	set_window(120);
	start_controller(MODE_SERVICE);
	run_while(is_busy);
	part("worker.apply", is_not_served);
	want("wanted");
	run_pass();
	assert_state(STATE_HELD);
	assert_true(is_told("it was put back (see it served: refused), and is tried again with a "
			    "restart: its next window for restart"));
	assert_null(parked());
	assert_false(was_marked("restarted"));
}

static void after_a_restart_of_the_service_it_is_still_the_second(void **state)
{
	what_is_not_served_is_tried_again_in_the_other_way(state);
	stop_controller();
	set_window(-10);
	part("worker.apply", is_not_served_either);
	start_controller(MODE_ONCE);
	run_pass();
	assert_true(was_marked("restarted"));
	/* There is no third one, though the reconciler names it. */
	assert_string_equal(parked(), make_credential("wanted")->digest);
}

static void what_fails_before_it_could_be_served_is_not(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	part("worker.apply", is_not_made);
	want("wanted");
	run_pass();
	assert_state(STATE_FAILED);
	assert_false(is_told("tried again with"));
}

static void another_one_begins_in_the_first_way(void **state)
{
	what_is_not_served_is_tried_again_in_the_other_way(state);
	want("another");
	run_pass();
	assert_state(STATE_HELD);
	assert_null(parked());
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_is_not_served_is_tried_again_in_the_other_way),
		claim(after_a_restart_of_the_service_it_is_still_the_second),
		claim(what_fails_before_it_could_be_served_is_not),
		claim(another_one_begins_in_the_first_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
