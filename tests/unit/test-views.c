#include "tests/unit/unit.h"

#include <string.h>

#include "controller/certdrop/views.h"
#include "tests/unit/passing.h"

/* What is installed, as the answers tell it, and what is said of that. */

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

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, passing_begin, controlling_end)
	const struct CMUnitTest tests[] = {
		claim(a_key_store_that_is_unchanged_has_the_leaf_of_its_credential),
		claim(a_certificate_that_can_be_read_tells_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
