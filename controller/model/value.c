#include "controller/model/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/base/buffer.h"
#include "controller/model/form.h"
#include "controller/model/settings-build.h"

enum { WORDS_MAX = 1000, TEXT_MAX = 4000 };

const char *option_takes(const struct option *option)
{
	switch (option->kind) {
	case OPTION_TEXT:
		return "a string";
	case OPTION_PATH:
		return "an absolute path, as a string";
	case OPTION_CHOICE:
		return "one of certain words, as a string";
	case OPTION_NUMBER:
		return "a whole number";
	case OPTION_FLAG:
		return "true or false";
	case OPTION_DURATION:
		return "a duration such as \"30s\"";
	case OPTION_MODE:
		return "a mode such as \"0640\", as a string";
	case OPTION_WORDS:
		return "a string or a list of strings";
	case OPTION_GROUP:
		return "a group: { ... }";
	case OPTION_GROUPS:
		return "a list of groups: ( { ... }, { ... } )";
	}
	return "of a kind that is known";
}

static bool wrong_kind(const struct option *option, struct error *error)
{
	return fail(error, ERROR_CONFIG, "must be %s", option_takes(option));
}

/* ---- numbers ---- */

/* The fallback of a number is written like any other number. */
static bool number_read(const char *text, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

static bool within_limits(const struct option *option, long long number)
{
	return (option->min == 0 && option->max == 0) ||
			(number >= option->min && number <= option->max);
}

bool value_of_number(const struct option *option, long long number, struct value *value,
		struct error *error)
{
	if (option->kind != OPTION_NUMBER)
		return wrong_kind(option, error);
	if (!within_limits(option, number))
		return fail(error, ERROR_CONFIG, "must be from %lld to %lld, not %lld", option->min,
				option->max, number);
	value->number = number;
	return true;
}

bool value_of_flag(const struct option *option, bool flag, struct value *value, struct error *error)
{
	if (option->kind != OPTION_FLAG)
		return wrong_kind(option, error);
	value->number = flag;
	return true;
}

static bool read_duration(const struct option *option, const char *text, struct value *value,
		struct error *error)
{
	long long ms;

	if (!duration_read(text, &ms, error))
		return false;
	if (!within_limits(option, ms))
		return fail(error, ERROR_CONFIG, "must be from %s to %s, not \"%s\"",
				duration_print(option->min).text, duration_print(option->max).text,
				text);
	value->number = ms;
	return true;
}

/* ---- texts ---- */

static bool read_choice(const struct option *option, const char *text, struct error *error)
{
	autodone(buffer) struct buffer all = { 0 };
	const char *nearest = word_nearest(option->choices, text);

	for (size_t i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) == 0)
			return true;
		if (i > 0)
			buffer_add(&all, option->choices[i + 1] ? ", " : " or ");
		buffer_printf(&all, "\"%s\"", option->choices[i]);
	}
	if (nearest)
		return fail(error, ERROR_CONFIG, "must be %s, not \"%s\"; did you mean \"%s\"?",
				buffer_text(&all), text, nearest);
	return fail(error, ERROR_CONFIG, "must be %s, not \"%s\"", buffer_text(&all), text);
}

static bool read_mode(const char *text, struct error *error)
{
	if (strlen(text) != 4 || text[0] != '0' || strspn(text, "01234567") != 4)
		return fail(error, ERROR_CONFIG,
				"must be a mode such as \"0640\", at most \"0777\", not \"%s\"",
				text);
	return true;
}

/* Appends the parts of `path` to `clean`, each behind one slash. */
static bool add_parts(struct buffer *clean, const char *path)
{
	while (*path) {
		const size_t slashes = strspn(path, "/");
		const char *part = path + slashes;
		const size_t length = strcspn(part, "/");

		path = part + length;
		if (length == 2 && memcmp(part, "..", 2) == 0)
			return false;
		if (length == 0 || (length == 1 && *part == '.'))
			continue;
		buffer_add(clean, "/");
		buffer_append(clean, part, length);
	}
	return true;
}

