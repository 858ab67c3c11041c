#include "tests/unit/unit.h"

#include <string.h>

#include "controller/base/arena.h"
#include "controller/base/buffer.h"
#include "controller/base/error.h"

/* ---- errors ---- */

static void a_failure_says_what_and_of_which_kind(void **state)
{
	struct error error;

	(void)state;
	assert_false(fail(&error, ERROR_CONFIG, "%s has %d lines", "a.conf", 3));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, "a.conf has 3 lines");
}

static void what_was_being_done_comes_in_front(void **state)
{
	struct error error;

	(void)state;
	(void)fail(&error, ERROR_INPUT, "no key");
	assert_false(fail_while(&error, "take %s", "a.pem"));
	assert_false(fail_while(&error, "scan"));
	assert_int_equal(error.kind, ERROR_INPUT);
	assert_string_equal(error.text, "scan: take a.pem: no key");
}

static void its_own_text_may_be_an_argument(void **state)
{
	struct error error;

	(void)state;
	(void)fail(&error, ERROR_RETRY, "exit code 1");
	(void)fail(&error, ERROR_INPUT, "reload: %s (%s)", error.text, error.text);
	assert_string_equal(error.text, "reload: exit code 1 (exit code 1)");
	(void)fail_while(&error, "<%s>", error.text + 8);
	assert_string_equal(error.text,
			"<exit code 1 (exit code 1)>: reload: exit code 1 (exit code 1)");
}

/* `lead` bytes of ASCII, and then two-byte characters beyond the limit. */
static void assert_cut_whole(size_t lead)
{
	char text[2 * ERROR_TEXT_SIZE];
	struct error error;
	size_t length;

	memset(text, 'x', lead);
	for (size_t i = lead; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xC3\xA4", 3);
	(void)fail(&error, ERROR_RETRY, "%s", text);
	length = strlen(error.text);
	assert_in_range(length, ERROR_TEXT_SIZE - 4, ERROR_TEXT_SIZE - 1);
	assert_int_equal((length - lead) % 2, 0);
	(void)fail_while(&error, "%s", text);
	assert_int_equal((strlen(error.text) - lead) % 2, 0);
}

static void a_long_text_is_cut_between_characters(void **state)
{
	char text[2 * ERROR_TEXT_SIZE] = { 0 };
	struct error error;

	(void)state;
	assert_cut_whole(0);
	assert_cut_whole(1);
	memset(text, 'x', sizeof(text) - 1);
	(void)fail(&error, ERROR_RETRY, "%s", text);
	assert_int_equal(strlen(error.text), ERROR_TEXT_SIZE - 1);
}

static void kinds_have_words(void **state)
{
	static const enum error_kind kinds[] = { ERROR_RETRY, ERROR_INPUT, ERROR_CONFIG,
		ERROR_INTERNAL };
	enum error_kind kind;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_true(error_kind_read(error_kind_name(kinds[i]), &kind));
		assert_int_equal(kind, kinds[i]);
	}
	assert_string_equal(error_kind_name(ERROR_CONFIG), "configuration");
	assert_false(error_kind_read("Retry", &kind));
	assert_false(error_kind_read("", &kind));
}

/* ---- buffers ---- */

static void a_buffer_grows_and_stays_terminated(void **state)
{
	autodone(buffer) struct buffer text = { 0 };

	(void)state;
	assert_string_equal(buffer_text(&text), "");
	assert_null(text.bytes);
	for (int i = 0; i < 1000; i++) {
		buffer_printf(&text, "%03d", i);
		assert_int_equal(text.length, 3 * (size_t)(i + 1));
		assert_int_equal(strlen(text.bytes), text.length);
	}
	assert_memory_equal(&text.bytes[2331], "777", 3);
	buffer_clear(&text);
	assert_string_equal(buffer_text(&text), "");
	buffer_append(&text, "a\0b", 3);
	assert_int_equal(text.length, 3);
	assert_memory_equal(text.bytes, "a\0b", 4);
}

static void texts_of_just_a_buffers_size_fit(void **state)
{
	char bytes[1025];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	for (size_t length = 250; length < 1025; length++) {
		autodone(buffer) struct buffer appended = { 0 }, printed = { 0 };

		buffer_append(&appended, bytes, length);
		buffer_printf(&printed, "%.*s", (int)length, bytes);
		assert_int_equal(strlen(appended.bytes), length);
		assert_int_equal(strlen(printed.bytes), length);
	}
}

/* ---- arenas ---- */

static void memory_of_an_arena_is_zeroed_aligned_and_apart(void **state)
{
	autoarena struct arena *arena = arena_new();
	unsigned char *all[400];

	(void)state;
	for (size_t i = 0; i < 400; i++) {
		const size_t size = 1 + i * 7 % 9001;

		all[i] = arena_alloc(arena, size);
		assert_int_equal((uintptr_t)all[i] % 16, 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(all[i][j], 0);
		memset(all[i], (int)(1 + i % 255), size);
	}
	for (size_t i = 0; i < 400; i++) {
		assert_int_equal(all[i][0], 1 + i % 255);
		assert_int_equal(all[i][i * 7 % 9001], 1 + i % 255);
	}
}

static void copies_in_an_arena_are_its_own(void **state)
{
	autoarena struct arena *arena = arena_new();
	char text[] = "web";
	const char *copy = arena_copy(arena, text);
	const char *bytes = arena_copy_bytes(arena, text, 2);

	(void)state;
	text[0] = 'x';
	assert_string_equal(copy, "web");
	assert_string_equal(bytes, "we");
	assert_null(arena_copy(arena, NULL));
	assert_string_equal(arena_copy_bytes(arena, NULL, 0), "");
	assert_string_equal(arena_printf(arena, "%s-%05d", copy, 42), "web-00042");
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_says_what_and_of_which_kind),
		cmocka_unit_test(what_was_being_done_comes_in_front),
		cmocka_unit_test(its_own_text_may_be_an_argument),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
		cmocka_unit_test(kinds_have_words),
		cmocka_unit_test(a_buffer_grows_and_stays_terminated),
		cmocka_unit_test(texts_of_just_a_buffers_size_fit),
		cmocka_unit_test(memory_of_an_arena_is_zeroed_aligned_and_apart),
		cmocka_unit_test(copies_in_an_arena_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
