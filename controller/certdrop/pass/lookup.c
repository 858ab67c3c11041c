#include "controller/certdrop/pass/lookup.h"

#include "controller/certdrop/state/store.h"

static struct words in_service(const void *context, struct arena *arena, const char *target)
{
	const struct controller *controller = context;
	const struct subject *subject = controller_find(controller, target);
	struct words words = { .items = arena_new_many(arena, const char *, 2) };
	struct credential facts;
	struct error ignored;

	if (subject && subject->wanted)
		words.items[words.count++] = arena_copy(arena, subject->facts.fingerprint);
	if (subject && subject->predecessor &&
			store_facts(controller->store, subject->predecessor, arena, &facts,
					&ignored))
		words.items[words.count++] = facts.fingerprint;
	return words;
}

void lookup_offer(struct plan *plan, const struct controller *controller)
{
	plan->in_service = in_service;
	plan->context = controller;
}