static bool read_path(struct arena *arena, const char *directory, const char *text,
		struct value *value, struct error *error)
{
	autodone(buffer) struct buffer clean = { 0 };
	const bool beside = strncmp(text, "./", 2) == 0;

	if (*text != '/' && !beside)
		return fail(error, ERROR_CONFIG,
				"must be an absolute path, or begin with \"./\" for the directory "
				"of this file, not \"%s\"",
				text);
	if ((beside && !add_parts(&clean, directory)) || !add_parts(&clean, text))
		return fail(error, ERROR_CONFIG, "must be a path without \"..\", not \"%s\"", text);
	if (clean.length >= PATH_MAX)
		return fail(error, ERROR_CONFIG, "must be a path of less than %d bytes", PATH_MAX);
	value->text = arena_copy(arena, clean.length > 0 ? clean.bytes : "/");
	return true;
}

static bool has_control_characters(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool check_text(const char *text, struct error *error)
{
	if (!*text)
		return fail(error, ERROR_CONFIG, "must not be empty");
	if (strlen(text) > TEXT_MAX)
		return fail(error, ERROR_CONFIG, "must not be longer than %d bytes", TEXT_MAX);
	if (has_control_characters(text))
		return fail(error, ERROR_CONFIG, "must be without control characters");
	return true;
}

bool value_of_text(struct arena *arena, const struct option *option, const char *directory,
		const char *text, struct value *value, struct error *error)
{
	const struct words one = { .items = &text, .count = 1 };

	if (option->kind == OPTION_WORDS)
		return value_of_words(arena, option, one, value, error);
	if (!check_text(text, error))
		return false;

	value->text = arena_copy(arena, text);
	switch (option->kind) {
	case OPTION_TEXT:
		value->text = form_kept(arena, option->form, text);
		return form_allows(option->form, text, error);
	case OPTION_PATH:
		return read_path(arena, directory, text, value, error);
	case OPTION_CHOICE:
		return read_choice(option, text, error);
	case OPTION_DURATION:
		return read_duration(option, text, value, error);
	case OPTION_MODE:
		return read_mode(text, error);
	case OPTION_NUMBER:
	case OPTION_FLAG:
	case OPTION_WORDS:
	case OPTION_GROUP:
	case OPTION_GROUPS:
		break;
	}
	return wrong_kind(option, error);
}

bool value_of_words(struct arena *arena, const struct option *option, struct words words,
		struct value *value, struct error *error)
{
	if (option->kind != OPTION_WORDS)
		return wrong_kind(option, error);
	if (words.count > WORDS_MAX)
		return fail(error, ERROR_CONFIG, "must have at most %d strings", WORDS_MAX);
	for (size_t i = 0; i < words.count; i++)
		if (strlen(words.items[i]) > TEXT_MAX)
			return fail(error, ERROR_CONFIG,
					"must have no string of more than %d bytes", TEXT_MAX);
	for (size_t i = 0; option->choices && i < words.count; i++)
		if (!read_choice(option, words.items[i], error))
			return false;
	value->words = words_copy(arena, words);
	for (size_t i = 0; i < words.count; i++)
		value->words.items[i] = form_kept(arena, option->form, words.items[i]);
	return form_allows_words(option->form, words, error);
}

bool value_of_fallback(struct arena *arena, const struct option *option, struct value *value,
		struct error *error)
{
	long long number;

	if (option->kind == OPTION_NUMBER)
		return number_read(option->fallback, &number) &&
				value_of_number(option, number, value, error);
	if (option->kind == OPTION_FLAG) {
		value->number = strcmp(option->fallback, "true") == 0;
		return value->number || strcmp(option->fallback, "false") == 0;
	}
	return value_of_text(arena, option, "/", option->fallback, value, error);
}

bool path_is_below(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, length) == 0 &&
			(path[length] == '/' || path[length] == '\0');
}
