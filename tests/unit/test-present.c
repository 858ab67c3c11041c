#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/certdrop/present/present-line.h"
#include "controller/certdrop/present/present.h"

/* Documents, and what they look like: tests/unit/present/NAME.json, NAME.pipe (plain lines)
 * and NAME.terminal (in colour, 72 columns). With PRESENT_WRITE in the environment the
 * latter two are written anew, to be looked at before they are committed. */

static const struct style pipe_style = { 0 };
static const struct style terminal = { .colour = true, .width = 72 };
static const struct style narrow = { .width = 40 };

typedef void present(const json_t *, const struct style *, struct buffer *);

static json_t *read_document(const char *name)
{
	autodone(buffer) struct buffer path = { 0 };
	json_error_t error;
	json_t *document;

	buffer_printf(&path, SOURCE_ROOT "/tests/unit/present/%s.json", name);
	document = json_load_file(buffer_text(&path), 0, &error);
	if (!document)
		fail_msg("%s:%d: %s", buffer_text(&path), error.line, error.text);
	return document;
}

static void assert_golden(const char *name, const char *kind, const struct buffer *text)
{
	autodone(buffer) struct buffer path = { 0 };
	autodone(buffer) struct buffer golden = { 0 };
	struct error error;

	buffer_printf(&path, SOURCE_ROOT "/tests/unit/present/%s.%s", name, kind);
	if (getenv("PRESENT_WRITE")) {
		FILE *file = fopen(buffer_text(&path), "we");

		assert_non_null(file);
		assert_int_equal(fwrite(text->bytes, 1, text->length, file), text->length);
		assert_int_equal(fclose(file), 0);
	}
	if (!file_read(AT_FDCWD, buffer_text(&path), 1 << 20, &golden, &error))
		fail_msg("%s", error.text);
	assert_string_equal(buffer_text(text), buffer_text(&golden));
}

static void looks_as_agreed(const char *name, present *function)
{
	autodone(buffer) struct buffer plain = { 0 };
	autodone(buffer) struct buffer coloured = { 0 };
	json_t *document = read_document(name);

	function(document, &pipe_style, &plain);
	function(document, &terminal, &coloured);
	json_decref(document);
	assert_golden(name, "pipe", &plain);
	assert_golden(name, "terminal", &coloured);
}

static void status_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("status", present_status);
}

static void plan_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("plan", present_plan);
}

static void inspect_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("inspect", present_inspect);
}

static void history_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("history", present_history);
}

static void explain_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("explain", present_explain);
}

static void generated_looks_as_agreed(void **state)
{
	(void)state;
	looks_as_agreed("generated", present_generated);
}

static const struct {
	const char *name;
	present *function;
} all[] = {
	{ "status", present_status },
	{ "plan", present_plan },
	{ "inspect", present_inspect },
	{ "history", present_history },
	{ "explain", present_explain },
	{ "generated", present_generated },
};
enum { ALL = sizeof(all) / sizeof(*all) };

/* Everything that a terminal obeys, but line feeds and the tabs of plans. */
static bool has_control_characters(const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f)
			return true;
		if (c == 0xC2 && (unsigned char)text[1] < 0xA0)
			return true;
	}
	return false;
}

/* Puts the string in the place of every string below. */
static void replace_strings(json_t *json, const char *string)
{
	const char *name;
	json_t *value;
	void *next;

	for (size_t i = 0; i < json_array_size(json); i++)
		replace_strings(json_array_get(json, i), string);
	json_object_foreach_safe(json, next, name, value) replace_strings(value, string);
	if (json_is_string(json))
		assert_int_equal(json_string_set(json, string), 0);
}

static void no_string_steers_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		autodone(buffer) struct buffer plain = { 0 };
		autodone(buffer) struct buffer table = { 0 };
		json_t *document = read_document(all[i].name);

		replace_strings(document,
				"\033]0;owned\a \r\x7f \xC2\x9B"
				"31m");
		all[i].function(document, &pipe_style, &plain);
		all[i].function(document, &narrow, &table);
		json_decref(document);
		assert_non_null(strstr(plain.bytes, "?]0;owned? ??"));
		assert_false(has_control_characters(plain.bytes));
		assert_false(has_control_characters(table.bytes));
	}
}

static void documents_without_fields_are_no_danger(void **state)
{
	static const char *const documents[] = { "{}", "[]", "null", "{\"targets\":[{}]}",
		"{\"targets\":[null,1,\"x\"],\"degraded\":[{}]}", "{\"plans\":[{}]}",
		"{\"files\":[{}],\"credentials\":[{}],\"missing\":[1],\"refused\":{}}",
		"{\"passes\":[{\"steps\":[{}]}]}", "{\"sentences\":[null]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++) {
		json_t *document = json_loads(documents[i], JSON_DECODE_ANY, NULL);

		assert_non_null(document);
		for (size_t j = 0; j < ALL; j++) {
			autodone(buffer) struct buffer text = { 0 };

			all[j].function(document, &pipe_style, &text);
			all[j].function(document, &terminal, &text);
			assert_null(strstr(buffer_text(&text), "(null)"));
		}
		json_decref(document);
	}
}

static void no_table_is_wider_than_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		autodone(buffer) struct buffer text = { 0 };
		json_t *document = read_document(all[i].name);
		char *line, *rest = NULL;

		/* Facts are never cut or wrapped: they are there to be copied. */
		if (all[i].function == present_inspect || all[i].function == present_generated) {
			json_decref(document);
			continue;
		}
		(void)json_object_del(document, "degraded");
		all[i].function(document, &narrow, &text);
		json_decref(document);
		for (line = strtok_r(text.bytes, "\n", &rest); line;
				line = strtok_r(NULL, "\n", &rest))
			if (line_width(line) > narrow.width)
				fail_msg("%s: %s", all[i].name, line);
	}
}

static void json_is_the_document(void **state)
{
	autodone(buffer) struct buffer text = { 0 };
	json_t *document = read_document("status"), *again;

	(void)state;
	present_json(document, &text);
	again = json_loads(text.bytes, 0, NULL);
	assert_true(json_equal(document, again));
	assert_int_equal(text.bytes[text.length - 1], '\n');
	json_decref(document);
	json_decref(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_looks_as_agreed),
		cmocka_unit_test(plan_looks_as_agreed),
		cmocka_unit_test(inspect_looks_as_agreed),
		cmocka_unit_test(history_looks_as_agreed),
		cmocka_unit_test(explain_looks_as_agreed),
		cmocka_unit_test(generated_looks_as_agreed),
		cmocka_unit_test(no_string_steers_the_terminal),
		cmocka_unit_test(documents_without_fields_are_no_danger),
		cmocka_unit_test(no_table_is_wider_than_the_terminal),
		cmocka_unit_test(json_is_the_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
