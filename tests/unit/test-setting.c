#include "tests/unit/unit.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/model/settings-build.h"
#include "controller/model/target.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct option file_options[] = {
	{ "name", OPTION_TEXT, .required = true, .help = "A name." },
	{ "mode", OPTION_MODE, .fallback = "0600", .help = "A mode." },
	{ NULL },
};

static const struct option options[] = {
	{ "text", OPTION_TEXT, .fallback = "quiet", .help = "A text." },
	{ "path", OPTION_PATH, .required = true, .help = "A path." },
	{ "colour", OPTION_CHOICE, .choices = colours, .help = "A colour." },
	{ "number", OPTION_NUMBER, .min = 1, .max = 10, .fallback = "3", .help = "A number." },
	{ "flag", OPTION_FLAG, .fallback = "true", .help = "A flag." },
	{ "wait", OPTION_DURATION, .min = 1000, .max = 60000, .fallback = "30s",
			.help = "A wait." },
	{ "mode", OPTION_MODE, .help = "A mode." },
	{ "words", OPTION_WORDS, .help = "Words." },
	{ "word", OPTION_WORDS, .fallback = "localhost", .help = "Words." },
	{ "colours", OPTION_WORDS, .choices = colours, .help = "Words." },
	{ "peers", OPTION_WORDS, FORM_ADDRESS, .help = "Words." },
	{ "names", OPTION_WORDS, FORM_COVERED, .help = "Words." },
	{ "usages", OPTION_WORDS, FORM_USAGE, .help = "Words." },
	{ "reload", OPTION_WORDS, FORM_COMMAND, .help = "Words." },
	{ "user", OPTION_TEXT, FORM_USER, .help = "A user." },
	{ "services", OPTION_WORDS, FORM_SERVICE, .help = "Words." },
	{ "pin", OPTION_TEXT, FORM_FINGERPRINTS, .help = "Fingerprints." },
	{ "one", OPTION_GROUP, .members = file_options, .help = "A group." },
	{ "files", OPTION_GROUPS, .members = file_options, .help = "Groups." },
	{ NULL },
};

static const struct place place = { .file = "test.conf", .line = 7 };

static struct settings *empty(struct arena *arena)
{
	return settings_new(arena, options, place, "/etc/certdrop");
}

static void fallbacks_count_until_something_is_given(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct settings *settings = empty(arena);
	struct error error;

	(void)state;
	assert_string_equal(setting_text(settings, "text"), "quiet");
	assert_null(setting_text(settings, "path"));
	assert_null(setting_text(settings, "mode"));
	assert_int_equal(setting_number(settings, "number"), 3);
	assert_int_equal(setting_number(settings, "wait"), 30000);
	assert_true(setting_flag(settings, "flag"));
	assert_int_equal(setting_words(settings, "words").count, 0);
	assert_string_equal(setting_words(settings, "word").items[0], "localhost");
	assert_null(setting_group(settings, "one"));
	assert_int_equal(setting_count(settings, "files"), 0);
	assert_false(setting_given(settings, "number"));
	assert_string_equal(settings_place(settings), "test.conf:7");

	assert_true(settings_set_number(
			settings, option_find(options, "number"), place, 9, &error));
	assert_true(settings_set_flag(
			settings, option_find(options, "flag"), place, false, &error));
	assert_int_equal(setting_number(settings, "number"), 9);
	assert_false(setting_flag(settings, "flag"));
	assert_true(setting_given(settings, "number"));
}

static void groups_keep_their_order_and_fallbacks(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct settings *settings = empty(arena);
	struct error error;

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct settings *file =
				settings_add_group(settings, option_find(options, "files"), place);

		assert_ptr_equal(settings_missing(file, file_options), file_options);
		assert_true(settings_set_text(file, file_options, place,
				arena_printf(arena, "file-%d", i), &error));
		assert_null(settings_missing(file, file_options));
	}
	assert_int_equal(setting_count(settings, "files"), 9);
	assert_string_equal(setting_text(setting_item(settings, "files", 8), "name"), "file-8");
	assert_string_equal(setting_text(setting_item(settings, "files", 0), "mode"), "0600");
}

