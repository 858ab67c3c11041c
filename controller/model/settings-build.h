#pragma once

/*
 * Making settings: what an operator wrote is checked, value by value, against the option
 * table, and kept. Only the reader of the configuration needs this.
 *
 *         struct settings *settings = settings_new(arena, options, place, directory);
 *
 *         option = option_find(options, "reload");
 *         if (!settings_set_text(settings, option, place, "2s", error)) ...
 *
 * The errors are ERROR_CONFIG and tell what the value must be, to be put behind the name
 * of the setting: `must be a duration such as "30s", not "soon"`. A value is set at most
 * once. Required settings that are missing are found with settings_missing() when all is
 * set.
 */

#include "controller/model/option.h"

/* `directory` is what paths that start with "./" are relative to; it is absolute. The
 * table, the place's file and the directory must live as long as the arena. */
struct settings *settings_new(struct arena *arena, const struct option *options, struct place place,
		const char *directory);

/* A value written as a string: for every kind but numbers, flags and groups. Paths are
 * kept without "//", "/./" and a "/" at the end; ".." is refused. */
bool settings_set_text(struct settings *settings, const struct option *option, struct place place,
		const char *text, struct error *error) must_check;

bool settings_set_number(struct settings *settings, const struct option *option, struct place place,
		long long number, struct error *error) must_check;

bool settings_set_flag(struct settings *settings, const struct option *option, struct place place,
		bool flag, struct error *error) must_check;

bool settings_set_words(struct settings *settings, const struct option *option, struct place place,
		struct words words, struct error *error) must_check;

/* A new, empty group of an OPTION_GROUP (once) or an OPTION_GROUPS (any number). */
struct settings *settings_add_group(
		struct settings *settings, const struct option *option, struct place place);

/* An OPTION_GROUPS was written with no group in it. */
void settings_set_no_groups(
		struct settings *settings, const struct option *option, struct place place);

/* The first required option from `option` on that was not given; NULL: all are. Begin with
 * the table's start, go on with the entry behind the one found. */
const struct option *settings_missing(const struct settings *settings, const struct option *option);

/* What the option takes: "a list of groups: ( { ... }, { ... } )". */
const char *option_takes(const struct option *option);
