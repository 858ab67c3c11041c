#include "controller/certdrop/pass/gap.h"

#include <stdlib.h>

bool gap_has(const struct step *step)
{
	return step->phase == PHASE_FINISH && step->disruption == DISRUPTION_REMOTE;
}

bool gap_is_owed(const struct step *step)
{
	return step->phase == PHASE_FINISH && step->kind != STEP_FILE;
}

static void mark_done(struct words numbers, size_t count, bool *done)
{
	for (size_t i = 0; i < numbers.count; i++) {
		const unsigned long number = strtoul(numbers.items[i], NULL, 10);

		if (number < count)
			done[number] = true;
	}
}

struct gap gap_recall(struct journal *journal, const struct plan *plan, int64_t pass, bool *done)
{
	autoarena struct arena *arena = arena_new();
	bool *known = done ? done : arena_new_many(arena, bool, plan->count + 1);
	struct gap gap = { .changed = true, .ms = -1 };
	long last_change = -1, last_told = -1;

	mark_done(journal_done(journal, arena, pass), plan->count, known);
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->steps[i].phase == PHASE_CHANGE) {
			gap.changed = gap.changed && known[i];
			last_change = (long)i;
		}
		if (gap_has(&plan->steps[i]) && known[i])
			last_told = (long)i;
		gap.left += gap_is_owed(&plan->steps[i]) && !known[i];
	}
	gap.changed = gap.changed && last_change >= 0;
	gap.changed_ms = gap.changed ? journal_done_at_ms(journal, pass, last_change)
				     : journal_begun_at_ms(journal, pass, last_change);
	if (gap.changed && last_told >= 0)
		gap.ms = (long)(journal_done_at_ms(journal, pass, last_told) - gap.changed_ms);
	return gap;
}
