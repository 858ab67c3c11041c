#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/certdrop/config/surroundings.h"
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

#define EXCHANGED(name, publish)                                                                 \
	"{ name = \"" name "\"; product = \"disk\"; method = \"exchange\"; publish = \"" publish \
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

/* ---- on this machine ---- */

/* How many lines tell of these targets, in which "%s" is the test's directory; the last one told. */
static size_t lacks_of(const char *format, struct buffer *lacks)
{
	autodone(buffer) struct buffer mistakes = { 0 }, text = { 0 };
	autoconfig struct config *config = NULL;

	for (const char *at = format; *at; at++)
		if (strncmp(at, "%s", 2) == 0)
			buffer_add(&text, directory), at++;
		else
			buffer_append(&text, at, 1);
	if (!load(buffer_text(&text), &config, &mistakes))
		fail_msg("%s", buffer_text(&mistakes));
	return surroundings_lack(config, lacks);
}

static void expect_lack(const char *format, const char *expected)
{
	autodone(buffer) struct buffer lacks = { 0 };
	const size_t count = lacks_of(format, &lacks);

	if (count != (expected ? 1 : 0) || (expected && !strstr(buffer_text(&lacks), expected)))
		fail_msg("%s: %s", format, buffer_text(&lacks));
}

static void what_lies_at_a_place_has_to_suit_its_method(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/more.conf", directory);
	assert_int_equal(symlink("old", path), 0);
	expect_lack(DISK("a", "%s/new"), NULL);
	expect_lack(DISK("a", "%s/more.conf"), NULL);
	expect_lack(FIXED("a", "%s/targets.d"), NULL);
	expect_lack(EXCHANGED("a", "%s/targets.d"), NULL);
	expect_lack(EXCHANGED("a", "%s/new"), NULL);
	expect_lack(DISK("a", "%s/targets.d"),
			"is no symbolic link: move it away, or use method \"exchange\" or \"fixed\"\n");
	expect_lack(EXCHANGED("a", "%s/more.conf"), "more.conf\" is no directory: move it away");
	expect_lack(FIXED("a", "%s/new"), "/new\" here\n");
	expect_lack(DISK("a", "%s/none/a"), "main.conf:3: publish: there is no directory \"/");
}

static void a_place_that_is_anothers_by_a_link_is_told(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/more.conf", directory);
	assert_int_equal(symlink("targets.d", path), 0);
	expect_lack(DISK("a", "%s/targets.d/a") ",\n" DISK("b", "%s/more.conf/b"), NULL);
	expect_lack(DISK("a", "%s/targets.d/a") ",\n" DISK("b", "%s/more.conf/a"),
			"and each would put its own back for ever\n");
	expect_lack(FIXED("a", "%s/targets.d") ",\n" DISK("b", "%s/more.conf/a"), NULL);
	expect_lack(EXCHANGED("a", "%s/targets.d") ",\n" DISK("b", "%s/more.conf/a"),
			"and would be lost with that one's next set\n");
}

int main(void)
{
#define claim(test) cmocka_unit_test_setup_teardown(test, configuring_begin, configuring_end)
	const struct CMUnitTest tests[] = {
		claim(a_place_in_another_is_a_mistake),
		claim(a_place_in_the_state_or_the_drop_is_a_mistake),
		claim(a_place_that_holds_the_state_or_the_drop_is_a_mistake),
		claim(what_lies_at_a_place_has_to_suit_its_method),
		claim(a_place_that_is_anothers_by_a_link_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
