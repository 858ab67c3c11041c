#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/config/config.h"
#include "tests/unit/configuring.h"

/* No target publishes where it, or another one, loses what it has published. */

/* A configuration with the state in /s, the drop in /s/drop, and these targets, each on a line. */
static bool load(const char *targets, struct config **config, struct buffer *mistakes)
{
	autodone(buffer) struct buffer text = { 0 };

	buffer_printf(&text,
			"inspect-program = \"/bin/true\"; apply-program = \"/bin/true\";\n"
			"state = \"/s\"; drop = \"/s/drop\"; targets = (\n%s );",
			targets);
	write_file("main.conf", buffer_text(&text));
	return config_load(main_file, config, mistakes);
}

static void expect_mistake(const char *targets, const char *expected)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	autoconfig struct config *config = NULL;
	const bool loaded = load(targets, &config, &mistakes);
	const char *told = strstr(buffer_text(&mistakes), "main.conf:");

	if (!expected && loaded)
		return;
	if (loaded || !expected || !told || !strstr(told, expected) || strchr(told, '\n')[1])
		fail_msg("%s: %s", targets, buffer_text(&mistakes));
}

#define DISK(name, publish) \
	"{ name = \"" name "\"; product = \"disk\"; publish = \"" publish "\"; }"
#define FIXED(name, publish)                                                                  \
	"{ name = \"" name "\"; product = \"disk\"; method = \"fixed\"; publish = \"" publish \
	"\"; }"

static void a_place_in_another_is_a_mistake(void **state)
{
	(void)state;
	expect_mistake(DISK("a", "/pub/a") ",\n" DISK("b", "/pub/a/x/b"),
			"main.conf:4: \"publish\" in target \"b\": \"/pub/a/x/b\" lies in \"/pub/a\" of "
			"target \"a\" at ");
	expect_mistake(DISK("b", "/pub/a/b") ",\n" DISK("a", "/pub/a"), "main.conf:3: \"publish\"");
	expect_mistake(DISK("a", "/pub/a") ",\n" DISK("b", "/pub/ab"), NULL);
	expect_mistake(FIXED("a", "/pub/a") ",\n" DISK("b", "/pub/a/b"), NULL);
	expect_mistake(DISK("a", "/pub/a") ",\n" FIXED("b", "/pub/a/b"),
			"and would be lost with that one's next set");
}

static void a_place_in_the_state_or_the_drop_is_a_mistake(void **state)
{
	(void)state;
	expect_mistake(DISK("a", "/s/a"), "\"/s/a\" lies in the state, which is certdrop's own");
	expect_mistake(DISK("a", "/s"), "\"/s\" lies in the state");
	expect_mistake(DISK("a", "/s/drop/b/tls"),
			"\"/s/drop/b/tls\" lies in the drop, where what is taken in is removed");
	expect_mistake(FIXED("a", "/s/drop/a"), "lies in the drop");
	expect_mistake(DISK("a", "/ss"), NULL);
}

static void a_place_that_holds_the_state_or_the_drop_is_a_mistake(void **state)
{
	autodone(buffer) struct buffer mistakes = { 0 };
	struct config *config = NULL;

	(void)state;
	write_file("main.conf",
			"state = \"/q/s\"; drop = \"/o/drop\"; targets = (\n" DISK("a",
					"/q") ",\n" DISK("b", "/o") ",\n" FIXED("c", "/") " );");
	assert_false(config_load(main_file, &config, &mistakes));
	assert_non_null(strstr(buffer_text(&mistakes),
			"main.conf:2: \"publish\" in target \"a\": \"/q\" holds the state, and is "
			"replaced as a whole\n"));
	assert_non_null(strstr(buffer_text(&mistakes),
			"main.conf:3: \"publish\" in target \"b\": \"/o\" holds the drop, and is "
			"replaced as a whole\n"));
	assert_null(strstr(buffer_text(&mistakes), "main.conf:4"));
	assert_true(strstr(buffer_text(&mistakes), "main.conf:2") <
			strstr(buffer_text(&mistakes), "main.conf:3"));
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, configuring_begin, configuring_end)
	const struct CMUnitTest tests[] = {
		claim(a_place_in_another_is_a_mistake),
		claim(a_place_in_the_state_or_the_drop_is_a_mistake),
		claim(a_place_that_holds_the_state_or_the_drop_is_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