static void what_has_the_form_is_taken(void **state)
{
	static const struct {
		const char *option, *text;
	} cases[] = { { "peers", "db1:5432" }, { "peers", "[2001:db8::1]:636" }, { "names", "db1" },
		{ "names", "*.cluster.example" }, { "names", "_x.a-b.example" },
		{ "names", "192.0.2.1" }, { "names", "2001:db8::1" }, { "usages", "clientAuth" },
		{ "usages", "1.3.6.1.5.5.7.3.17" }, { "reload", "/usr/bin/reload" },
		{ "colours", "blue" }, { "user", "omm" }, { "services", "https://db1" },
		{ "services", "https://db1.example:9443" }, { "services", "https://db1:1/" },
		{ "services", "https://192.0.2.1:65535" }, { "services", "https://[2001:db8::1]" },
		{ "services", "https://[2001:db8::1]:9443/" }, { "pin", DIGITS },
		{ "pin", DIGITS " " DIGITS } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct settings *settings = empty(arena);
		struct error error;

		if (!settings_set_text(settings, option_find(options, cases[i].option), place,
				    cases[i].text, &error))
			fail_msg("%s: %s", cases[i].text, error.text);
	}
}

static void wrong_values_are_told_what_they_must_be(void **state)
{
	static const struct {
		const char *option, *text, *error;
	} cases[] = {
		{ "text", "", "must not be empty" },
		{ "text", "a\nb", "must be without control characters" },
		{ "path", "etc/web",
				"must be an absolute path, or begin with \"./\" for the directory of "
				"this file, not \"etc/web\"" },
		{ "path", "/etc/../web", "must be a path without \"..\", not \"/etc/../web\"" },
		{ "colour", "gren",
				"must be \"red\", \"green\" or \"blue\", not \"gren\"; did you mean "
				"\"green\"?" },
		{ "colour", "mauve", "must be \"red\", \"green\" or \"blue\", not \"mauve\"" },
		{ "wait", "soon", "must be a duration such as \"30s\", not \"soon\"" },
		{ "wait", "-1s", "must be a duration such as \"30s\", not \"-1s\"" },
		{ "wait", "30", "must be a duration such as \"30s\" (ms, s, m, h or d), not \"30\"" },
		{ "wait", "1m30s",
				"must be a duration such as \"30s\" (ms, s, m, h or d), not "
				"\"1m30s\"" },
		{ "wait", "2m", "must be from 1s to 1m, not \"2m\"" },
		{ "wait", "999ms", "must be from 1s to 1m, not \"999ms\"" },
		{ "wait", "9223372036854775807d",
				"must be less than 100 years, not \"9223372036854775807d\"" },
		{ "wait", "99999999999999999999s",
				"must be less than 100 years, not \"99999999999999999999s\"" },
		{ "mode", "640", "must be a mode such as \"0640\", at most \"0777\", not \"640\"" },
		{ "mode", "0980",
				"must be a mode such as \"0640\", at most \"0777\", not \"0980\"" },
		{ "mode", "4755",
				"must be a mode such as \"0640\", at most \"0777\", not \"4755\"" },
		{ "number", "5", "must be a whole number" },
		{ "flag", "yes", "must be true or false" },
		{ "colours", "gren",
				"must be \"red\", \"green\" or \"blue\", not \"gren\"; did you mean "
				"\"green\"?" },
		{ "peers", "db1", "\"db1\" is not host:port" },
		{ "peers", ":5432", "\":5432\" is not host:port" },
		{ "peers", "db1:0", "\"db1:0\" is not host:port" },
		{ "peers", "db1:65536", "\"db1:65536\" is not host:port" },
		{ "names", "db 1", "\"db 1\" is neither a DNS name nor an IP address" },
		{ "names", "*", "\"*\" is neither a DNS name nor an IP address" },
		{ "names", "a.*.example",
				"\"a.*.example\" is neither a DNS name nor an IP address" },
		{ "names", "a..example", "\"a..example\" is neither a DNS name nor an IP address" },
		{ "names", "[2001:db8::1]",
				"\"[2001:db8::1]\" is neither a DNS name nor an IP address" },
		{ "usages", "serverauth",
				"\"serverauth\" is no usage; did you mean \"serverAuth\"?" },
		{ "usages", "any", "\"any\" is no usage that has a name; write its OID" },
		{ "reload", "nginx -s reload",
				"must be [ \"program\", \"argument\" ], not one word with blanks: no "
				"shell reads it" },
		{ "user", "a b", "\"a b\" has blanks in it" },
		{ "files", "a.pem", "must be a list of groups: ( { ... }, { ... } )" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct settings *settings = empty(arena);
		struct error error;

		assert_false(settings_set_text(settings, option_find(options, cases[i].option),
				place, cases[i].text, &error));
		assert_string_equal(error.text, cases[i].error);
		assert_int_equal(error.kind, ERROR_CONFIG);
		assert_false(setting_given(settings, cases[i].option));
	}
}

static void expect_refusal(const char *option, const char *text, const char *says)
{
	autoarena struct arena *arena = arena_new();
	struct error error;

	assert_false(settings_set_text(
			empty(arena), option_find(options, option), place, text, &error));
	assert_int_equal(error.kind, ERROR_CONFIG);
	assert_string_equal(error.text, says);
}

static const char *quoted(struct arena *arena, const char *text, const char *says)
{
	return arena_printf(arena, "\"%s\" %s", text, says);
}

static void other_than_the_base_of_a_service_is_refused(void **state)
{
	static const char *const texts[] = { "http://db1:9443", "db1:9443", "ldaps://db1:9443",
		"https://", "https:///", "https://:9443", "https://db1:", "https://db1:/",
		"https://db1:0", "https://db1:65536", "https://db1:9443x", "https://db1:000001",
		"https://db1/v1", "https://db1:9443//", "https://db1?x", "https://*.db1",
		"https://db 1", "https://db1..example", "https://2001:db8::1",
		"https://[2001:db8::1", "https://[2001:db8::1]9443", "https://[db1]:9443",
		"https://[]:9443", " https://db1" };
	autoarena struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect_refusal("services", texts[i],
				quoted(arena, texts[i], "is not https://host:port"));
	/* It is not repeated: it may be a password. */
	expect_refusal("services", "https://a:b@db1:9443",
			"must be https://host:port, without a user or a password");
	expect_refusal("services", "https://a@db1",
			"must be https://host:port, without a user or a password");
}

static void what_no_fingerprint_is_compared_with_is_refused(void **state)
{
	static const char *const texts[] = { "zz", " ", DIGITS "0", "0" DIGITS, DIGITS " zz",
		DIGITS "," DIGITS, "ab:cd",
		"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF" };
	autoarena struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		expect_refusal("pin", texts[i],
				quoted(arena, texts[i],
						"is no SHA-256 fingerprint: 64 lower-case hexadecimal "
						"digits, several with blanks between them"));
}

static void values_of_another_kind_are_refused(void **state)
{
	autoarena struct arena *arena = arena_new();
	struct settings *settings = empty(arena);
	const struct words none = { 0 };
	struct error error;

	(void)state;
	assert_false(settings_set_number(
			settings, option_find(options, "mode"), place, 640, &error));
	assert_string_equal(error.text, "must be a mode such as \"0640\", as a string");
	assert_false(settings_set_number(
			settings, option_find(options, "number"), place, 11, &error));
	assert_string_equal(error.text, "must be from 1 to 10, not 11");
	assert_false(settings_set_flag(
			settings, option_find(options, "text"), place, true, &error));
	assert_string_equal(error.text, "must be a string");
	assert_false(settings_set_words(
			settings, option_find(options, "path"), place, none, &error));
	assert_string_equal(error.text, "must be an absolute path, as a string");
}

static void paths_are_kept_in_one_form(void **state)
{
	static const struct {
		const char *written, *kept;
	} cases[] = {
		{ "/etc/ssl/web", "/etc/ssl/web" },
		{ "/etc//ssl/./web/", "/etc/ssl/web" },
		{ "./ca.pem", "/etc/certdrop/ca.pem" },
		{ "/", "/" },
		{ "/..a/b..", "/..a/b.." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		autoarena struct arena *arena = arena_new();
		struct settings *settings = empty(arena);
		struct error error;

		assert_true(settings_set_text(settings, option_find(options, "path"), place,
				cases[i].written, &error));
		assert_string_equal(setting_text(settings, "path"), cases[i].kept);
	}
}

static void a_service_is_kept_without_the_slash_behind_it(void **state)
{
	const char *both[] = { "https://db1:9443/", "https://db2:9443" };
	autoarena struct arena *arena = arena_new();
	struct settings *settings = empty(arena);
	struct error error;

	(void)state;
	assert_true(settings_set_words(settings, option_find(options, "services"), place,
			(struct words){ .items = both, .count = 2 }, &error));
	assert_string_equal(setting_words(settings, "services").items[0], "https://db1:9443");
	assert_string_equal(setting_words(settings, "services").items[1], "https://db2:9443");
}

static void a_path_is_below_a_directory_not_beside_it(void **state)
{
	(void)state;
	assert_true(path_is_below("/srv/drop", "/srv/drop"));
	assert_true(path_is_below("/srv/drop/web", "/srv/drop"));
	assert_true(path_is_below("/srv", "/"));
	assert_false(path_is_below("/srv/drop-2", "/srv/drop"));
	assert_false(path_is_below("/srv", "/srv/drop"));
}

static void durations_are_printed_in_their_largest_unit(void **state)
{
	(void)state;
	assert_string_equal(duration_print(0).text, "0ms");
	assert_string_equal(duration_print(1500).text, "1500ms");
	assert_string_equal(duration_print(90000).text, "90s");
	assert_string_equal(duration_print(7200000).text, "2h");
	assert_string_equal(duration_print(7LL * 24 * 3600 * 1000).text, "7d");
}

static void the_nearest_word_is_proposed_and_no_far_one(void **state)
{
	static const char *const words[] = { "reload", "restart", "publish", "name", "keep", "key",
		NULL };

	(void)state;
	assert_string_equal(word_nearest(words, "relod"), "reload");
	assert_string_equal(word_nearest(words, "reolad"), "reload");
	assert_string_equal(word_nearest(words, "RELOAD"), "reload");
	assert_string_equal(word_nearest(words, "pubish"), "publish");
	assert_string_equal(word_nearest(words, "nmae"), "name");
	assert_string_equal(word_nearest(words, "kye"), "key");
	assert_null(word_nearest(words, "colour"));
	assert_null(word_nearest(words, "x"));
	assert_string_equal(option_nearest(target_options, "allow_downgrade"), "allow-downgrade");
	assert_null(word_nearest(
			words, "an-extremely-long-word-that-would-not-fit-into-the-table"));
}

/* Does the call end the process? In a child, so that the test survives. */
static bool ends_the_process(void (*call)(void))
{
	const pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		(void)close(STDERR_FILENO);
		call();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void ask_unknown(void)
{
	autoarena struct arena *arena = arena_new();

	(void)setting_text(empty(arena), "txet");
}

static void ask_other_kind(void)
{
	autoarena struct arena *arena = arena_new();

	(void)setting_text(empty(arena), "number");
}

static void ask_known(void)
{
	autoarena struct arena *arena = arena_new();

	(void)setting_text(empty(arena), "text");
}

static void check_bad_fallback(void)
{
	static const struct option bad[] = {
		{ "wait", OPTION_DURATION, .min = 1000, .max = 2000, .fallback = "3s",
				.help = "x" },
		{ NULL },
	};

	options_check(bad);
}

static void join_clashing(void)
{
	autoarena struct arena *arena = arena_new();

	(void)options_join(arena, options, options);
}

static void programming_errors_end_the_process(void **state)
{
	(void)state;
	assert_true(ends_the_process(ask_unknown));
	assert_true(ends_the_process(ask_other_kind));
	assert_false(ends_the_process(ask_known));
	assert_true(ends_the_process(check_bad_fallback));
	assert_true(ends_the_process(join_clashing));
}

static void the_tables_are_sound(void **state)
{
	autoarena struct arena *arena = arena_new();
	const struct option *joined = options_join(arena, options, file_options + 2);

	(void)state;
	options_check(options);
	options_check(target_options);
	options_check(joined);
	assert_non_null(option_find(joined, "files"));
}

static void names_of_targets_cannot_lead_elsewhere(void **state)
{
	(void)state;
	assert_true(target_name_is_valid("web-1.example_x"));
	assert_false(target_name_is_valid(""));
	assert_false(target_name_is_valid(".."));
	assert_false(target_name_is_valid("a/b"));
	assert_false(target_name_is_valid("a b"));
	assert_true(target_name_is_valid(
			"1234567890123456789012345678901234567890123456789012345678901234"));
	assert_false(target_name_is_valid(
			"12345678901234567890123456789012345678901234567890123456789012345"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fallbacks_count_until_something_is_given),
		cmocka_unit_test(groups_keep_their_order_and_fallbacks),
		cmocka_unit_test(what_has_the_form_is_taken),
		cmocka_unit_test(wrong_values_are_told_what_they_must_be),
		cmocka_unit_test(other_than_the_base_of_a_service_is_refused),
		cmocka_unit_test(what_no_fingerprint_is_compared_with_is_refused),
		cmocka_unit_test(values_of_another_kind_are_refused),
		cmocka_unit_test(paths_are_kept_in_one_form),
		cmocka_unit_test(a_service_is_kept_without_the_slash_behind_it),
		cmocka_unit_test(a_path_is_below_a_directory_not_beside_it),
		cmocka_unit_test(durations_are_printed_in_their_largest_unit),
		cmocka_unit_test(the_nearest_word_is_proposed_and_no_far_one),
		cmocka_unit_test(programming_errors_end_the_process),
		cmocka_unit_test(the_tables_are_sound),
		cmocka_unit_test(names_of_targets_cannot_lead_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
