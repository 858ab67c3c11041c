#include "controller/certdrop/config/config-rivals.h"

#include <stdlib.h>
#include <string.h>

#include "reconcilers/reconciler.h"

/* One word for what a target replaces. */
struct claim {
	const struct target
			*target; /* in the order of the configuration, as they lie in one array */
	const char *word;
};

struct claims {
	struct claim *items;
	size_t count, size;
};

/* The first who claimed what this target replaces; NULL: nobody else did. */
struct rival {
	const struct target *first;
	const char *word;
};

static int compare_words(const struct claim *a, const struct claim *b)
{
	const int order = strcmp(a->target->reconciler->product, b->target->reconciler->product);

	return order == 0 ? strcmp(a->word, b->word) : order;
}

static int sort_claims(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;
	const int order = compare_words(one, other);

	if (order == 0)
		return (one->target > other->target) - (one->target < other->target);
	return order;
}

static void collect(struct arena *arena, const struct target *target, struct claims *claims)
{
	struct words words;

	if (!target->reconciler->replaces)
		return;
	words = target->reconciler->replaces(target, arena);
	for (size_t i = 0; i < words.count; i++) {
		claims->items = arena_with_room(arena, claims->items, claims->count, &claims->size,
				sizeof(*claims->items));
		claims->items[claims->count].target = target;
		claims->items[claims->count++].word = words.items[i];
	}
}

/* Sorting brings equal words together, the first who has one in front. */
static void match(const struct claims *claims, const struct target *targets, struct rival *rivals)
{
	const struct claim *first = claims->items;

	for (size_t i = 1; i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		struct rival *rival = &rivals[claim->target - targets];

		if (compare_words(first, claim) != 0)
			first = claim;
		else if (first->target != claim->target && !rival->first)
			*rival = (struct rival){ .first = first->target, .word = claim->word };
	}
}

static void tell(const struct target *target, const struct rival *rival, struct mistakes *mistakes)
{
	const struct place place = setting_place(rival->first->settings, "name");

	mistakes_add(mistakes, setting_place(target->settings, "name"),
			"target \"%s\" replaces %s, and so does target \"%s\" at %s:%u",
			target->name, rival->word, rival->first->name, place.file, place.line);
}

void rivals_check(struct arena *arena, const struct target *targets, size_t count,
		struct mistakes *mistakes)
{
	struct rival *rivals = arena_new_many(arena, struct rival, count + 1);
	struct claims claims = { 0 };

	for (size_t i = 0; i < count; i++)
		collect(arena, &targets[i], &claims);
	if (claims.count == 0)
		return;
	qsort(claims.items, claims.count, sizeof(*claims.items), sort_claims);
	match(&claims, targets, rivals);
	for (size_t i = 0; i < count; i++)
		if (rivals[i].first)
			tell(&targets[i], &rivals[i], mistakes);
}
