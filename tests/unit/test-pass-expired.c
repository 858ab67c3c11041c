#include "tests/unit/unit.h"

#include <string.h>
#include <sys/timex.h>

#include "controller/certdrop/answer/request.h"
#include "controller/certdrop/clock.h"
#include "tests/unit/passing.h"

/* What has ended is never newly put anywhere; where it is already, it stays and is looked after. */

/* Whether the machine that runs this is synchronized does not matter. */
int adjtimex(struct timex *state)
{
	*state = (struct timex){ .status = STA_UNSYNC };
	return TIME_ERROR;
}

/* A name's credential, which ended an hour ago, is wanted. */
static const struct credential *want_ended(const char *name)
{
	const struct credential *wanted;

	here.ends = clock_now() - 3600;
	wanted = want(here.subject, name);
	here.ends = 0;
	return wanted;
}

static const struct credential *ended_in_service(void)
{
	const struct credential *wanted = want_ended("wanted");

	install(wanted->fingerprint, wanted->not_after, "");
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
	return wanted;
}

/* The worker finds nothing that could be compared with the credential, so that there is something to do,
 * and this is served. */
static void serve(const char *fingerprint)
{
	part("worker.ask",
			arena_printf(here.arena,
					"say answer a:1\\n\\tserved a:1 %s 4000000000\\nend asked\\n",
					fingerprint));
}

static int applied(const char *finds)
{
	part("worker.apply", works);
	watch(finds);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	return watcher.applied;
}

/* ---- not newly ---- */

static void what_ended_while_it_was_held_is_put_nowhere(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want_ended("wanted");
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject, "CN=wanted expired on 20");
	assert_reason(here.subject, "what is there now (sha256 old) stays; drop one that is valid");

	part("worker.ask", "say answer installed\\nend asked\\n");
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_reason(here.subject, "and is not newly installed; drop one that is valid");
}

static void what_ended_in_service_replaces_nothing_that_somebody_put_there(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = ended_in_service();
	install("another", 4000000000, "");
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject, "what is there now (sha256 another) stays");

	/* Nor where it is installed, and another one is served. */
	here.shows = wanted->fingerprint;
	serve("another");
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_state(here.subject, STATE_HELD);

	install(wanted->fingerprint, wanted->not_after, "");
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_comes_with_it_may_have_ended(void **state)
{
	const char *list[] = { "a revocation list", "1700000000", "1800000000" };
	struct words row = { .items = list, .count = 3 };
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	list[2] = arena_printf(here.arena, "%lld", clock_now() - 60);
	wanted = want(here.subject, "wanted");
	here.subject->facts.lasts = (struct rows){ .items = &row, .count = 1 };
	assert_int_equal(applied(wanted->fingerprint), 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject, "a revocation list, which comes with CN=wanted, expired on 20");
}

static void nobody_waits_for_what_has_ended(void **state)
{
	const struct credential *valid;
	struct subject *mail;

	(void)state;
	here.mail = "after = \"web\";";
	start_controller(MODE_ONCE);
	mail = controller_find(here.controller, "mail");
	want_ended("wanted");
	assert_int_equal(applied(NULL), 0);
	assert_state(here.subject, STATE_HELD);

	valid = want(mail, "valid");
	watch(valid->fingerprint);
	controller_due(here.controller, mail);
	run_while(is_busy);
	controller_unobserve(here.controller, &watcher.observer);
	assert_state(mail, STATE_IN_SERVICE);
}

/* ---- where it is ---- */

static void what_ended_in_service_is_mended_there(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = ended_in_service();
	here.shows = wanted->fingerprint;
	part("worker.ask", "say answer other\\nend asked\\n");
	assert_int_equal(applied(wanted->fingerprint), 1);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_was_begun_with_it_is_finished(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want_ended("wanted");
	here.shows = wanted->fingerprint;
	serve("old");
	assert_int_equal(applied(wanted->fingerprint), 1);
	assert_state(here.subject, STATE_IN_SERVICE);
}

static void what_is_to_follow_still_does(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want_ended("wanted");
	remains(wanted);
	part("worker.apply", restarts);
	watch(wanted->fingerprint);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_true(was_marked("restarted"));
	assert_state(here.subject, STATE_IN_SERVICE);
}

/* ---- going back ---- */

/* The worker puts back what was there, whatever its dates. */
static void what_fails_is_put_back_to_what_has_ended(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	ended_in_service();
	want(here.subject, "newer");
	part("worker.apply",
			"say begin 0\\n\nhear\nsay done 0 5\\nfailed 1 5 retry no\\nend undone\\n");
	watch(NULL);
	run_pass();
	controller_unobserve(here.controller, &watcher.observer);
	assert_int_equal(watcher.applied, 1);
	assert_state(here.subject, STATE_ROLLED_BACK);

	/* It is what is wanted again, but takes nobody's place. */
	install("another", 4000000000, "");
	assert_int_equal(applied(NULL), 0);
	assert_state(here.subject, STATE_HELD);
	assert_reason(here.subject, "CN=wanted expired on 20");
	assert_reason(here.subject, "CN=newer: ");
}

static void on_done(void *context, json_t *document, int exit, const char *error)
{
	assert_null(error);
	assert_int_equal(exit, 1);
	json_decref(document);
	*(bool *)context = true;
}

static void apply_by_name(void)
{
	static const struct request_hooks hooks = { .done = on_done };
	json_t *json = json_loads("{\"command\": \"apply\", \"targets\": [\"web\"]}", 0, NULL);
	bool done = false;

	assert_non_null(request_start(here.controller, json, &hooks, &done));
	run_until(&done);
	json_decref(json);
}

static void what_was_put_back_is_not_tried_again_once_it_has_ended(void **state)
{
	const struct credential *ended, *before;

	(void)state;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	ended = want_ended("ended");
	here.subject->predecessor = before->digest;
	journal_park(here.controller->journal, "web", ended->digest, "no");
	subject_want_back(here.subject, "CN=ended: no");
	install(before->fingerprint, before->not_after, "");
	apply_by_name();
	assert_string_equal(here.subject->wanted, before->digest);
	assert_state(here.subject, STATE_ROLLED_BACK);
}

/* ---- the clock ---- */

static void by_a_wrong_clock_nothing_has_ended(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want_ended("wanted");
	clock_set_policy(CLOCK_FLOOR);
	clock_raise_floor(clock_now() + 1000000);
	assert_int_equal(applied(wanted->fingerprint), 1);
	clock_set_policy(CLOCK_TRUSTED);
	assert_state(here.subject, STATE_IN_SERVICE);
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(what_ended_while_it_was_held_is_put_nowhere),
		claim(what_ended_in_service_replaces_nothing_that_somebody_put_there),
		claim(what_comes_with_it_may_have_ended),
		claim(nobody_waits_for_what_has_ended),
		claim(what_ended_in_service_is_mended_there),
		claim(what_was_begun_with_it_is_finished),
		claim(what_is_to_follow_still_does),
		claim(what_fails_is_put_back_to_what_has_ended),
		claim(what_was_put_back_is_not_tried_again_once_it_has_ended),
		claim(by_a_wrong_clock_nothing_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
