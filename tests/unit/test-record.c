#include "tests/unit/unit.h"

#include <string.h>

#include "controller/model/record.h"

static char *round_trip(struct arena *arena, const char *text)
{
	autodone(buffer) struct buffer printed = { 0 };
	struct records records;
	struct error error;

	if (!records_read(arena, text, &records, &error))
		fail_msg("%s", error.text);
	records_print(&records, &printed);
	return arena_copy(arena, buffer_text(&printed));
}

static void printing_gives_back_what_was_read(void **state)
{
	autoarena struct arena *arena = arena_new();
	static const char text[] = "change command \"make nginx load it\"\n"
				   "\targv nginx -s \"a \\\"b\\\" \\\\ \\n\\t\\x01\"\n"
				   "\tempty \"\"\n"
				   "\tnothing\n"
				   "\t\"a name\" b\n"
				   "\n"
				   "second \"\xc3\xa4\"\n";

	(void)state;
	assert_string_equal(round_trip(arena, text), text);
}

static void comments_blank_lines_and_indentation_do_not_count(void **state)
{
	autoarena struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(
			round_trip(arena, "# a\n\na  b\r\n   c  \"d\"\n\n# e\n"), "a b\n\tc d\n");
}

static void damaged_texts_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "\tfield first\n", "line 1: a field without a record" },
		{ "a\nb \"open\n", "line 2: not a list of words" },
		{ "a \"\\q\"\n", "line 1: not a list of words" },
		{ "a \"\\x4\"\n", "line 1: not a list of words" },
		{ "a b\\c\n", "line 1: not a list of words" },
		{ "a \"end\\", "line 1: not a list of words" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct records records;
		struct error error;

		assert_false(records_read(arena, cases[i].text, &records, &error));
		assert_string_equal(error.text, cases[i].error);
	}
}

static void more_words_than_the_limit_are_refused(void **state)
{
	autoarena struct arena *arena = arena_new();
	autodone(buffer) struct buffer text = { 0 };
	struct records records;
	struct error error;

	(void)state;
	for (int i = 0; i < 65537; i++)
		buffer_add(&text, "w ");
	assert_false(records_read(arena, buffer_text(&text), &records, &error));
}

static void fields_are_found_by_name(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct records records;
	struct error error;
	const struct record *record;

	(void)state;
	assert_true(records_read(arena, "answer a\n\tn 12\n\tx 1 2\n\tx 3\n\tbad 1z\nanswer b\n",
			&records, &error));
	record = records_find(&records, "answer", "a");
	assert_non_null(record);
	assert_int_equal(record_number(record, "n", -1), 12);
	assert_int_equal(record_number(record, "bad", -1), -1);
	assert_int_equal(record_rows(arena, record, "x").count, 2);
	assert_string_equal(record_rows(arena, record, "x").items[0].items[1], "2");
	assert_null(record_text(record, "y"));
	assert_null(records_find(&records, "answer", "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printing_gives_back_what_was_read),
		cmocka_unit_test(comments_blank_lines_and_indentation_do_not_count),
		cmocka_unit_test(damaged_texts_are_refused_with_their_line),
		cmocka_unit_test(more_words_than_the_limit_are_refused),
		cmocka_unit_test(fields_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
