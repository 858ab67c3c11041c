#include "controller/certdrop/state/retention.h"

#include <string.h>

#include "controller/base/log.h"
#include "controller/certdrop/clock.h"
#include "controller/certdrop/state/journal.h"
#include "controller/certdrop/state/store.h"

enum { DAY_SECONDS = 24 * 3600, YOUNG_DAYS = 30 };

static bool is_kept_for(
		const struct subject *subject, struct words before, size_t keep, const char *digest)
{
	if ((subject->wanted && strcmp(subject->wanted, digest) == 0) ||
			(subject->predecessor && strcmp(subject->predecessor, digest) == 0))
		return true;
	if (before.count > keep)
		before.count = keep;
	return words_contain(before, digest);
}

static bool is_kept(
		const struct controller *controller, const struct words *before, const char *digest)
{
	for (size_t i = 0; i < controller->subject_count; i++)
		if (is_kept_for(controller->subjects[i], before[i], controller->config->keep + 1,
				    digest))
			return true;
	return false;
}

static void prune(struct controller *controller)
{
	autoarena struct arena *arena = arena_new();
	struct words *before = arena_new_many(arena, struct words, controller->subject_count + 1);
	const struct words all = store_list(controller->store, arena);

	for (size_t i = 0; i < controller->subject_count; i++)
		before[i] = journal_served_before(
				controller->journal, arena, controller->subjects[i]->target->name);
	for (size_t i = 0; i < all.count; i++) {
		const long long came = store_arrival(controller->store, all.items[i]);

		if (clock_now() - came < (long long)YOUNG_DAYS * DAY_SECONDS ||
				is_kept(controller, before, all.items[i]))
			continue;
		log_info("store: credential %.16s is no longer kept", all.items[i]);
		store_remove(controller->store, all.items[i]);
	}
}

void retention_prune_daily(struct controller *controller)
{
	const long long now = clock_monotonic_ms();

	/* A clock that is wrong may make everything look old. */
	if (now - controller->pruned_ms < DAY_SECONDS * 1000LL || !clock_trusted())
		return;
	controller->pruned_ms = now;
	prune(controller);
}
