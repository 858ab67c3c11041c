#include "tests/unit/unit.h"

#include <string.h>

#include "controller/certdrop/clock.h"
#include "controller/certdrop/present/receipt.h"
#include "controller/certdrop/views.h"
#include "tests/unit/passing.h"

/* What is installed and what is served, as the answers tell it, and what is said of that. */

/* Records, as the worker brings them. */
static void see(const char *text)
{
	struct answers answers = { .arena = here.arena };
	struct error error;

	assert_true(records_read(here.arena, text, &answers.records, &error));
	subject_seen(here.subject, &answers);
}

static const char *installed(void)
{
	return view_installed(here.arena, here.subject).fingerprint;
}

static bool is_said(struct words sentences, const char *text)
{
	for (size_t i = 0; i < sentences.count; i++)
		if (strstr(sentences.items[i], text))
			return true;
	return false;
}

/* ---- what is installed ---- */

static void a_key_store_that_is_unchanged_has_the_leaf_of_its_credential(void **state)
{
	const struct credential *before, *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	before = want(here.subject, "before");
	wanted = want(here.subject, "wanted");
	see(arena_printf(here.arena, "answer published\n\tcredential %s\n\tunchanged yes\n",
			wanted->digest));
	assert_string_equal(installed(), wanted->fingerprint);
	assert_true(is_said(
			views_explain(here.arena, here.subject), "what is wanted is installed"));

	see(arena_printf(here.arena, "answer published\n\tcredential %s\n\tunchanged yes\n",
			before->digest));
	assert_string_equal(installed(), before->fingerprint);
	assert_int_equal(view_installed(here.arena, here.subject).not_after, before->not_after);

	see(arena_printf(here.arena, "answer published\n\tcredential %s\n", wanted->digest));
	assert_null(installed());
}

static void a_certificate_that_can_be_read_tells_by_itself(void **state)
{
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	see(arena_printf(here.arena, "answer published\n\tcredential %s\n\tleaf aa 1900000000\n",
			wanted->digest));
	assert_string_equal(installed(), "aa");
}

/* ---- what is near its end ---- */

enum { SOON_MS = 86400000 };

static struct words warnings(void)
{
	return views_warnings(here.arena, here.subject, SOON_MS, 1900000000);
}

static void what_is_installed_ends_where_nothing_is_seen_to_be_served(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	see("answer published\n\tleaf aa 1900000060\n");
	assert_true(is_said(
			warnings(), "the certificate that is installed ends in less than a day"));
	see("answer published\n\tleaf aa 1899999999\nanswer a:1\n\tfailed a:1 refused\n");
	assert_true(is_said(warnings(), "the certificate that is installed has ended"));
	see("answer published\n\tleaf aa 1999999999\n");
	assert_int_equal(warnings().count, 0);
}

static void what_is_served_tells_alone_where_it_is_seen(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	see("answer published\n\tleaf aa 1899999999\nanswer a:1\n\tserved a:1 bb 1999999999\n");
	assert_int_equal(warnings().count, 0);
	see("answer published\n\tleaf aa 1999999999\nanswer a:1\n\tserved a:1 bb 1899999999\n");
	assert_int_equal(warnings().count, 1);
	assert_true(is_said(warnings(), "the certificate served at a:1 has ended"));
}

static void what_the_product_shows_ends_as_what_is_wanted_does(void **state)
{
	(void)state;
	start_controller(MODE_ONCE);
	here.ends = 1899999999;
	here.shows = want(here.subject, "wanted")->fingerprint;
	see("answer other\n");
	assert_true(is_said(warnings(), "the certificate that is installed has ended"));
	here.shows = "another";
	assert_int_equal(warnings().count, 0);
}

static bool receipt_warns(const char *text)
{
	json_t *receipt = json_load_file(in_directory("drop/web/" RECEIPT_NAME), 0, NULL);
	const json_t *told = json_object_get(receipt, "warnings");
	const char *first = json_string_value(json_array_get(told, 0));
	const bool warns = first && strstr(first, text);

	assert_non_null(receipt);
	json_decref(receipt);
	return warns;
}

static void a_receipt_warns_as_soon_as_status_does(void **state)
{
	const long long days = 24LL * 3600;
	const struct credential *wanted;

	(void)state;
	start_controller(MODE_ONCE);
	wanted = want(here.subject, "wanted");
	install(wanted->fingerprint, clock_now() + 40 * days, "");
	run_pass();
	assert_state(here.subject, STATE_IN_SERVICE);
	assert_false(receipt_warns("ends"));

	/* Nothing but time has passed. */
	install(wanted->fingerprint, clock_now() + 20 * days, "");
	run_pass();
	assert_true(receipt_warns("the certificate that is installed ends in"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_key_store_that_is_unchanged_has_the_leaf_of_its_credential),
		claim(a_certificate_that_can_be_read_tells_by_itself),
		claim(what_is_installed_ends_where_nothing_is_seen_to_be_served),
		claim(what_is_served_tells_alone_where_it_is_seen),
		claim(what_the_product_shows_ends_as_what_is_wanted_does),
		claim(a_receipt_warns_as_soon_as_status_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
