#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "tests/unit/controlling.h"

/* What is told to whoever dropped: the receipt, of which status tells the same. */

enum { DAY = 24 * 3600 };

static bool is_busy(void)
{
	return here.controller->passes > 0;
}

/* What is wanted is installed, and served until so many days from now. */
static void see_served_for(int days)
{
	const struct words none = { 0 };
	const struct credential *wanted = make_credential("wanted");

	part("worker.ask",
			arena_printf(here.arena,
					"say answer installed\\n\\tleaf %s 4000000000\\n"
					"\\tserved 192.0.2.1:443 %s %lld\\nend asked\\n",
					wanted->fingerprint, wanted->fingerprint,
					(long long)time(NULL) + (long long)days * DAY + DAY / 2));
	subject_want(here.subject, wanted, NULL, none);
	controller_due(here.controller, here.subject);
	run_while(is_busy);
}

static const char *warning_in_receipt(void)
{
	json_t *receipt = json_load_file(in_directory("drop/web/receipt.json"), 0, NULL);
	const json_t *warnings = json_object_get(receipt, "warnings");
	const char *first;

	assert_true(json_is_array(warnings));
	first = arena_copy(here.arena, json_string_value(json_array_get(warnings, 0)));
	json_decref(receipt);
	return first;
}

static int begin(void **state)
{
	if (controlling_begin(state) != 0)
		return -1;
	part("inspector.start", "");
	part("worker.ask", "say end asked\\n\n");
	start_controller(MODE_SERVICE);
	run_while(is_busy);
	return 0;
}

static void a_receipt_tells_what_ends_within_thirty_days(void **state)
{
	(void)state;
	see_served_for(20);
	assert_non_null(warning_in_receipt());
	assert_non_null(strstr(warning_in_receipt(),
			"the certificate served at 192.0.2.1:443 ends in 20 days, on "));
}

static void and_nothing_of_what_lasts_longer(void **state)
{
	(void)state;
	see_served_for(40);
	assert_null(warning_in_receipt());
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_receipt_tells_what_ends_within_thirty_days),
		claim(and_nothing_of_what_lasts_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
