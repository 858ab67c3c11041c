#include "controller/certdrop/config/config-places.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct place_of {
	const struct target *target;
	const struct option *option;
	const char *path; /* as it is compared */
	bool whole; /* all below it is replaced */
};

struct places {
	struct arena *arena;
	const struct config *config;
	struct mistakes *mistakes;
	const char *state, *drop; /* as they are compared */
	bool resolved;
	struct place_of *items; /* in the order of the configuration */
	size_t count, size;
	const struct place_of **sorted; /* by path */
};

/* ---- paths ---- */

/* Where the directory really is; the path itself when it is not there. */
static const char *resolve(const struct places *places, const char *path)
{
	char real[PATH_MAX];

	return places->resolved && realpath(path, real) ? arena_copy(places->arena, real) : path;
}

/* The last part is certdrop's own: it may be a link, and is not followed. */
static const char *resolve_above(const struct places *places, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *above = slash == path
			? "/"
			: arena_copy_bytes(places->arena, path, (size_t)(slash - path));

	above = resolve(places, above);
	return arena_printf(places->arena, "%s%s", strcmp(above, "/") == 0 ? "" : above, slash);
}

static int sort_places(const void *a, const void *b)
{
	const struct place_of *one = *(const struct place_of *const *)a;
	const struct place_of *other = *(const struct place_of *const *)b;
	const int order = strcmp(one->path, other->path);

	return order == 0 ? (one > other) - (one < other) : order;
}

/* The first of those with this path, whoever has it. NULL: nobody. */
static const struct place_of *find(const struct places *places, const char *path)
{
	size_t low = 0, high = places->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(places->sorted[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == places->count || strcmp(places->sorted[low]->path, path) != 0)
		return NULL;
	return places->sorted[low];
}

/* The nearest place that this one lies in, and that is replaced as a whole. */
static const struct place_of *find_above(const struct places *places, const struct place_of *place)
{
	char *path = arena_copy(places->arena, place->path);
	char *slash;

	while ((slash = strrchr(path, '/')) && slash != path) {
		const struct place_of *above;

		*slash = '\0';
		above = find(places, path);
		if (above && above->whole)
			return above;
	}
	return NULL;
}

/* ---- what cannot be ---- */

static struct place written(const struct place_of *place)
{
	return setting_place(place->target->settings, place->option->name);
}

static void tell(const struct places *places, const struct place_of *place, const char *why)
{
	mistakes_add(places->mistakes, written(place), "\"%s\" in target \"%s\": \"%s\" %s",
			place->option->name, place->target->name,
			setting_text(place->target->settings, place->option->name), why);
}

static void tell_of_other(const struct places *places, const struct place_of *place,
		const char *what, const struct place_of *other, const char *then)
{
	const struct place at = written(other);

	tell(places, place,
			arena_printf(places->arena, "%s \"%s\" of target \"%s\" at %s:%u, %s", what,
					setting_text(other->target->settings, other->option->name),
					other->target->name, at.file, at.line, then));
}

/* The drop usually lies in the state, so it is told first. */
static bool check_own(const struct places *places, const struct place_of *place)
{
	const char *why = NULL;

	if (path_is_below(place->path, places->drop))
		why = "lies in the drop, where what is taken in is removed";
	else if (path_is_below(place->path, places->state))
		why = "lies in the state, which is certdrop's own";
	else if (place->whole && path_is_below(places->drop, place->path))
		why = "holds the drop, and is replaced as a whole";
	else if (place->whole && path_is_below(places->state, place->path))
		why = "holds the state, and is replaced as a whole";
	if (why)
		tell(places, place, why);
	return !why;
}

static void check(const struct places *places, const struct place_of *place)
{
	const struct place_of *first = find(places, place->path);
	const struct place_of *above = find_above(places, place);

	if (!check_own(places, place))
		return;
	/* Equal paths are told as such where they are read. */
	if (first != place && places->resolved)
		tell_of_other(places, place, "is the same place as", first,
				"and each would put its own back for ever");
	else if (above)
		tell_of_other(places, place, "lies in", above,
				"and would be lost with that one's next set");
}

/* ---- all of them ---- */

static void collect(struct places *places, const struct target *target)
{
	const struct settings *settings = target->settings;
	const struct option *option = settings_options(settings);

	for (; option->name; option++) {
		struct place_of *place;

		if (option->form != FORM_PUBLISHED || !setting_given(settings, option->name))
			continue;
		places->items = arena_with_room(places->arena, places->items, places->count,
				&places->size, sizeof(*places->items));
		place = &places->items[places->count++];
		place->target = target;
		place->option = option;
		place->path = resolve_above(places, setting_text(settings, option->name));
		place->whole = strcmp(setting_text(settings, "method"), "fixed") != 0;
	}
}

static void sort(struct places *places)
{
	places->sorted = arena_new_many(places->arena, const struct place_of *, places->count + 1);
	for (size_t i = 0; i < places->count; i++)
		places->sorted[i] = &places->items[i];
	if (places->count > 0)
		qsort(places->sorted, places->count, sizeof(*places->sorted), sort_places);
}

static void check_all(struct places *places)
{
	const struct config *config = places->config;

	places->arena = arena_new();
	places->state = resolve(places, config->state);
	places->drop = resolve(places, config->drop);
	for (size_t i = 0; i < config->target_count; i++)
		collect(places, &config->targets[i]);
	sort(places);
	for (size_t i = 0; i < places->count; i++)
		check(places, &places->items[i]);
	arena_free(places->arena);
}

void places_check(const struct config *config, struct mistakes *mistakes)
{
	struct places places = { .config = config, .mistakes = mistakes };

	check_all(&places);
}

void places_compare(const struct config *config, struct mistakes *mistakes)
{
	struct places places = { .config = config, .mistakes = mistakes, .resolved = true };

	check_all(&places);
}
