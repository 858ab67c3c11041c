#pragma once

/*
 * The gap: the time from the acknowledgement of a plan's last change step to that of the last
 * finish step that touches another site (DISRUPTION_REMOTE). Peers that trust only what was there
 * before are cut off for so long.
 *
 * A plan is unfinished as long as finish steps are left once all is changed: whoever was not
 * told, and what was not proven. Only tidying, which is what file steps do there, is owed to
 * nobody.
 */

#include <stdint.h>

#include "controller/certdrop/state/journal.h"
#include "controller/model/plan.h"

/* Does the step belong to the gap? */
bool gap_has(const struct step *step);

/* Is it a finish step without which the plan is unfinished? */
bool gap_is_owed(const struct step *step);

/* What the journal knows of a pass, whoever was ended since. */
struct gap {
	bool changed; /* all change steps are done, and there are some */
	long long changed_ms; /* when the last of them was, in milliseconds since 1970; without that, when it
			       * was begun: its acknowledgement may have been lost; 0: it was not */
	size_t left; /* finish steps that are owed, and not done */
	long ms; /* -1: none is done */
};

/* `done`: NULL, or as many as the plan has steps, to be set for those that are done. */
struct gap gap_recall(struct journal *journal, const struct plan *plan, int64_t pass, bool *done);
