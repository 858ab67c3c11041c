#include <assert.h>
#include <string.h>

#include "controller/model/option.h"
#include "controller/model/settings-build.h"
#include "controller/model/value.h"

/* Only what was written is kept, and the fallbacks that a getter cannot return as they
 * are: thousands of targets may be configured, each with few of many settings. */
struct setting {
	struct setting *next;
	const struct option *option;
	bool given;
	struct place place;
	struct value value;
	const struct settings **groups;
	size_t count, size;
};

struct settings {
	struct arena *arena;
	const struct option *options;
	struct place place;
	const char *place_text;
	const char *directory;
	struct setting *first;
};

/* ---- making ---- */

static struct setting *find_kept(const struct settings *settings, const struct option *option)
{
	struct setting *setting = settings->first;

	while (setting && setting->option != option)
		setting = setting->next;
	return setting;
}

static struct setting *keep(struct settings *settings, const struct option *option)
{
	struct setting *setting = find_kept(settings, option);

	if (setting)
		return setting;
	setting = arena_new_of(settings->arena, struct setting);
	setting->option = option;
	setting->next = settings->first;
	settings->first = setting;
	return setting;
}

struct settings *settings_new(struct arena *arena, const struct option *options, struct place place,
		const char *directory)
{
	struct settings *settings = arena_new_of(arena, struct settings);

	settings->arena = arena;
	settings->options = options;
	settings->place = place;
	settings->place_text = arena_printf(arena, "%s:%u", place.file, place.line);
	settings->directory = directory;
	for (; options->name; options++) {
		struct setting *setting;
		struct error error;
		bool sound;

		if (!options->fallback || options->kind == OPTION_TEXT ||
				options->kind == OPTION_CHOICE || options->kind == OPTION_MODE)
			continue;
		setting = keep(settings, options);
		sound = value_of_fallback(arena, options, &setting->value, &error);
		assert(sound);
	}
	return settings;
}

static bool set(struct settings *settings, const struct option *option, struct place place,
		const struct value *value)
{
	struct setting *setting = keep(settings, option);

	assert(!setting->given);
	setting->given = true;
	setting->place = place;
	setting->value = *value;
	return true;
}

bool settings_set_text(struct settings *settings, const struct option *option, struct place place,
		const char *text, struct error *error)
{
	struct value value = { 0 };

	return value_of_text(settings->arena, option, settings->directory, text, &value, error) &&
			set(settings, option, place, &value);
}

bool settings_set_number(struct settings *settings, const struct option *option, struct place place,
		long long number, struct error *error)
{
	struct value value = { 0 };

	return value_of_number(option, number, &value, error) &&
			set(settings, option, place, &value);
}

bool settings_set_flag(struct settings *settings, const struct option *option, struct place place,
		bool flag, struct error *error)
{
	struct value value = { 0 };

	return value_of_flag(option, flag, &value, error) && set(settings, option, place, &value);
}

bool settings_set_words(struct settings *settings, const struct option *option, struct place place,
		struct words words, struct error *error)
{
	struct value value = { 0 };

	return value_of_words(settings->arena, option, words, &value, error) &&
			set(settings, option, place, &value);
}

void settings_set_no_groups(
		struct settings *settings, const struct option *option, struct place place)
{
	const struct value value = { 0 };

	assert(option->kind == OPTION_GROUPS);
	set(settings, option, place, &value);
}

struct settings *settings_add_group(
		struct settings *settings, const struct option *option, struct place place)
{
	struct settings *group =
			settings_new(settings->arena, option->members, place, settings->directory);
	struct setting *setting = keep(settings, option);

	assert(option->kind == OPTION_GROUPS || (option->kind == OPTION_GROUP && !setting->given));
	if (!setting->given) {
		setting->given = true;
		setting->place = place;
	}
	setting->groups = arena_with_room(settings->arena, setting->groups, setting->count,
			&setting->size, sizeof(*setting->groups));
	setting->groups[setting->count++] = group;
	return group;
}

const struct option *settings_missing(const struct settings *settings, const struct option *option)
{
	for (; option->name; option++)
		if (option->required && !setting_given(settings, option->name))
			return option;
	return NULL;
}

/* ---- asking ---- */

enum {
	TEXTS = 1 << OPTION_TEXT | 1 << OPTION_PATH | 1 << OPTION_CHOICE | 1 << OPTION_MODE,
	NUMBERS = 1 << OPTION_NUMBER | 1 << OPTION_DURATION,
	FLAGS = 1 << OPTION_FLAG,
	WORDS = 1 << OPTION_WORDS,
	GROUP = 1 << OPTION_GROUP,
	GROUPS = 1 << OPTION_GROUPS,
	ANY = TEXTS | NUMBERS | FLAGS | WORDS | GROUP | GROUPS,
};

/* What is kept for the option of that name, or NULL. It must be of a kind in `kinds`. */
static const struct setting *find(const struct settings *settings, const char *name, int kinds,
		const struct option **option)
{
	*option = option_find(settings->options, name);
	assert(*option);
	assert(kinds & 1 << (*option)->kind);
	return find_kept(settings, *option);
}

const char *setting_text(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, TEXTS, &option);

	return setting ? setting->value.text : option->fallback;
}

long long setting_number(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, NUMBERS, &option);

	return setting ? setting->value.number : 0;
}

bool setting_flag(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, FLAGS, &option);

	return setting && setting->value.number != 0;
}

struct words setting_words(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, WORDS, &option);

	return setting ? setting->value.words : (struct words){ 0 };
}

const struct settings *setting_group(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, GROUP, &option);

	return setting ? setting->groups[0] : NULL;
}

size_t setting_count(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, GROUPS, &option);

	return setting ? setting->count : 0;
}

const struct settings *setting_item(const struct settings *settings, const char *name, size_t index)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, GROUPS, &option);

	assert(setting && index < setting->count);
	return setting->groups[index];
}

bool setting_given(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, ANY, &option);

	return setting && setting->given;
}

struct place setting_place(const struct settings *settings, const char *name)
{
	const struct option *option;
	const struct setting *setting = find(settings, name, ANY, &option);

	return setting && setting->given ? setting->place : settings->place;
}

const char *settings_place(const struct settings *settings)
{
	return settings->place_text;
}

const struct option *settings_options(const struct settings *settings)
{
	return settings->options;
}

void settings_visit(const struct settings *settings, setting_visit_fn *visit, void *context)
{
	for (const struct option *option = settings->options; option->name; option++) {
		if (!setting_given(settings, option->name))
			continue;
		visit(context, settings, option);
		if (option->kind == OPTION_GROUP)
			settings_visit(setting_group(settings, option->name), visit, context);
		for (size_t i = 0; option->kind == OPTION_GROUPS &&
				i < setting_count(settings, option->name);
				i++)
			settings_visit(setting_item(settings, option->name, i), visit, context);
	}
}
