#include "controller/certdrop/config/config-tree.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/file.h"
#include "controller/certdrop/config/config.h"

/* ---- mistakes ---- */

void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...)
{
	char text[2 * ERROR_TEXT_SIZE];
	va_list arguments;

	mistakes->count++;
	if (mistakes->count > CONFIG_MISTAKES_MAX)
		return;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (place.line > 0)
		buffer_printf(mistakes->text, "%s:%u: %s\n", place.file, place.line, text);
	else
		buffer_printf(mistakes->text, "%s: %s\n", place.file, text);
}

/* ---- the file ---- */

static const char *directory_of(struct arena *arena, const char *file)
{
	const char *slash = strrchr(file, '/');
	autofree char *directory = NULL;
	const char *given = "/";

	if (!slash)
		given = ".";
	else if (slash != file)
		given = arena_copy_bytes(arena, file, (size_t)(slash - file));
	directory = realpath(given, NULL);
	return arena_copy(arena, directory ? directory : given);
}

static bool parse(struct tree *tree, const char *text)
{
	const char *file;
	struct place place;

	config_set_include_dir(&tree->parsed, tree->directory);
	if (config_read_string(&tree->parsed, text))
		return true;

	file = config_error_file(&tree->parsed);
	place.file = file ? file : tree->file;
	place.line = (unsigned int)config_error_line(&tree->parsed);
	mistakes_add(tree->mistakes, place, "%s", config_error_text(&tree->parsed));
	return false;
}

bool tree_read(struct tree *tree, struct arena *arena, const char *file, struct mistakes *mistakes)
{
	autodone(buffer) struct buffer text = { 0 };
	const struct place place = { .file = file };
	struct error error;

	config_init(&tree->parsed);
	tree->arena = arena;
	tree->mistakes = mistakes;
	tree->file = arena_copy(arena, file);
	tree->directory = directory_of(arena, file);

	if (!file_read(AT_FDCWD, file, CONFIG_FILE_MAX, &text, &error)) {
		mistakes_add(mistakes, (struct place){ .file = "configuration" }, "%s", error.text);
		return false;
	}
	if (strlen(buffer_text(&text)) != text.length) {
		mistakes_add(mistakes, place, "not a text: it has a byte of value 0");
		return false;
	}
	return parse(tree, buffer_text(&text));
}

void tree_done(struct tree *tree)
{
	config_destroy(&tree->parsed);
}

struct place tree_place(const struct tree *tree, const config_setting_t *setting)
{
	const char *file = config_setting_source_file(setting);
	const struct place place = {
		/* libconfig's own copy of the name ends with the tree. */
		.file = file ? arena_copy(tree->arena, file) : tree->file,
		.line = config_setting_source_line(setting),
	};

	return place;
}

/* ---- values ---- */

/* One member on its way into the settings. */
struct member {
	const struct tree *tree;
	const config_setting_t *setting;
	const struct option *option;
	struct settings *into;
	struct place place;
	const char *where;
};

static void mistaken(const struct member *member, const char *text)
{
	mistakes_add(member->tree->mistakes, member->place, "\"%s\"%s %s", member->option->name,
			member->where, text);
}

static void mistaken_kind(const struct member *member)
{
	const char *text = arena_printf(
			member->tree->arena, "must be %s", option_takes(member->option));

	mistaken(member, text);
}

static void read_words(const struct member *member)
{
	const int count = config_setting_length(member->setting);
	struct words words = { .items = arena_new_many(member->tree->arena, const char *,
					       (size_t)count + 1) };
	struct error error;

	for (int i = 0; i < count; i++) {
		const char *word = config_setting_get_string_elem(member->setting, i);

		if (!word) {
			mistaken_kind(member);
			return;
		}
		words.items[words.count++] = word;
	}
	if (!settings_set_words(member->into, member->option, member->place, words, &error))
		mistaken(member, error.text);
}

static void read_group(const struct member *member, const config_setting_t *group)
{
	const struct place place = tree_place(member->tree, group);
	const bool in_target = strncmp(member->where, " in ", 4) == 0;
	const char *where = arena_printf(member->tree->arena, " in \"%s\"%s%s",
			member->option->name, in_target ? " of " : "",
			in_target ? member->where + 4 : "");
	struct settings *settings = settings_add_group(member->into, member->option, place);

	tree_settings(member->tree, group, settings, where, NULL, false);
}

static void read_groups(const struct member *member)
{
	const int count = config_setting_length(member->setting);

	if (count == 0)
		settings_set_no_groups(member->into, member->option, member->place);
	for (int i = 0; i < count; i++) {
		const config_setting_t *group =
				config_setting_get_elem(member->setting, (unsigned int)i);

		if (!config_setting_is_group(group)) {
			mistaken_kind(member);
			return;
		}
		read_group(member, group);
	}
}

static void read_scalar(const struct member *member)
{
	const config_setting_t *setting = member->setting;
	struct error error;
	bool sound;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		sound = settings_set_text(member->into, member->option, member->place,
				config_setting_get_string(setting), &error);
		break;
	case CONFIG_TYPE_BOOL:
		sound = settings_set_flag(member->into, member->option, member->place,
				config_setting_get_bool(setting) != 0, &error);
		break;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		sound = settings_set_number(member->into, member->option, member->place,
				config_setting_get_int64(setting), &error);
		break;
	default:
		mistaken_kind(member);
		return;
	}
	if (!sound)
		mistaken(member, error.text);
}

static void read_member(const struct member *member)
{
	const config_setting_t *setting = member->setting;
	const bool list = config_setting_is_list(setting) || config_setting_is_array(setting);

	if (member->option->kind == OPTION_GROUP && config_setting_is_group(setting))
		read_group(member, setting);
	else if (member->option->kind == OPTION_GROUPS && list)
		read_groups(member);
	else if (member->option->kind == OPTION_WORDS && list)
		read_words(member);
	else
		read_scalar(member);
}

static void unknown_member(const struct tree *tree, const config_setting_t *setting,
		const struct settings *into, const char *where)
{
	const char *name = config_setting_name(setting);
	const char *nearest = option_nearest(settings_options(into), name);

	if (nearest)
		mistakes_add(tree->mistakes, tree_place(tree, setting),
				"unknown setting \"%s\"%s; did you mean \"%s\"?", name, where,
				nearest);
	else
		mistakes_add(tree->mistakes, tree_place(tree, setting), "unknown setting \"%s\"%s",
				name, where);
}

void tree_settings(const struct tree *tree, const config_setting_t *group, struct settings *into,
		const char *where, const char *except, bool lenient)
{
	const int count = config_setting_length(group);
	const struct option *missing = settings_options(into);
	struct member member = { .tree = tree, .into = into, .where = where };

	for (int i = 0; i < count; i++) {
		member.setting = config_setting_get_elem(group, (unsigned int)i);
		if (except && strcmp(config_setting_name(member.setting), except) == 0)
			continue;
		member.place = tree_place(tree, member.setting);
		member.option = option_find(
				settings_options(into), config_setting_name(member.setting));
		if (member.option)
			read_member(&member);
		else if (!lenient)
			unknown_member(tree, member.setting, into, where);
	}

	/* What was written, but wrongly, is not missing. */
	for (; (missing = settings_missing(into, missing)); missing++)
		if (!config_setting_get_member(group, missing->name))
			mistakes_add(tree->mistakes, tree_place(tree, group),
					"missing setting \"%s\"%s", missing->name, where);
}
