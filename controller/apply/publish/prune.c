#define _GNU_SOURCE
#include "controller/apply/publish/prune.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct old {
	const char *name;
	bool predecessor; /* never removed */
	struct timespec made;
};

/* The predecessor's first, and then the youngest. */
static int compare_age(const void *a, const void *b)
{
	const struct old *first = a, *second = b;
	const struct timespec *one = &first->made, *other = &second->made;

	if (first->predecessor != second->predecessor)
		return first->predecessor ? -1 : 1;
	if (one->tv_sec != other->tv_sec)
		return one->tv_sec < other->tv_sec ? 1 : -1;
	return one->tv_nsec < other->tv_nsec ? 1 : one->tv_nsec > other->tv_nsec ? -1 : 0;
}

static bool is_remainder(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".building") == 0 || strcmp(dot, ".was") == 0);
}

/* The generations that are not in service. */
struct olds {
	const struct plan *plan;
	struct old *items;
	size_t count;
};

/* Appends it, if it is one. */
static bool consider(struct arena *arena, const struct place *place, const char *name,
		struct olds *olds, struct error *error)
{
	autoclose int directory = -1;
	struct manifest manifest;
	struct stat facts;

	if (is_remainder(name))
		return true;
	if (!place_open_generation(arena, place, name, &directory, &manifest, error))
		return false;
	if (directory >= 0 && fstatat(directory, manifest_name, &facts, 0) == 0)
		olds->items[olds->count++] = (struct old){
			.name = name,
			.predecessor = text_equal(manifest.credential, olds->plan->predecessor),
			.made = facts.st_mtim,
		};
	return true;
}

/* What "G.was" keeps is needed as long as G is in service; a fixed one is kept under the
 * generation's first name. */
static bool is_needed(const char *remainder, const char *in_service)
{
	const char *dot = strrchr(remainder, '.');
	const size_t length = (size_t)(dot - remainder);
	char *name;
	bool needed;

	if (strcmp(dot, ".was") != 0)
		return false;
	name = strndup(remainder, length);
	needed = name && is_generation(in_service, name);
	free(name);
	return needed;
}

bool prune(struct arena *arena, const struct place *place, long keep, const struct plan *plan,
		struct error *error)
{
	autodone(found) struct found found = { .directory = -1 };
	struct olds olds = { .plan = plan };
	struct words names = { 0 };

	if (place->store < 0)
		return true;
	if (!place_look(arena, place, names, &found, error) ||
			!directory_list(arena, place->store, &names, error))
		return false;
	/* Nothing of ours in service: whatever happened, the store may be needed. */
	if (found.state != FOUND_PUBLISHED)
		return true;

	olds.items = arena_new_many(arena, struct old, names.count + 1);
	for (size_t i = 0; i < names.count; i++) {
		if (strcmp(names.items[i], found.generation) != 0 &&
				!consider(arena, place, names.items[i], &olds, error))
			return false;
		if (is_remainder(names.items[i]) && !is_needed(names.items[i], found.generation) &&
				!entry_remove(place->store, names.items[i], error))
			return false;
	}
	qsort(olds.items, olds.count, sizeof(*olds.items), compare_age);
	for (size_t i = keep > 0 ? (size_t)keep : 0; i < olds.count; i++)
		if (!olds.items[i].predecessor &&
				!entry_remove(place->store, olds.items[i].name, error))
			return false;
	return true;
}
