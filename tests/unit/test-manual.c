#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/certdrop/commands/commands.h"
#include "controller/certdrop/config/config.h"
#include "reconcilers/reconciler.h"

static char *page(const char *name)
{
	struct buffer text = { 0 };
	struct error error;

	if (!file_read(AT_FDCWD, name, 1 << 20, &text, &error))
		fail_msg("%s", error.text);
	return text.bytes;
}

/* What is typed has its dashes escaped in the page. */
static char *escaped(struct arena *arena, const char *words)
{
	char *text = arena_copy(arena, "");

	for (; *words; words++)
		text = arena_printf(arena, *words == '-' ? "%s\\-" : "%s%c", text, *words);
	return text;
}

/* Words of the page and of a sentence, without their lines, escapes and marks. */
static char *flowing(struct arena *arena, const char *text)
{
	char *words = arena_copy(arena, text), *to = words;

	for (; *text; text++) {
		if (strncmp(text, "\\fB", 3) == 0 || strncmp(text, "\\fR", 3) == 0)
			text += 2;
		else if (strncmp(text, "\\%", 2) == 0 || strncmp(text, "\\&", 2) == 0)
			text++;
		else if (*text == '\n')
			*to++ = ' ';
		else if (*text != '`' && strncmp(text, "\\-", 2) != 0)
			*to++ = *text;
	}
	*to = '\0';
	return words;
}

/* The item is there, and what is said of it follows at once. Groups may have settings of the same
 * name. */
static void assert_described(const char *text, const char *item, const char *help)
{
	autoarena struct arena *arena = arena_new();
	const size_t room = strlen(item) + 2 * strlen(help) + 200;
	const char *said = flowing(arena, help);

	for (const char *at = strstr(text, item); at; at = strstr(at + 1, item)) {
		const char *there = arena_copy_bytes(arena, at, strnlen(at, room));

		if (strstr(flowing(arena, there), said))
			return;
	}
	fail_msg("\"%s\" is not described: %s", item, help);
}

static void assert_all_described(const char *text, const struct option *options)
{
	autoarena struct arena *arena = arena_new();

	for (; options->name; options++) {
		assert_described(text,
				arena_printf(arena, ".It Ic %s ", escaped(arena, options->name)),
				options->help);
		if (options->members)
			assert_all_described(text, options->members);
	}
}

static void every_setting_is_described(void **state)
{
	autofree char *text = page(PAGES "/certdrop.conf.5");

	(void)state;
	assert_all_described(strstr(text, ".Sh THE SERVICE"), config_options);
	assert_all_described(strstr(text, ".Sh EVERY TARGET"), target_options);
}

static void every_product_is_described(void **state)
{
	autofree char *text = page(PAGES "/certdrop.conf.5");

	(void)state;
	for (size_t i = 0; reconcilers[i]; i++) {
		autoarena struct arena *arena = arena_new();
		const char *product = reconcilers[i]->product;
		const char *heading = arena_printf(arena, ".Ss Product \\(dq%s\\(dq", product);
		const struct profile *profile = reconcilers[i]->profiles;

		assert_described(text, heading, reconcilers[i]->summary);
		assert_all_described(strstr(text, heading), reconcilers[i]->options);
		for (; profile && profile->name; profile++)
			assert_described(strstr(text, heading),
					arena_printf(arena, ".It Ic %s",
							escaped(arena, profile->name)),
					profile->help);
	}
}

static void a_rule_whose_words_are_a_setting_names_it(void **state)
{
	autofree char *text = page(PAGES "/certdrop.conf.5");
	autoarena struct arena *arena = arena_new();

	(void)state;
	assert_non_null(strstr(flowing(arena, text),
			"Where certificate is api: The certificate covers fqdn. "));
}

static void every_command_and_option_is_described(void **state)
{
	autofree char *text = page(PAGES "/certdrop.1");
	autoarena struct arena *arena = arena_new();

	(void)state;
	for (const struct command *command = commands; command->name; command++)
		assert_described(text, arena_printf(arena, ".It Ic %s", command->name),
				command->manual);
	for (const struct flag *flag = flags; flag->name; flag++) {
		const char *words = arena_printf(arena, "--%s", flag->name);

		if (flag->letter)
			words = arena_printf(arena, "-%c, %s", flag->letter, words);
		assert_described(text, arena_printf(arena, ".It Ic %s", escaped(arena, words)),
				flag->manual);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_is_described),
		cmocka_unit_test(every_product_is_described),
		cmocka_unit_test(a_rule_whose_words_are_a_setting_names_it),
		cmocka_unit_test(every_command_and_option_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
