#include "controller/certdrop/manual/settings.h"

#include <string.h>

static void write_table(
		struct buffer *page, const struct option *options, const struct option *outer);

/* ---- one setting ---- */

static const char *value_of(struct arena *arena, const struct option *option)
{
	const char *choices = "Cm";

	switch (option->kind) {
	case OPTION_TEXT:
		return "Ar text";
	case OPTION_PATH:
		return "Ar path";
	case OPTION_CHOICE:
		for (const char *const *choice = option->choices; *choice; choice++)
			choices = arena_printf(arena, "%s%s %s", choices,
					choice == option->choices ? "" : " |", *choice);
		return choices;
	case OPTION_NUMBER:
		return "Ar number";
	case OPTION_FLAG:
		return "Cm true | false";
	case OPTION_DURATION:
		return "Ar duration";
	case OPTION_MODE:
		return "Ar mode";
	case OPTION_WORDS:
		return "Ar words";
	case OPTION_GROUP:
		return "Ar group";
	case OPTION_GROUPS:
		return "Ar groups";
	}
	return "";
}

static const char *limit_of(struct arena *arena, const struct option *option, long long limit)
{
	if (option->kind == OPTION_DURATION)
		return arena_copy(arena, duration_print(limit).text);
	return arena_printf(arena, "%lld", limit);
}

/* "from 1s to 1d", "at most 60s", or nothing. */
static const char *limits_of(struct arena *arena, const struct option *option)
{
	const char *max = limit_of(arena, option, option->max);

	if (option->min == 0 && option->max == 0)
		return NULL;
	if (option->min == 0)
		return arena_printf(arena, "at most %s", max);
	return arena_printf(arena, "from %s to %s", limit_of(arena, option, option->min), max);
}

/* What the table knows besides its sentences. */
static void write_facts(struct buffer *page, const struct option *option)
{
	autoarena struct arena *arena = arena_new();
	const char *limits = limits_of(arena, option);

	if (option->required)
		page_text(page, "It is required.");
	if (option->unique)
		page_text(page, "No two targets may have the same.");
	if (option->fallback)
		page_text(page,
				arena_printf(arena, "Default: `%s`%s%s.", option->fallback,
						limits ? "; " : "", limits ? limits : ""));
	else if (limits)
		page_text(page, arena_printf(arena, "It is %s.", limits));
}

static void write_option(
		struct buffer *page, const struct option *option, const struct option *siblings)
{
	autoarena struct arena *arena = arena_new();

	page_item(page, option->name, value_of(arena, option));
	page_text(page, option->help);
	write_facts(page, option);
	if (option->members)
		write_table(page, option->members, siblings);
}

/* ---- a table ---- */

static size_t options_count(const struct option *options)
{
	size_t count = 0;

	while (options[count].name)
		count++;
	return count;
}

static bool is_same(const struct option *outer, const struct option *option)
{
	const struct option *same = option_find(outer, option->name);

	return same && same->kind == option->kind && strcmp(same->help, option->help) == 0;
}

/* A group may have the settings of something like its target, such as the API of another cluster:
 * they are told once. A single one is alike by chance. */
static bool is_told(const struct option *outer, const struct option *options,
		const struct option *option)
{
	size_t alike = 0;

	if (!outer || !is_same(outer, option))
		return false;
	for (; options->name; options++)
		alike += is_same(outer, options);
	return alike > 1;
}

/* Gives how many there are. */
static size_t write_told(
		struct buffer *page, const struct option *options, const struct option *outer)
{
	autoarena struct arena *arena = arena_new();
	const char *names = NULL;
	size_t count = 0;

	for (const struct option *option = options; option->name; option++) {
		if (!is_told(outer, options, option))
			continue;
		names = arena_printf(arena, "%s%s`%s`", names ? names : "", names ? ", " : "",
				option->name);
		count++;
	}
	if (names)
		page_text(page, arena_printf(arena, "For itself, as above: %s.", names));
	return count;
}

static void write_table(
		struct buffer *page, const struct option *options, const struct option *outer)
{
	if (write_told(page, options, outer) == options_count(options))
		return;
	page_macro(page, ".Bl -tag -width Ds");
	for (const struct option *option = options; option->name; option++)
		if (!is_told(outer, options, option))
			write_option(page, option, options);
	page_macro(page, ".El");
}

void settings_write(struct buffer *page, const struct option *options)
{
	write_table(page, options, NULL);
}
