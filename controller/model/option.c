#include "controller/model/option.h"

#include <assert.h>
#include <string.h>

#include "controller/model/value.h"

/* Longer words are not compared: no option's name is longer. */
enum { WORD_MAX = 48 };

const struct option *option_find(const struct option *options, const char *name)
{
	for (; options->name; options++)
		if (strcmp(options->name, name) == 0)
			return options;
	return NULL;
}

/* ---- the nearest word ---- */

static int fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 'a';
	return c == '_' ? '-' : c;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many characters must be inserted, left out, replaced or swapped with their neighbour
 * to make one word of the other: Damerau-Levenshtein, no place edited twice. Row i, column j
 * of the table is the distance of the first i characters from the first j; three rows are
 * enough. */
static size_t distance(const char *from, const char *to)
{
	const size_t height = strlen(from), width = strlen(to);
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= width; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= height; i++) {
		const size_t *above = rows[(i - 1) % 3];
		const size_t *above_that = rows[(i + 1) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			const int f = fold(from[i - 1]), t = fold(to[j - 1]);

			row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (f != t));
			if (i > 1 && j > 1 && f == fold(to[j - 2]) && t == fold(from[i - 2]))
				row[j] = smallest(row[j], row[j], above_that[j - 2] + 1);
		}
	}
	return rows[height % 3][width];
}

/* Keeps in `best` and `best_distance` whichever of it and `word` is nearer to `name`. */
static void consider(const char *word, const char *name, const char **best, size_t *best_distance)
{
	const size_t length = strlen(word), name_length = strlen(name);
	const size_t allowed = ((length > name_length ? length : name_length) + 2) / 3;
	size_t found;

	if (length > WORD_MAX || name_length > WORD_MAX)
		return;
	found = distance(word, name);
	if (found <= allowed && (!*best || found < *best_distance)) {
		*best = word;
		*best_distance = found;
	}
}

const char *option_nearest(const struct option *options, const char *name)
{
	const char *best = NULL;
	size_t best_distance = 0;

	for (; options->name; options++)
		consider(options->name, name, &best, &best_distance);
	return best;
}

const char *word_nearest(const char *const *words, const char *word)
{
	const char *best = NULL;
	size_t best_distance = 0;

	for (; *words; words++)
		consider(*words, word, &best, &best_distance);
	return best;
}

/* ---- tables ---- */

static size_t count_options(const struct option *options)
{
	size_t count = 0;

	while (options[count].name)
		count++;
	return count;
}

const struct option *options_join(
		struct arena *arena, const struct option *first, const struct option *second)
{
	const size_t first_count = count_options(first), second_count = count_options(second);
	struct option *joined =
			arena_new_many(arena, struct option, first_count + second_count + 1);

	for (size_t i = 0; i < second_count; i++)
		assert(!option_find(first, second[i].name));
	memcpy(joined, first, first_count * sizeof(*joined));
	memcpy(joined + first_count, second, second_count * sizeof(*joined));
	return joined;
}

static bool fallback_is_sound(const struct option *option)
{
	autoarena struct arena *arena = arena_new();
	struct value value;
	struct error error;

	return !option->required && value_of_fallback(arena, option, &value, &error);
}

static void check_option(const struct option *option)
{
	const bool grouped = option->kind == OPTION_GROUP || option->kind == OPTION_GROUPS;
	const bool text = option->kind == OPTION_TEXT || option->kind == OPTION_PATH;

	assert(option->help && *option->help);
	assert(strlen(option->name) <= WORD_MAX);
	assert(option->kind != OPTION_CHOICE || option->choices);
	assert(!option->choices || option->kind == OPTION_CHOICE || option->kind == OPTION_WORDS);
	assert(option->form == FORM_ANY || text || option->kind == OPTION_WORDS);
	assert(grouped == (option->members != NULL));
	assert(text || !option->unique);
	assert(!option->fallback || fallback_is_sound(option));
}

void options_check(const struct option *options)
{
	for (; options->name; options++) {
		assert(!option_find(options + 1, options->name));
		check_option(options);
		if (options->members)
			options_check(options->members);
	}
}
